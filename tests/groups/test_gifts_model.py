"""Any row of gifts in a family against a model of its own: limits, lots, nothing lost, nothing made."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neighbourhood import NOW, Town

from carbon_platform.citizens import rules
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.citizens.purse import open_purse
from carbon_platform.errors import PlatformError
from carbon_platform.groups import families, members
from carbon_platform.identity import persons
from carbon_platform.identity.rules import SYSTEM, Actor

# The database does not matter here.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])
LOTS = ("2026-11-23", "2026-12-31", "2027-12-31")
DAY, TAKEN = 50, 100
_numbers = itertools.count()


class Model:
    """Points per person and lot, and what was given and got per day; written without looking at the code."""

    def __init__(self, purses: list[dict[str, int]]) -> None:
        self.purses = [Counter(purse) for purse in purses]
        self.given: Counter[tuple[int, str]] = Counter()
        self.got: Counter[tuple[int, str]] = Counter()

    def spendable(self, person: int, day: str) -> list[str]:
        return sorted(lot for lot, left in self.purses[person].items() if left and lot >= day)

    def give(self, giver: int, receiver: int, points: int, day: str) -> bool:
        enough = sum(self.purses[giver][lot] for lot in self.spendable(giver, day)) >= points
        within = self.given[giver, day] + points <= DAY and self.got[receiver, day] + points <= TAKEN
        if giver == receiver or not enough or not within:
            return False
        left = points
        for lot in self.spendable(giver, day):
            part = min(left, self.purses[giver][lot])
            self.purses[giver][lot] -= part
            self.purses[receiver][lot] += part
            left -= part
        self.given[giver, day] += points
        self.got[receiver, day] += points
        return True


gifts = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 60), st.integers(0, 2)), max_size=12
)
purses = st.lists(
    st.dictionaries(st.sampled_from(LOTS), st.integers(0, 80), max_size=3), min_size=3, max_size=3
)


@ONE_ENGINE
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purses, gifts)
def test_gifts_do_what_the_model_says(
    town: Town, purses: list[dict[str, int]], gifts: list[tuple[int, int, int, int]]
) -> None:
    people, places = family_of_three(town)
    for actor, purse in zip(people, purses, strict=True):
        for lot, amount in purse.items():
            if amount:
                town.give_points(actor.holder, amount, lot)
    model, hours = Model(purses), 0
    for giver, receiver, points, wait_days in gifts:
        hours += 24 * wait_days
        now = NOW + timedelta(hours=hours)
        day = rules.local_day(now)
        happened = given_by(town, people[giver], places[receiver], points, now)
        assert happened is model.give(giver, receiver, points, day), (giver, receiver, points, day)
        for number, actor in enumerate(people):
            held = spendable_now(town, actor, now)
            expected = {lot: model.purses[number][lot] for lot in model.spendable(number, day)}
            assert held == expected
    everything = sum(sum(purse.values()) for purse in purses)
    assert sum(sum(purse.values()) for purse in model.purses) == everything


def spendable_now(town: Town, actor: Actor, now: datetime) -> dict[str, int]:
    return town.db.read(lambda session: dict(open_purse(session, actor.holder, now=now).active))


def family_of_three(town: Town) -> tuple[list[Actor], list[int]]:
    """Three new people in a new family: who they are, and their places in it."""
    version = consent_texts()["platform", "family"].version

    def work(session: Any) -> tuple[list[Actor], list[int]]:
        people = [
            persons.actor_of(
                persons.open_person(
                    session, SYSTEM, nickname=f"p{next(_numbers)}", region_code="411502", via="test", now=NOW
                )
            )
            for _ in range(3)
        ]
        group, invitation = families.create(session, people[0], name="家", consent_version=version, now=NOW)
        for actor in people[1:]:
            families.join(session, actor, invitation.code, consent_version=version, now=NOW)
        at = {member.holder: member.id for member in members.of_group(session, group.id)}
        return people, [at[actor.holder] for actor in people]

    return town.db.transact(work)


def given_by(town: Town, giver: Actor, place: int, points: int, now: datetime) -> bool:
    """Whether the gift was accepted; a refusal leaves nothing."""
    try:
        town.db.transact(lambda session: families.give(session, giver, place, points, now=now))
    except PlatformError as refused:
        assert refused.code in {
            "group.gift_to_self", "group.gift_too_large", "group.gift_receiver_full",
            "group.gift_not_covered",
        }  # fmt: skip
        return False
    return True
