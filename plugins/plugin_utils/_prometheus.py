# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A round of monitoring in Prometheus' text format, for node_exporter's textfile collector."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["metrics", "write_metrics"]

_HELP = {
    "up": ("gauge", "Whether the database answered."),
    "connections": ("gauge", "Client connections to the database."),
    "sessions_noted": ("gauge", "Sessions that are slow, blocked, blocking, or in a long transaction, by reason."),
    "findings": ("gauge", "Findings of the last round, by severity."),
    "invalid_indexes": ("gauge", "Indexes that a failed build left."),
    "cache_hit_ratio": ("gauge", "Share of pages found in shared_buffers since the statistics were reset."),
    "transaction_age": ("gauge", "Age of the oldest transaction id."),
    "replica_lag_seconds": ("gauge", "How far each replica is behind."),
    "index_scans": ("gauge", "Scans of an index since the deployment that made it."),
    "index_bytes": ("gauge", "Size of an index that a deployment made."),
}
_REASONS = ("slow", "blocked", "blocks others", "idle in transaction", "long transaction")


def metrics(host: str, seen: Mapping[str, Any] | None, up: bool) -> str:
    """The text. seen: the last round."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {"up": [({}, float(up))]}
    for name, labels, value in _samples(seen) if seen is not None and up else ():
        samples.setdefault(name, []).append((labels, value))
    lines = []
    for name, values in samples.items():
        kind, text = _HELP[name]
        lines += [f"# HELP steady_{name} {text}", f"# TYPE steady_{name} {kind}"]
        for labels, value in values:
            inside = ",".join(f'{key}="{_label(text)}"' for key, text in {"host": host, **labels}.items())
            lines.append(f"steady_{name}{{{inside}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _samples(seen: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str], float]]:
    activity, health = seen["activity"], seen["health"]
    yield "connections", {}, activity["connections"]
    for reason in _REASONS:
        count = sum(1 for one in activity["sessions"] if reason in one["reasons"])
        yield "sessions_noted", {"reason": reason}, count
    for status in ("critical", "warning"):
        count = sum(1 for one in seen["findings"] if one["status"] == status)
        yield "findings", {"severity": status}, count
    yield "invalid_indexes", {}, len(health["invalid_indexes"])
    if health["database"]["cache_hit"] is not None:
        yield "cache_hit_ratio", {}, health["database"]["cache_hit"]
    yield "transaction_age", {}, health["database"]["transaction_age"]
    for replica in health["replicas"]:
        if replica["lag_s"] is not None:
            yield "replica_lag_seconds", {"replica": str(replica["name"])}, replica["lag_s"]
    for one in seen["usage"]["indexes"]:
        if one["deployment_id"]:
            labels = {"schema": one["schema"], "table": one["table"], "index": one["index"]}
            yield "index_scans", labels, one["scans"]
            yield "index_bytes", labels, one["bytes"]


def _number(value: float) -> str:
    """All digits of it: a counter that is cut off to six stands still while it grows."""
    return repr(float(value)) if value != int(value) else str(int(value))


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def write_metrics(path: Path, host: str, seen: Mapping[str, Any] | None, up: bool) -> None:
    """Write them beside their place, and rename: the collector never reads half of a file. Raises OSError."""
    beside = path.with_name(f".{path.name}-{os.getpid()}")
    beside.write_text(metrics(host, seen, up), encoding="utf-8", errors="backslashreplace")
    beside.replace(path)
