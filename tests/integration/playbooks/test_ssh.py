# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The modules on another machine: over SSH, to an sshd of the test's own that knows nothing of the controller."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.playbooks import progress
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import is_migrated
from integration.sessions import OLD_SNAPSHOT, builders, held, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SECONDS = 20
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
PRIVILEGE_SEPARATION = Path("/run/sshd")  # sshd of root's insists on it; Debian's service makes it when it starts


@dataclass(frozen=True)
class Machine:
    """Where to log in, and with what."""

    port: int
    user: str
    key: Path
    known_hosts: Path

    @property
    def variables(self) -> dict[str, Any]:
        """Of the inventory. No connection is kept open: it would outlive the test."""
        options = f"-F /dev/null -o UserKnownHostsFile={self.known_hosts} -o IdentitiesOnly=yes"
        return {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_args": f"{options} -o ControlMaster=no -o StrictHostKeyChecking=yes",
            "ansible_python_interpreter": sys.executable,
        }


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """An sshd on a free port of the loopback, with keys of its own, for the present user only."""
    if SSHD is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        pytest.skip("there is no sshd here (apt-get install openssh-server)")
    root = os.geteuid() == 0
    made = root and not PRIVILEGE_SEPARATION.exists()
    if made:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755)
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)], check=True
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "authorized_keys").write_text((folder / "user.pub").read_text())
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": "none",
        "StrictModes": "no",  # the folder is a test's, under /tmp
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        # A user without a password counts as locked unless PAM is asked, which only root may do.
        "UsePAM": "yes" if root else "no",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        _wait_until_it_listens(process, port, folder / "log")
        yield Machine(port, pwd.getpwuid(os.geteuid()).pw_name, folder / "user", folder / "known_hosts")
    finally:
        process.terminate()
        process.wait(SECONDS)
        log.close()
        if made:
            PRIVILEGE_SEPARATION.rmdir()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"sshd does not listen: {log.read_text()}")


def test_a_deployment_over_ssh(machine: Machine, new_desk: NewDesk) -> None:
    """The address comes from the controller's environment, the report stays on the controller."""
    desk = new_desk("clinic")
    database = desk.databases["clinic"]
    desk.inventory(**machine.variables)
    environment = {"DATABASE_URL": database.url()}
    with held(database, *OLD_SNAPSHOT, application_name="report") as holder, ThreadPoolExecutor(1) as pool:
        play = pool.submit(
            lambda: desk.play("deploy", env=environment, steady_database_url="", steady_progress="always")
        )
        wait_until(lambda: [row for row in builders(database) if row[2] == "waiting for old snapshots"], 60)
        time.sleep(9.0)  # a line comes every five seconds
        holder.release()
        deploy = play.result()
    assert deploy.status == 0, deploy.output
    lines = re.findall(r"^clinic: (create index .*)$", deploy.output, re.MULTILINE)
    assert [line for line in lines if "waiting for old snapshots" in line and f"waits for pid {holder.pid}" in line]
    assert [line for line in lines if re.search(r": done, \d+ s$", line)]
    assert is_migrated(database)
    result = desk.result("clinic")
    assert (result["status"], len(result["steps"])) == ("succeeded", 11)
    assert database.value("SELECT operator FROM steady.attempt").startswith(machine.user)

    again = desk.play("deploy")
    assert again.status == 0
    assert again.recap["clinic"]["changed"] == 0


def test_a_long_backup_says_over_ssh_how_far_it_is(machine: Machine, new_desk: NewDesk) -> None:
    """Through a connection of its own, beside the one that the module runs in. So does a long restore."""
    desk = new_desk("clinic")
    desk.databases["clinic"].execute(progress.SLOW)
    desk.inventory(**machine.variables)
    assert any("nightly export" in line for line in progress.backup(desk, "clinic"))
    assert any("restoring: " in line for line in progress.restore(desk, "clinic"))
