# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads migrations in SQL: every statement with its verdict, its hazards, and what it becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .decisions import Comments, decide, decisions_in, verdict_of
from .effect import LATER, Effect
from .facts import facts_of
from .parsing import PGLAST_MISSING, Comment, Parsed, parse
from .problem import SqlProblem
from .psql import Command, without_psql
from .replacing import told_of_gaps
from .scene import SqlScene
from .sections import without_down
from .source import SqlSource, read_source
from .statements.registry import effect_of
from .statements.session import unclosed
from .values import Reading, Statement, Verdict

__all__ = ["SqlProblem", "read_sql"]


@dataclass(frozen=True)
class _File:
    """A file that was read. rest: the comments behind its last statement."""

    source: SqlSource
    parsed: Sequence[Parsed]
    commands: Sequence[Command]
    rest: Sequence[Comment]
    note: str | None


def read_sql(paths: Sequence[Path], id: str, shown: Callable[[Path], str]) -> Reading:
    """The statements of one or several files, in their order; they are one migration, as for one run of psql.

    shown: how messages call a file. Raises SqlProblem with all that cannot be read.
    """
    if PGLAST_MISSING:
        raise SqlProblem(PGLAST_MISSING)
    files: list[_File] = []
    problems: list[str] = []
    for path in paths:
        try:
            files.append(_read(path, shown(path)))
        except SqlProblem as error:
            problems.append(str(error))
    if not problems and not any(file.source.text.strip() for file in files):
        problems = [f"{file.source.file}:1:1: there is nothing in it" for file in files]
    if problems:
        raise SqlProblem("\n".join(problems))
    return _reading(files, id)


def _read(path: Path, name: str) -> _File:
    source = read_source(path, name)
    text, note = without_down(source, source.text)
    text, commands = without_psql(source, text)
    parsed, rest = parse(source, text)
    return _File(source, parsed, commands, rest, note)


def _reading(files: Sequence[_File], id: str) -> Reading:
    nodes = [parsed.node for file in files for parsed in file.parsed]
    scene = SqlScene((number, fact) for number, node in enumerate(nodes) for fact in facts_of(node))
    statements: list[Statement] = []
    unused: list[str] = []
    number = 0
    for file in files:
        found: list[tuple[int, Statement]] = [(one.start, _command(one, file.source)) for one in file.commands]
        for parsed in file.parsed:
            scene.position = number
            statement, sentences = _statement(parsed, scene, file.source)
            number += 1
            found.append((parsed.start, statement))
            unused += sentences
        unused += _nowhere(file)
        statements += [statement for _start, statement in sorted(found, key=lambda pair: pair[0])]
    if scene.open_transaction is not None:
        _refuse_unclosed(statements, files, scene.open_transaction)
    notes = [file.note for file in files if file.note]
    if not statements:
        # An ORM writes such a file where a person did not fill it, and psql does nothing with it.
        notes += [f"{file.source.file}:1: there are only comments in it: nothing is done" for file in files]
    return Reading(id, tuple(told_of_gaps(statements)), tuple(unused), tuple(notes))


def _statement(parsed: Parsed, scene: SqlScene, source: SqlSource) -> tuple[Statement, list[str]]:
    effect = effect_of(parsed, scene)
    comments = decisions_in(parsed.comments, source) if parsed.comments else Comments()
    line, column = source.place(parsed.start)
    statement = _of_effect(effect, source.file, line, column, parsed.text)
    if not comments.decisions:
        return statement, list(comments.problems)
    statement, unused = decide(statement, comments.decisions)
    return statement, [*comments.problems, *unused]


def _of_effect(effect: Effect, file: str, line: int, column: int, text: str) -> Statement:
    mend = effect.mend
    if effect.entries is None and not mend:
        mend = LATER.format(kind=effect.kind)
    verdict = verdict_of(effect.instead, effect.hazards) if effect.understood else Verdict.NOT_UNDERSTOOD
    return Statement(
        file=file,
        line=line,
        column=column,
        text=text,
        kind=effect.kind,
        summary=effect.summary,
        verdict=verdict,
        instead=effect.instead,
        hazards=tuple(effect.hazards),
        entries=effect.entries if effect.understood else None,
        mend=mend,
        notes=tuple(effect.notes),
    )


def _command(command: Command, source: SqlSource) -> Statement:
    """A command of psql, as a statement of the file."""
    line, column = source.place(command.start)
    kind = f"\\{command.name}"
    text = f"{kind} {command.rest}".rstrip()
    if command.refused:
        effect = Effect(kind, f"a command of psql: {kind}", understood=False, mend=command.why)
    else:
        effect = Effect(kind, f"a command of psql: {kind}", f"It is not run: {command.why}.", entries=())
    return _of_effect(effect, source.file, line, column, text)


def _nowhere(file: _File) -> list[str]:
    """Decisions behind the last statement: they are about nothing."""
    comments = decisions_in(file.rest, file.source)
    return [
        *comments.problems,
        *(
            f"{decision.file}:{decision.line}: accepts {decision.hazard}, but no statement follows: remove the comment"
            for decision in comments.decisions
        ),
    ]


def _refuse_unclosed(statements: list[Statement], files: Sequence[_File], number: int) -> None:
    """BEGIN without COMMIT: psql would undo everything behind it."""
    places = [(file.source.file, *file.source.place(parsed.start)) for file in files for parsed in file.parsed]
    for position, statement in enumerate(statements):
        if (statement.file, statement.line, statement.column) == places[number]:
            effect = Effect(statement.kind, statement.summary, understood=False, mend=unclosed())
            statements[position] = _of_effect(effect, statement.file, statement.line, statement.column, statement.text)
