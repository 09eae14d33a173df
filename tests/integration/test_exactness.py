# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What a migration does not name is kept when an object is replaced, or it is said that it is not."""

from __future__ import annotations

import pytest

from integration.cluster import Cluster

pytestmark = pytest.mark.postgres


def test_s30_an_index_that_is_replaced_keeps_what_is_not_named(cluster: Cluster) -> None:
    database = cluster.database()
    cluster.tablespace("elsewhere")
    database.execute(
        "CREATE TABLE t (a int, b text, c text);"
        "CREATE INDEX i ON t (a, lower(b), lower(c)) WITH (fillfactor = 55) TABLESPACE elsewhere;"
        "ALTER INDEX i ALTER COLUMN 2 SET STATISTICS 321; ALTER INDEX i ALTER COLUMN 3 SET STATISTICS 654;"
        "COMMENT ON INDEX i IS 'mine'"
    )
    before = database.dump()
    columns = ["a", {"expression": "lower(b)"}, {"expression": "upper(c)"}]
    migration = {"id": "kept", "indexes": [{"table": "t", "name": "i", "columns": columns}]}
    (step,) = database.apply(migration)["steps"]
    assert step["action"] == "replace"
    assert database.execute(
        "SELECT c.reloptions, s.spcname, obj_description(c.oid, 'pg_class'),"
        " (SELECT array_agg(coalesce(nullif(attstattarget, -1), 0) ORDER BY attnum) FROM pg_attribute"
        "   WHERE attrelid = c.oid)"
        " FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE relname = 'i'"
    ) == [(["fillfactor=55"], "elsewhere", "mine", [0, 321, 0])]
    assert database.apply(migration)["changed"] is False
    database.rollback()
    assert database.dump() == before
    # What is named, is so; and another method has parameters of its own.
    named = {"table": "t", "name": "i", "columns": ["a"], "method": "hash", "tablespace": "pg_default"}
    database.apply({"id": "named", "indexes": [named]})
    assert database.indexes("t")["i"] == "CREATE INDEX i ON public.t USING hash (a)"
    database.rollback()
    assert database.dump() == before


def test_s30_what_became_of_a_key_since_it_was_replaced_goes_with_it(cluster: Cluster) -> None:
    database = cluster.database()
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int, p int CONSTRAINT k REFERENCES p);"
        "CREATE INDEX ON c (p)"
    )
    before = database.dump()
    database.execute("ALTER TABLE c DISABLE TRIGGER ALL")
    key = {"table": "c", "name": "k", "columns": ["p"], "references": {"table": "p", "columns": ["id"]}}
    result = database.apply({"id": "k", "foreign_keys": [{**key, "on_delete": "cascade"}]})
    (note,) = result["notes"]
    assert 'triggers of the key "k" are disabled' in note
    database.execute("COMMENT ON CONSTRAINT k ON c IS 'of the new one'")
    database.rollback()
    assert database.dump() == before
