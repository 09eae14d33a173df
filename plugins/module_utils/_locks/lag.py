# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas: read and judged here for the preflight, the run and the monitoring alike.

A run looks at them before each step and waits for those that are behind, so that it does not add to it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from .._connection.session import Session
from .._connection.stop import STOP
from .._support.errors import SteadyError
from .._support.size import size_text

__all__ = ["Replica", "Slot", "behind", "hidden", "read_replicas", "wait_for_replicas"]

_POLL_SECONDS = 1.0
# A standby that catches up after it was away has no measured lag. One WAL segment is nothing to wait for.
_CATCHUP_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Replica:
    """One row of pg_stat_replication. state None: this role may not see it. lag_s: how old what it replays is.

    bytes: what it has not replayed; None for what replays nothing, such as a base backup or pg_receivewal.
    sync_state: sync or quorum for a synchronous standby (PostgreSQL documentation, 27.2.4).
    """

    name: str
    state: Optional[str]
    bytes: Optional[int]
    lag_s: Optional[float]
    sync_state: Optional[str] = None

    @property
    def text(self) -> str:
        lag = f"{self.lag_s:.0f} s" if self.lag_s is not None else "an unknown time"
        return f"replica {self.name} ({self.state}) is behind by {lag}, {size_text(self.bytes or 0)} of WAL"


@dataclass(frozen=True)
class Slot:
    """One row of pg_replication_slots. wal_status: unreserved means that the server may soon break it.

    retained: bytes of WAL that it keeps. kind: physical or logical.
    """

    name: str
    active: bool
    wal_status: Optional[str]
    retained: Optional[int]
    kind: str = ""

    @property
    def text(self) -> str:
        return (
            f"slot {self.name} ({'active' if self.active else 'not used'}) has {size_text(self.retained or 0)} of WAL "
            "to read, more than max_slot_wal_keep_size keeps for it"
        )


def read_replicas(session: Session) -> Tuple[List[Replica], List[Slot]]:
    """All that read our WAL, in one question. Raises psycopg2.Error."""
    rows = session.rows(
        # A standby has no current position of its own; what reads from it is measured by what it has received.
        "WITH at AS MATERIALIZED (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()"
        "  THEN pg_catalog.pg_last_wal_receive_lsn() ELSE pg_catalog.pg_current_wal_lsn() END AS lsn)"
        " SELECT 'replica' AS what, coalesce(nullif(application_name, ''), pid::text) AS name, state,"
        " pg_catalog.pg_wal_lsn_diff(at.lsn, replay_lsn)::int8 AS bytes,"
        " extract(epoch FROM replay_lag)::float8 AS lag, true AS active, sync_state AS kind"
        " FROM pg_catalog.pg_stat_replication CROSS JOIN at"
        " UNION ALL SELECT 'slot', slot_name::text, wal_status,"
        " pg_catalog.pg_wal_lsn_diff(at.lsn, restart_lsn)::int8, NULL, active, slot_type"
        " FROM pg_catalog.pg_replication_slots CROSS JOIN at ORDER BY 1, 2"
    )
    replicas = [
        Replica(row["name"], row["state"], row["bytes"], row["lag"], row["kind"])
        for row in rows
        if row["what"] == "replica"
    ]
    slots = [
        Slot(row["name"], row["active"], row["state"], row["bytes"], row["kind"])
        for row in rows
        if row["what"] == "slot"
    ]
    return replicas, slots


def behind(replicas: Sequence[Replica], slots: Sequence[Slot], most_s: float) -> List[str]:
    """Who is too far behind, in words.

    A replica: its replay_lag is above most_s and there is WAL that it has not replayed (an idle server keeps showing
    the last lag for a while), or it is catching up and its lag is not known yet. A slot: the server is about to remove
    WAL that it still needs (wal_status unreserved); what is lost already is not waited for.
    """
    texts = []
    for replica in replicas:
        if not replica.bytes or replica.bytes < 0:
            continue
        catching_up = replica.state == "catchup" and replica.bytes >= _CATCHUP_BYTES
        if (replica.lag_s or 0.0) > most_s or (catching_up and replica.lag_s is None):
            texts.append(replica.text)
    return texts + [slot.text for slot in slots if slot.wal_status == "unreserved"]


def hidden(replicas: Sequence[Replica]) -> bool:
    """Whether there are replicas whose state this role may not see."""
    return any(replica.state is None for replica in replicas)


def wait_for_replicas(
    read: Callable[[], Tuple[List[Replica], List[Slot]]],
    most_s: float,
    patience_s: float,
    say: Callable[[str], None],
    clock: Tuple[Callable[[], float], Callable[[float], None]] = (time.monotonic, time.sleep),
) -> Dict[str, Any]:
    """Wait until nobody is too far behind: {waited_s, who, hidden}. Raises SteadyError after the patience."""
    now, sleep = clock
    started = now()
    who: List[str] = []
    while True:
        replicas, slots = read()
        late = behind(replicas, slots, most_s)
        waited = now() - started
        if not late:
            return {"waited_s": waited if who else 0.0, "who": who, "hidden": hidden(replicas)}
        who = late
        if waited > patience_s:
            raise SteadyError(
                f"Replicas stay behind: the run waited {waited:.0f} s for them.",
                "; ".join(late),
                "see why they do not follow; or raise steady_max_replica_lag (off: never wait for replicas, such as "
                "one that is delayed on purpose)",
                "this step changed nothing",
                facts={"replicas": late},
                rerun=True,
            )
        STOP.check()
        say("waiting for replicas: " + "; ".join(late))
        sleep(_POLL_SECONDS)
