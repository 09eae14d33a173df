# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which older backups may go, once a new one is proven."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, Mapping, Optional

from ..._support.errors import SteadyError
from .manifest import backups_in, read_manifest

__all__ = ["apply_retention", "choose"]


def choose(
    taken: Mapping[str, datetime], new: str, keep_count: Optional[int], keep_days: Optional[int], at: datetime
) -> List[str]:
    """The names that may go, oldest first. taken: name and time of all good backups. new: the one just made.

    What either rule keeps is kept; without a rule everything is. The new one is never among them, also when a clock
    was set back.
    """
    if keep_count is None and keep_days is None:
        return []
    by_age = sorted(taken, key=lambda name: (name == new, taken[name], name))
    kept = {new}
    if keep_count is not None:
        kept.update(by_age[-max(keep_count, 1) :])
    if keep_days is not None:
        kept.update(name for name in by_age if at - taken[name] <= timedelta(days=keep_days))
    return [name for name in by_age if name not in kept]


def apply_retention(
    directory: str, new: Mapping[str, Any], keep_count: Optional[int], keep_days: Optional[int]
) -> List[str]:
    """Delete what may go; the ids of what was deleted. Only readable backups of the same database count, and only they
    go. Raises SteadyError.
    """
    taken: Dict[str, datetime] = {}
    for folder in backups_in(directory):
        try:
            manifest = read_manifest(folder)
        except SteadyError:
            continue  # damaged, or another's: not ours to delete
        same = all(manifest["database"][key] == new["database"][key] for key in ("name", "system_identifier"))
        if same and manifest["proofs"]:
            moment = datetime.strptime(manifest["snapshot_at"], "%Y-%m-%dT%H:%M:%SZ")
            taken[os.path.basename(folder)] = moment.replace(tzinfo=timezone.utc)
    gone = choose(taken, new["backup_id"], keep_count, keep_days, datetime.now(timezone.utc))
    try:
        for name in gone:
            # Renamed first: half a backup never stands under its name.
            doomed = os.path.join(directory, f".{name}.deleted")
            os.rename(os.path.join(directory, name), doomed)
            shutil.rmtree(doomed)
    except OSError as error:
        raise SteadyError(
            f"An older backup could not be deleted: {error.strerror}.",
            str(error.filename),
            "fix the folder; or keep all backups, without keep_count and keep_days",
            f"the new backup {new['backup_id']} is proven, and stays",
        ) from None
    return gone
