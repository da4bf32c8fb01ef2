"""A small platform with a village office, shops, a bus company and families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neighbourhood import Somebody, Town, with_staff
from shop_world import NOW, prepare
from village_world import OFFICE

import carbon_platform.app
from carbon_platform import ledger
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.citizens.rewards_api import blp as rewards_api
from carbon_platform.config import Settings
from carbon_platform.groups.api import blp as groups_api
from carbon_platform.merchants.api import blp as merchants_api
from carbon_platform.partners.api import blp as partners_api
from carbon_platform.proxies.api import blp as proxies_api
from carbon_platform.proxies.village_api import blp as village_api
from carbon_platform.web import platform

APIS = (citizens_api, rewards_api, groups_api, merchants_api, partners_api, proxies_api, village_api)


@pytest.fixture
def town(
    engine_name: str, fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Town]:
    monkeypatch.setattr(carbon_platform.app, "APIS", APIS)
    clock = {"now": NOW}
    settings = Settings(mode="test", database_url=fresh_database(engine_name, prepare), var=tmp_path / "var")
    app = carbon_platform.app.create_app(settings, clock=lambda: clock["now"])
    town = Town(app, clock)
    monkeypatch.setitem(app.extensions, "carbon", with_staff(town))
    yield town
    report = town.db.read(lambda session: ledger.verify(session))
    assert report.ok, report
    platform(app).db.dispose()


@pytest.fixture
def officer(town: Town) -> Somebody:
    """The one who types in, for one township."""
    return town.colleague("李村", "village_officer", region=OFFICE)


@pytest.fixture
def second(town: Town) -> Somebody:
    """The one who looks again."""
    return town.colleague("赵村", "village_officer", region=OFFICE)
