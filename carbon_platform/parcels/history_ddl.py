"""Triggers that keep the history of parcels: events and lineage never change, and no parcel is ever deleted.

For the migration and for tests.
"""

from __future__ import annotations

# Table → what may not be done to it.
KEPT: dict[str, tuple[str, ...]] = {
    "parcel": ("DELETE",),
    "parcel_event": ("UPDATE", "DELETE"),
    "parcel_lineage": ("UPDATE", "DELETE"),
}
_FUNCTION = "parcel_history_refuses"


def history_ddl(dialect_name: str) -> list[str]:
    """Statements that make the triggers."""
    if dialect_name != "postgresql":
        return [
            f"CREATE TRIGGER {table}_history_{action.lower()} BEFORE {action} ON {table} BEGIN "
            f"SELECT RAISE(ABORT, '{table} keeps its history'); END"
            for table, actions in KEPT.items()
            for action in actions
        ]
    function = (
        f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
        "BEGIN\n"
        "    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' keeps its history',\n"
        "        ERRCODE = 'restrict_violation';\n"
        "END\n$$"
    )
    triggers = [
        f"CREATE TRIGGER {table}_history BEFORE {' OR '.join((*actions, 'TRUNCATE'))} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
        for table, actions in KEPT.items()
    ]
    return [function, *triggers]


def drop_history_ddl(dialect_name: str) -> list[str]:
    """Statements that take the triggers away."""
    if dialect_name == "postgresql":
        drops = [f"DROP TRIGGER {table}_history ON {table}" for table in KEPT]
        return [*drops, f"DROP FUNCTION {_FUNCTION}()"]
    names = [f"{table}_history_{action.lower()}" for table, actions in KEPT.items() for action in actions]
    return [f"DROP TRIGGER {name}" for name in names]
