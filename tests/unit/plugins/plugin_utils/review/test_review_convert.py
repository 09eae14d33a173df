# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The YAML form of a migration: a file that deploy.yml reads, and that is never written over another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import load
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.convert import Conversion, write_form, yaml_form
from unit.readings import another_way, decision, evil, not_carried_out, not_understood, reading

ENTRY = {"name": "Sale_notes_idx", "table": "Sale", "columns": ["notes"]}
CONTENT = {"id": "0042_sale", "indexes": [ENTRY, {"name": 'a "b"; -- \u00e4', "table": "Sale", "columns": ["x: y"]}]}


def test_it_is_what_deploy_reads(tmp_path: Path) -> None:
    path = tmp_path / "migrations" / "x.yml"
    text = yaml_form(reading(another_way()), CONTENT, "db/0042_sale.sql")
    assert write_form(path, text, really=True) == f"{path} is written"
    assert load(path) == CONTENT
    assert list(path.parent.iterdir()) == [path]
    assert text.startswith("# Written by review.yml from db/0042_sale.sql.\n---\nid: 0042_sale\n")


def test_comments_say_what_is_to_be_decided_and_what_is_not_in_it() -> None:
    made = reading(decision(), decision(8, "unused"), not_understood(), not_carried_out(), notes=("a note",))
    text = yaml_form(made, CONTENT, "x.sql")
    comments = text[: text.index("---")].splitlines()
    assert (
        "# db/0042_sale.sql:7 is not in this file, because it needs a decision: drop column notes of public.Sale"
        in comments
    )
    assert "#   data_loss, public.Sale.notes: The values of the column are deleted." in comments
    assert "# db/0042_sale.sql:8: data_loss of public.Sale.notes is accepted, because unused" in comments
    assert "# db/0042_sale.sql:9 is not in this file, because it is not understood: LOAD. remove it" in comments
    assert "# db/0042_sale.sql:11 is not in this file, because deploy.yml does not carry it out yet: view" in text
    assert "# a note" in comments
    assert all(line.startswith("#") for line in comments)


def test_no_text_of_the_sql_file_leaves_its_comment(tmp_path: Path) -> None:
    """A line break in a name would otherwise be YAML."""
    path = tmp_path / "x.yml"
    write_form(path, yaml_form(evil(), CONTENT, "a\nb: c"), really=True)
    assert load(path) == CONTENT


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("id: mine\n")
    with pytest.raises(Conversion, match="exists already, with another content"):
        write_form(path, yaml_form(reading(), CONTENT, "x.sql"), really=True)
    assert path.read_text() == "id: mine\n"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_again_is_up_to_date(tmp_path: Path) -> None:
    path, text = tmp_path / "x.yml", yaml_form(reading(), CONTENT, "x.sql")
    write_form(path, text, really=True)
    assert write_form(path, text, really=True) == f"{path} is up to date"


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.yml"
    assert write_form(path, yaml_form(reading(), CONTENT, "x.sql"), really=False) == f"{path} would be written"
    assert list(tmp_path.iterdir()) == []


def test_what_deploy_would_refuse_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    wrong = {"id": "0042_sale", "indexes": [{"table": "Sale"}]}
    with pytest.raises(Conversion) as raised:
        write_form(path, yaml_form(reading(), wrong, "x.sql"), really=True)
    assert re.search(r"/x\.yml:\d+: indexes\[0\]", str(raised.value))
    assert "no file was" in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Conversion, match="cannot be written"):
        write_form(tmp_path / "file" / "x.yml", "id: x\n", really=True)
    (tmp_path / "folder.yml").mkdir()
    with pytest.raises(Conversion, match="exists already"):
        write_form(tmp_path / "folder.yml", "id: x\n", really=True)
    with pytest.raises(Conversion, match=r"ends in \.yml"):
        write_form(tmp_path / "x.sql", "id: x\n", really=True)
