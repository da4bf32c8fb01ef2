"""Land: the list of parcels with its map."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.parcels import register
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project, ProjectParcel
from carbon_platform.regions.service import list_counties, region_names
from carbon_platform.web import Call, paged

blp = Blueprint("land", __name__)

KINDS = ("camellia", "rice", "tea", "forest")
GEOJSON = "application/geo+json"
PAGE_SIZE = 50


@blp.get("/parcels")
@page("parcel.read")
def parcels(call: Call) -> ResponseReturnValue:
    filters = {"kind": request.args.get("kind", ""), "county": request.args.get("county", "")}
    wanted = register.parcels_statement(
        call.actor, kind=filters["kind"] or None, county=filters["county"] or None
    )
    found = paged(call.session, wanted, page=asked_page(), size=PAGE_SIZE)
    plain = wanted.order_by(None).subquery()
    edge = sa.func.min(plain.c.min_lon), sa.func.min(plain.c.min_lat)
    far = sa.func.max(plain.c.max_lon), sa.func.max(plain.c.max_lat)
    area_m2, *bounds = call.session.execute(
        sa.select(sa.func.coalesce(sa.func.sum(plain.c.area_m2), 0.0), *edge, *far)
    ).one()
    kind = f"?kind={filters['kind']}" if filters["kind"] in KINDS else ""
    return render_template(
        "parcels.html",
        filters=filters,
        counties=[
            {"code": one.code, "name": county(one.code)}
            for one in list_counties(call.session)
            if call.actor.sees_region(one.code)
        ],
        parcels=_rows(call, found.items),
        totals={"count": found.total, "area_m2": float(area_m2)},
        page=pager(found),
        map_url=f"/api/v1/parcels.geojson{kind}",
        bounds=bounds if found.total else None,
        can={name: call.actor.may(f"parcel.{name}") for name in ("import", "export")},
    )


def _rows(call: Call, found: list[Parcel]) -> list[dict[str, Any]]:
    places = region_names(call.session, {parcel.township_code for parcel in found})
    memberships = call.session.execute(
        sa.select(ProjectParcel.parcel_id, Project.code, Project.region_code)
        .join(Project, Project.id == ProjectParcel.project_id)
        .where(ProjectParcel.parcel_id.in_([parcel.id for parcel in found]))
    )
    projects: dict[int, list[dict[str, str]]] = {}
    for parcel_id, code, region_code in memberships:
        projects.setdefault(parcel_id, []).append(project_link(call, code, region_code))
    return [
        {
            "code": parcel.code,
            "kind": parcel.kind,
            "county_name": county(parcel.county_code),
            "township_name": places.get(parcel.township_code, parcel.township_code),
            "area_m2": parcel.area_m2,
            "stated_area_m2": parcel.stated_area_m2,
            "planting_year": parcel.planting_year,
            "status": parcel.status,
            "projects": projects.get(parcel.id, []),
            "bounds": bounds_of(parcel),
            "url": f"/parcels/{parcel.code}",
        }
        for parcel in found
    ]


def project_link(call: Call, code: str, region_code: str) -> dict[str, Any]:
    """A project's code, with its address where the reader may open it (a county does not see the city's)."""
    return {"code": code, "url": f"/projects/{code}" if call.actor.sees_region(region_code) else None}


def bounds_of(parcel: Parcel) -> list[float]:
    return [parcel.min_lon, parcel.min_lat, parcel.max_lon, parcel.max_lat]


def collection(found: list[Parcel]) -> Response:
    """Parcels as one GeoJSON answer, every vertex kept; no personal data."""
    features = ",".join(register.feature_texts(found))
    return Response(f'{{"type":"FeatureCollection","features":[{features}]}}', mimetype=GEOJSON)
