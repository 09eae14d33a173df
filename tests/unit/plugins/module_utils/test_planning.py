# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wishes to a plan: between the planners, the data and the person who decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.target import Server
from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog, Column
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Plan, Problem
from ansible_collections.steady.postgresql.plugins.module_utils._planning import planning as _planning
from ansible_collections.steady.postgresql.plugins.module_utils._planning.planning import (
    ask_data,
    make_plan,
    refuse_problems,
)
from ansible_collections.steady.postgresql.plugins.module_utils._planning.wishes import wishes_of
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import DatabaseProblem, Refused
from unit.builders import DRAWER, USER, FakeSession, catalog, index_image, key_image, server_error, table

SERVER = Server(180001, "18.1", "clinic", "deployer", "7", False, None)
KEY = {"table": "CashDrawer", "columns": ["openedById"], "references": {"table": "User", "columns": ["id"]}}
INDEX = {"table": "CashDrawer", "columns": ["openedById"]}
SUPPORT = index_image("support", ["openedById"])
PARENT = index_image("User_pkey", ["id"], of=USER, unique=True)

Plans = Callable[..., Plan]


def drawers(
    indexes: Iterable[Mapping[str, Any]] = (), keys: Iterable[Mapping[str, Any]] = (), not_null: bool = False
) -> Catalog:
    tables = {DRAWER: table(Column("openedById", "uuid", not_null), "status"), USER: table("id")}
    return catalog(tables, [*indexes, PARENT], keys)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Plans:
    """The plan for the sections of a migration in such a catalog; answer: what the data says."""

    def plan(
        around: Catalog,
        answer: Callable[[str], Any] = lambda _statement: [],
        errors: Mapping[Any, str] | None = None,
        ask: bool = True,
        **sections: Any,
    ) -> Plan:
        monkeypatch.setattr(_planning, "read_catalog", lambda *_arguments: (around, errors or {}))
        wishes = wishes_of(Migration.from_mapping({"id": "m", **sections}))
        session: Any = FakeSession(answer)
        made = make_plan(session, SERVER, wishes)
        return ask_data(session, made) if ask else made

    return plan


def names(plan: Plan) -> list[tuple[str, str]]:
    """What is done to what."""
    return [(step.action, step.name) for step in plan.steps]


def reasons(plan: Plan) -> list[str]:
    return [problem.text for outcome in plan.outcomes for problem in outcome.problems]


