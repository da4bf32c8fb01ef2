"""Shapes of the proxy and village API."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import request
from flask_smorest.fields import Upload

from carbon_platform.citizens.schemas import ActOut, BookTotalsOut
from carbon_platform.proxies import rules
from carbon_platform.web import Attachment, FormIn, PageOut, PlainText, Schema, described, integer

_WORD = ma.validate.Regexp(r"^[a-z0-9-]{1,40}$")
_VILLAGE = ma.validate.Regexp(r"^\d{12}$", error="应为 12 位村（社区）代码。 A village code of 12 digits.")


class _PaperIn(FormIn):
    """What an officer types from a paper. A limit left empty is asked for again, never filled in for her."""

    def form_fields(self) -> dict[str, Any]:
        """A box that is ticked several times comes as several fields of one name."""
        return {name: ",".join(request.form.getlist(name)) for name in request.form}


class ProxyIn(Schema):
    member_id = integer(1, 10**15, **described("a member of the same family (citizen/family)"))
    may_report = ma.fields.Boolean(load_default=True, truthy={True}, falsy={False})
    may_redeem = ma.fields.Boolean(load_default=True, truthy={True}, falsy={False})
    day_points = integer(0, 100_000, required=False, load_default=100, **described("points a day"))
    month_points = integer(0, 100_000, required=False, load_default=500, **described("points a month"))
    days = integer(1, 3_650, required=False, load_default=365, **described("until it ends by itself"))


class ProxyOut(Schema):
    id = ma.fields.Integer()
    role = ma.fields.String(**described("principal: the reader gave it; agent: the reader holds it"))
    principal = ma.fields.String(**described("nickname"))
    agent = ma.fields.String(**described("nickname"))
    may_report = ma.fields.Boolean()
    may_redeem = ma.fields.Boolean()
    day_points = ma.fields.Integer()
    month_points = ma.fields.Integer()
    spent_today = ma.fields.Integer()
    granted_at = ma.fields.AwareDateTime(format="iso")
    granted_by = ma.fields.String(**described("the officer who took it down on paper, or empty"))
    until = ma.fields.AwareDateTime(format="iso")
    ended_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    standing = ma.fields.Boolean(**described("whether it can be used now"))


class ProxyActionOut(Schema):
    kind = ma.fields.String(**described("act or redemption"))
    object_id = ma.fields.Integer(**described("number of the act or of the voucher"))
    by = ma.fields.String(**described("who did it: a relative's nickname or an officer"))
    points = ma.fields.Integer(**described("what it spent"))
    at = ma.fields.AwareDateTime(format="iso")


class ProxyLimitsOut(Schema):
    day_points_max = ma.fields.Integer()
    month_points_max = ma.fields.Integer()
    days_max = ma.fields.Integer()
    agent_principals_max = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String()


class ProxiesOut(Schema):
    items = ma.fields.List(ma.fields.Nested(ProxyOut))
    actions = ma.fields.List(ma.fields.Nested(ProxyActionOut), **described("what others did for the reader"))
    limits = ma.fields.Nested(ProxyLimitsOut)


class ProxyBookOut(Schema):
    proxy_id = ma.fields.Integer()
    principal = ma.fields.String()
    totals = ma.fields.Nested(BookTotalsOut)
    items = ma.fields.List(ma.fields.Nested(ActOut))
    actions = ma.fields.List(ma.fields.Nested(ProxyActionOut))


class PaperAccountIn(_PaperIn):
    paper = Attachment("photo of the signed consent")
    name = PlainText(required=True, validate=ma.validate.Length(2, 30))
    born_year = ma.fields.Integer(required=True, validate=ma.validate.Range(1880, 2100))
    village_code = ma.fields.String(required=True, validate=_VILLAGE)
    id_number = PlainText(load_default="", validate=ma.validate.Length(max=20))
    nickname = PlainText(load_default="", validate=ma.validate.Length(max=20))
    partners = ma.fields.String(
        load_default="",
        validate=ma.validate.Regexp(r"^[a-z0-9, -]{0,400}$"),
        **described("ticked on the paper, between commas", example="xinyang-bus,village-entry"),
    )


class BusCardOut(Schema):
    id = ma.fields.Integer()
    last_digits = ma.fields.String()
    bound_at = ma.fields.AwareDateTime(format="iso")
    bound_by = ma.fields.String()


class PaperAccountOut(Schema):
    number = ma.fields.String(**described("stands on the slip", example="XY00000018"))
    masked_name = ma.fields.String()
    village_code = ma.fields.String()
    state = ma.fields.String()
    points = ma.fields.Integer(**described("that can be spent now"))
    cards = ma.fields.List(ma.fields.Nested(BusCardOut))
    opened_at = ma.fields.AwareDateTime(format="iso")


class PaperAccountsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(PaperAccountOut))


class BusCardIn(Schema):
    number = ma.fields.String(
        required=True,
        validate=ma.validate.Length(4, 30),
        **described("as on the card; blanks do not matter"),
    )


class PaperRedemptionIn(Schema):
    reward = ma.fields.String(required=True, validate=_WORD)


class PaperConsentIn(Schema):
    partner = ma.fields.String(required=True, validate=_WORD)
    paper_shown = ma.fields.Boolean(
        required=True, truthy={True}, falsy=set(), **described("true: the person signed for it")
    )


class PaperWithdrawalIn(Schema):
    consent_id = integer(1, 10**15)


class PaperClosureIn(Schema):
    erase = ma.fields.Boolean(
        required=True, truthy={True}, falsy={False}, **described("also forget who it was, after a week")
    )
    forfeit_points = integer(
        0, 10**9, required=False, load_default=0, **described("with erase: the points the person gives up")
    )


class FamilyCodeIn(Schema):
    code = ma.fields.String(required=True, validate=ma.validate.Length(8, 40))


class PaperGrantIn(_PaperIn):
    paper = Attachment("photo of the signed paper")
    member_id = ma.fields.Integer(required=True, validate=ma.validate.Range(1, 10**15))
    may_report = ma.fields.Boolean(load_default=True)
    may_redeem = ma.fields.Boolean(load_default=True)
    day_points = ma.fields.Integer(load_default=100, validate=ma.validate.Range(0, 100_000))
    month_points = ma.fields.Integer(load_default=500, validate=ma.validate.Range(0, 100_000))
    days = ma.fields.Integer(load_default=365, validate=ma.validate.Range(1, 3_650))


class PaperRelativeOut(Schema):
    member_id = ma.fields.Integer()
    nickname = ma.fields.String()


class SlipArgs(Schema):
    month = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(max=10),
        **described("2026-10; empty: this month"),
    )


class SlipLineOut(Schema):
    day = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    quantity = ma.fields.String()
    unit_zh = ma.fields.String()
    unit_en = ma.fields.String()
    reduction_g = ma.fields.Integer()
    points = ma.fields.Integer()
    by_zh = ma.fields.String(**described("who wrote it down: a relative, an officer, or the source"))
    by_en = ma.fields.String()
    note_zh = ma.fields.String()
    note_en = ma.fields.String()


class SlipOut(Schema):
    number = ma.fields.String()
    name = ma.fields.String()
    month = ma.fields.String()
    acts = ma.fields.Integer()
    reduction_g = ma.fields.Integer(**described("of the month, points grade, g CO2e"))
    earned = ma.fields.Integer(**described("points of the month"))
    spent = ma.fields.Integer(**described("points of the month"))
    available = ma.fields.Integer(**described("points now"))
    pending = ma.fields.Integer(**described("points that wait"))
    all_g = ma.fields.Integer()
    lines = ma.fields.List(ma.fields.Nested(SlipLineOut))
    more = ma.fields.Integer(**described("lines that did not fit"))
    print_url = ma.fields.String()


class VillageBatchIn(_PaperIn):
    file = Attachment("XLSX or CSV")
    village_code = ma.fields.String(required=True, validate=_VILLAGE)
    photos = Upload(load_default=None, **described("any number of files of this name"))


class VillageRowOut(Schema):
    id = ma.fields.Integer()
    row_number = ma.fields.Integer()
    account_number = ma.fields.String()
    behaviour = ma.fields.String()
    day = ma.fields.String()
    milli = ma.fields.Integer(**described("thousandths of the behaviour's unit"))
    outcome = ma.fields.String(**described("ready, refused, counted, not_counted"))
    reason_zh = ma.fields.String()
    reason_en = ma.fields.String()
    drawn = ma.fields.Boolean(**described("looked at again by another person"))
    verdict = ma.fields.String(**described("empty, right or wrong"))
    verdict_note = ma.fields.String()
    checked_by = ma.fields.String()
    photo_url = ma.fields.String(allow_none=True)
    act_id = ma.fields.Integer(allow_none=True)


class VillageBatchOut(Schema):
    id = ma.fields.Integer()
    village_code = ma.fields.String()
    file_name = ma.fields.String()
    state = ma.fields.String(**described("checking, taken, returned"))
    state_zh = ma.fields.String()
    state_en = ma.fields.String()
    uploaded_by = ma.fields.String()
    uploaded_at = ma.fields.AwareDateTime(format="iso")
    closed_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    closed_by = ma.fields.String()
    rows = ma.fields.List(ma.fields.Nested(VillageRowOut))


class VillageBatchLineOut(VillageBatchOut):
    class Meta:
        exclude = ("rows",)


class VillageBatchesOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(VillageBatchLineOut))


class VillageCheckIn(Schema):
    row_id = integer(1, 10**15)
    verdict = ma.fields.String(
        required=True, validate=ma.validate.OneOf([rules.RIGHT, rules.WRONG]), **described("right or wrong")
    )
    note = PlainText(load_default="", validate=ma.validate.Length(max=200))
