"""Made quarrels on the land of the told story, put into the tables past the lock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import desk_world
import numpy as np
import shapely
import sqlalchemy as sa
from shapely.affinity import translate
from sqlalchemy.orm import Session

from carbon_platform.identity.service import authenticate, sign_in
from carbon_platform.parcels import outside_claims
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project, ProjectParcel
from gis.counties import load_counties

NOW = datetime.now(UTC)
DECLARED: dict[str, Any] = {
    "scheme": "gs",
    "reference": "GS <b>7</b>",
    "title": "某项目",
    "claimant": "某公司",
    "document": "网页",
    "pools": ["all"],
    "period_start": date(2022, 1, 1),
    "period_end": date(2032, 1, 1),
}


def quarrel(session: Session) -> tuple[str, str]:
    """A second project on a shifted copy of a parcel, and a claim of another scheme on both; their codes."""
    first = session.scalars(sa.select(Project).filter_by(code=desk_world.PROJECT)).one()
    values = {column.name: getattr(first, column.name) for column in Project.__table__.columns}
    values |= {"id": None, "code": "XY-P0099", "name_zh": "二期（测试）"}
    second = Project(**values | {"crediting_from": date(2023, 1, 1), "crediting_to": date(2043, 1, 1)})
    session.add(second)
    member = sa.select(Parcel).join(ProjectParcel).where(ProjectParcel.project_id == first.id)
    old = session.scalars(member.order_by(Parcel.area_m2.desc()).limit(1)).one()
    shape = translate(shapely.from_wkb(old.geometry), 0.0003, 0.0)
    values = {column.name: getattr(old, column.name) for column in Parcel.__table__.columns}
    west, south, east, north = shape.bounds
    values |= {"geometry": shape.wkb, "min_lon": west, "min_lat": south, "max_lon": east, "max_lat": north}
    new = Parcel(**values | {"code": f"{old.code}-B", "id": None})
    session.add(new)
    session.flush()
    session.add(ProjectParcel(project_id=second.id, parcel_id=new.id, attached_at=NOW))
    token, _ = sign_in(session, "ecology", matches=True, now=NOW) or ("", None)
    ecology = authenticate(session, token, now=NOW)
    assert ecology
    shapes = np.array([shape], dtype=object)
    lands = outside_claims.lands_of(shapes, ecology, load_counties(), file_name="gs.zip", file_sha256="0")
    outside_claims.declare(session, ecology, DECLARED, lands, now=NOW)
    return str(old.code), new.code
