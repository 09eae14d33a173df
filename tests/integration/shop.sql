-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- The database that most integration tests begin with: small, with a column of each sort that an index cares about.

CREATE TYPE "OrderStatus" AS ENUM ('NEW', 'OPEN', 'DONE');

CREATE FUNCTION shout(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1) || ''!''';
CREATE FUNCTION roll(text) RETURNS text VOLATILE LANGUAGE sql AS 'SELECT $1 || random()::text';

CREATE TABLE "Customer" (
    id text CONSTRAINT "Customer_pkey" PRIMARY KEY,
    "tenantId" text NOT NULL,
    email text,
    name text NOT NULL,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamp(3) NOT NULL
);

CREATE TABLE "Order" (
    id integer CONSTRAINT "Order_pkey" PRIMARY KEY,
    "tenantId" text NOT NULL,
    "customerId" text NOT NULL,
    "sellerId" text,
    status "OrderStatus" NOT NULL,
    total numeric(12, 2) NOT NULL,
    "placedAt" timestamp(3) NOT NULL,
    note text,
    tags text[] NOT NULL DEFAULT '{}',
    doc jsonb,
    raw json,
    place point,
    visitor inet,
    CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES "Customer" (id)
        ON UPDATE CASCADE ON DELETE RESTRICT
);
CREATE INDEX "Order_customerId_idx" ON "Order" ("customerId");

CREATE TABLE "Category" (
    id integer PRIMARY KEY,
    "parentId" integer,
    name text NOT NULL
);

INSERT INTO "Customer"
SELECT 'c' || n, 't' || n % 7, CASE WHEN n % 10 > 0 THEN 'customer' || n || '@example.org' END, 'Name ' || n,
    n % 3 > 0, timestamp '2025-01-01' + n * interval '1 hour'
FROM generate_series(1, 300) AS n;

INSERT INTO "Order"
SELECT n, 't' || n % 7, 'c' || 1 + n % 300, CASE WHEN n % 4 = 0 THEN 'c' || 1 + n % 300 END,
    (ARRAY['NEW', 'OPEN', 'DONE']::"OrderStatus"[])[1 + n % 3], n * 1.25, timestamp '2025-01-01' + n * interval '1 minute',
    'note ' || n, ARRAY['a' || n % 5, 'b'], jsonb_build_object('n', n), '{}', point(n, n % 10), '10.0.0.1'
FROM generate_series(1, 1500) AS n;

INSERT INTO "Category" SELECT n, nullif(n / 2, 0), 'Category ' || n FROM generate_series(1, 40) AS n;
