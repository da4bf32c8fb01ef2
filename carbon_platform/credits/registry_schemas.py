"""What the registry's endpoints take and give: look-up, pledges, cancellations, invalidations."""

from __future__ import annotations

import marshmallow as ma

from carbon_platform.web import PageArgs, PageOut, PlainText, Schema, integer

LAST = 10**15


def _text(low: int = 2, high: int = 200) -> PlainText:
    return PlainText(required=True, validate=ma.validate.Length(low, high))


class LookupQuery(PageArgs):
    number = ma.fields.String(load_default="", metadata={"description": "certificate number"})
    serial = ma.fields.String(
        load_default="", metadata={"description": "a range as printed, or a whole batch"}
    )
    beneficiary = ma.fields.String(
        load_default="",
        validate=ma.validate.Length(max=100),
        metadata={"description": "how the name begins (with a credit code), or the whole name"},
    )
    credit_code = ma.fields.String(load_default="", validate=ma.validate.Length(max=18))
    batch = ma.fields.String(load_default="", metadata={"description": "together with kg_number"})
    kg_number = ma.fields.Integer(load_default=None, validate=ma.validate.Range(1, LAST))


class CertificateBrief(Schema):
    certificate_number = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    beneficiary_name = ma.fields.String()
    beneficiary_credit_code = ma.fields.String()
    purpose = ma.fields.String()
    batches = ma.fields.List(ma.fields.String())
    is_demo = ma.fields.Boolean()
    retired_at = ma.fields.AwareDateTime()


class KilogramOut(Schema):
    batch = ma.fields.String()
    number = ma.fields.Integer()
    serial = ma.fields.String()
    state = ma.fields.String(
        metadata={
            "description": "circulating, pledged, retired, cancelled, invalidated, taken_back or elsewhere; "
            "never whose it is"
        }
    )
    certificate_number = ma.fields.String(metadata={"description": "if it was retired"})
    invalidation = ma.fields.String(metadata={"description": "if it is void, also when it was retired"})


class LookupOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(CertificateBrief))
    kilogram = ma.fields.Nested(KilogramOut, allow_none=True)


class SpanOut(Schema):
    first = ma.fields.Integer()
    last = ma.fields.Integer()


class SpanIn(Schema):
    first = integer(1, LAST)
    last = integer(1, LAST)


class PledgeIn(Schema):
    batch = ma.fields.String(required=True)
    quantity_kg = integer(metadata={"description": "kilograms CO2e"})
    pledgee_id = integer(metadata={"description": "a bank, see GET /pledgees"})
    contract_reference = _text()
    register_name = _text()
    register_reference = PlainText(
        required=True,
        validate=ma.validate.Length(2, 200),
        metadata={"description": "local tickets have no statutory pledge register: where it was made public"},
    )


class ReleaseIn(Schema):
    quantity_kg = integer(metadata={"description": "all or part, kilograms CO2e"})
    document = _text()


class EnforcementIn(Schema):
    document = PlainText(
        required=True,
        validate=ma.validate.Length(2, 200),
        metadata={"description": "judgment, or agreement made after the debt fell due"},
    )


class PledgeStepOut(Schema):
    kind = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    document = ma.fields.String()
    at = ma.fields.AwareDateTime()


class PledgeOut(Schema):
    number = ma.fields.String()
    status = ma.fields.String(metadata={"description": "pledged, released, enforced or voided"})
    batch = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    left_kg = ma.fields.Integer()
    ranges = ma.fields.List(ma.fields.Nested(SpanOut))
    pledger = ma.fields.String()
    pledgee = ma.fields.String()
    contract_reference = ma.fields.String()
    register_name = ma.fields.String()
    register_reference = ma.fields.String()
    pledged_at = ma.fields.AwareDateTime()
    closed_at = ma.fields.AwareDateTime(allow_none=True)
    steps = ma.fields.List(ma.fields.Nested(PledgeStepOut))


class PledgePage(PageOut):
    items = ma.fields.List(ma.fields.Nested(PledgeOut))


class PledgeeOut(Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()


class CancellationIn(Schema):
    batch = ma.fields.String(required=True)
    quantity_kg = integer(metadata={"description": "kilograms CO2e"})
    reason = _text()
    document = PlainText(load_default="", validate=ma.validate.Length(max=200))
    make_good = ma.fields.String(
        load_default="", metadata={"description": "the invalidation this answers for, by its number"}
    )


class CancellationOrderIn(Schema):
    batch = ma.fields.String(required=True)
    organisation_id = integer(metadata={"description": "whose kilograms"})
    quantity_kg = integer(metadata={"description": "kilograms CO2e"})
    reason = _text()
    document = _text()


class CancellationOut(Schema):
    number = ma.fields.String()
    kind = ma.fields.String(metadata={"description": "voluntary, make_good or administrative"})
    status = ma.fields.String()
    batch = ma.fields.String()
    organisation = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    make_good = ma.fields.String()
    reason = ma.fields.String()
    document = ma.fields.String()
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime()
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(allow_none=True)


class CancellationPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(CancellationOut))


class InvalidationIn(Schema):
    batch = ma.fields.String(required=True)
    numbers = ma.fields.List(
        ma.fields.Nested(SpanIn), load_default=list, validate=ma.validate.Length(max=1000)
    )
    parcels = ma.fields.List(
        ma.fields.String(),
        load_default=list,
        validate=ma.validate.Length(max=1000),
        metadata={"description": "parcel codes: all their numbers in this batch"},
    )
    reason = _text()
    document = _text()


class OrderDecisionIn(Schema):
    confirm = ma.fields.Boolean(required=True)
    note = PlainText(load_default="", validate=ma.validate.Length(max=400))


class DebtOut(Schema):
    owed_kg = ma.fields.Integer()
    done_kg = ma.fields.Integer()
    left_kg = ma.fields.Integer()


class InvalidationOut(Schema):
    number = ma.fields.String()
    status = ma.fields.String(metadata={"description": "proposed, confirmed or rejected"})
    batch = ma.fields.String()
    quantity_kg = ma.fields.Integer()
    ranges = ma.fields.List(ma.fields.Nested(SpanOut))
    reason = ma.fields.String()
    document = ma.fields.String()
    proposed_by = ma.fields.String()
    proposed_at = ma.fields.AwareDateTime()
    decided_by = ma.fields.String()
    decided_at = ma.fields.AwareDateTime(allow_none=True)
    decision_note = ma.fields.String()
    make_good = ma.fields.Nested(DebtOut, allow_none=True)


class InvalidationPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(InvalidationOut))
