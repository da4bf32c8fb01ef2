"""The seal of the ledger: daily heads and how to check them, for anyone."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from carbon_platform import ledger
from carbon_platform.console.site import page
from carbon_platform.credits.ledger_api import public_keys
from carbon_platform.web import Call

blp = Blueprint("seal_page", __name__)

_DAYS = 31
_SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "check_proof.py"


@blp.get("/seal")
@page(None)
def heads(call: Call) -> ResponseReturnValue:
    asked = request.args.get("before", "")
    known = asked if len(asked) == 10 and asked.isascii() and asked.isprintable() else "9999-99-99"
    found = ledger.signed_heads(call.session, limit=_DAYS, before=known)
    present, *earlier = public_keys(call)
    return render_template(
        "seal.html",
        heads=[
            {
                "day": head.day,
                "entries": head.entries,
                "block_number": head.block_number,
                "block_hash": head.block_hash,
                "signed_at": head.signed_at,
                "url": f"/api/v1/public/ledger/heads/{head.day}",
            }
            for head in found
        ],
        key=present,
        earlier_keys=earlier,
        older_url=f"/seal?before={found[-1].day}" if len(found) == _DAYS else None,
    )


@blp.get("/seal/check_proof.py")
def script() -> ResponseReturnValue:
    """The script that checks a proof, to be read and kept."""
    return Response(
        _SCRIPT.read_bytes(),
        mimetype="text/plain",
        headers={"Content-Disposition": "attachment; filename=check_proof.py"},
    )
