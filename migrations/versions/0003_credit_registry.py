"""Retirement over several batches, pledges, cancellation, invalidation

Certificates on file keep the digest printed on them: their content is frozen in the form it had. Going
down, a certificate over several batches has no place in the older tables, nor has an open pledge or what is
still to be made good: the first of them is named and nothing changes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
PURPOSES = {
    "operations": "自身运营",
    "product": "产品",
    "event": "会议活动",
    "restoration": "生态损害赔偿",
    "public_benefit": "公益",
}
UNPAID = """
    SELECT i.number, m.owed_kg - COALESCE(SUM(c.quantity_kg), 0) AS left_kg
    FROM make_good m
    JOIN invalidation i ON i.id = m.invalidation_id
    LEFT JOIN cancellation c ON c.make_good_id = m.id AND c.status = 'done'
    GROUP BY i.number, m.id, m.owed_kg
    HAVING m.owed_kg > COALESCE(SUM(c.quantity_kg), 0)
    ORDER BY m.id
    LIMIT 1
"""
# Rows written at once.
CHUNK = 500

retirement = sa.table(
    "retirement",
    sa.column("id", BigInt),
    sa.column("certificate_number", sa.Text),
    sa.column("batch_id", BigInt),
    sa.column("organisation_id", BigInt),
    sa.column("quantity_kg", BigInt),
    sa.column("ranges", sa.JSON),
    sa.column("purpose", sa.Text),
    sa.column("beneficiary_name", sa.Text),
    sa.column("beneficiary_credit_code", sa.Text),
    sa.column("consumption_from", sa.Date),
    sa.column("consumption_to", sa.Date),
    sa.column("consumption_place", sa.Text),
    sa.column("is_demo", sa.Boolean),
    sa.column("retired_at", Instant),
    sa.column("content", sa.Text),
    sa.column("digest", sa.Text),
)
credit_batch = sa.table(
    "credit_batch",
    *(sa.column(name) for name in ("id", "code", "project_id", "county_code", "vintage")),
)
project = sa.table("project", *(sa.column(name) for name in ("id", "code", "name_zh", "methodology_key")))
organisation = sa.table("organisation", *(sa.column(name) for name in ("id", "name_zh")))
line = sa.table(
    "retirement_line",
    sa.column("retirement_id", BigInt),
    sa.column("position", BigInt),
    sa.column("batch_id", BigInt),
    sa.column("quantity_kg", BigInt),
)
numbers = sa.table(
    "retirement_range",
    sa.column("batch_id", BigInt),
    sa.column("first", BigInt),
    sa.column("last", BigInt),
    sa.column("retirement_id", BigInt),
    sa.column("serial", sa.Text),
)


def upgrade() -> None:
    connection = op.get_bind()
    # Read before the tables change: SQLite makes the table anew, which needs it without children.
    rows = _certificates(connection)
    with op.batch_alter_table("retirement") as batch:
        batch.drop_index("ix_retirement_batch_id")
        batch.drop_constraint("fk_retirement_batch_id_credit_batch", type_="foreignkey")
        batch.drop_column("batch_id")
        batch.drop_column("ranges")
        batch.add_column(sa.Column("content", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("retirement") as batch:
        batch.alter_column("content", existing_type=sa.Text(), nullable=False, server_default=None)
        batch.create_index("ix_retirement_beneficiary_credit_code", ["beneficiary_credit_code"])
        batch.create_index(
            "ix_retirement_beneficiary_name",
            ["beneficiary_name"],
            postgresql_ops={"beneficiary_name": "text_pattern_ops"},
        )
    _create_retirement_parts()
    _create_pledge()
    _create_invalidation()
    _create_cancellation()
    for row in rows:
        _spread(connection, row)


def _certificates(connection: sa.Connection) -> list[dict[str, Any]]:
    """Each certificate with what its content names: batch, project, organisation."""
    rows = connection.execute(
        sa.select(
            *(c for c in retirement.c if c.name != "content"),
            credit_batch.c.code.label("batch_code"),
            credit_batch.c.county_code,
            credit_batch.c.vintage,
            project.c.code.label("project_code"),
            project.c.name_zh.label("project_name"),
            project.c.methodology_key,
            organisation.c.name_zh.label("organisation_name"),
        )
        .join(credit_batch, credit_batch.c.id == retirement.c.batch_id)
        .join(project, project.c.id == credit_batch.c.project_id)
        .join(organisation, organisation.c.id == retirement.c.organisation_id)
        .order_by(retirement.c.id)
    )
    return [dict(row) for row in rows.mappings()]


def _spread(connection: sa.Connection, row: dict[str, Any]) -> None:
    """The certificate's content frozen, its one line, and its number ranges."""
    connection.execute(
        sa.update(retirement).where(retirement.c.id == row["id"]).values(content=_content(row))
    )
    connection.execute(
        sa.insert(line),
        {
            "retirement_id": row["id"],
            "position": 1,
            "batch_id": row["batch_id"],
            "quantity_kg": row["quantity_kg"],
        },
    )
    parts = [
        {
            "batch_id": row["batch_id"],
            "first": int(first),
            "last": int(last),
            "retirement_id": row["id"],
            "serial": f"{row['batch_code']}-{first}-{last}",
        }
        for first, last in row["ranges"]
    ]
    for start in range(0, len(parts), CHUNK):
        connection.execute(sa.insert(numbers), parts[start : start + CHUNK])


