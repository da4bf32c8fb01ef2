"""A platform with shops, on both engines; ``clock`` moves it through the months."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from shop_world import NOW, Caller, citizen, prepare, staff

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.citizens.points_api import blp as points_api
from carbon_platform.citizens.rewards_api import blp as rewards_api
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.merchants.api import blp as merchants_api
from carbon_platform.web import platform


@pytest.fixture
def clock() -> dict[str, datetime]:
    return {"now": NOW}


@pytest.fixture
def app(
    engine_name: str,
    fresh_database: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    clock: dict[str, datetime],
    tmp_path: Path,
) -> Iterator[Flask]:
    monkeypatch.setattr(carbon_platform.app, "APIS", (citizens_api, rewards_api, points_api, merchants_api))
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare), var=tmp_path)
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    yield app
    platform(app).db.dispose()


@pytest.fixture
def db(app: Flask) -> Database:
    return platform(app).db


@pytest.fixture
def operator(app: Flask) -> Caller:
    return staff(app, "operator")


@pytest.fixture
def museum(app: Flask) -> Caller:
    return staff(app, "museum-1")


@pytest.fixture
def xiaoman(app: Flask) -> Caller:
    return citizen(app, "小满", 1_000)


@pytest.fixture
def verified(db: Database) -> Iterator[None]:
    """Re-sums the whole ledger when the test is over."""
    yield
    report = db.read(lambda session: ledger.verify(session))
    assert report.ok, report
