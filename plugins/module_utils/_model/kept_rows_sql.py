# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements that keep the rows that another statement writes, and those that bring them back. Pure.

Keeping runs in the transaction of the statement itself. INSERT and DELETE give their rows (RETURNING). Of an UPDATE the
rows are locked first, so that nobody changes them between the look at them and the change; a row that it finds beyond
these ends the transaction, and it is tried again. A query beside an UPDATE in WITH sees the rows as they were before it
(PostgreSQL documentation, 7.8.4 "Data-Modifying Statements in WITH").

Values are compared by their bytes (record_image_eq): every type has these, and 1.0 is not 1.00.
"""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from .._connection.owners import as_role
from .._support.sqltext import closed_line, compose, derived_name, identifier, identifiers, literal, qualified, raw
from .kept_rows import DELETE, INSERT, SCHEMA, UPDATE, Keeping, KeptColumn, Reference, Rows, Store

__all__ = ["bring_back", "drop_empty", "keep", "kept_name"]

_WRITTEN = "steady_written"
#: What makes a value of any type a text that any session reads as the same value.
_EXACT = (
    "SET LOCAL extra_float_digits TO '1'",
    "SET LOCAL DateStyle TO 'ISO'",
    "SET LOCAL IntervalStyle TO 'postgres'",
    "SET LOCAL bytea_output TO 'hex'",
)


def kept_name(deployment_id: str, attempt: int, number: int) -> str:
    """The table in steady_kept of a step."""
    return derived_name(f"{deployment_id}_{attempt}_{number}", ())


def _kept_columns(keeping: Keeping, rows: Rows) -> List[KeptColumn]:
    """The columns that are kept under their own names: of an UPDATE the key and what it sets, else all."""
    if keeping.verb != UPDATE:
        return list(rows.columns)
    return [rows.column(name) for name in dict.fromkeys((*rows.key, *keeping.columns))]


def _written_columns(keeping: Keeping) -> List[Tuple[str, str]]:
    """Of an UPDATE: the name of each written value, beside its column."""
    if keeping.verb != UPDATE:
        return []
    return [(f"{_WRITTEN}_{number}", name) for number, name in enumerate(dict.fromkeys(keeping.columns), 1)]


def keep(
    keeping: Keeping, rows: Rows, store: Store, name: str, role: Optional[str], settings: Sequence[str], sql: str
) -> List[str]:
    """The statement, with all that keeps its rows in the same transaction. settings: of the statement.

    role: that of the statement; None for our own. name: of the new table in steady_kept.
    """
    kept, locked = qualified(SCHEMA, name), qualified(SCHEMA, derived_name(f"{name}_locked", ()))
    columns = _kept_columns(keeping, rows)
    definitions = [_definition(column, column.name, column.name in rows.key) for column in columns]
    definitions += [_definition(rows.column(of), new) for new, of in _written_columns(keeping)]
    statements = [] if store.there else [compose("CREATE SCHEMA {s}", s=identifier(SCHEMA))]
    private = [] if store.there else [_revoke("SCHEMA", compose("{s}", s=identifier(SCHEMA)), store)]
    statements += [text for text in private if text]
    statements += _table(kept, definitions, store)
    about = f"steady.postgresql: the rows of {keeping.name} that {keeping.verb} wrote; a rollback needs them"
    statements.append(compose("COMMENT ON TABLE {kept} IS {about}", kept=raw(kept), about=literal(about)))
    given = [("INSERT", kept)]
    if keeping.verb == UPDATE:
        statements += _table(locked, [_definition(rows.column(one), one, True) for one in rows.key], store)
        given.append(("INSERT, SELECT", locked))
    statements += _granted(given, role)
    statements += [*as_role(role), *(_EXACT if any(column.text for column in columns) else ()), *settings]
    if keeping.verb == UPDATE:
        statements.append(_lock_first(keeping, rows, locked))
    statements.append(_kept_write(keeping, rows, kept, locked, columns, sql))
    statements += _taken_away(given, role)
    if keeping.verb == UPDATE:
        statements.append(compose("DROP TABLE {locked}", locked=raw(locked)))
    return statements


def _definition(column: KeptColumn, name: str, needed: bool = False) -> str:
    return compose(
        "{name} {type}{collate}{needed}",
        name=identifier(name),
        type=raw(column.kept),
        collate=raw(f" COLLATE {column.collation}" if column.collation else ""),
        needed=raw(" NOT NULL" if needed else ""),
    )


def _table(name: str, definitions: Sequence[str], store: Store) -> List[str]:
    made = compose("CREATE TABLE {name} ({parts})", name=raw(name), parts=raw(", ".join(definitions)))
    revoked = _revoke("TABLE", name, store)
    return [made, *([revoked] if revoked else [])]


def _revoke(what: str, name: str, store: Store) -> str:
    """Take away what default privileges gave."""
    if not store.strangers:
        return ""
    return compose(
        "REVOKE ALL ON {what} {name} FROM PUBLIC, {roles}",
        what=raw(what),
        name=raw(name),
        roles=identifiers(store.strangers),
    )


def _granted(given: Sequence[Tuple[str, str]], role: Optional[str]) -> List[str]:
    """What the owner of the table needs for the time of the transaction."""
    if role is None:
        return []
    to = identifier(role)
    return [
        compose("GRANT USAGE ON SCHEMA {s} TO {role}", s=identifier(SCHEMA), role=to),
        *(compose("GRANT {what} ON {name} TO {role}", what=raw(what), name=raw(name), role=to) for what, name in given),
    ]


def _taken_away(given: Sequence[Tuple[str, str]], role: Optional[str]) -> List[str]:
    if role is None:
        return []
    of = identifier(role)
    return [
        "RESET ROLE",
        compose("REVOKE USAGE ON SCHEMA {s} FROM {role}", s=identifier(SCHEMA), role=of),
        *(compose("REVOKE ALL ON {name} FROM {role}", name=raw(name), role=of) for _what, name in given),
    ]


def _value(column: KeptColumn, of: str) -> str:
    """The value of a column as it is kept. of: the name of the rows."""
    value = compose("{of}.{name}", of=identifier(of), name=identifier(column.name))
    return compose("CAST({value} AS {type})", value=raw(value), type=raw(column.kept)) if column.cast else value


def _back(column: KeptColumn) -> str:
    """The kept value as one of the column's type. Of a text it is an explicit cast; a domain checks by itself."""
    value = compose("k.{name}", name=identifier(column.name))
    return compose("CAST({value} AS {type})", value=raw(value), type=raw(column.type)) if column.text else value


