"""JSON of the market: amounts are whole kilograms and fen; text beside them is for people."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.market.rules import PRICE_MAX_FEN_PER_T, QUANTITY_MAX_KG
from carbon_platform.web import PageArgs, PagesOut, Schema, integer


class ListingIn(Schema):
    batch = ma.fields.String(required=True, metadata={"description": "code of the credit batch"})
    quantity_kg = integer(
        1, QUANTITY_MAX_KG, metadata={"description": "kg, whole tonnes: multiples of 1,000"}
    )
    price_fen_per_t = integer(
        1, PRICE_MAX_FEN_PER_T, metadata={"description": "fen per tonne; tick 1 fen", "example": 4800}
    )
    story = ma.fields.String(load_default="", validate=ma.validate.Length(max=300))


class ListingArgs(PageArgs):
    county = ma.fields.String(load_default="", metadata={"example": "411522"})
    batch = ma.fields.String(load_default="")
    status = ma.fields.String(load_default="open", validate=ma.validate.OneOf(["open", "sold", "withdrawn"]))


class OrderIn(Schema):
    quantity_kg = integer(
        1, QUANTITY_MAX_KG, metadata={"description": "kg, whole tonnes: multiples of 1,000"}
    )


class DepositIn(Schema):
    organisation_id = integer(1)
    amount_fen = integer(1, 10**14)
    bank_reference = ma.fields.String(
        required=True,
        validate=[
            ma.validate.Length(1, 100),
            ma.validate.Regexp(r"^\S+$", error="银行流水号不能含空格。 No spaces in a bank reference."),
        ],
    )


class CashArgs(Schema):
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))
    before = ma.fields.Integer(load_default=None, metadata={"description": "next_before of the last page"})


class GoodsOut(Schema):
    batch = ma.fields.String()
    project = ma.fields.String()
    project_name = ma.fields.String()
    methodology_key = ma.fields.String()
    county_code = ma.fields.String()
    county_name = ma.fields.String()
    vintage = ma.fields.Integer()
    is_demo = ma.fields.Boolean()
    explain = ma.fields.String()


class StoryOut(Schema):
    kind = ma.fields.String()
    parcels = ma.fields.Integer()
    villages = ma.fields.Integer()
    right_holders = ma.fields.Integer()
    area_m2 = ma.fields.Float()


class ListingOut(Schema):
    id = ma.fields.Integer()
    seller = ma.fields.String()
    goods = ma.fields.Nested(GoodsOut)
    story = ma.fields.Nested(StoryOut, allow_none=True)
    story_text = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    remaining_kg = ma.fields.Integer()
    price_fen_per_t = ma.fields.Integer()
    is_first_sale = ma.fields.Boolean()
    status = ma.fields.String()
    listed_at = ma.fields.AwareDateTime()


class TradeOut(Schema):
    code = ma.fields.String(metadata={"example": "XY-T000001"})
    listing_id = ma.fields.Integer()
    buyer = ma.fields.String()
    seller = ma.fields.String()
    goods = ma.fields.Nested(GoodsOut)
    quantity_kg = ma.fields.Integer()
    price_fen_per_t = ma.fields.Integer()
    amount_fen = ma.fields.Integer()
    is_first_sale = ma.fields.Boolean()
    ranges = ma.fields.List(
        ma.fields.List(ma.fields.Integer()), metadata={"description": "[[first, last], …] sold numbers"}
    )
    entry_reference = ma.fields.String()
    at = ma.fields.AwareDateTime()


class ListingsOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(ListingOut))


class TradesOut(PagesOut):
    items = ma.fields.List(ma.fields.Nested(TradeOut))


class DepositOut(Schema):
    id = ma.fields.Integer()
    organisation_id = ma.fields.Integer()
    amount_fen = ma.fields.Integer()
    bank_reference = ma.fields.String()
    confirmed_by = ma.fields.String()
    confirmed_at = ma.fields.AwareDateTime()


class CashBalanceOut(Schema):
    posted = ma.fields.Integer()
    held = ma.fields.Integer()
    available = ma.fields.Integer()


class CashLineOut(Schema):
    entry_id = ma.fields.Integer()
    reason = ma.fields.String()
    reference = ma.fields.String()
    amount = ma.fields.Integer(metadata={"description": "fen; below zero went out"})
    effective_at = ma.fields.AwareDateTime()
    actor_name = ma.fields.String()


class CashOut(Schema):
    organisation = ma.fields.String()
    cash_fen = ma.fields.Nested(CashBalanceOut)
    proceeds_fen = ma.fields.Nested(
        CashBalanceOut, metadata={"description": "first sales not yet shared out"}
    )
    lines = ma.fields.List(ma.fields.Nested(CashLineOut), metadata={"description": "cash, newest first"})
    next_before = ma.fields.Integer(allow_none=True)
