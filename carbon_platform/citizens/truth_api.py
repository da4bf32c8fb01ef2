"""What keeps the books true: appeals of citizens, random audits of sources, reviews of shared devices."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from carbon_platform.citizens import appeals, audits, catalogue, devices, scenes
from carbon_platform.citizens import truth_schemas as schemas
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.present import present_refused
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import AccountReview, Appeal, SourceAudit
from carbon_platform.web import (
    Call,
    PageArgs,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)

blp = Blueprint("truth", __name__, url_prefix="/api/v1", description="申诉与抽查 Appeals, audits, reviews")

_APPEAL = (
    "id", "act_id", "refusal_id", "reason_code", "words", "state", "answer", "counted_act_id", "raised_at",
    "decided_at",
)  # fmt: skip
_ACT = (
    "id", "source", "external_id", "behaviour", "occurred_at", "claimed_g", "reduction_g", "points",
    "reason_zh", "reason_en",
)  # fmt: skip
_ITEM_ACT = (
    "external_id", "behaviour", "occurred_at", "distance_m", "claimed_milli", "reduction_g",
)  # fmt: skip


@blp.get("/citizen/appeals")
@reading("citizen.self")
@blp.response(200, schemas.AppealOut(many=True))
def list_my_appeals(call: Call) -> Any:
    """我的申诉 The person's own appeals, newest first."""
    return [present_appeal(row) for row in appeals.mine(call.session, call.actor)]


@blp.post("/citizen/appeals")
@in_transaction("citizen.self")
@blp.arguments(schemas.AppealIn)
@blp.response(201, schemas.AppealOut)
def raise_appeal(call: Call, payload: dict[str, Any]) -> Any:
    """不对？告诉我们 Contest what became of one's own act, or a refusal; a person looks and answers."""
    return present_appeal(appeals.raise_appeal(call.session, call.actor, now=call.now, **payload))


@blp.get("/citizen/appeals/<int:appeal_id>")
@reading("citizen.self")
@blp.response(200, schemas.AppealOut)
def get_my_appeal(call: Call, appeal_id: int) -> Any:
    """一条申诉 One of the person's own appeals."""
    return present_appeal(appeals.get_mine(call.session, call.actor, appeal_id))


@blp.get("/appeals")
@reading("appeal.decide")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.AppealsOut)
def list_appeals(call: Call, args: dict[str, Any]) -> Any:
    """申诉 Appeals of the region with the acts or refused rows they are about, open ones first."""
    page = paged(call.session, appeals.appeals(call.actor), **args)
    return present_page(page, [present_case(*row) for row in page.items])


@blp.post("/appeals/<int:appeal_id>/decision")
@in_transaction("appeal.decide", idempotent=True)
@blp.arguments(schemas.AppealDecisionIn)
@blp.response(200, schemas.AppealOut)
def decide_appeal(call: Call, payload: dict[str, Any], appeal_id: int) -> Any:
    """决定 Accept (it is counted like any act, caps hold) or decline; the citizen reads the answer."""
    return present_appeal(appeals.decide(call.session, call.actor, appeal_id, now=call.now, **payload))


@blp.get("/audits/rates")
@reading(None)
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.AuditRateOut(many=True))
def list_rates(call: Call, args: dict[str, Any]) -> Any:
    """抽查结果 The published error rate of each source and month, the latest first."""
    page = paged(call.session, audits.concluded(), **args)
    return [_rate(call.session, row) for row in page.items]


@blp.get("/audits")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.AuditsOut)
def list_audits(call: Call, args: dict[str, Any]) -> Any:
    """抽查 Audits of the sources, open ones first."""
    return paged(call.session, audits.audits(), **args)


@blp.post("/audits")
@outside_transaction("points.correct")
@blp.arguments(schemas.AuditIn)
@blp.response(201, schemas.AuditFullOut)
@blp.alt_response(200, schema=schemas.AuditFullOut, description="it was drawn before")
def open_audit(call: Call, payload: dict[str, Any]) -> Any:
    """抽取 Draw what a source reported in a month that is over; the draw of before, if there is one."""
    drawn = call.read(lambda session: audits.draw_month(session, now=call.now, **payload))
    if drawn is None:
        return call.read(lambda session: _known_audit(session, payload["source"], payload["month"])), 200
    return call.transact(
        lambda session: present_audit(session, audits.open_audit(session, call.actor, drawn, now=call.now))
    )


