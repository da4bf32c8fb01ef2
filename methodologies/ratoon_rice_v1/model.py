"""Computation of ``ratoon_rice_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import among, codes_of, either, narrow, spread, values_of
from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import ACTIVITIES, AMENDMENTS, REGIMES, SEASONS
from methodologies.ratoon_rice_v1.net import net_result

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.integer[Any]]
_CONTINUOUS, _SINGLE, _MULTIPLE, _UNKNOWN = range(len(REGIMES))
_SAME_SEASONS = ("A1", "A4")
_SINGLE_RICE = ACTIVITIES.index("A3")
_MATCH = {"base1": "main", "base2": "ratoon"}
_COUNTERPART = {"main": "base1", "ratoon": "base2"}
_N2O_PER_N = 44 / 28
_SECONDS_PER_DAY = 86_400


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net reduction of each parcel-year; one output column per step, same index."""
    out: dict[str, Any] = {"area_used_ha": area_used(frame, p)}
    measured = codes_of(frame, "ch4_route") == 1
    out["ef_c_used_kg_per_ha_per_day"] = _ef_c(frame, measured, p)
    lengths = season_lengths(frame, p)
    for season in SEASONS:
        out[f"{season}_l_days"] = lengths[season]
        if season == "main":
            out["main_nonflooded_days"] = days_between(
                frame, "previous_flood_end_date", "main_land_prep_date"
            )
        _season(out, season, frame, measured, p)
    net_result(out, frame, measured, p)
    return spread(out, frame.index)


