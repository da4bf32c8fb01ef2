"""The world of inclusion on both engines; the whole ledger is re-summed when a test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inclusion_world import SEPTEMBER, World, prepare

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.config import Settings
from carbon_platform.credits.api import blp as credits_api
from carbon_platform.credits.tickets_api import blp as tickets_api
from carbon_platform.inclusion.api import blp as inclusion_api
from carbon_platform.inclusion.citizen_api import blp as citizen_inclusion_api
from carbon_platform.market.api import blp as market_api
from carbon_platform.revenue.api import blp as revenue_api
from carbon_platform.web import platform

# The rooms this one stands on, and itself.
APIS = (citizens_api, credits_api, tickets_api, market_api, revenue_api, inclusion_api, citizen_inclusion_api)


@pytest.fixture
def world(
    engine_name: str, fresh_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr(carbon_platform.app, "APIS", APIS)
    clock = {"now": SEPTEMBER}
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare), var=tmp_path)
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    world = World(app, clock)
    yield world
    report = world.db.read(lambda session: ledger.verify(session))
    assert report.ok, report
    platform(app).db.dispose()
