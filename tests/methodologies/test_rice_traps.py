"""The known traps of rice accounting, one test each, and input that must not pass."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rice_records import AS_OF, RICE, figure, go, row, single_rice

from methodologies.contract import InvalidRows, explain_row
from methodologies.formula import evaluate
from methodologies.ratoon_rice_v1.columns import SEASONS

P = RICE.parameters.at(AS_OF)


def problems(frame: pd.DataFrame) -> Any:
    with pytest.raises(InvalidRows) as caught:
        go(frame)
    return caught.value.problems


def test_the_amendment_factor_has_its_exponent() -> None:
    assert figure("main_sf_o", main_straw_short_t_per_ha=5.0) == pytest.approx(6**0.59)
    assert figure("main_sf_o", main_straw_short_t_per_ha=5.0) < 3 < 6


def test_gwp_is_applied_once_and_gas_masses_are_kept() -> None:
    result = go(row(main_regime="multiple", ratoon_n_kg_per_ha=130.0)).frame.loc["P1"]
    assert result["ch4_tco2e"] == pytest.approx(result["ch4_kg"] * 28 / 1000, rel=1e-12)
    assert result["n2o_tco2e"] == pytest.approx(result["n2o_kg"] * 265 / 1000, rel=1e-12)
    uses = [step.name for step in RICE.steps if {"gwp_ch4", "gwp_n2o"} & set(step.uses)]
    sums = {"be_t", "pe_burn_t"}  # statements of an emission, built from masses that carry no GWP
    assert set(uses) == {"ch4_tco2e", "n2o_tco2e", "pe_dry_t"} | sums


def test_the_deduction_is_applied_once_and_never_to_an_increase() -> None:
    uses = [step.name for step in RICE.steps if "deduction_used" in step.uses]
    assert uses == ["ch4_kg", "n2o_kg"]
    gain = go(row(main_regime="multiple")).frame.loc["P1"]
    assert gain["ch4_kg"] / gain["delta_ch4_kg"] == pytest.approx(0.85, rel=1e-12)
    loss = go(row(main_regime="continuous")).frame.loc["P1"]
    assert loss["ch4_kg"] == loss["delta_ch4_kg"] < 0


def test_nitrogen_becomes_nitrous_oxide_once() -> None:
    assert figure("main_n2o_kg") == pytest.approx(165 * 0.005 * 44 / 28, rel=1e-12)
    flooded = {"base1_regime": "continuous", "baseline_water_evidence": True}
    # 0.00314 is N2O already: no second 44/28.
    assert figure("pe_dry_t", n2o_route="increment", **flooded) == pytest.approx(165 * 0.00314 * 0.265)
    full, increment = (figure("net_t", n2o_route=route, **flooded) for route in ("full", "increment"))
    assert full == pytest.approx(increment, abs=0.0002)


@pytest.mark.parametrize("base2", ["continuous", "single"])
@pytest.mark.parametrize("main", ["continuous", "single", "unknown"])
@pytest.mark.parametrize("route", ["full", "increment"])
def test_the_nitrous_oxide_of_drainage_is_never_counted_twice(route: str, main: str, base2: str) -> None:
    """Whatever the water does: full difference, or equal factors and the increment; never both."""
    changes = {"base1_regime": "continuous", "base2_regime": base2, "baseline_water_evidence": True}
    result = go(row(n2o_route=route, main_regime=main, **changes)).frame.loc["P1"]
    for season, match in (("main", "base1"), ("ratoon", "base2")):
        added = result[f"{season}_dry_n2o_kg"] > 0
        assert not (added and result[f"{season}_ef1fr"] > result[f"{match}_ef1fr"])
        assert added == (
            route == "increment" and result[f"{match}_regime"] == "continuous" != result[f"{season}_regime"]
        )


def test_drainage_lowers_methane_and_raises_nitrous_oxide_by_one_water_regime() -> None:
    wet, dry = (go(row(main_regime=regime)).frame.loc["P1"] for regime in ("continuous", "multiple"))
    assert wet["main_sf_w"] > dry["main_sf_w"] and wet["main_ef1fr"] < dry["main_ef1fr"]


def test_straw_is_dry_and_manure_is_fresh() -> None:
    words = {column.name: column.meaning_en for column in RICE.columns}
    for season in SEASONS:
        assert "dry" in words[f"{season}_straw_short_t_per_ha"]
        assert "fresh" in words[f"{season}_manure_t_per_ha"]
    # Sixty tonnes are possible of fresh manure, not of dry straw.
    assert figure("main_sf_o", main_manure_t_per_ha=60.0) > 1
    assert problems(row(main_straw_short_t_per_ha=60.0))[0].allowed == "0 – 12"


def test_five_tonnes_of_assumed_straw_make_no_reduction() -> None:
    assumed = {"base1_straw_short_t_per_ha": 5.0, "main_regime": "single"}
    assert figure("net_t", **assumed) == 0
    assert figure("base1_sf_o", **assumed) == 1 and figure("base1_sf_o_reported", **assumed) > 2.8
    assert figure("net_t", baseline_straw_evidence=True, **assumed) > 0


def test_two_harvests_count_twice_and_the_area_is_physical() -> None:
    result = go(row(area_ha=10.0)).frame.loc["P1"]
    per_ha = result["main_ef_kg_per_ha_per_day"] * 120 + result["ratoon_ef_kg_per_ha_per_day"] * 66
    assert result["pe_ch4_kg"] == pytest.approx(per_ha * 10, rel=1e-12)


def test_one_measured_season_cannot_stand_for_two() -> None:
    measured = {
        "ch4_route": "measured", "main_measured_ch4_kg_per_ha": 200.0, "base1_measured_ch4_kg_per_ha": 280.0,
        "ratoon_measured_ch4_kg_per_ha": 50.0, "measured_uncertainty_pct": 10.0,
    }  # fmt: skip
    assert problems(row(**measured))[0].column == "base2_measured_ch4_kg_per_ha"
    measured.pop("ratoon_measured_ch4_kg_per_ha")
    assert {p.column for p in problems(row(**measured))} == {"ratoon_measured_ch4_kg_per_ha"}
    one = {k: v for k, v in measured.items() if not k.startswith("base1")} | {
        "ratoon_measured_ch4_kg_per_ha": 50.0, "base1_measured_ch4_kg_per_ha": 150.0
    }  # fmt: skip
    assert go(row(**single_rice(**one))).net_t < 0  # single rice has one season to measure


PRINTED = {
    "ef_c": 1.30, "ef_c_east_asia": 1.32, "sf_w_continuous": 1.0, "sf_w_single": 0.71,
    "sf_w_multiple": 0.55,
    "sf_p_short": 1.0, "sf_p_long": 0.89, "sf_p_flooded": 2.41, "sf_p_rotation": 0.59,
    "cfoa_straw_short": 1.0, "cfoa_straw_long": 0.19, "cfoa_compost": 0.17, "cfoa_manure": 0.21,
    "cfoa_green": 0.45, "sf_o_exponent": 0.59, "ef1fr_continuous": 0.003, "ef1fr_drained": 0.005,
    "gwp_ch4": 28, "gwp_n2o": 265, "deduction": 0.15, "ef_diesel": 0.002886, "ef_petrol": 0.002810,
    "ef_grid": 0.5897, "limestone_tc_per_t": 0.12, "dolomite_tc_per_t": 0.13, "burn_combustion": 0.80,
    "burn_ch4": 2.7, "burn_n2o": 0.07, "dry_n2o_kg_per_kg_n": 0.00314, "t_667": 0.4307,
}  # fmt: skip


def test_factors_are_those_of_2019_as_printed() -> None:
    """None of 2006 (0.60, 0.52, 0.68, 0.29), none of the United States (0.61, 0.17), no fused footnote."""
    assert {name: P.describe(name).value for name in PRINTED} == PRINTED
    scaling = [p for p in RICE.parameters if p.name.startswith(("sf_", "cfoa_"))]
    assert all("2019" in p.source and p.status == "secondary" for p in scaling)
    water = {P.describe(f"sf_w_{w}").value for w in ("continuous", "single", "multiple")}
    assert not water & {0.60, 0.52, 0.61, 0.17}


@pytest.mark.parametrize(
    ("name", "sigma"),
    [
        ("ef_c_east_asia", 0.2014), ("sf_w_single", 0.1462), ("sf_w_multiple", 0.1436),
        ("sf_p_short", 0.0615),
        ("sf_p_long", 0.0544), ("sf_p_flooded", 0.0633), ("sf_p_rotation", 0.1830),
        ("cfoa_straw_short", 0.0815), ("cfoa_straw_long", 0.2383), ("cfoa_compost", 0.2985),
        ("cfoa_manure", 0.1592), ("cfoa_green", 0.1172),
    ],
)  # fmt: skip
def test_ranges_give_the_published_spread(name: str, sigma: float) -> None:
    """σ_ln = ln(high/low)/3.92, to the digits the specification prints (§8.1)."""
    described = P.describe(name)
    assert described.distribution == "lognormal"
    assert f"{math.log(described.high / described.low) / 3.92:.4f}" == f"{sigma:.4f}"


def test_the_other_distributions_are_as_specified() -> None:
    exponent = P.describe("sf_o_exponent")
    assert exponent.distribution == "normal"
    assert f"{(exponent.high - exponent.low) / 3.92:.4f}" == "0.0255"
    assert P.describe("sf_w_continuous").distribution == P.describe("gwp_ch4").distribution == "fixed"
    assert {P.describe(f"ef1fr_{w}").distribution for w in ("continuous", "drained")} == {"triangular"}


def test_the_equation_reproduces_the_factors_of_2006_too() -> None:
    """CDM AMS-III.AU v4 (recalled, its arithmetic closes): the equation is right, the factors are another's.

    Double cropping 1.50 and 1.80, single cropping 0.60 and 0.72 kg CH4/ha/day.
    """
    formula = str(RICE.step("main_ef_kg_per_ha_per_day").formula)
    amendment = str(RICE.step("main_sf_o").formula)
    loads = dict.fromkeys([c.name for c in RICE.columns if c.name.startswith("main_")], 0.0)
    for pre, cfoa, kind, single, multiple in (
        (1.00, 1.00, "short", "1.50", "1.80"), (0.68, 0.29, "long", "0.60", "0.72")
    ):  # fmt: skip
        factors = {name: P.describe(name).value for name in P.table}
        factors |= {f"cfoa_straw_{kind}": cfoa} | loads | {f"main_straw_{kind}_t_per_ha": 5.0}
        terms = {"ef_c_used_kg_per_ha_per_day": 1.30, "soil_factor": 1.0, "cultivar_factor": 1.0}
        terms |= {"main_sf_p": pre, "main_sf_o": evaluate(amendment, factors)}
        wet, once, often = (evaluate(formula, terms | {"main_sf_w": w}) for w in (1.0, 0.60, 0.52))
        assert (f"{wet - once:.2f}", f"{wet - often:.2f}") == (single, multiple)


def test_negative_parcels_are_not_clipped() -> None:
    frame = pd.concat([row(main_regime="multiple"), row(**single_rice())]).set_axis(["a", "b"], axis=0)
    result = go(frame)
    each = result.frame["net_t"]
    assert each["a"] > 0 > each["b"] and result.net_t == math.fsum(each)


@pytest.mark.parametrize(("area", "contract"), [(15.0, 1.0), (1.0, 15.0), (2.46, 37.0), (14.6, 1.0)])
def test_mu_taken_as_hectares_is_caught(area: float, contract: float) -> None:
    found = problems(row(area_ha=area, contract_area_ha=contract))
    assert [(p.row, p.column, p.unit) for p in found] == [("P1", "area_ha", "ha")]
    assert "1/15" in found[0].en and "亩" in found[0].zh


def test_amounts_per_mu_are_caught() -> None:
    assert problems(row(area_ha=1500.0))[0].allowed == "0 – 1000"
    assert problems(row(yield_t_per_ha=925.0))[0].column == "yield_t_per_ha"  # jin or kg per mu
    warnings = go(row(main_n_kg_per_ha=11.0)).warnings
    assert [w.column for w in warnings] == ["main_n_kg_per_ha"] and "per mu" in warnings[0].en


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"previous_flood_end_date": "2025-05-01"}, "main_land_prep_date"),
        ({"main_land_prep_date": "2025-08-08"}, "main_harvest_date"),
        ({"ratoon_harvest_date": "2025-08-08"}, "ratoon_harvest_date"),
        ({"ratoon_drainage_date": "2025-08-01"}, "ratoon_drainage_date"),
        ({"required_by_rule": True}, "required_by_rule"),
        ({"funded_elsewhere": True}, "funded_elsewhere"),
        ({"irrigation_controlled": False}, "irrigation_controlled"),
        ({"lookback_years": 2}, "lookback_years"),
        ({"baseline_type": "single"}, "activity"),
        ({"accounting_basis": "equal_output"}, "accounting_basis"),
        ({"main_n_organic_kg_per_ha": 100.0, "main_n_residue_kg_per_ha": 66.0}, "main_n_organic_kg_per_ha"),
        ({"imported_manure_t": 1.0}, "imported_manure_tc_per_t"),
        ({"main_regime": "rainfed"}, "main_regime"),
        ({"main_n_kg_per_ha": 451.0}, "main_n_kg_per_ha"),
        ({"ch4_route": "measured"}, "main_measured_ch4_kg_per_ha"),
    ],
)
def test_what_must_not_pass_is_named(changes: dict[str, Any], column: str) -> None:
    found = problems(row(**changes))
    named = [p for p in found if p.column == column]
    assert named and named[0].row == "P1" and named[0].allowed and named[0].zh and named[0].en


def test_an_uncertainty_beyond_its_own_size_is_not_eligible() -> None:
    measured = {f"{season}_measured_ch4_kg_per_ha": 100.0 for season in SEASONS}
    frame = row(ch4_route="measured", measured_uncertainty_pct=100.1, **measured)
    assert problems(frame)[0].allowed == "0 – 100" and "not eligible" in problems(frame)[0].en


@pytest.mark.parametrize(
    ("column", "values"),
    [("ef_c_choice", ("china", "east_asia")), ("n2o_route", ("full", "increment")),
     ("credit_n_saving", (False, True)), ("indirect_n2o", (False, True))],
)  # fmt: skip
def test_a_setting_holds_for_the_whole_run(column: str, values: tuple[Any, Any]) -> None:
    frame = pd.concat([row(**{column: value}) for value in values]).set_axis(["a", "b"], axis=0)
    found = problems(frame)
    assert [(p.row, p.column) for p in found] == [("b", column)]


def test_equal_output_is_off_labelled_and_never_mixed() -> None:
    area = go(row(**single_rice()))
    assert not area.warnings and area.frame.loc["P1", "output_ratio"] == 1
    equal = go(row(**single_rice(accounting_basis="equal_output")))
    assert equal.net_t > area.net_t
    assert [w.column for w in equal.warnings] == ["accounting_basis"]
    assert "intensity claim" in equal.warnings[0].en and "强度" in equal.warnings[0].zh
    mixed = pd.concat([row(**single_rice()), row(**single_rice(accounting_basis="equal_output"))])
    assert problems(mixed.set_axis(["a", "b"], axis=0))[0].column == "accounting_basis"


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"county_adoption_pct": 21.0}, "county_adoption_pct"),
        ({"burnt_straw_t_per_ha": 1.0}, "burnt_straw_t_per_ha"),
        ({"soil_factor": 0.9}, "soil_factor"),
        ({"credit_n_saving": True}, "credit_n_saving"),
        ({"weather_lengthened": True}, "weather_lengthened"),
        ({"ratoon_preflood_days": 31}, "ratoon_preflood_days"),
        ({"county_adoption_pct": 0.3}, "county_adoption_pct"),
        ({"main_regime": "unknown"}, "main_regime"),
        ({"ratoon_regime": "unknown"}, "ratoon_regime"),
        ({"measured_uncertainty_pct": 0.15}, "measured_uncertainty_pct"),
        ({"main_n_kg_per_ha": 360.0}, "main_n_kg_per_ha"),
    ],
)
def test_what_a_person_must_look_at_is_a_stored_warning(changes: dict[str, Any], column: str) -> None:
    warnings = go(row(**changes)).warnings
    assert column in {w.column for w in warnings} and all(w.severity == "review" for w in warnings)
    assert not go(row(county_adoption_pct=20.0)).warnings


def test_large_projects_need_more_than_regional_defaults() -> None:
    def many(**changes: Any) -> pd.DataFrame:
        return pd.concat([row(area_ha=1000.0, main_regime="multiple", **changes)] * 110, ignore_index=True)

    assert go(many()).net_t > 60_000
    assert [w.column for w in go(many()).warnings] == ["net_t"]
    assert "60000" in problems(many(ef_c_choice="east_asia"))[0].en
    assert not go(many().iloc[:100]).warnings  # 59 405 t


def test_only_what_was_used_can_block_issuing() -> None:
    plain = go(row())
    assert plain.blocking_parameters == ("ef_c",) and not plain.issuable
    assert go(row(ef_c_choice="east_asia")).issuable
    indirect = go(row(indirect_n2o=True, ef_c_choice="east_asia")).blocking_parameters
    assert indirect == ("ef4", "ef5", "frac_gasf", "frac_gasm", "frac_leach")
    contract = go(row(contract_area_ha=1.0, ef_c_choice="east_asia")).blocking_parameters
    assert contract == ("area_tolerance",)


def test_every_case_is_explained() -> None:
    """The increment and the measured route open down to their sources too."""
    measured = {f"{season}_measured_ch4_kg_per_ha": 100.0 for season in SEASONS}
    frame = pd.concat([row(), row(ch4_route="measured", measured_uncertainty_pct=15.0, **measured)])
    result = go(frame.set_axis(["a", "b"], axis=0))
    steps = {step.name: step for step in explain_row(RICE, result, "b")}
    assert steps["deduction_used"].numbers == "max(0.05, 15 / 100) = 0.15"
    assert steps["main_ch4_kg"].numbers == "100 × 1 = 100 kg CH4"
    assert np.isfinite(result.net_t)


@pytest.mark.parametrize(
    ("changes", "flagged"),
    [
        ({"main_n_kg_per_ha": 20.0}, False),
        ({"main_n_kg_per_ha": 19.9}, True),
        ({"main_n_kg_per_ha": 340.0}, False),  # 450 kg with the ratoon season
        ({"main_n_kg_per_ha": 0.0}, False),
        ({"main_land_prep_date": "2025-05-20"}, False),  # 80 days
        ({"main_land_prep_date": "2025-05-21"}, True),
        ({"main_land_prep_date": "2025-03-01"}, False),  # 160 days
        ({"main_land_prep_date": "2025-02-28"}, True),
        ({"ratoon_harvest_date": "2025-09-22", "ratoon_drainage_date": "2025-09-22"}, False),  # 45 days
        ({"ratoon_harvest_date": "2025-09-21", "ratoon_drainage_date": "2025-09-21"}, True),
        ({"ratoon_drainage_date": "2025-11-06"}, False),  # 90 days
        ({"ratoon_drainage_date": "2025-11-07"}, True),
        ({"ratoon_preflood_days": 29}, False),
        ({"ratoon_preflood_days": 30}, True),
        ({"contract_area_ha": 1.0}, False),
    ],
)
def test_usual_ranges_hold_at_their_ends(changes: dict[str, Any], flagged: bool) -> None:
    assert bool(go(row(**changes)).warnings) == flagged


@pytest.mark.parametrize(
    "changes",
    [
        {"previous_flood_end_date": "2025-04-10"},  # flooded up to the day of land preparation
        {"ratoon_harvest_date": "2025-12-31", "ratoon_drainage_date": "2025-12-31"},
        {"main_n_organic_kg_per_ha": 100.0, "main_n_residue_kg_per_ha": 65.0},
        {"lookback_years": 3, "baseline_type": "ratoon"},
        {"area_ha": 13.0, "contract_area_ha": 1.0},  # far off, yet no factor of fifteen
    ],
)
def test_what_is_allowed_passes(changes: dict[str, Any]) -> None:
    assert np.isfinite(go(row(**changes)).net_t)


def test_the_harvest_lies_inside_the_period() -> None:
    for day in ("2026-01-01", "2024-12-31"):
        found = problems(row(ratoon_harvest_date=day, ratoon_drainage_date="2025-12-31"))
        assert "ratoon_harvest_date" in {p.column for p in found}


@pytest.mark.parametrize(
    ("as_of", "factor"),
    [(date(2024, 12, 19), 0.6369), (date(2024, 12, 20), 0.6058), (date(2025, 12, 30), 0.6058),
     (date(2025, 12, 31), 0.5897)],
)  # fmt: skip
def test_power_takes_the_grid_factor_published_by_then(as_of: date, factor: float) -> None:
    """A factor of 31 December 2025 cannot have been used before."""
    assert RICE.parameters.at(as_of)["ef_grid"] == factor


def test_dates_out_of_order_name_both_dates_in_the_words_of_the_form() -> None:
    found = problems(row(main_harvest_date="2025-10-20"))
    assert {p.column for p in found} == {"ratoon_harvest_date", "ratoon_drainage_date"}
    assert all("头季收割日（main_harvest_date）" in p.zh and "after main_harvest_date" in p.en for p in found)
    assert "再生季收割日（ratoon_harvest_date）为 2025-10-13" in found[0].zh


def test_nitrous_oxide_beside_measured_methane_keeps_the_deduction_of_default_factors() -> None:
    """40 kg less nitrogen × 0.005 × 44/28 × 0.85: chambers measure methane only."""
    measured = {f"{season}_measured_ch4_kg_per_ha": 100.0 for season in SEASONS}
    changes = {"ch4_route": "measured", "credit_n_saving": True, "main_n_kg_per_ha": 125.0} | measured
    saved = 40 * 0.005 * 44 / 28
    for percent, kept in ((5.0, 0.85), (15.0, 0.85), (22.5, 0.775)):
        assert figure("n2o_kg", measured_uncertainty_pct=percent, **changes) == pytest.approx(saved * kept)
    assert figure("ch4_kg", measured_uncertainty_pct=5.0, **changes) == 0
