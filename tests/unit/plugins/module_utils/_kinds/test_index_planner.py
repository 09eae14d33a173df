# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for an index: for every state of it and of its leftovers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.planner import (
    differs,
    plan,
    relation_names,
    tables,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.specification import IndexSpecification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.target import (
    DesiredIndex,
    from_image,
    from_specification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import Catalog, Column, Relation
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
    key_column,
    key_image,
    other_constraint,
    quoted,
    script,
    steps_of,
    table,
    texts,
)

NAME = "CashDrawer_tenantId_idx"
NEW = temporary_name(NAME, "new", DRAWER)
OLD = temporary_name(NAME, "old", DRAWER)
SHARED = ["SHARE UPDATE EXCLUSIVE: public.CashDrawer"]
CREATE = f'CREATE INDEX CONCURRENTLY "{NAME}" ON "public"."CashDrawer" USING "btree" ("tenantId")'
CREATE_NEW = CREATE.replace(NAME, NEW)
DROP = f'DROP INDEX CONCURRENTLY "public"."{NAME}"'
DROP_NEW = f'DROP INDEX CONCURRENTLY "public"."{NEW}"'
DROP_OLD = f'DROP INDEX CONCURRENTLY "public"."{OLD}"'
SWAP = (
    "transaction",
    [f"SHARE UPDATE EXCLUSIVE: public.{NAME}"],
    [f'ALTER INDEX "public"."{NAME}" RENAME TO "{OLD}"', f'ALTER INDEX "public"."{NEW}" RENAME TO "{NAME}"'],
)
COLUMNS = ("id", "tenantId", "status", "email", "openedById")
#: The image of the very index that wanted() asks for.
SAME = index_image(NAME, ["tenantId"])
#: Another definition under the same name.
OTHER = index_image(NAME, ["tenantId", "status"])


def alone(*statements: str) -> list[tuple[str, list[str], list[str]]]:
    """Each statement by itself, under the lock that lets reads and writes go on."""
    return [("alone", SHARED, [statement]) for statement in statements]


def wanted(**entry: Any) -> DesiredIndex:
    entry = {"table": "CashDrawer", "columns": ["tenantId"], "name": NAME, **entry}
    return from_specification(IndexSpecification.from_entry(entry, "public"))


def absent() -> DesiredIndex:
    return wanted(state="absent")


def drawers(
    *indexes: Mapping[str, Any],
    facts: dict[str, Any] | None = None,
    others: Iterable[Mapping[str, Any]] = (),
    **more: Any,
) -> Catalog:
    """A table with these indexes; others: indexes of another table."""
    tables_there = {DRAWER: table(*COLUMNS, **(facts or {})), USER: table("id")}
    return catalog(tables_there, [*indexes, *others], **more)


def planned(target: DesiredIndex, around: Catalog) -> Outcome:
    return plan(target, around)


