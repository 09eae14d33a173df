-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- A partitioned table as they grow: a partition by itself in a schema of its own, one that is partitioned again, and
-- a default one on both levels; beside it a partitioned table that others refer to.

CREATE SCHEMA archive;

CREATE TABLE "Person" (
    id integer PRIMARY KEY
);

CREATE TABLE "Event" (
    id bigint NOT NULL,
    "tenantId" text NOT NULL,
    at date NOT NULL,
    "personId" integer,
    note text
) PARTITION BY RANGE (at);

CREATE TABLE archive."Event_2023" PARTITION OF "Event" FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE "Event_2024" (
    note text,
    "personId" integer,
    at date NOT NULL,
    "tenantId" text NOT NULL,
    id bigint NOT NULL
);
ALTER TABLE "Event" ATTACH PARTITION "Event_2024" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE "Event_2025" PARTITION OF "Event" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
    PARTITION BY LIST ("tenantId");
CREATE TABLE "Event_2025_t1" PARTITION OF "Event_2025" FOR VALUES IN ('t1');
CREATE TABLE "Event_2025_rest" PARTITION OF "Event_2025" DEFAULT;
CREATE TABLE "Event_rest" PARTITION OF "Event" DEFAULT;

INSERT INTO "Person" SELECT n FROM generate_series(1, 50) AS n;
INSERT INTO "Event"
SELECT n, 't' || n % 3, date '2023-01-01' + n, 1 + n % 50, 'note ' || n FROM generate_series(1, 1500) AS n;

CREATE TABLE "Account" (
    id integer,
    region text NOT NULL,
    PRIMARY KEY (id)
) PARTITION BY HASH (id);
CREATE TABLE "Account_0" PARTITION OF "Account" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE "Account_1" PARTITION OF "Account" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO "Account" SELECT n, 'eu' FROM generate_series(1, 20) AS n;
CREATE TABLE "Invoice" (
    id integer PRIMARY KEY,
    "accountId" integer
);
INSERT INTO "Invoice" SELECT n, 1 + n % 20 FROM generate_series(1, 60) AS n;
