# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts that plans for indexes are made of, whether of one table or of one with partitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterable, List, Mapping, Optional, Tuple

from ..._model.catalog import Catalog, TableName
from ..._model.data_questions import Duplicates, Key, Place
from ..._model.plan import DataCheck, Problem, Unit, autocommit
from ..._support.sqltext import compose, copy_of, identifier, literal, qualified, raw, temporary_name
from .dependents import dependent_reasons
from .target import DesiredIndex, create_statement, keys

__all__ = [
    "KIND",
    "after_build",
    "build_problems",
    "cluster",
    "drops",
    "duplicate_checks",
    "helper_name",
    "other_identity",
    "refusals",
    "rehearsal",
    "rename",
]

KIND = "index"
_CORRUPTING = range(140000, 140004)  # CREATE INDEX CONCURRENTLY may miss rows in 14.0 to 14.3 (release notes of 14.4)
_NULLS_NOT_DISTINCT = 150000


def helper_name(target: DesiredIndex, purpose: str) -> str:
    """The name of a helper of an index. purpose: new | old."""
    return temporary_name(target.name, purpose, target.table_name)


def rename(schema: str, old: str, new: str) -> str:
    """SHARE UPDATE EXCLUSIVE on the index alone."""
    return compose("ALTER INDEX {index} RENAME TO {name}", index=identifier(schema, old), name=identifier(new))


def refusals(
    target: DesiredIndex, found: Mapping[str, Any], verb: str, catalog: Optional[Catalog] = None
) -> List[Problem]:
    """Why an index that stands there is not ours to change. catalog: where the change would drop it."""
    reasons = dependent_reasons(target, found, catalog) if catalog is not None else []
    if found["constraint"] is not None:
        reasons.append(f'it belongs to the constraint "{found["constraint"]}"; {_of_constraint(found, verb)}')
    if found["replica_identity"]:
        reasons.append(f"it is the table's replica identity: logical replication would break; {other_identity(found)}")
    if found["is_partition"]:
        parent = found["parent"]
        whole = f': "{parent["name"]}" of {qualified(parent["schema"], parent["table"])}' if parent else ""
        todo = _reindex(found) if verb == "repaired" else "name that index, on its own table, in the entry"
        reasons.append(f"it is part of an index of a partitioned table{whole}; {todo}")
    return [Problem(f'the index "{target.name}" cannot be {verb}: {reason}') for reason in reasons]


def _of_constraint(found: Mapping[str, Any], verb: str) -> str:
    if verb == "repaired":
        return _reindex(found)
    table = identifier(found["schema"], found["table"])
    drop = compose("ALTER TABLE {t} DROP CONSTRAINT {n}", t=table, n=identifier(found["constraint"]))
    return f"give the entry another name, or take it out; the constraint itself goes with {drop}, in psql"


def _reindex(found: Mapping[str, Any]) -> str:
    index = identifier(found["schema"], found["name"])
    return compose("run REINDEX INDEX CONCURRENTLY {index}, then this again", index=index)


def other_identity(found: Mapping[str, Any]) -> str:
    """What to do about an index that is the replica identity of its table (ALTER TABLE, REPLICA IDENTITY)."""
    table = identifier(found["schema"], found["table"])
    return compose(
        "first ALTER TABLE {table} REPLICA IDENTITY USING INDEX another one, or REPLICA IDENTITY FULL", table=table
    )


def drops(images: Iterable[Mapping[str, Any]]) -> List[Unit]:
    """Each dropped while reads and writes go on."""
    return [
        replace(
            autocommit(
                (image["schema"], image["table"]),
                compose("DROP INDEX CONCURRENTLY {name}", name=identifier(image["schema"], image["name"])),
            ),
            drains=True,
        )
        for image in images
    ]


