# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transaction poolers by name, and the address to use instead. (By behaviour: the integration tests.)"""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._connection.pooler import (
    direct_address,
    pooled_by_name,
    refuse_pooler_by_name,
)
from ansible_collections.steady.postgresql.plugins.module_utils._support.errors import ConnectionProblem

NEON = "ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech"
UNPOOLED = " (Vercel's DATABASE_URL_UNPOOLED or POSTGRES_URL_NON_POOLING)"
SUPAVISOR = "aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("parameters", "direct"),
    [
        ({"host": NEON}, f"host ep-cool-darkness-123456.us-east-2.aws.neon.tech{UNPOOLED}"),
        ({"host": "ep-x-pooler.c-2.eu-west-2.aws.neon.build"}, f"host ep-x.c-2.eu-west-2.aws.neon.build{UNPOOLED}"),
        (
            {"host": SUPAVISOR, "port": "6543", "user": "postgres.abcdefgh"},
            "host db.abcdefgh.supabase.co, port 5432 (or the session pooler: this host, port 5432)",
        ),
        (
            {"host": SUPAVISOR, "port": "6543", "user": "postgres"},
            "the project's direct host, port 5432 (or the session pooler: this host, port 5432)",
        ),
        (
            {"host": "db.abcdefgh.supabase.co", "port": "6543", "user": "postgres"},
            "host db.abcdefgh.supabase.co, port 5432 (or the session pooler: this host, port 5432)",
        ),
    ],
)
def test_a_pooler_that_its_provider_named_is_refused_with_the_direct_address(
    parameters: dict[str, str], direct: str
) -> None:
    assert pooled_by_name(parameters)
    with pytest.raises(ConnectionProblem) as caught:
        refuse_pooler_by_name({**parameters, "password": "qxzj"})
    assert caught.value.todo == f"connect directly: {direct}"
    assert caught.value.left == "nothing was changed"
    assert "qxzj" not in str(caught.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"host": "localhost", "port": "6543"},
        {"host": "localhost", "port": "6432"},
        {"host": "ep-cool-darkness-123456.us-east-2.aws.neon.tech"},
        {"host": "my-pooler.example.com"},
        {"host": SUPAVISOR},
        {"host": SUPAVISOR, "port": "5432"},
        {"host": "db.abcdefgh.supabase.co"},
        {"host": "supabase.com.example.org", "port": "6543"},
        {"host": "/var/run/postgresql"},
    ],
)
def test_any_other_is_judged_by_what_it_does(parameters: dict[str, str]) -> None:
    assert pooled_by_name(parameters) is None
    refuse_pooler_by_name(parameters)


def test_elsewhere_the_direct_address_can_only_be_described() -> None:
    assert direct_address({"host": "pgbouncer", "port": "6432"}) == (
        "PostgreSQL's own host and port (usually 5432) instead of pgbouncer, port 6432"
    )
    assert direct_address({}).endswith("instead of this host, port 5432")
