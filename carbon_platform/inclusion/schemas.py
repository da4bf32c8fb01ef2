"""What goes in and out of the inclusion API. Amounts are whole: fen, grams, kilograms, points."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma

from carbon_platform.credits.schemas import BlockerOut
from carbon_platform.inclusion.offsets import QUANTITY_MAX_KG
from carbon_platform.web import PageOut, PlainText, Schema, integer

SPONSOR_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _said(words: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"description": words}, **more}


class BundleIn(Schema):
    """A window of local days; ``ends_on`` is the first day after it."""

    starts_on = ma.fields.Date(required=True, metadata={"example": "2026-09-01"})
    ends_on = ma.fields.Date(required=True, metadata={"example": "2026-10-01"})


class DissolutionIn(Schema):
    note = PlainText(required=True, validate=ma.validate.Length(2, 500))


class BundleChangesOut(Schema):
    acts = ma.fields.Integer(**_said("withdrawn or altered since it was summed"))
    creditable_g = ma.fields.Integer(**_said("grams of those acts"))
    people = ma.fields.Integer(**_said("who no longer agree to be bundled"))


class BundleOut(Schema):
    code = ma.fields.String()
    starts_on = ma.fields.Date()
    ends_on = ma.fields.Date()
    state = ma.fields.String()
    state_zh = ma.fields.String()
    methodology = ma.fields.String()
    parameter_digest = ma.fields.String()
    input_digest = ma.fields.String()
    acts = ma.fields.Integer()
    holders = ma.fields.Integer()
    creditable_g = ma.fields.Integer(**_said("conservative grade: the only one that is issued"))
    reduction_g = ma.fields.Integer(**_said("points grade of the same acts; never added to the other"))
    whole_tonnes = ma.fields.Integer(**_said("rounded down once, for the whole bundle"))
    run_code = ma.fields.String()
    run_status = ma.fields.String()
    batch_code = ma.fields.String()
    closed_by = ma.fields.String()
    closed_at = ma.fields.AwareDateTime()
    note = ma.fields.String()


class BundleDetailOut(BundleOut):
    changes = ma.fields.Nested(BundleChangesOut)
    blockers = ma.fields.List(ma.fields.Nested(BlockerOut))


class BundlesOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(BundleOut))


class MyBundleOut(Schema):
    """A person's part of a bundle."""

    bundle = ma.fields.String()
    starts_on = ma.fields.Date()
    ends_on = ma.fields.Date()
    state = ma.fields.String()
    state_zh = ma.fields.String()
    acts = ma.fields.Integer()
    creditable_g = ma.fields.Integer(**_said("your grams in this bundle"))
    reduction_g = ma.fields.Integer(**_said("points grade of the same acts; they stay in your book"))
    bundle_g = ma.fields.Integer(
        allow_none=True, **_said("of everybody together; null where fewer than ten others are in it")
    )
    batch_code = ma.fields.String(**_said("the batch that holds them, once issued"))
    batch_kg = ma.fields.Integer(allow_none=True)
    vintage = ma.fields.Integer(allow_none=True)
    issued_at = ma.fields.AwareDateTime(allow_none=True)


class MyBundlesQuery(Schema):
    act = ma.fields.Integer(load_default=None, allow_none=True, validate=ma.validate.Range(1))


class MyBundlesOut(Schema):
    creditable_g = ma.fields.Integer(**_said("all your grams in bundles"))
    agreed = ma.fields.Boolean(**_said("whether new grams may be bundled"))
    items = ma.fields.List(ma.fields.Nested(MyBundleOut))
    act_bundle = ma.fields.String(**_said("code of the bundle that holds the act asked for, or empty"))


class SponsorshipIn(Schema):
    sponsor_code = ma.fields.String(
        required=True, validate=ma.validate.Regexp(re.compile(SPONSOR_CODE.pattern + r"\Z")),
        metadata={"description": "the sponsor's part of the fund", "example": "dingxin"},
    )  # fmt: skip
    sponsor = PlainText(required=True, validate=ma.validate.Length(2, 80))
    amount_fen = integer(metadata={"description": "fen", "example": 100_000_000})
    document = PlainText(required=True, validate=ma.validate.Length(2, 120))
    organisation_id = ma.fields.Integer(load_default=None, allow_none=True)


class SponsorshipReceiptIn(Schema):
    bank_reference = PlainText(required=True, validate=ma.validate.Length(4, 64))


class SponsorshipOut(Schema):
    id = ma.fields.Integer()
    sponsor_code = ma.fields.String()
    sponsor = ma.fields.String()
    amount_fen = ma.fields.Integer()
    document = ma.fields.String()
    state = ma.fields.String()
    promised_by = ma.fields.String()
    promised_at = ma.fields.AwareDateTime()
    bank_reference = ma.fields.String(allow_none=True)
    received_by = ma.fields.String()
    received_at = ma.fields.AwareDateTime(allow_none=True)


class SponsorshipsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(SponsorshipOut))


class PoolSaleIn(Schema):
    trade = ma.fields.String(required=True, metadata={"example": "XY-T000001"})


class PoolSaleOut(Schema):
    trade_code = ma.fields.String()
    batch_code = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    gross_fen = ma.fields.Integer()
    fee_fen = ma.fields.Integer()
    vat_fen = ma.fields.Integer()
    fund_fen = ma.fields.Integer()
    moved_by = ma.fields.String()
    moved_at = ma.fields.AwareDateTime()


class ActSumsOut(Schema):
    acts = ma.fields.Integer()
    not_counted = ma.fields.Integer()
    withdrawn = ma.fields.Integer()
    reduction_g = ma.fields.Integer()
    creditable_g = ma.fields.Integer()
    points = ma.fields.Integer()


class HonestyRowOut(Schema):
    key = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    state = ma.fields.String()
    sums = ma.fields.Nested(ActSumsOut)
    reward_fen = ma.fields.Integer(allow_none=True)
    fen_per_t = ma.fields.Integer(allow_none=True, **_said("reward per tonne, by the most a point can buy"))
    low_fen_per_t = ma.fields.Integer(allow_none=True, **_said("by the least a point can buy"))
    market_fen = ma.fields.Integer(**_said("what the carbon would bring at the market's price"))
    times = ma.fields.Integer(allow_none=True, **_said("reward ÷ market price"))


class TonnePriceOut(Schema):
    fen_per_t = ma.fields.Integer()
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    status = ma.fields.String()


class FundMoneyOut(Schema):
    from_sponsors = ma.fields.Integer()
    from_tickets = ma.fields.Integer()
    promised = ma.fields.Integer()
    balance = ma.fields.Integer()
    free = ma.fields.Integer()
    set_aside = ma.fields.Integer()
    vouchers = ma.fields.Integer()
    settled = ma.fields.Integer()


class PointsOfAllOut(Schema):
    issued = ma.fields.Integer()
    outstanding = ma.fields.Integer()
    redeemed = ma.fields.Integer()
    expired = ma.fields.Integer()
    owed = ma.fields.Integer()


class HonestyOut(Schema):
    """The honesty board. Fen unless a name says otherwise."""

    as_of = ma.fields.AwareDateTime(allow_none=True, **_said("until when acts are in the sums"))
    point_low_fen = ma.fields.String(allow_none=True, **_said("fen a point buys at the least"))
    point_high_fen = ma.fields.String(allow_none=True, **_said("fen a point buys at the most"))
    price = ma.fields.Nested(TonnePriceOut)
    money = ma.fields.Nested(FundMoneyOut)
    points = ma.fields.Nested(PointsOfAllOut)
    liability_fen = ma.fields.Integer(allow_none=True)
    liability_low_fen = ma.fields.Integer(allow_none=True)
    covered_bp = ma.fields.Integer(allow_none=True, **_said("fund ÷ liability, basis points"))
    total = ma.fields.Nested(HonestyRowOut)
    scenes = ma.fields.List(ma.fields.Nested(HonestyRowOut))
    behaviours = ma.fields.List(ma.fields.Nested(HonestyRowOut))


class LoopOut(Schema):
    """earned → issued → sold → reward fund → redeemed."""

    as_of = ma.fields.AwareDateTime(allow_none=True)
    earned_g = ma.fields.Integer(**_said("points grade"))
    creditable_g = ma.fields.Integer(**_said("conservative grade of the same acts; never added"))
    bundled_g = ma.fields.Integer()
    applied_g = ma.fields.Integer()
    issued_g = ma.fields.Integer()
    given_up_g = ma.fields.Integer(**_said("what whole tonnes leave over"))
    issued_kg = ma.fields.Integer()
    sold_kg = ma.fields.Integer()
    sold_fen = ma.fields.Integer()
    fund_fen = ma.fields.Integer()
    sponsors_fen = ma.fields.Integer()
    points_issued = ma.fields.Integer()
    redeemed_points = ma.fields.Integer()
    paid_out_fen = ma.fields.Integer()
    fund_balance_fen = ma.fields.Integer()


class OffsetLotIn(Schema):
    listing = ma.fields.Integer(required=True, validate=ma.validate.Range(1))
    quantity_kg = integer(metadata={"description": "whole tonnes, in kilograms", "example": 10_000})


class OffsetLotOut(Schema):
    id = ma.fields.Integer()
    trade_code = ma.fields.String()
    batch_code = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    left_kg = ma.fields.Integer()
    price_fen_per_t = ma.fields.Integer()
    bought_by = ma.fields.String()
    bought_at = ma.fields.AwareDateTime()


