# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The one exception of the lab."""

from __future__ import annotations


class LabError(Exception):
    """Something that the lab needs is missing or failed; the text says what, and what to do."""
