# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A run of a playbook, as its user types it, and what it said."""

from __future__ import annotations

import datetime
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.processes import kill_all
from lab.server import Server
from lab.sessions import wait_until

ROOT = Path(__file__).resolve().parents[1]
LONGEST_SECONDS = 1800


@dataclass(frozen=True)
class Run:
    """One run that succeeded.

    started, ended  as `time.time()` gives them
    seconds         how long it took
    cpu_seconds     what Ansible and the modules used of the processors, which other work on the machine hardly alters
    changed         the number of changed tasks by host, as the recap has it
    """

    started: float
    ended: float
    seconds: float
    cpu_seconds: float
    changed: Mapping[str, int]
    artifacts: Path

    def must_change(self) -> Run:
        """This run; raises when it changed nothing on some host: then it was no deployment."""
        if idle := [host for host, count in self.changed.items() if not count]:
            raise LabError(f"there was nothing to do on {', '.join(idle)}")
        return self

    def must_not_change(self) -> Run:
        """This run; raises when it changed something: then there was something to do."""
        if busy := [host for host, count in self.changed.items() if count]:
            raise LabError(f"there was something to do on {', '.join(busy)}")
        return self

    def result(self) -> dict[str, Any]:
        """Its result.json; for a run on one host."""
        (path,) = self.artifacts.glob("*/latest/result.json")
        return dict(json.loads(path.read_text()))

    def step_seconds(self) -> float:
        """From the begin of its first step to the end of its last one."""
        spans = [(_epoch(step["started_at"]), step["duration_ms"] / 1000) for step in self.steps()]
        return max(began + seconds for began, seconds in spans) - min(began for began, _seconds in spans)

    def steps(self) -> list[dict[str, Any]]:
        """What was done and how long it took; for a run on one host."""
        return [
            {key: step.get(key) for key in ("object", "started_at", "duration_ms", "attempts", "lock_wait_ms")}
            for step in self.result()["steps"]
        ]


def run_playbook(
    server: Server,
    folder: Path,
    arguments: Sequence[str],
    url: str | None = None,
    variables: Mapping[str, object] | None = None,
    playbook: str = "deploy",
) -> Run:
    """Run it; raises LabError when it fails."""
    command, environment, artifacts = _prepared(server, folder, arguments, url, variables, playbook)
    started, clock, cpu = time.time(), time.perf_counter(), _cpu_of_children()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    seconds, cpu_seconds, ended = time.perf_counter() - clock, _cpu_of_children() - cpu, time.time()
    if done.returncode != 0:
        raise LabError(f"{playbook}.yml failed with status {done.returncode}:\n{done.stdout}")
    changed = {host: int(count) for host, count in re.findall(r"^(\S+)\s+: ok=.* changed=(\d+)", done.stdout, re.M)}
    if not changed:
        raise LabError(f"{playbook}.yml ran on no host:\n{done.stdout}")
    return Run(started, ended, seconds, cpu_seconds, changed, artifacts)


def kill_playbook(server: Server, folder: Path, arguments: Sequence[str], url: str, when: Callable[[], object]) -> None:
    """Run a deployment, and end it and all that it has started with SIGKILL as soon as the condition is true."""
    command, environment, _artifacts = _prepared(server, folder, arguments, url, None, "deploy")
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=nothing, stdout=nothing, stderr=nothing)
    try:
        wait_until(when, 60)
    finally:
        kill_all(process)


def _prepared(
    server: Server,
    folder: Path,
    arguments: Sequence[str],
    url: str | None,
    variables: Mapping[str, object] | None,
    playbook: str,
) -> tuple[list[str], dict[str, str], Path]:
    """The command, its environment, and where it writes."""
    # Beside the interpreter, not through its links: in a virtual environment these lead out of it.
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise LabError(f"{program} is not there: make bench sets up what it needs")
    artifacts = Path(tempfile.mkdtemp(prefix="artifacts-", dir=folder))
    # The backup is measured by itself: what stands beside a deployment here takes none either.
    without = {"steady_backup_elsewhere": "not part of this measurement"} if playbook == "deploy" else {}
    extra = json.dumps({"steady_artifacts_dir": str(artifacts), **without, **(variables or {})})
    command = [str(program), f"playbooks/{playbook}.yml", *arguments, "--extra-vars", extra]
    return command, _environment(program.parent, server, url), artifacts


def _epoch(text: str) -> float:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _environment(programs: Path, server: Server, url: str | None) -> dict[str, str]:
    """This one, without what would change how Ansible or libpq behave."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PG", "STEADY_"))}
    search = [str(programs), str(server.installation.bin_dir), kept.get("PATH", "")]
    own = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "PATH": os.pathsep.join(search)}
    kept.pop("DATABASE_URL", None)
    return {**kept, **own, **({} if url is None else {"DATABASE_URL": url})}