def _same_key(rows: Rows, left: str, right: str, kept: Tuple[bool, bool] = (False, True)) -> str:
    """Whether two rows have one key. kept: of each, whether its values are as they are kept already."""
    parts = []
    for name in rows.key:
        column = rows.column(name)
        sides = [
            compose("{of}.{name}", of=identifier(of), name=identifier(name)) if done else _value(column, of)
            for of, done in zip((left, right), kept)
        ]
        # A domain is compared as what it is made of, and its index is used.
        if column.cast and not column.text:
            sides = [compose("{of}.{name}", of=identifier(of), name=identifier(name)) for of in (left, right)]
        if column.text:
            sides = [f'{side} COLLATE pg_catalog."C"' for side in sides]
        parts.append(f"{sides[0]} OPERATOR(pg_catalog.=) {sides[1]}")
    return " AND ".join(parts)


def _image(values: Sequence[str]) -> str:
    return f"ROW({', '.join(values)})"


def _unchanged(left: Sequence[str], right: Sequence[str]) -> str:
    return f"pg_catalog.record_image_eq({_image(left)}, {_image(right)})"


def _lock_first(keeping: Keeping, rows: Rows, locked: str) -> str:
    return compose(
        "INSERT INTO {locked} SELECT DISTINCT {keys} FROM ({query}) AS s",
        locked=raw(locked),
        keys=raw(", ".join(_value(rows.column(name), "s") for name in rows.key)),
        query=raw(closed_line(keeping.locking)),
    )


