# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for a foreign key: for every state of it and of its leftover; at every instant a key is enforced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.target import (
    DesiredColumn as Nullability,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key.planner import (
    DesiredKey,
    describe,
    differs,
    from_image,
    from_specification,
    plan,
    tables,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.foreign_key.specification import (
    ForeignKeySpecification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog, Column, TableName
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import (
    copy_of,
    qualified,
    temporary_name,
)
from unit.builders import (
    DRAWER,
    ODD_NAMES,
    USER,
    VERSIONS,
    catalog,
    index_image,
    key_image,
    other_constraint,
    quoted,
    script,
    steps_of,
    table,
    texts,
)

NAME = "CashDrawer_openedById_fkey"
NEW = temporary_name(NAME, "new", DRAWER)
CLOSET: TableName = ("public", "Closet")
ALTER = 'ALTER TABLE "public"."CashDrawer" '
DEFINITION = 'FOREIGN KEY ("openedById") REFERENCES "public"."User" ("id")'
SET_NULL_CASCADE = " ON UPDATE CASCADE ON DELETE SET NULL"
#: A key of two columns.
PAIR = {"columns": ["tenantId", "openedById"], "references": {"table": "User", "columns": ["tenantId", "id"]}}
BOTH_WRITES = ["SHARE ROW EXCLUSIVE: public.CashDrawer", "SHARE ROW EXCLUSIVE: public.User"]
BOTH_ALL = ["ACCESS EXCLUSIVE: public.CashDrawer", "ACCESS EXCLUSIVE: public.User"]
SHARED = ["SHARE UPDATE EXCLUSIVE: public.CashDrawer", "ROW SHARE: public.User"]
#: The image of the very key that wanted() asks for.
SAME = key_image(NAME, ["openedById"])
#: A key of this name that does something else.
OTHER = key_image(NAME, ["openedById"], on_delete="restrict", on_update="cascade")
#: Keeps the note on a missing index away.
INDEX = index_image("i", ["openedById"])
#: What a key can refer to.
SUPPORTS = [
    index_image(f"User_{n}", names, of=USER, unique=True) for n, names in enumerate([["id"], ["tenantId", "id"]])
]

Units = list[tuple[str, list[str], list[str]]]


def add(name: str, definition: str = DEFINITION, *more: str) -> Units:
    return [("guarded", BOTH_WRITES, [f'{ALTER}ADD CONSTRAINT "{name}" {definition} NOT VALID', *more])]


def validate(name: str) -> Units:
    return [("alone", SHARED, [f'{ALTER}VALIDATE CONSTRAINT "{name}"'])]


def drop(*names: str) -> Units:
    return [("guarded", BOTH_ALL, [f'{ALTER}DROP CONSTRAINT "{name}"' for name in names])]


def swap(*more: str) -> Units:
    statements = [f'{ALTER}DROP CONSTRAINT "{NAME}"', f'{ALTER}RENAME CONSTRAINT "{NEW}" TO "{NAME}"', *more]
    return [("guarded", BOTH_ALL, statements)]


def wanted(**entry: Any) -> DesiredKey:
    references = {"table": "User", "columns": ["id"]}
    entry = {"table": "CashDrawer", "name": NAME, "columns": ["openedById"], "references": references, **entry}
    return from_specification(ForeignKeySpecification.from_entry(entry, "public"))


def absent() -> DesiredKey:
    return wanted(state="absent")


def drawers(
    *keys: Mapping[str, Any],
    not_null: Iterable[str] = (),
    child: dict[str, Any] | None = None,
    parent: dict[str, Any] | None = None,
    indexes: Iterable[Mapping[str, Any]] = (INDEX,),
    **more: Any,
) -> Catalog:
    """Drawers that refer to users, and a closet. child, parent: facts about the two tables."""
    refusing = set(not_null)
    columns = [Column(name, "uuid", name in refusing) for name in ("tenantId", "openedById", "closedById")]
    there = {
        DRAWER: table(*columns, **(child or {})),
        USER: table("id", "tenantId", "email", **(parent or {})),
        CLOSET: table("id"),
    }
    return catalog(there, [*indexes, *SUPPORTS], keys, **more)


def planned(target: DesiredKey, around: Catalog) -> Outcome:
    return plan(target, around)


class TestPresentWhereNothingStands:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_not_valid_first_then_validate(self, version: int) -> None:
        """From the first statement on new rows are checked; the old ones while everything goes on."""
        outcome = planned(wanted(), drawers(version=version))
        assert script(outcome.step) == [*add(NAME), *validate(NAME)]
        assert (outcome.state, outcome.problems, outcome.notes) == ("not there", (), ())
        step = outcome.step
        assert step is not None
        assert (step.kind, step.table, step.name, step.action) == ("foreign_key", DRAWER, NAME, "add")
        assert (step.before, step.summary) == (None, "on delete no action, on update no action")
        assert step.object == f"public.CashDrawer.{NAME}"
        assert (step.parallel, step.cleanup) == (False, ())

    def test_the_server_is_asked_beforehand_on_empty_copies(self) -> None:
        assert planned(wanted(on_delete="set_null"), drawers()).step.rehearsal == (
            (USER, f"CREATE UNIQUE INDEX ON {copy_of(*USER)} USING btree (id)"),
            (
                DRAWER,
                f'ALTER TABLE {copy_of(*DRAWER)} ADD CONSTRAINT "{NAME}" FOREIGN KEY ("openedById") REFERENCES'
                f' {copy_of(*USER)} ("id") ON DELETE SET NULL',
            ),
        )

    @pytest.mark.parametrize("valid", [True, False])
    def test_a_leftover_under_the_helpers_name_goes_first(self, valid: bool) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="cascade", validated=valid)
        outcome = planned(wanted(), drawers(leftover))
        assert script(outcome.step) == [*drop(NEW), *add(NAME), *validate(NAME)]
        assert outcome.notes == ()

    def test_the_leftovers_own_parent_is_locked_for_its_drop(self) -> None:
        leftover = key_image(NEW, ["openedById"], to=CLOSET)
        first = script(planned(wanted(), drawers(leftover)).step)[0]
        assert first[1] == ["ACCESS EXCLUSIVE: public.CashDrawer", "ACCESS EXCLUSIVE: public.Closet"]

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"on_delete": "cascade"}, DEFINITION + " ON DELETE CASCADE"),
            ({"on_delete": "restrict"}, DEFINITION + " ON DELETE RESTRICT"),
            ({"on_delete": "set_default"}, DEFINITION + " ON DELETE SET DEFAULT"),
            ({"on_delete": "no_action", "on_update": "no_action"}, DEFINITION),
            (
                {"on_delete": "set_null", "on_update": "cascade"},
                DEFINITION + SET_NULL_CASCADE,
            ),
            ({"match": "full"}, DEFINITION + " MATCH FULL"),
            ({"match": "simple", "deferrable": False}, DEFINITION),
            ({"deferrable": True}, DEFINITION + " DEFERRABLE"),
            ({"deferrable": True, "initially_deferred": True}, DEFINITION + " DEFERRABLE INITIALLY DEFERRED"),
            (
                {
                    **PAIR,
                    "on_delete": "set_null",
                    "on_delete_columns": ["openedById"],
                },
                'FOREIGN KEY ("tenantId", "openedById") REFERENCES "public"."User" ("tenantId", "id")'
                ' ON DELETE SET NULL ("openedById")',
            ),
            (
                {
                    **PAIR,
                    "match": "full",
                    "on_update": "cascade",
                    "on_delete": "set_default",
                    "on_delete_columns": ["tenantId", "openedById"],
                    "deferrable": True,
                },
                'FOREIGN KEY ("tenantId", "openedById") REFERENCES "public"."User" ("tenantId", "id") MATCH FULL'
                ' ON UPDATE CASCADE ON DELETE SET DEFAULT ("openedById", "tenantId") DEFERRABLE',
            ),
        ],
        ids=str,
    )
    def test_every_option_in_postgresqls_order(self, options: dict[str, Any], text: str) -> None:
        indexes = [index_image("i", ["tenantId", "openedById"]), INDEX]
        outcome = planned(wanted(**options), drawers(indexes=indexes))
        assert script(outcome.step) == [*add(NAME, text), *validate(NAME)]
        assert outcome.problems == ()

    def test_the_parent_may_be_in_another_schema(self) -> None:
        account = ("auth", "users")
        target = wanted(references={"schema": "auth", "table": "users", "columns": ["id"]})
        around = catalog({DRAWER: table("openedById"), account: table("id")}, [INDEX])
        assert tables(target) == {DRAWER, account}
        assert script(planned(target, around).step) == [
            (
                "guarded",
                ["SHARE ROW EXCLUSIVE: auth.users", "SHARE ROW EXCLUSIVE: public.CashDrawer"],
                [
                    f'{ALTER}ADD CONSTRAINT "{NAME}" FOREIGN KEY ("openedById")'
                    ' REFERENCES "auth"."users" ("id") NOT VALID'
                ],
            ),
            (
                "alone",
                ["SHARE UPDATE EXCLUSIVE: public.CashDrawer", "ROW SHARE: auth.users"],
                [f'{ALTER}VALIDATE CONSTRAINT "{NAME}"'],
            ),
        ]

    def test_a_key_to_its_own_table_locks_it_once(self) -> None:
        target = wanted(columns=["openedById"], references={"table": "CashDrawer", "columns": ["tenantId"]})
        own = index_image("own", ["tenantId"], unique=True)
        step = planned(target, drawers(indexes=[INDEX, own])).step
        assert step is not None
        assert [lock for unit in script(step) for lock in unit[1]] == [
            "SHARE ROW EXCLUSIVE: public.CashDrawer",
            "SHARE UPDATE EXCLUSIVE: public.CashDrawer",
            "ROW SHARE: public.CashDrawer",
        ]
        copy = copy_of(*DRAWER)
        assert step.rehearsal == (
            (DRAWER, f"CREATE UNIQUE INDEX ON {copy} USING btree (tenantId)"),
            (
                DRAWER,
                f'ALTER TABLE {copy} ADD CONSTRAINT "{NAME}" FOREIGN KEY ("openedById") REFERENCES {copy} ("tenantId")',
            ),
        )
        assert step.copies == (DRAWER,)
        assert tables(target) == {DRAWER}


