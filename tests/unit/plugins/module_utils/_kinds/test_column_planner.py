# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for the nullability of a column: for every state of it, and every version of the server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.image import differs
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.planner import plan, tables
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.specification import ColumnSpecification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.column.target import (
    DesiredColumn,
    from_image,
    from_specification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog, Column
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import (
    derived_name,
    qualified,
    temporary_name,
)
from unit.builders import (
    DRAWER,
    ODD_NAMES,
    VERSIONS,
    catalog,
    index_image,
    other_constraint,
    quoted,
    script,
    table,
    texts,
)

COLUMN = "openedById"
PART = ("archive", "part")
HELPER = temporary_name(COLUMN, "check", DRAWER)
ALTER = 'ALTER TABLE "public"."CashDrawer" '
DROP_NOT_NULL = ALTER + 'ALTER COLUMN "openedById" DROP NOT NULL'
ADD_CHECK = ALTER + f'ADD CONSTRAINT "{HELPER}" CHECK ("openedById" IS DISTINCT FROM NULL) NOT VALID'
VALIDATE_CHECK = ALTER + f'VALIDATE CONSTRAINT "{HELPER}"'
SET_NOT_NULL = ALTER + 'ALTER COLUMN "openedById" SET NOT NULL'
DROP_CHECK = ALTER + f'DROP CONSTRAINT "{HELPER}"'
ADD_NOT_NULL = ALTER + 'ADD CONSTRAINT "CashDrawer_openedById_not_null" NOT NULL "openedById" NOT VALID'
VALIDATE_NOT_NULL = ALTER + 'VALIDATE CONSTRAINT "CashDrawer_openedById_not_null"'
EXCLUSIVE = ["ACCESS EXCLUSIVE: public.CashDrawer"]
SHARED = ["SHARE UPDATE EXCLUSIVE: public.CashDrawer"]
BEFORE_18 = [version for version in VERSIONS if version < 180000]


def constraint(**changes: Any) -> dict[str, Any]:
    """NOT NULL as PostgreSQL 18 has it: a constraint with a name."""
    name = "CashDrawer_openedById_not_null"
    return {"name": name, "validated": True, "no_inherit": False, "comment": None, **changes}


def drawers(
    not_null: bool,
    version: int = 180001,
    leftover: bool | None = None,
    facts: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
    **of_column: Any,
) -> Catalog:
    """A table with the column. leftover: the helper CHECK of an interrupted run stands there, valid or not."""
    if not_null and version >= 180000:
        of_column.setdefault("not_null_constraint", constraint())
    columns = (Column("id", "uuid", True, primary_key=True), Column(COLUMN, "uuid", not_null, **of_column))
    checks = [] if leftover is None else [{"name": HELPER, "validated": leftover}]
    return catalog({DRAWER: table(*columns, **(facts or {}))}, checks=checks, version=version, **(more or {}))


def planned(nullable: bool, around: Catalog) -> Outcome:
    return plan(DesiredColumn(*DRAWER, COLUMN, nullable), around)


class TestNothingToDo:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize(("nullable", "state"), [(True, "NULL allowed"), (False, "NOT NULL")])
    def test_a_column_that_is_as_wanted_gets_no_step(self, nullable: bool, state: str, version: int) -> None:
        outcome = planned(nullable, drawers(not nullable, version))
        assert (outcome.step, outcome.problems, outcome.state) == (None, (), state)

    @pytest.mark.parametrize("nullable", [True, False])
    @pytest.mark.parametrize("facts", [{"owned": False}, {"has_children": True}])
    def test_a_column_that_is_as_wanted_needs_no_privilege_and_may_be_inherited(
        self, nullable: bool, facts: dict[str, Any]
    ) -> None:
        around = drawers(not nullable, facts=facts, identity=True, inherited=True)
        assert planned(nullable, around).problems == ()


class TestToNull:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_drop_not_null_is_one_guarded_statement(self, version: int) -> None:
        outcome = planned(True, drawers(True, version))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [DROP_NOT_NULL])]
        assert outcome.state == "NOT NULL"
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("alter", "NULL allowed")
        assert outcome.step.checks == outcome.step.rehearsal == outcome.step.cleanup == ()
        assert not outcome.step.parallel

    @pytest.mark.parametrize("valid", [True, False])
    def test_the_leftover_of_the_other_direction_goes_in_the_same_transaction(self, valid: bool) -> None:
        outcome = planned(True, drawers(True, 160001, leftover=valid))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [DROP_NOT_NULL, DROP_CHECK])]

    @pytest.mark.parametrize("valid", [True, False])
    def test_a_leftover_alone_is_cleaned_up(self, valid: bool) -> None:
        """While it stands, the column takes no NULL, whatever the catalog says."""
        outcome = planned(True, drawers(False, 160001, leftover=valid))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [DROP_CHECK])]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("clean up", "leftover of an interrupted run")
        assert outcome.problems == ()

    def test_a_check_of_another_column_is_no_leftover(self) -> None:
        other = {"name": temporary_name("closedById", "check", DRAWER), "validated": True}
        around = catalog({DRAWER: table(Column(COLUMN, "uuid", False))}, checks=[other])
        assert planned(True, around).step is None

    @pytest.mark.parametrize(
        ("of_column", "facts", "why"),
        [
            ({"primary_key": True}, {}, "is part of the primary key and stays NOT NULL"),
            ({"identity": True}, {}, "is an identity column and stays NOT NULL"),
            ({"inherited": True}, {}, "takes part in table inheritance"),
            ({}, {"has_children": True}, "takes part in table inheritance"),
        ],
    )
    def test_what_postgresql_would_refuse_is_a_problem(
        self, of_column: dict[str, Any], facts: dict[str, Any], why: str
    ) -> None:
        (text,) = texts(planned(True, drawers(True, facts=facts, **of_column)))
        assert text.startswith('"public"."CashDrawer"')
        assert why in text

    def test_all_reasons_are_named_at_once(self) -> None:
        outcome = planned(True, drawers(True, facts={"owned": False}, primary_key=True, identity=True, inherited=True))
        assert len(outcome.problems) == 4

    def test_a_column_of_the_replica_identity_stays_not_null(self) -> None:
        """DROP NOT NULL fails there: 'column "openedById" is in index used as replica identity' (measured on 18)."""
        index = index_image("identity", [COLUMN], unique=True, replica_identity=True)
        columns = (Column(COLUMN, "uuid", True, not_null_constraint=constraint()),)
        (text,) = texts(planned(True, catalog({DRAWER: table(*columns)}, [index])))
        assert "replica identity" in text


