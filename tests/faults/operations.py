# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The operations that faults strike: a migration each, over a copy of the shop (integration/shop.sql)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    """before_each: SQL before each deployment, for what a rollback does not bring back.

    whole: of several steps, each of which is an operation by itself. rows: asks for the rows that it writes. table: the
    one that it is about, where no entry names it.
    """

    name: str
    migration: dict[str, Any]
    before_each: str = ""
    rows: str = ""
    table: str = ""
    whole: bool = False


# What the operations find there, beside the shop: a table that is partitioned on two levels, one with nothing but a
# default partition, and one without a primary key. They are this small since each partition more is struck at a dozen
# more places.
SETUP = """
    ALTER TABLE "Category" ADD CONSTRAINT "Category_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "Category";
    CREATE INDEX replaced ON "Order" (note);
    CREATE INDEX dropped ON "Customer" (email, name) WHERE "isActive";

    CREATE TABLE "Payment" (id integer PRIMARY KEY, method text) PARTITION BY RANGE (id);
    CREATE TABLE "Payment_1" PARTITION OF "Payment" FOR VALUES FROM (0) TO (1000) PARTITION BY RANGE (id);
    CREATE TABLE "Payment_1_rest" PARTITION OF "Payment_1" DEFAULT;
    CREATE TABLE "Refund" (id integer PRIMARY KEY, "paymentId" integer, reminders integer NOT NULL DEFAULT 0);
    INSERT INTO "Payment" SELECT n, 'method ' || n % 5 FROM generate_series(1, 300) AS n;
    INSERT INTO "Refund" SELECT n, 3 * n FROM generate_series(1, 100) AS n;
    CREATE TABLE "Parcel" (id integer PRIMARY KEY, code text) PARTITION BY RANGE (id);
    CREATE TABLE "Parcel_rest" PARTITION OF "Parcel" DEFAULT;
    INSERT INTO "Parcel" SELECT n, 'code ' || n FROM generate_series(1, 300) AS n;
    CREATE INDEX "Parcel_code_idx" ON "Parcel" (code);
    COMMENT ON INDEX "Parcel_rest_code_idx" IS 'theirs';
    CREATE TABLE "Visit" (id integer, code text, CONSTRAINT "Visit_code_key" UNIQUE (code));
    COMMENT ON CONSTRAINT "Visit_code_key" ON "Visit" IS 'theirs';
    INSERT INTO "Visit" SELECT n, 'v' || n FROM generate_series(1, 300) AS n;

    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE VIEW "OpenRefund" AS SELECT id FROM "Refund" WHERE reminders = 0;
    COMMENT ON VIEW "OpenRefund" IS 'theirs';
    GRANT SELECT ON "OpenRefund" TO PUBLIC;"""
# A build that failed: the place of such an index is empty after a rollback, since nobody wants it back.
_INVALID = """
    DROP INDEX IF EXISTS repaired;
    CREATE INDEX repaired ON "Order" (visitor);
    UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'repaired'::regclass"""
TIDY = "DROP INDEX IF EXISTS repaired"

_KEY = {
    "name": "Order_customerId_fkey",
    "table": "Order",
    "columns": ["customerId"],
    "references": {"table": "Customer", "columns": ["id"]},
}
_SET_NULL = {"on_delete": "set_null", "on_update": "cascade"}
_ADDED_KEY = {**_KEY, "name": "Order_sellerId_fkey", "columns": ["sellerId"], **_SET_NULL}
_REPLACED_KEY = {**_KEY, "on_delete": "cascade", "on_update": "cascade"}
_DROPPED_KEY = {"name": "Category_parentId_fkey", "table": "Category", "state": "absent"}
_BUILT = {"table": "Order", "columns": ["tenantId", "status", {"name": "placedAt", "order": "desc"}]}
_REPLACED = {"name": "replaced", "table": "Order", "columns": ["note", "total"]}
_DROPPED = {"name": "dropped", "table": "Customer", "state": "absent"}
_NULLABLE = {"table": "Order", "name": "customerId", "nullable": True}
_NOT_NULL = {"table": "Order", "name": "note", "nullable": False}
_ADDED_COLUMN = {"table": "Order", "name": "discount", "type": "numeric(10,2)", "default": 0, "nullable": False}
_DEFAULT = {"table": "Order", "name": "tags", "default": "'{new}'"}
_UNIQUE = {"table": "Customer", "unique": ["email"]}
_UNIQUE_REPLACED = {"table": "Visit", "name": "Visit_code_key", "unique": ["code", "id"]}
_PRIMARY_KEY = {"table": "Visit", "primary_key": ["id"]}
_PARTITIONED = {"table": "Payment", "columns": ["method"]}
_PARTITIONED_REPLACED = {"name": "Parcel_code_idx", "table": "Parcel", "columns": ["code", "id"]}
_KEY_TO_PARTITIONED = {
    "name": "Refund_paymentId_fkey",
    "table": "Refund",
    "columns": ["paymentId"],
    "references": {"table": "Payment", "columns": ["id"]},
}

# Statements, as SQL in a file comes to be written: with the lock that traffic feels, the one that it does not, or none.
_TRIGGER = {
    "name": "CREATE TRIGGER: trigger stamped on Order",
    "sql": 'CREATE TRIGGER stamped BEFORE INSERT OR UPDATE ON "Order" FOR EACH ROW EXECUTE FUNCTION stamp()',
    "undo": ['DROP TRIGGER IF EXISTS "stamped" ON "Order"'],
    "locks": [{"table": "Order"}],
    "mode": "SHARE ROW EXCLUSIVE",
    "makes": [{"type": "trigger", "names": ["Order", "stamped"]}],
}
_ROWS = {
    "name": "UPDATE: rows of Refund",
    "sql": 'UPDATE "Refund" SET reminders = reminders + 1 WHERE id % 50 = 0',
    "undo": [],
    "keep_rows": {
        "command": "UPDATE",
        "table": "Refund",
        "columns": ["reminders"],
        "locking": 'SELECT "Refund".* FROM "Refund" WHERE id % 50 = 0 FOR NO KEY UPDATE OF "Refund"',
    },
    "locks": [{"table": "Refund"}],
    "mode": "ROW EXCLUSIVE",
}
_CHECK = {
    "name": "ALTER TABLE ADD CHECK: CHECK Order_total_check of Order",
    "sql": 'ALTER TABLE "Order" ADD CONSTRAINT "Order_total_check" CHECK (total >= 0) NOT VALID',
    "undo": ['ALTER TABLE "Order" DROP CONSTRAINT IF EXISTS "Order_total_check"'],
    "locks": [{"table": "Order"}],
    "makes": [{"type": "table constraint", "names": ["Order", "Order_total_check"]}],
}
_VALIDATED = {
    "name": "ALTER TABLE VALIDATE CONSTRAINT: constraint Order_total_check of Order",
    "sql": 'ALTER TABLE "Order" VALIDATE CONSTRAINT "Order_total_check"',
    "undo": [],
}
# What takes it back is read from the catalog.
_VIEW = {
    "name": "CREATE VIEW: view OpenRefund",
    "sql": 'CREATE OR REPLACE VIEW "OpenRefund" AS SELECT id, reminders FROM "Refund" WHERE reminders < 3',
    "undo": ['DROP VIEW IF EXISTS "OpenRefund"'],
    "makes": [{"type": "view", "names": ["OpenRefund"]}],
    "if_there": "replace",
}

OPERATIONS = (
    Operation("index build", {"id": "one", "indexes": [_BUILT]}),
    Operation(
        "unique index", {"id": "one", "indexes": [{"table": "Customer", "columns": ["tenantId", "id"], "unique": True}]}
    ),
    Operation(
        "index on an expression",
        {"id": "one", "indexes": [{"table": "Order", "name": "loud", "columns": [{"expression": "lower(note)"}]}]},
    ),
    Operation("index replaced", {"id": "one", "indexes": [_REPLACED]}),
    Operation("index dropped", {"id": "one", "indexes": [_DROPPED]}),
    Operation(
        "invalid index repaired",
        {"id": "one", "indexes": [{"name": "repaired", "table": "Order", "columns": ["visitor"]}]},
        before_each=_INVALID,
    ),
    Operation("foreign key added", {"id": "one", "foreign_keys": [_ADDED_KEY]}),
    Operation("foreign key replaced", {"id": "one", "foreign_keys": [_REPLACED_KEY]}),
    Operation("foreign key dropped", {"id": "one", "foreign_keys": [_DROPPED_KEY]}),
    Operation("column made nullable", {"id": "one", "columns": [_NULLABLE]}),
    Operation("column made NOT NULL", {"id": "one", "columns": [_NOT_NULL]}),
    Operation("column added", {"id": "one", "columns": [_ADDED_COLUMN]}),
    Operation("default of a column", {"id": "one", "columns": [_DEFAULT]}),
    Operation("unique constraint added", {"id": "one", "constraints": [_UNIQUE]}),
    Operation("unique constraint replaced", {"id": "one", "constraints": [_UNIQUE_REPLACED]}),
    Operation("primary key added", {"id": "one", "constraints": [_PRIMARY_KEY]}),
    Operation("index of a partitioned table", {"id": "one", "indexes": [_PARTITIONED]}),
    Operation("index of a partitioned table replaced", {"id": "one", "indexes": [_PARTITIONED_REPLACED]}, whole=True),
    Operation("foreign key to a partitioned table", {"id": "one", "foreign_keys": [_KEY_TO_PARTITIONED]}),
    Operation("trigger", {"id": "one", "statements": [_TRIGGER]}),
    Operation(
        "rows written",
        {"id": "one", "statements": [_ROWS]},
        # Where one is written twice, and taken back once, that is seen here alone.
        rows='SELECT id, reminders FROM "Refund" WHERE reminders <> 0 ORDER BY id',
    ),
    Operation("CHECK in two statements", {"id": "one", "statements": [_CHECK, _VALIDATED]}),
    Operation("view replaced", {"id": "one", "statements": [_VIEW]}, table="Refund"),
    Operation(
        "all in one migration",
        {
            "id": "one",
            "columns": [_NULLABLE, _NOT_NULL, _ADDED_COLUMN, _DEFAULT],
            "indexes": [_BUILT, _REPLACED, _DROPPED],
            "foreign_keys": [_ADDED_KEY, {**_REPLACED_KEY, **_SET_NULL}, _DROPPED_KEY],
            "verification": {"unchanged_counts": ["Order"]},
        },
        # As on the first deployment ever: the journal is made, too.
        before_each="DROP SCHEMA IF EXISTS steady CASCADE",
        whole=True,
    ),
)
