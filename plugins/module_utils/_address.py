# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""Reading a database address: libpq URLs and key/value strings, with what Prisma and Vercel add taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple
from urllib.parse import unquote

from ansible_collections.steady.postgresql.plugins.module_utils._driver import extensions, psycopg2
from ansible_collections.steady.postgresql.plugins.module_utils._errors import ConnectionProblem

__all__ = ["Address", "read_address"]

_URL = re.compile(r"^(?:postgres|postgresql)://", re.IGNORECASE)
_EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full"
_NOT_CONNECTED = "the database was not contacted"


@dataclass(frozen=True)
class Address:
    """A parsed address. parameters: libpq's keywords, decoded (PostgreSQL documentation, 34.1.2).

    schema: what the URL's schema= said. removed: names of parameters that libpq does not know.
    """

    parameters: Dict[str, str] = field(repr=False)
    schema: Optional[str] = None
    removed: Tuple[str, ...] = ()

    @property
    def secrets(self) -> List[str]:
        """What must never be seen in output."""
        return [self.parameters[key] for key in ("password", "sslpassword") if self.parameters.get(key)]

    @property
    def place(self) -> str:
        """Where it points to, without anything secret: for messages."""
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "the default socket"
        where = host if "port" not in self.parameters else f"{host}, port {self.parameters['port']}"
        if "service" in self.parameters:
            where += f", service {self.parameters['service']}"
        return where


def _known_to_libpq(key: str) -> bool:
    """libpq itself is asked, so that each version of it is judged by its own list."""
    try:
        extensions.parse_dsn(f"postgresql:///?{key}=1")
    except psycopg2.ProgrammingError:
        return False
    return True


def _take_out(url: str) -> Tuple[str, Optional[str], Tuple[str, ...]]:
    """The URL without what libpq does not know, the schema that it named, and the names taken out."""
    base, question_mark, query = url.partition("?")
    if not question_mark:
        return url, None, ()
    schema: Optional[str] = None
    kept: List[str] = []
    removed: List[str] = []
    for pair in query.split("&"):
        key, equals, value = pair.partition("=")
        name = unquote(key)
        if name == "schema":
            schema = unquote(value) or None
        elif pair and (not re.match(r"^[A-Za-z_]+$", name) or not _known_to_libpq(name)):
            removed.append(name)
        elif pair:
            kept.append(pair if equals else f"{key}=")
    return base + ("?" + "&".join(kept) if kept else ""), schema, tuple(removed)


def read_address(text: Optional[str]) -> Address:
    """The address behind steady_database_url. Raises ConnectionProblem, with no part of the address in it."""
    if text is None or not text.strip():
        raise ConnectionProblem(
            "There is no database to connect to.",
            "neither steady_database_url (for a module: database_url) nor the environment's DATABASE_URL is set",
            f"set one of them, for example {_EXAMPLE}",
            _NOT_CONNECTED,
        )
    url = text.strip()
    schema: Optional[str] = None
    removed: Tuple[str, ...] = ()
    is_url = _URL.match(url) is not None
    if not is_url and "://" in url.split("?", 1)[0].split("=", 1)[0]:
        raise ConnectionProblem(
            f"The database address has the scheme {url.split('://', 1)[0][:20]}://, which is not PostgreSQL's.",
            "only postgresql:// (or postgres://) and key=value strings are read",
            f"write it like {_EXAMPLE}; for Prisma Accelerate take the database's own address",
            _NOT_CONNECTED,
        )
    if is_url:
        url, schema, removed = _take_out(url)
    try:
        parameters = extensions.parse_dsn(url)
    except psycopg2.ProgrammingError as error:
        # libpq's message repeats pieces of the address, and of a password that was not percent-encoded.
        option = re.search(r'invalid (?:connection|URI query) (?:option|parameter):? "([a-z_]{1,40})"', str(error))
        why = f'"{option.group(1)}" is not a libpq parameter' if option else "libpq cannot read it"
        raise ConnectionProblem(
            "The database address is not a libpq URL or key=value string.",
            why,
            f"compare it with {_EXAMPLE}; in a URL the characters @ : / ? # % and spaces of a password are "
            "percent-encoded (@ is %40)",
            _NOT_CONNECTED,
        ) from None
    if is_url and "@" in parameters.get("host", ""):
        raise ConnectionProblem(
            "The database address has more than one @ before its host.",
            "probably the password holds an @ that is not percent-encoded",
            "write %40 for each @ of the password",
            _NOT_CONNECTED,
        )
    return Address({key: value for key, value in parameters.items() if value != ""}, schema, removed)
