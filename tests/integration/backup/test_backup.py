# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A backup has everything, is proven, and is private; what goes wrong on the way harms nothing and is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.clients.programs import find_programs
from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import (
    read_manifest,
    write_manifest,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.proving.proof import (
    NotProven,
    prove_files,
    prove_list,
    prove_read,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.progress import Progress
from integration.backup.backing_up import Shop

ROOT = Path(__file__).resolve().parents[3]
DUMP = "steady.postgresql dump"
QUIET = Progress(None)


@pytest.mark.parametrize("form", ["directory", "custom"])
def test_it_has_everything_and_says_what_it_has_not(shop: Shop, form: str) -> None:
    result = shop.back_up(format=form, proof="restore")
    made = result["backup"]
    assert (result["changed"], result["status"], made["status"]) == (True, "succeeded", "proven")
    assert [proof["level"] for proof in made["proofs"]] == ["list", "read", "restore"]
    assert made["rows"] == sum(shop.rows().values())
    assert any("public.ft" in sentence for sentence in made["left_out"])
    assert shop.databases() == [shop.name], "the scratch database is gone"
    manifest = read_manifest(made["path"])
    schema = json.loads((ROOT / "docs/manifest.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(manifest)
    assert prove_files(made["path"], manifest, QUIET)["files"] == len(manifest["files"])


def test_nobody_else_can_read_it(shop: Shop) -> None:
    shop.back_up()
    modes = {path.stat().st_mode & 0o777 for path in shop.folder.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in [shop.folder, *shop.folder.rglob("*")] if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})


def test_an_empty_database(shop: Shop) -> None:
    empty = Shop(shop.server, f"{shop.name} empty", shop.folder, shop.programs)
    empty.server.create_database(empty.name)
    made = empty.back_up(proof="restore")["backup"]
    assert (made["tables"], made["rows"]) == (0, 0)


def test_check_mode_says_what_it_would_do_and_writes_nothing(shop: Shop) -> None:
    result = shop.back_up(check=True)
    assert (result["status"], result["backup"]["status"]) == ("planned", "planned")
    assert "pg_dump" in result["backup"]["detail"]
    assert not shop.folder.exists()


def test_rows_that_are_written_meanwhile_are_not_in_it(shop: Shop) -> None:
    """The dump waits after its snapshot was taken; what is committed then belongs to a later moment."""
    with shop.stuck(shop.back_up, DUMP) as outcome:
        shop.execute("INSERT INTO parent SELECT 1 FROM generate_series(1, 100)")
        shop.execute('SELECT nextval(\'"S x"."A.b_id_seq"\') FROM generate_series(1, 10)')
    assert shop.rows()["public.parent"] == 101
    manifest = read_manifest(outcome["result"]["backup"]["path"])
    assert next(one["rows"] for one in manifest["contents"]["tables"] if one["name"] == "parent") == 1
    sequence = next(one for one in manifest["contents"]["sequences"] if one["name"] == "A.b_id_seq")
    assert (sequence["value"], sequence["value_after"]) == (500, 510)


def test_older_ones_go_only_after_a_proven_one_and_copies_arrive_whole(shop: Shop, tmp_path: Path) -> None:
    ids = []
    for _number in range(3):
        ids.append(shop.back_up(proof="list")["backup"]["id"])
        time.sleep(1.1)  # ids and snapshots are told apart by their second
    stranger = shop.folder / "20200101T000000Z-0000"
    stranger.mkdir()
    result = shop.back_up(keep_count=2, copy_to=[str(tmp_path / "copy")])
    made = result["backup"]
    assert made["deleted"] == sorted(ids)[:2]
    assert {path.name for path in shop.folder.iterdir()} == {sorted(ids)[2], made["id"], stranger.name}
    (copy,) = made["copies"]
    assert prove_files(copy["path"], read_manifest(copy["path"]), QUIET)["bytes"] == made["bytes"]


def test_what_a_killed_run_leaves_is_cleaned_up_by_the_next(shop: Shop) -> None:
    """SIGKILL: pg_dump ends with the process that started it, half a backup stays, and the next run removes it."""
    code = (
        "from integration.backup.backing_up import Shop; from lab.server import Server; from pathlib import Path;"
        f"server = Server.find(Path({str(shop.server.directory)!r}));"
        f"Shop(server, {shop.name!r}, Path({str(shop.folder)!r}), {shop.programs!r}).back_up()"
    )
    paths = [str(ROOT / ".ansible/collections"), str(ROOT / "tests")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", code]
    children: list[subprocess.Popen[bytes]] = []

    def run() -> None:
        children.append(subprocess.Popen(command, env=environment))
        children[0].wait()

    with shop.stuck(run, DUMP):
        children[0].kill()
        deadline = time.monotonic() + 20
        query = "SELECT 1 FROM pg_stat_activity WHERE starts_with(application_name, %s)"
        while shop.server.execute(query, (DUMP,)):
            assert time.monotonic() < deadline, "pg_dump goes on without anybody"
            time.sleep(0.1)
    (half,) = shop.folder.iterdir()
    assert half.name.startswith(".")
    made = shop.back_up()["backup"]
    assert [path.name for path in shop.folder.iterdir()] == [made["id"]]


class TestDamage:
    """What happens to a file afterwards is found by the proofs, and by each of them what it can find."""

    def archive(self, shop: Shop, compression: str) -> tuple[Path, dict[str, Any]]:
        made = shop.back_up(format="custom", compression=compression)["backup"]
        return Path(made["path"]), read_manifest(made["path"])

    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
    def test_truncated(self, shop: Shop, share: float) -> None:
        folder, manifest = self.archive(shop, "gzip:1")
        path = folder / "archive.dump"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        with pytest.raises(NotProven, match="damaged"):
            prove_files(str(folder), manifest, QUIET)
        with pytest.raises(NotProven):
            prove_read(find_programs(13, shop.programs), str(path), manifest["contents"], QUIET)

    @pytest.mark.parametrize("compression", ["gzip:1", "none"])
    def test_one_bit(self, shop: Shop, compression: str) -> None:
        folder, manifest = self.archive(shop, compression)
        path = folder / "archive.dump"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        with pytest.raises(NotProven, match="damaged") as error:
            prove_files(str(folder), manifest, QUIET)
        assert "SHA-256" in error.value.why
        if compression != "none":
            with pytest.raises(NotProven):
                prove_read(find_programs(13, shop.programs), str(path), manifest["contents"], QUIET)

    def test_a_table_that_is_missing(self, shop: Shop) -> None:
        """A dump that ended well and yet lacks something: as an option of pg_dump would make it."""
        folder, manifest = self.archive(shop, "gzip:1")
        program = f"{shop.programs}/pg_dump"
        command = [program, "-Fc", "--exclude-table=public.big", "-f", f"{folder}/less", shop.server.url(shop.name)]
        subprocess.run(command, check=True)
        with pytest.raises(NotProven) as error:
            prove_list(find_programs(13, shop.programs), f"{folder}/less", manifest["contents"], QUIET)
        assert "table public.big" in error.value.why

    def test_a_file_that_is_gone_or_too_much(self, shop: Shop) -> None:
        folder, manifest = self.archive(shop, "gzip:1")
        (folder / "globals.sql").unlink()
        (folder / "note").write_text("")
        with pytest.raises(NotProven) as error:
            prove_files(str(folder), manifest, QUIET)
        assert "globals.sql: No such file" in error.value.why
        assert "note does not belong to it" in error.value.why

    def test_a_manifest_with_other_rows(self, shop: Shop) -> None:
        folder, manifest = self.archive(shop, "gzip:1")
        next(one for one in manifest["contents"]["tables"] if one["name"] == "big")["rows"] += 1
        write_manifest(str(folder), manifest)
        path = str(folder / "archive.dump")
        with pytest.raises(NotProven, match="does not have the rows"):
            prove_read(find_programs(13, shop.programs), path, manifest["contents"], QUIET)
