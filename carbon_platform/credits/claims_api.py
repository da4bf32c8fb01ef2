"""Who claims which land: the standing report of double claims, and the answer for one piece of land."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import marshmallow as ma
import shapely
from flask_smorest import Blueprint

from carbon_platform.credits import double_claims
from carbon_platform.credits.double_claims import ClaimOnLand, DoubleClaim, LandAnswer
from carbon_platform.errors import InvalidInput
from carbon_platform.parcels import register
from carbon_platform.parcels.land_claims import Described
from carbon_platform.parcels.outside_claims_rules import POOLS, check_declared_period, pool_bits
from carbon_platform.web import Call, Page, PageArgs, PageOut, Schema, present_page, reading
from gis.geometry import check_geometries
from gis.measure import M2_PER_HA

blp = Blueprint(
    "land_claims", __name__, url_prefix="/api/v1", description="一地一报 One claim per piece of land"
)

MAP_MAX = 2_000
VERTICES_MAX = 20_000
DRAWN_MAX_HA = 10_000
DAY_AFTER = {"description": "first day after the period (half-open)"}
ELSEWHERE = {
    "project": "",
    "parcel": "",
    "number": "",
    "county_code": "",
    "zh": "管辖范围外的申报",
    "en": "a claim outside your scope",
}


class SideOut(Schema):
    """One of two claims."""

    source = ma.fields.String(metadata={"description": "reserved, issued or outside"})
    scheme = ma.fields.String()
    project = ma.fields.String()
    parcel = ma.fields.String()
    number = ma.fields.String(metadata={"description": "of a declaration of another scheme"})
    county_code = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


class DoubleClaimOut(Schema):
    severity = ma.fields.String(metadata={"description": " · ".join(double_claims.SEVERITIES)})
    kind = ma.fields.String(metadata={"description": "overlap, sliver; noise where strips add up"})
    pools = ma.fields.List(ma.fields.String())
    period_start = ma.fields.Date()
    period_end = ma.fields.Date(metadata=DAY_AFTER)
    area_m2 = ma.fields.Float(metadata={"description": "of the shared land, ellipsoidal"})
    share = ma.fields.Float(metadata={"description": "of the smaller of the two, 0 to 1"})
    bounds = ma.fields.List(ma.fields.Float())
    claims = ma.fields.List(ma.fields.Nested(SideOut))


class ReportOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(DoubleClaimOut))
    area_m2 = ma.fields.Float(metadata={"description": "land claimed twice, each square metre once"})
    counts = ma.fields.Dict(metadata={"description": "double claims per severity, all pages"})


class ReportQuery(PageArgs):
    severity = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", *double_claims.SEVERITIES]))


class LandQuery(Schema):
    period_start = ma.fields.Date(load_default=None)
    period_end = ma.fields.Date(load_default=None, metadata=DAY_AFTER)
    pool = ma.fields.String(load_default="all", validate=ma.validate.OneOf(list(POOLS)))


class DrawnIn(LandQuery):
    geometry = ma.fields.Dict(
        required=True, metadata={"description": "GeoJSON Polygon or MultiPolygon, CGCS2000 degrees"}
    )


class ClaimOut(SideOut):
    pools = ma.fields.List(ma.fields.String())
    period_start = ma.fields.Date()
    period_end = ma.fields.Date(metadata=DAY_AFTER)
    area_m2 = ma.fields.Float()
    share = ma.fields.Float(metadata={"description": "of the land asked about, 0 to 1"})
    kind = ma.fields.String()


class LandOut(Schema):
    verdict = ma.fields.String(metadata={"description": "free, sliver, claimed or double"})
    area_m2 = ma.fields.Float()
    claims = ma.fields.List(ma.fields.Nested(ClaimOut))


def side(claim: Described) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in SideOut().fields}


def present(item: DoubleClaim) -> dict[str, Any]:
    """One double claim as the API shows it."""
    return {
        "severity": item.severity,
        "kind": item.kind,
        "pools": list(item.pools),
        "period_start": item.first,
        "period_end": item.end,
        "area_m2": round(item.area_m2, 2),
        "share": round(item.share, 6),
        "bounds": list(item.box),
        "claims": [side(item.a), side(item.b)],
    }


@blp.get("/double-claims")
@reading("claim.read")
@blp.arguments(ReportQuery, location="query")
@blp.response(200, ReportOut)
def list_double_claims(call: Call, args: dict[str, Any]) -> Any:
    """重复申报 Claims that contradict each other, as things stand now; the gravest and largest first."""
    report = double_claims.report(call.session, call.actor)
    items = [item for item in report.items if args["severity"] in ("", item.severity)]
    start = (args["page"] - 1) * args["size"]
    page = Page(items[start : start + args["size"]], args["page"], args["size"], len(items))
    return present_page(page, map(present, page.items)) | {
        "area_m2": round(report.area_m2, 2),
        "counts": report.counts(),
    }


@blp.get("/double-claims.geojson")
@reading("claim.read")
def map_double_claims(call: Call) -> Any:
    """地图 The land claimed twice as GeoJSON (CGCS2000 degrees), the gravest first."""
    items = double_claims.report(call.session, call.actor).items[:MAP_MAX]
    text = json.dumps({"type": "FeatureCollection", "features": features(items)}, separators=(",", ":"))
    return text, 200, {"Content-Type": "application/geo+json"}


def features(items: list[DoubleClaim]) -> list[dict[str, Any]]:
    """Shared land with its severity; ``code`` numbers them in the order of the list."""
    shapes = shapely.set_precision([item.shared for item in items], 1e-7) if items else []
    return [
        {
            "type": "Feature",
            "id": number,
            "properties": {
                "code": str(number),
                "kind": "clash",
                "severity": item.severity,
                "status": "registered",
                "area_m2": round(item.area_m2, 2),
                "zh": f"{item.a.zh} / {item.b.zh}",
                "en": f"{item.a.en} / {item.b.en}",
            },
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for number, (item, shape) in enumerate(zip(items, shapes, strict=True), start=1)
    ]


@blp.get("/parcels/<code>/claims")
@reading("claim.read")
@blp.arguments(LandQuery, location="query")
@blp.response(200, LandOut)
def claims_on_parcel(call: Call, args: dict[str, Any], code: str) -> Any:
    """这块地谁在申报 Every claim on a parcel's land, whatever project, scheme or outline it stands under."""
    parcel = register.get_parcel(call.session, call.actor, code)
    return _answer(call, bytes(parcel.geometry), args)


