"""Every page that needs no number in its address, in English, as every role sees it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from form_browser import CHINESE, controls_of

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.citizens.service import load_reference
from carbon_platform.config import Settings
from carbon_platform.console.pages_citizen import DEMO_PEOPLE
from carbon_platform.db import Base, Database
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform
from demo.world import LOGINS, PASSWORD, populate

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PLACES = {"/healthz", "/readyz", "/settings", "/static"}
# One log-in per role, and a visitor.
ROLES = {"": ""} | {login.role: login.username for login in LOGINS}


def prepare(url: str) -> None:
    db = Database(url)
    Base.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        for statement in ledger.append_only_ddl(db.engine.dialect.name):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.transact(lambda session: populate(session, now=NOW))
    db.dispose()


@pytest.fixture
def app(fresh_database: Callable[..., str]) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=fresh_database("sqlite", prepare)), clock=lambda: NOW)
    yield app
    platform(app).db.dispose()


def addresses(app: Flask) -> list[str]:
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.arguments
        and not rule.rule.startswith("/api/")
        and rule.rule not in PLACES
    )


@pytest.mark.parametrize("role", ROLES)
def test_what_can_be_pressed_is_english(app: Flask, role: str) -> None:
    client = app.test_client()
    if role:
        body = {"username": ROLES[role], "password": PASSWORD, "transport": "cookie"}
        assert client.post("/api/v1/sessions", json=body).status_code == 201
    client.set_cookie("lang", "en")
    people = [login.display_name for login in LOGINS] + [person["name"] for person in DEMO_PEOPLE]
    names = "|".join(re.escape(name) for name in people)
    left, seen = {}, 0
    for address in addresses(app):
        response = client.get(address, headers={"Accept": "text/html"})
        assert response.status_code in {200, 302, 403}, (address, response.status_code)
        if response.status_code == 200:
            seen += 1
            html = re.sub(names, "", response.get_data(as_text=True))
            html = html.replace(">中文<", "><")  # the way back is named in its own language
            found = [text for text in controls_of(html) if CHINESE.search(text)]
            left |= {address: found} if found else {}
    assert left == {}
    assert seen >= 5
