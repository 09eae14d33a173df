# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A database whose tables belong to mallory, who is no superuser, and what her code has left (hostile.sql)."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg2 import sql

from integration.cluster import Database
from lab.server import Server

SCRIPT = Path(__file__).parent / "hostile.sql"
SOURCES = Path(__file__).parents[2] / "plugins" / "module_utils"
# All that a superuser's statement would run of mallory's, if it were not kept from that.
NAIVE = "UPDATE public.\"Order\" SET note = note || 'x' WHERE id = 1"


def marks(server: Server) -> set[str]:
    """What ran with a superuser's rights, by the places that name themselves; they are forgotten then."""
    # Asked in another database: there, even the tests' own questions would run what mallory wrote.
    ((text,),) = server.execute("SELECT pg_read_file('marks.mallory', 0, 1000000, true)")
    server.execute("COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f marks.mallory'")
    return set((text or "").split("\n")) - {""}


def fill(database: Database) -> None:
    """Let mallory make all that she has."""
    own(database)
    database.execute("GRANT CREATE ON SCHEMA public TO mallory")
    database.execute(f"SET mallory.functions = '{_called()}';" + SCRIPT.read_text())
    assert marks(database.server) == set()
    database.execute("SELECT public.mark('alarm')")
    assert marks(database.server) == {"alarm"}


def own(database: Database) -> None:
    """Let the database be hers, which a copy of hers is not."""
    database.execute(sql.SQL("ALTER DATABASE {} OWNER TO mallory").format(sql.Identifier(database.name)))


def _called() -> str:
    """The names of all functions that our statements may call."""
    words: set[str] = set()
    for path in SOURCES.rglob("*.py"):
        words.update(re.findall(r"\b([a-z][a-z0-9_]+)\(", path.read_text()))
    return ",".join(sorted(words))
