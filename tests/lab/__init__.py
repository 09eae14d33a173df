# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The lab: PostgreSQL servers, the clinic database and live traffic, for the tests, the demo and the benchmark."""
