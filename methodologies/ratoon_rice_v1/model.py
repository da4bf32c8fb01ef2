"""Computation of ``ratoon_rice_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import ACTIVITIES, AMENDMENTS, REGIMES, SEASONS
from methodologies.ratoon_rice_v1.net import net_result

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_CONTINUOUS, _SINGLE, _MULTIPLE, _UNKNOWN = range(len(REGIMES))
_SAME_SEASONS = (ACTIVITIES.index("A1"), ACTIVITIES.index("A4"))
_SINGLE_RICE = ACTIVITIES.index("A3")
_MATCH = {"base1": "main", "base2": "ratoon"}
_COUNTERPART = {"main": "base1", "ratoon": "base2"}
_N2O_PER_N = 44 / 28


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net reduction of each parcel-year; one output column per step, same index."""
    out: dict[str, Any] = {"area_used_ha": area_used(frame, p)}
    measured = frame["ch4_route"].cat.codes.to_numpy() == 1
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
    return pd.DataFrame(out, index=frame.index, copy=False)


def area_used(frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """The measured area; the contract's where the measured one exceeds it by more than the tolerance."""
    measured: Array = frame["area_ha"].to_numpy()
    contract = frame["contract_area_ha"].to_numpy()
    given = contract > 0
    if not given.any():  # then the tolerance is not used
        return measured
    lower = given & (measured > contract * (1 + p.area_tolerance))
    area: Array = np.where(lower, contract, measured)
    return area


def _ef_c(frame: pd.DataFrame, measured: Mask, p: ParametersInForce) -> Array:
    """The daily factor chosen; 0 where the season was measured and no default factor is used."""
    codes = frame["ef_c_choice"].cat.codes.to_numpy()
    chosen = np.zeros(len(frame))
    for code, name in enumerate(("ef_c", "ef_c_east_asia")):
        rows = (codes == code) & ~measured
        if rows.any():
            chosen[rows] = p[name]
    return chosen


def days_between(frame: pd.DataFrame, first: str, last: str) -> Array:
    """Days from one date column to another, the first day not counted."""
    span = frame[last].to_numpy().astype("datetime64[D]") - frame[first].to_numpy().astype("datetime64[D]")
    days: Array = span.astype(np.float64)
    return days


def season_lengths(frame: pd.DataFrame, p: ParametersInForce) -> dict[str, Array]:
    """Cultivation days per season; for A1 and A4 the baseline's are capped at the project's.

    With evidence that weather lengthened the season the baseline's are the project's. A first baseline
    season without dates takes the default period, never more than the project's main season.
    """
    main = days_between(frame, "main_land_prep_date", "main_harvest_date")
    ratoon = np.maximum(
        days_between(frame, "main_harvest_date", "ratoon_harvest_date"),
        days_between(frame, "main_harvest_date", "ratoon_drainage_date"),
    )
    same = np.isin(frame["activity"].cat.codes.to_numpy(), _SAME_SEASONS)
    lengthened = same & frame["weather_lengthened"].to_numpy()
    lengths = {"main": main, "ratoon": ratoon}
    for season, match in _MATCH.items():
        observed = frame[f"{season}_cultivation_days"].to_numpy()
        days = np.where(same, np.minimum(observed, lengths[match]), observed)
        days = np.where(lengthened, lengths[match], days)
        if season == "base1" and (observed == 0).any():
            days = np.where(observed == 0, np.minimum(p.default_cultivation_days, main), days)
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
    out[f"{season}_sf_w"] = water_factor(regime, baseline=season in _MATCH, p=p)
    out[f"{season}_sf_p"] = _pre_season(out, season, frame, p)
    amendment = sf_o({name: frame[f"{season}_{name}_t_per_ha"].to_numpy() for name in AMENDMENTS}, p)
    if season in _MATCH:
        out[f"{season}_sf_o_reported"] = amendment
        evidence = frame["baseline_straw_evidence"].to_numpy()
        amendment = np.where(evidence, amendment, np.minimum(amendment, out[f"{_MATCH[season]}_sf_o"]))
    out[f"{season}_sf_o"] = amendment
    ef = out["ef_c_used_kg_per_ha_per_day"] * out[f"{season}_sf_w"] * out[f"{season}_sf_p"] * amendment
    ef = ef * frame["soil_factor"].to_numpy() * frame["cultivar_factor"].to_numpy()
    out[f"{season}_ef_kg_per_ha_per_day"] = ef
    observed = frame[f"{season}_measured_ch4_kg_per_ha"].to_numpy()
    out[f"{season}_ch4_kg"] = np.where(measured, observed, ef * out[f"{season}_l_days"]) * area
    _nitrogen(out, season, frame, regime, p)


def _nitrogen(
    out: dict[str, Any], season: str, frame: pd.DataFrame, regime: npt.NDArray[np.int64], p: ParametersInForce
) -> None:
    """Direct, drying and indirect nitrous oxide of one season, into ``out``."""
    area, nitrogen = out["area_used_ha"], frame[f"{season}_n_kg_per_ha"].to_numpy()
    dried = dried_by_project(frame, season) if season in _COUNTERPART else np.zeros(len(frame), np.bool_)
    # Where the increment is added as PE_dry, the project keeps the factor of the flooded baseline.
    out[f"{season}_ef1fr"] = nitrogen_factor(
        np.where(dried, _CONTINUOUS, regime), baseline=season in _MATCH, p=p
    )
    out[f"{season}_n2o_kg"] = nitrogen * out[f"{season}_ef1fr"] * 44 / 28 * area
    indirect = np.zeros(len(frame))
    counted = frame["indirect_n2o"].to_numpy()
    if counted.any():
        organic = frame[f"{season}_n_organic_kg_per_ha"].to_numpy()
        residue = frame[f"{season}_n_residue_kg_per_ha"].to_numpy()
        volatile = (nitrogen - organic - residue) * p.frac_gasf + organic * p.frac_gasm
        n2o_n = volatile * p.ef4 + nitrogen * p.frac_leach * p.ef5
        indirect = np.where(counted, n2o_n * _N2O_PER_N * area, 0.0)
    out[f"{season}_n2o_indirect_kg"] = indirect
    if season in _COUNTERPART:
        factor = p.dry_n2o_kg_per_kg_n if dried.any() else 0.0
        out[f"{season}_dry_n2o_kg"] = np.where(dried, nitrogen * factor * area, 0.0)


def dried_by_project(frame: pd.DataFrame, season: str) -> Mask:
    """Where the increment of VM0051 Eq. 25 applies: a proven flooded baseline season that is drained now."""
    increment = frame["n2o_route"].cat.codes.to_numpy() == 1
    before = frame[f"{_COUNTERPART[season]}_regime"].cat.codes.to_numpy() == _CONTINUOUS
    now = frame[f"{season}_regime"].cat.codes.to_numpy() != _CONTINUOUS
    dried: Mask = increment & before & now & frame["baseline_water_evidence"].to_numpy()
    if season == "ratoon":  # single rice has no season the ratoon crop could be compared with
        dried = dried & (frame["activity"].cat.codes.to_numpy() != _SINGLE_RICE)
    return dried


def effective_regime(frame: pd.DataFrame, season: str) -> npt.NDArray[np.int64]:
    """Codes of the water regime; continuous flooding of a baseline without evidence counts as drained once.

    Mid-season drainage (中期晒田) is common practice in China: a continuously flooded baseline must be
    proven.
    """
    codes: npt.NDArray[np.int64] = frame[f"{season}_regime"].cat.codes.to_numpy().astype(np.int64)
    if season in _MATCH:
        unproven = (codes == _CONTINUOUS) & ~frame["baseline_water_evidence"].to_numpy()
        codes = np.where(unproven, _SINGLE, codes)
    return codes


def water_factor(regime: npt.NDArray[np.int64], *, baseline: bool, p: ParametersInForce) -> Array:
    """SFw, IPCC Table 5.12. No water record: the project takes the higher factor, the baseline the lower."""
    unknown = "sf_w_multiple" if baseline else "sf_w_continuous"
    return p.choose(regime, ("sf_w_continuous", "sf_w_single", "sf_w_multiple", unknown))


def nitrogen_factor(regime: npt.NDArray[np.int64], *, baseline: bool, p: ParametersInForce) -> Array:
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
    kind = (dry_days >= p.days_long).astype(np.int64) + (dry_days >= p.days_rotation)
    return p.choose(np.where((flooded_days > p.days_flooded) & proven, 3, kind), _PRE_SEASON)


def _pre_season(out: dict[str, Any], season: str, frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """Pre-season factor. On a limit of days it is the higher for the project, the lower for the baseline."""
    if season == "base2":
        # Between two crops of a year fields dry for less than 180 days; flooding is never assumed in a
        # baseline.
        return np.full(len(frame), p.sf_p_short)
    flooded = frame[f"{season}_preflood_days"].to_numpy()
    if season == "base1":
        dry, proven = frame["base1_nonflooded_days"].to_numpy(), frame["baseline_water_evidence"].to_numpy()
        return baseline_pre_season(dry, flooded, proven, p)
    if season == "ratoon":
        return p.choose(np.where(flooded >= p.days_flooded, 3, 0), _PRE_SEASON)
    dry = out["main_nonflooded_days"]
    kind = (dry > p.days_long).astype(np.int64) + (dry > p.days_rotation)
    return p.choose(np.where(flooded >= p.days_flooded, 3, kind), _PRE_SEASON)
