# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies a backup from the host to the controller over Ansible's connection, and hashes it again on arrival."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ._artifacts import host_folder
from ._progress import measured

__all__ = ["fetch_backup"]


def fetch_backup(
    action: ActionBase,
    folder: str,
    files: Sequence[Mapping[str, Any]],
    destination: str,
    task_vars: Mapping[str, Any],
) -> dict[str, Any]:
    """Fetch all files of the folder, the manifest among them, to <destination>/<host>/<backup id>.

    files: [{path, bytes, sha256}]. Returns {path, bytes, verified}. Raises AnsibleActionFail, with no half copy left.
    """
    host = host_folder(str(task_vars.get("inventory_hostname", "localhost")))
    final = Path(destination).expanduser() / host / os.path.basename(folder)
    partial = final.with_name(f".{final.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.mkdir(mode=0o700)
        total = sum(int(file["bytes"]) for file in files)
        with measured(host, "copying the backup to the controller", total, lambda: _bytes(partial)):
            _fetch(action, folder, files, partial)
        _sync(partial)
        partial.rename(final)
        _sync(final.parent)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise AnsibleActionFail(
            f"The backup could not be copied to the controller ({final}).\nWhy: {error}\n"
            f"What to do: fix the folder and the connection, then run the same command again\n"
            f"Left as it was: the backup in {folder} on the host is proven, and stays"
        ) from None
    return {"path": str(final), "bytes": total, "verified": True}


def _fetch(action: ActionBase, folder: str, files: Sequence[Mapping[str, Any]], partial: Path) -> None:
    for file in files:
        # The host says what is fetched, but not where on the controller it goes.
        if os.path.isabs(file["path"]) or ".." in Path(file["path"]).parts:
            raise OSError(f"{file['path']} is no path inside of a backup")
        target = partial / file["path"]
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        action._connection.fetch_file(os.path.join(folder, file["path"]), str(target))
        target.chmod(0o600)
        if _sha256(target) != file["sha256"]:
            raise OSError(f"{file['path']} is not what was sent (SHA-256)")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
