"""Shapes of the rules of points, of campaigns and of fetching points."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from carbon_platform.citizens.points_scheme import SCOPES, SPANS
from carbon_platform.web import Decision, PageOut, PlainText, Schema, integer
from carbon_platform.web.schemas import described as said

CODE = r"^[A-Za-z0-9-]{2,24}$"
_DAY_WORDS = "应为 YYYY-MM-DD 的日期。 A day as YYYY-MM-DD."


def day(text: str, **kwargs: Any) -> ma.fields.Date:
    """A calendar day of Xinyang."""
    return ma.fields.Date(
        "iso", required=True, error_messages={"invalid": _DAY_WORDS}, **said(text), **kwargs
    )


class CapIn(Schema):
    scope = ma.fields.String(required=True, validate=ma.validate.OneOf(list(SCOPES)))
    span = ma.fields.String(required=True, validate=ma.validate.OneOf(list(SPANS)))
    grams = integer(0, 10**9, required=False, load_default=None, allow_none=True, **said("g CO2e"))
    points = integer(0, 10**6, required=False, load_default=None, allow_none=True, **said("points"))
    codes = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 24)),
        load_default=list,
        validate=ma.validate.Length(0, 60),
        **said("behaviours (XI14) or categories (行) that share the cap; empty: each has its own"),
    )


class RuleContentIn(Schema):
    grams_per_point = integer(1, 100_000, **said("g CO2e for one point, rounded down"))
    person_day_points = integer(0, 100_000, **said("points one person may get per day"))
    caps = ma.fields.List(ma.fields.Nested(CapIn), load_default=list, validate=ma.validate.Length(0, 60))
    fixed = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Regexp(CODE)),
        values=integer(0, 10_000, required=False),
        load_default=dict,
        validate=ma.validate.Length(0, 60),
        **said("points per act of a behaviour, in place of its grams"),
    )
    claim_days = integer(
        0,
        90,
        required=False,
        load_default=0,
        **said("days to fetch points in; 0: they come by themselves"),
    )


class RuleIn(Schema):
    valid_from = day("first day, tomorrow at the earliest")
    content = ma.fields.Nested(RuleContentIn, required=True)
    source = PlainText(
        required=True,
        validate=ma.validate.Length(2, 300),
        **said("why, by whose decision; citizens read it"),
    )


class CapOut(Schema):
    scope = ma.fields.String()
    span = ma.fields.String()
    grams = ma.fields.Integer(allow_none=True)
    points = ma.fields.Integer(allow_none=True)
    codes = ma.fields.List(ma.fields.String())


class PointsRuleOut(Schema):
    version = ma.fields.String()
    valid_from = ma.fields.String()
    grams_per_point = ma.fields.Integer()
    person_day_points = ma.fields.Integer()
    caps = ma.fields.List(ma.fields.Nested(CapOut))
    fixed = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Integer())
    claim_days = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String(**said("evidence status"))


class RuleVersionOut(Schema):
    version = ma.fields.String()
    valid_from = ma.fields.String()
    content = ma.fields.Dict()
    source = ma.fields.String()
    status = ma.fields.String(**said("evidence status"))
    state = ma.fields.String(**said("draft, published, declined"))
    simulation = ma.fields.Dict(allow_none=True, **said("what it would have meant for a past month"))
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime(format="iso")
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class RuleVersionsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(RuleVersionOut))


class SimulationIn(Schema):
    month = ma.fields.String(
        load_default="",
        validate=ma.validate.Regexp(
            r"^(20\d\d-(0[1-9]|1[0-2]))?$", error="应为 YYYY-MM 或留空（上个月）。 A month or empty."
        ),
        **said("2026-10; empty: the month before this one"),
    )


class PublishIn(Schema):
    publish = Decision("publish")


class CampaignIn(Schema):
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(
            r"^[a-z][a-z0-9-]{2,39}$", error="3 至 40 个小写字母、数字或 -。 Small letters, digits, hyphens."
        ),
    )
    name_zh = PlainText(required=True, validate=ma.validate.Length(2, 40))
    name_en = PlainText(required=True, validate=ma.validate.Length(2, 80))
    starts_on = day("first day, tomorrow at the earliest")
    ends_on = day("last day, included")
    percent = integer(101, 1_000, **said("200: double points"))
    behaviours = ma.fields.List(
        ma.fields.String(validate=ma.validate.Regexp(CODE)), load_default=list, **said("empty: all")
    )
    sources = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 40)), load_default=list, **said("empty: all")
    )
    budget_points = integer(1, 10**10, **said("points it may give beyond the rule"))
    source = PlainText(required=True, validate=ma.validate.Length(2, 300), **said("who pays for it, and why"))


class CampaignOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    starts_on = ma.fields.String()
    ends_on = ma.fields.String()
    percent = ma.fields.Integer()
    behaviours = ma.fields.List(ma.fields.String())
    sources = ma.fields.List(ma.fields.String())
    budget_points = ma.fields.Integer()
    spent_points = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String(**said("evidence status"))
    state = ma.fields.String(**said("draft, published, declined"))
    proposed_by = ma.fields.String()
    decided_by = ma.fields.String()


class CampaignsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(CampaignOut))


class ClaimableOut(Schema):
    points = ma.fields.Integer(**said("points that wait to be fetched now"))
    acts = ma.fields.Integer()
    claim_by = ma.fields.AwareDateTime(format="iso", allow_none=True, **said("when the first of them lapse"))
    under_review = ma.fields.Boolean(**said("a person looks at the account first; nothing can be fetched"))
    note_zh = ma.fields.String(**said("what the person reads about the review, or empty"))
    note_en = ma.fields.String()


class ClaimedOut(Schema):
    points = ma.fields.Integer(**said("points fetched just now"))
    acts = ma.fields.Integer()
    more = ma.fields.Boolean(**said("whether there are more to fetch: ask again"))
    available = ma.fields.Integer(**said("points that can be spent now"))
