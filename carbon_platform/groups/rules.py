"""Rules of groups: weeks, invitations, gifts, the order of a board. Functions of values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from carbon_platform.errors import PlatformError

# China keeps one time without daylight saving: a fixed offset is exact.
LOCAL = timezone(timedelta(hours=8), "UTC+8")
FAMILY = "family"
OWNER, MEMBER = "owner", "member"
# Letters and digits nobody mistakes for another; 12 of 30 are 58 bits.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12
PER_RESIDENTS = 10_000


@dataclass(frozen=True)
class GiftRule:
    """Points a person may give, and get, per calendar day, as in force from a day on."""

    version: str
    valid_from: str
    giver_day_points: int
    receiver_day_points: int
    source: str
    status: str


@dataclass(frozen=True)
class Kind:
    """A kind of group."""

    code: str
    zh: str
    en: str
    members_max: int
    source: str
    status: str


class GiftTooLarge(PlatformError):
    code, status = "group.gift_too_large", 409
    zh = "一天最多送出 {limit} 分，今天已经送了 {used} 分，还能送 {left} 分；这次要送 {points} 分。"
    en = "At most {limit} points a day may be given; {used} were today, {left} are left, {points} were asked."


class GiftTooMuchForReceiver(PlatformError):
    code, status = "group.gift_receiver_full", 409
    zh = "一人一天最多收 {limit} 分，对方今天已经收了 {used} 分，还能收 {left} 分；这次是 {points} 分。"
    en = "At most {limit} points a day may be received; {used} were today, {left} are left; {points} came."


def check_gift(rule: GiftRule, *, points: int, given: int, received: int) -> None:
    """``given`` by the giver and ``received`` by the receiver today. Errors: ``GiftTooLarge``,
    ``GiftTooMuchForReceiver``."""
    for limit, used, reason in (
        (rule.giver_day_points, given, GiftTooLarge),
        (rule.receiver_day_points, received, GiftTooMuchForReceiver),
    ):
        left = max(0, limit - used)
        if points > left:
            raise reason(limit=limit, used=used, left=left, points=points)


def week_of(day: str) -> str:
    """The Monday of the week a day (ISO) lies in, ISO."""
    found = date.fromisoformat(day)
    return (found - timedelta(days=found.weekday())).isoformat()


def week_end(week: str) -> str:
    """The Sunday of a week, ISO."""
    return (date.fromisoformat(week) + timedelta(days=6)).isoformat()


def due_weeks(now: datetime, *, after_days: int, count: int) -> list[str]:
    """The newest ``count`` weeks (their Mondays, oldest first) whose figures may be published."""
    today = now.astimezone(LOCAL).date()
    last_day = today - timedelta(days=after_days + 1)  # a week is over after its Sunday
    newest = date.fromisoformat(week_of((last_day - timedelta(days=6)).isoformat()))
    return [(newest - timedelta(weeks=back)).isoformat() for back in reversed(range(count))]


def plain_code(text: str) -> str:
    """An invitation as typed: blanks, dashes and small letters are forgiven."""
    return re.sub(r"[\s-]", "", text).upper()


def code_hash(text: str) -> str:
    """What is kept of an invitation."""
    return hashlib.sha256(b"group invitation:" + plain_code(text).encode()).hexdigest()


def code_text(raw: str) -> str:
    """``ABCD-EFGH-JKMN``: so that a person can read it out."""
    return "-".join(raw[i : i + 4] for i in range(0, len(raw), 4))


def per_residents(grams: int, residents: int) -> int:
    """Grams per 10,000 residents, floored once."""
    return grams * PER_RESIDENTS // residents


def places(figures: Sequence[int | None]) -> list[int | None]:
    """The place of each figure, the largest first; equal ones share it, None has none."""
    known = sorted((figure for figure in figures if figure is not None), reverse=True)
    return [None if figure is None else known.index(figure) + 1 for figure in figures]
