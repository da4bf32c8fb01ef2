"""Validation, digests, status gate, declarations: what ``run`` promises."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from methodologies import registry
from methodologies.columns import Findings
from methodologies.contract import InvalidRows, Methodology, decimal_year, run
from methodologies.digest import folder_digest, input_digest
from methodologies.errors import InvalidOutput, InvalidPeriod, ParameterNotInForce
from methodologies.validation import canonical

CAMELLIA = registry()["camellia_oil_v1"]
RICE = registry()["ratoon_rice_v1"]
ACTS = registry()["low_carbon_acts_v1"]


def go(methodology: Methodology, frame: pd.DataFrame, **changes: Any) -> Any:
    example = methodology.example()
    return run(methodology, frame, **({"period": example.period, "as_of": example.as_of} | changes))


def refusal(methodology: Methodology, frame: pd.DataFrame) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        go(methodology, frame)
    return caught.value


def with_cell(methodology: Methodology, column: str, value: Any) -> pd.DataFrame:
    frame = methodology.example().frame.copy()
    cells = frame[column].astype(object)
    cells.iloc[1] = value
    return frame.assign(**{column: cells})


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("area_ha", -1.0, "out of range"),
        ("area_ha", float("inf"), "out of range"),
        ("area_ha", "12.5", "not a number"),
        ("area_ha", True, "not a number"),
        ("area_ha", 10**400, "not a number"),
        ("area_ha", None, "lacks"),
        ("area_ha", [1, 2], "not a number"),
        ("planting_year", 2018.5, "not a whole number"),
        ("planting_year", 2030, "after the monitoring period"),
        ("activity", "felling", "no choice"),
        ("activity", None, "lacks"),
        ("activity", ["new_planting"], "no choice"),
        ("diesel_l", 2e7, "out of range"),
    ],
)
def test_a_bad_cell_is_named_in_both_languages(column: str, value: Any, words: str) -> None:
    error = refusal(CAMELLIA, with_cell(CAMELLIA, column, value))
    assert error.count == 1
    (problem,) = error.problems
    assert (problem.row, problem.column) == ("示例-2", column)
    assert words in problem.en and "示例-2" in problem.en and column in problem.en
    assert "示例-2" in problem.zh and column in problem.zh and problem.allowed
    assert error.errors[0]["field"] == column and error.errors[0]["zh"] == problem.zh
    assert "示例-2" in error.message("zh") and "示例-2" in error.message("en")


def test_all_problems_come_at_once_and_the_first_hundred_are_spelt_out() -> None:
    frame = pd.concat([CAMELLIA.example().frame.iloc[[0]]] * 150, ignore_index=True)
    frame = frame.assign(area_ha=-1.0, activity="x")
    error = refusal(CAMELLIA, frame)
    assert error.count == 300 and len(error.problems) == 100
    assert {problem.unit for problem in error.problems} == {"ha"}
    assert [problem.row for problem in error.problems] == list(range(100))
    assert all(type(problem.row) is int for problem in error.problems)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2025-13-01", "not a date"),
        ("20250410", "not a date"),
        ("10.4.2025", "not a date"),
        (45757, "not a date"),
        (None, "lacks"),
        ([2025], "not a date"),
        ("2025-12-01", "must be after"),
    ],
)
def test_a_bad_date_is_named(value: Any, words: str) -> None:
    error = refusal(RICE, with_cell(RICE, "main_land_prep_date", value))
    assert any(words in problem.en and problem.row == "示例-2" for problem in error.problems)


@pytest.mark.parametrize(
    "spelling",
    [
        "2025-04-10",
        date(2025, 4, 10),
        datetime(2025, 4, 10, 8, 30),  # noqa: DTZ001 - a naive timestamp is one of the spellings
        np.datetime64("2025-04-10"),
        pd.Timestamp("2025-04-10"),
    ],
)
def test_dates_in_any_honest_spelling_are_the_same_day(spelling: Any) -> None:
    plain = go(RICE, RICE.example().frame)
    frame = RICE.example().frame
    cells = pd.Series([spelling] * len(frame), index=frame.index, dtype=object)
    other = go(RICE, frame.assign(main_land_prep_date=cells))
    assert other.input_digest == plain.input_digest and other.net_t == plain.net_t
    typed = go(RICE, frame.assign(main_land_prep_date=pd.to_datetime(frame["main_land_prep_date"])))
    assert typed.input_digest == plain.input_digest


def test_numbers_in_any_honest_type_are_the_same_number() -> None:
    frame = CAMELLIA.example().frame
    plain = go(CAMELLIA, frame)
    for cells in (
        frame["planting_year"].astype("int16"),
        frame["planting_year"].astype(float),
        frame["planting_year"].astype("Int64"),
        frame["planting_year"].map(Decimal).astype(object),
    ):
        assert go(CAMELLIA, frame.assign(planting_year=cells)).input_digest == plain.input_digest
    minus = go(CAMELLIA, frame.assign(cleared_stock_t_per_ha=-0.0))
    assert minus.input_digest == go(CAMELLIA, frame.assign(cleared_stock_t_per_ha=0)).input_digest
    coded = go(CAMELLIA, frame.assign(route=frame["route"].astype("category")))
    assert coded.input_digest == plain.input_digest
    assert go(CAMELLIA, frame.assign(leakage_tco2e=0.0)).input_digest == plain.input_digest


@pytest.mark.parametrize("column", [column.name for column in CAMELLIA.columns])
def test_every_column_is_part_of_the_input_digest(column: str) -> None:
    """Below the rules between columns: any admissible change of one cell changes the digest."""
    frame, period = CAMELLIA.example().frame, CAMELLIA.example().period
    values = canonical(CAMELLIA.columns, frame, Findings(frame.index))
    declared = CAMELLIA.column(column)
    changed = pd.Series(values[column], copy=True)
    match declared.kind:
        case "choice":
            changed.iloc[2] = next(choice for choice in declared.choices if choice != changed.iloc[2])
        case "bool":
            changed.iloc[2] = not changed.iloc[2]
        case "text":
            changed.iloc[2] = f"{changed.iloc[2]}乙"
        case _:
            changed.iloc[2] += 1
    other = values | {column: changed.array if declared.kind == "choice" else changed.to_numpy()}
    digests = {input_digest(CAMELLIA.columns, v, frame.index, period) for v in (values, other)}
    assert len(digests) == 2


def test_labels_period_and_row_membership_are_part_of_the_input_digest() -> None:
    frame = CAMELLIA.example().frame
    digests = {
        go(CAMELLIA, frame).input_digest,
        go(CAMELLIA, frame.rename(index={"示例-1": "示例-9"})).input_digest,
        go(CAMELLIA, frame.reset_index(drop=True)).input_digest,
        go(CAMELLIA, frame, period=(date(2021, 1, 1), date(2026, 1, 2))).input_digest,
        go(CAMELLIA, frame.iloc[:3]).input_digest,
    }
    assert len(digests) == 5


def test_the_input_digest_can_be_recomputed_from_its_description() -> None:
    """Anyone can check a digest; and a change of the format would orphan every stored run."""
    frame = pd.DataFrame({"quantity": [1.0, 2.5], "code": ["XI14b", "XI16"]}, index=[7, 3])
    total = hashlib.sha256()

    def header(words: dict[str, Any]) -> None:
        text = json.dumps(words, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        total.update(text.encode() + b"\n")

    codes = sorted(act.code for act in ACTS.behaviours)
    header({"format": "xinyang-input-2", "rows": 2, "period": ["2026-11-01", "2026-12-01"]})
    header({"labels": "integer"})
    total.update(struct.pack("<2q", 3, 7))
    header({"column": "avoided_km", "kind": "float", "unit": "km", "same": True})
    total.update(struct.pack("<d", 0.0))
    header({"column": "code", "kind": "choice", "unit": "", "choices": codes})
    total.update(struct.pack("<2H", codes.index("XI16"), codes.index("XI14b")))
    header({"column": "meeting_h", "kind": "float", "unit": "h", "same": True})
    total.update(struct.pack("<d", 0.0))
    header({"column": "quantity", "kind": "float", "unit": "1"})
    total.update(struct.pack("<2d", 2.5, 1.0))
    header({"column": "saved_kwh_per_year", "kind": "float", "unit": "kWh/year", "same": True})
    total.update(struct.pack("<d", 0.0))
    assert go(ACTS, frame).input_digest == total.hexdigest()
    assert total.hexdigest() == "e9e9d8bd9d6dab37efefb5edf1ae239504e68066ee289d7b0f3c263893dc2d33"


def test_unknown_repeated_and_missing_columns_are_refused() -> None:
    frame = CAMELLIA.example().frame
    assert "n_sythetic" in refusal(CAMELLIA, frame.assign(n_sythetic=1.0)).problems[0].en
    twice = pd.concat([frame, frame[["area_ha"]]], axis=1)
    assert "given twice" in refusal(CAMELLIA, twice).problems[0].en
    lacking = refusal(CAMELLIA, frame.drop(columns="diesel_l"))
    assert lacking.count == len(frame) and lacking.problems[0].unit == "L"


def test_row_labels_must_be_unique_flat_and_present() -> None:
    frame = CAMELLIA.example().frame
    error = refusal(CAMELLIA, frame.rename(index={"示例-2": "示例-1"}))
    assert "示例-1" in error.problems[0].en and "twice" in error.problems[0].en
    many = frame.set_axis(pd.MultiIndex.from_product([["a"], range(4)]), axis=0)
    assert "flat" in refusal(CAMELLIA, many).problems[0].en
    assert refusal(CAMELLIA, frame.set_axis([1.0, 2.0, None, 4.0], axis=0)).problems[0].column == "index"


def test_what_the_plot_route_needs_is_only_asked_there() -> None:
    frame = CAMELLIA.example().frame
    bare = frame.drop(columns=["stock_start_t_per_ha", "stock_end_t_per_ha", "uncertainty_pct"])
    assert go(CAMELLIA, bare.assign(route="default")).totals["area_ha"] == pytest.approx(28.7)
    error = refusal(CAMELLIA, bare)
    assert error.count == 3 and {problem.row for problem in error.problems} == {"示例-3"}
    assert all("where route is plot" in problem.en for problem in error.problems)


def test_sampling_error_above_thirty_percent_is_refused_on_plots_only() -> None:
    frame = CAMELLIA.example().frame.assign(uncertainty_pct=30.1)
    error = refusal(CAMELLIA, frame)
    assert error.count == 1 and error.problems[0].row == "示例-3" and "Add plots" in error.problems[0].en


def test_single_rice_has_no_second_season() -> None:
    error = refusal(RICE, with_cell(RICE, "base2_cultivation_days", 60.0).assign(activity="A3"))
    assert {problem.column for problem in error.problems} >= {"base2_cultivation_days"}


def test_a_harvest_outside_the_period_is_refused() -> None:
    with pytest.raises(InvalidRows) as caught:
        go(RICE, RICE.example().frame, period=(date(2024, 1, 1), date(2025, 1, 1)))
    assert caught.value.count == 5 and "inside the period" in caught.value.problems[0].en


def test_unusual_seasons_are_for_review_not_refused() -> None:
    frame = with_cell(RICE, "main_harvest_date", "2025-06-10")
    warnings = [w for w in go(RICE, frame).warnings if not w.column.endswith("_regime")]
    assert {(warning.row, warning.severity) for warning in warnings} == {("示例-2", "review")}
    assert {warning.column for warning in warnings} == {"main_harvest_date", "ratoon_harvest_date"}
    fast = CAMELLIA.example().frame.assign(stock_end_t_per_ha=20.0)
    assert [warning.row for warning in go(CAMELLIA, fast).warnings] == ["示例-3"]


def test_half_a_ride_is_refused() -> None:
    frame = pd.DataFrame({"code": ["XI14b", "XI14"], "quantity": [0.5, 0.5]}, index=["a", "b"])
    error = refusal(ACTS, frame)
    assert error.count == 1 and error.problems[0].row == "a"


def test_only_parameters_that_were_used_block_issuing() -> None:
    frame = CAMELLIA.example().frame
    default_only = go(CAMELLIA, frame.loc[["示例-1"]])
    assert default_only.blocking_parameters == (
        "accrual_years", "k_risk", "saturation_share", "stock_ceiling_tc_per_ha",
    )  # fmt: skip
    assert not default_only.issuable
    assert "cn_arcm_rate_2" in go(CAMELLIA, frame.loc[["示例-3"]]).blocking_parameters
    ride = go(ACTS, pd.DataFrame({"code": ["XI14b"], "quantity": [1.0]}, index=["a"]))
    assert ride.issuable and ride.blocking_parameters == ()
    assert [used.name for used in ride.parameters_used] == ["c_xi14b_g", "p_xi14b_g"]


def test_negative_parcels_stay_in_the_total() -> None:
    result = go(CAMELLIA, CAMELLIA.example().frame)
    assert (result.frame["net_t"] < 0).any()
    assert result.net_t == pytest.approx(result.frame["net_t"].sum(), rel=1e-12)
    rice = go(RICE, RICE.example().frame)
    assert rice.frame.loc["示例-3", "net_t"] < 0


def test_an_empty_frame_is_nothing() -> None:
    assert go(CAMELLIA, CAMELLIA.example().frame.iloc[:0]).net_t == 0


def test_the_record_survives_json() -> None:
    record = go(RICE, RICE.example().frame).record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["gwp_set"] == "AR5" and len(record["code_digest"]) == 64


@pytest.mark.parametrize("end", [date(2021, 1, 1), date(2020, 12, 31)])
def test_a_period_must_have_a_length(end: date) -> None:
    with pytest.raises(InvalidPeriod) as caught:
        go(CAMELLIA, CAMELLIA.example().frame, period=(date(2021, 1, 1), end))
    assert end.isoformat() in caught.value.message("zh")


def test_parameters_of_a_day_before_any_are_refused() -> None:
    with pytest.raises(ParameterNotInForce) as caught:
        go(CAMELLIA, CAMELLIA.example().frame, as_of=date(2019, 12, 31))
    assert "2020-01-01" in caught.value.message("en")


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2024, 1, 1), 2024.0),
        (date(2024, 7, 1), 2024 + 182 / 366),
        (date(2025, 12, 31), 2025 + 364 / 365),
    ],
)
def test_decimal_years(day: date, year: float) -> None:
    assert decimal_year(day) == year


def _with_output(change: Any) -> Methodology:
    def quantify(frame: pd.DataFrame, *, period: Any, p: Any) -> pd.DataFrame:
        return change(CAMELLIA.quantify(frame, period=period, p=p).copy())  # type: ignore[no-any-return]

    return dataclasses.replace(CAMELLIA, quantify=quantify)


@pytest.mark.parametrize(
    "change",
    [
        lambda out: out.assign(net_t=np.nan),
        lambda out: out.assign(net_t=np.inf),
        lambda out: out.assign(net_t=1),
        lambda out: out.drop(columns="unc"),
        lambda out: out.assign(extra=1.0),
        lambda out: out[out.columns[::-1]],
        lambda out: out.iloc[::-1],
        lambda out: out.reset_index(drop=True),
    ],
)
def test_a_model_that_breaks_the_contract_yields_nothing(change: Any) -> None:
    with pytest.raises(InvalidOutput):
        go(_with_output(change), CAMELLIA.example().frame)


def test_a_review_sees_the_figures_and_refuses_nothing() -> None:
    def review(severity: str) -> Methodology:
        def look(frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Any, p: Any, findings: Any) -> None:
            net = outputs["net_t"].to_numpy()
            words = {"zh": "第 {row} 行为 {value} 吨。", "en": "Row {row} is {value} t."}
            findings.where(
                net < 0, column="net_t", values=net, unit="t", allowed="≥ 0", severity=severity, **words
            )

        return dataclasses.replace(CAMELLIA, review=look)

    plain, looked = go(CAMELLIA, CAMELLIA.example().frame), go(review("review"), CAMELLIA.example().frame)
    emitting = int((plain.frame["net_t"] < 0).sum())
    assert emitting
    assert len([found for found in looked.warnings if found.column == "net_t"]) == emitting
    assert looked.totals == plain.totals
    with pytest.raises(InvalidOutput, match="review added an error"):
        go(review("error"), CAMELLIA.example().frame)


def test_the_code_digest_covers_model_data_and_contract(tmp_path: Any) -> None:
    for name in ("model.py", "__init__.py", "species.toml"):
        (tmp_path / name).write_text(f"# {name}\n", encoding="utf-8")
    seen = {folder_digest(tmp_path, "1"), folder_digest(tmp_path, "2")}
    for name in ("model.py", "__init__.py", "species.toml"):
        (tmp_path / name).write_text(f"# {name}, changed\n", encoding="utf-8")
        seen.add(folder_digest(tmp_path, "1"))
    assert len(seen) == 5
    # A value dated later changes no earlier run; the parameter digest covers what was in force.
    (tmp_path / "parameters.toml").write_text("# new\n", encoding="utf-8")
    assert folder_digest(tmp_path, "1") in seen
    (tmp_path / "model.py").write_bytes(b"# model.py, changed\r\n")
    (tmp_path / "cases").mkdir()
    assert folder_digest(tmp_path, "1") in seen
