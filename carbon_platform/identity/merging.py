"""One person, one account: offers to merge, and what names a person moving from one to the other.

Whoever proves a phone that another account has may take that account over only if nobody can sign in to
it (it came from another platform), or its own sign-in agrees. Otherwise the number may have changed hands:
then only the number moves. An identity number proves nothing by itself, so the other side always agrees.
"""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity import person_rules as rules
from carbon_platform.identity import persons, sealing
from carbon_platform.identity.auditing import audit
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import MergeOffer, Person

PHONE, ID = "phone", "id"
MERGED, MOVED = "merged", "moved"


class MergeNeedsOther(PlatformError):
    code, status = "account.merge_needs_other", 409
    zh = (
        "另一个账户有人在用，要它也同意才能合并：请用那个微信登录，在“账户”里点同意，{days} 内有效。"
        "如果那不是您的账户，手机号可以只转到这里（action=move）；别的情况请打 12345。"
    )
    en = (
        "Somebody signs in to the other account, so it has to agree first: sign in there and agree under "
        "Account within {days_en}. If it is not yours, a phone number alone can move here (action=move); "
        "otherwise call 12345."
    )


class MergeNotPossible(PlatformError):
    code, status = "account.merge_not_possible", 409
    zh = "现在不能合并：{reason}。"
    en = "The accounts cannot be merged now: {reason_en}."


def take_phone(session: Session, actor: Actor, phone: str, *, now: datetime) -> None:
    """Write a proven number into the account."""
    keys = sealing.keys(session)
    person = persons.get_person(session, actor)
    owner = persons.find_by_phone(session, phone)
    if owner is not None and owner.id != person.id:
        raise MergeNotPossible(
            reason="这个号码刚被别的账户绑定", reason_en="a third account has the number by now"
        )
    identity = persons.get_identity(session, person.id)
    identity.phone_sealed = keys.seal(phone, context=persons.context("phone", person.id))
    identity.phone_index = keys.index("phone", phone)
    identity.phone_at = now
    session.flush()
    audit(session, actor, "person.phone", object_kind="person", object_id=person.id, now=now)


def take_real_name(session: Session, actor: Actor, name: str, number: str, *, now: datetime) -> None:
    """Write name and identity number into the account."""
    keys = sealing.keys(session)
    person = persons.get_person(session, actor)
    owner = persons.find_by_id_number(session, number)
    if owner is not None and owner.id != person.id:
        raise MergeNotPossible(
            reason="这个证件号刚被别的账户登记", reason_en="a third account has the number by now"
        )
    identity = persons.get_identity(session, person.id)
    identity.name_sealed = keys.seal(name, context=persons.context("name", person.id))
    identity.id_sealed = keys.seal(number, context=persons.context("id", person.id))
    identity.id_index = keys.index("id", number)
    identity.real_name_at = now
    session.flush()
    audit(session, actor, "person.real_name", object_kind="person", object_id=person.id, now=now)


def offer(
    session: Session, actor: Actor, other: Person, proof: str, proven: str, *, now: datetime
) -> MergeOffer:
    """Note that this account proved what the other one has; ``proven`` is kept sealed until it ends."""
    person = persons.get_person(session, actor)
    session.execute(
        sa.delete(MergeOffer).where(
            MergeOffer.person_id == person.id, MergeOffer.proof == proof, MergeOffer.done_at.is_(None)
        )
    )
    made = MergeOffer(
        person_id=person.id,
        other_id=other.id,
        proof=proof,
        sealed=sealing.keys(session).seal(proven, context=_context(person.id, other.id)),
        offered_at=now,
        expires_at=now + rules.OFFER_LIFE[proof],
        outcome="",
    )
    session.add(made)
    session.flush()
    audit(
        session, actor, "person.merge_offer", object_kind="person", object_id=person.id, now=now,
        detail={"proof": proof},
    )  # fmt: skip
    return made


def _context(person_id: int, other_id: int) -> str:
    return f"merge_offer:{person_id}:{other_id}"


def open_offers(session: Session, person_id: int, *, now: datetime) -> list[MergeOffer]:
    """Offers this account made or is asked about that can still be answered."""
    return list(
        session.scalars(
            sa.select(MergeOffer)
            .where(
                sa.or_(MergeOffer.person_id == person_id, MergeOffer.other_id == person_id),
                MergeOffer.done_at.is_(None),
                MergeOffer.expires_at > now,
            )
            .order_by(MergeOffer.id)
        )
    )


def get_offer(session: Session, actor: Actor, offer_id: int, *, asked: bool, now: datetime) -> MergeOffer:
    """An open offer that this account made, or (``asked``) is asked about. Errors: ``NotFound``."""
    mine = MergeOffer.other_id if asked else MergeOffer.person_id
    found = session.scalar(
        sa.select(MergeOffer)
        .where(MergeOffer.id == offer_id, mine == actor.person_id, MergeOffer.done_at.is_(None))
        .with_for_update()
    )
    if found is None or found.expires_at <= now:
        raise NotFound(what="合并提议", key=offer_id)
    return found


