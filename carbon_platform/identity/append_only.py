"""Triggers that refuse UPDATE and DELETE of audit records, for the migration and for tests."""

from __future__ import annotations


def audit_ddl(dialect_name: str) -> list[str]:
    if dialect_name == "postgresql":
        return [
            "CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            "BEGIN\n"
            "    RAISE EXCEPTION USING MESSAGE = 'audit_record is append-only',\n"
            "        ERRCODE = 'restrict_violation';\n"
            "END\n$$",
            "CREATE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_record "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()",
        ]
    return [
        f"CREATE TRIGGER audit_record_no_{action.lower()} BEFORE {action} ON audit_record BEGIN "
        "SELECT RAISE(ABORT, 'audit_record is append-only'); END"
        for action in ("UPDATE", "DELETE")
    ]


def drop_audit_ddl(dialect_name: str) -> list[str]:
    if dialect_name == "postgresql":
        return [
            "DROP TRIGGER audit_record_append_only ON audit_record",
            "DROP FUNCTION audit_refuse_change()",
        ]
    return [f"DROP TRIGGER audit_record_no_{action}" for action in ("update", "delete")]
