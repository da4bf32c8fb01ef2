"""The map console: parcels by colour and filter, one in the side sheet, drawing, and the list twin."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console import map_view
from carbon_platform.console.formats import mu
from carbon_platform.console.map_view import GROUPINGS, KINDS, STAGES, Filters
from carbon_platform.console.pages_land import GEOJSON, bounds_of, project_link
from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.credits.rules import period_words
from carbon_platform.errors import NotFound
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project, ProjectParcel
from carbon_platform.regions.service import list_counties, region_names
from carbon_platform.web import Call, paged

blp = Blueprint("map_pages", __name__)

PAGE_SIZE: Final = 25
TILES: Final = "/api/v1/tiles/parcels/{z}/{x}/{y}.mvt"


@blp.get("/map")
@page("parcel.read")
def map_console(call: Call) -> ResponseReturnValue:
    filters, by = Filters.of(request.args), map_view.grouping_of(request.args.get("by"))
    wanted = map_view.parcels(call.actor, filters)
    found = paged(call.session, wanted, page=asked_page(), size=PAGE_SIZE)
    area_m2, bounds = _totals(call, wanted)
    asked = {name: value for name, value in vars(filters).items() if value}
    return render_template(
        "map.html",
        filters=vars(filters),
        by=by,
        groupings=[_grouping(name, by, asked) for name in GROUPINGS],
        choices=_choices(call),
        legend=_legend(map_view.group_counts(call.session, call.actor, filters, by), by),
        parcels=_rows(call, found.items),
        totals={"count": found.total, "area_m2": area_m2},
        page=pager(found),
        settings={
            "tiles": _tiles_url(filters),
            "summary": f"/map/summary.geojson?{urlencode(asked)}" if filters.beyond_tiles else None,
            "by": by,
            "filters": asked,
            "bounds": bounds,
        },
        can={"draw": call.actor.may("parcel.import")},
        now=call.now,
    )


def _tiles_url(filters: Filters) -> str:
    asked = {"kind": filters.kind, "status": "ended" if filters.stage == "ended" else ""}
    kept = urlencode({name: value for name, value in asked.items() if value})
    return f"{TILES}?{kept}" if kept else TILES


def _totals(call: Call, wanted: sa.Select[Any]) -> tuple[float, list[float] | None]:
    """m² of what the filters leave, and its bounds (west, south, east, north)."""
    plain = wanted.order_by(None).subquery()
    near = sa.func.min(plain.c.min_lon), sa.func.min(plain.c.min_lat)
    far = sa.func.max(plain.c.max_lon), sa.func.max(plain.c.max_lat)
    area = sa.func.coalesce(sa.func.sum(plain.c.area_m2), 0.0)
    area_m2, *bounds = call.session.execute(sa.select(area, *near, *far)).one()
    return float(area_m2), None if bounds[0] is None else [float(value) for value in bounds]


def _grouping(name: str, by: str, asked: dict[str, str]) -> dict[str, Any]:
    words = {"kind": _("资源"), "stage": _("状态"), "project": _("项目"), "vintage": _("签发年份")}
    return {"key": name, "label": words[name], "url": f"?{urlencode(asked | {'by': name})}", "on": name == by}


def _choices(call: Call) -> dict[str, list[dict[str, str]]]:
    """What each filter offers, in the caller's region."""
    seen = [one.code for one in list_counties(call.session) if call.actor.sees_region(one.code)]
    projects = map_view.values_shown(call.session, call.actor, "project")
    vintages = map_view.values_shown(call.session, call.actor, "vintage")
    return {
        "kind": [{"key": key, "label": _name("kind", key)} for key in KINDS],
        "county": [{"key": code, "label": county(code)} for code in seen],
        "stage": [{"key": key, "label": _name("stage", key)} for key in STAGES],
        "project": [{"key": code, "label": code} for code in projects],
        "vintage": [{"key": str(year), "label": str(year)} for year in reversed(vintages)],
    }


def _name(by: str, key: str) -> str:
    """The word for a group in the reader's language."""
    if by == "kind":
        words = {"camellia": _("油茶"), "rice": _("再生稻"), "tea": _("茶园"), "forest": _("林地")}
    elif by == "stage":
        words = {
            "registered": _("已登记"),
            "project": _("已入项目"),
            "issued": _("已签发"),
            "ended": _("已终止"),
        }
    else:
        words = {"": _("未入项目") if by == "project" else _("未签发")}
    return str(words.get(key, key))


