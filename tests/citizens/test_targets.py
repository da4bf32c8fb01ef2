"""Three counts kept apart, the target curve, quotas that add up, and the day the target is reached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from citizen_people import confirm_phone, give_name, id_number
from citizen_world import NOW, Citizen
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.citizens import targets
from carbon_platform.citizens.privacy_tables import AccountDay, HolderActivity
from carbon_platform.db import Database
from carbon_platform.identity import persons
from carbon_platform.identity.rules import SYSTEM

SignIn = Callable[..., Citizen]
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31)).map(date.isoformat)


def test_the_city_plans_points_are_on_the_curve() -> None:
    curve = targets.curve()
    assert [(point.day, point.accounts) for point in curve] == [
        ("2025-05-20", 73_000), ("2025-12-31", 200_000), ("2026-12-31", 400_000),
    ]  # fmt: skip
    assert all(targets.target_at(curve, point.day) == point.accounts for point in curve)
    assert targets.target_at(curve, "2026-07-01") == 200_000 + 200_000 * 182 // 365
    assert targets.target_at(curve, "2020-01-01") == 73_000
    assert targets.target_at(curve, "2030-01-01") == 400_000


@given(DAYS, DAYS)
def test_the_curve_never_falls(one: str, other: str) -> None:
    low, high = sorted((one, other))
    assert targets.target_at(targets.curve(), low) <= targets.target_at(targets.curve(), high)


@given(st.integers(0, 10**6))
def test_quotas_add_up_to_the_last_account(total: int) -> None:
    people = {county.code: county.people for county in targets.counties()}
    parts = targets.quotas(total, people)
    assert sum(parts.values()) == total
    whole = sum(people.values())
    assert all(abs(parts[code] * whole - total * people[code]) < whole for code in people)


def test_all_ten_counties_are_there_and_say_how_far_they_are_to_be_trusted() -> None:
    assert len(targets.counties()) == 10
    assert {county.status for county in targets.counties()} == {"secondary", "unverified"}
    assert abs(sum(county.people for county in targets.counties()) - 6_234_401) < 1_000


@given(st.integers(0, 500_000), st.integers(0, 500_000), st.integers(0, 50_000))
def test_the_forecast_is_the_first_day_that_reaches_the_target(opened: int, target: int, rate: int) -> None:
    day = targets.forecast(opened, target, rate, "2026-11-22")
    if opened >= target:
        assert day == "2026-11-22"
    elif rate == 0:
        assert day is None
    elif day is not None:
        days = (date.fromisoformat(day) - date(2026, 11, 22)).days
        assert opened * 30 + rate * days >= target * 30 > opened * 30 + rate * (days - 1)


def test_the_three_counts_are_of_one_and_the_same_people(
    sign_in: SignIn, db: Database, clock: dict[str, datetime]
) -> None:
    people = [sign_in(str(number), "市民", "xinyang-bus") for number in range(6)]
    for who in people[:4]:
        who.ride(f"ride-{id(who)}")
    for number, who in enumerate(people[:3]):
        confirm_phone(who, f"1380000000{number}")
    give_name(people[0], "王小满", id_number(1))
    give_name(people[5], "王小雪", id_number(2))
    old = [
        persons.NewPerson("原用户", code, opened_at=NOW - timedelta(days=500))
        for code in ("411502", "411522", "")
    ]
    db.transact(lambda s: persons.open_many(s, SYSTEM, old, via="import:elsewhere", now=NOW))
    people[3].post("/citizen/account/closure", {})
    clock["now"] += timedelta(minutes=1)
    assert db.transact(lambda s: targets.count(s, now=clock["now"])) == 8
    found, counted_at = db.read(targets.counts)
    assert counted_at == clock["now"]
    assert found["411502"] == targets.Counts(opened=6, active=3, phone=3, real_name=2, opened_30d=5)
    assert (found["411522"].opened, found[""].opened) == (1, 1)
    city, rows, elsewhere, _ = db.read(lambda s: targets.progress(s, now=clock["now"]))
    assert (city.counts.opened, elsewhere.opened, sum(row.counts.opened for row in rows)) == (8, 1, 7)
    assert sum(row.target for row in rows) == city.target == 400_000
    assert sum(row.due_now for row in rows) == city.due_now
    assert city.behind == city.due_now - 8 and city.per_day == round(5 / 30, 2)
    assert {row.forecast_on for row in rows} > {None}


def test_who_did_nothing_for_thirty_days_is_not_active_any_more(
    xiaoman: Citizen, db: Database, clock: dict[str, datetime]
) -> None:
    xiaoman.ride("one")

    def active() -> int:
        db.transact(lambda s: targets.count(s, now=clock["now"]))
        return db.read(targets.counts)[0]["411502"].active

    assert active() == 1
    clock["now"] += timedelta(days=29)
    assert active() == 1, "counted again from what was noted, not from all acts"
    clock["now"] += timedelta(days=1)
    assert active() == 0
    xiaoman_day = clock["now"].date().isoformat()
    days = db.read(lambda s: list(s.scalars(sa.select(AccountDay.day).order_by(AccountDay.day))))
    assert len(days) == 3 and days[-1] == xiaoman_day
    history = db.read(lambda s: targets.history(s, since="2026-11-01"))
    assert [one.active for one in history.values()] == [1, 1, 0]
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(HolderActivity))) == 1
