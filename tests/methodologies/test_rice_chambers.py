"""Chamber readings: fluxes, seasonal emissions, and the uncertainty of a measured reduction."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rice_records import Record, cell, go, row

from methodologies.contract import InvalidRows
from methodologies.ratoon_rice_v1.chambers import (
    flux_mg_per_m2_per_h,
    seasonal_kg_per_ha,
    stratified_uncertainty_pct,
)


def test_the_flux_is_the_ideal_gas_law() -> None:
    """1 ppm/min in 0.5 m of air at 25 °C and one atmosphere: 60e-6/h × 0.5 m × 40.874 mol/m³ × 16.043 g."""
    flux = flux_mg_per_m2_per_h(
        np.array([1.0]), height_m=np.array([0.5]), temperature_degc=np.array([25.0]),
        pressure_kpa=np.array([101.325]), molar_mass_g_per_mol=16.043, gas_constant=8.314462618,
    )  # fmt: skip
    assert math.isclose(flux[0], 60e-6 * 0.5 * (101325 / (8.314462618 * 298.15)) * 16043, rel_tol=1e-12)
    assert f"{flux[0]:.2f}" == "19.67"


def test_a_constant_flux_gives_flux_times_season() -> None:
    """5 mg/m²/h over 120 days is 5 × 24 × 120 / 100 = 144 kg/ha, however often it is sampled."""
    for days in ([60.0], [0.0, 120.0], [3.0, 50.0, 119.0]):
        total = seasonal_kg_per_ha(np.array(days), np.full(len(days), 5.0), length_days=120.0)
        assert math.isclose(total, 144.0, rel_tol=1e-12)
    triangle = seasonal_kg_per_ha(np.array([0.0, 60.0, 120.0]), np.array([0.0, 10.0, 0.0]), length_days=120.0)
    assert math.isclose(triangle, 144.0, rel_tol=1e-12)


def test_uncertainty_of_two_strata_by_hand() -> None:
    """VM0051 Eqs 35–38. Stratum 1: 10 ha, Δ 30, 40, 50: Σ(Δ−Δ̄)² 200, S² 100·200/6 = 3333.33; stratum 2:
    30 ha, Δ 20, 24: 8, S² 900·8/2 = 3600. Δ̄ = (10·40 + 30·22)/40 = 26.5; √6933.33/40 = 2.08167."""
    got = stratified_uncertainty_pct([10.0, 30.0], [[30.0, 40.0, 50.0], [20.0, 24.0]], t=0.4307)
    assert f"{got:.4f}" == f"{2.0816659994661326 / 26.5 * 100 * 0.4307:.4f}" == "3.3833"
    with pytest.raises(ValueError, match="two sampled fields"):
        stratified_uncertainty_pct([1.0], [[5.0]], t=0.4307)
    assert stratified_uncertainty_pct([1.0], [[-5.0, 5.0]], t=0.4307) == math.inf


@given(st.lists(st.floats(1, 300), min_size=2, max_size=6), st.floats(0.1, 100), st.floats(0.5, 50))
@settings(max_examples=50, deadline=None)
def test_uncertainty_is_free_of_units(deltas: list[float], area: float, factor: float) -> None:
    one = stratified_uncertainty_pct([area], [deltas], t=0.4307)
    other = stratified_uncertainty_pct([area * factor], [[d * factor for d in deltas]], t=0.4307)
    assert math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def chambers(slopes: dict[tuple[str, str], float], stratum: str = "S1", area: float = 40.0) -> list[Record]:
    """Weekly closures with a constant rise, by field and season, ppm/min."""
    spans = {"main": (date(2025, 4, 10), 120), "ratoon": (date(2025, 8, 8), 66)}
    spans |= {"base1": spans["main"], "base2": spans["ratoon"]}
    lines = []
    for (field, season), slope in slopes.items():
        start, length = spans[season]
        for day in range(3, length, 7):
            for minute in (0, 10, 20, 30):
                lines.append(
                    {
                        "stratum": stratum, "stratum_area_ha": area, "field": field, "season": season,
                        "season_start_date": start, "season_end_date": start + timedelta(days=length),
                        "chamber": "1", "sampled_date": start + timedelta(days=day),
                        "elapsed_min": float(minute), "ch4_ppm": 2.0 + slope * minute,
                        "chamber_height_m": 0.5, "temperature_degc": 25.0,
                    }
                )  # fmt: skip
    return lines


FIELDS = {
    ("f1", "main"): 0.30, ("f1", "ratoon"): 0.10, ("f1", "base1"): 0.45, ("f1", "base2"): 0.12,
    ("f2", "main"): 0.34, ("f2", "ratoon"): 0.12, ("f2", "base1"): 0.50, ("f2", "base2"): 0.12,
}  # fmt: skip


def measured(lines: list[Record], **changes: Any) -> Any:
    frame = row(ch4_route="measured", stratum="S1", **changes)
    return go(frame, chamber_readings=pd.DataFrame(lines))


def test_chamber_readings_become_seasonal_factors_and_a_deduction() -> None:
    result = measured(chambers(FIELDS))
    per_ppm = 60e-6 * 0.5 * (101325 / (8.314462618 * 298.15)) * 16043 * 24 * 0.01
    main, ratoon = 0.32 * per_ppm * 120, 0.11 * per_ppm * 66
    before = 0.475 * per_ppm * 120 + 0.12 * per_ppm * 66
    assert math.isclose(cell(result, "main_ch4_kg"), main, rel_tol=1e-9)
    assert math.isclose(cell(result, "delta_ch4_kg"), before - main - ratoon, rel_tol=1e-9)
    deltas = [per_ppm * (0.15 * 120 + 0.02 * 66), per_ppm * (0.16 * 120)]
    unc = stratified_uncertainty_pct([40.0], [deltas], t=0.4307)
    assert math.isclose(cell(result, "measured_uncertainty_pct"), unc, rel_tol=1e-9)
    assert cell(result, "deduction_used") == 0.05  # the minimum: these two fields agree well
    assert cell(result, "main_l_days") == 120 and cell(result, "main_ef_kg_per_ha_per_day") == 0
    assert "ef_c" not in result.blocking_parameters


@pytest.mark.parametrize(
    ("spoil", "column", "words"),
    [
        (lambda t: t[t["season"] != "ratoon"], "season", "one season cannot stand for two"),
        (lambda t: t[t["season"] != "base1"], "season", "main, ratoon and base1"),
        (lambda t: t[~((t["field"] == "f2") & (t["season"] == "base2"))], "season",
         "all fields of a stratum"),
        (lambda t: t[t["field"] == "f1"], "field", "at least two fields"),
        (lambda t: t[t["elapsed_min"] < 15], "elapsed_min", "at least 3 times"),
        (lambda t: t.iloc[:4].assign(sampled_date=date(2025, 3, 1)), "sampled_date", "inside the season"),
        (lambda t: t.assign(stratum_area_ha=np.where(t["field"] == "f2", 50.0, 40.0)), "stratum_area_ha",
         "the same on all lines"),
        (lambda t: t.assign(ch4_ppm=1e6), "ch4_ppm", "0 – 10000"),
        (lambda t: t.assign(temperature_degc=298.15), "temperature_degc", "-10 – 60"),
    ],
)  # fmt: skip
def test_chamber_readings_that_cannot_be_used_are_named(spoil: Any, column: str, words: str) -> None:
    table = spoil(pd.DataFrame(chambers(FIELDS))).reset_index(drop=True)
    with pytest.raises(InvalidRows) as caught:
        measured(table.to_dict("records"))
    found = [p for p in caught.value.problems if p.column == column]
    assert found and words in found[0].en and found[0].zh


def test_rare_sampling_is_for_review() -> None:
    table = pd.DataFrame(chambers(FIELDS))
    day_of_year = pd.to_datetime(table["sampled_date"]).dt.day_of_year
    fortnightly = table[day_of_year % 2 == 0].reset_index(drop=True)
    assert any("more than a week" in w.en for w in measured(fortnightly.to_dict("records")).warnings)
    assert not any("more than a week" in w.en for w in measured(chambers(FIELDS)).warnings)
