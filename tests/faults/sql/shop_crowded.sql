-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- A transaction that thinks in between, for pgbench: several are under way at any time, so there is hardly an instant
-- at which the tables are free.
\set order random(1, :orders)
\set customer random(1, :customers)
\set category random(1, :categories)
\set payment random(1, :payments)
\set refund random(1, :refunds)
\set parcel random(1, :parcels)
\set visit random(1, :visits)
\set thought random(10, 45)
BEGIN;
UPDATE "Refund" SET "paymentId" = "paymentId" WHERE id = :refund;
UPDATE "Payment" SET method = method WHERE id = :payment;
UPDATE "Parcel" SET code = code WHERE id = :parcel;
UPDATE "Visit" SET id = id WHERE code = 'v' || :visit;
UPDATE "Category" SET name = name WHERE id = :category;
UPDATE "Customer" SET email = email WHERE id = 'c' || :customer;
UPDATE "Order" SET total = total + 1 WHERE id = :order;
\sleep :thought ms
SELECT count(*) FROM "Order" WHERE id = :order;
COMMIT;
