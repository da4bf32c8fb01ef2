"""What a row said about an act, as it is kept between its arrival and the decision: a claim as plain JSON.

Distance, hours and quantity only, never places or tracks. Values in, values out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from carbon_platform.citizens.claims import Claim


def said_of(claim: Claim) -> dict[str, Any]:
    """What is kept of a claim; numbers that were not given are left out. ``at``: ISO, UTC."""
    said: dict[str, Any] = {
        "record": claim.external_id,
        "behaviour": claim.behaviour,
        "at": claim.starts_at.astimezone(UTC).isoformat(),
    }
    numbers = {
        "quantity": claim.quantity,
        "quantity_milli": claim.quantity_milli,
        "distance_m": claim.distance_m,
        "duration_s": claim.duration_s,
        "circumstances": dict(claim.circumstances) or None,
        "daily": claim.daily or None,
    }
    return said | {name: value for name, value in numbers.items() if value is not None}


def claim_of(said: Mapping[str, Any], **about: Any) -> Claim:
    """The claim again; ``about``: further fields of :class:`Claim`, ``holder`` and ``source`` among them."""
    fields = {
        "external_id": said["record"],
        "behaviour": said["behaviour"],
        "starts_at": datetime.fromisoformat(said["at"]),
        "quantity": said.get("quantity"),
        "quantity_milli": said.get("quantity_milli"),
        "distance_m": said.get("distance_m"),
        "duration_s": said.get("duration_s"),
        "circumstances": said.get("circumstances", {}),
        "daily": bool(said.get("daily")),
    }
    return Claim(**(fields | about))
