# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A restore that goes wrong: the live database is as it was, to the last row, and nothing is left beside it.

Each test is a row of docs/backup-faults.md.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.restoring import restore as restore_module
from integration.backup.backing_up import Cable, Shop, kill_child, refusal
from lab.faults import Sighting
from lab.installations import installation
from lab.server import Server

pytestmark = pytest.mark.usefixtures("live")

RESTORE = "steady.postgresql restore"
ID = "20260102T030405Z-0af3"
UNFINISHED = "the message names the unfinished copy, which nobody could drop"
PROVEN = "the message names the proven copy beside it"
Change = Callable[[Path], object]


def folder_of(shop: Shop) -> Path:
    """The only backup's."""
    (folder,) = shop.folder.iterdir()
    return folder


# -- before anything is begun ------------------------------------------------------------------------------------------


@pytest.mark.fault("the database's name is not typed", during="restore")
@pytest.mark.parametrize("typed", [None, "", "shop", "yes"])
def test_without_the_name_typed(shop: Shop, typed: str | None, seen: Sighting) -> None:
    seen(refusal(lambda: shop.restore(confirm=typed)))


def test_in_check_mode(shop: Shop) -> None:
    said = shop.restore(check=True, confirm=None)
    assert said["lost"] == [{"table": "public.parent", "live_rows": 2, "backup_rows": 1}]
    assert said["window_seconds"] >= 0


@pytest.mark.fault("there is no backup", during="restore")
def test_without_a_backup(shop: Shop, tmp_path: Path, seen: Sighting) -> None:
    assert "There is no backup in" in refusal(lambda: shop.restore(backup=str(tmp_path / "nowhere"))).what
    seen(refusal(lambda: shop.restore(backup=str(tmp_path))))


@pytest.mark.fault("the manifest is missing", during="restore")
def test_without_a_manifest(shop: Shop, seen: Sighting) -> None:
    folder = folder_of(shop)
    (folder / "manifest.json").unlink()
    assert "no good backup" in refusal(shop.restore).what
    # The folder itself is a folder of backups without any.
    seen(refusal(lambda: shop.restore(backup=str(folder))))


@pytest.mark.fault("the manifest was edited", during="restore")
def test_with_an_edited_manifest(shop: Shop, seen: Sighting) -> None:
    path = folder_of(shop) / "manifest.json"
    path.write_text(path.read_text().replace('"rows": 20000', '"rows": 20001'))
    seen(refusal(lambda: shop.restore(backup=str(path.parent))))


@pytest.mark.fault("the manifest is cut off", during="restore")
def test_with_half_a_manifest(shop: Shop, seen: Sighting) -> None:
    path = folder_of(shop) / "manifest.json"
    path.write_text(path.read_text()[:1000])
    seen(refusal(lambda: shop.restore(backup=str(path.parent))))


@pytest.mark.fault("the backup is one of another database", during="restore")
def test_with_a_backup_of_another_database(shop: Shop, seen: Sighting) -> None:
    other = Shop(shop.server, f"other {shop.name}", shop.folder / "other", shop.programs)
    other.server.create_database(other.name)
    made = other.back_up()["backup"]["path"]
    other.server.drop_database(other.name)
    error = refusal(lambda: shop.restore(backup=made))
    seen(error)
    assert other.name in error.why


@pytest.mark.fault("the backup is one of another server", during="restore")
def test_with_a_backup_of_another_server(shop: Shop, twin: Server, tmp_path: Path, seen: Sighting) -> None:
    other = Shop(twin, shop.name, tmp_path / "other", shop.programs)
    twin.create_database(other.name)
    made = other.back_up()["backup"]["path"]
    twin.drop_database(other.name)
    error = refusal(lambda: shop.restore(backup=made))
    seen(error)
    assert "restore_another_server" in error.todo


