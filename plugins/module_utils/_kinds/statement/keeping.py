# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against keeping the rows of a statement, or against bringing them back: asked before anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ..._connection.session import Session
from ..._model.kept_rows import Keeping, Rows, Store, kept_problem, read_rows, read_store, refusal, why_not
from .specification import StatementSpecification

__all__ = ["Kept", "read_keeping"]

Key = Tuple[Tuple[str, str], str]


@dataclass(frozen=True)
class Kept:
    """rows: None where the table is not there. kept_problem: why kept rows cannot come back."""

    rows: Optional[Rows] = None
    store: Store = Store()
    kept_problem: str = ""

    def refusal(self, keeping: Keeping, endless: bool) -> str:
        """Why the statement is not run. Of what the run itself makes first, it is asked again at its turn."""
        return refusal(keeping, self.rows, self.store, endless) if self._known else ""

    def lacking(self, keeping: Keeping) -> str:
        """What it writes to and is not there; empty where all is."""
        if self._known:
            return ""
        if self.rows is None:
            return f"there is no table {keeping.name}"
        return f"{keeping.name} has no column {', '.join(self.rows.gone)}"

    def unkept(self, endless: bool) -> str:
        """Why its rows cannot be kept."""
        return why_not(self.rows, self.store, endless) if self._known and self.rows is not None else ""

    @property
    def _known(self) -> bool:
        return self.rows is not None and not self.rows.gone


def read_keeping(session: Session, targets: Sequence[StatementSpecification]) -> Dict[Key, Kept]:
    """By place and name. Raises psycopg2.Error."""
    found: Dict[Key, Kept] = {}
    wanted = [target for target in targets if target.keep_rows is not None]
    store = read_store(session) if wanted else Store()
    for target in wanted:
        keeping = target.keep_rows
        if keeping is None:
            continue
        if target.present:
            found[(target.place, target.name)] = Kept(read_rows(session, keeping), store)
        else:
            found[(target.place, target.name)] = Kept(None, store, kept_problem(session, keeping))
    return found
