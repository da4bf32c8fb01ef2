"""Families: who is in, what relatives see of each other, gifts. Callers open the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import lots, points
from carbon_platform.citizens import rules as citizen_rules
from carbon_platform.citizens.inbox_tables import BookMonth
from carbon_platform.citizens.purse import open_purse, points_account
from carbon_platform.errors import NotFound
from carbon_platform.groups import catalogue, members, rules
from carbon_platform.groups.errors import GiftNotCovered, GiftToSelf, NoFamily, OwnersOnly
from carbon_platform.groups.members import Invitation
from carbon_platform.groups.rules import FAMILY, MEMBER, OWNER
from carbon_platform.groups.tables import CitizenGroup, FamilyGift, GroupMember
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

GIFTS_SHOWN = 50
REASON = "family.gift"


@dataclass(frozen=True)
class Relative:
    """A member as the family sees them. ``month_g`` is None once they have withdrawn that consent."""

    member: GroupMember
    role: str
    nickname: str
    month_g: int | None


@dataclass(frozen=True)
class Gift:
    """A gift as both sides see it; ``sent``: by the reader."""

    gift: FamilyGift
    sent: bool
    giver: str
    receiver: str


@dataclass(frozen=True)
class Family:
    """The reader's family. ``left_to_give`` and ``left_to_get`` are points of today."""

    group: CitizenGroup
    own: GroupMember
    relatives: list[Relative]
    gifts: list[Gift]
    rule: rules.GiftRule
    left_to_give: int
    left_to_get: int


def create(
    session: Session, actor: Actor, *, name: str, consent_version: str, now: datetime
) -> tuple[CitizenGroup, Invitation]:
    """Open a family and be its first member. Errors: ``AlreadyInGroup``, ``ConsentTextUnknown``."""
    group, invitation = members.open_group(
        session, actor, kind=FAMILY, name=name, region_code=actor.region_code, now=now
    )
    members.add(session, actor, group, role=OWNER, consent_version=consent_version, now=now)
    return group, invitation


def join(session: Session, actor: Actor, code: str, *, consent_version: str, now: datetime) -> CitizenGroup:
    """Join with a relative's code. Errors as of :func:`members.join`."""
    return members.join(session, actor, code, kinds=(FAMILY,), consent_version=consent_version, now=now)


def invite(session: Session, actor: Actor, *, now: datetime) -> Invitation:
    """A new code of the reader's family; every member may invite. Errors: ``NoFamily``."""
    return members.invite(session, actor, members.get_group(session, own(session, actor).group_id), now=now)


def remove(session: Session, actor: Actor, member_id: int, *, now: datetime) -> None:
    """Leave the family, or, as the one who looks after it, let somebody else leave.

    Errors: ``NoFamily``, ``NotFound``, ``OwnersOnly``.
    """
    mine = own(session, actor)
    member = _member(session, mine, member_id)
    if member.id != mine.id and members.keeper(members.of_group(session, mine.group_id)) is not mine:
        raise OwnersOnly
    members.leave(session, actor, member, now=now)


def own(session: Session, actor: Actor) -> GroupMember:
    """The reader's place in a family. Errors: ``NoFamily``."""
    found = members.membership(session, actor.holder, FAMILY)
    if found is None:
        raise NoFamily
    return found


def _member(session: Session, mine: GroupMember, member_id: int) -> GroupMember:
    member = session.get(GroupMember, member_id)
    if member is None or member.group_id != mine.group_id or member.left_at is not None:
        raise NotFound(what="家庭成员", key=member_id)
    return member


def read(session: Session, actor: Actor, *, now: datetime) -> Family:
    """The family as one of it sees it. Errors: ``NoFamily``."""
    mine = own(session, actor)
    everybody = members.of_group(session, mine.group_id)
    today = citizen_rules.local_day(now)
    rule = catalogue.gift_rule(today)
    given = _today(session, actor.holder, today, FamilyGift.giver)
    received = _today(session, actor.holder, today, FamilyGift.receiver)
    names = members.nicknames(session, {one.holder for one in everybody})
    grams = _month_grams(session, everybody, today)
    keeper = members.keeper(everybody)
    return Family(
        group=members.get_group(session, mine.group_id),
        own=mine,
        relatives=[
            Relative(
                one,
                OWNER if one is keeper else MEMBER,
                names.get(one.holder, members.GONE[0]),
                grams.get(one.holder),
            )
            for one in everybody
        ],
        gifts=_gifts(session, actor, mine.group_id),
        rule=rule,
        left_to_give=max(0, rule.giver_day_points - given),
        left_to_get=max(0, rule.receiver_day_points - received),
    )


