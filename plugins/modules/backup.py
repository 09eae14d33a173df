#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.backup: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup
short_description: Back up a database, and prove the backup
version_added: 0.2.0
description:
  - Runs pg_dump under a snapshot in which the rows of every table are counted. The result is a backup only if it is
    proven; otherwise it is removed. Earlier backups are not touched.
  - Each backup has its own folder with a C(manifest.json), which says what the backup contains and what was proven.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.acts
  - steady.postgresql.connection
  - steady.postgresql.progress
options:
  method:
    description:
      - How the backup is taken. V(pg_dump) writes an archive. V(supabase_cli) takes roles, schema and data with the
        scripts of the Supabase CLI (C(supabase db dump)); it needs no container, and you restore it manually.
    type: str
    choices: [pg_dump, supabase_cli]
    default: pg_dump
  supabase_cli:
    description:
      - The Supabase CLI for O(method=supabase_cli). By default C(supabase) in C(PATH).
    type: path
  exclude_schemas:
    description:
      - Names of schemas to leave out. By default none; in a database of Supabase, those that Supabase maintains. An
        empty list leaves none out.
    type: list
    elements: str
  directory:
    description:
      - The folder of this database's backups, on the host where the module runs. It is created, readable only by its
        owner.
    type: path
    required: true
  format:
    description:
      - Several processes write V(directory); V(custom) is one file.
    type: str
    choices: [directory, custom]
    default: directory
  jobs:
    description:
      - Number of processes for the format V(directory). Each uses a connection; two more are needed. By default the
        number of processors of the host, at most four.
    type: int
  compression:
    description:
      - Such as V(zstd:3), V(lz4), V(gzip:6) or V(none). By default the best that pg_dump and pg_restore support.
    type: str
  proof:
    description:
      - V(list) compares the table of contents with the catalog. V(read) also reads the whole backup and counts the
        rows of each table. V(restore) also restores it into a scratch database, compares, and drops that database.
    type: str
    choices: [list, read, restore]
    default: read
  proof_url:
    description:
      - Another server for the scratch database of O(proof=restore). The address is written as in O(database_url).
    type: str
  programs_dir:
    description:
      - The folder of pg_dump and pg_restore. By default they are searched for, and the best version is used.
    type: path
  lock_patience:
    description:
      - How long pg_dump may wait for a locked table. Then the backup fails and names the blocking sessions.
    type: str
    default: 10m
  keep_count:
    description:
      - Number of backups of this database to keep. Older ones are deleted after the new one is proven. The last good
        backup is never deleted.
    type: int
  keep_days:
    description:
      - Number of days to keep backups. With O(keep_count) as well, a backup is kept if either option keeps it.
    type: int
  copy_to:
    description:
      - Further folders on the same host to which the backup is copied. The hash of every file is checked after the
        copy.
    type: list
    elements: path
    default: []
  fetch_to:
    description:
      - A folder on the controller to which the backup is copied over Ansible's connection. The hashes are checked
        there.
    type: path
  encrypt_with:
    description:
      - Encrypt the backup to public keys, after it is proven, with this program, which must be on the host.
    type: str
    choices: [age, gpg]
  encrypt_to:
    description:
      - The public keys. For C(age) C(age1…), C(ssh-ed25519 …), C(ssh-rsa …), or the path of a file of such lines. For
        C(gpg) the path of a file with one public key, or the fingerprint or e-mail address of a key in the keyring.
      - Each of their secret keys can read the backup.
    type: list
    elements: str
    default: []
  encrypt_read_back:
    description:
      - Prove each encrypted file by decrypting it again. V(false) is for a host that must not have the secret key;
        then the backup and the report say that it was not read back.
    type: bool
    default: true
  decrypt_identity:
    description:
      - For reading back, the path of age's identity file, or of gpg's home folder with the secret key. Without it, gpg
        uses the keyring of the account.
    type: path
  elsewhere:
    description:
      - Another system takes the backup. A sentence for the report that says which and when. Then no backup is taken
        here.
    type: str
    default: ""
  operator:
    description:
      - The user who runs this, such as C(alice@deploy-host).
    type: str
seealso:
  - module: steady.postgresql.backup_verify
  - module: steady.postgresql.restore
"""

EXAMPLES = r"""
- name: Back up the clinic, and prove it
  steady.postgresql.backup:
    database_url: "{{ steady_database_url }}"
    directory: /var/backups/clinic
    proof: restore
    keep_count: 7

- name: Encrypt it to two keys, without a secret key on this host
  steady.postgresql.backup:
    database_url: "{{ steady_database_url }}"
    directory: /var/backups/clinic
    encrypt_with: age
    encrypt_to:
      - age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
      - /etc/backup/second-recipient.txt
    encrypt_read_back: false
"""

RETURN = r"""
backup:
  description:
    - The backup, with id, path, status (V(proven), V(planned) or V(elsewhere)), bytes, tables, rows, snapshot_at,
      proofs with their figures, encryption (program, recipients, read_back), what is left out, and a sentence (detail).
  returned: always
  type: dict
status:
  description: V(succeeded), V(planned) in check mode, or V(failed).
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._backup.taking.backup import backup
from ..module_utils._module import CONNECTION_ARGUMENTS, PATIENCE_ARGUMENTS, PROGRESS_ARGUMENTS, run


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **PATIENCE_ARGUMENTS,
        "method": {"type": "str", "choices": ["pg_dump", "supabase_cli"], "default": "pg_dump"},
        "supabase_cli": {"type": "path"},
        "exclude_schemas": {"type": "list", "elements": "str"},
        "directory": {"type": "path", "required": True},
        "format": {"type": "str", "choices": ["directory", "custom"], "default": "directory"},
        "jobs": {"type": "int"},
        "compression": {"type": "str"},
        "proof": {"type": "str", "choices": ["list", "read", "restore"], "default": "read"},
        "proof_url": {"type": "str", "no_log": True},
        "programs_dir": {"type": "path"},
        "keep_count": {"type": "int"},
        "keep_days": {"type": "int"},
        "copy_to": {"type": "list", "elements": "path", "default": []},
        "fetch_to": {"type": "path"},
        "encrypt_with": {"type": "str", "choices": ["age", "gpg"]},
        "encrypt_to": {"type": "list", "elements": "str", "default": []},
        "encrypt_read_back": {"type": "bool", "default": True},
        "decrypt_identity": {"type": "path"},
        "elsewhere": {"type": "str", "default": ""},
        "operator": {"type": "str"},
        **PROGRESS_ARGUMENTS,
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), backup)


if __name__ == "__main__":
    main()
