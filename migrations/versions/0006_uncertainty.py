"""Uncertainty analyses of runs.

Going down drops them. Nothing is lost that cannot be computed again: each follows from its run, the number
of trials and the seed, and the seed from the run's input digest.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "run_uncertainty",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("run_id", BigInt, nullable=False),
        sa.Column("trials", BigInt, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("mean_t", sa.Double(), nullable=False),
        sa.Column("low_t", sa.Double(), nullable=False),
        sa.Column("high_t", sa.Double(), nullable=False),
        sa.Column("issue_t", sa.Double(), nullable=False),
        sa.Column("negative", sa.Double(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trials >= 10000", name=op.f("ck_run_uncertainty_trials")),
        sa.CheckConstraint(
            "low_t <= high_t AND negative >= 0 AND negative <= 1",
            name=op.f("ck_run_uncertainty_distribution"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["assessment_run.id"], name=op.f("fk_run_uncertainty_run_id_assessment_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_uncertainty")),
        sa.UniqueConstraint("run_id", "trials", "seed", name=op.f("uq_run_uncertainty_run_id_trials_seed")),
    )


def downgrade() -> None:
    op.drop_table("run_uncertainty")
