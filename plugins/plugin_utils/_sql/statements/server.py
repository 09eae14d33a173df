# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything else in PostgreSQL's grammar: schemas, sequences, extensions, maintenance, replication, the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted, strings
from ..tree import kind_of_node
from .column_entry import commented_column

__all__ = ["HANDLERS"]

_Read = Callable[[Any, SqlScene, Parsed], Effect]


def _plain(kind: str, *hazards: tuple[str, str]) -> _Read:
    """A statement whose hazards do not depend on what is in it."""

    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        about = _about(node, scene)
        effect = Effect(kind, f"{kind} {about}".strip())
        for name, message in hazards:
            effect.hazard(name, about or kind, message)
        return effect

    return read


def _about(node: Any, scene: SqlScene) -> str:
    """The name that stands in the statement, wherever its tree has it."""
    relation = getattr(node, "relation", None) or getattr(node, "sequence", None)
    if kind_of_node(relation) == "RangeVar":
        return dotted(*scene.place(relation))
    for attribute in (
        "extname", "schemaname", "subname", "pubname", "dbname", "servername", "fdwname", "tablespacename",
        "conditionname", "amname", "plname", "name", "conversion_name", "opclassname", "opfamilyname", "defnames",
        "dictname", "cfgname", "collname", "remote_schema",
    ):  # fmt: skip
        value = getattr(node, attribute, None)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, tuple) and strings(value):
            return dotted(*scene.named(value))
    return ""


