"""The city inventory of rice: fixed factors by edition, kept away from projects."""

from __future__ import annotations

import pytest

from methodologies import registry
from methodologies.rice_inventory import AmountNotUsable, FactorNotEntered, cropland_n2o, rice_ch4


def test_single_rice_of_henan() -> None:
    """353 000 ha × 236.7 kg/ha / 1000."""
    result = rice_ch4({"single": 353_000.0}, region="central_south", edition="2011")
    assert result.mass_t == pytest.approx(83_555.1)
    assert (result.gas, result.edition, result.status) == ("CH4", "2011", "unverified")


def test_two_harvests_of_one_field_are_two_sown_areas() -> None:
    both = rice_ch4({"double_early": 10.0, "double_late": 10.0}, region="central_south", edition="2011")
    assert both.mass_t == pytest.approx((241.0 + 273.2) * 10 / 1000)


def test_henan_is_region_three_for_cropland() -> None:
    """1000 t N × 0.0057 × 44/28."""
    assert cropland_n2o(1e6, region="iii", edition="2011").mass_t == pytest.approx(8.957142857)


@pytest.mark.parametrize(
    ("kind", "region", "edition"),
    [("ratoon", "central_south", "2011"), ("double_late", "north", "2011"), ("single", "henan", "2011"),
     ("single", "central_south", "2025"), ("name_zh", "east", "2011")],
)  # fmt: skip
def test_a_factor_that_was_not_seen_is_not_made_up(kind: str, region: str, edition: str) -> None:
    with pytest.raises(FactorNotEntered) as caught:
        rice_ch4({kind: 1.0}, region=region, edition=edition)
    assert edition in caught.value.message("zh") and kind in caught.value.message("en")


def test_no_project_uses_an_inventory_factor() -> None:
    values = {dated.value for p in registry()["ratoon_rice_v1"].parameters for dated in p.values}
    assert not values & {236.7, 241.0, 273.2, 0.0057, 0.0109}


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(AmountNotUsable, match="single"):
        rice_ch4({"single": amount}, region="central_south", edition="2011")
    with pytest.raises(AmountNotUsable, match="nitrogen"):
        cropland_n2o(amount, region="iii", edition="2011")


def test_no_area_at_all_still_needs_an_edition_that_was_seen() -> None:
    assert rice_ch4({}, region="central_south", edition="2011").mass_t == 0
    with pytest.raises(FactorNotEntered):
        rice_ch4({}, region="central_south", edition="2025")
