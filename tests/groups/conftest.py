"""A small platform with citizens and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neighbourhood import NOW, Town, prepare, with_staff

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.config import Settings
from carbon_platform.groups.api import blp as groups_api
from carbon_platform.web import platform


@pytest.fixture
def town(
    engine_name: str, fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Town]:
    monkeypatch.setattr(carbon_platform.app, "APIS", (citizens_api, groups_api))
    clock = {"now": NOW}
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare), var=tmp_path / "var")
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    town = Town(app, clock)
    monkeypatch.setitem(app.extensions, "carbon", with_staff(town))
    yield town
    report = town.db.read(lambda session: ledger.verify(session))
    assert report.ok, report
    platform(app).db.dispose()
