-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the shop's application looks up, for pgbench.
\set order random(1, :orders)
\set category random(1, :categories)
\set refund random(1, :refunds)
\set parcel random(1, :parcels)
\set visit random(1, :visits)
SELECT o.total, c.name FROM "Order" AS o JOIN "Customer" AS c ON c.id = o."customerId" WHERE o.id = :order;
SELECT a.name, b.name FROM "Category" AS a LEFT JOIN "Category" AS b ON b.id = a."parentId" WHERE a.id = :category;
SELECT p.method FROM "Refund" AS r JOIN "Payment" AS p ON p.id = r."paymentId" WHERE r.id = :refund;
SELECT code FROM "Parcel" WHERE id = :parcel;
SELECT id FROM "Visit" WHERE code = 'v' || :visit;
