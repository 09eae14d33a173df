# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Images of the journal become statements of a rollback only as values of known types: nothing of them is pasted (S2).

In every planted journal a function waits that writes down whoever calls it, and its table stays empty.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._journal.images import read_image_of
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.registry import KINDS
from ansible_collections.steady.postgresql.plugins.module_utils._model.catalog import read_tables
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Database

pytestmark = pytest.mark.postgres

KEY = "Order_customerId_fkey"
SQL = "x); SELECT public.evil(); --"
_CANARY = """
    CREATE TABLE public.canary (who text);
    CREATE FUNCTION public.evil(anyelement DEFAULT ''::text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
        $$ BEGIN INSERT INTO public.canary VALUES (current_user); RETURN 'x'; END $$;
    CREATE UNIQUE INDEX mine ON "Order" (lower(note), id) INCLUDE (total) WHERE total > 0;
    COMMENT ON INDEX mine IS 'kept'
"""
DROPS: dict[str, Any] = {
    "id": "drops",
    "columns": [{"table": "Order", "name": "customerId", "nullable": True}],
    "indexes": [{"table": "Order", "name": "mine", "state": "absent"}],
    "foreign_keys": [{"table": "Order", "name": KEY, "state": "absent"}],
}
#: Kind, path in the image, and what is planted there.
PLANTED: list[tuple[str, str, Any]] = [
    ("foreign_key", "{on_delete}", "cascade; SELECT public.evil(); --"),
    ("foreign_key", "{on_update}", "cascade; SELECT public.evil(); --"),
    ("foreign_key", "{match}", SQL),
    ("foreign_key", "{deferrable}", SQL),
    ("foreign_key", "{validated}", None),
    ("foreign_key", "{columns,0}", 7),
    ("foreign_key", "{referenced_table}", {"x": SQL}),
    ("foreign_key", "{type}", SQL),
    ("foreign_key", "{name}", SQL),
    ("foreign_key", "{more}", SQL),
    ("index", "{tail}", 'public."Order" USING btree (note); SELECT public.evil(); --'),
    ("index", "{tail}", "public.\"Order\" USING btree (lower(note), id) WHERE (public.evil() = 'x')"),
    ("index", "{using}", SQL),
    ("index", "{method}", SQL),
    ("index", "{predicate}", "true) OR (public.evil() = 'x'"),
    ("index", "{predicate}", "public.evil() = 'x'"),
    ("index", "{unique}", "UNIQUE"),
    ("index", "{columns,0,expression}", "public.evil(note)"),
    ("index", "{columns,0,expression}", "lower(note)), (public.evil(note)"),
    ("index", "{columns,1,name}", SQL),
    ("index", "{columns,1,opclass}", 7),
    ("index", "{columns,1,parameters}", {"x": SQL}),
    ("index", "{columns,1,descending}", "DESC"),
    ("index", "{include,0}", SQL),
    ("index", "{options}", {"fillfactor": SQL}),
    ("index", "{statistics}", {"1; SELECT public.evil()": 1}),
    ("index", "{statistics}", {"1": "1; SELECT public.evil()"}),
    ("index", "{parent}", {"schema": "public", "table": "Order", "name": "mine", "x": SQL}),
    ("index", "{partitions}", [{"schema": "public", "table": "Order", "name": "x", "tail": SQL}]),
    ("index", "{table}", "Customer"),
    ("column", "{constraint}", {"name": "x" * 64, "validated": True}),
    ("column", "{nullable}", "false; SELECT public.evil()"),
]


def test_s2_sql_in_any_field_of_an_image_is_refused_and_never_run(database: Database) -> None:
    database.execute(_CANARY)
    database.apply(DROPS)
    images = dict(database.execute("SELECT kind, before::text FROM steady.step"))
    reasons = set()
    for number, (kind, path, planted) in enumerate(PLANTED):
        database.execute(
            "UPDATE steady.step SET before = jsonb_set(before, %s, %s::jsonb) WHERE kind = %s",
            (path, json.dumps(planted), kind),
        )
        with pytest.raises(SteadyError, match="has an image that the collection did not write") as refused:
            database.rollback(check=number % 2 == 0)
        reasons.add(str(refused.value))
        database.execute("UPDATE steady.step SET before = %s WHERE kind = %s", (images[kind], kind))
        assert database.value("SELECT count(*) FROM canary") == 0, path
    assert len(reasons) > 20
    # What may be any text is quoted, and comes back as text.
    text = "'; SELECT public.evil(); --\\"
    plant = "UPDATE steady.step SET before = jsonb_set(before, '{comment}', %s::jsonb) WHERE kind <> 'column'"
    database.execute(plant, (json.dumps(text),))
    assert database.rollback()["status"] == "rolled_back"
    assert database.value("SELECT obj_description('mine'::regclass)") == text
    assert database.value("SELECT count(*) FROM canary") == 0


