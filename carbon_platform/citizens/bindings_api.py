"""Bindings over HTTP: enter a partner's one-time code, see and end what is bound."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask_smorest import Blueprint

from carbon_platform.citizens import bindings, scenes
from carbon_platform.citizens.scene_tables import Binding
from carbon_platform.web import Call, Schema, in_transaction, outside_transaction, reading

blp = Blueprint(
    "citizen_bindings", __name__, url_prefix="/api/v1", description="绑定 Accounts at partners, bound by code"
)


class BindingIn(Schema):
    code = ma.fields.String(
        required=True,
        validate=ma.validate.Regexp(
            r"^[\sA-Za-z0-9-]{8,20}$", error="应为 8 位字母和数字。 8 letters and digits."
        ),
        metadata={"description": "one-time code shown by the partner", "example": "K7QM-2XPA"},
    )


class BindingOut(Schema):
    id = ma.fields.Integer()
    source = ma.fields.String(metadata={"example": "xinyang-bus"})
    source_zh = ma.fields.String()
    source_en = ma.fields.String()
    bound_at = ma.fields.AwareDateTime(format="iso")
    ended_at = ma.fields.AwareDateTime(format="iso", allow_none=True)


def present(session: Any, binding: Binding) -> dict[str, Any]:
    """One binding. The partner's customer number is not shown: nobody needs it here."""
    zh, en = scenes.names(session, binding.source)
    return {
        "id": binding.id,
        "source": binding.source,
        "source_zh": zh,
        "source_en": en,
        "bound_at": binding.bound_at,
        "ended_at": binding.ended_at,
    }


@blp.get("/citizen/bindings")
@reading("citizen.self")
@blp.response(200, BindingOut(many=True))
def list_bindings(call: Call) -> Any:
    """我的绑定 Accounts at partners whose records come into this book; ended ones last."""
    return [present(call.session, row) for row in bindings.list_bindings(call.session, call.actor)]


@blp.post("/citizen/bindings")
@outside_transaction("citizen.self")
@blp.arguments(BindingIn)
@blp.response(201, BindingOut)
def bind(call: Call, payload: dict[str, Any]) -> Any:
    """绑定 Enter the one-time code a partner shows. Its records still need consent before they count."""

    def work(session: Any) -> dict[str, Any] | None:
        made = bindings.bind(session, call.actor, payload["code"], now=call.now)
        return present(session, made) if made else None

    # A wrong code is counted: its transaction is kept, and only then it is refused.
    made = call.transact(work)
    if made is None:
        raise bindings.wrong_code()
    return made


@blp.delete("/citizen/bindings/<int:binding_id>")
@in_transaction("citizen.self")
@blp.response(204)
def end(call: Call, binding_id: int) -> None:
    """解除绑定 End it: the partner's next record is refused, what is in the book stays."""
    bindings.end(call.session, call.actor, binding_id, now=call.now)
