"""Rules of acting for somebody else: functions of values. No session, no request, no clock."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from carbon_platform.errors import PlatformError

# China keeps one time without daylight saving: a fixed offset is exact.
LOCAL = timezone(timedelta(hours=8), "UTC+8")
RIGHT, WRONG = "right", "wrong"
CHECKING, TAKEN, RETURNED = "checking", "taken", "returned"
READY, REFUSED, COUNTED, NOT_COUNTED = "ready", "refused", "counted", "not_counted"
NUMBER = re.compile(r"XY(\d{8})")
# How the pseudonym of a bus card begins.
CARD_PREFIX = "card:"


@dataclass(frozen=True)
class Limits:
    """What a relative may do at most for somebody; points, days, people."""

    day_points_max: int
    month_points_max: int
    days_max: int
    agent_principals_max: int
    source: str
    status: str


@dataclass(frozen=True)
class BatchRule:
    """How batches are looked at again: rows, megabytes, percent."""

    rows_max: int
    file_mb: int
    check_percent: int
    check_rows_min: int
    wrong_percent_max: int
    photo_days: int
    source: str
    status: str


class AccountNumberInvalid(PlatformError):
    code, status = "proxy.account_number_invalid", 422
    zh = "户号 {number} 不对：应为 XY 加 8 位数字，最后一位是校验位。请对照纸条核对。"
    en = "Account number {number} is wrong: XY and 8 digits, the last one a check digit. Look at the slip."


class CardNumberInvalid(PlatformError):
    code, status = "proxy.card_number_invalid", 422
    zh = "卡号应为 {low} 至 {high} 位数字，请照卡面核对。"
    en = "A card number has {low} to {high} digits. Look at the card."


class ProxyLimit(PlatformError):
    code, status = "proxy.limit", 409
    zh = "代办{span}最多花 {limit} 分，已经花了 {used} 分；这次要 {points} 分。请让本人自己兑换，或到村里办。"
    en = (
        "A relative may spend {limit} points a {span_en}; {used} were spent, {points} are asked now. "
        "Let the person redeem it, or go to the village office."
    )


def check_digit(digits: str) -> str:
    """Luhn: catches every single wrong digit and neighbours swapped, but for 09 and 90."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def account_number(seven: int) -> str:
    """``XY`` + seven digits + check digit."""
    digits = f"{seven:07d}"
    return f"XY{digits}{check_digit(digits)}"


def parse_number(text: str) -> str:
    """An account number as typed. Errors: ``AccountNumberInvalid``."""
    plain = re.sub(r"[\s-]", "", text).upper()
    found = NUMBER.fullmatch(plain)
    if found is None or check_digit(found[1][:7]) != found[1][7]:
        raise AccountNumberInvalid(number=text[:20])
    return plain


def card_digits(text: str, low: int, high: int) -> str:
    """The digits of a card. Errors: ``CardNumberInvalid``."""
    plain = re.sub(r"[\s-]", "", text)
    if not plain.isascii() or not plain.isdigit() or not low <= len(plain) <= high:
        raise CardNumberInvalid(low=low, high=high)
    return plain


def card_subject(key: bytes, number: str) -> str:
    """What the bus company sends in place of a card number: both sides compute it from a key they share."""
    return CARD_PREFIX + hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:40]


def check_limits(points: int, *, day_used: int, day_limit: int, month_used: int, month_limit: int) -> None:
    """Points a relative wants to spend, against what they spent for the person. Errors: ``ProxyLimit``."""
    for used, limit, span, span_en in (
        (day_used, day_limit, "每天", "day"),
        (month_used, month_limit, "每月", "month"),
    ):
        if used + points > limit:
            raise ProxyLimit(span=span, span_en=span_en, limit=limit, used=used, points=points)


def draw(seed: str, rows: Iterable[int], *, percent: int, at_least: int) -> set[int]:
    """The rows a second person looks at: fixed by the seed, which nobody knows before the upload."""
    numbers = list(rows)
    size = min(len(numbers), max(at_least, math.ceil(len(numbers) * percent / 100)))

    def ticket(number: int) -> bytes:
        return hashlib.sha256(f"{seed}:{number}".encode()).digest()

    return set(sorted(numbers, key=ticket)[:size])


def verdict_of(verdicts: Sequence[str], *, wrong_percent_max: int) -> str:
    """What becomes of a batch: ``checking`` while a drawn row is open, else ``taken`` or ``returned``."""
    if "" in verdicts:
        return CHECKING
    wrong = sum(verdict == WRONG for verdict in verdicts)
    return RETURNED if wrong * 100 > wrong_percent_max * len(verdicts) else TAKEN


def record_key(number: str, behaviour: str, day: str, count: int) -> str:
    """One thing a person did on a day, the ``count``-th of its kind."""
    return f"{number}:{behaviour}:{day}:{count}"


def noon(day: str) -> datetime:
    """Officers note days, not hours."""
    found = date.fromisoformat(day)
    return datetime(found.year, found.month, found.day, 12, tzinfo=LOCAL)


def month_days(month: str) -> tuple[str, str]:
    """First and last day (ISO) of ``2026-10``. Raises ``ValueError`` for what is no month."""
    first = date.fromisoformat(f"{month}-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return first.isoformat(), (following - timedelta(days=1)).isoformat()


def masked_name(name: str) -> str:
    """``周**``; empty once the name is forgotten."""
    return name[:1] + "*" * max(1, len(name) - 1) if name else ""
