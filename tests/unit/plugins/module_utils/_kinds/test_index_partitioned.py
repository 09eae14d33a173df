# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for an index of a partitioned table: by what stands on which partition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.planner import plan, relation_names
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.specification import IndexSpecification
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.target import (
    DesiredIndex,
    from_image,
    from_specification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import (
    Catalog,
    Relation,
    Table,
    TableName,
    partitions_below,
)
from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import Outcome, Step
from ansible_collections.steady.postgresql.plugins.module_utils._support.sqltext import qualified, temporary_name
from unit.builders import ODD_NAMES, VERSIONS, catalog, index_image, quoted, script, table, texts

ROOT: TableName = ("public", "Event")
PLAIN: TableName = ("public", "Event_2024")
NESTED: TableName = ("public", "Event_2025")
DEEP: TableName = ("public", "Event_2025_t1")
FAR: TableName = ("archive", "Event_2023")
NAME = "Event_tenantId_idx"
NAMES = {
    ROOT: NAME,
    PLAIN: "Event_2024_tenantId_idx",
    NESTED: "Event_2025_tenantId_idx",
    DEEP: "Event_2025_t1_tenantId_idx",
    FAR: "Event_2023_tenantId_idx",
}
HELPERS = {node: temporary_name(name, "new", node) for node, name in NAMES.items()}
PARENTS = {PLAIN: ROOT, NESTED: ROOT, FAR: ROOT, DEEP: NESTED}
COLUMNS = ("id", "tenantId", "at")


def tables(**facts: dict[str, Any]) -> dict[TableName, Table]:
    """The partitioned table and all below it. facts: by the table's name."""
    made = {
        ROOT: {"kind": "p", "partition_key": ("at",)},
        NESTED: {"kind": "p", "partition_key": ("tenantId",), "is_partition": True, "parent": ROOT},
        PLAIN: {"is_partition": True, "parent": ROOT},
        DEEP: {"is_partition": True, "parent": NESTED},
        FAR: {"is_partition": True, "parent": ROOT},
    }
    return {name: table(*COLUMNS, **{**own, **facts.get(name[1], {})}) for name, own in made.items()}


def images(
    names: Mapping[TableName, str] | None = None,
    columns: Iterable[str] = ("tenantId",),
    apart: Iterable[TableName] = (),
    invalid: Iterable[TableName] = (),
    without: Iterable[TableName] = (),
    **changes: Any,
) -> list[dict[str, Any]]:
    """An index of the whole. apart: tables whose own is not attached. without: tables that have none."""
    made: dict[TableName, dict[str, Any]] = {}
    names = names or NAMES
    for node, name in names.items():
        if node in without:
            continue
        above = PARENTS.get(node)
        attached = above is not None and node not in apart and above not in without
        parent = {"schema": above[0], "table": above[1], "name": names[above]} if attached and above else None
        made[node] = index_image(
            name, columns, of=node, parent=parent, is_partition=attached, valid=node not in invalid, **changes
        )
    for node, image in made.items():
        if node in (ROOT, NESTED):
            image["tail"] = "ONLY " + image["tail"]
            below = [one for one in made if one in partitions_below(tables(), node)]
            image["partitions"] = [made[one] for one in below if made[one]["parent"] is not None]
    return list(made.values())


def around(*there: Mapping[str, Any], facts: dict[str, Any] | None = None, **more: Any) -> Catalog:
    return catalog(tables(**(facts or {})), there, **more)


def wanted(**entry: Any) -> DesiredIndex:
    return from_specification(
        IndexSpecification.from_entry({"table": "Event", "name": NAME, "columns": ["tenantId"], **entry}, "public")
    )


def absent() -> DesiredIndex:
    return wanted(state="absent")


def planned(target: DesiredIndex, there: Catalog) -> Outcome:
    return plan(target, there)


def short(outcome: Outcome) -> list[tuple[str, str, str]]:
    """What is done, to which index, of which table."""
    return [(step.action, step.name, step.table[1]) for step in outcome.steps]


def only(outcome: Outcome, action: str) -> list[Step]:
    return [step for step in outcome.steps if step.action == action]


ALL_CREATED = [
    ("create", NAMES[ROOT], "Event"),
    ("create", NAMES[NESTED], "Event_2025"),
    ("create", NAMES[FAR], "Event_2023"),
    ("create", NAMES[PLAIN], "Event_2024"),
    ("create", NAMES[DEEP], "Event_2025_t1"),
]
ALL_ATTACHED = [
    ("attach", NAMES[DEEP], "Event_2025_t1"),
    ("attach", NAMES[NESTED], "Event_2025"),
    ("attach", NAMES[PLAIN], "Event_2024"),
    ("attach", NAMES[FAR], "Event_2023"),
]


class TestWhereNothingStands:
    @pytest.mark.parametrize("version", [version for version in VERSIONS if version != 140002])
    def test_the_whole_first_then_the_partitions_then_the_attachments(self, version: int) -> None:
        outcome = planned(wanted(), around(version=version))
        assert (outcome.state, outcome.problems, outcome.notes) == ("not there", (), ())
        assert short(outcome) == ALL_CREATED + ALL_ATTACHED

    def test_what_each_locks(self) -> None:
        steps = {(step.action, step.table): step for step in planned(wanted(), around()).steps}
        assert script(steps["create", ROOT]) == [
            (
                "guarded",
                ["SHARE: public.Event"],
                [f'CREATE INDEX "{NAME}" ON ONLY "public"."Event" USING "btree" ("tenantId")'],
            )
        ]
        assert script(steps["create", FAR]) == [
            (
                "alone",
                ["SHARE UPDATE EXCLUSIVE: archive.Event_2023"],
                [f'CREATE INDEX CONCURRENTLY "{NAMES[FAR]}" ON "archive"."Event_2023" USING "btree" ("tenantId")'],
            )
        ]
        assert script(steps["attach", FAR]) == [
            (
                "guarded",
                ["ACCESS EXCLUSIVE: archive.Event_2023"],
                [f'ALTER INDEX "public"."{NAME}" ATTACH PARTITION "archive"."{NAMES[FAR]}"'],
            )
        ]
        assert script(steps["attach", DEEP])[0][1] == ["ACCESS EXCLUSIVE: public.Event_2025_t1"]
        assert all(lock.only for step in steps.values() for unit in step.units if unit.guarded for lock in unit.locks)

    def test_builds_are_side_by_side_and_clean_up_after_themselves(self) -> None:
        builds = only(planned(wanted(), around()), "create")[2:]
        assert all(step.parallel and step.before is None for step in builds)
        assert builds[0].cleanup == (f'DROP INDEX CONCURRENTLY IF EXISTS "archive"."{NAMES[FAR]}"',)

    def test_the_data_and_the_server_are_asked_once_and_the_end_is_proved(self) -> None:
        steps = planned(wanted(columns=["tenantId", "at"], unique=True), around()).steps
        assert [bool(step.checks) for step in steps] == [True] + [False] * 8
        assert [bool(step.rehearsal) for step in steps] == [True] + [False] * 8
        assert [len(step.proof) for step in steps] == [0] * 8 + [2]
        assert 'FROM "public"."Event" WHERE' in steps[0].checks[0].question.sql(None)
        assert f'pg_partition_tree(\'"public"."{NAME}"\')' in steps[-1].proof[0].question

    def test_a_table_without_partitions_needs_one_step(self) -> None:
        there = catalog({ROOT: table(*COLUMNS, kind="p", partition_key=("at",))})
        assert short(planned(wanted(), there)) == [("create", NAME, "Event")]

    @pytest.mark.parametrize(
        ("name", "on_plain"),
        [
            ("Event_x", "Event_2024_x"),
            ("x", "Event_2024_x"),
            ("Event_", "Event_2024_Event_"),
            ("Events_x", "Event_2024_Events_x"),
        ],
    )
    def test_names_are_formed_as_postgresql_would(self, name: str, on_plain: str) -> None:
        names = {step.table: step.name for step in planned(wanted(name=name), around()).steps}
        assert (names[ROOT], names[PLAIN]) == (name, on_plain)

    def test_long_names_are_cut_and_stay_apart(self) -> None:
        names = [step.name for step in only(planned(wanted(name="x" * 63), around()), "create")]
        assert len(set(names)) == 5
        assert all(len(name.encode()) <= 63 for name in names)
        again = planned(wanted(name="x" * 63), around())
        assert names == [step.name for step in only(again, "create")]

    def test_expressions_get_statistics_on_each_partition_and_not_on_the_whole(self) -> None:
        outcome = planned(wanted(columns=[{"expression": "lower(x)"}]), around())
        assert [step.table for step in outcome.steps if any("ANALYZE" in text for text in step.statements)] == [
            FAR,
            PLAIN,
            DEEP,
        ]


class TestGoingOn:
    """What an interrupted run, or a person, left."""

    def test_complete(self) -> None:
        outcome = planned(wanted(), around(*images()))
        assert (outcome.steps, outcome.problems, outcome.state) == ((), (), "valid, exactly as wanted")

    def test_all_built_and_nothing_attached(self) -> None:
        there = images(apart=PARENTS, invalid=[ROOT, NESTED])
        assert short(planned(wanted(), around(*there))) == ALL_ATTACHED

    def test_some_built(self) -> None:
        there = images(apart=PARENTS, invalid=[ROOT, NESTED], without=[DEEP, FAR])
        assert short(planned(wanted(), around(*there))) == [ALL_CREATED[2], ALL_CREATED[4], *ALL_ATTACHED]

    def test_an_invalid_partition_is_built_again(self) -> None:
        there = images(apart=PARENTS, invalid=[ROOT, NESTED, PLAIN])
        outcome = planned(wanted(), around(*there))
        assert short(outcome) == [("repair", NAMES[PLAIN], "Event_2024"), *ALL_ATTACHED]
        step = outcome.steps[0]
        assert step.statements[0] == f'DROP INDEX CONCURRENTLY "public"."{NAMES[PLAIN]}"'
        assert step.before is not None
        assert not step.before["valid"]

    def test_what_is_attached_is_left_alone_whatever_its_name(self) -> None:
        there = images({**NAMES, PLAIN: "odd"}, invalid=[ROOT, NESTED], without=[DEEP])
        assert short(planned(wanted(), around(*there))) == [ALL_CREATED[4], ALL_ATTACHED[0]]

    def test_below_an_index_that_is_attached_the_tables_further_up_are_locked_too(self) -> None:
        """PostgreSQL looks at the whole in the same statement, with ACCESS EXCLUSIVE on it."""
        there = images(apart=[DEEP], invalid=[ROOT, NESTED])
        (step,) = planned(wanted(), around(*there)).steps
        assert [lock.table for lock in step.units[0].locks] == [ROOT, DEEP]

    def test_an_invalid_whole_with_all_attached_is_looked_at_again(self) -> None:
        outcome = planned(wanted(), around(*images(invalid=[ROOT])))
        assert [step.action for step in outcome.steps] == ["attach"]
        assert len(outcome.steps[0].proof) == 2
        both = planned(wanted(), around(*images(invalid=[ROOT, NESTED])))
        assert [step.table for step in both.steps] == [DEEP, NESTED]

    def test_an_invalid_one_without_partitions(self) -> None:
        there = catalog({ROOT: table(*COLUMNS, kind="p")}, [images(invalid=[ROOT])[0]])
        assert "drop it, then run this again" in texts(planned(wanted(), there))[0]

    def test_an_attached_one_that_is_invalid_is_named(self) -> None:
        (text,) = texts(planned(wanted(), around(*images(invalid=[ROOT, PLAIN]))))
        assert f'run REINDEX INDEX CONCURRENTLY "public"."{NAMES[PLAIN]}", then this again' in text

    def test_one_that_is_being_built(self) -> None:
        there = images(apart=PARENTS, invalid=[ROOT, NESTED, PLAIN])
        there[1]["builder"] = 77
        assert "being built right now by server process 77" in texts(planned(wanted(), around(*there)))[0]

    def test_part_of_an_index_further_up(self) -> None:
        there = images(invalid=[ROOT])
        there[0].update(is_partition=True, parent={"schema": "public", "table": "All", "name": "all_idx"})
        assert (
            'part of an index of a partitioned table: "all_idx" of "public"."All"'
            in texts(planned(wanted(), around(*there)))[0]
        )


class TestEquivalents:
    MINE = index_image("mine", ["tenantId"], of=PLAIN)

    def test_one_of_a_partition_is_attached_instead_of_built(self) -> None:
        outcome = planned(wanted(), around(self.MINE))
        assert ("create", NAMES[PLAIN], "Event_2024") not in short(outcome)
        step = next(step for step in outcome.steps if step.table == PLAIN)
        assert (step.action, step.name, step.before) == ("attach", "mine", self.MINE)
        assert 'the index "mine" exists already' in outcome.notes[0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"valid": False},
            {"constraint": "mine"},
            {"replica_identity": True},
            {"predicate": "id > 1"},
            {"parent": {"schema": "public", "table": "Event", "name": "other"}, "is_partition": True},
        ],
    )
    def test_not_every_one(self, changes: dict[str, Any]) -> None:
        assert short(planned(wanted(), around({**self.MINE, **changes}))) == ALL_CREATED + ALL_ATTACHED

    def test_not_where_it_is_not_wanted_or_is_to_go(self) -> None:
        assert short(planned(wanted(on_equivalent="create"), around(self.MINE))) == ALL_CREATED + ALL_ATTACHED
        going = replace(around(self.MINE), targets={("index", PLAIN, "mine"): absent()})
        assert short(planned(wanted(), going)) == ALL_CREATED + ALL_ATTACHED

    def test_not_of_a_partition_that_is_partitioned_again(self) -> None:
        there = index_image("mine", ["tenantId"], of=NESTED, partitions=[])
        assert short(planned(wanted(), around(there))) == ALL_CREATED + ALL_ATTACHED

    def test_the_whole_under_another_name(self) -> None:
        there = images({**NAMES, ROOT: "other"})
        outcome = planned(wanted(), around(*there))
        assert (outcome.steps, outcome.state) == ((), 'the index "other" already does the job')
        assert planned(wanted(on_equivalent="create"), around(*there)).steps != ()


