"""Triggers that keep evidence as it was handed in. For the migration and for tests.

A piece of evidence can be withdrawn and an object can be found damaged; nothing else of either changes, and
neither goes away.
"""

from __future__ import annotations

# Table → columns that may not change.
KEPT: dict[str, tuple[str, ...]] = {
    "evidence_object": ("sha256", "size_bytes", "media_type", "stored_at"),
    "evidence": (
        "id", "parcel_id", "sha256", "kind", "file_name", "note", "shows_from", "shows_to", "taken_at",
        "lon", "lat", "distance_m", "picture_hash", "data", "findings", "outcome", "sealed", "sealed_with",
        "recorded_by", "recorded_by_user", "recorded_at",
    ),
}  # fmt: skip
_FUNCTION = "evidence_refuses_change"


def evidence_ddl(dialect_name: str) -> list[str]:
    """Statements that make the triggers."""
    if dialect_name == "postgresql":
        return [
            f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            "BEGIN\n"
            "    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' keeps what was handed in',\n"
            "        ERRCODE = 'restrict_violation';\n"
            "END\n$$",
            *(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OF {', '.join(columns)} OR DELETE OR TRUNCATE "
                f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
                for table, columns in KEPT.items()
            ),
        ]
    return [
        f"CREATE TRIGGER {table}_kept_{word} BEFORE {action} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, '{table} keeps what was handed in'); END"
        for table, columns in KEPT.items()
        for word, action in (("update", f"UPDATE OF {', '.join(columns)}"), ("delete", "DELETE"))
    ]


def drop_evidence_ddl(dialect_name: str) -> list[str]:
    """Statements that take the triggers away."""
    if dialect_name == "postgresql":
        return [*(f"DROP TRIGGER {table}_kept ON {table}" for table in KEPT), f"DROP FUNCTION {_FUNCTION}()"]
    return [f"DROP TRIGGER {table}_kept_{word}" for table in KEPT for word in ("update", "delete")]
