# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold what must not be lost, and that nobody else may read."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional

from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.size import size_text

__all__ = [
    "check_free",
    "folder_bytes",
    "free_bytes",
    "hash_files",
    "make_private",
    "nearest_folder",
    "refuse_open_to_others",
    "sha256",
    "sync_tree",
    "walk",
    "write_json",
]

_PIECE = 1 << 20


def make_private(folder: str) -> None:
    """Make the folder, 0700, where it is not there. Raises SteadyError."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise _not_writable(folder, error.strerror or str(error)) from None


def _not_writable(folder: str, why: str) -> SteadyError:
    return SteadyError(
        f"The backup folder {folder} cannot be written to.",
        why,
        "set steady_backup_dir to a folder of the account that the modules run as, with enough space",
        NOTHING_CHANGED,
    )


def nearest_folder(folder: str) -> str:
    """The folder, or the one that is there and in which it can be made. Raises SteadyError.

    Only looks: whether root may write to a file system such as /proc shows when it is tried, or by its size of 0.
    """
    there = folder
    while not os.path.isdir(there):
        if os.path.lexists(there):
            raise _not_writable(folder, f"{there}: {os.strerror(errno.ENOTDIR)}")
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK | os.X_OK):
        raise _not_writable(folder, f"this account may not write to {there}")
    if shutil.disk_usage(there).total == 0:
        raise _not_writable(folder, f"{there} is on a file system that holds no files")
    return there


def refuse_open_to_others(folder: str, made_below: bool) -> None:
    """Raise SteadyError where other accounts may put files, or another backup, in the place of ours.

    made_below: our own folder will be made in this one, where the sticky bit keeps it ours.
    """
    facts = os.stat(folder)
    others = facts.st_mode & 0o002 or (facts.st_mode & 0o020 and facts.st_gid != os.getegid())
    if others and not (made_below and facts.st_mode & 0o1000):
        raise SteadyError(
            f"Other accounts may write to the backup folder {folder}.",
            "they could put another backup there, which a restore would take for ours",
            f"chmod go-w {folder}, or set steady_backup_dir to a folder of this account",
            NOTHING_CHANGED,
        )


def walk(folder: str) -> Iterator[str]:
    """The files below, relative to the folder, in a fixed order."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(place, name), folder)


def folder_bytes(folder: str) -> int:
    """What the files below the folder hold. Files that vanish meanwhile count nothing."""
    total = 0
    for path in walk(folder):
        try:
            total += os.lstat(os.path.join(folder, path)).st_size
        except FileNotFoundError:
            pass
    return total


def sha256(path: str, tell: Optional[Callable[[int], None]] = None) -> str:
    """The file's SHA-256, as hexadecimal digits. tell gets the number of bytes read since it was told last."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while True:
            piece = file.read(_PIECE)
            if not piece:
                return digest.hexdigest()
            digest.update(piece)
            if tell is not None:
                tell(len(piece))


def hash_files(folder: str, skip: str, tell: Optional[Callable[[int], None]] = None) -> List[Dict[str, Any]]:
    """[{path, bytes, sha256}] of all files below the folder, but for the one named skip."""
    return [
        {
            "path": path,
            "bytes": os.path.getsize(os.path.join(folder, path)),
            "sha256": sha256(os.path.join(folder, path), tell),
        }
        for path in walk(folder)
        if path != skip
    ]


def sync_tree(folder: str, tell: Optional[Callable[[int], None]] = None) -> None:
    """Make all files 0600 and all folders 0700, and force everything to disk, the folders themselves included.

    tell gets the number of bytes that are on disk since it was told last.
    """
    for place, _folders, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(place, name)
            os.chmod(path, 0o600)
            _sync(path)
            if tell is not None:
                tell(os.path.getsize(path))
        os.chmod(place, 0o700)
        _sync(place)
    _sync(os.path.dirname(os.path.abspath(folder)))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: str, content: Mapping[str, Any]) -> None:
    """Write it beside its place, force it to disk, and rename: nobody ever reads half of it."""
    beside = f"{path}.{os.getpid()}.new"
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
    _sync(os.path.dirname(os.path.abspath(path)))


def free_bytes(folder: str) -> int:
    """What an ordinary user may still write there."""
    return shutil.disk_usage(folder).free


def check_free(folder: str, needed: int, what: str) -> None:
    """Raise SteadyError unless that many bytes are free there."""
    free = free_bytes(folder)
    if free < needed:
        raise SteadyError(
            f"There is too little space for {what} in {folder}.",
            f"{size_text(free)} are free, about {size_text(needed)} are needed",
            "free space, or set steady_backup_dir to a folder with more of it",
            NOTHING_CHANGED,
        )
