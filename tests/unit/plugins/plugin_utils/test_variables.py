# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""N1: the variables of a run are names that there are, and values that the collection has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.steady.postgresql.plugins.plugin_utils._variables import (
    _VALUES,
    known_variables,
    misspelt,
    relation_problems,
    value_problem,
)
from unit.results import ROOT

KNOWN = known_variables(ROOT / "roles", lambda path: yaml.safe_load(Path(path).read_text(encoding="utf-8")))
#: Any text may be right: paths, names, ids, addresses.
FREE = {
    "baseline",
    *("artifacts_dir", "backup", "backup_dir", "confirm", "database_url", "decrypt_identity", "deployment"),
    *("programs_dir", "scratch_dir", "supabase_cli", "dir", "existing", "fetch_to", "proof_url", "plan_hash"),
    *("maintenance_database", "prometheus", "monitor_prometheus", "convert_to"),
}


def problem(name: str, value: Any) -> str | None:
    return value_problem(KNOWN[name], value)


def test_every_documented_variable_is_known_and_every_known_one_documented() -> None:
    text = (ROOT / "docs" / "inventories.md").read_text(encoding="utf-8") + (ROOT / "docs" / "backups.md").read_text(
        encoding="utf-8"
    )
    table = {
        name for line in text.splitlines() if line.startswith("| `") for name in re.findall(r"`(steady_\w+)`", line)
    }
    assert table == {name for name in KNOWN if name.startswith("steady_")}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_text_has_choices_or_a_rule_or_is_free(name: str) -> None:
    """Whoever adds a variable says what it may be."""
    variable = KNOWN[name]
    if variable.type in ("str", "raw") and not variable.choices:
        judged = any(name.endswith(end) for end in _VALUES)
        assert judged != (name.split("_", 1)[1] in FREE), name


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_the_roles_have_by_themselves_is_valid(name: str) -> None:
    default = KNOWN[name].default
    if not isinstance(default, str) or "{{" not in default:
        assert default is None or problem(name, default) is None


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steady_lock_patience", "300", '"300" is not a duration'),
        ("steady_lock_patience", 300, "is not a duration"),
        ("steady_lock_patience", None, "is empty"),
        ("steady_lock_patience", "1000h", "longer than PostgreSQL's lock_timeout can be"),
        ("apply_lock_patience", "ten minutes", "apply_lock_patience"),
        ("steady_lock_budget", "0ms", "longer than nothing"),
        ("steady_lock_budget", ["100ms"], "not a list"),
        ("steady_max_replica_lag", "never", "not a duration"),
        ("steady_disk_allowance", "20", "not a size"),
        ("steady_on_blocker", "kill", "is not one of wait, cancel, terminate"),
        ("steady_on_blocker_roles", [{"a": 1}], "a list of texts"),
        ("steady_parallel", 0, "from 1 on"),
        ("steady_parallel", True, "not a whole number"),
        ("steady_parallel", 1.5, "not a whole number"),
        ("backup_keep_count", 0, "from 1 on"),
        ("backup_compression", "brotli", "no compression"),
        ("backup_proof", "full", "list, read, restore"),
        ("steady_expect", "clinic", "a mapping is wanted"),
        ("steady_expect", {"databse": "x"}, 'no key "databse"'),
        ("steady_probes", "maybe", "neither true nor false"),
        ("steady_preflight_severity", {"old_transaction": "fatal"}, "no severity"),
        ("steady_backup_elsewhere", "barman", "no sentence"),
        ("steady_backup_dir", True, "a text is wanted"),
        ("steady_webhook_url", "hooks.example/secret", "http://"),
        ("steady_migration", 7, "a path or a mapping"),
        ("steady_migration", ["a.sql", 7], "also a list"),
        ("steady_accept", "data_loss", "a list of mappings with hazard, object, because is wanted"),
        ("steady_accept", [{"hazard": "data_lost"}], "[0]: object is missing"),
        ("steady_accept", [{"hazard": "data_lost", "object": "a", "because": "b"}], 'did you mean "data_loss"?'),
        ("steady_accept", [{"hazard": "data_loss", "object": "a", "because": " "}], "because is missing"),
        ("steady_accept", [{"hazzard": "data_loss"}], 'unknown key "hazzard"; did you mean "hazard"?'),
        ("steady_review_formats", ["github", "junit"], 'no format "junit"'),
        ("steady_serial", "some", "neither a number"),
        ("steady_serial", 0, "from 1 on"),
        ("steady_serial", [1, "0%"], "from 1 on"),
        ("steady_serial", "101%", "from 1% to 100%"),
        ("steady_max_fail_percentage", 101, "from 0 to 100"),
    ],
)
def test_a_value_that_is_none(name: str, value: Any, said: str) -> None:
    found = problem(name, value)
    assert found is not None
    assert found.startswith(f"{name}: ")
    assert said in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steady_lock_patience", "10m"),
        ("steady_max_replica_lag", False),
        ("steady_max_replica_lag", "off"),
        ("steady_disk_allowance", ""),
        ("steady_parallel", "2"),
        ("steady_parallel", None),
        ("steady_confirm", 2026),
        ("steady_probes", "no"),
        ("steady_rollback_only", "public.a,public.b"),
        ("steady_on_blocker_roles", ["a"]),
        ("steady_expect", {"database": "clinic", "system_identifier": 7404316832764109825}),
        ("steady_preflight_severity", {"old_transaction": "blocker"}),
        ("steady_migration", {"id": "x"}),
        ("steady_migration", ["a.sql", "b/*.sql"]),
        ("steady_accept", [{"hazard": "data_loss", "object": "public.Sale.notes", "because": "unused"}]),
        ("steady_review_formats", "github,gitlab"),
        ("steady_monitor_for", "720h"),
        ("steady_serial", [1, "30%"]),
        ("backup_exclude_schemas", []),
        ("backup_exclude_schemas", "audit"),
        ("backup_compression", "zstd:3"),
    ],
)
def test_a_value_that_is_right(name: str, value: Any) -> None:
    assert problem(name, value) is None


def test_names_that_are_none() -> None:
    given = {
        "steady_lock_patince": "5m",
        "steady_patience": "5m",
        "steady_timeout": "5m",
        "steady_database_url": "postgresql://u:{{ steady_db_password | urlencode }}@h/d",
        "steady_db_password": "x",
        "steady_expect": {"database": "{{ steady_name }}"},
        "steady_name": "clinic",
        "backup_prof": "restore",
        "restore_swp": False,
        "backup_host": "b",
        "clinic_address": "h",
    }
    assert misspelt(given, {"backup_prof": "restore", "backup_host": "b"}, KNOWN) == [
        "backup_prof: there is no such variable; backup_proof is meant?",
        "steady_lock_patince: there is no such variable; steady_lock_patience is meant?",
        "steady_patience: there is no such variable; steady_lock_patience is meant?",
        "steady_timeout: there is no such variable",
    ]


def test_values_that_do_not_go_together() -> None:
    def problems(**values: Any) -> list[str]:
        return relation_problems(values.get)

    assert len(problems(steady_on_blocker="cancel")) == 1
    assert problems(steady_on_blocker="cancel", steady_on_blocker_roles=["a"]) == []
    assert problems(steady_on_blocker="wait") == []
    assert len(problems(apply_on_blocker="terminate", rollback_on_blocker_roles=["a"])) == 1
    assert len(problems(backup_encrypt_to=["a"])) == 1
    assert len(problems(backup_encrypt_with="age")) == 1
    assert len(problems(steady_backup_method="supabase_cli", backup_proof="restore")) == 1
