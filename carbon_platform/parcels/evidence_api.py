"""Evidence over HTTP: hand in, list, look at, fetch, withdraw. Every fetch of a file is on record."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import quote

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.parcels import evidence
from carbon_platform.parcels.evidence_commands import store_of
from carbon_platform.parcels.evidence_reading import Claim
from carbon_platform.parcels.evidence_rules import KINDS
from carbon_platform.parcels.evidence_tables import Evidence, EvidenceObject
from carbon_platform.parcels.tables import Parcel
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.web import (
    Attachment,
    Call,
    FileIn,
    PageArgs,
    PageOut,
    PlainText,
    Schema,
    in_transaction,
    outside_transaction,
    paged,
    platform,
    present_page,
    reading,
)

blp = Blueprint("evidence", __name__, url_prefix="/api/v1", description="证据 Evidence of parcels")

_OLDEST = date(1950, 1, 1)


class EvidenceIn(FileIn):
    file = Attachment("JPEG, PNG, WebP, PDF; a log is CSV or XLSX")
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(KINDS))
    note = PlainText(load_default="", validate=ma.validate.Length(max=400))
    shows_from = ma.fields.Date(load_default=None, metadata={"description": "first day it shows"})
    shows_to = ma.fields.Date(load_default=None, metadata={"description": "last day it shows"})
    certificate_number = PlainText(load_default="", validate=ma.validate.Length(max=100))
    holder_name = PlainText(load_default="", validate=ma.validate.Length(max=100))
    holder_id = PlainText(load_default="", validate=ma.validate.Length(max=30))
    valid_to = ma.fields.Date(load_default=None, metadata={"description": "last day of the right"})

    @ma.validates_schema
    def _fits_together(self, data: dict[str, Any], **_kwargs: Any) -> None:
        first, last = data.get("shows_from"), data.get("shows_to")
        if (first is None) != (last is None):
            raise ma.ValidationError("起止日期要一起填。Give both days or none.", "shows_to")
        if first and last and not _OLDEST <= first <= last:
            raise ma.ValidationError("结束日期不能早于开始日期。The last day comes first.", "shows_to")
        named = ("certificate_number", "holder_name", "holder_id", "valid_to")
        if data.get("kind") != "tenure" and any(data.get(name) for name in named):
            raise ma.ValidationError(
                "只有权属证书才填证号、权利人、期限。Only a tenure certificate has these fields.", "kind"
            )


class EvidenceFindingOut(Schema):
    code = ma.fields.String()
    outcome = ma.fields.String(metadata={"description": "ok, or warned: a person should look"})
    zh = ma.fields.String()
    en = ma.fields.String()


class EvidenceOut(Schema):
    id = ma.fields.Integer()
    parcel_code = ma.fields.String()
    kind = ma.fields.String()
    state = ma.fields.String(metadata={"description": "ok, warned or withdrawn"})
    file_name = ma.fields.String()
    media_type = ma.fields.String()
    size_bytes = ma.fields.Integer()
    sha256 = ma.fields.String()
    file_state = ma.fields.String(metadata={"description": "ok, missing or altered, as last checked"})
    note = ma.fields.String()
    shows_from = ma.fields.Date(allow_none=True)
    shows_to = ma.fields.Date(allow_none=True)
    taken_at = ma.fields.AwareDateTime(allow_none=True)
    lon = ma.fields.Float(allow_none=True, metadata={"description": "degrees as the camera wrote them"})
    lat = ma.fields.Float(allow_none=True)
    distance_m = ma.fields.Float(allow_none=True, metadata={"description": "from the parcel; 0 inside"})
    data = ma.fields.Dict(metadata={"description": "camera, water levels, or a certificate, masked"})
    findings = ma.fields.List(ma.fields.Nested(EvidenceFindingOut))
    recorded_by = ma.fields.String()
    recorded_at = ma.fields.AwareDateTime()
    withdrawn_by = ma.fields.String()
    withdrawn_at = ma.fields.AwareDateTime(allow_none=True)
    withdrawn_reason = ma.fields.String()
    file_url = ma.fields.String()
    thumbnail_url = ma.fields.String(allow_none=True)


class EvidencePageOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(EvidenceOut))


class EvidenceArgs(PageArgs):
    kind = ma.fields.String(load_default=None, validate=ma.validate.OneOf(KINDS))
    outcome = ma.fields.String(load_default=None, validate=ma.validate.OneOf(["ok", "warned"]))
    withdrawn = ma.fields.Boolean(load_default=False, metadata={"description": "show withdrawn ones too"})


class WithdrawalIn(Schema):
    reason = PlainText(required=True, validate=ma.validate.Length(2, 200))


class TenureCertificateOut(Schema):
    certificate_number = ma.fields.String()
    holder_name = ma.fields.String()
    holder_id = ma.fields.String()


def present(found: Evidence, parcel: Parcel, stored: EvidenceObject) -> dict[str, Any]:
    """One piece as the API shows it: masked."""
    names = ("id", "kind", "file_name", "sha256", "note", "shows_from", "shows_to", "taken_at", "lon", "lat",
             "distance_m", "data", "findings", "recorded_by", "recorded_at", "withdrawn_by", "withdrawn_at",
             "withdrawn_reason")  # fmt: skip
    has_picture = found.kind != "water_log" and stored.media_type.startswith("image/")
    return {name: getattr(found, name) for name in names} | {
        "parcel_code": parcel.code,
        "state": "withdrawn" if found.withdrawn_at else found.outcome,
        "media_type": stored.media_type,
        "size_bytes": stored.size_bytes,
        "file_state": stored.state,
        "file_url": f"/api/v1/evidence/{found.id}/file",
        "thumbnail_url": f"/api/v1/evidence/{found.id}/thumbnail" if has_picture else None,
    }


@blp.post("/parcels/<string:code>/evidence")
@outside_transaction("evidence.write")
@too_large_in_words
@blp.arguments(EvidenceIn, location="files", unknown=ma.RAISE)
@blp.response(201, EvidenceOut)
def add(call: Call, payload: dict[str, Any], code: str) -> Any:
    """交证据 Hand in a photo, a document, a water-level log or a tenure certificate of a parcel."""
    land = call.read(lambda session: evidence.land_of(session, call.actor, code))
    shows = (payload["shows_from"], payload["shows_to"]) if payload["shows_from"] else None
    names = ("certificate_number", "holder_name", "holder_id")
    claim = Claim(
        payload["kind"],
        shows=shows,
        note=payload["note"],
        certificate={name: payload[name] for name in names},
        valid_to=payload["valid_to"],
    )
    with scratch_folder(call.settings.var) as folder:
        path = folder / "evidence"
        payload["file"].save(path)
        name = plain_name(payload["file"].filename)
        kept = evidence.keep(
            store_of(platform()), land, claim, path, file_name=name, scratch=folder, now=call.now
        )

    def enter(session: Any) -> dict[str, Any]:
        made = evidence.enter(session, call.actor, kept, secret=call.settings.secret, now=call.now)
        return present(*evidence.get_evidence(session, call.actor, made.id))

    return call.transact(enter)


@blp.get("/evidence")
@reading("parcel.read")
@blp.arguments(EvidenceArgs, location="query")
@blp.response(200, EvidencePageOut)
def list_evidence(call: Call, query: dict[str, Any]) -> Any:
    """证据清单 Evidence of the caller's region, newest first."""
    return _page(call, query, parcel=None)


