# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Which migrations of a folder are pending, by what the journal says."""

from __future__ import annotations

from typing import Any

from ansible_collections.steady.postgresql.plugins.module_utils._deploy.folder import pending_of


def migration(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, **more}


def newest(**status: str) -> dict[str, dict[str, Any]]:
    return {
        name: {"id": f"d-{name}", "status": value, "migration": migration(name), "date": "2026-01-01"}
        for name, value in status.items()
    }


def ids(*migrations: dict[str, Any], **status: str) -> list[str]:
    found = pending_of({"id": "migrations", "migrations": list(migrations)}, newest(**status), "public")
    return [one["id"] for one in found.pending]


def test_pending_is_what_has_no_deployment_that_stands() -> None:
    five = [migration(name) for name in ("a", "b", "c", "d", "e")]
    states = {"a": "succeeded", "b": "rolled_back", "c": "failed", "d": "partly_rolled_back"}
    assert ids(*five, **states) == ["b", "c", "d", "e"]
    assert ids(*five) == ["a", "b", "c", "d", "e"]
    assert ids(*five, **dict.fromkeys("abcde", "succeeded")) == []


def test_what_cannot_be_read_matters_only_while_it_is_pending() -> None:
    both = [migration("a", unreadable="a.sql:1: no"), migration("b")]
    assert ids(*both, a="succeeded") == ["b"]
    assert ids(*both) == ["a", "b"]


def test_a_pending_one_before_a_deployed_one_is_noted() -> None:
    data = {"id": "migrations", "migrations": [migration("a"), migration("b"), migration("c")]}
    assert pending_of(data, newest(b="succeeded"), "public").notes == [
        "a: before b in the folder, which was deployed already"
    ]
    assert pending_of(data, newest(a="succeeded"), "public").notes == []


def test_other_content_than_what_was_deployed_is_noted() -> None:
    index = {"table": "Pet", "columns": ["name"]}
    data = {"id": "migrations", "migrations": [migration("a", indexes=[index])]}
    assert pending_of(data, newest(a="succeeded"), "public").notes == [
        "a was deployed with other content on 2026-01-01 (deployment d-a)"
    ]
