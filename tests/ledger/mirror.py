"""A ledger and the dictionary model side by side: each request goes to both, each answer is compared.

Names carry a tag, so that many stories can be told in one database, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import TypeVar

from books import NOW
from model import CREDITS, WITHOUT_FLOOR, Account, Model, Request
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import AccountKey, Asset, Entry, Held, HoldRequest, HoldUse, Move, Outcome, Posted

T = TypeVar("T")

_MONEY = {"cash", "bank", "fee", "proceeds", "payable"}
_BOOKS = {"book", "reduction_source"}


def asset_of(role: str) -> Asset:
    if role in CREDITS:
        return Asset.CREDIT
    if role in _MONEY:
        return Asset.CNY
    return Asset.REDUCTION if role in _BOOKS else Asset.POINT


def numbers_of(ranges: Iterable[ledger.Range]) -> list[int]:
    return [number for r in ranges for number in range(r.first, r.last + 1)]


def ranges_of(numbers: Iterable[int]) -> tuple[ledger.Range, ...]:
    """Ascending numbers as the fewest ranges."""
    found: list[ledger.Range] = []
    for number in numbers:
        if found and found[-1].last == number - 1:
            found[-1] = ledger.Range(found[-1].first, number)
        else:
            found.append(ledger.Range(number, number))
    return tuple(found)


def code_of(answer: Posted | Held | Outcome | PlatformError) -> str:
    """An answer in the words of the model."""
    if isinstance(answer, PlatformError):
        return answer.code
    if isinstance(answer, Outcome):
        return answer.refused.code if answer.refused is not None else answer.status
    return "duplicate" if answer.replayed else "accepted"


class Mirror:
    """``run`` carries one transaction out; a test that lets processes die hands its own in."""

    def __init__(self, database: Database, tag: str, run: Callable[..., object] | None = None) -> None:
        self.database = database
        self.tag = tag
        self.now = NOW
        self.model = Model()
        self.entry_ids: dict[str, int] = {}
        # What the requests since the last look may have changed; numbers only where one was accepted.
        self.touched: dict[Account, bool] = {}
        # Whether the answer to the last request was lost after it had been carried out.
        self.unheard = False
        self._run = run

    # Names

    def key(self, account: Account) -> AccountKey:
        role, holder, lot = account
        holder = ledger.PLATFORM if role in WITHOUT_FLOOR else f"{self.tag}{holder}"
        return AccountKey(role, holder, asset_of(role), f"{self.tag}{lot}" if lot else "")

    def entry(self, request: Request) -> Entry:
        back = request.reverses is not None
        return Entry(
            reason="correction" if back else "test",
            reference=f"{self.tag}{request.reference}",
            moves=tuple(
                Move(self.key(source), self.key(destination), amount, ranges_of(numbers))
                for (source, destination, amount), numbers in zip_longest(
                    request.steps, request.named, fillvalue=()
                )
            ),
            effective_at=request.effective_at,
            actor_name="王敏",
            note=request.note,
            reverses=self.entry_ids[request.reverses] if request.reverses is not None else None,
            detail={"second_approver": "李强"} if back else {},
            holds=tuple(HoldUse(f"{self.tag}{u.hold}", u.amount, u.release_rest) for u in request.uses),
        )

    # Requests

    def post(self, request: Request) -> str:
        entry = self.entry(request)
        answer = self.ask(lambda s: ledger.post(s, entry, self.now))
        if isinstance(answer, Posted):
            self.entry_ids.setdefault(request.reference, answer.entry_id)
            assert self.entry_ids[request.reference] == answer.entry_id
        self._compare(answer, self._expected(lambda: self.model.post(request, self.now)))
        return self._touch(request, code_of(answer))

    def batch(self, requests: Sequence[Request]) -> list[str]:
        entries = [self.entry(request) for request in requests]
        answers = self.ask(lambda s: ledger.post_batch(s, entries, self.now))
        assert isinstance(answers, list)
        codes = self._expected(lambda: [self.model.post(request, self.now) for request in requests])
        for request, answer, code in zip(requests, answers, codes, strict=True):
            assert answer.reference == f"{self.tag}{request.reference}"
            if answer.posted is not None:
                first = self.entry_ids.setdefault(request.reference, answer.posted.entry_id)
                assert first == answer.posted.entry_id
            self._compare(answer, code)
        pairs = zip(requests, answers, strict=True)
        return [self._touch(request, code_of(answer)) for request, answer in pairs]

    def reverse(self, reference: str, back: str) -> str:
        """Take ``back``'s entry back by a new one called ``reference``."""
        original = self.model.facts[back]
        steps = tuple((d, s, amount) for s, d, amount in reversed(original.request.steps))
        request = Request(reference, steps, note="错", reverses=back)
        entry_id = self.entry_ids[back]
        answer = self.ask(
            lambda s: ledger.reverse(
                s,
                entry_id,
                reference=f"{self.tag}{reference}",
                reason="correction",
                actor_name="王敏",
                second_approver="李强",
                note="错",
                now=self.now,
            )
        )
        if isinstance(answer, Posted):
            self.entry_ids.setdefault(reference, answer.entry_id)
        self._compare(answer, self._expected(lambda: self.model.post(request, self.now)))
        return self._touch(request, code_of(answer))

    def hold(self, reference: str, account: Account, amount: int, expires_at: datetime | None) -> str:
        request = HoldRequest(f"{self.tag}{reference}", self.key(account), amount, "order", expires_at)
        answer = self.ask(lambda s: ledger.hold(s, request, self.now))
        self._compare(
            answer,
            self._expected(lambda: self.model.hold(reference, account, amount, expires_at, self.now)),
        )
        self.touched.setdefault(account, False)
        return code_of(answer)

    def void(self, reference: str) -> str:
        answer = self.ask(lambda s: ledger.void_hold(s, f"{self.tag}{reference}", self.now))
        code = "accepted" if isinstance(answer, Held) else code_of(answer)
        expected = self._expected(lambda: self.model.void(reference, self.now))
        assert code == expected, (code, expected)
        self.touched.setdefault(self.model.holds[reference].account, False)
        return code

    def expire(self) -> list[str]:
        """The ledger expires what is due in all stories; only ours are compared."""
        answer = self.ask(lambda s: ledger.expire_holds(s, self.now))
        before = set(self.model.open_holds())
        expected = self._expected(lambda: self.model.expire(self.now))
        ours = [name.removeprefix(self.tag) for name in answer if name.startswith(self.tag)]
        assert ours == expected, (ours, expected)
        for name in before - set(self.model.open_holds()):
            self.touched.setdefault(self.model.holds[name].account, False)
        return expected

    def _touch(self, request: Request, answer: str) -> str:
        for account in (account for step in request.steps for account in step[:2]):
            if account[0] not in WITHOUT_FLOOR:
                self.touched[account] = self.touched.get(account, False) or answer == "accepted"
        return answer

    # Looking

    def look(self) -> None:
        """Everything that holders touched since the last look have, and the numbers that moved."""
        if self.touched:
            self.database.read(lambda session: self._look(session, self.touched))
            self.touched = {}

    def _look(self, session: Session, wanted: Mapping[Account, bool]) -> None:
        holders = {self.key(account).holder for account in wanted}
        found = {
            b.key: (b.balance.posted, b.balance.held)
            for holder in holders
            for b in ledger.balances(session, holder)
        }
        for account, moved in wanted.items():
            key = self.key(account)
            expected = (self.model.posted(account), self.model.held(account))
            assert found.get(key, (0, 0)) == expected, (account, found.get(key), expected)
            if moved and key.asset == Asset.CREDIT:
                assert numbers_of(ledger.ranges(session, key)) == self.model.numbers(account), account

    def look_at_all(self) -> None:
        """Every account, hold and lot of the story."""
        accounts = self.model.accounts()
        self.touched = {account: True for account in accounts if account[0] not in WITHOUT_FLOOR}
        self.look()
        self.database.read(lambda session: self._look_at_lots(session, accounts))
        self.database.read(self._look_at_holds)

    def _look_at_lots(self, session: Session, accounts: set[Account]) -> None:
        for lot, last in self.model.last_of_lot.items():
            sums = {
                t.role: (t.posted, t.held)
                for t in ledger.totals(session, asset=Asset.CREDIT, lot=f"{self.tag}{lot}")
            }
            ours = {a for a in accounts if a[2] == lot}
            for role in CREDITS - {"issuance"}:
                of_role = {a for a in ours if a[0] == role}
                expected = (sum(map(self.model.posted, of_role)), sum(map(self.model.held, of_role)))
                assert sums.get(role, (0, 0)) == expected, (lot, role)
            # Issued = available + held + pledged + retired + cancelled + invalidated, and all is zero.
            assert sum(posted for posted, _ in sums.values()) == 0, lot
            everywhere = [
                number
                for account in sorted(ours)
                for number in numbers_of(ledger.ranges(session, self.key(account)))
            ]
            assert sorted(everywhere) == list(range(1, last + 1)), lot

    def _look_at_holds(self, session: Session) -> None:
        for reference, hold in self.model.holds.items():
            found = ledger.get_hold(session, f"{self.tag}{reference}")
            posted = sum(amount for _, amount, _ in hold.taken)
            assert (found.status, found.remaining, found.posted) == (hold.state, hold.remaining, posted)

    def look_back(self, account: Account, at: datetime | None, as_recorded: datetime | None) -> None:
        """The balance as it was."""
        key = self.key(account)
        found = self.database.read(lambda s: ledger.balance(s, key, at=at, as_recorded=as_recorded))
        assert (found.posted, found.held) == self.model.at(account, at, as_recorded), (account, at)

    # Carrying out

    def ask(self, work: Callable[[Session], T]) -> T | PlatformError:
        self.unheard = False
        try:
            if self._run is not None:
                return self._run(self, work)  # type: ignore[return-value]
            return self.database.transact(work)
        except PlatformError as refusal:
            return refusal

    def _expected(self, ask_the_model: Callable[[], T]) -> T:
        """The model's answer; its second one if the first answer of the ledger was lost on the way."""
        if self.unheard:
            ask_the_model()
        return ask_the_model()

    def _compare(self, answer: Posted | Held | Outcome | PlatformError, expected: str) -> None:
        code = code_of(answer)
        assert code == expected, (code, expected)