@blp.get("/parcels/<string:code>/evidence")
@reading("parcel.read")
@blp.arguments(EvidenceArgs, location="query")
@blp.response(200, EvidencePageOut)
def list_of_parcel(call: Call, query: dict[str, Any], code: str) -> Any:
    """一块地的证据 Evidence of one parcel, newest first."""
    land = evidence.land_of(call.session, call.actor, code)
    return _page(call, query, parcel=land.code)


def _page(call: Call, query: dict[str, Any], *, parcel: str | None) -> dict[str, Any]:
    filters = {name: query.pop(name) for name in ("kind", "outcome", "withdrawn")}
    found = paged(call.session, evidence.evidence_statement(call.actor, parcel=parcel, **filters), **query)
    return present_page(found, [present(*row) for row in found.items])


@blp.get("/evidence/<int:number>")
@reading("parcel.read")
@blp.response(200, EvidenceOut)
def get_evidence(call: Call, number: int) -> Any:
    """一件证据 One piece with what was found; a certificate is masked."""
    return present(*evidence.get_evidence(call.session, call.actor, number))


@blp.get("/evidence/<int:number>/file")
@reading("parcel.read")
def get_file(call: Call, number: int) -> Response:
    """原件 The file itself, proven whole; a certificate needs a permission of its own. On record."""
    found, _parcel, stored = evidence.get_evidence(call.session, call.actor, number)
    content = evidence.file_of(store_of(platform()), call.actor, found)
    call.transact(lambda session: evidence.note_reading(session, call.actor, found, "fetch", now=call.now))
    response = Response(content, mimetype=stored.media_type)
    name = evidence.download_name(found, stored.media_type)
    response.headers["Content-Disposition"] = f"attachment; filename={name}; filename*=UTF-8''{quote(name)}"
    # Whatever a PDF or a picture holds, it runs nothing of ours.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@blp.get("/evidence/<int:number>/thumbnail")
@reading("parcel.read")
def get_thumbnail(call: Call, number: int) -> Response:
    """缩略图 A small picture without place and time; of a certificate one in which nothing can be read."""
    found, _parcel, _stored = evidence.get_evidence(call.session, call.actor, number)
    with scratch_folder(call.settings.var) as folder:
        content = evidence.thumbnail_of(store_of(platform()), found, scratch=folder)
    response = Response(content, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "private, max-age=86400, immutable"
    return response


@blp.get("/evidence/<int:number>/certificate")
@reading("evidence.unmask")
@blp.response(200, TenureCertificateOut)
def get_certificate(call: Call, number: int) -> Any:
    """证书全文 Number, holder and identity number of a certificate in full. On record."""
    found, _parcel, _stored = evidence.get_evidence(call.session, call.actor, number)
    values = evidence.certificate_of(call.actor, found, secret=call.settings.secret)
    call.transact(lambda session: evidence.note_reading(session, call.actor, found, "unmask", now=call.now))
    return values


@blp.post("/evidence/<int:number>/withdrawal")
@in_transaction("evidence.write")
@blp.arguments(WithdrawalIn)
@blp.response(200, EvidenceOut)
def withdraw(call: Call, payload: dict[str, Any], number: int) -> Any:
    """撤回 Take a piece back; it stays on file with the reason."""
    evidence.withdraw(call.session, call.actor, number, reason=payload["reason"], now=call.now)
    return present(*evidence.get_evidence(call.session, call.actor, number))