class TestPresentAndTheSame:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_it_is_left_alone(self, version: int) -> None:
        outcome = planned(wanted(), drawers(SAME, version=version))
        assert (outcome.step, outcome.problems, outcome.notes) == (None, (), ())
        assert outcome.state == "on delete no action, on update no action"

    def test_it_needs_no_privilege(self) -> None:
        facts = {"owned": False, "may_reference": False, "may_lock": False}
        assert planned(wanted(), drawers(SAME, child=facts, parent=facts)).problems == ()

    @pytest.mark.parametrize(
        "stands",
        [
            {"on_delete": "set_null", "on_update": "cascade"},
            {"on_delete": "set_null", "on_delete_columns": ["openedById"]},
            {"match": "full"},
            {"deferrable": True, "initially_deferred": True},
            {"comment": "mine"},
        ],
        ids=str,
    )
    def test_what_the_migration_leaves_out_is_kept_as_it_stands(self, stands: dict[str, Any]) -> None:
        assert planned(wanted(), drawers({**SAME, **stands})).step is None

    def test_the_order_of_on_delete_columns_does_not_count(self) -> None:
        columns = {"columns": ["tenantId", "openedById"]}
        references = {"table": "User", "columns": ["tenantId", "id"]}
        order = ["openedById", "tenantId"]
        target = wanted(references=references, on_delete="set_null", on_delete_columns=order, **columns)
        found = {**SAME, **columns, "referenced_columns": ["tenantId", "id"], "on_delete": "set_null"}
        assert planned(target, drawers({**found, "on_delete_columns": ["tenantId", "openedById"]})).step is None

    @pytest.mark.parametrize("valid", [True, False])
    def test_a_leftover_is_cleaned_up(self, valid: bool) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="cascade", validated=valid)
        outcome = planned(wanted(), drawers(SAME, leftover))
        assert script(outcome.step) == drop(NEW)
        step = outcome.step
        assert step is not None
        assert (step.action, step.summary, step.before) == ("clean up", "leftover of an interrupted run", SAME)
        assert (step.checks, step.rehearsal, outcome.notes) == ((), (), ())

    def test_cleaning_up_is_not_judged_as_a_new_key(self) -> None:
        """An unwise key that stands there anyway is no reason to leave the leftover too."""
        found = {**SAME, "on_delete": "set_null"}
        around = drawers(
            found, key_image(NEW, ["openedById"]), not_null=["openedById"], parent={"may_reference": False}
        )
        assert planned(wanted(), around).problems == ()


