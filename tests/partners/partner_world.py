"""A bus company that signs its requests, citizens who bind their ride codes, and staff who run scenes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from carbon_platform import all_tables, ledger
from carbon_platform.citizens.inbox import process_next
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.citizens.service import load_reference
from carbon_platform.db import Database
from carbon_platform.identity.append_only import audit_ddl
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.sealing import keyring_of
from carbon_platform.identity.service import add_organisation, add_user
from carbon_platform.partners import keys
from carbon_platform.partners.rules import SHA256
from carbon_platform.partners.signed import signature_headers
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang
PASSWORD = "a-long-enough-password"
BUS = "xinyang-bus"
STAFF = {"operator": None, "ecology_bureau": None, "scene_operator": "信阳公交", "auditor": None}
# For tests in which the database does not matter.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])
_nonces = itertools.count()


def prepare(url: str) -> None:
    """Tables, regions, scenes; one log-in per role, the scene operator's company runs the bus scene."""
    db = Database(url)
    all_tables.metadata.create_all(db.engine)
    name = db.engine.dialect.name
    with db.engine.begin() as connection:
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name), *audit_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.transact(_staff)
    db.dispose()


def _staff(session: Any) -> None:
    bus = add_organisation(session, SYSTEM, name_zh="信阳公交", kind="partner", region_code="4115", now=NOW)
    session.get(Scene, BUS).organisation_id = bus.id
    for role, company in STAFF.items():
        add_user(
            session, SYSTEM, username=role, password=PASSWORD, display_name=role, role=role,
            region_code="4115", organisation_id=bus.id if company else None, now=NOW,
        )  # fmt: skip


@dataclass
class Caller:
    """Somebody with a session: a citizen or a member of staff."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **extra: Any) -> Any:
        return self.app.test_client().get(f"/api/v1{path}", headers=self.headers, **extra)

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.app.test_client().post(f"/api/v1{path}", json=body, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.app.test_client().delete(f"/api/v1{path}", headers=self.headers)

    def agree(self, *partners: str) -> Caller:
        current = {text["partner"]: text["version"] for text in self.get("/citizen/consents").json}
        for partner in partners:
            answer = self.post("/citizen/consents", {"partner": partner, "version": current[partner]})
            assert answer.status_code == 201, answer.json
        return self


@dataclass
class Bus:
    """The partner's server: signs whatever it sends. Its clock is the platform's, but for ``skew``."""

    app: Flask
    key_id: str
    secret: str
    clock: dict[str, datetime]
    algorithm: str = SHA256
    skew: timedelta = timedelta()

    def headers(
        self, method: str, path: str, body: bytes, *, query: str = "", nonce: str = ""
    ) -> dict[str, str]:
        return signature_headers(
            key_id=self.key_id, secret=self.secret, method=method, path=path, body=body, query=query,
            at=self.clock["now"] + self.skew, nonce=f"nonce-{next(_nonces):016d}",
            algorithm=self.algorithm,
        )  # fmt: skip

    def send(self, path: str, body: bytes, content_type: str = "application/x-ndjson") -> Any:
        full = f"/api/v1/partner/{path}"
        headers = self.headers("POST", full, body)
        return self.app.test_client().post(full, data=body, headers=headers, content_type=content_type)

    def push(self, rows: Iterable[Any], path: str = "acts") -> Any:
        return self.send(path, ndjson(rows))

    def code_for(self, subject: str) -> str:
        answer = self.send("bindings", json.dumps({"subject": subject}).encode(), "application/json")
        assert answer.status_code == 201, answer.json
        return str(answer.json["code"])


def ndjson(rows: Iterable[Any]) -> bytes:
    """Rows as lines; what is text already stays as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    return "\n".join(lines).encode()


def ride(number: int, subject: str = "c-1", at: str = "", **more: Any) -> dict[str, Any]:
    """A ride; each number has its own quarter of an hour of the morning of 21 November."""
    minutes = number * 15
    at = at or f"2026-11-21T{6 + minutes // 60 % 16:02d}:{minutes % 60:02d}:00+08:00"
    return {"external_id": f"r-{number}", "subject": subject, "behaviour": "XI14b", "occurred_at": at, **more}


def make_bus(app: Flask, clock: dict[str, datetime], code: str = BUS) -> Bus:
    """A partner with a fresh key."""
    house = platform(app)

    def work(session: Any) -> keys.NewKey:
        scene = session.get(Scene, code)
        return keys.make_key(session, SYSTEM, scene, keyring_of(house.settings), now=clock["now"])

    made = house.db.transact(work)
    return Bus(app, made.key.key_id, made.secret, clock)


def settle(db: Database, now: datetime = NOW) -> int:
    """Let the worker take in everything that waits; returns how many rows."""
    rows = 0
    while done := process_next(db, now=now).rows:
        rows += done
    return rows
