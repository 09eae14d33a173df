# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for a constraint: for every state of it and of its leftover; no build and no scan under a lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.afterwards import after
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.planner import (
    plan,
    relation_names,
    tables,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.specification import (
    ConstraintSpecification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.constraint.target import (
    DesiredConstraint,
    from_image,
    from_specification,
)
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.dependents import Dependent, Standing
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

NAME = "CashDrawer_code_key"
NEW = temporary_name(NAME, "new", DRAWER)
PART = ("archive", "part")
ALTER = 'ALTER TABLE "public"."CashDrawer" '
ALL = ["ACCESS EXCLUSIVE: public.CashDrawer"]
SHARED = ["SHARE UPDATE EXCLUSIVE: public.CashDrawer"]

Units = list[tuple[str, list[str], list[str]]]


def built(name: str = NEW, columns: str = '"code"', more: str = "") -> Units:
    text = f'CREATE UNIQUE INDEX CONCURRENTLY "{name}" ON "public"."CashDrawer" USING "btree" ({columns}){more}'
    return [("alone", SHARED, [text])]


def dropped(name: str = NEW) -> Units:
    return [("alone", SHARED, [f'DROP INDEX CONCURRENTLY "public"."{name}"'])]


def altered(*statements: str) -> Units:
    return [("guarded", ALL, [ALTER + statements[0], *statements[1:]])]


def taken(
    name: str = NAME, word: str = "UNIQUE", more: str = "", drops: bool = False, beside: Iterable[str] = ()
) -> Units:
    """ADD CONSTRAINT … USING INDEX. drops: the former one goes in the same statement."""
    drop = f'DROP CONSTRAINT "{name}", ' if drops else ""
    helper = temporary_name(name, "new", DRAWER)
    return altered(f'{drop}ADD CONSTRAINT "{name}" {word} USING INDEX "{helper}"{more}', *beside)


def image(name: str = NAME, kind: str = "u", columns: Iterable[str] = ("code",), **changes: Any) -> dict[str, Any]:
    """The image of a constraint, as the catalog's reader gives it."""
    columns = [] if kind == "c" else list(columns)
    return {
        "schema": DRAWER[0],
        "table": DRAWER[1],
        "name": name,
        "type": kind,
        "columns": columns,
        "include": [],
        "check": None,
        "nulls_not_distinct": False,
        "deferrable": False,
        "initially_deferred": False,
        "no_inherit": False,
        "options": {},
        "tablespace": None,
        "validated": True,
        "enforced": True,
        "period": False,
        "inherited": False,
        "clustered": False,
        "replica_identity": False,
        "comment": None,
        "definition": f"it with {', '.join(columns) or changes.get('check')}",
        **changes,
    }


def wanted(**entry: Any) -> DesiredConstraint:
    entry = {"table": "CashDrawer", **(entry or {"unique": ["code"]})}
    return from_specification(ConstraintSpecification.from_entry(entry, "public"))


def absent(name: str = NAME) -> DesiredConstraint:
    return wanted(name=name, state="absent")


def helper(name: str = NAME, columns: Iterable[str] = ("code",), **changes: Any) -> dict[str, Any]:
    """The index that an interrupted run has left."""
    return index_image(temporary_name(name, "new", DRAWER), columns, **{"unique": True, **changes})


def drawers(
    *there: Mapping[str, Any],
    indexes: Iterable[Mapping[str, Any]] = (),
    not_null: Iterable[str] = (),
    facts: Mapping[str, Any] | None = None,
    partitions: bool = False,
    **more: Any,
) -> Catalog:
    """Drawers with these constraints, each with its index, and as the foreign keys' reader gives it, too."""
    refusing = set(not_null)
    columns = [Column(name, "text", name in refusing) for name in ("tenantId", "code", "note")]
    found = {DRAWER: table(*columns, **(facts or {}))}
    if partitions:
        found[PART] = table(*columns, oid=2, parent=DRAWER, is_partition=True)
    own = [
        index_image(one["name"], one["columns"], unique=True, constraint=one["name"])
        for one in there
        if one["type"] in ("u", "p")
    ]
    keys = more.pop("keys", ())
    around = catalog(
        found, [*own, *indexes], [*(other_constraint(one["name"], kind=one["type"]) for one in there), *keys], **more
    )
    return replace(around, images={**around.images, "constraint": {DRAWER: list(there)}})


def planned(target: DesiredConstraint, around: Catalog) -> Outcome:
    return plan(target, around)


class TestUniqueWhereNothingStands:
    @pytest.mark.parametrize("version", VERSIONS[2:])
    def test_the_index_is_built_and_becomes_the_constraint_s(self, version: int) -> None:
        outcome = planned(wanted(), drawers(version=version))
        assert script(outcome.step) == [*built(), *taken()]
        assert (outcome.state, outcome.problems, outcome.notes, outcome.further) == ("not there", (), (), ())
        step = outcome.step
        assert step is not None
        assert (step.kind, step.table, step.name, step.action) == ("constraint", DRAWER, NAME, "add")
        assert (step.before, step.summary) == (None, 'UNIQUE ("code")')
        assert step.cleanup == (f'DROP INDEX CONCURRENTLY IF EXISTS "public"."{NEW}"',)

    def test_it_is_tried_on_a_copy(self) -> None:
        step = planned(wanted(), drawers()).step
        copy = copy_of(*DRAWER)
        assert step is not None
        assert step.rehearsal == ((DRAWER, f'ALTER TABLE {copy} ADD CONSTRAINT "{NEW}" UNIQUE ("code")'),)
        assert step.copies == (DRAWER,)

    def test_duplicates_are_asked_for_before(self) -> None:
        step = planned(wanted(), drawers()).step
        assert step is not None
        (check,) = step.checks
        assert check.message(2).startswith('2 keys occur more than once in "public"."CashDrawer"')
        assert f'the constraint "{NAME}" cannot be added' in check.message(1)
        assert '"code" IS DISTINCT FROM NULL' in check.question.sql(None)

    def test_two_nulls_are_duplicates_where_they_are_not_distinct(self) -> None:
        step = planned(wanted(unique=["code"], nulls_not_distinct=True), drawers()).step
        assert step is not None
        assert script(step) == [*built(more=" NULLS NOT DISTINCT"), *taken()]
        assert "IS DISTINCT FROM NULL" not in step.checks[0].question.sql(None)

    def test_the_index_has_all_that_belongs_to_it_and_the_constraint_the_rest(self) -> None:
        entry = {
            "unique": ["tenantId", "code"],
            "name": NAME,
            "include": ["note"],
            "storage_parameters": {"fillfactor": 70},
            "tablespace": "fast",
            "deferrable": True,
            "initially_deferred": True,
            "comment": "it's ours",
        }
        more = ' INCLUDE ("note") WITH ("fillfactor" = \'70\') TABLESPACE "fast"'
        comment = f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS \'it\'\'s ours\''
        assert script(planned(wanted(**entry), drawers()).step) == [
            *built(columns='"tenantId", "code"', more=more),
            *taken(more=" DEFERRABLE INITIALLY DEFERRED", beside=[comment]),
        ]

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_every_name_is_literal(self, name: str) -> None:
        target = from_specification(ConstraintSpecification("public", name, name, "u", (name,)))
        around = catalog({("public", name): table(name)}, relations={("public", name): Relation("r", None)})
        outcome = planned(target, replace(around, relations={}))
        short = quoted(temporary_name(name, "new", ("public", name)))
        assert steps_of(outcome) == [
            f'CREATE UNIQUE INDEX CONCURRENTLY {short} ON "public".{quoted(name)} USING "btree" ({quoted(name)})',
            f'ALTER TABLE "public".{quoted(name)} ADD CONSTRAINT {quoted(name)} UNIQUE USING INDEX {short}',
        ]

    def test_a_table_with_children_is_locked_alone(self) -> None:
        """An index is one table's; those that inherit from it have none of it."""
        step = planned(wanted(), drawers(facts={"has_children": True})).step
        assert step is not None
        assert [lock.only for unit in step.units if unit.guarded for lock in unit.locks] == [True]

    def test_its_tables_and_the_names_that_it_takes(self) -> None:
        assert tables(wanted()) == {DRAWER}
        assert relation_names(wanted()) == {("public", NAME), ("public", NEW)}
        assert relation_names(wanted(name="c", check="true")) == relation_names(absent()) == set()


class TestLeftovers:
    def test_an_index_that_is_there_and_valid_is_taken(self) -> None:
        outcome = planned(wanted(), drawers(indexes=[helper()]))
        assert script(outcome.step) == taken()

    @pytest.mark.parametrize(
        "other", [{"valid": False}, {"columns": ["note"]}, {"unique": False}, {"nulls_not_distinct": True}]
    )
    def test_one_that_is_invalid_or_another_is_built_again(self, other: dict[str, Any]) -> None:
        assert script(planned(wanted(), drawers(indexes=[helper(**other)])).step) == [*dropped(), *built(), *taken()]

    @pytest.mark.parametrize("valid", [True, False])
    def test_one_beside_a_constraint_that_is_as_wanted_goes(self, valid: bool) -> None:
        outcome = planned(wanted(), drawers(image(), indexes=[helper(valid=valid)]))
        assert script(outcome.step) == dropped()
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("clean up", "leftover of an interrupted run")

    @pytest.mark.parametrize("there", [[], [image()]])
    def test_one_goes_with_a_constraint_that_shall_be_absent(self, there: list[dict[str, Any]]) -> None:
        outcome = planned(absent(), drawers(*there, indexes=[helper()]))
        assert script(outcome.step) == [*(altered(f'DROP CONSTRAINT "{NAME}"') if there else []), *dropped()]


class TestReplaced:
    @pytest.mark.parametrize(
        "other",
        [
            {"columns": ["note"]},
            {"include": ["note"]},
            {"nulls_not_distinct": True},
            {"deferrable": True},
            {"deferrable": True, "initially_deferred": True},
        ],
    )
    def test_the_former_one_goes_in_the_statement_that_adds_the_new_one(self, other: dict[str, Any]) -> None:
        """New rows are checked by one of them always."""
        former = image(**other)
        outcome = planned(wanted(), drawers(former))
        assert script(outcome.step) == [*built(), *taken(drops=True)]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.before) == ("replace", former)
        assert (outcome.state, outcome.problems) == (former["definition"], ())

    def test_its_comment_is_kept_where_the_entry_says_nothing_of_one(self) -> None:
        around = drawers(image(columns=["note"], comment="theirs"))
        comment = f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS \'theirs\''
        assert script(planned(wanted(), around).step) == [*built(), *taken(drops=True, beside=[comment])]
        assert script(planned(wanted(unique=["code"], comment=""), around).step) == [*built(), *taken(drops=True)]

    def test_a_check_takes_the_place_of_a_unique_constraint(self) -> None:
        outcome = planned(wanted(name=NAME, check="code <> ''"), drawers(image()))
        assert steps_of(outcome) == [
            f'{ALTER}DROP CONSTRAINT "{NAME}", ADD CONSTRAINT "{NAME}" CHECK (code <> \'\') NOT VALID',
            f'{ALTER}VALIDATE CONSTRAINT "{NAME}"',
        ]

    def test_refuse_says_so(self) -> None:
        (text,) = texts(planned(wanted(unique=["code"], on_conflict="refuse"), drawers(image(columns=["note"]))))
        assert "on_conflict: refuse" in text
        assert f"the constraint public.CashDrawer.{NAME} exists with another definition" in text

    def test_refuse_has_nothing_against_what_is_as_wanted(self) -> None:
        outcome = planned(wanted(unique=["code"], on_conflict="refuse"), drawers(image()))
        assert (outcome.step, outcome.problems) == (None, ())


class TestAsWanted:
    @pytest.mark.parametrize(
        "more",
        [{}, {"comment": "theirs"}, {"options": {"fillfactor": "70"}}, {"tablespace": "fast"}, {"clustered": True}],
    )
    def test_what_the_entry_says_nothing_of_may_be_as_it_is(self, more: dict[str, Any]) -> None:
        outcome = planned(wanted(), drawers(image(**more)))
        assert (outcome.step, outcome.problems, outcome.state) == (None, (), image()["definition"])

    def test_the_order_of_included_columns_means_nothing(self) -> None:
        entry = wanted(unique=["code"], name=NAME, include=["note", "tenantId"])
        assert planned(entry, drawers(image(include=["tenantId", "note"]))).step is None

    @pytest.mark.parametrize(("said", "text"), [("new", "'new'"), ("", "NULL")])
    def test_a_comment_is_changed_while_everything_goes_on(self, said: str, text: str) -> None:
        outcome = planned(wanted(unique=["code"], comment=said), drawers(image(comment="old")))
        statement = f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS {text}'
        assert script(outcome.step) == [("alone", SHARED, [statement])]
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.summary) == ("alter", "its comment")

    def test_it_needs_no_privilege(self) -> None:
        around = drawers(image(), facts={"owned": False, "may_create_in_schema": False})
        assert planned(wanted(), around).problems == ()


