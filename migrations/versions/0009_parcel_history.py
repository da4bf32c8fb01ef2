"""Parcels keep their history: every state they had, and what was made of what.

Every parcel on file gets its first event, as it is now; rows of reports tell what they would change.

Going down is refused once a parcel was changed: the older program would lose how it was before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carbon_platform.parcels.history_ddl import drop_history_ddl, history_ddl

revision = "0009"
down_revision = "0008"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IMPORT_COLUMNS = ("mode", "reason", "effective_on", "uploaded_by_id", "seen_event_id")
ROW_COLUMNS = ("change", "diff", "needs_approval")
# Every parcel's state as its first event.
FIRST_EVENTS = """
    INSERT INTO parcel_event (
        parcel_id, version, kind, effective_on, import_id, reason, recorded_by, recorded_at, parcel_kind,
        status, county_code, township_code, village_code, area_m2, stated_area_m2, species_code,
        land_class_code, planting_year, right_holder, attributes, geometry, source_geometry, source_epsg
    )
    SELECT
        p.id, 1, 'registered', p.valid_from, p.import_id, '', i.uploaded_by,
        coalesce(i.accepted_at, i.uploaded_at), p.kind, p.status, p.county_code, p.township_code,
        p.village_code, p.area_m2, p.stated_area_m2, p.species_code, p.land_class_code, p.planting_year,
        p.right_holder, p.attributes, p.geometry, p.source_geometry, p.source_epsg
    FROM parcel AS p JOIN parcel_import AS i ON i.id = p.import_id ORDER BY p.id
"""


def upgrade() -> None:
    _make_tables()
    op.add_column("parcel", sa.Column("version", BigInt, nullable=False, server_default="1"))
    for column in (
        sa.Column("mode", sa.Text(), nullable=False, server_default="add"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("uploaded_by_id", BigInt, nullable=True),
        sa.Column("seen_event_id", BigInt, nullable=False, server_default="0"),
    ):
        op.add_column("parcel_import", column)
    for column in (
        sa.Column("change", sa.Text(), nullable=False, server_default="new"),
        sa.Column("diff", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("parcel_import_row", column)
    op.execute(FIRST_EVENTS)
    op.execute("UPDATE parcel_import_row SET change = 'same' WHERE outcome = 'same'")
    op.execute(
        "UPDATE parcel_import SET seen_event_id = (SELECT coalesce(max(id), 0) FROM parcel_event) "
        "WHERE status = 'staged'"
    )
    for statement in history_ddl(op.get_context().dialect.name):
        op.execute(statement)


def _make_tables() -> None:
    op.create_table(
        "parcel_event",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("parcel_id", BigInt, nullable=False),
        sa.Column("version", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("import_id", BigInt, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_by_id", BigInt, nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_by_id", BigInt, nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parcel_kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("township_code", sa.Text(), nullable=False),
        sa.Column("village_code", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("stated_area_m2", sa.Double(), nullable=True),
        sa.Column("species_code", sa.Text(), nullable=False),
        sa.Column("land_class_code", sa.Text(), nullable=False),
        sa.Column("planting_year", BigInt, nullable=True),
        sa.Column("right_holder", sa.Text(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("source_geometry", sa.LargeBinary(), nullable=False),
        sa.Column("source_epsg", BigInt, nullable=False),
        sa.CheckConstraint(
            "kind IN ('registered', 'corrected', 'split', 'merged', 'ended', 'restored')",
            name=op.f("ck_parcel_event_kind"),
        ),
        sa.CheckConstraint(
            "approved_by_id IS NULL OR approved_by_id <> recorded_by_id",
            name=op.f("ck_parcel_event_two_people"),
        ),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_parcel_event_parcel_id_parcel")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["parcel_import.id"], name=op.f("fk_parcel_event_import_id_parcel_import")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_event")),
        sa.UniqueConstraint("parcel_id", "version", name=op.f("uq_parcel_event_parcel_id_version")),
    )
    op.create_index(op.f("ix_parcel_event_import_id"), "parcel_event", ["import_id"], unique=False)
    op.create_table(
        "parcel_lineage",
        sa.Column("parent_id", BigInt, nullable=False),
        sa.Column("child_id", BigInt, nullable=False),
        sa.Column("event_id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.CheckConstraint("parent_id <> child_id", name=op.f("ck_parcel_lineage_two_parcels")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["parcel.id"], name=op.f("fk_parcel_lineage_parent_id_parcel")
        ),
        sa.ForeignKeyConstraint(["child_id"], ["parcel.id"], name=op.f("fk_parcel_lineage_child_id_parcel")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["parcel_event.id"], name=op.f("fk_parcel_lineage_event_id_parcel_event")
        ),
        sa.PrimaryKeyConstraint("parent_id", "child_id", "event_id", name=op.f("pk_parcel_lineage")),
    )
    op.create_index(op.f("ix_parcel_lineage_child_id"), "parcel_lineage", ["child_id"], unique=False)


def downgrade() -> None:
    changed = op.get_bind().scalar(sa.text("SELECT count(*) FROM parcel_event WHERE version > 1"))
    if changed:
        raise RuntimeError(f"{changed} changes of parcels are on file; the older program cannot keep them")
    for statement in drop_history_ddl(op.get_context().dialect.name):
        op.execute(statement)
    for name in reversed(ROW_COLUMNS):
        op.drop_column("parcel_import_row", name)
    for name in reversed(IMPORT_COLUMNS):
        op.drop_column("parcel_import", name)
    op.drop_column("parcel", "version")
    op.drop_table("parcel_lineage")
    op.drop_table("parcel_event")
