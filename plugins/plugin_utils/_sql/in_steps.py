# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Constraints that are added in steps which nobody feels, as statements: NOT VALID first, then validated."""

from __future__ import annotations

from collections.abc import Iterator

from ...module_utils._model.plan import ACCESS_EXCLUSIVE, SHARE_ROW_EXCLUSIVE
from ...module_utils._support.sqltext import temporary_name
from .as_written import entry_of
from .effect import Effect
from .scene import Place, SqlScene, dotted
from .values import Entry
from .way_back import Way, constraint_dropped, constraint_of, name_in_sql, one_name

__all__ = ["in_steps", "not_null_in_steps"]

_CHECK = (
    "It is added NOT VALID, which takes its lock for an instant, and validated in a statement of its own while rows "
    "are read and written."
)
_AS_LONG_AS_IT_TAKES = 0


def in_steps(effect: Effect, text: str, table: Place, both: tuple[Place, ...], scene: SqlScene) -> None:
    """Of ALTER TABLE … ADD CONSTRAINT, in this text: the effect has two entries in its place.

    both: the two ends of a key, whose writes wait for an instant; empty for a CHECK, for which reads wait, too.
    """
    name = effect.named
    made = constraint_of(table, name)
    mode = SHARE_ROW_EXCLUSIVE if both else ACCESS_EXCLUSIVE
    drops = (made,) if scene.replaced_at_once(table[1], name) else ()
    way = Way(
        (constraint_dropped(table, name),), () if drops else (made,), locks=both or (table,), mode=mode, drops=drops
    )
    added = entry_of(effect, f"{text} NOT VALID", way, scene)
    effect.instead, effect.mend = effect.instead or _CHECK, ""
    effect.hazards = [hazard for hazard in effect.hazards if hazard.name != "blocks_reads"]
    effect.entries = (added, _validated(table, name, scene))


def _validated(table: Place, name: str, scene: SqlScene) -> Entry:
    """SHARE UPDATE EXCLUSIVE on the table (ALTER TABLE, VALIDATE CONSTRAINT)."""
    one = Effect("ALTER TABLE VALIDATE CONSTRAINT", f"constraint {name} of {dotted(*table)}")
    text = f"ALTER TABLE {name_in_sql(table)} VALIDATE CONSTRAINT {one_name(name)}"
    entry = entry_of(one, text, Way(()), scene)
    return Entry(entry.section, {**entry.content, "limit_ms": _AS_LONG_AS_IT_TAKES})


def not_null_in_steps(effect: Effect, table: Place, column: str, scene: SqlScene) -> Iterator[Entry]:
    """SET NOT NULL of a column that the file fills before: a CHECK proves that there is no NULL, and goes again."""
    helper = temporary_name(column, "check", (table[0] or "public", table[1]))
    whole, own = name_in_sql(table), one_name(column)
    drop = constraint_dropped(table, helper)
    alone = Effect("ALTER TABLE ADD CHECK", f"helper {helper} of {dotted(*table)}")
    text = f"ALTER TABLE {whole} ADD CONSTRAINT {one_name(helper)} CHECK ({own} IS NOT NULL) NOT VALID"
    yield entry_of(alone, text, Way((drop,), locks=(table,)), scene)
    yield _validated(table, helper, scene)
    back = f"ALTER TABLE {whole} ALTER COLUMN {own} DROP NOT NULL"
    yield entry_of(effect, f"ALTER TABLE {whole} ALTER COLUMN {own} SET NOT NULL", Way((back,), locks=(table,)), scene)
    gone = Effect("ALTER TABLE DROP CONSTRAINT", f"helper {helper} of {dotted(*table)}")
    yield entry_of(gone, drop.replace(" IF EXISTS", ""), Way((), locks=(table,)), scene)
