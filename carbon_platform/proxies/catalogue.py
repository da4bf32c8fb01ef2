"""What the data file says of proxies, batches, cards."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from carbon_platform.proxies.rules import BatchRule, Limits

_FILE = Path(__file__).with_name("data") / "proxies.toml"


@cache
def _settings() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def limits() -> Limits:
    return Limits(**_settings()["proxy"])


@cache
def batch_rule() -> BatchRule:
    return BatchRule(**_settings()["batch"])


def entry_source() -> str:
    """The scene under which an officer's rows are counted."""
    return str(_settings()["entry"]["source"])


def entry_behaviours() -> tuple[str, ...]:
    """What an officer may enter."""
    return tuple(_settings()["entry"]["behaviours"])


def card_source() -> str:
    """Whose rides a senior bus card brings."""
    return str(_settings()["card"]["source"])


def card_digits() -> tuple[int, int]:
    """(fewest, most) digits of a card number."""
    found = _settings()["card"]
    return int(found["digits_min"]), int(found["digits_max"])
