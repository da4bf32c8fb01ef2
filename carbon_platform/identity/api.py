"""Sessions of staff, and who I am."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import jsonify
from flask_smorest import Blueprint

from carbon_platform.identity import service
from carbon_platform.identity.rules import ROLES_ZH, STAFF_SESSION_HOURS, Actor, WrongCredentials
from carbon_platform.web import Call, Schema, in_transaction, outside_transaction, platform, reading
from carbon_platform.web.calls import SESSION_COOKIE, session_token

blp = Blueprint("identity", __name__, url_prefix="/api/v1", description="登录与身份 Sessions and identity")


class SessionIn(Schema):
    username = ma.fields.String(required=True, metadata={"example": "forestry.guangshan"})
    password = ma.fields.String(required=True, load_only=True)
    transport = ma.fields.String(
        load_default="bearer",
        validate=ma.validate.OneOf(["bearer", "cookie"]),
        metadata={"description": "bearer: token in the answer; cookie: HttpOnly cookie for the console"},
    )


class ActorOut(Schema):
    name = ma.fields.String()
    role = ma.fields.String()
    role_zh = ma.fields.String()
    region_code = ma.fields.String()
    organisation_id = ma.fields.Integer(allow_none=True)
    permissions = ma.fields.List(ma.fields.String())


class SessionOut(Schema):
    token = ma.fields.String(metadata={"description": "empty with transport=cookie"})
    expires_in_s = ma.fields.Integer()
    actor = ma.fields.Nested(ActorOut)


def describe(actor: Actor) -> dict[str, Any]:
    return {
        "name": actor.name,
        "role": actor.role,
        "role_zh": ROLES_ZH.get(actor.role, actor.role),
        "region_code": actor.region_code,
        "organisation_id": actor.organisation_id,
        "permissions": sorted(actor.permissions),
    }


def hand_over(
    call: Call, token: str, actor: Actor, *, seconds: int, transport: str, status: int = 201
) -> Any:
    """The answer to a sign-in: the token as JSON, or in a cookie no script can read."""
    with_cookie = transport == "cookie"
    body = {"token": "" if with_cookie else token, "expires_in_s": seconds, "actor": describe(actor)}
    response = jsonify(body)
    response.status_code = status
    if with_cookie:
        response.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=seconds,
            httponly=True,
            samesite="Lax",
            secure=call.settings.base_url.startswith("https://"),
        )
    return response


@blp.post("/sessions")
@outside_transaction(None)
@blp.arguments(SessionIn)
@blp.response(201, SessionOut)
def open_session(call: Call, payload: dict[str, Any]) -> Any:
    """登录 Sign in with user name and password."""
    username, password = payload["username"], payload["password"]
    matches = service.password_matches(
        call.read(lambda session: service.find_password_hash(session, username)), password
    )
    # Not through call.transact: a failed attempt must be counted, and counting is not audited.
    signed_in = platform().db.transact(
        lambda session: service.sign_in(session, username, matches=matches, now=call.now)
    )
    if signed_in is None:
        raise WrongCredentials
    token, actor = signed_in
    return hand_over(call, token, actor, seconds=STAFF_SESSION_HOURS * 3600, transport=payload["transport"])


@blp.delete("/sessions/current")
@in_transaction(None)
@blp.response(204)
def close_session(call: Call) -> Any:
    """退出 Sign out: the token is worthless from this moment."""
    token, _ = session_token()
    if call.actor is None:
        raise WrongCredentials
    service.sign_out(call.session, token, call.actor, now=call.now)


@blp.get("/me")
@reading(None)
@blp.response(200, ActorOut)
def me(call: Call) -> Any:
    """我是谁 Name, role, region and permissions of the caller."""
    if call.actor is None:
        raise WrongCredentials
    return describe(call.actor)
