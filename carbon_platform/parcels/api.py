"""Parcels: upload and report, acceptance, the register, the map."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.parcels import register, service
from carbon_platform.parcels.error_sheets import error_csv as error_lines
from carbon_platform.parcels.rules import KINDS
from carbon_platform.parcels.staged_rows import CHANGES, OUTCOMES
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.web import (
    Attachment,
    Call,
    FileIn,
    PageArgs,
    PagesOut,
    PlainText,
    Schema,
    coordinates,
    in_transaction,
    outside_transaction,
    paged,
    reading,
)

blp = Blueprint("parcels", __name__, url_prefix="/api/v1", description="地块 Parcels")

_LEFT_OVER_SECONDS: Final = 3600
_BBOX: Final = "west,south,east,north in degrees, such as 114.5,31.8,114.7,32.0"


class UploadIn(FileIn):
    file = Attachment("zip with one shapefile, gpkg, geojson or kml")
    kind = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(list(KINDS)),
        metadata={"description": "what the file holds; needed where its codes leave it open"},
    )
    mode = ma.fields.String(
        load_default="add",
        validate=ma.validate.OneOf(["add", "update"]),
        metadata={"description": "update: rows may take the place of registered parcels they cover"},
    )
    reason = PlainText(load_default="", validate=ma.validate.Length(0, 200))
    effective_on = ma.fields.Date(
        load_default=None,
        allow_none=True,
        metadata={"description": "first day of what the file says; without it the day of acceptance"},
    )
    layer = ma.fields.String(
        load_default=None, metadata={"description": "the layer to take of a GeoPackage with several"}
    )


class FindingOut(Schema):
    code = ma.fields.String()
    outcome = ma.fields.String()
    field = ma.fields.String()
    value = ma.fields.Raw()
    limit = ma.fields.Raw()
    zh = ma.fields.String()
    en = ma.fields.String()
    advice_zh = ma.fields.String()
    advice_en = ma.fields.String()
    at = ma.fields.String(metadata={"description": "acceptance: found only then"})


class ImportOut(Schema):
    id = ma.fields.Integer()
    file_name = ma.fields.String()
    status = ma.fields.String(metadata={"description": "staged, accepted, declined"})
    mode = ma.fields.String(metadata={"description": "add, update or change"})
    reason = ma.fields.String()
    effective_on = ma.fields.Date(allow_none=True)
    region_code = ma.fields.String()
    kind = ma.fields.String()
    family = ma.fields.String()
    layer = ma.fields.String()
    encoding = ma.fields.String()
    epsg = ma.fields.Integer()
    crs_origin = ma.fields.String()
    notes = ma.fields.List(ma.fields.Dict())
    counts = ma.fields.Dict(metadata={"description": "rows and area_m2 per outcome"})
    uploaded_by = ma.fields.String()
    uploaded_at = ma.fields.AwareDateTime()
    accepted_by = ma.fields.String(allow_none=True)
    accepted_at = ma.fields.AwareDateTime(allow_none=True)


class RowOut(Schema):
    row_number = ma.fields.Integer()
    identity = ma.fields.String()
    code = ma.fields.String(allow_none=True)
    kind = ma.fields.String(allow_none=True)
    outcome = ma.fields.String()
    change = ma.fields.String(
        metadata={"description": "new, changed, same, split, merged, replaced, ended, restored"}
    )
    diff = ma.fields.Dict(metadata={"description": "of a change: targets, needs, fields before and after"})
    needs_approval = ma.fields.Boolean(metadata={"description": "a second person has to say yes"})
    county_code = ma.fields.String(allow_none=True)
    area_m2 = ma.fields.Float(allow_none=True)
    stated_area_m2 = ma.fields.Float(allow_none=True)
    findings = ma.fields.List(ma.fields.Nested(FindingOut))
    attributes = ma.fields.Dict()
    parcel_id = ma.fields.Integer(allow_none=True)


class AcceptIn(Schema):
    include_warned = ma.fields.Boolean(
        load_default=False,
        metadata={"description": "the caller confirms the rows to be looked at and registers them too"},
    )


class AcceptanceOut(Schema):
    record = ma.fields.Nested(ImportOut, data_key="import")
    registered_rows = ma.fields.Integer()
    registered_area_m2 = ma.fields.Float()
    waiting_rows = ma.fields.Integer(metadata={"description": "rows still to be confirmed"})
    awaiting_rows = ma.fields.Integer(metadata={"description": "of them, rows for a second person"})
    refused = ma.fields.List(
        ma.fields.Nested(RowOut), metadata={"description": "rows another upload overtook since the report"}
    )


class ParcelOut(Schema):
    code = ma.fields.String()
    kind = ma.fields.String()
    county_code = ma.fields.String()
    township_code = ma.fields.String()
    village_code = ma.fields.String()
    area_m2 = ma.fields.Float()
    stated_area_m2 = ma.fields.Float(allow_none=True)
    species_code = ma.fields.String()
    land_class_code = ma.fields.String()
    planting_year = ma.fields.Integer(allow_none=True)
    status = ma.fields.String()
    valid_from = ma.fields.Date()
    valid_to = ma.fields.Date(allow_none=True)
    import_id = ma.fields.Integer()


class ParcelDetailOut(ParcelOut):
    right_holder = ma.fields.String()
    attributes = ma.fields.Dict()
    bounds = ma.fields.List(ma.fields.Float())
    geometry = ma.fields.Dict(metadata={"description": "GeoJSON geometry in degrees"})
    coordinate_system = ma.fields.Dict(metadata={"description": "what bounds and geometry are given in"})


class ImportPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(ImportOut))


class RowPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(RowOut))


class ParcelPageOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(ParcelOut))


class RowArgs(PageArgs):
    outcome = ma.fields.String(load_default=None, validate=ma.validate.OneOf(OUTCOMES))
    change = ma.fields.String(load_default=None, validate=ma.validate.OneOf(CHANGES))


class ParcelArgs(PageArgs):
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf(list(KINDS)))
    county = ma.fields.String(load_default=None, validate=ma.validate.Regexp(r"^\d{6}$"))
    status = ma.fields.String(load_default=None, validate=ma.validate.OneOf(["registered", "ended"]))


class MapArgs(coordinates.ShownArgs):
    bbox = ma.fields.String(required=True, metadata={"description": _BBOX})
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf(list(KINDS)))
    limit = ma.fields.Integer(load_default=2000, validate=ma.validate.Range(1, 5000))

    @ma.post_load
    def _read_bbox(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        number = r"\s*(-?\d{1,3}(?:\.\d+)?)\s*"
        match = re.fullmatch(",".join([number] * 4), data["bbox"])
        bounds = tuple(float(text) for text in match.groups()) if match else ()
        if not bounds or not (-180 <= bounds[0] < bounds[2] <= 180 and -90 <= bounds[1] < bounds[3] <= 90):
            raise ma.ValidationError(f"应为 西,南,东,北（度）。Expected {_BBOX}.", "bbox")
        return {**data, "bbox": coordinates.asked_bounds(bounds, data["crs"])}


@blp.post("/parcel-imports")
@outside_transaction("parcel.import")
@too_large_in_words
@blp.arguments(UploadIn, location="files", unknown=ma.RAISE)
@blp.response(201, ImportOut)
def upload(call: Call, payload: dict[str, Any]) -> Any:
    """上传地块 Upload a file of parcels: read and checked row by row, nothing is registered yet."""
    with scratch_folder(call.settings.var) as folder:
        name = plain_name(payload["file"].filename)
        # The sender's name is only shown; on disk a fixed one, so that no name can do harm.
        path = folder / f"upload{Path(name).suffix.lower()}"
        payload["file"].save(path)
        checked = service.check_file(
            call.read,
            call.actor,
            path,
            file_name=name,
            kind=payload["kind"],
            layer=payload["layer"],
            scratch=folder,
            update=payload["mode"] == "update",
            on=call.now.astimezone(register.CHINA).date(),
        )
    checked = service.explained(
        checked, reason=payload["reason"], effective_on=payload["effective_on"], now=call.now
    )
    return call.transact(lambda session: service.stage_import(session, call.actor, checked, now=call.now))


@blp.get("/parcel-imports")
@reading("parcel.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, ImportPageOut)
def list_imports(call: Call, query: dict[str, Any]) -> Any:
    """导入记录 Imports within the caller's region, newest first."""
    return paged(call.session, service.imports_statement(call.actor), **query)


