"""Changes of registered parcels: proposals, the second person, attribute sheets, history."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.parcels import attribute_changes, history, proposals, register, service
from carbon_platform.parcels.api import AcceptanceOut, AcceptIn, ImportOut, ParcelArgs
from carbon_platform.parcels.attribute_sheet import MAX_ROWS, write_sheet
from carbon_platform.parcels.error_sheets import error_workbook
from carbon_platform.parcels.import_records import diff_counts
from carbon_platform.parcels.preview import preview_geojson
from carbon_platform.parcels.proposals import ACTIONS, Proposal
from carbon_platform.parcels.rules import TooManyParcels
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.web import (
    Attachment,
    Call,
    FileIn,
    PlainText,
    Schema,
    in_transaction,
    outside_transaction,
    reading,
)

blp = Blueprint("parcel_changes", __name__, url_prefix="/api/v1", description="地块变更 Changes of parcels")

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_POINT = ma.fields.Tuple(
    (
        ma.fields.Float(validate=ma.validate.Range(-180, 180)),
        ma.fields.Float(validate=ma.validate.Range(-90, 90)),
    )
)
_CODE = ma.fields.String(validate=ma.validate.Length(1, 100))


class ChangeIn(Schema):
    action = ma.fields.String(required=True, validate=ma.validate.OneOf(ACTIONS))
    codes = ma.fields.List(_CODE, required=True, validate=ma.validate.Length(1, 200))
    reason = PlainText(required=True, validate=ma.validate.Length(4, 200))
    effective_on = ma.fields.Date(load_default=None, allow_none=True)
    line = ma.fields.List(
        _POINT,
        load_default=list,
        validate=ma.validate.Length(0, 1000),
        metadata={"description": "split: points (longitude, latitude; CGCS2000) along which to divide"},
    )
    numbers = ma.fields.List(
        ma.fields.String(validate=ma.validate.Regexp(r"^[0-9A-Za-z_-]{3,60}$")),
        load_default=list,
        validate=ma.validate.Length(0, 200),
        metadata={"description": "codes of what comes of it; made from the parcels' own without them"},
    )


class SheetIn(FileIn):
    file = Attachment("the workbook as it was exported, edited")
    reason = PlainText(load_default="", validate=ma.validate.Length(0, 200))
    effective_on = ma.fields.Date(load_default=None, allow_none=True)


class DeclineIn(Schema):
    note = PlainText(required=True, validate=ma.validate.Length(2, 200))


class DiffOut(Schema):
    new = ma.fields.Integer()
    changed = ma.fields.Integer()
    same = ma.fields.Integer()
    refused = ma.fields.Integer()


class EventOut(Schema):
    id = ma.fields.Integer()
    version = ma.fields.Integer()
    kind = ma.fields.String()
    effective_on = ma.fields.Date()
    recorded_at = ma.fields.AwareDateTime()
    recorded_by = ma.fields.String()
    approved_by = ma.fields.String(allow_none=True)
    reason = ma.fields.String()
    import_id = ma.fields.Integer(allow_none=True)
    parcel_kind = ma.fields.String()
    status = ma.fields.String()
    area_m2 = ma.fields.Float()
    stated_area_m2 = ma.fields.Float(allow_none=True)
    county_code = ma.fields.String()


class RelativeOut(Schema):
    code = ma.fields.String()
    kind = ma.fields.String()
    effective_on = ma.fields.Date()


class HistoryOut(Schema):
    code = ma.fields.String()
    events = ma.fields.List(ma.fields.Nested(EventOut))
    made_of = ma.fields.List(ma.fields.Nested(RelativeOut))
    became = ma.fields.List(ma.fields.Nested(RelativeOut))


class StateArgs(Schema):
    on = ma.fields.Date(required=True, metadata={"description": "a day, Chinese calendar"})


class StateOut(Schema):
    code = ma.fields.String()
    on = ma.fields.Date()
    stands = ma.fields.Boolean()
    state = ma.fields.Nested(EventOut, allow_none=True)
    geometry = ma.fields.Dict(allow_none=True, metadata={"description": "GeoJSON, CGCS2000 degrees"})


class PreviewArgs(Schema):
    limit = ma.fields.Integer(load_default=2000, validate=ma.validate.Range(1, 5000))


@blp.post("/parcel-changes")
@outside_transaction("parcel.import")
@blp.arguments(ChangeIn)
@blp.response(201, ImportOut)
def propose(call: Call, payload: dict[str, Any]) -> Any:
    """提出变更 Propose to end, restore, divide or join parcels; a second person approves it."""
    fields = {name: tuple(payload[name]) for name in ("codes", "line", "numbers")}
    proposal = Proposal(**{**payload, **fields})
    checked = call.read(lambda session: proposals.check_proposal(session, call.actor, proposal, now=call.now))
    return call.transact(lambda session: service.stage_import(session, call.actor, checked, now=call.now))


@blp.get("/parcel-attributes.xlsx")
@reading("parcel.import")
@blp.arguments(ParcelArgs, location="query")
def attribute_sheet(call: Call, query: dict[str, Any]) -> Response:
    """属性表 Attributes of registered parcels as a workbook that can be edited and sent back."""
    statement = register.parcels_statement(
        call.actor, kind=query["kind"], county=query["county"], status="registered"
    )
    found = list(call.session.scalars(statement.limit(MAX_ROWS + 1)))
    if len(found) > MAX_ROWS:
        raise TooManyParcels(limit=MAX_ROWS)
    return _workbook(write_sheet(found), "parcel-attributes.xlsx")


@blp.post("/parcel-imports/attributes")
@outside_transaction("parcel.import")
@too_large_in_words
@blp.arguments(SheetIn, location="files", unknown=ma.RAISE)
@blp.response(201, ImportOut)
def upload_attributes(call: Call, payload: dict[str, Any]) -> Any:
    """上传属性表 An edited attribute workbook as proposed changes; a second person approves them."""
    with scratch_folder(call.settings.var) as folder:
        path = folder / "attributes.xlsx"
        payload["file"].save(path)
        checked = attribute_changes.check_sheet(
            call.read,
            call.actor,
            path,
            file_name=plain_name(payload["file"].filename),
            reason=payload["reason"],
            effective_on=payload["effective_on"],
            now=call.now,
        )
    return call.transact(lambda session: service.stage_import(session, call.actor, checked, now=call.now))


@blp.post("/parcel-imports/<int:import_id>/approve")
@in_transaction("parcel.approve")
@blp.arguments(AcceptIn, required=False)
@blp.response(200, AcceptanceOut)
def approve(call: Call, payload: dict[str, Any], import_id: int) -> Any:
    """核准 The second person's yes to what changes registered parcels, and to large repairs."""
    return service.approve_import(
        call.session, call.actor, import_id, include_warned=payload["include_warned"], now=call.now
    )


