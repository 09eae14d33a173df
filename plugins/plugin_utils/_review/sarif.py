# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A review in SARIF 2.1.0 (OASIS), which code scanning and editors show beside the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from .._sql.values import HAZARDS
from .remarks import RULES, Remark, fingerprints
from .review import accept_in_file

__all__ = ["sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"


def sarif(found: Sequence[Remark], version: str) -> dict[str, Any]:
    """The log of one run. version: of the collection. Accepted hazards need nobody, and are not in it."""
    rules = list(RULES)
    driver = {"name": "steady.postgresql review", "version": version, "rules": [_rule(name) for name in rules]}
    results = [_result(one, rules.index(one.rule), fingerprint) for one, fingerprint in zip(found, fingerprints(found))]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder in which the review was run."}}},
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(name: str) -> dict[str, Any]:
    help_text = RULES[name]
    if name in HAZARDS:
        help_text += f" If it is what you want, write before the statement: {accept_in_file(name)}"
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("_")),
        "shortDescription": {"text": RULES[name]},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": "warning" if name == "not_carried_out" else "error"},
    }


def _result(one: Remark, rule: int, fingerprint: str) -> dict[str, Any]:
    region = {"startLine": max(one.line, 1), "startColumn": max(one.column, 1)}
    return {
        "ruleId": one.rule,
        "ruleIndex": rule,
        "level": one.level,
        "message": {"text": one.message},
        "locations": [{"physicalLocation": {"artifactLocation": _place(one.file), "region": region}}],
        "partialFingerprints": {"steadyRemark/v1": fingerprint},
    }


def _place(file: str) -> dict[str, str]:
    """A URI: relative to the folder of the review, absolute for a file elsewhere."""
    uri = quote(file, safe="/", errors="backslashreplace")
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": _ROOT}
