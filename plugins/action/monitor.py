# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a database again and again, each time with a module call of its own: nothing has to stay connected."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._support.duration import milliseconds
from ..plugin_utils._execution import execute
from ..plugin_utils._monitoring import MonitoringRounds
from ..plugin_utils._progress import show_line
from ..plugin_utils._prometheus import write_metrics

__all__ = ["ActionModule"]


class ActionModule(ActionBase):
    """steady.postgresql.monitor"""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        super().run(tmp, variables)
        arguments = dict(self._task.args)
        host = str(variables.get("inventory_hostname", "localhost"))
        try:
            asked = arguments.get("watch_for")
            duration = milliseconds(str(asked), "watch_for") / 1000 if asked else 0.0
            interval = milliseconds(str(arguments.get("interval") or "60s"), "interval") / 1000
        except ValueError as error:
            raise AnsibleActionFail(
                f"{error}\nWhat to do: correct the duration, such as 60s or 24h\n"
                "Left as it was: the database was not contacted"
            ) from None
        watch = MonitoringRounds(str(arguments.get("fail_on") or "critical"))
        until = time.monotonic() + duration
        while True:
            began = time.monotonic()
            try:
                result = execute(self, arguments, variables)
            except AnsibleConnectionFailure as error:  # the host, not the database; it may come back like that
                if not duration:
                    raise
                result = {"msg": str(error)}
            news = watch.saw(result)
            if duration:
                for line in news:
                    show_line(host, line)
            elif watch.last is None:
                return dict(result)  # looked once, and it could not be: the module says why
            self._tell_prometheus(arguments.get("prometheus"), host, watch)
            pause = began + interval - time.monotonic()
            if time.monotonic() + max(pause, 0.0) >= until:
                return watch.result()
            time.sleep(max(pause, 0.0))

    def _tell_prometheus(self, path: str | None, host: str, watch: MonitoringRounds) -> None:
        if not path:
            return
        try:
            write_metrics(Path(path).expanduser(), host, watch.last, watch.reachable)
        except OSError as error:
            Display().warning(f"{path} could not be written: {error.strerror}; the monitoring goes on")
