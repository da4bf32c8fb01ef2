"""A small platform with only the citizens' room on top, and citizens who have signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from citizen_world import NOW, Citizen, prepare
from flask import Flask

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.accounts_api import blp as accounts_blp
from carbon_platform.citizens.api import blp
from carbon_platform.citizens.points_api import blp as points_blp
from carbon_platform.citizens.refusals_api import blp as refusals_blp
from carbon_platform.citizens.rewards_api import blp as rewards_blp
from carbon_platform.citizens.truth_api import blp as truth_blp
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.web import platform


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
    monkeypatch.setattr(
        carbon_platform.app, "APIS", (blp, accounts_blp, rewards_blp, points_blp, truth_blp, refusals_blp)
    )
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare))
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    yield app
    platform(app).db.dispose()


@pytest.fixture
def db(app: Flask) -> Database:
    return platform(app).db


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., Citizen]:
    """``sign_in("code", "nickname")``: the same code is the same person."""

    def sign_in(code: str = "xiaoman", nickname: str = "小满", *partners: str) -> Citizen:
        answer = app.test_client().post(
            "/api/v1/citizen/sessions", json={"code": code, "nickname": nickname, "region_code": "411502"}
        )
        assert answer.status_code == 201, answer.json
        citizen = Citizen(app, {"Authorization": f"Bearer {answer.json['token']}"})
        citizen.agree(*partners)
        return citizen

    return sign_in


@pytest.fixture
def xiaoman(sign_in: Callable[..., Citizen]) -> Citizen:
    """A citizen of Shihe who agreed to the bus, the restaurants and her own reports."""
    return sign_in("xiaoman", "小满", "xinyang-bus", "clean-plate", "self")


@pytest.fixture
def colleague(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Citizen]:
    """``colleague("王敏", "points.rule")``: staff with these permissions; the sign-in has its own tests."""
    known: dict[str, Actor] = {}
    house = platform(app)
    usual = house.hooks.authenticate

    def authenticate(session: Any, token: str, now: datetime) -> Any:
        return known.get(token) or usual(session, token, now)

    monkeypatch.setitem(
        app.extensions, "carbon", replace(house, hooks=replace(house.hooks, authenticate=authenticate))
    )

    def make(name: str, *permissions: str, region: str = "4115") -> Citizen:
        token = f"{len(known)}-colleague-{'x' * 40}"
        known[token] = Actor(
            name=name,
            role="operator",
            permissions=frozenset(permissions),
            region_code=region,
            user_id=len(known) + 100,
        )
        return Citizen(app, {"Authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def verified(db: Database) -> Iterator[None]:
    """Re-sums the whole ledger when the test is over."""
    yield
    report = db.read(lambda session: ledger.verify(session))
    assert report.ok, report
