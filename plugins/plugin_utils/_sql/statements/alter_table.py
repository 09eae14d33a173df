# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ALTER TABLE, subcommand by subcommand: one statement may have several, of different kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..effect import Effect, of_several
from ..parsing import Parsed
from ..scene import Place, SqlScene, dotted
from .column import COLUMN_COMMANDS
from .constraint import add_constraint, alter_constraint, drop_constraint, validate_constraint

__all__ = ["HANDLERS"]

_Command = Callable[[Any, Place, SqlScene], Effect]


def _table_command(kind: str, *hazards: tuple[str, str]) -> _Command:
    """A subcommand about the table; hazards: names and messages, with {table} in them."""

    def read(command: Any, table: Place, scene: SqlScene) -> Effect:
        whole = dotted(*table)
        effect = Effect(f"ALTER TABLE {kind}", f"{kind} of {whole}")
        if not scene.is_new("table", table):
            for name, message in hazards:
                effect.hazard(name, whole, message.format(table=whole))
        return effect

    return read


_REWRITES = ("table_rewrite", "{table} is written anew while reads and writes wait.")
_SECURITY = ("privileges", "Which rows of {table} a role reads and writes changes.")
_TRIGGERS = ("breaks_running_application", "What the triggers do for code that runs now is not done any more.")
_FIRE = ("breaks_running_application", "The triggers run for code that runs now, too.")

_COMMANDS: dict[str, _Command] = {
    **COLUMN_COMMANDS,
    "AT_AddConstraint": add_constraint,
    "AT_AlterConstraint": alter_constraint,
    "AT_ValidateConstraint": validate_constraint,
    "AT_DropConstraint": drop_constraint,
    "AT_ChangeOwner": _table_command("OWNER TO", ("privileges", "Another role owns {table}.")),
    "AT_ClusterOn": _table_command("CLUSTER ON"),
    "AT_DropCluster": _table_command("SET WITHOUT CLUSTER"),
    "AT_SetLogged": _table_command("SET LOGGED", _REWRITES),
    "AT_SetUnLogged": _table_command(
        "SET UNLOGGED", _REWRITES, ("data_loss", "After a crash, and on replicas, {table} is empty.")
    ),
    "AT_SetAccessMethod": _table_command("SET ACCESS METHOD", _REWRITES),
    "AT_SetTableSpace": _table_command("SET TABLESPACE", _REWRITES),
    "AT_SetRelOptions": _table_command("SET (storage parameters)"),
    "AT_ResetRelOptions": _table_command("RESET (storage parameters)"),
    "AT_ReplaceRelOptions": _table_command("SET (storage parameters)"),
    "AT_EnableTrig": _table_command("ENABLE TRIGGER", _FIRE),
    "AT_EnableAlwaysTrig": _table_command("ENABLE ALWAYS TRIGGER", _FIRE),
    "AT_EnableReplicaTrig": _table_command("ENABLE REPLICA TRIGGER", _FIRE),
    "AT_DisableTrig": _table_command("DISABLE TRIGGER", _TRIGGERS),
    "AT_EnableTrigAll": _table_command("ENABLE TRIGGER ALL", _FIRE),
    "AT_DisableTrigAll": _table_command("DISABLE TRIGGER ALL", _TRIGGERS),
    "AT_EnableTrigUser": _table_command("ENABLE TRIGGER USER", _FIRE),
    "AT_DisableTrigUser": _table_command("DISABLE TRIGGER USER", _TRIGGERS),
    "AT_EnableRule": _table_command("ENABLE RULE"),
    "AT_EnableAlwaysRule": _table_command("ENABLE ALWAYS RULE"),
    "AT_EnableReplicaRule": _table_command("ENABLE REPLICA RULE"),
    "AT_DisableRule": _table_command("DISABLE RULE", _TRIGGERS),
    "AT_AddInherit": _table_command("INHERIT"),
    "AT_DropInherit": _table_command(
        "NO INHERIT", ("breaks_running_application", "The rows of {table} are missing in queries of its parent.")
    ),
    "AT_AddOf": _table_command("OF"),
    "AT_DropOf": _table_command("NOT OF"),
    "AT_ReplicaIdentity": _table_command(
        "REPLICA IDENTITY", ("published_table", "What subscribers of {table} get for an UPDATE or DELETE changes.")
    ),
    "AT_EnableRowSecurity": _table_command("ENABLE ROW LEVEL SECURITY", _SECURITY),
    "AT_DisableRowSecurity": _table_command("DISABLE ROW LEVEL SECURITY", _SECURITY),
    "AT_ForceRowSecurity": _table_command("FORCE ROW LEVEL SECURITY", _SECURITY),
    "AT_NoForceRowSecurity": _table_command("NO FORCE ROW LEVEL SECURITY", _SECURITY),
    "AT_GenericOptions": _table_command("OPTIONS"),
    "AT_AttachPartition": _table_command(
        "ATTACH PARTITION",
        ("blocks_reads", "The new partition is scanned while it is locked, unless a CHECK shows that its rows fit."),
        ("fails_on_data", "It fails if one row of the new partition does not fit."),
    ),
    "AT_DetachPartitionFinalize": _table_command("DETACH PARTITION FINALIZE"),
}


