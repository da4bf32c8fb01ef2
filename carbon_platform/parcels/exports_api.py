"""Exports over HTTP: ask, decide, fetch."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.parcels import exports
from carbon_platform.parcels.export_files import file_name
from carbon_platform.parcels.export_rules import FORMATS, ORIGINAL, SYSTEMS
from carbon_platform.parcels.export_tables import ParcelExport
from carbon_platform.parcels.rules import KINDS
from carbon_platform.web import Call, PageArgs, PagesOut, PlainText, Schema, in_transaction, paged, reading

blp = Blueprint("parcel_exports", __name__, url_prefix="/api/v1", description="地块导出 Exports of parcels")


class ExportIn(Schema):
    file_format = ma.fields.String(required=True, validate=ma.validate.OneOf(list(FORMATS)))
    epsg = ma.fields.Integer(
        strict=True,
        load_default=4490,
        validate=ma.validate.OneOf(list(SYSTEMS)),
        metadata={"description": f"coordinate system of the file; {ORIGINAL}: as the originals came in"},
    )
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf(list(KINDS)))
    county = ma.fields.String(load_default=None, validate=ma.validate.Regexp(r"^\d{6}$"))
    status = ma.fields.String(load_default=None, validate=ma.validate.OneOf(["registered", "ended"]))
    codes = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 100)),
        load_default=None,
        validate=ma.validate.Length(1, 5000),
        metadata={"description": "only these parcels"},
    )
    purpose = PlainText(
        required=True,
        validate=ma.validate.Length(4, 200),
        metadata={"description": "what the file is for; stands in the access log"},
    )

    @ma.post_load
    def _group(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        filters = {name: data.pop(name) for name in ("kind", "county", "status", "codes")}
        return {**data, "filters": filters}


class ExportDecisionIn(Schema):
    approve = ma.fields.Boolean(required=True, truthy={True}, falsy={False})
    note = PlainText(load_default="", validate=ma.validate.Length(0, 200))

    @ma.validates_schema
    def _says_why(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data.get("approve") is False and not data.get("note"):
            raise ma.ValidationError("不批准请写明原因。Say why it is refused.", "note")


class ExportReasonOut(Schema):
    code = ma.fields.String(metadata={"description": "area, recent (with earlier requests), rows"})
    value = ma.fields.Float()
    limit = ma.fields.Float()
    unit = ma.fields.String()


class ExportOut(Schema):
    id = ma.fields.Integer()
    number = ma.fields.Function(exports.number_of, metadata={"type": "string"})
    file_format = ma.fields.String()
    epsg = ma.fields.Integer()
    filters = ma.fields.Dict()
    purpose = ma.fields.String()
    rows = ma.fields.Integer()
    area_m2 = ma.fields.Float()
    content_sha256 = ma.fields.String()
    status = ma.fields.String(metadata={"description": "ready, waiting, refused"})
    reasons = ma.fields.List(ma.fields.Nested(ExportReasonOut))
    requested_by = ma.fields.String()
    requested_at = ma.fields.AwareDateTime()
    decided_by = ma.fields.String(allow_none=True)
    decided_at = ma.fields.AwareDateTime(allow_none=True)
    decision_note = ma.fields.String()
    ready_until = ma.fields.AwareDateTime(allow_none=True)


class ExportPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(ExportOut))


@blp.post("/parcel-exports")
@in_transaction("parcel.export")
@blp.arguments(ExportIn)
@blp.response(201, ExportOut)
def ask(call: Call, payload: dict[str, Any]) -> ParcelExport:
    """申请导出 Ask for parcels as a file; large areas wait for a second person."""
    return exports.request_export(call.session, call.actor, now=call.now, **payload)


@blp.get("/parcel-exports")
@reading("parcel.export")
@blp.arguments(PageArgs, location="query")
@blp.response(200, ExportPageOut)
def list_exports(call: Call, query: dict[str, Any]) -> Any:
    """导出记录 Exports within the caller's region, newest first."""
    return paged(call.session, exports.exports_statement(call.actor), **query)


@blp.get("/parcel-exports/<int:export_id>")
@reading("parcel.export")
@blp.response(200, ExportOut)
def get_export(call: Call, export_id: int) -> ParcelExport:
    """一次导出 One export."""
    return exports.get_export(call.session, call.actor, export_id)


@blp.post("/parcel-exports/<int:export_id>/decision")
@in_transaction("parcel.approve")
@blp.arguments(ExportDecisionIn)
@blp.response(200, ExportOut)
def decide(call: Call, payload: dict[str, Any], export_id: int) -> ParcelExport:
    """批准导出 Let a waiting export out, or refuse it with a reason; never one's own."""
    return exports.decide(call.session, call.actor, export_id, now=call.now, **payload)


@blp.get("/parcel-exports/<int:export_id>/file")
@reading("parcel.export")
def fetch(call: Call, export_id: int) -> Response:
    """下载导出 The file. Who fetched it, when, and its digest stand in the audit records before it leaves."""
    export = exports.get_export(call.session, call.actor, export_id)
    data = exports.export_file(call.session, call.actor, export, now=call.now)
    call.transact(lambda session: exports.record_fetch(session, call.actor, export, data, now=call.now))
    response = Response(data, mimetype=FORMATS[export.file_format][1])
    name = file_name(exports.number_of(export), export.file_format)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
