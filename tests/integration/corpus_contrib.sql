-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- What the corpus (corpus.sql) has beyond it where PostgreSQL's contrib is installed: extensions in a schema of their
-- own, as Supabase and others have them, and their types, operators and operator classes on the operations' tables.

CREATE SCHEMA extensions;
CREATE EXTENSION btree_gist WITH SCHEMA extensions;
CREATE EXTENSION citext WITH SCHEMA extensions;
CREATE EXTENSION hstore WITH SCHEMA extensions;
CREATE EXTENSION ltree WITH SCHEMA extensions;
CREATE EXTENSION pg_stat_statements WITH SCHEMA extensions;
CREATE EXTENSION pg_trgm WITH SCHEMA extensions;
CREATE EXTENSION postgres_fdw WITH SCHEMA extensions;

ALTER TABLE "Order" ADD COLUMN nick extensions.citext DEFAULT 'Nick', ADD COLUMN path extensions.ltree,
    ADD COLUMN more extensions.hstore, ADD COLUMN days daterange;
UPDATE "Order" SET path = ('top.n' || id)::extensions.ltree, more = 'a=>1';
CREATE INDEX ON "Order" USING gin (note extensions.gin_trgm_ops);
CREATE INDEX ON "Order" USING gist (path) WHERE path OPERATOR(extensions.<@) 'top';
CREATE INDEX ON "Order" (nick, path);
ALTER TABLE "Order" ADD CONSTRAINT "one a day" EXCLUDE USING gist (id WITH =, days WITH &&);

CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'nowhere');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'someone', password 'mapped-secret');
CREATE FOREIGN TABLE "far away" (id integer OPTIONS (column_name 'ID') NOT NULL, note text) SERVER elsewhere;
CREATE FOREIGN TABLE "Event_far" PARTITION OF "Event" FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') SERVER elsewhere;