class TestOneMigration:
    """Its entries know of each other."""

    def test_a_column_that_it_makes_nullable_may_be_set_to_null(self, planned: Plans) -> None:
        columns = [{"table": "CashDrawer", "name": "openedById", "nullable": True}]
        keys = [{**KEY, "on_delete": "set_null"}]
        assert reasons(planned(drawers([SUPPORT], not_null=True), columns=columns, foreign_keys=keys)) == []
        assert len(reasons(planned(drawers([SUPPORT], not_null=True), foreign_keys=keys))) == 1

    def test_each_planner_sees_what_the_ones_before_it_leave(
        self, planned: Plans, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The index's planner, the columns as they are at its turn: the first one changed, the second one refused."""
        seen = []
        kind = _planning.KINDS["index"]

        def plan(target: Any, around: Catalog) -> Outcome:
            seen.append({name: column.not_null for name, column in around.tables[DRAWER].columns.items()})
            return Outcome("index", DRAWER, target.name, "there")

        monkeypatch.setattr(kind, "plan", plan)
        columns = [
            {"table": "CashDrawer", "name": "openedById", "nullable": True},
            {"table": "CashDrawer", "name": "nope", "nullable": False},
        ]
        around = drawers([SUPPORT], not_null=True)
        planned(around, ask=False, columns=columns, indexes=[INDEX])
        assert seen == [{"openedById": False, "status": False}]
        assert around.tables[DRAWER].columns["openedById"].not_null

    def test_an_index_that_it_drops_does_not_do_the_job_of_another(self, planned: Plans) -> None:
        """Renamed by hand: a new name, and the old one absent. Else in the end neither stands."""
        indexes = [{**INDEX, "name": "new"}, {"name": "old", "table": "CashDrawer", "state": "absent"}]
        plan = planned(drawers([index_image("old", ["openedById"])]), indexes=indexes)
        assert names(plan) == [("create", "new"), ("drop", "old")]

    def test_an_index_that_it_redefines_does_not_do_the_job_of_another(self, planned: Plans) -> None:
        indexes = [{**INDEX, "name": "new"}, {"table": "CashDrawer", "name": "old", "columns": ["status"]}]
        for order in (indexes, indexes[::-1]):
            plan = planned(drawers([index_image("old", ["openedById"])]), indexes=order)
            assert sorted(names(plan)) == [("create", "new"), ("replace", "old")]

    def test_a_foreign_key_that_it_drops_does_not_do_the_job_of_another(self, planned: Plans) -> None:
        keys = [{**KEY, "name": "new"}, {"name": "old", "table": "CashDrawer", "state": "absent"}]
        plan = planned(drawers([SUPPORT], [key_image("old", ["openedById"])]), foreign_keys=keys)
        assert names(plan) == [("add", "new"), ("drop", "old")]

    def test_a_foreign_key_that_it_drops_does_not_stay_and_act_too(self, planned: Plans) -> None:
        keys = [
            {**KEY, "name": "new", "on_delete": "cascade"},
            {"name": "old", "table": "CashDrawer", "state": "absent"},
        ]
        plan = planned(drawers([SUPPORT], [key_image("old", ["openedById"])]), foreign_keys=keys)
        assert names(plan) == [("add", "new"), ("drop", "old")]
        assert plan.notes == []

    def test_an_index_that_it_builds_serves_its_foreign_key(self, planned: Plans) -> None:
        assert planned(drawers(), indexes=[INDEX], foreign_keys=[KEY]).notes == []
        gone = [{"name": "support", "table": "CashDrawer", "state": "absent"}]
        assert len(planned(drawers([SUPPORT]), indexes=gone, foreign_keys=[KEY]).notes) == 1


SOURCES = {"indexes": ["V2__x.sql:3"], "foreign_keys": ["V2__x.sql:9"]}


class TestStatementsOfAFile:
    """A migration in SQL says with each entry where it stands."""

    def test_steps_and_problems_say_where_they_come_from(self, planned: Plans) -> None:
        keys = [{**KEY, "columns": ["nope"]}]
        plan = planned(drawers(), indexes=[INDEX], foreign_keys=keys, sources=SOURCES)
        assert [step.source for step in plan.steps] == ["V2__x.sql:3"]
        assert "step 1: create index public.CashDrawer_openedById_idx (V2__x.sql:3)" in plan.text()
        assert [text.partition(": ")[0] for text in reasons(plan)] == ["V2__x.sql:9"]

    def test_the_plan_is_that_of_the_same_entries_in_yaml(self, planned: Plans) -> None:
        written = {"indexes": [INDEX], "foreign_keys": [KEY]}
        assert planned(drawers(), **written, sources=SOURCES).hash == planned(drawers(), **written).hash

    @pytest.mark.parametrize("sources", [{"indexes": []}, {"indexes": ["a:1", "b:2"]}, {"indexes": [1]}, [], None])
    def test_sources_that_do_not_fit_are_passed_over(self, planned: Plans, sources: Any) -> None:
        assert [step.source for step in planned(drawers(), indexes=[INDEX], sources=sources).steps] == [""]


class TestWhatTheServerDoesNotUnderstand:
    ERROR: ClassVar[dict[Any, str]] = {(DRAWER, "nope(x)"): "function nope(x) does not exist in: nope(x)"}

    def test_is_a_problem_of_its_index_and_not_planned(self, planned: Plans) -> None:
        indexes = [{**INDEX, "name": "bad", "where": "nope(x)"}, {**INDEX, "name": "good"}]
        plan = planned(drawers(), errors=self.ERROR, indexes=indexes)
        assert names(plan) == [("create", "good")]
        assert reasons(plan) == ['index "bad": function nope(x) does not exist in: nope(x)']

    def test_on_another_table_is_no_matter(self, planned: Plans) -> None:
        errors = {(USER, "nope(x)"): "no"}
        assert reasons(planned(drawers(), errors=errors, indexes=[{**INDEX, "where": "nope(x)"}])) == []


OPERATOR = {
    "position": 1,
    "operator": "pg_catalog.=",
    "p_cast": None,
    "c_cast": None,
    "collation": None,
    "comparable": True,
}


def data_says(rows: list[dict[str, Any]]) -> Callable[[str], list[dict[str, Any]]]:
    """A server that knows the operator of a key, and what the rows are that contradict it."""
    return lambda statement: [OPERATOR] if "pg_opclass" in statement else rows


class TestQuestionsToTheData:
    def test_what_the_data_says_against_a_step_with_the_keys_of_ten_rows(self, planned: Plans) -> None:
        rows = [{"openedById": number, "total": 12} for number in range(10)]
        (text,) = reasons(planned(drawers([SUPPORT]), data_says(rows), foreign_keys=[KEY]))
        assert text.startswith('12 rows of "public"."CashDrawer" refer to no row of "public"."User"')
        assert ": openedById=0; openedById=1; " in text
        assert "openedById=9, …; add what they refer to" in text

    def test_duplicates_with_how_often_each_occurs(self, planned: Plans) -> None:
        answer = [{"a": 1, "b": "x", "times": 3, "total": 1}]
        (text,) = reasons(
            planned(drawers(), lambda _sql: [dict(row) for row in answer], indexes=[{**INDEX, "unique": True}])
        )
        assert text.startswith('1 key occurs more than once in "public"."CashDrawer"')
        assert "a=1, b=x (3 times); make the keys unique" in text

    @pytest.mark.parametrize("name", ["a{b}", "{0}", "{total!r}", "{", "}"])
    def test_names_with_braces_are_only_names(self, planned: Plans, name: str) -> None:
        around = catalog({("public", name): table(name)})
        columns = [{"table": name, "name": name, "nullable": False}]
        (text,) = reasons(planned(around, lambda _sql: [{"ctid": "(0,1)", "total": 1}], columns=columns))
        assert text.startswith(f'1 row of "public"."{name}" has no {name}, ')

    @pytest.mark.parametrize(
        ("missing", "todo"),
        [
            (['"CashDrawer"'], 'GRANT SELECT ON "public"."CashDrawer" TO "deployer"'),
            (
                ['"CashDrawer"', '"User"'],
                'GRANT SELECT ON "public"."CashDrawer" TO "deployer"; GRANT SELECT ON "public"."User" TO "deployer"',
            ),
            ([], "connect as a role with BYPASSRLS, or as the owner of a table without FORCE"),
        ],
    )
    def test_a_role_that_may_not_read_is_told_what_it_needs(
        self, planned: Plans, missing: list[str], todo: str
    ) -> None:
        """Of both tables; where SELECT is granted on both, row level security is what hides rows."""
        may = iter([f'"{name}"' not in missing for name in ("CashDrawer", "User")])

        def answer(sql: str) -> Any:
            if "current_user" in sql:
                return [{"role": "deployer"}]
            if "has_table_privilege" in sql:
                return [{"may": next(may)}]
            return server_error("42501", "permission denied for table CashDrawer")

        plan = planned(drawers([SUPPORT]), answer, foreign_keys=[KEY])
        (problem,) = plan.outcomes[0].problems
        assert problem.permission
        assert "permission denied for table CashDrawer" in problem.text
        assert problem.text.endswith(f"; {todo}")
        assert names(plan) == [("add", "CashDrawer_openedById_fkey")], "check mode shows the plan all the same"

    def test_what_the_data_says_comes_beside_a_missing_privilege(self, planned: Plans) -> None:
        around = catalog({DRAWER: table("openedById", owned=False), USER: table("id")}, [SUPPORT, PARENT])
        plan = planned(around, data_says([{"openedById": 1, "total": 1}]), foreign_keys=[KEY])
        assert [problem.permission for problem in plan.outcomes[0].problems] == [True, False]

    @pytest.mark.parametrize("sqlstate", ["57014", "53200", None])
    def test_any_other_error_ends_the_planning(self, planned: Plans, sqlstate: str | None) -> None:
        error = server_error(sqlstate, "out of luck")
        with pytest.raises(DatabaseProblem, match="could not be checked: out of luck") as caught:
            planned(drawers([SUPPORT]), lambda _sql: error, foreign_keys=[KEY])
        assert caught.value.sqlstate == sqlstate
        assert caught.value.left == "nothing was changed"

    def test_are_not_asked_where_a_problem_is_known_or_nothing_is_done_or_only_structure_counts(
        self, planned: Plans
    ) -> None:
        never = pytest.fail
        assert planned(drawers([SUPPORT]), never, ask=False, foreign_keys=[KEY]).steps
        assert not planned(drawers([SUPPORT], [key_image("f", ["openedById"])]), never, foreign_keys=[KEY]).steps
        keys = [{**KEY, "on_delete": "set_null"}]
        assert reasons(planned(drawers([SUPPORT], not_null=True), never, foreign_keys=keys))


def test_a_catalog_that_cannot_be_read_ends_the_planning(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_arguments: Any) -> Any:
        raise server_error("08006", "gone")

    monkeypatch.setattr(_planning, "read_catalog", read)
    with pytest.raises(DatabaseProblem, match="The catalog could not be read: gone"):
        make_plan(FakeSession(), SERVER, [])  # type: ignore[arg-type]


def test_the_table_that_a_key_to_be_dropped_refers_to_is_looked_at_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """DROP CONSTRAINT locks it: a role that may not must learn so in check mode, and not in the middle of a run."""
    tables = {DRAWER: table("openedById"), USER: table("id", owned=False, may_lock=False)}
    around = catalog(tables, [], [key_image("f", ["openedById"])])
    for kind in _planning.KINDS.values():
        of_kind = around.images.get(kind.name, {})
        monkeypatch.setattr(
            kind, "read", lambda _session, there, images=of_kind: {one: images[one] for one in images if one in there}
        )
        monkeypatch.setattr(kind, "facts", lambda _session, catalog, _targets: catalog)
    monkeypatch.setattr(_planning, "read_tables", lambda _session, wanted: {name: tables[name] for name in wanted})
    wishes = wishes_of(Migration.from_mapping({"id": "m", "foreign_keys": [{**KEY, "name": "f", "state": "absent"}]}))
    plan = make_plan(FakeSession(), SERVER, wishes)  # type: ignore[arg-type]
    assert names(plan) == [("drop", "f")]
    assert any('GRANT UPDATE ON "public"."User"' in text for text in reasons(plan))


class TestRefusal:
    HARD, SOFT = Problem("no such table"), Problem("permission denied", permission=True)

    def plan(self, *problems: Problem) -> Plan:
        return Plan(tuple(Outcome("index", DRAWER, "i", "there", problems=(problem,)) for problem in problems))

    @pytest.mark.parametrize("permissions_too", [True, False])
    def test_nothing_in_the_way(self, permissions_too: bool) -> None:
        assert refuse_problems(self.plan(), permissions_too) == []

    def test_check_mode_goes_on_without_privileges_and_says_which_are_missing(self) -> None:
        assert refuse_problems(self.plan(self.SOFT, self.SOFT), permissions_too=False) == ["permission denied"]

    def test_what_no_object_is_to_blame_for_counts_too(self) -> None:
        plan = Plan((), (Problem("unchanged_counts: there is no table"),))
        with pytest.raises(Refused, match="unchanged_counts"):
            refuse_problems(plan, permissions_too=False)

    def test_a_run_does_not(self) -> None:
        with pytest.raises(Refused) as caught:
            refuse_problems(self.plan(self.SOFT), permissions_too=True)
        assert caught.value.reasons == ["permission denied"]
        assert caught.value.what == "The migration cannot be applied, for one reason:"

    @pytest.mark.parametrize(("permissions_too", "count"), [(True, 3), (False, 2)])
    def test_all_reasons_at_once_each_once(self, permissions_too: bool, count: int) -> None:
        plan = self.plan(self.HARD, self.SOFT, self.HARD, Problem("no such column"))
        with pytest.raises(Refused, match=f"for {count} reasons:") as caught:
            refuse_problems(plan, permissions_too)
        assert len(caught.value.reasons) == count
        assert caught.value.left == "nothing was changed"