@blp.get("/parcel-imports/<int:import_id>")
@reading("parcel.read")
@blp.response(200, ImportOut)
def get_import(call: Call, import_id: int) -> Any:
    """导入报告 One import with rows and area per outcome."""
    return service.get_import(call.session, call.actor, import_id)


@blp.get("/parcel-imports/<int:import_id>/rows")
@reading("parcel.read")
@blp.arguments(RowArgs, location="query")
@blp.response(200, RowPageOut)
def list_rows(call: Call, query: dict[str, Any], import_id: int) -> Any:
    """逐行结果 Rows with what was found and what to do."""
    record = service.get_import(call.session, call.actor, import_id)
    outcome, change = query.pop("outcome"), query.pop("change")
    statement = service.rows_statement(
        record, outcomes=[outcome] if outcome else (), changes=[change] if change else ()
    )
    return paged(call.session, statement, **query)


@blp.get("/parcel-imports/<int:import_id>/errors.csv")
@reading("parcel.read")
def error_csv(call: Call, import_id: int) -> Response:
    """问题清单 What is to be put right, as CSV for a spreadsheet."""
    record = service.get_import(call.session, call.actor, import_id)
    rows = call.session.scalars(service.rows_statement(record, outcomes=("warned", "refused")))
    response = Response(error_lines(rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="import-{record.id}-errors.csv"'
    return response


@blp.post("/parcel-imports/<int:import_id>/accept")
@in_transaction("parcel.import")
@blp.arguments(AcceptIn, required=False)
@blp.response(200, AcceptanceOut)
def accept(call: Call, payload: dict[str, Any], import_id: int) -> Any:
    """确认入库 Register the good rows; doing it again changes nothing."""
    return service.accept_import(
        call.session, call.actor, import_id, include_warned=payload["include_warned"], now=call.now
    )


@blp.get("/parcels")
@reading("parcel.read")
@blp.arguments(ParcelArgs, location="query")
@blp.response(200, ParcelPageOut)
def list_parcels(call: Call, query: dict[str, Any]) -> Any:
    """地块 Registered parcels within the caller's region."""
    filters = {name: query.pop(name) for name in ("kind", "county", "status")}
    return paged(call.session, register.parcels_statement(call.actor, **filters), **query)


@blp.get("/parcels/<string:code>")
@reading("parcel.read")
@blp.arguments(coordinates.ShownArgs, location="query")
@blp.response(200, ParcelDetailOut)
def get_parcel(call: Call, query: dict[str, Any], code: str) -> Any:
    """一块地 One parcel with its shape."""
    parcel = register.get_parcel(call.session, call.actor, code)
    feature = json.loads(register.feature_texts([parcel])[0])
    plain = {name: getattr(parcel, name) for name in ParcelOut().fields}
    bounds, crs = (parcel.min_lon, parcel.min_lat, parcel.max_lon, parcel.max_lat), query["crs"]
    return {
        **plain,
        "right_holder": parcel.right_holder,
        "attributes": parcel.attributes,
        "bounds": coordinates.shown_bounds(bounds, crs),
        "geometry": coordinates.shown_geometry(feature["geometry"], crs),
        "coordinate_system": coordinates.label(crs),
    }


@blp.get("/parcels.geojson")
@reading("parcel.read")
@blp.arguments(MapArgs, location="query")
def parcels_geojson(call: Call, query: dict[str, Any]) -> Response:
    """地图 Parcels in a box for the map, simplified to its scale; no owners' names."""
    text = register.map_geojson(
        call.session, call.actor, query["bbox"], kind=query["kind"], limit=query["limit"]
    )
    return Response(coordinates.shown_text(text, query["crs"]), mimetype="application/geo+json")
