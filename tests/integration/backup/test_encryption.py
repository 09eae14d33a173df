# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""An encrypted backup has nothing in the clear, is read back, and can be restored with the right key and no other."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.encrypting import encryption
from ansible_collections.steady.postgresql.plugins.module_utils._backup.encrypting.cipher import find_cipher
from ansible_collections.steady.postgresql.plugins.module_utils._backup.encrypting.decryption import readable
from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import (
    read_manifest,
    write_manifest,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.proving.proof import prove_files
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.progress import Progress
from integration.backup.backing_up import Shop
from integration.backup.keys import Keys, fingerprint, import_key, keys_of, spoiled
from lab.server import Server

ROOT = Path(__file__).resolve().parents[3]
QUIET = Progress(None)
# What stands in a row of the table big, and only there.
ROW = b"3937230c8bfe8b6dba2b4f2eebd0c2a0"
PACKAGES = {"age": "age", "gpg": "gnupg"}


@pytest.fixture(scope="module", params=["age", "gpg"])
def keys(request: pytest.FixtureRequest) -> Iterator[Keys]:
    """Of each program that is here."""
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param} here (Debian's package {PACKAGES[request.param]})")
    with keys_of(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def either() -> Iterator[Keys]:
    """Of one program, for what is the same with both."""
    there = next(filter(shutil.which, PACKAGES), None)
    if there is None:
        pytest.skip("there is neither age nor gpg here")
    with keys_of(there) as made:
        yield made


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With the programs of the server's own version."""
    shop.programs = str(shop.server.installation.bin_dir)
    return shop


@pytest.fixture(scope="module")
def sealed(machine: Server, pattern: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with one encrypted backup, and rows that were written since. Shared: no test may change it."""
    folder = tmp_path_factory.mktemp("sealed") / "backups"
    made = Shop(machine, f"Sealed by {keys.program}", folder, str(machine.installation.bin_dir))
    machine.create_database(made.name, pattern)
    know(made)
    made.back_up(**keys.options(), compression="none", proof="list")
    made.execute("INSERT INTO parent VALUES (7)")
    yield made
    made.remove()


@pytest.fixture
def untouched(sealed: Shop) -> Iterator[Shop]:
    """The live database and the backup are as they were afterwards, and nothing of it is in the clear."""
    before = writes(sealed), sealed.hashes()
    yield sealed
    assert (writes(sealed), sealed.hashes()) == before
    assert sealed.databases() == [sealed.name]
    assert in_the_clear(sealed.folder) == []
    assert [path.name for path in sealed.folder.iterdir() if path.name.startswith(".")] == []


def writes(shop: Shop) -> tuple[Any, ...]:
    """Changes with any row, any object and any database that is written: the next transaction's number."""
    return shop.execute("SELECT txid_snapshot_xmax(txid_current_snapshot())")[0]


def in_the_clear(folder: Path) -> list[str]:
    """The files anywhere below in which a row can be read."""
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ROW in path.read_bytes()]


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def know(shop: Shop) -> None:
    shop.execute("INSERT INTO big VALUES (0, %s)", (ROW.decode(),))


def test_nothing_is_in_the_clear_and_the_right_key_brings_all_back(shop: Shop, keys: Keys, tmp_path: Path) -> None:
    form = "custom" if keys.program == "gpg" else "directory"
    know(shop)
    schema, rows = shop.dump(), shop.rows()
    plain = shop.back_up(directory=str(tmp_path / "plain"), format=form, compression="none")["backup"]
    assert in_the_clear(tmp_path / "plain"), "the search finds nothing at all"
    assert plain["encryption"] is None
    made = shop.back_up(format=form, compression="none", **keys.options())["backup"]
    assert in_the_clear(shop.folder) == []
    folder, manifest = Path(made["path"]), read_manifest(made["path"])
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    before = {file["path"] for file in read_manifest(plain["path"])["files"]}
    if form == "custom":
        assert names == {*(f"{name}.{keys.program}" for name in before), "manifest.json"}
    assert all(name.endswith(f".{keys.program}") for name in names - {"manifest.json"})
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    schema_of_manifest = json.loads((ROOT / "docs/manifest.schema.json").read_text())
    jsonschema.Draft202012Validator(schema_of_manifest).validate(manifest)

    assert [proof["level"] for proof in made["proofs"]] == ["list", "read", "encryption"]
    assert manifest["proofs"][-1]["figures"]["files"] == len(manifest["files"])
    assert made["proof"] == "read"
    assert made["encryption"] == manifest["encryption"]
    assert (made["encryption"]["recipients"], made["encryption"]["read_back"]) == ([keys.recipient], True)
    assert f"encrypted with {keys.program} to 1 recipient and read back" in made["detail"]
    assert prove_files(made["path"], manifest, QUIET)["bytes"] == made["bytes"], "it needs no key"

    shop.execute("DELETE FROM big; DROP VIEW v")
    shop.restore(decrypt_identity=keys.identity)
    assert (shop.dump(), shop.rows()) == (schema, rows)
    assert hidden(shop.folder) == []


def test_without_reading_back_it_says_so_and_a_copy_can_be_restored(shop: Shop, keys: Keys, tmp_path: Path) -> None:
    planned = shop.back_up(check=True, encrypt_with=keys.program, encrypt_to=[keys.recipient], encrypt_read_back=False)
    assert "NOT READ BACK" in planned["backup"]["detail"]
    made = shop.back_up(
        encrypt_with=keys.program,
        encrypt_to=[keys.recipient, keys.locked_recipient],
        encrypt_read_back=False,
        copy_to=[str(tmp_path / "copy")],
        proof="list",
    )["backup"]
    assert [proof["level"] for proof in made["proofs"]] == ["list"]
    assert made["encryption"]["read_back"] is False
    assert f"encrypted with {keys.program} to 2 recipients, NOT READ BACK" in made["detail"]
    (copy,) = made["copies"]
    shutil.rmtree(shop.folder)
    (tmp_path / "scratch").mkdir()
    said = shop.restore(
        backup=copy["path"], swap=False, decrypt_identity=keys.identity, scratch_dir=str(tmp_path / "scratch")
    )
    assert shop.databases() == [shop.name, said["new_database"]]
    assert list((tmp_path / "scratch").iterdir()) == []


class TestNoBackup:
    """Whatever is wrong with the keys is found before anything is dumped."""

    def refusal(self, untouched: Shop, **arguments: Any) -> SteadyError:
        with pytest.raises(SteadyError) as error:
            untouched.back_up(**arguments)
        assert error.value.todo
        assert error.value.left
        return error.value

    def test_a_recipient_that_is_none(self, untouched: Shop, keys: Keys) -> None:
        wrong = {
            "age": ["age1notone", str(keys.folder / "nowhere"), "AGE-SECRET-KEY-1QQQ", "", keys.identity],
            "gpg": ["0" * 40, str(keys.folder / "nowhere"), "nobody@example.org", "", "ours"],
        }
        for recipient in wrong[keys.program]:
            arguments = {**keys.options(), "encrypt_to": [keys.recipient, recipient]}
            error = self.refusal(untouched, **arguments)
            assert "encrypt" in error.what or "is no public key" in error.what
            assert "SECRET-KEY" not in str(error)

    def test_a_key_that_cannot_read_it_back(self, untouched: Shop, keys: Keys) -> None:
        for identity in (keys.stranger, keys.locked_identity):
            error = self.refusal(untouched, **{**keys.options(), "decrypt_identity": identity})
            assert "cannot be read back" in error.what
            assert keys.recipient in error.why
            assert "backup_encrypt_read_back: false" in error.todo
        error = self.refusal(untouched, **{**keys.options(), "decrypt_identity": "AGE-SECRET-KEY-1QQQ"})
        assert "decrypt_identity is not there" in error.what
        assert "SECRET-KEY" not in str(error)

    def test_half_of_what_has_to_be_said(self, untouched: Shop, keys: Keys) -> None:
        assert "names no program" in self.refusal(untouched, encrypt_to=[keys.recipient]).what
        assert "No recipient is named" in self.refusal(untouched, encrypt_with=keys.program).what

    def test_no_key_in_the_account(self, untouched: Shop, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GNUPGHOME", keys.stranger)
        error = self.refusal(untouched, encrypt_with=keys.program, encrypt_to=[keys.recipient])
        assert "cannot be read back" in error.what

    def test_the_program_is_missing(self, untouched: Shop, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setattr(
            "ansible_collections.steady.postgresql.plugins.module_utils._backup.encrypting.cipher._PLACES", ""
        )
        assert f"There is no {keys.program}" in self.refusal(untouched, **keys.options()).what


def test_recipients_by_file_fingerprint_and_address(untouched: Shop, keys: Keys) -> None:
    """Check mode tries them out, too."""
    file = keys.folder / "recipients"
    file.write_text(f"# two of them\n{keys.recipient}\n\n{keys.locked_recipient}\n")
    if keys.program == "age":
        cases = {(str(file), keys.recipient): [keys.recipient, keys.locked_recipient]}
    else:
        import_key(keys.identity, keys.folder / "stranger.asc")
        named = [fingerprint(keys.identity, name) for name in ("ours", "stranger")]
        cases = {(*named, keys.recipient): [*named, keys.recipient], ("ours@example.org",): ["ours@example.org"]}
    for given, recipients in cases.items():
        planned = untouched.back_up(check=True, **{**keys.options(), "encrypt_to": list(given)})["backup"]
        assert planned["encryption"]["recipients"] == recipients
        assert "and read back" in planned["detail"]


def test_gpg_trusts_no_address_by_itself(untouched: Shop, keys: Keys) -> None:
    """Anybody can put any address into a key: a fingerprint says which one is meant, an address does not."""
    if keys.program != "gpg":
        pytest.skip("age knows no addresses")
    import_key(keys.identity, keys.folder / "stranger.asc")
    with pytest.raises(SteadyError, match="does not encrypt") as error:
        untouched.back_up(check=True, **{**keys.options(), "encrypt_to": ["stranger@example.org"]})
    assert "no assurance" in error.value.why


def test_an_account_that_has_nothing_but_a_public_key(
    untouched: Shop, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = {**keys.options(), "decrypt_identity": None, "encrypt_read_back": False}
    assert untouched.back_up(check=True, **options)["backup"]["status"] == "planned"
    assert list(tmp_path.iterdir()) == []


class TestNoRestore:
    """The live database is as it was, nobody is asked anything, and nothing stays decrypted."""

    def folder(self, shop: Shop) -> Path:
        (folder,) = shop.folder.iterdir()
        return folder

    def refusal(self, untouched: Shop, **arguments: Any) -> SteadyError:
        with pytest.raises(SteadyError) as error:
            untouched.restore(**arguments)
        assert error.value.todo
        assert error.value.left
        return error.value

    def test_with_the_wrong_key(self, untouched: Shop, keys: Keys) -> None:
        for check in (True, False):
            error = self.refusal(untouched, check=check, decrypt_identity=keys.stranger)
            assert "cannot be decrypted" in error.what
            assert keys.recipient in error.why
            assert "steady_decrypt_identity" in error.todo

    def test_without_a_key(self, untouched: Shop, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GNUPGHOME", keys.stranger)
        error = self.refusal(untouched)
        assert "cannot be decrypted" in error.what
        assert keys.recipient in error.why
        assert "is not there" in self.refusal(untouched, decrypt_identity=f"{keys.identity}.gone").what

    def test_with_one_bit_flipped(self, untouched: Shop, keys: Keys) -> None:
        by_size = sorted((self.folder(untouched) / "archive").iterdir(), key=lambda one: one.stat().st_size)
        for path in (by_size[0], by_size[-1]):
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
            assert "is damaged" in self.refusal(untouched, decrypt_identity=keys.identity).what
            content[len(content) // 2] ^= 1
            path.write_bytes(content)

    def test_with_a_file_that_somebody_else_encrypted(self, untouched: Shop, keys: Keys, tmp_path: Path) -> None:
        """A public key is public: what decrypts well need not be ours."""
        shutil.copytree(self.folder(untouched), tmp_path / "forged")
        manifest = read_manifest(str(tmp_path / "forged"))
        largest = max(manifest["files"], key=lambda file: file["bytes"])
        path = tmp_path / "forged" / largest["path"]
        other = keys.folder / "other"
        other.write_text("somebody else's rows")
        pieces: list[bytes] = []
        with other.open("rb") as source:
            find_cipher(keys.program, None).encrypt([keys.recipient], source, pieces.append)
        path.write_bytes(b"".join(pieces))
        largest["bytes"] = path.stat().st_size
        largest["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest["bytes"] = sum(file["bytes"] for file in manifest["files"])
        write_manifest(str(tmp_path / "forged"), manifest)
        error = self.refusal(untouched, backup=str(tmp_path / "forged"), decrypt_identity=keys.identity)
        assert "is not what was encrypted" in error.what
        assert [path.name for path in tmp_path.iterdir()] == ["forged"]

    @pytest.mark.parametrize(
        ("change", "what"),
        [({"program": "env"}, "env is no program"), ({}, "is not one that this collection wrote")],
        ids=["program", "path"],
    )
    def test_with_a_manifest_that_leads_elsewhere(
        self, untouched: Shop, keys: Keys, tmp_path: Path, change: dict[str, str], what: str
    ) -> None:
        """It was written by whoever had the folder: no other program is run for it, nothing is written beside."""
        shutil.copytree(self.folder(untouched), tmp_path / "forged")
        manifest = read_manifest(str(tmp_path / "forged"))
        manifest["encryption"].update(change)
        if not change:
            largest = max(manifest["files"], key=lambda file: file["bytes"])
            (tmp_path / "forged" / largest["path"]).rename(tmp_path / f"outside.{keys.program}")
            largest["path"] = f"../outside.{keys.program}"
        write_manifest(str(tmp_path / "forged"), manifest)
        before = {path.name for path in tmp_path.iterdir()}
        error = self.refusal(untouched, backup=str(tmp_path / "forged"), decrypt_identity=keys.identity)
        assert what in str(error)
        assert {path.name for path in tmp_path.iterdir()} == before

    def test_while_somebody_else_reads_one(self, untouched: Shop, keys: Keys) -> None:
        folder = str(self.folder(untouched))
        with readable(folder, read_manifest(folder), keys.identity, None, QUIET):
            assert in_the_clear(untouched.folder), "it is in the clear now"
            error = self.refusal(untouched, backup=folder, decrypt_identity=keys.identity)
        assert "Another restore or verification" in error.what

    def test_where_there_is_no_place_for_it(self, untouched: Shop, keys: Keys, tmp_path: Path) -> None:
        error = self.refusal(untouched, decrypt_identity=keys.identity, scratch_dir=str(tmp_path / "nowhere"))
        assert "No such file or directory" in error.why
        assert "steady_scratch_dir" in error.todo


def run_apart(shop: Shop, call: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A run in a process of its own; its error on its output."""
    code = (
        "import os; from integration.backup.backing_up import Shop; from lab.server import Server;"
        "from pathlib import Path;"
        # A session leader that opens a terminal has it for its own.
        "os.environ.get('TERMINAL') and os.open(os.environ['TERMINAL'], os.O_RDWR);"
        f"server = Server.find(Path({str(shop.server.directory)!r}));"
        f"shop = Shop(server, {shop.name!r}, Path({str(shop.folder)!r}), {shop.programs!r}); shop.{call}"
    )
    paths = os.pathsep.join([str(ROOT / ".ansible/collections"), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_nobody_is_asked_for_a_passphrase_not_even_at_a_terminal(shop: Shop, keys: Keys) -> None:
    arguments = {"encrypt_with": keys.program, "encrypt_to": [keys.locked_recipient], "encrypt_read_back": False}
    shop.back_up(**arguments, proof="list")
    keyboard, screen = pty.openpty()
    terminal = {"TERMINAL": os.ttyname(screen), "GPG_TTY": os.ttyname(screen)}
    call = f"restore(swap=False, decrypt_identity={keys.locked_identity!r})"
    process = run_apart(shop, call, terminal)
    try:
        said = process.communicate(timeout=30)[0].decode()
    finally:
        process.kill()
    assert f"The backup in {shop.folder}" in said
    assert "cannot be decrypted" in said
    assert select.select([keyboard], [], [], 0)[0] == [], "something was written to the terminal"
    os.close(screen)
    os.close(keyboard)
    assert shop.databases() == [shop.name]


def killed(shop: Shop, keys: Keys, call: str, after: int) -> None:
    """Run it, and kill it when its program has worked that many times."""
    place = keys.folder / "reluctant"
    place.mkdir()
    hang = f"head -c 1 > /dev/null; : > {place}/waiting; exec sleep 300"
    process = run_apart(shop, call, {"PATH": spoiled(keys.program, place, after, hang)})
    deadline = time.monotonic() + 30
    while not (place / "waiting").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.02)
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
    shutil.rmtree(place)


def test_what_a_killed_run_leaves_in_the_clear_is_removed_by_the_next(shop: Shop, either: Keys) -> None:
    know(shop)
    keys = either
    options = {**keys.options(), "compression": "none", "proof": "list", "format": "custom"}
    killed(shop, keys, f"back_up(**{options!r})", after=2)
    assert in_the_clear(shop.folder), "it was killed too late"
    first = shop.back_up(**options)["backup"]
    assert [path.name for path in shop.folder.iterdir()] == [first["id"]]
    assert in_the_clear(shop.folder) == []

    restore = f"restore(swap=False, decrypt_identity={keys.identity!r})"
    for next_run in (lambda: shop.restore(swap=False, decrypt_identity=keys.identity), lambda: shop.back_up(**options)):
        killed(shop, keys, restore, after=2)
        assert in_the_clear(shop.folder), "it was killed too late"
        next_run()
        assert in_the_clear(shop.folder) == []
        assert hidden(shop.folder) == []
        time.sleep(1.1)  # ids are told apart by their second


@pytest.mark.parametrize(
    ("then", "what"),
    [
        ('head -c 40 | $real "$@"', "is not what was encrypted"),
        ('$real "$@" | head -c 300', "cannot be read back"),
        ('$real "$@"; exit 9', "could not be encrypted"),
        ("kill -9 $$", "could not be encrypted"),
    ],
    ids=["other bytes", "too few", "an error", "killed"],
)
def test_the_program_does_not_do_what_it_should(
    untouched: Shop, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str, what: str
) -> None:
    """Reading back finds it, also where the program ends well; and half a backup does not stay."""
    then = f'case "$*" in *--encrypt*) {then};; *) exec $real "$@";; esac'
    monkeypatch.setenv("PATH", spoiled(keys.program, tmp_path, 2, then))
    with pytest.raises(SteadyError, match=what) as error:
        untouched.back_up(**keys.options(), proof="list")
    assert ("SIGKILL" in error.value.why) == ("kill" in then)


def test_the_disk_is_full(shop: Shop, either: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What takes twice its size in a dump: the estimate is too low, and the dump fits, but not twice.
    shop.execute("CREATE TABLE blob (b bytea); ALTER TABLE blob ALTER b SET STORAGE EXTERNAL")
    shop.execute("INSERT INTO blob SELECT decode(repeat(md5(g::text), 250), 'hex') FROM generate_series(1, 2500) g")
    ((size,),) = shop.execute("SELECT pg_database_size(current_database())")
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={int(size * 1.6)},mode=0700", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        options = {**either.options(), "compression": "none", "proof": "list"}
        with pytest.raises(SteadyError, match="too little space for the largest file of the backup in its encrypted"):
            shop.back_up(directory=str(small), **options)
        assert list(small.iterdir()) == []
        with monkeypatch.context() as patch:  # somebody else fills the disk after it was looked at
            patch.setattr(encryption, "check_free", lambda *_arguments: None)
            with pytest.raises(SteadyError, match="No space left on device"):
                shop.back_up(directory=str(small), **options)
        assert list(small.iterdir()) == []
        shop.back_up(**options)
        (small / "filler").write_bytes(b"x" * size)
        with pytest.raises(SteadyError, match="too little space for the decrypted copy"):
            shop.restore(decrypt_identity=either.identity, scratch_dir=str(small))
        assert [path.name for path in small.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", str(small)], check=True)