@blp.post("/land-claims/check")
@reading("claim.read")
@blp.arguments(DrawnIn)
@blp.response(200, LandOut)
def check_land(call: Call, payload: dict[str, Any]) -> Any:
    """查一块地 The same for land that is drawn; nothing is stored.

    Whose claims lie outside the caller's region is not said, only that they are there.
    """
    found = _answer(call, _wkb(payload["geometry"]), payload)
    sees = call.actor.sees_region
    shown = [c if c["county_code"] and sees(c["county_code"]) else c | ELSEWHERE for c in found["claims"]]
    return found | {"claims": shown}


def _answer(call: Call, wkb: bytes, args: dict[str, Any]) -> dict[str, Any]:
    first = args["period_start"] or date.min
    end = args["period_end"] or date.max
    check_declared_period(first, end)
    answer = double_claims.claims_on(call.session, wkb, first=first, end=end, pools=pool_bits([args["pool"]]))
    return present_answer(answer)


def present_answer(answer: LandAnswer) -> dict[str, Any]:
    return {
        "verdict": answer.verdict,
        "area_m2": round(answer.area_m2, 2),
        "claims": [_claim(claim) for claim in answer.claims],
    }


def _claim(claim: ClaimOnLand) -> dict[str, Any]:
    return side(claim.claim) | {
        "pools": list(claim.pools),
        "period_start": claim.first,
        "period_end": claim.end,
        "area_m2": round(claim.area_m2, 2),
        "share": round(claim.share, 6),
        "kind": claim.kind,
    }


def _wkb(geometry: dict[str, Any]) -> bytes:
    """A valid shape out of GeoJSON; ``InvalidInput`` says what is wrong with it."""
    try:
        shape = shapely.from_geojson(json.dumps(geometry, allow_nan=False))
    except (shapely.errors.GEOSException, ValueError, RecursionError) as error:
        raise InvalidInput(
            reason="geometry 不是 GeoJSON 的 Polygon 或 MultiPolygon",
            reason_en="geometry is no GeoJSON Polygon or MultiPolygon",
        ) from error
    if shape is not None and shapely.get_num_coordinates(shape) > VERTICES_MAX:
        raise InvalidInput(
            reason=f"图形的顶点超过 {VERTICES_MAX} 个，请分块查询",
            reason_en=f"the shape has more than {VERTICES_MAX} vertices; ask about parts of it",
        )
    check = check_geometries([shape])
    if check.geoms[0] is None:
        words = check.rows.iloc[0]
        raise InvalidInput(reason=words["zh"], reason_en=words["en"])
    west, south, east, north = check.geoms[0].bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(
            reason="坐标应为经度、纬度（度）",
            reason_en="coordinates must be longitude and latitude in degrees",
        )
    if check.rows["area_m2"].iloc[0] > DRAWN_MAX_HA * M2_PER_HA:
        raise InvalidInput(
            reason=f"图形超过 {DRAWN_MAX_HA} 公顷，请分块查询",
            reason_en=f"the land is larger than {DRAWN_MAX_HA} ha; ask about parts of it",
        )
    return bytes(check.geoms[0].wkb)
