# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a migration file, and reading it: each mistake on one line with its place, all at once, no traceback ever."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._migration.migration import Migration
from ansible_collections.steady.postgresql.plugins.plugin_utils import _expectation, _migration_file, _migration_shape
from ansible_collections.steady.postgresql.plugins.plugin_utils._migration_file import (
    MigrationFileError,
    find,
    find_folder,
    load,
    load_folder,
)
from ansible_collections.steady.postgresql.plugins.plugin_utils._sql.values import Decision

MIGRATIONS = Path(__file__).resolve().parents[4] / "migrations"

VALID = b"""\
---
id: m
description: Everything that a migration can say
schema: public
columns:
  - {table: CashDrawer, name: openedById, nullable: true}
indexes:
  - &index
    table: Appointment
    columns: [tenantId, status, {name: dateTime, order: desc, nulls: last}]
  - <<: *index
    name: other_idx
    where: '"isActive"'
    include: [email]
    storage_parameters: {fillfactor: 70, deduplicate_items: on}
  - {name: old_idx, table: Sale, state: absent}
foreign_keys:
  - name: CashDrawer_openedById_fkey
    table: CashDrawer
    columns: [openedById]
    references: {table: User, columns: [id]}
    on_delete: set_null
    on_update: cascade
verification:
  unchanged_counts: [Tenant, Sale]
  queries:
    - {name: no orphans, sql: 'SELECT 0 AS orphans', expect: "[0].orphans == `0`"}
probes:
  - name: a user who opened a cash drawer can be deleted
    params: 'SELECT "openedById" AS user_id FROM "CashDrawer" WHERE "openedById" IS NOT NULL LIMIT 1'
    sql: 'DELETE FROM "User" WHERE id = %(user_id)s'
    expect: "rowcount == `1`"
queries:
  - {name: upcoming, params: 'SELECT 1', sql: 'SELECT 2', uses_index: other_idx, min_speedup: 2.5}
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a migration of the given content and gives its problems, one a line, without "m.yml"."""
    monkeypatch.chdir(tmp_path)

    def problems(content):
        file = tmp_path / "m.yml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        with pytest.raises(MigrationFileError) as raised:
            load(file)
        lines = str(raised.value).split("\n")
        assert all(line.startswith("m.yml") for line in lines)
        return [line[len("m.yml") :] for line in lines]

    return problems


class TestFind:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        for name in (
            "here/local.yml",
            "one/first.yml",
            "one/second.yaml",
            "one/notes.txt",
            "two/first.yml",
            "two/x.yml",
            "two/V3__keys.sql",
            "two/20260101_prisma/migration.sql",
            "two/20260102_next/migration.sql",
        ):
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True, parents=True)
            file.touch()
        monkeypatch.chdir(tmp_path / "here")
        self.search = [tmp_path / "one", tmp_path / "two"]
        self.root = tmp_path

    @pytest.mark.parametrize(
        ("name", "file"),
        [
            ("first", "one/first.yml"),
            ("second", "one/second.yaml"),
            ("x", "two/x.yml"),
            ("x.yml", "two/x.yml"),
            ("local.yml", "here/local.yml"),
            ("./local.yml", "here/local.yml"),
            ("../two/first.yml", "two/first.yml"),
            ("../one/notes.txt", "one/notes.txt"),
            ("V3__keys", "two/V3__keys.sql"),
            ("V3__keys.sql", "two/V3__keys.sql"),
            ("20260101_prisma", "two/20260101_prisma/migration.sql"),
            ("../two/20260101_prisma", "two/20260101_prisma/migration.sql"),
            ("../two/20260101_prisma/migration.sql", "two/20260101_prisma/migration.sql"),
        ],
    )
    def test_found(self, name, file):
        assert find(name, self.search).resolve() == (self.root / file).resolve()

    def test_an_absolute_path(self):
        assert find(str(self.root / "one/first.yml"), []) == self.root / "one/first.yml"

    def test_the_home_directory(self, monkeypatch):
        monkeypatch.setenv("HOME", str(self.root))
        assert find("~/one/first.yml", []) == self.root / "one/first.yml"

    def test_a_name_that_is_a_file_here(self):
        (self.root / "here/first").touch()
        assert find("first", self.search) == Path("first")

    def test_a_directory_of_the_name_is_in_nobodys_way(self):
        (self.root / "here/first").mkdir()
        assert find("first", self.search) == self.root / "one/first.yml"

    def check(self, name, message):
        with pytest.raises(MigrationFileError) as raised:
            find(name, self.search)
        assert str(raised.value) == message.replace("ROOT", str(self.root))

    def test_a_name_that_is_nowhere_with_the_nearest(self):
        self.check(
            "frist",
            'there is no migration "frist"; looked for frist.yml, frist.yaml, frist.sql, '
            'frist/migration.sql or frist/up.sql in ROOT/one and in ROOT/two; did you mean "first"?',
        )

    def test_a_name_that_is_nowhere_with_what_is_there(self):
        self.check(
            "zzz",
            'there is no migration "zzz"; looked for zzz.yml, zzz.yaml, zzz.sql, zzz/migration.sql or zzz/up.sql in '
            "ROOT/one and in ROOT/two; there are: first, second, 20260101_prisma, 20260102_next, V3__keys, x",
        )

    def test_a_bare_file_name_that_is_nowhere(self):
        self.check(
            "secnod.yaml",
            'there is no migration "secnod.yaml"; looked for secnod.yaml, secnod.yaml/migration.sql or '
            'secnod.yaml/up.sql in . and in ROOT/one and in ROOT/two; did you mean "second"?',
        )

    def test_a_path_that_is_nowhere(self):
        self.check(
            "../one/frist.yml",
            'there is no migration "../one/frist.yml"; looked for ../one/frist.yml; did you mean "../one/first.yml"?',
        )

    def test_a_directory_that_is_nowhere(self):
        self.check("nowhere/x", 'there is no migration "nowhere/x"; looked for nowhere/x; there are: none')

    def test_a_folder_of_migrations(self):
        self.check(
            "../two", "../two is a folder of 5 migrations, and a deployment has one: name it, such as ../two/x.yml"
        )

    def test_nowhere_to_look(self):
        with pytest.raises(MigrationFileError) as raised:
            find("first", [])
        assert str(raised.value) == 'there is no migration "first"; looked for nothing; there are: none'

    def test_two_endings_of_one_name(self):
        (self.root / "one/first.yaml").touch()
        self.check(
            "first",
            'the migration "first" could be ROOT/one/first.yml or ROOT/one/first.yaml: remove one, or give the path',
        )

    @pytest.mark.parametrize("name", ["", "  ", None, 1, ["x"]])
    def test_no_name(self, name):
        self.check(name, "no migration is named: say which one, by its name in migrations/ or by a path")

    @pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "~nobody-there/x", "a\nb", "/"])
    def test_strange_names(self, name):
        with pytest.raises(MigrationFileError, match="there is no migration"):
            find(name, self.search)