class TestToNotNullBefore18:
    """A validated CHECK spares SET NOT NULL its scan under ACCESS EXCLUSIVE."""

    @pytest.mark.parametrize("version", BEFORE_18)
    def test_check_validate_then_not_null_without_a_scan(self, version: int) -> None:
        outcome = planned(False, drawers(False, version))
        assert script(outcome.step) == [
            ("guarded", EXCLUSIVE, [ADD_CHECK]),
            ("alone", SHARED, [VALIDATE_CHECK]),
            ("guarded", EXCLUSIVE, [SET_NOT_NULL, DROP_CHECK]),
        ]
        assert outcome.problems == ()
        assert outcome.state == "NULL allowed"
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("alter", "NOT NULL")

    def test_an_interrupted_validation_goes_on_where_it_was(self) -> None:
        outcome = planned(False, drawers(False, 150000, leftover=False))
        assert script(outcome.step) == [
            ("alone", SHARED, [VALIDATE_CHECK]),
            ("guarded", EXCLUSIVE, [SET_NOT_NULL, DROP_CHECK]),
        ]
        assert outcome.step is not None
        assert outcome.step.action == "alter"

    def test_a_finished_validation_is_not_repeated(self) -> None:
        outcome = planned(False, drawers(False, 150000, leftover=True))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [SET_NOT_NULL, DROP_CHECK])]

    @pytest.mark.parametrize("valid", [True, False])
    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_leftover_beside_not_null_is_cleaned_up(self, version: int, valid: bool) -> None:
        outcome = planned(False, drawers(True, version, leftover=valid))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [DROP_CHECK])]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("clean up", "leftover of an interrupted run")
        assert outcome.step.checks == ()


