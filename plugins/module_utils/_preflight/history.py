# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was before: former deployments, Prisma's migrations, backups. Pure functions of the facts."""

from __future__ import annotations

from .._support.duration import duration_text
from .facts import Facts
from .finding import Judgement, found, good

__all__ = ["backup", "backup_needs", "drift", "edited_migration", "prisma_failed_migration", "taken_back"]


def drift(facts: Facts) -> Judgement:
    """Objects that are not as a deployment or rollback left them."""
    if not facts.journal:
        return good("there is no journal that this role may read")
    if not facts.drift:
        return good(f"{facts.left} objects of former deployments stand as they were left")
    return found(
        [
            f"{one.kind} {one.object} was left by {one.deployment_id} ({one.migration_id}) as: {one.before}; "
            f"now: {one.after}"
            for one in facts.drift
        ],
        "find out who changed it; deploying its migration again brings it back",
    )


def taken_back(facts: Facts) -> Judgement:
    """What a newer deployment did, and this migration, which was deployed before it, would undo."""
    if not facts.journal:
        return good("there is no journal that this role may read")
    if not facts.past.taken_back:
        return good("the plan takes back nothing that a newer deployment did")
    return found(
        list(facts.past.taken_back.values()),
        "deploy the newer migration instead; where it must be undone, roll its deployment back, or write a new "
        "migration with an id of its own",
    )


def edited_migration(facts: Facts) -> Judgement:
    """Whether this id was deployed with other content: the journal and the reports know a migration by its id."""
    if not facts.journal:
        return good("there is no journal that this role may read")
    if not facts.past.edited:
        return good("no deployment of this id had other content")
    return found(
        [facts.past.edited],
        "give it a new id, so that journal and reports tell the two apart; to correct one that is not finished, go on",
    )


def prisma_failed_migration(facts: Facts) -> Judgement:
    """Rows of _prisma_migrations that neither finished nor were rolled back: they block `prisma migrate deploy`."""
    if facts.prisma:
        return found(
            [f'{row["table"]}: "{row["name"]}", begun {row["started_at"]}, never finished' for row in facts.prisma],
            "see what of it is done, then: prisma migrate resolve --applied or --rolled-back with its name",
        )
    return good("no migration of Prisma's has failed")


def backup(facts: Facts) -> Judgement:
    """Whether there is a proven backup, and how old it is. deploy.yml takes one before it changes anything."""
    if not facts.backup_directory:
        return found(["no folder of backups is named"], "backup.yml takes one and proves it")
    damaged = [f"{one.folder}: {one.problem}" for one in facts.backups if one.problem]
    proven = next((one for one in facts.backups if not one.problem), None)
    if proven is None:
        none = f"there is no proven backup of this database in {facts.backup_directory} of the host"
        return found(
            [none, *damaged], "backup.yml takes one and proves it; deploy.yml does so before it changes anything"
        )
    newest = (
        f"the newest proven backup is {duration_text(proven.age_s)} old (proof: {proven.proof}), in {proven.folder}"
    )
    if damaged:
        return found([newest, *damaged], "remove the damaged ones; backup.yml takes another")
    return good(newest)


def backup_needs(facts: Facts) -> Judgement:
    """Whether the backup that deploy.yml takes before it changes anything can be taken on this host."""
    needs = facts.backup_needs
    if not facts.plan.steps:
        return good("nothing is to be changed, so no backup is taken")
    if needs is None:
        return good("how a backup would be taken is not known: the option backup is not given")
    if not needs.missing:
        return good(needs.otherwise)
    return found(
        [text for text, _todo in needs.missing], "; ".join(dict.fromkeys(todo for _text, todo in needs.missing))
    )
