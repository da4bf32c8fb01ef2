"""Scenes with dated changes, and bindings of a partner's customers to persons.

The sources of before come in with ``flask setup`` (reference data). Going down drops them and the bindings;
the acts in the books keep the code of their source.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
OPEN = sa.text("ended_at IS NULL")
PROPOSED = sa.text("status = 'proposed'")


def upgrade() -> None:
    _scenes()
    _changes()
    _bindings()


def _scenes() -> None:
    op.create_table(
        "scene",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("operator_zh", sa.Text(), nullable=False),
        sa.Column("organisation_id", BigInt, nullable=True),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.Column("behaviours", sa.JSON(), nullable=False),
        sa.Column("evidence_percent", BigInt, nullable=False),
        sa.Column("creditable", sa.Boolean(), nullable=False),
        sa.Column("observation_days", BigInt, nullable=False),
        sa.Column("observation_from", sa.Text(), nullable=False),
        sa.Column("observation_source", sa.Text(), nullable=False),
        sa.Column("observation_status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", Instant, nullable=False),
        sa.CheckConstraint(
            "state IN ('applied', 'published', 'connected', 'active', 'warned', 'suspended', 'closed')",
            name=op.f("ck_scene_state"),
        ),
        sa.CheckConstraint("evidence_percent BETWEEN 1 AND 100", name=op.f("ck_scene_evidence_percent")),
        sa.CheckConstraint("observation_days BETWEEN 0 AND 366", name=op.f("ck_scene_observation_days")),
        sa.CheckConstraint("observation_from IN ('act', 'receipt')", name=op.f("ck_scene_observation_from")),
        sa.CheckConstraint("NOT (local AND creditable)", name=op.f("ck_scene_local_never_creditable")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_scene_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_scene")),
    )
    op.create_index(op.f("ix_scene_organisation_id"), "scene", ["organisation_id"])


def _changes() -> None:
    op.create_table(
        "scene_change",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("scene_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", BigInt, nullable=True),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('state', 'terms')", name=op.f("ck_scene_change_kind")),
        sa.CheckConstraint("status IN ('proposed', 'done', 'declined')", name=op.f("ck_scene_change_status")),
        sa.CheckConstraint(
            "(status = 'proposed') = (decided_at IS NULL)", name=op.f("ck_scene_change_decided")
        ),
        sa.ForeignKeyConstraint(
            ["scene_code"], ["scene.code"], name=op.f("fk_scene_change_scene_code_scene")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scene_change")),
    )
    op.create_index("ix_scene_change_scene_code_id", "scene_change", ["scene_code", "id"])
    op.create_index(
        "uq_scene_change_proposed",
        "scene_change",
        ["scene_code"],
        unique=True,
        sqlite_where=PROPOSED,
        postgresql_where=PROPOSED,
    )


def _bindings() -> None:
    op.create_table(
        "binding",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("person_id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("bound_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_binding_person_id_person")),
        sa.ForeignKeyConstraint(["source"], ["scene.code"], name=op.f("fk_binding_source_scene")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding")),
    )
    op.create_index(op.f("ix_binding_person_id"), "binding", ["person_id"])
    op.create_index(
        "uq_binding_in_force",
        "binding",
        ["source", "subject"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "binding_code",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issued_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["source"], ["scene.code"], name=op.f("fk_binding_code_source_scene")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_binding_code")),
    )
    op.create_index(op.f("ix_binding_code_expires_at"), "binding_code", ["expires_at"])
    op.create_index("ix_binding_code_source_subject", "binding_code", ["source", "subject"])
    op.create_table(
        "binding_attempt",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("person_id", BigInt, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_binding_attempt_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding_attempt")),
    )
    op.create_index("ix_binding_attempt_person_id_at", "binding_attempt", ["person_id", "at"])


def downgrade() -> None:
    for table in ("binding_attempt", "binding_code", "binding", "scene_change", "scene"):
        op.drop_table(table)