class TestToNotNullSince18:
    """NOT NULL is a constraint, and can be NOT VALID."""

    def test_not_valid_first_then_validate(self) -> None:
        outcome = planned(False, drawers(False))
        assert script(outcome.step) == [
            ("guarded", EXCLUSIVE, [ADD_NOT_NULL]),
            ("alone", SHARED, [VALIDATE_NOT_NULL]),
        ]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("alter", "NOT NULL")

    def test_a_constraint_that_is_not_valid_is_only_validated(self) -> None:
        """The leftover of an interrupted run, or somebody's own: under whatever name it has."""
        around = drawers(True, not_null_constraint=constraint(name="mine", validated=False))
        outcome = planned(False, around)
        assert script(outcome.step) == [("alone", SHARED, [ALTER + 'VALIDATE CONSTRAINT "mine"'])]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.parallel, len(outcome.step.checks)) == ("alter", True, 1)

    def test_the_check_of_a_run_before_the_upgrade_to_18_goes_too(self) -> None:
        """In the same run: a second one would find nothing to do."""
        outcome = planned(False, drawers(False, leftover=True))
        assert outcome.step is not None
        assert DROP_CHECK in outcome.step.statements

    def test_the_constraint_has_the_name_that_postgresql_would_choose_as_long_as_that_fits(self) -> None:
        name = "c" * (63 - len("CashDrawer__not_null"))
        outcome = plan(DesiredColumn(*DRAWER, name, False), catalog({DRAWER: table(name)}))
        assert f'ADD CONSTRAINT "CashDrawer_{name}_not_null" NOT NULL' in outcome.step.statements[0]

    def test_a_constraint_name_beyond_63_bytes_is_replaced_by_a_shorter_one(self) -> None:
        name = "ö" * 31
        outcome = plan(DesiredColumn(*DRAWER, name, False), catalog({DRAWER: table(name)}))
        short = derived_name(f"CashDrawer_{name}_not_null", DRAWER)
        assert len(short.encode()) <= 63
        assert outcome.step.statements == [
            f'{ALTER}ADD CONSTRAINT "{short}" NOT NULL "{name}" NOT VALID',
            f'{ALTER}VALIDATE CONSTRAINT "{short}"',
        ]

    def test_a_name_that_another_constraint_of_the_table_has_is_not_taken(self) -> None:
        """ADD CONSTRAINT would fail with 42710 (measured on 18), with other steps done already."""
        taken = other_constraint("CashDrawer_openedById_not_null")
        around = catalog({DRAWER: table(COLUMN)}, constraints=[taken])
        another = ADD_NOT_NULL.replace("_not_null", "_not_null1")
        assert planned(False, around).step.statements[0] == another

    def test_a_name_that_another_column_s_constraint_has_is_not_taken(self) -> None:
        """A10: names stay when a column is renamed; a partition gets the constraint under the same name."""
        renamed = Column("now", "int", True, not_null_constraint=constraint())
        second = Column("then", "int", True, not_null_constraint=constraint(name=constraint()["name"] + "1"))
        tables = {DRAWER: table(COLUMN, renamed, kind="p"), PART: table(COLUMN, second, parent=DRAWER)}
        another = ADD_NOT_NULL.replace("_not_null", "_not_null2")
        assert planned(False, catalog(tables)).step.statements[0] == another

    def test_a_valid_check_that_says_the_same_is_used(self) -> None:
        around = drawers(False)
        around.image("column", DRAWER, COLUMN)["proven"] = "mine"  # type: ignore[index]
        assert script(planned(False, around).step) == [("guarded", EXCLUSIVE, [SET_NOT_NULL])]

    def test_one_that_was_not_valid_before_the_deployment_is_so_again(self) -> None:
        former = constraint(name="theirs", validated=False, comment="c")
        target = DesiredColumn(*DRAWER, COLUMN, False, former)
        step = plan(target, drawers(True, not_null_constraint=constraint(name="theirs"))).step
        assert script(step) == [
            (
                "guarded",
                EXCLUSIVE,
                [
                    ALTER + 'DROP CONSTRAINT "theirs"',
                    ALTER + 'ADD CONSTRAINT "theirs" NOT NULL "openedById" NOT VALID',
                    'COMMENT ON CONSTRAINT "theirs" ON "public"."CashDrawer" IS \'c\'',
                ],
            )
        ]
        assert (step.action, step.summary) == ("alter", "NOT NULL")


