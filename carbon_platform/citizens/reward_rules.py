"""When a reward may be had and used, and what a donation is worth: functions of values.

Days are ISO days of Xinyang. Hours are rows ``{"days": [1, 7], "from": "09:00", "to": "17:30"}`` with
Monday = 1; no row at all means always. ``to`` is the first minute at which it is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from carbon_platform.citizens.rules import LOCAL

CULTURE, TOURISM, COMMERCE, PUBLIC, STORE, DONATION = (
    "culture",
    "tourism",
    "commerce",
    "public",
    "store",
    "donation",
)
KINDS = {
    CULTURE: ("文化", "Culture"),
    TOURISM: ("文旅", "Tourism"),
    COMMERCE: ("商务", "Commerce"),
    PUBLIC: ("公共服务", "Public services"),
    STORE: ("碳普惠便利店", "Carbon convenience store"),
    DONATION: ("捐赠", "Donation"),
}
DAYS_ZH, DAYS_EN = "一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# What a receipt says a donation is, and what it is not.
DONATION_IS = (
    "您送出 {points} 积分，赞助方按约定为“{name}”出资 {value}，款项按月付给植树单位，可凭编号查询。",
    "You gave {points} points; for them the sponsor pays {value} to {name_en}. The money goes to planters "
    "month by month and can be looked up by this number.",
)
DONATION_IS_NOT = (
    "这不是碳汇也不是碳票：种下的树没有为您签发减排量，不能抵消您的排放；积分不是钱，本凭证不是公益捐赠票据，不能抵税。",
    "It is no carbon ticket: no reduction was issued to you for these trees, and nothing of yours is offset. "
    "Points are not money; this is no receipt for tax.",
)


def month_of(moment: datetime) -> str:
    """``2026-11`` in Xinyang."""
    return moment.astimezone(LOCAL).strftime("%Y-%m")


def in_season(season_from: str | None, season_to: str | None, day: str) -> bool:
    return (season_from is None or season_from <= day) and (season_to is None or day <= season_to)


def season_words(season_from: str | None, season_to: str | None) -> str:
    """``2026-12-01 – 2027-02-28``; open ends stay open, no season is empty."""
    if season_from is None and season_to is None:
        return ""
    return f"{season_from or '…'} – {season_to or '…'}"


def is_open(hours: Sequence[Mapping[str, Any]], moment: datetime) -> bool:
    """Whether a shop takes the voucher at this moment."""
    if not hours:
        return True
    local = moment.astimezone(LOCAL)
    clock = f"{local:%H:%M}"
    return any(local.isoweekday() in row["days"] and row["from"] <= clock < row["to"] for row in hours)


def hours_words(hours: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """(Chinese, English): ``周二至周日 09:00–17:30``; empty for always."""
    zh, en = [], []
    for row in hours:
        days_zh, days_en = _days_words(sorted(row["days"]))
        zh.append(f"{days_zh} {row['from']}–{row['to']}")
        en.append(f"{days_en} {row['from']}–{row['to']}")
    return "，".join(zh), ", ".join(en)


def _days_words(days: Sequence[int]) -> tuple[str, str]:
    if len(days) == 7:
        return "每天", "daily"
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        first, last = days[0] - 1, days[-1] - 1
        return f"周{DAYS_ZH[first]}至周{DAYS_ZH[last]}", f"{DAYS_EN[first]}–{DAYS_EN[last]}"
    return (
        "、".join(f"周{DAYS_ZH[day - 1]}" for day in days),
        ", ".join(DAYS_EN[day - 1] for day in days),
    )


def hours_error(hours: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """(Chinese, English) what is wrong with rows of hours; None when they can be kept."""
    for number, row in enumerate(hours, start=1):
        if not row["days"] or len(set(row["days"])) != len(row["days"]):
            return f"第 {number} 行的星期为空或重复", f"row {number}: days are empty or repeated"
        if row["from"] >= row["to"]:
            return (
                f"第 {number} 行：开始 {row['from']} 须早于结束 {row['to']}（跨夜请写成两行）",
                f"row {number}: {row['from']} must be before {row['to']} (write a night as two rows)",
            )
    return None


def code_ends(redeemed_at: datetime, code_days: int, season_to: str | None) -> datetime:
    """The midnight at which a voucher is over: after its last day, at the latest with the season."""
    last = redeemed_at.astimezone(LOCAL).date() + timedelta(days=code_days)
    if season_to is not None:
        last = min(last, date.fromisoformat(season_to))
    midnight = datetime(last.year, last.month, last.day, tzinfo=LOCAL) + timedelta(days=1)
    return midnight.astimezone(UTC)


def donation_value(points: int, unit: int, value_fen: int) -> int | None:
    """Fen the sponsor pays for so many points; None when they are no multiple of the unit."""
    return None if points % unit else points // unit * value_fen
