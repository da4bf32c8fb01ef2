"""A small world to trade in: users, two projects, three issued batches; made once, copied per test.

Right holders and figures are made up. Batch ``GS`` (光山, camellia, 3,400 t) lies on twelve parcels in
three villages; ``XX`` (新县, camellia, 5 t) on one; ``XI`` (息县, ratoon rice, 20 t) on two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from carbon_platform import ledger
from carbon_platform.config import Settings
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, RunRow
from carbon_platform.db import Base, Database, UTCDateTime
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import (
    add_organisation,
    add_user,
    authenticate,
    csrf_token,
    sign_in,
)
from carbon_platform.ledger import AccountKey, Asset, Entry, Move
from carbon_platform.market.api import blp as market_api
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.projects.tables import Project, ProjectParcel
from carbon_platform.regions.service import load_reference
from carbon_platform.regions.tables import Region
from carbon_platform.revenue.api import blp as revenue_api
from carbon_platform.units import split_largest_remainder
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PASSWORD = "a long enough password"
GS, XX, XI = "XY-GS-2025", "XY-XX-2025", "XY-XI-2026"
QUANTITY_KG = {GS: 3_400_000, XX: 5_000, XI: 20_000}
USERS = {  # user name → role, region, organisation
    "operator": ("operator", "4115", "operator"),
    "alpha": ("enterprise", "411502", "alpha"),
    "beta": ("enterprise", "411502", "beta"),
    "bank": ("bank", "4115", "bank"),
    "dingxin": ("dingxin", "4115", "dingxin"),
    "auditor": ("auditor", "4115", None),
    "bureau": ("forestry_bureau", "411523", None),
}


def prepare_world(url: str) -> None:
    """Tables, triggers, users and issued batches. For ``fresh_database(engine_name, prepare_world)``."""
    db = Database(url)
    with db.engine.begin() as connection:
        Base.metadata.create_all(connection)
        name = connection.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(_people)
    db.transact(_goods)
    db.dispose()


def _people(session: Session) -> None:
    load_reference(session)
    names = {
        "operator": "信阳市碳资源开发有限公司（测试）",
        "alpha": "某茶业有限公司（测试）",
        "beta": "某建材有限公司（测试）",
        "bank": "某结算银行（测试）",
        "dingxin": "鼎信集团（测试）",
    }
    organisations = {
        key: add_organisation(session, SYSTEM, name_zh=name, kind=key, region_code="4115", now=NOW)
        for key, name in names.items()
    }
    for username, (role, region, organisation) in USERS.items():
        add_user(
            session,
            SYSTEM,
            username=username,
            password=PASSWORD,
            display_name=f"{username} 经办",
            role=role,
            region_code=region,
            now=NOW,
            organisation_id=organisations[organisation].id if organisation else None,
        )


def _goods(session: Session) -> None:
    from carbon_platform.identity.tables import Organisation

    owner = session.scalars(sa.select(Organisation).where(Organisation.kind == "operator")).one()
    source = _made(session, ParcelImport, status="accepted")
    camellia = _project(session, "XY-P0001", "某油茶园碳普惠项目（测试）", "camellia_oil_v1", owner.id)
    rice = _project(session, "XY-P0002", "某再生稻碳普惠项目（测试）", "ratoon_rice_v1", owner.id)
    # Weights as uneven as real land; one village twice the name 王某, once in another village.
    holders = ["王某", "李某", "王某", "赵某", "钱某", "孙某", "王某", "周某", "吴某", "郑某", "冯某", "陈某"]
    weights = [7, 13, 29, 1, 17, 31, 5, 11, 23, 37, 3, 2]
    _batch(session, source, camellia, owner.holder, GS, "411522", "camellia", holders, weights)
    _batch(session, source, camellia, owner.holder, XX, "411523", "camellia", ["何某"], [1])
    _batch(session, source, rice, owner.holder, XI, "411528", "rice", ["许某", "何某"], [2, 1])


_LISTS = {"notes", "parameters", "warnings"}
_BLANK: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: False, bytes: b"", date: date(2025, 1, 1)}


def _made(session: Session, table: type[Any], **values: Any) -> Any:
    """A row with the given values; what else must not be empty is blank, whatever columns it has."""
    for column in sa.inspect(table).columns:
        if not column.nullable and not column.primary_key and column.default is None:
            if isinstance(column.type, sa.JSON):
                blank: Any = [] if column.name in _LISTS else {}
            else:
                blank = NOW if isinstance(column.type, UTCDateTime) else _BLANK[column.type.python_type]
            values.setdefault(column.key, blank)
    row = table(**values)
    session.add(row)
    session.flush()
    return row


def _project(session: Session, code: str, name: str, methodology: str, owner_id: int) -> Project:
    return _made(
        session, Project, code=code, name_zh=name, scheme="inclusion", methodology_key=methodology,
        region_code="4115", owner_organisation_id=owner_id, status="registered",
    )  # fmt: skip


def _batch(
    session: Session,
    source: ParcelImport,
    project: Project,
    holder: str,
    code: str,
    county: str,
    kind: str,
    right_holders: list[str],
    weights: list[int],
) -> None:
    vintage = int(code[-4:])
    villages = list(
        session.scalars(
            sa.select(Region.code)
            .where(Region.level == "village", Region.code.startswith(county))
            .order_by(Region.code)
            .limit(3)
        )
    )
    quantity_kg = QUANTITY_KG[code]
    # One run of a project and year may issue in several counties.
    run = session.scalar(
        sa.select(AssessmentRun).where(
            AssessmentRun.project_id == project.id, AssessmentRun.period_start == date(vintage, 1, 1)
        )
    ) or _made(
        session, AssessmentRun, code=f"XY-R-{code}", project_id=project.id, status="issued",
        period_start=date(vintage, 1, 1), period_end=date(vintage, 12, 31),
    )  # fmt: skip
    batch = _made(
        session, CreditBatch, code=code, run_id=run.id, project_id=project.id, county_code=county,
        vintage=vintage, quantity_kg=quantity_kg, is_demo=True,
    )  # fmt: skip
    first = 1
    for place, (name, kg) in enumerate(
        zip(right_holders, split_largest_remainder(quantity_kg, weights), strict=True)
    ):
        village = villages[place % len(villages)]
        parcel = _made(
            session, Parcel, code=f"{county}-{place:04d}", kind=kind, county_code=county,
            township_code=village[:9], village_code=village, area_m2=1_000.0 * weights[place],
            right_holder=name, status="registered", import_id=source.id,
        )  # fmt: skip
        _made(session, ProjectParcel, project_id=project.id, parcel_id=parcel.id)
        _made(session, RunRow, run_id=run.id, parcel_id=parcel.id, net_t=kg / 1000)
        _made(session, BatchShare, batch_id=batch.id, parcel_id=parcel.id, first=first, last=first + kg - 1)
        first += kg
    issuance = AccountKey(ledger.ISSUANCE, ledger.PLATFORM, Asset.CREDIT, code)
    held = AccountKey(ledger.HOLDING, holder, Asset.CREDIT, code)
    move = Move(issuance, held, quantity_kg)
    ledger.post(session, Entry("issue", f"batch:{code}:issue", (move,), None, "t"), NOW)


@dataclass
class World:
    """The platform over one database, with a clock that can be set."""

    url: str
    now: datetime = NOW
    app: Flask = field(init=False)
    db: Database = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.db = Database(self.url)
        self.app = Flask("market_world")
        self.app.testing = True
        self.app.extensions["carbon"] = Platform(
            settings=Settings(mode="test", database_url=self.url),
            db=self.db,
            clock=lambda: self.now,
            hooks=Hooks(
                authenticate=lambda session, token, now: authenticate(session, token, now=now),
                csrf_token=csrf_token,
            ),
        )
        init_problems(self.app)
        init_openapi(self.app, [identity_api, market_api, revenue_api])

    def close(self) -> None:
        self.db.dispose()

    def actor(self, who: str) -> Actor:
        def work(session: Session) -> Actor:
            found = authenticate(session, self._token(who), now=self.now)
            assert found
            return found

        return self.db.read(work)

    def _token(self, who: str) -> str:
        if who not in self.tokens:
            signed_in = self.db.transact(lambda s: sign_in(s, who, matches=True, now=self.now))
            assert signed_in
            self.tokens[who] = signed_in[0]
        return self.tokens[who]

    def call(
        self, who: str, method: str, path: str, body: Any = None, *, key: str | None = None, **query: Any
    ) -> TestResponse:
        """One request as a user, or as the public if ``who`` is empty."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        if who:
            headers["Authorization"] = f"Bearer {self._token(who)}"
        return self.app.test_client().open(
            f"/api/v1{path}", method=method, json=body, headers=headers, query_string=query
        )

    def get(self, who: str, path: str, **query: Any) -> Any:
        response = self.call(who, "GET", path, **query)
        assert response.status_code == 200, response.get_json()
        return response.get_json()

    def post(self, who: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        response = self.call(who, "POST", path, body, key=key)
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    def refused(self, who: str, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        response = self.call(who, method, path, body, **query)
        return response.status_code, response.get_json()["code"]

    def offer(self, batch: str = GS, tonnes: int = 10, price_fen_per_t: int = 4_800) -> int:
        body = {"batch": batch, "quantity_kg": tonnes * 1000, "price_fen_per_t": price_fen_per_t}
        return int(self.post("operator", "/listings", body)["id"])

    def deposit(self, who: str, amount_fen: int, reference: str | None = None) -> Any:
        body = {
            "organisation_id": self.actor(who).organisation_id,
            "amount_fen": amount_fen,
            "bank_reference": reference or uuid4().hex,
        }
        return self.post("bank", "/cash-deposits", body)

    def buy(self, who: str, listing: int, tonnes: int) -> Any:
        return self.post(who, f"/listings/{listing}/orders", {"quantity_kg": tonnes * 1000})

    def balance(self, role: str, who: str, lot: str = "") -> tuple[int, int]:
        asset = Asset.CREDIT if lot else Asset.CNY
        key = AccountKey(role, self.actor(who).holder, asset, lot)
        found = self.db.read(lambda session: ledger.balance(session, key))
        return found.posted, found.held

    def assert_sound(self) -> None:
        report = self.db.read(ledger.verify)
        assert report.ok, report.findings
