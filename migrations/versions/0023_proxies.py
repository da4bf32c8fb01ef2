"""Village office and proxies: accounts on paper, senior bus cards, relatives acting for somebody, batches.

Going down drops them; what was counted and redeemed stays in the books.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
IN_FORCE = sa.text("ended_at IS NULL")
TAKEN = sa.text("outcome <> 'refused'")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, BigInt, nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, Instant, nullable=nullable)


def _unique_where(name: str, table: str, columns: list[str], where: sa.TextClause) -> None:
    op.create_index(name, table, columns, unique=True, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    _accounts()
    _proxies()
    _batches()


def _accounts() -> None:
    op.create_table(
        "paper_account",
        _text("number"),
        _number("person_id"),
        _text("holder"),
        _text("village_code"),
        _text("name_sealed"),
        _text("paper_sha256"),
        _text("opened_by"),
        _number("opened_by_id"),
        _moment("opened_at"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_paper_account_person_id_person")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_paper_account")),
    )
    op.create_index(op.f("ix_paper_account_holder"), "paper_account", ["holder"], unique=False)
    op.create_index(op.f("ix_paper_account_person_id"), "paper_account", ["person_id"], unique=False)
    op.create_index(op.f("ix_paper_account_village_code"), "paper_account", ["village_code"], unique=False)
    op.create_table(
        "bus_card",
        _number("id"),
        _text("holder"),
        _text("number_sealed"),
        _text("number_index"),
        _text("last_digits"),
        _number("binding_id"),
        _text("bound_by"),
        _number("bound_by_id"),
        _moment("bound_at"),
        _moment("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bus_card")),
    )
    op.create_index(op.f("ix_bus_card_holder"), "bus_card", ["holder"], unique=False)
    _unique_where("uq_bus_card_in_force", "bus_card", ["number_index"], IN_FORCE)


def _proxies() -> None:
    op.create_table(
        "proxy",
        _number("id"),
        _text("principal"),
        _number("principal_person_id"),
        _text("agent"),
        _number("agent_person_id"),
        sa.Column("may_report", sa.Boolean(), nullable=False),
        sa.Column("may_redeem", sa.Boolean(), nullable=False),
        _number("day_points"),
        _number("month_points"),
        _text("granted_by"),
        _number("granted_by_id", nullable=True),
        _text("paper_sha256"),
        _moment("granted_at"),
        _moment("until"),
        _moment("ended_at", nullable=True),
        sa.CheckConstraint("principal <> agent", name=op.f("ck_proxy_two_people")),
        sa.CheckConstraint(
            "day_points >= 0 AND month_points >= 0", name=op.f("ck_proxy_limits_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["principal_person_id"], ["person.id"], name=op.f("fk_proxy_principal_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["agent_person_id"], ["person.id"], name=op.f("fk_proxy_agent_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy")),
    )
    op.create_index(op.f("ix_proxy_principal"), "proxy", ["principal"], unique=False)
    op.create_index(op.f("ix_proxy_agent"), "proxy", ["agent"], unique=False)
    _unique_where("uq_proxy_in_force", "proxy", ["principal", "agent"], IN_FORCE)
    op.create_table(
        "proxy_action",
        _number("id"),
        _text("holder"),
        _text("kind"),
        _number("object_id"),
        _number("proxy_id", nullable=True),
        _text("agent"),
        _text("officer"),
        _number("officer_id", nullable=True),
        _number("points"),
        _text("day"),
        _moment("at"),
        sa.CheckConstraint("kind IN ('act', 'redemption')", name=op.f("ck_proxy_action_kind")),
        sa.CheckConstraint(
            "(agent = '') <> (officer_id IS NULL)", name=op.f("ck_proxy_action_relative_or_officer")
        ),
        sa.ForeignKeyConstraint(["proxy_id"], ["proxy.id"], name=op.f("fk_proxy_action_proxy_id_proxy")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proxy_action")),
        sa.UniqueConstraint("kind", "object_id", name=op.f("uq_proxy_action_kind_object_id")),
    )
    op.create_index(op.f("ix_proxy_action_proxy_id"), "proxy_action", ["proxy_id"], unique=False)
    op.create_index("ix_proxy_action_holder_id", "proxy_action", ["holder", "id"], unique=False)


def _batches() -> None:
    op.create_table(
        "village_photo",
        _text("sha256"),
        _text("media_type"),
        _number("size_bytes"),
        _text("picture_hash", nullable=True),
        _moment("taken_at", nullable=True),
        _number("stored_by_id"),
        _moment("stored_at"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_village_photo")),
    )
    op.create_index(op.f("ix_village_photo_picture_hash"), "village_photo", ["picture_hash"], unique=False)
    op.create_table(
        "village_batch",
        _number("id"),
        _text("village_code"),
        _text("file_name"),
        _text("state"),
        _text("seed"),
        _text("uploaded_by"),
        _number("uploaded_by_id"),
        _moment("uploaded_at"),
        _moment("closed_at", nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("state IN ('checking', 'taken', 'returned')", name=op.f("ck_village_batch_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_village_batch")),
    )
    op.create_index(op.f("ix_village_batch_village_code"), "village_batch", ["village_code"], unique=False)
    _rows()


def _rows() -> None:
    op.create_table(
        "village_row",
        _number("id"),
        _number("batch_id"),
        _number("row_number"),
        *(_text(name) for name in ("account_number", "holder", "behaviour", "day")),
        _number("milli"),
        _text("record_key"),
        _text("photo_sha256", nullable=True),
        *(_text(name) for name in ("outcome", "reason_zh", "reason_en")),
        sa.Column("drawn", sa.Boolean(), nullable=False),
        _text("verdict"),
        _text("verdict_note"),
        _number("uploaded_by_id"),
        _text("checked_by"),
        _number("checked_by_id", nullable=True),
        _moment("checked_at", nullable=True),
        _number("act_id", nullable=True),
        sa.CheckConstraint(
            "outcome IN ('ready', 'refused', 'counted', 'not_counted')", name=op.f("ck_village_row_outcome")
        ),
        sa.CheckConstraint("verdict IN ('', 'right', 'wrong')", name=op.f("ck_village_row_verdict")),
        sa.CheckConstraint("checked_by_id <> uploaded_by_id", name=op.f("ck_village_row_two_people")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["village_batch.id"], name=op.f("fk_village_row_batch_id_village_batch")
        ),
        sa.ForeignKeyConstraint(
            ["photo_sha256"], ["village_photo.sha256"], name=op.f("fk_village_row_photo_sha256_village_photo")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_village_row")),
        sa.UniqueConstraint("batch_id", "row_number", name=op.f("uq_village_row_batch_id_row_number")),
    )
    _unique_where("uq_village_row_record_key", "village_row", ["record_key"], TAKEN)


def downgrade() -> None:
    for table in (
        "village_row", "village_batch", "village_photo", "proxy_action", "proxy", "bus_card", "paper_account",
    ):  # fmt: skip
        op.drop_table(table)
