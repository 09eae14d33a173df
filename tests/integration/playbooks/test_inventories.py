# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The inventories of the checkout: they parse, and what they compose is what libpq understands."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2.extensions import parse_dsn

from integration.ansible_command import ROOT
from integration.playbooks.conftest import NewDesk
from integration.playbooks.desk import Desk

HOSTS = {
    "demo": ["clinic"],
    "staging": ["clinic-1.staging.example", "clinic-2.staging.example"],
    "production": ["clinic-asia", "clinic-eu", "clinic-us"],
}
# Every character that means something in a URL, in YAML or to Jinja2.
PASSWORDS = {
    "clinic-eu": "p@ss:w/o?r#d%&=+ [x]",
    "clinic-us": "ünïcødé {'\"}\\",
    "clinic-asia": "%2F%40plain",
}


@pytest.fixture(scope="module")
def desk(new_desk: NewDesk) -> Desk:
    """A folder without databases."""
    return new_desk()


def _variables(
    desk: Desk, inventory: Path, *options: str, environment: dict[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """The variables of each host, as a task sees them."""
    command = ["all", "-i", str(inventory), "-m", "ansible.builtin.debug", *options]
    shown = "[steady_database_url | default(none), steady_expect | default(none), ansible_connection | default(none)]"
    message = f"msg={{{{ {shown} | to_json | b64encode }}}}"
    run = desk.command("ansible", *command, "-a", message, env=environment)
    assert run.status == 0, run.output
    found = re.findall(r"^(\S+) \| SUCCESS => (?:.*\n)*?\s+\"?msg\"?: \"?([\w+/=]+)", run.output, re.MULTILINE)
    keys = ("url", "expect", "connection")
    return {host: dict(zip(keys, json.loads(base64.b64decode(text)))) for host, text in found}


@pytest.fixture(scope="module")
def production(desk: Desk) -> tuple[Path, Path]:
    """A copy of the production inventory with a vault as its own example says, and the file with the password."""
    copy = desk.folder / "production"
    shutil.copytree(ROOT / "inventories/production", copy)
    folder = copy / "group_vars/all"
    example = yaml.safe_load((folder / "vault.yml.example").read_text())
    assert set(example["vault_steady_passwords"]) == set(PASSWORDS)
    (folder / "vault.yml").write_text(json.dumps({"vault_steady_passwords": PASSWORDS}))
    password = desk.folder / "vault-password"
    password.write_text("correct horse\n")
    run = desk.command("ansible-vault", "encrypt", "--vault-password-file", str(password), str(folder / "vault.yml"))
    assert run.status == 0, run.output
    assert (folder / "vault.yml").read_text().startswith("$ANSIBLE_VAULT")
    return copy, password


@pytest.mark.parametrize("name", HOSTS)
def test_an_inventory_parses(desk: Desk, name: str) -> None:
    """Without a warning, and with the hosts that the documentation speaks of."""
    run = desk.command("ansible-inventory", "-i", str(ROOT / "inventories" / name), "--list")
    assert run.status == 0
    assert "[WARNING]" not in run.output
    listed = json.loads(run.output)
    assert sorted(listed["_meta"]["hostvars"]) == HOSTS[name]


def test_the_demo_takes_the_address_from_the_environment(desk: Desk) -> None:
    """And runs here."""
    (variables,) = _variables(desk, ROOT / "inventories/demo", environment={"DATABASE_URL": "postgresql:///x"}).values()
    assert variables == {"url": "postgresql:///x", "expect": None, "connection": "local"}


def test_staging_goes_to_the_hosts_own_sockets(desk: Desk) -> None:
    """One of them on another port."""
    variables = _variables(desk, ROOT / "inventories/staging")
    addresses = {host: parse_dsn(values["url"]) for host, values in variables.items()}
    assert addresses == {
        "clinic-1.staging.example": {"dbname": "clinic", "host": "/run/postgresql"},
        "clinic-2.staging.example": {"dbname": "clinic", "host": "/run/postgresql", "port": "5433"},
    }


def test_production_composes_the_address_from_the_vault(desk: Desk, production: tuple[Path, Path]) -> None:
    """Percent-encoded, so that libpq reads the very password, whatever is in it."""
    inventory, password = production
    variables = _variables(desk, inventory, "--vault-password-file", str(password))
    for host, values in variables.items():
        assert PASSWORDS[host] not in values["url"]
        assert parse_dsn(values["url"]) == {
            "user": "steady",
            "password": PASSWORDS[host],
            "host": f"{host}.db.example",
            "dbname": "clinic",
            "sslmode": "verify-full",
            "sslrootcert": "system",
        }
    assert sorted(variables) == HOSTS["production"]


def test_production_guards_each_host_against_the_wrong_target(desk: Desk, production: tuple[Path, Path]) -> None:
    """Each with the identifier of its own server, as text."""
    inventory, password = production
    variables = _variables(desk, inventory, "--vault-password-file", str(password))
    expected = [values["expect"] for values in variables.values()]
    assert {guard["database"] for guard in expected} == {"clinic"}
    assert len({guard["system_identifier"] for guard in expected}) == 3
    assert all(isinstance(guard["system_identifier"], str) for guard in expected)


def test_the_vault_is_needed_and_shows_nothing(desk: Desk, production: tuple[Path, Path]) -> None:
    """Without its password, Ansible says what is missing; with it, the listing composes nothing by itself."""
    inventory, password = production
    closed = desk.command("ansible-inventory", "-i", str(inventory), "--list")
    assert closed.status != 0
    assert "vault" in closed.output.lower()
    opened = desk.command("ansible-inventory", "-i", str(inventory), "--list", "--vault-password-file", str(password))
    assert opened.status == 0


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_documented_limit_chooses_one_host(desk: Desk, name: str) -> None:
    """As the comments in group_vars say to begin."""
    options = ["-i", str(ROOT / "inventories" / name), "--limit", HOSTS[name][0], "--list-hosts"]
    run = desk.command("ansible-playbook", str(ROOT / "playbooks/deploy.yml"), *options)
    assert run.status == 0
    assert run.output.count("hosts (1):") == 2
