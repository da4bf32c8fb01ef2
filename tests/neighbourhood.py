"""A small platform with citizens, groups and a village office, and the people of a neighbourhood."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask import Flask

from carbon_platform import all_tables, ledger
from carbon_platform.citizens.purse import issued_account, points_account
from carbon_platform.citizens.service import load_reference
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity.rules import PERMISSIONS, Actor
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import Platform, platform

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang, a Sunday
LOT = "2027-12-31"


def prepare(url: str) -> None:
    db = Database(url)
    all_tables.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.dispose()


@dataclass
class Somebody:
    """Somebody signed in; each call opens its own client, so that threads may share one person."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)
    holder: str = ""

    def ask(self, method: str, path: str, **extra: Any) -> Any:
        headers = {**self.headers, **extra.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **extra)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.json
        return answer.json

    def post(self, path: str, body: Any = None, *, key: str = "", **extra: Any) -> Any:
        """The answer of a post, whatever it is."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", path, json=body if body is not None else None, headers=headers, **extra)

    def make(self, path: str, body: Any = None, *, key: str = "", status: int = 201) -> Any:
        """The JSON of a post that has to succeed."""
        answer = self.post(path, body, key=key)
        assert answer.status_code == status, answer.json
        return answer.json

    def version(self, partner: str, purpose: str) -> str:
        found = [row for row in self.get("/citizen/consents")
                 if (row["partner"], row["purpose"]) == (partner, purpose)]  # fmt: skip
        assert found, (partner, purpose)
        return str(found[0]["version"])

    def agree(self, partner: str, purpose: str = "acts") -> int:
        body = {"partner": partner, "purpose": purpose, "version": self.version(partner, purpose)}
        return int(self.make("/citizen/consents", body)["consent_id"])

    def ride(self, record: str, at: str) -> Any:
        body = {"behaviour": "XI14b", "source": "xinyang-bus", "external_id": record, "occurred_at": at}
        return self.make("/acts", body)


@dataclass
class Town:
    """The platform and its people."""

    app: Flask
    clock: dict[str, datetime]
    staff: dict[str, Actor] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return platform(self.app).db

    def person(self, code: str, nickname: str = "", region: str = "411502") -> Somebody:
        answer = self.app.test_client().post(
            "/api/v1/citizen/sessions",
            json={"code": code, "nickname": nickname or code, "region_code": region},
        )
        assert answer.status_code == 201, answer.json
        somebody = Somebody(self.app, {"Authorization": f"Bearer {answer.json['token']}"})
        token = answer.json["token"]
        actor = self.db.read(
            lambda session: platform(self.app).hooks.authenticate(session, token, self.clock["now"])
        )
        somebody.holder = actor.holder
        return somebody

    def colleague(self, name: str, role: str, region: str = "4115", number: int = 0) -> Somebody:
        """A member of staff, without the sign-in that has its own tests. ``number``: 0 takes the next one."""
        user_id = number or len(self.staff) + 1
        token = f"{len(self.staff)}-staff-{'x' * 40}"
        self.staff[token] = Actor(
            name=name, role=role, permissions=PERMISSIONS[role], region_code=region, user_id=user_id
        )
        return Somebody(self.app, {"Authorization": f"Bearer {token}"})

    def give_points(self, holder: str, amount: int, lot: str = LOT) -> None:
        """Points from nowhere, for tests that are about spending them."""
        entry = ledger.Entry(
            reason="act",
            reference=f"test:{holder}:{lot}:{amount}:{self.clock['now'].isoformat()}",
            moves=[ledger.Move(issued_account(lot), points_account(holder, lot), amount)],
            effective_at=None,
            actor_name="test",
        )
        self.db.transact(lambda session: ledger.post(session, entry, self.clock["now"]))

    def available(self, somebody: Somebody) -> int:
        return int(somebody.get("/citizen/points")["available"])

    def clone_acts(self, like: int, rows: list[dict[str, Any]]) -> None:
        """Rows of the book like one that went through the pipeline, for figures over many people.

        ``rows``: holder, day, reduction_g and whatever else differs. Their grams are in no ledger.
        """
        table = Act.__table__

        def work(session: Any) -> None:
            first = dict(session.execute(sa.select(table).where(table.c.id == like)).mappings().one())
            first.pop("id")
            count = session.scalar(sa.select(sa.func.count()).select_from(table))
            made = []
            for number, row in enumerate(rows):
                grams = row["reduction_g"]
                key = f"clone-{count + number}"
                made.append(
                    {
                        **first,
                        "claimed_g": max(grams, first["claimed_g"]),
                        "creditable_g": 0,
                        "record_key": key,
                        "external_id": key,
                        **row,
                    }
                )
            session.execute(sa.insert(table), made)

        self.db.transact(work)


def with_staff(town: Town) -> Platform:
    """The platform whose sign-in also knows the colleagues of :meth:`Town.colleague`."""
    house = platform(town.app)
    usual = house.hooks.authenticate

    def authenticate(session: Any, token: str, now: datetime) -> Any:
        return town.staff.get(token) or usual(session, token, now)

    return dataclasses.replace(house, hooks=dataclasses.replace(house.hooks, authenticate=authenticate))


def invite(town: Town, owner: Somebody, *relatives: Somebody) -> dict[str, Any]:
    """A family of these people; returns it as the owner sees it."""
    made = owner.make(
        "/citizen/family", {"name": "我们家", "consent_version": owner.version("platform", "family")}
    )
    for relative in relatives:
        body = {
            "code": made["invitation"]["code"],
            "consent_version": relative.version("platform", "family"),
        }
        relative.make("/citizen/family/members", body)
    found: dict[str, Any] = owner.get("/citizen/family")
    return found


Make = Callable[..., Somebody]
