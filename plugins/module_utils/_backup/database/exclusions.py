# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas that are left out of a backup: those that a person names, or those that Supabase keeps itself."""

from __future__ import annotations

import re
from typing import List, Optional, Sequence

from ..._connection.session import Session
from ..._support.errors import NOTHING_CHANGED, SteadyError

__all__ = ["as_options", "excluded_schemas", "refuse_swap_without", "sentence", "supabase_schemas"]

# What `supabase db dump` excludes from the schema (its dry run prints the list), but for PostgreSQL's own.
_KEPT = re.compile(
    "_analytics|_realtime|_supavisor|auth|etl|extensions|pgbouncer|realtime|storage|supabase_functions"
    "|supabase_migrations|cron|dbdev|graphql|graphql_public|net|pgmq|pgsodium|pgsodium_masks|pgtle|repack|tiger"
    "|tiger_data|timescaledb_.*|_timescaledb_.*|topology|vault"
)


def supabase_schemas(session: Session) -> List[str]:
    """The schemas here that Supabase keeps; none where this is no Supabase project. Raises psycopg2.Error.

    A project is one by its role supabase_admin and its schemas auth and storage, which belong to Supabase's own roles:
    others have schemas of these names, too.
    """
    rows = session.rows(
        "SELECT nspname::text AS name, pg_catalog.pg_get_userbyid(nspowner)::text AS owner,"
        " EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'supabase_admin') AS admin"
        " FROM pg_catalog.pg_namespace ORDER BY 1"
    )
    marks = {row["name"] for row in rows if row["admin"] and row["owner"].startswith("supabase_")}
    if not {"auth", "storage"} <= marks:
        return []
    return [row["name"] for row in rows if _KEPT.fullmatch(row["name"])]


def excluded_schemas(session: Session, wanted: Optional[Sequence[str]]) -> List[str]:
    """What to leave out. wanted: what the person says; None: what Supabase keeps. Raises SteadyError."""
    if wanted is None:
        return supabase_schemas(session)
    there = {row["name"] for row in session.rows("SELECT nspname::text AS name FROM pg_catalog.pg_namespace")}
    missing = [name for name in wanted if name not in there]
    if missing:
        raise SteadyError(
            f"There is no schema {', '.join(missing)} to leave out of the backup.",
            "exclude_schemas takes names as they are, without quotes and patterns",
            "correct backup_exclude_schemas",
            NOTHING_CHANGED,
        )
    return sorted(set(wanted))


def as_options(excluded: Sequence[str]) -> List[str]:
    """For pg_dump. In double quotes nothing in a name is a pattern (psql, Patterns)."""
    return ['--exclude-schema="{}"'.format(name.replace('"', '""')) for name in excluded]


def sentence(excluded: Sequence[str], by_supabase: bool) -> str:
    """What is not in the backup, in words."""
    names = ", ".join(excluded)
    if not by_supabase:
        return f"schemas {names}, as backup_exclude_schemas says"
    rows = "; with them the rows of users (auth) and of stored files (storage): backup_method=supabase_cli takes those"
    return f"schemas {names}, which Supabase keeps itself{rows}"


def refuse_swap_without(session: Session, excluded: Sequence[str]) -> None:
    """Raise SteadyError where a database made from a backup alone could not take the live one's place."""
    if supabase_schemas(session):
        raise SteadyError(
            "A Supabase project cannot be restored by exchanging databases.",
            "Supabase's services hold on to the database postgres, and to schemas that are not in the backup",
            "replace the contents instead: -e restore_in_place=true; or take rows from a copy: -e restore_swap=false",
            NOTHING_CHANGED,
        )
    if excluded:
        raise SteadyError(
            "A backup that leaves out schemas cannot take the place of the live database.",
            f"after the exchange these would be gone: {', '.join(excluded)}",
            "replace the contents of the others: -e restore_in_place=true; or make a copy: -e restore_swap=false",
            NOTHING_CHANGED,
        )
