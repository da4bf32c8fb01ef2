"""Inclusion: bundles of creditable grams, the reward fund, small tickets, footprints, roll-ups of acts.

Going down drops what was bundled, sponsored and ordered; tickets issued and money posted stay where they
are, in the registers of credits and in the ledger.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
_WITHDRAWN = sa.text("withdrawn_at IS NOT NULL")


def upgrade() -> None:
    _bundles()
    _fund()
    _offsets()
    _rollups()
    op.create_index(
        "ix_act_withdrawn_at", "act", ["withdrawn_at"], sqlite_where=_WITHDRAWN, postgresql_where=_WITHDRAWN
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, BigInt, nullable=False) for name in names]


def _sums(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, BigInt, server_default="0", nullable=False) for name in names]


def _bundles() -> None:
    op.create_table(
        "bundle",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        *_texts("methodology", "parameter_digest", "code_digest", "input_digest"),
        *_numbers("acts", "holders", "creditable_g", "reduction_g"),
        *_texts("state", "run_code", "batch_code", "closed_by"),
        sa.Column("closed_by_id", BigInt, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('closed', 'applied', 'issued', 'dissolved')", name=op.f("ck_bundle_state")
        ),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("ck_bundle_period")),
        sa.CheckConstraint("acts > 0 AND holders > 0 AND creditable_g > 0", name=op.f("ck_bundle_not_empty")),
        sa.CheckConstraint("creditable_g <= reduction_g", name=op.f("ck_bundle_creditable_within")),
        sa.CheckConstraint("(state = 'issued') = (batch_code <> '')", name=op.f("ck_bundle_issued_as_batch")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle")),
        sa.UniqueConstraint("code", name=op.f("uq_bundle_code")),
    )
    op.create_table(
        "bundle_act",
        sa.Column("act_id", BigInt, autoincrement=False, nullable=False),
        *_numbers("bundle_id", "creditable_g"),
        sa.CheckConstraint("creditable_g > 0", name=op.f("ck_bundle_act_positive")),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"], name=op.f("fk_bundle_act_act_id_act")),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundle.id"], name=op.f("fk_bundle_act_bundle_id_bundle")),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_bundle_act")),
    )
    op.create_index(op.f("ix_bundle_act_bundle_id"), "bundle_act", ["bundle_id"])
    op.create_table(
        "bundle_holder",
        sa.Column("bundle_id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        *_numbers("acts", "creditable_g", "reduction_g"),
        sa.CheckConstraint("acts > 0 AND creditable_g > 0", name=op.f("ck_bundle_holder_positive")),
        sa.CheckConstraint("creditable_g <= reduction_g", name=op.f("ck_bundle_holder_creditable_within")),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundle.id"], name=op.f("fk_bundle_holder_bundle_id_bundle")),
        sa.PrimaryKeyConstraint("bundle_id", "holder", name=op.f("pk_bundle_holder")),
    )
    op.create_index("ix_bundle_holder_holder", "bundle_holder", ["holder"])


def _fund() -> None:
    op.create_table(
        "sponsorship",
        sa.Column("id", BigInt, nullable=False),
        *_texts("sponsor_code", "sponsor"),
        sa.Column("organisation_id", BigInt, nullable=True),
        sa.Column("amount_fen", BigInt, nullable=False),
        *_texts("document", "state", "promised_by"),
        sa.Column("promised_by_id", BigInt, nullable=False),
        sa.Column("promised_at", MOMENT, nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=True),
        sa.Column("received_by", sa.Text(), nullable=False),
        sa.Column("received_by_id", BigInt, nullable=True),
        sa.Column("received_at", MOMENT, nullable=True),
        sa.Column("entry_id", BigInt, nullable=True),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_sponsorship_positive")),
        sa.CheckConstraint(
            "state IN ('promised', 'received', 'cancelled')", name=op.f("ck_sponsorship_state")
        ),
        sa.CheckConstraint(
            "(state = 'received') = (entry_id IS NOT NULL)", name=op.f("ck_sponsorship_received")
        ),
        sa.CheckConstraint("received_by_id <> promised_by_id", name=op.f("ck_sponsorship_two_people")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sponsorship_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sponsorship")),
        sa.UniqueConstraint("bank_reference", name=op.f("uq_sponsorship_bank_reference")),
    )
    op.create_index(op.f("ix_sponsorship_sponsor_code"), "sponsorship", ["sponsor_code"])
    op.create_index(op.f("ix_sponsorship_organisation_id"), "sponsorship", ["organisation_id"])
    op.create_table(
        "pool_sale",
        *_texts("trade_code", "batch_code"),
        *_numbers("quantity_kg", "gross_fen", "fee_fen", "vat_fen", "fund_fen", "entry_id"),
        sa.Column("moved_by", sa.Text(), nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "gross_fen = fee_fen + vat_fen + fund_fen", name=op.f("ck_pool_sale_receipt_complete")
        ),
        sa.CheckConstraint("fund_fen > 0", name=op.f("ck_pool_sale_positive")),
        sa.PrimaryKeyConstraint("trade_code", name=op.f("pk_pool_sale")),
    )
    op.create_index(op.f("ix_pool_sale_batch_code"), "pool_sale", ["batch_code"])


def _offsets() -> None:
    op.create_table(
        "offset_lot",
        sa.Column("id", BigInt, nullable=False),
        *_texts("trade_code", "batch_code"),
        *_numbers("quantity_kg", "left_kg", "price_fen_per_t"),
        sa.Column("bought_by", sa.Text(), nullable=False),
        sa.Column("bought_at", MOMENT, nullable=False),
        sa.CheckConstraint("quantity_kg > 0 AND price_fen_per_t > 0", name=op.f("ck_offset_lot_positive")),
        sa.CheckConstraint("left_kg >= 0 AND left_kg <= quantity_kg", name=op.f("ck_offset_lot_left_within")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offset_lot")),
        sa.UniqueConstraint("trade_code", name=op.f("uq_offset_lot_trade_code")),
    )
    op.create_index(op.f("ix_offset_lot_batch_code"), "offset_lot", ["batch_code"])
    op.create_table(
        "offset_order",
        sa.Column("id", BigInt, nullable=False),
        *_texts("code", "holder", "order_key"),
        *_numbers("lot_id", "quantity_kg", "amount_fen"),
        sa.Column("beneficiary", sa.Text(), nullable=False),
        sa.Column("year", BigInt, nullable=False),
        *_texts("state", "payment_mode", "payment_reference"),
        sa.Column("entry_id", BigInt, nullable=True),
        sa.Column("ordered_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("paid_at", MOMENT, nullable=True),
        sa.Column("certificate_number", sa.Text(), nullable=False),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        *_texts("refund_reference", "refunded_by"),
        sa.Column("refunded_at", MOMENT, nullable=True),
        sa.CheckConstraint("quantity_kg > 0 AND amount_fen > 0", name=op.f("ck_offset_order_positive")),
        sa.CheckConstraint(
            "state IN ('awaiting', 'paid', 'retired', 'expired', 'refund_due', 'refunded')",
            name=op.f("ck_offset_order_state"),
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (certificate_number <> '')", name=op.f("ck_offset_order_retired")
        ),
        sa.CheckConstraint(
            "state IN ('awaiting', 'expired') OR entry_id IS NOT NULL",
            name=op.f("ck_offset_order_paid_before_anything_else"),
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["offset_lot.id"], name=op.f("fk_offset_order_lot_id_offset_lot")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offset_order")),
        sa.UniqueConstraint("code", name=op.f("uq_offset_order_code")),
        sa.UniqueConstraint("holder", "order_key", name=op.f("uq_offset_order_holder_order_key")),
    )
    op.create_index(op.f("ix_offset_order_lot_id"), "offset_order", ["lot_id"])
    op.create_index("ix_offset_order_holder", "offset_order", ["holder"])
    op.create_index("ix_offset_order_state_expires_at", "offset_order", ["state", "expires_at"])
    op.create_table(
        "footprint",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("year", BigInt, autoincrement=False, nullable=False),
        sa.Column("factor_set", sa.Text(), nullable=False),
        sa.Column("persons", BigInt, nullable=False),
        sa.Column("quantities", sa.JSON(), nullable=False),
        *_numbers("total_g", "low_g", "high_g"),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.CheckConstraint("persons > 0", name=op.f("ck_footprint_persons")),
        sa.CheckConstraint(
            "low_g >= 0 AND low_g <= total_g AND total_g <= high_g", name=op.f("ck_footprint_range")
        ),
        sa.PrimaryKeyConstraint("holder", "year", name=op.f("pk_footprint")),
    )


def _rollups() -> None:
    op.create_table(
        "act_rollup",
        *_texts("month", "source", "behaviour", "region_code"),
        *_sums("acts", "not_counted", "reduction_g", "creditable_g", "points"),
        *_sums("withdrawn_acts", "withdrawn_not_counted", "withdrawn_reduction_g"),
        *_sums("withdrawn_creditable_g", "withdrawn_points"),
        sa.PrimaryKeyConstraint("month", "source", "behaviour", "region_code", name=op.f("pk_act_rollup")),
    )
    op.create_table(
        "act_day",
        sa.Column("day", sa.Text(), nullable=False),
        *_sums("acts", "reduction_g", "creditable_g", "points"),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_act_day")),
    )
    op.create_table(
        "act_rollup_mark",
        sa.Column("id", BigInt, autoincrement=False, nullable=False),
        *_numbers("act_id", "next_act_id"),
        sa.Column("withdrawn_before", MOMENT, nullable=False),
        sa.Column("as_of", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act_rollup_mark")),
    )


def downgrade() -> None:
    op.drop_index("ix_act_withdrawn_at", table_name="act")
    for table in (
        "act_rollup_mark",
        "act_day",
        "act_rollup",
        "footprint",
        "offset_order",
        "offset_lot",
        "pool_sale",
        "sponsorship",
        "bundle_holder",
        "bundle_act",
        "bundle",
    ):
        op.drop_table(table)