class TestReplaced:
    OLD = images(columns=["at"])

    def test_beside_the_old_one_which_goes_in_a_moment(self) -> None:
        outcome = planned(wanted(), around(*self.OLD))
        assert outcome.problems == ()
        *growth, swap = outcome.steps
        assert [step.name for step in growth] == [
            HELPERS[node] for node in (ROOT, NESTED, FAR, PLAIN, DEEP, DEEP, NESTED, PLAIN, FAR)
        ]
        assert (swap.action, swap.name, swap.before) == ("replace", NAME, self.OLD[0])
        guarded, renames = script(swap)
        assert guarded == (
            "guarded",
            [f"ACCESS EXCLUSIVE: {schema}.{name}" for schema, name in sorted(NAMES)],
            [f'DROP INDEX "public"."{NAME}"', f'ALTER INDEX "public"."{HELPERS[ROOT]}" RENAME TO "{NAME}"'],
        )
        assert renames[0] == "transaction"
        assert set(renames[2]) == {
            f'ALTER INDEX {qualified(node[0], HELPERS[node])} RENAME TO "{NAMES[node]}"' for node in PARENTS
        }
        assert f'pg_partition_tree(\'"public"."{HELPERS[ROOT]}"\')' in growth[-1].proof[0].question

    def test_its_comment_is_kept(self) -> None:
        there = images(columns=["at"], comment="it's")
        assert f"COMMENT ON INDEX \"public\".\"{HELPERS[ROOT]}\" IS 'it''s'" in (
            planned(wanted(), around(*there)).steps[0].statements
        )

    def test_what_is_begun_is_gone_on_with(self) -> None:
        begun = images(HELPERS, apart=[PLAIN], invalid=[ROOT])
        outcome = planned(wanted(), around(*self.OLD, *begun))
        assert [step.action for step in outcome.steps] == ["attach", "replace"]

    def test_what_was_begun_for_something_else_goes_first(self) -> None:
        begun = images(HELPERS, columns=["id"], apart=[PLAIN], invalid=[ROOT])
        outcome = planned(wanted(), around(*self.OLD, *begun))
        assert outcome.problems == ()
        assert outcome.steps[0].action == "clean up"
        assert outcome.steps[0].statements == [
            f'DROP INDEX "public"."{HELPERS[ROOT]}"',
            f'DROP INDEX CONCURRENTLY "public"."{HELPERS[PLAIN]}"',
        ]
        assert len(only(outcome, "create")) == 5

    def test_names_that_are_not_given_yet_are_given(self) -> None:
        """The run was cut off between the exchange of the whole and the names of its partitions."""
        there = images({**HELPERS, ROOT: NAME})
        outcome = planned(wanted(), around(*there))
        assert [step.action for step in outcome.steps] == ["clean up"]
        assert len(outcome.steps[0].statements) == 4
        # And where it shall be something else by now, they are given before.
        other = planned(wanted(columns=["at"]), around(*there))
        assert other.problems == ()
        assert [step.action for step in other.steps][:2] == ["clean up", "create"]

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"constraint": "c"}, 'it belongs to the constraint "c"'),
            ({"is_partition": True}, "it is part of an index of a partitioned table"),
        ],
    )
    def test_refused(self, changes: dict[str, Any], why: str) -> None:
        there = [{**self.OLD[0], **changes}, *self.OLD[1:]]
        assert why in texts(planned(wanted(), around(*there)))[0]

    def test_refused_by_the_migration(self) -> None:
        assert "on_conflict: refuse" in texts(planned(wanted(on_conflict="refuse"), around(*self.OLD)))[0]


