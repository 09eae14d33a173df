# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reviews migrations on the controller: says what needs a decision, and writes the review's files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._run.options import COLLECTION_VERSION
from ..module_utils._support.values import printable
from ..plugin_utils._artifacts import host_folder
from ..plugin_utils._migration_argument import search_folders
from ..plugin_utils._progress import show_line
from ..plugin_utils._review.convert import Conversion, convertible, write_form, yaml_form
from ..plugin_utils._review.discreet import discreet
from ..plugin_utils._review.document import counts_of
from ..plugin_utils._review.files import write_review
from ..plugin_utils._review.github import quiet, workflow_commands
from ..plugin_utils._review.reading import read
from ..plugin_utils._review.remarks import Remark, remarks
from ..plugin_utils._review.review import Review
from ..plugin_utils._review.sources import sources
from ..plugin_utils._review.text import review_lines
from ..plugin_utils._sql.acceptance import accept, acceptance_problem, decisions
from ..plugin_utils._sql.migration import migration_of
from ..plugin_utils._sql.problem import SqlProblem
from ..plugin_utils._sql.values import Decision, Reading

__all__ = ["ActionModule"]

_UNTOUCHED = "Left as it was: no database was contacted"


class ActionModule(ActionBase):
    """steady.postgresql.review"""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        _specification, arguments = self.validate_argument_spec(
            argument_spec={
                "migration": {"type": "raw", "required": True},
                "accept": {"type": "raw", "default": []},
                "formats": {"type": "list", "elements": "str", "choices": ["github", "gitlab"], "default": []},
                "convert_to": {"type": "path"},
                "directory": {"type": "path", "required": True},
            }
        )
        host = str(variables.get("inventory_hostname", "localhost"))
        migration = arguments["migration"]
        if migration is None or (isinstance(migration, (str, Mapping)) and not migration):
            raise AnsibleActionFail(
                "No migration is named.\nWhat to do: set steady_migration to a file, a folder, a pattern or a list of "
                f"these\n{_UNTOUCHED}"
            )
        wrong = acceptance_problem(arguments["accept"])
        if wrong:
            raise AnsibleActionFail(f"steady_accept: {wrong}\n{_UNTOUCHED}")
        earlier = _reviewed_with(variables, host, arguments)
        if earlier:
            same = f"the same migrations and decisions as {earlier}: its review is this one, too"
            show_line(host, same)
            return {"changed": False, "msg": same}
        readings, review = _review(migration, decisions(arguments["accept"]), variables)
        said, changed = self._converted(arguments["convert_to"], readings)
        found = remarks(review)
        formats = arguments["formats"]
        directory, unwritten = self._written(Path(arguments["directory"]), review, found, host, formats)
        self._say(host, review_lines(review, directory, [*said, *unwritten]), found, formats)
        return {
            "changed": changed,
            "failed": not review.passed or bool(unwritten),
            "msg": _message(review, unwritten),
            "counts": counts_of(review),
            "directory": directory,
        }

    def _converted(self, path: str | None, readings: Sequence[Reading]) -> tuple[list[str], bool]:
        """What is said of the YAML form, and whether a file was written. readings: as they were read."""
        if not path:
            return [], False
        if len(readings) != 1:
            raise AnsibleActionFail(
                f"steady_convert_to writes one migration; steady_migration has {len(readings)} that can be read.\n"
                f"What to do: name one file\n{_UNTOUCHED}, and no file was written"
            )
        reading = readings[0]
        source = reading.statements[0].file if reading.statements else reading.id
        try:
            text = yaml_form(discreet(reading), migration_of(convertible(reading)), source)
            said = write_form(Path(path), text, really=not self._task.check_mode)
        except SqlProblem as error:
            left = len(reading.statements) - len(convertible(reading).statements)
            raise AnsibleActionFail(
                f"The migration has no YAML form:\n{printable(str(error))}\n"
                + (f"Why: that is seen without the statements that are not ready for it ({left})\n" if left else "")
                + f"What to do: correct the SQL file, or deploy it as it is\n{_UNTOUCHED}, and no file was written"
            ) from None
        except Conversion as error:
            raise AnsibleActionFail(f"{error}\n{_UNTOUCHED}") from None
        return [said], said.endswith("is written")

    def _written(
        self, directory: Path, review: Review, found: list[Remark], host: str, formats: Sequence[str]
    ) -> tuple[str, list[str]]:
        """The folder of the files, and what is said where they could not be written."""
        if self._task.check_mode:
            return "", []
        try:
            folder = directory / host_folder(host)
            return str(write_review(folder, review, found, host, COLLECTION_VERSION, formats)), []
        except OSError as error:
            return "", [
                f"The files of this review could not be written to {directory}: {error.strerror}. Set "
                "steady_artifacts_dir to a folder that you may write to."
            ]

    def _say(self, host: str, lines: Sequence[str], found: Sequence[Remark], formats: Sequence[str]) -> None:
        """On the terminal line by line: Ansible's own callbacks may show a message as one long JSON text."""
        shown = [printable(line) for line in lines]
        if "github" in formats or os.environ.get("GITHUB_ACTIONS"):
            shown = quiet(shown)
        if "github" in formats:
            shown = [*workflow_commands(found), *shown]
        Display().display("\n".join(shown))


def _message(review: Review, unwritten: Sequence[str]) -> str:
    """The count, and before it what to do where the review fails."""
    lines = [review.last_line()]
    if not review.passed or unwritten:
        lines = [
            "The review did not pass: what it asks for is listed above." if not review.passed else unwritten[0],
            "What to do: accept each hazard that you want, correct the others in the migration, and review it again",
            _UNTOUCHED,
            *lines,
        ]
    return printable("\n".join(lines))


def _review(
    migration: Any, made: Sequence[Decision], variables: Mapping[str, Any]
) -> tuple[tuple[Reading, ...], Review]:
    """The readings with all decisions, and the review of them as people may see it."""
    found, missing = sources(migration, search_folders(variables))
    read_ones, unreadable = read(found)
    readings, needless = accept(read_ones, made)
    notes = [
        f"steady_accept[{one.line - 1}] ({one.hazard}, {one.object}) is about no hazard of these migrations."
        for one in needless
    ]
    if not found and not missing:
        notes.append("There is no migration to review: the list is empty.")
    return readings, Review(tuple(discreet(one) for one in readings), (*missing, *unreadable), tuple(notes))


#: What decides a review. An inventory gives it to many hosts at once.
_ASKED = (
    *("steady_migration", "steady_accept", "steady_review_formats", "steady_convert_to"),
    "steady_artifacts_dir",
    *("review_migration", "review_accept", "review_formats", "review_convert_to", "review_artifacts_dir"),
)


def _reviewed_with(variables: Mapping[str, Any], host: str, arguments: Mapping[str, Any]) -> str | None:
    """An earlier host of the play whose inventory asks for the same review: it is made once, however many there are.

    None also where the task has a value that the inventory does not have: what other hosts get is not known then.
    """
    hosts, known = list(variables.get("ansible_play_hosts_all", [])), variables.get("hostvars", {})
    if host not in hosts[1:]:
        return None

    def asked(of: str) -> list[Any]:
        return [known[of].get(name) for name in _ASKED]

    own = asked(host)
    given = [arguments["migration"], arguments["accept"], arguments["formats"], arguments["convert_to"]]
    if [one or None for one in given] != [one or None for one in own[:4]]:
        return None
    return next((one for one in hosts[: hosts.index(host)] if asked(one) == own), None)
