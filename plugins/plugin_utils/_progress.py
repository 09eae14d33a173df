# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows in ansible-playbook's own output how far a long-running module is, wherever it runs."""

from __future__ import annotations

import copy
import json
import secrets
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

__all__ = ["line", "measured", "run_with_progress"]

_LOOK_SECONDS = 1.0
_LOGIN_SECONDS = 1.0
_SAY_SECONDS = 5.0
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def run_with_progress(
    action: ActionBase, module_args: Mapping[str, Any], task_vars: Mapping[str, Any], what: str
) -> dict[str, Any]:
    """Run the action's module; meanwhile say every few seconds where it is. Work that is done sooner says nothing."""
    # Nothing secret is in it: the account that logs in may read what the module's account wrote.
    path = f"/tmp/steady-{what}-{secrets.token_hex(12)}.json"
    done = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(action, path, str(task_vars.get("inventory_hostname", "")), done), daemon=True
    )
    watcher.start()
    try:
        return dict(action._execute_module(module_args={**module_args, "progress_file": path}, task_vars=task_vars))
    finally:
        done.set()
        watcher.join(_LOOK_SECONDS)


@contextmanager
def measured(host: str, doing: str, total: int, measure: Callable[[], int]) -> Iterator[None]:
    """Say every few seconds how far the block is, which works on the controller. measure: the bytes that are done."""
    done = threading.Event()
    since = time.monotonic()

    def tell() -> None:
        while not done.wait(_SAY_SECONDS - _LOOK_SECONDS):
            content = {"doing": doing, "done": measure(), "total": total, "unit": "bytes"}
            Display().display(f"{host}: {line({**content, 'elapsed': time.monotonic() - since})}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join(_LOOK_SECONDS)


def _watch(action: ActionBase, path: str, host: str, done: threading.Event) -> None:
    """Looks through a connection of its own: a copy shares the login, not the module's session."""
    connection = copy.copy(action._connection)
    told = time.monotonic()
    last: dict[str, Any] = {"doing": "the module is not at work yet on its host"}
    since, took = told, _LOGIN_SECONDS
    # Looked for in good time: a login over SSH takes its part of the five seconds.
    while not done.wait(_LOOK_SECONDS):
        now = time.monotonic()
        if now - told < _SAY_SECONDS - _LOOK_SECONDS - 2 * took:
            continue
        content = _look(connection, path) or last
        took = time.monotonic() - now
        if done.is_set():
            return
        if content != last:
            last, since = content, now
        # What cannot tell how far it is, such as one long statement, is at work all the same.
        Display().display(f"{host}: {line({**content, 'elapsed': float(content.get('elapsed') or 0) + now - since})}")
        told = now


def _look(connection: Any, path: str) -> dict[str, Any] | None:
    """What the file says; None when it says nothing. Nothing that goes wrong here disturbs the module."""
    try:
        status, output, _errors = connection.exec_command(f"cat {shlex.quote(path)} 2>/dev/null", sudoable=False)
        return dict(json.loads(output)) if status == 0 else None
    except Exception:
        return None


def line(content: Mapping[str, Any]) -> str:
    """One line for a person who waits: what, how far, how long, and about how long to go."""
    text = str(content["doing"]) + (f" ({content['note']})" if content.get("note") else "")
    done, total, elapsed = content.get("done"), content.get("total"), float(content.get("elapsed") or 0)
    if done is not None and total:
        share = min(done / total, 1.0)
        # 1.1 GB of 2.1 GB, but 3 of 14 tables.
        first = _amount(done, content["unit"]) if content["unit"] == "bytes" else f"{done:.0f}"
        text += f": {first} of {_amount(total, content['unit'])}, {share * 100:.0f} %"
    text += f", {_duration(elapsed)}"
    if done and total and done < total and elapsed >= 1:
        text += f", about {_duration(elapsed * (total - done) / done)} to go"
    return text


def _amount(count: float, unit: str) -> str:
    if unit != "bytes":
        return f"{count:.0f} {unit}"
    for size, name in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {name}"
    return f"{count:.0f} bytes"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