class TestSql:
    """A file in SQL becomes what a file in YAML becomes."""

    NOT_NULL = 'ALTER TABLE "Sale" ALTER notes SET NOT NULL;'

    @pytest.fixture
    def file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "20260101_notes").mkdir()
        return Path("20260101_notes/migration.sql")

    def test_it_has_the_entries_and_where_they_stand(self, file):
        file.write_text('\nCREATE INDEX i ON "Sale" (total);\n')
        assert load(file) == {
            "id": "20260101_notes",
            "indexes": [
                {
                    "table": "Sale",
                    "name": "i",
                    "columns": ["total"],
                    "on_conflict": "refuse",
                    "on_equivalent": "create",
                }
            ],
            "sources": {"indexes": ["20260101_notes/migration.sql:2"]},
        }

    def test_the_inventory_decides_too(self, file):
        file.write_text(self.NOT_NULL)
        with pytest.raises(MigrationFileError, match=r"migration.sql:1:1: .* needs a decision: breaks_running"):
            load(file)
        made = [Decision("breaks_running_application", "always written", "steady_accept", 1, "Sale.notes")]
        assert load(file, made)["columns"] == [{"table": "Sale", "name": "notes", "nullable": False}]

    def test_a_decision_about_nothing_is_a_mistake(self, file):
        file.write_text(f"-- steady: accept data_loss because it is old\n{self.NOT_NULL}")
        with pytest.raises(MigrationFileError, match=r"^20260101_notes/migration.sql:1: "):
            load(file, [Decision("breaks_running_application", "always written", "steady_accept", 1, "Sale.notes")])


class TestFile:
    def check(self, path, message):
        with pytest.raises(MigrationFileError) as raised:
            load(path)
        assert str(raised.value) == message

    def test_not_there(self, tmp_path):
        self.check(tmp_path / "x.yml", f"{tmp_path}/x.yml: cannot be read: No such file or directory")

    def test_a_directory(self, tmp_path):
        self.check(tmp_path, f"{tmp_path}: is a directory: name a file in it")

    def test_a_device(self):
        self.check(Path("/dev/zero"), "/dev/zero: is not a regular file")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_not_allowed(self, tmp_path):
        (tmp_path / "x.yml").touch(0o000)
        self.check(tmp_path / "x.yml", f"{tmp_path}/x.yml: cannot be read: Permission denied")

    def test_what_the_system_says_while_reading(self, tmp_path, monkeypatch):
        (tmp_path / "x.yml").touch()

        def denied(*_arguments):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", denied)
        self.check(tmp_path / "x.yml", f"{tmp_path}/x.yml: cannot be read: Permission denied")

    def test_a_nul_in_the_path(self):
        self.check(Path("a\0b"), "a\0b: cannot be read: a path has no NUL character")

    def test_too_large(self, tmp_path):
        (tmp_path / "dump.yml").write_bytes(b"#" * (1024 * 1024 + 1))
        self.check(tmp_path / "dump.yml", f"{tmp_path}/dump.yml: is larger than 1024 KiB: is it a migration at all?")

    def test_the_path_is_said_from_here(self, tmp_path, monkeypatch):
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations/x.yml").write_text("id: m\ncolums: []\n")
        monkeypatch.chdir(tmp_path)
        message = 'migrations/x.yml:2: colums: unknown key "colums"; did you mean "columns"?'
        self.check(tmp_path / "migrations/x.yml", message)
        self.check(Path("migrations/x.yml"), message)

    def test_jsonschema_is_missing(self, tmp_path, monkeypatch):
        spec = importlib.util.spec_from_file_location(f"{_migration_shape.__name__}_alone", _migration_shape.__file__)
        module = importlib.util.module_from_spec(spec)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "jsonschema", None)
            # A dataclass looks for its own module.
            patch.setitem(sys.modules, module.__name__, module)
            spec.loader.exec_module(module)
        monkeypatch.setattr(_migration_file, "JSONSCHEMA_MISSING", module.JSONSCHEMA_MISSING)
        self.check(
            tmp_path,
            "reading a migration needs the Python package jsonschema (4.0 or later) on the controller, in the Python "
            "that runs Ansible: pip install 'jsonschema>=4'",
        )

    def test_jmespath_is_missing(self, tmp_path, monkeypatch):
        monkeypatch.setattr(_expectation, "jmespath", None)
        (tmp_path / "x.yml").write_text('id: m\nprobes: [{name: p, sql: SELECT 1, expect: "a ="}]\n')
        assert load(tmp_path / "x.yml")["probes"][0]["expect"] == "a ="


