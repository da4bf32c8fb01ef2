"""The ledger's seal over HTTP: signed heads and the key for everybody, proofs for the auditor."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from flask_smorest import Blueprint

from carbon_platform import ledger
from carbon_platform.errors import NotFound
from carbon_platform.ledger import Head
from carbon_platform.web import Call, Schema, reading

blp = Blueprint("seal", __name__, url_prefix="/api/v1", description="账本封存 Seal of the ledger")

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class LedgerHeadsArgs(Schema):
    before = ma.fields.String(
        load_default="9999-99-99",
        validate=ma.validate.Regexp(
            _DAY.pattern + r"\Z", error="须为 2026-11-22 这样的日期 a date like 2026-11-22"
        ),
        metadata={"description": "heads of days before this one", "example": "2026-11-22"},
    )
    size = ma.fields.Integer(load_default=31, validate=ma.validate.Range(1, 400))


class LedgerHeadOut(Schema):
    format = ma.fields.String()
    day = ma.fields.String(metadata={"description": "in Xinyang (UTC+8)"})
    first_block = ma.fields.Integer()
    block_number = ma.fields.Integer()
    block_hash = ma.fields.String()
    blocks_root = ma.fields.String(metadata={"description": "Merkle root over first_block … block_number"})
    entries = ma.fields.Integer(metadata={"description": "sealed up to this head"})
    key_id = ma.fields.String(metadata={"description": "the Ed25519 public key, hexadecimal"})
    signed_at = ma.fields.String(metadata={"description": "exactly as signed"})
    signature = ma.fields.String(metadata={"description": "over this object without it, as canonical JSON"})


class LedgerHeadsOut(Schema):
    items = ma.fields.List(ma.fields.Nested(LedgerHeadOut))


class LedgerKeyOut(Schema):
    algorithm = ma.fields.String()
    key_id = ma.fields.String(metadata={"description": "32 bytes of public key, hexadecimal"})
    earlier = ma.fields.List(ma.fields.String(), metadata={"description": "keys that signed earlier heads"})


class LedgerProofOut(Schema):
    """As ``tools/check_proof.py`` reads it; fields are fixed by ``format``."""

    format = ma.fields.String()
    entry_id = ma.fields.Integer()
    position = ma.fields.Integer()
    entry = ma.fields.Dict()
    path = ma.fields.List(ma.fields.String())
    block = ma.fields.Dict()
    block_path = ma.fields.List(ma.fields.String())
    head = ma.fields.Nested(
        LedgerHeadOut, allow_none=True, metadata={"description": "null until the day is signed"}
    )


@blp.get("/public/ledger/heads")
@reading(None)
@blp.arguments(LedgerHeadsArgs, location="query")
@blp.response(200, LedgerHeadsOut)
def list_heads(call: Call, args: dict[str, Any]) -> Any:
    """每日签名头 The signed heads of the ledger, the newest first; keep copies of them."""
    found = ledger.signed_heads(call.session, limit=args["size"], before=args["before"])
    return {"items": [head.statement() for head in found]}


@blp.get("/public/ledger/heads/<day>")
@reading(None)
@blp.response(200, LedgerHeadOut)
def show_head(call: Call, day: str) -> Any:
    """一日的签名头 The signed head of one day, 2026-11-22."""
    return get_head(call, day).statement()


@blp.get("/public/ledger/key")
@reading(None)
@blp.response(200, LedgerKeyOut)
def show_key(call: Call) -> Any:
    """验签公钥 The public key to check heads and proofs with."""
    present, *earlier = public_keys(call)
    return {"algorithm": "Ed25519", "key_id": present, "earlier": earlier}


@blp.get("/ledger/entries/<int:entry_id>/proof")
@reading("ledger.prove")
@blp.response(200, LedgerProofOut)
def show_proof(call: Call, entry_id: int) -> Any:
    """分录证明 The proof of one entry; check it with tools/check_proof.py."""
    return ledger.prove(call.session, entry_id)


def public_keys(call: Call) -> tuple[str, ...]:
    """The present public key, then earlier ones."""
    settings = call.settings
    return ledger.known_keys(settings.seal_key_path, make=settings.is_demo, old_keys=settings.seal_old_keys)


def get_head(call: Call, day: str) -> Head:
    """The head of a day, or ``NotFound``."""
    head = ledger.find_head(call.session, day) if _DAY.fullmatch(day) else None
    if head is None:
        raise NotFound(what="每日签名头", key=day)
    return head
