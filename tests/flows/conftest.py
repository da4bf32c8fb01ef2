"""The story told once per engine through HTTP; tests look at what it left behind."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flow_house import SMALL, House
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.cli import prepare
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.client import http_for
from demo.story import Told, tell
from demo.world import populate


@pytest.fixture(autouse=True)
def no_kilogram_is_lost(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test, per batch: issued = available + held + pledged + retired + cancelled + invalidated."""
    house = request.getfixturevalue("house") if "house" in request.fixturenames else None
    yield
    if house:
        for found in house.db.read(ledger.lot_positions):
            assert found.issued == found.placed, found


@pytest.fixture(scope="session")
def houses(pg_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], House]]:
    """``houses("sqlite")``: one running platform per engine and session, built when first asked for."""
    built: dict[str, House] = {}
    drops: list[Callable[[], None]] = []

    def make_pg() -> str:
        address = sa.make_url(pg_url)
        server = sa.create_engine(address, isolation_level="AUTOCOMMIT")
        name = f"carbon_flow_{uuid.uuid4().hex[:12]}"

        def run(statement: str) -> None:
            with server.connect() as connection:
                connection.exec_driver_sql(statement)

        def drop() -> None:
            run(f"DROP DATABASE {name} WITH (FORCE)")
            server.dispose()

        run(f"CREATE DATABASE {name}")
        drops.append(drop)
        return address.set(database=name).render_as_string(hide_password=False)

    def get(engine_name: str) -> House:
        if engine_name not in built:
            folder = tmp_path_factory.mktemp(f"house-{engine_name}")
            url = make_pg() if engine_name == "postgresql" else f"sqlite:///{folder}/carbon.sqlite3"
            app = create_app(Settings(mode="test", database_url=url, var=folder / "var"))
            prepare(platform(app))

            def fill(session: Session) -> None:
                populate(session, now=datetime.now(UTC))

            platform(app).db.transact(fill)
            built[engine_name] = House(app, http_for(app), folder)
        return built[engine_name]

    yield get
    for house in built.values():
        house.http.close()
        house.db.dispose()
    for drop in drops:
        drop()


@pytest.fixture(scope="session")
def stories() -> dict[str, Told]:
    return {}


@pytest.fixture
def house(engine_name: str, houses: Callable[[str], House]) -> House:
    return houses(engine_name)


@pytest.fixture
def told(engine_name: str, house: House, stories: dict[str, Told]) -> Told:
    if engine_name not in stories:
        stories[engine_name] = tell(house.http, SMALL, house.folder)
    return stories[engine_name]
