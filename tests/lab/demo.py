# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The demo: `python -m lab.demo up|deploy|rollback|stop|status`.

Every checkout has a server of its own, in a folder named after the checkout, with a socket only and no port. It goes
on from one command to the next, until `stop` deletes it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
from psycopg2 import sql

from lab import catalog, clinic, summary
from lab.accounts import private_area
from lab.errors import LabError
from lab.profiles import CLINIC
from lab.server import Server, remove_directory
from lab.traffic import Traffic

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".demo" / "state.json"
DATABASE = "clinic"
GUIDE = "migrations/guide/PRODUCTION_MIGRATION.sql"
SCALE_VARIABLE = "STEADY_DEMO_SCALE"
DEFAULT_SCALE = 0.05
# Traffic before and after the playbook, so that its first and last moments are seen under it.
MARGIN_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    commands = {"up": up, "deploy": deploy, "rollback": rollback, "stop": stop, "status": status}
    parser = argparse.ArgumentParser(prog="python -m lab.demo", description="The demo of steady.postgresql.")
    parser.add_argument("command", choices=commands)
    command = commands[parser.parse_args(arguments).command]
    try:
        return command()
    except (LabError, OSError, psycopg2.Error) as error:
        print(f"demo: {error}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def up() -> int:
    """Start the server and load the clinic, where that is not done yet."""
    server = _up()
    print(f"The clinic is at {server.url(DATABASE)}")
    return 0


def deploy() -> int:
    """Review what the migration takes the place of; run the deployment under traffic, and sum up."""
    server = _up()
    print(f"What {GUIDE} would do in psql, and what is done in its place:", flush=True)
    command = [*_playbook("review"), "-e", f"steady_migration={GUIDE}"]
    subprocess.run(command, cwd=ROOT, env=_environment(server), check=False)
    return _run_playbook("deploy", server)


def rollback() -> int:
    """Run the rollback under traffic, and sum up."""
    server = Server.find(_directory())
    if server is None or not _has_database(server, DATABASE):
        raise LabError("there is nothing to roll back: make demo comes first")
    return _run_playbook("rollback", server)


def stop() -> int:
    """Stop the server and delete all of its data. Safe when there is none."""
    there = remove_directory(_directory())
    STATE.unlink(missing_ok=True)
    shutil.rmtree(STATE.parent, ignore_errors=True)
    print("The demo's server is stopped and its data deleted." if there else "There is no demo server: nothing to do.")
    return 0


def status() -> int:
    """Say whether the server runs, and where; the exit status is 0 when it does."""
    server = Server.find(_directory())
    if server is None:
        print("The demo's server does not run: make demo starts it.")
        return 1
    print(f"PostgreSQL {server.installation.major} runs as process {server.pid} in {server.directory}")
    if _has_database(server, DATABASE):
        print(f"The clinic is at {server.url(DATABASE)}")
    return 0


def _directory() -> Path:
    """Where the server of this checkout lives: as noted, or named after the checkout."""
    try:
        return Path(json.loads(STATE.read_text())["directory"])
    except FileNotFoundError:
        mark = hashlib.sha256(os.fsencode(os.path.realpath(ROOT))).hexdigest()[:12]
        return private_area() / f"demo-{mark}"
    except (ValueError, KeyError, TypeError):
        raise LabError(f"{STATE} is damaged: delete it") from None


def _up() -> Server:
    """The running server with the clinic in it."""
    private_area()  # a cleaned temporary folder takes it along; with it there, the server's folder can be made again
    directory = _directory()
    server = Server.find(directory)
    if server is None:
        print("Starting PostgreSQL …", flush=True)
        server = Server.start(directory=directory, durable=True)
    STATE.parent.mkdir(exist_ok=True)
    # inventories/demo reads it, too.
    state = {
        "directory": str(server.directory),
        "url": server.url(DATABASE),
        "programs": str(server.installation.bin_dir),
    }
    STATE.write_text(json.dumps(state, indent=2) + "\n")
    if not _has_database(server, DATABASE):
        _load(server)
    return server


def _load(server: Server) -> None:
    """Load under another name first: what is called clinic is always all of it."""
    scale = _scale()
    print(f"Loading the clinic at {scale:g} of its full size …", flush=True)
    loading = f"{DATABASE}_loading"
    server.drop_database(loading)
    server.create_database(loading)
    clinic.load(server.url(loading), scale)
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    server.execute(rename.format(sql.Identifier(loading), sql.Identifier(DATABASE)))


def _scale() -> float:
    given = os.environ.get(SCALE_VARIABLE) or str(DEFAULT_SCALE)
    try:
        scale = float(given)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 100:
        raise LabError(f"{SCALE_VARIABLE} is {given!r}: it must be a number above 0, 1 for about 2 GB")
    return scale


def _has_database(server: Server, name: str) -> bool:
    return bool(server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)))


def _playbook(name: str) -> list[str]:
    """The command that runs a playbook of the checkout on the demo."""
    # Beside the interpreter, not through its links: in a virtual environment these lead out of it.
    program = Path(sys.executable).parent / "ansible-playbook"
    if not program.exists():
        raise LabError(f"{program} is not there: make demo sets up what it needs")
    return [str(program), f"playbooks/{name}.yml", "-i", "inventories/demo"]


def _environment(server: Server) -> dict[str, str]:
    """ansible-playbook's own programs, pg_dump of the server's version, and the address of the clinic."""
    programs = [str(Path(sys.executable).parent), str(server.installation.bin_dir), os.environ.get("PATH", "")]
    return {**os.environ, "DATABASE_URL": server.url(DATABASE), "PATH": os.pathsep.join(programs)}


def _run_playbook(name: str, server: Server) -> int:
    """Run a playbook of the checkout while traffic is on the clinic; print the summary; returns its exit status."""
    environment = _environment(server)
    before = _read_catalog(server)
    print(f"Putting traffic on it: {CLINIC.rate} transactions a second …", flush=True)
    with Traffic(server, DATABASE) as traffic:
        time.sleep(MARGIN_SECONDS)
        started = time.time()
        command = _playbook(name)
        exit_status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        ended = time.time()
        time.sleep(MARGIN_SECONDS)
        seen = traffic.stop()
    run = summary.Run(
        playbook=name,
        exit_status=exit_status,
        seconds=ended - started,
        before=before,
        after=_read_catalog(server),
        traffic=seen.between(started, ended),
        rate=CLINIC.rate,
        result_file=summary.newest_result(ROOT / "artifacts", started),
    )
    print(summary.text(run, ROOT), flush=True)
    return exit_status


def _read_catalog(server: Server) -> catalog.Reading:
    connection = server.connect(DATABASE)
    try:
        return catalog.read(connection)
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
