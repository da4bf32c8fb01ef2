"""Shapes of the group API."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.groups.clubs import KINDS
from carbon_platform.web import PageOut, PlainText, Schema, described, integer

_NAME = ma.validate.Length(1, 20)
_VERSION = {
    "required": True,
    "validate": ma.validate.Length(1, 20),
    **described("version of the consent text that was read (GET citizen/consents)", example="2026-11"),
}


class FamilyIn(Schema):
    name = PlainText(required=True, validate=_NAME, metadata={"example": "小满一家"})
    consent_version = ma.fields.String(**_VERSION)


class JoinIn(Schema):
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Length(8, 40),
        **described("invitation; blanks, dashes and small letters do not matter", example="7KQM-2XWD-9HTB"),
    )
    consent_version = ma.fields.String(**_VERSION)


class GiftIn(Schema):
    member_id = integer(1, 10**15, **described("who gets it: a member of the same family"))
    points = integer(1, 10_000, **described("whole points", example=20))


class InvitationOut(Schema):
    code = ma.fields.String(**described("shown this once; the next one makes it worthless"))
    until = ma.fields.AwareDateTime(format="iso")


class FamilyMemberOut(Schema):
    member_id = ma.fields.Integer()
    nickname = ma.fields.String()
    role = ma.fields.String(**described("owner or member"))
    own = ma.fields.Boolean(**described("whether this is the reader"))
    joined_at = ma.fields.AwareDateTime(format="iso")
    month_g = ma.fields.Integer(
        allow_none=True, **described("g CO2e of this month; null without their consent")
    )


class GiftOut(Schema):
    id = ma.fields.Integer()
    sent = ma.fields.Boolean(**described("true: by the reader, false: to the reader"))
    giver = ma.fields.String()
    receiver = ma.fields.String()
    points = ma.fields.Integer()
    given_at = ma.fields.AwareDateTime(format="iso")


class GiftRuleOut(Schema):
    version = ma.fields.String()
    giver_day_points = ma.fields.Integer()
    receiver_day_points = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String()


class FamilyOut(Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")
    members_max = ma.fields.Integer()
    member_id = ma.fields.Integer(**described("the reader's own place"))
    members = ma.fields.List(ma.fields.Nested(FamilyMemberOut))
    month_g = ma.fields.Integer(**described("sum of the members who let it be seen"))
    gifts = ma.fields.List(ma.fields.Nested(GiftOut))
    gift_rule = ma.fields.Nested(GiftRuleOut)
    left_to_give = ma.fields.Integer(**described("points of today"))
    left_to_get = ma.fields.Integer(**described("points of today"))
    invitation = ma.fields.Nested(
        InvitationOut, allow_none=True, **described("only in the answer that opens the family")
    )


class WeekOut(Schema):
    week = ma.fields.String(**described("its Monday"))
    until = ma.fields.String(**described("its Sunday"))
    people = ma.fields.Integer(allow_none=True)
    reduction_g = ma.fields.Integer(allow_none=True, **described("points grade, g CO2e"))
    withheld = ma.fields.String(**described("empty, few or difference"))
    withheld_zh = ma.fields.String()
    withheld_en = ma.fields.String()
    released_at = ma.fields.AwareDateTime(format="iso")


class GroupOut(Schema):
    id = ma.fields.Integer()
    kind = ma.fields.String()
    kind_zh = ma.fields.String()
    kind_en = ma.fields.String()
    name = ma.fields.String()
    region_code = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")
    members = ma.fields.Integer(allow_none=True, **described("null: fewer than k"))
    week = ma.fields.Nested(WeekOut, allow_none=True)
    invitation = ma.fields.Nested(InvitationOut, allow_none=True)


class GroupsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(GroupOut))


class GroupIn(Schema):
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf(KINDS))
    name = PlainText(required=True, validate=ma.validate.Length(2, 40))
    region_code = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(
            r"^\d{6,12}$", error="应为 6 至 12 位行政区代码。 A region code of 6 to 12 digits."
        ),
        metadata={"example": "411502001001"},
    )


class RankingArgs(Schema):
    group_id = ma.fields.Integer(
        load_default=None, validate=ma.validate.Range(1, 10**15), **described("empty: the reader's county")
    )


class PlaceOut(Schema):
    place = ma.fields.Integer()
    nickname = ma.fields.String()
    reduction_g = ma.fields.Integer(**described("of the week, points grade, g CO2e"))
    own = ma.fields.Boolean()


class RankingOut(Schema):
    week = ma.fields.String(allow_none=True)
    until = ma.fields.String(allow_none=True)
    joined = ma.fields.Boolean(**described("whether the reader has agreed to be seen"))
    consent_version = ma.fields.String(
        **described("agree to platform/ranking in this version to be seen from the next week on")
    )
    places = ma.fields.List(ma.fields.Nested(PlaceOut))
    own = ma.fields.Nested(PlaceOut, allow_none=True)


class LeagueLineOut(Schema):
    place = ma.fields.Integer(allow_none=True)
    county_code = ma.fields.String()
    people = ma.fields.Integer(allow_none=True)
    reduction_g = ma.fields.Integer(allow_none=True)
    per_10k_g = ma.fields.Integer(allow_none=True, **described("g CO2e per 10,000 residents"))
    residents = ma.fields.Integer()
    residents_source = ma.fields.String()
    residents_status = ma.fields.String()
    withheld_zh = ma.fields.String()
    withheld_en = ma.fields.String()


class LeagueOut(Schema):
    week = ma.fields.String(allow_none=True)
    until = ma.fields.String(allow_none=True)
    lines = ma.fields.List(ma.fields.Nested(LeagueLineOut))