@pytest.mark.fault("a role that owns something is missing on the server", during="restore")
def test_with_a_role_missing(shop: Shop, seen: Sighting) -> None:
    shop.server.execute("CREATE ROLE leaver")
    shop.execute("ALTER VIEW v OWNER TO leaver")
    made = shop.back_up()["backup"]["path"]
    shop.execute("ALTER VIEW v OWNER TO postgres; DROP ROLE leaver")
    error = refusal(lambda: shop.restore(backup=made))
    seen(error)
    assert "leaver" in error.why


@pytest.mark.fault("the backup comes from a newer version", during="restore")
def test_with_a_backup_of_a_newer_version(
    shop: Shop, of_two_versions: tuple[Server, Server], tmp_path: Path, seen: Sighting
) -> None:
    older, newer = of_two_versions
    made = {}
    for server in (older, newer):
        named = Shop(server, f"versions {shop.name}", tmp_path / str(server.port), str(installation().bin_dir))
        server.create_database(named.name)
        named.execute("CREATE TABLE parent AS SELECT 1 AS a")
        made[server.port] = named
        named.back_up()
    old, new = made[older.port], made[newer.port]
    seen(refusal(lambda: old.restore(backup=str(new.folder), another_server=True)))
    assert old.databases() == [old.name]
    # The other way round is what an upgrade does.
    new.execute("DELETE FROM parent")
    new.restore(backup=str(old.folder), another_server=True)
    assert new.rows() == {"public.parent": 1}
    old.remove()
    new.remove()


@pytest.mark.fault("the database has a prepared transaction", during="restore")
def test_with_a_prepared_transaction(shop: Shop, seen: Sighting) -> None:
    shop.execute("BEGIN; INSERT INTO big VALUES (0); PREPARE TRANSACTION 'held up'")
    error = refusal(shop.restore)
    shop.execute("ROLLBACK PREPARED 'held up'")
    seen(error)
    assert "held up" in error.why


# -- damaged files -----------------------------------------------------------------------------------------------------


def _truncate(share: float) -> Change:
    return lambda path: path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def _flip(share: float) -> Change:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(len(content) * share)] ^= 1
        path.write_bytes(content)

    return change


def _damaged(shop: Shop, change: Change, **arguments: str) -> Sighting | object:
    """A restore from a backup whose largest file, and whose table of contents, were changed in turn."""
    errors = []
    for name in ("", "toc.dat"):
        made = Path(shop.back_up(**arguments)["backup"]["path"])
        files = [
            path for path in made.rglob("*") if path.is_file() and path.name.startswith(("archive", *"0123456789"))
        ]
        chosen = next(made.rglob(name), None) if name else max(files, key=lambda path: path.stat().st_size)
        if chosen is None:
            continue  # a custom archive has its table of contents in front, in the one file
        change(chosen)
        errors.append(refusal(lambda made=made: shop.restore(backup=str(made))))
        assert chosen.name in errors[-1].why
    return errors[0]


@pytest.mark.fault("a file of the archive is cut off, anywhere", during="restore")
@pytest.mark.parametrize(
    ("form", "share"), [("custom", 0.0), ("custom", 0.999), ("directory", 0.1), ("directory", 0.9)]
)
def test_a_truncated_file(shop: Shop, form: str, share: float, seen: Sighting) -> None:
    seen(_damaged(shop, _truncate(share), format=form))


@pytest.mark.fault("one bit of the archive is another, compressed or not", during="restore")
@pytest.mark.parametrize(("form", "compression"), [("custom", "gzip"), ("custom", "none"), ("directory", "none")])
def test_one_bit(shop: Shop, form: str, compression: str, seen: Sighting) -> None:
    seen(_damaged(shop, _flip(0.5), format=form, compression=compression))


