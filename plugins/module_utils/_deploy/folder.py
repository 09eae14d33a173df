# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of migrations: those that are pending by the journal, in their order, each a deployment of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from .._connection.translation import translate
from .._journal.journal import Journal
from .._migration.migration import Migration
from .._planning.past import edited
from .._run.options import Options, now
from .._run.results import result_of
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, Refused, SteadyError
from .deployment import apply
from .verification import add_drift, read_drift

__all__ = ["Pending", "apply_folder", "is_folder", "plan_folder", "read_pending", "verify_folder"]

# So many migrations are named in a sentence; a new database may lack hundreds.
_NAMED = 5
#: Keys of a result that every migration of the folder adds to, beside its steps; what they say twice is one.
_LISTS = ("present", "notes", "missing_privileges")


@dataclass(frozen=True)
class Pending:
    """What a folder has for a database. pending: migrations that are to be deployed. notes: on those that were."""

    id: str
    pending: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = ()


def is_folder(data: Mapping[str, Any]) -> bool:
    """Whether the option `migration` is a folder: {id, migrations: [{id, …} or {id, unreadable}]}."""
    return "migrations" in data


def read_pending(data: Mapping[str, Any], options: Options) -> Pending:
    """Which migrations of a folder are pending: those without a deployment that succeeded and still stands.

    Raises SteadyError; Refused where a pending one cannot be carried out, or where there is no journal to ask.
    """
    if not options.journal:
        raise Refused(
            f"The folder {data['id']} cannot be deployed:",
            ["only the journal knows which of its migrations are pending; leave out journal: false"],
        )
    address = options.address()
    target = replace(options, check=True).target(address, "plan")
    session, server = target.first_session(address.schema or "public")
    try:
        journal = Journal(session, server)
        newest = journal.newest() if journal.exists() else {}
    except psycopg2.Error as error:
        raise translate(error, "The journal could not be read", NOTHING_CHANGED) from None
    finally:
        session.close()
    found = pending_of(data, newest, address.schema or "public")
    reasons = [one["unreadable"] for one in found.pending if "unreadable" in one]
    if reasons:
        raise Refused(f"{_names(found.pending)} cannot be deployed:", reasons)
    return found


def pending_of(data: Mapping[str, Any], newest: Mapping[str, Mapping[str, Any]], schema: str) -> Pending:
    """The same, of what the journal says: by migration, its newest deployment. Pure."""
    done = {one["id"] for one in data["migrations"] if newest.get(one["id"], {}).get("status") == "succeeded"}
    pending = [one for one in data["migrations"] if one["id"] not in done]
    notes = [
        sentence
        for one in data["migrations"]
        if one["id"] in done and "unreadable" not in one
        for sentence in [edited(Migration.from_mapping(one, schema), schema, [newest[one["id"]]])]
        if sentence
    ]
    last = max((number for number, one in enumerate(data["migrations"]) if one["id"] in done), default=-1)
    late = [one["id"] for one in data["migrations"][: last + 1] if one["id"] not in done]
    if late:
        behind = data["migrations"][last]["id"]
        notes.append(f"{_listed(late)}: before {behind} in the folder, which was deployed already")
    return Pending(str(data["id"]), pending, notes)


def plan_folder(
    data: Mapping[str, Any], options: Options, plan: Callable[[Mapping[str, Any]], Dict[str, Any]]
) -> Dict[str, Any]:
    """The plan of the first pending migration; those after it can only be planned once it was deployed.

    plan: of one migration, with the keys of a result. Raises SteadyError.
    """
    found = read_pending(data, options)
    if not found.pending:
        return _with_deployments(plan({"id": found.id}), found, [])
    try:
        result = plan(found.pending[0])
    except SteadyError as error:
        error.facts = _with_deployments(error.facts, found, [])
        raise
    return _with_deployments(result, found, [result])


def apply_folder(data: Mapping[str, Any], options: Options) -> Dict[str, Any]:
    """Deploy what is pending, one after the other; the first that fails ends it. Raises SteadyError."""
    if options.check:
        return plan_folder(data, options, lambda one: apply(one, options))
    found = read_pending(data, options)
    if not found.pending:
        return _with_deployments(apply({"id": found.id}, options), found, [])
    results: List[Dict[str, Any]] = []
    for number, one in enumerate(found.pending):
        # The hash is that of the first plan, the only one that could be made before.
        of_one = replace(options, record=True, verify=False, plan_hash=None if number else options.plan_hash)
        try:
            results.append(apply(one, of_one))
        except SteadyError as error:
            raise _stopped(error, found, results) from None
    return _with_deployments(_joined(results), found, results)


