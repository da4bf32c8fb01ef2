"""Parameter sets are adopted by two people; previews of a change; stored results can no longer change.

Sign-offs made before this migration stay in force with an empty second approver: they were valid when they
were made, and everything printed from them says who signed.

Going down is refused once a set was adopted by two people or a preview is on file: the older program would
drop the second name, and nobody could tell any more who approved.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carbon_platform.credits.append_only import drop_results_ddl, results_ddl

revision = "0007"
down_revision = "0006"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
ADDED = ("proposed_by", "second_approver", "second_role")
PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    for name in ADDED:
        column = sa.Column(name, sa.Text(), nullable=False, server_default="")
        op.add_column("parameter_sign_off", column)
    op.create_table(
        "parameter_proposal",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("methodology_key", sa.Text(), nullable=False),
        sa.Column("parameter_digest", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("document_title", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", BigInt, nullable=False),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'adopted', 'declined')", name=op.f("ck_parameter_proposal_status")
        ),
        sa.CheckConstraint(
            "decided_by_id IS NULL OR decided_by_id <> proposed_by_id",
            name=op.f("ck_parameter_proposal_two_people"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameter_proposal")),
    )
    op.create_index(
        op.f("ix_parameter_proposal_methodology_key"), "parameter_proposal", ["methodology_key"], unique=False
    )
    op.create_index(
        "ix_parameter_proposal_pending",
        "parameter_proposal",
        ["methodology_key", "parameter_digest"],
        unique=True,
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_table(
        "impact_preview",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("methodology_key", sa.Text(), nullable=False),
        sa.Column("fragment", sa.Text(), nullable=False),
        sa.Column("in_force_from", sa.Date(), nullable=False),
        sa.Column("proposed_digest", sa.Text(), nullable=False),
        sa.Column("results_digest", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_impact_preview")),
    )
    op.create_index(
        op.f("ix_impact_preview_methodology_key"), "impact_preview", ["methodology_key"], unique=False
    )
    for statement in results_ddl(op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    connection = op.get_bind()
    twice = connection.scalar(sa.text("SELECT count(*) FROM parameter_sign_off WHERE second_approver <> ''"))
    previews = connection.scalar(sa.text("SELECT count(*) FROM impact_preview"))
    if twice or previews:
        raise RuntimeError(
            f"{twice} sign-offs by two people and {previews} previews are on file; "
            "the older program cannot keep them"
        )
    for statement in drop_results_ddl(op.get_context().dialect.name):
        op.execute(statement)
    op.drop_table("impact_preview")
    op.drop_table("parameter_proposal")
    for name in reversed(ADDED):
        op.drop_column("parameter_sign_off", name)