def area_used(frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """The measured area; the contract's where the measured one exceeds it by more than the tolerance."""
    measured: Array = values_of(frame, "area_ha")
    contract = values_of(frame, "contract_area_ha")
    given = contract > 0
    if not given.any():  # then the tolerance is not used
        return measured
    lower = given & (measured > contract * (1 + p.area_tolerance))
    area: Array = either(lower, contract, measured)
    return area


def _ef_c(frame: pd.DataFrame, measured: Mask, p: ParametersInForce) -> Array:
    """The daily factor chosen; 0 where the season was measured and no default factor is used."""
    return narrow(p.choose(codes_of(frame, "ef_c_choice"), ("ef_c", "ef_c_east_asia"), ~measured))


def days_between(frame: pd.DataFrame, first: str, last: str) -> Array:
    """Days from one date column to another, the first day not counted."""
    span = (values_of(frame, last) - values_of(frame, first)).astype("timedelta64[s]", copy=False)
    days: Array = span.view(np.int64).astype(np.float64)
    days /= _SECONDS_PER_DAY  # whole days: the quotient is exact
    return days


def project_lengths(frame: pd.DataFrame) -> dict[str, Array]:
    """Cultivation days of the project's two seasons."""
    main = days_between(frame, "main_land_prep_date", "main_harvest_date")
    ratoon = np.maximum(
        days_between(frame, "main_harvest_date", "ratoon_harvest_date"),
        days_between(frame, "main_harvest_date", "ratoon_drainage_date"),
    )
    return {"main": main, "ratoon": ratoon}


def season_lengths(frame: pd.DataFrame, p: ParametersInForce) -> dict[str, Array]:
    """Cultivation days per season; for A1 and A4 the baseline's are capped at the project's.

    With evidence that weather lengthened the season the baseline's are the project's. A first baseline
    season without dates takes the default period, never more than the project's main season.
    """
    lengths = project_lengths(frame)
    same = among(frame, "activity", _SAME_SEASONS)
    lengthened = same & values_of(frame, "weather_lengthened")
    for season, match in _MATCH.items():
        observed = values_of(frame, f"{season}_cultivation_days")
        days = either(same, np.minimum(observed, lengths[match]), observed)
        days = either(lengthened, lengths[match], days)
        if season == "base1" and (observed == 0).any():
            days = either(observed == 0, np.minimum(p.default_cultivation_days, lengths["main"]), days)
        lengths[season] = days
    return lengths


def sf_o(loads_t_per_ha: dict[str, Array], p: ParametersInForce) -> Array:
    """Amendment factor, IPCC Eq. 5.3: (1 + Σ ROA·CFOA)^0.59. Straw in dry, the rest in fresh t/ha."""
    weighted: Array = np.asarray(sum(load * p[f"cfoa_{name}"] for name, load in loads_t_per_ha.items()))
    result: Array = (1 + weighted) ** p.sf_o_exponent
    return result


def _season(
    out: dict[str, Any], season: str, frame: pd.DataFrame, measured: Mask, p: ParametersInForce
) -> None:
    """Methane and nitrous oxide of one season, with every factor, into ``out``."""
    area = out["area_used_ha"]
    regime = effective_regime(frame, season)
    out[f"{season}_sf_w"] = narrow(water_factor(regime, baseline=season in _MATCH, p=p))
    out[f"{season}_sf_p"] = narrow(_pre_season(out, season, frame, p))
    amendment = sf_o({name: values_of(frame, f"{season}_{name}_t_per_ha") for name in AMENDMENTS}, p)
    if season in _MATCH:
        out[f"{season}_sf_o_reported"] = amendment
        evidence = values_of(frame, "baseline_straw_evidence")
        amendment = either(evidence, amendment, np.minimum(amendment, out[f"{_MATCH[season]}_sf_o"]))
    out[f"{season}_sf_o"] = amendment
    ef = out["ef_c_used_kg_per_ha_per_day"] * out[f"{season}_sf_w"] * out[f"{season}_sf_p"] * amendment
    ef = ef * values_of(frame, "soil_factor") * values_of(frame, "cultivar_factor")
    out[f"{season}_ef_kg_per_ha_per_day"] = ef
    observed = values_of(frame, f"{season}_measured_ch4_kg_per_ha")
    out[f"{season}_ch4_kg"] = either(measured, observed, ef * out[f"{season}_l_days"]) * area
    _nitrogen(out, season, frame, regime, p)


def _nitrogen(
    out: dict[str, Any], season: str, frame: pd.DataFrame, regime: Codes, p: ParametersInForce
) -> None:
    """Direct, drying and indirect nitrous oxide of one season, into ``out``."""
    area, nitrogen = out["area_used_ha"], values_of(frame, f"{season}_n_kg_per_ha")
    dried = dried_by_project(frame, season) if season in _COUNTERPART else np.zeros(1, np.bool_)
    # Where the increment is added as PE_dry, the project keeps the factor of the flooded baseline.
    flooded = either(dried, np.int8(_CONTINUOUS), regime)
    out[f"{season}_ef1fr"] = narrow(nitrogen_factor(flooded, baseline=season in _MATCH, p=p))
    out[f"{season}_n2o_kg"] = nitrogen * out[f"{season}_ef1fr"] * 44 / 28 * area
    indirect = np.zeros(1)
    counted = values_of(frame, "indirect_n2o")
    if counted.any():
        organic = values_of(frame, f"{season}_n_organic_kg_per_ha")
        residue = values_of(frame, f"{season}_n_residue_kg_per_ha")
        volatile = (nitrogen - organic - residue) * p.frac_gasf + organic * p.frac_gasm
        n2o_n = volatile * p.ef4 + nitrogen * p.frac_leach * p.ef5
        indirect = either(counted, n2o_n * _N2O_PER_N * area, 0.0)
    out[f"{season}_n2o_indirect_kg"] = indirect
    if season in _COUNTERPART:
        factor = p.dry_n2o_kg_per_kg_n if dried.any() else 0.0
        out[f"{season}_dry_n2o_kg"] = either(dried, nitrogen * factor * area, 0.0)


def dried_by_project(frame: pd.DataFrame, season: str) -> Mask:
    """Where the increment of VM0051 Eq. 25 applies: a proven flooded baseline season that is drained now."""
    increment = codes_of(frame, "n2o_route") == 1
    before = codes_of(frame, f"{_COUNTERPART[season]}_regime") == _CONTINUOUS
    now = codes_of(frame, f"{season}_regime") != _CONTINUOUS
    dried: Mask = increment & before & now & values_of(frame, "baseline_water_evidence")
    if season == "ratoon":  # single rice has no season the ratoon crop could be compared with
        dried = dried & (codes_of(frame, "activity") != _SINGLE_RICE)
    return dried


def effective_regime(frame: pd.DataFrame, season: str) -> Codes:
    """Codes of the water regime; continuous flooding of a baseline without evidence counts as drained once.

    Mid-season drainage (中期晒田) is common practice in China: a continuously flooded baseline must be
    proven.
    """
    codes = codes_of(frame, f"{season}_regime")
    if season in _MATCH:
        unproven = (codes == _CONTINUOUS) & ~values_of(frame, "baseline_water_evidence")
        codes = either(unproven, np.int8(_SINGLE), codes)
    return codes


def water_factor(regime: Codes, *, baseline: bool, p: ParametersInForce) -> Array:
    """SFw, IPCC Table 5.12. No water record: the project takes the higher factor, the baseline the lower."""
    unknown = "sf_w_multiple" if baseline else "sf_w_continuous"
    return p.choose(regime, ("sf_w_continuous", "sf_w_single", "sf_w_multiple", unknown))


def nitrogen_factor(regime: Codes, *, baseline: bool, p: ParametersInForce) -> Array:
    """EF1FR, IPCC Table 11.1, by the same regime as SFw; unknown again goes against the project."""
    unknown = "ef1fr_continuous" if baseline else "ef1fr_drained"
    return p.choose(regime, ("ef1fr_continuous", "ef1fr_drained", "ef1fr_drained", unknown))


_PRE_SEASON = ("sf_p_short", "sf_p_long", "sf_p_rotation", "sf_p_flooded")


def baseline_pre_season(
    dry_days: Array, flooded_days: Array, proven: npt.NDArray[np.bool_], p: ParametersInForce
) -> Array:
    """SFp of a first baseline season, IPCC Table 5.13; on a limit of days the lower factor.

    Flooding before the season raises the baseline 2.41 times, so it counts only where ``proven``.
    """
    kind = (dry_days >= p.days_long).astype(np.int8) + (dry_days >= p.days_rotation)
    return p.choose(either((flooded_days > p.days_flooded) & proven, np.int8(3), kind), _PRE_SEASON)


def _pre_season(out: dict[str, Any], season: str, frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """Pre-season factor. On a limit of days it is the higher for the project, the lower for the baseline."""
    if season == "base2":
        # Between two crops of a year fields dry for less than 180 days; flooding is never assumed in a
        # baseline.
        return np.array([p.sf_p_short])
    flooded = values_of(frame, f"{season}_preflood_days")
    if season == "base1":
        dry, proven = values_of(frame, "base1_nonflooded_days"), values_of(frame, "baseline_water_evidence")
        return baseline_pre_season(dry, flooded, proven, p)
    if season == "ratoon":
        return p.choose((flooded >= p.days_flooded) * np.int8(3), _PRE_SEASON)
    dry = out["main_nonflooded_days"]
    kind = (dry > p.days_long).astype(np.int8) + (dry > p.days_rotation)
    return p.choose(either(flooded >= p.days_flooded, np.int8(3), kind), _PRE_SEASON)
