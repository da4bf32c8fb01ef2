"""Fields of rewards, vouchers and donations in the citizen API."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.citizens.reward_rules import KINDS
from carbon_platform.web import Schema, described, integer

_KIND = "culture, tourism, commerce, public, store, donation"


class RewardArgs(Schema):
    kind = ma.fields.String(
        load_default="",
        validate=ma.validate.OneOf(["", *KINDS]),
        **described(f"only this kind: {_KIND}; store is the goods list of the convenience stores"),
    )


class RewardOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    provider_zh = ma.fields.String()
    merchant = ma.fields.String(
        attribute="merchant_code", **described("whose shops take it; empty: handed out by the platform")
    )
    kind = ma.fields.String(**described(_KIND))
    kind_zh = ma.fields.String()
    kind_en = ma.fields.String()
    price_points = ma.fields.Integer(**described("points; of a donation project: its unit"))
    topup_fen = ma.fields.Integer(**described("what is added in the shop, paid there"))
    value_fen = ma.fields.Integer(**described("what its sponsor pays the merchant for one"))
    stock = ma.fields.Integer()
    person_month_limit = ma.fields.Integer(
        allow_none=True, **described("per person and calendar month; null: none")
    )
    season_from = ma.fields.String(allow_none=True, **described("first day, ISO; null: open"))
    season_to = ma.fields.String(allow_none=True, **described("last day, ISO; null: open"))
    in_season = ma.fields.Boolean()
    hours_zh = ma.fields.String(**described("when shops take it; empty: always"))
    hours_en = ma.fields.String()
    code_days = ma.fields.Integer(**described("days a voucher is good"))
    status = ma.fields.String(**described("evidence status: illustrative until a sponsor has signed"))
    source = ma.fields.String()


class RedemptionIn(Schema):
    reward = ma.fields.String(required=True, metadata={"example": "bus-2"})


class RedemptionOut(Schema):
    id = ma.fields.Integer()
    reward = ma.fields.String(attribute="reward_code")
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    kind = ma.fields.String(**described(_KIND))
    merchant = ma.fields.String(attribute="merchant_code")
    price_points = ma.fields.Integer()
    topup_fen = ma.fields.Integer(**described("what is added in the shop, paid there"))
    voucher_code = ma.fields.String(**described("read it aloud or type it; works once"))
    signed_code = ma.fields.String(
        allow_none=True,
        **described(
            "what the QR holds: the same code signed (Ed25519), so that a shop without network can check it; "
            "null when no shop verifies it, or not any more"
        ),
    )
    status = ma.fields.String(**described("ready, used, refunding, refunded"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    redeemed_at = ma.fields.AwareDateTime(format="iso")
    expires_at = ma.fields.AwareDateTime(
        format="iso", allow_none=True, **described("unused by then: the points come back by themselves")
    )
    used_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    refund_due_at = ma.fields.AwareDateTime(
        format="iso",
        allow_none=True,
        **described("when the points come back at the latest: shops without network are heard until then"),
    )
    refunded_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class RefusalOut(Schema):
    id = ma.fields.Integer()
    reward = ma.fields.String(attribute="reward_code")
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    price_points = ma.fields.Integer()
    points = ma.fields.Integer(**described("what it took: always 0"))
    reason_code = ma.fields.String()
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()
    refused_at = ma.fields.AwareDateTime(format="iso")


class DonationIn(Schema):
    reward = ma.fields.String(
        required=True, **described("code of a donation project", example="plant-camellia")
    )
    points = integer(1, 10**9, **described("points; a multiple of the project's unit", example=200))


class DonationOut(Schema):
    id = ma.fields.Integer()
    number = ma.fields.String(**described("of the receipt"))
    reward = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    points = ma.fields.Integer()
    value_fen = ma.fields.Integer(**described("what the sponsor pays for it"))
    given_at = ma.fields.AwareDateTime(format="iso")
    paid_out = ma.fields.Boolean(**described("whether it is in a statement to the planters"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    is_zh = ma.fields.String(**described("what this is"))
    is_en = ma.fields.String()
    is_not_zh = ma.fields.String(**described("what this is not"))
    is_not_en = ma.fields.String()


class DonationsOut(Schema):
    projects = ma.fields.List(ma.fields.Nested(RewardOut))
    items = ma.fields.List(ma.fields.Nested(DonationOut))
