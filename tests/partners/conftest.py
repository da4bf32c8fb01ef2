"""A platform with the citizens' and the partners' rooms on top, on each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from flask import Flask
from partner_world import BUS, NOW, PASSWORD, Bus, Caller, make_bus, prepare

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.citizens.bindings_api import blp as bindings_api
from carbon_platform.citizens.refusals_api import blp as refusals_api
from carbon_platform.citizens.steps_api import blp as steps_api
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.partners.api import blp as partners_api
from carbon_platform.partners.scenes_api import blp as scenes_api
from carbon_platform.web import platform

APIS = (identity_api, citizens_api, bindings_api, refusals_api, steps_api, partners_api, scenes_api)


@pytest.fixture
def clock() -> dict[str, datetime]:
    """What the platform believes the time to be; tests move it."""
    return {"now": NOW}


@pytest.fixture
def app(
    engine_name: str,
    fresh_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    clock: dict[str, datetime],
) -> Iterator[Flask]:
    monkeypatch.setattr(carbon_platform.app, "APIS", APIS)
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare))
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    yield app
    platform(app).db.dispose()


@pytest.fixture
def db(app: Flask) -> Database:
    return platform(app).db


@pytest.fixture
def bus(app: Flask, clock: dict[str, datetime]) -> Bus:
    return make_bus(app, clock)


@pytest.fixture
def citizen(app: Flask) -> Callable[..., Caller]:
    """``citizen("code")``: the same code is the same person."""

    def sign_in(code: str = "xiaoman") -> Caller:
        answer = app.test_client().post(
            "/api/v1/citizen/sessions", json={"code": code, "nickname": "小满", "region_code": "411502"}
        )
        assert answer.status_code == 201, answer.json
        return Caller(app, {"Authorization": f"Bearer {answer.json['token']}"})

    return sign_in


@pytest.fixture
def rider(citizen: Callable[..., Caller], bus: Bus) -> Caller:
    """A citizen who agreed to the bus and bound customer ``c-1``."""
    person = citizen().agree(BUS)
    answer = person.post("/citizen/bindings", {"code": bus.code_for("c-1")})
    assert answer.status_code == 201, answer.json
    return person


@pytest.fixture
def staff(app: Flask) -> Callable[[str], Caller]:
    """``staff("operator")``: signed in as that role."""

    def sign_in(role: str) -> Caller:
        answer = app.test_client().post("/api/v1/sessions", json={"username": role, "password": PASSWORD})
        assert answer.status_code == 201, answer.json
        return Caller(app, {"Authorization": f"Bearer {answer.json['token']}"})

    return sign_in


@pytest.fixture
def verified(db: Database) -> Iterator[None]:
    """Re-sums the whole ledger when the test is over."""
    yield
    report = db.read(lambda session: ledger.verify(session))
    assert report.ok, report
