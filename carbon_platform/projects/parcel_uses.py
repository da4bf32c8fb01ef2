"""Which projects a parcel is in, for changes of the parcel."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import Database
from carbon_platform.parcels.uses import say_uses
from carbon_platform.projects.tables import Project, ProjectParcel

_CHUNK = 500


def projects_of(session: Session, ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Projects that have not ended, by parcel id, in words."""
    found: dict[int, list[tuple[str, str]]] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = (
            sa.select(ProjectParcel.parcel_id, Project.code)
            .join(Project, Project.id == ProjectParcel.project_id)
            .where(ProjectParcel.parcel_id.in_(ids[start : start + _CHUNK]), Project.status != "ended")
            .order_by(Project.code)
        )
        for parcel_id, code in session.execute(statement):
            found.setdefault(parcel_id, []).append((f"项目 {code}", f"project {code}"))
    return found


def init(db: Database) -> None:
    """Let the room of parcels know."""
    say_uses(db, "projects", projects_of)
