# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which collations and operator classes a migration means by their names: those that its search path finds.

As CREATE INDEX looks for them, with pg_catalog before the path (PostgreSQL documentation, 5.10.5). Both may have dots
in their own names (C.UTF-8); a name that is found so goes before one that is a schema and a name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from ..._connection.search_path import searched_schemas
from ..._connection.session import Session
from ..._model.catalog import Catalog
from ..._model.plan import Problem
from .specification import IndexColumn
from .target import DesiredIndex

__all__ = ["Named", "Sought", "place_problems", "placed", "read_places"]

# (what, access method, name): what is collation | opclass; a collation has no access method.
Sought = Tuple[str, str, str]


@dataclass(frozen=True)
class Named:
    """What has a name. place: its schema and name; None where the path finds none. elsewhere: schemas that have one."""

    place: Optional[Tuple[str, str]] = None
    elsewhere: Tuple[str, ...] = ()


_QUERY = """
WITH sought AS (
  SELECT * FROM unnest(%(whats)s::text[], %(methods)s::text[], %(names)s::text[]) WITH ORDINALITY
    AS s(what, method, name, number)),
there AS (
  SELECT s.number, n.nspname::text AS schema, l.collname::text AS name FROM sought s
  JOIN pg_catalog.pg_collation l ON s.what = 'collation'
    AND l.collencoding IN (-1, pg_catalog.pg_char_to_encoding(pg_catalog.getdatabaseencoding()))
  JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
  WHERE s.name IN (l.collname::text, pg_catalog.format('%%s.%%s', n.nspname, l.collname))
  UNION ALL
  SELECT s.number, n.nspname::text, k.opcname::text FROM sought s
  JOIN pg_catalog.pg_am m ON s.what = 'opclass' AND m.amname = s.method
  JOIN pg_catalog.pg_opclass k ON k.opcmethod = m.oid JOIN pg_catalog.pg_namespace n ON n.oid = k.opcnamespace
  WHERE s.name IN (k.opcname::text, pg_catalog.format('%%s.%%s', n.nspname, k.opcname)))
SELECT s.what, s.method, s.name AS sought, t.schema, t.name,
  CASE WHEN s.name = t.name THEN pg_catalog.array_position(%(path)s::text[], t.schema) ELSE 1000 END AS rank
FROM sought s LEFT JOIN there t ON t.number = s.number
WHERE s.what = 'collation' OR EXISTS (SELECT FROM pg_catalog.pg_am m WHERE m.amname = s.method)
ORDER BY s.number, rank, t.schema
"""


# The class of the type itself, of a type that it is stored like, or of all types of its sort (CREATE OPERATOR CLASS).
_WITHOUT = """
WITH RECURSIVE based AS (
  SELECT n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS name, m.oid AS method,
    m.amname::text AS method_name, t.oid, t.typtype, t.typbasetype, t.typcategory
  FROM unnest(%(schemas)s::text[], %(tables)s::text[], %(names)s::text[], %(methods)s::text[])
    AS w(schema, "table", name, method)
  JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w."table"
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = w.name AND NOT a.attisdropped
  JOIN pg_catalog.pg_am m ON m.amname = w.method JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  UNION ALL
  SELECT b.schema, b."table", b.name, b.method, b.method_name, t.oid, t.typtype, t.typbasetype, t.typcategory
  FROM based b JOIN pg_catalog.pg_type t ON b.typtype = 'd' AND t.oid = b.typbasetype)
SELECT b.schema, b."table", b.name, b.method_name AS method, pg_catalog.format_type(b.oid, NULL) AS type FROM based b
WHERE b.typtype <> 'd' AND NOT EXISTS (SELECT FROM pg_catalog.pg_opclass k
  JOIN pg_catalog.pg_type i ON i.oid = k.opcintype
  WHERE k.opcmethod = b.method AND k.opcdefault AND (k.opcintype = b.oid
    OR EXISTS (SELECT FROM pg_catalog.pg_cast x WHERE x.castsource = b.oid AND x.casttarget = k.opcintype
      AND x.castmethod = 'b')
    OR i.typtype = 'p' AND (i.typname IN ('any', 'anyelement') OR i.typname = 'record' AND b.typtype = 'c'
      OR i.typname = CASE WHEN b.typtype = 'e' THEN 'anyenum' WHEN b.typtype = 'r' THEN 'anyrange'
        WHEN b.typtype = 'm' THEN 'anymultirange' WHEN b.typcategory = 'A' THEN 'anyarray' END)))
"""