class TestAbsent:
    def test_nothing_there(self) -> None:
        outcome = planned(absent(), around())
        assert (outcome.steps, outcome.state) == ((), "not there")

    def test_dropped_in_a_moment_with_all_tables_named(self) -> None:
        (step,) = planned(absent(), around(*images())).steps
        assert (step.action, step.before) == ("drop", images()[0])
        assert script(step) == [
            (
                "guarded",
                [f"ACCESS EXCLUSIVE: {schema}.{name}" for schema, name in sorted(NAMES)],
                [f'DROP INDEX "public"."{NAME}"'],
            )
        ]

    def test_helpers_go_too(self) -> None:
        there = images(HELPERS, apart=[FAR], without=[DEEP])
        (step,) = planned(absent(), around(*there)).steps
        assert step.action == "clean up"
        assert step.statements == [
            f'DROP INDEX "public"."{HELPERS[ROOT]}"',
            f'DROP INDEX CONCURRENTLY "archive"."{HELPERS[FAR]}"',
        ]

    def test_behind_a_constraint(self) -> None:
        there = images()
        there[0]["constraint"] = "c"
        assert 'cannot be dropped: it belongs to the constraint "c"' in texts(planned(absent(), around(*there)))[0]

    @pytest.mark.parametrize(("target", "verb"), [(absent(), "dropped"), (wanted(columns=["at"]), "replaced")])
    def test_the_replica_identity_of_a_partition(self, target: DesiredIndex, verb: str) -> None:
        there = images()
        there[1]["replica_identity"] = True
        assert texts(planned(target, around(*there))) == [
            f'the index "{NAME}" cannot be {verb}: its part "{NAMES[PLAIN]}" is the replica identity of '
            '"public"."Event_2024": logical replication would break; first ALTER TABLE "public"."Event_2024" REPLICA '
            "IDENTITY USING INDEX another one, or REPLICA IDENTITY FULL"
        ]

    def test_the_index_of_a_partition_alone(self) -> None:
        target = from_specification(
            IndexSpecification.from_entry({"table": "Event_2024", "name": NAMES[PLAIN], "state": "absent"}, "public")
        )
        assert (
            f'part of an index of a partitioned table: "{NAME}" of "public"."Event"'
            in texts(planned(target, around(*images())))[0]
        )


