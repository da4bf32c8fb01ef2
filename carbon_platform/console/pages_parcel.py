"""One parcel: what it is, how it came to be so, its evidence, runs, and numbered kilograms."""

from __future__ import annotations

import json
from typing import Any

import shapely
import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.map_view import runs_of, tickets_of
from carbon_platform.console.pages_evidence import parcel_evidence
from carbon_platform.console.pages_land import GEOJSON, collection, project_link
from carbon_platform.console.pages_land_changes import parcel_flags
from carbon_platform.console.parcel_view import asked_day, relatives, timeline
from carbon_platform.console.site import county, page, said
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.rules import period_words
from carbon_platform.credits.tables import AssessmentRun, LandClaim, RunRow
from carbon_platform.parcels import history, register
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.projects.tables import Project, ProjectParcel
from carbon_platform.regions.service import region_names
from carbon_platform.web import Call

blp = Blueprint("parcel_pages", __name__)

# What an officer calls the fields of the file; what has its own line on the page is not repeated.
_FIELDS = {
    "sub_compartment": ("小班号", "sub-compartment"),
    "compartment": ("林班号", "compartment"),
    "species_zh": ("树种", "species"),
    "age_group": ("龄组代码", "age group"),
    "mean_age_years": ("平均年龄（年）", "mean age (years)"),
    "canopy_cover": ("郁闭度", "canopy cover"),
    "stems_per_ha": ("每公顷株数", "stems per ha"),
    "mean_height_m": ("平均高（米）", "mean height (m)"),
    "contract_code": ("承包合同代码", "contract"),
    "soil_class": ("耕地质量等级", "soil class"),
}


@blp.get("/parcels/<code>.geojson")
@page("parcel.read")
def parcel_geojson(call: Call, code: str) -> ResponseReturnValue:
    """The shape, as it is or as it was on the day ``?on=``; every vertex, no personal data."""
    found = register.get_parcel(call.session, call.actor, code)
    on = asked_day(request.args.get("on"))
    if on is None:
        return collection([found])
    event = history.state_at(call.session, found.id, on)
    if event is None:
        return Response('{"type":"FeatureCollection","features":[]}', mimetype=GEOJSON)
    geometry = shapely.to_geojson(shapely.from_wkb(event.geometry))
    kept = json.dumps({"code": found.code, "kind": event.parcel_kind, "status": event.status})
    feature = f'{{"type":"Feature","properties":{kept},"geometry":{geometry}}}'
    return Response(f'{{"type":"FeatureCollection","features":[{feature}]}}', mimetype=GEOJSON)


@blp.get("/parcels/<code>")
@page("parcel.read")
def parcel(call: Call, code: str) -> ResponseReturnValue:
    """The file of a parcel; with ``?on=`` its state on that day."""
    found = register.get_parcel(call.session, call.actor, code)
    on = asked_day(request.args.get("on"))
    then = history.state_at(call.session, found.id, on) if on else None
    shown = then or found
    record = call.session.get(ParcelImport, shown.import_id) if shown.import_id else None
    return render_template(
        "parcel.html",
        parcel=_facts(call, found, shown),
        on=on,
        stood=then is not None,
        map_url=f"/parcels/{code}.geojson" + (f"?on={on.isoformat()}" if on and then else ""),
        history=timeline(call.session, call.actor, found),
        relatives=relatives(call.session, call.actor, found),
        evidence=parcel_evidence(call.session, call.actor, found),
        flags=parcel_flags(call, found),
        claims=_claims(call, found),
        results=_results(call, found),
        results_elsewhere=_computed_elsewhere(call, found),
        tickets=_tickets(call, found),
        projects=_projects(call, found),
        import_url=f"/imports/{record.id}" if record and call.actor.may("parcel.import") else None,
        import_name=record.file_name if record else "",
        can={"export": call.actor.may("parcel.export"), "evidence": call.actor.may("evidence.write")},
        trail=[
            {"label": _("地块一张图"), "url": "/parcels"},
            {"label": county(found.county_code), "url": f"/parcels?county={found.county_code}"},
            {"label": found.code},
        ],
    )


def _facts(call: Call, found: Parcel, shown: Parcel | ParcelEvent) -> dict[str, Any]:
    """The state to show: the present one, or that of an event."""
    places = region_names(call.session, {shown.township_code, shown.village_code})
    return {
        "code": found.code,
        "kind": shown.parcel_kind if isinstance(shown, ParcelEvent) else shown.kind,
        "county_name": county(shown.county_code),
        "township_name": places.get(shown.township_code, ""),
        "village_name": places.get(shown.village_code, ""),
        "area_m2": shown.area_m2,
        "stated_area_m2": shown.stated_area_m2,
        "species": shown.species_code,
        "planting_year": shown.planting_year,
        "right_holder": shown.right_holder,
        "status": shown.status,
        "valid_from": found.valid_from,
        "valid_to": found.valid_to,
        "version": shown.version,
        "source_crs": f"EPSG:{shown.source_epsg}",
        "attributes": [
            (said(zh, en), shown.attributes[name])
            for name, (zh, en) in _FIELDS.items()
            if shown.attributes.get(name)
        ],
    }


def _projects(call: Call, found: Parcel) -> list[dict[str, Any]]:
    rows = call.session.execute(
        sa.select(Project.code, Project.region_code)
        .join(ProjectParcel, ProjectParcel.project_id == Project.id)
        .where(ProjectParcel.parcel_id == found.id)
        .order_by(Project.code)
    )
    return [project_link(call, code, region_code) for code, region_code in rows]


def _claims(call: Call, found: Parcel) -> list[dict[str, Any]]:
    rows = call.session.execute(
        sa.select(LandClaim, Project.code, Project.region_code)
        .join(Project, Project.id == LandClaim.project_id)
        .where(LandClaim.parcel_id == found.id)
        .order_by(LandClaim.period_start)
    )
    pools = {"biomass": _("生物量"), "soil_ch4": _("稻田甲烷")}
    return [
        {
            "period": period_words(claim.period_start, claim.period_end),
            "pool": pools.get(claim.pool, claim.pool),
            "project": project_link(call, code, region_code),
            "state": "locked",
        }
        for claim, code, region_code in rows
    ]


def _results(call: Call, found: Parcel) -> list[dict[str, Any]]:
    return [
        {
            "run_code": run.code,
            "run_url": f"/runs/{run.code}",
            "period": period_words(run.period_start, run.period_end),
            "net_t": net_t,
            "state": run.status,
            "explain_url": f"/explain/run-row/{run.code}:{found.code}",
        }
        for run, net_t in runs_of(call.session, call.actor, found.id)
    ]


def _computed_elsewhere(call: Call, found: Parcel) -> bool:
    """Whether a project of a wider region computed the parcel: its runs are not for this reader."""
    rows_of_it = sa.and_(RunRow.run_id == AssessmentRun.id, RunRow.parcel_id == found.id)
    return call.session.scalar(sa.select(AssessmentRun.id).join(RunRow, rows_of_it).limit(1)) is not None


def _tickets(call: Call, found: Parcel) -> list[dict[str, Any]]:
    return [
        {
            "batch": batch.code,
            "url": f"/batches/{batch.code}",
            "vintage": batch.vintage,
            "quantity_kg": last - first + 1,
            "serial": serial(batch.code, first, last),
            "kilogram_url": f"/verify?batch={batch.code}&kg={first}",
        }
        for batch, first, last in tickets_of(call.session, found.id)
    ]
