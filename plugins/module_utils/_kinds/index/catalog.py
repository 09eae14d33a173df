# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of indexes: everything that is needed to compare one, to make it again exactly, and to say what it is."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

from ..._connection.session import Session
from ..._model.catalog import Table, TableName

__all__ = ["read"]

# pg_get_indexdef leaves out the schema of what the search_path finds: with pg_catalog alone (_settings) the text is
# whole, and the same in every session. Its first words are CREATE [UNIQUE] INDEX <name> ON; the rest is kept as
# `tail`, and what follows the table as `using`, by which an index of a partition is compared with that of the whole.
_QUERY = """
SELECT i.indrelid, n.nspname AS schema, t.relname AS table_name, c.relname AS name, m.amname AS method,
  i.indisunique AS is_unique, i.indimmediate AS immediate, i.indisvalid AS valid, i.indisready AS ready,
  i.indisclustered AS clustered, i.indisreplident AS replica_identity, i.indisprimary AS primary_key,
  c.relispartition AS is_partition, c.relkind = 'I' AS partitioned,
  (SELECT json_build_object('schema', pn.nspname, 'table', pt.relname, 'name', pc.relname)
    FROM pg_inherits h JOIN pg_class pc ON pc.oid = h.inhparent JOIN pg_index pi ON pi.indexrelid = h.inhparent
    JOIN pg_class pt ON pt.oid = pi.indrelid JOIN pg_namespace pn ON pn.oid = pt.relnamespace
    WHERE h.inhrelid = c.oid) AS parent,
  k.conname AS constraint_name, coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) AS nulls_not_distinct,
  d.definition, format('CREATE %%sINDEX %%I ON ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname)
    AS head,
  format('%%s%%I.%%I', CASE WHEN c.relkind = 'I' THEN 'ONLY ' ELSE '' END, n.nspname, t.relname) AS place,
  pg_get_expr(i.indpred, i.indrelid) AS predicate, obj_description(c.oid, 'pg_class') AS comment,
  ts.spcname AS tablespace, c.reloptions AS options,
  (SELECT json_agg(json_build_object('key', s.number <= i.indnkeyatts, 'text', pg_get_indexdef(c.oid, s.number, false),
      'column', a.attname, 'option', i.indoption[s.number - 1],
      'opclass', o.opcname, 'opclass_schema', os.nspname,
      'collation', l.collname, 'collation_schema', ln.nspname, 'parameters', ia.attoptions) ORDER BY s.number)
    FROM generate_series(1, i.indnatts) AS s(number)
    LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[s.number - 1]
      AND i.indkey[s.number - 1] <> 0
    LEFT JOIN pg_opclass o ON o.oid = i.indclass[s.number - 1]
    LEFT JOIN pg_namespace os ON os.oid = o.opcnamespace
    LEFT JOIN pg_attribute ia ON ia.attrelid = c.oid AND ia.attnum = s.number
    LEFT JOIN pg_collation l ON l.oid = i.indcollation[s.number - 1]
    LEFT JOIN pg_namespace ln ON ln.oid = l.collnamespace) AS columns,
  (SELECT json_object_agg(a.attnum, a.attstattarget) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attstattarget >= 0) AS statistics,
  (SELECT min(p.pid) FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS builder
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_am m ON m.oid = c.relam
CROSS JOIN LATERAL (SELECT pg_get_indexdef(c.oid) AS definition) d
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
WHERE i.indrelid = ANY (%s::oid[])
ORDER BY c.relname
"""


# What pg_get_indexdef() writes behind the text of a key: collation, operator class, its parameters, and the order.
_NAME = r"""(?:"(?:[^"]|"")*"|[^\s"'(),.]+)"""
_BEHIND_KEY = re.compile(
    rf"(?P<collation> COLLATE {_NAME}(?:\.{_NAME})?)?(?P<opclass> (?!DESC|NULLS){_NAME}(?:\.{_NAME})?)?"
    r"(?: \((?:[^()']|'(?:[^']|'')*')*\))?(?: DESC)?(?: NULLS (?:FIRST|LAST))?(?:, |\))"
)


