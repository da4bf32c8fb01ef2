"""Calculation sheets and previews of a change of parameters over HTTP."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.credits import fragments, impact, sheets
from carbon_platform.credits.explain import open_run
from carbon_platform.credits.sheets_pdf import sheet_pdf
from carbon_platform.credits.sheets_xlsx import sheet_xlsx
from carbon_platform.web import Call, Schema, outside_transaction, reading

blp = Blueprint(
    "sheets", __name__, url_prefix="/api/v1", description="计算书与影响预览 Calculation sheets and previews"
)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PreviewIn(Schema):
    methodology_key = ma.fields.String(required=True)
    fragment = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, fragments.LENGTH_MAX),
        metadata={
            "description": "TOML: [parameter] with value, from, source, status",
            "example": '[ef_diesel]\nvalue = 0.003\nfrom = 2027-01-01\nsource = "…"\nstatus = "secondary"\n',
        },
    )


class PreviewQuery(Schema):
    methodology_key = ma.fields.String(load_default="")


class PreviewBrief(Schema):
    id = ma.fields.Integer()
    methodology_key = ma.fields.String()
    fragment = ma.fields.String()
    in_force_from = ma.fields.Date()
    proposed_digest = ma.fields.String(metadata={"description": "what the authority signs once published"})
    results_digest = ma.fields.String(
        metadata={"description": "of the stored runs, the same before and after"}
    )
    created_by = ma.fields.String()
    created_at = ma.fields.AwareDateTime()


class PreviewOut(PreviewBrief):
    result = ma.fields.Dict(
        metadata={"description": "changes, runs and counties with old_t → new_t, t CO2e, unrounded"}
    )


@blp.post("/parameter-previews")
@outside_transaction("methodology.sign")
@blp.arguments(PreviewIn)
@blp.response(201, PreviewOut)
def create_preview(call: Call, payload: dict[str, Any]) -> Any:
    """影响预览 Every stored run with a proposed value, old → new; nothing but the preview is stored."""
    return impact.preview(call.read, call.transact, call.actor, now=call.now, **payload)


@blp.get("/parameter-previews")
@reading("methodology.approve")
@blp.arguments(PreviewQuery, location="query")
@blp.response(200, PreviewBrief(many=True))
def list_previews(call: Call, args: dict[str, Any]) -> Any:
    """影响预览列表 Previews on file, newest first."""
    return impact.previews(call.session, call.actor, args["methodology_key"])


@blp.get("/parameter-previews/<int:number>")
@reading("methodology.approve")
@blp.response(200, PreviewOut)
def get_preview(call: Call, number: int) -> Any:
    """一份影响预览 One preview with every run and county."""
    return impact.get_preview(call.session, call.actor, number)


@blp.get("/sheets/<ref>.xlsx")
@reading("explain.read")
def workbook(call: Call, ref: str) -> Response:
    """计算书 XLSX One parcel of a run, {run}:{parcel}, with live formulas; the same bytes every time."""
    code, _, parcel = ref.partition(":")
    made = sheets.run_sheet(call.session, open_run(call.session, call.actor, code), parcel)
    return _file(sheet_xlsx(made), XLSX, f"{code}-{parcel}.xlsx", "attachment")


@blp.get("/sheets/<ref>.pdf")
@reading("explain.read")
def paper(call: Call, ref: str) -> Response:
    """计算书 PDF One parcel of a run, {run}:{parcel}, as PDF/A; the same bytes every time."""
    code, _, parcel = ref.partition(":")
    run = open_run(call.session, call.actor, code)
    made = sheets.run_sheet(call.session, run, parcel)
    return _file(sheet_pdf(made, made_at=run.created_at), "application/pdf", f"{code}-{parcel}.pdf", "inline")


def _file(content: bytes, mimetype: str, name: str, disposition: str) -> Response:
    response = Response(content, mimetype=mimetype)
    # Codes of runs and parcels are ASCII letters, digits and hyphens; anything else stays out of the header.
    plain = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_."))
    response.headers["Content-Disposition"] = f'{disposition}; filename="{plain}"'
    return response
