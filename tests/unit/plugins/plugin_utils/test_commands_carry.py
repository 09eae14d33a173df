# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""T5: commands that are printed run as they are printed, with what the command line gave; and no secret is in them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
import yaml

from ansible_collections.steady.postgresql.plugins.plugin_utils._commands import carried


def words(*options: str) -> list[str]:
    """What a shell makes of them, without the -e."""
    return [word for word in shlex.split(" ".join(carried(options, yaml.safe_load))) if word != "-e"]


def test_what_another_run_needs_is_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert words(
        f"@{tmp_path}/more.yml",
        "steady_artifacts_dir=/a steady_backup_dir='/b c'",
        "steady_database_url=postgresql://u@h/d",
        '{"steady_parallel": 2, "steady_expect": {"database": "x"}, "env": "prod"}',
        "ansible_connection=local",
        "ansible_python_interpreter={{ ansible_playbook_python }}",
        "steady_parallel=3",
    ) == [
        "@more.yml",
        "steady_artifacts_dir=/a",
        '{"steady_backup_dir": "/b c"}',
        "steady_database_url=postgresql://u@h/d",
        "steady_parallel=3",
        '{"steady_expect": {"database": "x"}}',
        "env=prod",
        "ansible_connection=local",
        '{"ansible_python_interpreter": "{{ ansible_playbook_python }}"}',
    ]


def test_what_was_for_one_run_is_not() -> None:
    assert (
        words("steady_serial=1 steady_deployment=x steady_confirm=d restore_swap=false steady_rollback_partial=1") == []
    )


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("steady_database_url=postgresql://u:hunter2@h/d", "steady_database_url"),
        ("steady_database_url='host=h password=hunter2'", "steady_database_url"),
        ("steady_database_url=postgresql://h/d?password=hunter2", "steady_database_url"),
        ("backup_proof_url=postgresql://u:hunter2@h/d", "backup_proof_url"),
        ("steady_webhook_url=https://hooks.example/hunter2", "steady_webhook_url"),
        ("steady_db_password=hunter2", "steady_db_password"),
        ("ansible_become_password=hunter2", "ansible_become_password"),
        ("API_TOKEN=hunter2", "API_TOKEN"),
        ("mine=postgresql://u:hunter2@h/d", "mine"),
        (json.dumps({"mine": {"password": "x", "url": "postgresql://u:hunter2@h/d"}}), "mine"),
        (json.dumps({"steady_migration": {"id": "hunter2"}}), "steady_migration"),
    ],
)
def test_of_a_secret_only_the_name(option: str, name: str) -> None:
    assert words(option) == [f"{name}=…"]


def test_what_a_vault_hides_stays_hidden() -> None:
    def load(_text: str) -> dict[str, str]:
        return {"mine": "hunter2"}

    assert carried(["{mine: !vault hunter2}"], load) == ["-e 'mine=…'"]
