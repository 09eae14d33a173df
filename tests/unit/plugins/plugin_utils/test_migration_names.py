# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The id of a migration in SQL is one that the journal takes, whatever its file is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import ID_PATTERN
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_names import id_of


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("prisma/migrations/20251014093000_add_notes/migration.sql", "20251014093000_add_notes"),
        ("diesel/2025-10-14-093000_notes/up.sql", "2025-10-14-093000_notes"),
        ("V1.2__keys.sql", "V1.2__keys"),
        ("000042_notes.up.sql", "000042_notes"),
        ("what I did (last).sql", "what-I-did--last-"),
        ("öffnen.sql", "ffnen"),
        ("--.sql", "migration"),
        (f"{'a' * 250}.sql", "a" * 100),
    ],
)
def test_the_id_comes_from_the_name(path: str, identity: str) -> None:
    assert id_of(Path(path)) == identity
    assert re.fullmatch(ID_PATTERN, identity)
