# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A deployment that finds nothing to do, on many databases in one run."""

from __future__ import annotations

import json

from bench import Bench, median
from playbook import Run, run_playbook
from results import Figure, amounts

HOSTS = 20
FORKS = 10
TARGET_SECONDS = 1.2


def measure(bench: Bench) -> list[Figure]:
    """The whole command, divided by the number of databases."""
    bench.deploy_fresh(bench.small)
    names = [f"fleet_{number:02}" for number in range(1, HOSTS + 1)]
    try:
        for name in names:
            bench.server.create_database(name, template=bench.small.name)
        bench.server.execute("CHECKPOINT")
        runs = _runs(bench, names)
    finally:
        for name in names:
            bench.server.drop_database(name)
    rounds = [{"seconds_a_host": run.seconds / HOSTS, "cpu_seconds_a_host": run.cpu_seconds / HOSTS} for run in runs]
    seconds, cpu = ([one[key] for one in rounds] for key in ("seconds_a_host", "cpu_seconds_a_host"))
    beside = f"of the CPUs {median(cpu):.2f} s; rounds {amounts(seconds)}; {HOSTS} databases, forks {FORKS}"
    return [Figure("twenty databases, nothing to do", median(seconds), "s a host", TARGET_SECONDS, beside, rounds)]


def _runs(bench: Bench, names: list[str]) -> list[Run]:
    # JSON is YAML, too.
    inventory = bench.folder / "fleet.yml"
    hosts = {name: {"steady_database_url": bench.server.url(name)} for name in names}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "steady_migration": "schema_optimizations",
    }
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}, indent=2))
    arguments = ("-i", str(inventory), "--forks", str(FORKS))
    return [run_playbook(bench.server, bench.folder, arguments).must_not_change() for _unused in bench.each_round()]