def test_s2_an_image_of_the_drift_that_is_none_is_said_by_verify_and_not_shown_as_sql(database: Database) -> None:
    database.execute(_CANARY)
    database.apply({"id": "makes", "indexes": [{"table": "Order", "columns": ["note"]}]})
    database.execute("UPDATE steady.step SET after = jsonb_set(after, '{tail}', '\"x; SELECT public.evil()\"')")
    (drift,) = [one for one in database.verify({"id": "nothing"})["verification"] if one["kind"] == "drift"]
    assert drift["status"] == "skipped"
    assert "has an image that the collection did not write" in drift["detail"]
    assert database.value("SELECT count(*) FROM canary") == 0


# -- what real images are ----------------------------------------------------------------------------------------------

EVERYTHING = (Path(__file__).parent / "images.sql").read_text()
_SINCE_15 = 'CREATE UNIQUE INDEX i9 ON "Ü b" (n) NULLS NOT DISTINCT WITH (fillfactor = 90)'
#: What the first collections did not write (journal version 1).
_NEWER = {
    "index": ("immediate", "parent", "using", "partitions"),
    "foreign_key": ("disabled",),
    "column": ("proven",),
    "constraint": (),
}


def _read(database: Database) -> dict[str, list[tuple[tuple[str, str], dict[str, Any]]]]:
    target = database.options(check=True).target(database.options().address(), "test")
    session, _server = target.first_session(None)
    try:
        names = ["Ü b", "child", "whole", "part", "leaf", "e", "Order", "Customer"]
        tables = read_tables(session, {("public", name) for name in names})
        return {
            kind.name: [(table, image) for table, found in kind.read(session, tables).items() for image in found]
            for kind in KINDS.values()
            if not kind.of_journal  # the catalog has none of these
        }
    finally:
        session.close()


def _old(kind: str, image: dict[str, Any]) -> dict[str, Any]:
    """The image as the first collection wrote it."""
    old = {key: value for key, value in image.items() if key not in _NEWER[kind]}
    if kind == "index":
        old["columns"] = [
            {key: value for key, value in column.items() if key not in ("collation_schema", "parameters")}
            for column in old["columns"]
        ]
    return old


def test_every_image_that_the_catalog_gives_is_read_as_it_is_and_in_its_first_form(
    database: Database, postgres_major: int
) -> None:
    database.execute(EVERYTHING)
    if postgres_major >= 15:
        database.execute(_SINCE_15)
    found = _read(database)
    assert {kind: len(images) > 3 for kind, images in found.items()} == dict.fromkeys(found, True)
    for kind, images in found.items():
        for table, image in images:
            row = {"kind": kind, "table_schema": table[0], "table_name": table[1], "name": image["name"]}
            kept = json.loads(json.dumps(image))
            assert read_image_of(row, kept) == kept
            first = read_image_of(row, _old(kind, kept))
            if kind == "index":
                kept.update(parent=None, immediate=True)
                kept.pop("partitions", None)
                assert first is not None
                for column, again in zip(kept["columns"], first["columns"]):
                    column["collation_schema"] = again["collation_schema"]
            absent = {"foreign_key": {"disabled": False}, "column": {"proven": None}}
            assert first == {**kept, **absent.get(kind, {})}


def test_every_index_comes_back_from_its_parts(database: Database, postgres_major: int) -> None:
    """S2: to the last letter of pg_dump; from a journal of the first form too."""
    database.execute(EVERYTHING)
    if postgres_major >= 15:
        database.execute(_SINCE_15)
    names = [f"i{number}" for number in range(1, 10 if postgres_major >= 15 else 9)]
    before = database.dump()
    for newer in (True, False):
        indexes = [{"table": "Ü b", "name": name, "state": "absent"} for name in names]
        if newer:
            indexes += [{"table": "whole", "name": name, "state": "absent"} for name in ("w1", "w2")]
        database.apply({"id": "drops", "indexes": indexes})
        if not newer:
            for number, image in database.execute("SELECT number, before FROM steady.step WHERE after IS NULL"):
                database.execute(
                    "UPDATE steady.step SET before = %s WHERE number = %s AND after IS NULL",
                    (json.dumps(_old("index", image)), number),
                )
        assert database.rollback()["status"] == "rolled_back"
        assert database.dump() == before