def _kept_write(keeping: Keeping, rows: Rows, kept: str, locked: str, columns: Sequence[KeptColumn], sql: str) -> str:
    written = compose(
        "WITH {w} AS ({sql} RETURNING {target}.*)",
        w=identifier(_WRITTEN),
        sql=raw(closed_line(sql)),
        target=identifier(keeping.target),
    )
    names = [column.name for column in columns] + [new for new, _of in _written_columns(keeping)]
    into = compose("INSERT INTO {kept} ({names}) SELECT ", kept=raw(kept), names=identifiers(names))
    if keeping.verb != UPDATE:
        values = ", ".join(_value(column, "w") for column in columns)
        return f'{written} {into}{values} FROM "{_WRITTEN}" AS w'
    # A row that was not locked has no key there, which NOT NULL refuses.
    keys = [compose("l.{name}", name=identifier(name)) for name in rows.key]
    values = ", ".join(
        [
            *keys,
            *(_value(column, "o") for column in columns if column.name not in rows.key),
            *(_value(rows.column(of), "w") for _new, of in _written_columns(keeping)),
        ]
    )
    return (
        f'{written} {into}{values} FROM "{_WRITTEN}" AS w LEFT JOIN {locked} AS l ON {_same_key(rows, "w", "l")}'
        f" LEFT JOIN {keeping.name} AS o ON {_same_key(rows, 'o', 'w', (False, False))}"
    )


def bring_back(keeping: Keeping, rows: Rows, role: Optional[str], path: Sequence[str]) -> List[str]:
    """What a rollback runs, in one transaction. The rows that are not brought back stay in the table in steady_kept.

    path: a statement that sets the path of the application, for its triggers.
    """
    kept = qualified(SCHEMA, keeping.kept)
    given = [("SELECT, DELETE", kept)]
    lock = compose(
        "SELECT pg_catalog.count(*) FROM (SELECT FROM {table} AS t JOIN {kept} AS k ON {same} FOR {mode} OF t) AS l",
        table=raw(keeping.name),
        kept=raw(kept),
        same=raw(_same_key(rows, "t", "k")),
        mode=raw("UPDATE" if keeping.verb == INSERT else "NO KEY UPDATE"),
    )
    change = {UPDATE: _update_back, DELETE: _insert_back, INSERT: _delete_back}[keeping.verb](keeping, rows, kept)
    taken = compose(
        "WITH b AS ({change}) DELETE FROM {kept} AS k USING b WHERE {same}",
        change=raw(change),
        kept=raw(kept),
        same=raw(_same_key(rows, "k", "b", (True, True))),
    )
    return [
        *_granted(given, role),
        *as_role(role),
        *path,
        *([] if keeping.verb == DELETE else [lock]),
        taken,
        *_taken_away(given, role),
    ]


# A schema that somebody else made for us, who may make none, stays.
_DROP_EMPTY = (
    "BEGIN IF NOT EXISTS (SELECT FROM {kept}) THEN DROP TABLE {kept};"
    " IF NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace = '{schema}'::regnamespace)"
    " AND pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')"
    " AND (SELECT pg_catalog.pg_has_role(nspowner, 'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = '{schema}')"
    " THEN DROP SCHEMA {schema}; END IF; END IF; END"
)


def drop_empty(name: str) -> List[str]:
    """In one transaction: a table in steady_kept without rows has no purpose any more, nor the schema without it."""
    body = compose(_DROP_EMPTY, kept=identifier(SCHEMA, name), schema=raw(SCHEMA))
    return [
        "SET LOCAL search_path TO pg_catalog, pg_temp",
        compose("DO LANGUAGE plpgsql {body}", body=literal(body)),
    ]


