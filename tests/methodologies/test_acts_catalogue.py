"""The catalogue of acts: forty codes, two grades, what has no figure, boundaries, and a day's file."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from methodologies import registry
from methodologies.contract import Quantification, explain_row, run
from methodologies.errors import InvalidDeclaration, InvalidRows
from methodologies.files.input_files import read_input
from methodologies.low_carbon_acts_v1.behaviours import by_catalogue_code, load_behaviours, terms_of
from methodologies.low_carbon_acts_v1.grid import (
    GridFactor,
    NoGridFactor,
    demand_same,
    grid_factor,
    load_grid,
)
from methodologies.parameters import ParameterSet

ACTS = registry()["low_carbon_acts_v1"]
BY_CODE = {act.code: act for act in ACTS.behaviours}
PERIOD = (date(2026, 11, 22), date(2026, 11, 23))
AS_OF = date(2026, 11, 22)
CATEGORIES = {"YI": "衣", "SH": "食", "ZH": "住", "XI": "行", "YO": "用", "BG": "办公", "SJ": "数字金融"}


def assess(rows: list[dict[str, Any]], as_of: date = AS_OF) -> Quantification:
    return run(ACTS, pd.DataFrame(rows), period=PERIOD, as_of=as_of)


def grams(code: str, quantity: float = 1.0, as_of: date = AS_OF, **more: float) -> tuple[float, float]:
    row = assess([{"code": code, "quantity": quantity, **more}], as_of).frame.iloc[0]
    return row["p_grade_g"], row["c_grade_g"]


def test_forty_codes_in_seven_categories() -> None:
    codes = by_catalogue_code([act for act in ACTS.behaviours if not act.local_extra])
    assert sorted(int(code[2:]) for code in codes) == list(range(1, 41))
    for code, acts in codes.items():
        assert {act.category_zh for act in acts} == {CATEGORIES[code[:2]]}
    assert [act.code for act in codes["XI14"]] == ["XI14", "XI14b"]
    assert len(codes["YO25"]) == 5 and {act.cap_group for act in codes["YO25"]} == {"YO25"}


def test_only_what_the_catalogue_prints_is_creditable() -> None:
    creditable = {act.code for act in ACTS.behaviours if act.creditable}
    assert creditable == {
        "YI01", "SH06", "ZH08", "ZH10", "XI14", "XI14b", "XI15", "XI17", "XI18", "XI19", "XI20",
    }  # fmt: skip
    waiting = {act.code for act in ACTS.behaviours if act.credit_note_zh and not act.creditable}
    assert waiting == {"ZH09", "ZH12", "XI21", "YO26"}


@pytest.mark.parametrize("code", [act.code for act in ACTS.behaviours if act.pending])
def test_an_act_without_a_figure_is_refused_by_name(code: str) -> None:
    with pytest.raises(InvalidRows) as caught:
        assess([{"code": "XI14", "quantity": 2.0}, {"code": code, "quantity": 1.0}])
    (problem,) = caught.value.problems
    assert (problem.row, problem.column, problem.value) == (1, "code", code)
    assert BY_CODE[code].pending_zh in problem.zh and BY_CODE[code].name_en in problem.en
    assert "尚无系数" in ACTS.column("code").labels[code][0]


def test_what_has_no_figure_is_what_the_catalogue_leaves_open() -> None:
    pending = {act.code for act in ACTS.behaviours if act.pending}
    extras = {act.code for act in ACTS.behaviours if act.local_extra}
    assert pending == {"YO27", "YO28", "YO31"} | extras
    assert len(extras) == 5 and not any(act.creditable for act in ACTS.behaviours if act.local_extra)


def faulty(tmp_path: Path, old: str, new: str) -> None:
    text = (ACTS.folder / "behaviours.toml").read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path = tmp_path / "behaviours.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    load_behaviours(path, ACTS.parameters)


def test_a_creditable_local_extra_is_refused(tmp_path: Path) -> None:
    own = 'code = "BD43"\n'
    more = f'{own}p_formula = "{{p_sh04_g}}"\nc_formula = "{{p_sh04_g}}"\n'
    with pytest.raises(InvalidDeclaration, match="pending"):
        faulty(tmp_path, own, more)
    with pytest.raises(InvalidDeclaration, match="local extra"):
        faulty(
            tmp_path,
            'p_formula = "{p_sh04_g}"\n',
            'p_formula = "{p_sh04_g}"\nc_formula = "{p_sh04_g}"\nlocal_extra = true\n',
        )


def test_a_figure_is_given_or_declared_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeclaration, match="pending"):
        faulty(tmp_path, 'p_formula = "{p_sh04_g}"\n', "")
    with pytest.raises(InvalidDeclaration, match="unknown acts"):
        faulty(tmp_path, 'excludes = ["XI20"]', 'excludes = ["XI99"]')


def test_fuel_and_life_cycle_factors_never_meet(tmp_path: Path) -> None:
    """An electric car at 25.67 g/km belongs to a life-cycle set, at 84 g/km to fuel and power."""
    fuel = 'p_formula = "{ef_car_g_per_pkm} - {ef_bus_g_per_pkm}"'
    with pytest.raises(InvalidDeclaration, match=r"boundaries are mixed.*fuel_and_power.*life_cycle"):
        faulty(tmp_path, fuel, 'p_formula = "{ef_car_g_per_pkm} - {p_yo25_pet_g}"')
    with pytest.raises(InvalidDeclaration, match="stands twice"):
        faulty(tmp_path, 'life_cycle = ["', 'life_cycle = ["ef_car_g_per_pkm", "')
    with (ACTS.folder / "behaviours.toml").open("rb") as file:
        boundaries = tomllib.load(file)["boundary"]
    for act in ACTS.behaviours:
        assert sum(any(term in names for term in terms_of(act)) for names in boundaries.values()) <= 1
    assert grams("XI19") == (84.0, pytest.approx(58.8))


def test_the_mean_mix_is_a_whole_and_stays_below_the_car() -> None:
    p = ACTS.parameters.at(AS_OF)
    assert p.mix_car_share + p.mix_bus_share + p.mix_ebike_share == pytest.approx(1, abs=1e-15)
    assert grams("XI14") == (77.0, pytest.approx(32.75, rel=1e-14))


def test_printed_figures_of_the_creditable_grade_to_the_printed_digit() -> None:
    printed = {"XI14": 33, "XI18": 23, "XI19": 59, "XI20": 393, "ZH10": 1700, "YI01": 1800, "SH06": 16}
    assert {code: round(grams(code)[1]) for code in printed} == printed


@pytest.mark.parametrize(
    ("as_of", "power", "car"),
    [(date(2024, 12, 19), 637, 77), (date(2024, 12, 20), 606, 82), (date(2025, 12, 30), 606, 82),
     (date(2025, 12, 31), 590, 84), (AS_OF, 590, 84)],
)  # fmt: skip
def test_the_grid_factor_has_versions(as_of: date, power: int, car: int) -> None:
    assert grams("ZH08", as_of=as_of) == (power, pytest.approx(power * 0.8))
    assert grams("XI19", as_of=as_of)[0] == car


GRID = load_grid(ACTS.folder / "grid_factors.toml")


def test_a_grid_factor_says_year_notice_and_purpose() -> None:
    found = grid_factor(GRID, "henan", purpose="points", on=AS_OF)
    assert (found.data_year, found.notice_no, found.kg_per_kwh) == (2023, "公告2025年第47号", 0.5897)
    earlier = grid_factor(GRID, "henan", purpose="city-inventory", on=date(2025, 6, 30))
    assert (earlier.data_year, earlier.notice_no, earlier.g_per_kwh) == (2022, "公告2024年第33号", 605.8)
    assert all(factor.status in {"secondary", "unverified", "local-decision"} for factor in GRID)
    # Two are worked out from a published change: arithmetic of secondary figures stays secondary.
    assert [factor.status for factor in GRID if factor.note] == ["secondary"] * 2
    assert 0.5810 not in {factor.kg_per_kwh for factor in GRID}


@pytest.mark.parametrize(
    ("region", "purpose"),
    [("tibet", "points"), ("hubei", "points"), ("henan", "footprint"), ("henan", "ets")],
)
def test_no_grid_factor_stands_in_for_another(region: str, purpose: str) -> None:
    with pytest.raises(NoGridFactor) as caught:
        grid_factor(GRID, region, purpose=purpose, on=AS_OF)
    assert region in caught.value.message("zh") and purpose in caught.value.message("en")


def test_parameter_and_register_must_agree() -> None:
    parameter = ACTS.parameters.get("grid_henan_g_per_kwh")
    demand_same(GRID, parameter, region="henan", purpose="points")
    with pytest.raises(InvalidDeclaration, match="differs"):
        demand_same(GRID, parameter, region="hubei", purpose="city-inventory")


def test_a_faulty_register_is_refused(tmp_path: Path) -> None:
    text = (ACTS.folder / "grid_factors.toml").read_text(encoding="utf-8")
    for old, new in (('region = "hubei"', 'region = "henan"'), ('status = "secondary"', 'status = "sure"')):
        path = tmp_path / "grid.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InvalidDeclaration, match="grid factor"):
            load_grid(path)
    assert isinstance(GRID[0], GridFactor)


def test_only_factors_of_acts_present_are_used() -> None:
    bus = assess([{"code": "XI14", "quantity": 3.0}])
    assert [used.name for used in bus.parameters_used] == [
        "ef_bus_g_per_pkm", "ef_car_g_per_pkm", "ef_ebike_g_per_pkm",
        "mix_bus_share", "mix_car_share", "mix_ebike_share",
    ]  # fmt: skip
    assert not bus.issuable and "ef_bus_g_per_pkm" not in bus.blocking_parameters
    assert assess([{"code": "XI14b", "quantity": 1.0}]).issuable


def test_what_hangs_on_a_trip_asks_for_it() -> None:
    with pytest.raises(InvalidRows) as caught:
        assess([{"code": "BG32", "quantity": 4.0}, {"code": "XI14", "quantity": 4.0}])
    named = {(problem.row, problem.column) for problem in caught.value.problems}
    assert named == {(0, "avoided_km"), (0, "meeting_h")}
    assert grams("BG32", 4.0, avoided_km=12.0, meeting_h=1.0) == (4 * (12 * 133 - 20), 0)
    assert grams("ZH12", 2.0, saved_kwh_per_year=60.0) == (2 * 60 * 590, 0)


def test_an_act_is_explained_with_its_terms() -> None:
    result = assess([{"code": "XI19", "quantity": 36.0}])
    first, second, *_ = explain_row(ACTS, result, 0)
    assert {term.symbol: term.value for term in first.terms} == {
        "code": "XI19", "EF_veh": 172.8, "e_ev": 15.0, "EF_grid": 589.7,
    }  # fmt: skip
    grid = next(term for term in first.terms if term.symbol == "EF_grid")
    assert "2025年第47号" in grid.source and grid.valid_from == date(2025, 12, 31)
    assert second.numbers.endswith("= 58.8 g CO2e")


def test_a_days_file_of_a_million_acts_is_one_frame() -> None:
    """One run, one digest; the sums are those of a plain table of counts."""
    codes = [act.code for act in ACTS.behaviours if not act.pending and not act.needs]
    rng = np.random.default_rng(20261122)
    drawn = rng.integers(0, len(codes), 1_000_000)
    quantity = rng.integers(1, 6, 1_000_000).astype(float)
    frame = pd.DataFrame({"code": np.array(codes, dtype=object)[drawn], "quantity": quantity})
    result = run(ACTS, frame, period=PERIOD, as_of=AS_OF)
    amounts = np.bincount(drawn, weights=quantity)
    expected = np.array([grams(code) for code in codes])
    assert result.totals["p_grade_g"] == pytest.approx(float(amounts @ expected[:, 0]), rel=1e-12)
    assert result.totals["c_grade_g"] == pytest.approx(float(amounts @ expected[:, 1]), rel=1e-12)
    assert len(result.frame) == 1_000_000 and result.net_t == pytest.approx(
        result.totals["c_grade_g"] / 1e6, rel=1e-12
    )
    bad = frame.copy()
    bad.loc[777_777, "quantity"] = np.nan
    with pytest.raises(InvalidRows) as caught:
        run(ACTS, bad, period=PERIOD, as_of=AS_OF)
    assert (caught.value.count, caught.value.problems[0].row) == (1, 777_777)


def test_a_parameter_file_of_its_own_is_enough() -> None:
    assert ParameterSet.load(ACTS.folder / "parameters.toml").digest(AS_OF) == ACTS.parameters.digest(AS_OF)


def test_a_file_that_begins_with_single_rides_keeps_them(tmp_path: Path) -> None:
    """A bare number has the unit "1"; a line of ones is data all the same."""
    path = tmp_path / "acts.csv"
    path.write_text("id,code,quantity\na1,XI14b,1\na2,XI14,1.0\na3,SH03,2\n", encoding="utf-8")
    frame = read_input(ACTS, path).frame
    assert list(frame.index) == ["a1", "a2", "a3"] and list(frame["quantity"]) == [1, 1, 2]