KEY = "CashDrawer_pkey"
PRIMARY = {"primary_key": ["tenantId", "code"]}


class TestPrimaryKey:
    @pytest.mark.parametrize("version", VERSIONS[2:])
    def test_its_columns_are_made_not_null_before_each_by_a_step_of_its_own(self, version: int) -> None:
        """ADD PRIMARY KEY would scan the table for that, under its lock."""
        outcome = planned(wanted(**PRIMARY), drawers(version=version))
        assert [(step.kind, step.name, step.action) for step in outcome.steps] == [
            ("column", "tenantId", "alter"),
            ("column", "code", "alter"),
            ("constraint", KEY, "add"),
        ]
        helper_of_key = temporary_name(KEY, "new", DRAWER)
        both = '"tenantId", "code"'
        assert script(outcome.steps[-1]) == [*built(helper_of_key, both), *taken(KEY, "PRIMARY KEY")]
        assert not any("VALIDATE" in one or "SET NOT NULL" in one for one in outcome.steps[-1].statements)
        assert [len(step.checks) for step in outcome.steps] == [1, 1, 1]

    def test_a_column_that_takes_no_null_needs_no_step(self) -> None:
        outcome = planned(wanted(**PRIMARY), drawers(not_null=["tenantId"]))
        assert [step.name for step in outcome.steps] == ["code", KEY]
        (step,) = planned(wanted(**PRIMARY), drawers(not_null=["tenantId", "code"])).steps
        assert step.name == KEY

    def test_one_that_is_there_needs_none_of_it(self) -> None:
        there = image(KEY, "p", ["tenantId", "code"])
        assert planned(wanted(**PRIMARY), drawers(there, not_null=["tenantId", "code"])).steps == ()

    def test_a_second_one_is_refused(self) -> None:
        (text,) = texts(planned(wanted(**PRIMARY), drawers(image("mine", "p"), not_null=["tenantId", "code"])))
        assert 'has a primary key already, "mine"' in text

    def test_beside_tables_that_inherit_it_is_refused(self) -> None:
        around = drawers(facts={"has_children": True}, not_null=["tenantId", "code"])
        (text,) = texts(planned(wanted(**PRIMARY), around))
        assert "NOT NULL concerns them, too" in text


