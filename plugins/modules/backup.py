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
  - Runs pg_dump under a snapshot in which the rows of every table are counted, and calls the result a backup only when
    it is proven. What is not proven is removed; earlier backups are not touched.
  - A backup is a folder of its own with a C(manifest.json) that says what is in it and what was proven.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.acts
  - steady.postgresql.connection
  - steady.postgresql.progress
options:
  method:
    description:
      - What takes it. V(pg_dump) writes an archive. V(supabase_cli) takes roles, schema and data with the scripts of
        the Supabase CLI (C(supabase db dump)); that needs no container, and its restore is done by hand.
    type: str
    choices: [pg_dump, supabase_cli]
    default: pg_dump
  supabase_cli:
    description:
      - The Supabase CLI for O(method=supabase_cli). By default C(supabase) is looked for in C(PATH).
    type: path
  exclude_schemas:
    description:
      - Schemas that are left out, by their names. By default none, but those that Supabase keeps itself where the
        database is one of Supabase; an empty list leaves none out.
    type: list
    elements: str
  directory:
    description:
      - The folder of this database's backups, on the host where the module runs. It is made, for its owner alone.
    type: path
    required: true
  format:
    description:
      - V(directory) is written by several processes, V(custom) is one file.
    type: str
    choices: [directory, custom]
    default: directory
  jobs:
    description:
      - Processes for the format V(directory). Each takes a connection, and two more are needed. By default as many as
        the host has processors, up to four.
    type: int
  compression:
    description:
      - Such as V(zstd:3), V(lz4), V(gzip:6) or V(none). By default the best that pg_dump and pg_restore know.
    type: str
  proof:
    description:
      - V(list) compares the table of contents with the catalog. V(read) also reads the whole backup and counts the
        rows of each table. V(restore) also restores it into a scratch database, compares, and drops that.
    type: str
    choices: [list, read, restore]
    default: read
  proof_url:
    description:
      - Another server for the scratch database of O(proof=restore). Addresses as in O(database_url).
    type: str
  programs_dir:
    description:
      - The folder of pg_dump and pg_restore. By default they are looked for, and the best of several is taken.
    type: path
  lock_patience:
    description:
      - How long pg_dump may wait for a table that is locked, before giving up with the names of those in the way.
    type: str
    default: 10m
  keep_count:
    description:
      - Keep that many backups of this database, and delete older ones once the new one is proven. The last good one
        is never deleted.
    type: int
  keep_days:
    description:
      - Keep backups for that many days. With O(keep_count) as well, what either of them keeps is kept.
    type: int
  copy_to:
    description:
      - Further folders on the same host to which the backup is copied. Every file is hashed again after arrival.
    type: list
    elements: path
    default: []
  fetch_to:
    description:
      - A folder on the controller to which the backup is copied over Ansible's connection, and hashed again there.
    type: path
  encrypt_with:
    description:
      - Encrypt the backup to public keys, once it is proven, with this program, which has to be on the host.
    type: str
    choices: [age, gpg]
  encrypt_to:
    description:
      - The public keys. For C(age) C(age1…), C(ssh-ed25519 …), C(ssh-rsa …), or the path of a file of such lines. For
        C(gpg) the path of a file with one public key, or the fingerprint or e-mail address of a key in the keyring.
      - Who has the secret key of any of them can read the backup.
    type: list
    elements: str
    default: []
  encrypt_read_back:
    description:
      - Prove each encrypted file by decrypting it again. V(false) is for a host on which the secret key must not be;
        then the backup and the report say that nobody tried to read it.
    type: bool
    default: true
  decrypt_identity:
    description:
      - For reading back, the path of age's identity file, or of gpg's home folder with the secret key. Without it gpg
        takes the keyring of the account.
    type: path
  elsewhere:
    description:
      - Another system takes the backup; this says what and when, in words, for the report. Then none is taken here.
    type: str
    default: ""
  operator:
    description:
      - Who does this, such as C(alice@deploy-host).
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

- name: Encrypt it to two keys, of which this host has neither
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
