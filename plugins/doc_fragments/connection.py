# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How every module connects."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  database_url:
    description:
      - Address of the database, as a libpq URL (V(postgresql://user:password@host:5432/database?sslmode=verify-full))
        or as C(key=value) string. Sockets, TLS files, service files, C(~/.pgpass) and several hosts work as in libpq.
      - Parameters that libpq does not know (such as Prisma's C(connection_limit)) are removed and named in the
        result. C(schema) and a search path of one schema (C(search_path), C(currentSchema), C(options)) are used.
      - Without it the environment variable E(DATABASE_URL) is used.
    type: str
  expect:
    description:
      - The wrong-target guard. Nothing is done if the database does not match it.
    type: dict
    suboptions:
      database:
        description: Name that the database must have.
        type: str
      system_identifier:
        description: Identifier of the cluster, from C(SELECT system_identifier FROM pg_control_system()).
        type: str
  show_rows:
    description:
      - Whether values of rows may leave the database, in messages, results, reports and the journal. By default they do
        not; messages say how many rows there are and which query shows them in C(psql), and omit what the server says
        about a row.
    type: bool
    default: false
    version_added: 0.4.0
requirements:
  - psycopg2 where the module runs
  - PostgreSQL 13 or newer, reached directly and not through a transaction pooler
"""
