# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: its text for people, its hash, and the script of each unit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._model.plan import (
    ACCESS_EXCLUSIVE,
    ROW_SHARE,
    SHARE,
    SHARE_ROW_EXCLUSIVE,
    SHARE_UPDATE_EXCLUSIVE,
    Lock,
    Outcome,
    Plan,
    Problem,
    Step,
    Unit,
    autocommit,
    guarded,
    lock_statement,
    unit_script,
)

SALE, TENANT = ("public", "Sale"), ("public", "Tenant")
BUILD = autocommit(SALE, 'CREATE INDEX CONCURRENTLY "i" ON "Sale"')
INDEX = Step("index", SALE, "i", "create", (BUILD,))
KEY = Step(
    "foreign_key",
    SALE,
    "f",
    "replace",
    (
        guarded(SHARE_ROW_EXCLUSIVE, [TENANT, SALE], "ADD"),
        autocommit(SALE, "VALIDATE", also=(Lock(ROW_SHARE, TENANT),)),
        guarded(ACCESS_EXCLUSIVE, [TENANT, SALE, TENANT], "DROP", "RENAME"),
    ),
    {"name": "f", "on_delete": "restrict"},
    "on delete restrict → on delete set null",
)


def plan_of(*steps: Step, notes: tuple[str, ...] = ()) -> Plan:
    return Plan(tuple(Outcome(step.kind, step.table, step.name, "not there", step, (), notes) for step in steps))


class TestUnits:
    def test_a_guarded_unit_locks_each_table_once_in_one_order_everywhere(self) -> None:
        """Two runs, or a run and its rollback, can so never wait for each other in a circle."""
        unit = guarded(ACCESS_EXCLUSIVE, [TENANT, SALE, TENANT], "A", "B")
        assert unit == Unit(
            ("A", "B"), (Lock(ACCESS_EXCLUSIVE, SALE), Lock(ACCESS_EXCLUSIVE, TENANT)), guarded=True, transaction=True
        )
        assert lock_statement(unit) == 'LOCK TABLE "public"."Sale", "public"."Tenant" IN ACCESS EXCLUSIVE MODE'
        assert guarded(ACCESS_EXCLUSIVE, [SALE, TENANT], "A", "B") == unit

    def test_a_partitioned_table_may_be_locked_without_its_partitions(self) -> None:
        unit = guarded(SHARE, [TENANT, SALE], "A", only=True)
        assert lock_statement(unit) == 'LOCK TABLE ONLY "public"."Sale", ONLY "public"."Tenant" IN SHARE MODE'
        assert unit.locks[0].text.startswith('SHARE on ONLY "public"."Sale" (no writes while it is held')

    def test_the_steps_of_a_wish_are_in_their_order(self) -> None:
        first, second = INDEX, KEY
        outcome = Outcome("index", SALE, "x", "not there", first, further=(second,))
        assert outcome.steps == (first, second)
        assert Plan((outcome,)).steps == [first, second]
        assert Outcome("index", SALE, "x", "there").steps == ()

    def test_an_autocommit_unit_lets_reads_and_writes_go_on(self) -> None:
        unit = autocommit(SALE, "A", also=(Lock(ROW_SHARE, TENANT),))
        assert unit == Unit(("A",), (Lock(SHARE_UPDATE_EXCLUSIVE, SALE), Lock(ROW_SHARE, TENANT)))
        assert not unit.guarded
        assert not unit.transaction

    @pytest.mark.parametrize(
        ("unit", "lines"),
        [
            (autocommit(SALE, "A", "B"), ["A;", "B;"]),
            (
                Unit(("A", "B"), (Lock(SHARE_UPDATE_EXCLUSIVE, SALE),), transaction=True),
                ["BEGIN;", "A;", "B;", "COMMIT;"],
            ),
            (
                guarded(SHARE_ROW_EXCLUSIVE, [TENANT, SALE], "A"),
                [
                    "BEGIN;",
                    'LOCK TABLE "public"."Sale", "public"."Tenant" IN SHARE ROW EXCLUSIVE MODE NOWAIT;',
                    "A;",
                    "COMMIT;",
                ],
            ),
        ],
    )
    def test_its_script_is_what_psql_would_run(self, unit: Unit, lines: list[str]) -> None:
        assert unit_script(unit) == lines

    @pytest.mark.parametrize(
        ("mode", "meaning"),
        [
            (ACCESS_EXCLUSIVE, "no reads or writes while it is held"),
            (SHARE_ROW_EXCLUSIVE, "no writes while it is held"),
            (SHARE_UPDATE_EXCLUSIVE, "reads and writes go on"),
            (ROW_SHARE, "reads and writes go on"),
        ],
    )
    def test_a_lock_says_what_it_means_for_the_traffic(self, mode: str, meaning: str) -> None:
        text = Lock(mode, SALE).text
        assert text.startswith(f'{mode} on "public"."Sale" (')
        assert meaning in text