def verify_folder(data: Mapping[str, Any], options: Options, with_drift: bool) -> Dict[str, Any]:
    """One check for each migration of a folder, and what the journal's last images say of all objects.

    with_drift: also of the objects that other migrations than the folder's left. Raises SteadyError.
    """
    started_at = now()
    address = options.address()
    session, server = options.target(address, "verify").first_session(address.schema or "public")
    try:
        journal = Journal(session, server)
        found = pending_of(data, journal.newest() if journal.exists() else {}, address.schema or "public")
        lacking = {one["id"] for one in found.pending}
        own = {one["id"] for one in data["migrations"]}
        checks = [_deployed(one["id"], one["id"] not in lacking) for one in data["migrations"]]
        checks = add_drift(checks, *read_drift(session, server, None if with_drift else own))
    except psycopg2.Error as error:
        raise translate(error, "The database could not be verified", NOTHING_CHANGED) from None
    finally:
        session.close()
    return result_of(
        server,
        address,
        "verified",
        started_at,
        changed=False,
        migration_id=found.id,
        verification=checks,
        queries=[],
        notes=list(found.notes),
    )


def _deployed(migration_id: str, done: bool) -> Dict[str, Any]:
    detail = "it is deployed" if done else "it is pending: no deployment of it has succeeded and still stands"
    return {
        "name": f"migration {migration_id}",
        "kind": "structure",
        "status": "ok" if done else "failed",
        "detail": detail,
    }


def _stopped(error: SteadyError, found: Pending, results: Sequence[Dict[str, Any]]) -> SteadyError:
    """The error of a migration, with what was deployed before it and what was not begun after it."""
    number = len(results)
    facts = {"migration_id": found.pending[number]["id"], **error.facts}
    joined = _joined([*results, facts])
    error.what = f"{found.pending[number]['id']}: {error.what}"
    if results:
        before = f"{number} of {len(found.pending)} migrations ({_names(found.pending[:number])})"
        error.done = f"{before}; and of this one {error.done}" if error.done else before
        if error.left == NOTHING_CHANGED:
            error.left = "of this migration nothing was changed"
    rest = found.pending[number + 1 :]
    if rest:
        error.left = "; ".join(filter(None, (error.left, f"not begun: {_names(rest)}")))
    error.facts = _with_deployments(joined, found, [*results, facts])
    return error


def _joined(results: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """One result of several: what there are many of together, and the rest as the last one has it that has it."""
    joined: Dict[str, Any] = {}
    for result in results:
        joined.update(result)
    joined["steps"] = [step for result in results for step in result.get("steps", [])]
    for key in _LISTS:
        joined[key] = _each(result.get(key, []) for result in results)
    joined["plan_sql"] = "\n".join(
        f"-- migration {result['migration_id']}\n{result.get('plan_sql', '')}" for result in results
    )
    joined["started_at"] = results[0].get("started_at")
    joined["changed"] = any(result.get("changed") for result in results)
    waits = [result.get("waits") or {} for result in results if result.get("steps")]
    joined["waits"] = max(waits, key=_longest) if waits and all(waits) else None
    return joined


def _each(lists: Any) -> List[Any]:
    """All entries, each once."""
    entries: List[Any] = []
    for one in lists:
        entries += [entry for entry in one if entry not in entries]
    return entries


def _longest(waits: Mapping[str, Any]) -> float:
    return float(waits.get("longest_ms") or 0)


def _with_deployments(
    result: Mapping[str, Any], found: Pending, results: Sequence[Mapping[str, Any]]
) -> Dict[str, Any]:
    """The result, with a line for each pending migration."""
    lines = []
    for number, one in enumerate(found.pending):
        of_one: Optional[Mapping[str, Any]] = results[number] if number < len(results) else None
        lines.append(
            {
                "migration_id": one["id"],
                "deployment_id": of_one.get("deployment_id") if of_one else None,
                "status": of_one.get("status", "failed") if of_one else "not begun",
                "steps": len(of_one.get("steps", [])) if of_one else 0,
            }
        )
    notes = [*result.get("notes", []), *found.notes]
    rest = found.pending[1:]
    if rest and result.get("status") == "planned":
        notes.append(f"{_names(rest)}: planned when the migrations before have been deployed")
    return {**result, "notes": notes, "deployments": lines}


def _names(migrations: Sequence[Mapping[str, Any]]) -> str:
    return _listed([str(one["id"]) for one in migrations])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