def _written(using: str, texts: Sequence[str]) -> List[Tuple[bool, bool]]:
    """Of each key, whether a COLLATE and whether an operator class is written.

    Written is a collation that is not the key's own, and a class that is not the default one of the key's type: it may
    be that of another type (text_ops of a citext).

    using: the definition from USING on. texts: of the keys, as pg_get_indexdef() gives each.
    """
    place = using.index("(") + 1
    found = []
    for text in texts:
        behind = _BEHIND_KEY.match(using, place + len(text))
        found.append(
            (False, False) if behind is None else (bool(behind.group("collation")), bool(behind.group("opclass")))
        )
        place = behind.end() if behind is not None else place
    return found


def _column(row: Mapping[str, Any], written: Tuple[bool, bool]) -> Dict[str, Any]:
    """One key column. own_collation: whether the collation is that of the column or expression itself. opclass_default:
    whether the operator class is the default of its type.
    """
    collated, classed = written
    option = row["option"] or 0
    return {
        "name": row["column"],
        "expression": None if row["column"] is not None else row["text"],
        "descending": bool(option & 1),
        "nulls_first": bool(option & 2),
        "opclass": row["opclass"],
        "opclass_schema": row["opclass_schema"],
        "opclass_default": not classed,
        "collation": row["collation"],
        "collation_schema": row["collation_schema"],
        "own_collation": not collated,
        "parameters": dict(option.split("=", 1) for option in row["parameters"] or []),
    }


def _image(row: Dict[str, Any]) -> Dict[str, Any]:
    columns: List[Mapping[str, Any]] = row["columns"]
    # Lengths are Python's: a database in SQL_ASCII counts bytes.
    tail: str = row["definition"][len(row["head"]) :]
    using = tail[len(row["place"]) :]
    keys = [column for column in columns if column["key"]]
    written = _written(using, [column["text"] for column in keys])
    return {
        "schema": row["schema"],
        "table": row["table_name"],
        "name": row["name"],
        "tail": tail,
        "unique": row["is_unique"],
        "immediate": row["immediate"],
        "valid": row["valid"] and row["ready"],
        "method": row["method"],
        "columns": [_column(column, what) for column, what in zip(keys, written)],
        "include": [column["column"] for column in columns if not column["key"]],
        "predicate": row["predicate"],
        "nulls_not_distinct": row["nulls_not_distinct"],
        "options": dict(option.split("=", 1) for option in row["options"] or []),
        "tablespace": row["tablespace"],
        "comment": row["comment"],
        "statistics": row["statistics"] or {},
        "clustered": row["clustered"],
        "replica_identity": row["replica_identity"],
        "constraint": row["constraint_name"],
        "is_partition": row["is_partition"],
        "parent": row["parent"],
        "using": using,
        "builder": row["builder"],
    }


def read(session: Session, tables: Mapping[TableName, Table]) -> Mapping[TableName, Sequence[Dict[str, Any]]]:
    """Images of all indexes of the tables, by table. One round trip.

    parent: the index of the partitioned table that it is attached to. An index of a partitioned table has partitions
    too: the images of all that is attached to it, at any depth, so that the whole can be made again.
    """
    by_oid = {table.oid: name for name, table in tables.items()}
    rows = session.rows(_QUERY, (list(by_oid),))
    images: Dict[TableName, List[Dict[str, Any]]] = {}
    attached: Dict[Tuple[str, str], List[Dict[str, Any]]] = {}
    whole: List[Dict[str, Any]] = []
    for row in rows:
        image = _image(row)
        images.setdefault(by_oid[row["indrelid"]], []).append(image)
        if row["partitioned"]:
            whole.append(image)
        if image["parent"] is not None:
            attached.setdefault((image["parent"]["schema"], image["parent"]["name"]), []).append(image)
    for image in whole:
        image["partitions"] = list(_attached(image, attached))
    return images


def _attached(
    image: Mapping[str, Any], attached: Mapping[Tuple[str, str], List[Dict[str, Any]]]
) -> Iterator[Dict[str, Any]]:
    for child in sorted(
        attached.get((image["schema"], image["name"]), ()), key=lambda one: (one["schema"], one["name"])
    ):
        yield {key: value for key, value in child.items() if key != "partitions"}
        yield from _attached(child, attached)