@pytest.mark.fault("a file of the backup is gone, or there is one too many", during="restore")
@pytest.mark.parametrize("name", ["globals.sql", "archive/toc.dat"])
def test_a_file_that_is_gone(shop: Shop, name: str, seen: Sighting) -> None:
    folder = folder_of(shop)
    (folder / "note").write_text("")
    assert "note does not belong to it" in refusal(shop.restore).why
    (folder / "note").unlink()
    (folder / name).unlink()
    error = refusal(shop.restore)
    seen(error)
    assert f"{name}: No such file" in error.why


# -- in the middle -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("pg_restore is killed", during="restore")
def test_pg_restore_is_killed(shop: Shop, seen: Sighting) -> None:
    error = shop.struck(lambda: shop.restore(jobs=1), lambda: kill_child("pg_restore"))
    seen(error)
    assert "SIGKILL" in error.why


@pytest.mark.fault("pg_restore's sessions are ended", during="restore")
@pytest.mark.parametrize("jobs", [1, 2])
def test_its_sessions_are_ended(shop: Shop, jobs: int, seen: Sighting) -> None:
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE starts_with(datname, %s) AND datname <> %s"
        " AND starts_with(application_name, %s) AND wait_event = 'PgSleep'"
    )
    seen(
        shop.struck(
            lambda: shop.restore(jobs=jobs), lambda: shop.server.execute(query, (shop.name, shop.name, RESTORE))
        )
    )


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param("immediate", marks=pytest.mark.fault("the server crashes", during="restore")),
        pytest.param("fast", marks=pytest.mark.fault("the server is stopped (fast)", during="restore")),
    ],
)
def test_the_server_stops(shop: Shop, seen: Sighting, mode: str) -> None:
    error = shop.struck(shop.restore, lambda: shop.server.stop(mode))
    seen(error, left=UNFINISHED)
    (left,) = [name for name in shop.databases() if name != shop.name]
    assert left in error.done
    shop.server.drop_database(left)


@pytest.mark.fault("the connection is cut", during="restore")
def test_the_connection_is_cut(shop: Shop, cable: Cable, seen: Sighting) -> None:
    error = shop.struck(shop.restore, cable.cut)
    seen(error)
    assert error.done == "", "what was half restored was dropped over another connection"


@pytest.mark.fault("the connection is cut, and stays so", during="restore")
def test_the_connection_is_cut_for_good(shop: Shop, cable: Cable, seen: Sighting) -> None:
    error = shop.struck(shop.restore, lambda: cable.cut(mended=False))
    seen(error, left=UNFINISHED)
    (left,) = [name for name in shop.databases() if name != shop.name]
    assert f'DROP DATABASE "{left}"' in error.done
    shop.server.drop_database(left)


@pytest.mark.fault("the server's disk is full", during="restore")
def test_a_full_disk(tight: Shop, seen: Sighting) -> None:
    tight.back_up()
    schema, rows = tight.dump(), tight.rows()
    error = refusal(tight.restore)
    seen(error)
    assert error.what.startswith("The disk of the database server is full")
    assert (tight.dump(), tight.rows(), tight.databases()) == (schema, rows, [tight.name])


@pytest.mark.fault("a database has the name of the new one", during="restore")
def test_a_target_that_is_there(shop: Shop, seen: Sighting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_module, "new_deployment_id", lambda: ID)
    there = f"{shop.name}_new_{ID.lower()}"
    shop.server.create_database(there)
    shop.server.execute("CREATE TABLE kept (a int)", database=there)
    error = refusal(shop.restore)
    assert shop.server.execute("SELECT 1 FROM pg_tables WHERE tablename = 'kept'", database=there)
    shop.server.drop_database(there)
    seen(error)


# -- the swap ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("a session does not end", during="swap")
def test_a_session_that_does_not_end(shop: Shop, seen: Sighting) -> None:
    """Its process hangs: nothing can end it but SIGCONT. The rename gives up after 5 s, and the transaction with it."""
    stuck = shop.server.connect(shop.name)
    pid = stuck.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        error = refusal(shop.restore)
    finally:
        os.kill(pid, signal.SIGCONT)
        stuck.close()
    seen(error, left=PROVEN)
    (left,) = [name for name in shop.databases() if name != shop.name]
    assert left in error.done
    shop.server.drop_database(left)


