# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of PostgreSQL that are known to corrupt data or indexes, by its release notes.

Only what concerns every user of the release, or whoever builds indexes concurrently; each with its source.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

__all__ = ["KNOWN", "Defect", "defects"]


class Defect(NamedTuple):
    """first, fixed: server_version_num of the first release that has it, and of the one that has it no more."""

    first: int
    fixed: int
    what: str
    source: str


KNOWN: Tuple[Defect, ...] = (
    Defect(
        130000,
        130002,
        "CREATE INDEX CONCURRENTLY does not wait for prepared transactions, and may leave their rows out of the index",
        "release notes of 13.2, of 2021-02-11",
    ),
    Defect(
        140000,
        140004,
        "CREATE INDEX CONCURRENTLY may leave out rows that are updated during the build",
        "release notes of 14.4, E.1.2",
    ),
    Defect(
        180000,
        180007,
        "several defects can corrupt indexes",
        "release notes of 18.7, E.1.1; they name the indexes to rebuild after the update",
    ),
)


def defects(version: int) -> Tuple[Defect, ...]:
    """What is known of this release. version: server_version_num."""
    return tuple(defect for defect in KNOWN if defect.first <= version < defect.fixed)
