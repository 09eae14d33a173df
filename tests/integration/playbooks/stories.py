# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The whole story of each operation, through the playbooks: one host for each, so that a run tells them all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from faults.operations import Operation
from integration.ansible_command import ROOT
from integration.cluster import Database
from integration.playbooks.desk import Desk, Run
from integration.playbooks.page import Page

# True in every database of the stories, and about nothing that an operation changes.
ANOTHER = {"id": "another", "columns": [{"table": "Category", "name": "parentId", "nullable": True}]}
_EVERYTHING = (ROOT / "tests/integration/everything.sql").read_text()
_WRITTEN = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"


@dataclass(frozen=True)
class Story:
    """One operation in one sort of database (plain | corpus | …). file: where it is written in SQL."""

    surroundings: str
    operation: Operation
    file: Path | None = None

    @property
    def steady_migration(self) -> dict[str, Any] | str:
        """What the inventory says."""
        return str(self.file) if self.file else self.operation.migration

    @property
    def host(self) -> str:
        """Its name in the inventory."""
        written = "-in-sql" if self.file else ""
        return f"{self.surroundings}-{self.operation.name.replace(' ', '-')}{written}".lower()


@dataclass(frozen=True)
class Standing:
    """What stands in a database: the schema as pg_dump writes it, all that the catalog says, and what was asked for."""

    dump: str
    catalog: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[Any, ...], ...] = ()

    @classmethod
    def of(cls, database: Database, rows: str) -> Standing:
        """Read it. rows: a question for rows, or none."""
        asked = tuple(database.execute(rows)) if rows else ()
        return cls(database.dump(), tuple(database.execute(_EVERYTHING)), asked)


@dataclass
class Chapter:
    """One run for all hosts. wrote: whether the server was given anything to write, or the desk's folder was."""

    run: Run
    wrote: bool
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    standing: dict[str, Standing] = field(default_factory=dict)

    def said_by(self, host: str) -> str:
        """All of the output that is about a host; what stands where a test fails."""
        lines = [line for line in self.run.output.splitlines() if f"[{host}]" in line or line.startswith(f"{host} ")]
        return "\n".join([self.run.said_by(host), *lines, self.run.output[-2000:]])

    def changed(self, host: str) -> int:
        """How many tasks changed something, of a host where none failed."""
        recap = self.run.recap.get(host)
        assert recap is not None, f"{host} is not in the recap\n{self.said_by(host)}"
        assert (recap["failed"], recap["unreachable"], recap["rescued"]) == (0, 0, 0), self.said_by(host)
        return recap["changed"]


@dataclass
class Stories:
    """All stories, told once: the chapters in their order, and what stood in each database before the first."""

    desk: Desk
    stories: Sequence[Story]
    before: dict[str, Standing] = field(default_factory=dict)
    chapters: dict[str, Chapter] = field(default_factory=dict)

    def tell(self) -> None:
        """Run the playbooks. Nothing is judged here."""
        self.before = self._standing()
        for story in self.stories:
            if story.operation.before_each:
                self.desk.databases[story.host].execute(story.operation.before_each)
        self._play("check", "deploy", "--check", "--diff")
        self._play("deploy", "deploy", standing=True)
        self._play("again", "deploy")
        self._play("verify", "verify")
        self._play("verify another", "verify", steady_migration=ANOTHER)
        self._play("monitor", "monitor")
        self._play("rollback check", "rollback", "--check", "--diff")
        self._play("rollback", "rollback", standing=True)
        self._play("verify after", "verify")

    def _standing(self) -> dict[str, Standing]:
        rows = {story.host: story.operation.rows for story in self.stories}
        return {host: Standing.of(database, rows[host]) for host, database in self.desk.databases.items()}

    def _play(self, name: str, playbook: str, *options: str, standing: bool = False, **variables: Any) -> None:
        before = self._mark("--check" in options)
        # One that fails does not keep the others from being told.
        more = {"steady_max_fail_percentage": 100, **variables}
        run = self.desk.play(playbook, "--forks", "4", *options, **more)
        chapter = self.chapters[name] = Chapter(run, before != self._mark("--check" in options))
        for host in self.desk.databases:
            if "--check" not in options:
                with _noted(chapter.wrong.setdefault(host, [])):
                    chapter.results[host] = self.desk.result(host)
                    _read_files(self.desk, host)
        if standing:
            chapter.standing.update(self._standing())

    def _mark(self, files: bool) -> tuple[str, dict[str, str]]:
        database = next(iter(self.desk.databases.values()))
        return database.value(_WRITTEN), self.desk.files() if files else {}


def _read_files(desk: Desk, host: str) -> None:
    """Open all that a run left, as those do for whom it is."""
    folder = desk.latest(host)
    page = Page((folder / "report.html").read_text())
    assert page.faults == []
    assert page.handlers == []
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    assert suite.tag in ("testsuite", "testsuites")
    assert list(suite.iter("testcase")), "junit.xml has no test case"
    status = json.loads((folder / "result.json").read_text())["status"]
    failures = [*suite.iter("failure"), *suite.iter("error")]
    assert bool(failures) == (status == "failed"), f"junit.xml has {len(failures)} failures, the status is {status}"
    assert host in (folder / "report.md").read_text()
    assert host in page.text


@contextmanager
def _noted(wrong: list[str]) -> Iterator[None]:
    """A fault of one host is kept for its test."""
    try:
        yield
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {error}")
