"""Who is in which group: opening, inviting, joining, leaving. Callers open the transaction."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import consents
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.groups import catalogue, rules
from carbon_platform.groups.errors import AlreadyInGroup, GroupFull, InvitationInvalid
from carbon_platform.groups.rules import FAMILY, MEMBER, OWNER
from carbon_platform.groups.tables import CitizenGroup, GroupMember
from carbon_platform.identity import persons
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Consent, Person

PLATFORM = "platform"
# What a person agrees to when joining: relatives see names and figures; other groups only count.
PURPOSES = {FAMILY: "family"}
OTHER_PURPOSE = "group"
GONE = ("已离开的用户", "somebody who left")


@dataclass(frozen=True)
class Invitation:
    """A code as it is shown, once, and until when it is good."""

    code: str
    until: datetime


def open_group(
    session: Session, actor: Actor, *, kind: str, name: str, region_code: str, now: datetime
) -> tuple[CitizenGroup, Invitation]:
    """A new group with its first invitation. A citizen who opens it still has to be added."""
    group = CitizenGroup(
        kind=kind,
        name=name,
        region_code=region_code,
        opened_by=actor.holder if actor.person_id is not None else actor.name,
        opened_by_user=actor.user_id,
        opened_at=now,
    )
    invitation = _new_code(group, now)
    session.add(group)
    session.flush()
    audit(session, actor, "group.open", object_kind="group", object_id=group.id, now=now,
          detail={"kind": kind})  # fmt: skip
    return group, invitation


def invite(session: Session, actor: Actor, group: CitizenGroup, *, now: datetime) -> Invitation:
    """A new code; the one before is worthless from this moment."""
    invitation = _new_code(group, now)
    audit(session, actor, "group.invite", object_kind="group", object_id=group.id, now=now)
    return invitation


def _new_code(group: CitizenGroup, now: datetime) -> Invitation:
    raw = "".join(secrets.choice(rules.ALPHABET) for _ in range(rules.CODE_LENGTH))
    group.invite_hash = rules.code_hash(raw)
    group.invite_until = now + timedelta(days=catalogue.invitation_days())
    return Invitation(rules.code_text(raw), group.invite_until)


def join(
    session: Session,
    actor: Actor,
    code: str,
    *,
    kinds: Collection[str],
    consent_version: str,
    now: datetime,
) -> CitizenGroup:
    """Join the group a code belongs to, agreeing to the text of that kind of group.

    The same code again by a member changes nothing. Errors: ``InvitationInvalid`` (also for a group of
    another kind), ``AlreadyInGroup``, ``GroupFull``, ``ConsentTextUnknown``.
    """
    group = session.scalar(
        sa.select(CitizenGroup).where(CitizenGroup.invite_hash == rules.code_hash(code)).with_for_update()
    )
    expired = group is None or group.closed_at is not None or (group.invite_until or now) <= now
    if group is None or expired or group.kind not in kinds:
        raise InvitationInvalid
    add(session, actor, group, role=MEMBER, consent_version=consent_version, now=now)
    return group


def add(
    session: Session, actor: Actor, group: CitizenGroup, *, role: str, consent_version: str, now: datetime
) -> GroupMember:
    """Bring a person in, with their consent. Errors as of :func:`join`."""
    # Two requests of one person, and the last place of a group, one after the other.
    serialise(session, f"group:{group.id}")
    kind = catalogue.kinds()[group.kind]
    there = membership(session, actor.holder, group.kind)
    if there is not None and there.group_id == group.id:
        audit(session, actor, "group.join_again", object_kind="group", object_id=group.id, now=now)
        return there
    if there is not None:
        name = session.get_one(CitizenGroup, there.group_id).name
        raise AlreadyInGroup(kind=kind.zh, kind_en=kind.en.lower(), name=name)
    if count(session, group.id) >= kind.members_max:
        raise GroupFull(name=group.name, limit=kind.members_max)
    consents.agree(
        session,
        actor,
        partner=PLATFORM,
        purpose=PURPOSES.get(group.kind, OTHER_PURPOSE),
        version=consent_version,
        now=now,
    )
    member = GroupMember(group_id=group.id, kind=group.kind, holder=actor.holder, role=role, joined_at=now)
    session.add(member)
    session.flush()
    audit(session, actor, "group.join", object_kind="group", object_id=group.id, now=now)
    return member


def leave(session: Session, actor: Actor, member: GroupMember, *, now: datetime) -> None:
    """End a membership. The longest-standing member looks after a family then; an empty one closes."""
    serialise(session, f"group:{member.group_id}")
    member.left_at = now
    group = session.get_one(CitizenGroup, member.group_id)
    session.flush()
    if group.kind == FAMILY:
        left = of_group(session, group.id)
        if not left:
            group.closed_at, group.invite_hash, group.invite_until = now, None, None
        elif member.role == OWNER:
            left[0].role = OWNER
    audit(session, actor, "group.leave", object_kind="group", object_id=group.id, now=now,
          detail={"member": member.id})  # fmt: skip


def membership(session: Session, holder: str, kind: str) -> GroupMember | None:
    """Where a person is at present, in a kind of group."""
    return session.scalar(
        sa.select(GroupMember).where(
            GroupMember.holder == holder, GroupMember.kind == kind, GroupMember.left_at.is_(None)
        )
    )


def of_group(session: Session, group_id: int) -> list[GroupMember]:
    """Members at present, the longest-standing first."""
    return list(
        session.scalars(
            sa.select(GroupMember)
            .where(GroupMember.group_id == group_id, GroupMember.left_at.is_(None))
            .order_by(GroupMember.joined_at, GroupMember.id)
        )
    )


def count(session: Session, group_id: int) -> int:
    """How many are in a group at present."""
    found = sa.select(sa.func.count()).select_from(GroupMember)
    asked = found.where(GroupMember.group_id == group_id, GroupMember.left_at.is_(None))
    return session.scalar(asked) or 0


def get_group(session: Session, group_id: int) -> CitizenGroup:
    group = session.get(CitizenGroup, group_id)
    if group is None:
        raise NotFound(what="团体", key=group_id)
    return group


def nicknames(session: Session, holders: Collection[str]) -> dict[str, str]:
    """Nicknames of people by holder; whoever closed or deleted the account is not in it."""
    return persons.nicknames(session, holders)


def agrees(holder: Any, kind: str) -> sa.Exists:
    """Whether a holder (a column) agrees at this moment to the text in force of a kind of group.

    Who withdrew, closed the account or agreed to older words only is a member by name and counted nowhere.
    """
    text = consent_texts()[PLATFORM, PURPOSES.get(kind, OTHER_PURPOSE)]
    return sa.exists().where(
        Person.holder == holder,
        Consent.person_id == Person.id,
        Consent.partner == text.partner,
        Consent.purpose == text.purpose,
        Consent.text_version == text.version,
        Consent.withdrawn_at.is_(None),
    )


def keeper(everybody: Sequence[GroupMember]) -> GroupMember | None:
    """Who looks after a family of these members: its owner, or the longest-standing member.

    An account that is closed, merged or deleted is out of its family at once and hands nothing over.
    """
    return next((one for one in everybody if one.role == OWNER), everybody[0] if everybody else None)
