"""Declarations of claims under other schemes over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import marshmallow as ma
from flask import request
from flask_smorest import Blueprint

from carbon_platform.parcels import outside_claims
from carbon_platform.parcels.outside_claims_rules import POOLS, SCHEMES
from carbon_platform.parcels.outside_claims_tables import OutsideClaim
from carbon_platform.parcels.register import CHINA
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.regions.boundaries import coverage
from carbon_platform.web import (
    Attachment,
    Call,
    FileIn,
    PageArgs,
    PageOut,
    Schema,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)
from carbon_platform.web.schemas import PlainText

blp = Blueprint(
    "outside_claims",
    __name__,
    url_prefix="/api/v1",
    description="机制外申报 Claims on land under other schemes",
)

DAY_AFTER = {"description": "first day after the period (half-open)"}


def _text(low: int, high: int, **metadata: str) -> PlainText:
    return PlainText(required=True, validate=ma.validate.Length(low, high), metadata=metadata)


class DeclarationIn(FileIn):
    file = Attachment("the claimed land: zip with a shapefile, gpkg …")
    scheme = ma.fields.String(required=True, validate=ma.validate.OneOf(list(SCHEMES)))
    reference = _text(1, 100, description="how the scheme knows it: project number, docket number")
    title = _text(2, 200)
    claimant = _text(2, 200, description="who claims, as the scheme's papers say")
    document = _text(2, 400, description="where that is written: register page, judgment, letter")
    pools = ma.fields.List(
        ma.fields.String(validate=ma.validate.OneOf(list(POOLS))),
        required=True,
        validate=ma.validate.Length(1, len(POOLS)),
        metadata={"description": "in a form: names between commas"},
    )
    period_start = ma.fields.Date(required=True)
    period_end = ma.fields.Date(required=True, metadata=DAY_AFTER)

    def form_fields(self) -> dict[str, Any]:
        fields = super().form_fields()
        given = request.form.getlist("pools")
        if given:
            fields["pools"] = [name.strip() for text in given for name in text.split(",") if name.strip()]
        return fields


class ClaimReleaseIn(Schema):
    reason = _text(2, 400)


class DeclarationOut(Schema):
    number = ma.fields.String()
    scheme = ma.fields.String()
    reference = ma.fields.String()
    title = ma.fields.String()
    claimant = ma.fields.String()
    document = ma.fields.String()
    pools = ma.fields.List(ma.fields.String())
    period_start = ma.fields.Date()
    period_end = ma.fields.Date()
    status = ma.fields.String()
    file_name = ma.fields.String()
    file_sha256 = ma.fields.String()
    lands = ma.fields.Integer()
    area_m2 = ma.fields.Float()
    left_out = ma.fields.Integer(metadata={"description": "shapes of the file outside the declarer's scope"})
    repaired = ma.fields.Integer()
    declared_by = ma.fields.String()
    declared_at = ma.fields.AwareDateTime()
    released_by = ma.fields.String()
    released_at = ma.fields.AwareDateTime(allow_none=True)
    release_reason = ma.fields.String()


class DeclarationPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(DeclarationOut))


class DeclarationQuery(PageArgs):
    status = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", "standing", "released"]))


def present(session: Any, claims: list[OutsideClaim]) -> list[dict[str, Any]]:
    """Declarations with how many pieces of land they name and how large these are."""
    sizes = outside_claims.sizes(session, claims)
    shown = []
    for claim in claims:
        lands, area_m2 = sizes.get(claim.id, (0, 0.0))
        plain = {name: getattr(claim, name) for name in DeclarationOut().fields if hasattr(claim, name)}
        shown.append(plain | {"lands": lands, "area_m2": round(area_m2, 2)})
    return shown


@blp.post("/outside-claims")
@outside_transaction("claim.write")
@too_large_in_words
@blp.arguments(DeclarationIn, location="files", unknown=ma.RAISE)
@blp.response(201, DeclarationOut)
def declare(call: Call, payload: dict[str, Any]) -> Any:
    """申报 Put a claim of another scheme on file; from now on its land is taken for these days and pools."""
    file = payload.pop("file")
    today = call.now.astimezone(CHINA).date()
    counties = call.read(lambda session: coverage(session, on=today))
    with scratch_folder(call.settings.var) as folder:
        name = plain_name(file.filename)
        path = folder / f"upload{Path(name).suffix.lower()}"
        file.save(path)
        drawn = outside_claims.read_lands(path, call.actor, counties, file_name=name, scratch=folder)
    return call.transact(
        lambda session: present(
            session, [outside_claims.declare(session, call.actor, payload, drawn, now=call.now)]
        )[0]
    )


@blp.get("/outside-claims")
@reading("claim.read")
@blp.arguments(DeclarationQuery, location="query")
@blp.response(200, DeclarationPage)
def list_declarations(call: Call, args: dict[str, Any]) -> Any:
    """机制外申报 Declarations from the caller's region or on its land, newest first."""
    statement = outside_claims.visible_claims(call.actor)
    if args["status"]:
        statement = statement.where(OutsideClaim.status == args["status"])
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    return present_page(page, present(call.session, page.items))


@blp.get("/outside-claims/<number>")
@reading("claim.read")
@blp.response(200, DeclarationOut)
def get_declaration(call: Call, number: str) -> Any:
    """一项申报 One declaration."""
    return present(call.session, [outside_claims.get_claim(call.session, call.actor, number)])[0]


@blp.get("/outside-claims/<number>/lands.geojson")
@reading("claim.read")
def declared_lands(call: Call, number: str) -> Any:
    """申报的地 The declared land inside the caller's region as GeoJSON (CGCS2000 degrees)."""
    claim = outside_claims.get_claim(call.session, call.actor, number)
    features = outside_claims.land_features(call.session, call.actor, claim)
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"))
    return text, 200, {"Content-Type": "application/geo+json"}


@blp.post("/outside-claims/<number>/release")
@in_transaction("claim.write")
@blp.arguments(ClaimReleaseIn)
@blp.response(200, DeclarationOut)
def release(call: Call, payload: dict[str, Any], number: str) -> Any:
    """解除 Another person lets the land go, with a reason."""
    claim = outside_claims.release(call.session, call.actor, number, now=call.now, **payload)
    return present(call.session, [claim])[0]
