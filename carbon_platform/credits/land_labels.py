"""What the map says of a parcel beyond the register: its project, and the newest vintage issued on it."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.parcels.tiles import Label
from carbon_platform.projects.tables import Project, ProjectParcel

PROJECT: Final = Label(
    "project",
    sa.select(ProjectParcel.parcel_id, Project.code)
    .join(Project, Project.id == ProjectParcel.project_id)
    .where(Project.status != "ended"),
)
VINTAGE: Final = Label(
    "vintage",
    sa.select(BatchShare.parcel_id, CreditBatch.vintage).join(
        CreditBatch, CreditBatch.id == BatchShare.batch_id
    ),
)


def land_labels(actor: Actor) -> list[Label]:
    """``project`` (code of the running project that claims the parcel) and ``vintage`` (year), where the
    actor may read projects and tickets.
    """
    wanted = ((PROJECT, "project.read"), (VINTAGE, "batch.read"))
    return [label for label, permission in wanted if actor.may(permission)]


def labels_version(session: Session) -> int:
    """Grows with every change of a parcel's project or vintage: each leaves an audit record."""
    # The sum keeps PostgreSQL from walking all records backwards until one fits.
    newest = sa.select(sa.func.max(AuditRecord.id + 0))
    of_projects = newest.where(AuditRecord.object_kind == "project").scalar_subquery()
    of_tickets = newest.where(AuditRecord.action == "run.issue").scalar_subquery()
    return max(found or 0 for found in session.execute(sa.select(of_projects, of_tickets)).one())
