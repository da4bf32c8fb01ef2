"""Land: the map and list of parcels, one parcel, uploads and their reports."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.credits.assessment import visible_runs
from carbon_platform.credits.rules import period_words
from carbon_platform.credits.tables import AssessmentRun, LandClaim, RunRow
from carbon_platform.parcels import register, service
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow
from carbon_platform.projects.tables import Project, ProjectParcel
from carbon_platform.regions.service import list_counties, region_names
from carbon_platform.web import Call, paged

blp = Blueprint("land", __name__)

KINDS = ("camellia", "rice", "tea", "forest")
GEOJSON = "application/geo+json"
PAGE_SIZE = 50
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
PROBLEMS = ("repaired", "warned", "refused", "same")


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
        can={"import": call.actor.may("parcel.import")},
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
        projects.setdefault(parcel_id, []).append(_project_link(call, code, region_code))
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


def _project_link(call: Call, code: str, region_code: str) -> dict[str, Any]:
    """A project's code, with its address where the reader may open it (a county does not see the city's)."""
    return {"code": code, "url": f"/projects/{code}" if call.actor.sees_region(region_code) else None}


def bounds_of(parcel: Parcel) -> list[float]:
    return [parcel.min_lon, parcel.min_lat, parcel.max_lon, parcel.max_lat]


def collection(found: list[Parcel]) -> Response:
    """Parcels as one GeoJSON answer, every vertex kept; no personal data."""
    features = ",".join(register.feature_texts(found))
    return Response(f'{{"type":"FeatureCollection","features":[{features}]}}', mimetype=GEOJSON)


@blp.get("/parcels/<code>.geojson")
@page("parcel.read")
def parcel_geojson(call: Call, code: str) -> ResponseReturnValue:
    return collection([register.get_parcel(call.session, call.actor, code)])


@blp.get("/parcels/<code>")
@page("parcel.read")
def parcel(call: Call, code: str) -> ResponseReturnValue:
    found = register.get_parcel(call.session, call.actor, code)
    places = region_names(call.session, {found.township_code, found.village_code})
    record = call.session.get_one(ParcelImport, found.import_id)
    may_import = call.actor.may("parcel.import")
    return render_template(
        "parcel.html",
        parcel={
            "code": found.code,
            "kind": found.kind,
            "county_name": county(found.county_code),
            "township_name": places.get(found.township_code, ""),
            "village_name": places.get(found.village_code, ""),
            "area_m2": found.area_m2,
            "stated_area_m2": found.stated_area_m2,
            "species": found.species_code,
            "planting_year": found.planting_year,
            "right_holder": found.right_holder,
            "status": found.status,
            "valid_from": found.valid_from,
            "source_crs": f"EPSG:{found.source_epsg}",
            "attributes": [
                (said(zh, en), found.attributes[name])
                for name, (zh, en) in _FIELDS.items()
                if found.attributes.get(name)
            ],
        },
        map_url=f"/parcels/{code}.geojson",
        claims=_claims(call, found),
        results=_results(call, found),
        import_url=f"/imports/{record.id}" if may_import else None,
        import_name=record.file_name,
        trail=[
            {"label": _("地块一张图"), "url": "/parcels"},
            {"label": county(found.county_code), "url": f"/parcels?county={found.county_code}"},
            {"label": found.code},
        ],
    )


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
            "project": _project_link(call, code, region_code),
            "state": "locked",
        }
        for claim, code, region_code in rows
    ]


def _results(call: Call, found: Parcel) -> list[dict[str, Any]]:
    runs = visible_runs(call.actor).with_only_columns(AssessmentRun.id).order_by(None)
    rows = call.session.execute(
        sa.select(AssessmentRun, RunRow.net_t)
        .join(RunRow, RunRow.run_id == AssessmentRun.id)
        .where(RunRow.parcel_id == found.id, AssessmentRun.id.in_(runs))
        .order_by(AssessmentRun.id.desc())
    )
    return [
        {
            "run_code": run.code,
            "run_url": f"/runs/{run.code}",
            "period": period_words(run.period_start, run.period_end),
            "net_t": net_t,
            "state": run.status,
            "explain_url": f"/explain/run-row/{run.code}:{found.code}",
        }
        for run, net_t in rows
    ]


# --- imports --------------------------------------------------------------------------------------


@blp.get("/imports")
@page("parcel.import")
def imports(call: Call) -> ResponseReturnValue:
    found = paged(call.session, service.imports_statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "import.html",
        imports=[
            {
                "id": record.id,
                "file_name": record.file_name,
                "kind": record.kind,
                "uploaded_by": record.uploaded_by,
                "uploaded_at": record.uploaded_at,
                "status": record.status,
                "counts": _tally(record, "rows"),
                "url": f"/imports/{record.id}",
            }
            for record in found.items
        ],
        page=pager(found),
        limit_mb=call.settings.upload_limit_bytes // 1024**2,
    )


def _tally(record: ParcelImport, what: str) -> dict[str, Any]:
    """Rows or area_m2 of a report: all, ready to be registered, to be confirmed, refused."""
    of = {outcome: entry[what] for outcome, entry in record.counts.items()}
    return {
        "total": sum(of.values()),
        "ready": of.get("accepted", 0) + of.get("repaired", 0),
        "look": of.get("warned", 0),
        "refused": of.get("refused", 0),
        "same": of.get("same", 0),
    }


@blp.get("/imports/<int:import_id>")
@page("parcel.import")
def import_report(call: Call, import_id: int) -> ResponseReturnValue:
    record = service.get_import(call.session, call.actor, import_id)
    show = "all" if request.args.get("show") == "all" else "problems"
    statement = service.rows_statement(record, outcomes=() if show == "all" else PROBLEMS)
    found = paged(call.session, statement, page=asked_page(), size=PAGE_SIZE)
    refused = list(call.session.scalars(service.rows_statement(record, outcomes=("refused",))))
    done = service.acceptance_of(call.session, record)
    return render_template(
        "import_report.html",
        report={
            "id": record.id,
            "file_name": record.file_name,
            "uploaded_by": record.uploaded_by,
            "uploaded_at": record.uploaded_at,
            "status": record.status,
            "kind": record.kind,
            "notes": [said(note["zh"], note["en"]) for note in record.notes],
            "accepted_by": record.accepted_by,
            "accepted_at": record.accepted_at,
            "registered_rows": done.registered_rows,
            "waiting_rows": done.waiting_rows,
            "counts": _tally(record, "rows"),
            "areas": _tally(record, "area_m2"),
            "steps": _steps(record, refused),
        },
        first_things=_first_things(refused),
        rows=[_report_row(row) for row in found.items],
        show=show,
        page=pager(found),
        can={"accept": True},
        trail=[{"label": _("导入地块"), "url": "/imports"}, {"label": record.file_name}],
    )


def _steps(record: ParcelImport, refused: list[ParcelImportRow]) -> list[dict[str, str]]:
    """What was checked, in order, each with what was found there."""
    reasons = Counter(finding["code"].partition("_")[0] for row in refused for finding in row.findings)
    overlaps = reasons["overlap"] + reasons["duplicate"]
    counts = _tally(record, "rows")
    return [
        {"label": _("读取"), "note": f"{record.encoding}，{_('%(n)s 行', n=counts['total'])}"},
        {"label": _("坐标"), "note": f"EPSG:{record.epsg}"},
        {"label": _("几何"), "note": _("修 %(n)s 处", n=record.counts.get("repaired", {}).get("rows", 0))},
        {"label": _("属性"), "note": _("%(n)s 行要看", n=counts["look"])},
        {"label": _("重叠"), "note": _("%(n)s 行", n=overlaps)},
    ]


def _first_things(refused: list[ParcelImportRow]) -> list[dict[str, Any]]:
    """The reasons that keep rows out, the most frequent first, each with its first row."""
    first: dict[str, tuple[ParcelImportRow, dict[str, Any]]] = {}
    times: Counter[str] = Counter()
    for row in refused:
        for finding in row.findings:
            if finding["outcome"] == "refused":
                first.setdefault(finding["code"], (row, finding))
                times[finding["code"]] += 1
    things = []
    for code, count in times.most_common(5):
        row, finding = first[code]
        more = _("（同样的共 %(n)s 行）", n=count) if count > 1 else ""
        things.append({"text": said(finding["zh"], finding["en"]) + more, "row": row.row_number})
    return things


def _report_row(row: ParcelImportRow) -> dict[str, Any]:
    return {
        "row_number": row.row_number,
        "identity": row.identity or _("没有编号"),
        "place": county(row.county_code) if row.county_code else "",
        "stated_area_m2": row.stated_area_m2,
        "area_m2": row.area_m2,
        "outcome": row.outcome,
        "findings": [
            {"text": said(f["zh"], f["en"]), "advice": said(f["advice_zh"], f["advice_en"])}
            for f in row.findings
        ],
    }
