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
    """Print the key with which the bus company turns card numbers into pseudonyms (HMAC-SHA256).

    After ``people new-key`` it is another one: cards bound before are made known under it first. Keep the
    old key in the file until the company uses the new one.
    """
    house = platform()
    source = catalogue.card_source()
    count = house.db.transact(lambda session: cards.follow_keys(session, now=house.clock()))
    if count:
        click.echo(f"{count} 张卡已换上新的代号。{count} cards have a new pseudonym.", err=True)
    click.echo(f"{source} {cards.partner_key(keyring_of(house.settings), source).hex()}")


@group.command("forget")
def forget() -> None:
    """Remove photos and papers whose time is over, now."""
    click.echo(f"已删除 {forget_pictures(platform())} 个文件。")