CHECK = {"name": "positive", "check": "total > 0"}


class TestCheck:
    ADDED = f'{ALTER}ADD CONSTRAINT "positive" CHECK (total > 0) NOT VALID'
    VALIDATED = f'{ALTER}VALIDATE CONSTRAINT "positive"'

    def test_not_valid_first_then_validate(self) -> None:
        outcome = planned(wanted(**CHECK), drawers())
        assert script(outcome.step) == [("guarded", ALL, [self.ADDED]), ("alone", SHARED, [self.VALIDATED])]
        assert outcome.step is not None
        assert [unit.evaluates for unit in outcome.step.units] == [True, True]
        (check,) = outcome.step.checks
        assert check.message(3) == '3 rows of "public"."CashDrawer" against the check "positive"'

    def test_one_that_is_not_valid_is_only_validated(self) -> None:
        """The leftover of an interrupted run, or somebody's own."""
        around = drawers(image("positive", "c", check="total > 0", validated=False))
        outcome = planned(wanted(**CHECK), around)
        assert script(outcome.step) == [("alone", SHARED, [self.VALIDATED])]
        assert outcome.step is not None
        assert (outcome.step.action, len(outcome.step.checks), outcome.step.rehearsal) == ("validate", 1, ())

    def test_two_texts_are_compared_in_the_server_s_form(self) -> None:
        there = drawers(image("positive", "c", check="(total > 0)"))
        assert planned(wanted(**CHECK), there).step is not None
        same = replace(there, expressions={(DRAWER, "total > 0"): "(total > 0)"})
        assert planned(wanted(**CHECK), same).step is None

    def test_the_partitions_are_locked_and_validated_with_their_table(self) -> None:
        outcome = planned(wanted(**CHECK), drawers(facts={"kind": "p"}, partitions=True))
        assert [locks for _how, locks, _statements in script(outcome.step)] == [
            ["ACCESS EXCLUSIVE: archive.part", *ALL],
            [*SHARED, "SHARE UPDATE EXCLUSIVE: archive.part"],
        ]

    def test_no_inherit(self) -> None:
        around = drawers(facts={"has_children": True})
        assert " NO INHERIT NOT VALID" in steps_of(planned(wanted(**CHECK, no_inherit=True), around))[0]
        (text,) = texts(planned(wanted(**CHECK), around))
        assert "tables inherit from" in text


