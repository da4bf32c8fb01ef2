"""A town in small: citizens, partners, shops, staff and the clock, driven by one seed.

Whatever is drawn may be cut off between any two statements (the process is killed); partners and jobs come
again later as they would. Nothing is expected of a single step but a named answer; what
must hold is summed after it (:mod:`town_checks`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from shop_world import GOODS
from sqlalchemy import event

from carbon_platform.citizens import (
    accounts,
    appeals,
    bindings,
    catalogue,
    chores,
    consents,
    corrections,
    inbox,
    refunds,
    rewards,
    service,
)
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act, Redemption
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.groups import families
from carbon_platform.identity.rules import PERMISSIONS, Actor
from carbon_platform.identity.service import sign_in_person
from carbon_platform.identity.tables import Consent
from carbon_platform.merchants import chores as shop_chores
from carbon_platform.merchants import shop, statements
from carbon_platform.merchants.tables import Merchant

T = TypeVar("T")
CHINA = timezone(timedelta(hours=8))
SOURCES = ("xinyang-bus", "shared-bike", "clean-plate", "green-retail")
PEOPLE = 4
KILLED_EVERY = 6
WEIGHTS = {
    "push": 10, "work": 9, "say": 4, "clock": 5, "jobs": 7, "buy": 10, "use": 5, "ask_back": 2, "donate": 2,
    "bind": 4, "agree": 4, "withdraw": 1, "family": 2, "give": 4, "appeal": 2, "correct": 2, "statement": 2,
    "erase": 0.15,
}  # fmt: skip


class Killed(BaseException):
    """The process ends here: nothing catches it."""


@dataclass
class Citizen:
    number: int
    actor: Actor
    openid: str
    bound: set[str] = field(default_factory=set)
    gone: bool = False

    def subject(self, source: str) -> str:
        return f"{source[:3]}-{self.number:06d}"


class Town:
    def __init__(self, db: Database, seed: int, now: datetime) -> None:
        self.db, self.now = db, now
        self.dice = random.Random(seed)
        self.people: list[Citizen] = []
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.refused: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.kills = 0
        self._deadly: int | None = None
        self._shops = db.read(self._find_shops)
        event.listen(db.engine, "before_cursor_execute", self._strike)
        for _ in range(PEOPLE):
            self._move_in()
        self._first_month()

    def _first_month(self) -> None:
        """Some acts are in the books and their points can be spent before anything is drawn."""
        for _ in range(6):
            self._push()
        while inbox.process_next(self.db, now=self.now).rows:
            pass
        self.now += timedelta(days=8)
        self._jobs()

    def close(self) -> None:
        event.remove(self.db.engine, "before_cursor_execute", self._strike)

    def _find_shops(self, session: Any) -> list[Actor]:
        shops = sa.select(Merchant.organisation_id, Merchant.code).order_by(Merchant.code)
        self._names: dict[int | None, str] = dict(session.execute(shops).all())
        ids = sorted(number for number in self._names if number)
        return [_staff("merchant", 50 + number, number) for number in ids]

    # --- one step, which may be cut off ------------------------------------------------------------

    def step(self) -> str:
        """One thing happens; its name, and with ``†`` when the process was killed in the middle of it."""
        name = self.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        work: Callable[[], None] = getattr(self, f"_{name}")
        if self.dice.randrange(KILLED_EVERY) == 0:
            self._deadly = self.dice.randrange(1, 25)
            try:
                return self._named(name, work)
            except Killed:
                self.kills += 1
                return f"{name}†"
            finally:
                self._deadly = None
        return self._named(name, work)

    def _named(self, name: str, work: Callable[[], None]) -> str:
        """Done, or refused for a reason that has words."""
        try:
            work()
        except PlatformError as why:
            assert why.message("zh") and why.message("en")
            self.refused[why.code] = self.refused.get(why.code, 0) + 1
            return f"{name}({why.code})"
        self.done[name] = self.done.get(name, 0) + 1
        return name

    def _strike(self, *_: Any) -> None:
        if self._deadly is not None:
            self._deadly -= 1
            if self._deadly <= 0:
                self._deadly = None
                raise Killed

    def _do(self, work: Callable[[Any], T]) -> T:
        return self.db.transact(work)

    # --- people --------------------------------------------------------------------------------------

    def _move_in(self) -> None:
        number = len(self.people)
        openid = f"openid-{UUID(int=self.dice.getrandbits(128)).hex}"
        _, actor = self._do(
            lambda s: sign_in_person(s, openid, nickname=f"市民{number}", region_code="411502", now=self.now)
        )
        citizen = Citizen(number, actor, openid)
        self.people.append(citizen)
        for source in (*SOURCES, "self"):
            self._agree_to(citizen, source)
        for source in SOURCES[: self.dice.randint(2, 4)]:
            self._bind_to(citizen, source)

    def _somebody(self) -> Citizen:
        return self.dice.choice([one for one in self.people if not one.gone])

    def _agree_to(self, citizen: Citizen, source: str) -> None:
        text = catalogue.consent_texts()[source, catalogue.ACTS_PURPOSE]
        self._do(
            lambda s: consents.agree(
                s, citizen.actor, partner=source, purpose=text.purpose, version=text.version, now=self.now
            )
        )

    def _bind_to(self, citizen: Citizen, source: str) -> None:
        def work(session: Any) -> None:
            code, _ = bindings.issue_code(session, source, citizen.subject(source), now=self.now)
            bindings.bind(session, citizen.actor, code, now=self.now)

        self._do(work)
        citizen.bound.add(source)

    def _agree(self) -> None:
        self._agree_to(self._somebody(), self.dice.choice((*SOURCES, "self")))

    def _bind(self) -> None:
        self._bind_to(self._somebody(), self.dice.choice(SOURCES))

    def _withdraw(self) -> None:
        citizen = self._somebody()

        def work(session: Any) -> None:
            given = session.scalars(
                sa.select(Consent).where(
                    Consent.person_id == citizen.actor.person_id, Consent.withdrawn_at.is_(None)
                )
            ).all()
            if given:
                consents.withdraw(session, citizen.actor, self.dice.choice(given).id, now=self.now)

        self._do(work)

    def _erase(self) -> None:
        """A person is forgotten: the lines and the sums stay, and somebody else moves in."""
        citizen = self._somebody()

        def ask(session: Any) -> None:
            purse = open_purse(session, citizen.actor.holder, now=self.now)
            left = purse.available + sum(purse.pending.values())
            accounts.ask_erasure(session, citizen.actor, forfeit_points=left, now=self.now)

        self._do(ask)
        citizen.gone = True
        self._do(lambda s: accounts.erase(s, citizen.actor.person_id or 0, now=self.now))
        self._move_in()

    # --- acts ----------------------------------------------------------------------------------------

    def _row(self, source: str) -> dict[str, Any]:
        citizen = self.dice.choice(self.people)
        # Within the month mostly; some of the last hour, too old, or not yet.
        ago = self.dice.choice(
            (self.dice.randrange(5, 44_000), self.dice.randrange(5, 44_000), 25, 50_000, -30)
        )
        start = self.now - timedelta(minutes=ago)
        row = {
            "external_id": f"{source}:{self.dice.getrandbits(64):016x}",
            "subject": citizen.subject(source),
            "occurred_at": start.astimezone(CHINA).isoformat(),
        }
        match source:
            case "xinyang-bus":
                row |= {"behaviour": "XI14b"}
                if self.dice.random() < 0.5:
                    row |= {"duration_s": self.dice.choice((300, 900, 1800))}
            case "shared-bike":
                metres = self.dice.choice((150, 900, 2_500, 9_000))
                row |= {"behaviour": "XI18", "distance_m": metres}
                row |= {"duration_s": self.dice.choice((60, 300, 900))}
            case "clean-plate":
                row |= {"behaviour": "SH03"}
            case _:
                row |= {"behaviour": "YO29", "quantity": self.dice.randint(1, 4)}
        return row

    def _push(self) -> None:
        """A partner sends new rows, some again, some altered, some broken, some to be taken back."""
        source = self.dice.choice(SOURCES)
        rows = [self._row(source) for _ in range(self.dice.randint(5, 30))]
        mine = [row for code, row in self.sent if code == source][-60:]
        for row in self.dice.sample(mine, min(len(mine), self.dice.randint(0, 6))):
            match self.dice.randrange(5):
                case 0:
                    changed = self.now - timedelta(minutes=77)
                    rows.append(row | {"occurred_at": changed.astimezone(CHINA).isoformat()})
                case 1:
                    rows.append(
                        {"kind": "reversal", "external_id": row["external_id"], "reason": "乘客已退票"}
                    )
                case _:
                    rows.append(row)
        rows += [{"external_id": "x", "distance_m": -5}, {"subject": 7}][: self.dice.randint(0, 2)]
        self.dice.shuffle(rows)
        answers = self._do(lambda s: inbox.receive(s, source, rows, now=self.now))
        assert [a.external_id for a in answers] == [str(row.get("external_id", "")) for row in rows]
        known = {row["external_id"] for code, row in self.sent if code == source}
        for row, answer in zip(rows, answers, strict=True):
            assert (answer.reason is None) == (answer.result in ("received", "duplicate")), answer
            if answer.result == "received" and "kind" not in row:
                assert row["external_id"] not in known, "a record was received twice"
                self.sent.append((source, row))

    def _work(self) -> None:
        inbox.process_next(self.db, now=self.now, limit=self.dice.choice((5, 200, 200)))

    def _say(self) -> None:
        citizen = self._somebody()
        report = service.ActReport(
            behaviour=self.dice.choice(("SH03", "XI14b")),
            source="self",
            external_id=f"own-{self.dice.randrange(40)}",
            starts_at=self.now - timedelta(minutes=self.dice.choice((5, 30, 300, 2_000))),
        )
        self._do(lambda s: service.report_act(s, citizen.actor, report, now=self.now))

    def _appeal(self) -> None:
        citizen = self._somebody()
        worse = sa.select(Act.id).where(
            Act.holder == citizen.actor.holder, sa.or_(Act.status != "counted", Act.withdrawn_at.is_not(None))
        )
        found = self.db.read(lambda s: s.scalars(worse.order_by(Act.id)).all())
        if not found:
            return
        number = self.dice.choice(found)
        words = {"act_id": number, "words": "我确实坐了这趟车"}
        appeal = self._do(lambda s: appeals.raise_appeal(s, citizen.actor, now=self.now, **words).id)
        accept = self.dice.random() < 0.5
        self._do(
            lambda s: appeals.decide(s, OPERATOR, appeal, accept=accept, answer="已经看过", now=self.now)
        )

    def _correct(self) -> None:
        """Two colleagues take an act or a voucher back."""
        table, kind = self.dice.choice(((Act, "withdraw_act"), (Redemption, "refund")))
        ids = self.db.read(lambda s: s.scalars(sa.select(table.id).order_by(table.id)).all())
        if not ids:
            return
        number = self.dice.choice(ids)
        wish = self._do(
            lambda s: (
                corrections.propose(s, OPERATOR, kind=kind, number=number, note="核对后更正", now=self.now).id
            )
        )
        self._do(
            lambda s: corrections.decide(s, BUREAU, wish, approve=self.dice.random() < 0.7, now=self.now)
        )

    # --- points --------------------------------------------------------------------------------------

    def _family(self) -> None:
        first, second = self.dice.sample([one for one in self.people if not one.gone], 2)
        version = catalogue.consent_texts()["platform", "family"].version

        def work(session: Any) -> None:
            _, invitation = families.create(
                session, first.actor, name="一家人", consent_version=version, now=self.now
            )
            families.join(session, second.actor, invitation.code, consent_version=version, now=self.now)

        self._do(work)

    def _give(self) -> None:
        citizen = self._somebody()

        def work(session: Any) -> None:
            family = families.read(session, citizen.actor, now=self.now)
            others = [one.member.id for one in family.relatives]
            amount = self.dice.randint(1, 30)
            families.give(session, citizen.actor, self.dice.choice(others), amount, now=self.now)

        self._do(work)

    def _buy(self) -> None:
        citizen, offer = self._somebody(), self.dice.choice(("guide", "tea", "soap", "soap", "soap"))
        self._do(lambda s: rewards.redeem(s, citizen.actor, offer, now=self.now))

    def _donate(self) -> None:
        citizen = self._somebody()
        self._do(lambda s: rewards.donate(s, citizen.actor, "camellia-tree", 100, now=self.now))

    def _use(self) -> None:
        """A code is shown at one till or two, at once or hours after, perhaps in another shop."""
        wanted = sa.select(Redemption.voucher_code, Redemption.merchant_code).order_by(Redemption.id)
        codes = self.db.read(lambda s: [tuple(row) for row in s.execute(wanted)])
        if not codes:
            return
        text, merchant = self.dice.choice(codes[-8:])
        right = [shop for shop in self._shops if self._names[shop.organisation_id] == merchant]
        for till in range(self.dice.randint(1, 2)):
            actor = self.dice.choice(right * 2 + self._shops)
            at = self.now - timedelta(hours=self.dice.choice((0, 0, 5)))
            use = shop.Use(text, at, f"till-{till}", at != self.now)
            self._do(lambda s, a=actor, u=use: shop.verify(s, a, [u], (), now=self.now))  # type: ignore[misc]

    def _ask_back(self) -> None:
        citizen = self._somebody()
        mine = self.db.read(
            lambda s: s.scalars(
                sa.select(Redemption.id)
                .where(Redemption.holder == citizen.actor.holder)
                .order_by(Redemption.id)
            ).all()
        )
        if mine:
            self._do(lambda s: refunds.ask(s, citizen.actor, self.dice.choice(mine), now=self.now))

    def _statement(self) -> None:
        merchant = self.dice.choice(sorted(GOODS))
        month = statements.month_of_statement(self.now)
        made = self._do(
            lambda s: statements.prepare(s, OPERATOR, merchant_code=merchant, month=month, now=self.now).code
        )
        approve = self.dice.random() < 0.8
        self._do(lambda s: statements.decide(s, BUREAU, made, approve=approve, note="核对", now=self.now))
        if approve:
            paid = f"T-{made}"
            self._do(lambda s: statements.confirm_payment(s, BANK, made, bank_reference=paid, now=self.now))

    # --- time ----------------------------------------------------------------------------------------

    def _clock(self) -> None:
        self.now += timedelta(
            minutes=self.dice.choice((5, 60, 700, 1_500, 3_000, 3_000, 3_000, 9_000, 45_000))
        )

    def _jobs(self) -> None:
        chores.activate_points(self.db, now=self.now, limit=self.dice.choice((3, 500)))
        chores.expire_points(self.db, now=self.now, limit=self.dice.choice((3, 500)))
        refunds.give_back_due(self.db, now=self.now)
        shop_chores.keep_budgets(self.db, now=self.now)


def _staff(role: str, user_id: int, organisation: int | None = None) -> Actor:
    return Actor(
        role, role, PERMISSIONS[role], region_code="4115", user_id=user_id, organisation_id=organisation
    )


OPERATOR, BUREAU, BANK = _staff("operator", 901), _staff("ecology_bureau", 902), _staff("bank", 903)
