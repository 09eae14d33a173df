# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Keys of age and gpg: ours, a stranger's, and one with a passphrase."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Keys:
    """What one program encrypts and decrypts with. recipient: as encrypt_to takes it; locked: needs a passphrase."""

    program: str
    folder: Path
    recipient: str
    identity: str
    stranger: str
    locked_recipient: str
    locked_identity: str

    def options(self) -> dict[str, object]:
        """Of a backup that is encrypted to us and read back."""
        return {"encrypt_with": self.program, "encrypt_to": [self.recipient], "decrypt_identity": self.identity}


@contextmanager
def keys_of(program: str) -> Iterator[Keys]:
    """Made anew, and gone afterwards. In /tmp: the path of gpg-agent's socket has to be short."""
    folder = Path(tempfile.mkdtemp(prefix="keys-", dir="/tmp"))
    try:
        yield (_age if program == "age" else _gpg)(folder)
    finally:
        for home in folder.glob("gpg-*"):
            _run("gpgconf", f"--homedir={home}", "--kill", "gpg-agent")
        shutil.rmtree(folder)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def _age(folder: Path) -> Keys:
    ours, stranger, locked = folder / "ours", folder / "stranger", folder / "locked"
    _run("age-keygen", "-o", str(ours))
    _run("age-keygen", "-o", str(stranger))
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "a passphrase", "-C", "somebody", "-f", str(locked))
    public = locked.with_suffix(".pub").read_text().strip()
    return Keys(
        "age", folder, _run("age-keygen", "-y", str(ours)).strip(), str(ours), str(stranger), public, str(locked)
    )


def _gpg(folder: Path) -> Keys:
    recipients = {}
    for name in ("ours", "stranger", "locked"):
        home = folder / f"gpg-{name}"
        home.mkdir(mode=0o700)
        (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # it measures for seconds what would be safe
        passphrase = "a passphrase" if name == "locked" else ""
        gpg = ["gpg", f"--homedir={home}", "--batch", "--quiet"]
        make = ["--pinentry-mode=loopback", f"--passphrase={passphrase}", "--quick-generate-key", f"{name}@example.org"]
        _run(*gpg, *make, "future-default", "default", "never")
        (folder / f"{name}.asc").write_text(_run(*gpg, "--armor", "--export"))
        recipients[name] = str(folder / f"{name}.asc")
        _run("gpgconf", f"--homedir={home}", "--kill", "gpg-agent")  # it would know the passphrase for a while
    homes = {name: str(folder / f"gpg-{name}") for name in recipients}
    return Keys(
        "gpg", folder, recipients["ours"], homes["ours"], homes["stranger"], recipients["locked"], homes["locked"]
    )


def import_key(home: str, path: Path) -> None:
    """Into a home folder of gpg, which does not trust it yet."""
    _run("gpg", f"--homedir={home}", "--batch", "--quiet", "--import", str(path))


def fingerprint(home: str, name: str) -> str:
    """Of a key in a home folder of gpg."""
    listed = _run("gpg", f"--homedir={home}", "--batch", "--with-colons", "--list-keys", name)
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))


def spoiled(program: str, folder: Path, good: int, then: str) -> str:
    """A PATH on which the program works well that many times. then: what is done instead from there on, in the shell;
    $real is the program.
    """
    wrapper, calls = folder / program, folder / "calls"
    wrapper.write_text(
        f'#!/bin/sh\nreal={shutil.which(program)}\n[ "$1" = --version ] && exec $real "$@"\n'
        f'echo >> {calls}\n[ $(wc -l < {calls}) -le {good} ] && exec $real "$@"\n{then}\n'
    )
    wrapper.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
