"""The house"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carbon_platform.identity.append_only import audit_ddl, drop_audit_ddl
from carbon_platform.ledger.append_only import JOURNAL, append_only_ddl, drop_append_only_ddl
from carbon_platform.parcels.candidates import bbox_ddl, bbox_drop_ddl

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("behaviour", sa.Text(), nullable=False),
        sa.Column("travel", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("claimed_milli", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("counted_milli", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("claimed_g", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reduction_g", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("creditable_g", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("points", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("formula_zh", sa.Text(), nullable=False),
        sa.Column("formula_en", sa.Text(), nullable=False),
        sa.Column("methodology", sa.Text(), nullable=False),
        sa.Column("assessed_milli", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("evidence_percent", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parameter_digest", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=False),
        sa.Column("points_rule", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('counted', 'partly', 'not_counted')", name=op.f("ck_act_status")),
        sa.CheckConstraint(
            "claimed_milli > 0 AND counted_milli >= 0", name=op.f("ck_act_quantities_not_negative")
        ),
        sa.CheckConstraint("counted_milli <= claimed_milli", name=op.f("ck_act_counted_within_claim")),
        sa.CheckConstraint(
            "creditable_g >= 0 AND creditable_g <= reduction_g", name=op.f("ck_act_creditable_within")
        ),
        sa.CheckConstraint("ended_at >= occurred_at", name=op.f("ck_act_ends_after_start")),
        sa.CheckConstraint("points >= 0", name=op.f("ck_act_points_not_negative")),
        sa.CheckConstraint(
            "reduction_g >= 0 AND reduction_g <= claimed_g", name=op.f("ck_act_grams_within_claim")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
        sa.UniqueConstraint("source", "record_key", name=op.f("uq_act_source_record_key")),
    )
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.create_index("ix_act_holder_day", ["holder", "day"], unique=False)
        batch_op.create_index("ix_act_holder_occurred_at", ["holder", "occurred_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_act_reported_at"), ["reported_at"], unique=False)

    op.create_table(
        "audit_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_record")),
    )
    with op.batch_alter_table("audit_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_record_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_record_at"), ["at"], unique=False)
        batch_op.create_index("ix_audit_record_object", ["object_kind", "object_id"], unique=False)

    op.create_table(
        "development_batch",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("years", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revenue_target_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_development_batch")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("principal", "key", name=op.f("uq_idempotency_key_principal_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_key_used_at"), ["used_at"], unique=False)

    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
        sa.UniqueConstraint("job", "slot", name=op.f("uq_job_run_job_slot")),
    )
    op.create_table(
        "ledger_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("guarded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_account")),
        sa.UniqueConstraint(
            "holder", "role", "asset", "lot", name=op.f("uq_ledger_account_holder_role_asset_lot")
        ),
    )
    with op.batch_alter_table("ledger_account", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_account_asset_lot_role", ["asset", "lot", "role"], unique=False)

    op.create_table(
        "ledger_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "reverses IS NULL OR reverses < id", name=op.f("ck_ledger_entry_reverses_earlier")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("reference", name=op.f("uq_ledger_entry_reference")),
        sa.UniqueConstraint("reverses", name=op.f("uq_ledger_entry_reverses")),
    )
    op.create_table(
        "ledger_hold_use",
        sa.Column(
            "entry_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "hold_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("released", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("release_rest", sa.Boolean(), nullable=False),
        sa.CheckConstraint("amount > 0 AND released >= 0", name=op.f("ck_ledger_hold_use_amounts")),
        sa.PrimaryKeyConstraint("entry_id", "hold_id", name=op.f("pk_ledger_hold_use")),
    )
    with op.batch_alter_table("ledger_hold_use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_hold_use_hold_id"), ["hold_id"], unique=False)

    op.create_table(
        "ledger_lot",
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("last >= 0", name=op.f("ck_ledger_lot_last_not_negative")),
        sa.PrimaryKeyConstraint("lot", name=op.f("pk_ledger_lot")),
    )
    op.create_table(
        "ledger_movement",
        sa.Column(
            "transfer_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "first", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("first >= 1 AND first <= last", name=op.f("ck_ledger_movement_range")),
        sa.PrimaryKeyConstraint("transfer_id", "first", name=op.f("pk_ledger_movement")),
    )
    op.create_table(
        "ledger_transfer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("destination_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_ledger_transfer_amount_positive")),
        sa.CheckConstraint("source_id <> destination_id", name=op.f("ck_ledger_transfer_two_accounts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transfer")),
    )
    with op.batch_alter_table("ledger_transfer", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_transfer_destination_id_id", ["destination_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ledger_transfer_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index("ix_ledger_transfer_source_id_id", ["source_id", "id"], unique=False)

    op.create_table(
        "organisation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("holder", name=op.f("uq_organisation_holder")),
        sa.UniqueConstraint("name_zh", name=op.f("uq_organisation_name_zh")),
    )
    op.create_table(
        "parameter_sign_off",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("methodology_key", sa.Text(), nullable=False),
        sa.Column("parameter_digest", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("document_title", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parameter_sign_off")),
        sa.UniqueConstraint(
            "methodology_key",
            "parameter_digest",
            name=op.f("uq_parameter_sign_off_methodology_key_parameter_digest"),
        ),
    )
    op.create_table(
        "parcel_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("encoding", sa.Text(), nullable=False),
        sa.Column("epsg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("crs_origin", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("seen_parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_import")),
    )
    with op.batch_alter_table("parcel_import", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parcel_import_file_sha256"), ["file_sha256"], unique=False)

    op.create_table(
        "payee",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payee")),
        sa.UniqueConstraint("holder", name=op.f("uq_payee_holder")),
        sa.UniqueConstraint("region_code", "name", name=op.f("uq_payee_region_code_name")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("openid", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("holder", name=op.f("uq_person_holder")),
        sa.UniqueConstraint("openid", name=op.f("uq_person_openid")),
    )
    op.create_table(
        "reward",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("provider_zh", sa.Text(), nullable=False),
        sa.Column("price_points", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("value_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("stock", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.CheckConstraint("price_points > 0", name=op.f("ck_reward_price_positive")),
        sa.CheckConstraint("stock >= 0", name=op.f("ck_reward_stock_not_negative")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_reward")),
    )
    op.create_table(
        "cash_deposit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bank_reference", sa.Text(), nullable=False),
        sa.Column("entry_reference", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_cash_deposit_positive")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_cash_deposit_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_deposit")),
        sa.UniqueConstraint("bank_reference", name=op.f("uq_cash_deposit_bank_reference")),
        sa.UniqueConstraint("entry_reference", name=op.f("uq_cash_deposit_entry_reference")),
    )
    with op.batch_alter_table("cash_deposit", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cash_deposit_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "consent",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_consent_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_person_id"), ["person_id"], unique=False)
        batch_op.create_index(
            "uq_consent_in_force",
            ["person_id", "partner", "purpose"],
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )

    op.create_table(
        "ledger_balance",
        sa.Column(
            "account_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("posted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("held", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("held >= 0", name=op.f("ck_ledger_balance_held_not_negative")),
        sa.CheckConstraint("posted - held >= 0", name=op.f("ck_ledger_balance_available_not_negative")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_balance_account_id_ledger_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_ledger_balance")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "ledger_hold",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("posted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("remaining", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'open') = (remaining > 0)", name=op.f("ck_ledger_hold_open_while_remaining")
        ),
        sa.CheckConstraint(
            "status IN ('open', 'posted', 'voided', 'expired')", name=op.f("ck_ledger_hold_status")
        ),
        sa.CheckConstraint(
            "amount > 0 AND posted >= 0 AND remaining >= 0", name=op.f("ck_ledger_hold_amounts")
        ),
        sa.CheckConstraint("posted + remaining <= amount", name=op.f("ck_ledger_hold_within_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_hold_account_id_ledger_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_hold")),
        sa.UniqueConstraint("reference", name=op.f("uq_ledger_hold_reference")),
    )
    with op.batch_alter_table("ledger_hold", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_hold_account_id_status", ["account_id", "status"], unique=False)
        batch_op.create_index("ix_ledger_hold_status_expires_at", ["status", "expires_at"], unique=False)

    op.create_table(
        "ledger_holding",
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column(
            "first", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("first >= 1 AND first <= last", name=op.f("ck_ledger_holding_range")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_account.id"], name=op.f("fk_ledger_holding_account_id_ledger_account")
        ),
        sa.PrimaryKeyConstraint("lot", "first", name=op.f("pk_ledger_holding")),
        sa.UniqueConstraint("lot", "last", name=op.f("uq_ledger_holding_lot_last")),
    )
    with op.batch_alter_table("ledger_holding", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_holding_account_id_first", ["account_id", "first"], unique=False)

    op.create_table(
        "parcel",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("township_code", sa.Text(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("stated_area_m2", sa.Double(), nullable=True),
        sa.Column("species_code", sa.Text(), nullable=False),
        sa.Column("land_class_code", sa.Text(), nullable=False),
        sa.Column("planting_year", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("right_holder", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("source_geometry", sa.LargeBinary(), nullable=False),
        sa.Column("source_epsg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("min_lon", sa.Double(), nullable=False),
        sa.Column("min_lat", sa.Double(), nullable=False),
        sa.Column("max_lon", sa.Double(), nullable=False),
        sa.Column("max_lat", sa.Double(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("import_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["parcel_import.id"], name=op.f("fk_parcel_import_id_parcel_import")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel")),
        sa.UniqueConstraint("code", name=op.f("uq_parcel_code")),
    )
    with op.batch_alter_table("parcel", schema=None) as batch_op:
        batch_op.create_index("ix_parcel_county_kind", ["county_code", "kind"], unique=False)

    op.create_table(
        "project",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("methodology_key", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column(
            "owner_organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("crediting_from", sa.Date(), nullable=False),
        sa.Column("crediting_to", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_organisation_id"],
            ["organisation.id"],
            name=op.f("fk_project_owner_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("code", name=op.f("uq_project_code")),
    )
    op.create_table(
        "redemption",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("reward_code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("price_points", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("voucher_code", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status IN ('ready')", name=op.f("ck_redemption_status")),
        sa.ForeignKeyConstraint(
            ["reward_code"], ["reward.code"], name=op.f("fk_redemption_reward_code_reward")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption")),
        sa.UniqueConstraint("voucher_code", name=op.f("uq_redemption_voucher_code")),
    )
    with op.batch_alter_table("redemption", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_redemption_holder"), ["holder"], unique=False)
        batch_op.create_index(batch_op.f("ix_redemption_reward_code"), ["reward_code"], unique=False)

    op.create_table(
        "region",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("batch_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_number"],
            ["development_batch.number"],
            name=op.f("fk_region_batch_number_development_batch"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_region")),
    )
    with op.batch_alter_table("region", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_region_parent_code"), ["parent_code"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("failures", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_user_account_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("username", name=op.f("uq_user_account_username")),
    )
    op.create_table(
        "assessment_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("methodology_key", sa.Text(), nullable=False),
        sa.Column("parameter_digest", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=False),
        sa.Column("gwp_set", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("totals", sa.JSON(), nullable=False),
        sa.Column("net_t", sa.Double(), nullable=False),
        sa.Column("issuable_t", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("deficit_t", sa.Double(), nullable=False),
        sa.Column("parcel_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_assessment_run_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment_run")),
        sa.UniqueConstraint("code", name=op.f("uq_assessment_run_code")),
    )
    with op.batch_alter_table("assessment_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assessment_run_project_id"), ["project_id"], unique=False)

    op.create_table(
        "distribution_scheme",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("shares", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("exception_reason", sa.Text(), nullable=False),
        sa.Column("exception_approver", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_code"], ["region.code"], name=op.f("fk_distribution_scheme_county_code_region")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution_scheme")),
        sa.UniqueConstraint(
            "county_code", "version", name=op.f("uq_distribution_scheme_county_code_version")
        ),
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(user_id IS NULL) <> (person_id IS NULL)", name=op.f("ck_login_session_user_or_person")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_login_session_person_id_person")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_login_session_user_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
    )
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_session_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_login_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "monitoring_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["parcel_id"], ["parcel.id"], name=op.f("fk_monitoring_record_parcel_id_parcel")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_monitoring_record_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_record")),
    )
    with op.batch_alter_table("monitoring_record", schema=None) as batch_op:
        batch_op.create_index(
            "ix_monitoring_record_project_period", ["project_id", "period_start"], unique=False
        )

    op.create_table(
        "parcel_import_row",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("import_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("row_number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=True),
        sa.Column("stated_area_m2", sa.Double(), nullable=True),
        sa.Column("county_code", sa.Text(), nullable=True),
        sa.Column("geometry", sa.LargeBinary(), nullable=True),
        sa.Column("source_geometry", sa.LargeBinary(), nullable=True),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["parcel_import.id"], name=op.f("fk_parcel_import_row_import_id_parcel_import")
        ),
        sa.ForeignKeyConstraint(
            ["parcel_id"], ["parcel.id"], name=op.f("fk_parcel_import_row_parcel_id_parcel")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_import_row")),
        sa.UniqueConstraint(
            "import_id", "row_number", name=op.f("uq_parcel_import_row_import_id_row_number")
        ),
    )
    op.create_table(
        "project_parcel",
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["parcel_id"], ["parcel.id"], name=op.f("fk_project_parcel_parcel_id_parcel")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_parcel_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", "parcel_id", name=op.f("pk_project_parcel")),
    )
    with op.batch_alter_table("project_parcel", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_project_parcel_parcel_id"), ["parcel_id"], unique=False)

    op.create_table(
        "credit_batch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("vintage", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity_kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("entry_reference", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_credit_batch_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["assessment_run.id"], name=op.f("fk_credit_batch_run_id_assessment_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_batch")),
        sa.UniqueConstraint("code", name=op.f("uq_credit_batch_code")),
        sa.UniqueConstraint(
            "run_id", "county_code", "vintage", name=op.f("uq_credit_batch_run_id_county_code_vintage")
        ),
    )
    with op.batch_alter_table("credit_batch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_batch_county_code"), ["county_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_credit_batch_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credit_batch_run_id"), ["run_id"], unique=False)

    op.create_table(
        "land_claim",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("project_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("min_lon", sa.Double(), nullable=False),
        sa.Column("min_lat", sa.Double(), nullable=False),
        sa.Column("max_lon", sa.Double(), nullable=False),
        sa.Column("max_lat", sa.Double(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_land_claim_parcel_id_parcel")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_land_claim_project_id_project")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["assessment_run.id"], name=op.f("fk_land_claim_run_id_assessment_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_claim")),
        sa.UniqueConstraint(
            "parcel_id",
            "pool",
            "period_start",
            "period_end",
            name=op.f("uq_land_claim_parcel_id_pool_period_start_period_end"),
        ),
    )
    with op.batch_alter_table("land_claim", schema=None) as batch_op:
        batch_op.create_index("ix_land_claim_box", ["pool", "min_lon", "max_lon"], unique=False)
        batch_op.create_index(batch_op.f("ix_land_claim_parcel_id"), ["parcel_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_land_claim_run_id"), ["run_id"], unique=False)

    op.create_table(
        "run_review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["assessment_run.id"], name=op.f("fk_run_review_run_id_assessment_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_review")),
        sa.UniqueConstraint("run_id", "role", name=op.f("uq_run_review_run_id_role")),
    )
    op.create_table(
        "run_row",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("outputs", sa.JSON(), nullable=False),
        sa.Column("net_t", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_run_row_parcel_id_parcel")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["assessment_run.id"], name=op.f("fk_run_row_run_id_assessment_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "parcel_id", name=op.f("pk_run_row")),
    )
    op.create_table(
        "batch_share",
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("parcel_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("last", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["credit_batch.id"], name=op.f("fk_batch_share_batch_id_credit_batch")
        ),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_batch_share_parcel_id_parcel")),
        sa.PrimaryKeyConstraint("batch_id", "parcel_id", name=op.f("pk_batch_share")),
    )
    with op.batch_alter_table("batch_share", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batch_share_parcel_id"), ["parcel_id"], unique=False)

    op.create_table(
        "listing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity_kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("price_fen_per_t", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_first_sale", sa.Boolean(), nullable=False),
        sa.Column("story", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("listed_by", sa.Text(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('open', 'sold', 'withdrawn')", name=op.f("ck_listing_status")),
        sa.CheckConstraint("quantity_kg > 0 AND price_fen_per_t > 0", name=op.f("ck_listing_positive")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["credit_batch.id"], name=op.f("fk_listing_batch_id_credit_batch")
        ),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["organisation.id"], name=op.f("fk_listing_seller_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_seller_id"), ["seller_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_status"), ["status"], unique=False)

    op.create_table(
        "retirement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("certificate_number", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity_kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("beneficiary_name", sa.Text(), nullable=False),
        sa.Column("beneficiary_credit_code", sa.Text(), nullable=False),
        sa.Column("consumption_from", sa.Date(), nullable=False),
        sa.Column("consumption_to", sa.Date(), nullable=False),
        sa.Column("consumption_place", sa.Text(), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("retired_by", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["credit_batch.id"], name=op.f("fk_retirement_batch_id_credit_batch")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_retirement_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retirement")),
        sa.UniqueConstraint("certificate_number", name=op.f("uq_retirement_certificate_number")),
    )
    with op.batch_alter_table("retirement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_retirement_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_retirement_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "trade",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("listing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("buyer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seller_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("quantity_kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("price_fen_per_t", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("is_first_sale", sa.Boolean(), nullable=False),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.Column("entry_reference", sa.Text(), nullable=False),
        sa.Column("bought_by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity_kg > 0 AND amount_fen > 0", name=op.f("ck_trade_positive")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["credit_batch.id"], name=op.f("fk_trade_batch_id_credit_batch")
        ),
        sa.ForeignKeyConstraint(
            ["buyer_id"], ["organisation.id"], name=op.f("fk_trade_buyer_id_organisation")
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["listing.id"], name=op.f("fk_trade_listing_id_listing")),
        sa.ForeignKeyConstraint(
            ["seller_id"], ["organisation.id"], name=op.f("fk_trade_seller_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trade")),
        sa.UniqueConstraint("code", name=op.f("uq_trade_code")),
        sa.UniqueConstraint("entry_reference", name=op.f("uq_trade_entry_reference")),
    )
    with op.batch_alter_table("trade", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trade_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_trade_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_trade_buyer_id"), ["buyer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_trade_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_trade_seller_id"), ["seller_id"], unique=False)

    op.create_table(
        "distribution",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("gross_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fee_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vat_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("base_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("company_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("below_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("levels", sa.JSON(), nullable=False),
        sa.Column("meets_floor", sa.Boolean(), nullable=False),
        sa.Column("scheme", sa.JSON(), nullable=False),
        sa.Column("charges", sa.JSON(), nullable=False),
        sa.Column("entry_reference", sa.Text(), nullable=False),
        sa.Column("distributed_by", sa.Text(), nullable=False),
        sa.Column("distributed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("base_fen = company_fen + below_fen", name=op.f("ck_distribution_base_complete")),
        sa.CheckConstraint(
            "gross_fen = fee_fen + vat_fen + base_fen", name=op.f("ck_distribution_receipt_complete")
        ),
        sa.ForeignKeyConstraint(["trade_id"], ["trade.id"], name=op.f("fk_distribution_trade_id_trade")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution")),
        sa.UniqueConstraint("code", name=op.f("uq_distribution_code")),
        sa.UniqueConstraint("entry_reference", name=op.f("uq_distribution_entry_reference")),
        sa.UniqueConstraint("trade_id", name=op.f("uq_distribution_trade_id")),
    )
    with op.batch_alter_table("distribution", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_distribution_county_code"), ["county_code"], unique=False)

    op.create_table(
        "distribution_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("distribution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("payee_holder", sa.Text(), nullable=False),
        sa.Column("payee_name", sa.Text(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("kg", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("amount_fen", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["distribution_id"],
            ["distribution.id"],
            name=op.f("fk_distribution_line_distribution_id_distribution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution_line")),
        sa.UniqueConstraint(
            "distribution_id",
            "level",
            "payee_holder",
            name=op.f("uq_distribution_line_distribution_id_level_payee_holder"),
        ),
    )
    with op.batch_alter_table("distribution_line", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_distribution_line_distribution_id"), ["distribution_id"], unique=False
        )

    # what no table declaration says: the index of boxes, and what may never change
    engine = op.get_bind().dialect.name
    for statement in (*bbox_ddl(engine), *append_only_ddl(engine, JOURNAL), *audit_ddl(engine)):
        op.execute(statement)


def downgrade() -> None:
    engine = op.get_bind().dialect.name
    drops = (*drop_audit_ddl(engine), *drop_append_only_ddl(engine, JOURNAL), *bbox_drop_ddl(engine))
    for statement in drops:
        op.execute(statement)
    with op.batch_alter_table("distribution_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_distribution_line_distribution_id"))

    op.drop_table("distribution_line")
    with op.batch_alter_table("distribution", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_distribution_county_code"))

    op.drop_table("distribution")
    with op.batch_alter_table("trade", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trade_seller_id"))
        batch_op.drop_index(batch_op.f("ix_trade_listing_id"))
        batch_op.drop_index(batch_op.f("ix_trade_buyer_id"))
        batch_op.drop_index(batch_op.f("ix_trade_batch_id"))
        batch_op.drop_index(batch_op.f("ix_trade_at"))

    op.drop_table("trade")
    with op.batch_alter_table("retirement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_retirement_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_retirement_batch_id"))

    op.drop_table("retirement")
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_status"))
        batch_op.drop_index(batch_op.f("ix_listing_seller_id"))
        batch_op.drop_index(batch_op.f("ix_listing_batch_id"))

    op.drop_table("listing")
    with op.batch_alter_table("batch_share", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batch_share_parcel_id"))

    op.drop_table("batch_share")
    op.drop_table("run_row")
    op.drop_table("run_review")
    with op.batch_alter_table("land_claim", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_land_claim_run_id"))
        batch_op.drop_index(batch_op.f("ix_land_claim_parcel_id"))
        batch_op.drop_index("ix_land_claim_box")

    op.drop_table("land_claim")
    with op.batch_alter_table("credit_batch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credit_batch_run_id"))
        batch_op.drop_index(batch_op.f("ix_credit_batch_project_id"))
        batch_op.drop_index(batch_op.f("ix_credit_batch_county_code"))

    op.drop_table("credit_batch")
    with op.batch_alter_table("project_parcel", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_project_parcel_parcel_id"))

    op.drop_table("project_parcel")
    op.drop_table("parcel_import_row")
    with op.batch_alter_table("monitoring_record", schema=None) as batch_op:
        batch_op.drop_index("ix_monitoring_record_project_period")

    op.drop_table("monitoring_record")
    with op.batch_alter_table("login_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_login_session_person_id"))

    op.drop_table("login_session")
    op.drop_table("distribution_scheme")
    with op.batch_alter_table("assessment_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assessment_run_project_id"))

    op.drop_table("assessment_run")
    op.drop_table("user_account")
    with op.batch_alter_table("region", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_region_parent_code"))

    op.drop_table("region")
    with op.batch_alter_table("redemption", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_redemption_reward_code"))
        batch_op.drop_index(batch_op.f("ix_redemption_holder"))

    op.drop_table("redemption")
    op.drop_table("project")
    with op.batch_alter_table("parcel", schema=None) as batch_op:
        batch_op.drop_index("ix_parcel_county_kind")

    op.drop_table("parcel")
    with op.batch_alter_table("ledger_holding", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_holding_account_id_first")

    op.drop_table("ledger_holding")
    with op.batch_alter_table("ledger_hold", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_hold_status_expires_at")
        batch_op.drop_index("ix_ledger_hold_account_id_status")

    op.drop_table("ledger_hold")
    op.drop_table("ledger_balance")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_consent_in_force",
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_consent_person_id"))

    op.drop_table("consent")
    with op.batch_alter_table("cash_deposit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cash_deposit_organisation_id"))

    op.drop_table("cash_deposit")
    op.drop_table("reward")
    op.drop_table("person")
    op.drop_table("payee")
    with op.batch_alter_table("parcel_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parcel_import_file_sha256"))

    op.drop_table("parcel_import")
    op.drop_table("parameter_sign_off")
    op.drop_table("organisation")
    with op.batch_alter_table("ledger_transfer", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_transfer_source_id_id")
        batch_op.drop_index(batch_op.f("ix_ledger_transfer_entry_id"))
        batch_op.drop_index("ix_ledger_transfer_destination_id_id")

    op.drop_table("ledger_transfer")
    op.drop_table("ledger_movement")
    op.drop_table("ledger_lot")
    with op.batch_alter_table("ledger_hold_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_hold_use_hold_id"))

    op.drop_table("ledger_hold_use")
    op.drop_table("ledger_entry")
    with op.batch_alter_table("ledger_account", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_account_asset_lot_role")

    op.drop_table("ledger_account")
    op.drop_table("job_run")
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_key_used_at"))

    op.drop_table("idempotency_key")
    op.drop_table("development_batch")
    with op.batch_alter_table("audit_record", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_record_object")
        batch_op.drop_index(batch_op.f("ix_audit_record_at"))
        batch_op.drop_index(batch_op.f("ix_audit_record_action"))

    op.drop_table("audit_record")
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_act_reported_at"))
        batch_op.drop_index("ix_act_holder_occurred_at")
        batch_op.drop_index("ix_act_holder_day")

    op.drop_table("act")
