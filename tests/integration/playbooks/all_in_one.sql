-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the last of the operations (tests/faults/operations.py) asks for, as a tool or a person writes it.
BEGIN;
SET LOCAL lock_timeout = '5s';

/* The key comes back with another rule: between the two statements there is none. */
ALTER TABLE "Order" DROP CONSTRAINT "Order_customerId_fkey";
DROP INDEX replaced, dropped;

ALTER TABLE "Order" ALTER COLUMN "customerId" DROP NOT NULL;
-- steady: accept breaks_running_application on Order.note because the application has written it for a year
ALTER TABLE "Order" ALTER COLUMN note SET NOT NULL;
ALTER TABLE "Order" ADD COLUMN discount decimal(10, 2) NOT NULL DEFAULT 0;
ALTER TABLE "Order" ALTER COLUMN tags SET DEFAULT '{new}';

CREATE INDEX IF NOT EXISTS "Order_tenantId_status_placedAt_idx" ON "Order" ("tenantId", status, "placedAt" DESC);
CREATE INDEX replaced ON "Order" USING btree (note, total);

ALTER TABLE "Order"
  ADD CONSTRAINT "Order_sellerId_fkey" FOREIGN KEY ("sellerId") REFERENCES "Customer" (id)
    ON DELETE SET NULL ON UPDATE CASCADE,
  ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" (id)
    ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "Category" DROP CONSTRAINT IF EXISTS "Category_parentId_fkey";
COMMIT;
