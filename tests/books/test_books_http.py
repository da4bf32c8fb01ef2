"""Statements, reconciliation and freezes through HTTP, on both engines; the page in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

import carbon_platform.all_tables  # noqa: F401 — every table, for create_all
from carbon_platform import jobs, ledger
from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.db import Base, Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation, add_user, sign_in
from carbon_platform.identity.tables import AuditRecord, Organisation
from carbon_platform.ledger import AccountKey, Asset, Entry, Move
from carbon_platform.web import platform

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOT = "XY-GS-2025"
USERS = {"alpha": "enterprise", "auditor": "auditor", "second": "auditor", "admin": "administrator"}


def prepare_books(url: str) -> None:
    """Tables, triggers, four log-ins; an enterprise with money and credits, a person with a share."""
    db = Database(url)
    with db.engine.begin() as connection:
        Base.metadata.create_all(connection)
        name = connection.dialect.name
        for statement in ledger.append_only_ddl(name) + ledger.posting_ddl(name):
            connection.exec_driver_sql(statement)
    db.transact(_people)
    db.transact(_books)
    db.dispose()


def _people(session: Session) -> None:
    for key in ("alpha", "beta"):
        where = {"kind": "enterprise", "region_code": "4115", "now": NOW}
        add_organisation(session, SYSTEM, name_zh=f"某{key}公司（测试）", **where)
    first = session.scalars(sa.select(Organisation).order_by(Organisation.id)).first()
    assert first is not None
    for username, role in USERS.items():
        add_user(
            session,
            SYSTEM,
            username=username,
            password="a long enough password",
            display_name="王敏",
            role=role,
            region_code="4115",
            now=NOW,
            organisation_id=first.id if role == "enterprise" else None,
        )


def _books(session: Session) -> None:
    alpha, beta = (one.holder for one in session.scalars(sa.select(Organisation).order_by(Organisation.id)))
    bank = AccountKey(ledger.BANK, ledger.PLATFORM, Asset.CNY)
    issuance = AccountKey(ledger.ISSUANCE, ledger.PLATFORM, Asset.CREDIT, LOT)
    cash = {who: AccountKey(ledger.CASH, who, Asset.CNY) for who in (alpha, beta)}
    share = AccountKey(ledger.PAYABLE, "person-7", Asset.CNY)
    moves = [
        (Move(bank, cash[alpha], 1_000), -3 * HOUR),
        (Move(cash[alpha], cash[beta], 300), -2 * HOUR),
        (Move(cash[alpha], share, 50), -HOUR),
        (Move(issuance, AccountKey(ledger.HOLDING, alpha, Asset.CREDIT, LOT), 5_000), -HOUR),
    ]
    for number, (move, ago) in enumerate(moves):
        ledger.post(session, Entry("test", f"e{number}", [move], NOW + ago, "王敏"), NOW + ago)


@dataclass
class World:
    app: Flask
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        return platform(self.app).db

    def call(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        if who not in self.tokens:
            signed_in = self.db.transact(lambda s: sign_in(s, who, matches=True, now=NOW))
            assert signed_in
            self.tokens[who] = signed_in[0]
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return self.app.test_client().open(
            path, method=method, json=body, headers=headers, query_string=query
        )

    def get(self, who: str, path: str, **query: Any) -> Any:
        answer = self.call(who, "GET", f"/api/v1/ledger{path}", **query)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def refused(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        answer = self.call(who, method, f"/api/v1/ledger{path}", body, **query)
        return answer.status_code, answer.get_json()["code"]


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare_books))
    world = World(create_app(settings, clock=lambda: NOW))
    yield world
    world.db.dispose()


def test_a_statement_of_a_period(world: World) -> None:
    found = world.get("alpha", "/statement", role="cash", limit=1)
    assert (found["unit"], found["opening"], found["closing"]) == ("fen", None, None)
    [last] = found["lines"]
    # A person on the other side is not named.
    assert (last["amount"], last["counterparty_role"], last["counterparty"]) == (-50, "payable", None)
    assert "person-7" not in str(found)
    rest = world.get("alpha", "/statement", role="cash", before=found["next_before"])
    assert [(line["amount"], line["counterparty"]) for line in rest["lines"]] == [
        (-300, "某beta公司（测试）"), (1_000, None)
    ]  # fmt: skip
    for by in ("effective", "recorded"):
        period = {"since": (NOW - 2 * HOUR).isoformat(), "until": (NOW - HOUR).isoformat(), "by": by}
        found = world.get("alpha", "/statement", role="cash", **period)
        assert (found["opening"], found["closing"]) == (1_000, 700)
        assert [line["amount"] for line in found["lines"]] == [-300]
    found = world.get("alpha", "/statement", role="holding", lot=LOT, since=NOW.isoformat())
    assert (found["unit"], found["opening"], found["closing"], found["lines"]) == ("kg", 5_000, 5_000, [])


INVALID = (422, "platform.invalid_input")
NO_STATEMENT: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("alpha", {}, INVALID),
    ("alpha", {"role": "bank"}, INVALID),
    ("alpha", {"role": "holding"}, INVALID),
    ("alpha", {"role": "cash", "lot": LOT}, INVALID),
    ("alpha", {"role": "cash", "by": "x"}, INVALID),
    ("alpha", {"role": "cash", "since": "0001-01-01T00:00:00Z"}, INVALID),
    ("alpha", {"role": "cash", "until": "9999-12-31T23:59:59-12:00"}, INVALID),
    ("alpha", {"role": "cash", "since": "2026-11-22T00:00:00"}, INVALID),
    ("alpha", {"role": "cash", "since": "2026-11-22T00:00:00Z", "until": "2026-11-22T00:00:00Z"}, INVALID),
    ("auditor", {"role": "cash"}, (409, "books.no_organisation")),
    ("admin", {"role": "cash"}, (403, "identity.not_allowed")),
]


def test_what_is_no_statement(world: World) -> None:
    for who, query, refusal in NO_STATEMENT:
        assert world.refused(who, "GET", "/statement", **query) == refusal, query


def damage(world: World) -> None:
    with world.db.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE ledger_balance SET posted = posted + 1 WHERE account_id ="
            " (SELECT id FROM ledger_account WHERE holder = 'person-7')"
        )


def test_the_nightly_job_alarms_and_a_second_person_lifts(world: World) -> None:
    house = platform(world.app)
    assert world.get("auditor", "/reconciliation") == {"last": None, "frozen": [], "lifted": []}
    assert jobs.reconcile_ledger(house)[0] == "ok"
    damage(world)
    outcome, detail = jobs.reconcile_ledger(house)
    assert outcome == "alarm" and "is not the sum of its transfers" in detail
    found = world.get("admin", "/reconciliation")
    assert not found["last"]["ok"]
    wrong = {check["name"]: check["wrong"] for check in found["last"]["checks"] if check["wrong"]}
    assert wrong == {"balances": 1, "sums": 1}
    [frozen] = found["frozen"]
    assert (frozen["role"], frozen["holder"], frozen["frozen_by"]) == ("payable", "person-7", ledger.NIGHTLY)
    lift = f"/freezes/{frozen['freeze_id']}/lift"
    for body in ({}, {"note": "x"}, {"note": 5}):
        assert world.refused("auditor", "POST", lift, body) == (422, "platform.invalid_input")
    assert world.refused("alpha", "POST", lift, {"note": "查清了"}) == (403, "identity.not_allowed")
    answer = world.call("auditor", "POST", f"/api/v1/ledger{lift}", {"note": "查清了"})
    assert (answer.status_code, answer.get_json()["note"]) == (200, "查清了")
    assert world.refused("auditor", "POST", lift, {"note": "查清了"}) == (409, "ledger.freeze_lifted")
    found = world.get("auditor", "/reconciliation")
    assert (found["frozen"], [one["freeze_id"] for one in found["lifted"]]) == ([], [frozen["freeze_id"]])
    actions = world.db.read(lambda s: s.scalars(sa.select(AuditRecord.action)).all())
    assert actions.count("ledger.lift") == 1


def test_who_freezes_by_hand_does_not_lift(world: World) -> None:
    body = {"lot": LOT, "reason": "举报，待查"}
    answer = world.call("auditor", "POST", "/api/v1/ledger/freezes", body)
    assert answer.status_code == 201, answer.text
    [frozen] = answer.get_json()["frozen"]
    assert (frozen["lot"], frozen["role"], frozen["frozen_by"]) == (LOT, None, "王敏（2）")
    again = world.call("auditor", "POST", "/api/v1/ledger/freezes", body)
    assert (again.status_code, again.get_json()) == (201, {"frozen": []})
    lift = f"/freezes/{frozen['freeze_id']}/lift"
    assert world.refused("auditor", "POST", lift, {"note": "没事了"}) == (422, "ledger.lift_refused")
    # Another log-in with the same display name is another person.
    assert world.call("second", "POST", f"/api/v1/ledger{lift}", {"note": "没事了"}).status_code == 200
    account = {"role": "payable", "holder": "person-7"}
    answer = world.call("admin", "POST", "/api/v1/ledger/freezes", {"account": account, "reason": "待查"})
    assert [one["holder"] for one in answer.get_json()["frozen"]] == ["person-7"]


def test_what_cannot_be_frozen(world: World) -> None:
    account = {"role": "cash", "holder": "nobody"}
    for body, refusal in (
        ({"reason": "待查"}, INVALID),
        ({"lot": LOT}, INVALID),
        ({"account": account, "lot": LOT, "reason": "待查"}, INVALID),
        ({"lot": "nowhere", "reason": "待查"}, (404, "ledger.lot_not_found")),
        ({"account": account, "reason": "待查"}, (404, "ledger.account_not_found")),
    ):
        assert world.refused("auditor", "POST", "/freezes", body) == refusal, body


def test_the_page(world: World) -> None:
    assert "还没有核对过" in world.call("auditor", "GET", "/reconciliation").text
    jobs.reconcile_ledger(platform(world.app))
    html = world.call("admin", "GET", "/reconciliation").text
    assert "全部相符" in html and "没有暂停的账户或批次" in html
    damage(world)
    jobs.reconcile_ledger(platform(world.app))
    html = world.call("auditor", "GET", "/reconciliation").text
    assert "2 项不符" in html and "应付分成 person-7" in html and "每夜核对" in html
    assert 'data-api="POST /api/v1/ledger/freezes/1/lift"' in html
    assert world.call("alpha", "GET", "/reconciliation").status_code == 403


def test_the_jobs_take_snapshots_and_roll_up(world: World) -> None:
    house = platform(world.app)
    for _ in range(2):
        assert jobs.roll_up_ledger(house)[0] == jobs.take_ledger_snapshot(house)[0] == "ok"
    with world.db.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM ledger_snapshot").scalar_one()
        rolled = connection.exec_driver_sql("SELECT count(*) FROM ledger_rollup").scalar_one()
    assert (rows, rolled) == (6, 2)
    assert jobs.reconcile_ledger(house)[0] == "ok"


def test_the_commands_say_what_differs(world: World) -> None:
    run = world.app.test_cli_runner().invoke
    assert run(args=["ledger", "reconcile"]).exit_code == 0
    jobs.roll_up_ledger(platform(world.app))
    jobs.roll_up_ledger(platform(world.app))
    with world.db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_rollup SET posted = posted + 1")
    found = run(args=["ledger", "reconcile"])
    assert found.exit_code == 1 and "rebuild the rollups" in found.output
    assert world.get("auditor", "/reconciliation")["frozen"] == []
    assert "2 rollups made again" in run(args=["ledger", "rebuild-rollups"]).output
    assert run(args=["ledger", "reconcile"]).exit_code == 0
