"""Accounts that share a device or a payment account: more than a few, and a person looks at them.

Nobody is shut out and nothing is taken away: until the review is cleared, points of these accounts stay
pending, and none of them lapses unfetched. A device is known by a keyed hash of what the client sends,
never by the thing itself.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, points_rules, points_scheme
from carbon_platform.citizens.points_errors import ReviewClosed
from carbon_platform.citizens.purse import PENDING
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import AccountLink, AccountReview
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

DEVICE, PAYMENT = "device", "payment"
OPEN, CLEARED, CONFIRMED = "open", "cleared", "confirmed"
KIND_WORDS = {DEVICE: ("同一台设备", "one device"), PAYMENT: ("同一个支付账户", "one payment account")}
STATE_WORDS = {
    OPEN: ("等人核查", "open"),
    CLEARED: ("核查放行", "cleared"),
    CONFIRMED: ("核查属实", "confirmed"),
}
# What the person reads until the review is cleared.
WAITING_WORDS = {
    OPEN: (
        "同一台设备或同一个支付账户上的账户较多，工作人员正在核查。核查完以前新积分先不到账，等着的时候不扣，"
        "领取期限也不会过；您不用做什么。",
        "Many accounts share one device or payment account, and a person is looking at it. Until then new "
        "points wait: nothing is taken, the time to fetch them does not run out, you need not do anything.",
    ),
    CONFIRMED: (
        "核查发现同一台设备或同一个支付账户上有不合规则的记录，正在逐笔更正，每一笔都会写明原因，可以申诉。"
        "更正完以前新积分先不到账，领取期限不会过。",
        "Records on a shared device or payment account break the rules and are being corrected one by one, "
        "each with its reason, and each can be contested. Until that is done new points wait; the time to "
        "fetch them does not run out.",
    ),
}


def fingerprint(secret: str, kind: str, raw: str) -> str:
    """The keyed hash by which a device or payment account is known here."""
    return hmac.new(secret.encode(), f"{kind}:{raw}".encode(), hashlib.sha256).hexdigest()


def note(
    session: Session, *, kind: str, fingerprint: str, holder: str, now: datetime
) -> AccountReview | None:
    """An account is used on this device (or with this payment account); the review if it needs one.

    Repeatable. ``fingerprint``: of :func:`fingerprint`.
    """
    serialise(session, f"account_link:{kind}:{fingerprint}")
    link = session.get(AccountLink, (kind, fingerprint, holder))
    if link is not None:
        link.last_seen = now
        return find_open(session, kind, fingerprint)
    session.add(AccountLink(kind=kind, fingerprint=fingerprint, holder=holder, first_seen=now, last_seen=now))
    session.flush()
    accounts = len(sharing(session, kind, fingerprint))
    review = find_open(session, kind, fingerprint)
    if review is not None:
        review.accounts = accounts
        return review
    if accounts <= _allowed(session, kind, fingerprint):
        return None
    review = AccountReview(kind=kind, fingerprint=fingerprint, accounts=accounts, state=OPEN, opened_at=now)
    session.add(review)
    session.flush()
    return review


def find_open(session: Session, kind: str, fingerprint: str) -> AccountReview | None:
    """The review of this thing that is not cleared, the newest if there are several."""
    return session.scalar(
        sa.select(AccountReview)
        .where(
            AccountReview.kind == kind,
            AccountReview.fingerprint == fingerprint,
            AccountReview.state != CLEARED,
        )
        .order_by(AccountReview.id.desc())
        .limit(1)
    )


def sharing(session: Session, kind: str, fingerprint: str) -> list[str]:
    """The holders who share it."""
    return list(
        session.scalars(
            sa.select(AccountLink.holder)
            .where(AccountLink.kind == kind, AccountLink.fingerprint == fingerprint)
            .order_by(AccountLink.first_seen, AccountLink.holder)
        )
    )


def under_review(session: Session, holders: Collection[str]) -> set[str]:
    """Those of the holders whose points have to wait."""
    return set(session.scalars(_not_cleared(holders))) if holders else set()


def waiting_words(session: Session, holder: str) -> tuple[str, str] | None:
    """Why this person's points have to wait (zh, en); None: they do not."""
    states = {state for _, state in session.execute(_not_cleared([holder]))}
    return WAITING_WORDS[OPEN if OPEN in states else CONFIRMED] if states else None


