"""A real browser on a running platform: ``world`` is the told story, ``signed_in(username)`` a page.

The server listens on a free port of this machine; the browser is kept from everything else.
"""

from __future__ import annotations

import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import desk_world
import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.story import Told
from demo.world import PASSWORD

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # WebGL without a graphics card, for the maps.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SIZES = {1440: 900, 390: 844}


@dataclass(frozen=True)
class World:
    """A served platform on which the story was told up to a chapter."""

    base_url: str
    told: Told
    app: Flask
    folder: Path

    def __getattr__(self, name: str) -> Any:
        """What the story remembers: ``world.runs``, ``world.certificate`` …"""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.told, name)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], World]]:
    """``serve(n)``: a platform of its own after ``n`` chapters of ``desk_world.CHAPTERS``."""
    running: list[tuple[Any, threading.Thread, Flask]] = []

    def start(chapters: int) -> World:
        folder = tmp_path_factory.mktemp("served")
        database, remembered = desk_world.after(chapters)
        (folder / "carbon.sqlite3").write_bytes(database)
        # The address is known before the application is made: certificates print it.
        server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
        base_url = f"http://127.0.0.1:{server.server_port}"
        app = create_app(
            Settings(
                mode="test",
                database_url=f"sqlite:///{folder}/carbon.sqlite3",
                base_url=base_url,
                var=folder,
            )
        )
        server.app = app
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append((server, thread, app))
        return World(base_url, pickle.loads(remembered), app, folder)  # noqa: S301 — our own, made above

    yield start
    for server, thread, app in running:
        server.shutdown()
        thread.join()
        server.server_close()
        platform(app).db.dispose()


@pytest.fixture(scope="session")
def world(serve: Callable[[int], World]) -> World:
    """The whole story of the desks, told once."""
    return serve(len(desk_world.CHAPTERS))


@pytest.fixture(scope="module")  # Playwright runs once at a time; another module may start its own
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield launched
        launched.close()


@dataclass
class Watched:
    """A page with what it asked for and complained about."""

    page: Page
    origin: str
    asked_elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", self._on_request)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if (
            parts.scheme in ("http", "https", "ws", "wss")
            and f"{parts.scheme}://{parts.netloc}" != self.origin
        ):
            self.asked_elsewhere.append(request.url)

    def _on_console(self, message: Any) -> None:
        # The software renderer says that it is slow; everything else is a defect.
        if message.type == "error" or (message.type == "warning" and "GL Driver" not in message.text):
            self.complaints.append(message.text)


OpenPage = Callable[..., Page]


@pytest.fixture
def signed_in(world: World, browser: Browser) -> Iterator[OpenPage]:
    """``signed_in("operator", width=390, at=world) -> page`` with the session cookie; None is a visitor.

    ``page.watched`` has the requests to other origins and the complaints of the console.
    """
    contexts: list[BrowserContext] = []

    def make(username: str | None, *, width: int = 1440, at: World = world) -> Page:
        context = browser.new_context(
            base_url=at.base_url, viewport={"width": width, "height": SIZES[width]}, locale="zh-CN"
        )
        contexts.append(context)
        if username:
            answer = context.request.post(
                "/api/v1/sessions",
                data={"username": username, "password": PASSWORD, "transport": "cookie"},
            )
            assert answer.status == 201, answer.text()
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.watched = Watched(page, at.base_url)  # type: ignore[attr-defined]
        return page

    yield make
    for context in contexts:
        context.close()
