"""积分规则、申诉、抽查: what is in force and proposed, what citizens contest, what the draw brought up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.citizens import (
    appeals,
    audits,
    catalogue,
    corrections,
    devices,
    points_rule_changes,
    points_rules,
    points_simulation,
    rules,
    scenes,
)
from carbon_platform.citizens.points_scheme import SCOPES, SPANS, PointsRule
from carbon_platform.citizens.points_tables import (
    DECLINED,
    DRAFT,
    PUBLISHED,
    PointsCampaign,
    PointsRuleVersion,
)
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.citizens.truth_tables import AccountReview, Appeal, SourceAudit
from carbon_platform.console.formats import count, percent, yuan
from carbon_platform.console.points_inbox import points_links
from carbon_platform.console.refusal_rows import refused_case
from carbon_platform.console.site import asked_page, page, pager, said
from carbon_platform.web import Call, paged

blp = Blueprint("points_pages", __name__)

SIZE = 20


@blp.get("/points")
@page("inclusion.read")
def points(call: Call) -> ResponseReturnValue:
    today = rules.local_day(call.now)
    found = paged(call.session, points_rule_changes.versions(), page=asked_page(), size=SIZE)
    now = points_rules.rules_in_force(call.session, today)
    campaigns = paged(call.session, points_rule_changes.campaigns(), page=1, size=SIZE)
    return render_template(
        "points.html",
        links=points_links(call),
        rule=_rule(now),
        form_caps=_form_caps(now),
        versions=[_version(call, row) for row in found.items],
        page=pager(found),
        campaigns=[_campaign(call, row) for row in campaigns.items],
        month=points_simulation.last_month(today),
        behaviours=[
            {
                "code": code,
                "name": said(one.name_zh, one.name_en),
                "fixed": now.fixed.get(code, ""),
            }
            for code, one in sorted(catalogue.behaviours().items())
        ],
        sources=[
            {"code": code, "name": said(one.name_zh, one.name_en)}
            for code, one in scenes.sources(call.session).items()
        ],
        scopes=[(code, _scope(code)) for code in SCOPES],
        spans=[(code, said(*SPANS[code])) for code in SPANS],
        can={"propose": call.actor.may("points.rule"), "publish": call.actor.may("points.publish")},
    )


def _form_caps(rule: PointsRule) -> list[dict[str, Any]]:
    """The caps of the rule in force to begin with, and two empty rows."""
    blank = {"scope": "behaviour", "span": "day", "grams": "", "points": "", "codes": ""}
    caps = [
        {
            "scope": cap.scope,
            "span": cap.span,
            "grams": "" if cap.grams is None else cap.grams,
            "points": "" if cap.points is None else cap.points,
            "codes": " ".join(cap.codes),
        }
        for cap in rule.caps
    ]
    return [*caps, blank, blank]


def _scope(code: str) -> str:
    words: dict[str, str] = {"behaviour": _("每种行为"), "category": _("每一类"), "person": _("每人")}
    return words[code]


def _rule(rule: PointsRule) -> dict[str, Any]:
    """A rule in words: what earns, what is the most, how points are fetched."""
    caps = []
    for cap in rule.all_caps[:-1]:  # the last is the person's day, said on its own
        what = said("、", ", ").join(_named(code) for code in cap.codes) or _scope(cap.scope)
        amounts = []
        if cap.grams is not None:
            amounts.append(_("%(n)s 克", n=count(cap.grams)))
        if cap.points is not None:
            amounts.append(_("%(n)s 分", n=count(cap.points)))
        caps.append(
            _(
                "%(what)s%(span)s最多 %(amount)s",
                what=what,
                span=said(SPANS[cap.span][0], f" per {SPANS[cap.span][1]} "),
                amount=said("、", ", ").join(amounts),
            )
        )
    return {
        "version": rule.version,
        "valid_from": rule.valid_from,
        "grams_per_point": count(rule.grams_per_point),
        "person_day_points": count(rule.person_day_points),
        "caps": caps,
        "fixed": [
            _("%(name)s 每次 %(n)s 分", name=_named(code), n=points) for code, points in rule.fixed.items()
        ],
        "claim_days": rule.claim_days,
        "source": rule.source,
        "status": rule.status,
    }


def _named(code: str) -> str:
    known = catalogue.behaviours().get(code)
    return said(known.name_zh, known.name_en) if known else code


def _state(name: str) -> tuple[str, str]:
    return {
        DRAFT: ("review", _("等发布")),
        PUBLISHED: ("ok", _("已发布")),
        DECLINED: ("held", _("已否决")),
    }[name]


def _version(call: Call, row: PointsRuleVersion) -> dict[str, Any]:
    own = row.proposed_by_id == call.actor.user_id
    return {
        "rule": _rule(points_rules.to_rule(row)),
        "state": _state(row.state),
        "open": row.state == DRAFT,
        "own": own,
        "simulation": _simulation(row.simulation) if row.simulation else None,
        "proposed_by": _("平台初始规则") if not row.proposed_by_id else row.proposed_by,
        "by_file": not row.proposed_by_id,
        "proposed_at": row.proposed_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "may_publish": row.state == DRAFT and not own and row.simulation is not None,
        "url": f"/api/v1/points/rule-versions/{row.version}",
    }


def _simulation(found: dict[str, Any]) -> dict[str, Any]:
    before, after = found["points_before"], found["points_after"]
    change = (after - before) / before if before else None
    return {
        "month": found["month"],
        "persons": count(found["persons"]),
        "sampled": count(found["sampled"]) if found["sampled"] < found["persons"] else "",
        "acts": count(found["acts"]),
        "before": count(before),
        "after": count(after),
        "change": "" if change is None else ("+" if change >= 0 else "") + percent(change).replace("-", "−"),
        "gain": count(found["gain"]),
        "same": count(found["same"]),
        "lose": count(found["lose"]),
        "most_lost": count(found["most_lost"]),
        "most_gained": count(found["most_gained"]),
        "fen_before": yuan(found["fen_before"]),
        "fen_after": yuan(found["fen_after"]),
        "behaviours": [
            [f"{_named(row['code'])} {row['code']}", count(row["before"]), count(row["after"])]
            for row in found["behaviours"]
        ],
    }


def _campaign(call: Call, row: PointsCampaign) -> dict[str, Any]:
    every = _("全部")
    return {
        "code": row.code,
        "name": said(row.name_zh, row.name_en),
        "days": f"{row.starts_on} – {row.ends_on}",
        "percent": count(row.percent),
        "behaviours": said("、", ", ").join(_named(code) for code in row.behaviours) or every,
        "sources": said("、", ", ").join(said(*scenes.names(call.session, code)) for code in row.sources)
        or every,
        "budget": count(row.budget_points),
        "spent": count(row.spent_points),
        "state": _state(row.state),
        "may_publish": row.state == DRAFT and row.proposed_by_id != call.actor.user_id,
        "open": row.state == DRAFT,
        "source": row.source,
        "url": f"/api/v1/points/campaigns/{row.code}",
    }


@blp.get("/appeals")
@page("appeal.decide")
def appeal_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, appeals.appeals(call.actor), page=asked_page(), size=SIZE)
    return render_template(
        "appeals.html",
        links=points_links(call),
        cases=[
            _case(call, appeal, act) if act else refused_case(appeal, refused)
            for appeal, act, refused in found.items
        ],
        page=pager(found),
    )


def _case(call: Call, row: Appeal, act: Act) -> dict[str, Any]:
    state_zh, state_en = appeals.STATE_WORDS[row.state]
    return {
        "id": row.id,
        "act": act.id,
        "title": f"{_named(act.behaviour)} {act.behaviour}",
        "source": said(*scenes.names(call.session, act.source)),
        "record": act.external_id,
        "at": act.occurred_at,
        "quantity": _amount(act),
        "claimed_g": count(act.claimed_g),
        "reduction_g": count(act.reduction_g),
        "reason": act.withdrawal_note if row.reason_code == appeals.WITHDRAWN
        else said(act.reason_zh, act.reason_en),
        "withdrawn": row.reason_code == appeals.WITHDRAWN,
        "countable": True,
        "words": row.words,
        "state": "review" if row.state == appeals.OPEN else "ok" if row.state == appeals.ACCEPTED else "held",
        "state_text": said(state_zh, state_en),
        "open": row.state == appeals.OPEN,
        "answer": row.answer,
        "by": row.decided_by,
        "raised_at": row.raised_at,
        "decided_at": row.decided_at,
        "counted": row.counted_act_id,
    }  # fmt: skip


def _amount(act: Act) -> str:
    """What was claimed, with its unit."""
    known = catalogue.behaviours().get(act.behaviour)
    unit = said(known.unit_zh, known.unit_en) if known else ""
    return f"{rules.milli_text(act.claimed_milli)} {unit}".rstrip()


@blp.get("/audits")
@page("inclusion.read")
def audit_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, audits.audits(), page=asked_page(), size=SIZE)
    settings = catalogue.truth()["audit"]
    return render_template(
        "audits.html",
        links=points_links(call),
        audits=[_audit(call, row) for row in found.items],
        page=pager(found),
        rule={name: settings[name] for name in ("percent", "least", "most", "suspend_above_percent")},
        rule_source=settings["source"],
        rule_status=settings["status"],
        month=points_simulation.last_month(rules.local_day(call.now)),
        sources=[
            {"code": code, "name": said(one.name_zh, one.name_en)}
            for code, one in scenes.sources(call.session).items()
        ],
        can={"check": call.actor.may("points.correct")},
    )


@blp.get("/audits/<int:audit_id>")
@page("inclusion.read")
def audit_page(call: Call, audit_id: int) -> ResponseReturnValue:
    row = audits.get_audit(call.session, audit_id)
    items = list(call.session.scalars(audits.items_of(audit_id)))
    acts = audits.acts_of(call.session, items)
    return render_template(
        "audit.html",
        audit=_audit(call, row),
        items=[_item(item, acts[item.act_id]) for item in items],
        left=count(sum(1 for item in items if not item.verdict)),
        finished=all(item.verdict for item in items),
        verdicts=[(code, said(*audits.VERDICT_WORDS[code])) for code in ("right", "wrong", "unproven")],
        can={"check": call.actor.may("points.correct") and row.state == audits.OPEN},
        trail=[{"label": _("随机抽查"), "url": "/audits"}, {"label": str(row.id), "url": None}],
    )


def _audit(call: Call, row: SourceAudit) -> dict[str, Any]:
    rate = None if row.errors is None else row.errors / row.drawn
    return {
        "id": row.id,
        "source": said(*scenes.names(call.session, row.source)),
        "month": row.month,
        "population": count(row.population),
        "drawn": count(row.drawn),
        "errors": count(row.errors) if row.errors is not None else "",
        "rate": percent(rate) if rate is not None else "",
        "open": row.state == audits.OPEN,
        "suspended": row.suspended,
        "seed": row.seed,
        "opened_at": row.opened_at,
        "concluded_at": row.concluded_at,
        "by": row.concluded_by,
        "url": f"/audits/{row.id}",
    }


def _item(item: Any, act: Act) -> dict[str, Any]:
    words = audits.VERDICT_WORDS[item.verdict]
    return {
        "number": item.number,
        "record": act.external_id,
        "behaviour": _named(act.behaviour),
        "at": act.occurred_at,
        "quantity": _amount(act),
        "grams": count(act.reduction_g),
        "verdict": item.verdict,
        "words": said(*words),
        "kind": {"": "review", "right": "ok"}.get(item.verdict, "bad"),
        "note": item.note,
        "by": item.checked_by,
    }


@blp.get("/account-reviews")
@page("points.correct")
def review_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, devices.reviews(), page=asked_page(), size=SIZE)
    waiting = call.session.scalars(
        corrections.corrections(call.actor).where(PointsCorrection.status == corrections.PROPOSED).limit(SIZE)
    )
    sharing = catalogue.truth()["sharing"]
    return render_template(
        "account_reviews.html",
        links=points_links(call),
        reviews=[_review(row) for row in found.items],
        page=pager(found),
        limits={"device": sharing["device"], "payment": sharing["payment"]},
        corrections=[_correction(call, row) for row in waiting],
    )


def _review(row: AccountReview) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": said(*devices.KIND_WORDS[row.kind]),
        "accounts": count(row.accounts),
        "state": {"open": "review", "confirmed": "bad", "cleared": "ok"}[row.state],
        "state_text": said(*devices.STATE_WORDS[row.state]),
        "decisions": {
            devices.OPEN: ("clear", "confirm"), devices.CONFIRMED: ("clear",), devices.CLEARED: (),
        }[row.state],
        "note": row.note,
        "by": row.decided_by,
        "opened_at": row.opened_at,
    }  # fmt: skip


def _correction(call: Call, row: PointsCorrection) -> dict[str, Any]:
    what = _("撤回记账") if row.kind == corrections.WITHDRAW_ACT else _("退回兑换")
    return {
        "id": row.id,
        "title": _("%(what)s 第 %(number)s 号", what=what, number=row.number),
        "note": row.note,
        "by": row.proposed_by,
        "at": row.proposed_at,
        "own": row.proposed_by_id == call.actor.user_id,
    }
