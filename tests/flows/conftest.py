"""The story told once per engine through HTTP; tests look at what it left behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flow_house import SMALL, House

from carbon_platform.app import create_app
from carbon_platform.cli import prepare
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.client import http_for
from demo.story import Told, tell
from demo.world import populate


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    server = None
    if request.param == "postgresql":
        address = sa.make_url(request.getfixturevalue("pg_url"))
        server = sa.create_engine(address, isolation_level="AUTOCOMMIT")
        name = f"carbon_flow_{uuid.uuid4().hex[:12]}"
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        url = address.set(database=name).render_as_string(hide_password=False)
    else:
        url = f"sqlite:///{folder}/carbon.sqlite3"
    app = create_app(Settings(mode="test", database_url=url, var=folder / "var"))
    prepare(platform(app))
    platform(app).db.transact(lambda session: populate(session, now=datetime.now(UTC)) and None)
    with http_for(app) as http:
        yield House(app, http, folder)
    platform(app).db.dispose()
    if server is not None:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture(scope="module")
def told(house: House) -> Told:
    return tell(house.http, SMALL, house.folder)
