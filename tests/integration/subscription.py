# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""One database that subscribes to another of the same server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lab.server import SUPERUSER, Server


@contextmanager
def subscription(server: Server, published: str) -> Iterator[None]:
    """The database copy subscribes to what source publishes: published is the FOR clause; wal_level is logical."""
    server.execute(f"CREATE PUBLICATION p {published}", database="source")
    # Within one server, CREATE SUBSCRIPTION cannot make the slot: it would wait for its own transaction.
    server.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", database="source")
    place = f"host={server.socket_dir} port={server.port} user={SUPERUSER} dbname=source"
    options = "create_slot = false, slot_name = s, copy_data = false"
    server.execute(f"CREATE SUBSCRIPTION s CONNECTION '{place}' PUBLICATION p WITH ({options})", database="copy")
    yield
    server.execute("ALTER SUBSCRIPTION s DISABLE", database="copy")
