-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- A database whose tables belong to mallory, who is no superuser. Each piece of code of his leaves a mark when a
-- superuser runs it, in a file of the server, also where the transaction is rolled back or read-only.

CREATE FUNCTION public.mark(place text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('COPY (SELECT %L) TO PROGRAM %L', place, 'cat >> marks.mallory');
  END IF;
END $$;

SET ROLE mallory;
CREATE FUNCTION public.yes(place text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.mark(place); RETURN true; END $$;
CREATE FUNCTION public.same(place text, value anyelement) RETURNS anyelement IMMUTABLE LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.mark(place); RETURN value; END $$;

CREATE DOMAIN public.positive AS int CHECK (VALUE > 0 AND public.yes('domain'));
CREATE TYPE public.pair AS (a int, b int);
CREATE FUNCTION public.as_text(public.pair) RETURNS text LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.mark('cast'); RETURN 'x'; END $$;
CREATE CAST (public.pair AS text) WITH FUNCTION public.as_text(public.pair) AS IMPLICIT;

CREATE TABLE public."Customer" (id int PRIMARY KEY, email text NOT NULL, CHECK (public.yes('check of the parent')));
CREATE INDEX "Customer_evil" ON public."Customer" (email) WHERE public.yes('predicate of the parent');
INSERT INTO public."Customer" SELECT n, n::text FROM generate_series(1, 50) n;

CREATE TABLE public."Order" (
  id int PRIMARY KEY,
  "customerId" int,
  note text DEFAULT public.same('default', 'n'::text),
  total public.positive,
  twin public.pair,
  size int GENERATED ALWAYS AS (public.same('generated', 1) + id) STORED,
  CHECK (public.yes('check')), CHECK (public.same('check of a row', id) > 0));
CREATE INDEX "Order_predicate" ON public."Order" (note) WHERE public.yes('predicate');
CREATE INDEX "Order_expression" ON public."Order" ((public.same('expression', note)));
INSERT INTO public."Order" (id, "customerId", total, twin) SELECT n, n, n, row(n, n)::public.pair FROM generate_series(1, 50) n;

CREATE FUNCTION public.triggered() RETURNS trigger LANGUAGE plpgsql
  AS $$ BEGIN PERFORM public.mark('trigger'); RETURN coalesce(new, old); END $$;
CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE ON public."Order" FOR EACH ROW EXECUTE FUNCTION public.triggered();
CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE ON public."Customer" FOR EACH STATEMENT
  EXECUTE FUNCTION public.triggered();
CREATE POLICY evil ON public."Customer" USING (public.yes('policy'));
ALTER TABLE public."Customer" ENABLE ROW LEVEL SECURITY;
CREATE VIEW public.shown AS SELECT id, public.same('view', note) AS note FROM public."Order";

-- An ORM's ledger, with types of his own.
CREATE TABLE public._prisma_migrations (id public.pair, checksum public.pair, finished_at timestamptz,
  migration_name public.pair, logs text, rolled_back_at timestamptz, started_at timestamptz, applied_steps_count int);
INSERT INTO public._prisma_migrations (migration_name) VALUES (row(1, 2));

-- Operators and functions that are found where pg_catalog is not searched alone, or has none that fits better.
DO $$
DECLARE types text[] := '{oid,regclass,name,text,int2,int4,int8,"\"char\"",bool,bpchar,regtype,oidvector,name[],text[],jsonb}';
  l text; r text; o text; result text; f record;
BEGIN
  CREATE FUNCTION public.op(place text) RETURNS boolean LANGUAGE plpgsql
    AS 'BEGIN PERFORM public.mark(place); RETURN false; END';
  FOR f IN SELECT p.proname, oidvectortypes(p.proargtypes) AS arguments, format_type(p.prorettype, NULL) AS result
      FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
        AND p.provariadic = 0 AND p.proname = ANY (string_to_array(current_setting('mallory.functions'), ','))
        AND NOT EXISTS (SELECT FROM unnest(p.proargtypes || p.prorettype) AS u(t) JOIN pg_type y ON y.oid = u.t
          WHERE y.typtype = 'p') LOOP
    EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql'
      ' AS $f$ BEGIN PERFORM public.mark(''function''); RETURN NULL; END $f$', f.proname, f.arguments, f.result);
  END LOOP;
  FOREACH l IN ARRAY types LOOP FOREACH r IN ARRAY types LOOP
    EXECUTE format('CREATE FUNCTION public.op(%s, %s) RETURNS boolean LANGUAGE sql AS $f$ SELECT public.op(''operator'') $f$', l, r);
    FOREACH o IN ARRAY '{=,<>,<,>,~,||,@>,->>}'::text[] LOOP
      EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.op)', o, l, r);
    END LOOP;
  END LOOP; END LOOP;
END $$;
RESET ROLE;
