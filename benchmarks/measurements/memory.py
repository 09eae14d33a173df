# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""How much memory a module's process takes, on a large and on a small database.

The modules run with an interpreter that runs the real one and asks the kernel afterwards what it had at most.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bench import SMALL_SCALE, Bench
from database import Clinic
from results import Figure, amounts

from lab.errors import LabError

TARGET_MB = 80
WATCHER = Path(__file__).parents[1] / "watched_python.py"


def measure(bench: Bench) -> list[Figure]:
    """The largest process of all rounds is what counts."""
    return [_figure(bench, bench.clinic, bench.scale), _figure(bench, bench.small, SMALL_SCALE)]


def _figure(bench: Bench, clinic: Clinic, scale: float) -> Figure:
    rounds: list[dict[str, list[float]]] = []
    for number in bench.each_round():
        log = bench.folder / f"memory-{clinic.name}-{number}"
        bench.deploy_fresh(clinic, variables={"ansible_python_interpreter": str(interpreter(bench.folder, log))})
        rounds.append({"processes_mb": read_log(log)})
    beside = "processes " + "; ".join(amounts(one["processes_mb"]) for one in rounds)
    largest = max(max(one["processes_mb"]) for one in rounds)
    return Figure(f"memory of a module, scale {scale:g}", largest, "MB", TARGET_MB, beside, rounds)


def interpreter(folder: Path, log: Path) -> Path:
    """A program for ansible_python_interpreter, which must be one path."""
    path = folder / f"{log.name}-python"
    # -I and -S: it is to begin at once, and to be smaller than what it watches.
    command = [sys.executable, "-IS", str(WATCHER), str(log), sys.executable]
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o700)
    return path


def read_log(log: Path) -> list[float]:
    """What each process had at most, in MB, in the order in which they ended."""
    try:
        return [int(line) * 1024 / 1e6 for line in log.read_text().split()]
    except FileNotFoundError:
        raise LabError("no module ran with the interpreter that measures memory") from None
