"""Season records, water logs and drainages: what follows from them, and what is refused."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from rice_records import Record, cell, go, project, readings, record, row, years

from methodologies.contract import InvalidRows

BARE = pd.DataFrame({"area_ha": [1.0]}, index=["P1"])


def from_records(records: list[Record], frame: pd.DataFrame = BARE, **tables: pd.DataFrame) -> Any:
    return go(frame, season_records=pd.DataFrame(records), **tables)


def refused(records: list[Record], frame: pd.DataFrame = BARE) -> Any:
    with pytest.raises(InvalidRows) as caught:
        from_records(records, frame)
    return caught.value.problems


@pytest.mark.parametrize(
    ("kinds", "activity", "baseline"),
    [
        (("ratoon",) * 3, "A1", "ratoon"),
        (("double",) * 3, "A2", "double"),
        (("single",) * 4, "A3", "single"),
        (("double", "single", "double"), "A3", "single"),
        (("ratoon", "ratoon", "double"), "A1", "ratoon"),
    ],
)
def test_the_look_back_decides_and_a_mixed_one_takes_the_lowest(
    kinds: tuple[str, ...], activity: str, baseline: str
) -> None:
    result = from_records(years(*kinds, first=2025 - len(kinds)) + project(regime="multiple"))
    assert (cell(result, "activity"), cell(result, "baseline_type")) == (activity, baseline)
    assert cell(result, "lookback_years") == len(kinds)
    mixed = len(set(kinds)) > 1
    assert result.prepared["season_records"].loc["P1", "lookback_mixed"] == mixed
    assert mixed == any("lowest emission" in warning.en for warning in result.warnings)


def test_records_give_the_same_figure_as_the_row_they_stand_for() -> None:
    drier = [record(2025, "main", "project", regime="multiple"), record(2025, "ratoon", "project")]
    from_tables = from_records(years("ratoon", "ratoon", "ratoon") + drier)
    by_hand = go(row(diesel_l=40.0, baseline_diesel_l=40.0, baseline_water_evidence=True))
    assert math.isclose(from_tables.net_t, by_hand.net_t, rel_tol=1e-12)
    # 1.30 × (0.71 − 0.55) × 120 d × 0.85 × 28 / 1000
    assert f"{from_tables.net_t:.6f}" == "0.594048"


def test_straw_timing_alone_is_a4() -> None:
    before = {"straw_t_per_ha": 4.0, "straw_fate": "incorporated"}
    lookback = [
        record(year, season, straw_date=f"{year}-03-20", **(before if season == "main" else {}))
        for year in (2022, 2023, 2024)
        for season in ("main", "ratoon")
    ]
    now = [record(2025, "main", "project", straw_date="2024-11-01", **before), *project()[1:]]
    result = from_records(lookback + now)
    assert cell(result, "activity") == "A4" and cell(result, "net_t") > 0
    assert (cell(result, "base1_straw_short_t_per_ha"), cell(result, "main_straw_long_t_per_ha")) == (
        4.0,
        4.0,
    )
    # Attested instead of documented: the same straw in baseline and project, and nothing to credit.
    attested = from_records([r | {"evidence_tier": 3} for r in lookback] + now)
    assert not cell(attested, "baseline_straw_evidence") and cell(attested, "net_t") == 0


@pytest.mark.parametrize(
    ("fate", "day", "scenario", "short", "long"),
    [
        ("surface", "2025-04-01", "project", 0.0, 0.0),
        ("removed", "2025-04-01", "project", 0.0, 0.0),
        ("burnt", "2025-04-01", "project", 0.0, 0.0),
        ("incorporated", "2025-03-12", "project", 5.0, 0.0),  # 29 days
        ("incorporated", "2025-03-11", "project", 5.0, 0.0),  # exactly 30: against the project
        ("incorporated", "2025-03-10", "project", 0.0, 5.0),
        ("incorporated", None, "project", 5.0, 0.0),
    ],
)
def test_only_incorporated_straw_counts_and_its_day_decides(
    fate: str, day: str | None, scenario: str, short: float, long: float
) -> None:
    straw = {"straw_t_per_ha": 5.0, "straw_fate": fate, "straw_date": day}
    now = [record(2025, "main", "project", **straw), record(2025, "ratoon", "project")]
    result = from_records(years("ratoon", "ratoon", "ratoon") + now)
    got = (cell(result, "main_straw_short_t_per_ha"), cell(result, "main_straw_long_t_per_ha"))
    assert got == (short, long)
    assert cell(result, "burnt_straw_t_per_ha") == (5.0 if fate == "burnt" else 0.0)


@pytest.mark.parametrize(("days", "short"), [(29, 5.0), (30, 0.0), (31, 0.0)])
def test_straw_on_the_limit_counts_low_in_the_baseline(days: int, short: float) -> None:
    lookback = years("ratoon", "ratoon", "ratoon")
    for line in lookback:
        if line["season"] == "main":
            prep = date.fromisoformat(line["land_prep_date"])
            line |= {"straw_t_per_ha": 5.0, "straw_fate": "incorporated"}
            line["straw_date"] = (prep - timedelta(days=days)).isoformat()
    assert cell(from_records(lookback + project()), "base1_straw_short_t_per_ha") == short


def test_straw_incorporated_between_the_harvests_is_short_and_main_amendments_stay_behind() -> None:
    ratoon = record(2025, "ratoon", "project", straw_t_per_ha=3.0, straw_fate="incorporated",
                    straw_date="2025-08-09")  # fmt: skip
    main = record(2025, "main", "project", compost_t_per_ha=10.0)
    result = from_records([*years("ratoon", "ratoon", "ratoon"), main, ratoon])
    assert cell(result, "ratoon_straw_short_t_per_ha") == 3.0
    assert cell(result, "ratoon_compost_t_per_ha") == 0.0 and cell(result, "main_compost_t_per_ha") == 10.0


def test_one_drained_year_drains_the_whole_baseline() -> None:
    """VM0051: single drainage in any look-back year is single drainage in all."""
    lookback = years("ratoon", "ratoon", "ratoon", regime="continuous")
    flooded = from_records(lookback + project())
    assert cell(flooded, "base1_sf_w") == 1.0
    lookback[2]["regime"] = "single"
    assert cell(from_records(lookback + project()), "base1_sf_w") == 0.71
    # Flooding that was attested, not documented, is no flooding either.
    attested = years("ratoon", "ratoon", "ratoon", regime="continuous", evidence_tier=3)
    assert cell(from_records(attested + project()), "base1_sf_w") == 0.71


def test_days_are_means_of_the_look_back_and_round_down_the_factor() -> None:
    lookback = years("ratoon", "ratoon", "ratoon")
    for line, day in zip([r for r in lookback if r["season"] == "main"], (12, 12, 13), strict=True):
        line["previous_flood_end_date"] = f"{line['year'] - 1}-10-{day}"
    result = from_records(lookback + project())  # 180, 180 (2023), 180 (2024, leap: 13 October)
    assert cell(result, "base1_nonflooded_days") == 180 and cell(result, "base1_sf_p") == 0.89


@pytest.mark.parametrize(
    ("records", "column", "words"),
    [
        (project()[1:], "season", "a main record of the same parcel and year"),
        (project()[:1], "season", "a ratoon record"),
        ([*project(), project()[0]], "row, year, season", "repeats an earlier one"),
        ([record(2025, "main", "project", harvest_date="2025-04-01"), project()[1]], "harvest_date",
         "not before land_prep_date"),
        ([record(2025, "main", "project", transplant_date="2025-04-01"), project()[1]], "transplant_date",
         "not before land_prep_date"),
        ([record(2025, "main", "project", sow_date="2025-04-20", transplant_date="2025-04-15"), project()[1]],
         "transplant_date", "not before sow_date"),
        ([record(2025, "main", "project", sow_date="2025-04-01", establishment="direct"), project()[1]],
         "sow_date", "not before land_prep_date"),
        ([project()[0], record(2025, "ratoon", "project", harvest_date="2025-08-08")], "harvest_date",
         "after the harvest of the first season"),
        ([record(2025, "main", "project", previous_flood_end_date="2025-05-01"), project()[1]],
         "land_prep_date", "not before previous_flood_end_date"),
        ([*project(), *years("ratoon", "ratoon", first=2023)], "year", "at least 3 look-back years"),
        ([*project(), *years("ratoon", "ratoon", "ratoon", first=2026)], "year",
         "a look-back year before the project year"),
        ([*project(), *years("single", "single", "single"), record(2022, "main"), record(2022, "ratoon")],
         "season", "one cropping system a year"),
        ([record(2025, "single", "project")], "season", "main or ratoon in the project year"),
        ([record(2025, "main", "project") | {"year": 2024}, project()[1]], "harvest_date", "in that year"),
        ([record(2025, "main", "project", yield_t_per_ha=925.0), project()[1]], "yield_t_per_ha", "0 – 15"),
        ([record(2025, "main", "project", stubble_cm=2.0), project()[1]], "stubble_cm", "5 – 60"),
        ([record(2025, "main", "project", straw_t_per_ha=13.0), project()[1]], "straw_t_per_ha", "0 – 12"),
        ([record(2025, "main", "project", row="P9"), record(2025, "ratoon", "project", row="P9")], "row",
         "no row of the frame"),
    ],
)  # fmt: skip
def test_a_record_that_contradicts_itself_is_named(records: list[Record], column: str, words: str) -> None:
    problems = [p for p in refused(records) if p.column == column and (words in p.en or words in p.allowed)]
    assert problems, [p.en for p in refused(records)]
    assert all(p.row is not None and p.zh and p.value != "" for p in problems)


def test_a_figure_given_twice_is_refused_by_name() -> None:
    problems = refused(years("ratoon", "ratoon", "ratoon") + project(), row())
    assert "activity" in {problem.column for problem in problems}


def test_the_water_log_decides_the_regime() -> None:
    records = years("ratoon", "ratoon", "ratoon") + project(regime="unknown")
    main = readings("main", "W" * 30 + "D" * 6 + "W" * 20 + "D" * 5 + "W" * 40 + "D" * 9)
    ratoon = readings("ratoon", "W" * 20 + "D" * 4 + "W" * 42)
    log = pd.concat([main, ratoon], ignore_index=True)
    result = from_records(records, water_levels=log)
    assert (cell(result, "main_regime"), cell(result, "ratoon_regime")) == ("multiple", "single")
    prepared = result.prepared["water_levels"].loc["P1"]
    assert (prepared["main_drainage_events"], prepared["ratoon_level_min_cm"]) == (2, -12.0)
    # The order of lines is of no account.
    again = from_records(records, water_levels=log.sample(frac=1, random_state=3).reset_index(drop=True))
    assert again.net_t == result.net_t and again.table_digests == result.table_digests


def test_a_missing_log_counts_against_the_project() -> None:
    records = years("ratoon", "ratoon", "ratoon") + project(regime="unknown")
    result = from_records(records, water_levels=readings("main", "W" * 40 + "D" * 5 + "W" * 40))
    assert (cell(result, "main_sf_w"), cell(result, "ratoon_sf_w")) == (0.71, 1.0)
    assert (cell(result, "ratoon_ef1fr"), cell(result, "ratoon_regime")) == (0.005, "unknown")


@pytest.mark.parametrize(
    ("pattern", "dry", "words"),
    [
        ("W" * 30 + "DD?DDD" + "W" * 20, -12.0, "missing days"),
        ("W" * 30 + "DDDDD" + "W" * 20, -8.0, "never below -10 cm"),
        ("W" * 30 + "DDDDD" + "W" * 20, -18.0, "below -15 cm"),
        ("W" * 10 + "DDDDD" + "W" * 20, -12.0, "within 21 days"),
        ("W" * 10 + "?" * 8 + "W" * 20, -12.0, "more than 7 days"),
    ],
)
def test_a_doubtful_log_is_for_review(pattern: str, dry: float, words: str) -> None:
    log = readings("main", pattern, dry_cm=dry)
    warnings = go(row(main_regime=None), water_levels=log).warnings
    assert any(words in warning.en and "P1" in warning.en for warning in warnings)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"drained_date": date(2025, 4, 1)}, "drained_date"),
        ({"level_cm": -400.0}, "level_cm"),
        ({"season": "late"}, "season"),
    ],
)
def test_a_log_that_makes_no_sense_is_refused(change: Record, column: str) -> None:
    log = readings("main", "W" * 30).assign(**change)
    with pytest.raises(InvalidRows) as caught:
        go(row(main_regime=None), water_levels=log)
    assert caught.value.problems[0].column == column
    log = readings("main", "W" * 30)
    log.loc[3, "planted_date"] = date(2025, 4, 21)
    with pytest.raises(InvalidRows, match="same on all lines"):
        go(row(main_regime=None), water_levels=log)


def events(*spells: tuple[int, int], season: str = "main", depth: float = -12.0) -> pd.DataFrame:
    """Drainages by day of the season, first and last day."""
    start = date(2025, 4, 20)
    lines = [
        {
            "row": "P1", "season": season, "planted_date": start, "drained_date": start + timedelta(days=100),
            "start_date": start + timedelta(days=first), "end_date": start + timedelta(days=last),
            "level_min_cm": depth,
        }
        for first, last in spells
    ]  # fmt: skip
    return pd.DataFrame(lines)


@pytest.mark.parametrize(
    ("spells", "regime", "count"),
    [
        ([(30, 33)], "single", 1),
        ([(30, 32)], "continuous", 0),  # three days are no event
        ([(30, 34), (60, 65)], "multiple", 2),
        ([(30, 34), (36, 40)], "single", 1),  # parted by one flooded day
        ([(30, 34), (37, 41)], "multiple", 2),
        ([(30, 34), (90, 100)], "single", 1),  # the drainage before harvest does not count
    ],
)
def test_a_list_of_drainages_follows_the_rules_of_the_log(
    spells: list[tuple[int, int]], regime: str, count: int
) -> None:
    result = go(row(main_regime=None), drainage_events=events(*spells))
    prepared = result.prepared["drainage_events"].loc["P1"]
    assert (cell(result, "main_regime"), prepared["main_drainage_events"]) == (regime, count)
    letters = "".join("D" if any(a <= day <= b for a, b in spells) else "W" for day in range(101))
    by_log = go(row(main_regime=None), water_levels=readings("main", letters))
    assert by_log.net_t == result.net_t


def test_a_drainage_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InvalidRows, match="not before start_date"):
        go(row(main_regime=None), drainage_events=events((40, 30)))


def test_log_and_list_together_are_refused() -> None:
    with pytest.raises(InvalidRows, match="drainage_events gives it too"):
        go(row(main_regime=None), drainage_events=events((30, 35)), water_levels=readings("main", "W" * 101))


@pytest.mark.parametrize(("wet", "factor"), [(29, 1.0), (30, 2.41), (60, 2.41)])
def test_a_field_flooded_up_to_the_main_harvest_starts_its_ratoon_season_flooded(
    wet: int, factor: float
) -> None:
    log = readings("main", "W" * 30 + "D" * 6 + "W" * wet)
    result = go(row(main_regime=None), water_levels=log)
    assert cell(result, "ratoon_sf_p") == factor
    assert any(w.column == "ratoon_preflood_days" for w in result.warnings) == (factor == 2.41)
    # A day that was not read counts as flooded: missing data never help the project.
    gap = readings("main", "W" * 30 + "D" * 6 + "W" * (wet - 20) + "?" + "W" * 19)
    assert cell(go(row(main_regime=None), water_levels=gap), "ratoon_sf_p") == factor


def test_limits_of_a_record_are_inclusive() -> None:
    """Stubble of 5 cm, and dates that share a day."""
    main = record(2025, "main", "project", stubble_cm=5.0, previous_flood_end_date="2025-04-10",
                  sow_date="2025-04-10", transplant_date="2025-04-10", final_drain_date="2025-04-10",
                  establishment="direct")  # fmt: skip
    result = from_records([*years("ratoon", "ratoon", "ratoon"), main, project()[1]])
    assert cell(result, "main_nonflooded_days") == 0


def test_late_drainage_lengthens_the_ratoon_season_only() -> None:
    now = [record(2025, "main", "project", final_drain_date="2025-08-20"),
           record(2025, "ratoon", "project", final_drain_date="2025-10-20")]  # fmt: skip
    result = from_records(years("ratoon", "ratoon", "ratoon") + now)
    assert (cell(result, "main_l_days"), cell(result, "ratoon_l_days")) == (120, 73)


def test_double_rice_gives_both_its_seasons_and_energy_of_both() -> None:
    result = from_records(years("double", "double", "double") + project(regime="multiple"))
    assert (cell(result, "base1_cultivation_days"), cell(result, "base2_cultivation_days")) == (96, 99)
    assert (cell(result, "baseline_diesel_l"), cell(result, "diesel_l")) == (40.0, 40.0)
    assert (cell(result, "baseline_yield_t_per_ha"), cell(result, "yield_t_per_ha")) == (18.0, 13.0)


def test_records_of_two_parcels_do_not_mix() -> None:
    second = [r | {"row": "P2"} for r in years("single", "single", "single") + project()]
    frame = pd.DataFrame({"area_ha": [1.0, 2.0]}, index=["P1", "P2"])
    both = from_records(years("ratoon", "ratoon", "ratoon") + project() + second, frame).frame
    assert both["activity"].tolist() == ["A1", "A3"] and both["net_t"].tolist()[0] == 0
    assert both.loc["P2", "base2_cultivation_days"] == 0 and both.loc["P2", "net_t"] < 0


def test_flooding_comes_from_the_log_where_the_records_hold_none() -> None:
    log = readings("main", "W" * 30 + "D" * 6 + "W" * 40)
    lookback = years("ratoon", "ratoon", "ratoon")
    result = from_records(lookback + project(regime="unknown"), water_levels=log)
    assert cell(result, "ratoon_preflood_days") == 40
    flooded = [project()[0], record(2025, "ratoon", "project", preflood_days=35)]
    assert cell(from_records(lookback + flooded), "ratoon_sf_p") == 2.41


def test_one_flooded_winter_or_an_unproven_one_does_not_flood_the_baseline() -> None:
    """SFp 2.41 would make a baseline of itself: every year must have been flooded, with evidence."""
    always = years("ratoon", "ratoon", "ratoon", preflood_days=120)
    assert cell(from_records(always + project()), "base1_sf_p") == 2.41
    once = [r | {"preflood_days": 120 if r["year"] == 2023 else 0} for r in always]
    assert cell(from_records(once + project()), "base1_sf_p") == 1.0
    attested = from_records([r | {"evidence_tier": 3} for r in always] + project())
    assert cell(attested, "base1_sf_p") == 1.0 and cell(attested, "net_t") <= 0
    assert cell(go(row(base1_preflood_days=120)), "base1_sf_p") == 1.0


@pytest.mark.parametrize(
    ("first", "flagged"),
    [((2022, 2023, 2024), False), ((2021, 2022, 2023), True), ((2010, 2016, 2024), True)],
)
def test_the_look_back_is_the_years_right_before_the_project(first: tuple[int, ...], flagged: bool) -> None:
    lookback = [line for year in first for line in years("ratoon", first=year)]
    warnings = from_records(lookback + project()).warnings
    assert any("right before it" in w.en and "连续几年" in w.zh for w in warnings) == flagged
