"""What goes in and out over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import marshmallow as ma

from carbon_platform.books.service import OWN_ROLES
from carbon_platform.ledger import ROLES, By
from carbon_platform.web import Schema

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_moment = ma.validate.Range(EARLIEST, LATEST)
_reason = ma.validate.Length(2, 400)


def _time(meaning: str) -> ma.fields.AwareDateTime:
    return ma.fields.AwareDateTime(load_default=None, validate=_moment, metadata={"description": meaning})


class StatementArgs(Schema):
    role = ma.fields.String(required=True, validate=ma.validate.OneOf(OWN_ROLES))
    lot = ma.fields.String(
        load_default="", validate=ma.validate.Length(0, 200), metadata={"description": "batch of credits"}
    )
    since = _time("begin of the period, included")
    until = _time("end of the period, not included")
    by = ma.fields.String(
        load_default=By.EFFECTIVE.value,
        validate=ma.validate.OneOf([by.value for by in By]),
        metadata={"description": "which time puts an entry into the period"},
    )
    limit = ma.fields.Integer(load_default=50, validate=ma.validate.Range(1, 200))
    before = ma.fields.Integer(load_default=None, metadata={"description": "next_before of the last page"})


class StatementLineOut(Schema):
    entry_id = ma.fields.Integer()
    reason = ma.fields.String()
    reference = ma.fields.String()
    amount = ma.fields.Integer(metadata={"description": "in the unit; below zero went out"})
    counterparty_role = ma.fields.String()
    counterparty = ma.fields.String(allow_none=True, metadata={"description": "an organisation's name"})
    effective_at = ma.fields.AwareDateTime()
    recorded_at = ma.fields.AwareDateTime()
    note = ma.fields.String()


class StatementOut(Schema):
    organisation = ma.fields.String()
    role = ma.fields.String()
    lot = ma.fields.String()
    unit = ma.fields.String(metadata={"description": "kg of credits, fen of money"})
    opening = ma.fields.Integer(allow_none=True, metadata={"description": "of a period, in the unit"})
    closing = ma.fields.Integer(allow_none=True, metadata={"description": "of a period, in the unit"})
    lines = ma.fields.List(ma.fields.Nested(StatementLineOut), metadata={"description": "newest first"})
    next_before = ma.fields.Integer(allow_none=True)


class ReconciledRowOut(Schema):
    row = ma.fields.String()
    wrong = ma.fields.Integer(metadata={"description": "rows"})
    zh = ma.fields.String()
    en = ma.fields.String()


class ReconciledCheckOut(Schema):
    name = ma.fields.String()
    examined = ma.fields.Integer(metadata={"description": "rows"})
    wrong = ma.fields.Integer(metadata={"description": "rows"})
    seconds = ma.fields.Float()
    findings = ma.fields.List(ma.fields.Nested(ReconciledRowOut))


class ReconciliationOut(Schema):
    started_at = ma.fields.AwareDateTime()
    ended_at = ma.fields.AwareDateTime()
    ok = ma.fields.Boolean()
    checks = ma.fields.List(ma.fields.Nested(ReconciledCheckOut))


class FreezeOut(Schema):
    freeze_id = ma.fields.Integer()
    role = ma.fields.String(allow_none=True)
    holder = ma.fields.String(allow_none=True, metadata={"description": "opaque"})
    lot = ma.fields.String(allow_none=True)
    reason = ma.fields.String()
    frozen_at = ma.fields.AwareDateTime()
    frozen_by = ma.fields.String()
    lifted_at = ma.fields.AwareDateTime(allow_none=True)
    lifted_by = ma.fields.String()
    note = ma.fields.String()

    @ma.pre_dump
    def flatten(self, freeze: Any, **_: Any) -> Any:
        account = freeze.account
        lot = freeze.lot if account is None else account.lot
        role, holder = (None, None) if account is None else (account.role, account.holder)
        return {**vars(freeze), "role": role, "holder": holder, "lot": lot or None}


class BooksOut(Schema):
    last = ma.fields.Nested(ReconciliationOut, allow_none=True)
    frozen = ma.fields.List(ma.fields.Nested(FreezeOut))
    lifted = ma.fields.List(ma.fields.Nested(FreezeOut))


class FreezeAccountIn(Schema):
    role = ma.fields.String(required=True, validate=ma.validate.OneOf(sorted(ROLES)))
    holder = ma.fields.String(required=True, validate=ma.validate.Length(1, 200))
    lot = ma.fields.String(load_default="", validate=ma.validate.Length(0, 200))


class FreezeIn(Schema):
    """Either one account or one whole lot of credits."""

    account = ma.fields.Nested(FreezeAccountIn, load_default=None)
    lot = ma.fields.String(load_default=None, validate=ma.validate.Length(1, 200))
    reason = ma.fields.String(required=True, validate=_reason)

    @ma.validates_schema
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        if (data["account"] is None) == (data["lot"] is None):
            raise ma.ValidationError("须写明 account 或 lot，二者之一。 Name either account or lot.", "lot")


class FrozenOut(Schema):
    frozen = ma.fields.List(ma.fields.Nested(FreezeOut))


class LiftIn(Schema):
    note = ma.fields.String(
        required=True, validate=_reason, metadata={"description": "what was found and repaired"}
    )