class TestValid:
    def test_everything(self, tmp_path):
        file = tmp_path / "m.yml"
        file.write_bytes(VALID)
        data = load(file)
        assert data == yaml.safe_load(VALID)
        migration = Migration.from_mapping(data)
        assert [index.name for index in migration.objects["indexes"]] == [
            "Appointment_tenantId_status_dateTime_idx",
            "other_idx",
            "old_idx",
        ]
        assert migration.objects["indexes"][1].storage_parameters == (("deduplicate_items", "on"), ("fillfactor", "70"))

    @pytest.mark.parametrize(
        "content",
        [
            b"id: m",
            b"\xef\xbb\xbfid: m\n",
            b"id: m\r\nschema: public\r\n",
            b'{"id": "m", "columns": []}',
            "id: m\ndescription: 'Größe 🐈 \\'\n".encode(),
            b"id: m\nindexes: [{table: 'on', columns: ['yes', '2025-10-14', '1', y, n]}]\n",
            b'id: m\nindexes: [{table: "a.b \\"c\\" d", columns: ["\\u00e4"]}]\n',
            b"id: m\ncolumns: [&a {table: T, name: a, nullable: true}, {<<: *a, name: b}]\n",
            b"id: m\ncolumns: [&a {table: T, name: a, nullable: true}, {<<: [*a], name: b}, {<<: *a, <<: *a, name: c}]",
        ],
    )
    def test_other_ways_to_write(self, tmp_path, content):
        (tmp_path / "m.yml").write_bytes(content)
        assert load(tmp_path / "m.yml")["id"] == "m"

    def test_keys_for_anchors_are_ignored(self, tmp_path):
        content = """\
id: m
x-index: &index {table: Appointment, where: '"isActive"'}
x-names: [&names [tenantId, status], 2025-10-14]
x-nothing:
indexes:
  - {<<: *index, columns: *names}
"""
        (tmp_path / "m.yml").write_text(content)
        index = {"table": "Appointment", "where": '"isActive"', "columns": ["tenantId", "status"]}
        assert load(tmp_path / "m.yml") == {"id": "m", "indexes": [index]}

    def test_they_are_ignored_at_the_top_alone(self, read):
        content = "id: m\nx-a: {}\nX-b: {}\nindexes:\n  - {table: T, columns: [a], x-c: 1}\n"
        known = (
            "id, description, schema, columns, indexes, constraints, foreign_keys, statements, order, verification, "
            "probes, queries, promises"
        )
        first, second = read(content)
        assert first == f':3: X-b: unknown key "X-b"; known are: {known}'
        assert second.startswith(':5: indexes[0].x-c: unknown key "x-c"')


