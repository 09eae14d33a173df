# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""What ansible-galaxy makes of the checkout: it holds what a user needs and no more, and it runs by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lab import clinic
from lab.installations import installation
from lab.server import Server

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

PARTS = {
    *("CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "requirements.txt"),
    *("changelogs", "docs", "meta", "migrations", "playbooks", "plugins", "roles", "tests"),
}
# What the migration adds: before it, the clinic has no index on more than one column.
COMPOSITE_INDEXES = (
    "SELECT count(*) FROM pg_index WHERE indisvalid AND indnatts > 1 AND indrelid::regclass::text ~ '^\"'"
)


def _succeed(command: list[str], cwd: Path, **environment: str) -> None:
    """Run one of Ansible's commands as on a machine where nothing is set for Ansible or PostgreSQL."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PG", "PYTHON"))}
    kept.pop("DATABASE_URL", None)
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=cwd,
        env={**kept, "PATH": f"{BIN}:{kept['PATH']}", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact, built from a copy in which lies what work leaves behind."""
    checkout = tmp_path_factory.mktemp("build") / "checkout"
    _copy_checkout(checkout)
    for name in (
        *(".ansible/collections/x", ".demo/data/PG_VERSION", ".git/config", ".venv/bin/python", ".mypy_cache/x"),
        *(".pytest_cache/x", ".ruff_cache/x", ".hypothesis/x", "tests/output/x", "benchmarks/results/x.json"),
        *("artifacts/clinic/latest/result.json", "playbooks/artifacts/clinic/latest/result.json"),
        *("plugins/__pycache__/x.pyc", "roles/__pycache__/y.pyc", ".vault-password", "steady-postgresql-0.0.9.tar.gz"),
        *("inventories/production/group_vars/all/vault.yml", "clinic.dump", ".env"),
    ):
        path = checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("private\n")
    output = checkout.parent / "artefact"
    _succeed(["ansible-galaxy", "collection", "build", "--output-path", str(output)], checkout)
    (made,) = output.iterdir()
    return made


def _copy_checkout(target: Path) -> None:
    """Copy what git has or would take, without git's own files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())


@pytest.fixture(scope="module")
def installed(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of collections with nothing but this one, installed from the artefact."""
    collections = tmp_path_factory.mktemp("collections")
    command = ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", str(collections)]
    _succeed([*command, str(artefact)], collections)
    return collections


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """An empty folder to work in, far from the checkout."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_it_is_named_after_namespace_name_and_version(artefact: Path) -> None:
    """As the README says it."""
    assert artefact.name == "steady-postgresql-0.4.0.tar.gz"


def test_it_holds_only_what_a_user_needs(artefact: Path) -> None:
    """No tools, no tests, nothing of what work leaves behind, nobody's secrets."""
    with tarfile.open(artefact) as archive:
        members = archive.getmembers()
        private = [m.name for m in members if m.isfile() and archive.extractfile(m).read() == b"private\n"]
    names = {member.name for member in members}
    assert private == []
    assert {name.split("/")[0] for name in names} <= PARTS
    assert {name for name in names if name.startswith("tests/")} == {"tests/config.yml"}
    assert [name for name in names if "__pycache__" in name] == []


def test_it_holds_what_it_runs_with(artefact: Path) -> None:
    """One file of each kind stands for the others."""
    with tarfile.open(artefact) as archive:
        names = set(archive.getnames())
    assert {
        *("LICENSE", "README.md", "requirements.txt", "meta/runtime.yml", "meta/execution-environment.yml"),
        *("plugins/modules/index.py", "playbooks/deploy.yml", "playbooks/rollback.yml", "playbooks/verify.yml"),
        "migrations/schema_optimizations.yml",
    } <= names


@pytest.mark.parametrize("playbook", ["deploy", "verify", "rollback", "backup", "restore", "review"])
def test_a_playbook_is_found_by_its_full_name(installed: Path, elsewhere: Path, playbook: str) -> None:
    """From any folder, with all the roles that it names."""
    _succeed(
        ["ansible-playbook", f"steady.postgresql.{playbook}", "--syntax-check"],
        elsewhere,
        ANSIBLE_COLLECTIONS_PATH=str(installed),
    )


@pytest.mark.slow
def test_a_deployment_from_an_empty_folder(installed: Path, elsewhere: Path, postgres_major: int) -> None:
    """With nothing but the artefact and a database: a backup and the indexes are there, the report in this folder."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "steady_migration": "schema_optimizations",
        "steady_backup_dir": str(elsewhere / "backups"),
        "steady_programs_dir": str(installation().bin_dir),
    }
    extra = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    with Server.start(postgres_major) as server:
        server.create_database("clinic")
        clinic.load(server.url("clinic"), scale=0.002)
        assert server.execute(COMPOSITE_INDEXES, database="clinic") == [(0,)]
        _succeed(
            ["ansible-playbook", "steady.postgresql.deploy", "-i", "clinic,", *extra],
            elsewhere,
            ANSIBLE_COLLECTIONS_PATH=str(installed),
            DATABASE_URL=server.url("clinic"),
        )
        assert server.execute(COMPOSITE_INDEXES, database="clinic") == [(9,)]
    assert (elsewhere / "artifacts" / "clinic" / "latest" / "result.json").is_file()
    assert len(list((elsewhere / "backups" / "clinic").glob("*/manifest.json"))) == 1
