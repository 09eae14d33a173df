# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, as options take them and messages show them."""

from __future__ import annotations

import pytest

from ansible_collections.steady.postgresql.plugins.module_utils._support.size import size_bytes, size_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0B", 0),
        ("512kB", 512 * 1024),
        ("512KB", 512 * 1024),
        ("100MB", 100 * 1024**2),
        (" 1.5 GB ", 1536 * 1024**2),
        ("2tb".upper(), 2 * 1024**4),
    ],
)
def test_a_size(text: str, expected: int) -> None:
    assert size_bytes(text, "disk_allowance") == expected


@pytest.mark.parametrize("text", ["", "20", "GB", "-1GB", "20 gigs", "1e3MB"])
def test_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=f'^disk_allowance: "{text}" is not a size'):
        size_bytes(text, "disk_allowance")


def test_in_words() -> None:
    sizes = (0, 1023, 1024, 1536 * 1024**2, 3 * 1024**4)
    assert [size_text(size) for size in sizes] == ["0 bytes", "1023 bytes", "1.0 kB", "1.5 GB", "3.0 TB"]


def test_a_size_that_is_said_can_be_written() -> None:
    """4.2 no. 5: one GB, whatever part of a run says it, and the one of steady_disk_allowance."""
    for text in ("1.0 kB", "1.5 MB", "20.0 GB", "3.0 TB"):
        assert size_text(size_bytes(text, "o")) == text
    assert (size_text(None), size_text(-5 * 1024**2)) == ("0 bytes", "-5.0 MB")
