# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal in the target's schema `steady`: deployments, their attempts, and each step with what stood there before.

A deployment is the effort to bring one migration here, in as many attempts as it takes; a rollback is an attempt too.
"""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._connection.event_triggers import EventTrigger, read_event_triggers
from .._connection.owners import event_trigger_problems
from .._connection.session import Session
from .._connection.target import Server
from .._connection.translation import translate
from .._model.plan import Problem, Step
from .._support.deployment_id import checked_id
from .._support.driver import psycopg2
from .._support.errors import NOTHING_CHANGED, Refused, SteadyError
from .._support.plain import json_text
from .._support.sqltext import compose, identifier
from .evidence import EVIDENCE_TABLE, LINK
from .images import read_image_of
from .trust import TABLES, JournalState, grants, read_journal_state

__all__ = ["Journal"]

# 2: table evidence.
JOURNAL_VERSION = 2

_COMMENT = f"COMMENT ON SCHEMA steady IS 'steady.postgresql journal, version {JOURNAL_VERSION}'"
# Event triggers of others may have turned it on (Supabase's does): then other roles that deploy would see no row.
_VISIBLE = "".join(f"ALTER TABLE steady.{name} DISABLE ROW LEVEL SECURITY;\n" for name in TABLES)
_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS steady; {_COMMENT};"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS steady.deployment (
  id text PRIMARY KEY,
  migration_id text NOT NULL,
  migration jsonb NOT NULL,
  status text NOT NULL CHECK (status IN
    ('running', 'succeeded', 'failed', 'interrupted', 'rolled_back', 'partly_rolled_back')),
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  counts_before jsonb
);
CREATE TABLE IF NOT EXISTS steady.attempt (
  deployment_id text NOT NULL REFERENCES steady.deployment,
  number int NOT NULL,
  direction text NOT NULL CHECK (direction IN ('deploy', 'rollback')),
  status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
  plan_hash text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  database_role text NOT NULL DEFAULT session_user,
  client_address text DEFAULT inet_client_addr()::text,
  operator text NOT NULL,
  collection_version text NOT NULL,
  server_version text NOT NULL,
  error text,
  PRIMARY KEY (deployment_id, number)
);
CREATE TABLE IF NOT EXISTS steady.step (
  deployment_id text NOT NULL,
  attempt int NOT NULL,
  number int NOT NULL,
  kind text NOT NULL,
  table_schema text NOT NULL,
  table_name text NOT NULL,
  name text NOT NULL,
  action text NOT NULL,
  statements text[] NOT NULL,
  status text NOT NULL CHECK (status IN ('running', 'done', 'failed')),
  before jsonb,
  after jsonb,
  attempts int,
  lock_wait_ms float8,
  duration_ms float8,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  error text,
  PRIMARY KEY (deployment_id, attempt, number),
  FOREIGN KEY (deployment_id, attempt) REFERENCES steady.attempt
);
{EVIDENCE_TABLE}
{_VISIBLE}
"""

# How long the last line of an attempt waits for a synchronous standby.
_STANDBY_SECONDS = 5.0
# reset_val: what the role, the database or the server asks for (PostgreSQL documentation, 53.25 "pg_settings").
_OWN_COMMIT = (
    "SELECT pg_catalog.set_config('synchronous_commit', reset_val, true) FROM pg_catalog.pg_settings"
    " WHERE name = 'synchronous_commit' AND reset_val <> 'off'"
)


# A deployment among others.
_DEPLOYMENT = (
    "id, status, migration, extract(epoch FROM started_at)::float8 AS begun,"
    " to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS date FROM steady.deployment"
)

# How long the attempt at a table waits for locks that event triggers ask for.
_LOOK_MS = 1000
_QUALIFY = (
    "it names something without its schema, and runs where search_path is pg_catalog; write the schema in the "
    "function, or ALTER FUNCTION … SET search_path TO …"
)