def _content(row: dict[str, Any]) -> str:
    """What the older certificate said, character by character as its digest was taken."""
    # Names that are not in the database; a methodology that has issued stays in the registry for ever.
    from carbon_platform.regions.service import county_name
    from methodologies import registry

    content = {
        "certificate_number": row["certificate_number"],
        "quantity_kg": row["quantity_kg"],
        "quantity_t": _tonnes(row["quantity_kg"]),
        "serials": [f"{row['batch_code']}-{first}-{last}" for first, last in row["ranges"]],
        "batch": row["batch_code"],
        "project_code": row["project_code"],
        "project_name": row["project_name"],
        "methodology_key": row["methodology_key"],
        "methodology_name": registry()[row["methodology_key"]].title_zh,
        "county_code": row["county_code"],
        "county_name": county_name(row["county_code"]),
        "vintage": row["vintage"],
        "retired_by_organisation": row["organisation_name"],
        "beneficiary_name": row["beneficiary_name"],
        "beneficiary_credit_code": row["beneficiary_credit_code"],
        "purpose": row["purpose"],
        "purpose_zh": PURPOSES[row["purpose"]],
        "consumption_from": row["consumption_from"].isoformat(),
        "consumption_to": row["consumption_to"].isoformat(),
        "consumption_place": row["consumption_place"],
        "retired_at": _utc(row["retired_at"]).isoformat(timespec="seconds"),
        "is_demo": row["is_demo"],
    }
    return json.dumps(content, ensure_ascii=False, sort_keys=True)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _tonnes(quantity_kg: int) -> str:
    tonnes, kg = divmod(quantity_kg, 1000)
    return f"{tonnes:,}" + (f".{kg:03d}" if kg else "")


def _create_retirement_parts() -> None:
    op.create_table(
        "retirement_line",
        _foreign("retirement_line", "retirement_id", "retirement"),
        sa.Column("position", BigInt, nullable=False, autoincrement=False),
        _foreign("retirement_line", "batch_id", "credit_batch"),
        sa.Column("quantity_kg", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("retirement_id", "position", name="pk_retirement_line"),
        sa.UniqueConstraint("retirement_id", "batch_id", name="uq_retirement_line_retirement_id_batch_id"),
        sa.CheckConstraint("quantity_kg > 0", name="ck_retirement_line_positive"),
    )
    op.create_index("ix_retirement_line_batch_id", "retirement_line", ["batch_id"])
    op.create_table(
        "retirement_range",
        _foreign("retirement_range", "batch_id", "credit_batch"),
        sa.Column("first", BigInt, nullable=False, autoincrement=False),
        sa.Column("last", BigInt, nullable=False),
        _foreign("retirement_range", "retirement_id", "retirement"),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "first", name="pk_retirement_range"),
        sa.CheckConstraint("first >= 1 AND first <= last", name="ck_retirement_range_range"),
    )
    op.create_index("ix_retirement_range_retirement_id", "retirement_range", ["retirement_id"])
    op.create_index("ix_retirement_range_serial", "retirement_range", ["serial"])


