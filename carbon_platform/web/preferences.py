"""What a client prefers of an answer (RFC 7240)."""

from __future__ import annotations

from flask import request

LATER = {
    "in": "header",
    "name": "Prefer",
    "schema": {"type": "string", "example": "respond-async"},
    "description": "`respond-async`: write the request down and answer 202 at once; the result comes later.",
}


def wants_later() -> bool:
    """Whether the client would rather have a receipt now than the result in a moment."""
    asked = request.headers.get("Prefer", "")
    return any(one.partition(";")[0].strip().lower() == "respond-async" for one in asked.split(","))
