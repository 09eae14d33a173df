# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump that somebody else made: what kind of one it is, and how far it can be proven without a manifest."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from ..._support.progress import Progress
from ..clients.client import run_program
from ..clients.programs import Programs
from ..folder.files import folder_bytes
from ..formats.copy_stream import RowCounter
from ..formats.plain import PlainText
from ..proving.proof import NotProven, alone

__all__ = ["ForeignDump", "pieces", "prove_dump", "recognise"]

_PIECE = 1 << 20
_BLOCK = 512
_OTHER_COMPRESSIONS = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"BZh", "bzip2"),
    (b"\xfd7z", "xz"),
)
_ENTRY = re.compile(r"^\d+; \d+ \d+ (TABLE DATA|TABLE|PARTITION|MATERIALIZED VIEW DATA|INDEX|BLOBS?)\b", re.MULTILINE)
_HEAD = re.compile(
    r"^; +(Dumped from database version|Dumped by pg_dump version|Compression|dbname): (.*)$", re.MULTILINE
)
# The zero-row remainder of a failed pipe: pg_dump | gzip.
_NOTHING = "the pipe that wrote it ended before pg_dump began: pg_dump failed, and its exit status was not checked"
_AGAIN = "take another dump, and look at pg_dump's exit status: in a pipe that is `set -o pipefail`"


@dataclass
class ForeignDump:
    """What was found. kind: plain, custom, directory or tar. rows: by (schema, table); None where they are not counted.

    notes: what could not be proven, in words.
    """

    path: str
    kind: str
    bytes: int
    compression: str = "none"
    database: Optional[str] = None
    database_version: Optional[str] = None
    pg_dump_version: Optional[str] = None
    tables: int = 0
    rows: Optional[Dict[Tuple[str, str], int]] = None
    entries: Optional[int] = None
    command: Optional[str] = None
    left_out: List[str] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)


def recognise(path: str) -> ForeignDump:
    """The kind of dump that a file or folder is, by its first bytes. Raises NotProven, OSError."""
    if os.path.isdir(path):
        if not os.path.isfile(os.path.join(path, "toc.dat")):
            raise NotProven(f"{path} is no backup.", ["the folder has neither a manifest.json nor pg_dump's toc.dat"])
        return ForeignDump(path, "directory", folder_bytes(path))
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        first = file.read(512)
    if not first:
        raise _not(path, f"the file is empty: {_NOTHING}")
    if first.startswith(b"PGDMP"):
        return ForeignDump(path, "custom", size)
    if first[257:262] == b"ustar":
        if not first.startswith(b"toc.dat\0"):
            raise _not(path, "it is a tar archive, but not one of pg_dump: unpack it, and name what was in it")
        _refuse_cut_tar(path, size)
        return ForeignDump(path, "tar", size)
    if first.startswith(b"\x1f\x8b"):
        return _inside_of_gzip(path, size)
    for magic, name in _OTHER_COMPRESSIONS:
        if first.startswith(magic):
            raise _not(path, f"it is compressed with {name}: unpack it first, and name what was in it")
    _refuse_text(path, first)
    return ForeignDump(path, "plain", size)


