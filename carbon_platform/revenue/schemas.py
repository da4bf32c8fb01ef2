"""JSON of revenue: money in fen, quantities in kilograms, shares in basis points."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.revenue.rules import LEVELS, WHOLE_BP
from carbon_platform.web import PageArgs, PagesOut, Schema, integer


class ExceptionIn(Schema):
    reason = ma.fields.String(required=True, validate=ma.validate.Length(1, 500))
    approver = ma.fields.String(required=True, validate=ma.validate.Length(1, 100))


class DistributionSchemeIn(Schema):
    county_code = ma.fields.String(required=True, metadata={"example": "411522"})
    valid_from = ma.fields.Date(required=True)
    shares = ma.fields.Dict(
        keys=ma.fields.String(),
        values=integer(0, WHOLE_BP),
        required=True,
        metadata={"description": f"basis points per level, summing to 10,000: {', '.join(LEVELS)}"},
    )
    source = ma.fields.String(required=True, validate=ma.validate.Length(1, 300))
    exception = ma.fields.Nested(
        ExceptionIn,
        load_default=None,
        allow_none=True,
        metadata={"description": "only for a scheme that gives less than 70 % to the county and below"},
    )


class SchemeArgs(Schema):
    county = ma.fields.String(load_default="")


class DistributionSchemeOut(Schema):
    county_code = ma.fields.String()
    version = ma.fields.Integer()
    valid_from = ma.fields.Date()
    shares = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    below_bp = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String()
    exception_reason = ma.fields.String()
    exception_approver = ma.fields.String()


class ChargesOut(Schema):
    exchange_fee_bp = ma.fields.Integer()
    vat_bp = ma.fields.Integer()
    valid_from = ma.fields.Date()
    source = ma.fields.String()
    status = ma.fields.String()


class SchemesOut(Schema):
    floor_bp = ma.fields.Integer(metadata={"description": "least share to the county and below"})
    charges = ma.fields.Nested(ChargesOut)
    default = ma.fields.Nested(DistributionSchemeOut)
    items = ma.fields.List(ma.fields.Nested(DistributionSchemeOut))


class WaterfallOut(Schema):
    gross_fen = ma.fields.Integer()
    fee_fen = ma.fields.Integer()
    vat_fen = ma.fields.Integer()
    base_fen = ma.fields.Integer()


class SplitArgs(Schema):
    quantity_kg = ma.fields.Integer(required=True, validate=ma.validate.Range(1, 10**12))


class SplitOut(Schema):
    listing_id = ma.fields.Integer()
    quantity_kg = ma.fields.Integer()
    waterfall = ma.fields.Nested(WaterfallOut)
    levels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    payees = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    below_fen = ma.fields.Integer()
    below_bp = ma.fields.Integer(allow_none=True)
    scheme = ma.fields.Nested(DistributionSchemeOut)


class DistributionOut(Schema):
    code = ma.fields.String(metadata={"example": "XY-D000001"})
    trade = ma.fields.String()
    county_code = ma.fields.String()
    waterfall = ma.fields.Nested(WaterfallOut)
    levels = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    company_fen = ma.fields.Integer()
    below_fen = ma.fields.Integer()
    below_bp = ma.fields.Integer(allow_none=True)
    floor_bp = ma.fields.Integer()
    meets_floor = ma.fields.Boolean(metadata={"description": "the 70 % test of this receipt, in fen"})
    scheme = ma.fields.Dict()
    charges = ma.fields.Dict()
    entry_reference = ma.fields.String()
    distributed_by = ma.fields.String()
    distributed_at = ma.fields.AwareDateTime()


class DistributionLineOut(Schema):
    level = ma.fields.String()
    payee_holder = ma.fields.String()
    payee_name = ma.fields.String()
    village_code = ma.fields.String()
    kg = ma.fields.Integer()
    amount_fen = ma.fields.Integer()


class DistributionLinesOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(DistributionLineOut))


class DistributionWithLinesOut(DistributionOut):
    lines = ma.fields.Nested(DistributionLinesOut)


class DistributionsOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(DistributionOut))


class LineArgs(PageArgs):
    level = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", *LEVELS]))
    village = ma.fields.String(load_default="")


class FiguresOut(Schema):
    surveyed_parcels = ma.fields.Integer()
    surveyed_area_m2 = ma.fields.Float()
    project_parcels = ma.fields.Integer()
    project_area_m2 = ma.fields.Float()
    assessed_kg = ma.fields.Integer()
    verified_kg = ma.fields.Integer()
    issued_kg = ma.fields.Integer()
    retired_kg = ma.fields.Integer()
    sold_kg = ma.fields.Integer()
    received_fen = ma.fields.Integer()
    received_forestry_fen = ma.fields.Integer()
    distributed_gross_fen = ma.fields.Integer()
    distributed_base_fen = ma.fields.Integer()
    undistributed_fen = ma.fields.Integer()
    below_fen = ma.fields.Integer()
    below_bp = ma.fields.Integer(allow_none=True)
    meets_floor = ma.fields.Boolean(allow_none=True)


class CountyFiguresOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    figures = ma.fields.Nested(FiguresOut)


class GapTonnesOut(Schema):
    price_fen_per_t = ma.fields.Integer()
    tonnes = ma.fields.Integer()


class BatchFiguresOut(Schema):
    number = ma.fields.Integer()
    name_zh = ma.fields.String()
    starts_on = ma.fields.Date()
    ends_on = ma.fields.Date()
    elapsed_bp = ma.fields.Integer()
    target_fen = ma.fields.Integer()
    gap_fen = ma.fields.Integer()
    gap_tonnes = ma.fields.List(ma.fields.Nested(GapTonnesOut))
    expected_by_now_fen = ma.fields.Integer()
    forecast_fen = ma.fields.Integer(allow_none=True)
    source = ma.fields.String()
    figures = ma.fields.Nested(FiguresOut)
    counties = ma.fields.List(ma.fields.Nested(CountyFiguresOut))


class DashboardOut(Schema):
    as_of = ma.fields.AwareDateTime()
    batches = ma.fields.List(ma.fields.Nested(BatchFiguresOut))
    total = ma.fields.Nested(FiguresOut)
    bases_zh = ma.fields.String()
    bases_en = ma.fields.String()