def _unnamed(error: Any) -> bool:
    """Whether a name was not found (appendix A, class 42): of a table, a column, a function, a type, or a schema."""
    return error.pgcode in ("42P01", "42703", "42883", "42704", "3F000")


def _image(row: Mapping[str, Any], moment: str, whose: str) -> Optional[Dict[str, Any]]:
    """An image of a step, as _images reads it. Raises SteadyError."""
    try:
        return read_image_of(row, row[moment])
    except ValueError as error:
        raise SteadyError(
            f"The journal has an image that the collection did not write: in steady.step, `{moment}` of "
            f'{row["kind"]} "{row["name"]}", {whose}: it {error}',
            "statements are made of images: one that has anything unknown in it is not used at all",
            "see who wrote it, with journal_info; undo the deployment by hand, or from a backup",
            NOTHING_CHANGED,
        ) from None


class Journal:
    """Reads and writes the journal over one session. Raises SteadyError."""

    def __init__(self, session: Session, server: Server) -> None:
        self.session = session
        self.server = server

    def state(self) -> JournalState:
        """Whether there is a journal, and what keeps this role from it. Raises psycopg2.Error."""
        return read_journal_state(self.session)

    def exists(self) -> bool:
        """Whether there is a journal. Raises Refused when there is one that must not be used, or cannot."""
        state = self.state()
        if state.problems:
            raise Refused("The journal in schema steady cannot be used:", [one.text for one in state.problems])
        return state.there

    def obstacles(self, state: JournalState, triggers: Sequence[EventTrigger]) -> List[Problem]:
        """The event triggers of the database that would fail when the journal is made. One table is made, and rolled
        back.

        Their functions run in our session, whose search_path is pg_catalog: so not in check mode, which runs no code of
        others and writes nothing. Raises psycopg2.Error.
        """
        if not triggers or state.there or event_trigger_problems(self.session):
            return []
        self.session.execute(f"BEGIN READ WRITE; SET LOCAL lock_timeout TO '{_LOOK_MS}ms'")
        try:
            self.session.execute("CREATE TEMPORARY TABLE steady_look (); DROP TABLE steady_look")
        except psycopg2.Error as error:
            if not _unnamed(error):
                return []  # what only the attempt is refused for: it says nothing of the journal
            names = ", ".join(one.text for one in triggers)
            problem = translate(error, of_no_rows=True)
            return [Problem(f"the journal cannot be made: {problem.what}; that comes from {names}: {_QUALIFY}")]
        finally:
            if not self.session.connection.closed:
                self.session.execute("ROLLBACK")
        return []

    def prepare(self) -> None:
        """Make the journal where there is none yet. Raises SteadyError with the GRANT that is missing."""
        self.exists()
        reasons = event_trigger_problems(self.session)
        if reasons:
            raise Refused("The journal cannot be made or used:", reasons)
        row = self.session.one(
            "SELECT pg_catalog.to_regnamespace('steady') IS NOT NULL AS schema,"
            " EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            "  WHERE n.nspname = 'steady' AND c.relname = 'step') AS tables,"
            " EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            "  WHERE n.nspname = 'steady' AND c.relname = 'evidence') AS evidence,"
            " (SELECT pg_catalog.pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = 'steady')"
            " AS own,"
            " pg_catalog.obj_description(pg_catalog.to_regnamespace('steady'), 'pg_namespace') AS comment,"
            " pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create"
        )
        version = (row["comment"] or "").rpartition("version ")[2]
        if row["tables"] and version.isdigit() and int(version) > JOURNAL_VERSION:
            raise SteadyError(
                f"The journal in schema steady was written by a newer collection (journal version {version}).",
                "this version does not know its form",
                "update the collection",
                NOTHING_CHANGED,
            )
        role, database = identifier(self.server.role), identifier(self.server.database)
        if not row["schema"] and not row["may_create"]:
            raise SteadyError(
                "The journal cannot be made: permission denied: CREATE on database "
                f'"{self.server.database}" is missing for role "{self.server.role}".',
                "the journal lives in schema steady of the database itself",
                compose(
                    "GRANT CREATE ON DATABASE {database} TO {role}; or as an administrator: "
                    "CREATE SCHEMA steady AUTHORIZATION {role}",
                    database=database,
                    role=role,
                ),
                NOTHING_CHANGED,
                "42501",
            )
        try:
            if not row["tables"]:
                statements = _TABLES if row["schema"] else _SCHEMA + _TABLES
                self.session.execute("BEGIN; " + statements + " COMMIT")
            elif not row["evidence"]:  # a journal of version 1
                comment = _COMMENT if row["own"] else ""
                self.session.execute(f"BEGIN; {EVIDENCE_TABLE} {comment}; COMMIT")
            self.session.one("SELECT count(*) FROM steady.deployment WHERE false")
        except psycopg2.Error as error:
            if not self.session.connection.closed:
                self.session.execute("ROLLBACK")
            raise self._unusable(error) from None

    def _unusable(self, error: Any) -> SteadyError:
        problem = translate(error, "The journal in schema steady cannot be used", NOTHING_CHANGED)
        triggers = read_event_triggers(self.session) if _unnamed(error) and not self.session.connection.closed else []
        if triggers:
            problem.why = f"{problem.why or 'it'} comes from {', '.join(one.text for one in triggers)}"
            problem.todo = _QUALIFY
        if problem.sqlstate == "42501":
            problem.todo = grants(self.server.role)
        return problem

    def mark_interrupted(self) -> List[str]:
        """Attempts that still say running while nobody holds the deployment lock: their process is gone."""
        try:
            rows = self._mark_interrupted()
        except psycopg2.Error as error:
            raise self._unusable(error) from None
        return [checked_id(row["id"]) for row in rows]

    def _mark_interrupted(self) -> List[Dict[str, Any]]:
        return self.session.rows(
            "WITH gone AS (UPDATE steady.attempt SET status = 'interrupted', finished_at = clock_timestamp(),"
            " error = 'the process or its session ended' WHERE status = 'running' RETURNING deployment_id),"
            " cut AS (UPDATE steady.step SET status = 'failed', finished_at = clock_timestamp(),"
            " error = 'the process or its session ended; how far it came is not known' WHERE status = 'running'),"
            " marked AS (UPDATE steady.deployment SET status = 'interrupted' WHERE status = 'running' RETURNING id)"
            " SELECT deployment_id AS id FROM gone UNION SELECT id FROM marked ORDER BY 1"
        )

    def unfinished(self, migration_id: str) -> Optional[str]:
        """The deployment of this migration that the next attempt goes on with: the newest, if it is not finished."""
        newest = self._newest(migration_id)
        return checked_id(newest["id"]) if newest.get("status") in ("running", "failed", "interrupted") else None

    def deployed(self, migration_id: str) -> bool:
        """Whether the newest deployment of a migration succeeded and stands."""
        return self._newest(migration_id).get("status") == "succeeded"

    def undone(self, migration_id: str) -> bool:
        """Whether the newest deployment of a migration was rolled back, whole or in part."""
        return self._newest(migration_id).get("status") in ("partly_rolled_back", "rolled_back")

    def newest(self) -> Dict[str, Dict[str, Any]]:
        """The newest deployment of every migration, as deployments_of() has it. Raises psycopg2.Error."""
        rows = self.session.rows(
            "SELECT DISTINCT ON (migration_id) migration_id, " + _DEPLOYMENT + " ORDER BY migration_id, started_at DESC"
        )
        for row in rows:
            checked_id(row["id"])
        return {row["migration_id"]: row for row in rows}

    def _newest(self, migration_id: str) -> Dict[str, Any]:
        """Id and status of the newest deployment of a migration; empty for none."""
        rows = self.session.rows(
            "SELECT id, status FROM steady.deployment WHERE migration_id = %s ORDER BY started_at DESC LIMIT 1",
            (migration_id,),
        )
        return rows[0] if rows else {}

    def begin(
        self,
        deployment_id: str,
        migration_id: str,
        migration: Mapping[str, Any],
        direction: str,
        plan_hash: str,
        operator: str,
        collection_version: str,
    ) -> int:
        """A new attempt, of a new or known deployment; its number. migration: the content, which may be new, too."""
        row = self.session.one(
            "WITH known AS (INSERT INTO steady.deployment (id, migration_id, migration, status)"
            "  VALUES (%(id)s, %(migration_id)s, %(migration)s, 'running')"
            "  ON CONFLICT (id) DO UPDATE SET status = 'running', finished_at = NULL,"
            "   migration = excluded.migration RETURNING id)"
            " INSERT INTO steady.attempt (deployment_id, number, direction, status, plan_hash, operator,"
            "  collection_version, server_version)"
            " SELECT id, 1 + coalesce((SELECT max(number) FROM steady.attempt WHERE deployment_id = id), 0),"
            "  %(direction)s, 'running', %(plan_hash)s, %(operator)s, %(version)s, %(server)s"
            " FROM known RETURNING number",
            {
                "id": deployment_id,
                "migration_id": migration_id,
                "migration": json_text(migration),
                "direction": direction,
                "plan_hash": plan_hash,
                "operator": operator,
                "version": collection_version,
                "server": self.server.version_text,
            },
        )
        return int(row["number"])

    def link_evidence(self, deployment_id: str, migration_id: str) -> None:
        """Give what was measured just before to the deployment that begins now. Raises psycopg2.Error."""
        self.session.execute(LINK, {"id": deployment_id, "migration_id": migration_id})

    def counts_before(self, deployment_id: str, counts: Mapping[str, Any]) -> None:
        """The row counts before the first attempt changed anything; later attempts do not replace them."""
        self.session.execute(
            "UPDATE steady.deployment SET counts_before = coalesce(counts_before, %s) WHERE id = %s",
            (json_text(counts), deployment_id),
        )

    def step_begins(self, deployment_id: str, attempt: int, number: int, step: Step) -> None:
        """Written before the first statement of the step: what stood there, and what will be done."""
        self.session.execute(
            "INSERT INTO steady.step (deployment_id, attempt, number, kind, table_schema, table_name, name, action,"
            " statements, status, before) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'running', %s)",
            (
                deployment_id,
                attempt,
                number,
                step.kind,
                step.table[0],
                step.table[1],
                step.name,
                step.action,
                step.statements,
                json_text(step.before) if step.before is not None else None,
            ),
        )

    def step_ends(
        self,
        deployment_id: str,
        attempt: int,
        number: int,
        status: str,
        after: Optional[Mapping[str, Any]],
        figures: Mapping[str, Any],
        error: Optional[str] = None,
    ) -> None:
        """How a step ended. figures: attempts is None where that is not known, as it is of one that was cut off."""
        self.session.execute(
            # What the step's own transaction has marked as done stays so, whatever became of its answer.
            "UPDATE steady.step SET status = CASE status WHEN 'done' THEN status ELSE %s END,"
            " after = CASE status WHEN 'done' THEN after ELSE %s END, attempts = %s, lock_wait_ms = %s,"
            " duration_ms = %s, error = %s, finished_at = clock_timestamp()"
            " WHERE deployment_id = %s AND attempt = %s AND number = %s",
            (
                status,
                json_text(after) if after is not None else None,
                figures["attempts"],
                figures["lock_wait_ms"],
                figures["duration_ms"],
                error,
                deployment_id,
                attempt,
                number,
            ),
        )

    def sessions_ended(self, deployment_id: str, attempt: int, number: int, ended: List[Dict[str, Any]]) -> None:
        """Which sessions were cancelled or terminated for the step, in a column that is made when it is first needed.

        A role that does not own the journal cannot make it: then only the result says it. Raises psycopg2.Error.
        """
        try:
            self.session.execute(
                "BEGIN; SET LOCAL lock_timeout TO '1s'; ALTER TABLE steady.step ADD COLUMN IF NOT EXISTS ended jsonb;"
                " COMMIT"
            )
        except psycopg2.Error as error:
            if self.session.connection.closed:
                raise
            self.session.execute("ROLLBACK")
            if getattr(error, "pgcode", None) not in ("42501", "55P03"):
                raise
            return
        self.session.execute(
            "UPDATE steady.step SET ended = %s WHERE deployment_id = %s AND attempt = %s AND number = %s",
            (json_text(ended), deployment_id, attempt, number),
        )

    def end(self, deployment_id: str, attempt: int, succeeded: bool, status: str, error: Optional[str] = None) -> str:
        """The attempt is over; status is the deployment's. What is worth knowing about where that is written, or ''."""
        interrupted = "interrupted" if status == "interrupted" else "failed"
        late = self._commit_to_standbys(
            "WITH done AS (UPDATE steady.attempt SET status = %s, error = %s, finished_at = clock_timestamp()"
            " WHERE deployment_id = %s AND number = %s)"
            " UPDATE steady.deployment SET status = %s, finished_at = clock_timestamp() WHERE id = %s",
            ("succeeded" if succeeded else interrupted, error, deployment_id, attempt, status, deployment_id),
        )
        if not late:
            return ""
        names = self.session.one("SELECT pg_catalog.current_setting('synchronous_standby_names') AS names")["names"]
        return (
            f"no synchronous standby ('{names}') confirmed within {_STANDBY_SECONDS:.0f} s: "
            "all of this is committed on this server, and would be lost if it failed over to a standby now"
        )

    def _commit_to_standbys(self, statement: str, parameters: Tuple[Any, ...]) -> bool:
        """Run it in a transaction with the role's own synchronous_commit, in one message; whether no standby answered.

        A role's `off` stays out: the last line of a journal must survive a crash of this server like the others.

        A cancel ends the wait of COMMIT for a standby, and not the transaction, which is committed by then (PostgreSQL
        documentation, 26.2.8 "Synchronous Replication"). No timeout of the server's counts during COMMIT.
        """
        late = threading.Event()

        def hurry() -> None:
            late.set()
            try:
                self.session.connection.cancel()
            except psycopg2.Error:
                pass  # the server is gone, and the statement's own error says so

        timer = threading.Timer(_STANDBY_SECONDS, hurry)
        timer.daemon = True
        timer.start()
        try:
            self.session.execute(f"BEGIN; {_OWN_COMMIT}; {statement}; COMMIT", parameters)
        except psycopg2.Error:
            if not self.session.connection.closed:
                self.session.execute("ROLLBACK")
            raise
        finally:
            timer.cancel()
            # A cancel that is under way must not meet the next statement. Where the network is gone, it waits for
            # longer than anybody here, and there is no next statement.
            if not self.session.connection.closed:
                timer.join()
        return late.is_set()

    def deployments(self, deployment_id: Optional[str] = None, limit: int = 50) -> List[Dict[str, Any]]:
        """Deployments, newest first: id, migration_id, status, times as text, number of attempts."""
        rows = self.session.rows(
            "SELECT id, migration_id, status, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
            " AS started_at, to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS finished_at,"
            " (SELECT count(*) FROM steady.attempt a WHERE a.deployment_id = d.id) AS attempts,"
            " migration, counts_before FROM steady.deployment d"
            " WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY d.started_at DESC LIMIT %(limit)s",
            {"id": deployment_id, "limit": limit},
        )
        for row in rows:
            checked_id(row["id"])
        return rows

    def deployments_of(self, migration_id: str) -> List[Dict[str, Any]]:
        """The deployments of a migration, newest first: id, status, when each began, its content as it was given."""
        rows = self.session.rows(
            "SELECT " + _DEPLOYMENT + " WHERE migration_id = %s ORDER BY started_at DESC",
            (migration_id,),
        )
        for row in rows:
            checked_id(row["id"])
        return rows

    def steps(self, deployment_id: str) -> List[Dict[str, Any]]:
        """All steps of all attempts of a deployment, in the order in which they began, to be shown."""
        return self.session.rows(
            "SELECT s.attempt, a.direction, s.number, s.kind, s.table_schema, s.table_name, s.name, s.action,"
            " s.statements, s.status, s.before, s.after, s.attempts, s.lock_wait_ms, s.duration_ms, s.error,"
            # A column that is there only once it was needed.
            " pg_catalog.to_jsonb(s) -> 'ended' AS ended"
            " FROM steady.step s JOIN steady.attempt a ON a.deployment_id = s.deployment_id AND a.number = s.attempt"
            " WHERE s.deployment_id = %s ORDER BY s.attempt, s.number",
            (deployment_id,),
        )

    def trusted_steps(self, deployment_id: str) -> List[Dict[str, Any]]:
        """The same, with images of which statements may be made. Raises SteadyError for one that is none of ours."""
        rows = self.steps(deployment_id)
        for row in rows:
            for moment in ("before", "after"):
                row[moment] = _image(row, moment, f"deployment {deployment_id}")
        return rows

    def last_to_undo(self) -> Optional[str]:
        """The newest deployment of which something may still stand."""
        rows = self.session.rows(
            "SELECT id FROM steady.deployment WHERE status IN"
            " ('succeeded', 'failed', 'interrupted', 'partly_rolled_back') ORDER BY started_at DESC LIMIT 1"
        )
        return checked_id(rows[0]["id"]) if rows else None

    def later_changes(self, deployment_id: str) -> List[Dict[str, Any]]:
        """The newest deployment that changed an object after this one did, by object, unless it is rolled back."""
        rows = self.session.rows(
            "SELECT DISTINCT ON (s.kind, s.table_schema, s.table_name, s.name)"
            " s.kind, s.table_schema, s.table_name, s.name, s.deployment_id, d.migration_id"
            " FROM steady.step s JOIN steady.deployment d ON d.id = s.deployment_id"
            " JOIN steady.attempt a ON a.deployment_id = s.deployment_id AND a.number = s.attempt"
            " JOIN (SELECT kind, table_schema, table_name, name, max(started_at) AS started_at FROM steady.step"
            "  WHERE deployment_id = %(id)s GROUP BY kind, table_schema, table_name, name) AS own"
            " ON (own.kind, own.table_schema, own.table_name, own.name)"
            "  = (s.kind, s.table_schema, s.table_name, s.name) AND own.started_at < s.started_at"
            " WHERE s.deployment_id <> %(id)s AND a.direction = 'deploy' AND d.status <> 'rolled_back'"
            " AND s.before IS DISTINCT FROM s.after"
            " ORDER BY s.kind, s.table_schema, s.table_name, s.name, s.started_at DESC",
            {"id": deployment_id},
        )
        for row in rows:
            checked_id(row["deployment_id"])
        return rows

    def last_images(self) -> List[Dict[str, Any]]:
        """What the last step on each object left, of all deployments and rollbacks: its image, and who left it.

        Only steps that were done: what a failed one left, nobody meant to stay. Raises SteadyError for an image that is
        none of ours.
        """
        rows = self.session.rows(
            "SELECT * FROM (SELECT DISTINCT ON (s.kind, s.table_schema, s.table_name, s.name)"
            " s.kind, s.table_schema, s.table_name, s.name, s.status, s.after, s.deployment_id, d.migration_id,"
            " a.direction, extract(epoch FROM s.started_at)::float8 AS begun"
            " FROM steady.step s JOIN steady.deployment d ON d.id = s.deployment_id"
            " JOIN steady.attempt a ON a.deployment_id = s.deployment_id AND a.number = s.attempt"
            " ORDER BY s.kind, s.table_schema, s.table_name, s.name, s.started_at DESC, s.attempt DESC, s.number DESC"
            ") AS last WHERE status = 'done' ORDER BY table_schema, table_name, kind, name"
        )
        for row in rows:
            row["after"] = _image(row, "after", f"deployment {row['deployment_id']}")
        return rows