class TestAbsent:
    @pytest.mark.parametrize("kind", ["u", "p", "c"])
    def test_it_is_dropped_in_an_instant(self, kind: str) -> None:
        there = image(kind=kind, check="true" if kind == "c" else None)
        outcome = planned(absent(), drawers(there))
        assert script(outcome.step) == altered(f'DROP CONSTRAINT "{NAME}"')
        assert outcome.step is not None
        assert (outcome.step.action, outcome.step.before) == ("drop", there)

    def test_one_that_is_not_there_is_done(self) -> None:
        assert planned(absent(), drawers()) == Outcome("constraint", DRAWER, NAME, "not there")

    def test_of_a_check_the_partitions_are_locked_too(self) -> None:
        around = drawers(image(kind="c", check="true"), facts={"kind": "p"}, partitions=True)
        assert script(planned(absent(), around).step)[0][1] == ["ACCESS EXCLUSIVE: archive.part", *ALL]

    def test_the_undo_of_a_table_that_went_is_done(self) -> None:
        assert planned(from_image(DRAWER, NAME, None), catalog({})).state == "not there"


class TestWhatRestsOnIt:
    @pytest.mark.parametrize("target", [absent(), wanted(unique=["note"], name=NAME)], ids=["dropped", "replaced"])
    def test_a_foreign_key_keeps_it(self, target: DesiredConstraint) -> None:
        around = drawers(image(), unique_indexes={("public", NAME): Standing(7, (Dependent(("public", "Till"), "k"),))})
        (text,) = texts(planned(target, around))
        verb = "replaced" if target.present else "dropped"
        assert text.startswith(f'the constraint "{NAME}" cannot be {verb}: the foreign key "k" of "public"."Till"')

    def test_a_view_keeps_it(self) -> None:
        standing = Standing(7, (Dependent(("public", NAME), "", "rule _RETURN on view v"),))
        (text,) = texts(planned(absent(), drawers(image(), unique_indexes={("public", NAME): standing})))
        assert "rule _RETURN on view v depends on it" in text

    def test_the_replica_identity_keeps_it(self) -> None:
        (text,) = texts(planned(absent(), drawers(image(replica_identity=True))))
        assert "replica identity" in text


