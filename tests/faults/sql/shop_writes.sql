-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the shop's application writes, for pgbench: all tables in one transaction. They are always taken in this order,
-- and each client makes and deletes orders of its own, so the transactions cannot deadlock.
\set order random(1, :orders)
\set customer random(1, :customers)
\set category random(1, :categories)
\set payment random(1, :payments)
\set refund random(1, :refunds)
\set parcel random(1, :parcels)
\set visit random(1, :visits)
\set made 1000000 + :client_id * 1000 + random(1, 900)
\set deleted 1000000 + :client_id * 1000 + random(1, 900)
BEGIN;
UPDATE "Refund" SET "paymentId" = "paymentId" WHERE id = :refund;
UPDATE "Payment" SET method = method WHERE id = :payment;
UPDATE "Parcel" SET code = code WHERE id = :parcel;
UPDATE "Visit" SET id = id WHERE code = 'v' || :visit;
UPDATE "Category" SET name = name WHERE id = :category;
UPDATE "Customer" SET email = email WHERE id = 'c' || :customer;
UPDATE "Order" SET total = total + 1 WHERE id = :order;
INSERT INTO "Order" (id, "tenantId", "customerId", status, total, "placedAt", note)
    VALUES (:made, 't1', 'c' || :customer, 'NEW', 1, now(), 'note') ON CONFLICT DO NOTHING;
DELETE FROM "Order" WHERE id = :deleted;
COMMIT;