class TestRollback:
    def rolled_back(self, wishes: Mapping[tuple[TableName, str], Any], *there: Mapping[str, Any]) -> list[Outcome]:
        """The outcomes of one rollback: by (table, name) the image that stood there before."""
        targets = {key: from_image(key[0], key[1], image) for key, image in wishes.items()}
        scene = around(*there, targets={("index", *key): target for key, target in targets.items()})
        return [plan(target, scene) for target in targets.values()]

    def test_a_created_one_goes_with_all_that_is_attached(self) -> None:
        wishes = dict.fromkeys(reversed(NAMES.items()))
        outcomes = self.rolled_back(wishes, *images())
        assert [short(outcome) for outcome in outcomes] == [[], [], [], [], [("drop", NAME, "Event")]]
        assert all(outcome.problems == () for outcome in outcomes)

    def test_what_is_not_attached_yet_is_dropped_concurrently(self) -> None:
        wishes = dict.fromkeys(reversed(NAMES.items()))
        outcomes = self.rolled_back(wishes, *images(apart=PARENTS, invalid=[ROOT, NESTED]))
        assert [outcome.steps[0].statements for outcome in outcomes] == [
            [f'DROP INDEX CONCURRENTLY "archive"."{NAMES[FAR]}"'],
            [f'DROP INDEX CONCURRENTLY "public"."{NAMES[DEEP]}"'],
            [f'DROP INDEX "public"."{NAMES[NESTED]}"'],
            [f'DROP INDEX CONCURRENTLY "public"."{NAMES[PLAIN]}"'],
            [f'DROP INDEX "public"."{NAME}"'],
        ]

    def test_one_that_stood_by_itself_stands_by_itself_again(self) -> None:
        mine = index_image("mine", ["tenantId"], of=PLAIN, comment="mine", clustered=True)
        there = images({**NAMES, PLAIN: "mine"}, comment="mine", clustered=True)
        wishes = {(PLAIN, "mine"): mine, (ROOT, NAME): None}
        beside, whole = self.rolled_back(wishes, *there)
        twin = temporary_name("mine", "new", PLAIN)
        assert short(beside) == [("create", twin, "Event_2024")]
        assert beside.steps[0].statements == [
            f'CREATE INDEX CONCURRENTLY "{twin}" ON "public"."Event_2024" USING "btree" ("tenantId")',
            f'COMMENT ON INDEX "public"."{twin}" IS \'mine\'',
            f'ALTER TABLE "public"."Event_2024" CLUSTER ON "{twin}"',
        ]
        assert script(whole.steps[0])[1][2] == [f'ALTER INDEX "public"."{twin}" RENAME TO "mine"']
        # Cut off before the whole was dropped, and after it.
        built = index_image(twin, ["tenantId"], of=PLAIN, comment="mine", clustered=True)
        beside, whole = self.rolled_back(wishes, *there, built)
        assert [short(outcome) for outcome in (beside, whole)] == [[], [("drop", NAME, "Event")]]
        beside, whole = self.rolled_back(wishes, built)
        assert beside.steps[0].statements == [f'ALTER INDEX "public"."{twin}" RENAME TO "mine"']
        assert (beside.steps[0].action, whole.steps) == ("rename", ())

    def test_one_that_cannot_be_detached_since_the_whole_stays(self) -> None:
        mine = index_image("mine", ["tenantId"], of=PLAIN)
        (outcome,) = self.rolled_back({(PLAIN, "mine"): mine}, *images({**NAMES, PLAIN: "mine"}))
        assert "cannot be detached: it is part of an index of a partitioned table" in texts(outcome)[0]

    def test_a_dropped_one_comes_back_with_every_name(self) -> None:
        odd = {**NAMES, PLAIN: "odd", NESTED: "nested"}
        image = images(odd, without=[FAR])[0]
        (outcome,) = self.rolled_back({(ROOT, NAME): image})
        # FAR came later: it is like the whole.
        assert {(step.table, step.name) for step in only(outcome, "create")} == set(odd.items())
        made = {step.table: step.statements[0] for step in only(outcome, "create")}
        assert made[NESTED] == 'CREATE INDEX "nested" ON ONLY "public"."Event_2025" USING "btree" ("tenantId")'
        assert (
            made[FAR]
            == f'CREATE INDEX CONCURRENTLY "{NAMES[FAR]}" ON "archive"."Event_2023" USING "btree" ("tenantId")'
        )

    def test_a_replaced_one_is_replaced_back(self) -> None:
        image = images({**NAMES, PLAIN: "odd"}, columns=["at"])[0]
        (outcome,) = self.rolled_back({(ROOT, NAME): image}, *images())
        assert outcome.problems == ()
        assert 'RENAME TO "odd"' in " ".join(outcome.steps[-1].statements)

    def test_a_partition_whose_build_was_cut_off_before_its_comment(self) -> None:
        image = images(comment="theirs", clustered=True)[0]
        there = images(apart=PARENTS, invalid=[ROOT, NESTED], comment="theirs", clustered=True)
        cut_off = [{**one, "comment": None, "clustered": False} if one["table"] == PLAIN[1] else one for one in there]
        (outcome,) = self.rolled_back({(ROOT, NAME): image}, *cut_off)
        (step,) = only(outcome, "alter")
        assert (step.table, step.before) == (PLAIN, next(one for one in cut_off if one["table"] == PLAIN[1]))
        assert step.statements == [
            f'COMMENT ON INDEX "public"."{NAMES[PLAIN]}" IS \'theirs\'',
            f'ALTER TABLE "public"."Event_2024" CLUSTER ON "{NAMES[PLAIN]}"',
        ]
        assert len(only(outcome, "attach")) == len(outcome.steps) - 1 == len(PARENTS)
        assert only(self.rolled_back({(ROOT, NAME): image}, *there)[0], "alter") == []

    def test_a_replaced_one_whose_rollback_was_cut_off(self) -> None:
        """The journal has the helpers of the deployment, of which the rollback has built others by the same names."""
        before = images(columns=["at"])[0]
        wishes = {(ROOT, NAME): before, **dict.fromkeys(reversed(HELPERS.items()))}
        begun = images(HELPERS, columns=["at"], apart=[PLAIN], invalid=[ROOT], without=[FAR])
        whole, *helpers = self.rolled_back(wishes, *images(), *begun)
        assert [step.action for step in whole.steps] == ["create", "attach", "attach", "replace"]
        assert [(outcome.steps, outcome.problems) for outcome in helpers] == [((), ())] * len(HELPERS)
        # Exchanged already, and the partitions' names not given yet.
        whole, *helpers = self.rolled_back(wishes, *images({**HELPERS, ROOT: NAME}, columns=["at"]))
        assert short(whole) == [("clean up", NAME, "Event")]
        assert len(whole.steps[0].statements) == len(PARENTS)
        assert [(outcome.steps, outcome.problems) for outcome in helpers] == [((), ())] * len(HELPERS)

    def test_a_replacement_that_was_cut_off_before_the_exchange(self) -> None:
        """The old one stands still; what was built beside it goes, once."""
        wishes = {(ROOT, NAME): images()[0], **dict.fromkeys(reversed(HELPERS.items()))}
        whole, *helpers = self.rolled_back(wishes, *images(), *images(HELPERS, columns=["at"], apart=[FAR]))
        assert whole.steps[0].statements == [
            f'DROP INDEX "public"."{HELPERS[ROOT]}"',
            f'DROP INDEX CONCURRENTLY "archive"."{HELPERS[FAR]}"',
        ]
        assert [(outcome.steps, outcome.problems) for outcome in helpers] == [((), ())] * len(HELPERS)
        # Before the exchange was begun, the journal knows the helpers alone.
        del wishes[ROOT, NAME]
        outcomes = self.rolled_back(wishes, *images(), *images(HELPERS, columns=["at"], apart=[FAR]))
        assert [step.statements for outcome in outcomes for step in outcome.steps] == [
            [f'DROP INDEX CONCURRENTLY "archive"."{HELPERS[FAR]}"'],
            [f'DROP INDEX "public"."{HELPERS[ROOT]}"'],
        ]

    def test_a_partition_that_is_gone_has_nothing_to_undo(self) -> None:
        place = ("public", "Event_2020")
        (outcome,) = self.rolled_back({(place, "x"): None})
        assert (outcome.steps, outcome.problems, outcome.state) == ((), (), "not there")


