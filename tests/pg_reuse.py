"""Used PostgreSQL databases made as new, because making one costs fifty times as much.

``remember`` puts a copy of every row of a prepared database aside, in a schema of its own;
``restore`` brings the rows and sequences back, or answers False when the schema itself was changed.
"""

from __future__ import annotations

import sqlalchemy as sa

# Ordinary tables of the application, not those of an extension.
_TABLES = """
    SELECT quote_ident(c.relname) AS name FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname
"""

_FINGERPRINT = """
    SELECT md5(string_agg(what, ',' ORDER BY what)) FROM (
        SELECT concat(relkind, ':', relname) AS what FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat('column:', attrelid::regclass, '.', attname, ':', atttypid::regtype, attnotnull)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0
        UNION ALL
        SELECT concat('constraint:', conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat('trigger:', tgrelid::regclass, '.', tgname, tgenabled) FROM pg_trigger
        WHERE NOT tgisinternal
        UNION ALL
        SELECT concat('function:', proname, md5(prosrc)) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    ) AS parts
"""

_REMEMBER = f"""
DO $$
DECLARE r record;
BEGIN
    CREATE SCHEMA kept;
    FOR r IN {_TABLES} LOOP
        EXECUTE 'CREATE TABLE kept.' || r.name || ' AS TABLE public.' || r.name;
    END LOOP;
    CREATE TABLE kept."sequence values" AS SELECT sequencename::text AS name, start_value, last_value
        FROM pg_sequences WHERE schemaname = 'public';
    CREATE TABLE kept."fingerprint" AS SELECT ({_FINGERPRINT}) AS value;
END $$
"""

# As a replica, the session fires no triggers and checks no foreign keys.
_RESTORE = f"""
DO $$
DECLARE r record;
BEGIN
    SET LOCAL session_replication_role = replica;
    SET LOCAL lock_timeout = '2s';
    FOR r IN {_TABLES} LOOP
        EXECUTE 'DELETE FROM public.' || r.name;
        EXECUTE 'INSERT INTO public.' || r.name || ' SELECT * FROM kept.' || r.name;
    END LOOP;
    PERFORM setval(
        'public.' || quote_ident(name), coalesce(k.last_value, k.start_value), k.last_value IS NOT NULL
    ) FROM kept."sequence values" k;
END $$
"""

_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def remember(url: str) -> None:
    """Put the rows of a prepared database aside."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(_REMEMBER)


def restore(url: str) -> bool:
    """Make a used database as it was when remembered; False if only a new one will do."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(_END_OTHERS)
        before = connection.exec_driver_sql('SELECT value FROM kept."fingerprint"').scalar_one()
        if connection.exec_driver_sql(_FINGERPRINT).scalar_one() != before:
            return False
        connection.exec_driver_sql(_RESTORE)
    return True
