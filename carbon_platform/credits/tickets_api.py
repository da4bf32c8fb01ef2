"""Carbon tickets over HTTP: issue, batches, holdings, retirement, and the public certificate."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import shapely
from flask import Response, jsonify
from flask_smorest import Blueprint

from carbon_platform.credits import issuance, retirement
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.paper import certificate_pdf, verify_url
from carbon_platform.credits.queries import batch_ids, batch_views, retirement_list
from carbon_platform.credits.retirement import PURPOSES
from carbon_platform.credits.tables import Retirement
from carbon_platform.regions.service import county_name
from carbon_platform.web import Call, PageArgs, Schema, in_transaction, integer, paged, reading

blp = Blueprint("tickets", __name__, url_prefix="/api/v1", description="碳票与证书 Tickets and certificates")


class BatchQuery(PageArgs):
    county = ma.fields.String(load_default="", metadata={"example": "411522"})
    project = ma.fields.String(load_default="", metadata={"example": "XY-P0001"})


class BatchOut(Schema):
    code = ma.fields.String()
    project_code = ma.fields.String()
    project_name = ma.fields.String()
    methodology_key = ma.fields.String()
    methodology_name = ma.fields.String()
    run_code = ma.fields.String()
    county_code = ma.fields.String()
    county_name = ma.fields.String()
    vintage = ma.fields.Integer()
    quantity_kg = ma.fields.Integer()
    retired_kg = ma.fields.Integer()
    serial = ma.fields.String()
    parcel_count = ma.fields.Integer()
    is_demo = ma.fields.Boolean()
    issued_at = ma.fields.AwareDateTime()


class BatchPage(Schema):
    items = ma.fields.List(ma.fields.Nested(BatchOut))
    page = ma.fields.Integer()
    size = ma.fields.Integer()
    total = ma.fields.Integer()


class RangeOut(Schema):
    first = ma.fields.Integer()
    last = ma.fields.Integer()
    serial = ma.fields.String()


class HoldingOut(Schema):
    batch = ma.fields.Nested(BatchOut)
    posted_kg = ma.fields.Integer()
    held_kg = ma.fields.Integer(metadata={"description": "listed or pledged; part of posted"})
    available_kg = ma.fields.Integer()
    ranges = ma.fields.List(ma.fields.Nested(RangeOut))


class RetirementIn(Schema):
    batch = ma.fields.String(required=True)
    quantity_kg = integer(metadata={"description": "kilograms CO2e", "example": 1000})
    purpose = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(sorted(PURPOSES)),
        metadata={"description": "、".join(f"{key} {zh}" for key, zh in PURPOSES.items())},
    )
    beneficiary_name = ma.fields.String(required=True, validate=ma.validate.Length(2, 100))
    beneficiary_credit_code = ma.fields.String(load_default="", validate=ma.validate.Length(max=18))
    consumption_from = ma.fields.Date(required=True)
    consumption_to = ma.fields.Date(required=True, metadata={"description": "last day, inclusive"})
    consumption_place = ma.fields.String(required=True, validate=ma.validate.Length(2, 100))


class CertificateOut(Schema):
    certificate_number = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    quantity_t = ma.fields.String()
    serials = ma.fields.List(ma.fields.String())
    batch = ma.fields.String()
    project_code = ma.fields.String()
    project_name = ma.fields.String()
    methodology_key = ma.fields.String()
    methodology_name = ma.fields.String()
    county_code = ma.fields.String()
    county_name = ma.fields.String()
    vintage = ma.fields.Integer()
    retired_by_organisation = ma.fields.String()
    beneficiary_name = ma.fields.String()
    beneficiary_credit_code = ma.fields.String()
    purpose = ma.fields.String()
    purpose_zh = ma.fields.String()
    consumption_from = ma.fields.String()
    consumption_to = ma.fields.String()
    consumption_place = ma.fields.String()
    retired_at = ma.fields.String()
    is_demo = ma.fields.Boolean()
    digest = ma.fields.String(metadata={"description": "SHA-256 of the canonical content"})
    genuine = ma.fields.Boolean(metadata={"description": "content on file still has this digest"})
    verify_url = ma.fields.String()
    parcel_count = ma.fields.Integer()


class CertificatePage(Schema):
    items = ma.fields.List(ma.fields.Nested(CertificateOut))
    page = ma.fields.Integer()
    size = ma.fields.Integer()
    total = ma.fields.Integer()


def present(call: Call, found: Retirement) -> dict[str, Any]:
    """A certificate as the API and the verification page show it."""
    spans = [(first, last) for first, last in found.ranges]
    return retirement.content(call.session, found) | {
        "digest": found.digest,
        "genuine": retirement.is_genuine(call.session, found),
        "verify_url": verify_url(call.settings.base_url, found.certificate_number),
        "parcel_count": len(retirement.traced_parcels(call.session, found.batch_id, spans)),
    }


@blp.post("/runs/<code>/issue")
@in_transaction("batch.issue", idempotent=True)
@blp.response(201, BatchOut(many=True))
def issue(call: Call, code: str) -> Any:
    """签发 Issue a reviewed run as numbered kilograms, one batch per vintage and county."""
    batches = issuance.issue(call.session, call.actor, code, is_demo=call.settings.is_demo, now=call.now)
    return batch_views(call.session, [batch.id for batch in batches])


@blp.get("/batches")
@reading(None)
@blp.arguments(BatchQuery, location="query")
@blp.response(200, BatchPage)
def list_batches(call: Call, args: dict[str, Any]) -> Any:
    """已签发批次 Every batch ever issued, newest first; public."""
    statement = batch_ids(county_code=args["county"], project_code=args["project"])
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    views = batch_views(call.session, page.items)
    return {"items": views, "page": page.page, "size": page.size, "total": page.total}


@blp.get("/batches/<code>")
@reading(None)
@blp.response(200, BatchOut)
def show_batch(call: Call, code: str) -> Any:
    """一个批次 One batch."""
    return batch_views(call.session, [issuance.get_batch(call.session, code).id])[0]


@blp.get("/holdings")
@reading("holding.read")
@blp.response(200, HoldingOut(many=True))
def list_holdings(call: Call) -> Any:
    """我的持仓 What your organisation holds, with its number ranges."""
    found = retirement.holdings(call.session, call.actor)
    views = {view["code"]: view for view in batch_views(call.session, [h.batch.id for h in found])}
    return [
        {
            "batch": views[holding.batch.code],
            "posted_kg": holding.posted_kg,
            "held_kg": holding.held_kg,
            "available_kg": holding.posted_kg - holding.held_kg,
            "ranges": [
                {"first": first, "last": last, "serial": serial(holding.batch.code, first, last)}
                for first, last in holding.ranges
            ],
        }
        for holding in found
    ]


@blp.post("/retirements")
@in_transaction("holding.retire", idempotent=True)
@blp.arguments(RetirementIn)
@blp.response(201, CertificateOut)
def retire(call: Call, payload: dict[str, Any]) -> Any:
    """注销 Retire kilograms of a batch for a purpose; final, with a public certificate."""
    return present(call, retirement.retire(call.session, call.actor, **payload, now=call.now))


@blp.get("/retirements")
@reading("holding.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, CertificatePage)
def list_retirements(call: Call, args: dict[str, Any]) -> Any:
    """我的证书 Certificates of your organisation, newest first."""
    page = paged(call.session, retirement_list(call.actor), page=args["page"], size=args["size"])
    items = [present(call, found) for found in page.items]
    return {"items": items, "page": page.page, "size": page.size, "total": page.total}


@blp.get("/retirements/<number>/certificate.pdf")
@reading(None)
def certificate(call: Call, number: str) -> Response:
    """证书 PDF The certificate as PDF/A; the same bytes every time."""
    found = retirement.get_retirement(call.session, number)
    pdf = certificate_pdf(call.session, found, base_url=call.settings.base_url)
    response = Response(pdf, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    return response


@blp.get("/public/certificates/<number>")
@reading(None)
@blp.response(200, CertificateOut)
def verify_certificate(call: Call, number: str) -> Any:
    """核验证书 What a certificate number stands for, and whether the content is still the printed one."""
    return present(call, retirement.get_retirement(call.session, number))


@blp.get("/public/certificates/<number>/parcels.geojson")
@reading(None)
def certificate_parcels(call: Call, number: str) -> Response:
    """来源地块 The very parcels of a certificate with the kilograms of each; never the owners' names."""
    found = retirement.get_retirement(call.session, number)
    spans = [(first, last) for first, last in found.ranges]
    features = [
        {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(shapely.from_wkb(traced.parcel.geometry)),
            "properties": {
                "code": traced.parcel.code,
                "kind": traced.parcel.kind,
                "status": "retired",
                "county": county_name(traced.parcel.county_code),
                "area_m2": round(traced.parcel.area_m2, 2),
                "quantity_kg": traced.quantity_kg,
            },
        }
        for traced in retirement.traced_parcels(call.session, found.batch_id, spans)
    ]
    response = jsonify({"type": "FeatureCollection", "features": features})
    response.mimetype = "application/geo+json"
    return response
