# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An encrypted backup in the clear: for as long as somebody reads it, in a folder that nobody else can read."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, Optional

from ..._support.errors import NOTHING_CHANGED, SteadyError
from ..._support.progress import Progress
from ..folder.files import check_free, sha256
from ..proving.proof import NotProven
from .cipher import Cipher, find_cipher, shown

__all__ = ["encrypted_ending", "prove_key", "readable", "remove_leftover"]

# One at a time, and always of that name: what a killed run left there is found by the next.
_CLEAR = ".steady-decrypted"
_ROOM = 1.01


def encrypted_ending(manifest: Mapping[str, Any]) -> str:
    """What the names of the files have at their end: nothing unless the backup is encrypted."""
    encryption = manifest.get("encryption")
    return f".{encryption['program']}" if encryption else ""


def prove_key(folder: str, manifest: Mapping[str, Any], identity: Optional[str]) -> None:
    """Whether the key is the right one, tried with the smallest file of the backup; nothing is written.

    Nothing to prove of a backup that is not encrypted. Raises SteadyError, OSError.
    """
    if manifest.get("encryption"):
        smallest = min(manifest["files"], key=lambda file: int(file["bytes"]))
        if sha256(os.path.join(folder, smallest["path"])) != smallest["sha256"]:
            raise NotProven(
                f"The backup in {folder} is damaged.", [f"{smallest['path']} is not what was written (SHA-256)"]
            )
        _decrypt_file(_cipher(folder, manifest, identity), folder, manifest, smallest, lambda _piece: None)


@contextmanager
def readable(
    folder: str, manifest: Mapping[str, Any], identity: Optional[str], scratch: Optional[str], progress: Progress
) -> Iterator[str]:
    """The folder of the backup in the clear, for the block: itself, or where it is encrypted, a decrypted copy.

    identity: age's identity file or gpg's home folder. scratch: where to put the copy; None: beside the backup. Every
    file of the copy is what was proven when the backup was made. It is gone with the block. Raises SteadyError.
    """
    if not manifest.get("encryption"):
        yield folder
        return
    cipher = _cipher(folder, manifest, identity)
    place = os.path.abspath(os.path.expanduser(scratch)) if scratch else os.path.dirname(os.path.abspath(folder))
    with _private_folder(place) as clear:
        try:
            check_free(clear, int(sum(file["plain_bytes"] for file in manifest["files"]) * _ROOM), "the decrypted copy")
            _decrypt_files(cipher, folder, manifest, clear, progress)
        except OSError as error:
            raise _no_place(place, error) from None
        yield clear


def remove_leftover(place: str) -> None:
    """Remove what a killed run has left decrypted there, unless somebody is at work with it. Raises nothing."""
    if os.path.isdir(os.path.join(place, _CLEAR)):
        try:
            with _private_folder(place):
                pass
        except SteadyError:
            pass


@contextmanager
def _private_folder(place: str) -> Iterator[str]:
    """An empty folder for us alone, gone afterwards. Raises SteadyError."""
    clear = os.path.join(place, _CLEAR)
    lock: Optional[int] = None
    try:
        lock = _lock(f"{clear}.lock")
        if os.path.isdir(clear):
            shutil.rmtree(clear)
        os.mkdir(clear, 0o700)
    except BlockingIOError:
        raise SteadyError(
            f"Another restore or verification is reading an encrypted backup in {place}.",
            "its decrypted copy is there until it is done",
            "wait until then; or take another folder: -e steady_scratch_dir=…",
            NOTHING_CHANGED,
        ) from None
    except OSError as error:
        _unlock(lock, f"{clear}.lock")
        raise _no_place(place, error) from None
    try:
        yield clear
    finally:
        shutil.rmtree(clear, ignore_errors=True)  # what was done with it counts; the next run removes what is left
        _unlock(lock, f"{clear}.lock")


def _lock(path: str) -> int:
    """The lock goes with the process that has it. Raises BlockingIOError, OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # whoever had it until now has just removed it


def _unlock(descriptor: Optional[int], path: str) -> None:
    if descriptor is not None:
        os.unlink(path)
        os.close(descriptor)


def _no_place(place: str, error: OSError) -> SteadyError:
    return SteadyError(
        f"The backup cannot be decrypted into {place}.",
        f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}",
        "name a folder that only this account can read, with space for the whole backup: -e steady_scratch_dir=…",
        NOTHING_CHANGED,
    )


def _cipher(folder: str, manifest: Mapping[str, Any], identity: Optional[str]) -> Cipher:
    encryption = manifest["encryption"]
    if encryption["program"] == "age" and not identity:
        raise _wrong_key(folder, manifest, "decrypt_identity is not set")
    return find_cipher(encryption["program"], identity)


def _decrypt_files(cipher: Cipher, folder: str, manifest: Mapping[str, Any], clear: str, progress: Progress) -> None:
    done, total = 0, sum(file["plain_bytes"] for file in manifest["files"])
    for file in manifest["files"]:
        path = os.path.normpath(file["path"][: -len(encrypted_ending(manifest))])
        # A manifest from elsewhere says what is in the backup, but not where else to write.
        if os.path.isabs(path) or path.startswith(".."):
            raise NotProven(
                f"The backup in {folder} is not one that this collection wrote.", [f"{file['path']} is outside of it"]
            )
        target = os.path.join(clear, path)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:

            def consume(piece: bytes) -> None:
                nonlocal done
                stream.write(piece)
                done += len(piece)
                progress.say("decrypting the backup", done, total)

            _decrypt_file(cipher, folder, manifest, file, consume)


def _decrypt_file(
    cipher: Cipher,
    folder: str,
    manifest: Mapping[str, Any],
    file: Mapping[str, Any],
    consume: Callable[[bytes], None],
) -> None:
    """Raises SteadyError unless what comes out is what was encrypted."""
    digest = hashlib.sha256()

    def hashed(piece: bytes) -> None:
        digest.update(piece)
        consume(piece)

    with open(os.path.join(folder, file["path"]), "rb") as source:
        done = cipher.decrypt(source, hashed)
    if done.status != 0:
        raise _wrong_key(folder, manifest, done.brief)
    if digest.hexdigest() != file["plain_sha256"]:
        raise NotProven(
            f"The backup in {folder} is not what was encrypted.", [f"{file['path']} has other bytes inside (SHA-256)"]
        )


def _wrong_key(folder: str, manifest: Mapping[str, Any], why: str) -> SteadyError:
    encryption = manifest["encryption"]
    return SteadyError(
        f"The backup in {folder} cannot be decrypted.",
        f"{why}; it was encrypted with {encryption['program']} to {shown(encryption['recipients'])}",
        "name the secret key of one of these, age's identity file or gpg's home folder: "
        "-e steady_decrypt_identity=…; no passphrase is asked for: gpg-agent has to know it",
        NOTHING_CHANGED,
    )
