"""Databases with this room's tables, once per engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from parcel_files import sign_in
from parcel_house import make_app, prepare_parcels

from carbon_platform.db import Database
from carbon_platform.web.calls import platform


@pytest.fixture
def parcels_url(engine_name: str, fresh_database: Callable[..., str]) -> str:
    return fresh_database(engine_name, prepare_parcels)


@pytest.fixture
def db(parcels_url: str) -> Iterator[Database]:
    database = Database(parcels_url)
    yield database
    database.dispose()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def app(parcels_url: str, var: Path) -> Iterator[Flask]:
    app = make_app(parcels_url, var)
    yield app
    platform(app).db.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def officer(client: FlaskClient) -> dict[str, str]:
    return sign_in(client, "officer")
