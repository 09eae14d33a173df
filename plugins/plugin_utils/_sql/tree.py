# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking through pglast's trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["calls", "constant", "is_constant", "is_on", "kind_of_node", "walk"]

_NAMES = re.compile(r"\w+")
#: Functions of the server that read nothing, lock nothing and change nothing outside of their result.
_HARMLESS = frozenset(
    _NAMES.findall("""
    abs age array_agg array_length array_to_string avg bool_and bool_or btrim cardinality ceil char_length
    clock_timestamp coalesce concat concat_ws convert_to count current_database current_schema current_schemas
    current_setting current_user date date_part date_trunc decode dense_rank encode every extract first_value floor
    format format_type gen_random_uuid generate_series generate_subscripts greatest initcap json_agg
    json_build_array json_build_object json_object_agg jsonb_agg jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_object_agg
    jsonb_object_keys jsonb_set jsonb_strip_nulls jsonb_typeof lag last_value lead least left length localtimestamp
    lower lpad ltrim make_date make_interval max md5 min mod now nullif obj_description octet_length
    pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_viewdef pg_size_pretty pg_table_is_visible
    pg_total_relation_size pg_typeof position power quote_ident quote_literal quote_nullable random rank
    regexp_match regexp_matches regexp_replace replace right round row_number row_to_json rpad rtrim sha256 sign
    split_part statement_timestamp string_agg strpos substr substring sum timezone to_char to_date to_json to_jsonb
    to_regclass to_regtype to_timestamp transaction_timestamp translate trim unnest upper version
    """)
)


def walk(node: Any) -> Iterator[Any]:
    """The node and all nodes below it."""
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, tuple):
            stack.extend(one)
        elif hasattr(one, "__slots__") and not isinstance(one, (str, int, float)):
            # An iteration over a node gives the names of its fields.
            yield one
            stack.extend(value for value in (getattr(one, name) for name in one) if value is not None)


def kind_of_node(node: Any) -> str:
    """The name of its class, which is PostgreSQL's: IndexStmt."""
    return type(node).__name__


def calls(node: Any) -> list[str]:
    """The functions called in a tree that are not known to be harmless."""
    unknown = []
    for one in walk(node):
        if kind_of_node(one) == "FuncCall":
            names = [part.sval for part in one.funcname]
            if len(names) > 2 or (len(names) == 2 and names[0] != "pg_catalog") or names[-1] not in _HARMLESS:
                unknown.append(".".join(names))
    return list(dict.fromkeys(unknown))


def constant(node: Any) -> str | None:
    """The text of a constant; None for anything else."""
    if kind_of_node(node) == "TypeCast":
        return constant(node.arg)
    if kind_of_node(node) != "A_Const" or node.isnull:
        return None
    value = node.val
    for name in ("sval", "fval", "boolval", "ival"):
        if hasattr(value, name):
            return str(getattr(value, name))
    return None


def is_on(argument: Any) -> bool:
    """Whether an option such as EXPLAIN's ANALYZE is on: without a value it is (defGetBoolean in define.c)."""
    if argument is None:
        return True
    value = str(getattr(argument, "ival", getattr(argument, "boolval", getattr(argument, "sval", "true"))))
    return value.lower() not in ("0", "false", "off")


#: What is the same for all rows of one statement, so that ADD COLUMN writes it once: ALTER TABLE, Notes.
_STABLE = frozenset(
    _NAMES.findall("""
    now transaction_timestamp statement_timestamp current_setting current_database current_schema timezone date_trunc
    to_timestamp to_date make_date make_interval jsonb_build_object json_build_object jsonb_build_array concat lower
    upper decode date array_fill make_timestamptz to_tsvector timezone to_jsonb
    """)
)


def is_constant(node: Any) -> bool:
    """Whether a default is one value for all rows: constants, and functions that are known not to be volatile."""
    for one in walk(node):
        if kind_of_node(one) == "FuncCall":
            names = [part.sval for part in one.funcname]
            if names[-1] not in _STABLE or (len(names) > 1 and names[0] != "pg_catalog"):
                return False
    return True
