"""One request: who asks, in which transaction, and what is written when it ends."""

from __future__ import annotations

import copy
import functools
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy.orm import Session

from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.errors import NotSignedIn, PlatformError
from carbon_platform.web import idempotency

T = TypeVar("T")
View = Callable[..., Any]

SESSION_COOKIE = "xy_session"


class CsrfRefused(PlatformError):
    code, status = "web.csrf", 403
    zh = "页面已过期，请刷新后再试。"
    en = "The page has expired. Reload it and try again."


@dataclass(frozen=True)
class Hooks:
    """What ``web`` needs from rooms above it; ``app`` hands it over."""

    # (session, token, now) -> actor or None; the actor offers .demand(permission), .name, .role
    authenticate: Callable[[Session, str, datetime], Any]
    csrf_token: Callable[[str, str], str]


@dataclass(frozen=True)
class Platform:
    """What a process has one of; kept in ``app.extensions["carbon"]``."""

    settings: Settings
    db: Database
    clock: Callable[[], datetime]
    hooks: Hooks


def platform(app: Flask | None = None) -> Platform:
    found: Platform = (app or current_app).extensions["carbon"]
    return found


@dataclass(frozen=True)
class Call:
    """Handed to a view first. ``session`` is None only in :func:`outside_transaction` views."""

    actor: Any
    now: datetime
    settings: Settings
    session: Any = None

    def transact(self, work: Callable[[Session], T]) -> T:
        """One write transaction of a view that opens its own; demands an audit record like the others."""

        def audited(session: Session) -> T:
            session.info["audited"] = 0
            result = work(session)
            _demand_audit(session)
            return result

        return platform().db.transact(audited)

    def read(self, work: Callable[[Session], T]) -> T:
        return platform().db.read(work)


def session_token() -> tuple[str, str]:
    """(token, transport) of the request; transport is ``bearer``, ``cookie`` or empty."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip(), "bearer"
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return (cookie, "cookie") if cookie else ("", "")


def identify(session: Session, permission: str | None, *, changes: bool) -> Call:
    """Who asks, allowed or refused. Raises ``NotSignedIn``, ``NotAllowed`` or ``CsrfRefused``."""
    house = platform()
    now = house.clock()
    token, transport = session_token()
    actor = house.hooks.authenticate(session, token, now) if token else None
    if permission is not None and actor is None:
        raise NotSignedIn
    if changes and actor is not None and transport == "cookie":
        expected = house.hooks.csrf_token(house.settings.secret, token)
        if not hmac.compare_digest(request.headers.get("X-CSRF-Token", ""), expected):
            raise CsrfRefused
    if permission is not None:
        actor.demand(permission)
    g.actor = actor
    return Call(actor=actor, now=now, settings=house.settings)


def in_transaction(permission: str | None, *, idempotent: bool = False) -> Callable[[View], View]:
    """Run the view in one write transaction and commit before the response leaves."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            def work(session: Session) -> Response:
                session.info["audited"] = 0
                call = replace(identify(session, permission, changes=True), session=session)
                slot = idempotency.open_slot(session, call.actor, now=call.now) if idempotent else None
                if slot and slot.stored:
                    return slot.stored
                response = make_response(view(call, *args, **kwargs))
                session.flush()
                _demand_audit(session)
                if slot:
                    slot.keep(response)
                return response

            return platform().db.transact(work)

        return _declare(wrapper, permission, idempotent=idempotent)

    return decorate


def reading(permission: str | None) -> Callable[[View], View]:
    """Run the view in a read-only session."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            def work(session: Session) -> Response:
                call = replace(identify(session, permission, changes=False), session=session)
                return make_response(view(call, *args, **kwargs))

            return platform().db.read(work)

        return _declare(wrapper, permission)

    return decorate


def outside_transaction(permission: str | None) -> Callable[[View], View]:
    """Only check who asks; the view opens its own short transactions through ``call.transact``."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            # a public one is signing in: it changes nothing of the session whose cookie may come along
            changes = permission is not None
            call = platform().db.read(lambda session: identify(session, permission, changes=changes))
            return make_response(view(call, *args, **kwargs))

        return _declare(wrapper, permission)

    return decorate


@dataclass(frozen=True)
class Declared:
    """What a view declared, read by the OpenAPI document and by the permission-matrix test."""

    permission: str | None
    idempotent: bool


def _declare(wrapper: Any, permission: str | None, *, idempotent: bool = False) -> View:
    # flask-smorest collects its documentation on the function; give each wrapper its own copy.
    wrapper._apidoc = copy.deepcopy(getattr(wrapper, "_apidoc", {}))
    wrapper.declared = Declared(permission, idempotent)
    checked: View = wrapper
    return checked


def _demand_audit(session: Session) -> None:
    if not session.info.get("audited"):
        # A change nobody can be asked about is a defect, not a warning: nothing is committed.
        raise RuntimeError(f"{request.method} {request.path} changed data without an audit record")
