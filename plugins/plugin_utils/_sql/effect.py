# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one statement does, before decisions are looked for: what the readers of statements give back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from .values import Entry, Hazard

__all__ = ["LATER", "Effect", "of_several", "session_only"]

#: What to do about a statement that deploy.yml cannot carry out.
LATER = (
    "deploy.yml of this version does not carry out {kind}: put it into a file of its own, and run that by your own "
    "tool before or after this migration, with lock_timeout set"
)


@dataclass
class Effect:
    """See values.Statement for the fields; verdict and decisions follow from them.

    entries: None is what deploy.yml cannot carry out; an empty tuple is what needs no step.
    """

    kind: str
    summary: str
    instead: str = ""
    hazards: list[Hazard] = field(default_factory=list)
    entries: tuple[Entry, ...] | None = None
    mend: str = ""
    notes: list[str] = field(default_factory=list)
    understood: bool = True
    #: The name of the constraint that it adds: its own, or the one that the server chooses.
    named: str = ""

    def hazard(self, name: str, about: str, message: str) -> None:
        """Add a hazard, each one once for its object."""
        self.add(Hazard(name, about, message))

    def add(self, hazard: Hazard) -> None:
        """The same, of a hazard that is one already."""
        if not any(known.name == hazard.name and known.object == hazard.object for known in self.hazards):
            self.hazards.append(hazard)

    def bound(self, names: Iterable[str]) -> None:
        """These hazards have a bound unless somebody accepts them: they need no decision."""
        self.hazards = [replace(one, bounded=True) if one.name in names else one for one in self.hazards]


def session_only(kind: str, summary: str, instead: str) -> Effect:
    """A statement about the session, for which deploy.yml has something else."""
    return Effect(kind, summary, instead, entries=())


def of_several(kind: str, summary: str, effects: Iterable[Effect]) -> Effect:
    """One statement that does several things, such as an ALTER TABLE with several subcommands.

    All or nothing: where one of them cannot be carried out, the statement cannot.
    """
    whole = Effect(kind, summary, entries=())
    entries: list[Any] = []
    mends: list[str] = []
    insteads: list[str] = []
    for effect in effects:
        for hazard in effect.hazards:
            whole.add(hazard)
        whole.notes += [note for note in effect.notes if note not in whole.notes]
        whole.understood = whole.understood and effect.understood
        insteads += [effect.instead] if effect.instead else []
        if effect.entries is None:
            whole.entries = None
            mends.append(effect.mend or LATER.format(kind=effect.kind))
        else:
            entries += effect.entries
    whole.instead = " ".join(dict.fromkeys(insteads))
    whole.mend = "; ".join(dict.fromkeys(mends))
    if whole.entries is not None:
        whole.entries = tuple(entries)
    return whole