def _keys_kept(rows: Rows) -> Any:
    return raw(", ".join(compose("k.{name}", name=identifier(name)) for name in rows.key))


def _update_back(keeping: Keeping, rows: Rows, kept: str) -> str:
    changed = [rows.column(name) for name in dict.fromkeys(keeping.columns)]
    written = [compose("k.{name}", name=identifier(new)) for new, _of in _written_columns(keeping)]
    sets = [compose("{name} = {value}", name=identifier(one.name), value=raw(_back(one))) for one in changed]
    return compose(
        "UPDATE {table} AS t SET {sets} FROM {kept} AS k WHERE {same} AND {unchanged} RETURNING {keys}",
        table=raw(keeping.name),
        sets=raw(", ".join(sets)),
        kept=raw(kept),
        same=raw(_same_key(rows, "t", "k")),
        unchanged=raw(_unchanged([_value(one, "t") for one in changed], written)),
        keys=_keys_kept(rows),
    )


def _insert_back(keeping: Keeping, rows: Rows, kept: str) -> str:
    """Where nothing has the key again, nor what else must be unique, and what the row refers to is still there."""
    conditions = [_parent_there(reference) for reference in rows.parents]
    if rows.deferrable:
        same = _same_key(rows, "t", "k")
        conditions.append(f"NOT EXISTS (SELECT FROM {keeping.name} AS t WHERE {same})")
    return compose(
        "INSERT INTO {table} AS t ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM {kept} AS k{where}{conflict}"
        " RETURNING {keys}",
        table=raw(keeping.name),
        names=identifiers(column.name for column in rows.columns),
        values=raw(", ".join(_back(column) for column in rows.columns)),
        kept=raw(kept),
        where=raw(" WHERE " + " AND ".join(conditions) if conditions else ""),
        conflict=raw("" if rows.deferrable else " ON CONFLICT DO NOTHING"),
        keys=raw(
            ", ".join(
                compose("{v} AS {n}", v=raw(_value(rows.column(name), "t")), n=identifier(name)) for name in rows.key
            )
        ),
    )


def _parent_there(reference: Reference) -> str:
    nulls = [compose("k.{name} IS NULL", name=identifier(name)) for name in reference.ours]
    pairs = [
        compose("p.{theirs} = {ours}", theirs=identifier(theirs), ours=raw(compose("k.{n}", n=identifier(ours))))
        for theirs, ours in zip(reference.theirs, reference.ours)
    ]
    there = f"EXISTS (SELECT FROM {qualified(*reference.table)} AS p WHERE {' AND '.join(pairs)})"
    return f"({' OR '.join([*nulls, there])})"


def _delete_back(keeping: Keeping, rows: Rows, kept: str) -> str:
    """The rows that are as they were written, and that no row refers to by now."""
    columns = list(rows.columns)
    unchanged = _unchanged(
        [_value(one, "t") for one in columns], [compose("k.{name}", name=identifier(one.name)) for one in columns]
    )
    conditions = [_same_key(rows, "t", "k"), unchanged]
    for reference in rows.children:
        if reference.table == keeping.table:
            continue  # rows that refer to one another go together; what refers to them besides is an error
        pairs = [
            compose("c.{theirs} = t.{ours}", theirs=identifier(theirs), ours=identifier(ours))
            for theirs, ours in zip(reference.theirs, reference.ours)
        ]
        conditions.append(f"NOT EXISTS (SELECT FROM {qualified(*reference.table)} AS c WHERE {' AND '.join(pairs)})")
    return compose(
        "DELETE FROM {table} AS t USING {kept} AS k WHERE {where} RETURNING {keys}",
        table=raw(keeping.name),
        kept=raw(kept),
        where=raw(" AND ".join(conditions)),
        keys=_keys_kept(rows),
    )
