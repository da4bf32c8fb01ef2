"""The platform with one more address that does nothing, served by gunicorn for L1 and L4."""

from __future__ import annotations

from typing import Any

from carbon_platform.app import serving_app

app = serving_app()


@app.get("/bench/trivial")
def trivial() -> Any:
    """A small JSON answer: what the server, the framework and the network cost by themselves."""
    return {"ok": True}
