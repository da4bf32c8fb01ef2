"""Carbon tickets over HTTP: issue, batches, holdings, retirement, and the public certificate."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
import shapely
from flask import Response, jsonify
from flask_smorest import Blueprint

from carbon_platform.credits import certificates, issuance, retirement, tracing, voids
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.beneficiary import is_credit_code
from carbon_platform.credits.certificates import PURPOSES
from carbon_platform.credits.paper import certificate_pdf, verify_url
from carbon_platform.credits.queries import batch_ids, batch_views, retirement_list
from carbon_platform.credits.tables import Retirement
from carbon_platform.ledger import lot_position
from carbon_platform.regions.service import county_name
from carbon_platform.web import (
    Call,
    PageArgs,
    PageOut,
    PlainText,
    Schema,
    coordinates,
    in_transaction,
    integer,
    paged,
    present_page,
    reading,
)

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


class PositionOut(Schema):
    """Kilograms. issued = available + held + pledged + retired + cancelled + invalidated, always."""

    issued = ma.fields.Integer()
    available = ma.fields.Integer()
    held = ma.fields.Integer(metadata={"description": "listed or being settled"})
    pledged = ma.fields.Integer()
    retired = ma.fields.Integer()
    cancelled = ma.fields.Integer()
    invalidated = ma.fields.Integer()


class VoidOut(Schema):
    number = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    reason = ma.fields.String()
    document = ma.fields.String()
    decided_at = ma.fields.AwareDateTime()
    owed_kg = ma.fields.Integer(
        metadata={"description": "of retired kilograms, to be made good by the owner"}
    )
    made_good_kg = ma.fields.Integer()


class BatchDetailOut(BatchOut):
    position = ma.fields.Nested(PositionOut)
    invalidations = ma.fields.List(ma.fields.Nested(VoidOut))


class BatchPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(BatchOut))


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


class RetirementLineIn(Schema):
    batch = ma.fields.String(required=True)
    quantity_kg = integer(metadata={"description": "kilograms CO2e", "example": 1000})


class CreditCode(PlainText):
    """A unified social credit code in capitals, or nothing."""

    default_error_messages = {  # noqa: RUF012 — the way marshmallow declares it
        "credit_code": "统一社会信用代码为 18 位数字或大写字母，个人请留空，不要填身份证号。"
        " A credit code has 18 digits or capital letters; leave it empty for a person: no identity numbers.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        code = super()._deserialize(value, attr, data, **kwargs).upper()
        if code and not is_credit_code(code):
            raise self.make_error("credit_code")
        return code


class RetirementIn(Schema):
    lines = ma.fields.List(
        ma.fields.Nested(RetirementLineIn),
        required=True,
        validate=ma.validate.Length(1, retirement.LINES_MAX),
        metadata={"description": "one per batch; all of them are retired, or none"},
    )
    purpose = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(sorted(PURPOSES)),
        metadata={"description": "、".join(f"{key} {zh}" for key, zh in PURPOSES.items())},
    )
    beneficiary_name = PlainText(required=True, validate=ma.validate.Length(2, 100))
    beneficiary_credit_code = CreditCode(load_default="")
    consumption_from = ma.fields.Date(required=True)
    consumption_to = ma.fields.Date(required=True, metadata={"description": "last day, inclusive"})
    consumption_place = PlainText(required=True, validate=ma.validate.Length(2, 100))


class CertificateLineOut(Schema):
    """Names are those of the day of retirement."""

    batch = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    quantity_t = ma.fields.String()
    ranges = ma.fields.List(ma.fields.Nested(RangeOut))
    project_code = ma.fields.String()
    project_name = ma.fields.String()
    methodology_key = ma.fields.String()
    methodology_name = ma.fields.String()
    county_code = ma.fields.String()
    county_name = ma.fields.String()
    vintage = ma.fields.Integer()


class CertificateVoidOut(Schema):
    number = ma.fields.String()
    quantity_kg = ma.fields.Integer()


class CertificateOut(Schema):
    certificate_number = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    quantity_t = ma.fields.String()
    lines = ma.fields.List(ma.fields.Nested(CertificateLineOut))
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
    digest = ma.fields.String(metadata={"description": "SHA-256 of the frozen content"})
    genuine = ma.fields.Boolean(
        metadata={"description": "the content has the printed digest; register and ledger agree with it"}
    )
    void = ma.fields.List(
        ma.fields.Nested(CertificateVoidOut),
        metadata={"description": "kilograms of it found invalid later; their owner makes them good"},
    )
    verify_url = ma.fields.String()
    parcel_count = ma.fields.Integer()


class CertificatePage(PageOut):
    items = ma.fields.List(ma.fields.Nested(CertificateOut))


def present(call: Call, found: Retirement) -> dict[str, Any]:
    """A certificate as the API and the verification page show it."""
    said, spans = certificates.view(found), tracing.spans_of(call.session, found)
    own = {line.batch.code: spans.get(line.batch.id, []) for line in retirement.lines_of(call.session, found)}
    lines = [
        told
        | {
            "ranges": [
                {"first": first, "last": last, "serial": serial(told["batch"], first, last)}
                for first, last in own.get(told["batch"], ())
            ]
        }
        for told in said["lines"]
    ]
    return said | {
        "lines": lines,
        "digest": found.digest,
        "genuine": certificates.is_genuine(call.session, found),
        "void": voids.void_of(call.session, found),
        "verify_url": verify_url(call.settings.base_url, found.certificate_number),
        "parcel_count": len(tracing.parcels_of(call.session, found)),
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
    return present_page(page, batch_views(call.session, page.items))


@blp.get("/batches/<code>")
@reading(None)
@blp.response(200, BatchDetailOut)
def show_batch(call: Call, code: str) -> Any:
    """一个批次 One batch: where its kilograms are, what of it is void, and what is owed for that."""
    batch = issuance.get_batch(call.session, code)
    return batch_views(call.session, [batch.id])[0] | {
        "position": lot_position(call.session, batch.code),
        "invalidations": voids.confirmed_of(call.session, batch),
    }


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
    """注销 Retire kilograms of one or several batches for a purpose; final, with one public certificate."""
    lines = [(line["batch"], line["quantity_kg"]) for line in payload.pop("lines")]
    return present(call, retirement.retire(call.session, call.actor, lines=lines, **payload, now=call.now))


@blp.get("/retirements")
@reading("holding.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, CertificatePage)
def list_retirements(call: Call, args: dict[str, Any]) -> Any:
    """我的证书 Certificates of your organisation, newest first."""
    page = paged(call.session, retirement_list(call.actor), page=args["page"], size=args["size"])
    return present_page(page, [present(call, found) for found in page.items])


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
@blp.arguments(coordinates.ShownArgs, location="query")
def certificate_parcels(call: Call, query: dict[str, Any], number: str) -> Response:
    """来源地块 The very parcels of a certificate with the kilograms of each; never the owners' names."""
    found = retirement.get_retirement(call.session, number)
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
        for traced in tracing.parcels_of(call.session, found)
    ]
    found_parcels = {"type": "FeatureCollection", "features": features}
    response = jsonify(coordinates.shown_collection(found_parcels, query["crs"]))
    response.mimetype = "application/geo+json"
    return response