class TestPresentAndNotValid:
    LEFT: ClassVar[dict[str, Any]] = {**SAME, "validated": False}

    def test_an_interrupted_validation_goes_on_where_it_was(self) -> None:
        outcome = planned(wanted(), drawers(self.LEFT))
        assert script(outcome.step) == validate(NAME)
        step = outcome.step
        assert step is not None
        assert (step.action, step.before, step.rehearsal, step.parallel) == ("validate", self.LEFT, (), True)
        assert len(step.checks) == 1
        assert outcome.state == "on delete no action, on update no action, NOT VALID"

    def test_after_a_leftover_is_gone(self) -> None:
        outcome = planned(wanted(), drawers(self.LEFT, key_image(NEW, ["openedById"])))
        assert script(outcome.step) == [*drop(NEW), *validate(NAME)]
        assert outcome.step.action == "validate"

    def test_validation_needs_the_owner_alone(self) -> None:
        facts = {"owned": False, "may_reference": False, "may_lock": False}
        (problem,) = planned(wanted(), drawers(self.LEFT, child=facts, parent=facts)).problems
        assert problem.permission
        assert 'GRANT "owner" TO "deployer"' in problem.text


class TestPresentWithAnotherDefinition:
    def test_the_new_key_stands_beside_the_old_one_until_it_takes_its_name(self) -> None:
        """No instant without an enforced key: the guide's DROP, then ADD, leaves one."""
        outcome = planned(wanted(on_delete="set_null"), drawers(OTHER))
        definition = DEFINITION + SET_NULL_CASCADE
        assert script(outcome.step) == [*add(NEW, definition), *validate(NEW), *swap()]
        step = outcome.step
        assert step is not None
        assert (step.action, step.before, outcome.problems) == ("replace", OTHER, ())
        assert outcome.state == "on delete restrict, on update cascade"
        assert step.summary == "on delete restrict, on update cascade → on delete set null, on update cascade"
        assert (len(step.checks), len(step.rehearsal), outcome.notes) == (1, 2, ())

    @pytest.mark.parametrize(
        ("entry", "found"),
        [
            ({"on_delete": "cascade"}, {}),
            ({"on_update": "restrict"}, {}),
            ({"match": "full"}, {}),
            ({"match": "simple"}, {"match": "full"}),
            ({"deferrable": True}, {}),
            ({"deferrable": False}, {"deferrable": True, "initially_deferred": True}),
            ({"initially_deferred": False}, {"deferrable": True, "initially_deferred": True}),
            ({"on_delete": "set_null"}, {"on_delete": "set_null", "on_delete_columns": ["openedById"]}),
            ({}, {"columns": ["closedById"]}),
            ({}, {"referenced_columns": ["email"]}),
            ({}, {"referenced_table": "Closet"}),
            ({}, {"referenced_schema": "other"}),
            ({}, {"enforced": False, "validated": False}),
        ],
        ids=str,
    )
    def test_every_part_of_the_definition_counts(self, entry: dict[str, Any], found: dict[str, Any]) -> None:
        assert planned(wanted(**entry), drawers({**SAME, **found})).step.action == "replace"

    def test_not_deferrable_means_not_initially_deferred_either(self) -> None:
        found = {**SAME, "deferrable": True, "initially_deferred": True}
        assert script(planned(wanted(deferrable=False), drawers(found)).step)[0] == add(NEW)[0]

    def test_the_parents_of_both_keys_are_locked_for_the_swap(self) -> None:
        step = planned(wanted(), drawers(key_image(NAME, ["openedById"], to=CLOSET))).step
        assert script(step)[-1][1] == [
            "ACCESS EXCLUSIVE: public.CashDrawer",
            "ACCESS EXCLUSIVE: public.Closet",
            "ACCESS EXCLUSIVE: public.User",
        ]

    def test_the_comment_is_kept(self) -> None:
        outcome = planned(wanted(), drawers({**OTHER, "on_delete": "cascade", "comment": "it's mine"}))
        assert outcome.step is None, "nothing is asked for that is not there"
        step = planned(wanted(on_delete="restrict"), drawers({**SAME, "comment": "it's mine"})).step
        comment = f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS \'it\'\'s mine\''
        assert script(step)[-1:] == swap(comment)

    def test_a_finished_key_of_an_interrupted_run_only_takes_the_name(self) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="set_null", on_update="cascade")
        outcome = planned(wanted(on_delete="set_null"), drawers(OTHER, leftover))
        assert script(outcome.step) == swap()
        step = outcome.step
        assert step is not None
        assert (step.checks, step.rehearsal) == ((), ())

    def test_one_that_is_not_valid_yet_is_validated_first(self) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="set_null", on_update="cascade", validated=False)
        outcome = planned(wanted(on_delete="set_null"), drawers(OTHER, leftover))
        assert script(outcome.step) == [*validate(NEW), *swap()]
        assert (len(outcome.step.checks), outcome.step.rehearsal) == (1, ())

    def test_one_with_another_definition_goes_and_is_made_again(self) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="cascade")
        outcome = planned(wanted(on_delete="set_null"), drawers(OTHER, leftover))
        definition = DEFINITION + SET_NULL_CASCADE
        assert script(outcome.step) == [*drop(NEW), *add(NEW, definition), *validate(NEW), *swap()]

    def test_using_a_leftover_needs_no_references_privilege(self) -> None:
        leftover = key_image(NEW, ["openedById"], on_delete="restrict")
        around = drawers(SAME, leftover, parent={"may_reference": False})
        assert planned(wanted(on_delete="restrict"), around).problems == ()


