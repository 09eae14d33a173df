# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration that a SQL file means: the state of each object after all statements, as a YAML migration has it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...module_utils._kinds.registry import KINDS
from ...module_utils._migration.rules import migration_problems
from ...module_utils._support.problem import one_line
from .effect import LATER
from .problem import SqlProblem
from .replacing import as_long_as_it_takes, identity_of, separates
from .values import Entry, Reading, Statement, Verdict

__all__ = ["migration_of", "migration_with_sources"]


@dataclass(frozen=True)
class _Wanted:
    """The state of one object so far, and the statement that gave it."""

    entry: Entry
    statement: Statement


def migration_of(reading: Reading, schema: str | None = None) -> dict[str, Any]:
    """The mapping of a YAML migration: id, schema, and the sections that the statements fill.

    schema: the connection's, where it is known; else names without a schema must not stand beside names with one.
    Raises SqlProblem with every statement that cannot be carried out, each with its place.
    """
    return _migration(reading, schema)[0]


def migration_with_sources(reading: Reading, schema: str | None = None) -> dict[str, Any]:
    """The same for hosts, with the key `sources`: by section, file:line of the statement behind each entry.

    And, where statements are run as they are written, `order`: by section, the place of each entry among all.
    """
    data, origins = _migration(reading, schema)
    sources = {
        section: [f"{origins[section, number].file}:{origins[section, number].line}" for number in range(len(entries))]
        for section, entries in data.items()
        if isinstance(entries, list)
    }
    return {**data, "sources": sources}


def _migration(reading: Reading, schema: str | None) -> tuple[dict[str, Any], dict[tuple[str, int], Statement]]:
    """The mapping, and the statement behind each of its entries."""
    problems = [problem for statement in reading.statements for problem in _refusals(statement)]
    if problems:
        raise SqlProblem("\n".join(problems))
    wanted: dict[Hashable, _Wanted] = {}
    for statement in reading.statements:
        for entry in statement.entries or ():
            if entry.section == "statements":
                entry = _decided(wanted, entry, statement)
            elif entry.section == "foreign_keys":
                entry = _decided_key(entry, statement)
            problems += _add(wanted, entry, statement)
    problems += _schema_problems(wanted, schema)
    if problems:
        raise SqlProblem("\n".join(problems))
    data, origins = _data(reading, wanted, schema)
    mistakes = migration_problems(data)
    if mistakes:
        raise SqlProblem("\n".join(_line(mistake, origins, reading) for mistake in mistakes))
    return data, origins


def _at(statement: Statement, message: str) -> str:
    return f"{statement.file}:{statement.line}:{statement.column}: {one_line(message)}"


def _refusals(statement: Statement) -> Iterator[str]:
    """Why a statement cannot be carried out: each undecided hazard, and what deploy.yml cannot do."""
    for hazard in statement.undecided:
        comment = f"-- steady: accept {hazard.name} because …"
        yield _at(
            statement,
            f"{statement.kind} needs a decision: {hazard.name} on {hazard.object}: {hazard.message} Change the "
            f'statement, or write "{comment}" before it',
        )
    if statement.verdict is Verdict.NOT_UNDERSTOOD:
        yield _at(statement, f"{statement.kind} cannot be carried out: {statement.mend}")
    elif statement.entries is None:
        yield _at(statement, f"{statement.summary}: {statement.mend or LATER.format(kind=statement.kind)}")


def _decided(wanted: dict[Hashable, _Wanted], entry: Entry, statement: Statement) -> Entry:
    """The entry of a statement with a name of its own, and with what its decisions say."""
    content = dict(entry.content)
    name, number = content["name"], 1
    while ("statements", content["name"]) in wanted:
        number += 1
        content["name"] = f"{name} ({number})"
    accepted = [hazard for hazard in statement.hazards if hazard.accepted is not None]
    if "undo" not in content or "drops" in content or "keep_rows" in content or content.get("if_there") == "replace":
        reasons = [one.accepted for one in accepted if one.name in ("not_reversible", "data_loss")]
        if reasons:
            content["not_reversible"] = "; ".join(dict.fromkeys(str(reason) for reason in reasons))
    if as_long_as_it_takes(content, accepted):
        content["limit_ms"] = 0
    return replace(entry, content=content)


def _decided_key(entry: Entry, statement: Statement) -> Entry:
    """The entry of a foreign key, with the decision that its SET NULL may fail."""
    content = entry.content
    own = f"{content['table']}.{content['name']}"
    accepted = any(
        one.name == "breaks_running_application" and one.accepted is not None and one.object.endswith(own)
        for one in statement.hazards
    )
    sets = "set_null" in (content.get("on_delete"), content.get("on_update"))
    return replace(entry, content={**content, "set_null_fails": "accept"}) if accepted and sets else entry


