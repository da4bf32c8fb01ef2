"""Changing the rules of points: one person proposes, the platform simulates, another person publishes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, points_rules, rules, scenes
from carbon_platform.citizens.points_errors import (
    CampaignExists,
    CampaignInvalid,
    OtherPersonNeeded,
    RuleClosed,
    RuleDayTaken,
    RuleInvalid,
    RuleTooEarly,
    SimulationMissing,
)
from carbon_platform.citizens.points_scheme import SCOPES, SPANS, WHOLE_PERCENT
from carbon_platform.citizens.points_tables import (
    DECLINED,
    DRAFT,
    PUBLISHED,
    PointsCampaign,
    PointsRuleVersion,
)
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

STATE_WORDS = {
    DRAFT: ("待发布", "proposed"),
    PUBLISHED: ("发布", "published"),
    DECLINED: ("否决", "declined"),
}
LOCAL_DECISION = "local-decision"


def propose_rule(
    session: Session, actor: Actor, *, valid_from: str, content: Mapping[str, Any], source: str, now: datetime
) -> PointsRuleVersion:
    """A new version for a day to come (ISO, local). ``content``: see :func:`points_scheme.read_rule`.

    ``source``: why and by whose decision, as a citizen reads it. Errors: ``RuleInvalid``, ``RuleTooEarly``,
    ``RuleDayTaken``.
    """
    serialise(session, "points_rule")
    _check_content(content)
    _check_day(session, valid_from, now)
    version = _next_version(session, valid_from[:4])
    row = PointsRuleVersion(
        version=version,
        valid_from=valid_from,
        content=dict(content),
        source=source.strip(),
        status=LOCAL_DECISION,
        state=DRAFT,
        proposed_by=actor.name,
        proposed_by_id=actor.user_id or 0,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    audit(
        session, actor, "points.rule.propose", object_kind="points_rule", object_id=version, now=now,
        detail={"valid_from": valid_from, "content": dict(content)},
    )  # fmt: skip
    return row


def keep_simulation(
    session: Session, actor: Actor, version: str, result: Mapping[str, Any], *, now: datetime
) -> PointsRuleVersion:
    """Note on a proposal what it would have meant. Errors: ``NotFound``, ``RuleClosed``."""
    row = _proposal(session, version)
    row.simulation = dict(result)
    audit(session, actor, "points.rule.simulate", object_kind="points_rule", object_id=version, now=now)
    return row


def decide_rule(
    session: Session, actor: Actor, version: str, *, publish: bool, now: datetime
) -> PointsRuleVersion:
    """Publish a proposal or decline it. Errors: ``NotFound``, ``RuleClosed``, ``OtherPersonNeeded``,
    ``SimulationMissing``, ``RuleTooEarly``, ``RuleDayTaken``."""
    serialise(session, "points_rule")
    row = _proposal(session, version)
    if row.proposed_by_id == actor.user_id:
        raise OtherPersonNeeded(number=version)
    if publish:
        if row.simulation is None:
            raise SimulationMissing(version=version)
        _check_day(session, row.valid_from, now)
    _decided(row, actor, PUBLISHED if publish else DECLINED, now)
    points_rules.forget_cached(session)
    audit(
        session, actor, "points.rule.decide", object_kind="points_rule", object_id=version, now=now,
        detail={"state": row.state},
    )  # fmt: skip
    return row


def get_version(session: Session, version: str) -> PointsRuleVersion:
    """Errors: ``NotFound``."""
    row = session.get(PointsRuleVersion, version)
    if row is None:
        raise NotFound(what="积分规则", key=version)
    return row


def versions() -> sa.Select[Any]:
    """All versions, the latest first day first, for paging."""
    return sa.select(PointsRuleVersion).order_by(
        PointsRuleVersion.valid_from.desc(), PointsRuleVersion.version.desc()
    )


def propose_campaign(session: Session, actor: Actor, *, now: datetime, **said: Any) -> PointsCampaign:
    """A campaign (columns of :class:`PointsCampaign`) that starts tomorrow at the earliest.

    Errors: ``CampaignInvalid``, ``CampaignExists``.
    """
    if session.get(PointsCampaign, said["code"]) is not None:
        raise CampaignExists(code=said["code"])
    _check_campaign(session, said, rules.local_day(now))
    row = PointsCampaign(
        **said,
        spent_points=0,
        status=LOCAL_DECISION,
        state=DRAFT,
        proposed_by=actor.name,
        proposed_by_id=actor.user_id or 0,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    audit(
        session, actor, "points.campaign.propose", object_kind="points_campaign", object_id=row.code, now=now,
        detail={"budget_points": row.budget_points, "percent": row.percent},
    )  # fmt: skip
    return row


def decide_campaign(
    session: Session, actor: Actor, code: str, *, publish: bool, now: datetime
) -> PointsCampaign:
    """Publish a campaign or decline it. Errors: ``NotFound``, ``RuleClosed``, ``OtherPersonNeeded``,
    ``CampaignInvalid`` (its first day has begun)."""
    row = session.scalar(sa.select(PointsCampaign).where(PointsCampaign.code == code).with_for_update())
    if row is None:
        raise NotFound(what="活动", key=code)
    _demand_open(row.code, row.state)
    if row.proposed_by_id == actor.user_id:
        raise OtherPersonNeeded(number=code)
    if publish:
        _check_start(row.starts_on, rules.local_day(now))
    _decided(row, actor, PUBLISHED if publish else DECLINED, now)
    audit(
        session, actor, "points.campaign.decide", object_kind="points_campaign", object_id=code, now=now,
        detail={"state": row.state},
    )  # fmt: skip
    return row


def campaigns() -> sa.Select[Any]:
    """All campaigns, the latest first, for paging."""
    return sa.select(PointsCampaign).order_by(PointsCampaign.starts_on.desc(), PointsCampaign.code)


def _proposal(session: Session, version: str) -> PointsRuleVersion:
    row = session.scalar(
        sa.select(PointsRuleVersion).where(PointsRuleVersion.version == version).with_for_update()
    )
    if row is None:
        raise NotFound(what="积分规则", key=version)
    _demand_open(row.version, row.state)
    return row


def _demand_open(number: str, state: str) -> None:
    if state != DRAFT:
        zh, en = STATE_WORDS[state]
        raise RuleClosed(number=number, state=zh, state_en=en)


def _decided(row: Any, actor: Actor, state: str, now: datetime) -> None:
    row.state, row.decided_by, row.decided_by_id, row.decided_at = state, actor.name, actor.user_id, now


def _check_day(session: Session, valid_from: str, now: datetime) -> None:
    tomorrow = (date.fromisoformat(rules.local_day(now)) + timedelta(days=1)).isoformat()
    if valid_from < tomorrow:
        raise RuleTooEarly(earliest=tomorrow, day=valid_from)
    taken = session.scalar(
        sa.select(PointsRuleVersion.version).where(
            PointsRuleVersion.state == PUBLISHED, PointsRuleVersion.valid_from == valid_from
        )
    )
    if taken is not None:
        raise RuleDayTaken(day=valid_from, version=taken)


def _next_version(session: Session, year: str) -> str:
    """``points-2027-1``: numbered within the year of the first day."""
    known = session.scalars(
        sa.select(PointsRuleVersion.version).where(PointsRuleVersion.version.startswith(f"points-{year}-"))
    )
    numbers = [int(version.rsplit("-", 1)[1]) for version in known if version.rsplit("-", 1)[1].isdigit()]
    return f"points-{year}-{max(numbers, default=0) + 1}"


def _check_content(content: Mapping[str, Any]) -> None:
    """What the schema cannot know: codes that exist, caps that mean something."""
    known = catalogue.behaviours()
    for code in content.get("fixed", {}):
        if code not in known:
            raise _unknown_behaviour("fixed", code)
    categories = {behaviour.category_zh for behaviour in known.values()}
    for number, cap in enumerate(content.get("caps", ()), 1):
        field = f"caps[{number}]"
        if cap["scope"] not in SCOPES or cap["span"] not in SPANS:
            raise RuleInvalid(
                field=field,
                reason=f"scope 只能是 {'、'.join(SCOPES)}，span 只能是 {'、'.join(SPANS)}",
                reason_en=f"scope is one of {', '.join(SCOPES)}, span one of {', '.join(SPANS)}",
            )
        if cap.get("grams") is None and cap.get("points") is None:
            raise RuleInvalid(
                field=field, reason="克数和分数至少给一个", reason_en="give grams, points or both"
            )
        if cap["scope"] == "person" and cap.get("codes"):
            raise RuleInvalid(
                field=field, reason="按人的上限不列行为", reason_en="a cap per person names no behaviours"
            )
        allowed = known if cap["scope"] == "behaviour" else categories
        for code in cap.get("codes", ()):
            if code not in allowed:
                raise _unknown_behaviour(field, code)


def _unknown_behaviour(field: str, code: str) -> RuleInvalid:
    return RuleInvalid(
        field=field,
        reason=f"没有叫 {code} 的行为或类别",
        reason_en=f"there is no behaviour or category {code}",
    )


def _check_campaign(session: Session, said: Mapping[str, Any], today: str) -> None:
    _check_start(said["starts_on"], today)
    if said["ends_on"] < said["starts_on"]:
        raise CampaignInvalid(
            field="ends_on", reason=f"早于开始日 {said['starts_on']}", reason_en="it lies before starts_on"
        )
    if said["percent"] <= WHOLE_PERCENT:
        raise CampaignInvalid(
            field="percent", reason="要大于 100（200 即双倍）", reason_en="it must be above 100 (200: double)"
        )
    for code in said["behaviours"]:
        if code not in catalogue.behaviours():
            raise CampaignInvalid(
                field="behaviours", reason=f"没有叫 {code} 的行为", reason_en=f"there is no behaviour {code}"
            )
    for code in said["sources"]:
        if scenes.find_source(session, code) is None:
            raise CampaignInvalid(
                field="sources", reason=f"没有叫 {code} 的来源", reason_en=f"there is no source {code}"
            )


def _check_start(starts_on: str, today: str) -> None:
    if starts_on <= today:
        raise CampaignInvalid(
            field="starts_on",
            reason=f"最早从明天开始，给出的是 {starts_on}",
            reason_en=f"tomorrow at the earliest, not {starts_on}",
        )
