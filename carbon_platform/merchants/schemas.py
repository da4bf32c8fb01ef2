"""Fields of merchants, offers, budgets, verifications and statements. Money in fen."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from carbon_platform.citizens.reward_rules import KINDS
from carbon_platform.citizens.reward_schemas import RewardOut
from carbon_platform.web import Decision, PageArgs, PageOut, PlainText, Schema, described, integer

_CODE = ma.validate.Regexp(
    r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?\Z", error="小写字母、数字、连字符，至多 24 个"
)
_MONTH = ma.validate.Regexp(r"20\d\d-(0[1-9]|1[0-2])\Z", error="应为月份，形如 2026-11")
_CLOCK = ma.validate.Regexp(r"([01]\d|2[0-3]):[0-5]\d\Z|24:00\Z", error="应为时刻，形如 09:00")
MOST_FEN = 10**12


def words(least: int, most: int, **kwargs: Any) -> PlainText:
    return PlainText(validate=ma.validate.Length(least, most), **kwargs)


class IsoDay(ma.fields.Date):
    """A real day as its ISO text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(value, attr, data, **kwargs).isoformat()

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class MerchantFields(Schema):
    name_zh = words(2, 60, required=True)
    name_en = words(0, 80, load_default="")
    address_zh = words(0, 120, load_default="")
    sponsor_code = ma.fields.String(
        required=True,
        validate=_CODE,
        **described("who pays; its money lies in the reward fund", example="city"),
    )
    month_budget_fen = integer(
        0, MOST_FEN, required=False, load_default=0, **described("set aside for each month, fen")
    )
    offline_hours = integer(
        0, 168, required=False, load_default=24,
        **described("how long its shops may work from their last list; refunds wait as long"),
    )  # fmt: skip
    scene_code = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(0, 40),
        **described("act source through which a convenience store reports low-carbon purchases"),
    )
    status = ma.fields.String(
        load_default="illustrative",
        validate=ma.validate.OneOf(["verified", "secondary", "unverified", "illustrative", "local-decision"]),
    )
    source = words(2, 200, required=True, **described("agreement or other source of these terms"))


class MerchantIn(MerchantFields):
    code = ma.fields.String(required=True, validate=_CODE, metadata={"example": "xinyang-museum"})
    organisation_id = integer(1, 2**53)
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(list(KINDS)))


class MerchantPatch(Schema):
    name_zh = words(2, 60)
    name_en = words(0, 80)
    address_zh = words(0, 120)
    sponsor_code = ma.fields.String(validate=_CODE)
    month_budget_fen = integer(0, MOST_FEN, required=False)
    offline_hours = integer(0, 168, required=False)
    scene_code = ma.fields.String(validate=ma.validate.Length(0, 40))
    state = ma.fields.String(validate=ma.validate.OneOf(["active", "suspended", "closed"]))


class MerchantOut(Schema):
    code = ma.fields.String()
    organisation_id = ma.fields.Integer()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    kind = ma.fields.String()
    kind_zh = ma.fields.String()
    region_code = ma.fields.String()
    address_zh = ma.fields.String()
    sponsor_code = ma.fields.String()
    month_budget_fen = ma.fields.Integer()
    offline_hours = ma.fields.Integer()
    scene_code = ma.fields.String()
    state = ma.fields.String()
    state_zh = ma.fields.String()
    status = ma.fields.String()
    source = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")


class MerchantsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(MerchantOut))


class HoursRow(Schema):
    days = ma.fields.List(
        integer(1, 7), required=True, validate=ma.validate.Length(1, 7), **described("Monday = 1")
    )
    start = ma.fields.String(required=True, validate=_CLOCK, data_key="from", metadata={"example": "09:00"})
    end = ma.fields.String(required=True, validate=_CLOCK, data_key="to", metadata={"example": "17:30"})

    @ma.post_load
    def as_kept(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"days": data["days"], "from": data["start"], "to": data["end"]}


class OfferFields(Schema):
    name_zh = words(2, 60, required=True)
    name_en = words(2, 80, required=True)
    price_points = integer(1, 10**6, **described("points; of a donation project: its unit"))
    value_fen = integer(0, 10**7, **described("what the sponsor pays the merchant for one"))
    topup_fen = integer(
        0, 10**7, required=False, load_default=0, **described("what the citizen adds in the shop")
    )
    person_month_limit = integer(1, 10**4, required=False, load_default=None, allow_none=True)
    season_from = IsoDay(load_default=None, allow_none=True)
    season_to = IsoDay(load_default=None, allow_none=True)
    hours = ma.fields.List(ma.fields.Nested(HoursRow), load_default=list, validate=ma.validate.Length(0, 14))
    code_days = integer(1, 366, required=False, load_default=30)
    status = MerchantFields().fields["status"]
    source = words(2, 200, required=True)


class OfferIn(OfferFields):
    code = ma.fields.String(required=True, validate=_CODE, metadata={"example": "museum-guide"})
    stock = integer(0, 10**7)


class OfferPatch(Schema):
    name_zh = words(2, 60)
    name_en = words(2, 80)
    price_points = integer(1, 10**6, required=False)
    value_fen = integer(0, 10**7, required=False)
    topup_fen = integer(0, 10**7, required=False)
    person_month_limit = integer(1, 10**4, required=False, allow_none=True)
    season_from = IsoDay(allow_none=True)
    season_to = IsoDay(allow_none=True)
    hours = ma.fields.List(ma.fields.Nested(HoursRow), validate=ma.validate.Length(0, 14))
    code_days = integer(1, 366, required=False)
    active = ma.fields.Boolean(truthy={True}, falsy={False})
    add_stock = integer(-(10**7), 10**7, required=False, **described("added to what is left"))


