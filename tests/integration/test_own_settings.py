# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A migration's texts mean what they mean in psql: by the TimeZone, DateStyle and others that a connection has."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

# The settings of the database, a file, and a query whose answer shows what it meant.
CASES = {
    "an instant without a time zone": (
        {"TimeZone": "Europe/Berlin"},
        """ALTER TABLE "Order" ADD x timestamptz DEFAULT '2020-01-01 00:00';""",
        """SELECT DISTINCT x AT TIME ZONE 'UTC' FROM "Order" """,
        "2019-12-31 23:00:00",
    ),
    "the local time": (
        {"TimeZone": "Asia/Tokyo"},
        'ALTER TABLE "Order" ADD x timestamp DEFAULT now();',
        """SELECT DISTINCT abs(extract(epoch FROM x - now() AT TIME ZONE 'Asia/Tokyo')) < 3000 FROM "Order" """,
        "True",
    ),
    "the day before the month": (
        {"DateStyle": "SQL, DMY"},
        """ALTER TABLE "Order" ADD x date DEFAULT '01/02/2020', ADD y text DEFAULT 'now'::date;""",
        """SELECT DISTINCT to_char(x, 'YYYY-MM-DD') || (y LIKE '%/%') FROM "Order" """,
        "2020-02-01true",
    ),
    "an interval with one sign": (
        {"IntervalStyle": "sql_standard"},
        """ALTER TABLE "Order" ADD x interval DEFAULT '-1 2:03:04';""",
        """SELECT DISTINCT extract(epoch FROM x)::int FROM "Order" """,
        str(-(86400 + 2 * 3600 + 3 * 60 + 4)),
    ),
    "a default that is set": (
        {"TimeZone": "Europe/Berlin"},
        """ALTER TABLE "Order" ALTER "placedAt" SET DEFAULT '2020-01-01', ALTER note SET DEFAULT '2020-01-01'::date;""",
        """SELECT count(*) FROM "Order" WHERE note = ''""",
        "0",
    ),
    "the condition of an index": (
        {"TimeZone": "America/New_York", "DateStyle": "German"},
        """ALTER TABLE "Order" ADD at timestamptz; CREATE INDEX i ON "Order" (at) WHERE at > '03.02.2020 00:00';""",
        """SELECT count(*) FROM "Order" WHERE at IS NOT NULL""",
        "0",
    ),
    "the name of the time zone": (
        {"TimeZone": "Europe/Berlin"},
        """ALTER TABLE "Order" ADD x text DEFAULT current_setting('timezone');""",
        'SELECT DISTINCT x FROM "Order"',
        "Europe/Berlin",
    ),
    "arrays, NULL and money": (
        {"array_nulls": "off", "transform_null_equals": "on"},
        """ALTER TABLE "Order" ADD x text[] DEFAULT '{NULL}', ADD y money DEFAULT '1.50';
           CREATE INDEX i ON "Order" (id) WHERE note = NULL;""",
        """SELECT DISTINCT x[1] = 'NULL' FROM "Order" """,
        "True",
    ),
}


def set_by(database: Database, settings: dict[str, str], role: str | None) -> None:
    place = f'ROLE "{role}" IN DATABASE "{database.name}"' if role else f'DATABASE "{database.name}"'
    for name, value in settings.items():
        database.execute(f"ALTER {place} SET {name} TO '{value}'")


def by_psql(database: Database, text: str) -> str:
    program = database.server.installation.client("psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url(), "-c", text]
    subprocess.run(command, check=True)
    return database.dump()


@pytest.mark.parametrize("of_role", [False, True], ids=["database", "role"])
@pytest.mark.parametrize(("settings", "text", "query", "answer"), CASES.values(), ids=CASES)
def test_a_text_means_what_it_means_in_psql(
    cluster: Cluster,
    database: Database,
    tmp_path: Path,
    settings: dict[str, str],
    text: str,
    query: str,
    answer: str,
    of_role: bool,
) -> None:
    role = database.value("SELECT current_user") if of_role else None
    set_by(database, settings, role)
    other = cluster.database(database.name)
    set_by(other, settings, role)
    before, wanted = database.dump(), by_psql(other, text)
    file = tmp_path / "V1__text.sql"
    file.write_text(text, encoding="utf-8")
    migration: dict[str, Any] = load(file)
    planned = database.apply(migration, check=True)
    assert database.apply(migration)["plan_hash"] == planned["plan_hash"]
    assert database.dump() == wanted
    assert (str(other.value(query)), str(database.value(query))) == (answer, answer)
    with database.nothing_written():
        assert database.apply(migration)["changed"] is False
        assert database.verify(migration)["status"] == "verified"
    database.rollback()
    assert database.dump() == before


def test_what_one_role_reads_is_what_another_one_wrote(cluster: Cluster, database: Database) -> None:
    """An image in the journal is written with settings that are always the same: a rollback from elsewhere is exact."""
    database.execute("""ALTER TABLE "Order" ALTER "placedAt" SET DEFAULT '2020-06-01 00:00+00'""")
    before = database.dump()
    migration = {
        "id": "elsewhere",
        "columns": [{"table": "Order", "name": "placedAt", "default": "'2021-06-01'"}],
    }
    set_by(database, {"TimeZone": "Asia/Tokyo", "DateStyle": "SQL, DMY"}, None)
    assert database.apply(migration)["changed"] is True
    set_by(database, {"TimeZone": "America/New_York", "DateStyle": "Postgres, MDY"}, None)
    database.rollback()
    for name in ("TimeZone", "DateStyle"):
        database.execute(f'ALTER DATABASE "{database.name}" RESET {name}')
    assert database.dump() == before
