"""Relatives acting for somebody: granted, limited, named on each row. Callers open the transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import points, rewards
from carbon_platform.citizens import rules as citizen_rules
from carbon_platform.citizens.service import ActReport, Reported, report_act
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.groups import members
from carbon_platform.groups.rules import FAMILY
from carbon_platform.groups.tables import GroupMember
from carbon_platform.identity import persons
from carbon_platform.identity.person_rules import OPEN
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person
from carbon_platform.proxies import catalogue, rules
from carbon_platform.proxies.errors import (
    LimitTooHigh,
    NotARelative,
    ProxyEnded,
    ProxyNotAllowed,
    ProxyThere,
    TooManyPrincipals,
)
from carbon_platform.proxies.tables import Proxy, ProxyAction

ACT, REDEMPTION = "act", "redemption"
SHOWN = 50


@dataclass(frozen=True)
class Grant:
    """What a person allows a relative; points and days."""

    may_report: bool
    may_redeem: bool
    day_points: int
    month_points: int
    days: int


def grant(
    session: Session,
    principal: Actor,
    member_id: int,
    given: Grant,
    *,
    now: datetime,
    by: Actor | None = None,
    paper_sha256: str = "",
) -> Proxy:
    """Let a member of the principal's family act for them. ``by``: the officer who took it down on paper.

    Errors: ``NotARelative``, ``LimitTooHigh``, ``ProxyThere``, ``TooManyPrincipals``.
    """
    limits = catalogue.limits()
    if (
        given.day_points > limits.day_points_max
        or given.month_points > limits.month_points_max
        or given.days > limits.days_max
    ):
        raise LimitTooHigh(day=limits.day_points_max, month=limits.month_points_max, days=limits.days_max)
    agent = _relative(session, principal, member_id)
    serialise(session, f"proxy:{agent.holder}")
    _end_over(session, principal.holder, agent.holder, now=now)
    standing = _standing_of(session, agent.holder, now=now)
    if any(one.principal == principal.holder for one in standing):
        raise ProxyThere
    if len(standing) >= limits.agent_principals_max:
        raise TooManyPrincipals(limit=limits.agent_principals_max)
    proxy = Proxy(
        principal=principal.holder,
        principal_person_id=principal.person_id or 0,
        agent=agent.holder,
        agent_person_id=agent.id,
        may_report=given.may_report,
        may_redeem=given.may_redeem,
        day_points=given.day_points,
        month_points=given.month_points,
        granted_by=by.name if by else "",
        granted_by_id=by.user_id if by else None,
        paper_sha256=paper_sha256,
        granted_at=now,
        until=now + timedelta(days=given.days),
        ended_at=None,
    )
    session.add(proxy)
    session.flush()
    audit(session, by or principal, "proxy.grant", object_kind="proxy", object_id=proxy.id, now=now)
    return proxy


def _relative(session: Session, principal: Actor, member_id: int) -> Person:
    """The person behind a place in the principal's own family."""
    mine = members.membership(session, principal.holder, FAMILY)
    member = session.get(GroupMember, member_id)
    if (
        mine is None
        or member is None
        or member.group_id != mine.group_id
        or member.left_at is not None
        or member.holder == principal.holder
    ):
        raise NotARelative
    return persons.people_of(session, [member.holder])[member.holder]


def _end_over(session: Session, principal: str, agent: str, *, now: datetime) -> None:
    """Close grants whose time is over, so that a new one can stand in their place."""
    session.execute(
        sa.update(Proxy)
        .where(
            Proxy.principal == principal,
            Proxy.agent == agent,
            Proxy.ended_at.is_(None),
            Proxy.until <= now,
        )
        .values(ended_at=Proxy.until)
        .execution_options(synchronize_session=False)
    )


def _standing_of(session: Session, agent: str, *, now: datetime) -> list[Proxy]:
    """What a relative holds; grants of a family they have left since are ended on the way."""
    rows = list(
        session.scalars(
            sa.select(Proxy).where(Proxy.agent == agent, Proxy.ended_at.is_(None), Proxy.until > now)
        )
    )
    together = _in_one_family(session, rows)
    for one in rows:
        if one.id not in together:
            one.ended_at = now
    session.flush()
    return [one for one in rows if one.id in together]


