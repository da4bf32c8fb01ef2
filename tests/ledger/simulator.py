"""A town in a box: one seed decides who does what when, and where the machine breaks down.

Citizens ride and redeem, a partner delivers late, twice and altered, enterprises trade and retire, the
registry corrects itself, jobs run by a clock that only goes forward in here. Between any two statements
of a request, before its commit, or after a commit nobody hears of, the process dies; it starts again
and the one who asked asks again. Every request also goes to the dictionary model, and after every step
the accounts it touched are the same on both sides.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from mirror import Mirror
from model import Account, Model, Request, Step, Use

from carbon_platform.db import Database

CITIZENS = tuple(f"c{n}" for n in range(8))
FIRMS = ("f1", "f2", "f3", "f4")
LOTS = ("A", "B")
# One request in so many is broken into.
CRASH_EVERY = 8
LOOK_AT_ALL_EVERY = 250
EXPIRY_EVERY = timedelta(hours=3)


class Crash(BaseException):
    """The process is gone. Nobody may catch this but the one who starts the next."""


class Machine:
    """The process and its connection: dies before the ``left``-th statement or commit from now."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.left = 0
        self.crashes = 0
        self.committed = False
        sa.event.listen(database.engine, "before_cursor_execute", self._count)
        self._commit = database.engine.dialect.do_commit
        database.engine.dialect.do_commit = self._count_commit  # type: ignore[method-assign]

    def restart(self) -> None:
        """Nothing survives but the file (and, for speed, the statements already compiled)."""
        self.left = 0
        self.crashes += 1
        self.database.dispose()

    def _count(self, *_: object) -> None:
        if self.left:
            self.left -= 1
            if self.left == 0:
                raise Crash

    def _count_commit(self, connection: Any) -> None:
        if self.left == 1:
            connection.rollback()
        self._count()
        self._commit(connection)
        self.committed = True
        # And nobody hears of it.
        self._count()


