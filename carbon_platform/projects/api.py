"""Projects over HTTP. The single project (with runs and timeline) is served by ``credits``."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask_smorest import Blueprint

from carbon_platform.errors import InvalidInput
from carbon_platform.projects import claims, monitoring, rules, service
from carbon_platform.projects.tables import Project
from carbon_platform.web import Call, PageArgs, PageOut, Schema, in_transaction, paged, present_page, reading
from carbon_platform.web.schemas import PlainText

blp = Blueprint("projects", __name__, url_prefix="/api/v1", description="项目与监测 Projects and monitoring")

CODES_MAX = 20_000
DAY_AFTER = {"description": "first day after the period (half-open)"}


class ProjectIn(Schema):
    name_zh = ma.fields.String(required=True, validate=ma.validate.Length(2, 100))
    methodology_key = ma.fields.String(required=True, metadata={"example": "camellia_oil_v1"})
    crediting_from = ma.fields.Date(required=True)
    crediting_to = ma.fields.Date(required=True, metadata=DAY_AFTER)
    scheme = ma.fields.String(
        validate=ma.validate.OneOf([rules.INCLUSION, rules.CCER]),
        metadata={"description": "the methodology's own; need not be given"},
    )
    region_code = ma.fields.String(metadata={"description": "4115 or one county; else the caller's scope"})


class ProjectOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    scheme = ma.fields.String()
    methodology_key = ma.fields.String()
    region_code = ma.fields.String()
    owner_organisation_id = ma.fields.Integer()
    crediting_from = ma.fields.Date()
    crediting_to = ma.fields.Date()
    status = ma.fields.String()
    parcel_count = ma.fields.Integer()
    area_m2 = ma.fields.Float()


class ProjectPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(ProjectOut))


class ProjectQuery(PageArgs):
    status = ma.fields.String(load_default="")
    methodology_key = ma.fields.String(load_default="")


class SelectionIn(Schema):
    kind = ma.fields.String(required=True)
    county_codes = ma.fields.List(ma.fields.String(), load_default=list)


class ParcelsIn(Schema):
    codes = ma.fields.List(ma.fields.String(), validate=ma.validate.Length(1, CODES_MAX))
    selection = ma.fields.Nested(SelectionIn)

    @ma.validates_schema
    def one_of(self, data: dict[str, Any], **_: Any) -> None:
        if ("codes" in data) == ("selection" in data):
            raise ma.ValidationError(
                "请给 codes 或 selection 之一。 Give either codes or selection.", "codes"
            )


class AttachedOut(Schema):
    attached = ma.fields.Integer()
    already = ma.fields.Integer()
    warnings = ma.fields.List(ma.fields.Dict(), metadata={"description": "slivers to be looked at"})


class LeavingIn(Schema):
    codes = ma.fields.List(ma.fields.String(), required=True, validate=ma.validate.Length(1, CODES_MAX))
    reason = PlainText(required=True, validate=ma.validate.Length(2, 400))


class DetachedOut(Schema):
    detached = ma.fields.Integer()


class MonitoringIn(Schema):
    period_start = ma.fields.Date(required=True)
    period_end = ma.fields.Date(required=True, metadata=DAY_AFTER)
    rows = ma.fields.List(
        ma.fields.Dict(keys=ma.fields.String()),
        required=True,
        validate=ma.validate.Length(1, CODES_MAX),
        metadata={"description": "parcel_code and the methodology's columns, area_ha excepted"},
    )


class PeriodQuery(Schema):
    period_start = ma.fields.Date(required=True)
    period_end = ma.fields.Date(required=True, metadata=DAY_AFTER)


class MonitoringOut(Schema):
    recorded = ma.fields.Integer()
    superseded = ma.fields.Integer()
    missing = ma.fields.Integer(metadata={"description": "parcels of the project still without readings"})
    warnings = ma.fields.List(ma.fields.Dict())


def present(project: Project, parcel_count: int, area_m2: float) -> dict[str, Any]:
    names = [name for name in ProjectOut().fields if name not in {"parcel_count", "area_m2"}]
    plain = {name: getattr(project, name) for name in names}
    return plain | {"parcel_count": parcel_count, "area_m2": area_m2}


@blp.post("/projects")
@in_transaction("project.write")
@blp.arguments(ProjectIn)
@blp.response(201, ProjectOut)
def create_project(call: Call, payload: dict[str, Any]) -> Any:
    """建档 Open a project of the caller's organisation."""
    return present(service.create_project(call.session, call.actor, payload, now=call.now), 0, 0.0)


@blp.get("/projects")
@reading("project.read")
@blp.arguments(ProjectQuery, location="query")
@blp.response(200, ProjectPage)
def list_projects(call: Call, args: dict[str, Any]) -> Any:
    """项目库 Projects within the caller's region, newest first."""
    statement = service.list_projects(
        call.actor, status=args["status"], methodology_key=args["methodology_key"]
    )
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    return present_page(page, [present(*row) for row in page.items])


@blp.post("/projects/<code>/parcels")
@in_transaction("project.write")
@blp.arguments(ParcelsIn)
@blp.response(200, AttachedOut)
def attach_parcels(call: Call, payload: dict[str, Any], code: str) -> Any:
    """加入地块 Attach parcels by code, or all registered ones of a kind in some counties; all or none."""
    selection = payload.get("selection", {})
    return service.attach_parcels(
        call.session,
        call.actor,
        code,
        now=call.now,
        codes=payload.get("codes", ()),
        kind=selection.get("kind", ""),
        county_codes=selection.get("county_codes", ()),
    )


@blp.post("/projects/<code>/parcels/removal")
@in_transaction("project.write")
@blp.arguments(LeavingIn)
@blp.response(200, DetachedOut)
def detach_parcels(call: Call, payload: dict[str, Any], code: str) -> Any:
    """移出地块 Take parcels out of a project: its claim on their land ends; all or none."""
    project = service.get_own_project(call.session, call.actor, code)
    return {"detached": claims.detach_parcels(call.session, call.actor, project, now=call.now, **payload)}


@blp.post("/projects/<code>/monitoring")
@in_transaction("project.write")
@blp.arguments(MonitoringIn)
@blp.response(201, MonitoringOut)
def record_monitoring(call: Call, payload: dict[str, Any], code: str) -> Any:
    """监测数据 Readings of one period, checked by the methodology's own rules; all rows or none."""
    return monitoring.record_monitoring(call.session, call.actor, code, now=call.now, **payload)


@blp.post("/projects/<code>/monitoring.csv")
@in_transaction("project.write")
@blp.arguments(PeriodQuery, location="query")
@blp.response(201, MonitoringOut)
def record_monitoring_csv(call: Call, period: dict[str, Any], code: str) -> Any:
    """监测数据 CSV The same from a CSV (UTF-8 or GBK; request body); the head line names the columns."""
    project = service.get_own_project(call.session, call.actor, code)
    rows = monitoring.rows_of_csv(service.methodology_of(project), _csv_text(request.get_data()))
    return monitoring.record_monitoring(call.session, call.actor, code, rows=rows, now=call.now, **period)


def _csv_text(content: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise InvalidInput(
        reason="CSV 既不是 UTF-8 也不是 GBK 文本，请另存后重传",
        reason_en="the CSV is no text in UTF-8 or GBK",
    )