def _in_one_family(session: Session, rows: Collection[Proxy]) -> set[int]:
    """Grants whose two people have been in one family ever since: who leaves it acts for nobody there any
    more, and coming back brings no old grant back."""
    holders = {holder for row in rows for holder in (row.principal, row.agent)}
    found = session.execute(
        sa.select(GroupMember.holder, GroupMember.group_id, GroupMember.joined_at).where(
            GroupMember.kind == FAMILY, GroupMember.left_at.is_(None), GroupMember.holder.in_(holders)
        )
    )
    places = {holder: (group_id, joined_at) for holder, group_id, joined_at in found}

    def together(row: Proxy) -> bool:
        mine, theirs = places.get(row.principal), places.get(row.agent)
        return (
            mine is not None
            and theirs is not None
            and mine[0] == theirs[0]
            and max(mine[1], theirs[1]) <= row.granted_at
        )

    return {row.id for row in rows if together(row)}


def _parted_at(session: Session, proxy: Proxy, *, now: datetime) -> datetime:
    """When one of the two left the family."""
    left = session.scalar(
        sa.select(sa.func.max(GroupMember.left_at)).where(
            GroupMember.kind == FAMILY, GroupMember.holder.in_((proxy.principal, proxy.agent))
        )
    )
    return left or now


def end(session: Session, actor: Actor, proxy_id: int, *, now: datetime) -> Proxy:
    """End a grant at once: the person who gave it, or the relative who has it. Errors: ``NotFound``."""
    proxy = session.get(Proxy, proxy_id, with_for_update=True)
    if proxy is None or actor.holder not in (proxy.principal, proxy.agent):
        raise NotFound(what="代办", key=proxy_id)
    if proxy.ended_at is None:
        proxy.ended_at = now
    audit(session, actor, "proxy.end", object_kind="proxy", object_id=proxy.id, now=now)
    return proxy


def use(session: Session, agent: Actor, proxy_id: int, what: str, *, now: datetime) -> tuple[Proxy, Actor]:
    """A grant in force that this relative holds, and the person they act for.

    ``what``: ``report``, ``redeem`` or ``look``. Errors: ``NotFound`` (also for somebody else's),
    ``ProxyEnded``, ``ProxyNotAllowed``.
    """
    # Locked: two orders at once must not both fit under the day's limit.
    proxy = session.get(Proxy, proxy_id, with_for_update=None if what == "look" else True)
    if proxy is None or proxy.agent != agent.holder:
        raise NotFound(what="代办", key=proxy_id)
    person = session.get_one(Person, proxy.principal_person_id)
    ended = proxy.ended_at or (proxy.until if proxy.until <= now else None)
    if ended is None and person.state != OPEN:
        ended = person.state_at or now
    if ended is None and not _in_one_family(session, [proxy]):
        ended = _parted_at(session, proxy, now=now)
    if ended is not None:
        raise ProxyEnded(day=ended.astimezone(rules.LOCAL).date().isoformat())
    allowed = {"look": True, "report": proxy.may_report, "redeem": proxy.may_redeem}
    if not allowed[what]:
        zh, en = {"report": ("代报", "reporting acts"), "redeem": ("代兑换", "redeeming points")}[what]
        raise ProxyNotAllowed(what=zh, what_en=en)
    return proxy, persons.actor_of(person)


def report(session: Session, agent: Actor, proxy_id: int, act: ActReport, *, now: datetime) -> Reported:
    """Report an act for somebody, as their own report would count. Errors: those of :func:`use` and of
    ``citizens.service.report_act``; the person's own consent is asked for."""
    proxy, principal = use(session, agent, proxy_id, "report", now=now)
    reported = report_act(session, principal, act, now=now)
    if not reported.already_counted:
        _note(session, proxy.principal, ACT, reported.act.id, now=now, proxy=proxy)
    audit(session, agent, "proxy.report", object_kind="act", object_id=reported.act.id, now=now,
          detail={"proxy": proxy.id})  # fmt: skip
    return reported