def _month_grams(session: Session, everybody: list[GroupMember], today: str) -> dict[str, int]:
    """Grams of this month, of those whose consent that relatives see them is in force."""
    mine = GroupMember.id.in_([one.id for one in everybody])
    agreed = set(
        session.scalars(sa.select(GroupMember.holder).where(mine, members.agrees(GroupMember.holder, FAMILY)))
    )
    sums = session.execute(
        sa.select(BookMonth.holder, BookMonth.reduction_g).where(
            BookMonth.holder.in_(agreed), BookMonth.month == today[:7]
        )
    )
    return dict.fromkeys(agreed, 0) | {holder: int(grams) for holder, grams in sums}


def _gifts(session: Session, actor: Actor, group_id: int) -> list[Gift]:
    rows = list(
        session.scalars(
            sa.select(FamilyGift)
            .where(
                FamilyGift.group_id == group_id,
                sa.or_(FamilyGift.giver == actor.holder, FamilyGift.receiver == actor.holder),
            )
            .order_by(FamilyGift.id.desc())
            .limit(GIFTS_SHOWN)
        )
    )
    names = members.nicknames(session, {holder for row in rows for holder in (row.giver, row.receiver)})
    gone = members.GONE[0]
    return [
        Gift(row, row.giver == actor.holder, names.get(row.giver, gone), names.get(row.receiver, gone))
        for row in rows
    ]


def _today(session: Session, holder: str, today: str, side: Any) -> int:
    """Points a person has given (or got: ``side``) in gifts today, in whatever family."""
    found = sa.select(sa.func.coalesce(sa.func.sum(FamilyGift.points), 0))
    return int(session.scalar(found.where(side == holder, FamilyGift.day == today)) or 0)


def give(session: Session, actor: Actor, member_id: int, amount: int, *, now: datetime) -> FamilyGift:
    """Give points to a relative: oldest lots first, and every point keeps its last day.

    What the receiver owes is paid back out of it, as out of any points that arrive.
    Errors: ``NoFamily``, ``NotFound``, ``GiftToSelf``, ``GiftTooLarge``, ``GiftTooMuchForReceiver``,
    ``GiftNotCovered``.
    """
    mine = own(session, actor)
    receiver = _member(session, mine, member_id).holder
    if receiver == actor.holder:
        raise GiftToSelf
    for holder in sorted((actor.holder, receiver)):  # one order for everybody, or two gifts wait for ever
        points.lock(session, holder)
    today = citizen_rules.local_day(now)
    rule = catalogue.gift_rule(today)
    rules.check_gift(
        rule,
        points=amount,
        given=_today(session, actor.holder, today, FamilyGift.giver),
        received=_today(session, receiver, today, FamilyGift.receiver),
    )
    purse = open_purse(session, actor.holder, now=now)
    taken = lots.take(purse.active, amount, today)
    short = GiftNotCovered(available=purse.available, points=amount)
    if sum(taken.values()) < amount:
        raise short
    gift = FamilyGift(
        group_id=mine.group_id, giver=actor.holder, receiver=receiver, points=amount, day=today,
        rule=rule.version, entry_id=0, given_at=now,
    )  # fmt: skip
    session.add(gift)
    session.flush()
    entry = ledger.Entry(
        reason=REASON,
        reference=f"gift:{gift.id}",
        moves=[
            ledger.Move(points_account(actor.holder, lot), points_account(receiver, lot), part)
            for lot, part in taken.items()
        ],
        effective_at=None,
        actor_name=actor.holder,
        detail={"family": mine.group_id, "rule": rule.version},
    )
    try:
        gift.entry_id = ledger.post(session, entry, now).entry_id
    except ledger.InsufficientBalance as changed:
        # All who take points wait for our lock; should one not, the giver reads the same refusal.
        raise short from changed
    points.recover(session, receiver, gift.entry_id, now=now)
    audit(
        session, actor, "family.give", object_kind="family_gift", object_id=gift.id, now=now,
        detail={"points": amount},
    )  # fmt: skip
    return gift
