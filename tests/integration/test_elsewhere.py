# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What the server does not find by the migration's search path, and has in another schema."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import SteadyError
from integration.cluster import Cluster

pytestmark = pytest.mark.postgres


def test_b28_what_is_in_another_schema_is_named_with_it(cluster: Cluster) -> None:
    """B28: refused in check mode too, before any backup; what is written with its schema works."""
    database = cluster.database()
    database.execute(
        "CREATE SCHEMA ext; CREATE SCHEMA other; CREATE TYPE ext.my_enum AS ENUM ('x');"
        "CREATE DOMAIN ext.money AS int; CREATE TABLE t (a text, kind ext.my_enum, n int, label ext.my_enum);"
        "CREATE FUNCTION ext.near(text, text) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT 0.5';"
        "CREATE FUNCTION other.near(text) RETURNS float8 IMMUTABLE LANGUAGE sql AS 'SELECT 0.5';"
        "CREATE FUNCTION ext.lower(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION ext.same(text, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';"
        "CREATE OPERATOR ext.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = ext.same);"
        "CREATE OPERATOR CLASS ext.mine FOR TYPE text USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,"
        " OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 bttextcmp(text, text);"
        'CREATE COLLATION ext."My c" FROM "C"'
    )
    another = "there is one in another schema: write "
    for column, where, written in (
        ({"name": "a", "opclass": "mine"}, None, 'there is one in schema "ext": write ext.mine'),
        ({"name": "a", "collation": "My c"}, None, 'there is one in schema "ext": write ext.My c'),
        ("a", "kind = 'x'::my_enum", another + "ext.my_enum"),
        ("a", "kind = CAST('x' AS other . my_enum)", another + "ext.my_enum"),
        ("a", "a COLLATE \"My c\" < 'b'", another + 'ext."My c"'),
        ({"expression": "near(a, 'b')"}, None, another + "ext.near or other.near"),
        ("a", "a === 'b'", another + "OPERATOR(ext.===)"),
        ("a", "n = 1::nowhere", None),
        ({"expression": "lower(n, n)"}, None, None),
        ({"expression": "ext.near(n, n)"}, None, None),
    ):
        entry = {"table": "t", "name": "i", "columns": [column], **({"where": where} if where else {})}
        for check in (True, False):
            with database.nothing_written(), pytest.raises(SteadyError) as refused:
                database.apply({"id": "m", "indexes": [entry]}, check=check)
            assert (written in str(refused.value)) if written else ("there is one" not in str(refused.value)), str(
                refused.value
            )
    entry = {
        "table": "t",
        "name": "i",
        "columns": [{"name": "a", "opclass": "ext.mine"}, {"expression": "ext.near(a, 'b')"}],
        "where": "kind = 'x'::ext.my_enum AND a OPERATOR(ext.===) 'b' COLLATE ext.\"My c\"",
    }
    assert database.apply({"id": "m", "indexes": [entry]})["changed"]
    assert database.apply({"id": "m", "indexes": [entry]})["changed"] is False