class TestProblems:
    @pytest.mark.parametrize(
        ("facts", "version", "why"),
        [
            ({"owned": False}, 180001, 'belongs to "owner"'),
            ({"may_create_in_schema": False}, 180001, 'GRANT CREATE ON SCHEMA "public" TO "deployer"'),
            ({}, 140002, "update the server to 14.4"),
            ({"kind": "p"}, 180001, "is partitioned"),
        ],
    )
    def test_why_the_index_is_not_built(self, facts: dict[str, Any], version: int, why: str) -> None:
        (text,) = texts(planned(wanted(), drawers(facts=facts, version=version)))
        assert why in text

    def test_nulls_not_distinct_is_of_15(self) -> None:
        (text,) = texts(planned(wanted(unique=["code"], nulls_not_distinct=True), drawers(version=130000)))
        assert "needs PostgreSQL 15" in text

    def test_a_column_that_is_not_there(self) -> None:
        (text,) = texts(planned(wanted(unique=["nope"]), drawers()))
        assert "nope" in text

    @pytest.mark.parametrize("kind", ["unique", "include"])
    def test_nothing_of_a_virtual_column_is_stored(self, kind: str) -> None:
        columns = (Column("a", "int", False), Column("v", "int", False, generated="v"))
        entry = {"name": "u", "unique": ["a"], kind: ["v"]}
        (text,) = texts(planned(wanted(**entry), catalog({DRAWER: table(*columns)})))
        assert "virtual generated column" in text

    @pytest.mark.parametrize(
        ("key", "why"),
        [
            (key_image(NAME, ["code"]), "a foreign key: name it in foreign_keys"),
            (other_constraint(NAME, kind="x"), "an exclusion constraint"),
            (other_constraint(NAME, kind="t"), "a constraint trigger"),
        ],
    )
    def test_the_name_of_a_constraint_of_another_kind(self, key: dict[str, Any], why: str) -> None:
        outcome = planned(wanted(), drawers(keys=[key]))
        assert why in texts(outcome)[0]
        assert outcome.problems[0].clash

    def test_the_name_of_a_not_null_constraint(self) -> None:
        column = Column("code", "text", True, not_null_constraint={"name": NAME})
        (text,) = texts(planned(wanted(), catalog({DRAWER: table(column)})))
        assert "NOT NULL constraint" in text

    @pytest.mark.parametrize(
        ("there", "owner"),
        [
            (Relation("r", None), "a table, view or sequence"),
            (Relation("i", ("public", "User")), 'an index of "public"."User"'),
        ],
    )
    def test_the_name_of_something_else_in_the_schema(self, there: Relation, owner: str) -> None:
        outcome = planned(wanted(), drawers(relations={("public", NAME): there}))
        (text,) = texts(outcome)
        assert f'is taken in schema "public" by {owner}' in text
        assert outcome.problems[0].clash

    def test_an_index_of_this_name_that_goes_before_leaves_it(self) -> None:
        around = drawers(indexes=[index_image(NAME, ["code"])])
        assert len(planned(wanted(), around).problems) == 1
        gone = {("index", DRAWER, NAME): absent(), ("constraint", DRAWER, NAME): wanted()}
        assert planned(wanted(), replace(around, targets=gone)).problems == ()

    @pytest.mark.parametrize(("fact", "why"), [("inherited", "the table above"), ("period", "WITHOUT OVERLAPS")])
    def test_what_this_version_does_not_change(self, fact: str, why: str) -> None:
        (text,) = texts(planned(wanted(unique=["note"], name=NAME), drawers(image(**{fact: True}))))
        assert why in text


