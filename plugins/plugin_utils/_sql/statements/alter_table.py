# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ALTER TABLE, subcommand by subcommand: one statement may have several, of different kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..as_written import run_as_written
from ..effect import Effect, of_several
from ..in_steps import in_steps
from ..parsing import Parsed, Token, tokens_of
from ..scene import Place, SqlScene, dotted
from ..way_back import Way, constraint_dropped, constraint_of, name_in_sql, one_name
from .column import COLUMN_COMMANDS
from .constraint import add_constraint, alter_constraint, drop_constraint, has_entry, validate_constraint

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
    texts = _texts(node, scene)
    effects = [_one(command, table, scene, node, what) for command in node.cmds]
    if _replaces(node, scene) and not scene.is_surely_new("table", table):
        return _whole(effects, texts, table, scene, what)
    for command, effect, text in zip(node.cmds, effects, texts):
        if effect.entries is None and not effect.mend and effect.understood and not scene.is_surely_new("table", table):
            if _in_steps(command):
                in_steps(effect, _with_drop(text, effect, table, scene), table, _parents(command, table, scene), scene)
            else:
                run_as_written(effect, text, _way(command, effect, table, scene, what), scene)
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
        effect.entries = None  # an entry is about the partitions and the tables that inherit, too
        if name == "AT_SetNotNull":
            effect.mend = "ONLY leaves out partitions and tables that inherit, which deploy.yml does not: remove it"
    elif not node.relation.inh and effect.entries:
        effect.notes.append("ONLY: of a partitioned table psql refuses it, deploy.yml does it on all partitions")
    if node.missing_ok and effect.entries:
        effect.notes.append("IF EXISTS of the table: deploy.yml refuses before any change if the table is not there")
    return effect


def _in_steps(command: Any) -> bool:
    """Whether it adds a CHECK with a name, or a key, that has to be validated."""
    constraint = command.def_ if command.subtype.name == "AT_AddConstraint" else None
    if constraint is None or constraint.skip_validation or not constraint.is_enforced:
        return False
    kind = constraint.contype.name
    return kind == "CONSTR_FOREIGN" or (kind == "CONSTR_CHECK" and bool(constraint.conname))


def _with_drop(text: str, effect: Effect, table: Place, scene: SqlScene) -> str:
    """The text, which also drops the CHECK of this name that the file has dropped before."""
    if not scene.replaced_at_once(table[1], effect.named):
        return text
    tokens = tokens_of(text)
    at = tokens[_first_command(tokens, text)].start
    return f"{text[:at]}DROP CONSTRAINT {one_name(effect.named)}, {text[at:]}"


def _parents(command: Any, table: Place, scene: SqlScene) -> tuple[Place, ...]:
    """The tables whose writes wait for an instant when a key is added."""
    parent = command.def_.pktable
    return (table, scene.place(parent)) if parent is not None else ()


def _replaces(node: Any, scene: SqlScene) -> bool:
    """Whether it drops a constraint and adds one of its name that no entry says: in one instant, as it is written."""
    dropped = {command.name for command in node.cmds if command.subtype.name == "AT_DropConstraint"}
    added = {
        command.def_.conname
        for command in node.cmds
        if command.subtype.name == "AT_AddConstraint"
        and (
            (command.def_.contype.name != "CONSTR_FOREIGN" and not has_entry(command.def_))
            or scene.key_stays_as_written(node.relation.relname, command.def_.conname)
        )
    }
    return bool(dropped & added)


def _whole(effects: list[Effect], texts: list[str], table: Place, scene: SqlScene, what: str) -> Effect:
    """All subcommands in one statement."""
    for effect in effects:
        effect.entries, effect.instead = (), ""
    whole = of_several(f"ALTER {what}", f"{what.lower()} {dotted(*table)}, a constraint replaced", effects)
    whole.entries, whole.mend = None, ""
    tokens = scene.tokens
    run_as_written(whole, scene.code[tokens[0].start : tokens[-1].end], Way(locks=(table,)), scene)
    return whole


def _texts(node: Any, scene: SqlScene) -> list[str]:
    """Each subcommand as a statement of its own; the whole statement where there is only one."""
    tokens = scene.tokens
    if len(node.cmds) == 1:
        return [scene.code[tokens[0].start : tokens[-1].end]]
    cuts, depth = [], 0
    for number, token in enumerate(tokens):
        depth += {"ASCII_40": 1, "ASCII_41": -1, "ASCII_91": 1, "ASCII_93": -1}.get(token.name, 0)
        if token.name == "ASCII_44" and depth == 0:
            cuts.append(number)
    begins = [_first_command(tokens, scene.code), *(cut + 1 for cut in cuts)]
    ends = [*cuts, len(tokens)]
    head = scene.code[tokens[0].start : tokens[begins[0]].start]
    return [
        head + scene.code[tokens[begin].start : tokens[end - 1].end] for begin, end in zip(begins, ends, strict=True)
    ]


def _first_command(tokens: Sequence[Token], code: str) -> int:
    """The number of the token behind ALTER TABLE [IF EXISTS] [ONLY] name [*]."""
    number = 2
    while tokens[number].name in ("IF_P", "EXISTS", "ONLY", "TABLE", "VIEW"):
        number += 1
    number += 1
    while tokens[number].name == "ASCII_46":
        number += 2
    return number + 1 if tokens[number].name == "ASCII_42" else number


#: Subcommands that traffic does not feel (ALTER TABLE, "Description": SHARE UPDATE EXCLUSIVE).
_UNFELT = frozenset(["AT_SetStatistics", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_ClusterOn", "AT_DropCluster"])


def _way(command: Any, effect: Effect, table: Place, scene: SqlScene, what: str) -> Way:
    """What takes a subcommand back, and its lock on the table."""
    name = command.subtype.name
    locks = () if what != "TABLE" or name in _UNFELT else (table,)
    if name == "AT_AddConstraint" and effect.named:
        return Way((constraint_dropped(table, effect.named),), (constraint_of(table, effect.named),), locks=locks)
    if name == "AT_ColumnDefault" and scene.is_surely_new("column", table, command.name):
        return Way((), locks=locks)
    if name == "AT_AddColumn":
        undo = f"ALTER TABLE {name_in_sql(table)} DROP COLUMN IF EXISTS {one_name(command.def_.colname)}"
        return Way((undo,), locks=locks)
    if name == "AT_ValidateConstraint":
        return Way((), locks=())
    if name in ("AT_DropColumn", "AT_DropConstraint") and scene.is_surely_new("table", table):
        return Way((), locks=locks)
    return Way(locks=locks)


def _options(command: Any) -> tuple[Any, ...]:
    return command.def_ if isinstance(command.def_, tuple) else ()


def _of_composite(effect: Effect, command: str, place: Place) -> None:
    """ALTER TYPE of a composite type: its attributes are called columns in the tree."""
    effect.hazards.clear()
    if command != "AT_AddColumn":
        effect.hazard("breaks_running_application", dotted(*place), "Code that uses the attribute as it is now fails.")


HANDLERS = {"AlterTableStmt": _alter_table}
