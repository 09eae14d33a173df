# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the checks look at: one value, read once in a fixed number of round trips.

Nothing here takes a lock that could wait: sizes come from pg_class, definitions from the catalog alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

from .._backup.taking.room import Needs
from .._connection.session import Session
from .._connection.target import Server
from .._connection.translation import translate
from .._journal.journal import Journal
from .._locks.lag import Replica, Slot, read_replicas
from .._migration.migration import Migration
from .._model.catalog import Catalog
from .._model.invalid_indexes import InvalidIndex, read_invalid_indexes
from .._model.plan import Plan, Problem
from .._planning.disk import Space
from .._planning.drift import Drift, find_drift
from .._planning.past import Past, judge
from .._support.driver import psycopg2
from .._support.errors import SteadyError
from .._support.sqltext import compose, identifier
from .backups import Backup

__all__ = ["Facts", "read_facts"]

Answer = TypeVar("Answer")
Row = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)

# One row. What a role may not see is NULL there (data_directory), never an error.
_SERVER = """
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
  current_setting('zero_damaged_pages') AS zero_damaged_pages,
  current_setting('ignore_checksum_failure') AS ignore_checksum_failure,
  current_setting('synchronous_standby_names') AS synchronous_standby_names,
  (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS synchronous_commit,
  current_setting('max_connections')::int AS max_connections,
  current_setting('superuser_reserved_connections')::int AS superuser_reserved,
  coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
  (SELECT count(*) FROM pg_stat_activity WHERE coalesce(backend_type, 'client backend') = 'client backend')
    AS connections,
  r.rolsuper AS superuser, r.rolconnlimit AS role_limit,
  (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid) AS role_connections,
  d.datconnlimit AS database_limit,
  (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid) AS database_connections,
  age(d.datfrozenxid) AS database_age, current_setting('autovacuum_freeze_max_age')::int AS freeze_max_age,
  (SELECT setting::bigint FROM pg_settings WHERE name = 'temp_file_limit') AS temp_file_limit_kb,
  to_regnamespace('steady') IS NOT NULL AS journal_schema,
  has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
  coalesce(has_schema_privilege(to_regnamespace('steady'), 'USAGE'), false) AS may_use_journal,
  coalesce(has_schema_privilege(to_regnamespace('steady'), 'CREATE'), false) AS may_fill_journal,
  (SELECT bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
      AND has_table_privilege(c.oid, 'UPDATE'))
    FROM pg_class c WHERE c.relnamespace = to_regnamespace('steady') AND c.relname IN ('deployment', 'attempt', 'step'))
    AS may_write_journal
FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = session_user
"""

# reset_val is what the session would have without our own settings: of server, database, role or address.
_SETTINGS = """
SELECT s.name, s.reset_val AS value, s.unit,
  (SELECT string_agg(CASE WHEN x.setrole = 0 THEN 'database' WHEN x.setdatabase = 0 THEN 'role'
      ELSE 'role in this database' END, ', ')
    FROM pg_db_role_setting x, unnest(x.setconfig) AS c(text)
    WHERE (x.setrole = 0 OR x.setrole = (SELECT oid FROM pg_roles WHERE rolname = session_user))
      AND (x.setdatabase = 0 OR x.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))
      AND split_part(c.text, '=', 1) = s.name) AS places
FROM pg_settings s WHERE s.name = ANY (%s) AND s.reset_val <> '0' ORDER BY s.name
"""

# A publication for all tables has those of the journal from the moment that they are made (CREATE PUBLICATION).
# to_regclass() would need the right to use the schema.
# Unlogged tables are in none, but do not survive a crash.
_PUBLICATIONS = """
SELECT p.pubname::text AS name,
  (SELECT array_agg(s.slot_name::text ORDER BY s.slot_name) FROM pg_replication_slots s
    WHERE s.database = current_database() AND s.plugin = 'pgoutput') AS slots
FROM pg_publication p
WHERE p.puballtables AND (p.pubinsert OR p.pubupdate) AND NOT EXISTS (SELECT FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'steady' AND c.relname = 'evidence')
ORDER BY 1
"""

_SESSIONS = """
WITH locks AS MATERIALIZED (
  SELECT l.pid, l.virtualtransaction, l.mode, l.granted, n.nspname || '.' || c.relname AS table_name
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE l.locktype = 'relation' AND l.relation = ANY (%(oids)s::oid[])
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT a.pid, a.usename::text AS role, a.application_name, a.state, a.backend_type, a.query,
  extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_s,
  a.query = '<insufficient privilege>' AS hidden,
  (SELECT json_agg(json_build_object('table', l.table_name, 'mode', l.mode, 'granted', l.granted)
    ORDER BY l.table_name, l.mode) FROM locks l WHERE l.pid = a.pid) AS locks
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() ORDER BY a.xact_start, a.pid
"""

