"""The citizen's chapter: a mini-program user's first day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from demo.client import Person, Refused

RIDES = 9


def tell_citizen(citizen: Person, *, now: datetime | None = None) -> dict[str, Any]:
    """Consent, one ride (sent twice, counted once), more rides, a clean plate, a voucher; then the book."""
    told: dict[str, Any] = {}
    now = now or datetime.now(UTC)
    day = uuid4().hex[:8]

    def ride(number: int, days_ago: int) -> dict[str, Any]:
        return {
            "behaviour": "XI14b",
            "source": "xinyang-bus",
            "external_id": f"DEMO-{day}-{number}",
            "occurred_at": (now - timedelta(days=days_ago, hours=2, minutes=40 * number)).isoformat(),
            "quantity": 1,
        }

    try:
        citizen.post("/api/v1/acts", ride(0, 0))
    except Refused as refused:
        told["without_consent"] = refused.code
    for consent in citizen.get("/api/v1/citizen/consents"):
        if consent["purpose"] == "acts":
            body = {name: consent[name] for name in ("partner", "purpose", "version")}
            citizen.post("/api/v1/citizen/consents", body)
    told["ride"] = citizen.post("/api/v1/acts", ride(0, 0))
    told["same_ride_again"] = citizen.post("/api/v1/acts", ride(0, 0))
    # Rides of earlier days have left observation; today's first one still waits.
    for number in range(1, RIDES):
        citizen.post(
            "/api/v1/acts", ride(number % 3, 3 + number // 3) | {"external_id": f"DEMO-{day}-more-{number}"}
        )
    told["clean_plate"] = citizen.post(
        "/api/v1/acts",
        {
            "behaviour": "SH03",
            "source": "clean-plate",
            "external_id": f"DEMO-{day}-plate",
            "occurred_at": (now - timedelta(hours=1)).isoformat(),
            "quantity": 1,
        },
    )
    points = citizen.get("/api/v1/citizen/points")["available"]
    # More than anybody has on the first day: refused, kept at zero points with the reason.
    dearest = max(citizen.get("/api/v1/citizen/rewards"), key=lambda reward: reward["price_points"])
    try:
        citizen.post("/api/v1/citizen/redemptions", {"reward": dearest["code"]})
    except Refused as refused:
        told["too_dear"] = refused.code
    rewards = sorted(citizen.get("/api/v1/citizen/rewards"), key=lambda reward: reward["price_points"])
    if rewards and rewards[0]["price_points"] <= points:
        told["voucher"] = citizen.post("/api/v1/citizen/redemptions", {"reward": rewards[0]["code"]})
    told["points_before"] = points
    told["points"] = citizen.get("/api/v1/citizen/points")
    told["refusals"] = citizen.get("/api/v1/citizen/refusals")
    told["book"] = citizen.get("/api/v1/citizen/book")
    return told
