-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- A transaction that thinks in between, for pgbench. Several are under way at any time, so a lock that does not queue
-- hardly ever finds the tables free. The tables are always taken in this order, so the transactions cannot deadlock.
\set pet random(1, :pets)
\set sale random(1, :sales)
\set drawer random(1, :drawers)
\set user random(1, :users)
\set thought random(10, 45)
BEGIN;
INSERT INTO "Appointment" ("id", "tenantId", "petId", "customerId", "dateTime", "reason", "updatedAt")
    SELECT gen_random_uuid()::text, "tenantId", "id", "customerId", now() + interval '1 day', 'Check-up', now()
    FROM "Pet" WHERE "id" = md5('Pet' || :pet)::uuid::text;
UPDATE "Sale" SET "updatedAt" = now() WHERE "id" = md5('Sale' || :sale)::uuid::text;
UPDATE "CashDrawer" SET "updatedAt" = now() WHERE "id" = md5('CashDrawer' || :drawer)::uuid::text;
UPDATE "User" SET "updatedAt" = now() WHERE "id" = md5('User' || :user)::uuid::text;
\sleep :thought ms
UPDATE "CashDrawer" SET "updatedAt" = clock_timestamp() WHERE "id" = md5('CashDrawer' || :drawer)::uuid::text;
COMMIT;