class TestWhole:
    """What is wrong with the text as a whole, so that nothing else can be said."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", ": is empty: a migration has at least an id"),
            ("# nothing\n", ": is empty: a migration has at least an id"),
            ("---\n", ": is empty: a migration has at least an id"),
            ("''", ": is empty: a migration has at least an id"),
            ("~", ':1: must be a mapping with the key "id" and others, is empty'),
            ("- id: m\n", ':1: must be a mapping with the key "id" and others, is a list'),
            ("\n\nm\n", ':3: must be a mapping with the key "id" and others, is a string'),
            ("!!set {id}", ':1: must be a mapping with the key "id" and others, is a set'),
            (b"id: m\n# caf\xe9\n", ":2: is not UTF-8 (byte 0xe9): save it as UTF-8"),
            (b"\xff\xfei\x00d\x00", ":1: is not UTF-8 (byte 0xff): save it as UTF-8"),
            (
                "id: m\ndescription: \x07\n",
                ":2: holds the character U+0007, which YAML takes only as an escape in double quotes",
            ),
            (
                "id: m\ncolumns:\n\t- a\n",
                (
                    ":3: is not valid YAML: found character '\\t' that cannot start any token; YAML indents with "
                    "spaces, never with tabs (while scanning for the next token)"
                ),
            ),
            (
                "id: m\ncolumns: [a\nindexes: []\n",
                ":3: is not valid YAML: expected ',' or ']', but got ':' (while parsing a flow sequence)",
            ),
            ("id: m\n  schema: x\n", ":2: is not valid YAML: mapping values are not allowed here"),
            ("id: 'm\n", ":2: is not valid YAML: found unexpected end of stream (while scanning a quoted scalar)"),
            (
                "id: m\n---\nid: n\n",
                ":2: is not valid YAML: but found another document (expected a single document in the stream)",
            ),
            ("id: *x\n", ":1: is not valid YAML: found undefined alias 'x'"),
            (
                "id: m\nschema: !vault |\n  abc\n",
                (
                    ':2: the tag "!vault" is unknown here: a migration is plain YAML, the same for every environment, '
                    "and holds no secrets"
                ),
            ),
            (
                "id: !!python/object:os.system x\n",
                (
                    ':1: the tag "tag:yaml.org,2002:python/object:os.system" is unknown here: a migration is plain '
                    "YAML, the same for every environment, and holds no secrets"
                ),
            ),
            ("id: 2025-13-45\n", ':1: "2025-13-45" cannot be read as a date; put it in quotes'),
            ("id: m\nx: !!int abc\n", ':2: "abc" cannot be read as a number; put it in quotes'),
            ("id: m\nx: !!bool abc\n", ':2: "abc" cannot be read as a boolean; put it in quotes'),
            ("id: " + "9" * 5000, ':1: "' + "9" * 79 + '…" cannot be read as a number; put it in quotes'),
            ("id: 0x" + "f" * 5000, ":1: this number is too large; if it is a name, put it in quotes"),
            ("? [a]\n: b\n", ":1: found unhashable key"),
            ("a: &a [*a]\n", ":1: contains itself by way of an alias"),
            ("&a\n<<: *a\n", ":1: contains itself by way of an alias"),
            ("[" * 5000, ": is nested too deeply: no migration has that many levels"),
        ],
    )
    def test_message(self, read, content, message):
        assert read(content) == [message]

    @pytest.mark.parametrize("merge", ["[%s]", "{<<: [%s]}"])
    def test_aliases_that_multiply(self, read, merge):
        lines = ["a0: &a0 {x: 1, y: 2}"]
        lines += [f"a{n}: &a{n} {merge % ', '.join([f'*a{n - 1}'] * 9)}" for n in range(1, 30)]
        assert read("\n".join(lines)) == [
            ": stands for more than 200,000 values, counting aliases: is it the right file?"
        ]


def entry(section, text):
    return f"id: m\n{section}:\n  - {text}\n"


class TestProblems:
    """One mistake, one line."""

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            # Unknown keys
            ("id: m\ncolums: []\n", ':2: colums: unknown key "colums"; did you mean "columns"?'),
            (
                "id: m\nzzz: n\n",
                (
                    ':2: zzz: unknown key "zzz"; known are: id, description, schema, columns, indexes, constraints, '
                    "foreign_keys, statements, order, verification, probes, queries, promises"
                ),
            ),
            # One that stands there already is the likely one only where no absent one is.
            ("id: m\nID: n\n", ':2: ID: unknown key "ID"; did you mean "id"?'),
            (
                entry("columns", "{table: T, name: c, nullable: true, zzz: 1}"),
                ':3: columns[0].zzz: unknown key "zzz"; known are: table, name, nullable, type, '
                "default, generated, identity, collation, comment, on_conflict",
            ),
            (
                entry("indexes", "{table: T, colums: [a]}"),
                ':3: indexes[0].colums: unknown key "colums"; did you mean "columns"?',
            ),
            (
                entry("indexes", "{table: T, columns: [{name: a, nuls: last}]}"),
                ':3: indexes[0].columns[0].nuls: unknown key "nuls"; did you mean "nulls"?',
            ),
            (
                entry("indexes", "{table: T, columns: [{nmae: a}], name: i}"),
                ':3: indexes[0].columns[0].nmae: unknown key "nmae"; did you mean "name"?',
            ),
            (
                entry("foreign_keys", "{table: T, columns: [a], refrences: {table: U, columns: [b]}}"),
                ':3: foreign_keys[0].refrences: unknown key "refrences"; did you mean "references"?',
            ),
            (
                entry("foreign_keys", "{table: T, columns: [a], references: {tabel: U, columns: [b]}}"),
                ':3: foreign_keys[0].references.tabel: unknown key "tabel"; did you mean "table"?',
            ),
            (
                "id: m\nverification:\n  unchanged_count: []\n",
                ':3: verification.unchanged_count: unknown key "unchanged_count"; did you mean "unchanged_counts"?',
            ),
            (
                "id: m\nverification: {queries: [{name: q, slq: x}]}\n",
                ':2: verification.queries[0].slq: unknown key "slq"; did you mean "sql"?',
            ),
            (
                entry("probes", "{name: p, sql: SELECT 1, expcet: y}"),
                ':3: probes[0].expcet: unknown key "expcet"; did you mean "expect"?',
            ),
            (
                entry("queries", "{name: p, sql: SELECT 1, min_speed: 2}"),
                ':3: queries[0].min_speed: unknown key "min_speed"; did you mean "min_speedup"?',
            ),
            # Keys that are no strings
            (
                "id: m\non: x\n",
                ':2: on: unknown key "on", which YAML reads as a boolean: if it is a name, put it in quotes',
            ),
            (
                "id: m\n1: x\n",
                ':2: ["1"]: unknown key "1", which YAML reads as a number: if it is a name, put it in quotes',
            ),
            (
                "id: m\n2025-10-14: x\n",
                (
                    ':2: ["2025-10-14"]: unknown key "2025-10-14", which YAML reads as a date: if it is a name, '
                    "put it in quotes"
                ),
            ),
            (
                "id: m\n? \n: x\n",
                ':2: [""]: unknown key "", which YAML reads as empty: if it is a name, put it in quotes',
            ),
            (
                entry("indexes", "{table: T, columns: [a], storage_parameters: {yes: 1}}"),
                (
                    ':3: indexes[0].storage_parameters.yes: unknown key "yes", which YAML reads as a boolean: '
                    "if it is a name, put it in quotes"
                ),
            ),
            (
                entry("indexes", "{table: T, columns: [a], storage_parameters: {yes: [1]}}"),
                (
                    ':3: indexes[0].storage_parameters.yes: unknown key "yes", which YAML reads as a boolean: '
                    "if it is a name, put it in quotes"
                ),
            ),
            (
                entry("indexes", "{table: T, columns: [{name: a, on: 1}]}"),
                (
                    ':3: indexes[0].columns[0].on: unknown key "on", which YAML reads as a boolean: '
                    "if it is a name, put it in quotes"
                ),
            ),
            # Keys that are there twice, at any depth, in each way to write them
            (
                "id: m\nschema: a\nid: n\n",
                ':3: id: the key "id" is there twice, first on line 1: YAML would keep the last silently',
            ),
            (
                "id: m\nschema: a\n'schema': b\n\"schema\": c\n",
                ':4: schema: the key "schema" is there twice, first on line 2: YAML would keep the last silently',
            ),
            (
                entry("indexes", "{table: T, columns: [{name: a, name: b}]}"),
                (
                    ':3: indexes[0].columns[0].name: the key "name" is there twice, first on line 3: YAML would keep '
                    "the last silently"
                ),
            ),
            # Wrong types
            (
                "id: 2025-10-14\n",
                ":1: id: must be a string, is a date: YAML reads 2025-10-14 so, put it in quotes",
            ),
            ("id: 12\n", ":1: id: must be a string, is a number: YAML reads 12 so, put it in quotes"),
            ("id: m\nschema: no\n", ":2: schema: must be a string, is a boolean: YAML reads no so, put it in quotes"),
            ("id: m\nschema: []\n", ":2: schema: must be a string, is a list"),
            (
                "id: m\nschema: !!binary YQ==\n",
                ":2: schema: must be a string, is binary data",
            ),
            ("id: m\nschema:\n", ":2: schema: must be a string, is empty; give it a value, or remove the key"),
            ("id: m\ncolumns:\n", ":2: columns: must be a list, is empty; give it a value, or remove the key"),
            ("id: m\ncolumns: {}\n", ":2: columns: must be a list, is a mapping"),
            ("id: m\nindexes: Sale\n", ":2: indexes: must be a list, is a string"),
            ("id: m\nindexes: [Sale]\n", ":2: indexes[0]: must be a mapping, is a string"),
            ("id: m\nverification: []\n", ":2: verification: must be a mapping, is a list"),
            (
                entry("columns", "{table: T, name: on, nullable: true}"),
                ":3: columns[0].name: must be a string, is a boolean: YAML reads on so, put it in quotes",
            ),
            (
                entry("columns", "{table: T, name: c, nullable: 'yes'}"),
                ":3: columns[0].nullable: must be a boolean, is a string; write true or false, without quotes",
            ),
            (
                entry("indexes", "{table: T, columns: [a, 1], name: i}"),
                (
                    ":3: indexes[0].columns[1]: must be a string or a mapping, is a number: YAML reads 1 so, "
                    "put it in quotes"
                ),
            ),
            (
                entry("indexes", "{table: T, columns: [a], storage_parameters: {fillfactor: [1]}}"),
                ":3: indexes[0].storage_parameters.fillfactor: must be a string, a number or a boolean, is a list",
            ),
            (
                entry("indexes", "{table: T, columns: [{name: a, order: no}]}"),
                ":3: indexes[0].columns[0].order: must be one of: asc, desc; is a boolean",
            ),
            (
                entry("queries", "{name: q, sql: SELECT 1, min_speedup: '2'}"),
                ":3: queries[0].min_speedup: must be a number, is a string; write it without quotes",
            ),
            (
                'id: m\norder: {columns: ["1"]}\n',
                ":2: order.columns[0]: must be a whole number, is a string; write it without quotes",
            ),
            ("id: m\norder: {columns: [1.5]}\n", ":2: order.columns[0]: must be a whole number, is a number"),
            (
                entry("indexes", "{table: T, columns: [{name: a, order: }]}"),
                (
                    ":3: indexes[0].columns[0].order: must be one of: asc, desc; is empty; give it a value, "
                    "or remove the key"
                ),
            ),
            # Values outside their choices
            (
                entry("indexes", "{table: T, columns: [{name: a, order: DESC}]}"),
                ':3: indexes[0].columns[0].order: must be one of: asc, desc; is "DESC"; did you mean "desc"?',
            ),
            (
                entry("indexes", "{table: T, columns: [a], state: gone}"),
                ':3: indexes[0].state: must be one of: present, absent; is "gone"',
            ),
            (
                entry(
                    "foreign_keys",
                    "{table: T, columns: [a], references: {table: U, columns: [b]}, on_delete: SET NULL}",
                ),
                (
                    ":3: foreign_keys[0].on_delete: must be one of: no_action, restrict, cascade, set_null, "
                    'set_default; is "SET NULL"; did you mean "set_null"?'
                ),
            ),
            (
                entry("queries", "{name: q, sql: SELECT 1, min_speedup: 0}"),
                ":3: queries[0].min_speedup: must be greater than 0",
            ),
            # Missing keys
            ("{}", ":1: id: is missing: a migration has an id, by which the journal and the reports know it"),
            (
                entry("columns", "{table: T, name: c}"),
                (
                    ":3: columns[0].nullable: is missing: say what the column must be: nullable, type, default or "
                    "comment"
                ),
            ),
            (entry("indexes", "{columns: [a]}"), ":3: indexes[0].table: is missing: say which table the index is on"),
            (
                entry("indexes", "{table: T}"),
                ":3: indexes[0].columns: is missing: an index has at least one key column",
            ),
            (
                entry("indexes", "{table: T, columns: []}"),
                ":3: indexes[0].columns: is empty: an index has at least one key column",
            ),
            (
                entry("indexes", "{table: T, state: absent}"),
                ":3: indexes[0].name: is missing: say which index must be absent, by its name or by its columns",
            ),
            (
                entry("foreign_keys", "{table: T, columns: [a], references: {table: U}}"),
                ":3: foreign_keys[0].references.columns: is missing",
            ),
            (entry("probes", "{name: p, sql: SELECT 1}"), ":3: probes[0].expect: is missing"),
            # Empty texts and lists
            (
                entry("indexes", "{table: T, name: i, state: absent, where: ''}"),
                ":3: indexes[0].where: is empty",
            ),
            (
                entry("indexes", "{table: T, name: i, state: absent, columns: []}"),
                ":3: indexes[0].columns: is empty",
            ),
            (
                entry("columns", "{table: '', name: c, nullable: true}"),
                ":3: columns[0].table: is empty; PostgreSQL has no empty names: write the name, or leave the key out",
            ),
            (entry("probes", "{name: p, sql: '', expect: x}"), ":3: probes[0].sql: is empty: here belongs SQL text"),
            (
                "id: m\nprobes: [{name: p, sql: SELECT 1, expect: ''}]\n",
                ":2: probes[0].expect: is empty: here belongs JMESPath",
            ),
            # Expectations
            (
                entry("probes", "{name: p, sql: SELECT 1, expect: 'rowcount = `1`'}"),
                (
                    ':3: probes[0].expect: "rowcount = `1`" is not JMESPath: Bad jmespath expression: Unknown token '
                    "'=' (a number stands in backquotes there: `0`)"
                ),
            ),
            (
                "id: m\nverification: {queries: [{name: q, sql: x, expect: '[0].n == 0'}]}\n",
                (
                    ':2: verification.queries[0].expect: "[0].n == 0" is not JMESPath: invalid token: Parse error at '
                    'column 9, token "0" (NUMBER) (a number stands in backquotes there: `0`)'
                ),
            ),
            (
                entry("probes", "{name: p, sql: SELECT 1, expect: 'not_null(lenght(@))'}"),
                ':3: probes[0].expect: JMESPath has no function "lenght"; did you mean "length"?',
            ),
            # The rules of _migration are asked too
            (
                "id: a/b\n",
                (
                    ':1: id: "a/b" must be 1 to 100 letters (a to z), digits, dots, dashes or underscores, the first a '
                    "letter or a digit"
                ),
            ),
            (
                entry("indexes", "{table: T, columns: [a, a]}"),
                ":3: indexes[0].columns[1]: repeats columns[0] and adds nothing: remove one",
            ),
        ],
    )
    def test_message(self, read, content, line):
        assert read(content) == [line]

    def test_all_at_once_in_the_order_of_the_lines(self, read):
        content = """\
