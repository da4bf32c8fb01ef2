"""Declarations that contradict themselves are refused when they are made."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pandas as pd
import pytest

from methodologies import registry
from methodologies.columns import unit_suffix
from methodologies.contract import Case, Column, InvalidRows, Methodology, Step, run
from methodologies.declaration import no_check
from methodologies.errors import InvalidDeclaration

CAMELLIA = registry()["camellia_oil_v1"]


def go(methodology: Methodology, frame: pd.DataFrame) -> Any:
    return run(methodology, frame, period=(date(2025, 1, 1), date(2026, 1, 1)), as_of=date(2026, 1, 1))


def column(**changes: Any) -> Column:
    plain = {"name": "area_ha", "kind": "float", "unit": "ha", "low": 0, "high": 1}
    return Column(**(plain | {"meaning_zh": "面积", "meaning_en": "area"} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "area"},
        {"name": "area_t"},
        {"kind": "number"},
        {"low": None},
        {"low": 2},
        {"high": float("inf")},
        {"meaning_zh": ""},
        {"name": "kind", "kind": "choice", "unit": ""},
        {"choices": ("a",)},
        {"name": "sown", "kind": "date", "unit": ""},
        {"required_when": ("route", ("plot",))},
    ],
)
def test_a_column_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeclaration):
        column(**changes)


@pytest.mark.parametrize(
    ("unit", "suffix"),
    [
        ("ha", "ha"), ("%", "pct"), ("1", ""), ("", ""), ("t d.m./ha", "t_per_ha"), ("d", "days"), ("yr",
        "years"),
        ("kg N/ha/yr", "kg_per_ha_per_year"), ("tCO2e", "tco2e"), ("L", "l"), ("year", "year"),
    ],
)  # fmt: skip
def test_names_end_in_their_unit(unit: str, suffix: str) -> None:
    assert unit_suffix(unit) == suffix


def step(name: str, formula: Any) -> Step:
    return Step(name, "x", "1", formula, "零", "zero")


@pytest.mark.parametrize(
    "steps",
    [
        (),
        (step("gross_t", "1"),),
        (step("net_t", "{nowhere} * 2"),),
        (step("net_t", "{net_t} * 2"),),
        (step("area_ha", "1"), step("net_t", "1")),
        (step("net_t", "area_ha * 2"),),
        (step("net_t", "__import__('os')"),),
        (step("net_t", "{area_ha}.real"),),
        (step("net_t", "[1][0]"),),
        (step("net_t", "{area_ha} *"),),
        (step("net_t", "0 < {area_ha} < 1"),),
        (step("net_t", "round({area_ha})"),),
        (step("net_t", (Case("{area_ha} > 0", "1"),)),),
        (step("net_t", (Case("", "1"), Case("", "2"))),),
    ],
)
def test_steps_that_cannot_be_explained_are_refused(steps: tuple[Step, ...]) -> None:
    with pytest.raises(InvalidDeclaration):
        dataclasses.replace(CAMELLIA, steps=steps)


def test_optional_texts_and_bools_have_their_kinds() -> None:
    columns = (
        column(extensive=True),
        Column("remark", "text", "", "备注", "remark", default=""),
        Column("proven", "bool", "", "有证据", "proven", default=False),
    )

    def quantify(frame: pd.DataFrame, *, period: Any, p: Any) -> pd.DataFrame:
        return pd.DataFrame({"net_t": frame["area_ha"] * frame["proven"]}, index=frame.index)

    small = dataclasses.replace(
        CAMELLIA,
        columns=columns,
        quantify=quantify,
        check=no_check,
        preparations=(),
        steps=(step("net_t", (Case("{proven}", "{area_ha}"), Case("", "0"))),),
    )
    frame = pd.DataFrame(
        {"area_ha": [0.5, 0.5], "remark": ["甲\x00乙", None], "proven": [True, None]}, index=[2, 1]
    )
    result = go(small, frame)
    assert list(result.frame["net_t"]) == [0.5, 0.0]
    assert go(small, frame.iloc[::-1]).input_digest == result.input_digest
    assert go(small, frame.assign(remark=["甲", "乙"])).input_digest != result.input_digest
    with pytest.raises(InvalidRows, match="not true or false"):
        go(small, frame.assign(proven=pd.Series([1, 0], index=frame.index, dtype=object)))
    with pytest.raises(InvalidRows, match="not text"):
        go(small, frame.assign(remark=[1, 2]))


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "planet"},
        {
            "columns": (
                *CAMELLIA.columns,
                column(name="extra_ha", default=1.0, required_when=("colour", ("red",))),
            )
        },
        {"columns": (*CAMELLIA.columns, CAMELLIA.columns[0])},
        {"columns": (*CAMELLIA.columns, Column("k_risk", "text", "", "重名", "clash", default=""))},
    ],
)
def test_a_methodology_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeclaration, match="camellia_oil_v1"):
        dataclasses.replace(CAMELLIA, **changes)


def test_lookups_by_name() -> None:
    assert CAMELLIA.column("area_ha").symbol == "A" and CAMELLIA.step("net_t").symbol == "CDR"
    with pytest.raises(KeyError):
        CAMELLIA.column("net_t")
    with pytest.raises(KeyError):
        CAMELLIA.step("area_ha")
    allowed = {c.name: c.allowed for c in registry()["ratoon_rice_v1"].columns}
    assert allowed["area_ha"] == "0 – 1000" and allowed["activity"] == "A1 | A2 | A3 | A4"
    assert (
        allowed["main_harvest_date"] == "YYYY-MM-DD" and allowed["baseline_straw_evidence"] == "true | false"
    )
