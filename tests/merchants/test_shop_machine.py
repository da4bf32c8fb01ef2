"""Whatever citizens, shops, staff and the bank do, stock, budget, points and money are what a model says.

Vouchers are bought, used at the till or handed in late, given back, run out, settled, declined and paid,
while the clock jumps over days and months. After every step: no fen and no point is anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from shop_model import XINYANG, Town, Voucher, midnight_after, month_of
from shop_world import give, prepare
from sqlalchemy import event

from carbon_platform import ledger
from carbon_platform.citizens import corrections, refunds, rewards
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Redemption, Reward, RewardBudget
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import PERMISSIONS, SYSTEM, Actor
from carbon_platform.identity.service import add_organisation, sign_in_person
from carbon_platform.merchants import chores, errors, figures, service, shop, statements
from carbon_platform.merchants.fund import bank_account, budget_account, payable_account, sponsor_account
from carbon_platform.merchants.schemas import OfferIn
from carbon_platform.merchants.tables import ShopVerification

# Examples and steps per engine: the one place to turn them up.
RUNS = {"sqlite": (10, 30), "postgresql": (2, 25)}
EVENTS = ("buy", "buy", "buy", "give", "use", "use", "use", "late", "ask back", "time", "time", "jobs",
          "prepare", "decide", "pay", "undo", "budget", "month ends", "month ends")  # fmt: skip
HOURS = {"minutes": 0.2, "an hour": 1, "a night": 11, "two days": 49, "a week": 168, "a month": 31 * 24}
MONEY, OFFLINE_H, STANDING_FEN = 6_000, 24, 900
OFFERS = {"a": (60, 300, 3), "b": (20, 100, 4)}
UNIT, UNIT_FEN = 50, 70
SIGNED = {"note": "商家无货", "actor_name": "甲 #1", "second_approver": "乙 #2"}
DRAFT_WAITS = (errors.StatementOpen, errors.NothingToSettle)


class Books:
    def __init__(self, db: Database) -> None:
        self.db, self.runs = db, 0


def staff(role: str, user_id: int, organisation: int | None = None) -> Actor:
    return Actor(
        role, role, PERMISSIONS[role], region_code="4115", user_id=user_id, organisation_id=organisation
    )


class ShopMachine(RuleBasedStateMachine):
    def __init__(self, books: Books) -> None:
        super().__init__()
        self.db = books.db
        books.runs += 1
        self.mark = f"x{books.runs}"
        self.now = datetime(2026, 11, 20, 3, tzinfo=UTC)
        self.town = Town(timedelta(hours=OFFLINE_H), MONEY)
        self.operator, self.bureau, self.bank = (
            staff(role, number) for number, role in enumerate(("operator", "ecology_bureau", "bank"), 1)
        )
        self.drafts: dict[str, str] = {}
        self.approved: list[str] = []
        self.numbers: list[int] = []
        self.db.transact(self._begin)
        self.budgets()

    def _begin(self, session: Any) -> None:
        self.people = [
            sign_in_person(session, f"{self.mark}-{n}", nickname="某人", region_code="411502", now=self.now)[
                1
            ]
            for n in range(2)
        ]
        for number, person in enumerate(self.people):
            give(session, person.holder, 400, self.now)
            self.town.points[number] = 400
        moves = [ledger.Move(bank_account(), sponsor_account(self.mark), MONEY)]
        ledger.post(session, ledger.Entry("sponsorship", f"in:{self.mark}", moves, None, "test"), self.now)
        self.holders = {}
        for kind, code in (("store", f"{self.mark}-m"), ("donation", f"{self.mark}-d")):
            organisation = add_organisation(
                session, SYSTEM, name_zh=code, kind="merchant", region_code="411502", now=self.now
            )
            merchant = service.add_merchant(
                session, self.operator, now=self.now, code=code, organisation_id=organisation.id, kind=kind,
                name_zh=code, name_en="", address_zh="", sponsor_code=self.mark, scene_code="",
                month_budget_fen=STANDING_FEN, offline_hours=OFFLINE_H, status="illustrative", source="test",
            )  # fmt: skip
            self.holders[code] = merchant.holder
            if kind == "store":
                self.shop = staff("merchant", 9, organisation.id)
        offers = {f"{self.mark}-{name}": row for name, row in OFFERS.items()}
        for code, (price, fen, stock) in offers.items():
            self._offer(session, f"{self.mark}-m", code, price, fen, stock)
            self.town.stock[code] = stock
        self._offer(session, f"{self.mark}-d", f"{self.mark}-t", UNIT, UNIT_FEN, 0)

    def _offer(self, session: Any, merchant: str, code: str, price: int, fen: int, stock: int) -> None:
        row = {"code": code, "name_zh": "东西", "name_en": "thing", "price_points": price, "value_fen": fen}
        fields = OfferIn().load(row | {"stock": stock, "code_days": 10, "source": "test"})
        service.add_offer(session, self.operator, merchant, fields, now=self.now)

    @rule(data=st.data(), what=st.sampled_from(EVENTS))
    def something_happens(self, data: st.DataObject, what: str) -> None:
        vouchers = [v for v in self.town.vouchers if v.offer != f"{self.mark}-t"]
        match what:
            case "time":
                hours = HOURS[data.draw(st.sampled_from(sorted(HOURS)))]
                self.now += timedelta(hours=hours)
            case "buy":
                offer = data.draw(st.sampled_from(sorted(OFFERS)))
                self.buy(data.draw(st.integers(0, 1)), f"{self.mark}-{offer}", *OFFERS[offer][:2])
            case "give":
                self.give(data.draw(st.integers(0, 1)), data.draw(st.integers(1, 3)))
            case "use" if vouchers:
                self.use(data.draw(st.sampled_from(vouchers)), timedelta(0), data.draw(st.integers(1, 2)))
            case "late" if vouchers:
                hours = data.draw(st.sampled_from((0.05, 1, 12, 30, 200)))
                self.use(
                    data.draw(st.sampled_from(vouchers)), timedelta(hours=hours), data.draw(st.integers(1, 2))
                )
            case "ask back" if vouchers:
                self.ask_back(data.draw(st.sampled_from(vouchers)))
            case "jobs":
                self.jobs()
            case "prepare":
                self.prepare(data.draw(st.sampled_from(("m", "d"))))
            case "decide" if self.drafts:
                self.decide(data.draw(st.sampled_from(sorted(self.drafts))), data.draw(st.booleans()))
            case "pay" if self.approved:
                self.pay(data.draw(st.sampled_from(self.approved)))
            case "undo" if vouchers:
                self.undo(data.draw(st.sampled_from(vouchers)))
            case "month ends":
                self.month_ends(data.draw(st.sampled_from(("", "decline", "approve", "pay"))))
            case "budget":
                self.budget(data.draw(st.sampled_from((0, 200, 900, 1_500, 10_000))))

    def buy(self, person: int, offer: str, price: int, fen: int) -> None:
        merchant, month = f"{self.mark}-m", month_of(self.now)
        ends = midnight_after(self.now, 10)
        voucher = Voucher(person, offer, merchant, price, fen, self.now, month, ends)
        good = self.town.buy(voucher)
        self._order(lambda s: rewards.redeem(s, self.people[person], offer, now=self.now).id, good)

    def give(self, person: int, units: int) -> None:
        merchant, month, points = f"{self.mark}-d", month_of(self.now), units * UNIT
        offer = f"{self.mark}-t"
        given = Voucher(person, offer, merchant, points, units * UNIT_FEN, self.now, month, None)
        good = self.town.buy(given, gives=True)
        if good:
            given.status, given.heard = "used", self.now
        self._order(lambda s: rewards.donate(s, self.people[person], offer, points, now=self.now).id, good)

    def _order(self, order: Callable[[Any], int], good: bool) -> None:
        if not good:
            with pytest.raises(rewards.REFUSALS):
                self.db.transact(order)
            return
        self.numbers.append(self.db.transact(order))

    def _number(self, voucher: Voucher) -> int:
        return self.numbers[next(n for n, v in enumerate(self.town.vouchers) if v is voucher)]

    def use(self, voucher: Voucher, ago: timedelta, till: int) -> None:
        number, at = self._number(voucher), self.now - ago
        text = self.db.read(lambda s: s.get_one(Redemption, number).voucher_code)
        before = voucher.status
        good = self.town.use(voucher, at, self.now, offline=bool(ago))
        use = shop.Use(text, at, f"till-{till}", bool(ago))
        for again in (False, True):
            [answer] = self.db.transact(lambda s: shop.verify(s, self.shop, [use], (), now=self.now))
            # A second till, or the same one again in the same instant: answered as the first time.
            if (
                not good
                and before == "used"
                and answer.duplicate
                and answer.verification.outcome == "accepted"
            ):
                continue
            assert answer.verification.outcome == ("accepted" if good else "refused"), (
                answer.verification.reason_en
            )
            assert answer.duplicate or not again

    def ask_back(self, voucher: Voucher) -> None:
        number, person = self._number(voucher), self.people[voucher.person]
        ask = lambda s: refunds.ask(s, person, number, now=self.now).status  # noqa: E731
        stranger = self.people[1 - voucher.person]
        with pytest.raises(PlatformError):
            self.db.transact(lambda s: refunds.ask(s, stranger, number, now=self.now))
        if voucher.status in ("used", "refunded"):
            with pytest.raises(PlatformError):
                self.db.transact(ask)
            return
        if voucher.status == "ready":
            self.town.ask_back(voucher, self.now, self.now)
        assert self.db.transact(ask) == voucher.status

    def jobs(self) -> None:
        chores.give_back_due(self.db, now=self.now)
        self.town.give_back_job(self.now)
        self.budgets()

    def budgets(self) -> None:
        """The standing order of both merchants: this month, and in its last week the next one too."""
        chores.keep_budgets(self.db, now=self.now)
        for merchant in sorted(self.holders):
            for month in sorted({month_of(self.now), month_of(self.now + timedelta(days=7))}):
                if (merchant, month) not in self.town.months:
                    self.town.open_month(merchant, month, STANDING_FEN)
        self.town.close_months(set(self.drafts), self.now)

    def month_ends(self, until: str) -> None:
        """The first of the next month: jobs, statements of both, and what became of them."""
        first = self.now.astimezone(XINYANG).replace(day=1, hour=9, minute=0)
        self.now = (first + timedelta(days=32)).replace(day=1).astimezone(UTC)
        self.jobs()
        for which in ("m", "d") if until else ():
            self.prepare(which)
        for code in sorted(self.drafts) if until else ():
            self.decide(code, until != "decline")
        for code in list(self.approved) if until == "pay" else ():
            self.pay(code)
        self.jobs()

    def prepare(self, which: str) -> None:
        merchant = f"{self.mark}-{which}"
        first = self.now.astimezone(XINYANG).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        mine = self.town.unsettled(merchant, first)
        month = statements.month_of_statement(self.now)
        make = lambda s: statements.prepare(  # noqa: E731
            s, self.operator, merchant_code=merchant, month=month, now=self.now
        )
        if merchant in self.drafts.values() or not mine:
            with pytest.raises(DRAFT_WAITS):
                self.db.transact(make)
            return
        made = self.db.transact(make)
        assert (made.lines, made.amount_fen) == (len(mine), sum(v.value for v in mine))
        self.drafts[made.code] = merchant
        for voucher in mine:
            voucher.settled = made.code

    def decide(self, code: str, approve: bool) -> None:
        decide = lambda actor: self.db.transact(  # noqa: E731
            lambda s: statements.decide(s, actor, code, approve=approve, note="", now=self.now)
        )
        with pytest.raises(errors.SecondPersonNeeded):
            decide(self.operator)
        decide(self.bureau)
        del self.drafts[code]
        if approve:
            self.town.settle(code)
            self.approved.append(code)
            return
        for voucher in self.town.vouchers:
            if voucher.settled == code:
                voucher.settled = ""

    def pay(self, code: str) -> None:
        pay = lambda: self.db.transact(  # noqa: E731
            lambda s: statements.confirm_payment(
                s, self.bank, code, bank_reference=f"TX-{code}", now=self.now
            )
        )
        amount = pay().amount_fen
        assert pay().state == "paid", "the same word of the bank again"
        self.approved.remove(code)
        self.town.payable -= amount
        self.town.out += amount

    def undo(self, voucher: Voucher) -> None:
        """Two people give a voucher back, used or not, until it is settled."""
        number = self._number(voucher)
        back = lambda s: corrections.refund(s, number, now=self.now, **SIGNED)  # noqa: E731
        if voucher.status == "refunded" or voucher.settled:
            with pytest.raises(PlatformError):
                self.db.transact(back)
            return
        self.db.transact(back)
        self.town.give_back(voucher)

    def budget(self, limit: int) -> None:
        merchant, month = f"{self.mark}-m", month_of(self.now)
        change = lambda s: service.set_budget(  # noqa: E731
            s, self.operator, merchant, month=month, limit_fen=limit, now=self.now
        )
        if self.town.open_month(merchant, month, limit):
            self.db.transact(change)
            return
        with pytest.raises((errors.BudgetTooLow, errors.SponsorShort)):
            self.db.transact(change)

    @invariant()
    def the_same(self) -> None:
        self.db.read(self._compare)

    def _compare(self, session: Any) -> None:
        town = self.town
        for number, person in enumerate(self.people):
            assert open_purse(session, person.holder, now=self.now).available == town.points[number]
        for code, left in town.stock.items():
            assert session.get_one(Reward, code).stock == left
        rows = session.scalars(
            sa.select(Redemption).where(Redemption.id.in_(self.numbers)).order_by(Redemption.id)
        )
        assert [row.status for row in rows] == [v.status for v in town.vouchers]
        set_aside = 0
        for (merchant, month), found in town.months.items():
            kept = session.get_one(RewardBudget, (merchant, month))
            assert (kept.limit_fen, kept.committed_fen) == (found.limit, town.committed(merchant, month))
            held = ledger.balance(session, budget_account(merchant, month)).available
            assert held == (0 if found.closed else found.limit - found.paid)
            set_aside += held
        free = ledger.balance(session, sponsor_account(self.mark)).available
        payable = sum(ledger.balance(session, payable_account(h)).available for h in self.holders.values())
        assert (free, payable) == (town.money, town.payable)
        assert free + set_aside + payable + town.out == MONEY, "no fen is anywhere else"
        self._compare_liability(session, set_aside)

    def _compare_liability(self, session: Any, set_aside: int) -> None:
        merchants = [service.get_merchant(session, self.operator, code) for code in self.holders]
        owed = [figures.liability(session, merchant) for merchant in merchants]
        promised = sum(v.value for v in self.town.vouchers if v.status in ("ready", "refunding"))
        waits = {"", *self.drafts}
        unsettled = sum(v.value for v in self.town.vouchers if v.status == "used" and v.settled in waits)
        assert sum(one.promised_fen for one in owed) == promised
        assert sum(one.unsettled_fen for one in owed) == unsettled
        assert sum(one.payable_fen for one in owed) == self.town.payable
        assert promised + unsettled <= set_aside, "what is promised is there"

    def teardown(self) -> None:
        accepted = sa.select(ShopVerification.redemption_id).where(
            ShopVerification.redemption_id.in_(self.numbers), ShopVerification.outcome == "accepted"
        )
        numbers = self.db.read(lambda s: list(s.scalars(accepted)))
        assert len(numbers) == len(set(numbers)), "no code counts twice"


@pytest.fixture
def books(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Books]:
    db = Database(fresh_database(engine_name, prepare))
    if engine_name == "sqlite":
        # Nothing here has to survive a power cut.
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    yield Books(db)
    db.dispose()


@pytest.mark.timeout(0)
def test_stock_budgets_points_and_money_are_what_a_model_says(engine_name: str, books: Books) -> None:
    examples, steps = RUNS[engine_name]
    run_state_machine_as_test(
        lambda: ShopMachine(books),
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
