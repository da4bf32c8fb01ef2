"""Triggers that keep what was computed and adopted: results of runs, sign-offs and previews never change.

A run keeps one thing that moves, its status. For the migration and for tests.
"""

from __future__ import annotations

# Table → columns that may not change; () stands for the whole row.
KEPT: dict[str, tuple[str, ...]] = {
    "assessment_run": (
        "id", "code", "project_id", "period_start", "period_end", "methodology_key", "parameter_digest",
        "input_digest", "code_digest", "gwp_set", "as_of", "parameters", "totals", "net_t", "issuable_t",
        "deficit_t", "parcel_count", "area_m2", "warnings", "created_by", "created_at",
    ),
    "run_row": (),
    "parameter_sign_off": (),
    "impact_preview": (),
    "run_uncertainty": (),
}  # fmt: skip
_FUNCTION = "results_refuse_change"


def results_ddl(dialect_name: str) -> list[str]:
    """Statements that make the triggers."""
    statements = []
    if dialect_name == "postgresql":
        statements.append(
            f"CREATE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
            "BEGIN\n"
            "    RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' keeps what was stored',\n"
            "        ERRCODE = 'restrict_violation';\n"
            "END\n$$"
        )
    for table, columns in KEPT.items():
        update = f"UPDATE OF {', '.join(columns)}" if columns else "UPDATE"
        if dialect_name == "postgresql":
            statements.append(
                f"CREATE TRIGGER {table}_kept BEFORE {update} OR DELETE OR TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
            )
        else:
            statements += [
                f"CREATE TRIGGER {table}_kept_{action.split()[0].lower()} BEFORE {action} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, '{table} keeps what was stored'); END"
                for action in (update, "DELETE")
            ]
    return statements


def drop_results_ddl(dialect_name: str) -> list[str]:
    """Statements that take the triggers away."""
    if dialect_name == "postgresql":
        return [*(f"DROP TRIGGER {table}_kept ON {table}" for table in KEPT), f"DROP FUNCTION {_FUNCTION}()"]
    return [f"DROP TRIGGER {table}_kept_{action}" for table in KEPT for action in ("update", "delete")]