class TestAbsent:
    def test_it_is_dropped_with_both_tables_locked(self) -> None:
        outcome = planned(absent(), drawers(OTHER))
        assert script(outcome.step) == drop(NAME)
        step = outcome.step
        assert step is not None
        assert (step.action, step.before, step.summary, step.checks) == ("drop", OTHER, "", ())
        assert outcome.state == "on delete restrict, on update cascade"
        assert tables(absent()) == {DRAWER}

    def test_what_is_not_there_is_left_at_that(self) -> None:
        outcome = planned(absent(), drawers())
        assert (outcome.step, outcome.state, outcome.problems, outcome.notes) == (None, "not there", (), ())

    def test_a_leftover_goes_in_the_same_transaction(self) -> None:
        outcome = planned(absent(), drawers(OTHER, key_image(NEW, ["openedById"], to=CLOSET)))
        assert script(outcome.step) == [
            (
                "guarded",
                [
                    "ACCESS EXCLUSIVE: public.CashDrawer",
                    "ACCESS EXCLUSIVE: public.Closet",
                    "ACCESS EXCLUSIVE: public.User",
                ],
                [f'{ALTER}DROP CONSTRAINT "{NAME}"', f'{ALTER}DROP CONSTRAINT "{NEW}"'],
            )
        ]

    def test_a_leftover_alone_is_cleaned_up(self) -> None:
        outcome = planned(absent(), drawers(key_image(NEW, ["openedById"], validated=False)))
        assert script(outcome.step) == drop(NEW)
        step = outcome.step
        assert step is not None
        assert (step.action, step.before, step.summary) == ("clean up", None, "leftover of an interrupted run")

    def test_its_columns_need_not_be_there(self) -> None:
        assert steps_of(planned(wanted(state="absent", columns=["gone"]), drawers(OTHER))) != []

    def test_owner_and_lock_privileges_are_asked_for(self) -> None:
        facts = {"owned": False, "may_lock": False}
        outcome = planned(absent(), drawers(OTHER, child=facts, parent=facts))
        assert [problem.permission for problem in outcome.problems] == [True, True]
        owner, lock = texts(outcome)
        assert 'GRANT "owner" TO "deployer"' in owner
        assert 'may not lock "public"."User"; GRANT UPDATE ON "public"."User" TO "deployer"' in lock


class TestTheNameIsTaken:
    @pytest.mark.parametrize("target", [wanted(), absent()], ids=["present", "absent"])
    @pytest.mark.parametrize("kind", ["c", "u", "p"])
    def test_by_another_constraint_of_the_table(self, target: DesiredKey, kind: str) -> None:
        outcome = planned(target, drawers(other_constraint(NAME, kind=kind)))
        todo = "give the key another name" if target.present else "correct the name, or drop it in psql"
        assert texts(outcome) == [f'"{NAME}" is a constraint of "public"."CashDrawer", but not a foreign key; {todo}']
        assert (outcome.step, outcome.state) == (None, "cannot be planned")

    def test_by_a_constraint_of_another_table_is_no_matter(self) -> None:
        assert planned(wanted(), drawers(other_constraint(NAME, of=USER))).problems == ()

    @pytest.mark.parametrize("target", [wanted(), absent()], ids=["present", "absent"])
    @pytest.mark.parametrize(
        ("state", "what"), [({"period": True}, "temporal (PERIOD)"), ({"inherited": True}, "part of a partitioned")]
    )
    def test_by_a_key_that_is_not_changed(self, target: DesiredKey, state: dict[str, Any], what: str) -> None:
        (text,) = texts(planned(target, drawers({**SAME, **state})))
        assert what in text
        assert "which this version does not change" in text


