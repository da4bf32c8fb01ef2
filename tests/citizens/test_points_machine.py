"""Whatever happens to one person's points, the ledger and a model of dated lots say the same.

Acts of three sources are reported, become active, are spent, lapse, are refunded and withdrawn, while
the clock jumps: over year ends, to the last second of a lot, to a leap day. The people of earlier runs
stay in the database as bystanders of the jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_points import Books, legacy, make_books
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from points_model import ALWAYS, XINYANG, Grant, Person, Voucher, day_of

from carbon_platform import ledger
from carbon_platform.citizens import corrections, points, purse, rewards
from carbon_platform.citizens.book import stats
from carbon_platform.citizens.errors import AlreadyRefunded, AlreadyWithdrawn, NotEnoughPoints
from carbon_platform.citizens.points_tables import PUBLISHED, PointsRuleVersion
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act

# Examples and steps per engine: the one place to turn them up.
RUNS = {"sqlite": (45, 30), "postgresql": (8, 30)}

LEAP_DAY = datetime(2028, 2, 29, 12, tzinfo=XINYANG)
SIGNED = {"note": "来源撤回", "actor_name": "甲 #1", "second_approver": "乙 #2"}
PRICES = (3, 12, 30)


HOURS = {"an hour": 1, "two days": 49, "a week": 7 * 24, "a month": 30 * 24, "half a year": 4_400}
EVENTS = ("time", "time", "earn", "earn", "spend", "jobs", "claim", "refund", "withdraw", "fraud")
# From this day on points have to be fetched within a week.
CLAIM_FROM, CLAIM_DAYS = date(2027, 1, 1), 7
EDGES = ("last moment of the year", "first moment of the year", "leap day", "every lot ends")


def lot_day(lot: str) -> date:
    return date.fromisoformat(lot) if lot else ALWAYS


class PointsMachine(RuleBasedStateMachine):
    def __init__(self, books: Books) -> None:
        super().__init__()
        self.books = books
        self.db = books.db
        self.actor = books.new_person()
        self.model = Person()
        self.acts: list[tuple[int, Grant]] = []
        self.vouchers: list[tuple[int, Voucher]] = []
        self.now = datetime(2026, 12, 20, 4, tzinfo=UTC)

    @initialize(amount=st.integers(0, 20))
    def points_from_before(self, amount: int) -> None:
        if amount:
            self.db.transact(lambda s: ledger.post(s, legacy(self.actor.holder, amount), self.now))
            self.books.legacy += amount
            self.model.add(ALWAYS, amount)

    # One rule with all that can happen: Hypothesis leaves whole rules out of an example, and a debt, say,
    # takes five of them in a row.
    @rule(data=st.data(), what=st.sampled_from(EVENTS))
    def something_happens(self, data: st.DataObject, what: str) -> None:
        if what == "time":
            self.time_passes(data.draw(st.sampled_from((*HOURS, *EDGES))), data.draw(st.booleans()))
        elif what == "earn":
            self.earn(
                data.draw(st.sampled_from(("bus", "plate", "walk"))),
                days_ago=data.draw(st.integers(0, 4)),
                minutes=data.draw(st.integers(10, 1_000)),
                metres=data.draw(st.integers(1_000, 9_000)),
                acts=data.draw(st.integers(1, 3)),
            )
        elif what == "spend":
            self.spend(data.draw(st.sampled_from((*PRICES, None, None))))
        elif what == "jobs":
            self.run_jobs(data.draw(st.sampled_from((1, 500))))
        elif what == "claim":
            self.claim(data.draw(st.sampled_from((1, 500))))
        elif what == "fraud":
            self.fraud(data.draw(st.integers(1_000, 9_000)))
        elif what == "refund" and self.vouchers:
            self.refund(data)
        elif what == "withdraw" and self.acts:
            self.withdraw(data)

    def time_passes(self, step: str, jobs: bool) -> None:
        year = day_of(self.now).year
        first = datetime(year + 1, 1, 1, tzinfo=XINYANG)
        moments = {
            "last moment of the year": first - timedelta(microseconds=1),
            "first moment of the year": first,
            "leap day": LEAP_DAY,
            "every lot ends": datetime(year + 2, 1, 1, tzinfo=XINYANG),
        }
        moment = self.now + timedelta(hours=HOURS[step]) if step in HOURS else moments[step]
        self.now = max(self.now, moment.astimezone(UTC))
        if jobs:
            self.run_jobs(500)

    def earn(self, kind: str, days_ago: int, minutes: int, metres: int, acts: int) -> None:
        for number in range(acts):
            self.earn_one(kind, timedelta(days=days_ago, minutes=minutes + 40 * number), metres)

    def earn_one(self, kind: str, ago: timedelta, metres: int) -> None:
        at = self.now - ago
        act = self.books.report(self.actor, kind, at, metres, self.now)
        self.make_way(act.id)
        if not act.points:
            return
        active_at = {
            "bus": at + timedelta(minutes=5, hours=48),
            "plate": at,
            "walk": self.now + timedelta(hours=7 * 24),
        }[kind]
        claim_days = CLAIM_DAYS if day_of(at) >= CLAIM_FROM else 0
        self.model.earn(act.points, self.now, active_at, claim_days)
        self.acts.append((act.id, self.model.grants[-1]))

    def make_way(self, number: int) -> None:
        """A better proven record takes the place of a weaker one that is still provisional."""
        gone = sa.select(Act.id).where(Act.counted_as_id == number, Act.withdrawn_at.is_not(None))
        replaced = set(self.db.read(lambda s: s.scalars(gone).all()))
        for other, grant in self.acts:
            if other in replaced and grant.state != "withdrawn":
                assert grant.state == "pending"
                self.model.withdraw(grant, self.now)

    def spend(self, price: int | None) -> None:
        """At one price; or all there is, so that what comes back later meets an empty purse."""
        if price is not None:
            self.buy(price)
            return
        for each in sorted(PRICES, reverse=True):
            while sum(self.model.good(self.now).values()) >= each:
                self.buy(each)

    def buy(self, price: int) -> None:
        had = sum(self.model.good(self.now).values())
        order = lambda s: rewards.redeem(s, self.actor, f"p{price}", now=self.now).id  # noqa: E731
        if not self.model.spend(price, self.now):
            with pytest.raises(NotEnoughPoints) as short:
                self.db.transact(order)
            assert short.value.values["available"] == had
            assert short.value.values["missing"] == price - had
            return
        self.vouchers.append((self.db.transact(order), self.model.vouchers[-1]))

    def run_jobs(self, limit: int) -> None:
        for job in (points.activate_due, points.lapse_unclaimed, points.expire_due):
            self.books.run(job, self.now, limit)
            assert self.books.run(job, self.now, limit) == 0, "run again, it finds nothing"
        self.model.activation_job(self.now)
        self.model.lapse_job(self.now)
        self.model.expiry_job(self.now)

    def claim(self, limit: int) -> None:
        """One click after the other until nothing is left to fetch."""
        waiting = self.model.to_claim(self.now)
        found = self.db.read(lambda s: points.claimable(s, self.actor.holder, now=self.now))
        assert (found.points, found.acts) == (sum(grant.amount for grant in waiting), len(waiting))
        assert found.claim_by == (waiting[0].claim_by if waiting else None)
        fetched = 0
        while True:
            done = self.db.transact(lambda s: points.claim(s, self.actor.holder, now=self.now, limit=limit))
            assert done.refused == ()
            fetched += done.points
            if done.after is None:
                break
        assert fetched == found.points
        for grant in waiting:
            self.model.activate(grant, self.now)

    def refund(self, data: st.DataObject) -> None:
        number, voucher = data.draw(st.sampled_from(self.vouchers))
        back = lambda s: corrections.refund(s, number, now=self.now, **SIGNED)  # noqa: E731
        if voucher.refunded:
            with pytest.raises(AlreadyRefunded):
                self.db.transact(back)
            return
        self.db.transact(back)
        self.model.refund(voucher, self.now)

    def fraud(self, metres: int) -> None:
        """Everything is spent before the act it came from is found out; honest points are on their way."""
        self.earn_one("walk", timedelta(minutes=90), metres)
        had = len(self.acts)
        self.earn_one("plate", timedelta(minutes=20), metres)
        self.spend(None)
        if len(self.acts) > had:
            self.withdraw_one(*self.acts[-1])

    def withdraw(self, data: st.DataObject) -> None:
        spendable = [pair for pair in self.acts if pair[1].state == "active"]
        number, grant = data.draw(st.sampled_from(spendable[-3:] or self.acts) | st.sampled_from(self.acts))
        self.withdraw_one(number, grant)

    def withdraw_one(self, number: int, grant: Grant) -> None:
        back = lambda s: corrections.withdraw_act(s, number, now=self.now, **SIGNED).id  # noqa: E731
        if grant.state == "withdrawn":
            with pytest.raises(AlreadyWithdrawn):
                self.db.transact(back)
            return
        self.db.transact(back)
        self.model.withdraw(grant, self.now)

    @invariant()
    def the_same(self) -> None:
        page = self.db.read(lambda s: purse.points(s, self.actor, now=self.now, limit=0))
        good = self.model.good(self.now)
        assert {lot_day(lot): n for lot, n in page.purse.active.items()} == good
        assert list(page.purse.active) == sorted(page.purse.active), "oldest first"
        assert {lot_day(lot): n for lot, n in page.purse.pending.items()} == self.model.waiting(self.now)
        assert page.owed == self.model.owed
        assert page.expired == self.model.gone(self.now)
        dated = [lot for lot in good if lot != ALWAYS]
        if dated:
            assert page.expiring is not None
            left = (dated[0] - day_of(self.now)).days
            assert (page.expiring.amount, page.expiring.day) == (good[dated[0]], dated[0].isoformat())
            assert (page.expiring.days_left, page.expiring.soon) == (left, left <= 30)
        else:
            assert page.expiring is None
        assert not (page.owed and page.available), "whoever owes has nothing to spend"

    def teardown(self) -> None:
        """The statement, read page by page, adds up to what lies in the accounts, over or not."""
        mine = sa.select(Act.id, Act.points_state).where(Act.holder == self.actor.holder)
        states = self.db.read(lambda s: {row.id: row.points_state for row in s.execute(mine)})
        assert {number: grant.state for number, grant in self.acts}.items() <= states.items()
        total, before = 0, None
        while True:
            page = self.db.read(
                lambda s, before=before: purse.points(s, self.actor, now=self.now, limit=9, before=before)
            )
            total += sum(line.amount for line in page.lines)
            before = page.next_before
            if before is None:
                break
        found = self.db.read(lambda s: open_purse(s, self.actor.holder, now=self.now))
        assert total == found.available + sum(found.pending.values()) + found.lapsed


def fetching_rule(session: Any) -> None:
    """The rule of the data file, with a window in which points have to be fetched."""
    session.add(
        PointsRuleVersion(
            version="points-2027-1",
            valid_from=CLAIM_FROM.isoformat(),
            content={"grams_per_point": 8, "person_day_points": 100, "claim_days": CLAIM_DAYS},
            source="test",
            status="local-decision",
            state=PUBLISHED,
            proposed_by="test",
            proposed_by_id=1,
            proposed_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )


@pytest.fixture
def books(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Books]:
    made = make_books(fresh_database, engine_name, {f"p{price}": price for price in PRICES})
    made.db.transact(fetching_rule)
    yield made
    made.db.dispose()


@pytest.mark.timeout(0)
def test_points_are_what_a_model_of_dated_lots_says(engine_name: str, books: Books) -> None:
    examples, steps = RUNS[engine_name]
    run_state_machine_as_test(
        lambda: PointsMachine(books),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    report = books.db.read(ledger.verify)
    assert report.ok, report.findings
    # Over everybody: what was issued is somewhere.
    far = datetime(2026, 1, 1, tzinfo=UTC)
    found: Any = books.db.read(lambda s: stats(s, now=far))
    somewhere = found.points_outstanding + found.points_redeemed + found.points_expired
    assert found.points_issued + books.legacy == somewhere - found.points_owed
    assert found.points_redeemed > 0
