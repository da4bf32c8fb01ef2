"""``flask --app wsgi registry …``: imports too large for the page, without a browser waiting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from flask.cli import AppGroup

from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.registry import commit, service
from carbon_platform.registry.mapping import sources
from carbon_platform.web import platform

group = AppGroup("registry", help="Other registries' records (登记簿导入).")
_ACTOR = replace(SYSTEM, permissions=frozenset({"registry.read", "registry.import"}))
_FOUND_SHOWN = 20


@group.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--source", required=True, help="key of a declared source; see `registry sources`")
def import_command(path: Path, source: str) -> None:
    """Read PATH, compare it with the books, print what is wrong and what would change."""
    house = platform()
    now = house.clock()
    try:
        checked = service.check_file(house.db.read, path, source_key=source, now=now)
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    staged = house.db.transact(lambda session: service.stage_import(session, _ACTOR, checked, now=now))
    found = [note for record in checked.staged.records for note in record.findings]
    for note in found[:_FOUND_SHOWN]:
        click.echo(f"✗ {note['zh']}{note['advice_zh']}")
    if len(found) > _FOUND_SHOWN:
        click.echo(f"…… 还有 {len(found) - _FOUND_SHOWN:,} 处，见网页 /registry/imports/{staged.id}")
    click.echo(f"导入 {staged.id}：{staged.counts}\n摘要 {staged.digest}")


@group.command("accept")
@click.argument("number", type=int)
@click.argument("digest")
@click.option("--leave-out-errors", is_flag=True, help="record the good rows although others are wrong")
def accept_command(number: int, digest: str, leave_out_errors: bool) -> None:
    """Commit import NUMBER if DIGEST is that of its list of changes. One transaction."""
    house = platform()
    try:
        done = house.db.transact(
            lambda session: commit.accept_import(
                session, _ACTOR, number, digest=digest, leave_out_errors=leave_out_errors, now=house.clock()
            )
        )
    except PlatformError as error:
        raise click.ClickException(f"{error.message('zh')} {error.message('en')}") from error
    click.echo(f"已入账：{done.result}")


@group.command("sources")
def sources_command() -> None:
    """The declared sources, and what is not known about them."""
    for source in sources().values():
        click.echo(f"{source.key:<16}{source.title_zh} / {source.title_en}")
        for fact in source.facts:
            click.echo(f"    {fact['status']:<15}{fact['what']}")