id: 2025-10-14
scema: public
columns:
  - {table: T, name: c, nullable: no}
indexes:
  - {table: A, colums: [a]}
  -
    columns:
      - name: a
        order: down
      - a
    table: A
    unique: 1
    include: [a]
foreign_keys:
  - table: T
    columns: [c, d]
    references:
      table: X
      columns: [a]
    on_delete: set_null
schema: a
schema: b
"""
        assert read(content) == [
            ":1: id: must be a string, is a date: YAML reads 2025-10-14 so, put it in quotes",
            ':2: scema: unknown key "scema"; did you mean "schema"?',
            ':6: indexes[0].colums: unknown key "colums"; did you mean "columns"?',
            ':10: indexes[1].columns[0].order: must be one of: asc, desc; is "down"',
            ":13: indexes[1].unique: must be a boolean, is a number",
            ':14: indexes[1].include[0]: "a" is a key column already (columns[0]): remove one',
            (
                ':20: foreign_keys[0].references.columns: has 1 column, but the "columns" of the key are 2: each of '
                "them refers to one, in this order"
            ),
            (
                ':21: foreign_keys[0].on_delete: sets "c" to NULL, but columns[0] of this file makes it NOT NULL, so '
                "that deleting a referenced row would fail: make the column nullable, or choose another action"
            ),
            ':23: schema: the key "schema" is there twice, first on line 22: YAML would keep the last silently',
        ]

    def test_lines_through_aliases_and_merge_keys(self, read):
        content = """\
