"""Commands of the inbox: ``flask --app wsgi inbox <command>``."""

from __future__ import annotations

import time

import click
from flask.cli import AppGroup

from carbon_platform.citizens import inbox, inbox_sql
from carbon_platform.web import platform

group = AppGroup("inbox", help="What sources sent and the books do not hold yet.")


@group.command("work")
@click.option("--once", is_flag=True, help="Stop when nothing waits any more.")
@click.option("--limit", default=inbox.STEP, show_default=True, help="Rows per transaction.")
@click.option("--pause", default=1.0, show_default=True, help="Seconds to rest when nothing waits.")
def work(once: bool, limit: int, pause: float) -> None:
    """Take waiting rows into the books until stopped. Any number of these may run beside each other."""
    house = platform()
    while True:
        done = inbox.work_through(house.db, house.clock, limit=limit)
        if done.rows:
            click.echo(inbox.words(done))
        elif once:
            return
        else:
            time.sleep(pause)


@group.command("backlog")
def backlog() -> None:
    """How many rows wait, and since when the oldest does."""
    house = platform()
    waiting, since = house.db.read(lambda session: inbox_sql.backlog(session.connection()))
    click.echo(f"{waiting:,} rows wait" + (f", the oldest since {since.isoformat()}" if since else ""))
