"""Shapes of credits on the wire: methodologies, sign-offs, runs, reviews, project file, explanations."""

from __future__ import annotations

from typing import Any

import marshmallow as ma

from carbon_platform.credits import adoption
from carbon_platform.credits.rules import DECISIONS
from carbon_platform.identity.rules import ROLES_ZH
from carbon_platform.web import PageArgs, PageOut, Schema

DAY_AFTER = {"description": "first day after the period (half-open)"}
STATUS_WORDS = {
    "verified": "已核实",
    "secondary": "二手来源",
    "unverified": "未核实",
    "illustrative": "示意",
    "local-decision": "本市采纳",
}


class ParameterOut(Schema):
    name = ma.fields.String()
    symbol = ma.fields.String()
    value = ma.fields.Float()
    unit = ma.fields.String()
    low = ma.fields.Float()
    high = ma.fields.Float()
    distribution = ma.fields.String()
    source = ma.fields.String()
    page = ma.fields.String()
    status = ma.fields.String(metadata={"description": "evidence status"})
    status_zh = ma.fields.Function(lambda parameter: STATUS_WORDS.get(parameter["status"], ""))
    valid_from = ma.fields.String()
    meaning_zh = ma.fields.String()
    meaning_en = ma.fields.String()
    note = ma.fields.String()


class ChoiceOut(Schema):
    value = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()


class ColumnOut(Schema):
    name = ma.fields.String()
    kind = ma.fields.String()
    unit = ma.fields.String()
    meaning_zh = ma.fields.String()
    meaning_en = ma.fields.String()
    low = ma.fields.Float(allow_none=True)
    high = ma.fields.Float(allow_none=True)
    default = ma.fields.Raw(allow_none=True)
    required = ma.fields.Boolean()
    allowed = ma.fields.String()
    choices = ma.fields.List(ma.fields.Nested(ChoiceOut))


class CaseOut(Schema):
    when = ma.fields.String()
    formula = ma.fields.String()


class StepOut(Schema):
    name = ma.fields.String()
    symbol = ma.fields.String()
    unit = ma.fields.String()
    meaning_zh = ma.fields.String()
    meaning_en = ma.fields.String()
    equation_no = ma.fields.String()
    source = ma.fields.String()
    cases = ma.fields.List(ma.fields.Nested(CaseOut))


class SignOffIn(Schema):
    methodology_key = ma.fields.String(required=True)
    parameter_digest = ma.fields.String(required=True, validate=ma.validate.Length(64, 64))
    document_number = ma.fields.String(required=True, validate=ma.validate.Length(1, 100))
    document_title = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    signed_on = ma.fields.Date(required=True)
    signer = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(0, 100),
        metadata={"description": "name under the document; yours if empty"},
    )
    is_demo = ma.fields.Boolean(load_default=False, metadata={"description": "forced outside production"})


class SignOffQuery(Schema):
    methodology_key = ma.fields.String(load_default="")


class SignOffOut(Schema):
    id = ma.fields.Integer()
    methodology_key = ma.fields.String()
    parameter_digest = ma.fields.String()
    document_number = ma.fields.String()
    document_title = ma.fields.String()
    signer = ma.fields.String()
    signed_on = ma.fields.Date()
    is_demo = ma.fields.Boolean()
    recorded_at = ma.fields.AwareDateTime()
    proposed_by = ma.fields.String()
    second_approver = ma.fields.String(metadata={"description": "empty before two people were needed"})
    second_role = ma.fields.String()


class ProposalQuery(Schema):
    status = ma.fields.String(
        load_default="",
        validate=ma.validate.OneOf(("", adoption.PENDING, adoption.ADOPTED, adoption.DECLINED)),
    )
    methodology_key = ma.fields.String(load_default="")


class ProposalDecisionIn(Schema):
    decision = ma.fields.String(required=True, validate=ma.validate.OneOf(adoption.DECISIONS))
    note = ma.fields.String(load_default="", validate=ma.validate.Length(0, 1000))


class ProposalOut(Schema):
    id = ma.fields.Integer()
    methodology_key = ma.fields.String()
    parameter_digest = ma.fields.String()
    as_of = ma.fields.Date()
    document_number = ma.fields.String()
    document_title = ma.fields.String()
    signer = ma.fields.String()
    signed_on = ma.fields.Date()
    is_demo = ma.fields.Boolean()
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime()
    status = ma.fields.String(metadata={"description": "pending, adopted, declined"})
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(allow_none=True)
    note = ma.fields.String()


class MethodologyBrief(Schema):
    key = ma.fields.String()
    id = ma.fields.String()
    version = ma.fields.Integer()
    title_zh = ma.fields.String()
    title_en = ma.fields.String()
    subject = ma.fields.String()
    source = ma.fields.String()
    gwp_set = ma.fields.String()
    parameter_digest = ma.fields.String()
    code_digest = ma.fields.String()
    as_of = ma.fields.Date()
    statuses = ma.fields.Dict(metadata={"description": "evidence status → number of parameters"})
    sign_off = ma.fields.Nested(SignOffOut, allow_none=True)
    proposal = ma.fields.Nested(
        ProposalOut, allow_none=True, metadata={"description": "filed, waits for the second approver"}
    )
    columns = ma.fields.List(ma.fields.Nested(ColumnOut))
    parameters = ma.fields.List(ma.fields.Nested(ParameterOut))


