# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The expectations of a migration (JMESPath), checked before anything is changed and not after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..module_utils._support import entry as _entry
from ..module_utils._support.plain import kind_of
from ..module_utils._support.problem import Mistake, hint, one_line, quoted

try:
    import jmespath
    from jmespath.functions import Functions
except ImportError:
    # Only whoever evaluates an expectation needs it; without it a mistake comes out there.
    jmespath = None
    Functions = None

__all__ = ["expectation_problems", "judge", "judge_queries", "without_rows"]


def expectation_problems(data: Mapping[str, Any]) -> Iterator[Mistake]:
    """The expectations of ``data`` that are no JMESPath or call a function that JMESPath has not. Paths from the root.

    Nothing when jmespath is not installed.
    """
    if jmespath is None:
        return
    for prefix, holder, key in (
        (("verification",), _entry.mapping(data, "verification"), "queries"),
        ((), data, "probes"),
    ):
        for position, query in _entry.mappings(holder, key):
            expression = _entry.text(query, "expect")
            fault = None if expression is None else _fault(expression)
            if fault:
                yield Mistake((*prefix, key, position, "expect"), fault)
            for number, item in _entry.mappings(query, "follow_up"):
                expression = _entry.text(item, "expect")
                fault = None if expression is None else _fault(expression)
                if fault:
                    yield Mistake((*prefix, key, position, "follow_up", number, "expect"), fault)


def _fault(expression: str) -> str | None:
    if not expression.strip():
        return "is empty: here belongs JMESPath"
    try:
        tree = jmespath.compile(expression).parsed
        unknown = next(_unknown_functions(tree), None)
    except RecursionError:
        return "is nested too deeply for JMESPath"
    except ValueError as error:
        # All of jmespath's errors are ValueErrors. Their last lines point into the expression with a caret.
        what = one_line(str(error).split("\n", 1)[0]).rstrip(":").removesuffix(", for expression")
        # The mistake that everybody makes once: JMESPath takes a bare number only as an index.
        return f"{quoted(expression)} is not JMESPath: {what} (a number stands in backquotes there: `0`)"
    if unknown is None:
        return None
    return f"JMESPath has no function {quoted(unknown)}; {hint(unknown, sorted(Functions.FUNCTION_TABLE))}"


def _unknown_functions(tree: Any) -> Iterator[str]:
    if tree["type"] == "function_expression" and tree["value"] not in Functions.FUNCTION_TABLE:
        yield tree["value"]
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from _unknown_functions(child)


def judge_queries(result: dict[str, Any], show_rows: bool = False) -> list[dict[str, Any]]:
    """Turn what a module's queries answered into checks among its others; the checks of all kinds that failed."""
    result["verification"] += [judge(query, show_rows) for query in result.pop("queries", [])]
    return [check for check in result["verification"] if check["status"] == "failed"]


def judge(query: Mapping[str, Any], show_rows: bool = False) -> dict[str, Any]:
    """The verdict on a query's answer: {name, kind, status, detail}. Without an expectation it is only shown.

    show_rows: with the values of its rows; else with their kinds, and with those that only count rows.
    """
    entry = {"name": query["name"], "kind": "query"}
    if query.get("error"):
        return {**entry, "status": "failed", "detail": query["error"]}
    rows, expression = query["rows"], query.get("expect")
    answer = _shown(rows if show_rows else _kinds(rows, query.get("counts") or ()))
    if expression is None:
        return {**entry, "status": "skipped", "detail": f"no expectation; answer: {answer}"}
    if jmespath is None:
        return {
            **entry,
            "status": "failed",
            "detail": "the expectation needs the Python library jmespath on the controller",
        }
    try:
        value = jmespath.search(expression, rows)
    except ValueError as error:  # jmespath's errors, such as a function on a value of the wrong type
        said = one_line(str(error)) if show_rows else "it cannot be evaluated on this answer"
        return {**entry, "status": "failed", "detail": f"{expression}: {said}; answer: {answer}"}
    if value is True:
        return {**entry, "status": "ok", "detail": expression}
    given = repr(value) if show_rows else kind_of(value)
    said = "" if value is False else f" gives {given}, which is not true;"
    return {**entry, "status": "failed", "detail": f"{expression}{said} answer: {answer}"}


def without_rows(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What a probe or its follow-up came to, with the kinds of values in place of the values."""
    shown = dict(outcome)
    if shown.get("rows"):
        shown["rows"] = [{name: kind_of(value) for name, value in row.items()} for row in shown["rows"]]
    if shown.get("follow_up"):
        shown["follow_up"] = [without_rows(answer) for answer in shown["follow_up"]]
    return shown


def _kinds(rows: list[dict[str, Any]] | dict[str, Any], counts: Collection[str]) -> Any:
    """The answer with the kinds of its values, and those that count rows."""
    if isinstance(rows, dict):
        return without_rows(rows)
    return [{name: value if name in counts else kind_of(value) for name, value in row.items()} for row in rows]


def _shown(rows: list[dict[str, Any]] | dict[str, Any]) -> str:
    """The first rows, or a probe's outcome, for a person who looks for the mistake."""
    if isinstance(rows, dict):
        return f"{rows}"
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{rows[:3]}{more}"
