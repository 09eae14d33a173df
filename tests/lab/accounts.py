# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Which user runs the servers, and where on this machine that user may keep files.

PostgreSQL refuses to run as root. Root therefore runs the servers as a system user of their own; anybody else runs
them as themselves.
"""

from __future__ import annotations

import fcntl
import functools
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError

SERVER_USER = "pgserver"


@dataclass(frozen=True)
class Account:
    """The user that owns the server processes and their files."""

    name: str
    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        """Whether this process already runs as that user."""
        return self.uid == os.geteuid()

    def run(
        self, command: Sequence[str | os.PathLike[str]], cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user and return what it printed; does not raise when the command fails."""
        switch: dict[str, Any] = {} if self.is_me else {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **switch
        )

    def can_enter(self, directory: Path) -> bool:
        """Whether this user can reach the directory: tried for real, so that ACLs and mounts count too."""
        try:
            return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory], cwd=Path("/")).returncode == 0
        except OSError:
            return False

    def can_execute(self, program: Path) -> bool:
        """Whether this user can run the program, asked by running it with --version."""
        try:
            return self.run([program, "--version"], cwd=Path("/")).returncode == 0
        except OSError:
            return False

    def own(self, path: Path, mode: int) -> None:
        """Give a file or folder to this user. The mode is set first: it must never be open for a moment."""
        path.chmod(mode)
        if not self.is_me:
            os.chown(path, self.uid, self.gid)


@functools.lru_cache(maxsize=1)
def server_account() -> Account:
    """The user that runs the servers: this one, or for root a system user that is made where it is missing."""
    if os.geteuid() != 0:
        return _account(pwd.getpwuid(os.geteuid()))
    # One after another: of two useradd at the same moment the later writes over what the earlier wrote, and
    # the uid that was read in between is nobody's any more.
    with _alone():
        try:
            return _account(pwd.getpwnam(SERVER_USER))
        except KeyError:
            return _make_server_user()


@contextmanager
def _alone() -> Iterator[None]:
    """No other test process is in here. The lock is on a folder that is never replaced, as /etc/passwd is."""
    folder = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_server_user() -> Account:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    said = "useradd is not installed"
    if useradd:
        command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        command += ["--shell", shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin:/bin") or "/bin/false"]
        done = subprocess.run([*command, SERVER_USER], capture_output=True, text=True, check=False)
        said = done.stderr.strip()
    # Looked up whatever useradd said: somebody else may have made the user a moment ago.
    try:
        return _account(pwd.getpwnam(SERVER_USER))
    except KeyError:
        raise LabError(
            f"PostgreSQL does not run as root, and the user {SERVER_USER} could not be made: {said}. "
            f"Make it by hand, or run this as an ordinary user."
        ) from None


@functools.lru_cache(maxsize=1)
def private_area() -> Path:
    """A folder of this user under the temporary folder, in which the lab keeps all that it makes."""
    account = server_account()
    for parent in dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))):
        if account.can_enter(parent):
            # Root's folder can be passed through by the server's user, but not listed.
            return owned_folder(parent / f"steady-lab-{os.geteuid()}", 0o700 if account.is_me else 0o711)
    raise LabError(f"the user {account.name} can enter no temporary folder: set TMPDIR to one that it can")


def owned_folder(path: Path, mode: int) -> Path:
    """Make a folder of this process's user, or take the one that is there when nobody else can have made it."""
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        pass
    found = path.lstat()
    # In a folder that all may write to, a stranger can be first with the name, or put a link there.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LabError(f"{path} is not a folder of uid {os.geteuid()}: remove it, or set TMPDIR to another folder")
    path.chmod(mode)
    return path
