"""Worked cases beside each methodology, and the figures public sources print."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from methodologies import registry
from methodologies.contract import run
from methodologies.ratoon_rice_v1.model import sf_o

CASES = [
    (key, case)
    for key, methodology in sorted(registry().items())
    for path in sorted((methodology.folder / "cases").glob("*.toml"))
    for case in tomllib.loads(Path(path).read_text(encoding="utf-8"))["case"]
]


@pytest.mark.parametrize(("key", "case"), CASES, ids=[f"{key}: {case['name']}" for key, case in CASES])
def test_worked_case(key: str, case: dict[str, Any]) -> None:
    frame = pd.DataFrame([case["input"]], index=["case"])
    tables = {name: pd.DataFrame(lines) for name, lines in case.get("tables", {}).items()}
    result = run(
        registry()[key], frame, period=tuple(case["period"]), as_of=case["as_of"], tables=tables or None
    )
    for name, printed in case["expected"].items():
        stored = float(result.frame.loc["case", name])
        got = Decimal(stored).quantize(Decimal(printed), ROUND_HALF_EVEN)
        assert got == Decimal(printed), f"{name}: {stored!r}, printed {printed}"


def test_every_methodology_has_cases() -> None:
    assert {key for key, _ in CASES} == set(registry())


def parameters(key: str) -> Any:
    return registry()[key].parameters.at(date(2026, 1, 1))


@pytest.mark.parametrize(("kind", "printed"), [("straw_short", "2.878"), ("straw_long", "1.483")])
def test_amendment_factor_of_five_tonnes_of_straw(kind: str, printed: str) -> None:
    """BM AG04.002 v1.0 Table 5."""
    factor = sf_o({kind: np.array([5.0])}, parameters("ratoon_rice_v1"))
    assert f"{factor[0]:.3f}" == printed


@pytest.mark.parametrize(
    ("kind", "pre", "water", "printed"),
    [
        ("straw_short", "sf_p_short", "sf_w_single", "0.84"),
        ("straw_short", "sf_p_short", "sf_w_multiple", "1.30"),
        ("straw_long", "sf_p_long", "sf_w_single", "0.38"),
        ("straw_long", "sf_p_long", "sf_w_multiple", "0.60"),
    ],
)
def test_reduction_per_unit_of_ef_c(kind: str, pre: str, water: str, printed: str) -> None:
    """BM AG04.002 v1.0 Table 6, which rounds every intermediate figure to two places."""
    p = parameters("ratoon_rice_v1")
    two = Decimal("0.01")
    amendment = Decimal(float(sf_o({kind: np.array([5.0])}, p)[0])).quantize(two)
    flooded = (amendment * Decimal(str(p[pre]))).quantize(two)
    # The table multiplies the rounded SFo by both factors at once, then rounds.
    drained = (amendment * Decimal(str(p[pre])) * Decimal(str(p[water]))).quantize(two)
    assert str(flooded - drained) == printed


def test_unrounded_reduction_of_single_cropping_with_multiple_aeration() -> None:
    p = parameters("ratoon_rice_v1")
    assert f"{p.sf_p_long * 1.48 * (1 - p.sf_w_multiple):.3f}" == "0.593"


def test_nitrous_oxide_increment_of_drainage() -> None:
    p = parameters("ratoon_rice_v1")
    assert f"{(p.ef1fr_drained - p.ef1fr_continuous) * 44 / 28:.6f}" == "0.003143"


@pytest.mark.parametrize(
    ("since", "printed"), [("2024-10-15", 1.00), ("2024-10-12", 1.00), ("2024-10-11", 0.89)]
)
def test_the_cliff_at_180_days(since: str, printed: float) -> None:
    """177 days, exactly 180 and 181 days before 10 April 2025; on the limit the project takes the higher."""
    methodology = registry()["ratoon_rice_v1"]
    example = methodology.example()
    frame = example.frame.assign(previous_flood_end_date=since)
    result = run(methodology, frame, period=example.period, as_of=example.as_of)
    assert (result.frame["main_sf_p"] == printed).all()


@pytest.mark.parametrize(("days", "printed"), [(179, 1.0), (180, 0.89), (364, 0.89), (365, 0.59)])
def test_the_baseline_takes_the_lower_factor_on_the_limit(days: int, printed: float) -> None:
    methodology = registry()["ratoon_rice_v1"]
    example = methodology.example()
    frame = example.frame.assign(base1_nonflooded_days=days)
    result = run(methodology, frame, period=example.period, as_of=example.as_of)
    assert (result.frame["base1_sf_p"] == printed).all()


def test_the_season_counts_once_and_dates_decide() -> None:
    methodology = registry()["ratoon_rice_v1"]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of).frame
    whole = pd.to_datetime(result["ratoon_harvest_date"]) - pd.to_datetime(result["main_land_prep_date"])
    assert (result["main_l_days"] + result["ratoon_l_days"] == whole.dt.days).all()


def test_camellia_default_accrual_per_mu() -> None:
    methodology = registry()["camellia_oil_v1"]
    example = methodology.example()
    frame = run(methodology, example.frame, period=example.period, as_of=example.as_of).frame
    accrual = frame["accrual_tco2e_per_ha_per_year"].iloc[0]
    assert (f"{accrual:.3f}", f"{accrual / 15:.3f}") == ("2.357", "0.157")
    assert f"{frame['ceiling_tco2e_per_ha'].iloc[0]:.3f}" == "47.142"


@pytest.mark.parametrize(
    ("u", "discount"), [(0, 0), (10, 0), (10.001, 0.06), (20, 0.06), (20.001, 0.11), (30, 0.11)]
)
def test_uncertainty_bands_are_upper_inclusive(u: float, discount: float) -> None:
    methodology = registry()["camellia_oil_v1"]
    example = methodology.example()
    frame = example.frame.loc[["示例-3"]].assign(uncertainty_pct=u)
    assert (
        run(methodology, frame, period=example.period, as_of=example.as_of).frame["unc"].iloc[0] == discount
    )


def test_periods_that_meet_add_up() -> None:
    """Camellia on the default route: three years then two give the five years at once."""
    methodology = registry()["camellia_oil_v1"]
    frame = methodology.example().frame.loc[["示例-1"]].assign(diesel_l=0.0)
    as_of = date(2026, 1, 1)
    whole = run(methodology, frame, period=(date(2021, 1, 1), date(2026, 1, 1)), as_of=as_of).net_t
    first = run(methodology, frame, period=(date(2021, 1, 1), date(2024, 3, 15)), as_of=as_of).net_t
    rest = run(methodology, frame, period=(date(2024, 3, 15), date(2026, 1, 1)), as_of=as_of).net_t
    assert first + rest == pytest.approx(whole, rel=1e-9)