class Simulation:
    def __init__(self, seed: int, machine: Machine) -> None:
        self.seed = seed
        self.machine = machine
        self.chance = random.Random(seed)
        self.mirror = Mirror(machine.database, f"{seed}.", self._carry_out)
        self.outbox: list[Request] = []
        self.sent: list[Request] = []
        self.posted: list[str] = []
        self.step = 0
        self.references = 0
        self.expired_at = self.mirror.now
        self.trace = hashlib.sha256()
        self.requests = 0
        choices: list[tuple[Callable[[], object], int]] = [
            (self.act, 770),
            (self.deliver, 40),
            (self.redeem, 45),
            (self.activate, 15),
            (self.give_points, 20),
            (self.money, 20),
            (self.issue, 6),
            (self.trade, 15),
            (self.retire, 10),
            (self.pledge, 5),
            (self.hold, 20),
            (self.settle, 16),
            (self.void, 6),
            (self.reverse, 6),
            (self.again, 6),
        ]
        self.choices, self.weights = zip(*choices, strict=True)

    @property
    def model(self) -> Model:
        return self.mirror.model

    def run(self, steps: int) -> str:
        """Live through ``steps`` steps; the digest of all that was said."""
        # What everybody starts with comes as any other request does.
        self.post(*((("bank", "", ""), ("cash", firm, ""), 5_000) for firm in FIRMS))
        self.post(*((("issuance", "", lot), ("holding", firm, lot), 60) for firm in FIRMS for lot in LOTS))
        for self.step in range(1, steps + 1):
            self.mirror.now += timedelta(seconds=self.chance.randrange(0, 600))
            self.chance.choices(self.choices, self.weights)[0]()
            if self.mirror.now - self.expired_at >= EXPIRY_EVERY:
                self.expired_at = self.mirror.now
                self.say("expire", self.mirror.expire())
            self.mirror.look()
            if self.step % LOOK_AT_ALL_EVERY == 0:
                self.mirror.look_at_all()
        self.mirror.look_at_all()
        return self.trace.hexdigest()

    # Who does what

    def act(self) -> None:
        """A ride: the partner knows of it at once, the ledger when the partner delivers."""
        person = self.chance.choice(CITIZENS)
        role = self.chance.choice(("points", "points_pending"))
        step = (("points_issued", "", ""), (role, person, ""), self.chance.randint(1, 9))
        self.outbox.append(Request(self.reference("act"), (step,), self.mirror.now))

    def deliver(self) -> None:
        """What the partner has, in no order, some of it again, and once in a while altered."""
        again = self.chance.sample(self.sent, min(len(self.sent), self.chance.randint(0, 6)))
        lot = [*self.outbox, *again]
        self.chance.shuffle(lot)
        if again and self.chance.random() < 0.3:
            lot.append(Request(**{**vars(again[0]), "note": "改"}))
        if self.chance.random() < 0.3:
            person = self.chance.choice(CITIZENS)
            step = (("points", person, ""), ("points", self.chance.choice(CITIZENS), ""), 30)
            lot.insert(0, Request(self.reference("gift"), (step,)))
        if not lot:
            return
        self.arm()
        answers = self.mirror.batch(lot)
        self.say("deliver", answers)
        self.sent += self.outbox
        self.outbox = []

    def redeem(self) -> None:
        person = self.chance.choice(CITIZENS)
        self.post((("points", person, ""), ("points_redeemed", "", ""), self.chance.randint(5, 40)))

    def activate(self) -> None:
        person = self.chance.choice(CITIZENS)
        amount = self.model.posted(("points_pending", person, "")) or 1
        self.post((("points_pending", person, ""), ("points", person, ""), amount))

    def give_points(self) -> None:
        giver, taker = self.chance.sample(CITIZENS, 2)
        self.post((("points", giver, ""), ("points", taker, ""), self.chance.randint(1, 30)))

    def money(self) -> None:
        payer, payee = self.chance.sample(FIRMS, 2)
        amount = self.chance.randint(1, 3_000)
        if self.chance.random() < 0.4:
            self.post((("bank", "", ""), ("cash", payee, ""), amount))
        else:
            self.post((("cash", payer, ""), ("cash", payee, ""), amount), (("cash", payee, ""), FEE, 1))

    def issue(self) -> None:
        lot, firm = self.chance.choice(LOTS), self.chance.choice(FIRMS)
        self.post((("issuance", "", lot), ("holding", firm, lot), self.chance.randint(1, 50)))

    def trade(self) -> None:
        seller, buyer = self.chance.sample(FIRMS, 2)
        lot, amount = self.chance.choice(LOTS), self.chance.randint(1, 20)
        self.post(
            (("holding", seller, lot), ("holding", buyer, lot), amount),
            (("cash", buyer, ""), ("cash", seller, ""), amount * 20),
        )

    def retire(self) -> None:
        firm, lot = self.chance.choice(FIRMS), self.chance.choice(LOTS)
        end = self.chance.choice(("retired", "retired", "cancelled", "invalidated"))
        self.post((("holding", firm, lot), (end, firm, lot), self.chance.randint(1, 15)))

    def pledge(self) -> None:
        firm, lot = self.chance.choice(FIRMS), self.chance.choice(LOTS)
        mine, bank = ("holding", firm, lot), ("pledged", f"pledge:{firm}", lot)
        source, destination = self.chance.choice(((mine, bank), (bank, mine)))
        self.post((source, destination, self.chance.randint(1, 15)))

    def hold(self) -> None:
        firm, what = self.chance.choice(FIRMS), self.chance.choice(("cash", *LOTS))
        account: Account = ("cash", firm, "") if what == "cash" else ("holding", firm, what)
        minutes = self.chance.choice((None, 30, 120))
        expires = None if minutes is None else self.mirror.now + timedelta(minutes=minutes)
        self.arm()
        reference = self.reference("hold")
        self.say("hold", self.mirror.hold(reference, account, self.chance.randint(1, 30), expires))

    def settle(self) -> None:
        holds = list(self.model.holds.values())[-8:]
        if not holds:
            return
        hold = self.chance.choice(holds)
        role, _, lot = hold.account
        to = self.chance.choice(FIRMS)
        there: Account = ("retired", to, lot) if lot else ("proceeds", to, "")
        amount = self.chance.randint(1, max(1, hold.remaining))
        rest = self.chance.random() < 0.4
        self.post((hold.account, there, amount), uses=(Use(hold.reference, amount, rest),))
        assert role in ("cash", "holding")

    def void(self) -> None:
        holds = list(self.model.holds.values())[-8:]
        if holds:
            self.arm()
            self.say("void", self.mirror.void(self.chance.choice(holds).reference))

    def reverse(self) -> None:
        if self.posted:
            self.arm()
            back = self.chance.choice(self.posted[-20:])
            self.say("reverse", self.mirror.reverse(self.reference("back"), back))

    def again(self) -> None:
        """A client that has forgotten that it has asked."""
        if self.posted:
            fact = self.model.facts[self.chance.choice(self.posted)]
            self.say("again", self.mirror.post(fact.request))

    # How it is done

    def reference(self, kind: str) -> str:
        self.references += 1
        return f"{kind}:{self.references}"

    def post(self, *steps: Step, uses: tuple[Use, ...] = ()) -> None:
        request = Request(self.reference("e"), steps, uses=uses)
        self.arm()
        answer = self.mirror.post(request)
        self.say("post", answer)
        if answer == "accepted":
            self.posted.append(request.reference)

    def say(self, what: str, answer: object) -> None:
        self.trace.update(f"{self.step} {what} {answer}\n".encode())

    def arm(self) -> None:
        """Perhaps the machine will die in the next request."""
        if self.chance.randrange(CRASH_EVERY) == 0:
            self.machine.left = self.chance.randint(1, 14)
            self.machine.committed = False

    def _carry_out(self, mirror: Mirror, work: Callable[[Any], object]) -> object:
        while True:
            self.requests += 1
            try:
                answer = self.machine.database.transact(work)
            except Crash:
                self.machine.restart()
                # The client cannot know; the model must, to say what asking again will come to.
                mirror.unheard = self.machine.committed
                continue
            finally:
                self.machine.left = 0
            return answer


FEE: Account = ("fee", "", "")
