"""What every page shares: who looks, in which language and looks, and how a page view is written.

A page view reads and renders; it changes nothing (docs/adr/0001)::

    @blp.get("/projects/<code>")
    @page("project.read")
    def project(call: Call, code: str) -> str: ...
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

import sqlalchemy as sa
from flask import Blueprint, g, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from carbon_platform.console.menu import menu
from carbon_platform.errors import NotSignedIn
from carbon_platform.identity.rules import ROLES_ZH, Actor
from carbon_platform.regions.service import plan
from carbon_platform.regions.tables import Region
from carbon_platform.web import Page, platform
from carbon_platform.web.calls import identify, session_token
from carbon_platform.web.language import language

blp = Blueprint("site", __name__)

View = Callable[..., Any]
SIGNED_IN = ""  # any role
NEEDS = "needs_permission"  # on a page view: what :func:`page` was given
THEMES = ("light", "dark", "hc")
# Names of the tiles of a base map, bottom first; the second writes the names of places.
BASE_LAYERS = {"tianditu-vec": ("vec", "cva"), "tianditu-img": ("img", "cia")}
_YEAR_S = 31_536_000
_ROLES_EN = {
    "forestry_officer": "Forestry officer",
    "operator": "Carbon company",
    "verifier": "Verifier",
    "ecology_bureau": "Ecology bureau",
    "forestry_bureau": "Forestry bureau",
    "authority": "Parameter authority",
    "enterprise": "Enterprise",
    "dingxin": "Dingxin Group",
    "bank": "Settlement bank",
    "auditor": "Auditor",
    "administrator": "Administrator",
    "scene_operator": "Scene operator",
    "merchant": "Merchant",
    "village_officer": "Village officer",
    "citizen": "Citizen",
}


def page(permission: str | None) -> Callable[[View], View]:
    """Run a page view in a read-only session, handed a ``web.Call``.

    ``None``: anyone, :data:`SIGNED_IN`: any role, else who has the permission. Nobody signed in where
    somebody must be → the sign-in page, and back afterwards.
    """

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            def work(session: Session) -> ResponseReturnValue:
                g.page_session = session
                # Also on a refusal the page must know whose navigation to show.
                call = replace(identify(session, None, changes=False), session=session)
                if permission is not None:
                    if call.actor is None:
                        raise NotSignedIn
                    if permission:
                        call.actor.demand(permission)
                return make_response(view(call, *args, **kwargs))

            try:
                return platform().db.read(work)
            except NotSignedIn:
                return redirect("/login?next=" + quote(request.full_path.rstrip("?"), safe="/"))

        setattr(wrapper, NEEDS, permission)
        return wrapper

    return decorate


def local_path(path: str | None, otherwise: str = "/") -> str:
    """``path`` when it stays on this site, else ``otherwise``: nobody is sent elsewhere by a link to us."""
    given = path or ""
    parts = urlsplit(given.replace("\\", "/"))
    safe = given.startswith("/") and not given.startswith(("//", "/\\")) and not parts.netloc
    return given if safe and not any(ord(c) < 32 for c in given) else otherwise


@blp.get("/settings")
def settings() -> ResponseReturnValue:
    """Keep theme, large type or language in a cookie and go back."""
    response = redirect(local_path(request.args.get("back")))
    for name, allowed in (("theme", THEMES), ("elder", ("0", "1")), ("lang", ("zh", "en"))):
        value = request.args.get(name)
        if value in allowed:
            response.set_cookie(name, value, max_age=_YEAR_S, samesite="Lax")
    return response


def said(zh: str, en: str) -> str:
    """The one in the reader's language."""
    return en if language() == "en" and en else zh


def role_label(role: str) -> str:
    return said(ROLES_ZH.get(role, role), _ROLES_EN.get(role, role))


def county(code: str) -> str:
    """Name of a county in the reader's language; the code itself when nobody registered it."""
    names = plan()["names"].get(code[:6])
    return said(*(names or _county_of_another_city(code[:6])))


def _county_of_another_city(code: str) -> tuple[str, str]:
    """Names of a county an operator added; asked once a page."""
    known: dict[str, tuple[str, str]] = g.setdefault("county_words", {})
    if code not in known:
        session: Session | None = g.get("page_session")
        found = session.get(Region, code) if session else None
        known[code] = (found.name_zh, found.name_en) if found else (code, code)
    return known[code]


def counties_text(codes: Iterable[str]) -> str:
    return said("、", ", ").join(county(code) for code in codes)


def pager(found: Page, parameter: str = "page") -> dict[str, Any]:
    """The context of ``parts.pager``: the same address with another page of the list ``parameter`` turns."""
    kept = "".join(
        f"{quote(name)}={quote(value)}&" for name, value in request.args.items() if name != parameter
    )
    return {
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
        "url": f"{request.path}?{kept}{parameter}={{page}}",
    }


def asked_page(parameter: str = "page") -> int:
    """``?page=``; 1 for anything that is no page number."""
    text = request.args.get(parameter, "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def site_context() -> dict[str, Any]:
    """``site`` for every template, also for error pages rendered outside a page view."""
    if not request:
        return {}
    house, actor = platform(), _actor()
    token, transport = session_token()
    bar, more = menu(actor, request.path)
    return {
        "site": {
            "is_demo": house.settings.is_demo,
            "lang": language(),
            "theme": request.cookies.get("theme") if request.cookies.get("theme") in THEMES else "light",
            "elder": request.cookies.get("elder") == "1",
            "path": request.full_path.rstrip("?"),
            "csrf": house.hooks.csrf_token(house.settings.secret, token) if transport == "cookie" else "",
            "map_review_number": house.settings.map_review_number,
            "base_map": _base_map(actor),
            "nav": bar,
            "more": more,
            "user": {"name": actor.name, "role_label": role_label(actor.role)} if actor else None,
        }
    }


def _base_map(actor: Actor | None) -> dict[str, Any] | None:
    """The operator's base map for who is signed in; its tiles come through ``base_map.tile``."""
    settings = platform().settings
    layers = BASE_LAYERS.get(settings.map_base, ())
    if actor is None or not layers:
        return None
    credit = _("天地图 审图号：%(number)s", number=settings.map_review_number)
    return {"layers": [f"/base-map/{name}/{{z}}/{{x}}/{{y}}" for name in layers], "credit": credit}


def _actor() -> Actor | None:
    """Who asks: known after a page view identified them, else looked up once."""
    if "actor" not in g:
        try:
            g.actor = platform().db.read(lambda session: identify(session, None, changes=False).actor)
        except sa.exc.SQLAlchemyError:
            # The page being rendered may be the one that says the database is down.
            g.actor = None
    found: Actor | None = g.actor
    return found
