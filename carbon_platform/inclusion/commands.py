"""Commands of inclusion: ``flask --app wsgi inclusion …``."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from carbon_platform.inclusion import chores, rollup
from carbon_platform.web import platform

group = AppGroup("inclusion", help="Sums over acts, bundles, small tickets.")


@group.command("roll-up")
def roll_up() -> None:
    """Bring the sums over acts up to date now; the schedule does so every five minutes."""
    house = platform()
    click.echo(chores.roll_up(house.db, now=house.clock())[1])


@group.command("rebuild")
def rebuild() -> None:
    """Forget the sums over acts and add every act up again."""
    house = platform()
    done = house.db.transact(lambda session: rollup.rebuild(session, house.clock()))
    click.echo(f"{done.acts:,} acts and {done.withdrawn:,} withdrawals added up")


@group.command("check")
def check() -> None:
    """Compare the sums and every bundle with the acts; exits 1 when something differs."""
    house = platform()
    outcome, words = chores.check(house.db, now=house.clock())
    click.echo(words)
    if outcome != "ok":
        sys.exit(1)


@group.command("retire-offsets")
def retire_offsets() -> None:
    """Retire what citizens have paid for; the schedule does so every night."""
    house = platform()
    click.echo(chores.retire_offsets(house.db, now=house.clock())[1])
