# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as JUnit XML, which every pipeline can show: each check, step, probe and query is a test case."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

__all__ = ["Case", "junit", "suites_xml"]

#: What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BAD = ("failed", "blocker")
_SKIPPED = ("skipped", "planned", "not started", "inconclusive", "refused")


#: name, status, detail, seconds
Case = tuple[str, str, str, float]


def junit(result: Mapping[str, Any]) -> str:
    """The XML, with one suite for each part of the run that has anything in it."""
    title = f"{result['action']} {result['database'] or result['host']}"
    return suites_xml(title, result["host"], dict(_suites(result)))


def suites_xml(title: str, host: str, suites: Mapping[str, Sequence[Case]]) -> str:
    """The XML of suites by their names, each with its cases."""
    root = ElementTree.Element("testsuites", name=_text(title))
    for suite, cases in suites.items():
        node = ElementTree.SubElement(root, "testsuite", name=_text(suite), hostname=_text(host))
        counts = {"tests": 0, "failures": 0, "skipped": 0}
        for name, status, detail, seconds in cases:
            case = ElementTree.SubElement(node, "testcase", classname=_text(f"steady.{suite}"), name=_text(name))
            case.set("time", f"{seconds:.3f}")
            counts["tests"] += 1
            if status in _BAD:
                counts["failures"] += 1
                ElementTree.SubElement(case, "failure", message=_text(detail.split("\n", 1)[0])).text = _text(detail)
            elif status in _SKIPPED:
                counts["skipped"] += 1
                ElementTree.SubElement(case, "skipped", message=_text(f"{status}: {detail}"))
            elif detail:
                ElementTree.SubElement(case, "system-out").text = _text(detail)
        for key, count in counts.items():
            node.set(key, str(count))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suites(result: Mapping[str, Any]) -> Iterator[tuple[str, list[Case]]]:
    """(name of the suite, [(name, status, detail, seconds)])"""
    outcome = [("outcome", result["status"], result["error"] or "", 0.0)]
    backup = result["backup"]
    backups = [("proven backup", backup["status"], backup["detail"], 0.0)] if backup["status"] != "none" else []
    parts = {
        "run": outcome,
        "preflight": [(f["title"], f["status"], "; ".join(f["evidence"]), 0.0) for f in result["preflight"]],
        "backup": backups,
        "steps": [
            (f"{s['action']} {s['kind']} {s['object']}", s["status"], str(s.get("error", "")), s["duration_ms"] / 1000)
            for s in result["steps"]
        ],
        "verification": [(c["name"], c["status"], c["detail"], 0.0) for c in result["verification"]],
        "probes": [(p["name"], p["status"], p["detail"], 0.0) for p in result["probes"]],
        "queries": [(q["name"], q["status"], str(q.get("detail") or ""), 0.0) for q in result["queries"]],
    }
    for name, cases in parts.items():
        if cases:
            yield name, cases


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
