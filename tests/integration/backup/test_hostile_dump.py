# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A dump that is restored to be proven runs no command on the host that does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._backup.clients.programs import Programs
from ansible_collections.steady.postgresql.plugins.module_utils._backup.foreign.foreign_proof import (
    refuse_unrestricted,
    without_restrict,
)
from ansible_collections.steady.postgresql.plugins.module_utils._backup.verifying.verify import verify_backup
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.backup.backing_up import Shop

_HEAD = "--\n-- PostgreSQL database dump\n--\n\n\\restrict Abc\n\nCREATE TABLE public.x (a int);\n"
_ROWS = "\nCOPY public.x (a) FROM stdin;\n1\n\\.\n\n"
_TAIL = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict Abc\n\n"


def _prove(shop: Shop, text: str) -> dict[str, object]:
    shop.folder.mkdir(exist_ok=True)
    dump = shop.folder / "their.sql"
    dump.write_text(text)
    parameters = {"backup": str(dump), "proof": "restore", "programs_dir": shop.programs}
    return verify_backup(parameters, shop.options())


@pytest.mark.parametrize(
    "command",
    [
        " \\! touch {marker}\n",
        "SELECT 1; \\! touch {marker}\n",
        "SELECT 1 \\g | touch {marker}\n",
        "\\unrestrict Abc\nSELECT 1; \\! touch {marker}\n",
        "SELECT 1; \\o | touch {marker}\n",
        "/*\nCOPY public.x (a) FROM stdin;\n*/ \\! touch {marker}\n\\.\n",
    ],
)
def test_commands_to_psql_in_a_dump_are_refused(shop: Shop, tmp_path: Path, command: str) -> None:
    """S3"""
    marker = tmp_path / "marker"
    with pytest.raises(SteadyError):
        _prove(shop, _HEAD + _ROWS + command.format(marker=marker) + _TAIL)
    assert not marker.exists()
    assert shop.databases() == [shop.name]


def test_an_honest_dump_is_restored_and_what_its_sql_may_do_is_said(shop: Shop) -> None:
    """S3: also a pg_dump's own \\restrict, at the beginning and at the end, is no hindrance"""
    said = _prove(shop, _HEAD + _ROWS + _TAIL)
    assert said["backup"]["rows"] == 1
    assert any("scratch server (backup_proof_url)" in note for note in said["notes"])
    _prove(shop, (_HEAD + _ROWS + _TAIL).replace("\\restrict Abc\n", "").replace("\\unrestrict Abc\n", ""))


def test_a_psql_that_does_not_know_restrict_is_refused() -> None:
    """S3"""
    for version in ((17, 5), (15, 13), (12, 30)):
        with pytest.raises(SteadyError):
            refuse_unrestricted(Programs("/x", version))
    for version in ((18, 0), (17, 6), (15, 18), (13, 22)):
        refuse_unrestricted(Programs("/x", version))
    text = b"".join(without_restrict([b"a\n\\restrict k\nb", b"c\n" * 9000, b"\\unrestrict k\n"]))
    assert text == b"a\nb" + b"c\n" * 9000 + b"\n"
