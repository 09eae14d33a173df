# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The figures: as a table for people, and as a file to compare with later."""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from lab.server import Server

FOLDER = Path(__file__).parent / "results"
BUSY_LOAD = 0.5
HEADER = ("", "measured", "target", "met", "")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    value   what counts, in `unit`; `target` is the most that it may be, None where it is only told
    beside  what a reader wants to see next to it
    rounds  the value of each round, and whatever else of it is worth keeping
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    beside: str = ""
    rounds: Sequence[Mapping[str, Any]] = ()

    @property
    def met(self) -> bool | None:
        """Whether it is within its target; None without one."""
        return None if self.target is None else self.value <= self.target

    def cells(self) -> tuple[str, str, str, str, str]:
        """Its cells in the table."""
        target = "" if self.target is None else f"≤ {self.target:g} {self.unit}"
        met = {None: "", True: "yes", False: "no"}[self.met]
        return self.name, f"{amount(self.value)} {self.unit}", target, met, self.beside


@dataclass(frozen=True)
class Results:
    """Where and when the figures were taken."""

    started: datetime.datetime
    scale: float
    rounds: int
    versions: Mapping[str, str]
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    @classmethod
    def begin(cls, server: Server, scale: float, rounds: int) -> Results:
        """Note what the figures depend on, before anything is measured."""
        versions = {
            "postgresql": str(server.execute("SHOW server_version")[0][0]),
            "ansible-core": metadata.version("ansible-core"),
            "python": platform.python_version(),
            "commit": _commit(),
        }
        return cls(datetime.datetime.now().astimezone(), scale, rounds, versions)

    @property
    def busy(self) -> bool:
        """Whether something else was already using the machine when this began."""
        return self.load_before > BUSY_LOAD

    def about(self) -> str:
        """Where and when, in words."""
        used = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        busy = "\nOther work kept this machine busy: the figures are higher than they would be." if self.busy else ""
        minutes = (datetime.datetime.now().astimezone() - self.started).total_seconds() / 60
        return (
            f"Scale {self.scale:g}, {self.rounds} rounds, {minutes:.1f} minutes; {os.cpu_count()} CPUs, "
            f"load {self.load_before:.1f} before and {os.getloadavg()[0]:.1f} after; {used}{busy}"
        )

    def write(self, figures: Sequence[Figure]) -> Path:
        """Write them to a file named after the time when they were begun."""
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.started:%Y-%m-%dT%H%M%S}.json"
        document = {
            "started": self.started.isoformat(timespec="seconds"),
            "scale": self.scale,
            "rounds": self.rounds,
            "cpus": os.cpu_count(),
            "load_before": self.load_before,
            "load_after": os.getloadavg()[0],
            "versions": self.versions,
            "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
        }
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return path


def table(figures: Sequence[Figure]) -> str:
    """The table."""
    lines = [HEADER, *(figure.cells() for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    right = (False, True, True, False, False)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(line, widths, right)
        ).rstrip()
        for line in lines
    )


def amount(value: float) -> str:
    """A number with as many digits as mean something."""
    return f"{value:.0f}" if abs(value) >= 20 else f"{value:.2f}"


def amounts(values: Sequence[float]) -> str:
    """Several of them."""
    return " ".join(amount(value) for value in values)


def _commit() -> str:
    """The commit of the checkout, with a + where something is not committed; unknown outside of git."""
    command = ["git", "-C", str(FOLDER.parent), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