def _create_pledge() -> None:
    op.create_table(
        "pledge",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        _foreign("pledge", "pledger_id", "organisation"),
        _foreign("pledge", "pledgee_id", "organisation"),
        _foreign("pledge", "batch_id", "credit_batch"),
        sa.Column("quantity_kg", BigInt, nullable=False),
        *_texts("contract_reference", "register_name", "register_reference", "status", "pledged_by"),
        sa.Column("pledged_at", Instant, nullable=False),
        sa.Column("closed_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pledge"),
        sa.UniqueConstraint("number", name="uq_pledge_number"),
        sa.CheckConstraint("quantity_kg > 0", name="ck_pledge_positive"),
        sa.CheckConstraint("pledger_id <> pledgee_id", name="ck_pledge_two_parties"),
        sa.CheckConstraint(
            "status IN ('pledged', 'released', 'enforced', 'voided')", name="ck_pledge_status"
        ),
        sa.CheckConstraint("(status = 'pledged') = (closed_at IS NULL)", name="ck_pledge_closed"),
    )
    for column in ("pledger_id", "pledgee_id", "batch_id"):
        op.create_index(f"ix_pledge_{column}", "pledge", [column])
    op.create_table(
        "pledge_step",
        _foreign("pledge_step", "pledge_id", "pledge"),
        sa.Column("position", BigInt, nullable=False, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity_kg", BigInt, nullable=False),
        *_texts("document", "taken_by"),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("pledge_id", "position", name="pk_pledge_step"),
        sa.CheckConstraint("quantity_kg > 0", name="ck_pledge_step_positive"),
        sa.CheckConstraint("kind IN ('release', 'enforce', 'invalidate')", name="ck_pledge_step_kind"),
    )


def _decision_columns(*, proposer_may_be_null: bool) -> list[sa.Column[Any]]:
    return [
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_user", BigInt, nullable=proposer_may_be_null),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_by_user", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=False),
    ]


def _create_invalidation() -> None:
    op.create_table(
        "invalidation",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        _foreign("invalidation", "batch_id", "credit_batch"),
        sa.Column("quantity_kg", BigInt, nullable=False),
        *_texts("reason", "document"),
        *_decision_columns(proposer_may_be_null=False),
        sa.PrimaryKeyConstraint("id", name="pk_invalidation"),
        sa.UniqueConstraint("number", name="uq_invalidation_number"),
        sa.CheckConstraint("quantity_kg > 0", name="ck_invalidation_positive"),
        sa.CheckConstraint("status IN ('proposed', 'confirmed', 'rejected')", name="ck_invalidation_status"),
        sa.CheckConstraint("decided_by_user <> proposed_by_user", name="ck_invalidation_two_people"),
        sa.CheckConstraint("(status = 'proposed') = (decided_at IS NULL)", name="ck_invalidation_decided"),
    )
    op.create_index("ix_invalidation_batch_id", "invalidation", ["batch_id"])
    op.create_table(
        "invalidation_range",
        _foreign("invalidation_range", "invalidation_id", "invalidation"),
        sa.Column("first", BigInt, nullable=False, autoincrement=False),
        sa.Column("last", BigInt, nullable=False),
        sa.PrimaryKeyConstraint("invalidation_id", "first", name="pk_invalidation_range"),
        sa.CheckConstraint("first >= 1 AND first <= last", name="ck_invalidation_range_range"),
    )
    op.create_table(
        "make_good",
        sa.Column("id", BigInt, nullable=False),
        _foreign("make_good", "invalidation_id", "invalidation"),
        _foreign("make_good", "organisation_id", "organisation"),
        sa.Column("owed_kg", BigInt, nullable=False),
        sa.Column("arose_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_make_good"),
        sa.UniqueConstraint("invalidation_id", name="uq_make_good_invalidation_id"),
        sa.CheckConstraint("owed_kg > 0", name="ck_make_good_positive"),
    )
    op.create_index("ix_make_good_organisation_id", "make_good", ["organisation_id"])


def _create_cancellation() -> None:
    op.create_table(
        "cancellation",
        sa.Column("id", BigInt, nullable=False),
        *_texts("number", "kind"),
        _foreign("cancellation", "batch_id", "credit_batch"),
        _foreign("cancellation", "organisation_id", "organisation"),
        _foreign("cancellation", "make_good_id", "make_good", nullable=True),
        sa.Column("quantity_kg", BigInt, nullable=False),
        *_texts("reason", "document"),
        *_decision_columns(proposer_may_be_null=True),
        sa.PrimaryKeyConstraint("id", name="pk_cancellation"),
        sa.UniqueConstraint("number", name="uq_cancellation_number"),
        sa.CheckConstraint("quantity_kg > 0", name="ck_cancellation_positive"),
        sa.CheckConstraint(
            "kind IN ('voluntary', 'make_good', 'administrative')", name="ck_cancellation_kind"
        ),
        sa.CheckConstraint(
            "(kind = 'make_good') = (make_good_id IS NOT NULL)", name="ck_cancellation_make_good"
        ),
        sa.CheckConstraint("status IN ('proposed', 'done', 'rejected')", name="ck_cancellation_status"),
        sa.CheckConstraint("(status = 'proposed') = (decided_at IS NULL)", name="ck_cancellation_decided"),
        sa.CheckConstraint(
            "kind <> 'administrative' OR decided_by_user <> proposed_by_user",
            name="ck_cancellation_two_people",
        ),
    )
    for column in ("batch_id", "organisation_id", "make_good_id"):
        op.create_index(f"ix_cancellation_{column}", "cancellation", [column])


