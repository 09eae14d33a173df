# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person chose for a run, its clock and its version."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import Optional

from .._connection.address import Address, read_address
from .._connection.target import Expectation, Target
from .._locks.locks import LockPolicy
from .._locks.patience import Patience

__all__ = ["COLLECTION_VERSION", "Options", "now"]

COLLECTION_VERSION = "0.4.0"


@dataclass(frozen=True)
class Options:
    """What a person chose for a run. disk_allowance: bytes. most_lag_s: of replicas; None: they are not looked at.

    show_rows: values of rows may be in messages, results and the journal. record: a migration that has nothing to do is
    written to the journal, too, and one that was deployed meanwhile is refused.
    """

    database_url: Optional[str] = field(repr=False)
    expectation: Expectation = Expectation()
    policy: LockPolicy = LockPolicy()
    parallel: Optional[int] = None
    journal: bool = True
    check: bool = False
    operator: str = ""
    plan_hash: Optional[str] = None
    verify: bool = False
    disk_allowance: Optional[int] = None
    most_lag_s: Optional[float] = 30.0
    progress_file: Optional[str] = None
    show_rows: bool = False
    record: bool = False

    def address(self) -> Address:
        return read_address(self.database_url)

    def target(self, address: Address, purpose: str) -> Target:
        watch = functools.partial(Patience, patience_s=self.policy.patience_s)
        return Target(address, self.expectation, purpose, not self.check, watch, self.show_rows)


def now() -> str:
    """The time in UTC, as results have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