@blp.get("/audits/<int:audit_id>")
@reading("inclusion.read")
@blp.response(200, schemas.AuditFullOut)
def get_audit(call: Call, audit_id: int) -> Any:
    """一次抽查 The drawn acts with what was found; no person is named."""
    return present_audit(call.session, audits.get_audit(call.session, audit_id))


@blp.post("/audits/<int:audit_id>/items/<int:number>")
@in_transaction("points.correct")
@blp.arguments(schemas.VerdictIn)
@blp.response(200, schemas.AuditItemOut)
def check_item(call: Call, payload: dict[str, Any], audit_id: int, number: int) -> Any:
    """核对 What was found about one drawn act; may be put right until the audit is concluded."""
    item = audits.check_item(call.session, call.actor, audit_id, number, now=call.now, **payload)
    return _item(item, audits.acts_of(call.session, [item])[item.act_id])


@blp.post("/audits/<int:audit_id>/conclusion")
@in_transaction("points.correct")
@blp.response(200, schemas.AuditFullOut)
def conclude(call: Call, audit_id: int) -> Any:
    """下结论 Publish the error rate; too many errors stop the scene, wrong acts are put up for withdrawal."""
    return present_audit(call.session, audits.conclude(call.session, call.actor, audit_id, now=call.now))


@blp.get("/account-reviews")
@reading("points.correct")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.AccountReviewsOut)
def list_reviews(call: Call, args: dict[str, Any]) -> Any:
    """共用核查 Devices and payment accounts with too many accounts, open ones first."""
    page = paged(call.session, devices.reviews(), **args)
    return present_page(page, map(present_review, page.items))


@blp.post("/account-reviews/<int:review_id>/decision")
@in_transaction("points.correct")
@blp.arguments(schemas.AccountReviewDecisionIn)
@blp.response(200, schemas.AccountReviewOut)
def decide_review(call: Call, payload: dict[str, Any], review_id: int) -> Any:
    """核查结论 Clear the accounts, or confirm: their points wait until cleared."""
    return present_review(devices.decide(call.session, call.actor, review_id, now=call.now, **payload))


def present_appeal(row: Appeal) -> dict[str, Any]:
    zh, en = appeals.STATE_WORDS[row.state]
    return {**{name: getattr(row, name) for name in _APPEAL}, "state_zh": zh, "state_en": en}


def present_case(row: Appeal, act: Act | None, refused: ActRefusal | None) -> dict[str, Any]:
    """An appeal for the desk, with what it is about."""
    about = _act(act) if act is not None else None
    row_words = present_refused(refused) if refused is not None else None
    more = {"region_code": row.region_code, "decided_by": row.decided_by, "act": about, "refusal": row_words}
    return {**present_appeal(row), **more}


def _act(act: Act) -> dict[str, Any]:
    known = catalogue.behaviours().get(act.behaviour)
    about = {name: getattr(act, name) for name in _ACT}
    about["behaviour_zh"] = known.name_zh if known else act.behaviour
    about["behaviour_en"] = known.name_en if known else act.behaviour
    return about


def present_audit(session: Session, row: SourceAudit) -> dict[str, Any]:
    items = list(session.scalars(audits.items_of(row.id)))
    acts = audits.acts_of(session, items)
    fields = schemas.AuditOut().fields
    return {
        **{name: getattr(row, name) for name in fields},
        "items": [_item(item, acts[item.act_id]) for item in items],
    }


def _known_audit(session: Session, source: str, month: str) -> dict[str, Any]:
    row = audits.find_audit(session, source, month)
    assert row is not None  # drawn before, and never deleted
    return present_audit(session, row)


def present_review(row: AccountReview) -> dict[str, Any]:
    kind_zh, kind_en = devices.KIND_WORDS[row.kind]
    state_zh, state_en = devices.STATE_WORDS[row.state]
    names = ("id", "kind", "accounts", "state", "note", "opened_at", "decided_by")
    words = {"kind_zh": kind_zh, "kind_en": kind_en, "state_zh": state_zh, "state_en": state_en}
    return {**{name: getattr(row, name) for name in names}, **words}


def _item(item: Any, act: Act) -> dict[str, Any]:
    own = {name: getattr(item, name) for name in ("number", "act_id", "verdict", "note", "checked_by")}
    return {**own, **{name: getattr(act, name) for name in _ITEM_ACT}}


def _rate(session: Session, row: SourceAudit) -> dict[str, Any]:
    zh, en = scenes.names(session, row.source)
    names = ("source", "month", "population", "drawn", "errors", "seed", "suspended")
    return {**{name: getattr(row, name) for name in names}, "source_zh": zh, "source_en": en}
