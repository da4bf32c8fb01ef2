"""A seeded walk: people with several WeChat accounts and changing phones merge, close, come back, delete.

After every step nothing is lost: grams and points are those of the acts, a number belongs to one account,
and an account that ended in another has nothing left.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import Citizen
from flask import Flask

from carbon_platform import ledger
from carbon_platform.citizens import privacy, targets
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity import persons
from carbon_platform.identity.tables import Consent, LoginSession, Person, PersonIdentity

STEPS = 45
WECHATS = ["甲", "乙", "丙", "丁"]
PHONES = ["13800000001", "13800000002"]


class Walk:
    """What a few people do. ``owner``: whose number it is, by account number, as the answers said."""

    def __init__(self, app: Flask, db: Database, clock: dict[str, datetime], seed: int) -> None:
        self.app, self.db, self.clock = app, db, clock
        self.random = random.Random(seed)
        self.owner: dict[str, int] = {}
        self.done: dict[str, int] = {}

    def enter(self, wechat: str) -> Citizen:
        answer = self.app.test_client().post(
            "/api/v1/citizen/sessions",
            json={"code": wechat, "nickname": wechat, "region_code": "411502", "reopen": True},
        )
        assert answer.status_code == 201, answer.json
        return Citizen(self.app, {"Authorization": f"Bearer {answer.json['token']}"})

    def step(self, number: int) -> None:
        self.clock["now"] += timedelta(minutes=self.random.choice([2, 2, 5, 1_500]))
        who = self.enter(self.random.choice(WECHATS))
        weights = {"ride": 5, "phone": 4, "answer": 6, "close": 1, "delete": 1}
        kind = self.random.choices(list(weights), list(weights.values()))[0]
        if getattr(self, kind)(who, number):
            self.done[kind] = self.done.get(kind, 0) + 1
        privacy.erase_due(self.db, now=self.clock["now"])

    def ride(self, who: Citizen, number: int) -> bool:
        who.agree("xinyang-bus")
        at = (self.clock["now"] - timedelta(minutes=self.random.randint(30, 600))).isoformat()
        return bool(who.ride(f"walk-{number}", at).status_code == 201)

    def phone(self, who: Citizen, number: int) -> bool:
        phone = self.random.choice(PHONES)
        asked = who.post("/citizen/account/phone", {"phone": phone})
        if asked.status_code == 429:
            return False
        body = {"phone": phone, "code": asked.json["demo_code"]}
        said = who.post("/citizen/account/phone/confirmation", body).json
        mine = said["account"]["number"]
        assert said["confirmed"] == (self.owner.get(phone) in (None, mine)), (phone, self.owner, said)
        if said["confirmed"]:
            self._took(phone, mine)
        return True

    def _took(self, phone: str, account: int) -> None:
        self.owner = {known: owner for known, owner in self.owner.items() if owner != account}
        self.owner[phone] = account

    def answer(self, who: Citizen, number: int) -> bool:
        """Somebody with an open offer, whoever it is, answers it."""
        waiting = []
        for wechat in WECHATS:
            who = self.enter(wechat)
            account = who.get("/citizen/account").json
            waiting += [(who, account["number"], offer) for offer in account["merge_offers"]]
        if not waiting:
            return False
        who, mine, offer = self.random.choice(waiting)
        asking = offer["role"] == "asking"
        choice = ["merge"] if offer["can_merge"] else ["merge", "merge", "merge", "move"]
        action = self.random.choice(choice) if asking else "agree"
        done = who.post("/citizen/account/merge", {"offer": offer["id"], "action": action})
        assert done.status_code in (200, 409), done.json
        if done.status_code == 200 and asking:
            self._after(mine, done.json["account"])
            self.done[action] = self.done.get(action, 0) + 1
        return bool(done.status_code == 200)

    def _after(self, mine: int, account: dict[str, Any]) -> None:
        """Whose numbers are whose now: read from the table, checked against what the account shows."""
        held = self.holders_of_phones()
        gone = {phone for phone, owner in self.owner.items() if owner != held.get(phone)}
        assert all(held.get(phone) in (None, mine) for phone in gone)
        self.owner = held
        shown = [phone for phone, owner in held.items() if owner == mine]
        assert account["phone_masked"] == (f"{shown[0][:3]}****{shown[0][-4:]}" if shown else "")

    def holders_of_phones(self) -> dict[str, int]:
        def work(session: Any) -> dict[str, int]:
            found = {phone: persons.find_by_phone(session, phone) for phone in PHONES}
            return {phone: person.id for phone, person in found.items() if person}

        return self.db.read(work)

    def close(self, who: Citizen, number: int) -> bool:
        return bool(who.post("/citizen/account/closure", {}).status_code == 200)

    def delete(self, who: Citizen, number: int) -> bool:
        points = who.get("/citizen/points").json
        left = points["available"] + points["pending"]
        answer = self.app.test_client().delete(
            "/api/v1/citizen/account", json={"forfeit_points": left}, headers=who.headers
        )
        assert answer.status_code == 202, answer.json
        if self.random.random() < 0.5:
            self.clock["now"] += timedelta(days=8)
            privacy.erase_due(self.db, now=self.clock["now"])
            self.owner = self.holders_of_phones()
        return True

    def check(self) -> None:
        self.db.read(self._check)
        assert self.holders_of_phones() == self.owner

    def _check(self, session: Any) -> None:
        grams, points = sa.func.sum(Act.reduction_g), sa.func.sum(Act.points)
        acts = [total or 0 for total in session.execute(sa.select(grams, points)).one()]

        def posted(*roles: str) -> int:
            return sum(total.posted for role in roles for total in ledger.totals(session, role=role))

        assert posted(ledger.BOOK) == acts[0]
        assert posted(ledger.POINTS, ledger.POINTS_PENDING, ledger.POINTS_EXPIRED) == acts[1]
        people = {person.holder: person for person in session.scalars(sa.select(Person))}
        for holder in session.scalars(sa.select(Act.holder).distinct()):
            assert people[holder].state != "merged"
        for person in people.values():
            balances = [row.balance.posted for row in ledger.balances(session, person.holder)]
            if person.state == "merged":
                assert set(balances) <= {0}
                assert session.get(Person, person.merged_into_id).merged_into_id is None
            if person.state in ("merged", "deleted"):
                assert session.get(PersonIdentity, person.id) is None
            if person.state != "open":
                mine = Consent.person_id == person.id, Consent.withdrawn_at.is_(None)
                in_force = session.scalars(sa.select(Consent.id).where(*mine)).all()
                mine = LoginSession.person_id == person.id, LoginSession.ended_at.is_(None)
                signed_in = session.scalars(sa.select(LoginSession.id).where(*mine)).all()
                assert not in_force and not signed_in


@pytest.mark.parametrize("seed", [3])
@pytest.mark.usefixtures("verified")
def test_nothing_is_lost_on_the_way(app: Flask, db: Database, clock: dict[str, datetime], seed: int) -> None:
    walk = Walk(app, db, clock, seed)
    for number in range(STEPS):
        walk.step(number)
        walk.check()
    assert {"ride", "phone", "merge", "delete"} <= set(walk.done), walk.done
    opened = db.read(lambda s: s.scalar(sa.select(sa.func.count()).where(Person.state == "open")))
    assert db.transact(lambda s: targets.count(s, now=clock["now"])) == opened
