# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Random small schemas with odd names, and random migrations over them, for hypothesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from psycopg2 import sql

# What names may be: cases, blanks, quotes, other scripts, keywords, signs of formatting and of SQL, the longest.
_ODD = [
    "plain", "MixedCase", "with space", "ünïcödé", "таблица", "semi;colon", 'quo"te', "apo'strophe", "per%cent",
    "per%scent", "{brace}", "select", "back\\slash", "dollar$$", "--dash", "/*comment", "x" * 40, "dot.ted", "_low",
    "1st",
]  # fmt: skip
# Types, with a value that depends on n. The first ones have an order, and can be in an index.
_ORDERED = {
    "text": "'v' || n",
    "integer": "n",
    "bigint": "n * 4000000000",
    "numeric(12, 2)": "n / 7.0",
    "timestamp(3)": "timestamp '2025-01-01' + n * interval '1 hour'",
    "date": "date '2025-01-01' + n",
    "uuid": "md5(n::text)::uuid",
    "boolean": "n % 2 = 0",
    "varchar(20)": "'w' || n",
    "text[]": "ARRAY['a', n::text]",
    "jsonb": "jsonb_build_object('n', n)",
}
_UNORDERED = {"json": "'{}'::json", "point": "point(n, n)"}
# What a column that is added says of itself: some of it would write all rows anew, or leave them without a value.
_NEW: list[dict[str, Any]] = [
    {"type": "text"},
    {"type": "integer", "default": 0, "nullable": False},
    {"type": "timestamptz", "default": "CURRENT_TIMESTAMP", "comment": "it's new"},
    {"type": "varchar(20)", "default": "'a;b'", "nullable": True},
    {"type": "uuid", "default": "gen_random_uuid()"},
    {"type": "bigint", "nullable": False},
]
_ACTIONS = ["no_action", "restrict", "cascade", "set_null"]
_KEY_TYPES = ["text", "integer", "bigint", "uuid"]
ROWS = 40


@dataclass(frozen=True)
class Column:
    """nullable: and then every fifth row has no value, where holes are wanted."""

    name: str
    type: str
    nullable: bool
    holes: bool = False


@dataclass(frozen=True)
class Table:
    """The first column is the primary key."""

    name: str
    columns: tuple[Column, ...]

    @property
    def ordered(self) -> list[str]:
        """Columns that can be in an index."""
        return [column.name for column in self.columns if column.type in _ORDERED]


@dataclass(frozen=True)
class World:
    """Two tables, parent and child; the child's second column refers to the parent's first. existing: DDL beside."""

    parent: Table
    child: Table
    indexes: tuple[tuple[str, str, tuple[str, ...]], ...]
    key: tuple[str, str, str] | None
    migration: dict[str, Any]

    def script(self, place: Any) -> str:
        """SQL that makes it. place: a connection, for quoting."""
        parts: list[sql.Composable] = []
        for table in (self.parent, self.child):
            columns = sql.SQL(", ").join(
                sql.SQL("{} {} {}").format(
                    sql.Identifier(column.name),
                    sql.SQL(column.type),
                    sql.SQL("PRIMARY KEY" if number == 0 else "" if column.nullable else "NOT NULL"),
                )
                for number, column in enumerate(table.columns)
            )
            values = sql.SQL(", ").join(sql.SQL(_value(column)) for column in table.columns)
            parts.append(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table.name), columns))
            parts.append(
                sql.SQL("INSERT INTO {} SELECT {} FROM generate_series(1, {}) AS n").format(
                    sql.Identifier(table.name), values, sql.Literal(ROWS)
                )
            )
        for name, of_table, columns_of_index in self.indexes:
            names = sql.SQL(", ").join(map(sql.Identifier, columns_of_index))
            statement = sql.SQL("CREATE INDEX {} ON {} ({})")
            parts.append(statement.format(sql.Identifier(name), sql.Identifier(of_table), names))
        if self.key is not None:
            name, on_delete, on_update = self.key
            statement = sql.SQL(
                "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}"
            )
            parts.append(
                statement.format(
                    sql.Identifier(self.child.name),
                    sql.Identifier(name),
                    sql.Identifier(self.child.columns[1].name),
                    sql.Identifier(self.parent.name),
                    sql.Identifier(self.parent.columns[0].name),
                    *(sql.SQL(action.replace("_", " ").upper()) for action in (on_delete, on_update)),
                )
            )
        return sql.SQL("; ").join(parts).as_string(place)


