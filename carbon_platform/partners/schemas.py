"""Shapes of the scene and partner API."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.citizens.scene_changes import STATUSES
from carbon_platform.citizens.scenes import STATE_WORDS
from carbon_platform.web import FileIn, PageOut, PlainText, ReadyList, Schema, described, integer

_CODE = r"^[a-z][a-z0-9-]{2,39}$"


class TermsIn(Schema):
    """Terms of a scene; those left out stay as they are."""

    name_zh = PlainText(validate=ma.validate.Length(1, 60))
    name_en = PlainText(validate=ma.validate.Length(1, 120))
    behaviours = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(1, 40)),
        validate=ma.validate.Length(1, 60),
        **described("codes of the catalogue it may report", example=["XI14", "XI14b"]),
    )
    evidence_percent = integer(1, 100, required=False, **described("share of the points grade, %"))
    creditable = ma.fields.Boolean(truthy={True}, falsy={False})
    observation_days = integer(0, 366, required=False, **described("reversal window, days"))
    observation_from = ma.fields.String(validate=ma.validate.OneOf(["act", "receipt"]))
    observation_source = PlainText(validate=ma.validate.Length(1, 200))
    observation_status = ma.fields.String(validate=ma.validate.OneOf(sorted(STATUSES)))
    source = PlainText(validate=ma.validate.Length(1, 200), **described("where the terms come from"))
    status = ma.fields.String(validate=ma.validate.OneOf(sorted(STATUSES)))


class SceneIn(TermsIn):
    code = ma.fields.String(required=True, validate=ma.validate.Regexp(_CODE), metadata={"example": "bus-2"})
    operator_zh = PlainText(load_default="", validate=ma.validate.Length(0, 100))
    organisation_id = integer(required=False, load_default=None, allow_none=True)
    local = ma.fields.Boolean(load_default=False, truthy={True}, falsy={False})
    note = PlainText(required=True, validate=ma.validate.Length(2, 500))


class TermsChangeIn(TermsIn):
    note = PlainText(required=True, validate=ma.validate.Length(2, 500), **described("why"))


class StateIn(Schema):
    state = ma.fields.String(required=True, validate=ma.validate.OneOf(list(STATE_WORDS)))
    note = PlainText(required=True, validate=ma.validate.Length(2, 500), **described("why"))


class ChangeDecisionIn(Schema):
    approve = ma.fields.Boolean(required=True, truthy={True}, falsy={False})
    note = PlainText(load_default="", validate=ma.validate.Length(0, 500))


class SceneChangeOut(Schema):
    id = ma.fields.Integer()
    scene_code = ma.fields.String()
    kind = ma.fields.String(**described("state, terms"))
    from_state = ma.fields.String()
    to_state = ma.fields.String()
    terms = ma.fields.Dict()
    note = ma.fields.String()
    status = ma.fields.String(**described("proposed, done, declined"))
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime(format="iso")
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class SceneQualityOut(Schema):
    rows = ma.fields.Integer(**described("of the last seven days"))
    score = ma.fields.Integer(**described("0 to 100; no rows, no score"))
    complete = ma.fields.Float()
    consistent = ma.fields.Float()
    timely = ma.fields.Float()
    reconciled = ma.fields.Float()


class SceneOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    operator_zh = ma.fields.String()
    local = ma.fields.Boolean()
    behaviours = ma.fields.List(ma.fields.String())
    evidence_percent = ma.fields.Integer()
    creditable = ma.fields.Boolean()
    observation_days = ma.fields.Integer()
    observation_from = ma.fields.String()
    observation_source = ma.fields.String()
    observation_status = ma.fields.String()
    source = ma.fields.String()
    status = ma.fields.String()
    state = ma.fields.String()
    state_zh = ma.fields.Function(lambda scene: STATE_WORDS[scene.state][0], metadata={"type": "string"})
    state_en = ma.fields.Function(lambda scene: STATE_WORDS[scene.state][1], metadata={"type": "string"})
    changed_at = ma.fields.AwareDateTime(format="iso")


class SceneDetailOut(Schema):
    scene = ma.fields.Nested(SceneOut)
    changes = ma.fields.List(ma.fields.Nested(SceneChangeOut))
    quality = ma.fields.Nested(SceneQualityOut)


class PartnerKeyOut(Schema):
    key_id = ma.fields.String()
    made_by = ma.fields.String()
    made_at = ma.fields.AwareDateTime(format="iso")
    ends_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class NewPartnerKeyOut(PartnerKeyOut):
    secret = ma.fields.String(**described("shown this once; keep it safe, it cannot be shown again"))


class PushOut(Schema):
    id = ma.fields.Integer()
    key_id = ma.fields.String()
    kind = ma.fields.String()
    rows = ma.fields.Integer()
    received = ma.fields.Integer()
    duplicates = ma.fields.Integer()
    conflicts = ma.fields.Integer()
    refused = ma.fields.Integer()
    reasons = ma.fields.Dict(**described("how many rows per reason"))
    content_sha256 = ma.fields.String()
    received_at = ma.fields.AwareDateTime(format="iso")


class PushesOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(PushOut))


class RowResultOut(Schema):
    row = ma.fields.Integer(**described("from 1, in the order of the body"))
    external_id = ma.fields.String(allow_none=True)
    result = ma.fields.String(**described("received, duplicate, conflict, refused"))
    state = ma.fields.String(**described("waiting, done, refused: what became of the record so far"))
    code = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


class PushResultOut(PushOut):
    results = ReadyList(ma.fields.Nested(RowResultOut))


class OutcomeOut(Schema):
    state = ma.fields.String(**described("waiting, done, refused"))
    code = ma.fields.String(**described("reason, where refused"))
    zh = ma.fields.String()
    en = ma.fields.String()
    rows = ma.fields.Integer()
    external_ids = ma.fields.List(ma.fields.String(), **described("the first twenty record numbers"))


class PushDetailOut(Schema):
    push = ma.fields.Nested(PushOut)
    outcomes = ma.fields.List(ma.fields.Nested(OutcomeOut))


class RecheckFindingOut(Schema):
    act_id = ma.fields.Integer()
    external_id = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


class RecheckOut(Schema):
    push_id = ma.fields.Integer()
    acts = ma.fields.Integer(**described("acts of the batch that stand in books"))
    agreed = ma.fields.Integer()
    differing = ma.fields.Integer()
    forgotten = ma.fields.Integer(**described("rows of more than a month ago: what was sent is gone"))
    findings = ma.fields.List(ma.fields.Nested(RecheckFindingOut), **described("the first hundred"))


class DayFileIn(FileIn):
    """A reconciliation file, CSV or NDJSON, one day."""


class SubjectIn(Schema):
    subject = ma.fields.String(
        required=True,
        validate=ma.validate.Length(1, 64),
        **described("your pseudonymous number of this customer, never a phone or identity number"),
    )


class BindingCodeOut(Schema):
    code = ma.fields.String(metadata={"example": "K7QM-2XPA"})
    expires_at = ma.fields.AwareDateTime(format="iso")


class DayTotalOut(Schema):
    records = ma.fields.Integer()
    quantity_milli = ma.fields.Integer(**described("thousandths of the behaviour's unit; metres of a km"))


class DayDifferenceOut(Schema):
    behaviour = ma.fields.String()
    field = ma.fields.String()
    theirs = ma.fields.Integer()
    ours = ma.fields.Integer()
    zh = ma.fields.String()
    en = ma.fields.String()


class PartnerDayOut(Schema):
    id = ma.fields.Integer(allow_none=True)
    day = ma.fields.String()
    outcome = ma.fields.String(**described("agreed, differs; empty: no file of yours yet"))
    theirs = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(DayTotalOut))
    ours = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.Nested(DayTotalOut))
    differences = ma.fields.List(ma.fields.Nested(DayDifferenceOut))
    submitted_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


class DayArgs(Schema):
    day = ma.fields.Date(required=True, **described("calendar day of Xinyang", example="2026-11-22"))
    format = ma.fields.String(load_default="json", validate=ma.validate.OneOf(["json", "csv", "ndjson"]))