class TestTwins:
    TWIN = key_image("already", ["openedById"])

    def test_a_key_of_another_name_is_accepted_and_reported(self) -> None:
        outcome = planned(wanted(), drawers(self.TWIN))
        note = f'"public"."CashDrawer": the foreign key "already" already does the job of "{NAME}"'
        assert (outcome.step, outcome.problems, outcome.notes) == (None, (), (note,))
        assert outcome.state == 'the key "already" already does the job'

    def test_a_leftover_is_cleaned_up_all_the_same(self) -> None:
        """It acts on every delete, and no later run would find it either."""
        leftover = key_image(NEW, ["openedById"], on_delete="cascade")
        outcome = planned(wanted(), drawers(self.TWIN, leftover))
        assert script(outcome.step) == drop(NEW)

    @pytest.mark.parametrize("change", [{"validated": False}, {"on_delete": "cascade"}, {"type": "c"}], ids=str)
    def test_one_that_is_not_valid_or_different_does_not_do_the_job(self, change: dict[str, Any]) -> None:
        outcome = planned(wanted(), drawers({**self.TWIN, **change}))
        assert script(outcome.step) == [*add(NAME), *validate(NAME)]

    def test_one_with_another_action_acts_too_and_that_is_said(self) -> None:
        outcome = planned(wanted(on_delete="set_null"), drawers({**self.TWIN, "on_delete": "restrict"}))
        assert outcome.notes == (
            '"public"."CashDrawer": the foreign key "already" on the same columns stays and acts too (on delete '
            "restrict, on update no action); to take it away add {name: already, table: CashDrawer, state: absent}",
        )

    @pytest.mark.parametrize(
        "change", [{"columns": ["closedById"]}, {"referenced_table": "Closet"}, {"type": "c"}, {"name": NEW}], ids=str
    )
    def test_a_key_on_other_columns_or_to_another_table_is_not_mentioned(self, change: dict[str, Any]) -> None:
        other = {**self.TWIN, "on_delete": "restrict", **change}
        assert planned(wanted(on_delete="cascade"), drawers(other)).notes == ()


class Operators:
    """A session that knows one operator for each pair of columns."""

    def __init__(self, **row: Any) -> None:
        same = {"p_cast": None, "c_cast": None, "collation": None, "comparable": True}
        self.row = {"operator": "pg_catalog.=", **same, **row}

    def rows(self, _statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**self.row, "position": number} for number, _name in enumerate(parameters["columns"], 1)]