_PREPARED = """
WITH locks AS MATERIALIZED (
  SELECT l.pid, l.virtualtransaction, l.mode, l.granted, n.nspname || '.' || c.relname AS table_name
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE l.locktype = 'relation' AND l.relation = ANY (%(oids)s::oid[])
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT p.gid, p.owner::text AS role, extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS age_s,
  (SELECT array_agg(DISTINCT l.table_name ORDER BY l.table_name) FROM locks l
    JOIN pg_locks x ON x.virtualtransaction = l.virtualtransaction AND x.pid IS NULL
    WHERE l.pid IS NULL AND x.locktype = 'transactionid' AND x.transactionid = p.transaction) AS tables
FROM pg_prepared_xacts p WHERE p.database = current_database() ORDER BY p.prepared
"""

_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, age(c.relfrozenxid) AS age,
  (SELECT split_part(o, '=', 2)::bigint FROM unnest(c.reloptions) AS o WHERE o LIKE 'autovacuum_freeze_max_age=%%')
    AS freeze_max_age
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY (%(oids)s::oid[]) AND c.relkind = 'r' ORDER BY 1, 2
"""

# Not the ones that are being built: a build holds SHARE UPDATE EXCLUSIVE on the table, which every role may see.
# Views know their columns; functions written as text only mention them, so a mention is all that can be said.
_DEPENDENTS = """
WITH wanted AS (
  SELECT a.attrelid, a.attnum, a.attname::text AS column_name, c.relname::text AS table_name
  FROM unnest(%(oids)s::oid[], %(columns)s::text[]) AS w(oid, name)
  JOIN pg_attribute a ON a.attrelid = w.oid AND a.attname = w.name JOIN pg_class c ON c.oid = w.oid
)
SELECT DISTINCT w.table_name, w.column_name, CASE v.relkind WHEN 'm' THEN 'materialized view' WHEN 'v' THEN 'view'
    ELSE 'rule of table' END AS kind, n.nspname || '.' || v.relname AS name
FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.attrelid
  AND d.refobjsubid = w.attnum AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
JOIN pg_namespace n ON n.oid = v.relnamespace
UNION
SELECT w.table_name, w.column_name, 'function', n.nspname || '.' || p.proname
FROM wanted w JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.attrelid
  AND d.refobjsubid = w.attnum AND d.classid = 'pg_proc'::regclass
JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
UNION
SELECT w.table_name, w.column_name, 'function', n.nspname || '.' || p.proname
FROM wanted w JOIN pg_proc p ON strpos(p.prosrc, w.table_name) > 0 AND strpos(p.prosrc, w.column_name) > 0
JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND l.lanname NOT IN ('internal', 'c')
ORDER BY 1, 2, 3, 4 LIMIT 100
"""

# Only with the types that Prisma gives it: of another type, a cast of its author's would be run; and with no policy,
# rule or expression of an index, which reading would evaluate.
_PRISMA = """
SELECT n.nspname AS schema
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '_prisma_migrations' AND c.relkind = 'r' AND n.nspname = %s
  AND 3 = (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated = ''
    AND CASE a.attname WHEN 'migration_name' THEN a.atttypid IN ('varchar'::regtype, 'text'::regtype)
      WHEN 'started_at' THEN a.atttypid = 'timestamptz'::regtype
      WHEN 'finished_at' THEN a.atttypid = 'timestamptz'::regtype ELSE false END)
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'rolled_back_at'
    AND a.attgenerated = '' AND a.atttypid = 'timestamptz'::regtype)
  AND NOT c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid)
  AND NOT EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
    AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL))
  AND NOT EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid)
