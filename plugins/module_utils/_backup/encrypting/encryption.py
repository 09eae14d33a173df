# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypts a proven backup to public keys, file by file, and proves each by reading it back.

File by file: in the clear and encrypted at once is then no more than one file, whose damage harms no other, and nothing
has to be packed. It costs two processes a file, about 10 ms; who has ten thousand tables takes the format custom.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional

from ..._support.errors import SteadyError
from ..._support.progress import Progress
from ..folder.files import check_free
from ..proving.proof import NotProven
from .cipher import Cipher, find_cipher, read_recipients, shown

__all__ = ["Encryption", "encrypt_files", "encryption_of", "in_words"]

_LEFT = "the database was only read; earlier backups are as they were"
_TRIAL = b"steady.postgresql tries whether it can encrypt, and decrypt that again\n"
# What age and gpg add to a file: headers for each recipient, and a check value for each piece of it.
_OVERHEAD = 1.01
_HEADERS = 100_000


@dataclass(frozen=True)
class Encryption:
    """How a backup is encrypted. read_back: whether that is proven by decrypting it again."""

    cipher: Cipher
    recipients: List[str]
    read_back: bool

    def facts(self) -> Dict[str, Any]:
        """For the manifest: nothing in it is secret."""
        return {
            "program": self.cipher.program,
            "version": self.cipher.version,
            "recipients": self.recipients,
            "read_back": self.read_back,
        }


def in_words(facts: Optional[Mapping[str, Any]]) -> str:
    """For the sentence about a backup: how it is encrypted, and above all if nobody tried to read that."""
    if facts is None:
        return ""
    count = len(facts["recipients"])
    text = f"; encrypted with {facts['program']} to {count} recipient{'' if count == 1 else 's'}"
    return text + (" and read back" if facts["read_back"] else ", NOT READ BACK (encrypt_read_back is false)")


def encryption_of(parameters: Mapping[str, Any]) -> Optional[Encryption]:
    """What encrypt_with and encrypt_to ask for; None: no encryption. Tried out here and now: nobody shall wait for a
    dump first to hear that a key is the wrong one. Raises SteadyError, OSError.
    """
    program, given = parameters.get("encrypt_with"), parameters.get("encrypt_to") or []
    if not program:
        if given:
            raise SteadyError(
                "encrypt_to names recipients, but encrypt_with names no program.",
                "the backup would not be encrypted",
                "set encrypt_with to age or gpg",
                _LEFT,
            )
        return None
    read_back = bool(parameters.get("encrypt_read_back", True))
    identity = parameters.get("decrypt_identity") or None
    cipher = find_cipher(program, identity)
    encryption = Encryption(cipher, read_recipients(program, given), read_back)
    if read_back and program == "age" and identity is None:
        raise _no_reading_back(encryption, "decrypt_identity is not set")
    _try_out(encryption)
    return encryption


def _try_out(encryption: Encryption) -> None:
    pieces: List[bytes] = []
    with tempfile.TemporaryFile() as clear, tempfile.TemporaryFile() as encrypted:
        clear.write(_TRIAL)
        clear.seek(0)
        done = encryption.cipher.encrypt(encryption.recipients, clear, pieces.append)
        if done.status != 0:
            raise SteadyError(
                f"{encryption.cipher.program} does not encrypt to these recipients.",
                f"{done.brief}; recipients: {shown(encryption.recipients)}",
                "correct encrypt_to: it names public keys, files of them, or keys in the keyring of this account",
                _LEFT,
            )
        if not encryption.read_back:
            return
        encrypted.write(b"".join(pieces))
        encrypted.seek(0)
        pieces.clear()
        done = encryption.cipher.decrypt(encrypted, pieces.append)
        if done.status != 0 or b"".join(pieces) != _TRIAL:
            raise _no_reading_back(encryption, done.brief)


def encrypt_files(encryption: Encryption, folder: str, manifest: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
    """Replace each file of the manifest by its encrypted form; files and bytes of the manifest are then those.

    Returns {files, bytes}: what was decrypted again and is the same. Raises SteadyError, OSError; then the folder is
    good for nothing.
    """
    files: List[Dict[str, Any]] = manifest["files"]
    largest = max((file["bytes"] for file in files), default=0)
    check_free(folder, int(largest * _OVERHEAD) + _HEADERS, "the largest file of the backup in its encrypted form")
    done, total = 0, manifest["bytes"] * (2 if encryption.read_back else 1)

    def tell(count: int) -> None:
        nonlocal done
        done += count
        progress.say("encrypting the backup", done, total)

    encrypted = [_encrypt_file(encryption, folder, file, tell) for file in files]
    figures = {"files": len(files), "bytes": manifest["bytes"]}
    manifest["files"] = encrypted
    manifest["bytes"] = sum(file["bytes"] for file in encrypted)
    manifest["encryption"] = encryption.facts()
    return figures


def _encrypt_file(
    encryption: Encryption, folder: str, file: Mapping[str, Any], tell: Callable[[int], None]
) -> Dict[str, Any]:
    """Returns its entry for the manifest. The clear file goes last."""
    plain = os.path.join(folder, file["path"])
    name = f"{file['path']}.{encryption.cipher.program}"
    path = os.path.join(folder, name)
    digest = hashlib.sha256()
    with open(plain, "rb") as source, open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:

        def consume(piece: bytes) -> None:
            target.write(piece)
            digest.update(piece)
            tell(len(piece))

        done = encryption.cipher.encrypt(encryption.recipients, source, consume)
    if done.status != 0:
        raise SteadyError(
            "The backup could not be encrypted.",
            f"{encryption.cipher.program}, at {file['path']}: {done.brief}",
            "settle that, then run the same command again",
            _LEFT,
        )
    if encryption.read_back:
        _read_back(encryption, path, file, tell)
    os.unlink(plain)
    return {
        "path": name,
        "bytes": os.path.getsize(path),
        "sha256": digest.hexdigest(),
        "plain_bytes": file["bytes"],
        "plain_sha256": file["sha256"],
    }


def _read_back(encryption: Encryption, path: str, file: Mapping[str, Any], tell: Callable[[int], None]) -> None:
    digest = hashlib.sha256()

    def consume(piece: bytes) -> None:
        digest.update(piece)
        tell(len(piece))

    with open(path, "rb") as source:
        done = encryption.cipher.decrypt(source, consume)
    if done.status != 0:
        raise NotProven("The encrypted backup cannot be read back.", [f"{file['path']}: {done.brief}"])
    if digest.hexdigest() != file["sha256"]:
        raise NotProven(
            "The encrypted backup is not what was encrypted.", [f"{file['path']} has other bytes (SHA-256)"]
        )


def _no_reading_back(encryption: Encryption, why: str) -> SteadyError:
    return SteadyError(
        "What is encrypted to these recipients cannot be read back here.",
        f"{why}; recipients: {shown(encryption.recipients)}",
        "set steady_decrypt_identity to the secret key of one of them; where that must not be on this host, "
        "backup_encrypt_read_back: false leaves that proof out, and the report says so",
        _LEFT,
    )
