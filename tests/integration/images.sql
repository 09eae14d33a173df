-- Indexes and keys with all that a definition may have in it, for images out of the journal.
CREATE TABLE "Ü b" (id int PRIMARY KEY, "say ""hi""" text, note text COLLATE "C", tags text[], n int, b inet,
    "from" date NOT NULL);
CREATE TABLE child (id int, n int CONSTRAINT "k ""1""" REFERENCES "Ü b" ON DELETE SET NULL ON UPDATE CASCADE
    DEFERRABLE INITIALLY DEFERRED, CHECK (n > 0) NOT VALID);
COMMENT ON CONSTRAINT "k ""1""" ON child IS 'it''s';
CREATE INDEX i1 ON "Ü b" (lower("say ""hi""") DESC, (n + 1) DESC NULLS LAST, note COLLATE "POSIX" text_pattern_ops,
    "from" NULLS FIRST) INCLUDE (b, "say ""hi""") WITH (fillfactor = 70, deduplicate_items = off)
    WHERE note <> ' WHERE (x)' AND "say ""hi""" IS NOT NULL;
ALTER INDEX i1 ALTER COLUMN 2 SET STATISTICS 7;
CREATE UNIQUE INDEX i2 ON "Ü b" ((CASE WHEN n > 1 THEN note ELSE '-- it''s'::text END));
CREATE INDEX i3 ON "Ü b" USING gin (tags array_ops) WITH (fastupdate = off);
CREATE INDEX i4 ON "Ü b" USING brin (n int4_minmax_multi_ops (values_per_range = 16), "from") WITH (pages_per_range = 4);
CREATE INDEX i5 ON "Ü b" USING hash (note);
CREATE INDEX i6 ON "Ü b" USING gist (b inet_ops);
CREATE INDEX i7 ON "Ü b" USING btree ((ROW(n, "say ""hi""") IS NOT NULL));
CREATE INDEX i8 ON "Ü b" ((note || E'a\\b'), (("say ""hi""") COLLATE "C")) WHERE n IN (1, 2) AND (tags @> '{x}');
ALTER TABLE "Ü b" CLUSTER ON i2;
CREATE TABLE whole (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE part PARTITION OF whole FOR VALUES FROM ('2026-01-01') TO ('2026-07-01') PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF part FOR VALUES FROM (1) TO (9);
CREATE UNIQUE INDEX w1 ON whole (day, id); CREATE INDEX w2 ON whole ((id + 1)) WHERE id > 2;
CREATE TABLE e (r int4range, EXCLUDE USING gist (r WITH &&));
