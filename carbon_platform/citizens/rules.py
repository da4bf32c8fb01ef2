"""Rules of acts and points: functions of values. No session, no request, no clock.

An act passes, in this order: time, plausibility, overlap with another journey, caps of its behaviour
(quantity per day and month, grams per day), the person's points per day. What a rule takes away is
kept with a :class:`Reason` that the citizen reads and may contest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from carbon_platform.citizens.errors import ActInFuture, ActTooOld
from carbon_platform.citizens.points_scheme import Campaign, Spending, award, cap_grams
from carbon_platform.citizens.points_scheme import PointsRule as PointsRule
from carbon_platform.citizens.reasons import Reason as Reason

# China keeps one time without daylight saving: a fixed offset is exact.
LOCAL = timezone(timedelta(hours=8), "UTC+8")
MILLI = 1_000
MAX_AGE_DAYS = 31
OVERLAP_S = 120
# A tap-on without an end is taken to last this long, so that two partners reporting the same boarding
# meet the overlap rule while a change of buses after three minutes does not.
ASSUMED_JOURNEY_S = 300
SHORTEST_RIDE_M = 200
LONGEST_RIDE_KM = 100
GRAMS_PER_T = 1_000_000

COUNTED, PARTLY, NOT_COUNTED = "counted", "partly", "not_counted"
STATUS_WORDS = {
    COUNTED: ("已入账", "counted"),
    PARTLY: ("部分入账", "partly counted"),
    NOT_COUNTED: ("没有计入", "not counted"),
}
APPEAL = (
    "觉得不对？打 12345，或在这一条下面点“不对？告诉我们”，会有人看。",
    "Not right? Call 12345 or tell us from this entry; a person will look at it.",
)


@dataclass(frozen=True)
class Journey:
    """A counted act of travel: its interval, and its number in the book."""

    act_id: int
    name_zh: str
    name_en: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Caps:
    """Limits of one behaviour, per person; thousandths of its unit, or grams. None: no such limit."""

    unit_zh: str
    unit_en: str
    day_acts: int | None = None
    day_milli: int | None = None
    month_milli: int | None = None
    day_g: int | None = None
    year_milli: int | None = None


@dataclass(frozen=True)
class Used:
    """What the person's book already holds of the behaviours that share a cap (day, month, year), and in
    points (day)."""

    day_acts: int = 0
    day_milli: int = 0
    month_milli: int = 0
    day_g: int = 0
    day_points: int = 0
    year_milli: int = 0


class Kind(NamedTuple):
    """What caps and campaigns ask about an act."""

    behaviour: str = ""
    category: str = ""
    source: str = ""
    day: str = ""


_ANY_KIND = Kind()
_NOTHING_SAVED = Reason(
    "nothing_saved",
    "这一条算下来没有减排量：省下的抵不过用掉的。",
    "This act saves nothing by the published factors: what it uses is as much as what it avoids.",
)


@dataclass(frozen=True)
class Verdict:
    """What is counted of a claim. ``reasons`` are empty exactly when everything was.

    ``bonus`` of ``points`` comes from the budget of ``campaign``.
    """

    counted_milli: int
    reduction_g: int
    creditable_g: int
    points: int
    reasons: tuple[Reason, ...]
    bonus: int = 0
    campaign: str = ""

    @property
    def status(self) -> str:
        if not self.reasons:
            return COUNTED
        # A local extra has points without grams.
        return PARTLY if self.reduction_g or self.points else NOT_COUNTED


def local_day(moment: datetime) -> str:
    """The calendar day in Xinyang, ISO."""
    return moment.astimezone(LOCAL).date().isoformat()


def month_start(moment: datetime) -> datetime:
    """The instant at which the calendar month of Xinyang began."""
    local = moment.astimezone(LOCAL)
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def clock_words(moment: datetime) -> str:
    """``11 月 20 日 18:05``, local time."""
    local = moment.astimezone(LOCAL)
    return f"{local.month} 月 {local.day} 日 {local:%H:%M}"


def check_time(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Refuse what has not happened yet, or happened more than 31 days ago."""
    if ends_at > now:
        raise ActInFuture(ended_at=iso_local(ends_at), now=iso_local(now))
    if now - starts_at > timedelta(days=MAX_AGE_DAYS):
        raise ActTooOld(occurred_at=iso_local(starts_at), days=MAX_AGE_DAYS)


def iso_local(moment: datetime) -> str:
    return moment.astimezone(LOCAL).isoformat(timespec="seconds")


