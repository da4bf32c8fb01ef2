"""Camellia and tea against a second implementation in plain Python: equal to 1e-9 on drawn rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meth_strategies import AS_OF, examples
from perennial_by_hand import camellia, tea

from methodologies import registry
from methodologies.contract import run

BY_HAND: dict[str, Callable[[dict[str, Any], int, int], float]] = {
    "camellia_oil_v1": camellia,
    "tea_garden_v1": tea,
}
AMOUNTS = ["stock_t1_t", "stock_t2_t", "delta_c_t", "bsl_t", "e_fert_t", "e_fuel_t", "leakage_tco2e"]


@pytest.mark.parametrize("key", sorted(BY_HAND))
@given(data=st.data(), start=st.integers(2019, 2024), years=st.integers(1, 5))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_a_second_implementation_agrees(key: str, data: st.DataObject, start: int, years: int) -> None:
    methodology = registry()[key]
    frame = data.draw(examples(methodology)).frame
    for name in ("planting_year", "event_year"):
        frame[name] = frame[name].clip(upper=start + years)
    period = (date(start, 1, 1), date(start + years, 1, 1))
    result = run(methodology, frame, period=period, as_of=AS_OF).frame
    for label, row in zip(frame.index, frame.to_dict("records"), strict=True):
        size = result.loc[label, AMOUNTS].abs().max()
        mine = BY_HAND[key](row, start, start + years)
        stored = result.loc[label, "net_t"]
        assert math.isclose(mine, stored, rel_tol=1e-9, abs_tol=1e-12 * size + 1e-12), (row, mine, stored)
