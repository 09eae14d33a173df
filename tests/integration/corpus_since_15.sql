-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the corpus (corpus.sql) has beyond it since PostgreSQL 15.

CREATE PUBLICATION "some columns" FOR TABLE "Order" (id, "tenantId", status) WHERE (id > 0);
CREATE PUBLICATION "a schema" FOR TABLES IN SCHEMA types;
CREATE TABLE types."no two NULLs" (a integer, b integer, UNIQUE NULLS NOT DISTINCT (a, b));
CREATE VIEW "seen as oneself" WITH (security_invoker) AS SELECT id FROM "Order";
CREATE TABLE "to set one NULL" (
    tenant integer, id integer,
    FOREIGN KEY (tenant, id) REFERENCES types."no two NULLs" (a, b) ON DELETE SET NULL (id));
ALTER TABLE types."All of them" ALTER COLUMN body SET COMPRESSION pglz;
CREATE STATISTICS "of an expression" ON (lower(note)) FROM "Order";