class BudgetIn(Schema):
    month = ma.fields.String(required=True, validate=_MONTH, metadata={"example": "2026-12"})
    limit_fen = integer(0, MOST_FEN)


class BudgetOut(Schema):
    month = ma.fields.String()
    sponsor_code = ma.fields.String()
    limit_fen = ma.fields.Integer(**described("money set aside"))
    committed_fen = ma.fields.Integer(**described("value of vouchers handed out and not taken back"))
    closed_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class MerchantDetailOut(MerchantOut):
    offers = ma.fields.List(ma.fields.Nested(RewardOut))
    budgets = ma.fields.List(ma.fields.Nested(BudgetOut))
    liability = ma.fields.Dict(**described("fen promised, unsettled, payable"))


class MerchantStatementIn(Schema):
    merchant = ma.fields.String(required=True, validate=ma.validate.Length(1, 24))
    month = ma.fields.String(required=True, validate=_MONTH, metadata={"example": "2026-11"})


class StatementDecisionIn(Schema):
    approve = Decision("approve")
    note = words(0, 200, load_default="")


class MerchantPaymentIn(Schema):
    bank_reference = words(4, 60, required=True, **described("of the bank's transfer"))


class MerchantStatementOut(Schema):
    code = ma.fields.String()
    merchant = ma.fields.String(attribute="merchant_code")
    month = ma.fields.String()
    lines = ma.fields.Integer()
    points = ma.fields.Integer()
    amount_fen = ma.fields.Integer()
    state = ma.fields.String(**described("draft, declined, approved, paid"))
    state_zh = ma.fields.String()
    state_en = ma.fields.String()
    prepared_by = ma.fields.String()
    prepared_at = ma.fields.AwareDateTime(format="iso")
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    note = ma.fields.String()
    paid_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    bank_reference = ma.fields.String()


class StatementsArgs(PageArgs):
    merchant = ma.fields.String(load_default="", validate=ma.validate.Length(0, 24))
    state = ma.fields.String(
        load_default="", validate=ma.validate.OneOf(["", "draft", "declined", "approved", "paid"])
    )


class MerchantStatementsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(MerchantStatementOut))


class MerchantStatementLineOut(Schema):
    number = ma.fields.Integer(attribute="id")
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    points = ma.fields.Integer(attribute="price_points")
    value_fen = ma.fields.Integer()
    topup_fen = ma.fields.Integer()
    used_at = ma.fields.AwareDateTime(format="iso")
    handed_in_at = ma.fields.AwareDateTime(format="iso", attribute="use_recorded_at")


class MerchantStatementDetailOut(PageOut, MerchantStatementOut):
    items = ma.fields.List(ma.fields.Nested(MerchantStatementLineOut))


class UseIn(Schema):
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 400),
        **described("typed, spoken or what the QR held", example="XY-ABCD-EFGH-IJKL-MNOP"),
    )
    used_at = ma.fields.AwareDateTime(
        format="iso", load_default=None, allow_none=True, **described("by the shop's clock; null: now")
    )
    device = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(r"[A-Za-z0-9-]{4,40}\Z", error="应为 4–40 个字母、数字、连字符"),
        metadata={"example": "till-2f6c1b90"},
    )
    offline = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})


class VerificationsIn(Schema):
    rows = ma.fields.List(
        ma.fields.Nested(UseIn), required=True, validate=ma.validate.Length(1), **described("at most 200")
    )


class VerificationOut(Schema):
    outcome = ma.fields.String(**described("accepted or refused"))
    duplicate = ma.fields.Boolean(**described("handed in before: answered as then, no second effect"))
    number = ma.fields.Integer(allow_none=True, **described("of the voucher"))
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    points = ma.fields.Integer()
    topup_fen = ma.fields.Integer(**described("to be paid in the shop"))
    value_fen = ma.fields.Integer(**described("what the statement will pay for it"))
    reason_code = ma.fields.String()
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()


class VerificationsOut(Schema):
    rows = ma.fields.List(ma.fields.Nested(VerificationOut))
    accepted = ma.fields.Integer()
    refused = ma.fields.Integer()


class ListedCode(Schema):
    hash = ma.fields.String(**described("first half of SHA-256 of the code, hexadecimal"))
    reward = ma.fields.String()
    topup_fen = ma.fields.Integer()
    expires_at = ma.fields.AwareDateTime(format="iso")


class ListedOffer(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    hours = ma.fields.List(ma.fields.Dict())
    hours_zh = ma.fields.String()
    hours_en = ma.fields.String()


class ShopKeysOut(Schema):
    algorithm = ma.fields.String()
    keys = ma.fields.List(
        ma.fields.String(), **described("public keys, 64 hexadecimal digits, present first")
    )
    merchant = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    made_at = ma.fields.AwareDateTime(format="iso")
    good_until = ma.fields.AwareDateTime(
        format="iso", **described("no code is taken without network after this")
    )
    offers = ma.fields.List(ma.fields.Nested(ListedOffer))
    ready = ma.fields.List(ma.fields.Nested(ListedCode))
    void = ma.fields.List(ma.fields.String(), **described("hashes of codes that are used or given back"))


class ShopStatementsOut(MerchantStatementsOut):
    month = ma.fields.String()
    budget_fen = ma.fields.Integer()
    committed_fen = ma.fields.Integer()
    used = ma.fields.Integer(**described("vouchers used this month"))
    used_fen = ma.fields.Integer(**described("to be settled for this month's uses"))
    topup_fen = ma.fields.Integer()
    refused = ma.fields.Integer(**described("uses refused this month"))
