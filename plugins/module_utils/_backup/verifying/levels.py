# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The levels of proof of a backup with a manifest, whatever took it, and what is said of a proven one."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Mapping

from ..._run.options import now
from ..._support.progress import Progress
from ..._support.size import size_text
from ..clients.programs import Programs
from ..encrypting.encryption import in_words
from ..proving.proof import prove_list, prove_read
from ..supabase.method_supabase import prove_parts_list, prove_parts_read

__all__ = ["prove_without_server", "run_proof", "summary"]


def run_proof(level: str, prove: Callable[[], Dict[str, Any]]) -> Dict[str, Any]:
    """The entry of a manifest's proofs: the figures that prove returns, and how long it took. Raises NotProven."""
    began = time.monotonic()
    figures = prove()
    duration = round((time.monotonic() - began) * 1000, 1)
    return {"level": level, "at": now(), "duration_ms": duration, "status": "ok", "figures": figures}


def prove_without_server(
    folder: str, manifest: Mapping[str, Any], level: str, programs: Callable[[], Programs], progress: Progress
) -> List[Dict[str, Any]]:
    """The proof list, and but for that level also read. programs: asked for archives only. Raises NotProven."""
    archive, contents = os.path.join(folder, manifest["archive"]), manifest["contents"]
    if manifest["method"] == "supabase_cli":
        proofs = [run_proof("list", lambda: prove_parts_list(folder, contents, progress))]
        return proofs + (
            [] if level == "list" else [run_proof("read", lambda: prove_parts_read(folder, contents, progress))]
        )
    found = programs()
    proofs = [run_proof("list", lambda: prove_list(found, archive, contents, progress))]
    return proofs + (
        [] if level == "list" else [run_proof("read", lambda: prove_read(found, archive, contents, progress))]
    )


_WORDS = {
    "list": "its table of contents is complete",
    "read": "read whole, every row counted",
    "restore": "restored into a scratch database and compared",
}


def summary(folder: str, manifest: Mapping[str, Any]) -> Dict[str, Any]:
    """For the result and the report."""
    tables = [table for table in manifest["contents"]["tables"] if table["kind"] == "r"]
    rows = sum(table["rows"] for table in tables)
    level = [proof["level"] for proof in manifest["proofs"] if proof["level"] in _WORDS][-1]
    encryption = manifest.get("encryption")
    return {
        "status": "proven",
        "id": manifest["backup_id"],
        "path": folder,
        "method": manifest["method"],
        "format": manifest["format"],
        "compression": manifest["compression"],
        "pg_dump_version": manifest["pg_dump_version"],
        "snapshot_at": manifest["snapshot_at"],
        "finished_at": manifest["finished_at"],
        "bytes": manifest["bytes"],
        "tables": len(tables),
        "rows": rows,
        "proof": level,
        "proofs": manifest["proofs"],
        "left_out": manifest["left_out"],
        "globals": manifest["globals"],
        "encryption": encryption,
        "detail": f"{rows} rows in {len(tables)} tables, {size_text(manifest['bytes'])}; {_WORDS[level]}"
        + in_words(encryption),
    }