"""

_PRISMA_FAILED = (
    "SELECT migration_name::text AS name, started_at::text AS started_at FROM {table}"
    " WHERE finished_at IS NULL AND rolled_back_at IS NULL ORDER BY started_at LIMIT 10"
)


@dataclass(frozen=True)
class Facts:
    """What was read, with what the planners made of it.

    applies: whether the plan is to be carried out by this role (False: check mode). data: what the rows have against
    the plan. backup_needs: of the backup before the deployment; None: not asked. space: of the disk, as the run judges
    it. old_s, most_lag_s: the run's steady_old_transaction and steady_max_replica_lag (None: off). unreadable: by
    subject, what the server said where this role could not look.
    """

    server: Server
    plan: Plan
    catalog: Catalog
    applies: bool = True
    data: Tuple[Problem, ...] = ()
    row: Row = field(default_factory=dict)
    settings: Rows = ()
    replicas: Sequence[Replica] = ()
    slots: Sequence[Slot] = ()
    publications: Rows = ()
    sessions: Rows = ()
    prepared: Rows = ()
    tables: Rows = ()
    invalid: Sequence[InvalidIndex] = ()
    dependents: Rows = ()
    prisma: Rows = ()
    journal: bool = False
    left: int = 0
    drift: Sequence[Drift] = ()
    past: Past = field(default_factory=Past)
    backups: Sequence[Backup] = ()
    backup_directory: str = ""
    backup_needs: Optional[Needs] = None
    space: Optional[Space] = None
    old_s: float = 60.0
    most_lag_s: Optional[float] = 30.0
    unreadable: Mapping[str, str] = field(default_factory=dict)


class _Reader:
    """Asks one question after another. One that the server refuses keeps only its own checks from being made.

    Managed servers leave functions out, and roles may not read every table.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.unreadable: Dict[str, str] = {}

    def rows(self, subject: str, statement: str, parameters: Any = None) -> List[Dict[str, Any]]:
        """The rows; none, and a word under `unreadable`, where the server says no.

        Raises psycopg2.Error when it is gone.
        """
        return self.ask(subject, lambda: self.session.rows(statement, parameters), [])

    def ask(self, subject: str, question: Callable[[], Answer], nothing: Answer) -> Answer:
        """The same for a question that another part of the collection asks, too."""
        try:
            return question()
        except psycopg2.Error as error:
            if getattr(error, "pgcode", None) is None or self.session.connection.closed:
                raise
            self.unreadable[subject] = translate(error).what
            return nothing


def read_facts(
    session: Session, journal: Optional[Journal], plan: Plan, catalog: Catalog, migration: Migration, schema: str
) -> Dict[str, Any]:
    """The parts of Facts that the server tells. journal: None where it cannot be used. Raises psycopg2.Error."""
    reader = _Reader(session)
    oids = {"oids": [table.oid for table in catalog.tables.values()]}
    nothing: Tuple[List[Replica], List[Slot]] = ([], [])
    no_index: List[InvalidIndex] = []
    replicas, slots = reader.ask("replicas", lambda: read_replicas(session), nothing)
    parts: Dict[str, Any] = {
        "row": session.one(_SERVER),
        "settings": reader.rows("settings", _SETTINGS, (list(TIMEOUTS),)),
        "replicas": replicas,
        "slots": slots,
        "publications": reader.rows("publications", _PUBLICATIONS),
        "sessions": reader.rows("sessions", _SESSIONS, oids),
        "prepared": reader.rows("prepared", _PREPARED, oids),
        "tables": reader.rows("tables", _TABLES, oids),
        "invalid": reader.ask("invalid", lambda: read_invalid_indexes(session), no_index),
        "dependents": _dependents(reader, plan, catalog),
        "prisma": _prisma(reader, session.schema or "public"),
        **_journal(journal, reader, plan, migration, schema),
    }
    return {**parts, "unreadable": reader.unreadable}


def _dependents(reader: _Reader, plan: Plan, catalog: Catalog) -> List[Dict[str, Any]]:
    """Views and functions on the columns that change; nothing is asked without such a column."""
    changed = [
        (catalog.tables[step.table].oid, step.name)
        for step in plan.steps
        if step.kind == "column" and step.table in catalog.tables
    ]
    if not changed:
        return []
    parameters = {"oids": [oid for oid, _name in changed], "columns": [name for _oid, name in changed]}
    return reader.rows("dependents", _DEPENDENTS, parameters)


def _prisma(reader: _Reader, schema: str) -> List[Dict[str, Any]]:
    """Failed migrations of Prisma's, by its table in the schema of the migration."""
    failed: List[Dict[str, Any]] = []
    for place in reader.rows("prisma", _PRISMA, (schema,)):
        table = compose(_PRISMA_FAILED, table=identifier(place["schema"], "_prisma_migrations"))
        name = f"{place['schema']}._prisma_migrations"
        failed += [{**row, "table": name} for row in reader.rows("prisma", table)]
    return failed


def _journal(
    journal: Optional[Journal], reader: _Reader, plan: Plan, migration: Migration, schema: str
) -> Dict[str, Any]:
    """What former deployments left, what became of it, and what the plan would make of it."""
    if journal is None:
        return {}  # what keeps the role from it is among the plan's problems
    session = journal.session
    try:
        left = journal.last_images()
        past = judge(plan, migration, schema, left, journal)
        return {"journal": True, "left": len(left), "drift": find_drift(session, left), "past": past}
    except psycopg2.Error as error:
        if getattr(error, "pgcode", None) is None or session.connection.closed:
            raise
        reader.unreadable["journal"] = translate(error).what
        return {}
    except SteadyError as error:
        reader.unreadable["journal"] = error.what
        return {}
