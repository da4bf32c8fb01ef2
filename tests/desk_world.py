"""Databases in which the demo's story stopped at a chapter; one template each, copied per test."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from carbon_platform.app import create_app
from carbon_platform.cli import prepare
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo import story
from demo.client import http_for
from demo.world import populate

PLAN = story.Plan(camellia={"411522": 40}, rice={"411522": 30})
PROJECT, RICE_PROJECT = "XY-P0001", "XY-P0002"
RUN, RICE_RUN = "XY-R000001", "XY-R000002"
CERTIFICATE = "XY-C2026-000001"
BATCH = "XY-PH-camellia_oil_v1-P0001-411522-2024"
CHAPTERS = (
    story.register_parcels,
    story.open_projects,
    story.assess,
    story.sign_parameters,
    story.review,
    story.issue,
    story.trade,
    story.retire,
    story.distribute,
)


@cache
def after(chapters: int) -> tuple[bytes, bytes]:
    """The database file and what was told after so many chapters, each told once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "carbon.sqlite3"
        if chapters:
            database, remembered = after(chapters - 1)
            file.write_bytes(database)
            so_far: story.Told = pickle.loads(remembered)  # noqa: S301 — written a moment ago, here
        app = create_app(Settings(mode="test", database_url=f"sqlite:///{file}", var=folder))
        house = platform(app)
        if chapters:
            with http_for(app) as http:
                CHAPTERS[chapters - 1](http, PLAN, so_far, folder, lambda *_: None)
        else:
            so_far = story.Told()
            prepare(house)
            house.db.transact(lambda session: populate(session, now=datetime.now(UTC)))
        house.db.dispose()
        return file.read_bytes(), pickle.dumps(so_far)


def _write(url: str, last: Callable[..., None] | None) -> None:
    database, _ = after(CHAPTERS.index(last) + 1 if last else 0)
    Path(url.removeprefix("sqlite:///")).write_bytes(database)


def empty(url: str) -> None:
    """Everybody has a log-in, nothing has happened."""
    _write(url, None)


def registered(url: str) -> None:
    """Parcels are in the register."""
    _write(url, story.register_parcels)


def monitored(url: str) -> None:
    """Projects have parcels and readings."""
    _write(url, story.open_projects)


def assessed(url: str) -> None:
    """Runs are estimates; nothing is adopted or reviewed."""
    _write(url, story.assess)


def reviewed(url: str) -> None:
    """Runs can issue."""
    _write(url, story.review)


def issued(url: str) -> None:
    """The operator holds tickets."""
    _write(url, story.issue)


def traded(url: str) -> None:
    """Enterprises hold tickets; no receipt is shared out."""
    _write(url, story.trade)


def told(url: str) -> None:
    """Everything but the citizen's chapter."""
    _write(url, story.distribute)
