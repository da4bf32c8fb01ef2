"""The posting functions as they are now: the usual case first (ledger/post_usual.sql)."""

from __future__ import annotations

from alembic import op

from carbon_platform.ledger.server_posting import drop_posting_ddl, posting_ddl

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Functions hold no data: a database made before gets the ones that belong to this code."""
    dialect = op.get_bind().dialect.name
    for statement in (*drop_posting_ddl(dialect), *posting_ddl(dialect)):
        op.execute(statement)


def downgrade() -> None:
    """The functions stay: they answer what the earlier ones answered."""
