# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a backup: what is in it, what was proven of it, and how to know that nobody changed a byte.

Its JSON Schema is docs/manifest.schema.json.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any, Dict, List, Mapping

from ..._support.errors import SteadyError
from .files import write_json

__all__ = ["MANIFEST", "backups_in", "read_manifest", "write_manifest"]

MANIFEST = "manifest.json"
VERSION = 1


def checksum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 over everything in the manifest but this checksum itself."""
    content = {key: value for key, value in manifest.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def write_manifest(folder: str, manifest: Dict[str, Any]) -> Dict[str, Any]:
    """Write it, with its checksum, which is set in the manifest. Raises OSError."""
    manifest["manifest_version"] = VERSION
    manifest["checksum"] = checksum(manifest)
    write_json(os.path.join(folder, MANIFEST), manifest)
    return manifest


def read_manifest(folder: str) -> Dict[str, Any]:
    """The manifest of the backup in the folder. Raises SteadyError when it is missing, damaged or edited."""
    path = os.path.join(folder, MANIFEST)
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
        if not isinstance(manifest, dict):
            raise ValueError("it is no JSON object")
        version = manifest.get("manifest_version")
        same = manifest.get("checksum") == checksum(manifest)
    except FileNotFoundError:
        there = os.path.isdir(folder)
        raise _unusable(
            f"There is no manifest in {folder}." if there else f"There is no backup in {folder}.",
            "only a backup of this collection has one" if there else "the folder does not exist",
            "name the folder of a backup",
        ) from None
    except (OSError, ValueError) as error:
        raise _unusable(
            f"The manifest {path} cannot be read.", str(error), "take another backup, or a copy of this one"
        ) from None
    if version != VERSION:
        raise _unusable(
            f"The manifest {path} has version {version}.",
            f"this collection reads version {VERSION}",
            "use the version of the collection that wrote it",
        )
    if not same:
        raise _unusable(
            f"The manifest {path} was changed after it was written.",
            "its checksum does not match its content",
            "take another backup, or a copy of this one",
        )
    return manifest


def _unusable(what: str, why: str, todo: str) -> SteadyError:
    return SteadyError(what, why, todo, "nothing was changed, neither the backup nor a database")


def backups_in(folder: str) -> List[str]:
    """The folders of finished backups below, oldest first: their names begin with the time, and within the same second
    the one whose manifest was written last is the newest."""
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    finished = [name for name in names if os.path.isfile(os.path.join(folder, name, MANIFEST))]
    finished.sort(key=lambda name: (name.partition("-")[0], _written(os.path.join(folder, name, MANIFEST)), name))
    return [os.path.join(folder, name) for name in finished]


def _written(path: str) -> int:
    """When, in nanoseconds; 0 for a file that is gone."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
