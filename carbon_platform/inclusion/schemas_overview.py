"""What the official's dashboard answers over HTTP."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.inclusion.schemas import ActSumsOut, FundMoneyOut, PointsOfAllOut
from carbon_platform.web import Schema


class AccountCountsOut(Schema):
    """Three counts, kept apart, of one county or of the city, with the target of the year's end."""

    region_code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    opened = ma.fields.Integer()
    active = ma.fields.Integer()
    real_name = ma.fields.Integer()
    target = ma.fields.Integer(allow_none=True)
    target_on = ma.fields.Date(allow_none=True)
    expected_now = ma.fields.Integer(allow_none=True)
    per_day = ma.fields.Float(allow_none=True)
    forecast_on = ma.fields.Date(allow_none=True)
    status = ma.fields.String(metadata={"description": "evidence status of the residents behind the quota"})


class SceneDataOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    state = ma.fields.String()
    sums = ma.fields.Nested(ActSumsOut)
    not_counted_bp = ma.fields.Integer(allow_none=True)
    withdrawn_bp = ma.fields.Integer(allow_none=True)
    score = ma.fields.Integer(
        allow_none=True, metadata={"description": "data quality of the last seven days"}
    )


class ActDayOut(Schema):
    day = ma.fields.String()
    acts = ma.fields.Integer()
    reduction_g = ma.fields.Integer()
    creditable_g = ma.fields.Integer()
    points = ma.fields.Integer()


class ActMonthOut(Schema):
    month = ma.fields.String()
    sums = ma.fields.Nested(ActSumsOut)


class CountySumsOut(Schema):
    region_code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    sums = ma.fields.Nested(ActSumsOut)


class OverviewOut(Schema):
    as_of = ma.fields.AwareDateTime(allow_none=True)
    city = ma.fields.Nested(AccountCountsOut)
    counties = ma.fields.List(ma.fields.Nested(AccountCountsOut))
    counted_at = ma.fields.AwareDateTime(
        allow_none=True, metadata={"description": "when accounts were counted"}
    )
    note_zh = ma.fields.String(metadata={"description": "how far the counties' quotas can be trusted"})
    note_en = ma.fields.String()
    total = ma.fields.Nested(ActSumsOut)
    days = ma.fields.List(ma.fields.Nested(ActDayOut))
    months = ma.fields.List(ma.fields.Nested(ActMonthOut))
    by_county = ma.fields.List(ma.fields.Nested(CountySumsOut))
    scenes = ma.fields.List(ma.fields.Nested(SceneDataOut))
    points = ma.fields.Nested(PointsOfAllOut)
    liability_fen = ma.fields.Integer(allow_none=True)
    money = ma.fields.Nested(FundMoneyOut)
    bundles_waiting = ma.fields.Integer()
