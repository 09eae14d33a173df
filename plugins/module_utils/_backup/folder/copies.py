# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of a finished backup, each hashed again where it arrived."""

from __future__ import annotations

import os
import shutil
from typing import Any, Callable, Dict, Mapping

from ..._support.errors import SteadyError
from ..._support.progress import Progress
from .files import check_free, make_private, sha256, sync_tree
from .manifest import MANIFEST

__all__ = ["copy_to"]

_PIECE = 1 << 20


def copy_to(folder: str, manifest: Mapping[str, Any], destination: str, progress: Progress) -> Dict[str, Any]:
    """Copy the backup to <destination>/<backup id>. Returns {path, bytes, verified}.

    Raises SteadyError, and then no half copy is left.
    """
    destination = os.path.abspath(os.path.expanduser(destination))
    final = os.path.join(destination, os.path.basename(folder))
    partial = os.path.join(destination, f".{os.path.basename(folder)}.partial")
    left = f"the backup in {folder} is proven, and stays"
    try:
        make_private(destination)
        check_free(destination, int(manifest["bytes"]), "the copy")
        shutil.rmtree(partial, ignore_errors=True)
        copied = progress.part(f"copying the backup to {destination}", int(manifest["bytes"]))
        shutil.copytree(folder, partial, copy_function=lambda source, target: _copy(source, target, copied))
        tell = progress.part(f"reading the copy in {destination}", int(manifest["bytes"]))
        wrong = [
            file["path"]
            for file in manifest["files"]
            if sha256(os.path.join(partial, file["path"]), tell) != file["sha256"]
        ]
        wrong += [MANIFEST] if sha256(os.path.join(partial, MANIFEST)) != sha256(os.path.join(folder, MANIFEST)) else []
        if wrong:
            raise OSError(f"other bytes arrived than were sent: {', '.join(wrong)}")
        sync_tree(partial)
        os.rename(partial, final)
        sync_tree(final)
    except SteadyError as error:
        error.left = left
        raise
    except (OSError, shutil.Error) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise SteadyError(
            f"The backup could not be copied to {destination}.",
            str(error),
            "fix the folder, then run the same command again",
            left,
        ) from None
    return {"path": final, "bytes": manifest["bytes"], "verified": True}


def _copy(source: str, target: str, tell: Callable[[int], None]) -> None:
    with open(source, "rb", buffering=0) as file, open(target, "wb") as copy:
        while True:
            piece = file.read(_PIECE)
            if not piece:
                return
            copy.write(piece)
            tell(len(piece))