id: m
indexes:
  - &a
    table: T
    columns: [a]
    uniqe: true
  - <<: *a
    name: i
    where: b
"""
        assert read(content) == [
            ':6: indexes[0].uniqe: unknown key "uniqe"; did you mean "unique"?',
            ':6: indexes[1].uniqe: unknown key "uniqe"; did you mean "unique"?',
        ]

    def test_a_duplicate_behind_an_alias_is_said_once(self, read):
        content = (
            "id: m\nindexes:\n  - &a {table: T, columns: [a], where: x, where: y}\n  - {<<: *a, name: i, where: z}\n"
        )
        assert read(content) == [
            ':3: indexes[0].where: the key "where" is there twice, first on line 3: YAML would keep the last silently'
        ]

    def test_a_duplicate_in_what_a_duplicate_hides(self, read):
        assert read("id: m\ncolumns:\n- {table: T, name: a, name: b}\nschema: x\ncolumns: []\n") == [
            ':3: columns[0].name: the key "name" is there twice, first on line 3: YAML would keep the last silently',
            ':5: columns: the key "columns" is there twice, first on line 2: YAML would keep the last silently',
        ]

    def test_a_value_under_a_key_that_was_written_otherwise(self, read):
        assert read(entry("indexes", "{table: T, columns: [a], storage_parameters: {0x1: []}}")) == [
            (
                ':3: indexes[0].storage_parameters["0x1"]: unknown key "0x1", which YAML reads as a number: '
                "if it is a name, put it in quotes"
            ),
            ":3: indexes[0].storage_parameters[1]: must be a string, a number or a boolean, is a list",
        ]

    def test_strange_names_keep_to_their_line(self, read):
        content = 'id: m\n"a\\nb\\0\\ud800\\u2028": 1\nindexes: [{table: "\\ud800", columns: ["\\n"]}]\n'
        assert read(content) == [
            (
                r':2: ["a\nb\x00\ud800\u2028"]: unknown key "a\nb\x00\ud800\u2028"; known are: id, description, '
                "schema, columns, indexes, constraints, foreign_keys, statements, order, verification, probes, "
                "queries, promises"
            ),
            (
                r':3: indexes[0].table: the name "\ud800" holds half of a surrogate pair, which is not a character: '
                "write the whole character"
            ),
        ]


class TestShipped:
    """The two migrations of the clinic, against what the guide's rollback section and CLINIC.md name."""

    @pytest.fixture
    def migration(self, request):
        return Migration.from_mapping(load(find(request.param, [MIGRATIONS])))

    @pytest.mark.parametrize("migration", ["schema_optimizations"], indirect=True)
    def test_schema_optimizations(self, migration):
        assert migration.id == "2025-10-14-schema-optimizations"
        assert [index.name for index in migration.objects["indexes"]] == [
            "Appointment_tenantId_status_dateTime_idx",
            "Reminder_tenantId_status_dueDate_idx",
            "Sale_tenantId_status_createdAt_idx",
            "CashDrawer_tenantId_status_openedAt_idx",
            "Staff_tenantId_isActive_idx",
            "Service_tenantId_isActive_category_idx",
            "InventoryItem_tenantId_status_quantity_idx",
            "MedicalHistory_tenantId_visitDate_idx",
            "TreatmentSchedule_tenantId_status_scheduledDate_idx",
        ]
        for index in migration.objects["indexes"]:
            assert index.name == "_".join([index.table, *(str(column.name) for column in index.columns), "idx"])
        assert [(column.table, column.name, column.nullable) for column in migration.objects["columns"]] == [
            ("CashDrawer", "openedById", True)
        ]
        assert summary(migration) == [("CashDrawer_openedById_fkey", "User", "set_null", "cascade")]
        assert migration.verification.unchanged_counts == ("Tenant", "Customer", "Pet", "Appointment", "Sale")

    @pytest.mark.parametrize("migration", ["delete_behaviour"], indirect=True)
    def test_delete_behaviour(self, migration):
        assert migration.id == "2025-10-14-delete-behaviour"
        assert migration.objects["indexes"] == ()
        assert [(column.table, column.name, column.nullable) for column in migration.objects["columns"]] == [
            ("Appointment", "customerId", True),
            ("Sale", "customerId", True),
            ("Reminder", "customerId", True),
        ]
        assert summary(migration) == [
            ("Pet_customerId_fkey", "Customer", "cascade", "cascade"),
            ("Appointment_customerId_fkey", "Customer", "set_null", "cascade"),
            ("Sale_customerId_fkey", "Customer", "set_null", "cascade"),
            ("Reminder_customerId_fkey", "Customer", "set_null", "cascade"),
            ("SaleItem_itemId_fkey", "InventoryItem", "set_null", "cascade"),
            ("SaleItem_serviceId_fkey", "Service", "set_null", "cascade"),
            ("CashDrawer_closedById_fkey", "User", "set_null", "cascade"),
        ]
        assert "deleting a customer deletes the customer's pets" in migration.description
        assert "medical history" in migration.description

    @pytest.mark.parametrize("migration", ["schema_optimizations", "delete_behaviour"], indirect=True)
    def test_what_proves_them(self, migration):
        assert migration.verification.queries
        for query in migration.verification.queries:
            assert query.expect == "[0].orphans == `0`"
        for key in migration.objects["foreign_keys"]:
            assert key.name == f"{key.table}_{key.columns[0]}_fkey"
            assert key.referenced_columns == ("id",)
            # Each changed key has a query that counts its orphans.
            assert any(
                f'FROM "{key.table}"' in query.sql and f'"{key.columns[0]}"' in query.sql
                for query in migration.verification.queries
            )


