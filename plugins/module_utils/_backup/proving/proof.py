# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs of a backup without a server: its files, its table of contents, and every row of it read."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from ..._support.errors import SteadyError
from ..._support.progress import Progress
from ..clients.client import Client, run_program
from ..clients.programs import Programs
from ..folder.files import sha256, walk
from ..folder.manifest import MANIFEST
from ..formats.copy_stream import RowCounter

__all__ = ["NotProven", "alone", "prove_files", "prove_list", "prove_read"]

_ENTRY = re.compile(r"^\d+; (\d+) (\d+) (.*)$")
_SHOWN = 10


class NotProven(SteadyError):
    """A backup that is not what it should be."""

    def __init__(self, what: str, wrong: List[str]) -> None:
        shown = wrong[:_SHOWN] + ([f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else [])
        super().__init__(
            what,
            "; ".join(shown),
            "do not rely on it: take another backup, and look at the disk that it is on",
            "the database was only read",
            facts={"problems": wrong},
        )


def alone() -> Client:
    """For programs that read files only: nothing of the environment may lead them to a server."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return Client("", {**environment, "LC_ALL": "C"})


def prove_files(folder: str, manifest: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """Every file is there, to the last bit. Returns {files, bytes}. Raises NotProven."""
    wrong = []
    done = 0
    tell = progress.part("reading the files of the backup", int(manifest["bytes"]))
    for file in manifest["files"]:
        path = os.path.join(folder, file["path"])
        try:
            if os.path.getsize(path) != file["bytes"]:
                wrong.append(f"{file['path']} has {os.path.getsize(path)} bytes instead of {file['bytes']}")
            elif sha256(path, tell) != file["sha256"]:
                wrong.append(f"{file['path']} is not what was written (SHA-256)")
            else:
                done += int(file["bytes"])
        except OSError as error:
            wrong.append(f"{file['path']}: {error.strerror}")
    extra = set(walk(folder)) - {file["path"] for file in manifest["files"]} - {MANIFEST}
    wrong += [f"{path} does not belong to it" for path in sorted(extra)]
    if wrong:
        raise NotProven(f"The backup in {folder} is damaged.", wrong)
    return {"files": len(manifest["files"]), "bytes": done}


def prove_list(programs: Programs, archive: str, contents: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """Every object of the database is in the archive's table of contents. Returns {entries, objects, tables}.

    Raises NotProven, which names what is missing.
    """
    progress.say("comparing the backup's table of contents with the catalog")
    lines: List[bytes] = []
    done = run_program([programs.path("pg_restore"), "--list", archive], alone(), consume=lines.append)
    if done.status != 0:
        raise NotProven(f"The archive {archive} cannot be read.", [done.brief])
    entries: Set[Tuple[int, int]] = set()
    sequences = 0
    total = 0
    for line in b"".join(lines).decode("utf-8", "replace").splitlines():
        found = _ENTRY.match(line)
        if found:
            total += 1
            sequences += found.group(3).startswith("SEQUENCE SET ")
            entries.add((int(found.group(1)), int(found.group(2))))
    wrong = [
        f"{one['type']} {one['identity']}" for one in contents["objects"] if (one["catalog"], one["oid"]) not in entries
    ]
    tables = [table for table in contents["tables"] if table["kind"] == "r"]
    wrong += [f"the rows of {t['schema']}.{t['name']}" for t in tables if (0, t["oid"]) not in entries]
    if sequences < len(contents["sequences"]):
        wrong.append(f"the values of {len(contents['sequences']) - sequences} sequences")
    if wrong:
        raise NotProven(f"{len(wrong)} things are missing in the backup.", wrong)
    return {"entries": total, "objects": len(contents["objects"]), "tables": len(tables)}


def prove_read(programs: Programs, archive: str, contents: Mapping[str, Any], progress: Progress) -> Dict[str, Any]:
    """The whole archive is read, and the rows in it are as many as the snapshot had. Returns {tables, rows, bytes}.

    Raises NotProven. bytes: of the text that was read.
    """
    counter = RowCounter()
    expected = {(t["schema"], t["name"]): t["rows"] for t in contents["tables"] if t["kind"] == "r"}
    total = sum(expected.values())
    size = 0
    # Names of sequences and contents of large objects are between the tables; rows are counted inside of them only.
    what = "reading the whole backup"

    def consume(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        counter.feed(piece)
        progress.say(what, counter.total, total, "rows")

    done = run_program([programs.path("pg_restore"), "--section=data", "--file=-", archive], alone(), consume=consume)
    if done.status != 0:
        raise NotProven(f"The archive {archive} cannot be read to its end.", [done.brief])
    wrong = row_differences(expected, counter)
    if wrong:
        raise NotProven("The backup does not have the rows that the database had.", wrong)
    return {"tables": len(expected), "rows": counter.total, "bytes": size}


def row_differences(expected: Mapping[Tuple[str, str], Optional[int]], counter: RowCounter) -> List[str]:
    """In words, each table whose rows in a dump are not as many as expected."""
    wrong = [f"the rows of {'.'.join(counter.open)} do not come to their end"] if counter.open else []
    for key, rows in expected.items():
        if counter.rows.get(key) != rows:
            found = counter.rows.get(key)
            wrong.append(
                f"{key[0]}.{key[1]}: {'none' if found is None else found} in the backup, {rows} in the database"
            )
    return wrong
