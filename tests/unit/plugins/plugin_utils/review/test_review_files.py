# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a review and the lines for pipelines: each in its format, whatever the SQL file says."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.values import OBEYED
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.files import write_review
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.github import quiet, workflow_commands
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.problem import Unreadable
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.remarks import RULES, Remark, remarks
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.review import Review
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import HAZARDS
from unit.readings import EVIL, FILE, another_way, as_written, decision, evil, not_carried_out, not_understood, reading
from unit.results import ROOT

SCHEMA = json.loads((ROOT / "docs" / "review.schema.json").read_text(encoding="utf-8"))
NAMES = {"review.json", "review.sarif", "review.md", "review.html", "junit.xml"}


def everything() -> Review:
    """A review with something of everything."""
    statements = (as_written(), another_way(), decision(), decision(8, "unused"), not_understood(), not_carried_out())
    unused = (f"{FILE}:20:3: accepts blocks_reads, which no statement has",)
    return Review(
        (reading(*statements, unused=unused, notes=("a note",)),), (Unreadable("b.sql", 2, 5, "wrong"),), ("n",)
    )


def hostile() -> Review:
    return Review((evil(),), (Unreadable(EVIL, 2, None, EVIL),), (EVIL,))


def written(folder: Path, review: Review, *formats: str) -> Path:
    return write_review(folder, review, remarks(review), "db1", "0.5.0", formats)


@pytest.fixture(params=[everything, hostile, lambda: Review(())], ids=["everything", "hostile", "nothing"])
def review(request: pytest.FixtureRequest) -> Review:
    return request.param()


