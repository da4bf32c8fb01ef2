"""The footprint calculator: every line is its declared equation, and nothing is subtracted from it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from inclusion_world import World

from carbon_platform.inclusion import footprint
from carbon_platform.inclusion.errors import FootprintInvalid
from carbon_platform.inclusion.tables import Footprint
from methodologies.parameters import STATUSES

ITEMS = {item.code: item for item in footprint.items()}
YEARS = st.fixed_dictionaries({}, optional={code: st.integers(0, item.high) for code, item in ITEMS.items()})


@given(quantities=YEARS, persons=st.integers(1, 20))
def test_every_line_is_quantity_times_factor_and_the_total_is_their_sum(
    quantities: dict[str, int], persons: int
) -> None:
    result = footprint.compute(quantities, persons)
    expected = 0
    for code, quantity in quantities.items():
        item = ITEMS[code]
        share = persons if item.shared else 1
        exact = Decimal(quantity) * Decimal(str(item.factor_g)) / share
        expected += int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert abs(result.total_g - expected) == 0
    assert result.low_g <= result.total_g <= result.high_g
    assert all(f"= {line.grams:,} g" in line.equation for line in result.lines)


def test_every_factor_has_a_source_a_status_and_a_range_around_it() -> None:
    for item in footprint.items():
        assert item.source and item.status in STATUSES, item.code
        assert item.low_g <= item.factor_g <= item.high_g, item.code
    assert "飞机" in footprint.boundary()[0]  # says what is not in


def test_a_household_shares_its_electricity_and_nobody_shares_a_car() -> None:
    alone, three = footprint.compute({"electricity": 3_000}, 1), footprint.compute({"electricity": 3_000}, 3)
    assert (alone.total_g, three.total_g) == (1_769_100, 589_700)
    assert footprint.compute({"car_petrol": 100}, 1) == footprint.compute({"car_petrol": 100}, 1)
    assert footprint.compute({"car_petrol": 100}, 3).total_g == 17_280


@pytest.mark.parametrize(
    ("quantities", "persons", "field"),
    [({"plane": 1}, 1, "plane"), ({"electricity": -1}, 1, "electricity"), ({"bus": 100_001}, 1, "bus"),
     ({}, 0, "persons"), ({}, 21, "persons")],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_range(quantities: dict[str, int], persons: int, field: str) -> None:
    with pytest.raises(FootprintInvalid) as refused:
        footprint.compute(quantities, persons)
    (error,) = refused.value.errors
    assert error["field"] == field and error["range"] and error["zh"] and error["en"]


def test_a_citizen_keeps_replaces_and_deletes_her_own_footprint(world: World) -> None:
    desk, other = world.as_("小满"), world.as_("阿青")
    empty = desk.get("/citizen/footprint?year=2026").json
    assert empty["result"] is None and len(empty["items"]) == len(ITEMS)
    body: dict[str, Any] = {"year": 2026, "persons": 3, "quantities": {"electricity": 3_000, "bus": 1_000}}
    kept = desk.post("/citizen/footprint", body)
    assert kept.status_code == 201 and kept.json["result"]["total_g"] == 589_700 + 56_200, kept.json
    body["quantities"]["bus"] = 0
    assert desk.post("/citizen/footprint", body).json["result"]["total_g"] == 589_700
    assert desk.get("/citizen/footprint?year=2026").json["result"]["retired_kg"] == 0
    assert other.get("/citizen/footprint?year=2026").json["result"] is None
    body["quantities"]["electricity"] = 10**6
    wrong = desk.post("/citizen/footprint", body)
    assert wrong.status_code == 422 and wrong.json["errors"][0]["field"] == "electricity"
    assert other.delete("/citizen/footprint/2026").status_code == 404
    assert desk.delete("/citizen/footprint/2026").status_code == 204
    assert desk.get("/citizen/footprint?year=2026").json["result"] is None


def test_a_footprint_of_factors_that_are_gone_is_still_read(world: World) -> None:
    desk = world.as_("小满")
    body = {"year": 2026, "persons": 1, "quantities": {"bus": 1_000}}
    assert desk.post("/citizen/footprint", body).status_code == 201
    older = sa.update(Footprint).values(factor_set="footprint-2020-1", quantities={"coach": 1_000})
    world.db.transact(lambda session: session.execute(older))
    result = desk.get("/citizen/footprint?year=2026").json["result"]
    assert (result["total_g"], result["factor_set"], result["lines"]) == (56_200, "footprint-2020-1", [])
