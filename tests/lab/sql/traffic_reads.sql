-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the clinic's application looks up, for pgbench: each by an index that is there before the migration.
\set pet random(1, :pets)
\set sale random(1, :sales)
\set drawer random(1, :drawers)
\set item random(1, :items)
SELECT "dateTime", "reason", "status" FROM "Appointment" WHERE "petId" = md5('Pet' || :pet)::uuid::text;
SELECT s."total", c."name" FROM "Sale" AS s LEFT JOIN "Customer" AS c ON c."id" = s."customerId"
    WHERE s."id" = md5('Sale' || :sale)::uuid::text;
SELECT d."status", u."name" FROM "CashDrawer" AS d LEFT JOIN "User" AS u ON u."id" = d."openedById"
    WHERE d."id" = md5('CashDrawer' || :drawer)::uuid::text;
SELECT "name", "quantity" FROM "InventoryItem" WHERE "id" = md5('InventoryItem' || :item)::uuid::text;
