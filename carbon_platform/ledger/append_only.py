"""What keeps the journal and the seal append-only: triggers on both engines, privileges on PostgreSQL.

For the migrations, for tests after ``create_all`` and for ``flask db grant-app-role``: run each
statement in order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from carbon_platform.errors import PlatformError

JOURNAL = ("ledger_entry", "ledger_transfer", "ledger_movement", "ledger_hold_use")
SEAL = ("ledger_block", "ledger_head")
APPEND_ONLY = (*JOURNAL, *SEAL)
# Written once by those who use the ledger, too.
_KEPT = (*APPEND_ONLY, "audit_record")

_PG_FUNCTION = """\
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        MESSAGE = TG_TABLE_NAME || ' is append-only: correct by a reversing entry',
        ERRCODE = 'restrict_violation';
END
$$"""


class RoleNameInvalid(PlatformError):
    """The name of a database role would need quoting, which invites mistakes."""

    code, status = "ledger.role_name_invalid", 422
    zh = "数据库角色名“{name}”无效：请用小写字母、数字和下划线，以字母开头，至多 63 个字符。"
    en = "The role name {name!r} is invalid: use small letters, digits and _, a letter first, 63 at most."


def append_only_ddl(dialect_name: str, tables: Sequence[str] = APPEND_ONLY) -> list[str]:
    """Statements that make ``tables`` append-only on ``sqlite`` or ``postgresql``."""
    if dialect_name == "postgresql":
        return [_PG_FUNCTION] + [
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change()"
            for table in tables
        ]
    return [
        f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, '{table} is append-only: correct by a reversing entry'); END"
        for table in tables
        for action in ("UPDATE", "DELETE")
    ]


def drop_append_only_ddl(dialect_name: str, tables: Sequence[str] = APPEND_ONLY) -> list[str]:
    """The statements that undo :func:`append_only_ddl`. The function goes with the journal's triggers."""
    if dialect_name == "postgresql":
        drops = [f"DROP TRIGGER {table}_append_only ON {table}" for table in tables]
        return [*drops, "DROP FUNCTION ledger_refuse_change()"] if set(JOURNAL) <= set(tables) else drops
    return [f"DROP TRIGGER {table}_no_{action}" for table in tables for action in ("update", "delete")]


def grants_ddl(role: str) -> list[str]:
    """PostgreSQL: all that the running platform needs, and no way to change what is written once.

    ``role`` owns nothing and is no superuser; migrations run as the owner. Run it again after each
    migration: it names the tables that exist.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", role):
        raise RoleNameInvalid(name=role)
    kept = ", ".join(_KEPT)
    return [
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE UPDATE, DELETE, TRUNCATE ON {kept} FROM {role}",
    ]