def _refuse_cut_tar(path: str, size: int) -> None:
    """pg_restore would read on for ever in a tar archive that is cut off: its end is looked for before."""
    end = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                end = member.offset_data + -(-member.size // _BLOCK) * _BLOCK
    except tarfile.TarError as error:
        raise _not(path, f"it is a tar archive that is damaged or cut off: {error}") from None
    with open(path, "rb") as file:
        file.seek(end)
        rest = file.read(_PIECE)
    # Two empty blocks end a tar archive (POSIX, pax, "ustar Interchange Format").
    if end > size or len(rest) < 2 * _BLOCK or rest.strip(b"\0"):
        raise _not(path, "it is a tar archive that is damaged or cut off: its end is not where it should be")


def _inside_of_gzip(path: str, size: int) -> ForeignDump:
    try:
        with gzip.open(path, "rb") as file:
            first = file.read(512)
    except (OSError, EOFError, zlib.error) as error:
        raise _not(path, f"it is compressed with gzip, and damaged: {error}") from None
    if not first:
        raise _not(path, f"it is {size} bytes of gzip with nothing inside: {_NOTHING}")
    if first.startswith(b"PGDMP") or first[257:262] == b"ustar":
        raise _not(path, "it is an archive of pg_dump inside of gzip: unpack it with gunzip, and name what was in it")
    _refuse_text(path, first)
    return ForeignDump(path, "plain", size, "gzip")


def _refuse_text(path: str, first: bytes) -> None:
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _not(
            path, "it is text in UTF-16, as PowerShell's > writes it; pg_dump's own bytes are gone: use pg_dump -f"
        )
    if b"\0" in first:
        raise _not(path, "its first bytes are of no format of pg_dump")
    if b"\r\n" in first:
        raise _not(path, "the ends of its lines were changed to those of Windows, inside of rows too: use pg_dump -f")


def _not(path: str, why: str) -> NotProven:
    problem = NotProven(f"{path} is no dump that can be restored.", [why])
    problem.todo = _AGAIN
    problem.left = "the file was only read"
    return problem


def pieces(dump: ForeignDump) -> Iterator[bytes]:
    """The text of a plain dump. Raises NotProven where the file ends too early or its checksum is wrong."""
    with open(dump.path, "rb", buffering=0) as file:
        stream: Any = gzip.GzipFile(fileobj=io.BufferedReader(file)) if dump.compression == "gzip" else file
        while True:
            try:
                piece = stream.read(_PIECE)
            except (EOFError, zlib.error) as error:
                raise _not(dump.path, f"it is damaged or cut off: {error}") from None
            except OSError as error:
                if error.errno is not None:  # the disk's, not gzip's
                    raise
                raise _not(dump.path, f"it is damaged: {error}") from None
            if not piece:
                return
            yield piece


def prove_dump(dump: ForeignDump, level: str, programs: Callable[[], Programs], progress: Progress) -> Dict[str, Any]:
    """Fill in what is found in it; the figures of the proof. programs: asked for archives only.

    level: of an archive, list reads the table of contents only; plain SQL has none and is always read. Raises
    NotProven: for a dump that is cut off or damaged, and for one without rows, which is no backup.
    """
    figures = _plain(dump, progress) if dump.kind == "plain" else _archive(dump, level, programs(), progress)
    if dump.compression != "gzip":
        of = "it is not compressed" if dump.compression == "none" else f"{dump.compression} as pg_dump uses it has none"
        dump.notes.append(f"it has no checksum ({of}): a bit that flipped inside of a row may go unseen")
    return figures


def _plain(dump: ForeignDump, progress: Progress) -> Dict[str, Any]:
    text = PlainText()
    for piece in pieces(dump):
        text.feed(piece)
        progress.say("reading the whole dump", text.bytes, dump.bytes if dump.compression == "none" else None)
    text.ended()
    counter = text.counter
    if counter.open is not None:
        raise _not(dump.path, f"it is cut off in the middle of the rows of {'.'.join(counter.open)}")
    if not text.header:
        raise _not(
            dump.path,
            "it does not say that it is a PostgreSQL dump; where its comments were removed (supabase db dump does that "
            "without --keep-comments), it cannot be known whether its end is there",
        )
    if not text.complete:
        raise _not(dump.path, "it is cut off: its last line should say that the PostgreSQL database dump is complete")
    dump.pg_dump_version, dump.database_version = text.pg_dump_version, text.database_version
    dump.command = text.command
    _judge(dump, text.tables, len(counter.rows), text.inserts)
    dump.tables = max(text.tables, len(counter.rows))
    if text.cluster:
        dump.notes.append("it is of pg_dumpall: tables of the same name in several databases are counted as one")
    _rows(dump, counter, text.inserts)
    return {"tables": dump.tables, "rows": None if dump.rows is None else counter.total, "bytes": text.bytes}


def _archive(dump: ForeignDump, level: str, programs: Programs, progress: Progress) -> Dict[str, Any]:
    progress.say("reading the dump's table of contents")
    lines: List[bytes] = []
    done = run_program([programs.path("pg_restore"), "--list", dump.path], alone(), consume=lines.append)
    listed = b"".join(lines).decode("utf-8", "replace")
    if done.status != 0:
        raise _not(dump.path, f"pg_restore {programs.text} cannot read its table of contents: {done.brief}")
    head = dict(_HEAD.findall(listed))
    dump.database = head.get("dbname")
    dump.database_version = head.get("Dumped from database version")
    dump.pg_dump_version = head.get("Dumped by pg_dump version")
    dump.compression = _compression(head.get("Compression", "none"))
    kinds = _ENTRY.findall(listed)
    data = kinds.count("TABLE DATA")
    dump.tables = kinds.count("TABLE")
    dump.entries = len(re.findall(r"^\d+; ", listed, re.MULTILINE))
    _judge(dump, dump.tables, data, False)
    if level == "list":
        dump.notes.append("only its table of contents was read: proof=read reads every row")
        return {"entries": dump.entries, "tables": dump.tables}
    text = PlainText()

    def consume(piece: bytes) -> None:
        text.feed(piece)
        progress.say("reading the whole dump", text.bytes, None)

    done = run_program([programs.path("pg_restore"), "--file=-", dump.path], alone(), consume=consume)
    if done.status != 0:
        raise _not(dump.path, f"it cannot be read to its end: {done.brief}")
    text.ended()
    counter = text.counter
    if counter.open is not None or not text.complete:
        raise _not(dump.path, "what is in it does not come to its end")
    if not text.inserts and len(counter.rows) < data:
        raise _not(dump.path, f"it lists the rows of {data} tables, and has those of {len(counter.rows)}")
    _rows(dump, counter, text.inserts)
    return {
        "entries": dump.entries,
        "tables": dump.tables,
        "rows": None if dump.rows is None else counter.total,
        "bytes": text.bytes,
    }


def _compression(said: str) -> str:
    """As newer versions say it (zstd), or as a level of gzip, of which 0 is none and -1 the default."""
    if re.fullmatch(r"-?\d+", said.strip()):
        return "none" if said.strip() == "0" else "gzip"
    return said.strip()


def _judge(dump: ForeignDump, tables: int, data: int, inserts: bool) -> None:
    """Whether rows and definitions are both there."""
    if not data and not inserts:
        why = f"it has the definitions of {tables} tables and no row of any" if tables else "there is no table in it"
        problem = _not(dump.path, f"{why} (pg_dump --schema-only?)")
        problem.what = f"{dump.path} is no backup: it is the schema only."
        problem.todo = "take a dump without --schema-only (-s)"
        raise problem
    if not tables:
        dump.left_out.append("the definitions of the tables: only rows are in it (pg_dump --data-only?)")


def _rows(dump: ForeignDump, counter: RowCounter, inserts: bool) -> None:
    if inserts:
        dump.notes.append("its rows are written with INSERT and cannot be counted soundly: proof=restore counts them")
    else:
        dump.rows = dict(counter.rows)
