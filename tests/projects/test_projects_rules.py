"""Periods, land and CSV cells: values in, values out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from carbon_platform.projects import rules
from methodologies import registry

USE = rules.LandUse(kind="camellia", pool="biomass")
PARCEL: dict[str, Any] = {
    "code": "P1",
    "kind": "camellia",
    "county_code": "411522",
    "status": "registered",
    "use": USE,
    "region_code": "4115",
    "other": None,
}


def test_every_parcel_methodology_has_a_land_use_and_no_other_has() -> None:
    for key, methodology in registry().items():
        assert (rules.land_use(key) is not None) == (methodology.subject == "parcel"), key


def test_a_new_version_claims_the_same_land() -> None:
    assert rules.land_use("camellia_oil_v2") == rules.land_use("camellia_oil_v1") == USE
    assert rules.land_use("camellia_oil") is None


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        (date(2021, 1, 1), date(2022, 1, 1), None),
        (date(2021, 1, 1), date(2041, 1, 1), None),
        (date(2020, 12, 31), date(2022, 1, 1), rules.PeriodOutsideCrediting),
        (date(2040, 1, 1), date(2041, 1, 2), rules.PeriodOutsideCrediting),
        (date(2022, 1, 1), date(2022, 1, 1), rules.PeriodReversed),
        (date(2022, 1, 2), date(2022, 1, 1), rules.PeriodReversed),
    ],
)
def test_a_period_lies_inside_the_crediting_period(
    start: date, end: date, refusal: type[Exception] | None
) -> None:
    first, last = date(2021, 1, 1), date(2041, 1, 1)
    if refusal is None:
        rules.check_inside_crediting(start, end, first, last)
    else:
        with pytest.raises(refusal):
            rules.check_inside_crediting(start, end, first, last)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"status": "ended"}, "projects.parcel_not_registered"),
        ({"kind": "rice"}, "projects.parcel_of_other_kind"),
        ({"region_code": "411523"}, "projects.parcel_outside_project"),
        ({"other": "XY-P0007"}, "projects.parcel_in_other_project"),
    ],
)
def test_why_a_parcel_may_not_join(change: dict[str, Any], code: str | None) -> None:
    finding = rules.judge_parcel(**{**PARCEL, **change})
    assert (finding and finding["code"]) == code
    if change.get("other"):
        assert finding
        assert "XY-P0007" in finding["zh"]
        assert "XY-P0007" in finding["en"]


def test_twenty_are_named_and_the_rest_counted() -> None:
    codes = [f"P{i}" for i in range(23)]
    assert rules.name_some(codes[:20]).endswith("P19")
    assert rules.name_some(codes) == "、".join(codes[:20]) + " …（另 3）"


def test_csv_cells_take_the_kind_of_their_column() -> None:
    columns = registry()["ratoon_rice_v1"].columns
    cells = {
        "base1_nonflooded_days": "177",
        "diesel_l": " 12.5 ",
        "baseline_straw_evidence": "是",
        "main_harvest_date": "2025-08-08",
        "yield_t_per_ha": "",
        "main_n_kg_per_ha": "viel",
    }
    values = rules.readings_of(columns, cells)
    assert values == {
        "base1_nonflooded_days": 177,
        "diesel_l": 12.5,
        "baseline_straw_evidence": True,
        "main_harvest_date": "2025-08-08",
        "main_n_kg_per_ha": "viel",
    }


def test_empty_and_absent_are_the_same() -> None:
    assert rules.clean({"a": None, "b": float("nan"), "c": 0, "d": False}) == {"c": 0, "d": False}


def test_the_day_is_xinyangs() -> None:
    assert rules.local_date(datetime(2026, 11, 21, 16, 0, tzinfo=UTC)) == date(2026, 11, 22)
    assert rules.local_date(datetime(2026, 11, 21, 15, 59, tzinfo=UTC)) == date(2026, 11, 21)
