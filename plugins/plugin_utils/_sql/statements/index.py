# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE INDEX and DROP INDEX, as entries of `indexes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import naming
from ..effect import Effect
from ..fragments import NotWritable, same, value_of
from ..parsing import Parsed, Token
from ..scene import SqlScene, dotted, strings
from ..tree import kind_of_node
from ..values import Entry

__all__ = ["HANDLERS", "drop_index"]

_ORDERS = {"SORTBY_ASC": "asc", "SORTBY_DESC": "desc"}
_NULLS = {"SORTBY_NULLS_FIRST": "first", "SORTBY_NULLS_LAST": "last"}
_BUILT = "CREATE INDEX CONCURRENTLY: writes continue while the index is built, and a failed build is built again."
_UNIQUE = "Duplicates are looked for before it begins."
_REPLACED = "The new index is built before the old one is dropped, so that there always is one."


def _create(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.relation)
    columns = naming.column_names((*node.indexParams, *(node.indexIncludingParams or ())))
    given = node.idxname
    name = given or scene.chosen(table, naming.joined(columns), "idx")
    place = (table[0], name)
    unique = "unique " if node.unique else ""
    effect = Effect("CREATE INDEX", f"{unique}index {name} on {dotted(*table)}")
    if not given:
        effect.notes.append(f"the index has no name: PostgreSQL calls it {name}, unless another one has that name")
    is_new = scene.is_new("table", table)
    replaced = scene.came_before("dropped", "index", name)
    if not node.concurrent and not is_new:
        effect.instead = _REPLACED if replaced else _BUILT
        effect.instead += f" {_UNIQUE}" if node.unique else ""
    if node.unique and not is_new and not replaced and not _only_new(node, scene, table):
        effect.notes.append(
            f"duplicate keys in {dotted(*table)} are found before anything is changed; afterwards they are refused, in "
            "code that runs now, too"
        )
    scene.make("index", place)
    scene.take(place)
    scene.index_on(place, table)
    try:
        effect.entries = (Entry("indexes", _content(node, name, table[1], scene, replaced), table[0]),)
    except NotWritable as error:
        effect.mend = str(error)
    return effect


def _only_new(node: Any, scene: SqlScene, table: tuple[str | None, str]) -> bool:
    """Whether a key column is one that this file adds: no code that runs now writes it."""
    return any(element.name and scene.is_new("column", table, element.name) for element in node.indexParams)


def _content(node: Any, name: str, table: str, scene: SqlScene, replaced: bool) -> dict[str, Any]:
    if not node.relation.inh:
        raise NotWritable("deploy.yml builds the index of a partitioned table on its partitions, too: remove ONLY")
    # Most indexes have plain columns, and need no second scan.
    needed = node.whereClause is not None or any(element.expr is not None for element in node.indexParams)
    tokens = scene.tokens if needed else []
    content: dict[str, Any] = {"name": name, "table": table}
    content["columns"] = _columns(node.indexParams, scene.code, tokens)
    if node.unique:
        content["unique"] = True
    if node.nulls_not_distinct:
        content["nulls_not_distinct"] = True
    if node.indexIncludingParams:
        content["include"] = [element.name for element in node.indexIncludingParams]
    if node.whereClause is not None:
        content["where"] = _where(node.whereClause, scene.code, tokens)
    if node.accessMethod and node.accessMethod != "btree":
        content["method"] = node.accessMethod
    if node.options:
        content["storage_parameters"] = {option.defname: value_of(option.arg) for option in node.options}
    if node.tableSpace:
        content["tablespace"] = node.tableSpace
    # psql makes an index beside an equal one, and no other of a name that is taken.
    content["on_conflict"] = "replace" if replaced else "refuse"
    content["on_equivalent"] = "create"
    return content


