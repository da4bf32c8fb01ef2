"""Second implementations, row by row in plain Python, with their own constants: equal to 1e-9."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meth_strategies import examples

from methodologies import registry
from methodologies.contract import run

RELAXED = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


# Points grade as the catalogue prints it; creditable grade by hand: mean mix
# 0.55·133 + 0.25·56 + 0.20·8 − 56, travel 0.7 of the points grade, electricity 0.8 of it.
GRAMS = {
    "YI01": (3600, 1800), "YI02": (2000, 0), "SH03": (70, 0), "SH04": (50, 0), "SH05": (400, 0),
    "SH06": (16, 16), "SH07": (20, 0), "ZH08": (590, 472), "ZH09": (590, 0), "ZH10": (2165, 1700),
    "ZH11": (168, 0), "ZH13": (300, 0), "XI14": (77, 32.75), "XI14b": (80, 80), "XI15": (52, 52),
    "XI16": (27, 0), "XI17": (41, 28.7), "XI18": (33, 23.1), "XI19": (84, 58.8), "XI20": (562, 393.4),
    "XI21": (100, 0), "XI22": (1730, 0), "XI23": (23, 0), "XI24": (90, 0), "YO25-paper": (220, 0),
    "YO25-pet": (320, 0), "YO25-pp": (1500, 0), "YO25-aluminium": (8100, 0), "YO25-metal": (2000, 0),
    "YO26": (20000, 0), "YO29": (21, 0), "YO30": (40, 0), "BG33": (4.5, 0), "BG34": (200, 0),
    "SJ36": (262, 0), "SJ37": (5, 0), "SJ38": (5, 0), "SJ39-train": (136, 0), "SJ39-show": (180, 0),
    "SJ40-registration": (277, 0), "SJ40-egov": (262, 0),
}  # fmt: skip


def act_grams(row: dict[str, Any]) -> tuple[float, float]:
    """Both grades of one act in grams."""
    q = row["quantity"]
    match row["code"]:
        case "ZH12":
            return q * row["saved_kwh_per_year"] * 590, 0.0
        case "BG32":
            return q * min(row["avoided_km"], 20.0) * 133 - q * row["meeting_h"] * 20, 0.0
        case "BG35":
            return q * row["avoided_km"] * 133 * 0.5, 0.0
    p, c = GRAMS[row["code"]]
    return q * p, q * c


@given(data=st.data())
@RELAXED
def test_acts_agree_with_the_catalogue(data: st.DataObject) -> None:
    methodology = registry()["low_carbon_acts_v1"]
    example = data.draw(examples(methodology))
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of).frame
    for label, row in zip(example.frame.index, example.frame.to_dict("records"), strict=True):
        p, c = act_grams(row)
        assert result.loc[label, "p_grade_g"] == pytest.approx(p, rel=1e-12, abs=1e-9)
        assert result.loc[label, "c_grade_g"] == pytest.approx(c, rel=1e-12)
        assert result.loc[label, "c_grade_g"] <= max(0.0, result.loc[label, "p_grade_g"])
