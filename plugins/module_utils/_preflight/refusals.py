# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the plan from being carried out at all. Pure functions of the facts."""

from __future__ import annotations

from typing import Callable, List

from .._journal.trust import grants
from .._model.plan import Problem
from .._support.sqltext import compose, identifier
from .facts import Facts
from .finding import Judgement, found, good

__all__ = ["conflicting_rows", "missing_privileges", "name_clash", "privileges", "read_only", "refused_change"]

_EACH = "each sentence says what to do about it"


def _problems(facts: Facts, choose: Callable[[Problem], bool]) -> List[str]:
    """The texts of the plan's problems that are chosen, each once, in the plan's order."""
    plan = facts.plan
    problems = [*plan.problems, *(problem for outcome in plan.outcomes for problem in outcome.problems)]
    return list(dict.fromkeys(problem.text for problem in problems if choose(problem)))


def missing_privileges(facts: Facts) -> List[str]:
    """All that this role may not do of what the plan needs, each with the GRANT that gives it."""
    return _problems(facts, lambda problem: problem.permission) + (_journal(facts) if facts.plan.steps else [])


def _journal(facts: Facts) -> List[str]:
    """The journal in schema steady is written by whoever applies the plan."""
    row = facts.row
    role, database = identifier(facts.server.role), identifier(facts.server.database)
    if not row["journal_schema"]:
        if row["may_create_schema"]:
            return []
        grant = compose("GRANT CREATE ON DATABASE {database} TO {role}", database=database, role=role)
        return [f"permission denied: the journal cannot be made in schema steady; {grant}"]
    writes = row["may_fill_journal"] if row["may_write_journal"] is None else row["may_write_journal"]
    if row["may_use_journal"] and writes:
        return []
    return [f"permission denied: the journal in schema steady cannot be written; {grants(facts.server.role)}"]


def privileges(facts: Facts) -> Judgement:
    """Everything that the plan needs a right for, checked and not tried."""
    missing = missing_privileges(facts)
    if not missing:
        return good(f'role "{facts.server.role}" may do all that the plan needs')
    return found(missing, "run these GRANTs, or connect as the owner")


def read_only(facts: Facts) -> Judgement:
    """Whether transactions of this role are read-only by default."""
    if not facts.server.read_only_default:
        return good("transactions may write")
    return found(
        [f'default_transaction_read_only is on for role "{facts.server.role}" in database "{facts.server.database}"'],
        "if that is not meant for you: ALTER ROLE … or ALTER DATABASE … RESET default_transaction_read_only, or take "
        "it out of the address",
    )


def name_clash(facts: Facts) -> Judgement:
    """Names that something else has already."""
    texts = _problems(facts, lambda problem: problem.clash)
    return found(texts, _EACH) if texts else good("every name is free, or belongs to the object that is meant")


def conflicting_rows(facts: Facts) -> Judgement:
    """Orphans, duplicate keys and NULLs: rows with which a step would fail."""
    texts = list(dict.fromkeys(problem.text for problem in facts.data if not problem.permission))
    asked = sum(len(step.checks) for step in facts.plan.steps)
    return (
        found(texts, _EACH)
        if texts
        else good(f"{asked} question{'' if asked == 1 else 's'} to the rows: none finds a row that breaks the change")
    )


def refused_change(facts: Facts) -> Judgement:
    """All else that the planners refuse, such as a table that is not there."""
    data = set(facts.data)
    texts = _problems(facts, lambda one: not (one.permission or one.clash or one in data))
    return found(texts, _EACH) if texts else good("the planners refuse nothing")
