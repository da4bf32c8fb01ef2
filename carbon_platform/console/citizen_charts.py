"""The charts of the carbon book: data, a finding in words, and the same as a table."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _

from carbon_platform.citizens.book_charts import Bar
from carbon_platform.console.citizen_rows import plain_day
from carbon_platform.console.site import said
from carbon_platform.units import carbon_text
from carbon_platform.web.language import language

# The fixed order and the English of the seven categories.
_PAIRS = (
    ("衣", "clothes"), ("食", "food"), ("住", "home"), ("行", "travel"), ("用", "goods"), ("办公", "office"),
    ("数字金融", "digital finance"), ("其他", "other"),
)  # fmt: skip
CATEGORIES = dict(_PAIRS)


def _grams(amount_g: int) -> str:
    return carbon_text(amount_g, language())


# Names of a month (Chinese, English), as patterns of Babel.
_SHORT, _WITH_YEAR, _INITIAL = ("M 月", "MMM"), ("y 年 M 月", "MMMM y"), ("M", "MMMMM")


def _month_name(month: str, pattern: tuple[str, str] = _SHORT) -> str:
    return format_date(date.fromisoformat(f"{month}-01"), said(*pattern))


def _twin(head: str, rows: list[list[str]]) -> dict[str, Any]:
    columns = [{"label": head}, {"label": _("几笔"), "n": True}, {"label": _("克"), "n": True}]
    return {"columns": columns, "rows": rows}


def month_chart(bars: list[Bar], today_iso: str) -> dict[str, Any] | None:
    """The days of one month; None when there is nothing to draw."""
    best = max(bars, key=lambda bar: bar.reduction_g)
    if not best.reduction_g:
        return None
    finding = _(
        "%(month)s一共少排 %(total)s，%(day)s最多：%(grams)s",
        month=_month_name(best.key[:7], _WITH_YEAR),
        total=_grams(sum(bar.reduction_g for bar in bars)),
        day=plain_day(best.key, today_iso),
        grams=_grams(best.reduction_g),
    )
    # Thirty figures do not fit above thirty bars: the best day has its own, the table has them all.
    data = {
        "unit": _("克"),
        "bars": [
            {"label": str(int(bar.key[8:])), "value": bar.reduction_g, "quiet": bar is not best}
            for bar in bars
        ],
    }
    rows = [[bar.key, str(bar.acts), f"{bar.reduction_g:,}"] for bar in bars if bar.acts]
    return {"finding": finding, "data": data, "twin": _twin(_("哪天"), rows)}


def year_chart(bars: list[Bar]) -> dict[str, Any] | None:
    """Twelve months as bars in kilograms; None with fewer than two months to compare."""
    if sum(bar.reduction_g > 0 for bar in bars) < 2:
        return None
    best = max(bars, key=lambda bar: bar.reduction_g)
    finding = _(
        "近十二个月，%(month)s最多：%(grams)s",
        month=_month_name(best.key, _WITH_YEAR),
        grams=_grams(best.reduction_g),
    )
    data = {
        "unit": _("千克"),
        "bars": [
            {"label": _month_name(bar.key, _INITIAL), "value": round(bar.reduction_g / 1000, 1)}
            for bar in bars
        ],
    }
    rows = [[bar.key, str(bar.acts), f"{bar.reduction_g:,}"] for bar in bars]
    return {"finding": finding, "data": data, "twin": _twin(_("哪月"), rows)}


def category_list(bars: list[Bar]) -> list[dict[str, Any]]:
    """A month by category, as bars without script: label, width in percent of the longest, grams, acts."""
    most = max((bar.reduction_g for bar in bars), default=0)
    return [
        {
            "label": said(bar.key, CATEGORIES.get(bar.key, bar.key)),
            "percent": max(1, round(bar.reduction_g * 100 / most)),
            "grams": _grams(bar.reduction_g),
            "acts": bar.acts,
        }
        for bar in bars
    ]
