# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""T6: a module that gave no answer is told from one that failed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.plugin_utils._execution import _answered

UNPARSED = {"failed": True, "msg": "Module result deserialization failed: No start of json char found"}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"rc": 127, "module_stdout": "", "module_stderr": "/bin/sh: 1: /nope: not found\n"}, "/nope: not found"),
        ({"rc": 1, "module_stdout": "\r\nFatal Python error: x\r\n", "module_stderr": "Shared"}, "Fatal Python error"),
        ({"rc": 1, "module_stdout": ""}, "it wrote nothing"),
    ],
)
def test_a_python_that_does_not_start(result: dict[str, Any], words: str) -> None:
    said = _answered({**UNPARSED, **result})
    assert (said["status"], said["changed"], said["failed"]) == ("failed", False, True)
    assert said["msg"].startswith(f"The module did not start on its host (exit status {result['rc']}): ")
    assert words in said["msg"]
    assert "set ansible_python_interpreter" in said["msg"]
    assert "deserialization" not in said["msg"]


@pytest.mark.parametrize("code", [-9, 137])
def test_a_module_that_was_killed_may_have_done_something(code: int) -> None:
    said = _answered({**UNPARSED, "rc": code, "module_stdout": "", "module_stderr": "Killed"})
    assert "was ended on its host" in said["msg"]
    assert "nothing was changed" not in said["msg"]


@pytest.mark.parametrize(
    "result", [{"changed": True, "status": "succeeded"}, {"failed": True, "status": "failed", "msg": "x"}, UNPARSED]
)
def test_an_answer_stays_as_it_is(result: dict[str, Any]) -> None:
    assert _answered(dict(result)) == result
