# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a backup needs is known before a deployment, with nothing written: by the preflight, in check mode too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._preflight.preflight import preflight
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import Refused, SteadyError
from integration.backup.backing_up import Shop

pytestmark = pytest.mark.postgres

MIGRATION = {"id": "m", "indexes": [{"table": "parent", "columns": ["a"]}]}


def refused(shop: Shop, folder: Path, **options: Any) -> tuple[list[str], str]:
    """What the preflight says of the backup, which is what keeps the migration from being applied."""
    needs = {"programs_dir": shop.programs, **options}
    for check in (True, False):
        with pytest.raises(Refused) as caught:
            preflight(MIGRATION, Options(shop.server.url(shop.name), check=check), None, str(folder), backup=needs)
        found = {one["name"]: one for one in caught.value.facts["preflight"]}["backup_needs"]
        assert found["status"] == "blocker"
        for words in (*found["evidence"], found["todo"]):
            assert words in caught.value.why
    return found["evidence"], found["todo"]


def fine(shop: Shop, folder: Path, migration: dict[str, Any] | None = None, **options: Any) -> str:
    """What it says where there is nothing to say."""
    needs = {"programs_dir": shop.programs, **options}
    result = preflight(
        migration or MIGRATION, Options(shop.server.url(shop.name), check=True), None, str(folder), backup=needs
    )
    found = {one["name"]: one for one in result["preflight"]}["backup_needs"]
    assert (found["status"], found["todo"]) == ("ok", "")
    (words,) = found["evidence"]
    return str(words)


def test_programs_folders_and_space(shop: Shop, tmp_path: Path, small_disk: Callable[[Path, int], None]) -> None:
    folder, major = tmp_path / "not" / "yet", shop.server.installation.major
    assert "pg_dump 1" in fine(shop, folder)
    assert not (tmp_path / "not").exists(), "nothing is written"
    (tmp_path / "none").mkdir()
    (text,), todo = refused(shop, folder, programs_dir=str(tmp_path / "none"))
    assert text.startswith(f"There is no pg_dump for PostgreSQL {major} on this host: pg_dump refuses a server newer")
    assert f"install the client programs of version {major}" in todo
    assert fine(shop, folder, {"id": "m"}, programs_dir=str(tmp_path / "none")) == (
        "nothing is to be changed, so no backup is taken"
    )
    (tmp_path / "file").write_text("")
    for here, options, named in (
        (tmp_path / "file" / "x", {}, f"{tmp_path}/file/x cannot be written to: {tmp_path}/file: Not a directory"),
        (folder, {"copy_to": [str(tmp_path / "file")]}, f"{tmp_path}/file cannot be written to: "),
    ):
        (text,), todo = refused(shop, here, **options)
        assert named in text
        assert "steady_backup_dir" in todo
    with pytest.raises(SteadyError, match=r"file/x cannot be written to"):
        shop.back_up(check=True, directory=str(tmp_path / "file" / "x"))
    small_disk(tmp_path / "small", 65536)
    (text,), todo = refused(shop, tmp_path / "small")
    assert text.startswith(f"There is too little space for the backup in {tmp_path}/small: ")
    assert "free space, or set steady_backup_dir" in todo


def test_all_that_is_missing_is_said_at_once(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "file").write_text("")
    options = {"programs_dir": str(tmp_path / "none"), "encrypt_to": ["somebody"], "method": "supabase_cli"}
    evidence, todo = refused(shop, tmp_path / "file", **options, supabase_cli=str(tmp_path / "nowhere"))
    assert [text.split(":")[0] for text in evidence] == [
        f"There is no pg_dump for PostgreSQL {shop.server.installation.major} on this host",
        "There is no Supabase CLI on this host",
        "encrypt_to names recipients, but encrypt_with names no program",
        f"The backup folder {tmp_path}/file cannot be written to",
    ]
    assert "set encrypt_with to age or gpg" in todo


def test_a_folder_that_only_others_may_write(shop: Shop, tmp_path: Path, small_disk: Callable[..., None]) -> None:
    """Of a read-only file system, which not even root may write."""
    small_disk(tmp_path / "ro", 1 << 20, "ro")
    (text,), _todo = refused(shop, tmp_path / "ro" / "backups")
    assert text.endswith(f"this account may not write to {tmp_path}/ro")


def test_a_backup_of_another_system(shop: Shop, tmp_path: Path) -> None:
    nowhere = {"programs_dir": str(tmp_path)}
    said = fine(shop, tmp_path, **nowhere, elsewhere="Barman on db-backup-1, every night")
    assert said == "another system takes the backup: Barman on db-backup-1, every night"
    (text,), todo = refused(shop, tmp_path, elsewhere="yes")
    assert "that is no sentence" in text
    assert todo.startswith("say in a sentence what takes the backup")