class TestDataCheck:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_rows_without_a_value_are_asked_for_by_primary_key(self, version: int) -> None:
        columns = (
            Column("tenant", "uuid", True, primary_key=True),
            Column("no", "int", True, primary_key=True),
            Column(COLUMN, "uuid", False),
        )
        outcome = planned(False, catalog({DRAWER: table(*columns)}, version=version))
        (check,) = outcome.step.checks
        assert check.reads == (DRAWER,)
        assert check.question.sql(None) == (
            'SELECT "tenant", "no", pg_catalog.count(*) OVER () AS total FROM "public"."CashDrawer"'
            ' WHERE "openedById" IS NOT DISTINCT FROM NULL LIMIT 10'
        )
        place = '"public"."CashDrawer"'
        assert check.message(1) == f"1 row of {place} has no openedById, so it cannot be NOT NULL"
        assert check.message(12) == f"12 rows of {place} have no openedById, so it cannot be NOT NULL"
        assert check.mends == "give these rows a value, or leave the column nullable"

    def test_without_a_primary_key_rows_are_shown_by_their_place(self) -> None:
        outcome = planned(False, catalog({DRAWER: table(COLUMN)}))
        assert outcome.step.checks[0].question.sql(None).startswith('SELECT "ctid", pg_catalog.count(*)')


class TestProblems:
    @pytest.mark.parametrize("nullable", [True, False])
    @pytest.mark.parametrize("version", VERSIONS)
    def test_whoever_does_not_own_the_table_is_told_the_grant(self, nullable: bool, version: int) -> None:
        outcome = planned(nullable, drawers(nullable, version, facts={"owned": False}))
        (problem,) = outcome.problems
        assert problem.permission
        assert 'GRANT "owner" TO "deployer"' in problem.text
        assert outcome.step is not None, "check mode shows the plan all the same"

    def test_inheritance_is_refused_for_not_null(self) -> None:
        (text,) = texts(planned(False, drawers(False, facts={"has_children": True})))
        assert "takes part in table inheritance" in text

    def test_a_table_that_is_not_there_with_the_nearest_name(self) -> None:
        outcome = plan(
            DesiredColumn("public", "cashdrawer", "x", True),
            catalog({}, nearby={("public", "cashdrawer"): ["CashDrawer"]}),
        )
        assert texts(outcome) == ['there is no table "cashdrawer" in schema "public"; did you mean "CashDrawer"?']
        assert (outcome.step, outcome.state) == (None, "cannot be planned")

    def test_a_column_that_is_not_there_with_the_nearest_name(self) -> None:
        outcome = plan(DesiredColumn(*DRAWER, "openedbyid", True), drawers(True))
        assert texts(outcome) == [
            'there is no column "openedbyid" in "public"."CashDrawer"; did you mean "openedById"?'
        ]
        assert outcome.step is None

    def test_a_table_that_is_not_changed_is_refused_before_its_columns_are_looked_at(self) -> None:
        outcome = plan(DesiredColumn(*DRAWER, "nope", True), drawers(True, facts={"kind": "v"}))
        assert texts(outcome) == [
            '"public"."CashDrawer" is a view, which this version does not change; name the tables that it reads'
        ]


