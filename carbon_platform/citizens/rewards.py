"""Rewards: what points can be exchanged for, and the voucher a person gets."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, rules
from carbon_platform.citizens.book import points_account
from carbon_platform.citizens.errors import NotEnoughPoints, RewardGone
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

READY = "ready"
STATUS_WORDS = {READY: ("可以使用", "ready to use")}
# 80 random bits, 16 characters of base32: nobody guesses one, and nobody mistakes 0 for O.
VOUCHER_BYTES = 10


def load_rewards(session: Session) -> int:
    """Insert new rewards and refresh words and prices of known ones; stock is set once, at the first load."""
    for row in catalogue.reward_rows():
        reward = session.get(Reward, row["code"])
        if reward is None:
            session.add(Reward(**row))
            continue
        for name, value in row.items():
            if name != "stock":
                setattr(reward, name, value)
    session.flush()
    return len(catalogue.reward_rows())


def list_rewards(session: Session) -> list[Reward]:
    """What is on offer, cheapest first; sold-out ones too, so that people see them come back."""
    statement = sa.select(Reward).where(Reward.active.is_(True)).order_by(Reward.price_points, Reward.code)
    return list(session.scalars(statement))


def redeem(session: Session, actor: Actor, reward_code: str, *, now: datetime) -> Redemption:
    """Take one from the stock and its price from the points, and hand out a voucher: all or nothing.

    Errors: ``NotFound`` for an unknown reward, ``RewardGone``, ``NotEnoughPoints``.
    """
    reward = session.get(Reward, reward_code)
    if reward is None or not reward.active:
        raise NotFound(what="奖品", key=reward_code)
    taken = session.execute(
        sa.update(Reward)
        .where(Reward.code == reward_code, Reward.stock >= 1)
        .values(stock=Reward.stock - 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        raise RewardGone(name=reward.name_zh, name_en=reward.name_en)
    entry = ledger.Entry(
        reason="redemption",
        reference=f"redemption:{uuid4().hex}",
        moves=[
            ledger.Move(
                points_account(actor.holder),
                ledger.AccountKey(ledger.POINTS_REDEEMED, ledger.PLATFORM, ledger.Asset.POINT),
                reward.price_points,
            )
        ],
        effective_at=None,
        actor_name=actor.holder,
        detail={"reward": reward.code},
    )
    try:
        posted = ledger.post(session, entry, now)
    except ledger.InsufficientBalance as short:
        available = short.values["available"]
        raise NotEnoughPoints(
            name=reward.name_zh,
            name_en=reward.name_en,
            price=reward.price_points,
            available=available,
            missing=reward.price_points - available,
        ) from short
    redemption = Redemption(
        holder=actor.holder,
        reward_code=reward.code,
        name_zh=reward.name_zh,
        name_en=reward.name_en,
        price_points=reward.price_points,
        voucher_code=rules.voucher_text(base64.b32encode(secrets.token_bytes(VOUCHER_BYTES)).decode()),
        status=READY,
        entry_id=posted.entry_id,
        redeemed_at=now,
    )
    session.add(redemption)
    session.flush()
    # The voucher itself stays out of the audit record: whoever reads the log could use it.
    audit(
        session, actor, "reward.redeem", object_kind="redemption", object_id=redemption.id, now=now,
        detail={"reward": reward.code, "price_points": reward.price_points},
    )  # fmt: skip
    return redemption


def list_redemptions(session: Session, actor: Actor) -> list[Redemption]:
    """The person's vouchers, newest first."""
    statement = sa.select(Redemption).where(Redemption.holder == actor.holder).order_by(Redemption.id.desc())
    return list(session.scalars(statement))
