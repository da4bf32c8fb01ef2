"""``python -m demo``: a fresh database, the whole story, the table, then the console until Ctrl-C."""

from __future__ import annotations

import argparse
import logging
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from sqlalchemy.orm import Session

from carbon_platform.app import create_app
from carbon_platform.cli import prepare
from carbon_platform.config import Settings
from carbon_platform.ledger import verify
from carbon_platform.web import platform
from demo.client import http_for
from demo.report import print_logins, print_story
from demo.story import CITY, Told, tell
from demo.world import populate

VAR = Path("var/demo")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    arguments.add_argument("--port", type=int, default=8080)
    arguments.add_argument("--no-serve", action="store_true", help="stop after the table")
    given = arguments.parse_args()
    screen = Console(highlight=False)
    if not screen.is_terminal:
        screen = Console(highlight=False, width=140)  # a log file has no width of its own
    started = time.monotonic()
    app = fresh_app(given.port)
    story_started = time.monotonic()
    told = play(app, screen)
    story_seconds = time.monotonic() - story_started
    print_story(screen, told)
    report = platform(app).db.read(verify)
    mark = "[green]✓ 全部重算一致[/]" if report.ok else "[red]✗ 账不平[/]"
    screen.print(f"ledger verify: {mark}  核对 {sum(report.counts.values()):,} 项")
    screen.print(
        f"用时 {time.monotonic() - started:.1f} 秒，其中故事 {story_seconds:.1f} 秒。"
        f"证书 {VAR / 'files' / (told.certificate['certificate_number'] + '.pdf')}"
    )
    if not report.ok:
        raise SystemExit(1)
    if not given.no_serve:
        serve(app, given.port, screen)


def fresh_app(port: int) -> Flask:
    """An application on a new database under ``var/demo``, migrated and with everybody signed up."""
    shutil.rmtree(VAR, ignore_errors=True)
    (VAR / "files").mkdir(parents=True)
    settings = Settings(
        mode="demo",
        database_url=f"sqlite:///{VAR.resolve()}/carbon.sqlite3",
        base_url=f"http://127.0.0.1:{port}",
        var=VAR.resolve(),
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app = create_app(settings)
    prepare(platform(app))

    def fill(session: Session) -> None:
        populate(session, now=datetime.now(UTC))

    platform(app).db.transact(fill)
    return app


def play(app: Flask, screen: Console) -> Told:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with http_for(app) as http, Progress(*columns, console=screen) as progress:
        tasks = {}

        def show(chapter: str, done: int, of: int) -> None:
            if chapter not in tasks:
                tasks[chapter] = progress.add_task(chapter, total=of)
            progress.update(tasks[chapter], completed=done)

        return tell(http, CITY, VAR / "files", show)


def serve(app: Flask, port: int, screen: Console) -> None:
    """Serve on 127.0.0.1 with the scheduler in a thread beside it, until Ctrl-C."""
    import threading

    import waitress

    from carbon_platform.jobs import JOBS, run_once, work_inbox

    def housekeeping() -> None:
        # The demo is one process: its jobs run once now; a real installation runs `flask scheduler`.
        work_inbox(platform(app))
        for job in JOBS:
            run_once(job, platform(app))

    threading.Thread(target=housekeeping, daemon=True).start()
    print_logins(screen, port)
    waitress.serve(app, host="127.0.0.1", port=port, threads=8, _quiet=True)


if __name__ == "__main__":
    main()
