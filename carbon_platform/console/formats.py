"""How a stored value becomes words on a page: the Jinja filters of every template.

Carbon is stored in grams or kilograms, money in fen, area in square metres, time in UTC. Rules of
the design guide: 亩 before 公顷, true minus, 万 and 亿 only in headlines, missing is a word, not 0.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from carbon_platform.units import M2_PER_HA, carbon_text, m2_to_mu, tonnes_text, yuan_text

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
MISSING = "—"


def _fixed(value: float | Decimal, digits: int) -> str:
    """Half up, three-digit groups, true minus: 12345.65 → 12,345.7."""
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return f"{rounded:,}".replace("-", "−")


def mu(area_m2: float | None) -> str:
    """m² → 亩, one decimal: 28400 → 42.6."""
    return MISSING if area_m2 is None else _fixed(m2_to_mu(area_m2), 1)


def ha(area_m2: float | None) -> str:
    """m² → 公顷, two decimals: 28400 → 2.84."""
    return MISSING if area_m2 is None else _fixed(area_m2 / M2_PER_HA, 2)


def yuan(amount_fen: int | None) -> str:
    """fen → ¥1,234.56, exact."""
    return MISSING if amount_fen is None else yuan_text(amount_fen)


def yuan_short(amount_fen: int | None, language: str = "zh") -> str:
    """Headlines only: fen → ¥1.50 亿, ¥170.5 万, ¥980; in English ¥150 m, ¥1.71 m, ¥980."""
    if amount_fen is None:
        return MISSING
    size, sign = abs(amount_fen) / 100, "−" if amount_fen < 0 else ""
    if language.startswith("en"):
        return f"{sign}¥{_trim(_fixed(size / 1e6, 2))} m" if size >= 1e6 else f"{sign}¥{_fixed(size, 0)}"
    if size >= 1e8:
        return f"{sign}¥{_trim(_fixed(size / 1e8, 2))} 亿"
    return f"{sign}¥{_trim(_fixed(size / 1e4, 1))} 万" if size >= 1e4 else f"{sign}¥{_fixed(size, 0)}"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def tonnes(quantity_kg: int | None) -> str:
    """kg → 1,234.567; whole tonnes lose the zeros."""
    return MISSING if quantity_kg is None else tonnes_text(quantity_kg)


def carbon(amount_g: int | None, language: str = "zh") -> str:
    """A citizen's grams in words: 326 克, 6.84 千克."""
    return MISSING if amount_g is None else carbon_text(amount_g, language)


def figure(value: float | None, digits: int = 1) -> str:
    """A computed figure (tonnes of a run, a ratio): 3574.62 → 3,574.6, true minus."""
    return MISSING if value is None else _fixed(value, digits)


def exact(value: Any) -> str:
    """A parameter or an input as it was used: full precision, no grouping below 10,000; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        group = "," if abs(value) >= 10_000 else ""  # 2026 is more often a year than a count
        if isinstance(value, int):
            text = f"{value:{group}}"
        else:
            text = f"{value:{group}.10g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.6g}"
        return text.replace("-", "−")
    if isinstance(value, datetime):
        return daytime(value)
    return str(value)


def count(value: int | None) -> str:
    """312460 → 312,460."""
    return MISSING if value is None else f"{value:,}".replace("-", "−")


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.725 → 72.5%."""
    return MISSING if fraction is None else _fixed(fraction * 100, digits) + "%"


def day(value: date | datetime | None) -> str:
    """2026-11-20, of the day in China."""
    if value is None:
        return MISSING
    if isinstance(value, datetime):
        value = value.astimezone(CHINA)
    return value.strftime("%Y-%m-%d")


def daytime(value: datetime | None) -> str:
    """2026-11-20 08:00, China time."""
    return MISSING if value is None else value.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def digest(value: str | None) -> str:
    """The first 12 characters of a hash in groups of four: 9c41 e07a 52bd (the full value stands in the
    title); a name stays as it is."""
    if not value:
        return MISSING
    if len(value) < 16 or not set(value) <= set(string.hexdigits):
        return value
    return " ".join(value[i : i + 4] for i in range(0, min(len(value), 12), 4))


FILTERS: dict[str, Callable[..., str]] = {
    "mu": mu,
    "ha": ha,
    "yuan": yuan,
    "yuan_short": yuan_short,
    "tonnes": tonnes,
    "carbon": carbon,
    "figure": figure,
    "exact": exact,
    "count_text": count,
    "percent": percent,
    "day": day,
    "daytime": daytime,
    "digest": digest,
}
