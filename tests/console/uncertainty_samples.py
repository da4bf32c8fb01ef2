"""Invented contexts of the page about a run's uncertainty."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
RUN: dict[str, Any] = {
    "code": "XY-R000001", "state": "estimate", "net_t": 3574.62, "period": "2021-01-01 – 2025-12-31",
    "methodology_title": "油茶林碳汇", "parcel_count": 163,
}  # fmt: skip
NET: dict[str, Any] = {
    "mean_t": 3560.2, "sd_t": 340.0, "p2_5_t": 2890.0, "p33_3_t": 3400.0, "p50_t": 3555.0, "p97_5_t": 4240.0,
    "p_negative": 0.0, "half_width_pct": 18.9,
}  # fmt: skip
PICTURE: dict[str, Any] = {
    "width": 720.0, "height": 300.0, "floor": 266.0,
    "bars": [{"x": 16.0 + 17 * n, "y": 266.0 - 5 * min(n, 40 - n), "w": 16.0, "h": 5.0 * min(n, 40 - n),
              "kind": "tail" if n < 3 or n > 36 else "main"} for n in range(40)],
    "ticks": [{"x": 100.0 * n, "label": f"{2000 + 500 * n}"} for n in range(1, 7)],
    "marks": [{"x": 330.0, "y": 34.0, "bottom": 266.0, "label": "第 33.3 百分位 3,400.0", "kind": "issue",
               "text_x": 336.0, "anchor": "start"},
              {"x": 365.0, "y": 52.0, "bottom": 266.0, "label": "核算值 3,574.6", "kind": "net",
               "text_x": 359.0, "anchor": "end"}],
}  # fmt: skip
LINE: dict[str, Any] = {
    "name": "碳储量上限", "symbol": "S_max", "spread": "均匀 8 – 16 tC/ha", "source": "高州油茶实测，代用树种",
    "evidence": "illustrative", "direction": "越大越多", "correlation": "0.87", "share": "75.2%", "width": 75.2,
    "kind": "up",
}  # fmt: skip
ERROR = LINE | {
    "name": "面积",
    "symbol": "A",
    "spread": "测量误差，逐块抽取",
    "evidence": "",
    "width": 4.0,
    "kind": "down",
}
TABLE = {
    "columns": [{"label": "算法"}, {"label": "95% 区间的一半 吨", "n": True}],
    "rows": [["蒙特卡洛", "675.000"]],
}
ANALYSIS: dict[str, Any] = {
    "finding": "95% 的可能在 2,890.0 到 4,240.0 吨之间", "picture": PICTURE, "quantiles": TABLE,
    "contributions": [LINE, ERROR], "small": 4, "ranking": "影响最大的是「碳储量上限」，占 75%", "propagation": TABLE,
    "warning": "各项被当作互相独立。", "net": NET, "issue_t": 3400.0, "way": "declared", "quantity_t": 3574,
    "percentile_quantity_t": 3400, "flat_deduction": 0.0, "trials": 10_000, "seed": 2620301339,
    "generator": "numpy 2 PCG64", "parcels": 163, "rows": 12, "created_by": "周工", "created_at": NOW,
}  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    plain = {"run": RUN, "trials": (10_000, 30_000, 100_000), "large": False}
    yield "uncertainty", "uncertainty.html", plain | {"analysis": ANALYSIS}
    for way in ("flat", "percentile"):
        changed = ANALYSIS | {"way": way, "flat_deduction": 0.15, "contributions": [], "small": 0}
        yield f"uncertainty-{way}", "uncertainty.html", plain | {"analysis": changed, "large": True}
    yield "uncertainty-none", "uncertainty.html", plain | {"analysis": None}
    yield "uncertainty-large", "uncertainty.html", plain | {"analysis": None, "large": True}
