"""Communities, schools and companies: opened by staff, joined by invitation, counted and never listed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.groups import catalogue, members
from carbon_platform.groups.members import Invitation
from carbon_platform.groups.rules import FAMILY
from carbon_platform.groups.tables import CitizenGroup, GroupMember, GroupWeek
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.regions.service import get_region

KINDS = ("community", "school", "company")
# Any of them: one consent covers the three.
GROUP = KINDS[0]


@dataclass(frozen=True)
class Club:
    """A group with its newest published week. ``members`` is None below k: then only that is said."""

    group: CitizenGroup
    members: int | None
    week: GroupWeek | None
    member_id: int | None = None


def create(
    session: Session, actor: Actor, *, kind: str, name: str, region_code: str, now: datetime
) -> tuple[CitizenGroup, Invitation]:
    """Open a group in the actor's region. Errors: ``NotFound`` for a region that is not theirs."""
    if not actor.sees_region(region_code):
        raise NotFound(what="行政区", key=region_code)
    get_region(session, region_code)
    return members.open_group(session, actor, kind=kind, name=name, region_code=region_code, now=now)


def get(session: Session, actor: Actor, group_id: int) -> CitizenGroup:
    """A group of the actor's region that stands. Families are nobody's business: ``NotFound``."""
    group = members.get_group(session, group_id)
    if group.kind == FAMILY or group.closed_at is not None or not actor.sees_region(group.region_code):
        raise NotFound(what="团体", key=group_id)
    return group


def close(session: Session, actor: Actor, group_id: int, *, now: datetime) -> CitizenGroup:
    """Close a group; its members are free for another one, what was published stays. Errors: ``NotFound``."""
    group = get(session, actor, group_id)
    group.closed_at, group.invite_hash, group.invite_until = now, None, None
    session.execute(
        sa.update(GroupMember)
        .where(GroupMember.group_id == group.id, GroupMember.left_at.is_(None))
        .values(left_at=now)
    )
    audit(session, actor, "group.close", object_kind="group", object_id=group.id, now=now)
    return group


def statement(actor: Actor) -> sa.Select[Any]:
    """Groups of the actor's region that stand, newest first, for paging."""
    found = sa.select(CitizenGroup).where(CitizenGroup.kind != FAMILY, CitizenGroup.closed_at.is_(None))
    if not actor.region_code:
        return found.where(sa.false())
    here = CitizenGroup.region_code.startswith(actor.region_code, autoescape=True)
    return found.where(here).order_by(CitizenGroup.id.desc())


def described(session: Session, groups: list[CitizenGroup]) -> list[Club]:
    """Groups with how many are in and agree to it, and their newest published week, in three statements."""
    numbers = [group.id for group in groups]
    k, _ = catalogue.statistics_rule()
    counted = session.execute(
        sa.select(GroupMember.group_id, sa.func.count())
        .where(
            GroupMember.group_id.in_(numbers),
            GroupMember.left_at.is_(None),
            members.agrees(GroupMember.holder, GROUP),
        )
        .group_by(GroupMember.group_id)
    )
    counts = {number: found for number, found in counted if found >= k}
    scopes = {f"group:{number}": number for number in numbers}
    newest = (
        sa.select(GroupWeek.scope, sa.func.max(GroupWeek.week).label("week"))
        .where(GroupWeek.scope.in_(scopes))
        .group_by(GroupWeek.scope)
        .subquery()
    )
    found_weeks = session.scalars(
        sa.select(GroupWeek).join(
            newest, sa.and_(newest.c.scope == GroupWeek.scope, newest.c.week == GroupWeek.week)
        )
    )
    weeks = {scopes[row.scope]: row for row in found_weeks}
    return [Club(group, counts.get(group.id), weeks.get(group.id)) for group in groups]


def join(session: Session, actor: Actor, code: str, *, consent_version: str, now: datetime) -> CitizenGroup:
    """Join with the group's code. Errors as of :func:`members.join`."""
    return members.join(session, actor, code, kinds=KINDS, consent_version=consent_version, now=now)


def mine(session: Session, actor: Actor) -> list[Club]:
    """The groups a citizen is in, families left out."""
    rows = session.execute(
        sa.select(CitizenGroup, GroupMember.id)
        .join(GroupMember, GroupMember.group_id == CitizenGroup.id)
        .where(
            GroupMember.holder == actor.holder,
            GroupMember.left_at.is_(None),
            GroupMember.kind != FAMILY,
        )
        .order_by(GroupMember.id)
    ).all()
    places = {group.id: member_id for group, member_id in rows}
    return [
        Club(club.group, club.members, club.week, places[club.group.id])
        for club in described(session, [group for group, _ in rows])
    ]


def leave(session: Session, actor: Actor, group_id: int, *, now: datetime) -> None:
    """Leave a group. Errors: ``NotFound`` for one the person is not in."""
    member = session.scalar(
        sa.select(GroupMember).where(
            GroupMember.group_id == group_id,
            GroupMember.holder == actor.holder,
            GroupMember.left_at.is_(None),
            GroupMember.kind != FAMILY,
        )
    )
    if member is None:
        raise NotFound(what="团体", key=group_id)
    members.leave(session, actor, member, now=now)