def read_places(session: Session, targets: Sequence[DesiredIndex]) -> Dict[Any, Any]:
    """What the specifications name, and by (schema, table, column, access method) the type of a column without class.

    An access method that is not there says nothing of its operator classes. Two round trips, none where nothing is
    named. Raises psycopg2.Error.
    """
    return {**_read_named(session, targets), **_read_without(session, targets)}


def _columns(targets: Iterable[DesiredIndex]) -> List[Tuple[DesiredIndex, IndexColumn]]:
    return [(one, column) for one in targets if one.specification is not None for column in one.specification.columns]


def _read_without(session: Session, targets: Sequence[DesiredIndex]) -> Dict[Tuple[str, str, str, str], str]:
    """Columns whose type has no default operator class for the access method of the index, with the type."""
    sought = {
        (target.schema, target.table, column.name, target.method)
        for target, column in _columns(targets)
        if column.name is not None and column.opclass is None
    }
    if not sought:
        return {}
    schemas, tables, names, methods = zip(*sorted(sought))
    parameters = {"schemas": list(schemas), "tables": list(tables), "names": list(names), "methods": list(methods)}
    return {
        (row["schema"], row["table"], row["name"], row["method"]): row["type"]
        for row in session.rows(_WITHOUT, parameters)
    }


def _read_named(session: Session, targets: Sequence[DesiredIndex]) -> Dict[Sought, Named]:
    sought: Set[Sought] = set()
    for target, column in _columns(targets):
        sought |= set(_sought(column, target.method))
    if not sought:
        return {}
    whats, methods, names = zip(*sorted(sought))
    path = searched_schemas(session.schema)
    parameters = {"whats": list(whats), "methods": list(methods), "names": list(names), "path": path}
    found: Dict[Sought, Named] = {}
    for row in session.rows(_QUERY, parameters):
        key = (row["what"], row["method"], row["sought"])
        before = found.get(key, Named())
        if before.place is None and row["schema"] is not None and row["rank"] is not None:
            before = replace(before, place=(row["schema"], row["name"]))
        elif before.place is None and row["schema"] is not None:
            before = replace(before, elsewhere=(*before.elsewhere, row["schema"]))
        found[key] = before
    return found


def _sought(column: IndexColumn, method: str) -> List[Sought]:
    sought = [("collation", "", column.collation)] if column.collation is not None else []
    return sought + ([("opclass", method, column.opclass)] if column.opclass is not None else [])


def placed(target: DesiredIndex, places: Mapping[Sought, Named]) -> DesiredIndex:
    """The target, with the schemas of the collations and operator classes that it names."""
    wanted = target.specification
    if wanted is None:
        return target
    columns = tuple(_placed(column, target.method, places) for column in wanted.columns)
    return replace(target, specification=replace(wanted, columns=columns))


def _placed(column: IndexColumn, method: str, places: Mapping[Sought, Named]) -> IndexColumn:
    for key in _sought(column, method):
        place = places.get(key, Named()).place
        if place is not None and key[0] == "collation":
            column = replace(column, collation_schema=place[0], collation=place[1])
        elif place is not None:
            column = replace(column, opclass_schema=place[0], opclass=place[1])
    return column


def place_problems(target: DesiredIndex, catalog: Catalog) -> List[Problem]:
    """Collations and operator classes that are not there, or not where they are looked for."""
    problems = []
    for _target, column in _columns([target]):
        lacking = catalog.places.get((target.schema, target.table, column.name, target.method))
        if lacking is not None and column.opclass is None:
            problems.append(
                Problem(
                    f'"{target.name}": the type {lacking} of {column.name} has no default operator class for access '
                    f'method "{target.method}"; name one (opclass), or choose another method'
                )
            )
    for column in target.specification.columns if target.specification is not None else ():
        for what, method, name in _sought(column, target.method):
            schemas = {"collation": column.collation_schema, "opclass": column.opclass_schema}
            named = catalog.places.get((what, method, name))
            if schemas[what] is not None or named is None:
                continue
            title = "collation" if what == "collation" else f"{method} operator class"
            hint = "".join(f'; there is one in schema "{one}": write {one}.{name}' for one in named.elsewhere[:1])
            problems.append(Problem(f'"{target.name}": there is no {title} "{name}" for this database{hint}'))
    return problems