def summary(migration):
    return [(key.name, key.referenced_table, key.on_delete, key.on_update) for key in migration.objects["foreign_keys"]]


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "m.yml"


def outcome(file, content):
    """Reads ``content``; whatever it is, there is a valid migration or an error whose lines all name the file."""
    file.write_bytes(content)
    message = None
    try:
        data = load(file)
    except MigrationFileError as error:
        message = str(error)
    if message is None:
        Migration.from_mapping(data)
        return
    assert message
    assert all(line.startswith(str(file)) for line in message.splitlines()), message
    message.encode("utf-8")
    for word in ("NoneType", "<class", "Traceback", "datetime.", "Node(", ".True", ".False", ".None"):
        # A key that is itself called "False" is shown as it is written; YAML writes its own false in small letters.
        assert word not in message or word.strip(".<(").encode() in content, message


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))

#: What is likely to upset a reader of YAML.
PIECES = [
    *(VALID[i : i + 1] for i in range(0, len(VALID), 7)),
    *b"&a *a << ? - : , [ ] { } | > ! !!int !!set !!omap !!binary !!timestamp !vault ' \" # --- ... \t % @ `".split(
        b" "
    ),
    *b"on no null ~ 2025-10-14 2025-13-45 1_0 0x 0b_ 1:99 .inf .nan -.INF = 1e9 0o7 190:20:30.15".split(b" "),
    b"\n",
    b"\n  ",
    b"\x00",
    b"\xff",
    b"\xc3\xa4",
    b"\xf0\x9f\x90\x88",
    b'"\\ud800"',
    b'"\\0"',
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
]


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes(fuzzed, content):
    outcome(fuzzed, content)


