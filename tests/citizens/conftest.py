"""A small platform with only the citizens' room on top, and citizens who have signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from citizen_world import NOW, Citizen, prepare
from flask import Flask

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp
from carbon_platform.config import Settings
from carbon_platform.db import Database
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
    monkeypatch.setattr(carbon_platform.app, "APIS", (blp,))
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
def verified(db: Database) -> Iterator[None]:
    """Re-sums the whole ledger when the test is over."""
    yield
    report = db.read(lambda session: ledger.verify(session))
    assert report.ok, report
