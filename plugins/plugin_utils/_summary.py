# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a run in a few lines, for the person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..module_utils._support.duration import duration_text
from ._evidence_summary import evidence_lines
from ._findings import finding_lines

__all__ = ["headline", "lines", "unwritten_lines"]

_IMAGES = (("before", "was left as"), ("after", "is now"))


def lines(result: Mapping[str, Any], directory: str, not_begun: Sequence[str], diff: bool) -> list[str]:
    """First what it is, last what to do. diff: whether the plan was printed in full already."""
    text = [f"{result['database'] or result['host']}: {headline(result)}"]
    text += [f"  {line}" for line in finding_lines(result["preflight"])]
    text += _backup(result)
    text += _restore(result["restore"] or {}, result["status"])
    text += _monitoring(result["monitoring"] or {})
    text += [f"  {_deployment(one)}" for one in result["deployments"]]
    text += [f"  {_step(step)}" for step in result["steps"]]
    text += [f"  left out: {entry['object']}: {'; '.join(entry['reasons'])}" for entry in result["left_out"]]
    text += [f"  note: {note}" for note in result["notes"]]
    text += [f"  missing privilege: {problem}" for problem in result["missing_privileges"]]
    if result["removed_parameters"]:
        text.append(f"  not libpq parameters, taken out of the address: {', '.join(result['removed_parameters'])}")
    text += _verification(result["verification"])
    text += evidence_lines(result)
    if result["status"] == "planned" and result["steps"]:
        text.append(
            f"  plan hash: {result['plan_hash']}" + ("" if diff else " (--diff shows every statement and its locks)")
        )
    if directory:
        text.append(f"  report: {directory}/report.html")
    if result["undo"]:
        text.append(f"  to undo: {result['undo']}")
    if result["restore_command"]:
        text.append(f"  to go back to the backup, losing what was written since: {result['restore_command']}")
    if not_begun:
        text.append(f"  not begun yet: {', '.join(not_begun)}")
    return text


#: How a sentence calls what a run did, where the action's own name is none.
_CALLED = {
    "deploy": "the deployment",
    "verify": "the verification",
    "backup_verify": "the proof of the backup",
    "monitor": "the monitoring",
}


def unwritten_lines(result: Mapping[str, Any], folder: str, why: str) -> list[str]:
    """What is said at the end where the report could not be written: whether more than the report has failed."""
    action, changed = result["action"], result["changed"]
    called = _CALLED.get(action, f"the {action}")
    journal = ", also in the database's journal (schema steady)" if action in ("deploy", "rollback") else ""
    alone = "" if result["status"] == "failed" else f" Only the report failed: {called} itself did not."
    return [
        f"The report could not be written to {folder}: {why}.{alone}",
        "What to do: keep these lines, no file has them; set steady_artifacts_dir to a folder that can be written, and "
        "run the same command again, which also continues with the hosts that are not begun"
        if action in ("deploy", "rollback")
        else "What to do: keep these lines, no file has them; set steady_artifacts_dir to a folder that can be written",
        f"Done, and stays: what the lines above say{journal}"
        if changed or (action == "backup" and result["status"] == "succeeded")
        else "Left as it was: the database",
    ]


def _backup(result: Mapping[str, Any]) -> list[str]:
    """What stands between the operator and the loss of data: always said where something was to be changed."""
    backup = result["backup"]
    if backup["status"] == "none":
        return []
    text = [f"  backup {backup['status']}: {backup['detail']}"]
    if backup["status"] == "proven":
        text.append(f"    in {backup['path']}")
        if backup.get("encryption"):
            text.append(f"    can be read by: {', '.join(backup['encryption']['recipients'])}")
        text += [f"    not in it: {sentence}" for sentence in backup["left_out"]]
        text += [f"    copy: {copy['path']}" for copy in backup["copies"]]
        text += [f"    deleted after it: {', '.join(backup['deleted'])}"] if backup["deleted"] else []
    return text


def _restore(restore: Mapping[str, Any], status: str) -> list[str]:
    """What was lost, where the former database is, and how to have it back."""
    if not restore:
        return []
    text = []
    if restore.get("snapshot_at"):
        # A copy beside the live database loses nothing.
        done = status == "succeeded" and not restore.get("new_database")
        then, now = ("before", "now") if done else ("now", "in the backup")
        text.append(f"  backup {restore['backup_id']}, taken at {restore['snapshot_at']}, in {restore['path']}")
        text.append(
            f"  {'LOST is' if done else 'a restore loses'} what was written since then"
            f" ({duration_text(restore['window_seconds'])}); tables with another number of rows:"
        )
        text += [
            f"    {one['table']}: {_live(one)} {then}, {_rows(one['backup_rows'])} {now}" for one in restore["lost"]
        ] or ["    none; rows that were changed since, and as many that were added as deleted, do not show here"]
    if restore and status == "planned":
        # The names of a run that is to come are its own.
        return [*text, "  to do it, type the database's name: -e steady_confirm=<database>"]
    if restore.get("proof"):
        figures = ", ".join(f"{count} {name}" for name, count in restore["proof"].items())
        text.append(f"  compared with the backup, and the same: {figures}")
    if restore.get("swap_ms") is not None:
        text.append(f"  the two databases were exchanged within {restore['swap_ms']:.0f} ms")
    if restore.get("new_database"):
        text.append(f"  the copy: database {restore['new_database']}")
    elif restore.get("swapped_back"):
        text.append(f"  what was written since the restore is only in the database {restore['kept_database']}")
    elif restore.get("kept_database"):
        text.append(f"  the former database, with what is lost here: {restore['kept_database']}")
    if restore.get("drop_command"):
        text.append(f"  when that is no longer needed: {restore['drop_command']}")
    if restore.get("undo_command"):
        text.append(f"  to undo, losing what is written from now on: {restore['undo_command']}")
    return text


