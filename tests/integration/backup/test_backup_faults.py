# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A backup that goes wrong: the earlier one is as it was, nothing half stays, and it is said what to do.

Each test is a row of docs/backup-faults.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import read_manifest
from ansible_collections.steady.postgresql.plugins.module_utils._backup.taking import backup as backup_module
from integration.backup.backing_up import Cable, Shop, kill_child, refusal
from integration.sessions import wait_until
from lab.faults import Sighting
from lab.installations import installation, installations
from lab.server import Server

pytestmark = pytest.mark.usefixtures("earlier")

DUMP = "steady.postgresql dump"
ID = "20260102T030405Z-0af3"
LEFT = "the message names the scratch database, which nobody could drop"
SmallDisk = Callable[..., None]


# -- before anything is written ----------------------------------------------------------------------------------------


@pytest.mark.fault("the role may not read a table, and row level security hides rows from it", during="backup")
def test_a_role_that_may_not_read_all(shop: Shop, seen: Sighting) -> None:
    shop.server.execute("DROP ROLE IF EXISTS reader")
    shop.server.execute("CREATE ROLE reader LOGIN")
    shop.execute('GRANT USAGE ON SCHEMA "S x" TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA "S x", public TO reader')
    shop.execute("REVOKE SELECT ON fk FROM reader")
    error = refusal(lambda: shop.back_up(user="reader"))
    shop.execute("DROP OWNED BY reader; DROP ROLE reader")
    seen(error)
    assert 'GRANT SELECT ON "public"."fk" TO "reader"' in error.why
    assert 'GRANT SELECT ON SEQUENCE "public"."down" TO "reader"' in error.why
    assert "row level security hides rows of S x.A.b from role reader" in error.why


@pytest.mark.fault("another backup of the database is at work", during="backup")
def test_two_at_once(shop: Shop, seen: Sighting) -> None:
    holder = shop.server.connect(shop.name, application_name="another backup")
    holder.cursor().execute("SELECT pg_advisory_lock(%s)", (0x737465616479,))
    error = refusal(shop.back_up)
    holder.close()
    seen(error)
    assert "another backup" in error.why


@pytest.mark.fault("the folder cannot be made", during="backup")
def test_a_folder_that_cannot_be_made(shop: Shop, tmp_path: Path, seen: Sighting) -> None:
    (tmp_path / "a file").write_text("")
    seen(refusal(lambda: shop.back_up(directory=str(tmp_path / "a file" / "backups"))))


def test_a_file_system_that_holds_no_files(shop: Shop) -> None:
    """T5: /proc has 0 bytes free, but it is not space that is missing; check mode says the same."""
    for check in (False, True):
        error = refusal(lambda: shop.back_up(directory="/proc/backups", check=check))  # noqa: B023
        assert "/proc/backups cannot be written to" in error.what
        assert "space" not in error.what + error.why


@pytest.mark.fault("the folder is on a disk that is mounted read-only", during="backup")
def test_a_folder_that_is_read_only(shop: Shop, tmp_path: Path, small_disk: SmallDisk, seen: Sighting) -> None:
    small_disk(tmp_path / "read-only", 50_000_000, "ro")
    seen(refusal(lambda: shop.back_up(directory=str(tmp_path / "read-only"))))


@pytest.mark.fault("too little space by the estimate", during="backup")
def test_too_little_space(shop: Shop, tmp_path: Path, small_disk: SmallDisk, seen: Sighting) -> None:
    small_disk(tmp_path / "small", 1_000_000)
    seen(refusal(lambda: shop.back_up(directory=str(tmp_path / "small"))))


