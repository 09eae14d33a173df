# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file means as a whole: the state of each object after all statements, in one schema."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.migration import migration_with_sources
from unit.plugins.sql.texts import migration, reading, refusals


def test_the_guide_in_one_transaction() -> None:
    data = migration(
        """
        BEGIN;
        SET lock_timeout = '5s';
        CREATE INDEX IF NOT EXISTS "Appointment_tenantId_idx" ON "Appointment" ("tenantId");
        ALTER TABLE "CashDrawer" ALTER COLUMN "openedById" DROP NOT NULL;
        ALTER TABLE "CashDrawer" DROP CONSTRAINT IF EXISTS "CashDrawer_openedById_fkey";
        ALTER TABLE "CashDrawer" ADD CONSTRAINT "CashDrawer_openedById_fkey"
          FOREIGN KEY ("openedById") REFERENCES "User" (id) ON DELETE SET NULL;
        COMMIT;
        """
    )
    assert data == {
        "id": "m",
        "columns": [{"table": "CashDrawer", "name": "openedById", "nullable": True}],
        "indexes": [
            {
                "name": "Appointment_tenantId_idx",
                "table": "Appointment",
                "columns": ["tenantId"],
                "on_conflict": "refuse",
                "on_equivalent": "create",
            }
        ],
        "foreign_keys": [
            {
                "name": "CashDrawer_openedById_fkey",
                "table": "CashDrawer",
                "columns": ["openedById"],
                "references": {"table": "User", "columns": ["id"]},
                "on_delete": "set_null",
                "on_update": "no_action",
                "match": "simple",
                "deferrable": False,
                "initially_deferred": False,
            }
        ],
    }


def test_the_last_word_about_a_column_counts() -> None:
    text = "ALTER TABLE t ALTER a DROP NOT NULL; ALTER TABLE t ALTER b DROP NOT NULL, ALTER a DROP NOT NULL;"
    assert [(one["name"], one["nullable"]) for one in migration(text)["columns"]] == [("a", True), ("b", True)]


def test_a_column_that_is_added_keeps_its_place_when_more_is_said_of_it() -> None:
    """The order of a table's columns is that in which they are added, which INSERT without a list of names goes by."""
    text = "ALTER TABLE t ADD a int, ADD b int;\nALTER TABLE t ADD c int;\nCOMMENT ON COLUMN t.a IS 'first';"
    assert [one["name"] for one in migration(text)["columns"]] == ["a", "b", "c"]
    assert migration_with_sources(reading(text))["sources"] == {"columns": ["m.sql:1", "m.sql:1", "m.sql:2"]}


def test_the_statement_behind_each_entry_is_known() -> None:
    """Of a replacement it is the one that makes the new index."""
    text = "DROP INDEX i;\nDROP INDEX j;\nCREATE INDEX i ON t (a);\nALTER TABLE t\n ALTER a DROP NOT NULL;"
    assert [index["name"] for index in migration(text)["indexes"]] == ["j", "i"]
    assert migration_with_sources(reading(text))["sources"] == {
        "indexes": ["m.sql:2", "m.sql:3"],
        "columns": ["m.sql:4"],
    }


