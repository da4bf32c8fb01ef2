"""Shapes of the account endpoints."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.web import PageArgs, PageOut, PlainText, Schema, described, integer

_CODE = r"^\d{6}$"
_REGION = r"^(\d{6})?$"


class MergeOfferOut(Schema):
    id = ma.fields.Integer()
    proof = ma.fields.String(**described("what was proved: phone or id"))
    role = ma.fields.String(**described("asking: this account made it; asked: this one is to agree"))
    agreed = ma.fields.Boolean(**described("whether the other account has agreed"))
    can_merge = ma.fields.Boolean(**described("whether POST …/merge with action=merge works now"))
    offered_at = ma.fields.AwareDateTime(format="iso")
    expires_at = ma.fields.AwareDateTime(format="iso")
    zh = ma.fields.String()
    en = ma.fields.String()


class AccountOut(Schema):
    number = ma.fields.Integer(**described("the account number to tell the hotline"))
    nickname = ma.fields.String()
    region_code = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")
    state = ma.fields.String(**described("open, closed, erasing"))
    erase_after = ma.fields.AwareDateTime(format="iso", allow_none=True)
    tier = ma.fields.String(**described("opened, phone, real_name"))
    wechat = ma.fields.Boolean(**described("whether a WeChat account signs in to it"))
    phone_masked = ma.fields.String(**described("138****0000; empty: none", example="138****0000"))
    name_masked = ma.fields.String()
    id_masked = ma.fields.String(**described("4115**********1234", example="4115**********1234"))
    under_14 = ma.fields.Boolean()
    guardian_consent = ma.fields.Boolean()
    points = ma.fields.Integer(**described("that can be spent now"))
    merge_offers = ma.fields.List(ma.fields.Nested(MergeOfferOut))


class ProfileIn(Schema):
    nickname = PlainText(validate=ma.validate.Length(1, 20))
    region_code = ma.fields.String(
        validate=ma.validate.Regexp(_REGION, error="应为 6 位县区代码或留空。 A 6-digit county code.")
    )


class PhoneIn(Schema):
    phone = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 40),
        **described("mainland mobile number, blanks and +86 allowed", example="138 0000 0000"),
    )


class PhoneAskedOut(Schema):
    phone_masked = ma.fields.String()
    expires_in_s = ma.fields.Integer()
    again_in_s = ma.fields.Integer(**described("after which another code may be asked for"))
    demo_code = ma.fields.String(**described("the code itself where SMS is only played (demo); else empty"))


class PhoneConfirmIn(PhoneIn):
    code = ma.fields.String(
        required=True, validate=ma.validate.Regexp(_CODE, error="应为 6 位数字。 Six digits."), load_only=True
    )


class IdentityConfirmedOut(Schema):
    confirmed = ma.fields.Boolean(**described("false: another account has it, see merge_offer"))
    account = ma.fields.Nested(AccountOut)
    merge_offer = ma.fields.Nested(MergeOfferOut, allow_none=True)


class RealNameIn(Schema):
    name = ma.fields.String(required=True, validate=ma.validate.Length(1, 60), load_only=True)
    id_number = ma.fields.String(required=True, validate=ma.validate.Length(1, 40), load_only=True)
    version = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 20),
        **described("version of the consent text platform/real-name that was read"),
    )
    guardian_agrees = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})


class MergeIn(Schema):
    offer = integer(1, 2**53)
    action = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf(["merge", "move", "agree"]),
        **described(
            "merge: the other account ends in this one; move: only the phone moves here (it changed hands); "
            "agree: this account agrees to end in the one that asks"
        ),
    )


class MergedOut(Schema):
    outcome = ma.fields.String(**described("merged, moved, agreed"))
    account = ma.fields.Nested(AccountOut)


class ErasureIn(Schema):
    forfeit_points = integer(
        0, 10**12, **described("the points that are left (spendable and pending) and lapse; 0 if none")
    )


class AccountExportArgs(Schema):
    format = ma.fields.String(load_default="json", validate=ma.validate.OneOf(["json", "csv"]))


class ConsentTextArgs(Schema):
    partner = ma.fields.String(required=True, validate=ma.validate.Length(1, 40))
    purpose = ma.fields.String(load_default="acts", validate=ma.validate.Length(1, 40))
    version = ma.fields.String(required=True, validate=ma.validate.Length(1, 20))


class ConsentTextOut(Schema):
    partner = ma.fields.String()
    purpose = ma.fields.String()
    version = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


class PersonLookupIn(Schema):
    by = ma.fields.String(required=True, validate=ma.validate.OneOf(["phone", "id", "number"]))
    value = ma.fields.String(required=True, validate=ma.validate.Length(1, 40), load_only=True)
    reason = PlainText(required=True, validate=ma.validate.Length(1, 200))


class FoundPersonOut(Schema):
    number = ma.fields.Integer()
    nickname = ma.fields.String()
    region_code = ma.fields.String()
    county_zh = ma.fields.String()
    county_en = ma.fields.String()
    state = ma.fields.String(**described("open, closed, erasing, merged, deleted"))
    state_zh = ma.fields.String()
    state_en = ma.fields.String()
    opened_at = ma.fields.AwareDateTime(format="iso")
    opened_on = ma.fields.String(**described("local day, ISO"))
    via = ma.fields.String()
    phone_masked = ma.fields.String()
    name_masked = ma.fields.String()
    id_masked = ma.fields.String()


class PersonLookupOut(Schema):
    id = ma.fields.Integer()
    person = ma.fields.Integer(attribute="person_id", allow_none=True)
    user = ma.fields.Integer(attribute="user_id")
    role = ma.fields.String(attribute="user_role")
    by = ma.fields.String(attribute="found_by")
    reason = ma.fields.String()
    at = ma.fields.AwareDateTime(format="iso")


class PersonLookupsOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(PersonLookupOut))


class DataShareArgs(PageArgs):
    partner = ma.fields.String(load_default="", validate=ma.validate.Length(0, 40))
    direction = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", "received", "sent"]))


class DataShareOut(Schema):
    id = ma.fields.Integer()
    at = ma.fields.AwareDateTime(format="iso")
    direction = ma.fields.String()
    partner = ma.fields.String()
    purpose = ma.fields.String()
    fields_held = ma.fields.List(ma.fields.String(), attribute="fields")
    rows = ma.fields.Integer(attribute="row_count")
    people = ma.fields.Integer(attribute="people_count")
    reference = ma.fields.String()


class DataSharesOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(DataShareOut))


class AccountProgressRowOut(Schema):
    code = ma.fields.String(**described("county, or 4115 for the city"))
    opened = ma.fields.Integer(**described("accounts that are open"))
    active = ma.fields.Integer(**described("of them with an act in the last 30 days"))
    phone = ma.fields.Integer(**described("of them with a confirmed phone"))
    real_name = ma.fields.Integer(**described("of them with name and identity number"))
    due_now = ma.fields.Integer(**described("what the curve asks for today"))
    behind = ma.fields.Integer()
    target = ma.fields.Integer()
    target_on = ma.fields.String()
    per_day = ma.fields.Float(**described("accounts opened a day, over the last 30 days"))
    forecast_on = ma.fields.String(allow_none=True, **described("null: never at this rate"))
    people = ma.fields.Integer(**described("residents the quota is shared out by"))
    source = ma.fields.String()
    status = ma.fields.String(**described("evidence status of the residents' figure"))


class AccountsElsewhereOut(Schema):
    opened = ma.fields.Integer()
    active = ma.fields.Integer()
    phone = ma.fields.Integer()
    real_name = ma.fields.Integer()


class TargetPointOut(Schema):
    day = ma.fields.String()
    accounts = ma.fields.Integer()
    source = ma.fields.String()
    status = ma.fields.String()


class AccountProgressOut(Schema):
    counted_at = ma.fields.AwareDateTime(format="iso", allow_none=True)
    city = ma.fields.Nested(AccountProgressRowOut)
    counties = ma.fields.List(ma.fields.Nested(AccountProgressRowOut))
    elsewhere = ma.fields.Nested(
        AccountsElsewhereOut, **described("accounts that name no county of the city")
    )
    curve = ma.fields.List(ma.fields.Nested(TargetPointOut))
    note_zh = ma.fields.String()
    note_en = ma.fields.String()
