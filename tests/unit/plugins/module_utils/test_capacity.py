# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many builds at a time, and with what memory, out of what a server has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.postgresql.plugins.module_utils._planning.capacity import (
    Capacity,
    ConnectionFacts,
    choose,
)

MB, GB = 1024**2, 1024**3


def facts(**changes: Any) -> ConnectionFacts:
    """A server of 32 GB with 8 cores, set up as one is, on this machine."""
    usual = {
        "cores": 8,
        "free_memory": 16 * GB,
        "max_connections": 200,
        "connections": 150,
        "shared_buffers": 8 * GB,
        "effective_cache_size": 24 * GB,
        "maintenance_work_mem": 64 * MB,
        "maintenance_workers": 2,
    }
    return ConnectionFacts(**{**usual, **changes})


class TestBuilds:
    @pytest.mark.parametrize(
        ("cores", "builds"), [(1, 1), (2, 2), (4, 2), (8, 3), (16, 4), (32, 6), (48, 8), (256, 8), (None, 3)]
    )
    def test_cores(self, cores: int | None, builds: int) -> None:
        assert choose(facts(cores=cores), 20).builds == builds

    @pytest.mark.parametrize(
        ("most", "free", "builds"), [(200, 150, 3), (200, 12, 2), (200, 11, 1), (200, -4, 1), (20, 5, 2), (20, 4, 1)]
    )
    def test_connections_that_the_application_may_need_are_left_to_it(self, most: int, free: int, builds: int) -> None:
        assert choose(facts(max_connections=most, connections=free), 20).builds == builds

    @pytest.mark.parametrize(
        ("free", "builds"), [(16 * GB, 3), (256 * MB, 2), (130 * MB, 1), (10 * MB, 1), (0, 1), (None, 3)]
    )
    def test_memory_that_is_free(self, free: int | None, builds: int) -> None:
        assert choose(facts(free_memory=free), 20).builds == builds

    def test_never_more_than_there_are_tables(self) -> None:
        assert choose(facts(), 1).builds == 1
        assert choose(facts(), 2).builds == 2

    @pytest.mark.parametrize("wanted", [1, 2, 7, 100])
    def test_what_is_said_is_done(self, wanted: int) -> None:
        chosen = choose(facts(cores=1, connections=101, free_memory=0), 50, wanted)
        assert chosen.builds == min(wanted, 50)
        assert chosen.notes == ()

    @pytest.mark.parametrize(("free", "builds"), [(8, 7), (3, 2), (2, 1), (1, 1), (-5, 1)])
    def test_but_not_without_connections(self, free: int, builds: int) -> None:
        chosen = choose(facts(connections=free), 50, 8)
        assert chosen.builds == builds
        assert chosen.notes == (f"{builds} at a time instead of 8: {free} more connections may be opened",)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({}, "3 index builds at a time: 8 cores (steady_parallel says otherwise)"),
            ({"cores": 1}, "1 index build at a time: 1 cores (steady_parallel says otherwise)"),
            (
                {"cores": None},
                "3 index builds at a time: 8 cores assumed, since the server does not say how many it has "
                "(steady_parallel says otherwise)",
            ),
            ({"connections": 11}, "1 index build at a time: 11 free connections (steady_parallel says otherwise)"),
            (
                {"free_memory": 256 * MB},
                "2 index builds at a time: 256.0 MB of free memory (steady_parallel says otherwise)",
            ),
        ],
    )
    def test_what_limits_it_is_said(self, changes: dict[str, Any], said: str) -> None:
        assert choose(facts(**changes), 20).notes == (said,)

    def test_where_nothing_limits_it_there_is_nothing_to_say(self) -> None:
        assert choose(facts(cores=None), 3).notes == ()


class TestMemory:
    def test_builds_share_half_of_shared_buffers(self) -> None:
        assert choose(facts(), 20).memory == 4 * GB // 3

    def test_but_at_most_a_quarter_of_the_cache_and_of_what_is_free(self) -> None:
        assert choose(facts(effective_cache_size=6 * GB), 20).memory == GB // 2
        assert choose(facts(free_memory=6 * GB), 20).memory == GB // 2

    def test_one_needs_no_more_than_two_gigabytes(self) -> None:
        assert (
            choose(facts(shared_buffers=64 * GB, effective_cache_size=200 * GB, free_memory=None), 1).memory == 2 * GB
        )

    @pytest.mark.parametrize("setting", [64 * MB, 2 * GB])
    def test_the_servers_own_setting_is_never_lowered(self, setting: int) -> None:
        small = facts(shared_buffers=128 * MB, maintenance_work_mem=setting)
        assert choose(small, 20).memory is None

    def test_workers_are_the_builds_share_of_the_cores(self) -> None:
        assert choose(facts(), 20).workers == 1
        assert choose(facts(), 1).workers is None, "the server allows no more anyway"
        assert choose(facts(cores=2), 20).workers == 0
        assert choose(facts(cores=None), 20).workers is None

    @given(
        st.builds(
            ConnectionFacts,
            st.none() | st.integers(1, 512),
            st.none() | st.integers(0, 10**13),
            st.integers(1, 10**5),
            st.integers(-100, 10**5),
            st.integers(128 * 1024, 10**13),
            st.integers(8192, 10**13),
            st.integers(MB, 10**13),
            st.integers(0, 1024),
        ),
        st.integers(1, 500),
        st.none() | st.integers(1, 500),
    )
    def test_whatever_a_server_has(self, found: ConnectionFacts, tables: int, wanted: int | None) -> None:
        chosen = choose(found, tables, wanted)
        assert 1 <= chosen.builds <= min(tables, wanted or 8)
        if chosen.memory is not None:
            assert found.maintenance_work_mem < chosen.memory <= 2 * GB
            assert chosen.memory * chosen.builds <= found.shared_buffers // 2
        if chosen.workers is not None:
            assert 0 <= chosen.workers < found.maintenance_workers


def test_the_settings_of_a_session_that_builds() -> None:
    assert Capacity(2, 96 * MB, 1).settings == [
        "SET maintenance_work_mem TO '98304kB'",
        "SET max_parallel_maintenance_workers TO '1'",
    ]
    assert Capacity(2).settings == []