@pytest.mark.fault("the server crashes", during="swap")
def test_a_crash_in_the_swap(shop: Shop, seen: Sighting) -> None:
    """While the first rename waits for a session that hangs."""
    stuck = shop.server.connect(shop.name)
    pid = stuck.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE query ~ '^ALTER DATABASE .* RENAME' AND state = 'active'"
    with shop.running(shop.restore) as outcome:
        shop.until(outcome, lambda: shop.server.execute(waiting))
        # A hanging process does not see that its server is gone.
        os.kill(shop.server.pid or 0, signal.SIGQUIT)
        os.kill(pid, signal.SIGCONT)
        shop.server.kill()
    stuck.close()
    shop.server_up()
    error = outcome["error"]
    seen(error, left=PROVEN)
    (left,) = [name for name in shop.databases() if name != shop.name]
    assert left in error.done
    shop.server.drop_database(left)


@pytest.mark.fault("a database has the name under which the former one is to be kept", during="swap")
def test_a_kept_name_that_is_there(shop: Shop, seen: Sighting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_module, "new_deployment_id", lambda: ID)
    there = f"{shop.name}_pre_{ID.lower()}"
    shop.server.create_database(there)
    error = refusal(shop.restore)
    for name in (there, f"{shop.name}_new_{ID.lower()}"):
        assert name in shop.databases()
        shop.server.drop_database(name)
    seen(error, left=PROVEN)


# -- in place ----------------------------------------------------------------------------------------------------------


def test_in_place_with_partitioned_tables(shop: Shop) -> None:
    assert "partitioned tables" in refusal(lambda: shop.restore(in_place=True)).what


@pytest.fixture
def plain(shop: Shop, tmp_path: Path) -> Shop:
    """A database that can be restored in place, and a row that its backup has not."""
    made = Shop(shop.server, f"{shop.name} plain", tmp_path / "plain", shop.programs, shop.cable)
    made.server.create_database(made.name)
    with ExitStack() as undo:
        undo.callback(made.execute, "INSERT INTO big VALUES (2)")
        made.execute("CREATE TABLE big AS SELECT 1 AS id")
        made.execute(
            "CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM"
            " pg_sleep(coalesce(nullif(current_setting('shop.sleep', true), ''), '0')::float8); RETURN true; END $$;"
            " CREATE TABLE slow (a int CHECK (slowly())); INSERT INTO slow VALUES (1)"
        )
        made.back_up()
    return made


@pytest.mark.fault("something depends on a table and is not in the backup", during="restore in place")
def test_in_place_with_something_that_depends(plain: Shop, seen: Sighting) -> None:
    plain.execute("CREATE VIEW later AS SELECT * FROM big")
    error = refusal(lambda: plain.restore(in_place=True))
    seen(error)
    assert "later" in error.why
    assert plain.rows() == {"public.big": 2, "public.slow": 1}
    plain.server.drop_database(plain.name)


@pytest.mark.fault("psql's session is ended", during="restore in place")
def test_in_place_its_session_is_ended(plain: Shop, seen: Sighting) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND wait_event = 'PgSleep'"
    error = plain.struck(lambda: plain.restore(in_place=True), lambda: plain.server.execute(end, (plain.name,)))
    seen(error)
    assert "not committed" in error.left
    assert plain.rows() == {"public.big": 2, "public.slow": 1}
    plain.server.drop_database(plain.name)


@pytest.mark.fault("psql is killed", during="restore in place")
def test_in_place_psql_is_killed(plain: Shop, seen: Sighting) -> None:
    error = plain.struck(lambda: plain.restore(in_place=True), lambda: kill_child("psql"))
    seen(error)
    assert plain.rows() == {"public.big": 2, "public.slow": 1}
    plain.server.drop_database(plain.name)
