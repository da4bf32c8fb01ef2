"""Shapes of the citizen API."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.citizens.claims import NUMBERS
from carbon_platform.web import Decision, PageArgs, PageOut, Schema, described, integer
from carbon_platform.web.schemas import WholeNumber

_RECORD = r"^[A-Za-z0-9._:-]{1,80}$"
_WORD = r"^[a-z0-9-]{1,40}$"


def _number(name: str, about: str) -> WholeNumber:
    """A number of an act: the same range and unit as in a partner's row."""
    low, high, unit = NUMBERS[name]
    return integer(low, high, unit=unit, required=False, **described(about))


class CitizenSessionIn(Schema):
    code = ma.fields.String(
        required=True, validate=ma.validate.Length(1, 128), **described("wx.login code, works once")
    )
    nickname = ma.fields.String(load_default="市民", validate=ma.validate.Length(1, 20))
    region_code = ma.fields.String(
        load_default="",
        validate=ma.validate.Regexp(r"^(\d{6})?$", error="应为 6 位县区代码或留空。 A 6-digit county code."),
        **described("county the person lives in, or empty"),
    )
    transport = ma.fields.String(load_default="bearer", validate=ma.validate.OneOf(["bearer", "cookie"]))
    under_14 = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})
    guardian_agrees = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})
    reopen = ma.fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, **described("open a closed account again")
    )
    device = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(0, 200),
        load_only=True,
        **described("what the phone calls itself; only a keyed hash of it is kept"),
    )


class ConsentIn(Schema):
    partner = ma.fields.String(required=True, validate=ma.validate.Regexp(_WORD))
    purpose = ma.fields.String(load_default="acts", validate=ma.validate.Regexp(_WORD))
    version = ma.fields.String(
        required=True, validate=ma.validate.Length(1, 20), **described("version of the text that was read")
    )
    guardian_agrees = ma.fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, **described("needed for a child under 14")
    )


class ConsentOut(Schema):
    partner = ma.fields.String()
    partner_zh = ma.fields.String()
    partner_en = ma.fields.String()
    purpose = ma.fields.String()
    version = ma.fields.String(**described("of the text in force; agree to this one"))
    zh = ma.fields.String()
    en = ma.fields.String()
    current = ma.fields.Boolean(**described("whether this person has agreed to this version"))
    consent_id = ma.fields.Integer(allow_none=True)
    given_version = ma.fields.String(allow_none=True)
    given_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class ActOfferOut(Schema):
    source = ma.fields.String()
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    behaviour = ma.fields.String()
    category_zh = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    unit_zh = ma.fields.String()
    unit_en = ma.fields.String()
    quantity_field = ma.fields.String(**described("quantity (whole units) or distance_m (metres)"))
    grams_per_unit = ma.fields.Float(**described("points grade, g CO2e, before caps, as of today"))
    evidence_percent = ma.fields.Integer()
    cap_note_zh = ma.fields.String()
    cap_note_en = ma.fields.String()


class ActIn(Schema):
    behaviour = ma.fields.String(required=True, metadata={"example": "XI14b"})
    source = ma.fields.String(required=True, metadata={"example": "xinyang-bus"})
    external_id = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(
            _RECORD,
            error="1 至 80 个字母、数字或 . _ : -。 1 to 80 letters, digits or . _ : -",
        ),
        metadata={"description": "the record's number at its source; the same one counts once"},
    )
    occurred_at = ma.fields.AwareDateTime(
        required=True, format="iso", data_key="occurred_at", attribute="starts_at"
    )
    quantity = _number("quantity", "whole units: rides, meals; default 1")
    distance_m = _number("distance_m", "metres, for behaviours by the km")
    duration_s = _number("duration_s", "seconds, for plausibility and overlap")
    quantity_milli = _number("quantity_milli", "thousandths of the unit: grams of a kg, Wh of a kWh")
    avoided_m = _number("avoided_m", "metres of the trip each person avoided: BG32, BG35")
    meeting_min = _number("meeting_min", "minutes the online meeting took: BG32")
    saved_kwh_per_year = _number(
        "saved_kwh_per_year", "kWh the appliance saves a year against its reference: ZH12"
    )