class TestRollback:
    @pytest.mark.parametrize("version", BEFORE_18)
    def test_not_null_comes_back_by_the_same_safe_way(self, version: int) -> None:
        target = from_image(DRAWER, COLUMN, {"name": COLUMN, "nullable": False, "constraint": None})
        assert plan(target, drawers(False, version)) == planned(False, drawers(False, version))

    def test_null_comes_back(self) -> None:
        target = from_image(DRAWER, COLUMN, {"name": COLUMN, "nullable": True, "constraint": None})
        assert script(plan(target, drawers(True)).step) == [("guarded", EXCLUSIVE, [DROP_NOT_NULL])]

    def test_the_constraint_comes_back_with_name_inheritance_and_comment(self) -> None:
        before = constraint(name='opened "by"', no_inherit=True, comment="it's said")
        target = from_image(DRAWER, COLUMN, {"name": COLUMN, "nullable": False, "constraint": before})
        assert script(plan(target, drawers(False)).step) == [
            (
                "guarded",
                EXCLUSIVE,
                [
                    ALTER + 'ADD CONSTRAINT "opened ""by""" NOT NULL "openedById" NO INHERIT NOT VALID',
                    'COMMENT ON CONSTRAINT "opened ""by""" ON "public"."CashDrawer" IS \'it\'\'s said\'',
                ],
            ),
            ("alone", SHARED, [ALTER + 'VALIDATE CONSTRAINT "opened ""by"""']),
        ]

    def test_a_constraint_that_was_not_valid_comes_back_not_valid(self) -> None:
        """Its NULLs were there before the deployment too: they are no reason to refuse, and nothing is validated."""
        before = constraint(validated=False)
        target = from_image(DRAWER, COLUMN, {"name": COLUMN, "nullable": False, "constraint": before})
        outcome = plan(target, drawers(False))
        assert script(outcome.step) == [("guarded", EXCLUSIVE, [ADD_NOT_NULL])]
        assert outcome.step.checks == ()

    def test_where_no_column_was_one_is_taken_away(self) -> None:
        assert from_image(DRAWER, COLUMN, None) == DesiredColumn(*DRAWER, COLUMN, present=False, restores=True)

    @pytest.mark.parametrize("nullable", [True, False])
    def test_the_image_before_holds_what_a_rollback_needs_and_no_leftovers(self, nullable: bool) -> None:
        outcome = planned(nullable, drawers(nullable, leftover=True))
        assert outcome.step is not None
        assert outcome.step.before == {
            "name": COLUMN,
            "nullable": not nullable,
            "constraint": constraint() if nullable else None,
        }

    def test_only_nullability_makes_two_images_different(self) -> None:
        image = {"name": COLUMN, "nullable": True, "constraint": None, "checks": []}
        assert not differs(image, {**image, "constraint": constraint(), "checks": [{"name": HELPER}]})
        assert differs(image, {**image, "nullable": False})


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("version", [170004, 180001])
@pytest.mark.parametrize("nullable", [True, False])
def test_odd_names_are_quoted_in_every_statement(name: str, version: int, nullable: bool) -> None:
    place = (name, name)
    around = catalog({place: table(Column(name, "text", nullable))}, version=version)
    outcome = plan(DesiredColumn(name, name, name, nullable), around)
    assert outcome.step is not None
    assert outcome.problems == ()
    own = quoted(name)
    for statement in outcome.step.statements:
        assert statement.startswith(f"ALTER TABLE {qualified(name, name)} ")
        assert own in statement
    for check in outcome.step.checks:
        assert f"FROM {own}.{own} WHERE {own} IS NOT DISTINCT FROM NULL" in check.question.sql(None)


def test_a_specification_becomes_a_target() -> None:
    specification = ColumnSpecification("public", "CashDrawer", COLUMN, True)
    assert from_specification(specification) == DesiredColumn(*DRAWER, COLUMN, True)
    assert tables(from_specification(specification)) == {DRAWER}


class TestPartitioned:
    """The nullability of a partitioned table is that of all partitions, in one statement."""

    def around(self, not_null: bool, version: int, part: bool | None = None, **of_part: Any) -> Catalog:
        there = drawers(not_null, version)
        column = there.tables[DRAWER].columns[COLUMN]
        own = replace(column, not_null=not_null if part is None else part, **of_part)
        below = table(Column("id", "uuid", True), own, is_partition=True, parent=DRAWER)
        return replace(there, tables={DRAWER: replace(there.tables[DRAWER], kind="p"), PART: below})

    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("nullable", [True, False])
    def test_every_partition_is_locked(self, nullable: bool, version: int) -> None:
        outcome = planned(nullable, self.around(nullable, version))
        assert outcome.problems == ()
        assert outcome.step is not None
        assert {tuple(lock.table for lock in unit.locks) for unit in outcome.step.units} <= {
            (PART, DRAWER),
            (DRAWER, PART),
        }
        assert script(outcome.step) != script(planned(nullable, drawers(nullable, version)).step)
        assert outcome.step.statements == planned(nullable, drawers(nullable, version)).step.statements

    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("nullable", [True, False])
    def test_a_partition_with_a_say_of_its_own(self, nullable: bool, version: int) -> None:
        (text,) = texts(planned(nullable, self.around(nullable, version, part=not nullable)))
        assert 'NOT NULL is a matter of their own for the partitions "archive"."part"' in text

    def test_a_not_null_that_stands_on_the_partition_itself(self) -> None:
        own = constraint(local=True)
        (text,) = texts(planned(True, self.around(True, 180001, not_null_constraint=own)))
        assert "this version does not change" in text
        assert planned(True, self.around(True, 180001, not_null_constraint=constraint(local=False))).problems == ()

    def test_a_primary_key_of_a_partition_alone(self) -> None:
        (text,) = texts(planned(True, self.around(True, 160000, primary_key=True)))
        assert "is part of the primary key" in text