def _legend(counts: dict[str, int], by: str) -> list[dict[str, Any]]:
    """Groups in a fixed order (crops and stages as they are told, codes and years as they are written)."""
    fixed = {"kind": KINDS, "stage": STAGES}.get(by)
    keys = [key for key in fixed if key in counts] if fixed else sorted(counts, key=lambda k: (k == "", k))
    return [{"key": key, "label": _name(by, key), "count": counts[key]} for key in keys]


def _rows(call: Call, found: list[Parcel]) -> list[dict[str, Any]]:
    places = region_names(call.session, {parcel.township_code for parcel in found})
    labels = map_view.labels_of(call.session, call.actor, found)
    rows = []
    for parcel in found:
        project, stage = labels[parcel.id]
        rows.append(
            {
                "id": parcel.id,
                "code": parcel.code,
                "kind": parcel.kind,
                "county_name": county(parcel.county_code),
                "township_name": places.get(parcel.township_code, parcel.township_code),
                "area_m2": parcel.area_m2,
                "project": project,
                "stage": stage,
                "stage_word": _name("stage", stage),
                "bounds": bounds_of(parcel),
            }
        )
    return rows


@blp.get("/map/parcels/<int:parcel_id>")
@page("parcel.read")
def sheet(call: Call, parcel_id: int) -> ResponseReturnValue:
    """The side sheet of one parcel, as a piece of HTML."""
    mine = sa.select(Parcel).where(Parcel.id == parcel_id, in_scope(Parcel.county_code, call.actor))
    found = call.session.scalar(mine)
    if found is None:
        raise NotFound(what=_("地块"), key=parcel_id)
    places = region_names(call.session, {found.township_code, found.village_code})
    stage = map_view.labels_of(call.session, call.actor, [found])[found.id][1]
    memberships = call.session.execute(
        sa.select(Project.code, Project.region_code)
        .join(ProjectParcel, ProjectParcel.project_id == Project.id)
        .where(ProjectParcel.parcel_id == found.id)
        .order_by(Project.code)
    )
    return render_template(
        "map_sheet.html",
        parcel={
            "id": found.id,
            "code": found.code,
            "kind": found.kind,
            "place": " · ".join(
                name
                for name in (
                    county(found.county_code),
                    places.get(found.township_code),
                    places.get(found.village_code),
                )
                if name
            ),
            "area_m2": found.area_m2,
            "stated_area_m2": found.stated_area_m2,
            "planting_year": found.planting_year,
            "stage": stage,
            "stage_word": _name("stage", stage),
            "bounds": bounds_of(found),
        },
        projects=[project_link(call, code, region_code) for code, region_code in memberships],
        runs=_runs(call, found),
        tickets=_tickets(call, found),
        can={"edit": call.actor.may("parcel.import") and stage != "ended"},
    )


def _runs(call: Call, found: Parcel) -> list[dict[str, Any]]:
    if not call.actor.may("run.read"):
        return []
    return [
        {
            "code": run.code,
            "period": period_words(run.period_start, run.period_end),
            "net_t": net_t,
            "state": run.status,
        }
        for run, net_t in map_view.runs_of(call.session, call.actor, found.id)
    ]


def _tickets(call: Call, found: Parcel) -> list[dict[str, Any]]:
    if not call.actor.may("batch.read"):
        return []
    return [
        {"code": batch.code, "vintage": batch.vintage, "quantity_kg": last - first + 1}
        for batch, first, last in map_view.tickets_of(call.session, found.id)
    ]


@blp.get("/map/summary.geojson")
@page("parcel.read")
def summary(call: Call) -> ResponseReturnValue:
    """Numbers per county and township for a filter, for zooms at which no parcel is drawn."""
    rows = map_view.summary(call.session, call.actor, Filters.of(request.args))
    names = region_names(call.session, {row[0] for row in rows})
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [lon, lat]},
            "properties": {
                "level": "county" if len(code) == 6 else "township",
                "code": code,
                "name": county(code) if len(code) == 6 else names.get(code, code),
                "parcels": count,
                "mu": mu(area_m2),
            },
        }
        for code, count, area_m2, lon, lat in rows
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    return Response(text, mimetype=GEOJSON)