def _comment(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.objtype.name.removeprefix("OBJECT_").lower().replace("_", " ")
    named = node.object
    parts = strings(named) if isinstance(named, tuple) else []
    name = ".".join(parts) or getattr(named, "sval", "") or ".".join(strings(getattr(named, "names", ())))
    effect = Effect("COMMENT ON", f"comment on {what} {name}".strip())
    entry = commented_column(node, scene)
    if entry is not None:
        effect.entries = (entry,)
    return effect


def _schema(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    effect = Effect("CREATE SCHEMA", f"schema {node.schemaname or ''}".strip())
    if node.schemaElts:
        effect.mend = "write the objects of the schema as statements of their own: deploy.yml does not read them here"
    return effect


def _sequence(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.place(node.sequence)
    if kind_of_node(node) == "CreateSeqStmt":
        scene.make("sequence", place)
        scene.take(place)
        return Effect("CREATE SEQUENCE", f"sequence {dotted(*place)}")
    effect = Effect("ALTER SEQUENCE", f"sequence {dotted(*place)}")
    if any(option.defname == "restart" for option in node.options or ()) and not scene.is_new("sequence", place):
        effect.hazard("not_reversible", dotted(*place), "Values that are given after it may be given twice.")
    return effect


def _statistics(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    return Effect(
        "CREATE STATISTICS",
        f"statistics {dotted(*scene.named(node.defnames or ()))}" if node.defnames else "statistics",
    )


def _vacuum(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    kind = "VACUUM" if node.is_vacuumcmd else "ANALYZE"
    tables = [dotted(*scene.place(one.relation)) for one in node.rels or ()]
    shown = ", ".join(tables) or "all tables"
    effect = Effect(kind, f"{kind} of {shown}")
    if any(option.defname == "full" for option in node.options or ()):
        effect.hazard("table_rewrite", shown, "FULL writes the table anew while reads and writes wait.")
    return effect


def _reindex(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    name = dotted(*scene.place(node.relation)) if node.relation is not None else (node.name or "")
    effect = Effect("REINDEX", f"REINDEX {name}".strip())
    if not any(option.defname == "concurrently" for option in node.params or ()):
        effect.hazard(
            "blocks_writes", name or "REINDEX", "Writes wait while the index is built; CONCURRENTLY does not."
        )
    return effect


_ELSEWHERE = ("leaves_database", "It acts outside of this database, where no rollback reaches.")
_SUBSCRIBERS = ("leaves_database", "It connects to another server.")
_UNKNOWN = ("unknown_locks", "What its script does and locks is known only when it runs.")
_KEPT = ("not_reversible", "PostgreSQL has no way back to the version before.")
_REWRITE = ("table_rewrite", "Tables are written anew while reads and writes wait.")
_USED = ("breaks_running_application", "Code that uses it as it is now may fail.")

HANDLERS: dict[str, _Read] = {
    "CommentStmt": _comment,
    "CreateSchemaStmt": _schema,
    "CreateSeqStmt": _sequence,
    "AlterSeqStmt": _sequence,
    "CreateStatsStmt": _statistics,
    "AlterStatsStmt": _plain("ALTER STATISTICS"),
    "VacuumStmt": _vacuum,
    "ReindexStmt": _reindex,
    "ClusterStmt": _plain("CLUSTER", _REWRITE),
    "AlterTableMoveAllStmt": _plain("ALTER ALL IN TABLESPACE", _REWRITE),
    "CreateExtensionStmt": _plain("CREATE EXTENSION"),
    "AlterExtensionStmt": _plain("ALTER EXTENSION UPDATE", _UNKNOWN, _KEPT),
    "AlterExtensionContentsStmt": _plain("ALTER EXTENSION ADD"),
    "CreatePublicationStmt": _plain("CREATE PUBLICATION"),
    "AlterPublicationStmt": _plain(
        "ALTER PUBLICATION", ("published_table", "Subscribers get other tables than before.")
    ),
    "CreateSubscriptionStmt": _plain("CREATE SUBSCRIPTION", _SUBSCRIBERS),
    "AlterSubscriptionStmt": _plain("ALTER SUBSCRIPTION", _SUBSCRIBERS),
    "DropSubscriptionStmt": _plain("DROP SUBSCRIPTION", _SUBSCRIBERS),
    "CreateFdwStmt": _plain("CREATE FOREIGN DATA WRAPPER"),
    "AlterFdwStmt": _plain("ALTER FOREIGN DATA WRAPPER", _USED),
    "CreateForeignServerStmt": _plain("CREATE SERVER"),
    "AlterForeignServerStmt": _plain("ALTER SERVER", _USED),
    "CreateUserMappingStmt": _plain("CREATE USER MAPPING"),
    "AlterUserMappingStmt": _plain("ALTER USER MAPPING", _USED),
    "DropUserMappingStmt": _plain("DROP USER MAPPING", _USED),
    "ImportForeignSchemaStmt": _plain("IMPORT FOREIGN SCHEMA", _SUBSCRIBERS),
    "CreatedbStmt": _plain("CREATE DATABASE", _ELSEWHERE),
    "DropdbStmt": _plain("DROP DATABASE", ("data_loss", "A whole database is deleted."), _ELSEWHERE),
    "AlterDatabaseStmt": _plain("ALTER DATABASE", _ELSEWHERE),
    "AlterDatabaseSetStmt": _plain("ALTER DATABASE SET", _USED),
    "AlterDatabaseRefreshCollStmt": _plain("ALTER DATABASE REFRESH COLLATION VERSION"),
    "AlterSystemStmt": _plain("ALTER SYSTEM", _ELSEWHERE),
    "CreateTableSpaceStmt": _plain("CREATE TABLESPACE", _ELSEWHERE),
    "DropTableSpaceStmt": _plain("DROP TABLESPACE", _ELSEWHERE),
    "AlterTableSpaceOptionsStmt": _plain("ALTER TABLESPACE", _ELSEWHERE),
    "NotifyStmt": _plain("NOTIFY", ("leaves_database", "Sessions that listen act on it.")),
    "LoadStmt": _plain("LOAD", ("unknown_locks", "It loads a library into the server process.")),
    "CreateAmStmt": _plain("CREATE ACCESS METHOD"),
    "CreateCastStmt": _plain("CREATE CAST", _USED),
    "CreateConversionStmt": _plain("CREATE CONVERSION"),
    "CreateOpClassStmt": _plain("CREATE OPERATOR CLASS"),
    "CreateOpFamilyStmt": _plain("CREATE OPERATOR FAMILY"),
    "AlterOpFamilyStmt": _plain("ALTER OPERATOR FAMILY"),
    "AlterOperatorStmt": _plain("ALTER OPERATOR"),
    "CreatePLangStmt": _plain("CREATE LANGUAGE"),
    "CreateTransformStmt": _plain("CREATE TRANSFORM"),
    "DefineStmt": _plain("CREATE"),
    "AlterTSDictionaryStmt": _plain("ALTER TEXT SEARCH DICTIONARY", _USED),
    "AlterTSConfigurationStmt": _plain("ALTER TEXT SEARCH CONFIGURATION", _USED),
    "AlterCollationStmt": _plain("ALTER COLLATION REFRESH VERSION"),
}