class TestSteps:
    def test_an_index_is_called_by_its_schema_and_the_rest_by_their_table(self) -> None:
        assert INDEX.object == "public.i"
        assert KEY.object == "public.Sale.f"
        assert replace(KEY, kind="column").object == "public.Sale.f"

    def test_statements_and_locks_come_in_the_order_of_execution(self) -> None:
        assert KEY.statements == ["ADD", "VALIDATE", "DROP", "RENAME"]
        assert [text.split(" on ")[0] for text in KEY.locks] == [
            SHARE_ROW_EXCLUSIVE,
            SHARE_ROW_EXCLUSIVE,
            SHARE_UPDATE_EXCLUSIVE,
            ROW_SHARE,
            ACCESS_EXCLUSIVE,
            ACCESS_EXCLUSIVE,
        ]

    def test_only_steps_that_traffic_cannot_feel_run_side_by_side(self) -> None:
        assert INDEX.parallel
        assert not KEY.parallel
        assert replace(KEY, units=KEY.units[1:2]).parallel


class TestHash:
    def test_the_same_plan_on_the_same_state_has_the_same_hash_in_every_process(self) -> None:
        """Check mode prints it, a later run compares it: nothing of this process is in it."""
        assert plan_of(INDEX, KEY).hash == "f5a732e3bd37d244ad202e1ebce9cff1d3fa1d6ad7abe30d8264c26d3f393b67"
        assert plan_of(INDEX, KEY).hash == plan_of(INDEX, replace(KEY)).hash

    @pytest.mark.parametrize(
        "change",
        [
            {"kind": "index"},
            {"table": TENANT},
            {"name": "g"},
            {"action": "add"},
            {"units": KEY.units[:2]},
            {"units": (KEY.units[0], KEY.units[2], KEY.units[1])},
            {"before": None},
            {"before": {"name": "f", "on_delete": "cascade"}},
        ],
        ids=str,
    )
    def test_what_is_done_and_what_it_is_done_to_count(self, change: dict[str, Any]) -> None:
        assert plan_of(INDEX, replace(KEY, **change)).hash != plan_of(INDEX, KEY).hash

    def test_order_and_number_of_the_steps_count(self) -> None:
        hashes = {
            plan.hash for plan in (plan_of(), plan_of(INDEX), plan_of(KEY), plan_of(INDEX, KEY), plan_of(KEY, INDEX))
        }
        assert len(hashes) == 5

    def test_words_and_permissions_do_not_count(self) -> None:
        """A read-only role in check mode and the owner later have the same plan."""
        there = Outcome("column", SALE, "c", "NULL allowed")
        outcome = replace(plan_of(KEY).outcomes[0], problems=(Problem("denied", permission=True),), notes=("note",))
        other = Plan((there, replace(outcome, step=replace(KEY, summary="other words"))))
        assert other.hash == plan_of(KEY).hash

    def test_the_order_of_keys_in_an_image_does_not_count(self) -> None:
        """An image out of the journal (jsonb) has another order than one out of the catalog."""
        turned = replace(KEY, before=dict(reversed(list((KEY.before or {}).items()))))
        assert plan_of(turned).hash == plan_of(KEY).hash


