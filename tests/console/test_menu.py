"""The menu: few places in the bar, everything a role may open behind "more", and nothing it may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console.menu import BARS, home_of, menu
from carbon_platform.console.site import _ROLES_EN, NEEDS
from carbon_platform.identity.rules import PERMISSIONS, ROLES_ZH, Actor
from carbon_platform.web import platform

ROLES = sorted(PERMISSIONS)
STAFF = [role for role in ROLES if role != "citizen"]
# Pages that are a part of another place, which leads to them.
WITHIN = {
    "/parcels": "/map",
    "/registry/holdings": "/holdings",
    "/village/consent-form": "/village",
}
# No places to work at: pictures of the map, and the bare file of a worker.
NOT_PLACES = {"/map/summary.geojson"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Nothing here asks the database."""
    nowhere = tmp_path_factory.mktemp("menu") / "unused.sqlite"
    app = create_app(Settings(mode="test", database_url=f"sqlite:///{nowhere}"))
    yield app
    platform(app).db.dispose()


def actor(role: str) -> Actor:
    return Actor(name="某人", role=role, permissions=PERMISSIONS[role], region_code="4115", organisation_id=1)


def of(app: Flask, role: str | None, path: str = "/sources") -> tuple[list[str], list[str]]:
    """Addresses in the bar and behind "more"."""
    with app.test_request_context(path):
        bar, more = menu(actor(role) if role else None, path)
    return [one["url"] for one in bar], [one["url"] for section in more for one in section["links"]]


@pytest.mark.parametrize("role", [None, *ROLES])
def test_the_bar_is_short_and_nothing_stands_twice(app: Flask, role: str | None) -> None:
    bar, rest = of(app, role)
    assert 0 < len(bar) <= (5 if rest else 6), "with “more” beside it the bar is one shorter"
    assert len({*bar, *rest}) == len(bar) + len(rest)
    assert set(BARS[role or ""]) <= {*bar, *rest}, "a wish of the bar that the role may not open"


@pytest.mark.parametrize("role", STAFF)
def test_every_page_a_role_may_open_is_in_its_menu_and_no_other(app: Flask, role: str) -> None:
    bar, rest = of(app, role)
    mine = {*bar, *rest}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.arguments or not hasattr(view, NEEDS) or rule.rule in NOT_PLACES:
            continue
        needs = getattr(view, NEEDS)
        place = WITHIN.get(rule.rule, rule.rule)
        if needs and needs in PERMISSIONS[role]:
            assert place in mine, f"{role} may open {rule.rule} and finds it nowhere"
        elif needs:
            assert rule.rule not in mine, f"{role} is shown {rule.rule} and may not open it"


@pytest.mark.parametrize("role", ROLES)
def test_work_begins_at_the_first_place_of_the_bar(app: Flask, role: str) -> None:
    assert of(app, role)[0][0] == home_of(actor(role))


@pytest.mark.parametrize(
    ("role", "path", "place"),
    [
        ("operator", "/appeals", "/appeals"),
        ("operator", "/merchant-statements/XY-S1", "/merchants"),
        ("operator", "/runs/XY-R000001/uncertainty", "/projects"),
        ("operator", "/parcels/411502-1", "/map"),
        ("village_officer", "/village/batches/3", "/village/batches"),
        ("merchant", "/shop/statements", "/shop/statements"),
        ("merchant", "/shop/", "/shop/"),
    ],
)
def test_one_place_is_marked_as_open(app: Flask, role: str, path: str, place: str) -> None:
    with app.test_request_context(path):
        bar, more = menu(actor(role), path)
    every = [*bar, *(one for section in more for one in section["links"])]
    assert [one["url"] for one in every if one["current"]] == [place]


def test_every_role_has_a_name_in_both_languages() -> None:
    assert set(_ROLES_EN) == set(ROLES_ZH) == set(PERMISSIONS)
