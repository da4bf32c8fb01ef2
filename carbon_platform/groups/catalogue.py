"""What the data files say of groups: kinds, gift rules, invitations, statistics, residents."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from carbon_platform.citizens.lots import in_force
from carbon_platform.groups.rules import GiftRule, Kind

DATA = Path(__file__).with_name("data")


@cache
def _settings() -> dict[str, Any]:
    return tomllib.loads((DATA / "groups.toml").read_text(encoding="utf-8"))


@cache
def kinds() -> dict[str, Kind]:
    return {row["code"]: Kind(**row) for row in _settings()["kind"]}


def gift_rule(day: str) -> GiftRule:
    """The rule of gifts in force on a day (ISO)."""
    return in_force([GiftRule(**row) for row in _settings()["gift"]], day)


def invitation_days() -> int:
    return int(_settings()["invitation"]["days"])


def statistics_rule() -> tuple[int, int]:
    """(k, whole days after the week's end before it is published)."""
    found = _settings()["statistics"]
    return int(found["k"]), int(found["release_after_days"])


@dataclass(frozen=True)
class Residents:
    """How many people live in a county, and how well that is known."""

    code: str
    count: int
    source: str
    status: str


@cache
def residents() -> dict[str, Residents]:
    """Residents by county code."""
    found = tomllib.loads((DATA / "residents.toml").read_text(encoding="utf-8"))
    return {row["code"]: Residents(**row) for row in found["county"]}
