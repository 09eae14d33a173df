# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What steady_migration of a review may be: what teams have in their repositories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._review.sources import shown_path, sources

FILES = (
    *("prisma/migrations/20240101_init/migration.sql", "prisma/migrations/20240102_notes/migration.sql"),
    *("prisma/migrations/migration_lock.toml", "supabase/migrations/20240101000000_init.sql"),
    *("db/1_a.sql", "db/2_b.sql", "db/10_c.sql", "db/README.md", "go/1_a.up.sql", "go/1_a.down.sql"),
    *("diesel/2024-01-01_a/up.sql", "diesel/2024-01-01_a/down.sql", "migrations/notes.yml", "migrations/plain.sql"),
    *("fly/V1__a.sql", "fly/U1__a.sql", "pairs/1_a.sql", "pairs/1_a_down.sql", "pairs/2_user_rollback.sql"),
    *("migrations/of_prisma/migration.sql", "odd names/it's 100%; \u00e4\u00f6.sql", "empty/README.md"),
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("SELECT 1;\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def paths(value: Any) -> list[str]:
    found, missing = sources(value, [Path("migrations")])
    assert missing == []
    return [shown_path(one.path) for one in found]


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ("db/2_b.sql", ["db/2_b.sql"]),
        ("db", ["db/1_a.sql", "db/2_b.sql", "db/10_c.sql"]),
        ("db/", ["db/1_a.sql", "db/2_b.sql", "db/10_c.sql"]),
        ("./db/1_a.sql", ["db/1_a.sql"]),
        ("prisma/migrations/20240102_notes", ["prisma/migrations/20240102_notes/migration.sql"]),
        (
            "prisma/migrations",
            ["prisma/migrations/20240101_init/migration.sql", "prisma/migrations/20240102_notes/migration.sql"],
        ),
        ("supabase/migrations", ["supabase/migrations/20240101000000_init.sql"]),
        ("go", ["go/1_a.up.sql"]),
        ("fly", ["fly/V1__a.sql"]),
        ("pairs", ["pairs/1_a.sql", "pairs/2_user_rollback.sql"]),
        ("diesel", ["diesel/2024-01-01_a/up.sql"]),
        ("db/*.sql", ["db/1_a.sql", "db/2_b.sql", "db/10_c.sql"]),
        ("**/1_*.up.sql", ["go/1_a.up.sql"]),
        ("prisma/migrations/*_notes", ["prisma/migrations/20240102_notes/migration.sql"]),
        ("notes", ["migrations/notes.yml"]),
        ("plain", ["migrations/plain.sql"]),
        ("of_prisma", ["migrations/of_prisma/migration.sql"]),
        (["db/2_b.sql", "db/*.sql", "db/2_b.sql"], ["db/2_b.sql", "db/1_a.sql", "db/10_c.sql"]),
        ("db/1_a.sql\ndb/2_b.sql\n", ["db/1_a.sql", "db/2_b.sql"]),
        ("odd names/it's 100%; \u00e4\u00f6.sql", ["odd names/it's 100%; \u00e4\u00f6.sql"]),
        ([], []),
    ],
)
def test_it_finds(value: Any, there: list[str]) -> None:
    assert paths(value) == there


def test_an_absolute_path_is_shown_from_here(here: Path) -> None:
    """GitHub and GitLab know files by their path in the repository."""
    assert paths(str(here / "db" / "1_a.sql")) == ["db/1_a.sql"]
    assert shown_path(Path("/etc/x.sql")) == "/etc/x.sql"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("db/3_x.sql", "there is no such file, folder or migration"),
        ("nothing", "looked here and in migrations"),
        ("db/*.dump", "no file and no folder of migrations has such a name"),
        ("empty", "the folder has no migration"),
        ("db/README.md", "is neither a .sql file nor a migration in YAML"),
        ("~nobody-at-all/x.sql", "there is no such file"),
        ("a\0b", "there is no such file"),
        ("x" * 5000, "there is no such file"),
    ],
)
def test_what_is_not_there_is_said_and_the_rest_is_reviewed(value: str, said: str) -> None:
    found, missing = sources([value, "db/1_a.sql"], [Path("migrations")])
    assert [one.id for one in found] == ["1_a"]
    assert [one.file for one in missing] == [value]
    assert said in missing[0].message


def test_a_migration_is_called_by_its_folder_or_its_file() -> None:
    """As the journal of a deployment will call it."""
    found, _missing = sources(["prisma/migrations", "go", "diesel"], [])
    assert [one.id for one in found] == ["20240101_init", "20240102_notes", "1_a", "2024-01-01_a"]
