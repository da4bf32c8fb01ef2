"""The one rounding, the order of decisions, and every reason against issuing: values in, values out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.credits import rules

NEEDS = {
    "camellia_oil_v1": ("verifier", "ecology_bureau", "forestry_bureau"),
    "ratoon_rice_v1": ("verifier", "ecology_bureau"),
}


@dataclass
class Run:
    methodology_key: str = "camellia_oil_v1"
    parameter_digest: str = "d1"
    parameters: list[Any] = field(default_factory=lambda: [{"name": "k", "status": "unverified"}])
    issuable_t: int = 10
    net_t: float = 10.5
    status: str = "estimate"
    code: str = "XY-R000001"


@dataclass
class Review:
    role: str
    decision: str = "confirm"
    user_id: int = 1


@dataclass
class SignOff:
    methodology_key: str = "camellia_oil_v1"
    parameter_digest: str = "d1"


def judge(run: Run, reviews: list[Review], **changes: Any) -> None:
    given_by = {
        "role": "verifier",
        "user_id": 99,
        "name": "复核人",
        "organisation_id": 7,
        "created_by": "经办人",
        "owner_organisation_id": 1,
        "decision": "confirm",
        "note": "",
    }
    rules.check_review(run, reviews, **(given_by | changes))


@given(st.floats(-1e9, 1e9))
def test_the_rounding_is_downwards_and_once(net_t: float) -> None:
    rounded = rules.whole_tonnes(net_t)
    assert rounded.issuable_t >= 0
    assert rounded.deficit_t >= 0
    if net_t >= 0:
        assert rounded.issuable_t <= net_t < rounded.issuable_t + 1
        assert rounded.deficit_t == 0
    else:
        assert (rounded.issuable_t, rounded.deficit_t) == (0, -net_t)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_rounding_parcels_would_give_another_figure_never_more_than_the_project(parcels: list[float]) -> None:
    once = rules.whole_tonnes(math.fsum(parcels)).issuable_t
    assert once <= max(0.0, math.fsum(parcels))
    # Flooring each parcel throws away what the project keeps; dropping negative ones invents it.
    assert sum(math.floor(net) for net in parcels) <= once
    assert once <= math.fsum(max(net, 0.0) for net in parcels)


@pytest.mark.parametrize("key", NEEDS)
def test_status_follows_the_decisions_in_any_order_of_bureaus(key: str) -> None:
    assert rules.review_steps(key) == NEEDS[key]
    assert rules.status_after(key, []) == "estimate"
    assert rules.status_after(key, [Review("verifier")]) == "verified"
    for bureaus in permutations(NEEDS[key][1:]):
        reviews = [Review("verifier"), *map(Review, bureaus)]
        for done in range(2, len(reviews)):
            assert rules.status_after(key, reviews[:done]) == "verified"
        assert rules.status_after(key, reviews) == "approved"
        assert rules.status_after(key, [*reviews[:-1], Review(bureaus[-1], "return")]) == "returned"


@pytest.mark.parametrize(
    ("run", "reviews", "change", "refusal"),
    [
        (Run(), [], {}, None),
        (Run(), [], {"role": "ecology_bureau"}, rules.VerifierFirst),
        (Run(), [Review("verifier")], {"role": "forestry_bureau"}, None),
        (Run("ratoon_rice_v1"), [Review("verifier")], {"role": "forestry_bureau"}, rules.ReviewNotNeeded),
        (Run(), [], {"organisation_id": 1}, rules.OwnProject),
        (Run(), [], {"name": "经办人"}, rules.SamePerson),
        (Run(), [Review("verifier", user_id=99)], {"role": "ecology_bureau"}, rules.SamePerson),
        (Run(), [Review("verifier", user_id=99)], {}, rules.AlreadyReviewed),
        (Run(), [Review("verifier")], {}, rules.AlreadyReviewed),
        (Run(status="returned"), [Review("verifier", "return")], {"role": "ecology_bureau"}, rules.RunClosed),
        (Run(status="issued"), [], {}, rules.RunClosed),
        (Run(), [], {"decision": "return"}, rules.ReasonNeeded),
        (Run(), [], {"decision": "return", "note": "  "}, rules.ReasonNeeded),
        (Run(), [], {"decision": "return", "note": "样地少一块"}, None),
        (Run(), [Review("verifier", "return")], {"role": "ecology_bureau"}, rules.VerifierFirst),
    ],
)
def test_who_may_decide(
    run: Run, reviews: list[Review], change: dict[str, Any], refusal: type[Exception] | None
) -> None:
    if refusal is None:
        judge(run, reviews, **change)
    else:
        with pytest.raises(refusal):
            judge(run, reviews, **change)


def blockers_of(run: Run, *arguments: Any, **more: Any) -> list[rules.Blocker]:
    return rules.issue_blockers(run, *arguments, **{"issuable_t": run.issuable_t} | more)


def codes(*arguments: Any, **more: Any) -> list[str]:
    return [blocker.code.removeprefix("credits.") for blocker in blockers_of(*arguments, **more)]


def test_only_exactly_this_digest_of_this_methodology_unblocks() -> None:
    everyone = [Review(role) for role in NEEDS["camellia_oil_v1"]]
    assert codes(Run(), [], everyone) == ["parameters_not_adopted"]
    assert codes(Run(), [SignOff(parameter_digest="d2")], everyone) == ["parameters_not_adopted"]
    assert codes(Run(), [SignOff(methodology_key="ratoon_rice_v1")], everyone) == ["parameters_not_adopted"]
    assert codes(Run(), [SignOff()], everyone) == []


@pytest.mark.parametrize("status", ["unverified", "illustrative", "local-decision"])
def test_weak_parameters_are_named(status: str) -> None:
    weak = [
        {"name": "good", "status": "verified"},
        {"name": "fair", "status": "secondary"},
        {"name": "weak_one", "status": status},
    ]
    [blocker] = [b for b in blockers_of(Run(parameters=weak), [], []) if b.who == "authority"]
    assert "weak_one" in blocker.zh
    assert "weak_one" in blocker.en
    assert "good" not in blocker.en
    assert "fair" not in blocker.en


def test_no_signature_makes_an_illustrative_number_issue() -> None:
    everyone = [Review(role) for role in NEEDS["camellia_oil_v1"]]
    invented = [{"name": "k", "status": "illustrative"}]
    assert codes(Run(parameters=invented), [SignOff()], everyone) == ["illustrative_parameters"]


def test_the_city_never_issues_ccer() -> None:
    run = Run(methodology_key="ccer_afforestation_v1", parameters=[{"name": "k", "status": "verified"}])
    everyone = [Review(role) for role in ("verifier", "ecology_bureau", "forestry_bureau")]
    assert codes(run, [SignOff(methodology_key="ccer_afforestation_v1")], everyone) == ["issued_nationally"]


def test_verified_parameters_need_no_signature() -> None:
    everyone = [Review(role) for role in NEEDS["camellia_oil_v1"]]
    assert codes(Run(parameters=[{"name": "good", "status": "verified"}]), [], everyone) == []


def test_each_reason_names_who_can_remove_it() -> None:
    blockers = blockers_of(Run(issuable_t=0, net_t=-3.26), [], [], readings_replaced=True)
    assert [(b.code.removeprefix("credits."), b.who) for b in blockers] == [
        ("readings_replaced", "operator"),
        ("nothing_to_issue", "operator"),
        ("parameters_not_adopted", "authority"),
        ("waits_for_verifier", "verifier"),
        ("waits_for_ecology_bureau", "ecology_bureau"),
        ("waits_for_forestry_bureau", "forestry_bureau"),
    ]
    assert "−3.3" in blockers[1].zh


def test_a_run_too_large_for_its_flat_deduction_waits_for_an_analysis() -> None:
    everyone = [Review(role) for role in NEEDS["camellia_oil_v1"]]
    assert codes(Run(), [SignOff()], everyone, issuable_t=None) == ["analysis_missing"]
    assert codes(Run(), [SignOff()], everyone, issuable_t=0) == ["percentile_below_zero"]
    assert codes(Run(), [SignOff()], everyone, issuable_t=9) == []
    assert codes(Run(issuable_t=0, net_t=-1.0), [SignOff()], everyone, issuable_t=0) == ["nothing_to_issue"]


def test_issued_and_returned_runs() -> None:
    assert codes(Run(status="issued"), [SignOff()], []) == ["issued"]
    assert codes(Run(status="returned"), [SignOff()], [Review("verifier", "return")]) == ["returned"]


@pytest.mark.parametrize(
    ("net_t", "text"), [(3574.62, "3,574.6"), (-293.31, "−293.3"), (0.0, "0.0"), (-0.04, "0.0")]
)
def test_figures_as_people_read_them(net_t: float, text: str) -> None:
    assert rules.tonnes_words(net_t) == text
