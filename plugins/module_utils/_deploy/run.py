# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""What deployments, rollbacks and verifications have in common: whom they connect to, and what they return."""

from __future__ import annotations

import functools
import re
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.address import Address, read_address
from .._connection.search_path import own_schemas, path_names
from .._connection.session import (
    Expectation,
    Server,
    Session,
    Target,
    translate,
)
from .._locks.locks import LockPolicy
from .._locks.patience import Patience
from .._migration.migration import Migration, migration_problems
from .._model.catalog import read_tables
from .._model.plan import Plan, Step
from .._planning.registry import kind_named
from .._support.driver import psycopg2
from .._support.errors import (
    NOTHING_CHANGED,
    ConnectionProblem,
    Refused,
    SteadyError,
)
from .executor import StepResult

__all__ = [
    "COLLECTION_VERSION",
    "Options",
    "failed_step_error",
    "now",
    "open_target",
    "plan_result",
    "read_image",
    "read_migration",
    "recheck",
    "result_of",
    "step_entries",
]

COLLECTION_VERSION = "0.1.0"

# So many steps are named in a message; an index of a partitioned table may have hundreds.
_NAMED = 10


@dataclass(frozen=True)
class Options:
    """What a person chose for a run. disk_allowance: bytes. most_lag_s: of replicas; None: they are not looked at."""

    database_url: Optional[str] = field(repr=False)
    expectation: Expectation = Expectation()
    policy: LockPolicy = LockPolicy()
    parallel: Optional[int] = None
    journal: bool = True
    check: bool = False
    operator: str = ""
    plan_hash: Optional[str] = None
    verify: bool = False
    disk_allowance: Optional[int] = None
    most_lag_s: Optional[float] = 30.0
    progress_file: Optional[str] = None

    def address(self) -> Address:
        return read_address(self.database_url)

    def target(self, address: Address, purpose: str) -> Target:
        watch = functools.partial(Patience, patience_s=self.policy.patience_s)
        return Target(address, self.expectation, purpose, not self.check, watch)


def now() -> str:
    """The time in UTC, as results have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read_migration(data: Mapping[str, Any], address: Address) -> Tuple[Migration, str]:
    """The migration and the schema that it is about. Raises Refused with all that is wrong with it."""
    problems = migration_problems(data)
    if problems:
        raise Refused(
            "The migration is not valid:",
            [f"{problem.place}: {problem.message}" for problem in problems],
            "correct it, then run this again",
            "the database was not contacted",
        )
    stated = data.get("schema")
    if stated and address.schema and stated != address.schema:
        raise SteadyError(
            f"The migration says schema: {stated}, the database address says schema {address.schema}.",
            "only one of them can be meant",
            "take one of the two out",
            "the database was not contacted",
        )
    if not (stated or address.schema) and address.path and address.path[0] != "public":
        raise ConnectionProblem(
            f"The search path of the database address is {', '.join(address.path)}.",
            "no schema is named, and the tables of the migration are in one of them only",
            "say which one: schema: in the migration, or schema= in the address",
            "the database was not contacted",
        )
    schema = str(stated or address.schema or "public")
    return Migration.from_mapping(data, schema), schema


def open_target(target: Target, migration: Migration, schema: str) -> Tuple[Session, Server]:
    """The first session of a run for a migration. Raises ConnectionProblem, also for a schema that is a mere guess."""
    session, server = target.first_session(schema)
    if migration.schema or target.address.schema or target.address.path:
        return session, server
    try:
        _refuse_other_path(session, server)
    except psycopg2.Error as error:
        session.close()
        raise translate(error, "The search path could not be read", NOTHING_CHANGED) from None
    except BaseException:
        session.close()
        raise
    return session, server


def _refuse_other_path(session: Session, server: Server) -> None:
    """Where no schema is named, public is meant only if sessions of this role find their tables there (5.10.3)."""
    row = session.one(
        "SELECT s.reset_val AS path, current_user::text AS own,"
        " EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = current_user) AS has_own"
        " FROM pg_catalog.pg_settings s WHERE s.name = 'search_path'"
    )
    names = [row["own"] if name == "$user" else name for name in own_schemas(path_names(row["path"]))]
    names = [name for name in names if name != row["own"] or row["has_own"]]
    if names and names[0] != "public":
        raise ConnectionProblem(
            f'No schema is named, and sessions of role "{server.role}" search "{names[0]}" before "public".',
            f"search_path is {row['path']}, set for the role, the database, the server or this connection",
            f"say which one is meant: schema: {names[0]} (or public) in the migration, or schema= in the address",
            NOTHING_CHANGED,
        )


def read_image(session: Session, step: Step) -> Optional[Mapping[str, Any]]:
    """What stands at the step's place now. Raises psycopg2.Error."""
    tables = read_tables(session, [step.table])
    images = kind_named(step.kind).read(session, tables).get(step.table, ())
    return next((image for image in images if image["name"] == step.name), None)


