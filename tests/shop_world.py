"""A small platform with merchants: a museum, a convenience store and planters, their shops, and citizens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask

from carbon_platform import all_tables, ledger
from carbon_platform.citizens.purse import issued_account, points_account
from carbon_platform.citizens.reward_rules import month_of
from carbon_platform.citizens.service import load_reference
from carbon_platform.citizens.tables import Reward, RewardBudget
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation, add_user, sign_in, sign_in_person
from carbon_platform.merchants import service
from carbon_platform.merchants.fund import bank_account, sponsor_account
from carbon_platform.merchants.schemas import OfferIn
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # ten in the morning in Xinyang, a Monday
PASSWORD = "a-long-enough-password"
STAFF = {
    "operator": ("经办", "operator", ""),
    "bureau": ("环境局", "ecology_bureau", ""),
    "second": ("经办乙", "operator", ""),
    "bank": ("银行", "bank", ""),
    "museum-1": ("博物馆一号机", "merchant", "信阳博物馆（演示）"),
    "store-1": ("便利店", "merchant", "碳普惠便利店（演示）"),
    "nobody": ("没有挂靠", "merchant", ""),
}
SHOPS = {"museum": "信阳博物馆（演示）", "store": "碳普惠便利店（演示）", "planters": "植树队（演示）"}
SPONSOR = "city"
LOT = "2027-12-31"
BUDGET = 100_000


def terms(name: str, price: int, fen: int, stock: int = 100, **more: Any) -> dict[str, Any]:
    common = {"name_zh": f"{name}（演示）", "name_en": name, "source": "测试"}
    return common | {"code": name, "price_points": price, "value_fen": fen, "stock": stock} | more


GOODS = {
    "museum": [terms("guide", 60, 300, topup_fen=200, person_month_limit=5)],
    "store": [terms("tea", 100, 500), terms("soap", 20, 100)],
    "planters": [terms("camellia-tree", 100, 150, stock=0)],
}


def prepare_now(url: str) -> None:
    """As :func:`prepare`, on the machine's own day: for a browser, whose clock is that."""
    prepare(url, datetime.now(UTC))


def prepare(url: str, now: datetime = NOW) -> None:
    db = Database(url)
    all_tables.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.transact(lambda session: _people(session, now))
    db.transact(lambda session: _open_shops(session, now))
    db.dispose()


def _people(session: Any, now: datetime) -> None:
    organisations = {
        name: add_organisation(
            session, SYSTEM, name_zh=name, kind="merchant", region_code="411502", now=now
        ).id
        for name in SHOPS.values()
    }
    for username, (name, role, organisation) in STAFF.items():
        add_user(
            session, SYSTEM, username=username, password=PASSWORD, display_name=name, role=role,
            region_code="4115", organisation_id=organisations.get(organisation), now=now,
        )  # fmt: skip


@dataclass
class Caller:
    """Somebody signed in; each call opens its own client, so that threads may share one caller."""

    app: Flask
    headers: dict[str, str] = field(default_factory=dict)
    holder: str = ""

    def get(self, path: str) -> Any:
        return self.app.test_client().get(f"/api/v1{path}", headers=self.headers)

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        headers = self.headers | {"Idempotency-Key": key or uuid4().hex}
        return self.app.test_client().post(f"/api/v1{path}", json=body, headers=headers)

    def patch(self, path: str, body: Any) -> Any:
        return self.app.test_client().patch(f"/api/v1{path}", json=body, headers=self.headers)

    def points(self) -> int:
        return int(self.get("/citizen/points").json["available"])

    def redeem(self, reward: str, key: str = "") -> Any:
        return self.post("/citizen/redemptions", {"reward": reward}, key)

    def use(self, *texts: str, device: str = "till-0001", **more: Any) -> Any:
        """Hand codes in as a shop does."""
        rows = [{"code": text, "device": device, **more} for text in texts]
        return self.post("/shop/verifications", {"rows": rows})

    def use_one(self, text: str, **more: Any) -> dict[str, Any]:
        answer = self.use(text, **more)
        assert answer.status_code == 200, answer.json
        return dict(answer.json["rows"][0])


def staff(app: Flask, username: str) -> Caller:
    """A colleague or a shop, signed in without the slow check of a password."""
    house = platform(app)

    def work(session: Any) -> str:
        signed = sign_in(session, username, matches=True, now=house.clock())
        assert signed is not None
        return signed[0]

    return Caller(app, {"Authorization": f"Bearer {house.db.transact(work)}"})


def citizen(app: Flask, name: str, points: int) -> Caller:
    """Somebody with so many points of one lot, and a day to spend them."""
    house = platform(app)

    def work(session: Any) -> Caller:
        token, actor = sign_in_person(
            session, f"openid-{name}", nickname=name, region_code="411502", now=house.clock()
        )
        if points:
            give(session, actor.holder, points, house.clock())
        return Caller(app, {"Authorization": f"Bearer {token}"}, actor.holder)

    return house.db.transact(work)


def give(session: Any, holder: str, points: int, now: datetime, lot: str = LOT) -> None:
    moves = [ledger.Move(issued_account(lot), points_account(holder, lot), points)]
    session.info["given"] = session.info.get("given", 0) + points
    ledger.post(session, ledger.Entry("gift", f"gift:{uuid4().hex}", moves, None, "test"), now)


def iso(moment: datetime) -> str:
    return moment.isoformat()


def _open_shops(session: Any, now: datetime) -> None:
    """Three merchants with a budget for this month, and what they offer."""
    moves = [ledger.Move(bank_account(), sponsor_account(SPONSOR), 1_000_000)]
    ledger.post(session, ledger.Entry("sponsorship", "pay-in", moves, None, "test"), now)
    common = {"name_en": "", "address_zh": "", "scene_code": "", "status": "illustrative", "source": "测试"}
    common |= {"sponsor_code": SPONSOR, "month_budget_fen": BUDGET, "offline_hours": 24}
    kinds = {"museum": "culture", "store": "store", "planters": "donation"}
    for code, kind in kinds.items():
        organisation = add_organisation(
            session, SYSTEM, name_zh=SHOPS[code], kind="merchant", region_code="411502", now=now
        )
        service.add_merchant(
            session, SYSTEM, now=now, code=code, kind=kind, name_zh=SHOPS[code],
            organisation_id=organisation.id, **common,
        )  # fmt: skip
        service.set_budget(session, SYSTEM, code, month=month_of(now), limit_fen=BUDGET, now=now)
    for code, rows in GOODS.items():
        for row in rows:
            service.add_offer(session, SYSTEM, code, OfferIn().load(row), now=now)


def later(clock: dict[str, datetime], **step: int) -> datetime:
    clock["now"] += timedelta(**step)
    return clock["now"]


def budget(db: Database, merchant: str = "museum", month: str = "2026-11") -> tuple[int, int]:
    row = db.read(lambda s: s.get(RewardBudget, (merchant, month)))
    return row.limit_fen, row.committed_fen


def stock(db: Database, code: str = "guide") -> int:
    return int(db.read(lambda s: s.scalar(sa.select(Reward.stock).where(Reward.code == code))))


def money(db: Database, key: ledger.AccountKey) -> int:
    return db.read(lambda s: ledger.balance(s, key).available)
