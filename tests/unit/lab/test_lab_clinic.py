# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The clinic is what CLINIC.md says: the state before the migrations, with data that holds together."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import NamedTuple

import psycopg2
import pytest

from lab import clinic
from lab.server import Server

pytestmark = pytest.mark.postgres

SCALE = 0.002
NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)

# The rollback section of the guide names them.
COMPOSITE_INDEXES = {
    "Appointment_tenantId_status_dateTime_idx",
    "Reminder_tenantId_status_dueDate_idx",
    "Sale_tenantId_status_createdAt_idx",
    "CashDrawer_tenantId_status_openedAt_idx",
    "Staff_tenantId_isActive_idx",
    "Service_tenantId_isActive_category_idx",
    "InventoryItem_tenantId_status_quantity_idx",
    "MedicalHistory_tenantId_visitDate_idx",
    "TreatmentSchedule_tenantId_status_scheduledDate_idx",
}


class Key(NamedTuple):
    """What the catalog says about a foreign key and its column."""

    table: str
    column: str
    on_delete: str
    on_update: str
    valid: bool
    not_null: bool


# One query for each foreign key: its name, and how many of its rows name a parent that is not there.
ORPHAN_QUERIES = """
    SELECT format('SELECT %L, count(*) FROM %s AS child WHERE child.%I IS NOT NULL AND NOT EXISTS '
                  '(SELECT 1 FROM %s AS parent WHERE parent.%I = child.%I)',
                  conname, conrelid::regclass, c.attname, confrelid::regclass, p.attname, c.attname)
    FROM pg_constraint
    JOIN pg_attribute AS c ON c.attrelid = conrelid AND c.attnum = conkey[1]
    JOIN pg_attribute AS p ON p.attrelid = confrelid AND p.attnum = confkey[1]
    WHERE contype = 'f'"""


@pytest.fixture(scope="module")
def server(postgres_major: int) -> Iterator[Server]:
    """A server with the clinic in it; the tests change nothing that lasts."""
    with Server.start(postgres_major) as one:
        one.create_database("clinic")
        clinic.load(one.url("clinic"), SCALE, NOW)
        yield one


def _orphans(cursor: psycopg2.extensions.cursor) -> dict[str, int]:
    """The number of orphans by foreign key."""
    cursor.execute(ORPHAN_QUERIES)
    found = {}
    for (query,) in cursor.fetchall():
        cursor.execute(query)
        name, count = cursor.fetchone()
        found[name] = count
    return found


def test_no_row_is_an_orphan(server: Server) -> None:
    """Of any foreign key, although they were not enforced while loading. The test would see one."""
    connection = server.connect("clinic")
    connection.autocommit = False
    with connection.cursor() as cursor:
        assert len(_orphans(cursor)) == 34
        assert set(_orphans(cursor).values()) == {0}
        cursor.execute("SET session_replication_role = replica")
        cursor.execute('UPDATE "Sale" SET "petId" = \'nobody\' WHERE "petId" IS NOT NULL')
        broken = cursor.rowcount
        assert _orphans(cursor)["Sale_petId_fkey"] == broken > 0
    connection.close()


def test_the_keys_are_those_of_before_the_migration(server: Server) -> None:
    """All ON UPDATE CASCADE, valid, named as Prisma names them; those that the migrations change, as they were."""
    rows = server.execute(
        """SELECT conname, relname, attname, confdeltype, confupdtype, convalidated, attnotnull
           FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
           JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
           WHERE contype = 'f'""",
        database="clinic",
    )
    keys = {row[0]: Key(*row[1:]) for row in rows}
    assert {(key.on_update, key.valid) for key in keys.values()} == {("c", True)}
    assert set(keys) == {f"{key.table}_{key.column}_fkey" for key in keys.values()}
    assert {name for name, key in keys.items() if key.on_delete == "r"} == {
        *("Pet_customerId_fkey", "Appointment_customerId_fkey", "Sale_customerId_fkey", "Reminder_customerId_fkey"),
        *("SaleItem_itemId_fkey", "SaleItem_serviceId_fkey"),
        *("CashDrawer_openedById_fkey", "CashDrawer_closedById_fkey"),
    }
    assert keys["CashDrawer_openedById_fkey"].not_null
    assert not keys["CashDrawer_closedById_fkey"].not_null


def test_the_indexes_are_those_of_before_the_migration(server: Server) -> None:
    """One column each, valid, one on every foreign key column, and none of the nine."""
    rows = server.execute(
        """SELECT relname, indnatts, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
           WHERE relnamespace = 'public'::regnamespace""",
        database="clinic",
    )
    names = {row[0] for row in rows}
    assert names & COMPOSITE_INDEXES == set()
    assert {row[1:] for row in rows} == {(1, True)}
    assert {f"{table}_pkey" for table in clinic.ROWS} <= names
    assert {"Appointment_tenantId_idx", "Tenant_slug_key", "Staff_userId_key", "CashDrawer_openedById_idx"} <= names
    unindexed = server.execute(
        """SELECT conname FROM pg_constraint
           WHERE contype = 'f' AND NOT EXISTS
               (SELECT 1 FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1])""",
        database="clinic",
    )
    assert unindexed == []


