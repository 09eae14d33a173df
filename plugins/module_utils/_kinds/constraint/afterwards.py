# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalog says once a constraint is added or gone, for the planners of what comes later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping

from ..._model.catalog import Catalog
from ..._support.sqltext import compose, identifiers
from .target import KIND, DesiredConstraint

__all__ = ["after"]


def after(target: DesiredConstraint, catalog: Catalog) -> Catalog:
    """The catalog with the constraint as it shall be, its index, and the columns of a primary key."""
    table = target.table_name
    found = catalog.find(KIND, table, target.name)
    own = [one for one in catalog.objects(KIND, table) if one["name"] != target.name]
    indexes = [one for one in catalog.objects("index", table) if one["constraint"] != target.name]
    if target.present:
        own.append(_image(target))
    if target.has_index:
        indexes.append(_index(target))
    images = {
        **catalog.images,
        KIND: {**catalog.images.get(KIND, {}), table: own},
        "index": {**catalog.images.get("index", {}), table: indexes},
    }
    catalog = replace(catalog, images=images)
    if found is not None and found["type"] == "p":
        catalog = _keyed(catalog, target, found["columns"], False)
    if target.present and target.wanted.type == "p":
        catalog = _keyed(catalog, target, target.wanted.columns, True)
    return catalog


def _keyed(catalog: Catalog, target: DesiredConstraint, names: Any, keyed: bool) -> Catalog:
    """Its columns are of the primary key or are not; what was NOT NULL because of it stays so."""
    table = catalog.tables[target.table_name]
    columns = dict(table.columns)
    for name in names:
        if name in columns:
            columns[name] = replace(columns[name], primary_key=keyed, not_null=keyed or columns[name].not_null)
    return replace(catalog, tables={**catalog.tables, target.table_name: replace(table, columns=columns)})


def _image(target: DesiredConstraint) -> Dict[str, Any]:
    wanted = target.wanted
    return {
        "schema": target.schema,
        "table": target.table,
        "name": target.name,
        "type": wanted.type,
        "columns": list(wanted.columns),
        "include": list(wanted.include),
        "check": wanted.check,
        "nulls_not_distinct": wanted.nulls_not_distinct,
        "deferrable": wanted.deferrable,
        "initially_deferred": wanted.initially_deferred,
        "no_inherit": wanted.no_inherit,
        "options": dict(wanted.storage_parameters),
        "tablespace": wanted.tablespace,
        "validated": target.validated,
        "enforced": target.enforced,
        "period": False,
        "inherited": False,
        "clustered": target.clustered,
        "replica_identity": False,
        "comment": wanted.comment,
        "definition": "",
    }


def _index(target: DesiredConstraint) -> Mapping[str, Any]:
    """Its index, as far as planners ask for it: with the operator classes and collations of its columns."""
    wanted = target.wanted
    keys: List[Dict[str, Any]] = [
        {
            "name": name,
            "expression": None,
            "descending": False,
            "nulls_first": False,
            "opclass": None,
            "opclass_schema": None,
            "opclass_default": True,
            "collation": None,
            "collation_schema": None,
            "own_collation": True,
            "parameters": {},
        }
        for name in wanted.columns
    ]
    return {
        "schema": target.schema,
        "table": target.table,
        "name": target.name,
        "unique": True,
        "immediate": not wanted.deferrable,
        "valid": True,
        "method": "btree",
        "columns": keys,
        "include": list(wanted.include),
        "predicate": None,
        "nulls_not_distinct": wanted.nulls_not_distinct,
        "options": dict(wanted.storage_parameters),
        "tablespace": wanted.tablespace,
        "comment": None,
        "statistics": {},
        "clustered": target.clustered,
        "replica_identity": False,
        "constraint": target.name,
        "is_partition": False,
        "parent": None,
        "using": compose(" USING btree ({columns})", columns=identifiers(wanted.columns)),
        "builder": None,
    }
