# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unique indexes and the foreign keys that depend on them: DROP INDEX fails where there is one (2BP01).

PostgreSQL documentation, 5.15 "Dependency Tracking". A key depends on one index for as long as it stands: the oldest
that supports it when it is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..._connection.session import Session
from ..._model.catalog import Catalog, ObjectKey, Table, TableName
from ..._support.sqltext import qualified

__all__ = ["Dependent", "Standing", "dependent_reasons", "has_columns", "read_dependents", "unsupported"]

# A key of a partitioned table has a constraint for each partition, which goes with it: conparentid.
_QUERY = """
SELECT n.nspname::text AS schema, c.relname::text AS name, c.oid, kn.nspname::text AS key_schema,
  kt.relname::text AS key_table, k.conname::text AS key,
  CASE WHEN d.objid IS NOT NULL AND k.oid IS NULL
    THEN pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END AS text
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint o ON o.conindid = c.oid AND o.contype IN ('p', 'u', 'x')
LEFT JOIN pg_catalog.pg_depend d ON d.deptype = 'n'
  AND (d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = c.oid
    OR d.refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND d.refobjid = o.oid)
LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
LEFT JOIN pg_catalog.pg_class kt ON kt.oid = k.conrelid LEFT JOIN pg_catalog.pg_namespace kn ON kn.oid = kt.relnamespace
WHERE i.indrelid = ANY (%s::oid[]) AND i.indisunique AND coalesce(k.conparentid, 0) = 0
ORDER BY kn.nspname, kt.relname, k.conname, d.objid
"""


@dataclass(frozen=True)
class Dependent:
    """A foreign key by its table and name; anything else by its text, as PostgreSQL describes it."""

    table: TableName
    name: str
    text: Optional[str] = None


@dataclass(frozen=True)
class Standing:
    """A unique index that stands there. oid: the smaller, the older."""

    oid: int
    dependents: Tuple[Dependent, ...] = ()


def read_dependents(session: Session, tables: Mapping[TableName, Table]) -> Dict[TableName, Standing]:
    """The unique indexes of the tables, by schema and name, with what depends on each. Raises psycopg2.Error."""
    if not tables:
        return {}
    found: Dict[TableName, Standing] = {}
    for row in session.rows(_QUERY, ([table.oid for table in tables.values()],)):
        place = (row["schema"], row["name"])
        before = found.get(place, Standing(row["oid"]))
        more: Tuple[Dependent, ...] = ()
        if row["key"] is not None:
            more = (Dependent((row["key_schema"], row["key_table"]), row["key"]),)
        elif row["text"] is not None:
            more = (Dependent(place, "", row["text"]),)
        found[place] = Standing(before.oid, before.dependents + more)
    return found


def has_columns(names: Sequence[Optional[str]], columns: Sequence[str]) -> bool:
    """Whether the columns of an index are just those that a key refers to, in any order."""
    return len(names) == len(columns) and set(names) == set(columns)


def unsupported(image: Mapping[str, Any]) -> Optional[str]:
    """Why no key can depend on a unique index, whatever its columns (CREATE TABLE, "REFERENCES"); None: one can."""
    if not image["valid"]:
        return f'the unique index "{image["name"]}" is invalid: a build of it failed; build it again, or drop it'
    if image["method"] != "btree":
        return f'the constraint "{image["name"]}" is temporal (WITHOUT OVERLAPS)'
    if image["predicate"] is not None:
        return f'the unique index "{image["name"]}" is partial: it does not cover every row'
    if not image.get("immediate", True):
        return f'the unique constraint "{image["name"]}" is deferrable'
    return None


def _supports(image: Mapping[str, Any], columns: Sequence[str]) -> bool:
    names = [column["name"] for column in image["columns"]]
    return bool(image["unique"]) and has_columns(names, columns) and unsupported(image) is None


def dependent_reasons(
    target: Any, found: Mapping[str, Any], catalog: Catalog, own: Optional[ObjectKey] = None
) -> List[str]:
    """Why an index that stands there, or one that is attached to it, cannot be dropped at its turn in this run.

    own: of a target that is no index, but whose index it is.
    """
    own = own or ("index", target.table_name, target.name)
    reasons = []
    for image in (found, *found.get("partitions", ())):
        standing = catalog.unique_indexes.get((image["schema"], image["name"]))
        for one in standing.dependents if standing is not None else ():
            if one.text is not None:
                reasons.append(f"{one.text} depends on it; drop or change that first")
            elif not catalog.goes_before(("foreign_key", one.table, one.name), own):
                reasons.append(_key_depends(one.table, one.name))
    if not target.present:
        reasons += [
            _key_depends(table, name) + ", which this migration adds before"
            for table, name in _keys_to_come(target, found, catalog, own)
        ]
    return reasons


def _keys_to_come(
    target: Any, found: Mapping[str, Any], catalog: Catalog, own: ObjectKey
) -> List[Tuple[TableName, str]]:
    """The keys that this run adds before the index is dropped, and that would depend on it."""
    ages = catalog.unique_indexes
    place = (found["schema"], found["name"])
    result = []
    for kind, table, name in catalog.targets:
        if (kind, table, name) == own:
            break
        wanted = catalog.targets[(kind, table, name)].specification if kind == "foreign_key" else None
        if wanted is None or (wanted.referenced_schema, wanted.referenced_table) != target.table_name:
            continue
        if catalog.find("foreign_key", table, name) is not None:
            continue
        columns = wanted.referenced_columns
        others = [image for image in catalog.objects("index", target.table_name) if _supports(image, columns)]
        places = sorted(((image["schema"], image["name"]) for image in others), key=lambda one: ages[one].oid)
        if places[:1] == [place]:
            result.append((table, name))
    return result


def _key_depends(table: TableName, name: str) -> str:
    return (
        f'the foreign key "{name}" of {qualified(*table)} depends on it; drop that key first, in a migration before '
        "this one, or keep the index as it is"
    )
