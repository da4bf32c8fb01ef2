"""A shop uses codes: one by one at the till, or those it took without network, all at once.

Each attempt is kept, accepted or refused. A code is used once: the row of the voucher is changed only
from ``ready`` (or from ``refunding``, by a use of before the wish or of a shop that could not hear of it),
and a unique index says the same.
Two shops that took the same code without network: the first that is heard is paid, the other one reads
where and when. The same attempt delivered again is answered as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import codes, reward_rules, rewards
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.merchants import errors
from carbon_platform.merchants.service import demand_active, merchant_of
from carbon_platform.merchants.tables import Merchant, ShopVerification

MAX_ROWS = 200
CLOCK_TOLERANCE = timedelta(minutes=5)
ACCEPTED, REFUSED = "accepted", "refused"


@dataclass(frozen=True)
class Use:
    """What a shop says: which code (typed, spoken or scanned), when by its clock, on which device."""

    code: str
    used_at: datetime
    device: str
    offline: bool


@dataclass(frozen=True)
class Answer:
    """What became of one use; ``duplicate`` when it had been handed in before."""

    verification: ShopVerification
    redemption: Redemption | None
    duplicate: bool


def verify(
    session: Session, actor: Actor, uses: Sequence[Use], keys: tuple[str, ...], *, now: datetime
) -> list[Answer]:
    """Use codes; answers in the order given. A bad one does not sink the others.

    Errors, for all of them: ``NoMerchant``, ``MerchantNotActive``, ``TooManyRows``.
    """
    merchant = merchant_of(session, actor)
    demand_active(merchant)
    if len(uses) > MAX_ROWS:
        raise errors.TooManyRows(limit=MAX_ROWS, count=len(uses))
    read = [_read(use, keys) for use in uses]
    vouchers = _lock_vouchers(session, merchant, {code for code, _ in read if code})
    answers: list[Answer] = []
    for use, (code, unreadable) in zip(uses, read, strict=True):
        hashed = codes.code_hash(code or use.code.strip())
        redemption = vouchers.get(code)
        known = _handed_in(session, merchant, use, hashed, reason_code="")
        refused: PlatformError | None = None
        if known is None:
            refused = unreadable or _refusal(session, merchant, redemption, use, now=now)
        if refused is not None:
            known = _handed_in(session, merchant, use, hashed, reason_code=refused.code)
        if known is not None:
            answers.append(Answer(known, redemption, duplicate=True))
            continue
        if refused is None and redemption is not None:
            redemption.status, redemption.used_at = rewards.USED, use.used_at
            redemption.use_recorded_at = now
        answers.append(_keep(session, actor, merchant, use, hashed, redemption, refused, now=now))
    accepted = sum(1 for one in answers if one.verification.outcome == ACCEPTED and not one.duplicate)
    audit(
        session, actor, "shop.verify", object_kind="merchant", object_id=merchant.code, now=now,
        detail={"uses": len(uses), "accepted": accepted},
    )  # fmt: skip
    return answers


def _read(use: Use, keys: tuple[str, ...]) -> tuple[str, PlatformError | None]:
    """(The code, why it cannot be read)."""
    try:
        if use.code.strip().upper().startswith(codes.PREFIX):
            return codes.read(use.code, keys).code, None
        return codes.spoken(use.code), None
    except (codes.CodeUnreadable, codes.SignatureWrong) as error:
        return "", error


def _lock_vouchers(session: Session, merchant: Merchant, wanted: set[str]) -> dict[str, Redemption]:
    """The merchant's vouchers by code, locked in order of their numbers so that two tills cannot deadlock."""
    found = session.scalars(
        sa.select(Redemption)
        .where(Redemption.voucher_code.in_(wanted), Redemption.merchant_code == merchant.code)
        .where(Redemption.kind != reward_rules.DONATION)
        .order_by(Redemption.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.voucher_code: row for row in found}


def _handed_in(
    session: Session, merchant: Merchant, use: Use, hashed: str, *, reason_code: str
) -> ShopVerification | None:
    """The same attempt with the same end, if it was handed in before; accepted ones have no reason."""
    return session.scalar(
        sa.select(ShopVerification).where(
            ShopVerification.merchant_code == merchant.code,
            ShopVerification.device == use.device,
            ShopVerification.code_hash == hashed,
            ShopVerification.used_at == use.used_at,
            ShopVerification.reason_code == reason_code,
        )
    )


def _refusal(
    session: Session, merchant: Merchant, redemption: Redemption | None, use: Use, *, now: datetime
) -> PlatformError | None:
    """Why this use does not count; None when it does."""
    if redemption is None:
        return errors.CodeUnknown()
    if redemption.status == rewards.USED:
        return _used_before(session, redemption, use)
    if redemption.status == rewards.REFUNDED:
        return errors.CodeGivenBack(at=_said(redemption.refunded_at))
    if use.used_at > now + CLOCK_TOLERANCE:
        return errors.UseInFuture(used_at=_said(use.used_at), now=_said(now))
    if use.used_at < redemption.redeemed_at - CLOCK_TOLERANCE:
        return errors.UseBeforeOrder(used_at=_said(use.used_at), redeemed_at=_said(redemption.redeemed_at))
    if redemption.expires_at is not None and use.used_at >= redemption.expires_at:
        return errors.CodeExpired(expires_at=_said(redemption.expires_at))
    asked = redemption.refund_requested_at
    # A shop without network cannot hear of the wish. What it handed out is paid, and no points come back:
    # nobody asks for the points first and goes to such a shop afterwards.
    unheard = use.offline or (asked is not None and use.used_at <= asked)
    if redemption.status == rewards.REFUNDING and not unheard:
        return errors.CodeGivenBack(at=_said(asked))
    hours = session.get_one(Reward, redemption.reward_code).hours
    if not reward_rules.is_open(hours, use.used_at):
        zh, en = reward_rules.hours_words(hours)
        return errors.CodeOutsideHours(hours=zh, hours_en=en)
    return None


def _used_before(session: Session, redemption: Redemption, use: Use) -> PlatformError:
    first = session.scalar(
        sa.select(ShopVerification).where(
            ShopVerification.redemption_id == redemption.id, ShopVerification.outcome == ACCEPTED
        )
    )
    same = first is not None and first.device == use.device
    return errors.CodeUsed(
        used_at=_said(redemption.used_at),
        where="本设备" if same else "本店另一台设备",
        where_en="on this device" if same else "on another device of this merchant",
    )


def _said(moment: datetime | None) -> str:
    return f"{moment.astimezone(LOCAL):%Y-%m-%d %H:%M}" if moment else "–"


def _keep(
    session: Session,
    actor: Actor,
    merchant: Merchant,
    use: Use,
    hashed: str,
    redemption: Redemption | None,
    refused: PlatformError | None,
    *,
    now: datetime,
) -> Answer:
    kept = ShopVerification(
        merchant_code=merchant.code,
        device=use.device,
        code_hash=hashed,
        used_at=use.used_at,
        received_at=now,
        offline=use.offline,
        user_id=actor.user_id or 0,
        redemption_id=redemption.id if redemption else None,
        outcome=REFUSED if refused else ACCEPTED,
        reason_code=refused.code if refused else "",
        reason_zh=refused.message("zh") if refused else "",
        reason_en=refused.message("en") if refused else "",
    )
    session.add(kept)
    session.flush()
    return Answer(kept, redemption, duplicate=False)


@dataclass(frozen=True)
class ShopList:
    """What a shop carries to work without network: its offers, and hashes of codes that can be used."""

    merchant: Merchant
    offers: list[Reward]
    ready: list[Redemption]
    void: list[Redemption]


def shop_list(session: Session, actor: Actor, *, now: datetime) -> ShopList:
    """The codes that are good now, and those that look good (their day has not come) and are not."""
    merchant = merchant_of(session, actor)
    demand_active(merchant)
    alive = (
        sa.select(Redemption)
        .where(Redemption.merchant_code == merchant.code, Redemption.expires_at > now)
        .where(Redemption.kind != reward_rules.DONATION)
        .order_by(Redemption.id)
    )
    found = list(session.scalars(alive))
    return ShopList(
        merchant=merchant,
        offers=_offers_of(session, {row.reward_code for row in found}, merchant),
        ready=[row for row in found if row.status == rewards.READY],
        void=[row for row in found if row.status != rewards.READY],
    )


def _offers_of(session: Session, known: Iterable[str], merchant: Merchant) -> list[Reward]:
    return list(
        session.scalars(
            sa.select(Reward)
            .where(Reward.merchant_code == merchant.code)
            .where(sa.or_(Reward.active.is_(True), Reward.code.in_(sorted(known))))
            .order_by(Reward.code)
        )
    )


def verifications(
    session: Session, merchant: Merchant, *, limit: int = 50
) -> list[tuple[ShopVerification, Any]]:
    """A merchant's attempts, newest first, each with the name of its reward if there was a voucher."""
    rows = session.execute(
        sa.select(ShopVerification, Redemption)
        .outerjoin(Redemption, Redemption.id == ShopVerification.redemption_id)
        .where(ShopVerification.merchant_code == merchant.code)
        .order_by(ShopVerification.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]
