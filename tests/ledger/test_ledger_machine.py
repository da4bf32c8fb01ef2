"""Any sequence of requests leaves the ledger and a dictionary model in the same state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from books import LOT, NOW, entry, holding, issuance, retired
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model import Model, ModelHold

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, Entry, HoldRequest, HoldUse, Move, Posted

# Examples and steps per engine: the one place to turn them up.
RUNS = {"sqlite": (30, 30), "postgresql": (10, 30)}

HOLDERS = ("a", "b", "c")
holders = st.sampled_from(HOLDERS)
amounts = st.integers(1, 40)
accounts = st.tuples(st.sampled_from(("holding", "cash")), holders)


def key(account: tuple[str, str]) -> AccountKey:
    role, holder = account
    return (
        AccountKey(role, holder, Asset.CNY) if role == "cash" else AccountKey(role, holder, Asset.CREDIT, LOT)
    )


@dataclass
class Done:
    """A posted entry, and what the model says it carried."""

    entry: Entry
    posted: Posted
    moves: list[tuple[tuple[str, str], tuple[str, str], int, list[int]]]
    reversible: bool = True


class LedgerMachine(RuleBasedStateMachine):
    database: Database

    def __init__(self, new_database: Callable[[], Database]) -> None:
        super().__init__()
        self.database = new_database()
        self.model = Model()
        self.done: list[Done] = []
        self.count = 0

    def reference(self, kind: str) -> str:
        self.count += 1
        return f"{kind}:{self.count}"

    def post(self, request: Entry) -> Posted:
        return self.database.transact(lambda s: ledger.post(s, request, NOW))

    def refused(self, request: Entry, error: type[Exception]) -> None:
        with pytest.raises(error):
            self.post(request)

    @rule(holder=holders, amount=amounts)
    def issue(self, holder: str, amount: int) -> None:
        request = entry(self.reference("issue"), Move(issuance(), holding(holder), amount))
        posted = self.post(request)
        made = self.model.issue(holder, amount)
        self.done.append(Done(request, posted, [(("issuance", ""), ("holding", holder), amount, made)]))

    @rule(holder=holders, amount=amounts)
    def deposit(self, holder: str, amount: int) -> None:
        bank = AccountKey(ledger.BANK, ledger.PLATFORM, Asset.CNY)
        request = entry(self.reference("deposit"), Move(bank, key(("cash", holder)), amount))
        posted = self.post(request)
        self.model.money[holder] = self.model.money.get(holder, 0) + amount
        self.done.append(Done(request, posted, [(("bank", ""), ("cash", holder), amount, [])]))

    @rule(role=st.sampled_from(("holding", "cash")), pair=st.permutations(HOLDERS), amount=amounts)
    def transfer(self, role: str, pair: list[str], amount: int) -> None:
        source, destination = (role, pair[0]), (role, pair[1])
        self.move(source, destination, amount, ())

    @rule(holder=holders, amount=amounts)
    def retire(self, holder: str, amount: int) -> None:
        self.move(("holding", holder), ("retired", holder), amount, ())

    @rule(pair=st.permutations(HOLDERS), credits=amounts, money=amounts)
    def trade(self, pair: list[str], credits: int, money: int) -> None:
        seller, buyer = pair[0], pair[1]
        moves = [
            (("holding", seller), ("holding", buyer), credits),
            (("cash", buyer), ("cash", seller), money),
        ]
        request = entry(self.reference("trade"), *(Move(key(s), key(d), n) for s, d, n in moves))
        if any(self.model.available(source) < amount for source, _, amount in moves):
            self.refused(request, ledger.InsufficientBalance)
            return
        posted = self.post(request)
        self.done.append(Done(request, posted, [(s, d, n, self.model.move(s, d, n)) for s, d, n in moves]))

    def move(
        self, source: tuple[str, str], destination: tuple[str, str], amount: int, uses: tuple[HoldUse, ...]
    ) -> None:
        request = entry(self.reference("move"), Move(key(source), key(destination), amount), holds=uses)
        freed = sum(use.amount for use in uses)
        if self.model.available(source) + freed < amount:
            self.refused(request, ledger.InsufficientBalance)
            return
        posted = self.post(request)
        taken = self.model.move(source, destination, amount)
        self.done.append(Done(request, posted, [(source, destination, amount, taken)]))

    @rule(account=accounts, amount=amounts)
    def hold(self, account: tuple[str, str], amount: int) -> None:
        request = HoldRequest(self.reference("hold"), key(account), amount, "order")
        place = lambda s: ledger.hold(s, request, NOW)  # noqa: E731
        if self.model.available(account) < amount:
            with pytest.raises(ledger.InsufficientBalance):
                self.database.transact(place)
            return
        self.database.transact(place)
        self.model.holds[request.reference] = ModelHold(account, amount)
        assert self.database.transact(place).replayed

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data(), amount=amounts, release_rest=st.booleans())
    def post_hold(self, data: st.DataObject, amount: int, release_rest: bool) -> None:
        reference = data.draw(st.sampled_from(sorted(self.model.holds)))
        held = self.model.holds[reference]
        source = held.account
        destination = (source[0] if source[0] == "cash" else "retired", "sink")
        request = entry(
            self.reference("post"),
            Move(key(source), key(destination), amount),
            holds=[HoldUse(reference, amount, release_rest)],
        )
        if not held.open:
            self.refused(request, ledger.HoldClosed)
            return
        if amount > held.remaining:
            self.refused(request, ledger.HoldTooSmall)
            return
        posted = self.post(request)
        held.remaining = 0 if release_rest else held.remaining - amount
        held.open = held.remaining > 0
        taken = self.model.move(source, destination, amount)
        self.done.append(Done(request, posted, [(source, destination, amount, taken)]))

    @precondition(lambda self: self.model.holds)
    @rule(data=st.data())
    def void_hold(self, data: st.DataObject) -> None:
        reference = data.draw(st.sampled_from(sorted(self.model.holds)))
        held = self.model.holds[reference]
        if not held.open:
            with pytest.raises(ledger.HoldClosed):
                self.database.transact(lambda s: ledger.void_hold(s, reference, NOW))
            return
        self.database.transact(lambda s: ledger.void_hold(s, reference, NOW))
        held.remaining, held.open = 0, False

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        done = data.draw(st.sampled_from(self.done))
        back = [(d, s, n, numbers) for s, d, n, numbers in reversed(done.moves)]
        reference = self.reference("reverse")

        def work(session: object) -> Posted:
            return ledger.reverse(
                session,  # type: ignore[arg-type]
                done.posted.entry_id,
                reference=reference,
                reason="correction",
                actor_name="王敏",
                second_approver="李强",
                note="错",
                now=NOW,
            )

        if not done.reversible:
            with pytest.raises((ledger.AlreadyReversed, ledger.NotReversible)):
                self.database.transact(work)
            return
        if any(self.model.available(source) < amount for source, _, amount, _ in back):
            with pytest.raises(ledger.InsufficientBalance):
                self.database.transact(work)
            return
        if any(self.model.owner_of[n] != source for source, _, _, numbers in back for n in numbers):
            with pytest.raises(ledger.NotReversible):
                self.database.transact(work)
            return
        posted = self.database.transact(work)
        done.reversible = False
        for source, destination, amount, numbers in back:
            self.model.give(numbers, destination)
            if source[0] == "cash":
                self.model.money[source[1]] -= amount
            if destination[0] == "cash":
                self.model.money[destination[1]] = self.model.money.get(destination[1], 0) + amount
        request = Entry(
            reason="correction",
            reference=reference,
            moves=[Move(m.destination, m.source, m.amount) for m in reversed(done.entry.moves)],
            effective_at=None,
            actor_name="王敏",
            note="错",
            reverses=done.posted.entry_id,
            detail={"second_approver": "李强"},
        )
        self.done.append(Done(request, posted, back, reversible=False))

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        done = data.draw(st.sampled_from(self.done))
        assert self.post(done.entry) == Posted(done.posted.entry_id, replayed=True)
        other = Entry(**{**vars(done.entry), "note": "另一件事"})
        self.refused(other, ledger.ReferenceConflict)

    @invariant()
    def same_state(self) -> None:
        def look(session: object) -> None:
            for holder in (*HOLDERS, "sink"):
                found = {b.key: b.balance for b in ledger.balances(session, holder)}  # type: ignore[arg-type]
                for role in ("holding", "retired", "cash"):
                    account = (role, holder)
                    now = found.get(key(account), ledger.Balance(0, 0))
                    expected = (self.model.posted(account), self.model.held(account))
                    assert (now.posted, now.held) == expected, account
                    if role != "cash":
                        ranges = ledger.ranges(session, key(account))  # type: ignore[arg-type]
                        numbers = [n for r in ranges for n in range(r.first, r.last + 1)]
                        assert numbers == self.model.numbers(account), account
            assert ledger.balance(session, issuance()).posted == -sum(  # type: ignore[arg-type]
                owner[0] != "issuance" for owner in self.model.owner_of.values()
            )

        self.database.read(look)

    def teardown(self) -> None:
        report = self.database.read(ledger.verify)
        self.database.dispose()
        assert report.ok, report.findings
        assert report.counts["entries"] == len(self.done)


def test_the_ledger_does_what_the_model_does(engine_name: str, new_ledger: Callable[[str], Database]) -> None:
    examples, steps = RUNS[engine_name]
    run_state_machine_as_test(
        lambda: LedgerMachine(lambda: new_ledger(engine_name)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def test_retired_stays_retired() -> None:
    assert retired("a").role == ledger.RETIRED
    assert ledger.ROLES[ledger.RETIRED].final
