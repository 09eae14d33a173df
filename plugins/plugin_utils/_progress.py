# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows in ansible-playbook's own output how far a long-running module is, wherever it runs."""

from __future__ import annotations

import copy
import io
import json
import secrets
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._support.duration import duration_text
from ..module_utils._support.size import size_text
from ..module_utils._support.values import printable
from ._execution import execute

__all__ = ["final_lines", "line", "measured", "run_with_progress", "show_line"]

_LOOK_SECONDS = 1.0
_LOGIN_SECONDS = 1.0
_SAY_SECONDS = 5.0
# Both are done when the plugin is loaded, which is in ansible-playbook's own process: its workers, in which the plugin
# runs, have no terminal any more since ansible-core 2.19. And in a pipe Ansible's output would come when its buffer is
# full, or with the next task.
_TERMINAL = sys.stdout is not None and sys.stdout.isatty()
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(line_buffering=True)


def run_with_progress(
    action: ActionBase, module_args: Mapping[str, Any], task_vars: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Run the action's module; meanwhile say every few seconds where it is. Work that is done sooner says nothing.

    The module's option `progress` says whether at all: always, never, or auto: when the output is a terminal.
    """
    wanted = str(module_args.get("progress") or "auto")
    if action._task.check_mode or wanted == "never" or (wanted == "auto" and not _TERMINAL):
        return execute(action, module_args, task_vars)
    # Nothing secret is in it: the account that logs in may read what the module's account wrote.
    path = f"/tmp/steady-{what}-{secrets.token_hex(12)}.json"
    teller = _Teller(action, path, str(task_vars.get("inventory_hostname", "")))
    teller.start()
    try:
        result = execute(action, {**module_args, "progress_file": path}, task_vars)
    finally:
        teller.stop()
    teller.say_end(result)
    return result


@contextmanager
def measured(host: str, doing: str, total: int, measure: Callable[[], int]) -> Iterator[None]:
    """Say every few seconds how far the block is, which works on the controller. measure: the bytes that are done."""
    done = threading.Event()
    since = time.monotonic()

    def tell() -> None:
        while not done.wait(_SAY_SECONDS - _LOOK_SECONDS):
            content = {"doing": doing, "done": measure(), "total": total, "unit": "bytes"}
            show_line(host, line({**content, "elapsed": time.monotonic() - since}))

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join(_LOOK_SECONDS)


class _Teller(threading.Thread):
    """Looks through a connection of its own: a copy shares the login, not the module's session."""

    def __init__(self, action: ActionBase, path: str, host: str) -> None:
        super().__init__(daemon=True)
        self._connection = copy.copy(action._connection)
        self._path = path
        self._host = host
        self._over = threading.Event()
        self._shown: set[str] = set()
        self._ended: set[str] = set()

    def run(self) -> None:
        told = time.monotonic()
        last: list[Mapping[str, Any]] = [{"doing": "the module is not at work yet on its host"}]
        since, took = told, _LOGIN_SECONDS
        # Looked for in good time: a login over SSH takes its part of the five seconds.
        while not self._over.wait(_LOOK_SECONDS):
            now = time.monotonic()
            if now - told < _SAY_SECONDS - _LOOK_SECONDS - 2 * took:
                continue
            lines = _look(self._connection, self._path) or last
            took = time.monotonic() - now
            if self._over.is_set():
                return
            if lines != last:
                last, since = lines, now
            for content in lines:
                # What cannot tell how far it is, such as one long statement, is at work all the same.
                more = 0.0 if content.get("over") else now - since
                self._show({**content, "elapsed": float(content.get("elapsed") or 0) + more})
            told = now

    def stop(self) -> None:
        self._over.set()
        self.join(_LOOK_SECONDS)

    def _show(self, content: Mapping[str, Any]) -> None:
        """A line of what runs; of what is over the last one, once, when it was shown before."""
        name = str(content.get("name") or content["doing"])
        if not content.get("over"):
            self._shown.add(name)
        elif name in self._shown and name not in self._ended:
            self._ended.add(name)
        else:
            return
        show_line(self._host, line(content))

    def say_end(self, result: Mapping[str, Any]) -> None:
        """The lines that stay, for what was shown and not ended yet."""
        if self._shown:
            for name, text in final_lines(result):
                if name not in self._ended and (name in self._shown or not name):
                    show_line(self._host, text)


def final_lines(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What came of the work: the name of the step, empty for the work as a whole, and the line."""
    steps = [step for step in result.get("steps") or [] if step["status"] in ("done", "failed")]
    lines = []
    for step in steps:
        name = f"{step['action']} {step['kind'].replace('_', ' ')} {step['object']}"
        lines.append((name, f"{name}: {step['status']}, {duration_text(step['duration_ms'] / 1000)}"))
    if not steps:
        backup = result.get("backup") or {}
        lines.append(("", f"backup {backup['status']}: {backup['detail']}" if backup else str(result.get("status"))))
    return lines


def show_line(host: str, text: str) -> None:
    """One line in Ansible's own output: names in it come from databases, and no terminal obeys them."""
    Display().display(printable(f"{host}: {' '.join(text.split())}"))


def _look(connection: Any, path: str) -> list[Mapping[str, Any]]:
    """What the file says. Nothing that goes wrong here disturbs the module."""
    try:
        status, output, _errors = connection.exec_command(f"cat {shlex.quote(path)} 2>/dev/null", sudoable=False)
        content = json.loads(output) if status == 0 else {"lines": []}
        return list(content["lines"]) if "lines" in content else [content]
    except Exception:
        return []


def line(content: Mapping[str, Any]) -> str:
    """One line for a person who waits: what, how far, how long, about how long to go, and for whom it waits."""
    text = str(content["doing"]) + (f" ({content['note']})" if content.get("note") else "")
    done, total, elapsed = content.get("done"), content.get("total"), float(content.get("elapsed") or 0)
    if done is not None and total:
        share = min(done / total, 1.0)
        # 1.1 GB of 2.1 GB, but 3 of 14 tables.
        first = _amount(done, content["unit"]) if content["unit"] == "bytes" else f"{done:.0f}"
        text += f": {first} of {_amount(total, content['unit'])}, {share * 100:.0f} %"
    text += f", {duration_text(elapsed)}"
    phase = float(content.get("phase_elapsed") or elapsed)
    if done and total and done < total and phase >= 1:
        text += f", about {duration_text(phase * (total - done) / done)} to go"
    if content.get("waiting"):
        text += f"; waits for {content['waiting']}"
    return text


def _amount(count: float, unit: str) -> str:
    if unit != "bytes":
        return f"{count:.0f} {unit}"
    return size_text(count)
