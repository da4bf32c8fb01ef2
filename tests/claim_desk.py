"""Claims of other schemes and parcels in projects, put on file without files; positions in metres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from project_world import World
from sqlalchemy.orm import Session
from ticket_desk import add_parcel, box

from carbon_platform.identity.tables import Organisation
from carbon_platform.parcels import outside_claims
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project, ProjectParcel
from gis.counties import load_counties
from gis.crs import PLANE, to_lonlat

__all__ = ["attach", "box", "codes_of", "declare", "land", "new_project", "put"]

DECLARED: dict[str, Any] = {
    "scheme": "vcs",
    "reference": "VCS 9999",
    "title": "某水稻甲烷项目（测试）",
    "claimant": "某公司（测试）",
    "document": "登记网页截图（测试）",
    "pools": ["biomass"],
    "period_start": date(2021, 1, 1),
    "period_end": date(2031, 1, 1),
}


def land(world: World, *shapes: shapely.Geometry, **more: str) -> list[str]:
    """New parcels of these shapes (plane); their codes."""
    return world.db.transact(lambda s: [add_parcel(s, shape, **more).code for shape in shapes])


def new_project(world: World, who: str = "operator", **changes: Any) -> str:
    """A camellia project for 2021–2041; ``world.project`` names it, so that one owner has several."""
    count = len(world.db.read(lambda s: s.scalars(sa.select(Project.id)).all()))
    return world.project(who=who, name_zh=f"项目 {count + 1}（测试）", **changes)


def attach(world: World, project: str, codes: Sequence[str], who: str = "operator") -> Any:
    """The API's answer: what was attached, or the problem with its errors."""
    return world.call(who, "POST", f"/projects/{project}/parcels", {"codes": list(codes)}).get_json()


def put(world: World, project: str, codes: Sequence[str]) -> None:
    """Into a project past the lock: what somebody with the database in hand could do."""

    def work(session: Session) -> None:
        found = session.scalars(sa.select(Project).filter_by(code=project)).one()
        for parcel_id in session.scalars(sa.select(Parcel.id).where(Parcel.code.in_(codes))):
            session.add(ProjectParcel(project_id=found.id, parcel_id=parcel_id, attached_at=world.now))

    world.db.transact(work)


def declare(world: World, *shapes: shapely.Geometry, who: str = "ecology", **changes: Any) -> str:
    """A declaration of these shapes (plane); its number."""
    actor = world.actor(who)
    drawn = outside_claims.lands_of(
        to_lonlat(np.array(shapes, dtype=object), PLANE),
        actor,
        load_counties(),
        file_name="made",
        file_sha256="0",
    )
    return world.db.transact(
        lambda s: outside_claims.declare(s, actor, DECLARED | changes, drawn, now=world.now).number
    )


def codes_of(problem: Any) -> list[str]:
    """Codes of a problem's errors, in order."""
    return [error["code"] for error in problem["errors"]]


def organisation(session: Session, kind: str) -> Organisation:
    return session.scalars(sa.select(Organisation).filter_by(kind=kind)).one()