class TestOrphans:
    def sql(self, target: DesiredKey, session: Any = None) -> str:
        (check,) = planned(target, drawers()).step.checks
        assert check.reads == (target.table_name, ("public", target.specification.referenced_table))
        assert check.message(1).startswith('1 row of "public"."CashDrawer" refers to no row of ')
        assert check.message(12).startswith('12 rows of "public"."CashDrawer" refer to no row of ')
        assert check.mends == "add what they refer to, or correct their keys, then run this again"
        return check.question.sql(session or Operators())

    def test_of_one_column(self) -> None:
        for match in ("simple", "full"):
            assert self.sql(wanted(match=match)) == (
                'SELECT c."openedById", pg_catalog.count(*) OVER () AS total FROM ONLY "public"."CashDrawer" c'
                ' WHERE (c."openedById" IS NOT NULL AND NOT EXISTS (SELECT FROM ONLY "public"."User" p'
                ' WHERE p."id" OPERATOR(pg_catalog.=) c."openedById")) LIMIT 10'
            )

    MISSING = (
        'SELECT c."tenantId", c."openedById", pg_catalog.count(*) OVER () AS total FROM ONLY "public"."CashDrawer" c'
        ' WHERE (c."tenantId" IS NOT NULL AND c."openedById" IS NOT NULL'
        ' AND NOT EXISTS (SELECT FROM ONLY "public"."User" p WHERE p."tenantId" OPERATOR(pg_catalog.=) c."tenantId"'
        ' AND p."id" OPERATOR(pg_catalog.=) c."openedById"))'
    )

    def test_match_simple_lets_a_key_pass_that_is_null_in_part(self) -> None:
        assert self.sql(wanted(**PAIR)) == self.MISSING + " LIMIT 10"

    def test_match_full_does_not(self) -> None:
        assert self.sql(wanted(**PAIR, match="full")) == (
            self.MISSING + ' OR ((c."tenantId" IS NOT NULL OR c."openedById" IS NOT NULL)'
            ' AND NOT (c."tenantId" IS NOT NULL AND c."openedById" IS NOT NULL)) LIMIT 10'
        )

    def test_of_a_key_to_its_own_table(self) -> None:
        sql = self.sql(wanted(references={"table": "CashDrawer", "columns": ["tenantId"]}))
        assert sql.endswith(
            'FROM ONLY "public"."CashDrawer" c WHERE (c."openedById" IS NOT NULL AND NOT EXISTS (SELECT FROM'
            ' ONLY "public"."CashDrawer" p WHERE p."tenantId" OPERATOR(pg_catalog.=) c."openedById")) LIMIT 10'
        )

    def test_what_the_server_says_of_operators_casts_and_collations_is_in_it(self) -> None:
        session = Operators(operator="ext.=", p_cast="pg_catalog.text", c_cast="ext.citext", collation='pg_catalog."C"')
        assert 'p."id"::pg_catalog.text OPERATOR(ext.=) c."openedById"::ext.citext COLLATE pg_catalog."C"' in self.sql(
            wanted(), session
        )

    def test_where_no_operator_compares_the_columns_nothing_is_asked(self) -> None:
        class Nothing(Operators):
            def rows(self, _statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
                return []

        assert self.sql(wanted(), Nothing()) is None


class TestSetNull:
    """SET NULL on a NOT NULL column is accepted as DDL, and fails at the first DELETE."""

    HINT = "columns: [{table: CashDrawer, name: openedById, nullable: true}]"

    @pytest.mark.parametrize("event", ["on_delete", "on_update"])
    @pytest.mark.parametrize("found", [(), (SAME,)], ids=["add", "replace"])
    def test_on_a_column_that_is_not_null_is_refused(self, event: str, found: tuple[Any, ...]) -> None:
        (problem,) = planned(wanted(**{event: "set_null"}), drawers(*found, not_null=["openedById"])).problems
        assert not problem.permission
        assert f'{event}: set_null, but "public"."CashDrawer".openedById is NOT NULL' in problem.text
        assert f"each such {event[3:]} would fail (23502)" in problem.text
        assert self.HINT in problem.text
        assert "accept breaks_running_application" in problem.text
        assert "set_null_fails: accept" in problem.text

    @pytest.mark.parametrize("event", ["on_delete", "on_update"])
    def test_that_is_accepted_is_noted(self, event: str) -> None:
        target = wanted(**{event: "set_null", "set_null_fails": "accept"})
        outcome = planned(target, drawers(SAME, not_null=["openedById"]))
        assert (outcome.problems, outcome.step is not None) == ((), True)
        (note,) = [note for note in outcome.notes if "set_null" in note]
        assert "openedById is NOT NULL" in note
        assert note.endswith("the migration accepts that")

    @pytest.mark.parametrize("event", ["on_delete", "on_update"])
    @pytest.mark.parametrize(
        ("not_null", "wish", "refused"),
        [
            ([], None, False),
            (["openedById"], True, False),
            ([], False, True),
            (["openedById"], False, True),
            (["tenantId"], None, False),
        ],
    )
    def test_the_same_migration_may_make_it_nullable_or_not_null(
        self, event: str, not_null: list[str], wish: bool | None, refused: bool
    ) -> None:
        around = drawers(not_null=not_null)
        if wish is not None:
            around = replace(
                around, targets={("column", DRAWER, "openedById"): Nullability(*DRAWER, "openedById", wish)}
            )
        outcome = planned(wanted(**{event: "set_null"}), around)
        assert bool(outcome.problems) is refused

    def test_a_wish_for_a_column_of_that_name_elsewhere_does_not_count(self) -> None:
        elsewhere = {("column", USER, "openedById"): Nullability(*USER, "openedById", True)}
        outcome = planned(wanted(on_delete="set_null"), replace(drawers(not_null=["openedById"]), targets=elsewhere))
        assert len(outcome.problems) == 1

    def test_only_the_columns_that_on_delete_sets_count(self) -> None:
        around = drawers(not_null=["tenantId"])
        assert planned(wanted(**PAIR, on_delete="set_null", on_delete_columns=["openedById"]), around).problems == ()
        assert len(planned(wanted(**PAIR, on_delete="set_null"), around).problems) == 1
        both = wanted(**PAIR, on_delete="set_null", on_update="set_null", on_delete_columns=["openedById"])
        assert len(planned(both, around).problems) == 1

    def test_one_that_stands_there_is_judged_when_it_is_replaced(self) -> None:
        found = {**SAME, "on_delete": "set_null"}
        around = drawers(found, not_null=["openedById"])
        assert planned(wanted(), around).problems == ()
        assert self.HINT in texts(planned(wanted(on_update="cascade"), around))[0]

    @pytest.mark.parametrize(("version", "refused"), [(140010, True), (150000, False), (180001, False)])
    def test_column_lists_need_15(self, version: int, refused: bool) -> None:
        target = wanted(on_delete="set_null", on_delete_columns=["openedById"])
        outcome = planned(target, drawers(version=version))
        assert texts(outcome) == (
            [f'"{NAME}": on_delete_columns needs PostgreSQL 15 or newer; leave it out'] if refused else []
        )


class TestPrivileges:
    @pytest.mark.parametrize(("target", "found"), [(wanted(), ()), (wanted(on_delete="cascade"), (SAME,))])
    def test_references_on_the_parent_is_needed_to_make_a_key(self, target: DesiredKey, found: tuple[Any, ...]) -> None:
        (problem,) = planned(target, drawers(*found, parent={"may_reference": False})).problems
        assert problem.permission
        assert 'GRANT REFERENCES ON "public"."User" TO "deployer"' in problem.text

    @pytest.mark.parametrize(
        ("owned", "may_lock", "refused"), [(True, False, False), (False, True, False), (False, False, True)]
    )
    def test_the_parent_must_be_lockable_by_owner_or_privilege(
        self, owned: bool, may_lock: bool, refused: bool
    ) -> None:
        outcome = planned(wanted(), drawers(parent={"owned": owned, "may_lock": may_lock}))
        grants = ['GRANT UPDATE ON "public"."User" TO "deployer"' in text for text in texts(outcome)]
        assert grants == ([True] if refused else [])
        assert all(problem.permission for problem in outcome.problems)

    def test_each_missing_privilege_once_and_the_plan_all_the_same(self) -> None:
        facts = {"owned": False, "may_reference": False, "may_lock": False}
        outcome = planned(wanted(on_delete="cascade"), drawers(SAME, child=facts, parent=facts))
        assert len(set(texts(outcome))) == len(outcome.problems) == 4
        assert outcome.step is not None


class TestProblems:
    def test_both_tables_are_looked_at(self) -> None:
        outcome = planned(wanted(), catalog({}, nearby={USER: ["Users"]}))
        assert texts(outcome) == [
            'there is no table "CashDrawer" in schema "public"; correct the name, or create the table first',
            'there is no table "User" in schema "public"; did you mean "Users"?',
        ]
        assert (outcome.step, outcome.state) == (None, "cannot be planned")

    def test_a_key_to_its_own_table_looks_at_it_once(self) -> None:
        target = wanted(references={"table": "CashDrawer", "columns": ["tenantId"]})
        assert len(planned(target, catalog({})).problems) == 1

    def test_all_columns_that_are_not_there_on_both_sides(self) -> None:
        target = wanted(columns=["openedbyid"], references={"table": "User", "columns": ["Id"]})
        assert texts(planned(target, drawers())) == [
            'there is no column "openedbyid" in "public"."CashDrawer"; did you mean "openedById"?',
            'there is no column "Id" in "public"."User"; did you mean "id"?',
        ]

    @pytest.mark.parametrize("side", ["child", "parent"])
    def test_foreign_tables_are_not_changed(self, side: str) -> None:
        (text,) = texts(planned(wanted(), drawers(**{side: {"kind": "f"}})))
        assert "is a foreign table, which this version does not change" in text


class TestPartitioned:
    """A key of a partitioned table, or to one, is one of each partition."""

    PART: TableName = ("archive", "part")

    def around(self, of: TableName, *keys: Mapping[str, Any], version: int = 180001) -> Catalog:
        there = drawers(*keys, version=version)
        columns = dict(there.tables[of].columns)
        part = replace(there.tables[of], is_partition=True, parent=of, columns=columns)
        return replace(there, tables={**there.tables, of: replace(there.tables[of], kind="p"), self.PART: part})

    def locks(self, outcome: Outcome) -> list[list[tuple[str, TableName]]]:
        assert outcome.step is not None
        return [[(lock.mode, lock.table) for lock in unit.locks] for unit in outcome.step.units]

    @pytest.mark.parametrize("version", VERSIONS)
    def test_to_one(self, version: int) -> None:
        outcome = planned(wanted(), self.around(USER, version=version))
        assert outcome.problems == ()
        assert self.locks(outcome) == [
            [("SHARE ROW EXCLUSIVE", name) for name in (self.PART, DRAWER, USER)],
            [("SHARE UPDATE EXCLUSIVE", DRAWER), ("ROW SHARE", USER)],
        ]
        gone = planned(absent(), self.around(USER, key_image(NAME, ["openedById"]), version=version))
        assert gone.problems == ()
        assert self.locks(gone) == [[("ACCESS EXCLUSIVE", name) for name in (self.PART, DRAWER, USER)]]

    def test_of_one_since_18(self) -> None:
        outcome = planned(wanted(), self.around(DRAWER))
        assert outcome.problems == ()
        assert self.locks(outcome) == [
            [("SHARE ROW EXCLUSIVE", name) for name in (self.PART, DRAWER, USER)],
            [("SHARE UPDATE EXCLUSIVE", DRAWER), ("SHARE UPDATE EXCLUSIVE", self.PART), ("ROW SHARE", USER)],
        ]

    def test_of_one_replaced_with_the_names_of_its_parts(self) -> None:
        outcome = planned(wanted(on_delete="cascade"), self.around(DRAWER, key_image(NAME, ["openedById"])))
        assert script(outcome.step)[-1] == (
            "guarded",
            ["ACCESS EXCLUSIVE: archive.part"],
            [f'ALTER TABLE "archive"."part" RENAME CONSTRAINT "{NEW}" TO "{NAME}"'],
        )
        # And where a run was cut off before it gave them.
        part = key_image(NEW, ["openedById"], of=self.PART, inherited=True)
        left = planned(wanted(), self.around(DRAWER, key_image(NAME, ["openedById"]), part))
        assert left.step is not None
        assert (left.step.action, script(left.step)) == ("clean up", script(outcome.step)[-1:])

    @pytest.mark.parametrize("version", [version for version in VERSIONS if version < 180000])
    def test_of_one_before_18(self, version: int) -> None:
        there = key_image(NAME, ["openedById"])
        for target, keys in ((wanted(), []), (wanted(on_delete="cascade"), [there]), (absent(), [there])):
            (text,) = texts(planned(target, self.around(DRAWER, *keys, version=version)))
            assert '"public"."CashDrawer" is partitioned, and PostgreSQL before 18' in text
        assert planned(wanted(), self.around(DRAWER, there, version=version)).problems == ()


class TestIndexOnTheReferencingColumns:
    """Without an index that begins with the key's columns every delete in the parent scans the child."""

    @pytest.mark.parametrize(
        "index",
        [
            index_image("i", ["openedById"]),
            index_image("i", ["openedById", "tenantId"]),
            index_image("i", ["openedById"], unique=True),
        ],
    )
    def test_there_is_one(self, index: dict[str, Any]) -> None:
        assert planned(wanted(), drawers(indexes=[index])).notes == ()

    @pytest.mark.parametrize("found", [(), (SAME,)], ids=["to add", "there already"])
    @pytest.mark.parametrize(
        "indexes",
        [
            [],
            [index_image("i", ["tenantId", "openedById"])],
            [index_image("i", ["openedById"], valid=False)],
            [index_image("i", ["openedById"], predicate="(status IS NULL)")],
            [index_image("i", ["id"], of=USER)],
        ],
        ids=["none", "in second place", "invalid", "partial", "on the parent"],
    )
    def test_there_is_none(self, found: tuple[Any, ...], indexes: list[dict[str, Any]]) -> None:
        outcome = planned(wanted(), drawers(*found, indexes=indexes))
        assert outcome.notes == (
            '"public"."CashDrawer": no index begins with (openedById), so each delete in "public"."User" scans the '
            f'whole table because of "{NAME}"',
        )

    @pytest.mark.parametrize("order", [["tenantId", "openedById"], ["openedById", "tenantId", "closedById"]])
    def test_of_several_columns_in_any_order(self, order: list[str]) -> None:
        assert planned(wanted(**PAIR), drawers(indexes=[index_image("i", order)])).notes == ()
        assert len(planned(wanted(**PAIR), drawers(indexes=[index_image("i", order[:1])])).notes) == 1


class TestRollback:
    """What stood there comes back, wise or not."""

    IMAGE = key_image(NAME, ["openedById"], on_delete="cascade", on_update="cascade", deferrable=True)
    BACK = DEFINITION + " ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE"
    COMMENT = f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS \'mine\''

    def back(self, image: dict[str, Any] | None, *there: Mapping[str, Any], **more: Any) -> Outcome:
        return planned(from_image(DRAWER, NAME, image), drawers(*there, **more))

    def test_a_dropped_key_is_added_again(self) -> None:
        outcome = self.back(self.IMAGE)
        assert script(outcome.step) == [*add(NAME, self.BACK), *validate(NAME)]
        assert len(outcome.step.checks) == 1

    def test_an_added_key_is_dropped(self) -> None:
        assert script(self.back(None, SAME).step) == drop(NAME)

    def test_a_replaced_key_is_replaced_back(self) -> None:
        assert script(self.back(self.IMAGE, SAME).step) == [*add(NEW, self.BACK), *validate(NEW), *swap()]

    def test_one_that_is_there_again_is_left_alone(self) -> None:
        assert self.back(self.IMAGE, self.IMAGE).step is None

    def test_a_twin_is_no_substitute(self) -> None:
        """Exactly what stood there, under its own name."""
        outcome = self.back(self.IMAGE, {**self.IMAGE, "name": "twin"})
        assert script(outcome.step) == [*add(NAME, self.BACK), *validate(NAME)]

    def test_nothing_is_kept_of_what_stands_there_now(self) -> None:
        image = key_image(NAME, ["openedById"])
        outcome = self.back(image, {**SAME, "on_delete": "set_null", "match": "full", "deferrable": True})
        assert script(outcome.step)[0] == add(NEW)[0]

    def test_the_comment_comes_back_with_the_key(self) -> None:
        image = {**self.IMAGE, "comment": "mine"}
        assert script(self.back(image).step)[0] == add(NAME, self.BACK, self.COMMENT)[0]
        replaced = script(self.back(image, {**SAME, "comment": "of the new one"}).step)
        assert replaced == [*add(NEW, self.BACK, self.COMMENT.replace(NAME, NEW)), *validate(NEW), *swap()]

    def test_a_key_that_was_not_valid_comes_back_not_valid(self) -> None:
        """Its orphans were there before the deployment too: they are no reason to refuse."""
        image = {**self.IMAGE, "validated": False}
        assert script(self.back(image).step) == add(NAME, self.BACK)
        assert self.back(image).step.checks == ()
        assert script(self.back(image, SAME).step) == [*add(NEW, self.BACK), *swap()]

    def test_a_deployments_validation_is_undone_too(self) -> None:
        """pg_dump -s tells the two apart, and what follows on may rely on NOT VALID."""
        outcome = self.back({**SAME, "validated": False}, SAME)
        assert script(outcome.step) == [*add(NEW), *swap()]

    def test_a_key_that_was_not_enforced_does_not_come_back_enforced(self) -> None:
        """PostgreSQL 18: the deployment made it enforced; back as before, or refused, but not left in silence."""
        image = {**SAME, "enforced": False, "validated": False}
        outcome = self.back(image, SAME)
        assert outcome.problems or any("NOT ENFORCED" in statement for statement in outcome.step.statements)

    def test_set_null_on_a_not_null_column_is_not_judged(self) -> None:
        outcome = self.back({**SAME, "on_delete": "set_null"}, not_null=["openedById"])
        assert outcome.problems == ()

    def test_an_interrupted_rollback_is_picked_up(self) -> None:
        leftover = {**self.IMAGE, "name": NEW, "validated": False}
        assert script(self.back(self.IMAGE, SAME, leftover).step) == [*validate(NEW), *swap()]
        unchecked = {**self.IMAGE, "validated": False}
        assert script(self.back(unchecked, SAME, leftover).step) == swap()

    @pytest.mark.parametrize(
        ("key", "value", "counts"),
        [
            ("columns", ["closedById"], True),
            ("referenced_schema", "other", True),
            ("referenced_table", "Closet", True),
            ("referenced_columns", ["email"], True),
            ("on_delete", "cascade", True),
            ("on_delete_columns", ["openedById"], True),
            ("on_update", "cascade", True),
            ("match", "full", True),
            ("deferrable", True, True),
            ("initially_deferred", True, True),
            ("comment", "mine", False),
            ("validated", False, False),
        ],
    )
    def test_definition_alone_makes_two_images_different(self, key: str, value: Any, counts: bool) -> None:
        assert differs(SAME, {**SAME, key: value}) is counts


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "on delete no action, on update no action"),
        ({"on_delete": "set_null"}, "on delete set null, on update no action"),
        ({"on_delete": "set_null", "on_delete_columns": ["a", "b"]}, "on delete set null, on update no action (a, b)"),
        ({"deferrable": True}, "on delete no action, on update no action, deferrable"),
        (
            {"deferrable": True, "initially_deferred": True, "validated": False},
            "on delete no action, on update no action, initially deferred, NOT VALID",
        ),
    ],
    ids=str,
)
def test_a_key_in_a_few_words(change: dict[str, Any], words: str) -> None:
    assert describe({**SAME, **change}) == words


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_quoted_in_every_statement(name: str) -> None:
    child, parent = (name, name), (name, "x")
    entry = {"table": name, "name": name, "columns": [name], "references": {"table": "x", "columns": [name]}}
    target = from_specification(ForeignKeySpecification.from_entry(entry, name))
    column = Column(name, "text", False)
    around = catalog(
        {child: table(column), parent: table(column)}, (), [key_image(name, ["other"], of=child, to=parent)]
    )
    step = planned(target, around).step
    assert step is not None
    new, own = temporary_name(name, "new", child), quoted(name)
    assert len(new.encode()) <= 63
    alter = f"ALTER TABLE {own}.{own} "
    assert step.statements == [
        f'{alter}ADD CONSTRAINT {quoted(new)} FOREIGN KEY ({own}) REFERENCES {own}."x" ({own}) NOT VALID',
        f"{alter}VALIDATE CONSTRAINT {quoted(new)}",
        f"{alter}DROP CONSTRAINT {own}",
        f"{alter}RENAME CONSTRAINT {quoted(new)} TO {own}",
    ]
    assert f"FROM ONLY {qualified(*child)} c WHERE (c.{own} IS NOT NULL" in step.checks[0].question.sql(Operators())
