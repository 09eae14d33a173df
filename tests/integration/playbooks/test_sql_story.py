# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""A file in SQL with statements that are run as they are written: the whole story by playbook, and its report."""

from __future__ import annotations

import pytest

from integration.playbooks.conftest import NewDesk
from integration.test_second_migration import CHECKS
from lab.profiles import SQL

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

HOST = "clinic"


def test_the_second_migration_from_check_to_rollback(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    database.execute(CHECKS)
    before = database.dump()
    said = {"steady_migration": str(SQL / "second_migration.sql")}
    check = desk.play("deploy", "--check", "--diff", **said)
    assert (check.status, check.recap[HOST]["changed"]) == (0, 1)
    assert database.dump() == before
    deploy = desk.play("deploy", **said)
    assert deploy.status == 0, deploy.output
    result = desk.result(HOST)
    kinds = {step["kind"] for step in result["steps"]}
    assert kinds == {"column", "index", "foreign_key", "statement"}
    assert {step["status"] for step in result["steps"]} == {"done"}
    assert all(step["source"].rpartition(":")[0].endswith("second_migration.sql") for step in result["steps"])
    assert "Sale_total_check" in (desk.latest(HOST) / "report.html").read_text()
    again = desk.play("deploy", **said)
    assert (again.status, again.recap[HOST]["changed"], desk.result(HOST)["changed"]) == (0, 0, False)
    assert desk.play("verify", **said).status == 0
    rollback = desk.play("rollback", **said)
    assert rollback.status == 0, rollback.output
    assert database.dump() == before


def test_what_cannot_be_undone_is_said_in_the_report_and_by_the_rollback(new_desk: NewDesk) -> None:
    desk = new_desk(HOST)
    desk.inventory()
    (desk.folder / "lost.sql").write_text(
        "-- steady: accept not_reversible because it may stay\nALTER TYPE \"SaleStatus\" ADD VALUE 'LOST';\n"
        "COMMENT ON TABLE \"Sale\" IS 'sold';\n"
    )
    deploy = desk.play("deploy", steady_migration="lost.sql")
    assert deploy.status == 0, deploy.output
    steps = desk.result(HOST)["steps"]
    assert [step.get("lasting", False) for step in steps] == [True, False]
    for name in ("report.html", "report.md"):
        assert "-e steady_rollback_partial=true" in (desk.latest(HOST) / name).read_text()
    refused = desk.play("rollback")
    assert refused.status != 0
    assert "cannot be undone: it may stay" in refused.output
    assert desk.play("rollback", steady_rollback_partial=True).status == 0
    assert desk.databases[HOST].value("SELECT obj_description('\"Sale\"'::regclass)") is None


def test_rows_that_a_file_writes_come_back(new_desk: NewDesk) -> None:
    """Without a decision; and what was changed since stays, and is said."""
    desk = new_desk(HOST)
    desk.inventory()
    database = desk.databases[HOST]
    database.execute("CREATE TABLE price (id int PRIMARY KEY, cents int); INSERT INTO price VALUES (1, 100), (2, 200)")
    (desk.folder / "prices.sql").write_text(
        "UPDATE price SET cents = cents * 2;\nDELETE FROM price WHERE id = 2;\nINSERT INTO price VALUES (3, 300);\n"
    )
    check = desk.play("deploy", "--check", steady_migration="prices.sql")
    assert (check.status, check.recap[HOST]["changed"]) == (0, 1)
    deploy = desk.play("deploy", steady_migration="prices.sql")
    assert deploy.status == 0, deploy.output
    assert [one for one in desk.result(HOST)["notes"] if "that UPDATE wrote: what a rollback needs is kept in" in one]
    assert desk.play("verify", steady_migration="prices.sql").status == 0
    assert database.execute("SELECT * FROM price ORDER BY id") == [(1, 200), (3, 300)]
    database.execute("UPDATE price SET cents = 299 WHERE id = 3")
    rollback = desk.play("rollback")
    assert rollback.status == 0, rollback.output
    assert database.execute("SELECT * FROM price ORDER BY id") == [(1, 100), (2, 200), (3, 299)]
    assert [one for one in desk.result(HOST)["notes"] if "did not come back" in one]