def redeem(session: Session, agent: Actor, proxy_id: int, reward_code: str, *, now: datetime) -> Redemption:
    """Redeem for somebody, within the limits. Errors: those of :func:`use`, ``ProxyLimit``, and of
    ``rewards.redeem``."""
    proxy, principal = use(session, agent, proxy_id, "redeem", now=now)
    points.lock(session, principal.holder)
    reward = session.get(Reward, reward_code)
    today = citizen_rules.local_day(now)
    rules.check_limits(
        reward.price_points if reward else 0,
        day_used=_spent(session, proxy.id, today, today),
        day_limit=proxy.day_points,
        month_used=_spent(session, proxy.id, today[:8] + "01", today),
        month_limit=proxy.month_points,
    )
    made = rewards.redeem(session, principal, reward_code, now=now)
    _note(session, proxy.principal, REDEMPTION, made.id, now=now, proxy=proxy, spent=made.price_points)
    audit(session, agent, "proxy.redeem", object_kind="redemption", object_id=made.id, now=now,
          detail={"proxy": proxy.id})  # fmt: skip
    return made


def _spent(session: Session, proxy_id: int, first: str, last: str) -> int:
    """Points spent under a grant from one day to another; refunded ones too: what was spent was spent."""
    found = sa.select(sa.func.coalesce(sa.func.sum(ProxyAction.points), 0)).where(
        ProxyAction.proxy_id == proxy_id, ProxyAction.day >= first, ProxyAction.day <= last
    )
    return int(session.scalar(found) or 0)


def note_officer(
    session: Session, officer: Actor, holder: str, kind: str, number: int, *, now: datetime, spent: int = 0
) -> None:
    """Put an officer's name on what they did for a person."""
    session.add(
        ProxyAction(
            holder=holder, kind=kind, object_id=number, proxy_id=None, agent="", officer=officer.name,
            officer_id=officer.user_id or 0, points=spent, day=citizen_rules.local_day(now), at=now,
        )
    )  # fmt: skip


def _note(
    session: Session, holder: str, kind: str, number: int, *, now: datetime, proxy: Proxy, spent: int = 0
) -> None:
    session.add(
        ProxyAction(
            holder=holder, kind=kind, object_id=number, proxy_id=proxy.id, agent=proxy.agent, officer="",
            officer_id=None, points=spent, day=citizen_rules.local_day(now), at=now,
        )
    )  # fmt: skip
    session.flush()


@dataclass(frozen=True)
class Held:
    """A grant as its two sides read it."""

    proxy: Proxy
    principal: str
    agent: str
    standing: bool
    spent_today: int


def grants(session: Session, actor: Actor, *, now: datetime) -> list[Held]:
    """Grants the person gave or holds, those in force first."""
    rows = list(
        session.scalars(
            sa.select(Proxy)
            .where(sa.or_(Proxy.principal == actor.holder, Proxy.agent == actor.holder))
            .order_by(Proxy.ended_at.is_not(None), Proxy.id.desc())
            .limit(SHOWN)
        )
    )
    names = members.nicknames(session, {holder for row in rows for holder in (row.principal, row.agent)})
    today = citizen_rules.local_day(now)
    together = _in_one_family(session, rows)
    return [
        Held(
            proxy=row,
            principal=names.get(row.principal, members.GONE[0]),
            agent=names.get(row.agent, members.GONE[0]),
            standing=row.ended_at is None and row.until > now and row.id in together,
            spent_today=_spent(session, row.id, today, today),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Named:
    """Something done for a person, with the name of who did it."""

    action: ProxyAction
    name: str


def actions(session: Session, holder: str, *, limit: int = SHOWN) -> list[Named]:
    """What was done for a person, newest first."""
    return _named(
        session,
        list(
            session.scalars(
                sa.select(ProxyAction)
                .where(ProxyAction.holder == holder)
                .order_by(ProxyAction.id.desc())
                .limit(limit)
            )
        ),
    )


def done_by(session: Session, kind: str, numbers: Collection[int]) -> dict[int, str]:
    """Who did these acts or redemptions for somebody, by number; what people did themselves is not in it."""
    rows = session.scalars(
        sa.select(ProxyAction).where(ProxyAction.kind == kind, ProxyAction.object_id.in_(list(numbers)))
    )
    return {one.action.object_id: one.name for one in _named(session, list(rows))}


def _named(session: Session, rows: list[ProxyAction]) -> list[Named]:
    names = members.nicknames(session, {row.agent for row in rows if row.agent})
    return [Named(row, names.get(row.agent, members.GONE[0]) if row.agent else row.officer) for row in rows]