@pytest.mark.parametrize(
    ("text", "given", "schema"),
    [
        ("CREATE INDEX i ON t (a)", None, None),
        ("CREATE INDEX i ON t (a)", "app", "app"),
        ("CREATE INDEX i ON app.t (a)", None, "app"),
        ("CREATE INDEX i ON app.t (a); DROP INDEX app.j", "public", "app"),
        ("CREATE INDEX i ON public.t (a); CREATE INDEX j ON t (b)", None, "public"),
        ("CREATE INDEX i ON t (a); ALTER TABLE public.t ADD FOREIGN KEY (a) REFERENCES p (id)", None, "public"),
        ("SET search_path TO app, public; CREATE INDEX i ON t (a)", None, "app"),
        ("SET search_path = 'App'; CREATE INDEX i ON t (a)", None, "App"),
        ("SET search_path TO app; CREATE INDEX i ON t (a); CREATE INDEX j ON app.t (b)", None, "app"),
        ("CREATE INDEX i ON app.t (a); CREATE INDEX j ON t (b)", "app", "app"),
        ("BEGIN; SET LOCAL search_path TO app; COMMIT; CREATE INDEX i ON t (a)", None, None),
        ("BEGIN; SET LOCAL search_path TO app; CREATE INDEX i ON t (a); COMMIT", None, "app"),
        ("BEGIN; SET search_path TO app; COMMIT; CREATE INDEX i ON t (a)", None, "app"),
        ("SET search_path TO app; RESET search_path; CREATE INDEX i ON t (a)", None, None),
        ("SELECT set_config('search_path', 'app', false); CREATE INDEX i ON t (a)", None, "app"),
        ("SELECT pg_catalog.set_config('search_path', '', false); CREATE INDEX i ON app.t (a)", None, "app"),
        ("SELECT set_config('search_path', 'App', false); CREATE INDEX i ON t (a)", None, "app"),
        ("SELECT set_config('search_path', '\"A \"\"b\", x', false); CREATE INDEX i ON t (a)", None, 'A "b'),
        ('SET search_path TO "a,b"; CREATE INDEX i ON t (a)', None, "a,b"),
        ("SET search_path = 'app, public'; CREATE INDEX i ON t (a)", None, "app, public"),
        ('SET search_path = "$user", pg_catalog, public; CREATE INDEX i ON t (a)', None, "public"),
        ("SET LOCAL search_path TO app; CREATE INDEX i ON t (a)", None, None),
        ("SELECT set_config('search_path', 'app', true); CREATE INDEX i ON t (a)", None, None),
        ("BEGIN; SELECT set_config('search_path', 'app', true); CREATE INDEX i ON t (a); COMMIT", None, "app"),
        ("BEGIN; SET LOCAL search_path TO x; SET search_path TO app; COMMIT; CREATE INDEX i ON t (a)", None, "app"),
        ("BEGIN; SET LOCAL search_path TO x; COMMIT AND CHAIN; CREATE INDEX i ON t (a); COMMIT", None, None),
        ("SET search_path TO app; DISCARD ALL; CREATE INDEX i ON t (a)", None, None),
        ("SET search_path TO app; DISCARD PLANS; CREATE INDEX i ON t (a)", None, "app"),
        ("SET search_path TO app; SET search_path TO DEFAULT; CREATE INDEX i ON t (a)", None, None),
        ("SET search_path TO app; RESET ALL; CREATE INDEX i ON t (a)", None, None),
    ],
)
def test_the_schema(text: str, given: str | None, schema: str | None) -> None:
    assert migration(text, given).get("schema") == schema


def test_without_a_search_path_each_name_needs_its_schema() -> None:
    (line,) = refusals("SET search_path TO '';\nCREATE INDEX i ON t (a)")
    assert line.startswith("m.sql:2:1: CREATE INDEX cannot be carried out: t has no schema, and search_path is empty")


def test_a_search_path_that_is_no_list_is_refused() -> None:
    (line,) = refusals("SELECT set_config('search_path', 'a,,b', false)")
    assert "a,,b is no list of schemas" in line


def test_two_schemas_are_two_migrations() -> None:
    (line,) = refusals("CREATE INDEX i ON a.t (a);\nCREATE INDEX j ON b.t (a);")
    assert line == (
        "m.sql:2:1: this statement is about the schema b, others are about a: deploy.yml takes one schema in a "
        "migration, so make a file for each"
    )


@pytest.mark.parametrize("given", [None, "public"])
def test_a_name_without_a_schema_beside_one_with_a_schema(given: str | None) -> None:
    (line,) = refusals("CREATE INDEX i ON a.t (a);\nCREATE INDEX j ON t (a);", given)
    assert line.startswith("m.sql:2:1: a name here has no schema, and other statements are about the schema a")


def test_a_name_without_a_schema_beside_public_where_the_connection_says_another_schema() -> None:
    (line,) = refusals("CREATE INDEX i ON public.t (a);\nCREATE INDEX j ON t (a);", "app")
    assert "other statements are about the schema public, and the connection's schema is app" in line


def test_a_parent_without_a_schema_beside_a_table_with_one() -> None:
    text = "ALTER TABLE a.t DROP CONSTRAINT f, ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)"
    (line,) = refusals(text)
    assert line.startswith("m.sql:1:1: a name here has no schema")
    assert migration(text, "a")["schema"] == "a"


