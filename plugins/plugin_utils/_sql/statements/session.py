# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions and settings of the session: deploy.yml has others in their place."""

from __future__ import annotations

from typing import Any

from ..effect import Effect, session_only
from ..parsing import Parsed
from ..scene import SqlScene
from ..tree import constant
from .search_path import path_of_names

__all__ = ["HANDLERS", "unclosed"]

_INSTEAD_OF_TRANSACTION = (
    "psql would hold each lock until COMMIT. Each step is a transaction of its own, so that no lock is held longer "
    "than its step; the journal knows what is done, a run that is cut off resumes, and rollback.yml undoes all of it."
)
_TIMEOUTS = "The lock policy sets the timeouts of each step (steady_lock_budget, steady_lock_patience)."
_SETTINGS = "Each step runs with settings of its own."
_TIMEOUT_NAMES = {
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "deadlock_timeout",
}
#: Settings that change what the statements behind them make, so that leaving them out would be wrong.
_MEANINGFUL = {
    "role": "connect as that role: steady_database_url of the host names it",
    "session_authorization": "connect as that role: steady_database_url of the host names it",
    "session_replication_role": "it turns off triggers and foreign keys: remove it",
    "default_tablespace": "write TABLESPACE with each index",
    "default_table_access_method": "write USING with each table",
    "timezone": "write the time zone with each constant, as in '2020-01-01 00:00+00', and remove it",
    "timezone_abbreviations": "write offsets instead of abbreviations, and remove it",
    "datestyle": "write dates as '2020-01-31', and remove it",
    "intervalstyle": "write intervals as '1 day 02:00', and remove it",
    "default_text_search_config": "write it with each call, as in to_tsvector('simple', a), and remove it",
    "array_nulls": "write ARRAY[NULL] or '{\"NULL\"}', and remove it",
    "transform_null_equals": "write IS NULL, and remove it",
    "backslash_quote": "write quotes as '', and remove it",
    "xmloption": "write xmlparse(document …), and remove it",
    "lc_monetary": "write amounts of money as numbers, and remove it",
    "event_triggers": "it turns off event triggers: remove it",
    "default_transaction_read_only": "psql would refuse each change: remove it",
    "transaction_read_only": "psql would refuse each change: remove it",
}
_ON, _OFF = ("on", "true", "yes", "1"), ("off", "false", "no", "0")
#: Values of these settings that change nothing: PostgreSQL's defaults.
_HARMLESS = {
    "role": ("none",),
    "session_authorization": ("none",),
    "session_replication_role": ("origin",),
    "default_table_access_method": ("heap",),
    "array_nulls": _ON,
    "event_triggers": _ON,
    "transform_null_equals": _OFF,
    "default_transaction_read_only": _OFF,
    "transaction_read_only": _OFF,
    "backslash_quote": ("safe_encoding",),
    "xmloption": ("content",),
}


def _transaction(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    kind = node.kind.name.removeprefix("TRANS_STMT_")
    words = {"START": "START TRANSACTION", "ROLLBACK_TO": "ROLLBACK TO SAVEPOINT", "PREPARE": "PREPARE TRANSACTION"}
    name = words.get(kind, kind.replace("_", " "))
    if kind in ("BEGIN", "START"):
        scene.open_transaction = scene.position
        return session_only(name, "a transaction begins", _INSTEAD_OF_TRANSACTION)
    if kind == "COMMIT":
        scene.end_transaction()
        if node.chain:  # the next one has begun
            scene.open_transaction = scene.position
        return session_only(name, "the transaction ends", _INSTEAD_OF_TRANSACTION)
    if kind in ("SAVEPOINT", "RELEASE"):
        return session_only(name, f"savepoint {node.savepoint_name}", _INSTEAD_OF_TRANSACTION)
    scene.end_transaction()
    what = "what stands before it would be undone" if kind.startswith("ROLLBACK") else "it is finished elsewhere"
    return Effect(
        name,
        f"{name}: {what}",
        understood=False,
        mend="remove it together with the statements that must not be carried out; deploy.yml undoes nothing halfway",
    )


def unclosed() -> str:
    """What to do about a transaction without its end: psql undoes it when the file ends."""
    return "COMMIT is missing: psql would undo all that follows; add it at the end, or remove this statement"


def _set(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    kind = node.kind.name
    word = "RESET" if kind.startswith("VAR_RESET") else "SET"
    if kind == "VAR_RESET_ALL":
        scene.search(None, False)
        return session_only("RESET ALL", "all settings of the session", _SETTINGS)
    name = (node.name or "").lower()
    values = [constant(argument) or "" for argument in node.args or ()]
    summary = f"setting {name}"
    if name == "search_path":
        return path_of_names(scene, values, bool(node.is_local))
    if name in _TIMEOUT_NAMES:
        return session_only(word, summary, _TIMEOUTS)
    if name == "standard_conforming_strings" and values and values[0].lower() in _OFF:
        return Effect(
            word, summary, understood=False, mend="write strings with backslashes as E'…', and remove this statement"
        )
    if (
        name in ("client_encoding", "names")
        and values
        and values[0].upper().replace("-", "") not in ("UTF8", "UNICODE")
    ):
        return Effect(
            word, summary, understood=False, mend="a file is read as UTF-8: save it so, and remove this statement"
        )
    if _MEANINGFUL.get(name) and any(values) and values[0].lower() not in _HARMLESS.get(name, ()):
        return Effect(word, summary, mend=f"this setting changes what the file does: {_MEANINGFUL[name]}")
    return session_only(word, summary, _SETTINGS)


def _lock(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    tables = ", ".join(relation.relname for relation in node.relations)
    return session_only("LOCK", f"a lock on {tables}", "Each step takes its own locks, under the lock policy.")


def _discard(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    if node.target.name == "DISCARD_ALL":
        scene.search(None, False)
    return session_only("DISCARD", "forgets the session's state", _SETTINGS)


def _nothing(kind: str, summary: str) -> Any:
    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        return session_only(kind, summary, "It is not run: it only concerns the session.")

    return read


HANDLERS = {
    "TransactionStmt": _transaction,
    "VariableSetStmt": _set,
    "VariableShowStmt": _nothing("SHOW", "shows a setting"),
    "LockStmt": _lock,
    "ConstraintsSetStmt": _nothing("SET CONSTRAINTS", "when constraints are checked"),
    "DiscardStmt": _discard,
    "DeallocateStmt": _nothing("DEALLOCATE", "forgets a prepared statement"),
    "ClosePortalStmt": _nothing("CLOSE", "closes a cursor"),
    "FetchStmt": _nothing("FETCH", "reads from a cursor"),
    "ListenStmt": _nothing("LISTEN", "the session listens"),
    "UnlistenStmt": _nothing("UNLISTEN", "the session stops listening"),
    "CheckPointStmt": _nothing("CHECKPOINT", "a checkpoint"),
}