def _add(wanted: dict[Hashable, _Wanted], entry: Entry, statement: Statement) -> Iterator[str]:
    """What the object is after the statement, whatever it was before."""
    identity = identity_of(entry)
    key = next((one for one in reversed(wanted) if isinstance(one, tuple) and one[0] == identity), identity)
    before = wanted.get(key)
    if before is not None and _statement_between(wanted, before, entry):
        # The object once more: it is not as it was before that statement.
        wanted[(identity, len(wanted))] = _Wanted(entry, statement)
        return
    if before is not None and entry.section == "columns" and "type" not in entry.content:
        # It keeps its place: a table has its columns in the order in which they were added.
        content = {**before.entry.content, **entry.content}
        added = "type" in before.entry.content
        wanted[key] = _Wanted(replace(entry, content=content), before.statement if added else statement)
        return
    wanted.pop(key, None)
    if before is None:
        wanted[key] = _Wanted(entry, statement)
    elif entry.content.get("state") == "absent" and before.entry.content.get("state") != "absent":
        # Another one of this name may be there, at which psql would fail; dropping that one would be wrong.
        wanted[key] = before
        yield _at(
            statement,
            f"{entry.content['name']} is made in {before.statement.file}:{before.statement.line} and dropped here: "
            "remove both statements",
        )
    elif entry.content.get("state") == "absent":
        content = dict(entry.content)
        if "table" in before.entry.content:
            content.setdefault("table", before.entry.content["table"])
        wanted[key] = _Wanted(replace(entry, content=content), statement)
    elif before.entry.content.get("state") == "absent":
        wanted[key] = _Wanted(entry, statement)
    elif re.search(r"(?i)\bIF\s+NOT\s+EXISTS\b", statement.text):
        wanted[key] = before
    else:
        wanted[key] = before
        yield _at(
            statement,
            f"{entry.content['name']} is made already in {before.statement.file}:{before.statement.line}, so that psql "
            "would fail here: remove one",
        )


def _statement_between(wanted: dict[Hashable, _Wanted], before: _Wanted, entry: Entry) -> bool:
    """Whether a statement that is run as it is written, about the same table, comes between the two of an object."""
    after = False
    for one in wanted.values():
        if one is before:
            after = True
        elif after and one.entry.section == "statements" and separates(one.entry, before.entry, entry):
            return True
    return False


def _schema_problems(wanted: dict[Hashable, _Wanted], schema: str | None) -> Iterator[str]:
    """One migration is of one schema, which the file or the connection names.

    Names without one beside "public" are in public where the connection says no other: the host refuses if it does.
    """
    objects = [one for one in wanted.values() if one.entry.section != "statements"]
    named = {one.entry.schema: one.statement for one in reversed(objects) if one.entry.schema is not None}
    loose = [one.statement for one in objects if one.entry.schema is None or one.entry.loose]
    if len(named) > 1:
        first, second = list(named)[-1], list(named)[-2]
        yield _at(
            named[second],
            f"this statement is about the schema {second}, others are about {first}: deploy.yml takes one schema in a "
            "migration, so make a file for each",
        )
    elif named and loose and schema not in named and not (schema is None and "public" in named):
        (known,) = named
        where = f", and the connection's schema is {schema}" if schema else ""
        yield _at(
            loose[0],
            f"a name here has no schema, and other statements are about the schema {known}{where}: write the schema "
            f"with each name, or SET search_path TO {known} at the top",
        )


def _data(
    reading: Reading, wanted: dict[Hashable, _Wanted], schema: str | None
) -> tuple[dict[str, Any], dict[tuple[str, int], Statement]]:
    """The mapping, and the statement behind each of its entries."""
    named = next((one.entry.schema for one in wanted.values() if one.entry.schema is not None), schema)
    data: dict[str, Any] = {"id": reading.id}
    if named is not None:
        data["schema"] = named
    origins: dict[tuple[str, int], Statement] = {}
    order: dict[str, list[int]] = {}
    for section in (kind.section for kind in KINDS.values()):
        entries = [(place, one) for place, one in enumerate(wanted.values()) if one.entry.section == section]
        if entries:
            data[section] = [dict(one.entry.content) for _place, one in entries]
            order[section] = [place for place, _one in entries]
            origins.update({(section, number): one.statement for number, (_place, one) in enumerate(entries)})
    if "statements" in order and len(order) > 1:
        data["order"] = order
    return data, origins


def _line(mistake: Any, origins: dict[tuple[str, int], Statement], reading: Reading) -> str:
    """A rule of the migration that the statements break, at the statement that breaks it."""
    place = tuple(mistake.path[:2])
    statement = origins.get(place)
    if statement is not None:
        bounded = [hazard.name for hazard in statement.hazards if hazard.bounded and hazard.accepted is None]
        accept = f'; or write "-- steady: accept {bounded[0]} because …" before it' if bounded else ""
        return _at(statement, f"{statement.summary}: {mistake.message}{accept}")
    first = reading.statements[0]
    return f"{first.file}:1:1: {mistake.place}: {mistake.message}"