@pytest.mark.fault("pg_dump is older than the server", during="backup")
def test_pg_dump_older_than_the_server(shop: Shop, tmp_path: Path, seen: Sighting) -> None:
    """The real one of an older version where the server is a newer one; else something that says it is."""
    major = shop.server.installation.major
    older = [one for number, one in installations().items() if number < major]
    if older:
        programs, version = older[0].bin_dir, str(older[0].major)
    else:
        programs, version = tmp_path, "11.22"
        (programs / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")
        (programs / "pg_dump").chmod(0o755)
    error = refusal(lambda: shop.back_up(programs_dir=str(programs)))
    seen(error)
    assert f"for PostgreSQL {major} " in error.what
    assert f"found: {version}" in error.why
    assert f"postgresql-client-{major}" in error.todo


# -- the dump ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("a table is locked for longer than lock_patience", during="dump")
def test_a_lock_that_is_held_too_long(shop: Shop, seen: Sighting) -> None:
    with shop.stuck(lambda: shop.back_up(lock_patience="1500ms"), DUMP) as outcome:
        wait_until(lambda: outcome.get("error"))
    seen(outcome["error"])
    assert 'application "the blocker"' in outcome["error"].why


@pytest.mark.fault("somebody queues for a table before a worker of pg_dump -j has it", during="dump")
def test_a_lock_that_a_worker_does_not_get(shop: Shop, seen: Sighting) -> None:
    """pg_dump has every lock but the last when somebody queues for `big`; then it gets the last and starts its workers.

    Theirs are taken with NOWAIT, and PostgreSQL lets nobody pass who stands in the queue.
    """
    shop.execute("CREATE TABLE zz_last AS SELECT 1 AS a")
    latecomer = shop.server.connect(shop.name, application_name="the latecomer")
    want = threading.Thread(target=lambda: latecomer.cursor().execute("BEGIN; LOCK TABLE big"))
    with shop.stuck(lambda: shop.back_up(jobs=2), DUMP, table="zz_last") as outcome:
        locks = "SELECT 1 FROM pg_locks WHERE relation = 'big'::regclass AND mode = %s AND granted = %s"
        wait_until(lambda: shop.execute(locks, ("AccessShareLock", True)))
        want.start()
        wait_until(lambda: shop.execute(locks, ("AccessExclusiveLock", False)))
    want.join(20)
    latecomer.close()
    shop.execute("DROP TABLE zz_last")
    seen(outcome["error"])
    assert 'application "the latecomer"' in outcome["error"].why


@pytest.mark.fault("pg_dump's session is ended", during="dump")
def test_its_session_is_ended(shop: Shop, seen: Sighting) -> None:
    with shop.stuck(shop.back_up, DUMP) as outcome:
        shop.server.execute("SELECT pg_terminate_backend(%s)", (outcome["pid"],))
    seen(outcome["error"])


@pytest.mark.fault("pg_dump is killed", during="dump")
def test_pg_dump_is_killed(shop: Shop, seen: Sighting) -> None:
    with shop.stuck(shop.back_up, DUMP) as outcome:
        kill_child("pg_dump")
    seen(outcome["error"])
    assert "SIGKILL" in outcome["error"].why


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("immediate", marks=pytest.mark.fault("the server crashes", during="dump")),
        pytest.param("fast", marks=pytest.mark.fault("the server is stopped (fast)", during="dump")),
    ],
)
def test_the_server_stops(shop: Shop, seen: Sighting, mode: str) -> None:
    with shop.stuck(shop.back_up, DUMP) as outcome:
        shop.server.stop(mode)
    seen(outcome["error"])


@pytest.mark.fault("the connection is cut", during="dump")
def test_the_connection_is_cut(shop: Shop, cable: Cable, seen: Sighting) -> None:
    with shop.stuck(shop.back_up, DUMP) as outcome:
        cable.cut()
    seen(outcome["error"])


@pytest.mark.fault("the disk is full", during="dump")
def test_a_full_disk(shop: Shop, tmp_path: Path, small_disk: SmallDisk, seen: Sighting) -> None:
    # What takes twice its size in a dump: the estimate is too low, and the disk full in the middle.
    shop.execute("CREATE TABLE blob (b bytea); ALTER TABLE blob ALTER b SET STORAGE EXTERNAL")
    shop.execute("INSERT INTO blob SELECT decode(repeat(md5(g::text), 250), 'hex') FROM generate_series(1, 2500) g")
    ((size,),) = shop.execute("SELECT pg_database_size(current_database())")
    small = tmp_path / "small"
    small_disk(small, int(size * 0.6) + 500_000)
    error = refusal(lambda: shop.back_up(directory=str(small), compression="none"))
    shop.execute("DROP TABLE blob")
    seen(error)
    assert "is full" in error.what
    assert list(small.iterdir()) == []


# -- the proof ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("the server's disk is full (proof by restoring)", during="proof")
def test_no_room_for_the_scratch_database(tight: Shop, seen: Sighting) -> None:
    tight.back_up(proof="list")
    before = tight.hashes()
    error = refusal(lambda: tight.back_up(proof="restore"))
    seen(error)
    assert "No space left on device" in error.why
    assert (tight.hashes(), tight.databases()) == (before, [tight.name])


@pytest.mark.fault("pg_restore is killed", during="proof")
def test_pg_restore_is_killed(shop: Shop, seen: Sighting) -> None:
    error = shop.struck(lambda: shop.back_up(proof="restore", jobs=1), lambda: kill_child("pg_restore"))
    seen(error)
    assert "SIGKILL" in error.why


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("immediate", marks=pytest.mark.fault("the server crashes", during="proof")),
        pytest.param("fast", marks=pytest.mark.fault("the server is stopped (fast)", during="proof")),
    ],
)
def test_the_server_stops_during_the_proof(shop: Shop, seen: Sighting, mode: str) -> None:
    error = shop.struck(lambda: shop.back_up(proof="restore"), lambda: shop.server.stop(mode))
    seen(error, left=LEFT)
    (left,) = [name for name in shop.databases() if name != shop.name]
    assert left in error.done
    shop.server.drop_database(left)


