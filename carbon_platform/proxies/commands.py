"""``flask --app wsgi village …``: the key shared with a bus company, and pictures nobody needs any more."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from carbon_platform.identity.sealing import keyring_of
from carbon_platform.proxies import cards, catalogue, photos
from carbon_platform.web import Platform, platform

group = AppGroup("village", help="The village office (村级经办).")


def forget_pictures(house: Platform) -> int:
    """Remove photos and papers whose time is over; returns how many files."""
    return house.db.read(lambda session: photos.forget_old(session, house.settings.var, now=house.clock()))


@group.command("card-key")
def card_key() -> None:
    """Print the key with which the bus company turns card numbers into pseudonyms (HMAC-SHA256)."""
    source = catalogue.card_source()
    key = cards.partner_key(keyring_of(platform().settings), source)
    click.echo(f"{source} {key.hex()}")


@group.command("forget")
def forget() -> None:
    """Remove photos and papers whose time is over, now."""
    click.echo(f"已删除 {forget_pictures(platform())} 个文件。")