def _detach(command: Any, table: Place, scene: SqlScene) -> Effect:
    kind = "ALTER TABLE DETACH PARTITION"
    effect = Effect(kind, f"partition {command.def_.name.relname} of {dotted(*table)}")
    about = dotted(*scene.place(command.def_.name))
    effect.hazard("breaks_running_application", about, f"Its rows are missing in queries of {dotted(*table)}.")
    if not command.def_.concurrent:
        effect.hazard("blocks_reads", dotted(*table), "Reads and writes of all partitions wait for the lock.")
    return effect


_COMMANDS["AT_DetachPartition"] = _detach

#: ALTER TABLE is also how views, indexes and sequences are changed; and ALTER VIEW may name a table.
_OBJECTS = {
    "OBJECT_TABLE": "TABLE",
    "OBJECT_INDEX": "INDEX",
    "OBJECT_VIEW": "VIEW",
    "OBJECT_MATVIEW": "MATERIALIZED VIEW",
    "OBJECT_SEQUENCE": "SEQUENCE",
    "OBJECT_FOREIGN_TABLE": "FOREIGN TABLE",
    "OBJECT_TYPE": "TYPE",
}
#: What PostgreSQL does on the table alone with ONLY, or refuses if it has tables that inherit.
_INHERITED = {"AT_SetNotNull", "AT_DropNotNull", "AT_ColumnDefault", "AT_AddColumn"}


def _alter_table(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.relation)
    what = _OBJECTS.get(node.objtype.name, "TABLE")
    effects = [_one(command, table, scene, node, what) for command in node.cmds]
    if len(effects) == 1:
        summary = effects[0].summary
        kind = effects[0].kind
    else:
        parts = [effect.kind.removeprefix(f"ALTER {what} ") for effect in effects]
        shown = ", ".join(parts[:3]) + (f" and {len(parts) - 3} more" if len(parts) > 3 else "")
        kind, summary = f"ALTER {what}", f"{what.lower()} {dotted(*table)}: {shown}"
    return of_several(kind, summary, effects)


def _one(command: Any, table: Place, scene: SqlScene, node: Any, what: str) -> Effect:
    name = command.subtype.name
    if what != "TABLE" and name not in _COMMANDS:
        return Effect(f"ALTER {what}", f"{what.lower()} {dotted(*table)}")
    read = _COMMANDS.get(name)
    if read is None:
        return Effect("ALTER TABLE", f"table {dotted(*table)}", understood=False, mend=f"{name} is not known here")
    effect = read(command, table, scene)
    if what != "TABLE":
        effect.kind = effect.kind.replace("ALTER TABLE", f"ALTER {what}", 1)
        effect.entries = None
        if what == "INDEX" and name == "AT_AttachPartition":
            effect.hazards.clear()  # only the catalog changes
        if what == "VIEW" and any(option.defname.startswith("security_") for option in _options(command)):
            effect.hazard("privileges", dotted(*table), "With whose privileges the view reads changes.")
        if what == "TYPE":
            _of_composite(effect, name, table)
    elif name in _INHERITED and not node.relation.inh and effect.entries is not None:
        effect.entries = None
        effect.mend = "ONLY leaves out partitions and tables that inherit, which deploy.yml does not: remove it"
    elif not node.relation.inh and effect.entries:
        effect.notes.append("ONLY: of a partitioned table psql refuses it, deploy.yml does it on all partitions")
    if node.missing_ok and effect.entries:
        effect.notes.append("IF EXISTS of the table: deploy.yml refuses before any change if the table is not there")
    return effect


def _options(command: Any) -> tuple[Any, ...]:
    return command.def_ if isinstance(command.def_, tuple) else ()


def _of_composite(effect: Effect, command: str, place: Place) -> None:
    """ALTER TYPE of a composite type: its attributes are called columns in the tree."""
    effect.hazards.clear()
    if command != "AT_AddColumn":
        effect.hazard("breaks_running_application", dotted(*place), "Code that uses the attribute as it is now fails.")


HANDLERS = {"AlterTableStmt": _alter_table}
