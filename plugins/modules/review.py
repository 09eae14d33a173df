#!/usr/bin/python
# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action steady.postgresql.review, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: review
short_description: Review migrations in SQL or YAML without a database
version_added: 0.5.0
description:
  - Reads migrations and prints for each statement whether it is online as written, carried out another way, needs a
    decision, or is not understood. A hazard is printed with its object and with the text that accepts it.
  - Fails while a statement needs a decision or is not understood, if a file cannot be read, and if a file accepts a
    hazard that it does not have.
  - Writes C(review.json), C(review.sarif), C(review.md), C(review.html) and C(junit.xml) into
    C(<directory>/<host>/<migration>.review) on the controller, with C(latest-review) beside it pointing to the newest.
    In check mode it writes nothing.
  - If an earlier host of the play has the same migrations and decisions, it says so and reviews nothing.
author:
  - steady.postgresql contributors (@steady-postgresql)
extends_documentation_fragment:
  - steady.postgresql.attributes.reports
options:
  migration:
    description:
      - A C(.sql) file; a folder with a C(migration.sql); a folder of migrations, such as C(prisma/migrations),
        C(supabase/migrations) or numbered C(*.sql) files; a pattern, such as C(db/*.sql); a YAML migration by its path
        or its name in C(migrations/); a migration as a mapping; or a list of these. A text may have one on each line.
      - With an empty list there is nothing to review, and that is a success.
    type: raw
    required: true
  accept:
    description:
      - Decisions, beside those in the files. Each is a mapping with C(hazard), C(object) as the review names it, and
        C(because), the reason. One that no migration needs is reported and is no failure.
    type: raw
    default: []
  formats:
    description:
      - V(github) prints workflow commands of GitHub Actions, which show each remark beside its line.
      - V(gitlab) writes C(gl-code-quality-report.json) beside the other files.
    type: list
    elements: str
    choices: [github, gitlab]
    default: []
  convert_to:
    description:
      - Path of a new file for the YAML form of the migration. It has comments where a statement needs a decision or is
        not carried out yet. A file that exists with another content is never overwritten; the module fails.
    type: path
  directory:
    description:
      - Folder for the artifacts of all hosts.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Review all migrations of an application
  steady.postgresql.review:
    migration: prisma/migrations
    directory: artifacts

- name: Review the files of a pull request
  steady.postgresql.review:
    migration: [db/migrations/0042_notes.sql, db/migrations/0043_status.sql]
    accept:
      - {hazard: data_loss, object: public.Sale.notes, because: unused since March}
    formats: [github]
    directory: artifacts
"""

RETURN = r"""
msg:
  description: How many statements are understood, and how many need a decision.
  returned: always
  type: str
counts:
  description: The number of C(statements), and of those C(as_written), C(another_way), C(decided), C(need_decision),
    C(not_understood) and C(not_carried_out).
  returned: if the migrations were reviewed
  type: dict
directory:
  description: The folder of the files; empty in check mode, and where they could not be written.
  returned: if the migrations were reviewed
  type: str
"""