def _value(column: Column) -> str:
    value = {**_ORDERED, **_UNORDERED}[column.type]
    return f"CASE WHEN n % 5 > 0 THEN {value} END" if column.holes else value


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world and a migration that the engine may refuse, but must never half do."""
    names = draw(st.permutations(_ODD))
    take = iter(names)

    def columns(count: int) -> list[Column]:
        types = st.sampled_from([*_ORDERED, *_UNORDERED])
        return [
            Column(next(take), draw(types), nullable := draw(st.booleans()), nullable and draw(st.booleans()))
            for _number in range(count)
        ]

    key_type = draw(st.sampled_from(_KEY_TYPES))
    parent = Table(next(take), (Column(next(take), key_type, False), *columns(draw(st.integers(1, 2)))))
    reference = Column(next(take), key_type, draw(st.booleans()))
    child = Table(next(take), (Column(next(take), "integer", False), reference, *columns(draw(st.integers(1, 3)))))
    tables = (parent, child)

    def index_columns(table: Table) -> tuple[str, ...]:
        return tuple(draw(st.lists(st.sampled_from(table.ordered), min_size=1, max_size=3, unique=True)))

    indexes = []
    for _number in range(draw(st.integers(0, 2))):
        table = draw(st.sampled_from(tables))
        indexes.append((next(take), table.name, index_columns(table)))
    actions = _ACTIONS if reference.nullable else _ACTIONS[:3]
    key = (next(take), draw(st.sampled_from(actions)), draw(st.sampled_from(actions))) if draw(st.booleans()) else None

    # -- the migration
    by_name = {table.name: table for table in tables}
    wanted_indexes: list[dict[str, Any]] = []
    for name, of_table, _columns in indexes:
        what = draw(st.sampled_from(["leave", "drop", "replace"]))
        if what == "drop":
            wanted_indexes.append({"name": name, "table": of_table, "state": "absent"})
        elif what == "replace":
            wanted_indexes.append({"name": name, "table": of_table, "columns": list(index_columns(by_name[of_table]))})
    for _number in range(draw(st.integers(0, 2))):
        table = draw(st.sampled_from(tables))
        one: dict[str, Any] = {"name": next(take), "table": table.name, "columns": list(index_columns(table))}
        one["columns"][0] = {"name": one["columns"][0], "order": draw(st.sampled_from(["asc", "desc"]))}
        if draw(st.booleans()):
            one["unique"] = True
        wanted_indexes.append(one)
    wanted_columns: list[dict[str, Any]] = [
        {"table": table.name, "name": column.name, "nullable": draw(st.booleans())}
        for table in tables
        for column in table.columns[1:]
        if draw(st.integers(0, 2)) == 0
    ]
    for table in tables:
        if draw(st.integers(0, 2)) == 0:
            new = draw(st.sampled_from(_NEW))
            wanted_columns.append({"table": table.name, "name": next(take), **new})
            if draw(st.booleans()):
                one = {"name": next(take), "table": table.name, "columns": [wanted_columns[-1]["name"]]}
                wanted_indexes.append({**one, "unique": draw(st.booleans())})
    wanted_keys: list[dict[str, Any]] = []
    what = draw(st.sampled_from(["leave", "wish", "wish", "drop"]))
    if what == "drop" and key is not None:
        wanted_keys.append({"name": key[0], "table": child.name, "state": "absent"})
    elif what == "wish":
        wanted_keys.append(
            {
                "name": key[0] if key is not None else next(take),
                "table": child.name,
                "columns": [reference.name],
                "references": {"table": parent.name, "columns": [parent.columns[0].name]},
                "on_delete": draw(st.sampled_from(_ACTIONS)),
                "on_update": draw(st.sampled_from(actions)),
            }
        )
    sections = {"indexes": wanted_indexes, "columns": wanted_columns, "foreign_keys": wanted_keys}
    return World(
        parent, child, tuple(indexes), key, {"id": "random", **{name: part for name, part in sections.items() if part}}
    )
