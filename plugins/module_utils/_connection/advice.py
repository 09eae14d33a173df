# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do when libpq or the server refuses a connection."""

from __future__ import annotations

import re

__all__ = ["connection_advice"]

# What libpq or the server says, in this order, and what to do then.
_CONNECTION_ADVICE = (
    (
        "password authentication failed|no password supplied",
        "check user and password: in the address, in ~/.pgpass (mode 0600) or in the service file",
    ),
    (r'role ".*" does not exist', "check the user in the address; the ones that are there: psql -c '\\du', at {place}"),
    (
        r'database ".*" does not exist',
        "check the database's name in the address; the ones that are there: psql -l, at {place}",
    ),
    (
        "permission denied for database",
        'as the owner of the database: GRANT CONNECT ON DATABASE "…" TO "…"',
    ),
    ("no pg_hba.conf entry", "ask for a pg_hba.conf entry for this host, user and database, or try another sslmode"),
    (
        "certificate|SSL|private key file|sslmode|tlsv1|gssencmode",
        "check sslmode, sslrootcert, sslcert and sslkey of the address; paths are those of the inventory host",
    ),
    ("too many|remaining connection slots", "wait until connections are free, or lower steady_parallel"),
    (
        "session is read-only|session is not read-only|hot standby mode|recovery",
        "the hosts of the address that answer are standbys: add the primary's host, or check target_session_attrs",
    ),
    (
        "definition of service|service file",
        "check the service's name in the address, and ~/.pg_service.conf (PGSERVICEFILE) of the inventory host",
    ),
    ("", "check host and port of the address, and that the server runs and the inventory host can reach it"),
)


def connection_advice(message: str, place: str) -> str:
    """What to do about a connection that was refused; place: the host and port that the address names."""
    todo = next((advice for pattern, advice in _CONNECTION_ADVICE if re.search(pattern, message)), "")
    return todo.format(place=place)
