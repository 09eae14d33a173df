# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""age and gpg: how they are called so that they ask nobody, go to no network, and decide nothing by themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import IO, Callable, List, Optional, Sequence

from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..clients.client import Client, Finished, run_program

__all__ = ["Cipher", "find_cipher", "read_recipients", "shown"]

# Only what matches is ever passed on: a secret key that somebody took for a public one reaches no command line.
_AGE_RECIPIENT = re.compile(r"age1[0-9a-z]+|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?")
_FINGERPRINT = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")
_EMAIL = re.compile(r"[^@\s/]+@[^@\s/]+")
_PLACES = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
_PACKAGES = {"age": "age", "gpg": "gnupg (Debian) or gnupg2 (Red Hat)"}
_SECONDS = 10
_SHOWN = 70  # characters: all of age1…, and the beginning of an RSA key


@dataclass(frozen=True)
class Cipher:
    """One of the programs. identity: age's identity file, or gpg's home folder; None: the account's own keyring."""

    program: str
    path: str
    version: str
    identity: Optional[str]

    def encrypt(self, recipients: Sequence[str], source: IO[bytes], consume: Callable[[bytes], None]) -> Finished:
        """Encrypt a file to the recipients; consume gets what comes out. Whatever consume raises is raised."""
        if self.program == "age":
            arguments = ["--encrypt", *(f"--recipient={one}" for one in recipients)]
        else:
            arguments = [*self._gpg(), *_gpg_recipients(recipients), "--encrypt"]
        return self._run(arguments, source, consume)

    def decrypt(self, source: IO[bytes], consume: Callable[[bytes], None]) -> Finished:
        """Decrypt a file. What consume got is nothing unless the program ended well."""
        if self.program == "age":
            arguments = ["--decrypt", *([f"--identity={self.identity}"] if self.identity else [])]
        else:
            # An agent that knows the passphrase gives it; one that does not asks nobody.
            arguments = [*self._gpg(), "--pinentry-mode=error", "--quiet", "--decrypt"]
        return self._run(arguments, source, consume)

    def _gpg(self) -> List[str]:
        """--no-options: a gpg.conf may add recipients. --no-auto-key-locate: of an e-mail address that is not in the
        keyring gpg asks that domain's web server otherwise.
        """
        home = [f"--homedir={self.identity}"] if self.identity else []
        return ["--batch", "--no-tty", "--no-options", *home, "--no-auto-key-locate"]

    def _run(self, arguments: List[str], source: IO[bytes], consume: Callable[[bytes], None]) -> Finished:
        client = Client("", {**os.environ, "LC_ALL": "C"})
        done = run_program([self.path, *arguments], client, consume=consume, source=source, terminal=False)
        lines = [line for line in done.errors.splitlines() if not line.startswith("age: report unexpected")]
        return replace(done, errors="\n".join(lines))


def _gpg_recipients(recipients: Sequence[str]) -> List[str]:
    """A file or a fingerprint says which key is meant. An e-mail address does not: there gpg has to trust the key."""
    arguments = ["--compress-algo=none"]
    if all(not _EMAIL.fullmatch(one) for one in recipients):
        arguments.append("--trust-model=always")
    if all(os.path.isabs(one) for one in recipients):
        arguments.append("--no-keyring")  # an account that never used gpg has none
    return arguments + [f"--recipient{'-file' if os.path.isabs(one) else ''}={one}" for one in recipients]


def shown(recipients: Sequence[str]) -> str:
    """For a message."""
    return ", ".join(one if len(one) <= _SHOWN else f"{one[:_SHOWN]}…" for one in recipients)


def find_cipher(program: str, identity: Optional[str]) -> Cipher:
    """The program on this host. Raises SteadyError when it or the identity is not there.

    A manifest names it, too: nothing but the two that we know is ever run.
    """
    if program not in _PACKAGES:
        raise SteadyError(
            f"{program} is no program that this collection encrypts or decrypts with.",
            "it knows age and gpg",
            "take another backup",
            NOTHING_CHANGED,
        )
    path = shutil.which(program, path=os.environ.get("PATH", "") + os.pathsep + _PLACES)
    if path is None:
        raise SteadyError(
            f"There is no {program} on this host.",
            "backups are encrypted and decrypted by it",
            f"install the package {_PACKAGES[program]}",
            NOTHING_CHANGED,
        )
    if identity:
        identity = os.path.abspath(os.path.expanduser(identity))
        there = os.path.isfile if program == "age" else os.path.isdir
        if not (there(identity) and os.access(identity, os.R_OK)):
            # Not repeated: it may be the secret key itself.
            raise SteadyError(
                "decrypt_identity is not there, or this account may not read it.",
                f"{program} wants {_IDENTITIES[program]}",
                "give its path on the host where the module runs, never the key itself",
                NOTHING_CHANGED,
            )
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False).stdout
    return Cipher(program, path, (said.split("\n")[0].split() or ["unknown"])[-1].lstrip("v"), identity or None)


_IDENTITIES = {
    "age": "the path of an identity file (age-keygen -o), or of an SSH key without passphrase",
    "gpg": "the path of a home folder (GNUPGHOME) with the keyring, or nothing where the account's own has the key",
}


def read_recipients(program: str, given: Sequence[str]) -> List[str]:
    """Whom to encrypt to, public keys only: for age the keys themselves, also those that a file has; for gpg absolute
    paths of public keys, fingerprints and e-mail addresses. Raises SteadyError.
    """
    recipients: List[str] = []
    for number, one in enumerate((text.strip() for text in given), 1):
        path = os.path.abspath(os.path.expanduser(one))
        if program == "age" and _AGE_RECIPIENT.fullmatch(one):
            recipients.append(one)
        elif program == "gpg" and _FINGERPRINT.fullmatch(one.replace(" ", "")):
            recipients.append(one.replace(" ", ""))
        elif one and os.path.isfile(path):
            recipients += _keys_in(path) if program == "age" else [path]
        elif program == "gpg" and _EMAIL.fullmatch(one):
            recipients.append(one)
        else:
            kinds = "age1…, ssh-ed25519 …, ssh-rsa …" if program == "age" else "a fingerprint, an e-mail address"
            # Not repeated: it may be a secret key.
            raise SteadyError(
                f"Recipient {number} of encrypt_to is none that {program} can encrypt to.",
                f"it is neither {kinds} nor a file that is here",
                "name public keys only",
                NOTHING_CHANGED,
            )
    if not recipients:
        raise SteadyError(
            "No recipient is named to encrypt the backup to.",
            f"encrypt_with is {program}, and encrypt_to names no recipient",
            "name public keys in encrypt_to",
            NOTHING_CHANGED,
        )
    return list(dict.fromkeys(recipients))


def _keys_in(path: str) -> List[str]:
    """The recipients in a file of age's: one a line, and comments. Raises SteadyError, OSError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [(number, line.strip()) for number, line in enumerate(file, 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    wrong = [number for number, line in lines if not _AGE_RECIPIENT.fullmatch(line)]
    if wrong:
        raise SteadyError(
            f"Line {wrong[0]} of {path} is no public key for age.",
            "age1…, ssh-ed25519 … and ssh-rsa … are",
            "name a file of public keys only, one a line",
            NOTHING_CHANGED,
        )
    return [line for _number, line in lines]
