#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module steady.postgresql.restore: a thin face over module_utils."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore
short_description: Restore a database from a proven backup
version_added: 0.2.0
description:
  - Restores a backup into a new database, compares it with the manifest, and swaps the names of the new and the live
    database in one transaction. The application's connections are ended, and reconnect to the restored database.
  - The former database is kept. A failure before the swap leaves the live database as it was.
  - What was written since the backup's snapshot is lost; check mode shows how much that is, table by table.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.acts
  - steady.postgresql.connection
  - steady.postgresql.progress
options:
  backup:
    description:
      - The folder of a backup on the host where the module runs, or a folder of backups (the newest good one of this
        database is used).
    type: path
    required: true
  confirm:
    description:
      - The name of the database. It confirms that what was written since the backup may be lost. Not needed in check
        mode or with O(swap=false).
    type: str
  swap:
    description:
      - With V(false), stop at the proven copy beside the live database.
    type: bool
    default: true
  in_place:
    description:
      - For servers on which databases cannot be created or renamed. Replaces the contents in one transaction. During
        it no other session can use them; if anything fails, all of it is rolled back.
    type: bool
    default: false
  undo:
    description:
      - Swap the database with the one that the last restore kept.
    type: bool
    default: false
  another_server:
    description:
      - Accept a backup of a server with another system identifier.
    type: bool
    default: false
  jobs:
    description:
      - Number of processes of pg_restore. By default the number of processors of the host, at most four.
    type: int
  lock_patience:
    description:
      - How long the restore may wait for a lock in the live database. Then it fails and names the sessions that hold
        the lock. With O(in_place=true), the sessions that use one of its tables.
    type: str
    default: 10m
  maintenance_database:
    description:
      - The database to connect to while databases are created and renamed. By default V(postgres), else V(template1).
    type: str
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
seealso:
  - module: steady.postgresql.backup
  - module: steady.postgresql.rollback
"""

EXAMPLES = r"""
- name: Restore the newest backup of the clinic
  steady.postgresql.restore:
    database_url: "{{ steady_database_url }}"
    backup: /var/backups/clinic
    confirm: clinic
"""

RETURN = r"""
restore:
  description:
    - What was restored, with backup_id, path, snapshot_at, window_seconds, lost (tables whose rows differ, with
      live_rows and backup_rows, and locked_by if a lock prevented counting them), new_database,
      kept_database, drop_command, swap_ms and proof.
  returned: always
  type: dict
status:
  description: V(succeeded), V(planned) in check mode, or V(failed).
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._backup.restoring.restore import restore
from ..module_utils._module import CONNECTION_ARGUMENTS, PATIENCE_ARGUMENTS, PROGRESS_ARGUMENTS, run


def main() -> None:
    arguments = {
        **CONNECTION_ARGUMENTS,
        **PATIENCE_ARGUMENTS,
        "backup": {"type": "path", "required": True},
        "confirm": {"type": "str"},
        "swap": {"type": "bool", "default": True},
        "in_place": {"type": "bool", "default": False},
        "undo": {"type": "bool", "default": False},
        "another_server": {"type": "bool", "default": False},
        "jobs": {"type": "int"},
        "maintenance_database": {"type": "str"},
        "programs_dir": {"type": "path"},
        "decrypt_identity": {"type": "path"},
        "scratch_dir": {"type": "path"},
        "operator": {"type": "str"},
        **PROGRESS_ARGUMENTS,
    }
    run(AnsibleModule(argument_spec=arguments, supports_check_mode=True), restore)


if __name__ == "__main__":
    main()