def test_there_is_nothing_but_the_application(server: Server) -> None:
    """14 tables and six enums; no sequence, view, function or schema besides."""
    relations = server.execute(
        "SELECT relkind, count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace GROUP BY 1 ORDER BY 1",
        database="clinic",
    )
    assert set(dict(relations)) == {"i", "r"}
    assert dict(relations)["r"] == len(clinic.ROWS) == 14
    others = server.execute(
        """SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
                  (SELECT count(*) FROM pg_type WHERE typtype = 'e'),
                  (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')""",
        database="clinic",
    )
    assert others == [(0, 6, 1)]


def test_the_rows_are_as_many_as_said_and_as_uneven_as_life(server: Server) -> None:
    """Every table has its number; the tenants differ; one appointment in twenty is scheduled."""
    counts = {
        table: server.execute(f'SELECT count(*) FROM "{table}"', database="clinic")[0][0] for table in clinic.ROWS
    }
    assert counts == clinic.rows_at(SCALE)
    assert clinic.rows_at(1) == clinic.ROWS
    ((smallest, largest, scheduled),) = server.execute(
        """SELECT min(n), max(n), sum(scheduled) / sum(n)
           FROM (SELECT count(*) AS n, count(*) FILTER (WHERE status = 'SCHEDULED') AS scheduled
                 FROM "Appointment" GROUP BY "tenantId") AS by_tenant""",
        database="clinic",
    )
    assert largest > 20 * smallest > 0
    assert 0.03 < scheduled < 0.07


def test_children_belong_to_the_tenant_of_their_parents(server: Server) -> None:
    """A foreign key does not say so; an application relies on it."""
    for child, parent, column in (
        ("Pet", "Customer", "customerId"),
        ("Appointment", "Pet", "petId"),
        ("Appointment", "Customer", "customerId"),
        ("Appointment", "Staff", "staffId"),
        ("Appointment", "User", "userId"),
        ("Reminder", "Pet", "petId"),
        ("MedicalHistory", "Staff", "staffId"),
        ("TreatmentSchedule", "Pet", "petId"),
        ("Sale", "Customer", "customerId"),
        ("Sale", "Pet", "petId"),
        ("Customer", "User", "userId"),
        ("CashDrawer", "User", "openedById"),
    ):
        ((pairs, strangers),) = server.execute(
            f"""SELECT count(*), count(*) FILTER (WHERE c."tenantId" <> p."tenantId" OR p."tenantId" IS NULL)
                FROM "{child}" AS c JOIN "{parent}" AS p ON p."id" = c."{column}" """,
            database="clinic",
        )
        assert pairs > 0, (child, column)
        assert strangers == 0, (child, column)


def test_the_same_rows_come_every_time(server: Server) -> None:
    """Into another database, with the same date."""
    server.create_database("again")
    clinic.load(server.url("again"), SCALE, NOW)
    for table in clinic.ROWS:
        query = f"""SELECT md5(string_agg(t::text, '' ORDER BY "id")) FROM "{table}" AS t"""
        assert server.execute(query, database="again") == server.execute(query, database="clinic"), table
    assert server.dump_schema("again") == server.dump_schema("clinic")
    server.drop_database("again")


def test_a_tenant_sees_its_own_rows_only(server: Server) -> None:
    """Row level security is on for all tables, and not for their owner."""
    security = server.execute(
        "SELECT relrowsecurity, relforcerowsecurity, count(*) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY 1, 2",
        database="clinic",
    )
    assert security == [(True, False, 14)]
    ((tenant,),) = server.execute('SELECT "tenantId" FROM "Sale" LIMIT 1', database="clinic")
    connection = server.connect("clinic")
    connection.autocommit = False  # so that the role is gone with the connection
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tenant; GRANT SELECT ON ALL TABLES IN SCHEMA public TO tenant; SET ROLE tenant")
        cursor.execute('SELECT (SELECT count(*) FROM "Sale"), (SELECT count(*) FROM "SaleItem")')
        assert cursor.fetchone() == (0, 0)
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
        cursor.execute('SELECT array_agg(DISTINCT "tenantId"), (SELECT count(*) FROM "SaleItem") FROM "Sale"')
        tenants, items = cursor.fetchone()
        assert tenants == [tenant]
        assert 0 < items < clinic.rows_at(SCALE)["SaleItem"]
    connection.close()
