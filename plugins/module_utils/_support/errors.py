# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures that a person meets: what happened, why, what to do now, and what was left as it was."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

__all__ = ["NOTHING_CHANGED", "ConnectionProblem", "DatabaseProblem", "LockNotAvailable", "Refused", "SteadyError"]

NOTHING_CHANGED = "nothing was changed"


class SteadyError(Exception):
    """A failure in words for the person on call.

    what: what happened. why: the reason, as far as it is known. todo: what to do now.
    done: what was done before and stays. left: what was left as it was. sqlstate: PostgreSQL's code where the server
    said no (PostgreSQL documentation, appendix A). facts: further keys for the module's result. rerun: todo is what to
    do before the same command is run again, which goes on.
    """

    def __init__(
        self,
        what: str,
        why: str = "",
        todo: str = "",
        left: str = "",
        sqlstate: Optional[str] = None,
        facts: Optional[Dict[str, Any]] = None,
        done: str = "",
        rerun: bool = False,
    ) -> None:
        self.what = what
        self.why = why
        self.advise(todo, rerun)
        self.done = done
        self.left = left
        self.sqlstate = sqlstate
        self.facts: Dict[str, Any] = facts or {}
        super().__init__(what)

    def advise(self, mend: str, rerun: bool = False) -> None:
        """Say what to do. mend: without the words that say to run the same command again, which rerun adds."""
        self.mend = mend
        self.todo = "; then ".join(text for text in (mend, "run the same command again" if rerun else "") if text)

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (
            ("Why", self.why),
            ("What to do", self.todo),
            ("Done, and stays", self.done),
            ("Left as it was", self.left),
        ):
            if text:
                lines.append(f"{label}: {text}")
        return "\n".join(lines)


class ConnectionProblem(SteadyError):
    """No connection that the collection may use: address, credentials, pooler, standby, version, wrong target."""


class DatabaseProblem(SteadyError):
    """The server refused a statement."""


class LockNotAvailable(SteadyError):
    """The patience for a lock is used up; facts["blockers"] says who held it."""


class Refused(SteadyError):
    """The plan cannot or must not be carried out; every reason is named at once."""

    def __init__(self, what: str, reasons: List[str], todo: str = "", left: str = NOTHING_CHANGED) -> None:
        self.reasons = reasons
        super().__init__(what, "\n".join(f"- {reason}" for reason in reasons), todo, left, facts={"problems": reasons})

    def __str__(self) -> str:
        lines = [self.what, self.why]
        if self.todo:
            lines.append(f"What to do: {self.todo}")
        if self.left:
            lines.append(f"Left as it was: {self.left}")
        return "\n".join(lines)
