# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The variables of the roles reach the programs, and what was not proven stands in the report."""

from __future__ import annotations

import shutil

import pytest

from integration.backup.keys import keys_of
from integration.playbooks.conftest import NewDesk

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not shutil.which("age"), reason="there is no age here (Debian's package of that name)"),
]
HOST = "clinic"


def test_a_backup_that_is_encrypted_and_brought_back(new_desk: NewDesk) -> None:
    with keys_of("age") as keys:
        desk = new_desk(HOST)
        desk.inventory(steady_programs_dir=str(desk.databases[HOST].server.installation.bin_dir))
        chosen = {"backup_encrypt_with": "age", "backup_encrypt_to": [keys.recipient]}
        run = desk.play("backup", **chosen, backup_encrypt_read_back=False)
        assert run.status == 0, run.output
        made = desk.result(HOST)["backup"]
        assert made["encryption"]["recipients"] == [keys.recipient]
        page = (desk.latest(HOST) / "report.html").read_text()
        for sentence in ("NOT READ BACK", keys.recipient):
            assert sentence in run.said_by(HOST)
            assert sentence in page
        assert "they were not decrypted again" in page

        run = desk.play("restore", "--check", steady_decrypt_identity=keys.stranger)
        assert "no identity matched" in run.output
        assert keys.recipient in run.output
        run = desk.play("restore", restore_swap=False, steady_decrypt_identity=keys.identity)
        assert run.status == 0, run.output
        copied = desk.result(HOST)["restore"]["new_database"]
        assert copied.startswith(desk.databases[HOST].name)
        desk.databases[HOST].server.drop_database(copied)
