# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A deployment in a process of its own, which a test can kill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from integration.ansible_command import ROOT, environment
from integration.cluster import OPERATOR, Database

_PROGRAM = """
import json, sys
from ansible_collections.steady.postgresql.plugins.module_utils._deploy.deployment import apply
from ansible_collections.steady.postgresql.plugins.module_utils._run.options import Options
url, operator, migration = json.load(sys.stdin)
apply(migration, Options(url, operator=operator))
"""


@contextmanager
def deployment_process(
    database: Database, migration: dict[str, Any], program: str = _PROGRAM, output: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """A process that applies the migration; at the end of the block it is gone.

    program: reads address, operator and migration as _PROGRAM does. output: where both its streams go.
    """
    path = ROOT / ".ansible" / "collections"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment(PYTHONPATH=str(path)),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps([database.url(), OPERATOR, migration]))
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()
