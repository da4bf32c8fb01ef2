"""``ccer_afforestation_v1`` once more, row by row in plain Python with its own constants: equal to 1e-9."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meth_strategies import AS_OF, examples

from methodologies import registry
from methodologies.contract import run

KEY = "ccer_afforestation_v1"
TO_CO2 = 44.0 / 12.0
# D, BEF, R, CF.
SPECIES = {
    "masson_pine": (0.380, 1.472, 0.187, 0.460),
    "chinese_fir": (0.307, 1.634, 0.246, 0.520),
    "oak": (0.676, 1.355, 0.292, 0.500),
    "poplar": (0.378, 1.446, 0.227, 0.496),
    "sweetgum": (0.598, 1.765, 0.398, 0.497),
    "slash_pine": (0.424, 1.614, 0.264, 0.511),
    "metasequoia": (0.278, 1.506, 0.319, 0.501),
    "cryptomeria": (0.294, 2.593, 0.267, 0.524),
    "camphor": (0.460, 1.412, 0.275, 0.492),
    "hard_broadleaf": (0.598, 1.674, 0.261, 0.497),
    "soft_broadleaf": (0.443, 1.586, 0.289, 0.485),
    "mixed_conifer": (0.405, 1.587, 0.267, 0.510),
    "mixed_conifer_broadleaf": (0.486, 1.656, 0.248, 0.498),
    "mixed_broadleaf": (0.482, 1.514, 0.262, 0.490),
}
SLOPE = {
    "masson_pine": 0.5034, "chinese_fir": 0.4652, "oak": 1.1453, "poplar": 0.4754, "metasequoia": 0.4158,
    "cryptomeria": 0.4158, "camphor": 1.0357, "hard_broadleaf": 1.1783, "soft_broadleaf": 0.4754,
    "mixed_conifer": 0.5894, "mixed_broadleaf": 0.9788, "mixed_conifer_broadleaf": 0.8136,
}  # fmt: skip
BCEF = {
    "hardwood": (3.0, 1.7, 1.4, 1.05, 0.80),
    "pine": (1.8, 1.0, 0.75, 0.70, 0.70),
    "conifer": (3.0, 1.4, 1.0, 0.75, 0.70),
}
DEAD_WOOD = {
    "subtropical_dry": (0.02, 0.04), "subtropical_moist": (0.01, 0.01), "subtropical_wet": (0.06, 0.01),
    "subtropical_high": (0.07, 0.01), "temperate": (0.08, 0.04),
}  # fmt: skip
LAND = {"native": 1.0, "annual_crop": 0.69, "set_aside": 0.82, "perennial_crop": 0.72}


def bcef(row: dict[str, Any]) -> float:
    mean = (row["volume_start_m3_per_ha"] + row["volume_end_m3_per_ha"]) / 2
    for limit, value in zip((20, 40, 100, 200), BCEF[row["bcef_class"]], strict=False):
        if mean <= limit:
            return value
    return BCEF[row["bcef_class"]][4]


def root_ratio(route: str, mean: float) -> float:
    if route == "subtropical_asia":
        return 0.230 if mean <= 125 else 0.246
    if route == "temperate_conifer":
        return 0.40 if mean < 50 else 0.29 if mean <= 150 else 0.20
    if route == "temperate_oak":
        return 0.30
    return 0.46 if mean < 75 else 0.23 if mean <= 150 else 0.24


def trees(row: dict[str, Any]) -> tuple[float, float, float]:
    """Growth of above-ground biomass and of the whole tree, t d.m./ha, and carbon fraction."""
    route = row["tree_route"]
    volume = (row["volume_start_m3_per_ha"], row["volume_end_m3_per_ha"])
    if route == "none":
        return 0.0, 0.0, 0.47
    if route == "volume_slope":
        rise = SLOPE[row["species"]] * (volume[1] - volume[0])
        return rise, rise, 0.47
    if route == "volume_species":
        density, expansion, roots, fraction = SPECIES[row["species"]]
        rise = density * expansion * (volume[1] - volume[0])
        return rise, rise * (1 + roots), fraction
    if route == "measured":
        above = (row["agb_start_t_per_ha"], row["agb_end_t_per_ha"])
    else:
        above = (bcef(row) * volume[0], bcef(row) * volume[1])
    if row["root_route"] == "measured":
        below = row["bgb_end_t_per_ha"] - row["bgb_start_t_per_ha"]
    elif row["root_route"] == "ar_tool14":
        below = sum(
            sign * math.exp(-1.085 + 0.9256 * math.log(b))
            for sign, b in zip((-1, 1), above, strict=True)
            if b > 0
        )
    else:
        below = root_ratio(row["root_route"], sum(above) / 2) * (above[1] - above[0])
    return above[1] - above[0], above[1] - above[0] + below, 0.47


def soil(row: dict[str, Any], start: int, end: int) -> float:
    if not row["pool_soil"]:
        return 0.0
    reference = {"hac": 64.0, "lac": 55.0, "sandy": 36.0}[row["soil"]]
    initial = reference * LAND[row["land_use_before"]] * row["soil_management"] * row["soil_input"]
    left = initial * 0.9 if row["disturbed_pct"] > 10 else initial
    first = row["planting_year"] + 1
    years = max(0, min(end, first + 20) - max(start, first))
    return min((reference - left) / 20, 0.8) * years * TO_CO2


def net(row: dict[str, Any], start: int, end: int) -> tuple[float, float]:
    """(net removal of one row between 1 January of two years, size of its terms)."""
    area = row["registered_area_ha"] if row["area_ha"] >= 0.95 * row["registered_area_ha"] else row["area_ha"]
    above, whole, fraction = trees(row)
    u = row["uncertainty_pct"]
    kept = 1.0 if row["tree_route"] == "none" or u <= 10 else 0.94 if u <= 20 else 0.89
    tree = TO_CO2 * fraction * whole * (kept if whole > 0 else 1.0)
    base = TO_CO2 * fraction * above * (kept if above > 0 else 1.0)
    ratios = DEAD_WOOD[row["dead_wood_class"]]
    dead = base * (row["pool_dead_wood"] * ratios[0] + row["pool_litter"] * ratios[1])
    bamboo = (row["culms_end_per_ha"] - row["culms_start_per_ha"]) * 10.44e-3 * 0.47 * TO_CO2
    cover = [c if c >= 0.05 else 0.0 for c in (row["shrub_cover_start"], row["shrub_cover_end"])]
    shrub = TO_CO2 * 0.47 * 1.4 * 0.1 * row["regional_forest_t_per_ha"] * (cover[1] - cover[0])
    fuel = row["burned_ha"] * row["burned_agb_t_per_ha"] * 0.45
    fire = fuel * (4.7 * 28 + 0.26 * 265) / 1000
    cleared = TO_CO2 * 0.47 * 1.4 * row["cleared_stock_t_per_ha"]
    terms = [tree, dead, bamboo, shrub, soil(row, start, end), -cleared]
    gross = sum(terms) * area - fire
    size = max(map(abs, terms)) * area + fire
    # Stocks themselves may be far larger than their difference.
    size += TO_CO2 * area * max(row["volume_end_m3_per_ha"], row["agb_end_t_per_ha"], 1.0)
    return (gross * 0.9 if gross > 0 else gross), size


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_afforestation_agrees_with_a_second_implementation(data: st.DataObject) -> None:
    methodology = registry()[KEY]
    example = data.draw(examples(methodology, rows_max=3))
    result = run(methodology, example.frame, period=example.period, as_of=AS_OF)
    for label, row in zip(example.frame.index, example.frame.to_dict("records"), strict=True):
        mine, size = net(row, 2025, 2026)
        stored = result.frame.loc[label, "net_t"]
        assert math.isclose(mine, stored, rel_tol=1e-9, abs_tol=1e-12 * size + 1e-12), (row, mine, stored)
