"""An uncertainty analysis as people read it: a histogram drawn by the server, quantiles, contributions."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from carbon_platform.console.formats import exact, figure, percent
from carbon_platform.console.opened import unit_words
from carbon_platform.console.site import said
from methodologies.uncertainty.draws import DISTRIBUTION_ZH

# The picture's own coordinates; the style sheet scales it to the page.
WIDTH, HEIGHT = 860.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 16.0, 16.0, 72.0, 36.0
_MARK_ROWS = (18.0, 38.0, 58.0)
_TICKS = 6
# Widths of characters of the 15 px bold labels, on the wide side.
_HAN, _LATIN = 15.5, 9.0
# Shares below this are told together: they change no picture.
_SMALL_SHARE = 0.005


def histogram(net: dict[str, Any], marks: list[tuple[str, float, str]]) -> dict[str, Any]:
    """Geometry of the distribution: bars, ticks of a round step, and marked values (label, t, kind)."""
    edges, counts = net["edges_t"], net["counts"]
    low = min([edges[0], *(value for _label, value, _kind in marks)])
    high = max([edges[-1], *(value for _label, value, _kind in marks)])
    span = (high - low) or 1.0
    low, high = low - span * 0.02, high + span * 0.02
    scale = (WIDTH - LEFT - RIGHT) / (high - low)

    def x(value: float) -> float:
        return round(LEFT + (value - low) * scale, 2)

    floor, tallest = HEIGHT - BOTTOM, max(counts) or 1
    bars = []
    for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True):
        tall = count / tallest * (floor - TOP)
        outside = end <= net["p2_5_t"] or start >= net["p97_5_t"]
        kind = "below" if end <= 0 else "tail" if outside else "main"
        wide = max(x(end) - x(start) - 1, 0.5)
        bars.append(
            {
                "x": x(start),
                "y": round(floor - tall, 2),
                "w": round(wide, 2),
                "h": round(tall, 2),
                "kind": kind,
            }
        )
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "floor": floor,
        "bars": bars,
        "ticks": [{"x": x(value), "label": figure(value, digits)} for value, digits in _ticks(low, high)],
        "marks": [
            _mark(x(value), label, kind, row, [x(other) for _label, other, _kind in marks[:above]])
            for above, (row, (label, value, kind)) in enumerate(zip(_MARK_ROWS, marks, strict=False))
        ],
    }


def _mark(x: float, label: str, kind: str, row: float, lines: list[float]) -> dict[str, Any]:
    """A labelled line. The label stands on the side that has room; ``lines`` of labels above run past it."""
    long = sum(_HAN if ord(one) > 0x2E7F else _LATIN for one in label) + 12
    sides = {"start": (x, x + long), "end": (x - long, x)}

    def crowded(side: str) -> tuple[bool, bool, bool]:
        first, last = sides[side]
        crossed = any(first - 4 < line < last + 4 for line in lines)
        return first < 0 or last > WIDTH, crossed, (side == "end") != (x > WIDTH / 2)

    left = min(sides, key=crowded) == "end"
    return {
        "x": x, "y": row, "label": label, "kind": kind, "bottom": HEIGHT - BOTTOM,
        "text_x": round(x - 6 if left else x + 6, 2), "anchor": "end" if left else "start",
    }  # fmt: skip


def _ticks(low: float, high: float) -> list[tuple[float, int]]:
    """Round values between two ends, with the decimals their step needs."""
    rough = (high - low) / _TICKS
    power = 10.0 ** (len(f"{rough:.0f}") - 1) if rough >= 1 else 1.0
    while power > rough:
        power /= 10
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    digits = 0
    while digits < 6 and abs(round(step, digits) - step) > step * 1e-9:
        digits += 1
    first = int(low // step) + 1
    return [(number * step, digits) for number in range(first, int(high // step) + 1)]


def view(result: dict[str, Any], *, net_t: float) -> dict[str, Any]:
    """Everything the page shows of one analysis."""
    net = result["net"]
    marks = [
        (_("零"), 0.0, "zero"),
        # With a flat deduction the percentile to issue belongs to another distribution than this one.
        (_("中位数 %(t)s", t=figure(net["p50_t"])), net["p50_t"], "middle")
        if result["flat_deduction"]
        else (_("第 33.3 百分位 %(t)s", t=figure(net["p33_3_t"])), net["p33_3_t"], "issue"),
        (_("核算值 %(t)s", t=figure(net_t)), net_t, "net"),
    ]
    if net["edges_t"][0] > 0 and net["edges_t"][0] > net["sd_t"] * 2:
        marks = marks[1:]  # zero is far away and would only squeeze the picture
    return {
        "picture": histogram(net, marks),
        "finding": finding(net),
        "quantiles": _quantiles(net),
        "contributions": [_contribution(one) for one in shown(result["contributions"])],
        "small": len(result["contributions"]) - len(shown(result["contributions"])),
        "ranking": _ranking_words(result["contributions"]),
        "propagation": _propagation(result["propagation"], net),
        "warning": said(result["propagation"]["warning_zh"], result["propagation"]["warning_en"]),
    }


def finding(net: dict[str, Any]) -> str:
    """The title of the picture says what it shows."""
    span = {"low": figure(net["p2_5_t"]), "high": figure(net["p97_5_t"])}
    if net["p_negative"] >= 0.5:
        return _("多半是净排放：95%% 的可能在 %(low)s 到 %(high)s 吨之间", **span)
    if net["p_negative"] >= 0.025:
        share = percent(net["p_negative"])
        return _("有 %(share)s 的可能是负的；95%% 的可能在 %(low)s 到 %(high)s 吨之间", share=share, **span)
    return _("95%% 的可能在 %(low)s 到 %(high)s 吨之间", **span)


def _ranking_words(contributions: list[dict[str, Any]]) -> str:
    if not contributions:
        return _("没有随机变动的参数")
    first = contributions[0]
    name = said(first["meaning_zh"], first["meaning_en"])
    return _("影响最大的是「%(name)s」，占 %(share)s", name=name, share=percent(first["share"], 0))


def _quantiles(net: dict[str, Any]) -> dict[str, Any]:
    names = (
        ("p2_5_t", "2.5%"), ("p5_t", "5%"), ("p25_t", "25%"), ("p33_3_t", "33.3%"), ("p50_t", "50%"),
        ("p75_t", "75%"), ("p95_t", "95%"), ("p97_5_t", "97.5%"),
    )  # fmt: skip
    return {
        "columns": [{"label": _("百分位")}, {"label": _("净减排量 吨"), "n": True}],
        "rows": [[label, figure(net[name], 3)] for name, label in names],
    }


def shown(contributions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those worth a line of their own."""
    return [one for one in contributions if one["share"] >= _SMALL_SHARE] or contributions[:1]


