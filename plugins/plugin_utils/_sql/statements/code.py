# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code in the database: views, functions, triggers; and what runs code whose effect nobody sees beforehand."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted, strings
from ..tree import calls, constant, is_on, kind_of_node, walk
from .do_block import ends_transactions
from .do_block import only_reads as block_only_reads
from .query import STOPS, WRITES, only_reads, query_hazards, stops
from .search_path import path_of_text

__all__ = ["HANDLERS"]


def _view(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.place(node.view)
    effect = Effect("CREATE VIEW", f"view {dotted(*place)}")
    scene.make("view", place)
    scene.take(place)
    return effect


def _refresh(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.place(node.relation)
    effect = Effect("REFRESH MATERIALIZED VIEW", f"materialized view {dotted(*place)}")
    if not node.concurrent and not scene.is_new("table", place):
        effect.hazard("blocks_reads", dotted(*place), "Reads wait while its query runs; CONCURRENTLY does not block.")
    return effect


def _function(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.named(node.funcname)
    kind = "CREATE PROCEDURE" if node.is_procedure else "CREATE FUNCTION"
    scene.make("function", place)
    effect = Effect(kind, f"{kind.split()[1].lower()} {dotted(*place)}")
    settings = [option.arg for option in node.options or () if option.defname == "set"]
    if any(setting.kind.name == "VAR_SET_CURRENT" for setting in settings):
        effect.mend = "SET … FROM CURRENT takes what the session of the deployment has: write the value"
    if any(option.defname == "security" and option.arg.boolval for option in node.options or ()):
        effect.hazard("privileges", dotted(*place), "SECURITY DEFINER: who calls it acts with its owner's privileges.")
    return effect


def _alter_function(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    about = dotted(*scene.named(node.func.objname))
    effect = Effect("ALTER FUNCTION", f"function {about}")
    if any(option.defname == "security" for option in node.actions or ()):
        effect.hazard("privileges", about, "With whose privileges it runs changes.")
    return effect


def _trigger(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.relation)
    effect = Effect("CREATE TRIGGER", f"trigger {node.trigname} on {dotted(*table)}")
    scene.make("trigger", (table[0], node.trigname))
    return effect


def _rule(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.relation)
    effect = Effect("CREATE RULE", f"rule {node.rulename} on {dotted(*table)}")
    if node.rulename != "_RETURN" and not scene.is_new("table", table):
        effect.hazard(
            "breaks_running_application",
            dotted(*table, node.rulename),
            f"Statements on {dotted(*table)} in code that runs now are replaced by others.",
        )
    return effect


def _event_trigger(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    effect = Effect(
        "CREATE EVENT TRIGGER" if kind_of_node(node) == "CreateEventTrigStmt" else "ALTER EVENT TRIGGER",
        f"event trigger {node.trigname}",
    )
    effect.hazard("breaks_running_application", node.trigname, "It runs for the DDL of all sessions.")
    return effect


def _unknown(kind: str, effect_of: str) -> Any:
    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        name = ".".join(strings(node.funccall.funcname)) if kind == "CALL" else getattr(node, "name", None) or kind
        effect = Effect(kind, f"{kind} {name}" if name != kind else effect_of)
        effect.hazard("unknown_locks", name, f"What it does and locks is known only when it runs: {effect_of}.")
        effect.hazard("not_reversible", name, "What it changes is not known, so a rollback cannot undo it.")
        return effect

    return read


def _do(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    if block_only_reads(node):
        return Effect(
            "DO",
            "a block that only reads and raises messages",
            "It is not run: it changes nothing, and its messages are for the person who runs psql.",
            entries=(),
        )
    effect = Effect("DO", "an anonymous block of code")
    effect.hazard("unknown_locks", "DO", "What the block does and locks is known only when it runs.")
    effect.hazard("not_reversible", "DO", "What the block changes is not known, so a rollback cannot undo it.")
    if ends_transactions(node):
        effect.mend = (
            "COMMIT and ROLLBACK cannot be in a block that runs in a transaction, as each step does: put the block "
            "into a file of its own, and run that by your own tool before or after this migration"
        )
    return effect


def _select(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    path = _set_config(node)
    if path is not None:
        return path_of_text(scene, path[0], path[1])
    if node.intoClause is not None:
        place = scene.place(node.intoClause.rel)
        scene.make("table", place)
        effect = Effect("SELECT INTO", f"table {dotted(*place)}")
        query_hazards(effect, node, scene)
        return effect
    effect = Effect("SELECT", "a query")
    query_hazards(effect, node, scene)
    if only_reads(node) and stops(node):
        effect.summary, effect.mend = "a query that may stop psql", STOPS
        return effect
    if only_reads(node):
        effect.instead = "It is not run: it only reads."
        effect.entries = ()
        return effect
    called = calls(node)
    effect.summary = f"a call of {', '.join(called)}" if called else effect.summary
    for one in walk(node):
        if kind_of_node(one) in WRITES:
            effect.summary = f"{WRITES[kind_of_node(one)]} of {dotted(*scene.place(one.relation))} in a query"
    return effect


def _set_config(node: Any) -> tuple[str, bool] | None:
    """What SELECT pg_catalog.set_config('search_path', …) sets, and whether for the transaction: so begins a dump."""
    targets: tuple[Any, ...] = node.targetList or ()
    if len(targets) != 1 or kind_of_node(targets[0].val) != "FuncCall" or node.fromClause:
        return None
    call = targets[0].val
    name, value, local, *_none = (*(constant(argument) for argument in call.args or ()), None, None, None)
    if strings(call.funcname)[-1] != "set_config" or name != "search_path" or value is None:
        return None
    return value, local == "True"


def _explain(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    if any(option.defname == "analyze" and is_on(option.arg) for option in node.options or ()):
        effect = Effect("EXPLAIN", "EXPLAIN ANALYZE, which runs its statement")
        effect.hazard("unknown_locks", "EXPLAIN", "ANALYZE runs the statement.")
        query_hazards(effect, node.query, scene)
        return effect
    return Effect("EXPLAIN", "a plan", "It is not run: it only shows a plan.", entries=())


HANDLERS = {
    "ViewStmt": _view,
    "RefreshMatViewStmt": _refresh,
    "CreateFunctionStmt": _function,
    "AlterFunctionStmt": _alter_function,
    "CreateTrigStmt": _trigger,
    "RuleStmt": _rule,
    "CreateEventTrigStmt": _event_trigger,
    "AlterEventTrigStmt": _event_trigger,
    "DoStmt": _do,
    "CallStmt": _unknown("CALL", "a procedure may do anything, transactions included"),
    "ExecuteStmt": _unknown("EXECUTE", "it runs a prepared statement"),
    "PrepareStmt": _unknown("PREPARE", "it prepares a statement"),
    "DeclareCursorStmt": _unknown("DECLARE CURSOR", "it opens a query"),
    "SelectStmt": _select,
    "ExplainStmt": _explain,
}