class ActOut(Schema):
    id = ma.fields.Integer()
    behaviour = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    category_zh = ma.fields.String()
    source = ma.fields.String()
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    external_id = ma.fields.String()
    occurred_at = ma.fields.AwareDateTime(format="iso")
    reported_at = ma.fields.AwareDateTime(format="iso")
    quantity_text = ma.fields.String(**described("what was reported, in the behaviour's unit"))
    unit_zh = ma.fields.String()
    unit_en = ma.fields.String()
    distance_m = ma.fields.Integer(allow_none=True)
    status = ma.fields.String(**described("counted, partly, not_counted, withdrawn"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    reason_code = ma.fields.String(**described("why something was not counted; empty if all was"))
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()
    appeal_zh = ma.fields.String()
    appeal_en = ma.fields.String()
    reduction_g = ma.fields.Integer(**described("counted, points grade, g CO2e"))
    cut_g = ma.fields.Integer(**described("not counted of it, g CO2e"))
    creditable_g = ma.fields.Integer(**described("conservative grade, g CO2e"))
    points = ma.fields.Integer()
    points_state = ma.fields.String(**described("pending, active, expired, withdrawn; empty without points"))
    active_from = ma.fields.AwareDateTime(
        format="iso",
        allow_none=True,
        **described("end of the source's reversal window: provisional before, confirmed from then on"),
    )
    claim_by = ma.fields.AwareDateTime(
        format="iso", allow_none=True, **described("points have to be fetched before; null: they come alone")
    )
    bonus_points = ma.fields.Integer(**described("of the points, those given by the campaign"))
    campaign = ma.fields.String(**described("code of the campaign; empty: none"))
    points_expire_on = ma.fields.String(**described("last day of its points, ISO; empty: they have none"))
    withdrawn_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    formula_zh = ma.fields.String()
    formula_en = ma.fields.String()
    methodology = ma.fields.String()
    parameter_digest = ma.fields.String()
    points_rule = ma.fields.String()
    explain = ma.fields.String(**described("address of the explanation"))
    counted_as = ma.fields.String(
        **described("address of the act that counts in place of this one; empty: none does")
    )


class ReportedOut(ActOut):
    already_counted = ma.fields.Boolean()
    message_zh = ma.fields.String()
    message_en = ma.fields.String()


class ReceiptOut(Schema):
    id = ma.fields.Integer()
    state = ma.fields.String(**described("waiting, done (act_id is the line of the book), refused"))
    act_id = ma.fields.Integer(allow_none=True)
    reason_code = ma.fields.String(**described("why it was refused; empty otherwise"))
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()


class BookTotalsOut(Schema):
    today_g = ma.fields.Integer()
    month_g = ma.fields.Integer()
    year_g = ma.fields.Integer()
    all_g = ma.fields.Integer()
    points = ma.fields.Integer()


class BookDayOut(Schema):
    day = ma.fields.String()
    reduction_g = ma.fields.Integer()
    acts = ma.fields.Integer()


class BookOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(ActOut))
    totals = ma.fields.Nested(BookTotalsOut)
    week = ma.fields.List(ma.fields.Nested(BookDayOut))


class BookArgs(PageArgs):
    size = ma.fields.Integer(load_default=20, validate=ma.validate.Range(1, 100))


class PointsArgs(Schema):
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 100))
    before = ma.fields.Integer(load_default=None, allow_none=True, validate=ma.validate.Range(1))


class PointsLineOut(Schema):
    amount = ma.fields.Integer(**described("points; negative when spent"))
    expires_on = ma.fields.String(
        allow_none=True, **described("the lot: last day of these points, ISO; null: they have none")
    )
    pending = ma.fields.Boolean(**described("whether they wait to become active"))
    at = ma.fields.AwareDateTime(format="iso")
    reason = ma.fields.String()
    words_zh = ma.fields.String()
    words_en = ma.fields.String()
    act_id = ma.fields.Integer(allow_none=True)
    redemption_id = ma.fields.Integer(allow_none=True)


class PointsLotOut(Schema):
    expires_on = ma.fields.String(allow_none=True, **described("last day, ISO; null: they never expire"))
    amount = ma.fields.Integer()
    state = ma.fields.String(**described("active or pending"))


class ExpiringOut(Schema):
    amount = ma.fields.Integer()
    day = ma.fields.String(**described("last day on which they can be spent, ISO"))
    days_left = ma.fields.Integer()
    soon = ma.fields.Boolean(**described("within the warning time of the points rule"))


class PointsOut(Schema):
    available = ma.fields.Integer(**described("active: can be spent now"))
    pending = ma.fields.Integer(**described("earned, still under observation"))
    pending_until = ma.fields.AwareDateTime(
        format="iso", allow_none=True, **described("when the first of them become active")
    )
    owed = ma.fields.Integer(**described("spent before their act was withdrawn; paid back by later points"))
    expired = ma.fields.Integer(**described("all that ever lapsed"))
    held = ma.fields.Integer()
    expiring_next = ma.fields.Nested(ExpiringOut, allow_none=True)
    lots = ma.fields.List(ma.fields.Nested(PointsLotOut))
    items = ma.fields.List(ma.fields.Nested(PointsLineOut))
    next_before = ma.fields.Integer(allow_none=True)


class CorrectionIn(Schema):
    kind = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["withdraw_act", "refund"]),
        **described("withdraw_act: its source takes the act back; refund: the voucher is given back"),
    )
    number = integer(1, 2**53, required=True, **described("of the act or of the redemption"))
    note = ma.fields.String(
        required=True,
        validate=[ma.validate.Length(2, 200), ma.validate.Regexp(r"(?s).*\S")],
        **described("why; the citizen reads it"),
    )


class DecisionIn(Schema):
    approve = Decision("approve")


class CorrectionOut(Schema):
    id = ma.fields.Integer()
    kind = ma.fields.String()
    number = ma.fields.Integer()
    note = ma.fields.String()
    status = ma.fields.String(**described("proposed, done, declined"))
    status_zh = ma.fields.String()
    status_en = ma.fields.String()
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime(format="iso")
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class CorrectionsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(CorrectionOut))
