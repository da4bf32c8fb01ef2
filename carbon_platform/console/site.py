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
    "village_officer": "Village officer",
    "citizen": "Citizen",
}
# Roles for whom something can wait.
INBOX_ROLES = frozenset(
    {"forestry_officer", "operator", "verifier", "ecology_bureau", "forestry_bureau", "authority", "dingxin",
     "bank"}
)  # fmt: skip


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


def pager(found: Page) -> dict[str, Any]:
    """The context of ``parts.pager``: the same address with another page."""
    kept = "".join(f"{quote(name)}={quote(value)}&" for name, value in request.args.items() if name != "page")
    return {
        "page": found.page,
        "pages": found.pages,
        "total": found.total,
        "url": f"{request.path}?{kept}page={{page}}",
    }


def asked_page() -> int:
    """``?page=``; 1 for anything that is no page number."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def site_context() -> dict[str, Any]:
    """``site`` for every template, also for error pages rendered outside a page view."""
    if not request:
        return {}
    house, actor = platform(), _actor()
    token, transport = session_token()
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
            "nav": _navigation(actor),
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


def _navigation(actor: Actor | None) -> list[dict[str, Any]]:
    """At most six tasks of a role; addresses never change, roles only hide them."""
    return [
        {"label": label, "url": url, "current": _is_part_of(request.path, url)}
        for label, url, shown in _tasks(actor)
        if shown
    ][:6]


def _is_part_of(path: str, url: str) -> bool:
    """Whether a page belongs to a task: it stands below its address. Parcels belong to the map."""
    homes = (url, "/parcels") if url == "/map" else (url,)
    return any(path == home or path.startswith(f"{home}/") for home in homes)


def _tasks(actor: Actor | None) -> list[tuple[str, str, bool]]:
    if actor is None or actor.role == "citizen":
        return [
            (_("我的碳账本"), "/h5/", True),
            (_("行情与挂牌"), "/market", actor is None),
            (_("查证书"), "/verify", True),
            (_("方法与来源"), "/sources", True),
        ]
    return [
        (_("待办"), "/reviews", actor.role in INBOX_ROLES),
        (_("地块一张图"), "/map", actor.may("parcel.read")),
        (_("导入"), "/imports", actor.may("parcel.import") or actor.may("parcel.approve")),
        (_("权属与证据"), "/evidence", actor.may("evidence.write") and actor.role == "forestry_officer"),
        (_("项目库"), "/projects", actor.may("project.read")),
        (_("行情与挂牌"), "/market", actor.may("market.read")),
        (_("我的持仓"), "/holdings", actor.may("holding.read") and actor.organisation_id is not None),
        (_("登记簿导入"), "/registry", actor.may("registry.import")),
        (_("质押"), "/pledges", actor.may("pledge.decide")),
        (_("账本核对"), "/reconciliation", actor.may("ledger.read")),
        (_("商家核销"), "/shop/", actor.may("shop.self")),
        (_("本店结算"), "/shop/statements", actor.may("shop.self")),
        (_("减排场景"), "/scenes", actor.role == "scene_operator"),
        (_("商家付款"), "/merchant-payments", actor.may("cash.confirm")),
        (_("收益与目标"), "/revenue", actor.may("revenue.read")),
        (_("普惠看板"), "/dashboard", actor.may("inclusion.read")),
        (_("村级经办"), "/village", actor.may("proxy.write")),
        (_("社区与学校"), "/groups", actor.may("group.write")),
        (_("奖励资金到账"), "/fund-receipts", actor.may("cash.confirm")),
        (_("重复申报"), "/double-claims", actor.may("claim.read") and actor.role != "operator"),
        (_("查证书"), "/verify", actor.role == "enterprise"),
        (_("市民账户"), "/people", actor.may("person.read") or actor.may("audit.read")),
        (_("方法与来源"), "/sources", True),
    ]


def home_of(actor: Actor) -> str:
    """Where a role's work begins."""
    if actor.role == "citizen":
        return "/h5/"
    if actor.role in INBOX_ROLES:
        return "/reviews"
    if actor.may("shop.self"):
        return "/shop/"
    if actor.role == "scene_operator":
        return "/scenes"
    if actor.may("proxy.write"):
        return "/village"
    return "/revenue" if actor.may("revenue.read") else "/market"