class MethodologyOut(MethodologyBrief):
    narrative = ma.fields.String()
    steps = ma.fields.List(ma.fields.Nested(StepOut))


class BlockerOut(Schema):
    code = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()
    who = ma.fields.String(metadata={"description": "role that can remove it"})
    who_zh = ma.fields.Function(lambda blocker: ROLES_ZH.get(who_of(blocker), who_of(blocker)))


def who_of(blocker: Any) -> str:
    return str(blocker["who"] if isinstance(blocker, dict) else blocker.who)


class RunIn(Schema):
    period_start = ma.fields.Date(required=True)
    period_end = ma.fields.Date(required=True, metadata=DAY_AFTER)


class RunBrief(Schema):
    code = ma.fields.String()
    period_start = ma.fields.Date()
    period_end = ma.fields.Date()
    net_t = ma.fields.Float(metadata={"description": "t CO2e, unrounded"})
    issuable_t = ma.fields.Integer(metadata={"description": "whole t CO2e: rounded down once"})
    deficit_t = ma.fields.Float()
    parcel_count = ma.fields.Integer()
    area_m2 = ma.fields.Float()
    status = ma.fields.String()
    created_by = ma.fields.String()
    created_at = ma.fields.AwareDateTime()


class ReviewIn(Schema):
    decision = ma.fields.String(required=True, validate=ma.validate.OneOf(DECISIONS))
    note = ma.fields.String(load_default="", validate=ma.validate.Length(0, 1000))


class ReviewOut(Schema):
    role = ma.fields.String()
    decision = ma.fields.String()
    note = ma.fields.String()
    reviewer = ma.fields.String()
    at = ma.fields.AwareDateTime()


class RunOut(RunBrief):
    project_code = ma.fields.String()
    methodology_key = ma.fields.String()
    parameter_digest = ma.fields.String()
    input_digest = ma.fields.String()
    code_digest = ma.fields.String()
    gwp_set = ma.fields.String()
    as_of = ma.fields.Date()
    parameters = ma.fields.List(ma.fields.Nested(ParameterOut))
    totals = ma.fields.Dict(metadata={"description": "sums over all parcels, negative ones included"})
    warnings = ma.fields.List(ma.fields.Dict())
    reviews = ma.fields.List(ma.fields.Nested(ReviewOut))
    blockers = ma.fields.List(ma.fields.Nested(BlockerOut))
    same_input_as = ma.fields.List(
        ma.fields.String(), metadata={"description": "other runs with equal input, parameters and code"}
    )


class RunRowQuery(PageArgs):
    negative = ma.fields.Boolean(load_default=False, metadata={"description": "only parcels below zero"})


class RunRowOut(Schema):
    parcel_code = ma.fields.String()
    county_code = ma.fields.String()
    area_m2 = ma.fields.Float()
    net_t = ma.fields.Float()
    inputs = ma.fields.Dict()
    outputs = ma.fields.Dict()


class RunRowPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(RunRowOut))


class ProjectCountyOut(Schema):
    county_code = ma.fields.String()
    parcels = ma.fields.Integer()
    area_m2 = ma.fields.Float()


class PeriodOut(Schema):
    period_start = ma.fields.Date()
    period_end = ma.fields.Date()
    parcels = ma.fields.Integer()
    missing = ma.fields.Integer()
    recorded_at = ma.fields.AwareDateTime()


class MilestoneOut(Schema):
    key = ma.fields.String()
    zh = ma.fields.String()
    en = ma.fields.String()
    state = ma.fields.String(metadata={"description": "done, now, todo"})
    who = ma.fields.String()
    at = ma.fields.AwareDateTime(allow_none=True)
    note_zh = ma.fields.String()
    note_en = ma.fields.String()


class NextStepOut(Schema):
    zh = ma.fields.String()
    en = ma.fields.String()
    who = ma.fields.String()
    who_zh = ma.fields.Function(lambda step: ROLES_ZH.get(step.who, step.who))
    blockers = ma.fields.List(ma.fields.Nested(BlockerOut))


class ProjectFileOut(Schema):
    code = ma.fields.String(attribute="project.code")
    name_zh = ma.fields.String(attribute="project.name_zh")
    scheme = ma.fields.String(attribute="project.scheme")
    methodology_key = ma.fields.String(attribute="project.methodology_key")
    region_code = ma.fields.String(attribute="project.region_code")
    owner_organisation_id = ma.fields.Integer(attribute="project.owner_organisation_id")
    owner = ma.fields.String()
    crediting_from = ma.fields.Date(attribute="project.crediting_from")
    crediting_to = ma.fields.Date(attribute="project.crediting_to")
    status = ma.fields.String(attribute="project.status")
    parcel_count = ma.fields.Integer()
    area_m2 = ma.fields.Float()
    counties = ma.fields.List(ma.fields.Nested(ProjectCountyOut))
    periods = ma.fields.List(ma.fields.Nested(PeriodOut))
    runs = ma.fields.List(ma.fields.Nested(RunBrief))
    timeline = ma.fields.List(ma.fields.Nested(MilestoneOut))
    next_step = ma.fields.Nested(NextStepOut)