def recheck(session: Session, step: Step) -> None:
    """Raise SteadyError when somebody else changed the object since it was planned."""
    found, planned = read_image(session, step), step.before
    same = (found is None) == (planned is None)
    if same and found is not None and planned is not None:
        # The index of a partitioned table becomes valid by what is attached to it.
        grown = "partitions" in found and found["valid"]
        same = not kind_named(step.kind).differs(found, planned) and (
            grown or found.get("valid") == planned.get("valid")
        )
    if not same:
        raise SteadyError(
            f"{step.kind} {step.object} was changed by somebody else since the plan was made.",
            f"planned for: {_brief(planned)}; found: {_brief(found)}",
            "run the same command again: it makes a new plan",
            f"{step.object} was not touched",
        )


def _brief(image: Optional[Mapping[str, Any]]) -> str:
    if image is None:
        return "nothing there"
    keys = ("nullable", "tail", "valid", "columns", "referenced_table", "on_delete", "on_update", "validated")
    return ", ".join(
        f"{key} {image[key]}" for key in keys if key in image and not (key == "columns" and "tail" in image)
    )


def result_of(server: Server, address: Address, status: str, started_at: str, **more: Any) -> Dict[str, Any]:
    """The keys that every result has."""
    return {
        "status": status,
        "database": server.database,
        "server_version": server.version_text,
        "system_identifier": server.system_identifier,
        "database_role": server.role,
        "started_at": started_at,
        "finished_at": now(),
        "removed_parameters": list(address.removed),
        **more,
    }


def step_entries(results: Sequence[StepResult]) -> List[Dict[str, Any]]:
    """steps[] of a result; of those that are done, with the definitions before and after, None for nothing."""
    entries = []
    for result in results:
        entry = result.as_dict()
        if result.status == "done":
            definition = kind_named(result.step.kind).definition
            for moment, image in (("before", result.step.before), ("after", result.after)):
                entry[moment] = definition(image) if image is not None else None
        entries.append(entry)
    return entries


def plan_result(plan: Plan) -> Dict[str, Any]:
    """The plan as check mode shows it: the same keys as a run's, with nothing done."""
    return {
        "plan_hash": plan.hash,
        "plan_sql": plan.text(),
        "steps": [{**StepResult(step).as_dict(), "status": "planned"} for step in plan.steps],
        "present": [
            {"kind": o.kind, "object": f"{o.table[0]}.{o.table[1]}.{o.name}", "state": o.state} for o in plan.present
        ],
        "notes": list(dict.fromkeys(plan.notes)),
    }


def failed_step_error(results: List[StepResult], undo: str) -> SteadyError:
    """One error for a run that stopped: what failed, what to do, what is done and stays. The report lists the steps."""
    errors = [result.error for result in results if result.error is not None]
    done = sum(1 for result in results if result.status == "done")
    rest = list(dict.fromkeys(result.step.object for result in results if not result.begun))
    first = errors[0]
    mend = re.split(r"[;,] (?:once it is up, |then )?run the same command again", first.todo)[0]
    lefts = [first.left] if first.left else []
    if rest:
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        lefts.append(f"not begun: {', '.join(rest[:_NAMED])}{more}")
    return SteadyError(
        "; ".join(error.what for error in errors),
        first.why,
        (f"{mend}; then " if mend else "") + f"run the same command again, which goes on with what is left; {undo}",
        "; ".join(lefts),
        first.sqlstate,
        dict(first.facts),
        done=f"{done} of {len(results)} steps",
    )
