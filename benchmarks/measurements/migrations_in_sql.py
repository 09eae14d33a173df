# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Migrations in SQL: how long a review, a plan of many pending ones, and small statements take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench import Bench, median
from playbook import Run, run_playbook
from results import Figure, amounts

from measurements.memory import interpreter, read_log

REVIEWED, PENDING, FEW, MANY = 1000, 500, 10, 100
REVIEW_SECONDS, PLAN_SECONDS, PLAN_MB, FEW_SECONDS, STEP_MS = 10, 20, 200, 3, 20
#: What a migration of an application is on average: four to five statements.
FILE = """CREATE TABLE "Thing{0}" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Thing{0}_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "Part{0}" ("id" TEXT NOT NULL, "thingId" TEXT NOT NULL, CONSTRAINT "Part{0}_pkey" PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "Thing{0}_name_key" ON "Thing{0}"("name");
ALTER TABLE "Part{0}" ADD CONSTRAINT "Part{0}_thingId_fkey" FOREIGN KEY ("thingId") REFERENCES "Thing{0}"("id")
  ON DELETE RESTRICT ON UPDATE CASCADE;
COMMENT ON TABLE "Thing{0}" IS 'a thing';
"""


def measure(bench: Bench) -> list[Figure]:
    """Each round with databases of its own: a statement runs once."""
    return [_review(bench), *_plan(bench), *_statements(bench)]


def _review(bench: Bench) -> Figure:
    folder = _folder(bench, "reviewed", REVIEWED)
    runs = [_play(bench, "review", {"steady_migration": str(folder)}) for _unused in bench.each_round()]
    return _seconds(f"review of {REVIEWED} files", runs, REVIEW_SECONDS)


def _plan(bench: Bench) -> list[Figure]:
    folder = _folder(bench, "pending", PENDING)
    runs, largest = [], []
    for number in bench.each_round():
        log = bench.folder / f"memory-of-plan-{number}"
        variables = {
            "steady_migration": str(folder),
            "ansible_python_interpreter": str(interpreter(bench.folder, log)),
        }
        runs.append(_play(bench, "deploy", variables, _database(bench, f"plan_{number}"), "--check"))
        largest.append(max(read_log(log)))
    name = f"plan with {PENDING} pending migrations"
    rounds = [{"mb": one} for one in largest]
    memory = Figure(f"{name}, memory", max(largest), "MB", PLAN_MB, f"rounds {amounts(largest)}", rounds)
    return [_seconds(name, runs, PLAN_SECONDS), memory]


def _statements(bench: Bench) -> list[Figure]:
    runs: dict[int, list[Run]] = {FEW: [], MANY: []}
    for number in bench.each_round():
        for count in runs:
            path = bench.folder / f"statements_{count}.sql"
            lines = ["CREATE SCHEMA s;", *(f"COMMENT ON SCHEMA s IS '{one}';" for one in range(1, count))]
            path.write_text("\n".join(lines) + "\n")
            url = _database(bench, f"statements_{count}_{number}")
            runs[count].append(_play(bench, "deploy", {"steady_migration": str(path)}, url).must_change())
    each = [(many.seconds - few.seconds) / (MANY - FEW) * 1000 for few, many in zip(runs[FEW], runs[MANY], strict=True)]
    step = Figure(
        "… each statement more", median(each), "ms", STEP_MS, f"rounds {amounts(each)}", [{"ms": one} for one in each]
    )
    return [_seconds(f"deploy {FEW} small statements", runs[FEW], FEW_SECONDS), step]


def _seconds(name: str, runs: list[Run], target: float) -> Figure:
    seconds = [run.seconds for run in runs]
    rounds = [{"seconds": run.seconds, "cpu_seconds": run.cpu_seconds} for run in runs]
    beside = f"of the CPUs {median([run.cpu_seconds for run in runs]):.2f} s; rounds {amounts(seconds)}"
    return Figure(name, median(seconds), "s", target, beside, rounds)


def _folder(bench: Bench, name: str, count: int) -> Path:
    folder = bench.folder / name
    folder.mkdir()
    for number in range(1, count + 1):
        (folder / f"{number:04d}_things.sql").write_text(FILE.format(number))
    return folder


def _database(bench: Bench, name: str) -> str:
    bench.server.create_database(name)
    return bench.server.url(name)


def _play(bench: Bench, playbook: str, variables: Mapping[str, object], url: str | None = None, *options: str) -> Run:
    return run_playbook(bench.server, bench.folder, ("-i", "inventories/demo", *options), url, variables, playbook)
