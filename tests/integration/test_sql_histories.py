# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Whole histories of migrations in SQL: each is deployed where this version can, and is what psql makes of it.

The histories are not in this project: each folder in the folder STEADY_SQL_CORPUS is one, its *.sql in the order of
their paths. With rows, each table that has none gets three before the next migration, as far as its constraints permit.
Run it with -s to see the shares.
"""

from __future__ import annotations

import collections
import difflib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.migration import migration_with_sources
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.reader import SqlProblem, read_sql
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.sections import without_down
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.source import read_source
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Reading
from integration.cluster import Cluster, Database
from lab.errors import LabError

CORPUS = Path(os.environ.get("STEADY_SQL_CORPUS") or "/nonexistent")
HISTORIES = sorted(path for path in CORPUS.glob("*") if path.is_dir())
FILL = (Path(__file__).parent / "rows.sql").read_text()
EMPTY = """DO $$ DECLARE names text; BEGIN
  SELECT string_agg(oid::regclass::text, ', ') INTO names FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$|steady)';
  IF names IS NOT NULL THEN EXECUTE 'TRUNCATE ' || names || ' CASCADE'; END IF;
END $$;"""
FULL = (
    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > 0"
    " AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$|steady)'"
)


def migrations(history: Path) -> list[Path]:
    """Its files in order, without those for the way back."""
    files = (path for path in history.rglob("*.sql") if path.is_file())
    return sorted(path for path in files if not re.search(r"(^|[._])down\.sql$", path.name))


def accepted(reading: Reading) -> Reading:
    """The reading after somebody has accepted all hazards."""
    statements = (
        replace(one, hazards=tuple(replace(hazard, accepted="a test") for hazard in one.hazards))
        for one in reading.statements
    )
    return replace(reading, statements=tuple(statements))


def wanted(path: Path, number: int) -> dict[str, Any] | None:
    """The migration of a file; None where this version does not carry it out."""
    try:
        reading = accepted(read_sql([path], f"m{number}", lambda path: path.name))
        return migration_with_sources(reading)
    except SqlProblem:
        return None


def psql(database: Database, text: str, *options: str) -> bool:
    """Whether psql carries out all of a text."""
    try:
        database.server.psql("--quiet", *options, database=database.name, script=text)
    except LabError:
        return False
    return True


def psql_with_rows(databases: tuple[Database, Database], text: str) -> tuple[bool, bool]:
    """Whether psql carries out a text in the first, and whether it does with the rows that were made up there.

    Where it does not, nothing of it was run, both are emptied, and it runs without rows.
    """
    if psql(databases[0], text, "--single-transaction"):
        return True, True
    for database in databases:
        database.server.psql("--quiet", database=database.name, script=EMPTY)
    return psql(databases[0], text), False


def dump(database: Database) -> list[str]:
    """Times in the text of views are those of their CREATE."""
    return re.sub(r"'\d{4}-\d\d-\d\d \d\d:[^']*'", "'a time'", database.dump()).splitlines()


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not HISTORIES, reason="STEADY_SQL_CORPUS names no folder of histories")
@pytest.mark.parametrize("rows", [False, True], ids=["empty", "rows"])
@pytest.mark.parametrize("history", HISTORIES, ids=lambda path: path.name)
def test_a_history_is_what_psql_makes_of_it(history: Path, rows: bool, cluster: Cluster) -> None:
    by_psql, deployed = cluster.database(), cluster.database()
    counts: collections.Counter[str] = collections.Counter()
    differing: list[str] = []
    for number, path in enumerate(migrations(history)):
        source = read_source(path, path.name)
        text = without_down(source, source.text)[0]
        kept = True
        if rows:
            works, kept = psql_with_rows((by_psql, deployed), text)
            counts["emptied"] += not kept
        else:
            works = psql(by_psql, text)
        data = wanted(path, number)
        refusal = outcome(deployed, data) if works else "psql fails"
        if refusal is not None:
            # What a half-done deployment left would make the next ones differ.
            counts[refusal.partition(":")[0]] += 1
            print(f"{path}: {refusal}")
            deployed = cluster.database(by_psql.name)
        else:
            left, right = dump(by_psql), dump(deployed)
            counts["equal" if left == right else "different"] += 1
            if left != right:
                lines = list(difflib.unified_diff(left, right, "psql", "deployed", n=0, lineterm=""))
                differing.append(f"{path}:\n" + "\n".join(lines[:20]))
                deployed = cluster.database(by_psql.name)
        if rows:
            for database in (by_psql, deployed):
                database.server.psql("--quiet", database=database.name, script=FILL)
    full = deployed.value(FULL) if rows else "no"
    print(f"\n{history.name}: {dict(counts)}; {full} tables with rows")
    assert not differing, "\n".join(differing)


def outcome(database: Database, data: dict[str, Any] | None) -> str | None:
    """Why a migration was not deployed; None: it was."""
    if data is None:
        return "not carried out"
    try:
        database.apply(data)
    except SteadyError as error:
        return f"refused: {error}"
    return None
