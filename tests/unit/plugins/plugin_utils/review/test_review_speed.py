# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of a hundred migrations is reviewed in less than two seconds of a processor."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.steady.postgresql.plugins.plugin_utils._review.discreet import discreet
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.files import write_review
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.reading import read
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.remarks import remarks
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.review import Review
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.sources import sources
from ansible_collections.steady.postgresql.plugins.plugin_utils._review.text import review_lines

STATEMENTS = """\
CREATE TABLE "T{n}" (id uuid PRIMARY KEY, "saleId" uuid NOT NULL REFERENCES "Sale" (id), "createdAt" timestamptz);
CREATE INDEX "T{n}_saleId_idx" ON "T{n}" ("saleId", "createdAt" DESC) WHERE "createdAt" IS NOT NULL;
CREATE INDEX "Sale_{n}_idx" ON "Sale" ("tenantId", status);
ALTER TABLE "Sale" ADD COLUMN "c{n}" numeric(10, 2) NOT NULL DEFAULT 0, ALTER COLUMN notes DROP NOT NULL;
ALTER TABLE "Sale" ADD CONSTRAINT "Sale_c{n}_fkey" FOREIGN KEY ("petId") REFERENCES "Pet" (id) ON DELETE SET NULL;
ALTER TABLE "Sale" DROP COLUMN "old{n}";
COMMENT ON TABLE "T{n}" IS 'notes of sales';
"""


def test_a_hundred_files(tmp_path: Path) -> None:
    """Each with 21 statements: the time of this process, which other processes do not lengthen much."""
    folder = tmp_path / "db"
    folder.mkdir()
    for number in range(100):
        text = "".join(STATEMENTS.format(n=f"{number}_{part}") for part in range(3))
        (folder / f"{number}.sql").write_text(text)
    began = time.process_time()
    found, missing = sources(str(folder), [])
    readings, unreadable = read(found)
    review = Review(tuple(discreet(one) for one in readings), tuple(unreadable))
    lines = review_lines(review)
    write_review(tmp_path / "artifacts", review, remarks(review), "h", "0.5.0", ["gitlab"])
    took = time.process_time() - began
    assert (len(found), missing, unreadable) == (100, [], [])
    assert lines[-1].startswith("2100 of 2100 statements understood")
    assert took < 2.0
