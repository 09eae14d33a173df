# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the measurements share: the server, the databases on it, and how often each thing is measured."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from database import Clinic
from playbook import Run, kill_playbook, run_playbook

from lab.server import Server

SMALL_SCALE = 0.01


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark. `folder` is for its files, and is deleted with them."""

    server: Server
    scale: float
    rounds: int
    folder: Path

    @functools.cached_property
    def clinic(self) -> Clinic:
        """The clinic at the scale that was asked for; loaded when it is first needed, and used by all."""
        return self._load("clinic", self.scale)

    @functools.cached_property
    def small(self) -> Clinic:
        """The clinic at a small scale."""
        return self._load("small", SMALL_SCALE)

    def _load(self, name: str, scale: float) -> Clinic:
        print(f"  loading a clinic at scale {scale:g} …", flush=True)
        started = time.perf_counter()
        clinic = Clinic.load(self.server, name, scale)
        # The first run compiles what Python compiles once and reads what stays in memory from then on.
        self.deploy(clinic, "--check")
        print(f"  loaded in {time.perf_counter() - started:.0f} s", flush=True)
        return clinic

    def each_round(self) -> Iterator[int]:
        """Count the rounds, and say so."""
        for number in range(1, self.rounds + 1):
            print(f"  round {number} of {self.rounds}", flush=True)
            yield number

    def deploy(self, clinic: Clinic, *options: str, variables: Mapping[str, object] | None = None) -> Run:
        """Run deploy.yml as its user does, on one database."""
        return self.play("deploy", clinic, *options, variables=variables)

    def play(self, playbook: str, clinic: Clinic, *options: str, variables: Mapping[str, object] | None = None) -> Run:
        """Run a playbook as its user does, on one database."""
        arguments = ("-i", "inventories/demo", *options)
        return run_playbook(self.server, self.folder, arguments, clinic.url, variables, playbook)

    def kill_deployment(self, clinic: Clinic, when: Callable[[], object]) -> None:
        """Begin a deployment, and end all of its processes with SIGKILL as soon as the condition is true."""
        kill_playbook(self.server, self.folder, ("-i", "inventories/demo"), clinic.url, when)

    def deploy_fresh(self, clinic: Clinic, *, variables: Mapping[str, object] | None = None) -> Run:
        """Deploy to the database as it was before; it is made so first, outside the time that is taken."""
        clinic.make_fresh()
        return self.deploy(clinic, variables=variables).must_change()


def median(values: Sequence[float]) -> float:
    """The median as a float."""
    return float(statistics.median(values))
