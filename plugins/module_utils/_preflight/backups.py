# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backups of this database that lie in a folder of the host, by their manifests alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import List, Optional

from .._backup.folder.manifest import backups_in, read_manifest
from .._connection.target import Server
from .._support.errors import SteadyError

__all__ = ["Backup", "read_backups"]

# Manifests are read newest first, until one of this database is found, and no more than these.
_MOST = 20


@dataclass(frozen=True)
class Backup:
    """One backup. problem: why it cannot be relied on; None when it is proven. age_s: of the moment that it shows."""

    folder: str
    age_s: float = 0.0
    proof: str = ""
    problem: Optional[str] = None


def read_backups(directory: Optional[str], server: Server, now: Optional[datetime] = None) -> List[Backup]:
    """Newest first, down to the first proven one of this database. Backups of others are passed over."""
    found: List[Backup] = []
    at = now or datetime.now(timezone.utc)
    folders = backups_in(os.path.expanduser(directory)) if directory else []
    for folder in reversed(folders[-_MOST:]):
        try:
            manifest = read_manifest(folder)
        except SteadyError as error:
            found.append(Backup(folder, problem=error.what))
            continue
        database = manifest["database"]
        # A role that may not read the server's identifier can only go by the name.
        other = None not in (server.system_identifier, database["system_identifier"]) and (
            server.system_identifier != database["system_identifier"]
        )
        if other or database["name"] != server.database:
            continue
        taken = datetime.strptime(manifest["snapshot_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        age = (at - taken).total_seconds()
        proofs = [proof["level"] for proof in manifest["proofs"] if proof["status"] == "ok"]
        found.append(Backup(folder, age, proofs[-1] if proofs else "", None if proofs else "it was not proven"))
        if proofs:
            break
    return found
