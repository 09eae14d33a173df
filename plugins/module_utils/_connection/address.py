# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a database address: libpq URLs and key/value strings, with what Prisma and Vercel add taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Mapping, Optional, Tuple
from urllib.parse import unquote

from .._support.driver import extensions, psycopg2
from .._support.errors import ConnectionProblem
from .search_path import own_schemas, path_in_options, path_names

__all__ = ["Address", "hidden", "read_address"]

_URL = re.compile(r"^(?:postgres|postgresql)://", re.IGNORECASE)
_EXAMPLE = "postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full"
_SECRETS = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
# Of Prisma, Vercel and Supabase. Only these are named in messages: any other key may be a piece of a password.
_OTHERS = frozenset(
    [
        "schema",
        "search_path",
        "currentSchema",
        "pgbouncer",
        "connection_limit",
        "pool_timeout",
        "socket_timeout",
        "statement_cache_size",
        "supa",
        "workaround",
    ]
)
_SCHEME = re.compile(r"(?:jdbc:)?[a-z]+(?:\+[a-z0-9]+)?", re.IGNORECASE)
_NOT_CONNECTED = "the database was not contacted"


# A shorter password may be a word of any output: a status, a name, part of a hash.
_SHORTEST_HIDDEN = 8


def hidden(text: str, secrets: Iterable[str], parameters: Mapping[str, str]) -> str:
    """Words of libpq or of PostgreSQL's programs without the secrets among them.

    Neither prints a password that it was given as one, so this is a second lock on the door. It must not change what
    the words say: a secret that is short, or part of a name in the address, is left. parameters: the address's.
    """
    names = [value for key, value in parameters.items() if key not in _SECRETS]
    for secret in secrets:
        if len(secret) >= _SHORTEST_HIDDEN and not any(secret in name for name in names):
            text = text.replace(secret, "***")
    return text


@dataclass(frozen=True)
class Address:
    """A parsed address. parameters: libpq's keywords, decoded (PostgreSQL documentation, 34.1.2).

    schema: what the URL's schema= said, or its search path when that is one schema. path: the schemas of its search
    path. removed: names of parameters that libpq does not know.
    """

    parameters: Dict[str, str] = field(repr=False)
    schema: Optional[str] = None
    removed: Tuple[str, ...] = ()
    path: Tuple[str, ...] = field(default=(), repr=False)

    @property
    def secrets(self) -> List[str]:
        """What must never be seen in output."""
        return [self.parameters[key] for key in _SECRETS if self.parameters.get(key)]

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


def _unencoded() -> ConnectionProblem:
    return ConnectionProblem(
        "The database address cannot be told apart into its parts.",
        "probably the password holds one of the characters @ : / ? # % that is not percent-encoded",
        "write them percent-encoded in the password: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25",
        _NOT_CONNECTED,
    )


def _is_path(name: str) -> bool:
    """Whether a parameter of another driver names schemas: of Go's, JDBC, Rails, or schema= in other letters."""
    return name.replace("_", "").lower() in ("searchpath", "currentschema", "schemasearchpath", "schema")


def _take_out(url: str) -> Tuple[str, Optional[str], Tuple[str, ...], Tuple[str, ...]]:
    """The URL without what libpq does not know, the schema that it named, the names taken out, and the search path."""
    start = url.index("://") + 3
    # As libpq does it: a ? before the first @ is the password's.
    user = re.match(r"[^@/]*@", url[start:])
    start += user.end() if user else 0
    where, _question_mark, query = url[start:].partition("?")
    if "@" in where:
        raise _unencoded()
    schema: Optional[str] = None
    kept: List[str] = []
    removed: List[str] = []
    path: List[str] = []
    for pair in query.split("&"):
        key, equals, value = pair.partition("=")
        name = unquote(key)
        # ssl=true is JDBC's form of sslmode=require, which libpq knows in URLs.
        known = (name, value) == ("ssl", "true") or (
            re.fullmatch(r"[A-Za-z_]+", name) is not None and _known_to_libpq(name)
        )
        if pair and not known and ("@" in pair or not re.fullmatch(r"[\w.-]+", name)):
            raise _unencoded()
        if name == "schema":
            schema = unquote(value) or None
        elif pair and not known and _is_path(name):
            path.append(unquote(value))
        elif pair and not known:
            removed.append(name)
        elif pair:
            kept.append(pair if equals else f"{key}=")
    return (
        url[:start] + where + ("?" + "&".join(kept) if kept else ""),
        schema,
        tuple(removed),
        path_names(",".join(path)),
    )


def read_address(text: Optional[str]) -> Address:
    """The address behind steady_database_url. Raises ConnectionProblem, with no part of a password in it."""
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
    path: Tuple[str, ...] = ()
    is_url = _URL.match(url) is not None
    if not is_url and "://" in url.split("?", 1)[0].split("=", 1)[0]:
        raise _other_scheme(url.split("://", 1)[0])
    if is_url:
        scheme, _slashes, rest = url.partition("://")
        url, schema, removed, path = _take_out(f"{scheme.lower()}://{rest}")
    try:
        parameters = extensions.parse_dsn(url)
    except psycopg2.ProgrammingError as error:
        # libpq's message repeats pieces of the address, and of a password that was not percent-encoded.
        option = re.search(r'invalid (?:connection|URI query) (?:option|parameter):? "([A-Za-z_]{1,40})"', str(error))
        named = option is not None and option.group(1) in _OTHERS
        why = f'"{option.group(1)}" is not a libpq parameter' if option and named else "libpq cannot read it"
        raise ConnectionProblem(
            "The database address is not a libpq URL or key=value string.",
            why,
            f"compare it with {_EXAMPLE}; in a URL the characters @ : / ? # % and spaces of a password are "
            "percent-encoded (@ is %40)",
            _NOT_CONNECTED,
        ) from None
    if is_url and not all(port.isdigit() or not port for port in parameters.get("port", "").split(",")):
        raise _unencoded()
    path = own_schemas(tuple(dict.fromkeys((*path, *path_names(path_in_options(parameters.get("options", "")))))))
    if schema is None and len(path) == 1 and path != ("$user",):
        schema = path[0]
    return Address({key: value for key, value in parameters.items() if value != ""}, schema, removed, path)


def _other_scheme(scheme: str) -> ConnectionProblem:
    shown = "begins with no scheme of PostgreSQL's."
    if _SCHEME.fullmatch(scheme):
        shown = f"has the scheme {scheme[:20]}://, which is not PostgreSQL's."
    return ConnectionProblem(
        f"The database address {shown}",
        "only postgresql:// (or postgres://) and key=value strings are read",
        f"write it like {_EXAMPLE}; for Prisma Accelerate take the database's own address",
        _NOT_CONNECTED,
    )