@blp.post("/parcel-imports/<int:import_id>/decline")
@in_transaction("parcel.approve")
@blp.arguments(DeclineIn)
@blp.response(200, ImportOut)
def decline(call: Call, payload: dict[str, Any], import_id: int) -> Any:
    """退回 Say no to what is not registered yet."""
    return service.decline_import(call.session, call.actor, import_id, note=payload["note"], now=call.now)


@blp.get("/parcel-imports/<int:import_id>/diff")
@reading("parcel.read")
@blp.response(200, DiffOut)
def diff(call: Call, import_id: int) -> Any:
    """增改同拒 Rows by what they would do to the register; every row counts once."""
    return diff_counts(call.session, service.get_import(call.session, call.actor, import_id))


@blp.get("/parcel-imports/<int:import_id>/preview.geojson")
@reading("parcel.read")
@blp.arguments(PreviewArgs, location="query")
def preview(call: Call, query: dict[str, Any], import_id: int) -> Response:
    """预览图 What the rows look like, and the registered land they change or meet; no owners' names."""
    record = service.get_import(call.session, call.actor, import_id)
    text = preview_geojson(call.session, call.actor, record, limit=query["limit"])
    return Response(text, mimetype="application/geo+json")


@blp.get("/parcel-imports/<int:import_id>/errors.xlsx")
@reading("parcel.read")
def error_xlsx(call: Call, import_id: int) -> Response:
    """问题清单 What is to be put right, as a workbook; names 林班, 小班, 细班 or the parcel number."""
    record = service.get_import(call.session, call.actor, import_id)
    rows = call.session.scalars(service.rows_statement(record, outcomes=("warned", "refused")))
    return _workbook(error_workbook(rows), f"import-{record.id}-errors.xlsx")


@blp.get("/parcels/<string:code>/history")
@reading("parcel.read")
@blp.response(200, HistoryOut)
def parcel_history(call: Call, code: str) -> Any:
    """历史 Every event of a parcel, what it was made of and what became of it."""
    parcel = register.get_parcel(call.session, call.actor, code)
    return {
        "code": parcel.code,
        "events": history.events_of(call.session, parcel),
        "made_of": history.parents_of(call.session, parcel),
        "became": history.children_of(call.session, parcel),
    }


@blp.get("/parcels/<string:code>/state")
@reading("parcel.read")
@blp.arguments(StateArgs, location="query")
@blp.response(200, StateOut)
def parcel_state(call: Call, query: dict[str, Any], code: str) -> Any:
    """某日状态 What a parcel was on a day; ``stands`` is false before it and after its end."""
    parcel = register.get_parcel(call.session, call.actor, code)
    event = history.state_at(call.session, parcel.id, query["on"])
    return {
        "code": parcel.code,
        "on": query["on"],
        "stands": event is not None,
        "state": event,
        "geometry": register.geometry_of(event.geometry) if event else None,
    }


def _workbook(data: bytes, name: str) -> Response:
    response = Response(data, mimetype=_XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
