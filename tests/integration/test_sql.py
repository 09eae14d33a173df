# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Migrations in SQL: what is deployed is what psql makes of the same file, and the rollback is as before."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import MigrationFileError, load
from faults.operations import OPERATIONS, SETUP
from integration.ansible_command import ROOT
from integration.cluster import Cluster, Database

pytestmark = pytest.mark.postgres

Read = Callable[[str], "dict[str, Any]"]

FILES = {
    "an index": 'CREATE INDEX ON "Order" ("tenantId", status);',
    "an index with all that it may have": """
        CREATE UNIQUE INDEX IF NOT EXISTS "a ""b"" ;c" ON public."Order" USING btree
          (lower(note) COLLATE "C" text_pattern_ops DESC NULLS LAST, "placedAt", id)
          INCLUDE (total) NULLS NOT DISTINCT WITH (fillfactor = 70) WHERE note IS NOT NULL AND note <> ';--';
        """,
    "expressions that name their table, as Drizzle writes them": """
        CREATE UNIQUE INDEX IF NOT EXISTS open_orders ON "Order" USING btree ("tenantId", lower("Order"."note"))
          WHERE "Order"."note" IS NOT NULL AND "public"."Order".total >= 0;
        """,
    "indexes without a name": """
        CREATE INDEX ON "Order" (lower(note)); CREATE INDEX ON "Order" (lower(note), status);
        CREATE UNIQUE INDEX ON "Order" (id, "tenantId"); CREATE INDEX ON "Order" (lower(note));
        """,
    "an index beside one that does its job": 'CREATE INDEX again ON "Order" ("customerId");',
    "an index dropped": 'DROP INDEX "Order_customerId_idx"; DROP INDEX IF EXISTS "nothing of this name";',
    "an index replaced": """
        DROP INDEX IF EXISTS "Order_customerId_idx";
        CREATE INDEX CONCURRENTLY "Order_customerId_idx" ON "Order" ("customerId", "placedAt" DESC);
        """,
    "a key": """
        BEGIN;
        SET LOCAL lock_timeout = '2s';
        ALTER TABLE "Order" ADD CONSTRAINT "Order_sellerId_fkey" FOREIGN KEY ("sellerId") REFERENCES "Customer" ("id")
          ON DELETE SET NULL ON UPDATE CASCADE;
        COMMIT;
        """,
    "a key without a name": 'ALTER TABLE "Order" ADD FOREIGN KEY ("sellerId") REFERENCES "Customer" (id) DEFERRABLE;',
    "a key in two steps": """
        ALTER TABLE "Order" ADD CONSTRAINT k FOREIGN KEY ("sellerId") REFERENCES "Customer" (id) NOT VALID;
        ALTER TABLE "Order" VALIDATE CONSTRAINT k;
        """,
    "a key dropped": 'ALTER TABLE "Order" DROP CONSTRAINT IF EXISTS "Order_customerId_fkey";',
    "a key replaced, as Prisma writes it": """
        -- DropForeignKey
        ALTER TABLE "public"."Order" DROP CONSTRAINT "Order_customerId_fkey";

        -- AddForeignKey
        ALTER TABLE "public"."Order" ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId")
          REFERENCES "public"."Customer"("id") ON DELETE CASCADE ON UPDATE CASCADE;
        """,
    "a key replaced loses what the new one does not say": """
        ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey",
          ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" (id);
        """,
    "SET NULL where NULL is refused": """
        ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey";
        -- steady: accept breaks_running_application because customers are never deleted
        ALTER TABLE "Order" ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId")
          REFERENCES "Customer" (id) ON DELETE SET NULL;
        -- steady: accept breaks_running_application on Order.payer because customers are never deleted
        ALTER TABLE "Order" ADD COLUMN payer text NOT NULL DEFAULT 'c1',
          ADD CONSTRAINT payer FOREIGN KEY (payer) REFERENCES "Customer" (id) ON UPDATE SET NULL;
        """,
    "indexes of a materialized view, and comments on its columns and a view's": """
        CREATE INDEX IF NOT EXISTS stored_total ON stored (total DESC) WHERE total > 0;
        CREATE UNIQUE INDEX ON stored (id); CREATE UNIQUE INDEX ON unfilled (id, lower(note));
        DROP INDEX stored_old;
        CREATE INDEX stored_old ON stored (lower(note), id);
        DROP INDEX stored_gone;
        COMMENT ON COLUMN stored.total IS 'of all lines'; COMMENT ON COLUMN stored.note IS NULL;
        COMMENT ON COLUMN public."open ""orders".id IS 'of the order';
        CREATE VIEW fresh AS SELECT id FROM stored;
        COMMENT ON COLUMN fresh.id IS 'of the order';
        CREATE MATERIALIZED VIEW kept AS SELECT id FROM "Order";
        CREATE UNIQUE INDEX ON kept (id);
        COMMENT ON COLUMN kept.id IS 'kept';
        """,
    "nullability": """
        -- steady: accept breaks_running_application because all versions in use write it
        ALTER TABLE "Order" ALTER COLUMN "tenantId" DROP NOT NULL, ALTER note SET NOT NULL;
        """,
    "columns": """
        ALTER TABLE "Order" ADD COLUMN "updatedAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
          ADD COLUMN IF NOT EXISTS "a ""b" varchar(20) DEFAULT 'it''s', ADD rate numeric(10,2);
        ALTER TABLE "Order" ADD state "OrderStatus" DEFAULT 'NEW'::"OrderStatus" NOT NULL,
          ADD tagged text[] DEFAULT '{}';
        COMMENT ON COLUMN "Order"."updatedAt" IS 'when; it''s "late"';
        """,
    "a column with its index and its key": """
        ALTER TABLE "Order" ADD COLUMN "payerId" text REFERENCES "Customer" (id) ON DELETE SET NULL;
        CREATE INDEX ON "Order" ("payerId", lower("payerId")) WHERE "payerId" IS NOT NULL;
        CREATE UNIQUE INDEX ON "Order" ("payerId", id);
        """,
    "defaults": """
        ALTER TABLE "Customer" ALTER COLUMN "isActive" SET DEFAULT false;
        ALTER TABLE "Order" ALTER tags DROP DEFAULT, ALTER note SET DEFAULT 'n/a', ALTER total SET DEFAULT 1 + 2;
        """,
    "a new type, a new table, and what uses them on tables that are there": """
        CREATE TYPE "State" AS ENUM ('A', 'B');
        CREATE TABLE "Thing" (
          id text PRIMARY KEY, "orderId" integer NOT NULL, s "State" DEFAULT 'A', UNIQUE ("orderId")
        );
        CREATE INDEX CONCURRENTLY "Thing_s_idx" ON "Thing" (s);
        ALTER TABLE "Thing" ADD CONSTRAINT "Thing_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES "Order" (id)
          ON DELETE CASCADE;
        ALTER TABLE "Order" ADD COLUMN st "State" NOT NULL DEFAULT 'A', ADD COLUMN "thingId" text;
        CREATE INDEX ON "Order" (st);
        ALTER TABLE "Order" ADD CONSTRAINT tk FOREIGN KEY ("thingId") REFERENCES "Thing" (id);
        UPDATE "Order" SET "thingId" = NULL WHERE st = 'B';
        CREATE VIEW v AS SELECT id, st FROM "Order";
        CREATE FUNCTION f(a int, b text DEFAULT ';') RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;
        COMMENT ON TABLE "Order" IS 'orders -- and more';
        """,
    "a column that is filled, a CHECK, a trigger, a seeded table": """
        ALTER TABLE "Order" ADD COLUMN code text;
        UPDATE "Order" SET code = id::text;
        -- steady: accept fails_on_data because filled above
        -- steady: accept breaks_running_application because deployed before
        ALTER TABLE "Order" ALTER COLUMN code SET NOT NULL;
        -- steady: accept fails_on_data because counted
        -- steady: accept breaks_running_application because deployed before
        ALTER TABLE "Order" ADD CONSTRAINT pos CHECK (total >= 0 OR total IS NULL), ADD COLUMN x int;
        CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER tr BEFORE UPDATE ON "Order" FOR EACH ROW EXECUTE FUNCTION touch();
        -- steady: accept breaks_running_application because no code has it
        ALTER TYPE "OrderStatus" RENAME VALUE 'NEW' TO 'FRESH';
        CREATE TABLE IF NOT EXISTS "Customer" (id int);
        CREATE TABLE seed (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, v text, o int REFERENCES "Order" (id));
        INSERT INTO seed (v) VALUES ('a'), ('b;--');
        CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM "Order";
        CREATE UNIQUE INDEX ON seed (v);
        COMMENT ON COLUMN seed.v IS 'x';
        ALTER TABLE "Customer" RENAME COLUMN name TO "fullName";
        CREATE POLICY p ON seed USING (true);
        ALTER TABLE seed ENABLE ROW LEVEL SECURITY;
        DO $$ BEGIN RAISE NOTICE 'x'; END $$;
        """,
    "what is renamed, and then named": """
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TABLE "Order" RENAME COLUMN note TO remark;
        CREATE INDEX ON "Order" (lower(remark)) WHERE remark IS NOT NULL;
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TYPE "OrderStatus" RENAME TO "Status";
        ALTER TABLE "Order" ADD COLUMN former "Status";
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TABLE "Order" RENAME TO "Orders";
        ALTER TABLE "Orders" ADD COLUMN x int DEFAULT 3,
          ADD CONSTRAINT k FOREIGN KEY ("sellerId") REFERENCES "Customer" (id);
        UPDATE "Orders" SET x = 4 WHERE id < 10;
        CREATE INDEX i ON "Orders" (former, x);
        """,
    "a table is renamed, and then what was on it is dropped and made anew": """
        ALTER TABLE "Order" ALTER note SET DEFAULT 'first';
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TABLE "Order" RENAME TO "Sale";
        DROP INDEX "Order_customerId_idx";
        ALTER TABLE "Sale" DROP CONSTRAINT "Order_customerId_fkey";
        ALTER TABLE "Sale" ADD CONSTRAINT "Sale_customerId_fkey" FOREIGN KEY ("customerId")
          REFERENCES "Customer" (id) ON DELETE CASCADE;
        CREATE INDEX "Order_customerId_idx" ON "Sale" ("customerId", note);
        ALTER INDEX "Order_pkey" RENAME TO "Sale_pkey";
        ALTER TABLE "Sale" ALTER note SET DEFAULT 'second', ADD COLUMN x int DEFAULT 3, ADD UNIQUE (id, note);
        COMMENT ON COLUMN "Sale".note IS 'of a sale';
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TABLE "Customer" RENAME TO "Client";
        ALTER TABLE "Client" DROP CONSTRAINT long_enough;
        ALTER TABLE "Client" DROP CONSTRAINT one_email;
        CREATE INDEX ON "Client" (email);
        """,
    "a table is renamed, and then only an index of it is dropped": """
        -- steady: accept breaks_running_application because it is read by no code
        ALTER TABLE "Order" RENAME TO "Sale";
        DROP INDEX IF EXISTS "Order_customerId_idx", "nothing of this name";
        """,
    "an object twice, with rows written in between": """
        -- steady: accept not_reversible because it is a test
        UPDATE "Order" SET note = 'n' WHERE note = '';
        CREATE UNIQUE INDEX once ON "Order" (id, note);
        ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey";
        -- steady: accept not_reversible because it is a test
        UPDATE "Order" SET "sellerId" = "customerId";
        ALTER TABLE "Order" ADD CONSTRAINT "Order_customerId_fkey"
          FOREIGN KEY ("customerId") REFERENCES "Customer" (id);
        DROP INDEX "Order_customerId_idx";
        -- steady: accept data_loss because it is a test
        DELETE FROM "Order" WHERE id < 0;
        CREATE INDEX "Order_customerId_idx" ON "Order" ("customerId", id);
        """,
    "constraints of other kinds": """
        ALTER TABLE "Customer" DROP CONSTRAINT IF EXISTS long_enough;
        ALTER TABLE "Customer" DROP CONSTRAINT IF EXISTS one_email;
        """,
    "what is as wanted before a statement, and not after it": """
        -- steady: accept breaks_running_application because no code has it
        ALTER TABLE "Order" RENAME COLUMN "sellerId" TO old;
        ALTER TABLE "Order" ADD COLUMN "sellerId" text;
        CREATE TABLE passing (a int); CREATE UNIQUE INDEX k ON passing (a); DROP INDEX IF EXISTS k;
        ALTER TABLE "Customer" RENAME CONSTRAINT long_enough TO longer;
        ALTER TABLE "Customer" DROP CONSTRAINT longer;
        ALTER INDEX "Order_customerId_idx" RENAME TO j;
        DROP INDEX j;
        -- steady: accept data_loss because it is not there
        -- steady: accept breaks_running_application because it is not there
        DROP TABLE IF EXISTS nothing;
        CREATE TABLE nothing (id int PRIMARY KEY);
        """,
    "a CHECK replaced": """
        ALTER TABLE "Customer" DROP CONSTRAINT long_enough;
        CREATE INDEX ON "Customer" (name);
        -- steady: accept fails_on_data because counted
        ALTER TABLE "Customer" ADD CONSTRAINT long_enough CHECK (length(name) > 0 OR name = ''), ADD nick text;
        """,
    "views and functions that are made anew": """
        DROP VIEW "open ""orders";
        CREATE VIEW "open ""orders" AS SELECT id, total, status FROM "Order";
        CREATE OR REPLACE VIEW plain AS SELECT 1 AS one, 2 AS two;
        -- steady: accept breaks_running_application because it only adds a query
        CREATE RULE r AS ON INSERT TO "Category" DO ALSO (SELECT 1; SELECT 2);
        -- steady: accept breaks_running_application because nothing calls it
        DROP FUNCTION twice(integer);
        COMMENT ON FUNCTION shout(text) IS NULL;
        """,
    "all of it, in another order than ours": """\ufeff/* of /* nested */ ; comments */
        BEGIN;\r\n
        ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey";
        DROP INDEX "Order_customerId_idx";
        CREATE INDEX täglich ON "Order" ("placedAt") WHERE note = $x$;'"$x$ OR note = E'\\'';
        -- steady: accept breaks_running_application on Order.sellerId because it is always written
        ALTER TABLE "Order" ALTER "sellerId" SET NOT NULL;
        ALTER TABLE "Order" ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" (id)
          ON DELETE RESTRICT;
        COMMIT;
        """,
}
#: Rows that none of the files fails on.
ROWS = """
UPDATE "Order" SET "sellerId" = "customerId", note = coalesce(note, '');
ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey", ADD CONSTRAINT "Order_customerId_fkey"
  FOREIGN KEY ("customerId") REFERENCES "Customer" (id) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE;
CREATE VIEW "open ""orders" WITH (security_barrier) AS SELECT id FROM "Order" WHERE status = 'OPEN';
COMMENT ON VIEW "open ""orders" IS 'it''s for reports';
GRANT SELECT ON "open ""orders" TO PUBLIC;
CREATE VIEW plain WITH (security_barrier = true) AS SELECT 2 AS one;
CREATE FUNCTION twice(n integer DEFAULT 2) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
REVOKE ALL ON FUNCTION twice FROM PUBLIC;
COMMENT ON FUNCTION shout IS 'loud';
CREATE MATERIALIZED VIEW stored AS SELECT id, total, note FROM "Order";
CREATE INDEX stored_old ON stored (note); CREATE INDEX stored_gone ON stored (id, note);
COMMENT ON COLUMN stored.note IS 'free text';
CREATE MATERIALIZED VIEW unfilled AS SELECT id, note FROM "Order" WITH NO DATA;
ALTER TABLE "Customer" ADD CONSTRAINT long_enough CHECK (length(name) > 0), ADD CONSTRAINT one_email UNIQUE (email, id);
COMMENT ON CONSTRAINT long_enough ON "Customer" IS 'it''s a rule';
"""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a migration of the given content, as a playbook does."""
    monkeypatch.chdir(tmp_path)

    def content(text: str) -> dict[str, Any]:
        file = Path("V7__what.sql")
        file.write_text(text, encoding="utf-8", newline="")
        return load(file)

    return content


def by_psql(database: Database, text: str) -> str:
    """The schema after psql has run the file."""
    program = database.server.installation.client("psql")
    command = [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url(), "-f", "-"]
    done = subprocess.run(command, input=text.lstrip("\ufeff").encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return database.dump()


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_deployed_is_what_psql_makes_of_it(
    cluster: Cluster, database: Database, read: Read, postgres_major: int, text: str
) -> None:
    database.execute(ROWS)
    before = database.dump()
    other = cluster.database(database.name)
    wanted = by_psql(other, text)
    migration = read(text)
    checked = database.apply(migration, check=True)
    assert checked["changed"] is (wanted != before)
    done = database.apply(migration)
    assert (done["changed"], done["plan_hash"]) == (checked["changed"], checked["plan_hash"])
    assert database.dump() == wanted
    assert {step["source"].partition(":")[0] for step in done["steps"]} <= {"V7__what.sql"}
    with database.nothing_written():
        assert database.apply(migration, check=True)["changed"] is False
        assert database.apply(migration)["changed"] is False
        assert database.verify(migration)["status"] == "verified"
    database.rollback(partial="not_reversible" in text or "data_loss" in text)
    assert database.dump() == before


#: What cannot be undone completely: data, and the type of a column.
FOR_GOOD = {
    "an enum value taken away, as Prisma writes it": """
        -- steady: accept not_reversible because it is a test
        UPDATE "Order" SET status = 'OPEN' WHERE status = 'DONE';
        -- steady: accept breaks_running_application because it is a test
        DROP VIEW "open ""orders";
        BEGIN;
        CREATE TYPE "OrderStatus_new" AS ENUM ('NEW', 'OPEN');
        -- steady: accept not_reversible because it is a test
        ALTER TABLE "Order" ALTER COLUMN status DROP DEFAULT;
        -- steady: accept table_rewrite because it is a test
        -- steady: accept fails_on_data because it is a test
        -- steady: accept breaks_running_application because it is a test
        -- steady: accept not_reversible because it is a test
        ALTER TABLE "Order" ALTER COLUMN status TYPE "OrderStatus_new" USING (status::text::"OrderStatus_new");
        ALTER TYPE "OrderStatus" RENAME TO "OrderStatus_old";
        ALTER TYPE "OrderStatus_new" RENAME TO "OrderStatus";
        DROP TYPE "OrderStatus_old";
        -- steady: accept not_reversible because it is a test
        ALTER TABLE "Order" ALTER COLUMN status SET DEFAULT 'OPEN';
        COMMIT;
        """,
}


@pytest.mark.parametrize("text", FOR_GOOD.values(), ids=FOR_GOOD)
def test_what_is_not_reversible_is_what_psql_makes_of_it(
    cluster: Cluster, database: Database, read: Read, text: str
) -> None:
    database.execute(ROWS)
    other = cluster.database(database.name)
    wanted = by_psql(other, text)
    migration = read(text)
    assert database.apply(migration)["changed"]
    assert database.dump() == wanted
    assert database.apply(migration)["changed"] is False
    with pytest.raises(SteadyError, match="cannot be undone"):
        database.rollback()


REFUSED = {
    "an index of this name with another definition": (
        'CREATE INDEX IF NOT EXISTS "Order_customerId_idx" ON "Order" (total);',
        'V7__what.sql:1: the index "Order_customerId_idx" has another definition',
    ),
    "a column of this name with another default": (
        'ALTER TABLE "Customer" ADD COLUMN IF NOT EXISTS "isActive" boolean NOT NULL DEFAULT false;',
        "V7__what.sql:1: the column public.Customer.isActive exists with another definition",
    ),
    "a key of this name with another definition": (
        'ALTER TABLE "Order" ADD CONSTRAINT "Order_customerId_fkey"\n'
        '  FOREIGN KEY ("sellerId") REFERENCES "Customer" (id);',
        "V7__what.sql:1: the foreign key public.Order.Order_customerId_fkey exists with another definition",
    ),
    "a table dropped as an index": ('\n\nDROP INDEX "Order";', "V7__what.sql:3: "),
    "a table that is not there": (
        'CREATE INDEX i ON "Ordre" (a);',
        'V7__what.sql:1: there is no table "Ordre" in schema "public"',
    ),
    "a column that no row has a value for": (
        "-- steady: accept breaks_running_application because all code writes it\n"
        "-- steady: accept fails_on_data because the table had no rows in staging\n"
        'ALTER TABLE "Order" ADD COLUMN code text NOT NULL;',
        "V7__what.sql:3: ",
    ),
    "orphans": (
        'ALTER TABLE "Order"\n  ADD FOREIGN KEY (note) REFERENCES "Customer" (id);',
        "V7__what.sql:1: 1500 rows",
    ),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_where_it_stands(database: Database, read: Read, text: str, said: str) -> None:
    database.execute(ROWS)
    migration = read(text)
    for check in (True, False):
        with database.nothing_changed(), pytest.raises(SteadyError) as refused:
            database.apply(migration, check=check)
        assert said in str(refused.value)


def test_a_file_with_what_cannot_be_carried_out_is_not_begun(read: Read) -> None:
    """All of it at once, by line: nothing of a file is deployed when a part of it cannot be."""
    with pytest.raises(MigrationFileError) as refused:
        read('CREATE INDEX i ON "Order" (total);\nDROP TABLE "Order";\nSELECT refresh();\n')
    lines = str(refused.value).splitlines()
    assert [line.rsplit(":", 1)[0].startswith("V7__what.sql:") for line in lines]
    assert {line.split(":")[1] for line in lines} == {"2", "3"}


def test_a_file_and_its_form_in_yaml_come_to_one_plan(cluster: Cluster, database: Database) -> None:
    """The operation that has all others in it, and the same by hand in SQL."""
    database.execute(SETUP)
    written = load(ROOT / "tests/integration/playbooks/all_in_one.sql")
    hashes = {database.apply(one, check=True)["plan_hash"] for one in (written, OPERATIONS[-1].migration)}
    assert len(hashes) == 1