def _foreign(table: str, column: str, target: str, *, nullable: bool = False) -> sa.Column[Any]:
    key = sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{column}_{target}")
    return sa.Column(column, BigInt, key, nullable=nullable)


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def downgrade() -> None:
    connection = op.get_bind()
    _refuse_open(connection)
    whole = _single_batch(connection)
    for table in (
        "cancellation",
        "make_good",
        "invalidation_range",
        "invalidation",
        "pledge_step",
        "pledge",
        "retirement_range",
        "retirement_line",
    ):
        op.drop_table(table)
    with op.batch_alter_table("retirement") as batch:
        batch.drop_index("ix_retirement_beneficiary_name")
        batch.drop_index("ix_retirement_beneficiary_credit_code")
        batch.drop_column("content")
        batch.add_column(sa.Column("batch_id", BigInt, nullable=True))
        batch.add_column(sa.Column("ranges", sa.JSON(), nullable=True))
    for retirement_id, (batch_id, ranges, _newer) in whole.items():
        connection.execute(
            sa.update(retirement)
            .where(retirement.c.id == retirement_id)
            .values(batch_id=batch_id, ranges=ranges)
        )
    with op.batch_alter_table("retirement") as batch:
        batch.alter_column("batch_id", existing_type=BigInt, nullable=False)
        batch.alter_column("ranges", existing_type=sa.JSON(), nullable=False)
        batch.create_foreign_key("fk_retirement_batch_id_credit_batch", "credit_batch", ["batch_id"], ["id"])
        batch.create_index("ix_retirement_batch_id", ["batch_id"])
    # A digest in the older form, so that these certificates are still found genuine; the paper of one made
    # since the upgrade shows another and has to be printed anew.
    for row in _certificates(connection):
        digest = hashlib.sha256(_content(row).encode()).hexdigest()
        if whole[row["id"]][2]:
            connection.execute(
                sa.update(retirement).where(retirement.c.id == row["id"]).values(digest=digest)
            )


def _refuse_open(connection: sa.Connection) -> None:
    """Pledges that still bind, and make-good that is still owed, are known nowhere else."""
    pledged = connection.execute(
        sa.text("SELECT number, quantity_kg FROM pledge WHERE status = 'pledged' ORDER BY id LIMIT 1")
    ).first()
    if pledged is not None:
        raise RuntimeError(
            f"pledge {pledged.number} of {pledged.quantity_kg:,} kg is open; without the table nobody could "
            "release it. Release or enforce every open pledge, then go down"
        )
    owed = connection.execute(sa.text(UNPAID)).first()
    if owed is not None:
        raise RuntimeError(
            f"invalidation {owed.number} is still owed {owed.left_kg:,} kg of make-good; without the table "
            "the debt would be forgotten. Have it made good, then go down"
        )


def _single_batch(connection: sa.Connection) -> dict[int, tuple[int, list[list[int]], bool]]:
    """Per certificate its batch, its ranges, and whether it was made in the newer form."""
    several = connection.execute(
        sa.select(retirement.c.certificate_number)
        .join(line, line.c.retirement_id == retirement.c.id)
        .group_by(retirement.c.certificate_number)
        .having(sa.func.count() > 1)
        .order_by(retirement.c.certificate_number)
        .limit(1)
    ).scalar()
    if several is not None:
        raise RuntimeError(f"certificate {several} covers several batches; the older tables cannot hold it")
    spans: dict[int, list[list[int]]] = {}
    for row in connection.execute(sa.select(numbers).order_by(numbers.c.first)):
        spans.setdefault(row.retirement_id, []).append([row.first, row.last])
    rows = connection.execute(
        sa.select(line.c.retirement_id, line.c.batch_id, retirement.c.content).join(
            retirement, retirement.c.id == line.c.retirement_id
        )
    )
    return {
        row.retirement_id: (row.batch_id, spans[row.retirement_id], "lines" in json.loads(row.content))
        for row in rows
    }