def _not_cleared(holders: Collection[str]) -> sa.Select[Any]:
    """(Holder, state) of each review that is not cleared."""
    same = sa.and_(
        AccountReview.kind == AccountLink.kind, AccountReview.fingerprint == AccountLink.fingerprint
    )
    return (
        sa.select(AccountLink.holder, AccountReview.state)
        .join(AccountReview, same)
        .where(AccountReview.state != CLEARED, AccountLink.holder.in_(holders))
    )


def reviews() -> sa.Select[Any]:
    """All reviews, open ones first, then the newest, for paging."""
    return sa.select(AccountReview).order_by(
        sa.case((AccountReview.state == OPEN, 0), (AccountReview.state == CONFIRMED, 1), else_=2),
        AccountReview.id.desc(),
    )


def decide(
    session: Session, actor: Actor, review_id: int, *, clear: bool, note: str, now: datetime
) -> AccountReview:
    """Clear these accounts, or confirm what was suspected; their points go on waiting until cleared.

    Confirmed abuse is mended act by act, by two people (:mod:`corrections`), and then cleared. Errors:
    ``NotFound``, ``ReviewClosed``.
    """
    review = session.scalar(sa.select(AccountReview).where(AccountReview.id == review_id).with_for_update())
    if review is None:
        raise NotFound(what="核查", key=review_id)
    if review.state == CLEARED or (review.state == CONFIRMED and not clear):
        zh, en = STATE_WORDS[review.state]
        raise ReviewClosed(number=review_id, state=zh, state_en=en)
    review.state, review.note = CLEARED if clear else CONFIRMED, note.strip()
    if clear:
        _claim_anew(session, sharing(session, review.kind, review.fingerprint), now)
    review.decided_by, review.decided_by_id, review.decided_at = actor.name, actor.user_id, now
    audit(
        session, actor, "account.review", object_kind="account_review", object_id=review_id, now=now,
        detail={"state": review.state, "accounts": review.accounts},
    )  # fmt: skip
    return review


def _claim_anew(session: Session, holders: Collection[str], now: datetime) -> None:
    """Points that could not be fetched while somebody looked have their whole window from now on."""
    waiting = (
        Act.holder.in_(holders),
        Act.points_state == sa.literal_column(f"'{PENDING}'"),
        Act.claim_by.is_not(None),
        Act.active_from <= now,
    )
    for version in session.scalars(sa.select(Act.points_rule).where(*waiting).distinct()).all():
        until = points_scheme.claim_by(points_rules.get_rule(session, version), active_from=now)
        session.execute(
            sa.update(Act)
            .where(*waiting, Act.points_rule == version, Act.claim_by < until)
            .values(claim_by=until)
            .execution_options(synchronize_session=False)
        )


def forget(session: Session, *, now: datetime) -> int:
    """Forget links not seen for the days of ``data/truth.toml`` with no review to clear; returns how many."""
    open_ = sa.select(AccountReview.fingerprint).where(
        AccountReview.state != CLEARED, AccountReview.kind == AccountLink.kind
    )
    done = session.execute(
        sa.delete(AccountLink)
        .where(
            AccountLink.last_seen < now - timedelta(days=catalogue.truth()["sharing"]["keep_days"]),
            AccountLink.fingerprint.not_in(open_.correlate(AccountLink)),
        )
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


def _allowed(session: Session, kind: str, fingerprint: str) -> int:
    """How many accounts may share it: the limit, or as many as a person has cleared."""
    cleared = session.scalar(
        sa.select(sa.func.max(AccountReview.accounts)).where(
            AccountReview.kind == kind,
            AccountReview.fingerprint == fingerprint,
            AccountReview.state == CLEARED,
        )
    )
    return max(int(catalogue.truth()["sharing"][kind]), cleared or 0)
