# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema of migration files, and its copy for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_schema import schema

COPY = Path(__file__).resolve().parents[4] / "docs" / "migration.schema.json"


def every_schema(node):
    """Each schema inside ``node``, itself included."""
    yield node
    parts = [node.get(key) for key in ("items", "if", "then", "else", "additionalProperties")]
    for child in (*node.get("properties", {}).values(), *parts):
        if isinstance(child, dict):
            yield from every_schema(child)


def test_it_is_a_schema():
    Draft202012Validator.check_schema(schema())


def test_every_mapping_is_closed_and_every_key_described():
    for node in every_schema(schema()):
        if node.get("type") == "object" or "object" in node.get("type", ()):
            assert node["additionalProperties"] is not True
        for name, child in node.get("properties", {}).items():
            if "const" not in child:
                assert child.get("description"), name


def test_nothing_stands_in_it_that_has_no_message():
    """What _migration_shape puts into words; a keyword more needs words of its own."""
    spoken = {
        "additionalProperties",
        "required",
        "type",
        "enum",
        "pattern",
        "minLength",
        "minItems",
        "exclusiveMinimum",
    }
    silent = {"$schema", "title", "description", "default", "properties", "items", "if", "then", "else", "const"}
    silent.add("patternProperties")  # left out by the reader
    assert {key for node in every_schema(schema()) for key in node} <= spoken | silent
    assert [node for node in every_schema(schema()) if "pattern" in node] == [schema()["properties"]["id"]]
    assert list(schema()["patternProperties"]) == ["^x-"]


def test_the_copy_in_the_docs_is_up_to_date():
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("STEADY_WRITE_SCHEMA"):
        COPY.write_text(text, encoding="utf-8")
    if not COPY.is_file() or COPY.read_text(encoding="utf-8") != text:
        pytest.fail(
            "docs/migration.schema.json is not what _migration_schema.schema() says; write it anew with\n"
            "  STEADY_WRITE_SCHEMA=1 pytest tests/unit/plugins/plugin_utils/test_migration_schema.py"
        )