def _columns(elements: Sequence[Any], code: str, tokens: Sequence[Token]) -> list[Any]:
    spans = _element_spans(tokens)
    columns = []
    for number, element in enumerate(elements):
        item: dict[str, Any] = {}
        name = element.name or _only_column(element.expr)
        if name:
            item["name"] = name
        else:
            span = spans[number] if number < len(spans) else []
            item["expression"] = _expression(element.expr, code, span)
        if element.ordering.name in _ORDERS and _ORDERS[element.ordering.name] == "desc":
            item["order"] = "desc"
        if element.nulls_ordering.name in _NULLS:
            item["nulls"] = _NULLS[element.nulls_ordering.name]
        if element.opclass:
            item["opclass"] = _qualified("operator class", element.opclass)
        if element.opclassopts:
            item["opclass_parameters"] = {option.defname: value_of(option.arg) for option in element.opclassopts}
        if element.collation:
            item["collation"] = _qualified("collation", element.collation)
        columns.append(item["name"] if list(item) == ["name"] else item)
    return columns


def _only_column(expression: Any) -> str | None:
    """The column that is all of an expression: CREATE INDEX takes "(a)" for "a" (indexcmds.c, ComputeIndexAttrs)."""
    names = strings(expression.fields) if kind_of_node(expression) == "ColumnRef" else []
    return names[0] if len(names) == 1 else None


def _qualified(what: str, parts: Sequence[Any]) -> str:
    names = strings(parts)
    if any("." in name for name in names):
        raise NotWritable(f"the {what} {'.'.join(names)} has a dot in its name, which deploy.yml cannot tell apart")
    return ".".join(names)


def _element_spans(tokens: Sequence[Token]) -> list[list[Token]]:
    """The tokens of each key column: those in the first parentheses, apart at commas."""
    spans: list[list[Token]] = []
    depth = 0
    for token in tokens:
        closing = token.name == "ASCII_41"
        depth -= closing
        if closing and depth == 0:
            break
        if depth == 1 and token.name == "ASCII_44":
            spans.append([])
        elif depth >= 1:
            spans[-1].append(token)
        elif token.name == "ASCII_40":
            spans.append([])
        depth += token.name == "ASCII_40"
    return spans


def _expression(node: Any, code: str, span: Sequence[Token]) -> str:
    """The text of an expression as the file has it, without the parentheses around it.

    It is what stands in the first parentheses, or all to the end of the first ones for a call of a function; whatever
    does not read back as the same tree is written by pglast instead.
    """
    depth = 0
    for token in span:
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if token.name == "ASCII_41" and depth == 0:
            text = code[span[0].start : token.end]
            if span[0].name == "ASCII_40":
                text = text[1:-1]
            return same(text.strip(), node)
    return same("", node)


def _where(node: Any, code: str, tokens: Sequence[Token]) -> str:
    """It is the last part of the statement."""
    depth = 0
    for token in tokens:
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if token.name == "WHERE" and depth == 0:
            return same(code[token.end :].strip(), node)
    return same("", node)


def drop_index(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    """DROP INDEX, with one or several names."""
    places = [scene.named(one) for one in node.objects]
    effect = Effect("DROP INDEX", f"index {', '.join(dotted(*place) for place in places)}")
    cascade = node.behavior.name == "DROP_CASCADE"
    if not node.concurrent:
        effect.instead = "DROP INDEX CONCURRENTLY: no session waits for a lock behind it."
    entries = []
    for place in places:
        table = scene.table_of(place)
        content = {"name": place[1], "state": "absent"}
        if table is not None:
            content["table"] = table[1]
        entries.append(Entry("indexes", content, place[0]))
        scene.forget("index", place)
        scene.release(place)
        if cascade:
            effect.hazard(
                "breaks_running_application",
                dotted(*place),
                "CASCADE drops what depends on the index, too, such as a foreign key to its columns.",
            )
        elif scene.comes_later("made", "index", place[1]):
            effect.instead = _REPLACED
    effect.entries = tuple(entries)
    if cascade:
        effect.entries = None
        effect.mend = "remove CASCADE, and drop by name what depends on the index"
    return effect


HANDLERS = {"IndexStmt": _create}
