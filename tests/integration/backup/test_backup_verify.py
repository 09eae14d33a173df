# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A backup is proven again without its database; a dump of somebody else's is recognised for what it is worth."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.folder.manifest import read_manifest
from ansible_collections.steady.postgresql.plugins.module_utils._backup.proving.proof import NotProven
from ansible_collections.steady.postgresql.plugins.module_utils._backup.verifying.verify import verify_backup
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.backup.backing_up import Shop
from integration.backup.keys import keys_of
from lab.installations import installation

ROOT = Path(__file__).resolve().parents[3]
Dumper = Callable[..., Path]


def verify(shop: Shop, path: Path | str, options: Options | None = None, **parameters: Any) -> dict[str, Any]:
    """The result, without any address unless there is one in the options."""
    arguments = {"backup": str(path), "programs_dir": shop.programs, **parameters}
    return verify_backup(arguments, options or Options(None))


def refusal(shop: Shop, path: Path | str, options: Options | None = None, **parameters: Any) -> SteadyError:
    with pytest.raises(SteadyError) as error:
        verify(shop, path, options, **parameters)
    assert error.value.todo
    assert error.value.left
    return error.value


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With the programs of the server's own version."""
    shop.programs = str(shop.server.installation.bin_dir)
    return shop


class TestBackup:
    """With a manifest."""

    @pytest.mark.parametrize("form", ["directory", "custom"])
    def test_it_is_proven_again_without_any_server_and_the_older_proofs_stay(self, shop: Shop, form: str) -> None:
        made = shop.back_up(format=form, proof="list")["backup"]
        result = verify(shop, shop.folder)
        said = result["backup"]
        assert (result["changed"], result["database"], said["id"]) == (False, shop.name, made["id"])
        assert (said["status"], said["proof"], said["rows"]) == ("proven", "read", sum(shop.rows().values()))
        manifest = read_manifest(made["path"])
        assert [proof["level"] for proof in manifest["proofs"]] == ["list", "list", "read"]
        assert manifest["proofs"][0] == made["proofs"][0]
        schema = json.loads((ROOT / "docs/manifest.schema.json").read_text())
        jsonschema.Draft202012Validator(schema).validate(manifest)
        assert verify(shop, made["path"], proof="list")["backup"]["proven_before"] == 3

    def test_check_mode_writes_nothing(self, shop: Shop) -> None:
        shop.back_up(proof="list")
        before = shop.hashes()
        assert verify(shop, shop.folder, Options(None, check=True))["backup"]["proof"] == "read"
        assert shop.hashes() == before

    def test_into_a_scratch_database(self, shop: Shop) -> None:
        shop.back_up(proof="list")
        said = verify(shop, shop.folder, shop.options(), proof="restore")["backup"]
        assert [proof["level"] for proof in said["proofs"]] == ["list", "read", "restore"]
        assert shop.databases() == [shop.name], "the scratch database is gone"

    def test_damage_is_found_and_the_manifest_stays_as_it_was(self, shop: Shop) -> None:
        made = Path(shop.back_up(proof="list")["backup"]["path"])
        path = max((made / "archive").iterdir(), key=lambda one: one.stat().st_size)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        before = shop.hashes()
        assert "is damaged" in refusal(shop, made).what
        assert shop.hashes() == before

    @pytest.mark.skipif(not shutil.which("age"), reason="there is no age here (Debian's package age)")
    def test_an_encrypted_one_with_its_key_only(self, shop: Shop) -> None:
        with keys_of("age") as keys:
            shop.back_up(**keys.options(), proof="list")
            said = verify(shop, shop.folder, decrypt_identity=keys.identity)["backup"]
            assert (said["proof"], said["rows"], said["proven_before"]) == ("read", sum(shop.rows().values()), 2)
            before = shop.hashes()
            assert "cannot be decrypted" in refusal(shop, shop.folder, decrypt_identity=keys.stranger).what
            assert "steady_decrypt_identity" in refusal(shop, shop.folder).todo
            assert shop.hashes() == before, "nothing is left in the clear"

    def test_the_newest_is_taken_whose_manifest_is_whole(self, shop: Shop) -> None:
        first = shop.back_up(proof="list")["backup"]
        second = Path(shop.back_up(proof="list")["backup"]["path"]) / "manifest.json"
        second.write_text(second.read_text().replace('"rows": 20000', '"rows": 20001'))
        assert verify(shop, shop.folder)["backup"]["id"] == first["id"]
        assert "was changed after it was written" in refusal(shop, second.parent).what


@pytest.fixture
def dumper(shop: Shop, tmp_path: Path) -> Dumper:
    """Runs pg_dump as people do, and gives the file."""

    def dump(*options: str, name: str = "dump", program: str = "pg_dump") -> Path:
        path = tmp_path / name
        address = shop.server.url(shop.name)
        subprocess.run([f"{shop.programs}/{program}", f"--file={path}", *options, f"--dbname={address}"], check=True)
        return path

    return dump