def _watched(monitoring: Mapping[str, Any]) -> str:
    """How often it was looked at, and what came of it."""
    looked = f"looked at {monitoring['rounds']} time{'' if monitoring['rounds'] == 1 else 's'}"
    findings = monitoring["findings"]
    counts = [(word, sum(1 for one in findings if one["status"] == word)) for word in ("critical", "warning")]
    said = ", ".join(f"{count} {word}" for word, count in counts if count)
    away = f", {len(monitoring['unreachable'])} times without an answer" if monitoring["unreachable"] else ""
    return f"{looked}: {said or 'nothing to fix'}{away}"


def _monitoring(monitoring: Mapping[str, Any]) -> list[str]:
    """What there is to see to, and how the indexes of deployments are used."""
    if not monitoring:
        return []
    text = [f"  no answer at {one['at']}: {one['message']}" for one in monitoring["unreachable"]]
    for one in monitoring["findings"]:
        text.append(f"  {one['status']}: {one['name']}: {one['detail']}")
        text += [f"    what to do: {one['todo']}"] if one["todo"] else []
    made = [one for one in ((monitoring["last"] or {}).get("usage") or {}).get("indexes", []) if one["deployment_id"]]
    for use in ("used", "not used yet", "unused", "kept by a constraint"):
        those = [one for one in made if one["use"] == use]
        names = [f"{one['index']} ({one['scans']} scans)" if one["scans"] else one["index"] for one in those]
        text += [f"  indexes of deployments {use}: {', '.join(names)}"] if names else []
    for one in ((monitoring["last"] or {}).get("statements") or {}).get("slower", []):
        text.append(f"  slower: {one['before_ms']} ms before, {one['after_ms']} ms since: {one['query']}")
    return text


def _live(table: Mapping[str, Any]) -> str:
    who = table.get("locked_by")
    return f"not counted (locked by {', '.join(who)})" if who else _rows(table["live_rows"])


def _rows(count: int | None) -> str:
    return "no table" if count is None else f"{count} row{'' if count == 1 else 's'}"


def _verification(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    if not checks:
        return []
    ok = sum(1 for check in checks if check["status"] == "ok")
    others = [check for check in checks if check["status"] != "ok"]
    text = [f"  verification: {ok} of {len(checks)} checks ok"]
    for check in others:
        text.append(f"    {check['status']}: {check['name']}: {check['detail']}")
        text += [f"      {word}: {check[key]}" for key, word in _IMAGES if key in check]
    return text


def headline(result: Mapping[str, Any]) -> str:
    """What the run came to, in a few words."""
    steps = result["steps"]
    done = sum(1 for step in steps if step["status"] == "done")
    count = f"{len(steps)} step{'' if len(steps) == 1 else 's'}"
    if result["status"] == "failed":
        return _failure(result, done, count)
    if result["action"] == "backup":
        return "would be backed up; nothing was written" if result["status"] == "planned" else "is backed up"
    if result["action"] == "backup_verify":
        return "the backup is proven again" if result["backup"].get("id") else "the dump is proven as far as that goes"
    if result["action"] == "monitor":
        return _watched(result["monitoring"])
    if result["action"] == "restore":
        restore = result["restore"]
        what = "what it was before the restore" if restore.get("swapped_back") else "restored"
        if result["status"] == "planned":
            return f"would be {what}; nothing was changed"
        copy_only = restore.get("new_database")
        return "a copy is restored beside it; the live database was not touched" if copy_only else f"is {what}"
    if result["status"] == "planned":
        return f"{count} planned, nothing was changed" if steps else "nothing to do"
    if result["action"] == "verify":
        return "is what its migration says"
    if not steps:
        return "nothing to do: everything is as wanted" if result["action"] == "deploy" else "nothing to undo"
    return f"{count} {'undone' if result['action'] == 'rollback' else 'done'}"


def _failure(result: Mapping[str, Any], done: int, count: str) -> str:
    wrong = sum(1 for check in result["verification"] if check["status"] == "failed")
    found = f"verification found {wrong} difference{'' if wrong == 1 else 's'}"
    if result["action"] == "verify" and wrong:
        return f"FAILED: {found}; nothing was changed by looking"
    if result["action"] == "restore":
        return "FAILED: nothing was exchanged"
    if result["action"] == "monitor":
        monitoring = result["monitoring"]
        return f"FAILED: {_watched(monitoring)}" if monitoring else "FAILED: it could not be looked at"
    if result["action"] == "backup":
        return "FAILED: there is no new backup; the database and earlier backups are as they were"
    if result["action"] == "backup_verify":
        return "FAILED: the backup is not proven; it is as it was, and so is the database"
    if not result["changed"]:
        return f"FAILED: {found}" if wrong else "FAILED before anything was begun: nothing was changed"
    return f"FAILED: {done} of {count} done" + (f"; {found}" if wrong else "")


def _deployment(one: Mapping[str, Any]) -> str:
    steps = f", {one['steps']} step{'' if one['steps'] == 1 else 's'}" if one["steps"] else ""
    return f"migration {one['migration_id']}: {one['status']}{steps}" + (
        f" (deployment {one['deployment_id']})" if one["deployment_id"] else ""
    )


def _step(step: Mapping[str, Any]) -> str:
    text = f"{step['status']}: {step['action']} {step['kind'].replace('_', ' ')} {step['object']}"
    if step["status"] not in ("done", "failed"):
        return text
    text += f" ({step['duration_ms'] / 1000:.1f} s"
    if step["attempts"] > 1:
        text += f", {step['lock_wait_ms'] / 1000:.1f} s of it for locks in {step['attempts']} attempts"
    return text + ")"
