-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- One transaction of the clinic's application, for pgbench: an appointment is made, a sale and a cash drawer change,
-- and a user with them. Row number n of a table has an id that is computed from n (see data.sql), so each statement
-- is a look-up by primary key. The tables are always taken in this order, so the transactions cannot deadlock.
\set pet random(1, :pets)
\set sale random(1, :sales)
\set drawer random(1, :drawers)
\set user random(1, :users)
\set days random(1, 60)
BEGIN;
INSERT INTO "Appointment" ("id", "tenantId", "petId", "customerId", "dateTime", "reason", "updatedAt")
    SELECT gen_random_uuid()::text, "tenantId", "id", "customerId", now() + interval '1 day' * :days, 'Check-up', now()
    FROM "Pet" WHERE "id" = md5('Pet' || :pet)::uuid::text;
UPDATE "Sale" SET "updatedAt" = now() WHERE "id" = md5('Sale' || :sale)::uuid::text;
UPDATE "CashDrawer" SET "updatedAt" = now() WHERE "id" = md5('CashDrawer' || :drawer)::uuid::text;
UPDATE "User" SET "updatedAt" = now() WHERE "id" = md5('User' || :user)::uuid::text;
COMMIT;
