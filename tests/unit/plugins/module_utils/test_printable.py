# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S20: what a terminal obeys is shown instead; a value that is kept stays what it is."""

from __future__ import annotations

import json
import traceback

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._module import _without_secrets
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from ansible_collections.steady.postgresql.plugins.module_utils._support.plain import plain
from ansible_collections.steady.postgresql.plugins.module_utils._support.values import printable
from ansible_collections.steady.postgresql.plugins.plugin_utils._artifacts import json_text
from ansible_collections.steady.postgresql.plugins.plugin_utils._notify import message
from unit.results import came_to, refused

ESCAPES = "\x1b]0;x\x07 \x9b2J \r \u202e \u2066 \x00 \x7f"


@pytest.mark.parametrize("character", "\x00\x07\x08\r\x1b\x7f\x85\x9b\u061c\u200e\u2028\u202e\u2069")
def test_what_is_obeyed_is_written_out(character: str) -> None:
    shown = printable(f"a{character}b")
    assert character not in shown
    assert shown.isprintable()


@pytest.mark.parametrize("text", ["two\nlines\tand a tabulator", "Krämer 表 👩\u200d⚕️ نیم\u200cفاصله", "\\x1b"])
def test_all_else_stays(text: str) -> None:
    assert printable(text) == text


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert printable("caf\udce9") == "caf\\xe9"


def test_a_value_keeps_its_control_characters() -> None:
    """What is judged on the controller is the row's own value."""
    assert plain({"a": "x\r\x1b"}) == {"a": "x\r\x1b"}


def test_result_json_means_the_same_and_obeys_nothing() -> None:
    text = json_text({"object": ESCAPES})
    assert json.loads(text) == {"object": ESCAPES}
    assert printable(text) == text


def test_a_webhook_gets_none() -> None:
    result = came_to(plan={**refused(), "msg": f"no {ESCAPES}"})
    assert "\x1b" in result["error"]
    assert printable(message(result)) == message(result)


def test_an_unexpected_error_has_no_secret_and_no_escapes() -> None:
    """The words of a library repeat what they were given: an address, a password, a name from the database."""
    url = "postgresql://app:correct%20horse@db/clinic"
    parameters = {"database_url": url, "proof_url": "not an address", "show_rows": True}
    error = ValueError(f"{url} correct horse \x1b[2J")
    assert _without_secrets(parameters, error)(f"ValueError: {error}") == "ValueError: *** *** \\x1b[2J"


def test_an_unexpected_error_has_no_values_of_rows() -> None:
    shown = ""
    try:
        try:
            int("a patient's name")
        except ValueError as error:
            raise KeyError("column") from error
    except KeyError as unexpected:
        shown = _without_secrets({}, unexpected)(traceback.format_exc())
    assert "a patient's name" not in shown.replace('int("a patient', "")
    assert "KeyError: 'column'" in shown


def test_an_error_of_ours_is_cleaned_where_it_leaves_the_module() -> None:
    assert "\x1b" in str(SteadyError(f"index {ESCAPES}"))
    assert "\x1b" not in printable(str(SteadyError(f"index {ESCAPES}")))
