"""Fields of rewards, vouchers and donations in the citizen API."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from carbon_platform.citizens.reward_rules import KINDS
from carbon_platform.web import Schema, integer


def _described(text: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"description": text, **more}}


_KIND = "culture, tourism, commerce, public, store, donation"


class RewardArgs(Schema):
    kind = ma.fields.String(
        load_default="",
        validate=ma.validate.OneOf(["", *KINDS]),
        **_described(f"only this kind: {_KIND}; store is the goods list of the convenience stores"),
    )


class RewardOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    provider_zh = ma.fields.String()
    merchant = ma.fields.String(
        attribute="merchant_code", **_described("whose shops take it; empty: handed out by the platform")
    )
    kind = ma.fields.String(**_described(_KIND))
    kind_zh = ma.fields.String()
    kind_en = ma.fields.String()
    price_points = ma.fields.Integer(**_described("points; of a donation project: its unit"))
    topup_fen = ma.fields.Integer(**_described("what is added in the shop, paid there"))
    value_fen = ma.fields.Integer(**_described("what its sponsor pays the merchant for one"))
    stock = ma.fields.Integer()
    person_month_limit = ma.fields.Integer(
        allow_none=True, **_described("per person and calendar month; null: none")
    )
    season_from = ma.fields.String(allow_none=True, **_described("first day, ISO; null: open"))
    season_to = ma.fields.String(allow_none=True, **_described("last day, ISO; null: open"))
    in_season = ma.fields.Boolean()
    hours_zh = ma.fields.String(**_described("when shops take it; empty: always"))
    hours_en = ma.fields.String()
    code_days = ma.fields.Integer(**_described("days a voucher is good"))
    status = ma.fields.String(**_described("evidence status: illustrative until a sponsor has signed"))
    source = ma.fields.String()


class RedemptionIn(Schema):
    reward = ma.fields.String(required=True, metadata={"example": "bus-2"})


class RedemptionOut(Schema):
    id = ma.fields.Integer()
    reward = ma.fields.String(attribute="reward_code")
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    kind = ma.fields.String(**_described(_KIND))
    merchant = ma.fields.String(attribute="merchant_code")
    price_points = ma.fields.Integer()
    topup_fen = ma.fields.Integer(**_described("what is added in the shop, paid there"))
    voucher_code = ma.fields.String(**_described("read it aloud or type it; works once"))
    signed_code = ma.fields.String(
        allow_none=True,
        **_described(
            "what the QR holds: the same code signed (Ed25519), so that a shop without network can check it; "
            "null when no shop verifies it, or not any more"
        ),
    )
    status = ma.fields.String(**_described("ready, used, refunding, refunded"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    redeemed_at = ma.fields.AwareDateTime(format="iso")
    expires_at = ma.fields.AwareDateTime(
        format="iso", allow_none=True, **_described("unused by then: the points come back by themselves")
    )
    used_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    refund_due_at = ma.fields.AwareDateTime(
        format="iso",
        allow_none=True,
        **_described("when the points come back at the latest: shops without network are heard until then"),
    )
    refunded_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class RefusalOut(Schema):
    id = ma.fields.Integer()
    reward = ma.fields.String(attribute="reward_code")
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    price_points = ma.fields.Integer()
    points = ma.fields.Integer(**_described("what it took: always 0"))
    reason_code = ma.fields.String()
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()
    refused_at = ma.fields.AwareDateTime(format="iso")


class DonationIn(Schema):
    reward = ma.fields.String(
        required=True, **_described("code of a donation project", example="plant-camellia")
    )
    points = integer(1, 10**9, **_described("points; a multiple of the project's unit", example=200))


class DonationOut(Schema):
    id = ma.fields.Integer()
    number = ma.fields.String(**_described("of the receipt"))
    reward = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    points = ma.fields.Integer()
    value_fen = ma.fields.Integer(**_described("what the sponsor pays for it"))
    given_at = ma.fields.AwareDateTime(format="iso")
    paid_out = ma.fields.Boolean(**_described("whether it is in a statement to the planters"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    is_zh = ma.fields.String(**_described("what this is"))
    is_en = ma.fields.String()
    is_not_zh = ma.fields.String(**_described("what this is not"))
    is_not_en = ma.fields.String()


class DonationsOut(Schema):
    projects = ma.fields.List(ma.fields.Nested(RewardOut))
    items = ma.fields.List(ma.fields.Nested(DonationOut))
