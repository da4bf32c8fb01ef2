"""Rules of inclusion: functions of values. No session, no request, no clock.

Windows and days are local (Xinyang); a window is half-open, ``[starts_on, ends_on)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from carbon_platform.inclusion.errors import WindowInvalid, WindowOpen
from carbon_platform.units import FEN_PER_YUAN, KG_PER_T

GRAMS_PER_T = 1_000_000
CLOSED, APPLIED, ISSUED, DISSOLVED = "closed", "applied", "issued", "dissolved"
BUNDLE_WORDS = {
    CLOSED: ("已汇总", "bundled"),
    APPLIED: ("已申请", "applied for"),
    ISSUED: ("已签发", "issued"),
    DISSOLVED: ("已解散", "dissolved"),
}
AWAITING, PAID, RETIRED = "awaiting", "paid", "retired"
EXPIRED, REFUND_DUE, REFUNDED = "expired", "refund_due", "refunded"
ORDER_WORDS = {
    AWAITING: ("待付款", "waiting for payment"),
    PAID: ("已付款，待注销", "paid, to be retired"),
    RETIRED: ("已注销", "retired"),
    EXPIRED: ("已过期，没有扣款", "expired, nothing was taken"),
    REFUND_DUE: ("付款到晚了，等待退款", "paid too late, to be refunded"),
    REFUNDED: ("已退款", "refunded"),
}
PROMISED, RECEIVED, CANCELLED = "promised", "received", "cancelled"
SPONSOR_WORDS = {
    PROMISED: ("已承诺", "promised"),
    RECEIVED: ("已到账", "received"),
    CANCELLED: ("已取消", "cancelled"),
}


@dataclass(frozen=True)
class Window:
    """Local days ``[starts_on, ends_on)``."""

    starts_on: date
    ends_on: date

    @property
    def last_day(self) -> date:
        return self.ends_on - timedelta(days=1)


def check_window(window: Window, today: date, *, age_days: int, observation_days: int) -> None:
    """Refuse a window in which something can still arrive or be taken back.

    ``age_days``: how late a record may come, ``observation_days``: the longest time for which a source may
    take one back. Errors: ``WindowInvalid``, ``WindowOpen``.
    """
    if window.ends_on <= window.starts_on or window.starts_on.year != window.last_day.year:
        raise WindowInvalid(starts_on=window.starts_on.isoformat(), ends_on=window.ends_on.isoformat())
    # One day more: an observation counted from receipt ends in the middle of a day.
    closes_on = window.ends_on + timedelta(days=age_days + observation_days + 1)
    if today < closes_on:
        raise WindowOpen(
            starts_on=window.starts_on.isoformat(),
            last_day=window.last_day.isoformat(),
            age_days=age_days,
            observation_days=observation_days,
            closes_on=closes_on.isoformat(),
        )


def whole_tonnes(creditable_g: int) -> int:
    """The one rounding of a bundle: whole tonnes, downwards."""
    return creditable_g // GRAMS_PER_T


@dataclass(frozen=True)
class PointValue:
    """What a point is worth in fen, exactly: the least and the most that rewards on offer give for it."""

    low_fen: Fraction
    high_fen: Fraction


def point_value(rewards: Iterable[tuple[int, int]]) -> PointValue | None:
    """From (price in points, worth in fen) of the rewards on offer; None while there is none."""
    per_point = [Fraction(fen, points) for points, fen in rewards if points > 0 and fen > 0]
    return PointValue(min(per_point), max(per_point)) if per_point else None


def fen_of(points: int, fen_per_point: Fraction) -> int:
    """What points cost, in fen, rounded up: a liability is never told too small."""
    exact = points * fen_per_point
    return -(-exact.numerator // exact.denominator)


def fen_per_tonne(points: int, grams: int, fen_per_point: Fraction) -> int | None:
    """Reward paid per tonne of reduction, fen (nearest); None without grams.

    10 points for a ride of 80 g at ¥0.05 a point: 10 · 5 fen · 10⁶ / 80 = 625,000 fen = ¥6,250/t.
    """
    return round(points * fen_per_point * GRAMS_PER_T / grams) if grams > 0 else None


def market_fen(grams: int, price_fen_per_t: int) -> int:
    """What grams would be worth at a price per tonne, fen, rounded down."""
    return grams * price_fen_per_t // GRAMS_PER_T


def times(reward_fen_per_t: int | None, price_fen_per_t: int) -> int | None:
    """How many times the market's price the reward is, in whole times (nearest); None when unknown."""
    if reward_fen_per_t is None or price_fen_per_t <= 0:
        return None
    return round(Fraction(reward_fen_per_t, price_fen_per_t))


def order_fen(quantity_kg: int, price_fen_per_t: int) -> int:
    """Price of kilograms at a price per tonne: rounded up to the fen, at least one."""
    return max(1, -(-quantity_kg * price_fen_per_t // KG_PER_T))


def slice_ranges(ranges: Sequence[tuple[int, int]], quantities: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Hand the numbers of ascending ranges out in order: so many to each.

    Raises ``ValueError`` unless the quantities sum to the numbers there are.
    """
    if sum(quantities) != sum(last - first + 1 for first, last in ranges):
        raise ValueError("quantities and numbers differ")
    parts: list[list[tuple[int, int]]] = []
    waiting = list(ranges)
    for wanted in quantities:
        mine: list[tuple[int, int]] = []
        while wanted:
            first, last = waiting[0]
            taken = min(wanted, last - first + 1)
            mine.append((first, first + taken - 1))
            wanted -= taken
            waiting[0] = (first + taken, last)
            if first + taken > last:
                waiting.pop(0)
        parts.append(mine)
    return parts


def share_bp(part: int, whole: int) -> int | None:
    """Basis points, rounded down; None of nothing."""
    return part * 10_000 // whole if whole else None


def yuan_per_tonne_text(fen_per_t: int | None) -> str:
    """``625000`` → ``¥6,250``; whole yuan are exact enough for a comparison."""
    return "—" if fen_per_t is None else f"¥{round(Fraction(fen_per_t, FEN_PER_YUAN)):,}"
