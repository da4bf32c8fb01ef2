"""A platform with citizens, staff, a market and a clock that tests move. Nothing here is real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy.orm import Session

from carbon_platform import all_tables, ledger
from carbon_platform.citizens import consents
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.intake import take_in
from carbon_platform.citizens.service import load_reference
from carbon_platform.credits import adoption, approval
from carbon_platform.db import Database
from carbon_platform.identity import service as identity
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

SEPTEMBER = datetime(2026, 9, 1, 0, 0, tzinfo=UTC)  # 08:00 in Xinyang
NOW = datetime(2026, 12, 3, 4, 0, tzinfo=UTC)  # September's window is closed
PASSWORD = "a long enough password"
METHODOLOGY = "low_carbon_acts_v1"
USERS = {  # user name → role, organisation
    "operator": ("operator", "operator"),
    "colleague": ("operator", "operator"),
    "verifier": ("verifier", "verifier"),
    "ecology": ("ecology_bureau", None),
    "authority": ("authority", None),
    "director": ("authority", None),
    "alpha": ("enterprise", "alpha"),
    "bank": ("bank", "bank"),
    "dingxin": ("dingxin", "dingxin"),
    "auditor": ("auditor", None),
}


def prepare(url: str) -> None:
    """Tables, triggers, reference data and staff. For ``fresh_database(engine_name, prepare)``."""
    db = Database(url)
    all_tables.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.transact(_staff)
    db.dispose()


def _staff(session: Session) -> None:
    kinds = sorted({kind for _, kind in USERS.values() if kind})
    organisations = {
        kind: identity.add_organisation(
            session, SYSTEM, name_zh=f"{kind}（测试）", kind=kind, region_code="4115", now=SEPTEMBER
        )
        for kind in kinds
    }
    for username, (role, kind) in USERS.items():
        identity.add_user(
            session, SYSTEM, username=username, password=PASSWORD, display_name=f"{username} 经办",
            role=role, region_code="4115", now=SEPTEMBER,
            organisation_id=organisations[kind].id if kind else None,
        )  # fmt: skip


@dataclass
class World:
    """``world.as_("operator").post("/bundles", {...})`` at the hour ``world.clock["now"]``."""

    app: Flask
    clock: dict[str, datetime]
    actors: dict[str, Actor] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return platform(self.app).db

    @property
    def now(self) -> datetime:
        return self.clock["now"]

    def at(self, moment: datetime) -> None:
        self.clock["now"] = moment

    def as_(self, who: str) -> Desk:
        """Staff by user name, citizens by nickname; signed in now."""
        if who in USERS:
            found = self.db.transact(lambda s: identity.sign_in(s, who, matches=True, now=self.now))
            assert found
            return Desk(self.app, found[0], found[1])
        token, actor = self.db.transact(
            lambda s: identity.sign_in_person(s, who, nickname=who, region_code="411502", now=self.now)
        )
        self.actors[who] = actor
        return Desk(self.app, token, actor)

    def citizens(self, names: Sequence[str], *, bundle: bool = True, county: str = "411502") -> list[Actor]:
        """Open accounts that agree to the bus, and to be bundled if asked."""

        def work(session: Session) -> list[Actor]:
            made = []
            for name in names:
                _, actor = identity.sign_in_person(
                    session, name, nickname=name, region_code=county, now=self.now
                )
                purposes = [("xinyang-bus", "acts"), *([("platform", "bundle")] if bundle else [])]
                for partner, purpose in purposes:
                    text = consents.catalogue.consent_texts()[partner, purpose]
                    consents.agree(
                        session, actor, partner=partner, purpose=purpose, version=text.version, now=self.now
                    )
                made.append(actor)
            return made

        people = self.db.transact(work)
        self.actors |= {actor.name: actor for actor in people}
        return people

    def rides(self, people: Sequence[Actor], *, days: int, metres: int = 90_000, name: str = "") -> list[int]:
        """One ride of 90 km a day for each person on the days before now; numbers of the acts."""
        claims = [
            Claim(
                holder=actor.holder,
                source="xinyang-bus",
                external_id=f"{name or uuid4().hex}-{actor.holder}-{day}",
                behaviour="XI14",
                starts_at=self.now - timedelta(days=day, hours=3),
                distance_m=metres,
                duration_s=7_200,
                region_code=actor.region_code,
            )
            for day in range(days)
            for actor in people
        ]
        taken = self.db.transact(lambda s: take_in(s, claims, now=self.now))
        assert all(one.error is None for one in taken), next(one.error for one in taken if one.error)
        return [int(one.act_id or 0) for one in taken]

    def adopt(self) -> None:
        """The authority's demo sign-off of today's parameters, by two people."""
        signer, second = self.as_("authority").actor, self.as_("director").actor

        def work(session: Session) -> None:
            digest = approval.present_digest(METHODOLOGY, now=self.now)
            row = adoption.propose(
                session, signer, methodology_key=METHODOLOGY, parameter_digest=digest,
                document_number="演示〔2026〕1号", document_title="采纳（演示）",
                signed_on=self.now.date(), is_demo=True, now=self.now,
            )  # fmt: skip
            adoption.decide(session, second, row.id, decision="approve", note="", now=self.now)

        self.db.transact(work)

    def issued(self) -> dict[str, Any]:
        """September's rides of twenty people as an issued batch of one whole tonne."""
        self.at(SEPTEMBER)
        people = self.citizens([f"乘客{number}" for number in range(20)])
        self.at(SEPTEMBER + timedelta(days=20, hours=4))
        self.rides(people, days=20)
        self.at(NOW)
        self.adopt()
        operator = self.as_("operator")
        window = {"starts_on": "2026-09-01", "ends_on": "2026-10-01"}
        code = operator.post("/bundles", window).json["code"]
        self.review(operator.post(f"/bundles/{code}/application").json["run_code"])
        bundle: dict[str, Any] = operator.post(f"/bundles/{code}/issuance").json
        assert bundle["state"] == "issued", bundle
        return bundle

    def listed(self, *, fen_per_t: int = 8_000) -> tuple[dict[str, Any], int]:
        """The issued bundle and the number of its listing on the market."""
        bundle = self.issued()
        body = {"batch": bundle["batch_code"], "quantity_kg": 1_000, "price_fen_per_t": fen_per_t}
        answer = self.as_("operator").post("/listings", body)
        assert answer.status_code == 201, answer.json
        return bundle, answer.json["id"]

    def stocked(self, *, fen_per_t: int = 8_000) -> dict[str, Any]:
        """A tonne bought for citizens with money the bank has confirmed; the lot."""
        _, listing = self.listed(fen_per_t=fen_per_t)
        account = self.as_("operator").post("/inclusion/offset-account").json
        body = {"organisation_id": account["organisation_id"], "amount_fen": 100_000, "bank_reference": "B1"}
        assert self.as_("bank").post("/cash-deposits", body).status_code == 201
        lot = self.as_("operator").post("/inclusion/offset-lots", {"listing": listing, "quantity_kg": 1_000})
        assert lot.status_code == 201, lot.json
        made: dict[str, Any] = lot.json
        return made

    def review(self, run: str) -> None:
        """The verifier and then the bureau confirm a run."""
        for who in ("verifier", "ecology"):
            answer = self.as_(who).post(f"/runs/{run}/reviews", {"decision": "confirm"})
            assert answer.status_code < 300, answer.json


@dataclass
class Desk:
    """Somebody signed in."""

    app: Flask
    token: str
    actor: Actor

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str) -> Any:
        return self.app.test_client().get(f"/api/v1{path}", headers=self.headers)

    def post(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> Any:
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex}
        return self.app.test_client().post(f"/api/v1{path}", json=body or {}, headers=headers)

    def delete(self, path: str) -> Any:
        return self.app.test_client().delete(f"/api/v1{path}", headers=self.headers)
