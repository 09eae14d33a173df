#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.backup_verify: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_verify
short_description: Prove an existing backup again, or a dump from another tool
version_added: 0.2.0
description:
  - Proves a backup of M(steady.postgresql.backup) again. Hashes every file, and adds the proof to its manifest.
  - Recognises a dump without a manifest (plain SQL, also with gzip, or an archive of pg_dump), and proves it as far as
    possible. Fails if the dump is truncated, damaged, empty or schema-only.
  - Needs a database only for O(proof=restore) and O(compare=true).
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.acts
  - steady.postgresql.connection
  - steady.postgresql.progress
options:
  backup:
    description:
      - The folder of a backup, a folder of backups (the newest good one is used), or a dump.
    type: path
    required: true
  proof:
    description:
      - V(list) reads the table of contents, V(read) everything. V(restore) also restores it into a scratch database on
        the server of O(database_url), and drops that database.
    type: str
    choices: [list, read, restore]
    default: read
  proof_url:
    description:
      - Another server for the scratch database of O(proof=restore). The address is written as in O(database_url).
    type: str
  compare:
    description:
      - For a dump without a manifest, show which tables of O(database_url) have different rows now. This proves nothing
        about the dump, because the database may have changed.
    type: bool
    default: false
  lock_patience:
    description:
      - How long O(compare=true) may wait for a locked table. Then it fails and names the sessions that hold the lock.
    type: str
    default: 10m
  jobs:
    description:
      - Number of processes of pg_restore. By default the number of processors of the host, at most four.
    type: int
  programs_dir:
    description:
      - The folder of pg_restore and psql. By default they are searched for, and the best version is used.
    type: path
  decrypt_identity:
    description:
      - For an encrypted backup, the path of age's identity file, or of gpg's home folder with the secret key. Without
        it, gpg uses the keyring of the account. No passphrase is asked for.
    type: path
  scratch_dir:
    description:
      - The folder in which an encrypted backup is decrypted, in a hidden folder that is removed again. By default
        beside the backup.
    type: path
  operator:
    description:
      - The user who runs this, such as C(alice@deploy-host).
    type: str
notes:
  - The proof that is added to a manifest counts as no change.
seealso:
  - module: steady.postgresql.backup
  - module: steady.postgresql.restore
"""

EXAMPLES = r"""
- name: Prove the newest backup of the clinic again
  steady.postgresql.backup_verify:
    backup: /var/backups/clinic

- name: Check a dump from another tool
  steady.postgresql.backup_verify:
    backup: /srv/dumps/clinic.sql.gz
    database_url: "{{ steady_database_url }}"
    compare: true
"""

RETURN = r"""
backup:
  description:
    - The backup, as M(steady.postgresql.backup) returns it, with notes (what could not be proven). For a dump also
      table_rows, and differences (tables whose rows the live database has more or fewer of).
  returned: success
  type: dict
status:
  description: V(succeeded) or V(failed).
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._backup.verifying.verify import verify_backup
from ..module_utils._module import CONNECTION_ARGUMENTS, PATIENCE_ARGUMENTS, PROGRESS_ARGUMENTS, run


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **PATIENCE_ARGUMENTS,
        **PROGRESS_ARGUMENTS,
        "backup": {"type": "path", "required": True},
        "proof": {"type": "str", "choices": ["list", "read", "restore"], "default": "read"},
        "proof_url": {"type": "str", "no_log": True},
        "compare": {"type": "bool", "default": False},
        "jobs": {"type": "int"},
        "programs_dir": {"type": "path"},
        "decrypt_identity": {"type": "path"},
        "scratch_dir": {"type": "path"},
        "operator": {"type": "str"},
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), verify_backup, needs_database=False)


if __name__ == "__main__":
    main()
