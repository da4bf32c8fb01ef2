"""An independent model of the ledger: dictionaries and sets, one owner per kilogram.

It shares no code with the ledger and keeps no ranges, no balances and no indexes: every kilogram is
looked at by itself, every sum is made anew. Requests are plain tuples; answers are "accepted",
"duplicate" or the ``code`` of the refusal. An account is (role, holder, lot).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

Account = tuple[str, str, str]
# What moves: from, to, how many, and (for certain kilograms only) which.
Step = tuple[Account, Account, int]

FINAL = {"retired", "cancelled", "invalidated"}
CREDITS = {"issuance", "holding", "pledged"} | FINAL
WITHOUT_FLOOR = {"issuance", "bank", "fee", "points_issued", "points_expired", "points_redeemed"}


@dataclass(frozen=True)
class Use:
    """Part of a hold that a request posts."""

    hold: str
    amount: int
    release_rest: bool = False


@dataclass(frozen=True)
class Request:
    """An entry as the model sees it.

    ``reverses`` is the reference of the entry taken back; ``named`` says for each step which kilograms
    it wants (none: the lowest), or is empty.
    """

    reference: str
    steps: tuple[Step, ...]
    effective_at: datetime | None = None
    uses: tuple[Use, ...] = ()
    note: str = ""
    reverses: str | None = None
    named: tuple[tuple[int, ...], ...] = ()


@dataclass
class Fact:
    """An accepted request: when it counts, when it was written, and what each step carried."""

    request: Request
    effective_at: datetime
    recorded_at: datetime
    carried: list[tuple[Account, Account, int, list[int]]]
    reversed_by: str | None = None


@dataclass
class ModelHold:
    reference: str
    account: Account
    amount: int
    expires_at: datetime | None
    placed_at: datetime
    # (when, posted, returned): what entries took of it.
    taken: list[tuple[datetime, int, int]] = field(default_factory=list)
    state: str = "open"
    closed_at: datetime | None = None

    @property
    def remaining(self) -> int:
        if self.state != "open":
            return 0
        return self.amount - sum(posted + returned for _, posted, returned in self.taken)

    def held_at(self, moment: datetime) -> int:
        if self.placed_at > moment or (self.closed_at is not None and self.closed_at <= moment):
            return 0
        return self.amount - sum(posted + back for when, posted, back in self.taken if when <= moment)


@dataclass
class Model:
    kilograms: dict[Account, set[int]] = field(default_factory=dict)
    counts: dict[Account, int] = field(default_factory=dict)
    last_of_lot: dict[str, int] = field(default_factory=dict)
    holds: dict[str, ModelHold] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)

    # What can be seen

    def numbers(self, account: Account) -> list[int]:
        return sorted(self.kilograms.get(account, ()))

    def posted(self, account: Account) -> int:
        if account[0] in CREDITS and account[0] != "issuance":
            return len(self.kilograms.get(account, ()))
        return self.counts.get(account, 0)

    def held(self, account: Account) -> int:
        return sum(hold.remaining for hold in self.holds.values() if hold.account == account)

    def available(self, account: Account) -> int:
        return self.posted(account) - self.held(account)

    def accounts(self) -> set[Account]:
        """Every account something was moved on, or held on."""
        moved = {account for fact in self.facts.values() for step in fact.carried for account in step[:2]}
        return moved | {hold.account for hold in self.holds.values()}

    def open_holds(self) -> list[str]:
        return [hold.reference for hold in self.holds.values() if hold.state == "open"]

    def at(
        self, account: Account, at: datetime | None = None, as_recorded: datetime | None = None
    ) -> tuple[int, int]:
        """Posted and held as they were at ``at`` with what was known by ``as_recorded``."""
        posted = 0
        for fact in self.facts.values():
            if (at is None or fact.effective_at <= at) and (
                as_recorded is None or fact.recorded_at <= as_recorded
            ):
                for source, destination, amount, _ in fact.carried:
                    posted += amount * ((destination == account) - (source == account))
        moment = min(time for time in (at, as_recorded) if time is not None)
        return posted, sum(h.held_at(moment) for h in self.holds.values() if h.account == account)

    # What can be asked

    def post(self, request: Request, now: datetime) -> str:
        refusal = self._malformed(request, now)
        if refusal:
            return refusal
        known = self.facts.get(request.reference)
        if known is not None:
            return "duplicate" if known.request == request else "ledger.reference_conflict"
        original = None if request.reverses is None else self.facts[request.reverses]
        if original is not None:
            if original.request.reverses is not None:
                return "ledger.not_reversible"
            if original.reversed_by is not None:
                return "ledger.already_reversed"
        refusal = self._unusable(request, now) or self._overdrawn(request)
        if refusal:
            return refusal
        touched = {account for step in request.steps for account in step[:2]}
        before = {account: set(self.kilograms[account]) for account in touched & self.kilograms.keys()}
        counts = dict(self.counts)
        carried = self._carry(request, original)
        if carried is None:
            self.kilograms.update(before)
            self.counts = counts
            return "ledger.numbers_not_held" if original is None else "ledger.not_reversible"
        self._take_holds(request.uses, now)
        if original is not None:
            original.reversed_by = request.reference
        self.facts[request.reference] = Fact(request, request.effective_at or now, now, carried)
        return "accepted"

    def hold(
        self, reference: str, account: Account, amount: int, expires_at: datetime | None, now: datetime
    ) -> str:
        if amount < 1:
            return "ledger.amount_invalid"
        if account[0] in FINAL or account[0] in WITHOUT_FLOOR:
            return "ledger.not_holdable"
        known = self.holds.get(reference)
        if known is not None:
            same = (known.account, known.amount, known.expires_at) == (account, amount, expires_at)
            return "duplicate" if same else "ledger.reference_conflict"
        if expires_at is not None and expires_at <= now:
            return "ledger.entry_invalid"
        if self.available(account) < amount:
            return "ledger.insufficient"
        self.holds[reference] = ModelHold(reference, account, amount, expires_at, now)
        return "accepted"

    def void(self, reference: str, now: datetime) -> str:
        hold = self.holds[reference]
        if hold.state != "open":
            return "ledger.hold_closed"
        hold.state, hold.closed_at = "voided", now
        return "accepted"

    def expire(self, now: datetime) -> list[str]:
        due = [h for h in self.holds.values() if h.state == "open" and h.expires_at and h.expires_at <= now]
        for hold in due:
            hold.state, hold.closed_at = "expired", now
        return [hold.reference for hold in due]

    # How it is decided

    def _malformed(self, request: Request, now: datetime) -> str | None:
        for source, destination, amount in request.steps:
            if amount < 1:
                return "ledger.amount_invalid"
            if source == destination:
                return "ledger.same_account"
            if request.reverses is None and (source[0] in FINAL or destination[0] == "issuance"):
                return "ledger.move_not_allowed"
        if request.effective_at is not None and request.effective_at > now:
            return "ledger.effective_in_future"
        return None

    def _unusable(self, request: Request, now: datetime) -> str | None:
        if any(use.hold not in self.holds for use in request.uses):
            return "ledger.hold_not_found"
        uses = {use.hold: use.amount for use in request.uses}
        used: dict[Account, int] = {}
        for hold in (hold for hold in self.holds.values() if hold.reference in uses):
            if hold.state != "open":
                return "ledger.hold_closed"
            if hold.expires_at is not None and hold.expires_at <= now:
                return "ledger.hold_expired"
            if uses[hold.reference] > hold.remaining:
                return "ledger.hold_too_small"
            used[hold.account] = used.get(hold.account, 0) + uses[hold.reference]
            if used[hold.account] > sum(n for source, _, n in request.steps if source == hold.account):
                return "ledger.hold_unused"
        return None

    def _overdrawn(self, request: Request) -> str | None:
        free: dict[Account, int] = {}
        for use in request.uses:
            hold = self.holds[use.hold]
            free[hold.account] = free.get(hold.account, 0) + (
                hold.remaining if use.release_rest else use.amount
            )
        left: dict[Account, int] = {}
        for source, destination, amount in request.steps:
            for account, change in ((source, -amount), (destination, amount)):
                if account[0] in WITHOUT_FLOOR:
                    continue
                if account not in left:
                    left[account] = self.available(account) + free.get(account, 0)
                left[account] += change
                if left[account] < 0:
                    return "ledger.insufficient"
        return None

    def _carry(
        self, request: Request, original: Fact | None
    ) -> list[tuple[Account, Account, int, list[int]]] | None:
        """Moves everything; None when a kilogram that must move is elsewhere."""
        exact: Iterable[list[int] | None] = [None] * len(request.steps)
        if original is not None:
            exact = [step[3] for step in reversed(original.carried)]
        elif request.named:
            exact = [list(numbers) or None for numbers in request.named]
        carried = []
        for (source, destination, amount), wanted in zip(request.steps, exact, strict=True):
            numbers: list[int] = []
            if source[0] in CREDITS:
                numbers = self._numbers_to_carry(source, amount, wanted)
                here = self.kilograms.setdefault(source, set())
                if source[0] != "issuance" or wanted is not None:
                    if not here.issuperset(numbers):
                        return None
                    here.difference_update(numbers)
                self.kilograms.setdefault(destination, set()).update(numbers)
            self.counts[source] = self.counts.get(source, 0) - amount
            self.counts[destination] = self.counts.get(destination, 0) + amount
            carried.append((source, destination, amount, numbers))
        return carried

    def _numbers_to_carry(self, source: Account, amount: int, wanted: list[int] | None) -> list[int]:
        if wanted is not None:
            return wanted
        if source[0] != "issuance":
            return self.numbers(source)[:amount]
        first = self.last_of_lot.get(source[2], 0) + 1
        self.last_of_lot[source[2]] = first + amount - 1
        return list(range(first, first + amount))

    def _take_holds(self, uses: Iterable[Use], now: datetime) -> None:
        for use in uses:
            hold = self.holds[use.hold]
            rest = hold.remaining - use.amount if use.release_rest else 0
            hold.taken.append((now, use.amount, rest))
            if sum(posted + back for _, posted, back in hold.taken) == hold.amount:
                hold.state, hold.closed_at = "posted", now
