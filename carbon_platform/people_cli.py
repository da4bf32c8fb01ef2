"""Commands for accounts of citizens: keys of personal data, deletions, counts."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask.cli import AppGroup

from carbon_platform.citizens import privacy, targets
from carbon_platform.errors import PlatformError
from carbon_platform.identity import rotation, sealing
from carbon_platform.web import platform

people = AppGroup("people", help="Accounts of citizens and their personal data (市民账户).")


@people.command("new-key")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--id", "key_id", required=True, help="name of the key, such as the month: 2026-11")
@click.option("--seal-only", is_flag=True, help="leave the key of the blind indexes as it is")
def new_key(file: Path, key_id: str, seal_only: bool) -> None:
    """Put a new key first into FILE (made if missing). Old keys stay; then run ``people reseal``."""
    try:
        sealing.add_key(file, key_id, kinds=("seal",) if seal_only else ("seal", "index"))
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    click.echo(
        f"{file}: {key_id} 已放在最前。{key_id} is first now. Keep a copy of the file off this machine."
    )


@people.command("reseal")
def reseal() -> None:
    """Bring everything sealed or indexed under the present key; says which old keys may go. Repeatable."""
    house = platform()
    try:
        for column, count in rotation.reseal(house.db).items():
            click.echo(f"{column:<32}{count:>10,}")
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    left = house.db.read(rotation.left_behind)
    for key_id, count in left.items():
        click.echo(f"{key_id}: {count:,} 项还要用它，不能删。still needed.", err=True)
    if left:
        sys.exit(1)
    click.echo("✓ 旧密钥都不再需要。No old key is needed any more.")


@people.command("erase-due")
def erase_due() -> None:
    """Carry out the deletions whose week is over, now; exit 1 naming what failed."""
    house = platform()
    outcome, words = privacy.erase_due(house.db, now=house.clock())
    click.echo(words)
    sys.exit(0 if outcome == "ok" else 1)


@people.command("minimise")
def minimise() -> None:
    """Forget raw rows, place cells and codes that are past their time, now."""
    house = platform()
    click.echo(privacy.minimise(house.db, now=house.clock())[1])


@people.command("count")
def count() -> None:
    """Count opened, active and real-name accounts by county, now."""
    house = platform()
    opened = house.db.transact(lambda session: targets.count(session, now=house.clock()))
    click.echo(f"{opened:,} 个账户。accounts open.")
