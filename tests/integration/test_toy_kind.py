# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A whole kind of objects in one file: whoever adds one changes nothing else in the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.session import Session
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.differing import differing
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.kind import Image, Images, Kind
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import KINDS
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog, Table, TableName
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Step, autocommit
from ansible_collections.steady.postgresql.plugins.module_utils._model.tables import owner_problems, table_problems
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.forms import form, name, or_none, text
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import (
    compose,
    identifier,
    literal,
    raw,
)
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_schema import schema as migration_schema
from integration.cluster import Database

pytestmark = pytest.mark.postgres

MIGRATION = {
    "id": "toy",
    "comments": [{"table": "Order", "text": "what was ordered"}],
    "indexes": [{"table": "Order", "columns": ["note"]}],
}


@dataclass(frozen=True)
class Comment:
    """Both the specification and the target: text None takes the comment away."""

    schema: str
    table: str
    text: str | None
    name: str = "comment"
    present: bool = True


class CommentKind(Kind):
    """COMMENT ON TABLE."""

    name = "comment"
    section = "comments"
    description = "Comments of tables."
    entry_schema = {  # noqa: RUF012 - as all kinds have it
        "type": "object",
        "additionalProperties": False,
        "required": ["table", "text"],
        "properties": {"table": {"type": "string"}, "text": {"type": ["string", "null"]}},
    }
    argument_spec = {"table": {"type": "str"}, "text": {"type": "str"}}  # noqa: RUF012
    rank = (4, 4)

    def specification(self, entry: Mapping[str, Any], schema: str, migration_id: str = "") -> Comment:
        return Comment(schema, entry["table"], entry["text"])

    def target(self, specification: Comment) -> Comment:
        return specification

    def restored(self, table: TableName, name: str, image: Image | None, after: Image | None = None) -> Comment:
        return Comment(*table, image["text"] if image is not None else None)

    def tables(self, target: Comment) -> set[TableName]:
        return {(target.schema, target.table)}

    def read(self, session: Session, tables: Mapping[TableName, Table]) -> Images:
        by_oid = {table.oid: name for name, table in tables.items()}
        rows = session.rows(
            "SELECT objoid::bigint AS oid, description AS text FROM pg_catalog.pg_description"
            " WHERE classoid = 'pg_catalog.pg_class'::regclass AND objsubid = 0 AND objoid = ANY (%s::oid[])",
            (list(by_oid),),
        )
        return {by_oid[row["oid"]]: [{"name": "comment", "text": row["text"]}] for row in rows}

    def plan(self, target: Comment, catalog: Catalog) -> Outcome:
        table = (target.schema, target.table)
        problems = table_problems(catalog, table) or owner_problems(catalog, table)
        found = catalog.find("comment", table, "comment")
        if problems or (found["text"] if found is not None else None) == target.text:
            return Outcome("comment", table, "comment", "as wanted", problems=tuple(problems))
        statement = compose(
            "COMMENT ON TABLE {table} IS {text}",
            table=identifier(*table),
            text=literal(target.text) if target.text is not None else raw("NULL"),
        )
        before = dict(found) if found is not None else None
        step = Step("comment", table, "comment", "alter", (autocommit(table, statement),), before)
        return Outcome("comment", table, "comment", "another comment", step)

    def parse(self, image: Any) -> dict[str, Any]:
        return dict(form({"name": (name,), "text": (or_none(text),)})(image))

    def differs(self, left: Image, right: Image) -> bool:
        return bool(left["text"] != right["text"])

    def differences(self, before: Image, now: Image) -> tuple[list[str], list[str]]:
        return differing(("text",), before, now), []

    def definition(self, image: Image) -> str:
        return f"the comment {image['text']!r}"


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "comment", CommentKind())


def comment(database: Database) -> Any:
    return database.value("SELECT obj_description('\"Order\"'::regclass, 'pg_class')")


def test_its_section_is_in_the_schema_of_migration_files() -> None:
    assert migration_schema()["properties"]["comments"]["items"] == CommentKind.entry_schema


def test_it_is_deployed_verified_and_rolled_back(database: Database) -> None:
    database.execute('COMMENT ON TABLE "Order" IS $$of old$$')
    before = database.dump()
    with database.nothing_changed():
        planned = database.apply(MIGRATION, check=True)
    assert [step["kind"] for step in planned["steps"]] == ["index", "comment"]
    database.apply(MIGRATION)
    assert comment(database) == "what was ordered"
    again = database.apply(MIGRATION)
    assert (again["changed"], again["steps"]) == (False, [])
    assert {check["status"] for check in database.verify(MIGRATION)["verification"]} == {"ok"}
    database.execute('COMMENT ON TABLE "Order" IS $$by hand$$')
    (failed,) = [check for check in database.verify(MIGRATION)["verification"] if check["status"] == "failed"]
    assert (failed["name"], failed["after"]) == ("comment Order.comment", "the comment 'by hand'")
    database.execute('COMMENT ON TABLE "Order" IS $$what was ordered$$')
    database.rollback()
    assert comment(database) == "of old"
    assert database.dump() == before


def test_what_its_planner_refuses_is_a_reason(database: Database) -> None:
    wrong = {"id": "toy", "comments": [{"table": "Ordr", "text": "x"}]}
    with pytest.raises(SteadyError, match='did you mean "Order"'):
        database.apply(wrong)
