# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal says of a plan: newer work that it would take back, and other content under the same id."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._journal.journal import Journal
from .._migration.migration import Migration
from .._model.plan import Outcome, Plan
from .._support.errors import SteadyError
from .drift import as_left

__all__ = ["Past", "edited", "judge", "noted", "taken_back", "with_past"]

Key = Tuple[str, Tuple[str, str], str]
# The steps that change what stands there, and do not only finish or clean up.
_CHANGES = ("add", "alter", "create", "drop", "replace")
_UNFINISHED = ("running", "failed", "interrupted")


@dataclass(frozen=True)
class Past:
    """taken_back: by outcome, one sentence each. edited: one, or none."""

    taken_back: Mapping[Key, str] = field(default_factory=dict)
    edited: str = ""


def judge(plan: Plan, migration: Migration, schema: str, left: Sequence[Mapping[str, Any]], journal: Journal) -> Past:
    """What was before, beside the plan. left: the journal's last images. Raises psycopg2.Error."""
    own = [row for row in journal.deployments_of(migration.id) if row["status"] != "rolled_back"]
    return Past(taken_back(plan, migration.id, left, own), edited(migration, schema, own))


def with_past(plan: Plan, migration: Migration, schema: str, journal: Journal) -> Tuple[Plan, List[str]]:
    """The plan, with notes on what it would take back, and a note on the migration's content.

    Raises psycopg2.Error. A journal with images of others is the preflight's to tell, and a rollback's to refuse.
    """
    try:
        past = judge(plan, migration, schema, journal.last_images(), journal)
    except SteadyError:
        return plan, []
    return noted(plan, past), [past.edited] if past.edited else []


def noted(plan: Plan, past: Past) -> Plan:
    """The plan, with what each outcome would take back among its notes."""
    return replace(plan, outcomes=tuple(_noted(outcome, past) for outcome in plan.outcomes))


def _noted(outcome: Outcome, past: Past) -> Outcome:
    sentence = past.taken_back.get(_key(outcome))
    return replace(outcome, notes=(*outcome.notes, sentence)) if sentence else outcome


def _key(outcome: Outcome) -> Key:
    return (outcome.kind, outcome.table, outcome.name)


def taken_back(
    plan: Plan, migration_id: str, left: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]
) -> Dict[Key, str]:
    """Outcomes that would undo what a newer deployment did: this migration was deployed before it. Pure.

    Where another change came in between, it is not that deployment's work any more: that is drift.
    """
    rows = {(row["kind"], (row["table_schema"], row["table_name"]), row["name"]): row for row in left}
    found = {}
    for outcome in plan.outcomes:
        row = rows.get(_key(outcome))
        if row is None or row["migration_id"] == migration_id or row["direction"] != "deploy":
            continue
        steps = [step for step in outcome.steps if step.table == outcome.table and step.name == outcome.name]
        changes = next((step for step in steps[::-1] if step.action in _CHANGES), None)
        if changes is None or not as_left(outcome.kind, row["after"], changes.before):
            continue
        if any(one["begun"] < row["begun"] for one in own):
            found[_key(outcome)] = (
                f"{outcome.kind} {outcome.object} is as deployment {row['deployment_id']} ({row['migration_id']}) left "
                f"it; this would take it back: {migration_id} was deployed before it"
            )
    return found


def edited(migration: Migration, schema: str, own: Sequence[Mapping[str, Any]]) -> str:
    """That the newest deployment of this id, which still stands, had other content. own: newest first. Pure."""
    if not own or _same(migration, schema, own[0]["migration"]):
        return ""
    row = own[0]
    if row["status"] in _UNFINISHED:
        return (
            f"deployment {row['id']} of {migration.id} began with other content on {row['date']} and is not finished; "
            "this run continues with it, with the content of now"
        )
    return f"{migration.id} was deployed with other content on {row['date']} (deployment {row['id']})"


def _same(migration: Migration, schema: str, kept: Any) -> bool:
    """Whether both ask for the same objects; what cannot be read is not judged. The order of entries does not count."""
    former = _objects(kept, schema)
    return former is None or former == _sorted(migration)


def _objects(kept: Any, schema: str) -> Optional[Dict[str, List[str]]]:
    try:
        return _sorted(Migration.from_mapping(kept, schema))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # of another version of the collection, or of others


def _sorted(migration: Migration) -> Dict[str, List[str]]:
    """By section, as text: specifications are values without an order."""
    return {section: sorted(map(repr, objects)) for section, objects in migration.objects.items()}
