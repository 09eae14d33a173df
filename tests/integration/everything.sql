-- Copyright: (c) 2026, steady.postgresql contributors
-- GNU General Public License v3.0-or-later (see LICENSE)
--
-- All that the catalog says of what is no part of PostgreSQL and no journal of ours, without anything that another
-- database with the same schema would have otherwise, such as an oid: more than pg_dump says, an invalid index among it.

WITH relation AS (
    SELECT c.*, c.oid::regclass::text AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'steady'))
SELECT 'schema' AS kind, oid::regnamespace::text AS name, concat_ws(' ', nspowner::regrole, nspacl) AS says
FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' AND nspname <> 'steady'
UNION ALL
SELECT 'relation', name, concat_ws(' ', relkind, relpersistence, relowner::regrole, relacl, reloptions, relrowsecurity,
    relforcerowsecurity, relreplident, relispartition, relchecks, relhasrules, relhassubclass,
    reltablespace, (SELECT amname FROM pg_am AS m WHERE m.oid = relam), obj_description(oid, 'pg_class'),
    pg_get_expr(relpartbound, oid), CASE relkind WHEN 'p' THEN pg_get_partkeydef(oid) END,
    (SELECT array_agg(inhparent::regclass::text ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = oid))
FROM relation
UNION ALL
SELECT 'column', name || '.' || attname, concat_ws(' ', attnum, format_type(atttypid, atttypmod), attnotnull, attidentity,
    attgenerated, attislocal, attinhcount, attstorage, attstattarget, attoptions, attacl, attcollation::regcollation,
    col_description(r.oid, attnum), pg_get_expr(adbin, adrelid))
FROM relation AS r JOIN pg_attribute ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
UNION ALL
SELECT 'index', name, concat_ws(' ', pg_get_indexdef(oid), indisunique, indisprimary, indimmediate, indisclustered,
    indisvalid, indisready, indislive, indisreplident)
FROM relation JOIN pg_index ON indexrelid = oid
UNION ALL
SELECT 'constraint', coalesce(r.name, o.contypid::regtype::text) || '.' || conname, concat_ws(' ', contype,
    pg_get_constraintdef(o.oid), condeferrable, condeferred, convalidated, conislocal, coninhcount, connoinherit,
    conindid::regclass, obj_description(o.oid, 'pg_constraint'))
FROM pg_constraint AS o LEFT JOIN relation AS r ON r.oid = conrelid
WHERE connamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'steady')
UNION ALL
SELECT 'trigger', name || '.' || CASE WHEN tgisinternal THEN 'of ' || conname ELSE tgname END,
    concat_ws(' ', tgenabled, tgfoid::regproc, CASE WHEN NOT tgisinternal THEN pg_get_triggerdef(t.oid) END)
FROM relation AS r JOIN pg_trigger AS t ON tgrelid = r.oid LEFT JOIN pg_constraint AS o ON o.oid = tgconstraint
UNION ALL
SELECT 'policy', name || '.' || polname, concat_ws(' ', polcmd, polpermissive, polroles::regrole[], pg_get_expr(polqual,
    polrelid), pg_get_expr(polwithcheck, polrelid))
FROM relation AS r JOIN pg_policy ON polrelid = r.oid
UNION ALL
SELECT 'rule', name || '.' || rulename, pg_get_ruledef(w.oid) FROM relation AS r JOIN pg_rewrite AS w ON ev_class = r.oid
UNION ALL
SELECT 'statistics', stxnamespace::regnamespace || '.' || stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext
UNION ALL
SELECT 'publication', pubname, concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubviaroot,
    (SELECT array_agg(prrelid::regclass::text ORDER BY 1) FROM pg_publication_rel WHERE prpubid = p.oid))
FROM pg_publication AS p
UNION ALL
SELECT 'event trigger', evtname, concat_ws(' ', evtevent, evtenabled, evtfoid::regproc, evttags) FROM pg_event_trigger
UNION ALL
SELECT 'routine', oid::regprocedure::text, concat_ws(' ', proowner::regrole, proacl, proconfig, md5(prosrc)) FROM pg_proc
WHERE pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'steady')
UNION ALL
SELECT 'type', oid::regtype::text, concat_ws(' ', typtype, typowner::regrole, typacl, typnotnull, typdefault) FROM pg_type
WHERE typnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema', 'steady')
UNION ALL
SELECT 'extension', extname, concat_ws(' ', extversion, extnamespace::regnamespace) FROM pg_extension
UNION ALL
SELECT 'setting', coalesce(setrole::regrole::text, 'all'), setconfig::text FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY 1, 2, 3