class TestFiles:
    def test_a_folder_has_all_of_them_for_its_user_alone(self, tmp_path: Path, review: Review) -> None:
        folder = written(tmp_path, review)
        assert {path.name for path in folder.iterdir()} == NAMES
        assert folder.parent == tmp_path
        assert (tmp_path / "latest-review").resolve() == folder.resolve()
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_no_review_is_written_over_another(self, tmp_path: Path) -> None:
        first, second = written(tmp_path, everything()), written(tmp_path, everything())
        assert [first.name, second.name] == ["0042_sale.review", "0042_sale.review.2"]
        assert (tmp_path / "latest-review").resolve() == second.resolve()

    def test_json_is_as_its_schema_says(self, tmp_path: Path, review: Review) -> None:
        content = json.loads((written(tmp_path, review) / "review.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        assert [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)] == []
        assert content["passed"] is review.passed
        assert content["counts"]["statements"] == len(list(review.statements))

    def test_no_file_has_what_a_terminal_obeys(self, tmp_path: Path, review: Review) -> None:
        for path in written(tmp_path, review, "gitlab").iterdir():
            assert OBEYED.search(path.read_text(encoding="utf-8").replace("\r", "")) is None, path.name

    def test_junit_counts_what_fails(self, tmp_path: Path) -> None:
        root = ElementTree.parse(written(tmp_path, everything()) / "junit.xml").getroot()
        suites = {one.get("name"): (one.get("tests"), one.get("failures")) for one in root}
        assert suites == {"files": ("2", "2"), "0042_sale": ("6", "2")}

    def test_junit_of_hostile_texts_is_xml(self, tmp_path: Path) -> None:
        assert ElementTree.parse(written(tmp_path, hostile()) / "junit.xml").getroot().tag == "testsuites"


def test_the_schema_names_the_hazards_that_there_are() -> None:
    named = SCHEMA["$defs"]["statement"]["properties"]["hazards"]["items"]["properties"]["name"]["enum"]
    assert named == list(HAZARDS)


class TestPages:
    def test_markdown_shows_what_to_decide(self, tmp_path: Path) -> None:
        text = (written(tmp_path, everything()) / "review.md").read_text(encoding="utf-8")
        assert text.startswith("## Review: action needed\n\n5 of 6 statements understood: ")
        assert (
            "| db/0042\\_sale.sql:7 | drop column notes of public.Sale | data\\_loss: public.Sale.notes | The" in text
        )
        assert "\n-- steady: accept data_loss because …\n" in text
        assert "| db/0042\\_sale.sql:8 | data\\_loss: public.Sale.notes | unused |" in text
        assert "- b.sql:2:5: wrong" in text

    def test_names_cannot_break_out_of_markdown(self, tmp_path: Path) -> None:
        """Each line that begins a table's row has as many cells as its head; nobody is called."""
        text = (written(tmp_path, hostile()) / "review.md").read_text(encoding="utf-8")
        assert "@all" not in text
        assert re.search(r"(?<!\\)<(?!/?details>|/?summary>)", text) is None
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(cells) == 1, table

    def test_a_long_table_says_how_many_more(self, tmp_path: Path) -> None:
        many = Review((reading(*(decision(line) for line in range(1, 151))),))
        text = (written(tmp_path, many) / "review.md").read_text(encoding="utf-8")
        assert "\n\n… and 100 more: review.html has all of them.\n" in text
        assert text.count("| drop column notes") == 50

    def test_html_escapes_names_and_shows_each_statement(self, tmp_path: Path) -> None:
        text = (written(tmp_path, hostile()) / "review.html").read_text(encoding="utf-8")
        assert "<b>" not in text
        assert text.count("</script>") == 0
        text = (written(tmp_path, everything()) / "review.html").read_text(encoding="utf-8")
        for line in (1, 3, 7, 8, 9, 11):
            assert f"<tr><td>{FILE}:{line}</td>" in text


# -- lines for pipelines -----------------------------------------------------------------------------------------------


def obeyed_by_the_runner(line: str) -> tuple[str, dict[str, str], str] | None:
    """A workflow command as GitHub's runner reads it: name, properties, data; None: it is only shown."""
    found = re.fullmatch(r"\s*::([\w-]+)(?: ([^:]*))?::(.*)", line, re.DOTALL)
    if found is None:
        return None
    properties = dict(one.split("=", 1) for one in (found[2] or "").split(",") if one)
    return found[1], {key: _unescaped(value) for key, value in properties.items()}, _unescaped(found[3])


def _unescaped(text: str) -> str:
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, character)
    return text


class TestGitHub:
    def test_a_remark_is_read_as_it_was_meant(self) -> None:
        one = Remark("data_loss", "error", "a, b:c/100%.sql", 7, 3, "public.Sale", "50 %25\nof it: gone, all")
        (line,) = workflow_commands([one])
        title = {"title": "data_loss: public.Sale"}
        assert obeyed_by_the_runner(line) == (
            "error",
            {"file": "a, b:c/100%.sql", "line": "7", "col": "3", **title},
            "50 %25\nof it: gone, all",
        )

    def test_every_remark_is_one_line_and_one_command(self, review: Review) -> None:
        lines = workflow_commands(remarks(review))
        assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
        assert not [line for line in lines if "\n" in line or "##[" in line]

    def test_the_runner_obeys_nothing_between_stop_and_its_token(self) -> None:
        first, inside, last = quiet(["::error::x"])
        token = first.removeprefix("::stop-commands::")
        assert re.fullmatch(r"[0-9a-f]{32}", token)
        assert (inside, last) == ("::error::x", f"::{token}::")
        assert quiet([]) != quiet([])


def test_gitlab_has_all_that_it_needs_and_fingerprints_that_differ(tmp_path: Path, review: Review) -> None:
    content = json.loads((written(tmp_path, review, "gitlab") / "gl-code-quality-report.json").read_text("utf-8"))
    assert len(content) == len(remarks(review))
    for one in content:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert one["location"]["lines"]["begin"] >= 1
    assert len({one["fingerprint"] for one in content}) == len(content)


def test_a_fingerprint_stays_when_lines_are_added_above(tmp_path: Path) -> None:
    """Otherwise each push would close and open all remarks."""

    def prints(line: int) -> list[str]:
        folder = written(tmp_path, Review((reading(decision(line)),)), "gitlab")
        return [one["fingerprint"] for one in json.loads((folder / "gl-code-quality-report.json").read_text("utf-8"))]

    assert prints(7) == prints(70)


class TestSarif:
    def log(self, folder: Path, review: Review) -> dict[str, Any]:
        return json.loads((written(folder, review) / "review.sarif").read_text(encoding="utf-8"))

    def test_it_has_what_the_standard_and_github_require(self, tmp_path: Path, review: Review) -> None:
        """Checked once against the schema of OASIS, which is not part of this project; here what it demands."""
        log = self.log(tmp_path, review)
        assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert [rule["id"] for rule in rules] == list(RULES)
        assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
        assert len(run["results"]) == len(remarks(review))
        for one in run["results"]:
            assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
            assert one["level"] in ("error", "warning")
            assert one["message"]["text"]
            place = one["locations"][0]["physicalLocation"]
            assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", place["artifactLocation"]["uri"])
            assert place["region"]["startLine"] >= 1
            assert place["region"]["startColumn"] >= 1

    def test_a_result_is_where_the_statement_is(self, tmp_path: Path) -> None:
        (one,) = self.log(tmp_path, Review((reading(decision()),)))["runs"][0]["results"]
        assert one["ruleId"] == "data_loss"
        place = one["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": FILE, "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] == 7

    def test_what_is_decided_is_no_result(self, tmp_path: Path) -> None:
        assert self.log(tmp_path, Review((reading(decision(accepted="why")),)))["runs"][0]["results"] == []