def agree(session: Session, actor: Actor, offer_id: int, *, now: datetime) -> MergeOffer:
    """The other account agrees. The offer lives on for a week, so that both can be signed in to."""
    found = get_offer(session, actor, offer_id, asked=True, now=now)
    found.agreed_at = now
    found.expires_at = max(found.expires_at, now + rules.OFFER_LIFE[ID])
    audit(session, actor, "person.merge_agree", object_kind="person", object_id=found.other_id, now=now)
    return found


def other_side(session: Session, found: MergeOffer) -> Person:
    """The account to be merged into the one that asks. Errors: ``MergeNeedsOther``, ``MergeNotPossible``."""
    other = session.get_one(Person, found.other_id, with_for_update=True)
    if found.agreed_at is None and (found.proof != PHONE or persons.has_wechat(other)):
        raise MergeNeedsOther(days="7 天" if found.proof == ID else "30 分钟",
                              days_en="7 days" if found.proof == ID else "30 minutes")  # fmt: skip
    person = session.get_one(Person, found.person_id)
    if other.state not in (rules.OPEN, rules.CLOSED):
        raise MergeNotPossible(reason="另一个账户正在注销", reason_en="the other account is being deleted")
    if other.under_14 != person.under_14:
        raise MergeNotPossible(
            reason="一个是未满 14 岁的账户，另一个不是",
            reason_en="one of them is a child's, the other is not",
        )
    return other


def join(session: Session, actor: Actor, found: MergeOffer, *, now: datetime) -> None:
    """The other account ends in this one: what names the person comes here, its sign-ins lead here."""
    other = session.get_one(Person, found.other_id)
    theirs = persons.find_identity(session, other.id)
    _carry(session, actor, theirs.person_id if theirs else None, found, now=now)
    # Those who were merged into the other one before are led on, too.
    session.execute(
        sa.update(Person).where(Person.merged_into_id == other.id).values(merged_into_id=found.person_id)
    )
    persons.set_state(session, actor, other, rules.MERGED, now=now)
    other.merged_into_id = found.person_id
    _finish(session, found, MERGED, now=now)


def _carry(session: Session, actor: Actor, other_id: int | None, found: MergeOffer, *, now: datetime) -> None:
    """Empty the other account's identity; keep what was proven, and what this account does not have yet."""
    keys = sealing.keys(session)
    had: dict[str, str] = {}
    theirs = persons.find_identity(session, other_id) if other_id else None
    if theirs is not None:
        for field in ("phone", "name", "id"):
            sealed = getattr(theirs, f"{field}_sealed")
            if sealed is not None:
                had[field] = keys.open(sealed, context=persons.context(field, theirs.person_id))
        session.delete(theirs)
        session.flush()  # the numbers must be free before they are written here
    mine = persons.get_identity(session, found.person_id)
    proven = keys.open(found.sealed, context=_context(found.person_id, found.other_id))
    if found.proof == PHONE:
        take_phone(session, actor, proven, now=now)
    elif "phone" in had and mine.phone_sealed is None:
        take_phone(session, actor, had["phone"], now=now)
    if found.proof == ID:
        name, number = json.loads(proven)
        take_real_name(session, actor, name, number, now=now)
    elif "id" in had and mine.id_sealed is None:
        take_real_name(session, actor, had["name"], had["id"], now=now)


def move_phone(session: Session, actor: Actor, found: MergeOffer, *, now: datetime) -> None:
    """The number changed hands: it comes here, the other account goes on without it.

    Errors: ``MergeNotPossible``.
    """
    if found.proof != PHONE:
        raise MergeNotPossible(
            reason="身份证号不能转移", reason_en="an identity number does not change hands"
        )
    keys = sealing.keys(session)
    phone = keys.open(found.sealed, context=_context(found.person_id, found.other_id))
    theirs = persons.find_identity(session, found.other_id)
    # They may have another number by now: that one stays theirs.
    if theirs is not None and theirs.phone_index in keys.indexes("phone", phone):
        theirs.phone_sealed = theirs.phone_index = theirs.phone_at = None
        session.flush()
    audit(session, actor, "person.phone_moved", object_kind="person", object_id=found.other_id, now=now)
    take_phone(session, actor, phone, now=now)
    _finish(session, found, MOVED, now=now)


def forget_lapsed(session: Session, *, now: datetime) -> int:
    """Delete offers nobody answered in time, with the number that was proven; returns how many."""
    deleted = session.execute(
        sa.delete(MergeOffer).where(MergeOffer.done_at.is_(None), MergeOffer.expires_at <= now)
    )
    return int(deleted.rowcount)  # type: ignore[attr-defined]


def _finish(session: Session, found: MergeOffer, outcome: str, *, now: datetime) -> None:
    found.done_at, found.outcome, found.sealed = now, outcome, ""
    session.flush()
