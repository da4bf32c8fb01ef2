"""What people read of rewards, vouchers, donations and refusals: plain values for the API and the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carbon_platform.citizens import codes, reward_rules, rewards, rules
from carbon_platform.citizens.tables import Redemption, RedemptionRefusal, Reward
from carbon_platform.units import yuan_text


def present_reward(reward: Reward, now: datetime) -> dict[str, Any]:
    """One row of the catalogue, with whether it can be had today."""
    plain = {column.name: getattr(reward, column.name) for column in Reward.__table__.columns}
    kind_zh, kind_en = reward_rules.KINDS[reward.kind]
    hours_zh, hours_en = reward_rules.hours_words(reward.hours)
    season = reward_rules.in_season(reward.season_from, reward.season_to, rules.local_day(now))
    return plain | {
        "kind_zh": kind_zh,
        "kind_en": kind_en,
        "hours_zh": hours_zh,
        "hours_en": hours_en,
        "in_season": season,
    }


def present_redemption(redemption: Redemption) -> dict[str, Any]:
    """A voucher with its code; only ever shown to its holder."""
    plain = {column.name: getattr(redemption, column.name) for column in Redemption.__table__.columns}
    status_zh, status_en = rewards.STATUS_WORDS[redemption.status]
    return plain | {"status_zh": status_zh, "status_en": status_en}


def can_be_verified(redemption: Redemption) -> bool:
    """Whether a merchant's shop can take it now."""
    return redemption.status == rewards.READY and bool(redemption.merchant_code)


def signed_code(redemption: Redemption, key: Ed25519PrivateKey) -> str:
    """What the QR of a voucher that can be verified holds, signed for the merchant's shops."""
    assert redemption.expires_at is not None, "what a merchant honours has a last day"
    ticket = codes.Ticket(
        code=redemption.voucher_code,
        merchant=redemption.merchant_code,
        reward=redemption.reward_code,
        expires_at=redemption.expires_at,
        topup_fen=redemption.topup_fen,
    )
    return codes.sign(ticket, key)


def present_donation(given: Redemption) -> dict[str, Any]:
    """The receipt of a donation: what it is and what it is not."""
    status_zh, status_en = rewards.DONATED_WORDS
    values = {
        "points": f"{given.price_points:,}",
        "name": given.name_zh,
        "name_en": given.name_en,
        "value": yuan_text(given.value_fen),
    }
    return {
        "id": given.id,
        "number": given.voucher_code,
        "reward": given.reward_code,
        "name_zh": given.name_zh,
        "name_en": given.name_en,
        "points": given.price_points,
        "value_fen": given.value_fen,
        "given_at": given.redeemed_at,
        "paid_out": bool(given.settled_in),
        "status_zh": status_zh,
        "status_en": status_en,
        "is_zh": reward_rules.DONATION_IS[0].format(**values),
        "is_en": reward_rules.DONATION_IS[1].format(**values),
        "is_not_zh": reward_rules.DONATION_IS_NOT[0],
        "is_not_en": reward_rules.DONATION_IS_NOT[1],
    }


def present_refusal(refusal: RedemptionRefusal) -> dict[str, Any]:
    """An exchange asked for in vain: what, when, why; it took nothing."""
    return {column.name: getattr(refusal, column.name) for column in RedemptionRefusal.__table__.columns}
