-- Three rows for each table that has none: the same in each database of the same schema. A row that a constraint, a
-- trigger or a type does not permit is left out. Parents come first because all is done three times.
SET client_min_messages = error;
DO $$
DECLARE
  place regclass;
  names text;
  expressions text;
  filled boolean;
BEGIN
  FOR pass IN 1..3 LOOP
    FOR place IN
      SELECT oid FROM pg_class
      WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$|steady)'
      ORDER BY oid::regclass::text COLLATE "C"
    LOOP
      EXECUTE format('SELECT EXISTS (SELECT FROM %s)', place) INTO filled;
      CONTINUE WHEN filled;
      SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum),
        string_agg(coalesce(
          (SELECT format('(SELECT %I FROM %s ORDER BY 1 LIMIT 1 OFFSET $1 - 1)', f.attname, k.confrelid::regclass)
             FROM pg_constraint k
             JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[array_position(k.conkey, a.attnum)]
            WHERE k.contype = 'f' AND k.conrelid = place AND a.attnum = ANY (k.conkey) AND k.confrelid <> place
            ORDER BY k.conname LIMIT 1),
          CASE
            WHEN t.typtype = 'e' THEN format('(enum_range(NULL::%s))[1]', a.atttypid::regtype)
            WHEN a.atttypid = 'uuid'::regtype THEN format('md5(%L || $1)::uuid', place::text || attname)
            WHEN t.typcategory = 'N' THEN '$1'
            WHEN t.typcategory = 'B' THEN '$1 > 1'
            WHEN t.typcategory = 'D' THEN '''2024-01-02 03:04:05''::timestamp + $1 * interval ''1 day'''
            WHEN t.typcategory = 'T' THEN '$1 * interval ''1 hour'''
            WHEN t.typcategory = 'A' THEN '''{}'''
            WHEN a.atttypid IN ('json'::regtype, 'jsonb'::regtype) THEN '''{}'''
            WHEN a.atttypid IN ('inet'::regtype, 'cidr'::regtype) THEN '''10.0.0.1'''
            WHEN a.atttypid = 'bytea'::regtype THEN '''\x00'''
            ELSE format('%L || $1', left(attname, 8))
          END), ', ' ORDER BY attnum)
        INTO names, expressions
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
       WHERE a.attrelid = place AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
         AND a.attgenerated = '' AND a.attidentity = '' AND (NOT a.atthasdef OR a.atttypid = 'uuid'::regtype);
      FOR number IN 1..3 LOOP
        BEGIN
          IF names IS NULL THEN
            EXECUTE format('INSERT INTO %s DEFAULT VALUES', place);
          ELSE
            EXECUTE format('INSERT INTO %s (%s) SELECT %s', place, names, expressions) USING number;
          END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
      END LOOP;
    END LOOP;
  END LOOP;
END $$;
