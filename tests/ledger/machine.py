"""The rules of the state machine: everything one may ask of a ledger, wisely and unwisely.

Amounts and people are few, so that stories cross; every rule may fail, and the model says how.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from mirror import Mirror
from model import Account, Request, Step, Use

from carbon_platform.db import Database

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
PEOPLE = ("a", "b", "c")
LOTS = ("L1", "L2")

people = st.sampled_from(PEOPLE)
lots = st.sampled_from(LOTS)
amounts = st.integers(1, 40)
# How much of what there is: see ``some``.
sizes = st.integers(0, 47)
picks = st.integers(0, 999)
# Days before now that an entry takes effect; None: when recorded.
backdated = st.sampled_from((None, None, None, 0, 1, 3))
# Where a person's things lie that can be held, moved and traded.
belongings = st.sampled_from(("L1", "L2", "cash", "points"))

_stories = count(1)


class LedgerMachine(RuleBasedStateMachine):
    """One story of ledger and model. ``source`` holds the database that all stories share."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.mirror = Mirror(source.database, f"s{next(_stories)}.")
        self.references = count(1)
        self.posted: list[Request] = []
        self.restarted = False
        self.pledges: list[Account] = []

    @property
    def model(self):  # type: ignore[no-untyped-def] # the mirror's
        return self.mirror.model

    def reference(self) -> str:
        return f"e{next(self.references)}"

    def some(self, account: Account, size: int) -> int:
        """All that is free, one more, all that is there, or a little: limits are where mistakes are."""
        free, there = self.model.available(account), self.model.posted(account)
        return max(1, (free, free + 1, there, *([1 + size // 6] * 3))[size % 6])

    def thing(self, person: str, what: str) -> Account:
        return (what, person, "") if what in ("cash", "points") else ("holding", person, what)

    def post(self, *steps: Step, days: int | None = None, uses: tuple[Use, ...] = ()) -> str:
        effective = None if days is None else self.mirror.now - days * DAY
        request = Request(self.reference(), steps, effective, uses)
        answer = self.mirror.post(request)
        if answer == "accepted":
            self.posted.append(request)
        return answer

    # Units come into being

    @initialize(amount=amounts)
    def begin(self, amount: int) -> None:
        """Everybody has something, so that the first steps are not all refused."""
        credits = [(("issuance", "", "L1"), ("holding", person, "L1"), 40 + amount) for person in PEOPLE]
        money = [(("bank", "", ""), ("cash", person, ""), 80 + amount) for person in PEOPLE]
        self.post(*credits, *money)

    @rule(person=people, other=people, lot=lots, amount=amounts, rest=amounts, days=backdated)
    def issue(self, person: str, other: str, lot: str, amount: int, rest: int, days: int | None) -> None:
        origin = ("issuance", "", lot)
        steps = [(origin, ("holding", person, lot), amount), (origin, ("holding", other, lot), rest)]
        self.post(*steps[: 1 + rest % 2], days=days)

    @rule(
        person=people,
        what=st.sampled_from(("points", "points_pending", "cash")),
        amount=amounts,
        days=backdated,
    )
    def earn(self, person: str, what: str, amount: int, days: int | None) -> None:
        origin = ("bank" if what == "cash" else "points_issued", "", "")
        self.post((origin, (what, person, ""), amount), days=days)

    # They move

    @rule(person=people, other=people, what=belongings, size=sizes, days=backdated)
    def give(self, person: str, other: str, what: str, size: int, days: int | None) -> None:
        mine = self.thing(person, what)
        self.post((mine, self.thing(other, what), self.some(mine, size)), days=days)

    @rule(ring=st.permutations(PEOPLE), what=belongings, size=sizes, backwards=st.booleans())
    def pass_on(self, ring: list[str], what: str, size: int, backwards: bool) -> None:
        """From hand to hand and back to the first; in the wrong order somebody is short on the way."""
        one, two, three = (self.thing(person, what) for person in ring)
        amount = self.some(one, size)
        steps = [(one, two, amount), (two, three, amount), (three, one, amount)]
        self.post(*(reversed(steps) if backwards else steps))

    @rule(person=people, size=sizes)
    def points_become_active_and_are_spent(self, person: str, size: int) -> None:
        amount = self.some(("points_pending", person, ""), size)
        self.post(
            (("points_pending", person, ""), ("points", person, ""), amount),
            (("points", person, ""), ("points_redeemed", "", ""), amount // 2 + 1),
        )

    @rule(
        person=people,
        end=st.sampled_from(("retired", "cancelled", "invalidated")),
        lot=lots,
        size=sizes,
        days=backdated,
    )
    def end(self, person: str, end: str, lot: str, size: int, days: int | None) -> None:
        mine = ("holding", person, lot)
        self.post((mine, (end, person, lot), self.some(mine, size)), days=days)

    @rule(pair=st.permutations(PEOPLE), lot=lots, size=sizes, price=sizes)
    def trade(self, pair: list[str], lot: str, size: int, price: int) -> None:
        """Credits against money, and a part of both handed on at once."""
        seller, buyer, third = pair
        amount = self.some(("holding", seller, lot), size)
        price = self.some(("cash", buyer, ""), price)
        self.post(
            (("holding", seller, lot), ("holding", buyer, lot), amount),
            (("cash", buyer, ""), ("cash", seller, ""), price),
            (("holding", buyer, lot), ("holding", third, lot), amount // 2 + 1),
            (("cash", seller, ""), ("fee", "", ""), 1),
        )

    @rule(person=people, other=people, lot=lots, pick=picks, amount=amounts, foreign=st.booleans())
    def name_kilograms(
        self, person: str, other: str, lot: str, pick: int, amount: int, foreign: bool
    ) -> None:
        """Certain kilograms: in one piece or every other, sometimes one that is not there."""
        mine = ("holding", person, lot)
        numbers = self.model.numbers(mine)
        if not numbers:
            return
        wanted = numbers[pick % len(numbers) :][: min(amount, 12) : 1 + pick % 2]
        if foreign and len(wanted) < len(numbers):
            wanted = [*wanted[:-1], wanted[-1] + pick % 3]
        there = ("invalidated", person, lot) if pick % 4 == 0 else ("holding", other, lot)
        request = Request(self.reference(), ((mine, there, len(wanted)),), named=(tuple(wanted),))
        if self.mirror.post(request) == "accepted":
            self.posted.append(request)

    @precondition(lambda self: self.model.holds)
    @rule(pick=picks)
    def place_the_hold_again(self, pick: int) -> None:
        hold = self.any_hold(pick)
        repeated = self.mirror.hold(hold.reference, hold.account, hold.amount, hold.expires_at)
        assert repeated == "duplicate"

    @rule(person=people, lot=lots, size=sizes)
    def pledge(self, person: str, lot: str, size: int) -> None:
        mine, place = ("holding", person, lot), ("pledged", f"pledge:{next(self.references)}", lot)
        if self.post((mine, place, self.some(mine, size))) == "accepted":
            self.pledges.append(place)

    @precondition(lambda self: self.pledges)
    @rule(pick=picks, person=people, size=sizes)
    def release_or_seize(self, pick: int, person: str, size: int) -> None:
        place = self.pledges[pick % len(self.pledges)]
        self.post((place, ("holding", person, place[2]), self.some(place, size)))

    # Two phases

    @rule(person=people, what=belongings, size=sizes, minutes=st.sampled_from((None, 5, 60)))
    def hold(self, person: str, what: str, size: int, minutes: int | None) -> None:
        expires = None if minutes is None else self.mirror.now + minutes * MINUTE
        reference, account = f"h{next(self.references)}", self.thing(person, what)
        amount = self.some(account, size)
        if self.mirror.hold(reference, account, amount, expires) == "accepted" and amount % 4 == 0:
            assert self.mirror.hold(reference, account, amount, expires) == "duplicate"
            self.mirror.hold(reference, account, amount + 1, expires)

    @precondition(lambda self: self.model.holds)
    @rule(pick=picks, person=people, size=sizes, extra=st.integers(-1, 3), release_rest=st.booleans())
    def post_hold(self, pick: int, person: str, size: int, extra: int, release_rest: bool) -> None:
        """All or part, sometimes more than is held, sometimes moving less than is posted, or more."""
        hold = self.any_hold(pick)
        amount = max(1, (hold.remaining, hold.remaining + 1, 1 + size // 6)[size % 3])
        use = Use(hold.reference, amount, release_rest)
        self.post((hold.account, self.elsewhere(hold.account, person), max(1, amount + extra)), uses=(use,))

    @rule(
        person=people,
        other=people,
        what=belongings,
        size=sizes,
        minutes=st.sampled_from((0, 4, 5, 6)),
        release_rest=st.booleans(),
    )
    def hold_and_settle_later(
        self, person: str, other: str, what: str, size: int, minutes: int, release_rest: bool
    ) -> None:
        """Before, at, and after the moment at which the hold is over."""
        account, reference = self.thing(person, what), f"h{next(self.references)}"
        amount = self.some(account, size)
        if self.mirror.hold(reference, account, amount, self.mirror.now + 5 * MINUTE) == "accepted":
            self.mirror.now += minutes * MINUTE
            half = amount // 2 + 1
            use = Use(reference, half, release_rest)
            self.post((account, self.elsewhere(account, other), half), uses=(use,))

    @precondition(lambda self: len(self.model.holds) > 1)
    @rule(pick=picks, other=picks, amount=amounts)
    def settle_two_holds(self, pick: int, other: int, amount: int) -> None:
        first, second = self.any_hold(pick), self.any_hold(other)
        if first is second:
            return
        steps = []
        for hold in (first, second):
            role, _, lot = hold.account
            end = ("retired", "z", lot) if lot else (role, "z", "")
            steps.append((hold.account, end, min(amount, max(hold.remaining, 1))))
        uses = (Use(first.reference, steps[0][2], True), Use(second.reference, steps[1][2]))
        self.post(*steps, uses=uses)

    @precondition(lambda self: self.model.holds)
    @rule(pick=picks)
    def void(self, pick: int) -> None:
        self.mirror.void(self.any_hold(pick).reference)

    # Five and sixty minutes are what holds last: the very moment of expiry must be met, too.
    @rule(minutes=st.sampled_from((1, 4, 5, 55, 60, 2000)), expire=st.booleans())
    def time_passes(self, minutes: int, expire: bool) -> None:
        self.mirror.now += minutes * MINUTE
        if expire:
            self.mirror.expire()

    def elsewhere(self, account: Account, person: str) -> Account:
        role, _, lot = account
        if (role, person, lot) != account:
            return (role, person, lot)
        return ("retired", person, lot) if lot else ("fee", "", "") if role == "cash" else POINTS_SPENT

    def any_hold(self, pick: int):  # type: ignore[no-untyped-def] # ModelHold
        """Mostly an open one."""
        holds = list(self.model.holds.values())
        still_open = [hold for hold in holds if hold.state == "open"]
        candidates = still_open if still_open and pick % 5 else holds[-6:]
        return candidates[pick % len(candidates)]

    # Again, back, and wrong

    @precondition(lambda self: self.posted)
    @rule(pick=picks)
    def retry(self, pick: int) -> None:
        request = self.posted[pick % len(self.posted)]
        assert self.mirror.post(request) == "duplicate"
        altered = Request(**{**vars(request), "note": "另一件事"})
        assert self.mirror.post(altered) == "ledger.reference_conflict"

    @precondition(lambda self: self.posted)
    @rule(pick=picks, again=st.booleans())
    def reverse(self, pick: int, again: bool) -> None:
        back = self.posted[-1 - pick % min(len(self.posted), 8)].reference
        reference = self.reference()
        if self.mirror.reverse(reference, back) == "accepted" and again:
            assert self.mirror.reverse(reference, back) == "duplicate"
            assert self.mirror.reverse(self.reference(), back) == "ledger.already_reversed"
            assert self.mirror.reverse(self.reference(), reference) == "ledger.not_reversible"

    @rule(wrong=st.integers(0, 6), person=people, amount=amounts)
    def nonsense(self, wrong: int, person: str, amount: int) -> None:
        mine, theirs = ("cash", person, ""), ("cash", "z", "")
        answer = (
            lambda: self.post((mine, theirs, 0)),
            lambda: self.post((mine, theirs, -amount)),
            lambda: self.post((mine, mine, amount)),
            lambda: self.post((("retired", person, "L1"), ("holding", person, "L1"), amount)),
            lambda: self.post((("holding", person, "L1"), ("issuance", "", "L1"), amount)),
            lambda: self.post((mine, theirs, 1), days=-1),
            lambda: self.post((mine, theirs, 1), uses=(Use("never placed", 1),)),
        )[wrong]()
        assert answer.startswith("ledger.")

    @rule(picked=st.lists(picks, min_size=2, max_size=6), person=people, size=sizes)
    def batch(self, picked: list[int], person: str, size: int) -> None:
        """Good, short, malformed, repeated and altered entries in one delivery."""
        requests: list[Request] = []
        for pick in picked:
            kind, other = pick % 7, PEOPLE[pick % 3]
            if kind == 5 and (self.posted or requests):
                known = [*self.posted[-5:], *requests]
                requests.append(known[pick % len(known)])
            elif kind == 6 and requests:
                requests.append(Request(**{**vars(requests[-1]), "note": "anders"}))
            else:
                requests.append(Request(self.reference(), (self.any_step(kind, person, other, size),)))
        for request, answer in zip(requests, self.mirror.batch(requests), strict=True):
            if answer == "accepted":
                self.posted.append(request)

    def any_step(self, kind: int, person: str, other: str, size: int) -> Step:
        source, destination = (
            (("points_issued", "", ""), ("points", other, "")),
            (("points", person, ""), ("points", other, "")),
            (("issuance", "", "L2"), ("holding", other, "L2")),
            (("holding", person, "L1"), ("retired", person, "L1")),
            (("cash", person, ""), ("cash", other, "")),
            (("bank", "", ""), ("cash", person, "")),
            (("holding", person, "L2"), ("holding", "z", "L2")),
        )[kind]
        amount = 1 + size if source[1] == "" else self.some(source, size)
        return source, destination, amount if size % 11 else 0

    # Looking, and starting again

    @rule(person=people, what=belongings, days=st.integers(0, 4), known=st.sampled_from((None, 0, 30, 1500)))
    def look_back(self, person: str, what: str, days: int, known: int | None) -> None:
        recorded = None if known is None else self.mirror.now - known * MINUTE
        self.mirror.look_back(self.thing(person, what), self.mirror.now - days * DAY, recorded)

    @precondition(lambda self: not self.restarted)
    @rule(chance=st.integers(0, 7))
    def restart(self, chance: int) -> None:
        self.restarted = True
        if chance == 0:
            self.mirror.database = self.source.reopen()

    @invariant()
    def same_state(self) -> None:
        self.mirror.look()

    def teardown(self) -> None:
        self.mirror.look_at_all()
        for reference, fact in self.model.facts.items():
            self.source.entries[self.mirror.entry_ids[reference]] = fact.recorded_at


POINTS_SPENT: Account = ("points_redeemed", "", "")


class Source:
    """One database for all stories; it can be closed and opened again in the middle of one."""

    def __init__(self, opened: Callable[[], Database]) -> None:
        self._opened = opened
        self.database = opened()
        self.restarts = 0
        # Id and recorded time of every entry the stories had accepted.
        self.entries: dict[int, datetime] = {}

    def reopen(self) -> Database:
        self.database.dispose()
        self.database = self._opened()
        self.restarts += 1
        return self.database
