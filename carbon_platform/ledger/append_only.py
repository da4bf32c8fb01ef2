"""Triggers that refuse UPDATE and DELETE on the journal, for both engines.

For the migration and for tests after ``create_all``: run each statement in order.
"""

from __future__ import annotations

JOURNAL = ("ledger_entry", "ledger_transfer", "ledger_movement", "ledger_hold_use")

_PG_FUNCTION = """\
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = TG_TABLE_NAME || ' is append-only: correct by a reversing entry',
        ERRCODE = 'restrict_violation';
END
$$"""


def append_only_ddl(dialect_name: str) -> list[str]:
    """Statements that make the journal append-only on ``sqlite`` or ``postgresql``."""
    if dialect_name == "postgresql":
        return [_PG_FUNCTION] + [
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
            for table in JOURNAL
        ]
    return [
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, '{table} is append-only: correct by a reversing entry'); END"
        for table in JOURNAL
        for action in ("UPDATE", "DELETE")
    ]


def drop_append_only_ddl(dialect_name: str) -> list[str]:
    """The statements that undo :func:`append_only_ddl`."""
    if dialect_name == "postgresql":
        drops = [f"DROP TRIGGER {table}_append_only ON {table}" for table in JOURNAL]
        return [*drops, "DROP FUNCTION ledger_refuse_change()"]
    return [f"DROP TRIGGER {table}_no_{action}" for table in JOURNAL for action in ("update", "delete")]
