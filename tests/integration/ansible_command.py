# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""Running a module of the collection as a user does: through Ansible's own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def environment(**more: str) -> dict[str, str]:
    """The environment of a machine on which nothing is set for Ansible or PostgreSQL, but this checkout is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PG", "PYTHON"))}
    kept.pop("DATABASE_URL", None)
    own = {"PATH": f"{BIN}:{kept['PATH']}", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    return {**kept, **own, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **more}


def run_module(name: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """What a module returns, `failed` among it."""
    command = [BIN / "ansible", "localhost", "-i", "localhost,", "-c", "local"]
    command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    command += ["-m", f"steady.postgresql.{name}", "-a", json.dumps(arguments), *options]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    head, arrow, body = done.stdout.partition("=> ")
    assert arrow, f"{done.stdout}\n{done.stderr}"
    result = json.JSONDecoder().raw_decode(body[body.index("{") :])[0]
    result["failed"] = "FAILED" in head
    assert result["failed"] is (done.returncode != 0)
    assert "Traceback" not in done.stdout + done.stderr
    return result
