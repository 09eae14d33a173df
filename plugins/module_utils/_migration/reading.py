# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration of a run and the schema that it is about, or all that is wrong with it."""

from __future__ import annotations

from typing import Any, Mapping, Tuple

from .._connection.address import Address
from .._connection.search_path import own_schemas, path_names
from .._connection.session import Session
from .._connection.target import Server, Target
from .._connection.translation import translate
from .._migration.migration import Migration, migration_problems
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, ConnectionProblem, Refused, SteadyError

__all__ = ["open_target", "read_migration"]


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