@FUZZ
@given(st.text(alphabet=st.sampled_from("id:mab -[]{},&*!?|>'\"#%@`\\\n\t 01.~=<"), max_size=80))
def test_any_yaml_like_text(fuzzed, content):
    outcome(fuzzed, content.encode("utf-8"))


@FUZZ
@given(st.lists(st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), st.sampled_from(PIECES)), max_size=4))
def test_a_valid_file_with_pieces_replaced(fuzzed, edits):
    content = VALID
    for place, length, piece in edits:
        content = content[:place] + piece + content[place + length :]
    outcome(fuzzed, content)


@FUZZ
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_a_valid_file_with_values_moved_about(fuzzed, chance: random.Random, times):
    data = json.loads(json.dumps(yaml.safe_load(VALID)))
    for _time in range(times):
        places = [*slots(data)]
        holder, key = chance.choice(places)
        other, other_key = chance.choice(places)
        value = json.loads(json.dumps(other[other_key]))
        holder[key] = chance.choice([value, None, True, -1, 2.5, float("nan"), "", "on", [], {}, [value], {"a": value}])
    outcome(fuzzed, yaml.safe_dump(data).encode("utf-8"))


def slots(node):
    """Every (container, key) of the data."""
    for key in list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        yield node, key
        yield from slots(node[key])


SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), st.binary(max_size=4)
)
VALUE = st.recursive(
    SCALAR,
    lambda child: st.one_of(
        st.lists(child, max_size=4), st.dictionaries(st.text(max_size=6) | SCALAR, child, max_size=4)
    ),
    max_leaves=8,
)
KEYS = """
id description schema columns indexes foreign_keys verification probes queries promises unchanged_counts
table name nullable state unique include where method storage_parameters order nulls expression opclass
opclass_parameters
references on_delete on_delete_columns on_update match deferrable initially_deferred
sql params expect uses_index min_speedup follow_up timeout sample_by claim columns faster_by smaller_by
"""
KEY = st.sampled_from(KEYS.split())
MIGRATION = st.recursive(
    VALUE | st.sampled_from(["absent", "present", "set_null", "hash", "gin", "asc", "a"]),
    lambda child: st.one_of(st.lists(child, max_size=3), st.dictionaries(KEY, child, max_size=6)),
    max_leaves=30,
)


@FUZZ
@given(st.dictionaries(KEY, MIGRATION, max_size=6))
def test_any_data_under_known_keys(fuzzed, data):
    outcome(fuzzed, yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


def test_a_folder_is_all_its_migrations_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("2_two.sql", "10_ten.sql", "10_ten.down.sql"):
        (tmp_path / name).write_text("CREATE TABLE x (id int);")
    (tmp_path / "3_three").mkdir()
    (tmp_path / "3_three" / "migration.sql").write_text("VACUUM x;")
    folder = find_folder(str(tmp_path), [])
    assert folder == tmp_path
    found = load_folder(tmp_path)["migrations"]
    assert [one["id"] for one in found] == ["2_two", "3_three", "10_ten"]
    assert "3_three/migration.sql:1" in found[1]["unreadable"]
    assert [one["id"] for one in load_folder(tmp_path, baseline="3_three")["migrations"]] == ["10_ten"]
    with pytest.raises(MigrationFileError, match='the baseline "3_tree" is none of its 3 migrations, such as 3_three'):
        load_folder(tmp_path, baseline="3_tree")


def test_a_folder_that_is_one_migration_or_has_no_sql_is_none_of_several(tmp_path: Path) -> None:
    (tmp_path / "migration.sql").write_text("SELECT 1;")
    (tmp_path / "empty").mkdir()
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "1.sql").write_text("SELECT 1;")
    (tmp_path / "both.yml").write_text("id: both\n")
    assert find_folder(str(tmp_path), []) is None
    assert find_folder(f"{tmp_path}/empty", []) is None
    assert find_folder("both", [tmp_path]) is None


def test_two_migrations_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("1_a.sql", "1_a.up.sql"):
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(MigrationFileError, match="two migrations are called 1_a"):
        load_folder(tmp_path)


def test_messages_have_a_word_for_each_type_of_the_schema() -> None:
    def types(node: object) -> set[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = node.get("type") if isinstance(node, dict) else None
        named = {own} if isinstance(own, str) else {one for one in own or () if isinstance(one, str)}
        return named.union(*map(types, children)) if not isinstance(own, dict) else set().union(*map(types, children))

    assert types(_migration_shape.schema()) - {"null"} <= set(_migration_shape._TYPES)