@pytest.mark.fault("the connection is cut", during="proof")
def test_the_connection_is_cut_during_the_proof(shop: Shop, cable: Cable, seen: Sighting) -> None:
    error = shop.struck(lambda: shop.back_up(proof="restore"), cable.cut)
    seen(error)
    assert error.done == "", "the scratch database was dropped over another connection"


@pytest.mark.fault("a database has the name of the scratch database", during="proof")
def test_a_scratch_database_that_is_there(shop: Shop, seen: Sighting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "new_deployment_id", lambda: ID)
    there = f"{shop.name}_proof_{ID.lower()}"
    shop.server.create_database(there)
    shop.server.execute("CREATE TABLE kept (a int)", database=there)
    error = refusal(lambda: shop.back_up(proof="restore"))
    assert shop.server.execute("SELECT 1 FROM pg_tables WHERE tablename = 'kept'", database=there)
    shop.server.drop_database(there)
    seen(error)


@pytest.mark.fault("a folder has the name of the new backup", during="backup")
def test_a_backup_that_is_there(shop: Shop, seen: Sighting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "new_deployment_id", lambda: ID)
    (shop.folder / ID).mkdir()
    (shop.folder / ID / "note").write_text("somebody's")
    error = refusal(shop.back_up)
    assert [path.name for path in (shop.folder / ID).iterdir()] == ["note"]
    (shop.folder / ID / "note").unlink()
    (shop.folder / ID).rmdir()
    seen(error)


@pytest.mark.fault("the owners' roles are missing on the server of the proof", during="proof")
def test_owners_that_are_missing_elsewhere(shop: Shop, twin: Server, tmp_path: Path, seen: Sighting) -> None:
    """That is no failure: it is restored without owners and privileges, and the proof says so."""
    shop.server.execute("CREATE ROLE baker")
    shop.execute("ALTER TABLE parent OWNER TO baker; GRANT SELECT ON v TO baker")
    made = shop.back_up(directory=str(tmp_path / "other"), proof="restore", proof_url=twin.url())["backup"]
    shop.execute("REASSIGN OWNED BY baker TO postgres; DROP OWNED BY baker; DROP ROLE baker")
    figures = read_manifest(made["path"])["proofs"][-1]["figures"]
    assert figures["without_owners"] == ["baker"]
    assert twin.execute("SELECT count(*) FROM pg_database WHERE datname LIKE '%proof%'") == [(0,)]
    seen("The backup is proven; the proof names the roles without whose ownership and privileges it was restored.")


@pytest.mark.fault("the server of the proof is older", during="proof")
def test_a_server_of_the_proof_that_is_older(
    of_two_versions: tuple[Server, Server], shop: Shop, tmp_path: Path, seen: Sighting
) -> None:
    older, newer = of_two_versions
    named = Shop(newer, f"versions {shop.name}", tmp_path / "named", str(installation().bin_dir))
    newer.create_database(named.name)
    error = refusal(lambda: named.back_up(proof="restore", proof_url=older.url()))
    assert list(named.folder.iterdir()) == []
    newer.drop_database(named.name)
    seen(error)


# -- after it ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("the disk of a copy is full", during="copy")
def test_a_copy_that_has_no_room(shop: Shop, tmp_path: Path, small_disk: SmallDisk, seen: Sighting) -> None:
    small_disk(tmp_path / "small", 100_000)
    directory = tmp_path / "other"
    error = refusal(lambda: shop.back_up(directory=str(directory), copy_to=[str(tmp_path / "small")]))
    seen(error)
    (made,) = directory.iterdir()
    assert str(made) in error.left
    assert list((tmp_path / "small").iterdir()) == []
    assert shop.restore(backup=str(made), check=True)["lost"] == []


@pytest.mark.fault("an older backup cannot be deleted", during="keeping")
def test_an_older_backup_that_stays(shop: Shop, tmp_path: Path, small_disk: SmallDisk, seen: Sighting) -> None:
    """Somebody has mounted a disk there: it can be neither renamed nor removed."""
    directory = tmp_path / "other"
    old = Path(shop.back_up(directory=str(directory), proof="list")["backup"]["path"])
    wait_until(lambda: shop.execute("SELECT clock_timestamp() > now() + interval '0 s'"))
    content: dict[str, Any] = {path.name: path.read_bytes() for path in old.iterdir() if path.is_file()}
    small_disk(old, 1_000_000)
    for name, data in content.items():
        (old / name).write_bytes(data)
    error = refusal(lambda: shop.back_up(directory=str(directory), keep_count=1))
    seen(error)
    assert (old / "manifest.json").exists()
    assert "the new backup" in error.left