def _contribution(one: dict[str, Any]) -> dict[str, Any]:
    unit = unit_words(one["unit"])
    spread = _("测量误差，逐块抽取")
    if one["kind"] == "parameter":
        name = said(DISTRIBUTION_ZH.get(one["distribution"], ""), one["distribution"])
        spread = f"{name} {exact(one['low'])} – {exact(one['high'])}" + (f" {unit}" if unit else "")
    return {
        "name": said(one["meaning_zh"], one["meaning_en"]),
        "symbol": one["symbol"],
        "spread": spread,
        "source": one["source"],
        "evidence": one["status"] if one["kind"] == "parameter" else "",
        "direction": _("越大越多") if one["correlation"] > 0 else _("越大越少"),
        "correlation": figure(one["correlation"], 2),
        "share": percent(one["share"]),
        "width": round(one["share"] * 100, 2),
        "kind": "up" if one["correlation"] > 0 else "down",
    }


def _propagation(found: dict[str, Any], net: dict[str, Any]) -> dict[str, Any]:
    simulated = (net["p97_5_t"] - net["p2_5_t"]) / 2
    rows = (
        (_("蒙特卡洛，共用抽样（以此为准）"), simulated, net["half_width_pct"]),
        (_("一阶偏导，共用因子只计一次"), found["first_order_t"], found["first_order_pct"]),
        (_("逐级套用式 3.1、3.2（当作互相独立）"), found["mechanical_t"], found["mechanical_pct"]),
    )
    return {
        "columns": [
            {"label": _("算法")},
            {"label": _("95% 区间的一半 吨"), "n": True},
            {"label": _("相对 %"), "n": True},
        ],
        "rows": [[label, figure(half, 3), figure(share)] for label, half, share in rows],
    }