class TestRestored:
    def test_it_comes_back_as_it_was(self) -> None:
        former = image(
            include=["note"], deferrable=True, options={"fillfactor": "70"}, comment="theirs", clustered=True
        )
        beside = [
            f'COMMENT ON CONSTRAINT "{NAME}" ON "public"."CashDrawer" IS \'theirs\'',
            f'{ALTER}CLUSTER ON "{NAME}"',
        ]
        more = ' INCLUDE ("note") WITH ("fillfactor" = \'70\')'
        assert script(planned(from_image(DRAWER, NAME, former), drawers()).step) == [
            *built(more=more),
            *taken(more=" DEFERRABLE", beside=beside),
        ]

    @pytest.mark.parametrize("fact", [{"options": {"fillfactor": "70"}}, {"tablespace": "fast"}])
    def test_all_of_it_counts(self, fact: dict[str, Any]) -> None:
        step = planned(from_image(DRAWER, NAME, image(**fact)), drawers(image())).step
        assert step is not None
        assert step.action == "replace"

    def test_a_check_that_was_not_valid_is_not_validated(self) -> None:
        former = image("positive", "c", check="(total > 0)", validated=False)
        target = from_image(DRAWER, "positive", former)
        assert steps_of(planned(target, drawers())) == [
            f'{ALTER}ADD CONSTRAINT "positive" CHECK ((total > 0)) NOT VALID'
        ]
        assert planned(target, drawers(former)).step is None
        assert planned(target, drawers({**former, "validated": True})).step is not None

    def test_one_that_was_not_enforced_is_not(self) -> None:
        former = image("positive", "c", check="(total > 0)", validated=False, enforced=False)
        assert steps_of(planned(from_image(DRAWER, "positive", former), drawers())) == [
            f'{ALTER}ADD CONSTRAINT "positive" CHECK ((total > 0)) NOT ENFORCED'
        ]


class TestAfterwards:
    """What planners of the same run see once it is done."""

    @pytest.mark.parametrize("entry", [{"unique": ["code"]}, PRIMARY, CHECK])
    def test_it_is_there_and_as_wanted(self, entry: dict[str, Any]) -> None:
        target = wanted(**entry)
        later = after(target, drawers(not_null=["tenantId", "code"]))
        assert planned(target, later).steps == ()

    def test_the_columns_of_a_primary_key(self) -> None:
        columns = after(wanted(**PRIMARY), drawers()).tables[DRAWER].columns
        assert [(one.name, one.not_null, one.primary_key) for one in columns.values()] == [
            ("tenantId", True, True),
            ("code", True, True),
            ("note", False, False),
        ]

    def test_one_that_went_leaves_neither_its_index_nor_a_key(self) -> None:
        there = drawers(image(KEY, "p", ["code"]), not_null=["code"])
        later = after(absent(KEY), there)
        assert (later.objects("constraint", DRAWER), later.objects("index", DRAWER)) == ([], [])
        column = later.tables[DRAWER].columns["code"]
        assert (column.not_null, column.primary_key) == (True, False)

    def test_its_index_supports_a_key(self) -> None:
        (index,) = after(wanted(), drawers()).objects("index", DRAWER)
        assert (index["name"], index["unique"], index["constraint"], index["immediate"]) == (NAME, True, NAME, True)
        assert qualified(index["schema"], index["table"]) == '"public"."CashDrawer"'
