# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""How far a deployment is, in ansible-playbook's own output: on a terminal by itself, elsewhere when asked."""

from __future__ import annotations

import os
import pty
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen

import pytest

from integration.ansible_command import BIN, ROOT, environment
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk
from integration.sessions import OLD_SNAPSHOT, held

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SECONDS = 60.0
MIGRATION = """\
id: progress
indexes:
  - {table: Customer, columns: [tenantId, createdAt]}
  - {table: Appointment, columns: [tenantId, status]}
"""


@contextmanager
def playing(desk: Desk, playbook: str, output: int, **variables: str) -> Iterator[Popen[bytes]]:
    """A playbook that runs beside the block."""
    command = [str(BIN / "ansible-playbook"), "-i", str(desk.folder / "hosts.json")]
    command.append(str(ROOT / "playbooks" / f"{playbook}.yml"))
    for name, value in variables.items():
        command += ["-e", f"{name}={value}"]
    process = Popen(
        command,
        cwd=desk.folder,
        env=environment(PWD=str(desk.folder), COLUMNS="400"),
        stdin=DEVNULL,
        stdout=output,
        stderr=STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run(desk: Desk, playbook: str, on_a_terminal: bool, told: threading.Event, **variables: str) -> str:
    """The output of a playbook whose builds and drops wait for another session's transaction until somebody was told.

    told: is set when the output says for whom it waits.
    """
    (database,) = desk.databases.values()
    parts: list[bytes] = []
    statements = (*OLD_SNAPSHOT, 'SELECT 1 FROM "Customer", "Appointment" LIMIT 1')
    ours, theirs = pty.openpty() if on_a_terminal else os.pipe()

    def read() -> None:
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
                if b"waits for pid" in b"".join(parts):
                    told.set()
        except OSError:  # the terminal's other end is closed
            pass

    with (
        held(database, *statements, application_name="report") as holder,
        playing(desk, playbook, theirs, steady_backup_elsewhere="'the lab takes no backup'", **variables) as process,
    ):
        os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        told.wait(SECONDS)
        holder.release()
        assert process.wait(SECONDS) == 0, b"".join(parts)
        reader.join()
    os.close(ours)
    return re.sub(r"\x1b\[[\d;]*m|\r", "", b"".join(parts).decode())


def said(output: str, host: str) -> list[str]:
    """The lines of progress."""
    return re.findall(rf"^{host}: ((?:create|drop) index .*)$", output, re.MULTILINE)


@pytest.fixture
def migration(tmp_path: Path) -> str:
    path = tmp_path / "progress.yml"
    path.write_text(MIGRATION)
    return str(path)


def test_a_terminal_is_told_and_a_pipe_is_not(new_desk: NewDesk, migration: str) -> None:
    """At the same time, each on a database of its own."""
    terminal, piped = new_desk("terminal"), new_desk("piped")
    outputs: dict[str, str] = {}
    told = threading.Event()

    def play(desk: Desk, name: str, on_a_terminal: bool) -> None:
        desk.inventory(steady_migration=migration)
        outputs[name] = run(desk, "deploy", on_a_terminal, told)

    threads = [
        threading.Thread(target=play, args=(terminal, "terminal", True)),
        threading.Thread(target=play, args=(piped, "piped", False)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(outputs["piped"], "piped") == []
    assert "2 steps done" in outputs["piped"]
    lines = said(outputs["terminal"], "terminal")
    for index in ("Customer_tenantId_createdAt_idx", "Appointment_tenantId_status_idx"):
        own = [line for line in lines if index in line]
        assert len(own) >= 2, outputs["terminal"]
        waiting = [line for line in own if "waiting for old snapshots" in line]
        assert waiting, own
        assert re.search(
            r"\d+ s; waits for pid \d+ \(postgres, report, idle in transaction, \d+ s\): SELECT \?", waiting[0]
        )
        assert re.search(rf"{index}: done, \d+ s$", own[-1])


def test_a_rollback_says_it_when_asked(new_desk: NewDesk, migration: str) -> None:
    desk = new_desk("clinic")
    desk.inventory(steady_migration=migration)
    assert desk.play("deploy", steady_backup_elsewhere="the lab takes no backup").status == 0
    told = threading.Event()
    lines = said(run(desk, "rollback", False, told, steady_progress="always"), "clinic")
    assert told.is_set(), "it came only when all was over"
    assert [line for line in lines if line.startswith("drop index") and "waits for pid" in line]
    assert [line for line in lines if re.search(r": done, \d+ s$", line)]
