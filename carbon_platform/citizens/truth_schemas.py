"""Shapes of appeals, audits and reviews of shared devices."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from carbon_platform.web import Decision, PageOut, Schema, integer
from carbon_platform.web.schemas import described as said

_WORDS = [ma.validate.Length(2, 500), ma.validate.Regexp(r"(?s).*\S")]
_MONTH = ma.validate.Regexp(r"^20\d\d-(0[1-9]|1[0-2])$", error="应为 YYYY-MM 的月份。 A month as YYYY-MM.")


class AppealIn(Schema):
    act_id = integer(1, 2**53, required=False, **said("the act as in the carbon book"))
    refusal_id = integer(1, 2**53, required=False, **said("or one of GET /api/v1/citizen/refused-acts"))
    words = ma.fields.String(required=True, validate=_WORDS, **said("what is not right, in one's own words"))

    @ma.validates_schema
    def _about_one(self, data: dict[str, Any], **_: Any) -> None:
        if ("act_id" in data) == ("refusal_id" in data):
            raise ma.ValidationError(
                "act_id 和 refusal_id 给且只给一个。 Give act_id or refusal_id, one of the two.", "act_id"
            )


class AppealOut(Schema):
    id = ma.fields.Integer()
    act_id = ma.fields.Integer(allow_none=True, **said("the act it is about; null: it is about a refusal"))
    refusal_id = ma.fields.Integer(allow_none=True, **said("the refusal it is about; null: about an act"))
    reason_code = ma.fields.String(**said("what is contested; withdrawn: the act was taken back"))
    words = ma.fields.String()
    state = ma.fields.String(**said("open, accepted, declined"))
    state_zh = ma.fields.String()
    state_en = ma.fields.String()
    answer = ma.fields.String(**said("why, in the words of whoever decided"))
    counted_act_id = ma.fields.Integer(allow_none=True, **said("the act that counts what was contested"))
    raised_at = ma.fields.AwareDateTime(format="iso")
    decided_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class AppealedActOut(Schema):
    id = ma.fields.Integer()
    source = ma.fields.String()
    external_id = ma.fields.String()
    behaviour = ma.fields.String()
    behaviour_zh = ma.fields.String()
    behaviour_en = ma.fields.String()
    occurred_at = ma.fields.AwareDateTime(format="iso")
    claimed_g = ma.fields.Integer()
    reduction_g = ma.fields.Integer()
    points = ma.fields.Integer()
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()


class RefusedRowOut(Schema):
    id = ma.fields.Integer()
    source = ma.fields.String()
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    external_id = ma.fields.String(**said("the source's record number; empty: not readable, or not kept"))
    refused_at = ma.fields.AwareDateTime(format="iso")
    reason_code = ma.fields.String()
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()
    kept = ma.fields.Boolean(**said("whether what was sent is kept, so that an accepted appeal can count it"))
    behaviour = ma.fields.String(**said("empty where nothing was kept, like what follows"))
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    quantity_text = ma.fields.String(**said("what was reported, in the behaviour's unit"))
    unit_zh = ma.fields.String()
    unit_en = ma.fields.String()
    occurred_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class NotTakenOut(RefusedRowOut):
    act_id = ma.fields.Integer(allow_none=True, **said("the act of the book it has become since"))
    may_appeal = ma.fields.Boolean()
    appeal_until = ma.fields.AwareDateTime(format="iso", **said("it is forgotten then"))
    appeal = ma.fields.Nested(AppealOut, allow_none=True)


class NotTakenListOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(NotTakenOut))


class AppealCaseOut(AppealOut):
    region_code = ma.fields.String()
    decided_by = ma.fields.String()
    act = ma.fields.Nested(AppealedActOut, allow_none=True)
    refusal = ma.fields.Nested(RefusedRowOut, allow_none=True)


class AppealsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(AppealCaseOut))


class AppealDecisionIn(Schema):
    accept = Decision("accept")
    answer = ma.fields.String(required=True, validate=_WORDS, **said("the citizen reads it"))


class AuditIn(Schema):
    source = ma.fields.String(required=True, validate=ma.validate.Length(1, 40))
    month = ma.fields.String(required=True, validate=_MONTH)
    seed = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(0, 64),
        **said("used only where the ledger has no signed head of that month's last day; empty: by lot"),
    )


class AuditOut(Schema):
    id = ma.fields.Integer()
    source = ma.fields.String()
    month = ma.fields.String()
    seed = ma.fields.String(**said("the draw follows from it: SHA-256(seed:source:record), smallest first"))
    percent = ma.fields.Integer()
    least = ma.fields.Integer()
    most = ma.fields.Integer()
    population = ma.fields.Integer()
    drawn = ma.fields.Integer()
    state = ma.fields.String(**said("open, concluded"))
    errors = ma.fields.Integer(allow_none=True, **said("wrong or unproven"))
    suspended = ma.fields.Boolean(**said("whether it stopped the scene"))
    opened_at = ma.fields.AwareDateTime(format="iso")
    concluded_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class AuditsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(AuditOut))


class AuditItemOut(Schema):
    number = ma.fields.Integer()
    act_id = ma.fields.Integer()
    external_id = ma.fields.String(**said("the source's record number: ask it for the proof"))
    behaviour = ma.fields.String()
    occurred_at = ma.fields.AwareDateTime(format="iso")
    distance_m = ma.fields.Integer(allow_none=True, **said("m"))
    claimed_milli = ma.fields.Integer(**said("thousandths of the unit"))
    reduction_g = ma.fields.Integer(**said("g CO2e"))
    verdict = ma.fields.String(**said("right, wrong, unproven; empty: not checked"))
    note = ma.fields.String()
    checked_by = ma.fields.String()


class AuditFullOut(AuditOut):
    items = ma.fields.List(ma.fields.Nested(AuditItemOut))


class VerdictIn(Schema):
    verdict = ma.fields.String(required=True, validate=ma.validate.OneOf(["right", "wrong", "unproven"]))
    note = ma.fields.String(load_default="", validate=ma.validate.Length(0, 200))


class AuditRateOut(Schema):
    source = ma.fields.String()
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    month = ma.fields.String()
    population = ma.fields.Integer()
    drawn = ma.fields.Integer()
    errors = ma.fields.Integer()
    seed = ma.fields.String()
    suspended = ma.fields.Boolean()


class AccountReviewOut(Schema):
    id = ma.fields.Integer()
    kind = ma.fields.String(**said("device, payment"))
    kind_zh = ma.fields.String()
    kind_en = ma.fields.String()
    accounts = ma.fields.Integer()
    state = ma.fields.String(**said("open, confirmed, cleared"))
    state_zh = ma.fields.String()
    state_en = ma.fields.String()
    note = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")
    decided_by = ma.fields.String()


class AccountReviewsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(AccountReviewOut))


class AccountReviewDecisionIn(Schema):
    clear = Decision("clear", "confirm")
    note = ma.fields.String(required=True, validate=_WORDS)