class OffsetLotsOut(Schema):
    organisation_id = ma.fields.Integer(allow_none=True, **_said("the citizens' account, for its deposits"))
    organisation = ma.fields.String()
    cash_fen = ma.fields.Integer()
    items = ma.fields.List(ma.fields.Nested(OffsetLotOut))


class OffsetIn(Schema):
    order_key = ma.fields.String(
        required=True, validate=ma.validate.Length(8, 64),
        metadata={"description": "your own number of this order: the same one again is the same order"},
    )  # fmt: skip
    quantity_kg = integer(1, QUANTITY_MAX_KG, metadata={"description": "kilograms CO2e", "example": 100})
    year = ma.fields.Integer(
        required=True, validate=ma.validate.Range(2020, 2100), metadata={"example": 2026}
    )
    beneficiary = PlainText(
        load_default="", validate=ma.validate.Length(max=30),
        metadata={"description": "name on the certificate, if you want one", "example": "小满一家"},
    )  # fmt: skip


class OffsetOut(Schema):
    code = ma.fields.String()
    state = ma.fields.String()
    state_zh = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    amount_fen = ma.fields.Integer()
    price_fen_per_t = ma.fields.Integer()
    batch_code = ma.fields.String()
    year = ma.fields.Integer()
    beneficiary = ma.fields.String()
    ordered_at = ma.fields.AwareDateTime()
    expires_at = ma.fields.AwareDateTime(**_said("pay before"))
    paid_at = ma.fields.AwareDateTime(allow_none=True)
    certificate_number = ma.fields.String(**_said("the public certificate it is part of"))
    serials = ma.fields.List(ma.fields.String(), **_said("the very numbers retired for you"))
    retired_at = ma.fields.AwareDateTime(allow_none=True)
    certificate_url = ma.fields.String(**_said("page to show or print, empty until retired"))
    payment_mode = ma.fields.String()


class OffsetOfferOut(Schema):
    left_kg = ma.fields.Integer()
    price_fen_per_t = ma.fields.Integer(allow_none=True)
    batch_code = ma.fields.String()
    project_name = ma.fields.String()
    payments = ma.fields.String(**_said("off: nothing can be bought now"))


class OffsetsOut(Schema):
    offer = ma.fields.Nested(OffsetOfferOut)
    items = ma.fields.List(ma.fields.Nested(OffsetOut))


class OffsetRetirementOut(Schema):
    certificates = ma.fields.List(ma.fields.String())
    quantity_kg = ma.fields.Integer()


class OffsetRefundIn(Schema):
    bank_reference = PlainText(required=True, validate=ma.validate.Length(4, 64))


class FootprintItemOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    unit_zh = ma.fields.String()
    unit_en = ma.fields.String()
    high = ma.fields.Integer()
    shared = ma.fields.Boolean(**_said("divided by the persons of the household"))
    factor_g = ma.fields.Float()
    low_g = ma.fields.Float()
    high_g = ma.fields.Float()
    factor_unit = ma.fields.String()
    source = ma.fields.String()
    status = ma.fields.String()


class FootprintLineOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    quantity = ma.fields.Integer()
    grams = ma.fields.Integer()
    low_g = ma.fields.Integer()
    high_g = ma.fields.Integer()
    equation = ma.fields.String()
    source = ma.fields.String()
    status = ma.fields.String()


class FootprintResultOut(Schema):
    year = ma.fields.Integer()
    factor_set = ma.fields.String()
    persons = ma.fields.Integer()
    total_g = ma.fields.Integer(**_said("grams CO2e of the year, an estimate"))
    low_g = ma.fields.Integer()
    high_g = ma.fields.Integer()
    retired_kg = ma.fields.Integer(**_said("retired for this year; shown beside, not subtracted"))
    made_at = ma.fields.AwareDateTime()
    lines = ma.fields.List(ma.fields.Nested(FootprintLineOut))


class FootprintQuery(Schema):
    year = ma.fields.Integer(load_default=None, allow_none=True, validate=ma.validate.Range(2020, 2100))


class FootprintIn(Schema):
    year = ma.fields.Integer(
        required=True, validate=ma.validate.Range(2020, 2100), metadata={"example": 2026}
    )
    persons = integer(1, 20, metadata={"description": "in the household", "example": 3})
    quantities = ma.fields.Dict(
        keys=ma.fields.String(), values=integer(0, 10**9), required=True,
        metadata={"description": "whole quantities a year, by item code", "example": {"electricity": 2400}},
    )  # fmt: skip


class FootprintOut(Schema):
    version = ma.fields.String()
    boundary_zh = ma.fields.String(**_said("what is in and what is not"))
    boundary_en = ma.fields.String()
    items = ma.fields.List(ma.fields.Nested(FootprintItemOut))
    result = ma.fields.Nested(FootprintResultOut, allow_none=True)