class TestText:
    def test_it_is_a_script_with_what_stands_there_and_the_locks_of_each_unit(self) -> None:
        there = Outcome("column", SALE, "c", "NULL allowed", notes=("a note",))
        plan = Plan((there, *plan_of(INDEX, KEY).outcomes))
        quiet = "reads and writes go on"
        writes = "no writes while it is held: taken without queueing, held for milliseconds"
        everything = "no reads or writes while it is held: taken without queueing, held for milliseconds"
        assert plan.text().splitlines() == [
            "-- no change: column public.Sale.c: NULL allowed",
            "",
            "-- step 1: create index public.i",
            f'--   lock: SHARE UPDATE EXCLUSIVE on "public"."Sale" ({quiet})',
            'CREATE INDEX CONCURRENTLY "i" ON "Sale";',
            "",
            "-- step 2: replace foreign_key public.Sale.f: on delete restrict → on delete set null",
            f'--   lock: SHARE ROW EXCLUSIVE on "public"."Sale" ({writes})',
            f'--   lock: SHARE ROW EXCLUSIVE on "public"."Tenant" ({writes})',
            "BEGIN;",
            'LOCK TABLE "public"."Sale", "public"."Tenant" IN SHARE ROW EXCLUSIVE MODE NOWAIT;',
            "ADD;",
            "COMMIT;",
            f'--   lock: SHARE UPDATE EXCLUSIVE on "public"."Sale" ({quiet})',
            f'--   lock: ROW SHARE on "public"."Tenant" ({quiet})',
            "VALIDATE;",
            f'--   lock: ACCESS EXCLUSIVE on "public"."Sale" ({everything})',
            f'--   lock: ACCESS EXCLUSIVE on "public"."Tenant" ({everything})',
            "BEGIN;",
            'LOCK TABLE "public"."Sale", "public"."Tenant" IN ACCESS EXCLUSIVE MODE NOWAIT;',
            "DROP;",
            "RENAME;",
            "COMMIT;",
            "-- note: a note",
            "",
            f"-- plan hash: {plan.hash}",
        ]
        assert plan.notes == ["a note"]
        assert plan.text().endswith("\n")

    def test_a_plan_without_steps_says_so(self) -> None:
        assert Plan(()).text() == "-- nothing to do\n"
        assert plan_of().steps == []
        there = Outcome("index", SALE, "i", "valid, exactly as wanted")
        assert Plan((there,)).text() == ("-- no change: index public.i: valid, exactly as wanted\n\n-- nothing to do\n")

    def test_what_is_gone_as_wanted_is_not_said_to_be_there(self) -> None:
        gone = Outcome("index", SALE, "old_idx", "not there")
        assert Plan((gone,)).text() == "-- no change: index public.old_idx: not there\n\n-- nothing to do\n"
        assert Plan((gone,)).present == [gone]

    def test_what_cannot_be_planned_is_not_said_to_be_there(self) -> None:
        refused = Outcome("index", SALE, "i", "cannot be planned", problems=(Problem("no such table"),))
        assert "no change" not in Plan((refused,)).text()

    def test_no_name_and_no_note_leaves_its_comment(self) -> None:
        """plan.sql is run by people: a line break in a name, or in a predicate, must not turn words into SQL."""
        evil = "x\nDROP TABLE y;\r--"
        there = Outcome("column", SALE, evil, f"state {evil}", notes=(f"note {evil}",))
        step = replace(INDEX, name=evil, table=("public", evil), summary=f"where: {evil}", units=())
        locked = replace(INDEX, units=(autocommit(("public", evil), "SELECT 1"),))
        text = Plan((there, *plan_of(step, locked).outcomes)).text()
        for line in re.split(r"[\r\n]", text):
            assert line in ("", "SELECT 1;") or line.startswith("-- "), line
