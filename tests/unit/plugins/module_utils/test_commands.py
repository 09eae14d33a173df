# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S19: a command that is printed can be pasted, whatever names are in it: a shell, Ansible and Jinja read the value."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.commands import variable

NAMES = [
    "clinic",
    "20261122T215339Z-4f1c",
    "/var/backups/clinic-eu/2026@x",
    "clinic-eu 1",
    "it's",
    'say "x"',
    "{{ 7 * 7 }}",
    "{% raw %}{# x #}",
    "a={b: [c]}",
    "[x]",
    "F/x; touch marker #",
    "$(touch marker)`touch marker`",
    "back\\slash",
    "Krämer",
    "\x1b]0;x\x07",
    "no",
    "1e3",
    "",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a playbook gets, by what was meant: the options pasted into a shell, all at once."""
    folder = tmp_path_factory.mktemp("pasted")
    names = {f"steady_v{number}": name for number, name in enumerate(NAMES)}
    options = " ".join(variable(name, value) for name, value in names.items())
    tasks = [{"ansible.builtin.copy": {"dest": str(folder / name), "content": f"{{{{ {name} }}}}"}} for name in names]
    (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    program = Path(sys.executable).parent / "ansible-playbook"
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_JINJA2_NATIVE": "false"}
    command = f"{shlex.quote(str(program))} -c local -e ansible_python_interpreter={sys.executable} play.yml {options}"
    pasted = ["sh", "-c", command]
    done = subprocess.run(
        pasted, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert not (folder / "marker").exists()
    return {value: (folder / name).read_text(encoding="utf-8") for name, value in names.items()}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_pasted_is_what_was_meant(seen: dict[str, str], name: str) -> None:
    assert seen[name] == name


def test_what_needs_no_quotes_has_none() -> None:
    assert variable("steady_confirm", "clinic") == "-e steady_confirm=clinic"