ADDED = "ALTER TABLE t ADD CONSTRAINT f"


@pytest.mark.parametrize(
    ("drop", "make"),
    [
        ("ALTER TABLE t DROP CONSTRAINT f;", f"{ADDED} FOREIGN KEY (a) REFERENCES p (id);"),
        ("ALTER TABLE t DROP CONSTRAINT f;", f"{ADDED} UNIQUE (a);"),
        ("DROP INDEX f;", "CREATE UNIQUE INDEX f ON t (a);"),
    ],
)
def test_the_review_says_whether_there_is_one_between_drop_and_create(drop: str, make: str) -> None:
    insteads = [one.instead for one in reading(f"{drop}\n{make}").statements]
    assert all("there always is one" in instead for instead in insteads)
    for between in ("SELECT 1;", "CREATE INDEX g ON t (b);"):
        first, _between, last = reading(f"{drop}\n{between}\n{make}").statements
        assert "there always is one" in first.instead
        assert "there always is one" in last.instead
    first, _between, last = reading(f"{drop}\nALTER TABLE t ENABLE ROW LEVEL SECURITY;\n{make}").statements
    for one in (first, last):
        assert "there always is one" not in one.instead
        assert one.instead.endswith(
            "there is none in between, since the statement in line 2 is run there as it is written."
        )
    assert "Duplicates are looked for" in last.instead or "INDEX" not in drop


def test_all_that_cannot_be_carried_out_is_said_at_once() -> None:
    lines = refusals("VACUUM v;\n-- a\nDROP TABLE t;\n\\i x\nCREATE INDEX i ON t (a);")
    assert [line.split(" ")[0] for line in lines] == [
        "m.sql:1:1:",
        "m.sql:3:1:",
        "m.sql:3:1:",
        "m.sql:4:1:",
    ]
    assert "does not carry out VACUUM" in lines[0]
    assert "DROP TABLE needs a decision: data_loss on t: All rows of the table are deleted." in lines[1]
    assert 'write "-- steady: accept data_loss because …" before it' in lines[1]


def test_a_name_of_several_lines_is_said_in_one() -> None:
    lines = refusals('DROP VIEW "a\nb: c";')
    assert [line.split(": ")[0] for line in lines] == ["m.sql:1:1"]


def test_a_rule_of_the_migration_is_broken_in_a_line() -> None:
    """ON DELETE SET NULL of a column that the file makes NOT NULL: every delete would fail."""
    text = """ALTER TABLE t DROP CONSTRAINT f,
        ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id) ON DELETE SET NULL;
        -- steady: accept breaks_running_application because it is a test
        ALTER TABLE t ALTER a SET NOT NULL;"""
    (line,) = refusals(text)
    assert line.startswith('m.sql:1:1: table t: DROP CONSTRAINT, ADD FOREIGN KEY: sets "a" to NULL, but columns[0]')


@pytest.mark.parametrize(
    "text",
    [
        "DROP FUNCTION IF EXISTS f;\nCREATE FUNCTION f(a int) RETURNS text LANGUAGE sql AS 'SELECT $1::text';",
        "DROP DOMAIN e;\nCREATE DOMAIN e AS int;",
        "COMMENT ON FUNCTION f IS 'without its arguments';",
    ],
)
def test_what_is_dropped_and_made_anew_is_not_taken_for_undone(text: str) -> None:
    """What was there before does not come back with the new one's DROP: a rollback must not say that it did."""
    said = refusals(text)[0]
    assert ":1:1:" in said
    assert "needs a decision: not_reversible" in said


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("DROP VIEW v;\nCREATE VIEW v AS SELECT 1 AS one;", {"type": "view", "names": ["v"]}),
        (
            "DROP TRIGGER IF EXISTS g ON t;\nCREATE TRIGGER g AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();",
            {"type": "trigger", "names": ["t", "g"]},
        ),
        ("DROP TYPE e;\nCREATE TYPE e AS ENUM ('a');", {"type": "type", "names": ['"e"']}),
    ],
)
def test_what_is_made_anew_comes_back_from_the_catalog(text: str, dropped: dict[str, Any]) -> None:
    assert migration(text)["statements"][0]["drops"] == [dropped]