class TestPresentWhereNothingStands:
    @pytest.mark.parametrize("version", [version for version in VERSIONS if version != 140002])
    def test_it_is_built_concurrently(self, version: int) -> None:
        outcome = planned(wanted(), drawers(version=version))
        assert script(outcome.step) == alone(CREATE)
        assert (outcome.state, outcome.problems, outcome.notes) == ("not there", (), ())
        step = outcome.step
        assert step is not None
        assert (step.kind, step.table, step.name, step.action) == ("index", DRAWER, NAME, "create")
        assert (step.before, step.summary, step.checks, step.parallel) == (None, "", (), True)
        assert step.object == f"public.{NAME}"

    def test_the_server_is_asked_beforehand_on_an_empty_copy(self) -> None:
        outcome = planned(wanted(tablespace="fast", where="status IS NULL"), drawers())
        assert outcome.step.rehearsal == (
            (
                DRAWER,
                f'CREATE INDEX "{NEW}" ON {copy_of(*DRAWER)} USING "btree" ("tenantId") TABLESPACE "fast"'
                " WHERE (status IS NULL)",
            ),
        )
        assert outcome.step.copies == (DRAWER,)

    def test_a_build_that_fails_leaves_no_invalid_index(self) -> None:
        assert planned(wanted(), drawers()).step.cleanup == (f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{NAME}"',)

    def test_an_expression_has_statistics_only_after_analyze(self) -> None:
        outcome = planned(wanted(columns=["tenantId", {"expression": "lower(email)"}]), drawers())
        assert script(outcome.step) == alone(
            CREATE.replace('"tenantId")', '"tenantId", (lower(email)))'), 'ANALYZE "public"."CashDrawer"'
        )

    @pytest.mark.parametrize(
        ("leftovers", "drops"), [((NEW,), (DROP_NEW,)), ((OLD,), (DROP_OLD,)), ((OLD, NEW), (DROP_NEW, DROP_OLD))]
    )
    @pytest.mark.parametrize("valid", [True, False])
    def test_leftovers_go_first(self, leftovers: tuple[str, ...], drops: tuple[str, ...], valid: bool) -> None:
        # A valid one with another definition: one that does the job would be accepted as such, or has gone already.
        images = [index_image(name, ["status"], valid=valid) for name in leftovers]
        assert script(planned(wanted(), drawers(*images)).step) == alone(*drops, CREATE)

    @pytest.mark.parametrize("purpose", ["new", "old"])
    def test_a_leftover_is_no_index_that_does_the_job(self, purpose: str) -> None:
        leftover = index_image(temporary_name(NAME, purpose, DRAWER), ["tenantId"])
        outcome = planned(wanted(), drawers(leftover))
        assert outcome.notes == ()
        assert CREATE in steps_of(outcome)


class TestPresentAndTheSame:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_it_is_left_alone(self, version: int) -> None:
        outcome = planned(wanted(), drawers(SAME, version=version))
        assert (outcome.step, outcome.problems, outcome.state) == (None, (), "valid, exactly as wanted")

    def test_it_needs_no_privilege(self) -> None:
        around = drawers(SAME, facts={"owned": False, "may_create_in_schema": False})
        assert planned(wanted(), around).problems == ()

    @pytest.mark.parametrize(
        "state",
        [
            {"constraint": NAME},
            {"replica_identity": True},
            {"clustered": True},
            {"comment": "mine"},
            {"tablespace": "fast"},
            {"options": {"fillfactor": "70"}},
        ],
    )
    def test_what_the_migration_does_not_mention_is_no_difference(self, state: dict[str, Any]) -> None:
        assert planned(wanted(), drawers({**SAME, **state})).step is None

    @pytest.mark.parametrize("valid", [True, False])
    def test_leftovers_are_cleaned_up(self, valid: bool) -> None:
        leftovers = [index_image(name, ["status"], valid=valid) for name in (OLD, NEW)]
        outcome = planned(wanted(), drawers(SAME, *leftovers))
        assert script(outcome.step) == alone(DROP_NEW, DROP_OLD)
        step = outcome.step
        assert step is not None
        assert (step.action, step.summary, step.cleanup) == ("clean up", "leftover of an interrupted run", ())
        assert step.rehearsal == step.checks == ()

    def test_cleaning_up_needs_the_owner_but_not_create_and_works_on_14_2(self) -> None:
        around = drawers(SAME, index_image(NEW), facts={"owned": False, "may_create_in_schema": False}, version=140002)
        (problem,) = planned(wanted(), around).problems
        assert problem.permission
        assert "belongs to" in problem.text


class TestPresentAndInvalid:
    def test_it_is_repaired_by_dropping_it_and_building_it_again(self) -> None:
        outcome = planned(wanted(), drawers({**SAME, "valid": False}))
        assert script(outcome.step) == alone(DROP, CREATE)
        assert outcome.state == "invalid: left behind by a build that failed"
        step = outcome.step
        assert step is not None
        assert (step.action, len(step.rehearsal)) == ("repair", 1)
        assert step.cleanup == (f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{NAME}"',)
        assert step.before == {**SAME, "valid": False}

    @pytest.mark.parametrize("on_conflict", ["replace", "refuse"])
    def test_the_definition_of_an_invalid_index_does_not_count(self, on_conflict: str) -> None:
        """It serves nobody and slows every write, so that on_conflict has nothing to protect."""
        outcome = planned(wanted(on_conflict=on_conflict), drawers({**OTHER, "valid": False}))
        assert script(outcome.step) == alone(DROP, CREATE)
        assert outcome.problems == ()

    def test_leftovers_go_with_it(self) -> None:
        around = drawers({**SAME, "valid": False}, index_image(NEW, valid=False), index_image(OLD))
        assert script(planned(wanted(), around).step) == alone(DROP_NEW, DROP_OLD, DROP, CREATE)

    def test_one_with_a_comment_stands_until_the_new_one_has_it(self) -> None:
        around = drawers({**SAME, "valid": False, "comment": "mine"})
        step = planned(wanted(), around).step
        comment = f'COMMENT ON INDEX "public"."{NEW}" IS \'mine\''
        assert script(step) == [*alone(CREATE_NEW, comment), SWAP, *alone(DROP_OLD)]
        assert step is not None
        assert (step.action, step.cleanup) == ("repair", (f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{NEW}"',))

    def test_one_that_is_being_built_is_waited_for(self) -> None:
        outcome = planned(wanted(), drawers({**SAME, "valid": False, "builder": 815}))
        assert outcome.step is None
        assert outcome.state == "being built by another session"
        (text,) = texts(outcome)
        assert f'"{NAME}" is being built right now by server process 815' in text

    @pytest.mark.parametrize("state", [{"constraint": NAME}, {"is_partition": True}])
    def test_one_that_cannot_be_dropped_is_neither_repaired_nor_called_valid(self, state: dict[str, Any]) -> None:
        outcome = planned(wanted(), drawers({**SAME, "valid": False, **state}))
        assert outcome.problems
        assert "valid, exactly as wanted" not in outcome.state


class TestPresentWithAnotherDefinition:
    def test_the_new_one_is_built_then_the_names_are_swapped_then_the_old_one_goes(self) -> None:
        """At every instant there is a valid index of this name, or the two names change in one transaction."""
        outcome = planned(wanted(), drawers(OTHER))
        assert script(outcome.step) == [*alone(CREATE_NEW), SWAP, *alone(DROP_OLD)]
        assert outcome.state == "columns: (tenantId, status) instead of (tenantId)"
        step = outcome.step
        assert step is not None
        assert (step.action, step.summary, step.parallel) == ("replace", outcome.state, True)
        assert step.before == OTHER
        assert step.cleanup == (f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{NEW}"',)
        assert len(step.rehearsal) == 1

    def test_a_finished_build_of_an_interrupted_run_is_used(self) -> None:
        outcome = planned(wanted(), drawers(OTHER, index_image(NEW, ["tenantId"])))
        assert script(outcome.step) == [SWAP, *alone(DROP_OLD)]

    @pytest.mark.parametrize(
        "new", [index_image(NEW, ["tenantId"], valid=False), index_image(NEW, ["status"])], ids=["invalid", "different"]
    )
    def test_any_other_leftover_is_dropped_and_built_again(self, new: dict[str, Any]) -> None:
        outcome = planned(wanted(), drawers(OTHER, new))
        assert script(outcome.step) == [*alone(DROP_NEW, CREATE_NEW), SWAP, *alone(DROP_OLD)]

    def test_a_leftover_of_the_old_name_goes_first_since_the_swap_needs_the_name(self) -> None:
        outcome = planned(wanted(), drawers(OTHER, index_image(OLD), index_image(NEW, ["tenantId"])))
        assert script(outcome.step) == [*alone(DROP_OLD), SWAP, *alone(DROP_OLD)]

    def test_comment_and_cluster_are_kept(self) -> None:
        outcome = planned(wanted(), drawers({**OTHER, "comment": "it's \\ mine", "clustered": True}))
        assert script(outcome.step) == [
            *alone(CREATE_NEW, f"COMMENT ON INDEX \"public\".\"{NEW}\" IS  E'it''s \\\\ mine'"),
            (
                "transaction",
                [*SHARED, *SWAP[1]],
                [f'ALTER TABLE "public"."CashDrawer" CLUSTER ON "{NEW}"', *SWAP[2]],
            ),
            *alone(DROP_OLD),
        ]

    def test_what_an_earlier_version_did_not_take_over_is_taken_over_before_the_old_one_goes(self) -> None:
        old = index_image(OLD, ["tenantId", "status"], comment="mine", clustered=True)
        comment = f'COMMENT ON INDEX "public"."{NAME}" IS \'mine\''
        mark = f'ALTER TABLE "public"."CashDrawer" CLUSTER ON "{NAME}"'
        assert script(planned(wanted(), drawers(SAME, old)).step) == alone(comment, mark, DROP_OLD)

    def test_refuse_means_refuse_and_the_difference_is_named(self) -> None:
        (text,) = texts(planned(wanted(on_conflict="refuse"), drawers(OTHER)))
        assert f'the index "{NAME}" has another definition (columns: (tenantId, status) instead of (tenantId))' in text
        assert "on_conflict: refuse" in text

    @pytest.mark.parametrize(
        ("state", "why", "todo"),
        [
            (
                {"constraint": "CashDrawer_key"},
                'it belongs to the constraint "CashDrawer_key"',
                'ALTER TABLE "public"."CashDrawer" DROP CONSTRAINT "CashDrawer_key"',
            ),
            (
                {"replica_identity": True},
                "it is the table's replica identity: logical replication would break",
                'first ALTER TABLE "public"."CashDrawer" REPLICA IDENTITY',
            ),
            ({"is_partition": True}, "it is part of an index of a partitioned table", "name that index"),
        ],
    )
    def test_one_that_others_rely_on_is_not_replaced(self, state: dict[str, Any], why: str, todo: str) -> None:
        outcome = planned(wanted(), drawers({**OTHER, **state}))
        (text,) = texts(outcome)
        assert text.startswith(f'the index "{NAME}" cannot be replaced: {why}')
        assert todo in text

    def test_all_reasons_are_named_at_once(self) -> None:
        image = {**OTHER, "constraint": "c", "replica_identity": True, "is_partition": True}
        around = drawers(image, facts={"owned": False, "may_create_in_schema": False}, version=140002)
        assert len(planned(wanted(on_conflict="refuse"), around).problems) == 7


class TestAbsent:
    def test_it_is_dropped_concurrently(self) -> None:
        outcome = planned(absent(), drawers(OTHER))
        assert script(outcome.step) == alone(DROP)
        step = outcome.step
        assert step is not None
        assert (outcome.state, step.action, step.before, step.cleanup) == ("there", "drop", OTHER, ())
        assert step.rehearsal == step.checks == ()

    def test_what_is_not_there_is_left_at_that(self) -> None:
        outcome = planned(absent(), drawers())
        assert (outcome.step, outcome.state, outcome.problems) == (None, "not there", ())

    def test_an_invalid_one_is_dropped_too(self) -> None:
        assert steps_of(planned(absent(), drawers({**SAME, "valid": False}))) == [DROP]

    def test_leftovers_go_with_it(self) -> None:
        around = drawers(SAME, index_image(NEW, valid=False), index_image(OLD))
        assert script(planned(absent(), around).step) == alone(DROP_NEW, DROP_OLD, DROP)

    def test_leftovers_alone_are_cleaned_up(self) -> None:
        outcome = planned(absent(), drawers(index_image(OLD)))
        assert script(outcome.step) == alone(DROP_OLD)
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.before) == ("clean up", None)

    @pytest.mark.parametrize("state", [{"constraint": NAME}, {"replica_identity": True}, {"is_partition": True}])
    def test_one_that_others_rely_on_is_not_dropped(self, state: dict[str, Any]) -> None:
        (text,) = texts(planned(absent(), drawers({**SAME, **state})))
        assert text.startswith(f'the index "{NAME}" cannot be dropped: it ')

    def test_its_columns_need_not_be_there(self) -> None:
        target = wanted(state="absent", columns=["gone"])
        assert steps_of(planned(target, drawers(SAME))) == [DROP]

    def test_dropping_needs_the_owner_but_not_create_and_works_on_14_2(self) -> None:
        around = drawers(SAME, facts={"owned": False, "may_create_in_schema": False}, version=140002)
        (problem,) = planned(absent(), around).problems
        assert problem.permission
        assert 'GRANT "owner" TO "deployer"' in problem.text


class TestTheNameIsTaken:
    @pytest.mark.parametrize(
        ("relation", "owner"),
        [
            (Relation("i", USER), 'an index of "public"."User"'),
            (Relation("r", None), "a table, view or sequence"),
            (Relation("v", None), "a table, view or sequence"),
            (Relation("S", None), "a table, view or sequence"),
        ],
    )
    def test_by_something_else(self, relation: Relation, owner: str) -> None:
        around = drawers(relations={("public", NAME): relation})
        create, drop = planned(wanted(), around), planned(absent(), around)
        assert texts(create) == [f'the name "{NAME}" is taken in schema "public" by {owner}; choose another name']
        assert texts(drop) == [
            f'"{NAME}" is {owner}, not an index of "public"."CashDrawer": it is not dropped; '
            "correct the name or the table of the entry"
        ]
        assert create.step is drop.step is None

    def test_by_an_index_of_another_table_with_this_very_definition(self) -> None:
        around = drawers(others=[index_image(NAME, ["tenantId"], of=USER)])
        assert "is taken" in texts(planned(wanted(), around))[0]

    def test_in_another_schema_is_no_matter(self) -> None:
        around = drawers(relations={("other", NAME): Relation("r", None)})
        assert steps_of(planned(wanted(), around)) == [CREATE]

    def test_by_a_check_or_a_foreign_key_is_no_matter(self) -> None:
        """Constraints have a name space of their own, but for those that have an index."""
        around = drawers(constraints=[key_image(NAME), other_constraint(NAME)])
        assert steps_of(planned(wanted(), around)) == [CREATE]


class TestTwins:
    TWIN = index_image("already", ["tenantId"])
    NOTE = f'"public"."CashDrawer": the index "already" already does the job of "{NAME}"'

    def test_an_index_of_another_name_is_accepted_and_reported(self) -> None:
        outcome = planned(wanted(), drawers(self.TWIN))
        assert (outcome.step, outcome.problems, outcome.notes) == (None, (), (self.NOTE,))
        assert outcome.state == 'the index "already" already does the job'

    def test_leftovers_are_cleaned_up_all_the_same(self) -> None:
        assert steps_of(planned(wanted(), drawers(self.TWIN, index_image(NEW)))) == [DROP_NEW]

    def test_or_built_beside_it_and_reported(self) -> None:
        outcome = planned(wanted(on_equivalent="create"), drawers(self.TWIN))
        assert steps_of(outcome) == [CREATE]
        assert outcome.notes == (self.NOTE,)

    @pytest.mark.parametrize(
        "change",
        [
            {"valid": False},
            {"columns": [key_column("status")]},
            {"columns": [key_column("tenantId", descending=True, nulls_first=True)]},
            {"predicate": "(status IS NULL)"},
            {"unique": True},
            {"include": ["email"]},
            {"method": "hash"},
        ],
        ids=str,
    )
    def test_one_that_is_invalid_or_different_does_not_do_the_job(self, change: dict[str, Any]) -> None:
        outcome = planned(wanted(), drawers({**self.TWIN, **change}))
        assert steps_of(outcome) == [CREATE]
        assert outcome.notes == ()

    def test_an_index_of_this_name_comes_before_its_twin(self) -> None:
        assert planned(wanted(), drawers(self.TWIN, OTHER)).step.action == "replace"

    def test_one_behind_a_constraint_does_the_job_too(self) -> None:
        twin = {**self.TWIN, "unique": True, "constraint": "already"}
        assert planned(wanted(unique=True), drawers(twin)).step is None


class TestUnique:
    CREATE_UNIQUE = CREATE.replace("CREATE INDEX", "CREATE UNIQUE INDEX")

    def check(self, target: DesiredIndex, **more: Any) -> str:
        (check,) = planned(target, drawers(**more)).step.checks
        assert check.table == DRAWER
        assert check.message(1).startswith('1 key occurs more than once in "public"."CashDrawer", so the unique index ')
        assert check.message(12).startswith("12 keys occur more than once in ")
        return check.question.sql(None)

    def test_it_is_built_as_unique(self) -> None:
        outcome = planned(wanted(unique=True), drawers())
        assert steps_of(outcome) == [self.CREATE_UNIQUE]
        assert "CREATE UNIQUE INDEX" in outcome.step.rehearsal[0][1]

    def test_duplicates_are_asked_for_and_null_is_none(self) -> None:
        assert self.check(wanted(unique=True, columns=["tenantId", "email"])) == (
            'SELECT "tenantId", "email", pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total'
            ' FROM ONLY "public"."CashDrawer" WHERE "tenantId" IS DISTINCT FROM NULL AND "email" IS DISTINCT FROM NULL'
            " GROUP BY 1, 2 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 10"
        )

    def test_null_is_one_where_nulls_are_not_distinct(self) -> None:
        assert self.check(wanted(unique=True, nulls_not_distinct=True)) == (
            'SELECT "tenantId", pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total'
            ' FROM ONLY "public"."CashDrawer" GROUP BY 1 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 10'
        )

    def test_only_rows_of_the_predicate_and_keys_of_the_expression(self) -> None:
        target = wanted(unique=True, columns=[{"expression": "lower(email)"}], where="status = 'open' OR id IS NULL")
        assert self.check(target) == (
            "SELECT (lower(email)), pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total"
            ' FROM ONLY "public"."CashDrawer" WHERE (lower(email)) IS DISTINCT FROM NULL'
            " AND (status = 'open' OR id IS NULL)"
            " GROUP BY 1 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 10"
        )

    def test_asked_before_a_replacement_and_a_repair_too(self) -> None:
        for found in (SAME, {**SAME, "valid": False}):
            assert len(planned(wanted(unique=True), drawers(found)).step.checks) == 1

    def test_not_asked_for_one_that_is_not_unique(self) -> None:
        assert planned(wanted(), drawers()).step.checks == ()

    @pytest.mark.parametrize(("version", "refused"), [(140010, True), (150000, False), (180001, False)])
    def test_nulls_not_distinct_needs_15(self, version: int, refused: bool) -> None:
        outcome = planned(wanted(unique=True, nulls_not_distinct=True), drawers(version=version))
        assert texts(outcome) == (
            [f'"{NAME}": nulls_not_distinct needs PostgreSQL 15 or newer; leave it out'] if refused else []
        )


class TestProblems:
    @pytest.mark.parametrize(
        ("version", "refused"), [(130022, False), *((v, True) for v in range(140000, 140004)), (140004, False)]
    )
    @pytest.mark.parametrize("found", [(), (OTHER,), ({**SAME, "valid": False},)], ids=["create", "replace", "repair"])
    def test_14_0_to_14_3_build_corrupt_indexes(self, version: int, refused: bool, found: tuple[Any, ...]) -> None:
        outcome = planned(wanted(), drawers(*found, version=version))
        assert bool(outcome.problems) is refused
        assert all("build corrupt indexes concurrently" in text for text in texts(outcome))
        assert not any(problem.permission for problem in outcome.problems)

    @pytest.mark.parametrize("found", [(), (OTHER,), ({**SAME, "valid": False},)], ids=["create", "replace", "repair"])
    def test_missing_privileges_are_named_with_their_grants(self, found: tuple[Any, ...]) -> None:
        outcome = planned(wanted(), drawers(*found, facts={"owned": False, "may_create_in_schema": False}))
        assert [problem.permission for problem in outcome.problems] == [True, True]
        owner, create = texts(outcome)
        assert 'GRANT "owner" TO "deployer"' in owner
        assert 'GRANT CREATE ON SCHEMA "public" TO "deployer"' in create
        assert outcome.step is not None, "check mode shows the plan all the same"

    def test_a_table_that_is_not_there(self) -> None:
        outcome = planned(wanted(), catalog({}, nearby={DRAWER: ["CashDrawers"]}))
        assert texts(outcome) == ['there is no table "CashDrawer" in schema "public"; did you mean "CashDrawers"?']
        assert (outcome.step, outcome.state) == (None, "cannot be planned")

    def test_all_columns_that_are_not_there_included_ones_too(self) -> None:
        outcome = planned(wanted(columns=["tenantid", "id", {"expression": "lower(x)"}], include=["e_mail"]), drawers())
        assert texts(outcome) == [
            'there is no column "tenantid" in "public"."CashDrawer"; did you mean "tenantId"?',
            'there is no column "e_mail" in "public"."CashDrawer"; did you mean "email"?',
        ]

    @pytest.mark.parametrize("target", [wanted(), absent()], ids=["present", "absent"])
    def test_a_partition_is_a_table_like_any_other(self, target: DesiredIndex) -> None:
        images = [] if target.present else [SAME]
        facts = {"is_partition": True, "parent": USER}
        assert planned(target, drawers(*images, facts=facts)) == planned(target, drawers(*images))


class TestRollback:
    """What stood there comes back out of its image, tail and all."""

    IMAGE = index_image(
        NAME, ["tenantId"], options={"fillfactor": "70"}, tail="x USING btree (\"tenantId\") WITH (fillfactor='70')"
    )
    BACK = (
        f'CREATE INDEX CONCURRENTLY "{NAME}" ON "public"."CashDrawer" USING "btree" ("tenantId") WITH '
        "(\"fillfactor\" = '70')"
    )

    def back(self, image: dict[str, Any] | None, *there: Mapping[str, Any], **more: Any) -> Outcome:
        return planned(from_image(DRAWER, NAME, image), drawers(*there, **more))

    def test_a_dropped_index_is_built_again(self) -> None:
        outcome = self.back(self.IMAGE)
        assert script(outcome.step) == alone(self.BACK)
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.rehearsal) == ("create", ())
        assert outcome.problems == ()

    def test_a_created_index_is_dropped(self) -> None:
        assert steps_of(self.back(None, SAME)) == [DROP]

    def test_an_index_that_was_invalid_does_not_come_back(self) -> None:
        assert steps_of(self.back({**self.IMAGE, "valid": False}, SAME)) == [DROP]

    def test_a_replaced_index_is_replaced_back(self) -> None:
        outcome = self.back(self.IMAGE, SAME)
        assert script(outcome.step) == [*alone(self.BACK.replace(NAME, NEW)), SWAP, *alone(DROP_OLD)]

    def test_a_finished_build_of_an_interrupted_rollback_is_used(self) -> None:
        assert script(self.back(self.IMAGE, SAME, {**self.IMAGE, "name": NEW}).step) == [SWAP, *alone(DROP_OLD)]

    def test_a_repaired_index_is_dropped_since_nothing_valid_stood_there(self) -> None:
        assert self.back({**SAME, "valid": False}, SAME).step.action == "drop"

    def test_one_that_is_there_again_is_left_alone(self) -> None:
        outcome = self.back(self.IMAGE, self.IMAGE)
        assert (outcome.step, outcome.state) == (None, "valid, exactly as wanted")

    def test_an_invalid_one_in_its_place_is_repaired(self) -> None:
        assert script(self.back(self.IMAGE, {**SAME, "valid": False}).step) == alone(DROP, self.BACK)

    def test_a_twin_is_no_substitute(self) -> None:
        """Exactly what stood there, under its own name."""
        assert steps_of(self.back(self.IMAGE, {**self.IMAGE, "name": "twin"})) == [self.BACK]

    def test_comment_statistics_and_cluster_come_back_and_analyze_fills_the_statistics(self) -> None:
        image = index_image(
            NAME,
            [key_column(None, expression="lower(email)"), "tenantId", key_column(None, expression="(id + 1)")],
            tail="public.t USING btree (lower(email), x, (id + 1))",
            comment="it's mine",
            statistics={"10": 5, "3": 1000, "1": 0},
            clustered=True,
        )
        assert script(self.back(image).step) == alone(
            f'CREATE INDEX CONCURRENTLY "{NAME}" ON "public"."CashDrawer" USING "btree" '
            '((lower(email)), "tenantId", ((id + 1)))',
            f"COMMENT ON INDEX \"public\".\"{NAME}\" IS 'it''s mine'",
            f'ALTER INDEX "public"."{NAME}" ALTER COLUMN 1 SET STATISTICS 0',
            f'ALTER INDEX "public"."{NAME}" ALTER COLUMN 3 SET STATISTICS 1000',
            f'ALTER INDEX "public"."{NAME}" ALTER COLUMN 10 SET STATISTICS 5',
            f'ALTER TABLE "public"."CashDrawer" CLUSTER ON "{NAME}"',
            'ANALYZE "public"."CashDrawer"',
        )

    def test_what_a_replacement_had_is_not_kept(self) -> None:
        """The image says all: a comment that came later goes."""
        found = {**SAME, "comment": "of the new one", "clustered": True, "statistics": {"1": 7}}
        statements = steps_of(self.back(self.IMAGE, found))
        assert not any(word in statement for statement in statements for word in ("COMMENT", "CLUSTER", "STATISTICS"))

    @pytest.mark.parametrize(
        "change",
        [
            {"unique": True},
            {"tablespace": "fast"},
            {"tail": "public.t USING hash (a)"},
            {"comment": "mine"},
            {"clustered": True},
            {"statistics": {"1": 1000}},
        ],
        ids=str,
    )
    def test_whatever_create_index_and_its_companions_say_is_a_difference(self, change: dict[str, Any]) -> None:
        """Else a rollback would leave it as the deployment made it."""
        image = {**self.IMAGE, **change}
        beside = change.keys() <= {"comment", "clustered", "statistics"}
        assert self.back(image, self.IMAGE).step.action == ("alter" if beside else "replace")
        assert self.back(self.IMAGE, image).step.action == "replace"

    def test_one_that_was_cut_off_after_its_build_is_completed(self) -> None:
        image = {**self.IMAGE, "comment": "mine", "clustered": True}
        comment = f'COMMENT ON INDEX "public"."{NAME}" IS \'mine\''
        mark = f'ALTER TABLE "public"."CashDrawer" CLUSTER ON "{NAME}"'
        assert script(self.back(image, self.IMAGE).step) == alone(comment, mark)
        assert script(self.back(image, {**image, "clustered": False}).step) == alone(mark)

    def test_a_unique_one_asks_for_duplicates_first(self) -> None:
        image = index_image(
            NAME,
            [key_column(None, expression="lower(email)"), "tenantId"],
            unique=True,
            predicate="(status IS NOT NULL)",
        )
        (check,) = self.back(image).step.checks
        assert check.question.sql(None) == (
            'SELECT (lower(email)), "tenantId", pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total'
            ' FROM ONLY "public"."CashDrawer" WHERE (lower(email)) IS DISTINCT FROM NULL'
            ' AND "tenantId" IS DISTINCT FROM NULL'
            " AND ((status IS NOT NULL)) GROUP BY 1, 2 HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 10"
        )
        (check,) = self.back(index_image(NAME, ["tenantId"], unique=True, nulls_not_distinct=True)).step.checks
        assert " WHERE " not in check.question.sql(None)

    def test_its_columns_were_there_and_on_conflict_has_no_say(self) -> None:
        assert self.back(index_image(NAME, ["gone"])).problems == ()
        assert self.back(self.IMAGE, SAME).problems == ()

    @pytest.mark.parametrize(
        ("key", "counts"), [("tail", True), ("unique", True), ("comment", False), ("valid", False)]
    )
    def test_definition_alone_makes_two_images_different(self, key: str, counts: bool) -> None:
        assert differs(SAME, {**SAME, key: "other"}) is counts


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_quoted_in_every_statement(name: str) -> None:
    place = (name, name + "."[: 63 - len(name.encode())])
    entry = {"table": place[1], "name": name, "columns": [name], "include": ["x"], "unique": True}
    target = from_specification(IndexSpecification.from_entry(entry, name))
    new = temporary_name(name, "new", place)
    old = temporary_name(name, "old", place)
    own, table_name = quoted(name), qualified(*place)
    around = catalog(
        {place: table(Column(name, "text", False), "x")}, [index_image(name, ["x"], of=place, unique=True)]
    )
    step = plan(target, around).step
    assert step is not None
    assert step.statements == [
        f'CREATE UNIQUE INDEX CONCURRENTLY {quoted(new)} ON {table_name} USING "btree" ({own}) INCLUDE ("x")',
        f"ALTER INDEX {own}.{own} RENAME TO {quoted(old)}",
        f"ALTER INDEX {qualified(name, new)} RENAME TO {own}",
        f"DROP INDEX CONCURRENTLY {qualified(name, old)}",
    ]
    assert all(len(helper.encode()) <= 63 for helper in (new, old))
    assert f"FROM ONLY {table_name} WHERE {own} IS DISTINCT FROM NULL GROUP BY 1" in step.checks[0].question.sql(None)


def test_the_catalog_is_asked_for_the_names_of_the_helpers_too() -> None:
    assert relation_names(wanted(), {}) == {("public", NAME), ("public", NEW), ("public", OLD)}
    assert tables(wanted()) == {DRAWER}