def content_digest(
    *,
    holder: str,
    behaviour: str,
    milli: int,
    starts_at: datetime,
    ends_at: datetime,
    distance_m: int | None,
    circumstances: Sequence[tuple[str, float]] = (),
) -> str:
    """SHA-256 of what was claimed: the same record sent again has the same one."""
    said = [
        holder,
        behaviour,
        milli,
        starts_at.astimezone(UTC).isoformat(),
        ends_at.astimezone(UTC).isoformat(),
        distance_m,
        *([list(pair) for pair in circumstances]),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def implausible(
    distance_m: int | None,
    duration_s: int | None,
    speed_max_kmh: int | None,
    longest_km: int = LONGEST_RIDE_KM,
) -> Reason | None:
    """A trip too short or too long to be one, or faster than its means of travel can be."""
    if distance_m is None or speed_max_kmh is None:
        return None
    if distance_m < SHORTEST_RIDE_M:
        return Reason(
            "too_short",
            f"这一程只有 {distance_m} 米，不到 {SHORTEST_RIDE_M} 米，不算一程。",
            f"This trip is {distance_m} m, below the {SHORTEST_RIDE_M} m that count as one.",
        )
    if distance_m > longest_km * MILLI:
        return Reason(
            "too_long",
            f"这一程有 {milli_text(distance_m)} 公里，超过 {longest_km} 公里，先不计入。",
            f"This trip is {milli_text(distance_m)} km, above the {longest_km} km of one trip.",
        )
    # exact in integers: distance/duration > limit
    if duration_s is not None and distance_m * 3_600 > speed_max_kmh * 1_000 * duration_s:
        speed_kmh = distance_m * 36 // (duration_s * 10)
        return Reason(
            "too_fast",
            f"这一程平均 {speed_kmh} km/h，超过这种出行方式的 {speed_max_kmh} km/h，先不计入。",
            f"This trip averages {speed_kmh} km/h, above the {speed_max_kmh} km/h of its means of travel.",
        )
    return None


def overlapping(starts_at: datetime, ends_at: datetime, journeys: Iterable[Journey]) -> Journey | None:
    """The first counted journey that shares more than two minutes with this interval."""
    for journey in sorted(journeys, key=lambda other: (other.starts_at, other.act_id)):
        shared = min(ends_at, journey.ends_at) - max(starts_at, journey.starts_at)
        if shared.total_seconds() > OVERLAP_S:
            return journey
    return None


def countable_milli(claimed_milli: int, caps: Caps, used: Used) -> tuple[int, Reason | None]:
    """How much of the claim the quantity caps leave, and why not all of it."""
    if caps.day_acts is not None and used.day_acts >= caps.day_acts:
        return 0, Reason(
            "cap_acts_day",
            f"每天最多计 {caps.day_acts} 次，今天已经满了，这次没有计入。",
            f"At most {caps.day_acts} of these count per day; this one did not.",
        )
    left = claimed_milli
    reason: Reason | None = None
    for limit, taken, code, zh, en in (
        (caps.day_milli, used.day_milli, "cap_day", "每天", "day"),
        (caps.month_milli, used.month_milli, "cap_month", "每月", "month"),
        (caps.year_milli, used.year_milli, "cap_year", "每年", "year"),
    ):
        if limit is None or left <= max(0, limit - taken):
            continue
        left = max(0, limit - taken)
        size = milli_text(limit)
        reason = Reason(
            code,
            f"{zh}最多计 {size} {caps.unit_zh}，已经计了 {milli_text(min(taken, limit))} {caps.unit_zh}，"
            f"这次计 {milli_text(left)} {caps.unit_zh}。",
            f"At most {size} {caps.unit_en} count per {en}; {milli_text(left)} of this did.",
        )
    return left, reason


def settle(
    *,
    claimed_milli: int,
    counted_milli: int,
    quantity_reason: Reason | None,
    points_g: int,
    creditable_g: int,
    caps: Caps,
    used: Used,
    rule: PointsRule,
    kind: Kind = _ANY_KIND,
    spent: Spending | None = None,
    campaigns: Sequence[Campaign] = (),
    figureless: bool = False,
) -> Verdict:
    """Grams and points of a claim whose countable part is worth ``points_g`` (P) and ``creditable_g`` (C).

    Both grades are whole grams already. C never exceeds P, and shrinks with it in proportion. Caps cut in
    the order behaviour, category, person; ``spent`` is what the person's book holds under the rule's caps
    (None: only ``used.day_points``). ``figureless``: a local extra, which has no grams by declaration and may
    earn the rule's fixed points all the same.
    """
    if not 0 <= counted_milli <= claimed_milli:
        raise ValueError(f"counted {counted_milli} outside 0 … {claimed_milli}")
    if spent is None:
        spent = Spending([(kind.day, kind.behaviour, kind.category, 0, used.day_points)])
    reasons = [quantity_reason] if quantity_reason else []
    wanted_g = points_g if counted_milli else 0
    reduction_g = wanted_g
    if counted_milli and not wanted_g and not reasons and not figureless:
        reasons.append(_NOTHING_SAVED)
    if caps.day_g is not None and reduction_g > max(0, caps.day_g - used.day_g):
        reduction_g = max(0, caps.day_g - used.day_g)
        reasons.append(
            Reason(
                "cap_grams_day",
                f"这种行为每天最多计 {caps.day_g} 克，这次计 {reduction_g} 克。",
                f"At most {caps.day_g} g of this behaviour count per day; {reduction_g} g of this did.",
            )
        )
    where: dict[str, Any] = {
        "behaviour": kind.behaviour,
        "category": kind.category,
        "day": kind.day,
        "spent": spent,
    }
    reduction_g, cut = cap_grams(rule, grams=reduction_g, **where)
    bare = figureless and counted_milli > 0
    given = award(rule, campaigns, source=kind.source, grams=reduction_g, figureless=bare, **where)
    credit_g = min(creditable_g, wanted_g) * reduction_g // wanted_g if wanted_g else 0
    return Verdict(
        counted_milli,
        reduction_g,
        credit_g,
        given.points,
        (*reasons, *cut, *given.reasons),
        given.bonus,
        given.campaign,
    )


def refused(reason: Reason) -> Verdict:
    """Nothing of the claim counts."""
    return Verdict(0, 0, 0, 0, (reason,))


def graded_g(raw_g: float, percent: int) -> int:
    """Whole grams of an exact figure at an evidence percentage, floored once.

    A float a hair below a whole number (0.1 + 0.2 style noise, below 1e-9) counts as that number.
    """
    # In whole numbers: raw = top/bottom exactly, so floor(raw × percent / 100 + 1e-9) is one division.
    top, bottom = raw_g.as_integer_ratio()
    return max(0, (top * percent * 10**9 + 100 * bottom) // (100 * bottom * 10**9))


def formula_words(
    *,
    quantity_milli: int,
    caps: Caps,
    raw_g: float,
    percent: int,
    verdict: Verdict,
    grams_per_point: int,
    fixed: int | None = None,
) -> tuple[str, str]:
    """The sum behind one line of the book, zh and en: ``1 次 × 80 克/次 → 80 克；80 克 ÷ 8 … → 10 分``.

    ``fixed``: points per act of this behaviour, where the rule gives them in place of grams.
    """
    quantity = milli_text(quantity_milli)
    per_unit = grams_text(raw_g * MILLI / quantity_milli)
    graded = graded_g(raw_g, percent)
    share = f" × {percent}%" if percent != 100 else ""
    zh = f"{quantity} {caps.unit_zh} × {per_unit} 克/{caps.unit_zh}{share} → {graded} 克"
    en = f"{quantity} {caps.unit_en} × {per_unit} g/{caps.unit_en}{share} → {graded} g"
    if verdict.reduction_g != graded:
        zh += f"，计入 {verdict.reduction_g} 克"
        en += f", {verdict.reduction_g} g counted"
    if verdict.reduction_g or (verdict.points and fixed is not None):
        if fixed is None:
            zh += f"；{verdict.reduction_g} 克 ÷ {grams_per_point} 克/分，取整"
            en += f"; {verdict.reduction_g} g ÷ {grams_per_point} g per point, whole"
        else:
            zh, en = f"{zh}；每笔 {fixed} 分", f"{en}; {fixed} points an act"
        if verdict.bonus:
            zh, en = f"{zh}，活动加 {verdict.bonus} 分", f"{en}, {verdict.bonus} more by a campaign"
        zh, en = f"{zh} → {verdict.points} 分", f"{en} → {verdict.points} points"
    return zh, en


def grams_text(grams: float) -> str:
    """At most two decimals, without trailing zeros."""
    return f"{grams:.2f}".rstrip("0").rstrip(".")


def milli_text(milli: int) -> str:
    """``3200`` → ``3.2``; whole numbers stay whole."""
    whole, rest = divmod(milli, MILLI)
    return str(whole) if not rest else f"{whole}.{rest:03d}".rstrip("0")


def next_month(day: str) -> str:
    """First day of the month after an ISO day."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"


def voucher_text(raw: str) -> str:
    """``XY-ABCD-EFGH-…``: groups of four, so that a person can read it out."""
    return "-".join(["XY", *(raw[i : i + 4] for i in range(0, len(raw), 4))])


def worth_fen(grams: int, price_fen_per_t: int) -> str:
    """What grams of carbon are worth at a price per tonne, in fen with one decimal (rounded down)."""
    tenths = grams * price_fen_per_t * 10 // GRAMS_PER_T
    return f"{tenths // 10}.{tenths % 10}"
