"""Scenes for their operators and for the desks: pushes, results, quality, keys, reconciliation, changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.citizens import catalogue, scene_changes, scenes
from carbon_platform.citizens.rules import milli_text
from carbon_platform.citizens.scene_tables import Scene, SceneChange
from carbon_platform.console.site import asked_page, page, pager, said
from carbon_platform.identity.service import get_organisation
from carbon_platform.partners import keys, push, quality, recheck, reconciliation
from carbon_platform.partners.rules import SCORE_WARNING
from carbon_platform.partners.tables import PartnerPush, PartnerReconciliation
from carbon_platform.web import Call, paged

blp = Blueprint("scene_pages", __name__)

PAGE_SIZE = 20
# How a state looks: the same shapes as everywhere.
MARKS = {
    scenes.APPLIED: "draft",
    scenes.PUBLISHED: "review",
    scenes.CONNECTED: "review",
    scenes.ACTIVE: "ok",
    scenes.WARNED: "est",
    scenes.SUSPENDED: "bad",
    scenes.CLOSED: "held",
}


@blp.get("/scenes")
@page("scene.read")
def scene_list(call: Call) -> ResponseReturnValue:
    found = scene_changes.list_scenes(call.session, call.actor)
    return render_template(
        "scenes.html",
        scenes=[_row(call, scene) for scene in found],
        behaviours=[
            {"code": known.code, "name": said(known.name_zh, known.name_en)}
            for known in catalogue.behaviours().values()
            if not known.pending or known.local_extra
        ],
        statuses=sorted(scene_changes.STATUSES),
        can={"apply": call.actor.may("scene.self"), "write": call.actor.may("scene.write")},
    )


@blp.get("/scenes/<string:code>")
@page("scene.read")
def scene_page(call: Call, code: str) -> ResponseReturnValue:
    scene = scene_changes.get_scene(call.session, call.actor, code)
    pushes = paged(
        call.session,
        sa.select(PartnerPush).where(PartnerPush.scene_code == code).order_by(PartnerPush.id.desc()),
        page=asked_page(),
        size=PAGE_SIZE,
    )
    may_sign = call.actor.may("scene.self")
    return render_template(
        "scene.html",
        scene=_row(call, scene),
        terms=_terms(scene),
        quality=_quality(call, code),
        steps=_next_steps(call, scene),
        last_batch=recheck.last_batch(call.session, code),
        changes=[_change(call, change) for change in scene_changes.changes_of(call.session, code)],
        keys=[_key(call, key) for key in keys.keys_of(call.session, code)] if may_sign else None,
        pushes=[_push(row) for row in pushes.items],
        page=pager(pushes),
        days=[_day(row) for row in reconciliation.recent(call.session, code)],
        can={"sign": may_sign, "write": call.actor.may("scene.write")},
        trail=[{"label": _("减排场景"), "url": "/scenes"}, {"label": _name(scene)}],
    )


@blp.get("/scenes/<string:code>/pushes/<int:push_id>")
@page("scene.read")
def push_page(call: Call, code: str, push_id: int) -> ResponseReturnValue:
    scene = scene_changes.get_scene(call.session, call.actor, code)
    found = push.get_push(call.session, code, push_id)
    return render_template(
        "scene_push.html",
        push=_push(found)
        | {"sha256": found.content_sha256, "key_id": found.key_id, "reasons": found.reasons},
        outcomes=[
            one | {"words": said(one["zh"], one["en"]) or _outcome_words()[one["state"]][1]}
            for one in push.outcomes(call.session, push_id)
        ],
        again=recheck.recheck(call.session, push_id) if request.args.get("recheck") == "1" else None,
        said=said,
        marks={state: words[0] for state, words in _outcome_words().items()},
        trail=[
            {"label": _("减排场景"), "url": "/scenes"},
            {"label": _name(scene), "url": f"/scenes/{code}"},
            {"label": _("第 %(n)s 次推送", n=push_id)},
        ],
    )


def changes_waiting(call: Call) -> Iterator[dict[str, Any]]:
    """For the inbox: scene changes that somebody else proposed."""
    waiting = sa.select(SceneChange).where(
        SceneChange.status == scene_changes.PROPOSED, SceneChange.proposed_by_id != call.actor.user_id
    )
    for change in call.session.scalars(waiting.order_by(SceneChange.id).limit(PAGE_SIZE)):
        scene = call.session.get_one(Scene, change.scene_code)
        yield {
            "title": _("场景“%(name)s”的变更等您决定", name=_name(scene)),
            "note": _change_words(change),
            "url": f"/scenes/{scene.code}",
            "label": _("去决定"),
            "state": "pending",
            "since": change.proposed_at,
        }


def _name(scene: Scene) -> str:
    return said(scene.name_zh, scene.name_en)


def _row(call: Call, scene: Scene) -> dict[str, Any]:
    known = catalogue.behaviours()
    return {
        "code": scene.code,
        "name": _name(scene),
        "operator": _operator(call, scene),
        "local": scene.local,
        "state": said(*scenes.STATE_WORDS[scene.state]),
        "mark": MARKS[scene.state],
        "open": scene.state in scenes.OPEN_STATES,
        "changed_at": scene.changed_at,
        "behaviours": [
            {"code": code, "name": said(known[code].name_zh, known[code].name_en)}
            for code in scene.behaviours
            if code in known
        ],
        "evidence_percent": scene.evidence_percent,
        "creditable": scene.creditable,
        "status": scene.status,
        "url": f"/scenes/{scene.code}",
    }


def _operator(call: Call, scene: Scene) -> str:
    if scene.organisation_id is not None:
        return get_organisation(call.session, scene.organisation_id).name_zh
    return scene.operator_zh or _("未登记")


def _terms(scene: Scene) -> dict[str, Any]:
    from_words = _("行为结束后") if scene.observation_from == "act" else _("收到后")
    return {
        "window": _(
            "%(from)s %(days)s 天内可由来源撤回", **{"from": from_words, "days": scene.observation_days}
        ),
        "window_source": scene.observation_source,
        "window_status": scene.observation_status,
        "source": scene.source,
        "status": scene.status,
        "observation_days": scene.observation_days,
        "evidence_percent": scene.evidence_percent,
    }


def _quality(call: Call, code: str) -> dict[str, Any] | None:
    """None where nothing came within the week: no data is no bad data."""
    found = quality.quality(call.session, code, now=call.now)
    if not found.rows:
        return None
    parts = (
        (_("完整"), _("没有被拒收的行"), found.complete, 40),
        (_("一致"), _("没有与先前记录矛盾的行"), found.consistent, 30),
        (_("及时"), _("一天内送到为满分，一周为 0"), found.timely, 10),
        (_("对账"), _("对平的天数"), found.reconciled, 20),
    )
    return {
        "score": found.score,
        "rows": found.rows,
        "low": found.score < SCORE_WARNING,
        "limit": SCORE_WARNING,
        "parts": [
            {"label": label, "note": note, "share": share, "weight": weight}
            for label, note, share, weight in parts
        ],
    }


def _next_steps(call: Call, scene: Scene) -> list[dict[str, Any]]:
    """Where the operator may take the scene, and whether a second person decides."""
    if not call.actor.may("scene.write"):
        return []
    return [
        {
            "state": state,
            "label": said(*scenes.STATE_WORDS[state]),
            "second": (scene.state, state) in scene_changes.SECOND_PERSON,
        }
        for state in scene_changes.NEXT[scene.state]
    ]


def _change(call: Call, change: SceneChange) -> dict[str, Any]:
    waiting = change.status == scene_changes.PROPOSED
    return {
        "id": change.id,
        "what": _change_words(change),
        "note": change.note,
        "by": change.proposed_by,
        "at": change.proposed_at,
        "decided_by": change.decided_by if change.decided_by != change.proposed_by else "",
        "decided_at": change.decided_at,
        "waiting": waiting,
        "declined": change.status == scene_changes.DECLINED,
        "may_decide": waiting
        and call.actor.may("scene.approve")
        and change.proposed_by_id != call.actor.user_id,
    }


def _change_words(change: SceneChange) -> str:
    if change.kind == scene_changes.STATE:
        return _("改为“%(state)s”", state=said(*scenes.STATE_WORDS[change.to_state]))
    terms = change.terms
    return _(
        "条款：证据 %(percent)s%%，撤回期 %(days)s 天，行为 %(codes)s",
        percent=terms["evidence_percent"],
        days=terms["observation_days"],
        codes="、".join(terms["behaviours"]),
    )


def _key(call: Call, key: Any) -> dict[str, Any]:
    ended = key.ends_at is not None and key.ends_at <= call.now
    return {"id": key.key_id, "by": key.made_by, "at": key.made_at, "ends_at": key.ends_at, "ended": ended}


def _push(row: PartnerPush) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.received_at,
        "kind": _("行为") if row.kind == push.ACT else _("撤回"),
        "rows": row.rows,
        "received": row.received,
        "duplicates": row.duplicates,
        "conflicts": row.conflicts,
        "refused": row.refused,
        "bad": row.conflicts + row.refused > 0,
        "url": f"/scenes/{row.scene_code}/pushes/{row.id}",
    }


def _day(row: PartnerReconciliation) -> dict[str, Any]:
    return {
        "day": row.day,
        "agreed": row.outcome == "agreed",
        "at": row.submitted_at,
        "totals": [
            _("%(code)s %(n)s 条，%(quantity)s", code=code, n=total["records"],
              quantity=milli_text(total["quantity_milli"]))
            for code, total in sorted(row.ours.items())
        ],
        "differences": [said(one["zh"], one["en"]) for one in row.differences[:10]],
        "more": max(0, len(row.differences) - 10),
    }  # fmt: skip


def _outcome_words() -> dict[str, tuple[str, str]]:
    return {
        "waiting": ("review", _("等待记账")),
        "done": ("ok", _("已进账本")),
        "refused": ("bad", _("没有记账")),
    }
