# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a query does besides reading: rows that it writes, also in WITH, and functions that it calls."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..scene import Place, SqlScene, dotted, strings
from ..tree import calls, constant, kind_of_node, walk

__all__ = ["STOPS", "WRITES", "only_new_columns", "only_reads", "query_hazards", "stops"]

#: Statements that write rows: INSERT, UPDATE, DELETE and MERGE also stand in WITH, and in COPY (…) TO.
WRITES = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}
#: Functions that give a new row its value; what they change is no loss.
_VALUES = {"nextval", "uuid_generate_v4", "uuid_generate_v1", "uuidv7", "uuidv4", "gen_salt", "digest", "crypt"}
_OBJECTS = {"regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole", "regoper", "regconfig"}
#: Functions that act outside of the database: dblink, NOTIFY, files of the server.
_OUTSIDE = ("dblink", "pg_notify", "lo_export", "lo_import", "pg_file_")


#: What to do about a query that is there to end psql.
STOPS = "it is there to stop psql where it fails, and deploy.yml does not run it: remove it, or run it with psql before"


def only_reads(node: Any) -> bool:
    """Whether a query neither writes rows nor calls a function that may do so."""
    return not calls(node) and not any(kind_of_node(one) in WRITES for one in walk(node))


def stops(node: Any) -> bool:
    """Whether a query is an idiom that fails on purpose: 1/0, 1/(SELECT count(*) …), SELECT 'table'::regclass."""
    for one in walk(node):
        kind = kind_of_node(one)
        if kind == "ResTarget" and _must_exist(one.val):
            return True
        divides = kind == "A_Expr" and strings(one.name) in (["/"], ["%"])
        if divides and constant(one.lexpr) is not None and constant(one.rexpr) in (None, "0"):
            return True
    return False


def _must_exist(node: Any) -> bool:
    """A constant that is cast to regclass or its like, which fails where no such object is."""
    return (
        kind_of_node(node) == "TypeCast"
        and strings(node.typeName.names)[-1] in _OBJECTS
        and constant(node.arg) is not None
    )


def query_hazards(effect: Effect, node: Any, scene: SqlScene) -> None:
    """Add the hazards of all rows that a statement writes, wherever in it, and of the functions that it calls."""
    for one in walk(node):
        if kind_of_node(one) in WRITES:
            _write(effect, one, scene)
    called = calls(node)
    if kind_of_node(node) in WRITES:
        called = [name for name in called if name.rsplit(".", 1)[-1] not in _VALUES]
    if not called:
        return
    names = ", ".join(called)
    effect.hazard("unknown_locks", names, "What the function does and locks is known only when it runs.")
    effect.hazard("not_reversible", names, "What the function changes is not known, so a rollback cannot undo it.")
    if any(name.rsplit(".", 1)[-1].startswith(_OUTSIDE) for name in called):
        effect.hazard("leaves_database", names, "The function acts outside of this database.")


def _write(effect: Effect, node: Any, scene: SqlScene) -> None:
    verb, place = WRITES[kind_of_node(node)], scene.place(node.relation)
    about = dotted(*place)
    if scene.is_surely_new("table", place):
        return
    if verb == "INSERT":
        conflict = node.onConflictClause
        if conflict is None or conflict.action.name != "ONCONFLICT_UPDATE":
            return
    if verb == "DELETE" or (verb == "MERGE" and _deletes(node)):
        effect.hazard("data_loss", about, "Rows are deleted.")
    which = "all rows" if getattr(node, "whereClause", None) is None and verb in ("UPDATE", "DELETE") else "its rows"
    effect.hazard("blocks_writes", about, f"Writes of {which} wait until the statement's transaction ends.")
    if verb != "DELETE" and not only_new_columns(node, scene, place):
        effect.hazard("not_reversible", about, "The values from before are not kept.")


def only_new_columns(node: Any, scene: SqlScene, place: Place) -> bool:
    """Whether an UPDATE fills what this file adds: nothing was there before."""
    targets = node.targetList if kind_of_node(node) == "UpdateStmt" else ()
    return bool(targets) and all(scene.is_surely_new("column", place, target.name) for target in targets)


def _deletes(node: Any) -> bool:
    return any(clause.commandType.name == "CMD_DELETE" for clause in node.mergeWhenClauses or ())
