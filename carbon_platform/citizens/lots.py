"""Dated lots of points: functions of values. No session, no request, no clock.

A lot is the last calendar day (Xinyang, ISO) on which its points can be spent: the points of lot
``2027-12-31`` are good until midnight after that day and not one moment longer, whether the expiry job
has run or not. ISO days sort as text, so the oldest lot is the smallest.

:data:`UNDATED` is the lot of points from before lots were dated: they are spent first and never expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol, TypeVar

from carbon_platform.citizens.rules import LOCAL

UNDATED = ""
# From when the days of observation are counted.
FROM_ACT, FROM_RECEIPT = "act", "receipt"


class Dated(Protocol):
    """A row of a rule file with its first day."""

    @property
    def valid_from(self) -> str: ...


Row = TypeVar("Row", bound=Dated)


@dataclass(frozen=True)
class Lifetime:
    """How long points live, as in force from a day on (days, calendar years)."""

    version: str
    valid_from: str
    years_after: int
    warn_days: int
    refund_grace_days: int
    source: str
    status: str


@dataclass(frozen=True)
class Observation:
    """How long a source's points wait before they can be spent."""

    source_code: str
    valid_from: str
    days: int
    counted_from: str
    source: str
    status: str


@dataclass(frozen=True)
class Expiring:
    """The next points to lapse: how many, their last day, and how many days are left including none."""

    amount: int
    day: str
    days_left: int
    soon: bool


def in_force(rows: Sequence[Row], day: str) -> Row:
    """The newest row that is valid on the day; before the first one, the first."""
    ordered = sorted(rows, key=lambda row: row.valid_from)
    current = [row for row in ordered if row.valid_from <= day]
    return current[-1] if current else ordered[0]


def lot_of(day: str, lifetime: Lifetime) -> str:
    """The lot of points received on a day: the end of a following calendar year."""
    return f"{int(day[:4]) + lifetime.years_after:04d}-12-31"


def grace_lot(today: str, lifetime: Lifetime) -> str:
    """The lot of points given back after their own lot had expired."""
    return (date.fromisoformat(today) + timedelta(days=lifetime.refund_grace_days)).isoformat()


def active_from(observation: Observation, *, ended_at: datetime, received_at: datetime) -> datetime:
    """When points leave observation: full days of 24 hours after the act's end, or after its receipt."""
    return window_end(observation.days, observation.counted_from, ended_at=ended_at, received_at=received_at)


def window_end(days: int, counted_from: str, *, ended_at: datetime, received_at: datetime) -> datetime:
    """The end of a reversal window: from then on what was not taken back is confirmed."""
    return (ended_at if counted_from == FROM_ACT else received_at) + timedelta(days=days)


def expired(lot: str, today: str) -> bool:
    """Whether the lot's last day is over."""
    return lot != UNDATED and lot < today


def ends_at(lot: str) -> datetime:
    """The midnight (Xinyang) at which a dated lot is over."""
    after = date.fromisoformat(lot) + timedelta(days=1)
    return datetime.combine(after, time(0), LOCAL).astimezone(UTC)


def spendable(available: Mapping[str, int], today: str) -> dict[str, int]:
    """What is left of each lot that has not expired, oldest first; empty lots are left out."""
    return {
        lot: available[lot] for lot in sorted(available) if available[lot] > 0 and not expired(lot, today)
    }


def take(available: Mapping[str, int], amount: int, today: str) -> dict[str, int]:
    """At most ``amount`` points out of the spendable lots, oldest first."""
    taken: dict[str, int] = {}
    for lot, left in spendable(available, today).items():
        part = min(left, amount - sum(taken.values()))
        if part:
            taken[lot] = part
    return taken


def expiring(available: Mapping[str, int], today: str, lifetime: Lifetime) -> Expiring | None:
    """The oldest dated lot that still holds points; ``soon`` from the warning day on."""
    for lot, left in spendable(available, today).items():
        if lot != UNDATED:
            days = (date.fromisoformat(lot) - date.fromisoformat(today)).days
            return Expiring(left, lot, days, days <= lifetime.warn_days)
    return None