def after_build(
    target: DesiredIndex,
    comment: Optional[str] = None,
    clustered: bool = False,
    statistics: Optional[Mapping[str, int]] = None,
    analyze: bool = True,
) -> List[str]:
    """What CREATE INDEX cannot say in one statement. SHARE UPDATE EXCLUSIVE at the most."""
    index = identifier(target.schema, target.name)
    statements = []
    if comment is not None:
        statements.append(compose("COMMENT ON INDEX {index} IS {comment}", index=index, comment=literal(comment)))
    for number, goal in sorted((statistics or {}).items(), key=lambda item: int(item[0])):
        statements.append(
            compose(
                "ALTER INDEX {index} ALTER COLUMN {number} SET STATISTICS {goal}",
                index=index,
                number=_number(number),
                goal=_number(goal),
            )
        )
    if clustered:
        statements.append(cluster(target))
    source = target.image["columns"] if target.image is not None else ()
    wanted = target.specification.columns if target.specification is not None else ()
    if not analyze:
        return statements
    if any(c["expression"] is not None for c in source) or any(c.expression is not None for c in wanted):
        # Statistics of an expression exist only after ANALYZE (PostgreSQL documentation, CREATE INDEX, "Notes").
        statements.append(compose("ANALYZE {table}", table=identifier(*target.table_name)))
    return statements


def cluster(target: DesiredIndex) -> str:
    """The mark of the index by which CLUSTER orders the table. SHARE UPDATE EXCLUSIVE on the table."""
    return compose(
        "ALTER TABLE {table} CLUSTER ON {name}", table=identifier(*target.table_name), name=identifier(target.name)
    )


def _number(value: Any) -> Any:
    return raw(str(int(value)))


def rehearsal(target: DesiredIndex) -> Tuple[Tuple[TableName, str], ...]:
    """The same index on an empty temporary copy of the table."""
    if target.specification is None:
        return ()
    statement = create_statement(target, helper_name(target, "new"), on=copy_of(*target.table_name))
    return ((target.table_name, statement),)


def duplicate_checks(target: DesiredIndex, catalog: Catalog, refused: str = "") -> Tuple[DataCheck, ...]:
    """The keys that a unique index would not take, those of all partitions together. refused: what they mean."""
    image, wanted = target.image, target.specification
    unique = image["unique"] if image is not None else wanted is not None and wanted.unique
    if not unique:
        return ()
    same_nulls = image["nulls_not_distinct"] if image is not None else wanted is not None and wanted.nulls_not_distinct
    predicate = image["predicate"] if image is not None else wanted.where if wanted is not None else None
    refused = refused or f'the unique index "{target.name}" cannot be built'
    place = f"{qualified(*target.table_name)}, so {refused}"
    partitioned = catalog.tables[target.table_name].kind == "p"
    return (
        DataCheck(
            target.table_name,
            Duplicates(Place(target.table_name, partitioned), _asked(target, catalog), not same_nulls, predicate),
            f"1 key occurs more than once in {place}",
            f"{{total}} keys occur more than once in {place}",
            "make the keys unique, then run this again",
        ),
    )


def _asked(target: DesiredIndex, catalog: Catalog) -> Tuple[Key, ...]:
    """The keys; of a column that the same run adds the value that all rows will have."""
    asked = keys(target)
    wanted = target.specification.columns if target.specification is not None else ()
    values = [catalog.value_of_new(target.table_name, column.name) for column in wanted]
    return tuple(replace(key, text=value) if value else key for key, value in zip(asked, values or [None] * len(asked)))


def build_problems(target: DesiredIndex, catalog: Catalog) -> List[Problem]:
    """Why this server, or this role, cannot build the index."""
    problems = []
    if catalog.version in _CORRUPTING:
        problems.append(
            Problem(
                "PostgreSQL 14.0 to 14.3 build corrupt indexes concurrently: update the server to 14.4 or newer first"
            )
        )
    places = (target.table_name, *catalog.below(target.table_name))
    for schema in sorted({place[0] for place in places if not catalog.tables[place].may_create_in_schema}):
        grant = compose(
            "GRANT CREATE ON SCHEMA {schema} TO {role}", schema=identifier(schema), role=identifier(catalog.role)
        )
        problems.append(
            Problem(
                f'permission denied: CREATE on schema "{schema}" is missing for role "{catalog.role}"; {grant}',
                permission=True,
            )
        )
    wanted = target.specification
    if wanted is not None and wanted.nulls_not_distinct and catalog.version < _NULLS_NOT_DISTINCT:
        problems.append(Problem(f'"{target.name}": nulls_not_distinct needs PostgreSQL 15 or newer; leave it out'))
    return problems