def zipped(path: Path) -> Path:
    target = path.with_name(f"{path.name}.gz")
    target.write_bytes(gzip.compress(path.read_bytes(), 1))
    return target


class TestDump:
    """Without a manifest."""

    @pytest.mark.parametrize(
        ("options", "form", "checksum"),
        [
            (["-Fp"], "plain", False),
            (["-Fp", "--compress=1"], "plain", True),
            (["-Fc", "--compress=1"], "custom", True),
            (["-Fc", "--compress=0"], "custom", False),
            (["-Fd", "--compress=1"], "directory", True),
            (["-Ft"], "tar", False),
        ],
    )
    def test_every_kind_is_recognised_and_its_rows_counted(
        self, shop: Shop, dumper: Dumper, options: list[str], form: str, checksum: bool
    ) -> None:
        result = verify(shop, dumper(*options))
        said = result["backup"]
        assert (said["status"], said["format"], said["left_out"]) == ("proven", form, [])
        counted = {one["table"]: one["rows"] for one in said["table_rows"]}
        expected = {name.replace('"', ""): rows for name, rows in shop.rows().items()}
        assert {name.replace('"', ""): rows for name, rows in counted.items()} == expected
        assert said["rows"] == sum(expected.values())
        assert said["server_version"].startswith(str(shop.server.installation.major))
        assert any("no checksum" in note for note in result["notes"]) is not checksum

    @pytest.mark.parametrize("form", ["-Fp", "-Fc", "-Fd", "-Ft"])
    def test_a_schema_alone_is_no_backup(self, shop: Shop, dumper: Dumper, form: str) -> None:
        error = refusal(shop, dumper(form, "--schema-only"))
        assert "is no backup: it is the schema only" in error.what
        assert "--schema-only" in error.todo

    def test_rows_alone_are_said_to_be_so(self, shop: Shop, dumper: Dumper) -> None:
        said = verify(shop, dumper("--data-only"))["backup"]
        assert ["only rows are in it" in sentence for sentence in said["left_out"]] == [True]

    def test_the_end_is_known_with_and_without_restrict(self, shop: Shop, dumper: Dumper) -> None:
        path = dumper()
        text = path.read_text()
        plain = "".join(line for line in text.splitlines(True) if not line.startswith(("\\restrict", "\\unrestrict")))
        restricted = f"\\restrict a1B2\n{plain.rstrip()}\n\n\\unrestrict a1B2\n\n"
        for version in (text, plain, restricted):
            path.write_text(version)
            assert verify(shop, path)["backup"]["rows"] == sum(shop.rows().values())
        # Cut between pg_dump's last word and \unrestrict: everything is there, and psql would restore it.
        path.write_text(plain)
        for line in ("\nSELECT 1;\n", "\nCOPY public.big (id) FROM stdin;\n"):
            path.write_text(plain + line)
            assert "cut off" in refusal(shop, path).why

    @pytest.mark.parametrize("form", ["plain", "gzip", "custom", "tar"])
    def test_truncated(self, shop: Shop, dumper: Dumper, form: str) -> None:
        """pg_restore 18 reads a truncated tar archive for ever: this one must not get it."""
        path = dumper(*{"custom": ["-Fc"], "tar": ["-Ft"]}.get(form, []))
        path = zipped(path) if form == "gzip" else path
        size = path.stat().st_size
        for share in (0.9999, 0.98, 0.7, 0.3, 0.01):
            os.truncate(path, min(int(size * share), size - 30))
            with pytest.raises(NotProven):
                verify(shop, path)

    def test_a_pipe_whose_pg_dump_failed(self, shop: Shop, tmp_path: Path) -> None:
        path = tmp_path / "dump.sql.gz"
        command = f"{shop.programs}/pg_dump postgresql://nobody@127.0.0.1:1/nowhere | gzip > {path}"
        done = subprocess.run(["sh", "-c", command], check=False, capture_output=True)
        assert (done.returncode, path.stat().st_size) == (0, 20)
        error = refusal(shop, path)
        assert "20 bytes of gzip with nothing inside" in error.why
        assert "pipefail" in error.todo
        path.write_bytes(b"")
        assert "the file is empty" in refusal(shop, path).why

    @pytest.mark.parametrize("form", ["gzip", "custom"])
    def test_one_bit_under_a_checksum(self, shop: Shop, dumper: Dumper, form: str) -> None:
        path = zipped(dumper()) if form == "gzip" else dumper("-Fc", "--compress=1")
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        with pytest.raises(NotProven):
            verify(shop, path)

    def test_a_file_that_is_missing_in_a_directory(self, shop: Shop, dumper: Dumper) -> None:
        folder = dumper("-Fd", "--compress=1")
        max(folder.iterdir(), key=lambda one: one.stat().st_size).unlink()
        assert "cannot be read to its end" in refusal(shop, folder).why

    def test_rows_as_inserts_are_counted_by_restoring_them(self, shop: Shop, dumper: Dumper) -> None:
        for options in (["--rows-per-insert=500"], ["-Fc", "--rows-per-insert=500"]):
            path = dumper(*options)
            result = verify(shop, path)
            assert result["backup"]["rows"] is None
            assert any("INSERT" in note for note in result["notes"])
            said = verify(shop, path, shop.options(), proof="restore")["backup"]
            assert said["rows"] == sum(shop.rows().values())
        assert shop.databases() == [shop.name]

    @pytest.mark.parametrize("form", ["-Fp", "-Fc", "-Fd", "-Ft"])
    def test_into_a_scratch_database(self, shop: Shop, dumper: Dumper, form: str) -> None:
        path = dumper(form)
        path = zipped(path) if form == "-Fp" else path
        said = verify(shop, path, shop.options(), proof="restore")["backup"]
        assert said["proofs"][-1]["figures"]["rows"] == sum(shop.rows().values())
        assert shop.databases() == [shop.name]

    def test_a_newer_pg_dump_than_the_server(self, shop: Shop, tmp_path: Path) -> None:
        path = tmp_path / "newer.sql"
        program = f"{installation().bin_dir}/pg_dump"
        subprocess.run([program, f"--file={path}", shop.server.url(shop.name)], check=True)
        said = verify(shop, path, shop.options(), proof="restore")["backup"]
        assert said["pg_dump_version"].startswith(str(installation().major))
        assert said["proofs"][-1]["figures"]["rows"] == sum(shop.rows().values())

    def test_a_dump_that_leads_elsewhere_is_not_run(self, shop: Shop, dumper: Dumper) -> None:
        """With --create, psql would leave the scratch database for the live one."""
        path = dumper("--create", "--clean")
        schema, rows = shop.dump(), shop.rows()
        assert verify(shop, path)["backup"]["rows"] == sum(rows.values())
        error = refusal(shop, path, shop.options(), proof="restore")
        assert "\\connect" in error.why
        assert (shop.dump(), shop.rows(), shop.databases()) == (schema, rows, [shop.name])

    def test_what_cannot_be_restored_leaves_no_scratch_database(self, shop: Shop, dumper: Dumper) -> None:
        path = dumper()
        text = path.read_text().replace("CREATE TABLE public.big", "CREATE TABLE nowhere.big", 1)
        path.write_text(text)
        assert 'schema "nowhere" does not exist' in refusal(shop, path, shop.options(), proof="restore").why
        assert shop.databases() == [shop.name]

    def test_compared_with_the_live_database(self, shop: Shop, dumper: Dumper) -> None:
        path = dumper("-Fc")
        assert verify(shop, path, shop.options(), compare=True)["backup"]["differences"] == []
        shop.execute("DELETE FROM big WHERE id <= 5; DROP TABLE child; CREATE TABLE later (a int)")
        result = verify(shop, path, shop.options(), compare=True)
        assert result["backup"]["status"] == "proven"
        assert result["backup"]["differences"] == [
            {"table": "public.big", "live_rows": 19995, "backup_rows": 20000},
            {"table": "public.child", "live_rows": None, "backup_rows": 2},
            {"table": "public.later", "live_rows": 0, "backup_rows": None},
        ]
        assert "public.child: no such table in the live database, 2 rows in the dump" in result["notes"]

    def test_a_whole_cluster(self, shop: Shop, tmp_path: Path) -> None:
        path = tmp_path / "cluster.sql"
        url = shop.server.url("postgres")
        subprocess.run([f"{shop.programs}/pg_dumpall", f"--file={path}", f"--dbname={url}"], check=True)
        result = verify(shop, path)
        assert result["backup"]["rows"] >= sum(shop.rows().values())
        assert any("pg_dumpall" in note for note in result["notes"])
        os.truncate(path, path.stat().st_size - 60)
        assert "cut off" in refusal(shop, path).why

    def test_what_is_no_dump_is_called_what_it_is(self, shop: Shop, dumper: Dumper, tmp_path: Path) -> None:
        text = dumper().read_text()
        archive = dumper("-Fc", name="archive").read_bytes()
        for content, word in [
            (text.encode("utf-16"), "PowerShell"),
            (text.replace("\n", "\r\n").encode(), "Windows"),
            (b"SELECT 1;\n", "does not say that it is a PostgreSQL dump"),
            (b"\x7fELF\0\0\0", "no format of pg_dump"),
            (b"\x28\xb5\x2f\xfd....", "zstd"),
            (gzip.compress(archive), "gunzip"),
        ]:
            path = tmp_path / "file"
            path.write_bytes(content)
            assert word in refusal(shop, path).why
        (tmp_path / "folder").mkdir()
        assert "neither a manifest.json" in refusal(shop, tmp_path / "folder").why
        assert "cannot be read" in refusal(shop, tmp_path / "nowhere").what
