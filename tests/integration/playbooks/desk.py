# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""An operator's desk: a folder with an inventory, from which Ansible's commands are run as an operator runs them."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from integration.ansible_command import BIN, ROOT, environment
from integration.cluster import Database
from lab.installations import installation

ARTIFACTS = {"result.json", "plan.sql", "report.html", "report.md", "junit.xml"}
MIGRATION = "schema_optimizations"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere"  # port 1: refuses at once

_RESULT_SCHEMA = json.loads((ROOT / "docs/result.schema.json").read_text())
# A line of a plan that is neither a remark nor what the lock policy puts around a statement.
_STATEMENT = re.compile(r"^(?!--|BEGIN;|COMMIT;|LOCK TABLE )[A-Z].*;$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What came of one command. output: all that the operator saw, standard error at the end."""

    status: int
    output: str

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The figures of PLAY RECAP by host."""
        _unused, _second, text = self.output.partition("PLAY RECAP")
        lines = re.findall(r"^(\S+) +: (ok=.*)$", text, re.MULTILINE)
        return {
            host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", figures)} for host, figures in lines
        }

    @property
    def statements(self) -> list[str]:
        """The SQL that the output shows as a plan, without what the lock policy puts around it."""
        return _STATEMENT.findall(self.output)

    def has_run(self, task: str) -> bool:
        """Whether a task of that name came to its turn and was not skipped."""
        found = re.search(
            rf"^TASK \[.*{re.escape(task)}\].*\n((?!TASK|PLAY).*\n)*?(ok|changed|fatal): ", self.output, re.M
        )
        return found is not None

    def said_by(self, host: str) -> str:
        """The outcome that the report printed for a host, the last one where there are several."""
        found = re.findall(rf"^ok: \[{re.escape(host)}\] => \n(?:(?:    .*)?\n)*", self.output, re.MULTILINE)
        return found[-1] if found else ""


def statements(plan: str) -> list[str]:
    """The SQL of a plan.sql, without what the lock policy puts around it."""
    return _STATEMENT.findall(plan)


@dataclass
class Desk:
    """The folder in which an operator works. One host of the inventory is one database. of_host: its own variables."""

    folder: Path
    databases: dict[str, Database] = field(default_factory=dict)
    of_host: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def inventory(self, **variables: Any) -> Path:
        """Write the inventory of all databases; the variables are for all of them."""
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "steady_migration": MIGRATION,
            "steady_backup_dir": str(self.folder / "backups"),
            # The newest there is: it backs up every server of the tests.
            "steady_programs_dir": str(installation().bin_dir),
        }
        hosts = {
            host: {"steady_database_url": database.url(), **self.of_host.get(host, {})}
            for host, database in self.databases.items()
        }
        path = self.folder / "hosts.json"
        path.write_text(json.dumps({"all": {"hosts": hosts, "vars": {**common, **variables}}}))
        return path

    def play(self, playbook: str | Path, *options: str, env: dict[str, str] | None = None, **variables: Any) -> Run:
        """Run a playbook of the collection (by its name) or another (by its path), with these extra variables."""
        path = self.folder / "hosts.json"
        if not path.exists():
            self.inventory()
        chosen = playbook if isinstance(playbook, Path) else ROOT / "playbooks" / f"{playbook}.yml"
        extra = ["-e", json.dumps(variables)] if variables else []
        return self.command("ansible-playbook", "-i", str(path), str(chosen), *extra, *options, env=env)

    def command(self, program: str, *arguments: str, env: dict[str, str] | None = None) -> Run:
        """Run one of Ansible's commands in the folder, as a shell would."""
        surroundings = environment(PWD=str(self.folder))
        del surroundings["ANSIBLE_CALLBACK_RESULT_FORMAT"]  # as the checkout's ansible.cfg has it
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=self.folder,
            env={**surroundings, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def timed(self, playbook: str, **variables: Any) -> list[tuple[float, str]]:
        """Run a playbook of the collection on a terminal; each line of its output, with the second in which it came.

        Into a pipe, ansible-core 2.19 writes when it has a good deal together; to a terminal it writes at once.
        """
        if not (self.folder / "hosts.json").exists():
            self.inventory()
        command = [BIN / "ansible-playbook", "-i", self.folder / "hosts.json", ROOT / "playbooks" / f"{playbook}.yml"]
        ours, terminal = pty.openpty()
        process = subprocess.Popen(
            [*command, "-e", json.dumps(variables)],
            cwd=self.folder,
            env=environment(PWD=str(self.folder), ANSIBLE_NOCOLOR="1"),
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        lines = []
        with process, open(ours, encoding="utf-8") as output:
            try:
                for line in output:
                    lines.append((time.monotonic(), line.rstrip()))
            except OSError:
                pass  # EIO: the other side of the terminal is closed
        assert process.returncode == 0, "\n".join(line for _at, line in lines)
        return lines

    # -- what runs leave -------------------------------------------------------------------------------------------

    def runs(self, host: str) -> list[Path]:
        """The folders of a host's runs, oldest first."""
        there = (self.folder / "artifacts" / host).glob("*/result.json")
        found = {path.parent.resolve() for path in there}
        return sorted(found, key=lambda path: (path / "result.json").stat().st_mtime_ns)

    def latest(self, host: str) -> Path:
        """The folder that `latest` points to: of the newest run, complete, and as the schema says."""
        latest = self.folder / "artifacts" / host / "latest"
        assert latest.is_symlink(), f"no report of {host}"
        assert latest.resolve() == self.runs(host)[-1]
        assert {path.name for path in latest.iterdir()} == ARTIFACTS
        return latest.resolve()

    def raw_result(self, host: str) -> dict[str, Any]:
        """result.json of a host's newest run."""
        return json.loads((self.latest(host) / "result.json").read_text())

    def result(self, host: str) -> dict[str, Any]:
        """result.json of a host's newest run, as the schema in docs/ says it is."""
        result = self.raw_result(host)
        check_result(result)
        return result

    def plan(self, host: str) -> str:
        """plan.sql of a host's newest run."""
        return (self.latest(host) / "plan.sql").read_text()

    def files(self) -> dict[str, str]:
        """All files and links of the folder, with what is in them."""
        return {
            str(path.relative_to(self.folder)): str(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_symlink() or path.is_file()
        }

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """Fail when the block wrote anything in the folder."""
        before = self.files()
        yield
        assert self.files() == before


def check_result(result: Any) -> None:
    """Fail where a result is not as docs/result.schema.json says."""
    validator = jsonschema.Draft202012Validator(_RESULT_SCHEMA)
    wrong = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(result)]
    assert wrong == []


@contextmanager
def held_lock(database: Database, table: str = "User") -> Iterator[None]:
    """Someone's transaction that keeps others from changing the definition of a table."""
    connection = database.connect(application_name="nightly export")
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'BEGIN; LOCK TABLE "{table}" IN SHARE MODE')
            yield
    finally:
        connection.close()


# -- what stands in a database: the tests' own questions, which share nothing with the collection ---------------------

NINE_INDEXES = {
    "Appointment_tenantId_status_dateTime_idx": ("Appointment", ["tenantId", "status", "dateTime"]),
    "CashDrawer_tenantId_status_openedAt_idx": ("CashDrawer", ["tenantId", "status", "openedAt"]),
    "InventoryItem_tenantId_status_quantity_idx": ("InventoryItem", ["tenantId", "status", "quantity"]),
    "MedicalHistory_tenantId_visitDate_idx": ("MedicalHistory", ["tenantId", "visitDate"]),
    "Reminder_tenantId_status_dueDate_idx": ("Reminder", ["tenantId", "status", "dueDate"]),
    "Sale_tenantId_status_createdAt_idx": ("Sale", ["tenantId", "status", "createdAt"]),
    "Service_tenantId_isActive_category_idx": ("Service", ["tenantId", "isActive", "category"]),
    "Staff_tenantId_isActive_idx": ("Staff", ["tenantId", "isActive"]),
    "TreatmentSchedule_tenantId_status_scheduledDate_idx": (
        "TreatmentSchedule",
        ["tenantId", "status", "scheduledDate"],
    ),
}
_COMPOSITE_INDEXES = """
    SELECT i.relname, t.relname, array_agg(a.attname::text ORDER BY k.place)
    FROM pg_index AS x
    JOIN pg_class AS i ON i.oid = x.indexrelid
    JOIN pg_class AS t ON t.oid = x.indrelid
    JOIN pg_am AS m ON m.oid = i.relam AND m.amname = 'btree'
    CROSS JOIN LATERAL unnest(x.indkey::int[]) WITH ORDINALITY AS k (number, place)
    JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE t.relnamespace = 'public'::regnamespace AND x.indnatts > 1
      AND x.indisvalid AND x.indisready AND NOT x.indisunique AND x.indpred IS NULL
      AND NOT EXISTS (SELECT FROM unnest(x.indoption::int[]) AS o (bits) WHERE bits <> 0)
    GROUP BY i.relname, t.relname"""
_OPENER = """
    SELECT c.conname, c.confdeltype::text, c.confupdtype::text, c.convalidated, NOT a.attnotnull
    FROM pg_attribute AS a LEFT JOIN pg_constraint AS c
      ON c.contype = 'f' AND c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
    WHERE a.attrelid = '"CashDrawer"'::regclass AND a.attname = 'openedById'"""


def composite_indexes(database: Database) -> dict[str, tuple[str, Sequence[str]]]:
    """Valid plain btree indexes over more than one column: name to table and columns."""
    return {index: (table, columns) for index, table, columns in database.execute(_COMPOSITE_INDEXES)}


def is_migrated(database: Database) -> bool:
    """Whether the whole migration stands there: indexes, the key on delete set null, the column nullable."""
    opener = database.execute(_OPENER)
    return composite_indexes(database) == NINE_INDEXES and opener == [
        ("CashDrawer_openedById_fkey", "n", "c", True, True)
    ]


def is_untouched(database: Database) -> bool:
    """Whether nothing of it stands there, and no journal: nobody was here."""
    opener = database.execute(_OPENER)
    return (
        composite_indexes(database) == {}
        and opener == [("CashDrawer_openedById_fkey", "r", "c", True, False)]
        and not database.journal()
        and database.helpers() == []
    )


def journal(database: Database) -> list[tuple[str, str, str]]:
    """Status of each deployment, and of its attempts in order: status, directions, statuses."""
    return database.execute(
        "SELECT d.status, string_agg(a.direction, ' ' ORDER BY a.number), string_agg(a.status, ' ' ORDER BY a.number)"
        " FROM steady.deployment AS d JOIN steady.attempt AS a ON a.deployment_id = d.id"
        " GROUP BY d.id ORDER BY d.started_at"
    )