class TestProblems:
    def test_unique_needs_the_partition_keys_of_all_levels(self) -> None:
        todo = "add what is missing to columns, or leave unique: true out"
        assert texts(planned(wanted(columns=["id"], unique=True), around())) == [
            f'"{NAME}" cannot be unique without at among its key columns: "public"."Event" is partitioned by it, and '
            f"each partition is unique only by itself; {todo}",
            f'"{NAME}" cannot be unique without tenantId among its key columns: "public"."Event_2025" is partitioned '
            f"by it, and each partition is unique only by itself; {todo}",
        ]
        assert texts(planned(wanted(columns=["tenantId", "at"], unique=True), around())) == []
        assert len(texts(planned(wanted(columns=["tenantId"], include=["at"], unique=True), around()))) == 1
        expression = around(facts={"Event": {"partition_key": ("at", None)}})
        assert "by an expression" in texts(planned(wanted(columns=["tenantId", "at"], unique=True), expression))[0]

    @pytest.mark.parametrize(
        ("relation", "who"),
        [
            (Relation("S", None), "a table, view or sequence"),
            (Relation("i", ("public", "other")), 'an index of "public"."other"'),
        ],
    )
    def test_a_name_that_is_taken_on_a_partition(self, relation: Relation, who: str) -> None:
        (text,) = texts(planned(wanted(), around(relations={("archive", NAMES[FAR]): relation})))
        assert f'is taken in schema "archive" by {who}' in text
        assert planned(wanted(), around(relations={("public", NAMES[FAR]): relation})).problems == ()

    def test_another_index_of_the_partition_has_the_name(self) -> None:
        (text,) = texts(planned(wanted(), around(index_image(NAMES[PLAIN], ["at"], of=PLAIN))))
        assert "is taken on the partition" in text

    @pytest.mark.parametrize(
        ("facts", "why"),
        [
            ({"kind": "f"}, "is a foreign table, which this version does not change"),
            ({"extension": "x"}, 'belongs to the extension "x"'),
            ({"persistence": "t"}, "is a temporary table"),
        ],
    )
    def test_a_partition_that_cannot_be_changed(self, facts: dict[str, Any], why: str) -> None:
        for target in (wanted(), absent()):
            (text,) = texts(planned(target, around(*images(), facts={"Event_2025_t1": facts})))
            assert 'cannot be changed as a whole: its partition "public"."Event_2025_t1"' in text
            assert why in text

    def test_privileges_on_partitions(self) -> None:
        facts = {"Event_2023": {"owned": False, "may_create_in_schema": False, "may_lock": False, "owner": "them"}}
        outcome = planned(wanted(), around(facts=facts))
        assert all(problem.permission for problem in outcome.problems)
        assert len(outcome.problems) == 3
        assert all("archive" in problem.text for problem in outcome.problems)

    @pytest.mark.parametrize("version", [140000, 140003])
    def test_corrupt_builds(self, version: int) -> None:
        assert "14.4 or newer" in texts(planned(wanted(), around(version=version)))[0]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_quoted_in_every_statement(name: str) -> None:
    root, part = ("s", name), (name, "p" + name[:-1])
    there = catalog(
        {
            root: table(name, kind="p", partition_key=(name,)),
            part: table(name, is_partition=True, parent=root),
        }
    )
    entry = {"table": name, "name": "i" + name[:-1], "columns": [name], "unique": True}
    outcome = plan(from_specification(IndexSpecification.from_entry(entry, "s")), there)
    assert outcome.problems == ()
    first, second, third = outcome.steps
    whole, own = quoted("i" + name[:-1]), quoted(second.name)
    assert first.statements == [
        f'CREATE UNIQUE INDEX {whole} ON ONLY {qualified(*root)} USING "btree" ({quoted(name)})'
    ]
    assert second.statements == [
        f'CREATE UNIQUE INDEX CONCURRENTLY {own} ON {qualified(*part)} USING "btree" ({quoted(name)})'
    ]
    assert third.statements == [f'ALTER INDEX "s".{whole} ATTACH PARTITION {quoted(name)}.{own}']


def test_the_catalog_is_asked_for_all_names() -> None:
    names = relation_names(wanted(), tables())
    for node in NAMES:
        assert {(node[0], NAMES[node]), (node[0], HELPERS[node])} <= names


def test_partitions_are_found_at_any_depth_parents_first() -> None:
    below = partitions_below(tables(), ROOT)
    assert set(below) == set(PARENTS)
    assert below.index(NESTED) < below.index(DEEP)
    assert partitions_below(tables(), NESTED) == [DEEP]
    assert partitions_below(tables(), PLAIN) == []
