# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes, queries and promises in a few lines, for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._evidence_verdicts import times

__all__ = ["evidence_lines"]

_PROMISE_WORDS = {"held": "held", "not_held": "NOT HELD", "not_measured": "not measured"}


def evidence_lines(result: Mapping[str, Any]) -> list[str]:
    """What was broken and works now, what was promised and what was measured. Nothing where nothing was tried."""
    # What was measured before alone says nothing to the person at the terminal.
    measured = any(sample["after"] for query in result["queries"] for sample in query["samples"])
    return [
        *(_probes(result["probes"]) if any(probe["status"] != "skipped" for probe in result["probes"]) else []),
        *(_queries(result["queries"]) if measured else []),
        *_promises(result["promises"]),
    ]


def _probes(probes: list[Mapping[str, Any]]) -> list[str]:
    ok = sum(1 for probe in probes if probe["status"] == "ok")
    return [
        f"  probes, each tried and rolled back: {ok} of {len(probes)} ok",
        *(f"    {_status(probe)}: {probe['name']}: {probe['detail']}" for probe in probes),
    ]


def _status(probe: Mapping[str, Any]) -> str:
    if probe["status"] != "failed":
        return str(probe["status"])
    return "FAILED" if probe["on_failure"] == "fail" else "does not work"


def _queries(queries: list[Mapping[str, Any]]) -> list[str]:
    return ["  queries, promised and measured:", *(f"    {_query(query)}" for query in queries)]


def _query(query: Mapping[str, Any]) -> str:
    promised = f"promised {query['promise']}, " if query["promise"] else ""
    status = {"failed": "FAILED: ", "warning": "warning: ", "inconclusive": "inconclusive: "}.get(query["status"], "")
    if query["speedup"] is None:
        return f"{status}{query['name']}: {promised}{query['detail']}"
    measured = f"measured {times(query['speedup'], query['at_least'])} ({_slowest(query['samples'])})"
    text = f"{status}{query['name']}: {promised}{measured}"
    return "; ".join([text, *query.get("missed", ())])


def _slowest(samples: list[Mapping[str, Any]]) -> str:
    """The slowest sample: of the others the report tells."""
    both = [sample for sample in samples if sample["before"] and sample["after"]]
    slowest = max(both, key=lambda sample: sample["before"]["median_ms"])
    before, after = slowest["before"], slowest["after"]
    parts = [f"{before['median_ms']:.2f} → {after['median_ms']:.2f} ms"]
    if not before["timed_out"]:
        # Times are those of a busy moment; how much had to be looked at is the same at all times.
        parts.append(f"{_blocks(before):,} → {_blocks(after):,} blocks")
    return ", ".join([*parts, *([after["index"] or after["node"]] if after["node"] else [])])


def _blocks(figures: Mapping[str, Any]) -> int:
    return int(figures["buffers_hit"] + figures["buffers_read"])


def _promises(promises: list[Mapping[str, Any]]) -> list[str]:
    if not promises:
        return []
    # Those of queries stand beside their figures already.
    others = [promise for promise in promises if promise["source"] is not None]
    counts = [
        f"{number} {word}"
        for status, word in (("held", "held"), ("not_held", "not held"), ("not_measured", "not measured"))
        if (number := sum(1 for promise in promises if promise["status"] == status))
    ]
    return [
        f"  promises: {', '.join(counts)}",
        *(f"    {_PROMISE_WORDS[promise['status']]}: {promise['claim']}: {promise['measured']}" for promise in others),
    ]
