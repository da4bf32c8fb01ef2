"""The partner's chapter: a bus company signs its pushes, a citizen binds her ride code, a day is compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from carbon_platform.partners.rules import SM3
from carbon_platform.partners.signed import signature_headers
from demo.client import Person, Refused

SCENE = "xinyang-bus"
SUBJECT = "demo-c-1"
RIDES = 4


def push_rides(http: httpx.Client, company: Person, citizen: Person) -> dict[str, Any]:
    """A key, a binding, a signed push with one broken row, the same push again, and the daily file."""
    key = company.post(f"/api/v1/scenes/{SCENE}/keys")

    def send(path: str, body: bytes, content_type: str) -> Any:
        full = f"/api/v1/partner/{path}"
        signed = signature_headers(
            key_id=key["key_id"], secret=key["secret"], method="POST", path=full, body=body,
            at=datetime.now(UTC), nonce=uuid4().hex, algorithm=SM3,
        )  # fmt: skip
        answer = http.post(full, content=body, headers={**signed, "Content-Type": content_type})
        if answer.is_error:
            raise Refused(answer.status_code, answer.json())
        return answer.json()

    asked = json.dumps({"subject": SUBJECT}).encode()
    citizen.post("/api/v1/citizen/bindings", {"code": send("bindings", asked, "application/json")["code"]})
    consent = next(row for row in citizen.get("/api/v1/citizen/consents") if row["partner"] == SCENE)
    citizen.post(
        "/api/v1/citizen/consents", {name: consent[name] for name in ("partner", "purpose", "version")}
    )
    # Noon of yesterday in Xinyang: all of them on one day, whenever the story is told.
    day = (datetime.now(UTC) + timedelta(hours=8) - timedelta(days=1)).date().isoformat()
    series = uuid4().hex[:8]
    rows = [
        {
            "external_id": f"BUS-{series}-{number}",
            "subject": SUBJECT,
            "behaviour": "XI14b",
            "occurred_at": f"{day}T{8 + 2 * number:02d}:00:00+08:00",
        }
        for number in range(RIDES)
    ]
    body = "\n".join([*(json.dumps(row) for row in rows), '{"external_id": ']).encode()
    told = {
        "push": send("acts", body, "application/x-ndjson"),
        "again": send("acts", body, "application/x-ndjson"),
    }
    file = f"day,behaviour,records,quantity\r\n{day},XI14b,{RIDES},{RIDES}\r\n".encode()
    return told | {"day": send("reconciliations", file, "text/csv")}
