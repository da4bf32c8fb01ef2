"""Where a role finds its work: a bar of few places, and the rest behind "more", by subject.

Addresses never change and roles only hide them (design guide, part 2); every page that needs no number in
its address stands here for whoever may open it, so that nobody depends on a link in another page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask_babel import gettext as _

from carbon_platform.identity.rules import Actor

# Roles for whom something can wait.
INBOX_ROLES = frozenset(
    {"forestry_officer", "operator", "verifier", "ecology_bureau", "forestry_bureau", "authority", "dingxin",
     "bank"}
)  # fmt: skip
MOST_IN_BAR = 6
# With "more" beside it the bar is one shorter: both together are what the eye takes in at once.
MOST_BESIDE_MORE = 5
# What a role does every day, the first is where its work begins.
BARS: dict[str, tuple[str, ...]] = {
    "": ("/h5/", "/market", "/verify", "/sources", "/league", "/loop"),
    "citizen": ("/h5/", "/verify", "/sources", "/league", "/loop"),
    "forestry_officer": ("/reviews", "/map", "/imports", "/evidence", "/projects"),
    "operator": ("/reviews", "/projects", "/market", "/dashboard", "/scenes"),
    "verifier": ("/reviews", "/projects", "/map", "/evidence", "/market"),
    "ecology_bureau": ("/reviews", "/projects", "/dashboard", "/scenes", "/revenue"),
    "forestry_bureau": ("/reviews", "/map", "/projects", "/evidence", "/revenue"),
    "authority": ("/reviews", "/sources", "/methodologies", "/impact"),
    "enterprise": ("/market", "/holdings", "/pledges", "/verify", "/sources"),
    "dingxin": ("/reviews", "/revenue", "/projects", "/dashboard", "/honesty"),
    "bank": ("/reviews", "/merchant-payments", "/fund-receipts", "/pledges", "/market"),
    "auditor": ("/revenue", "/reconciliation", "/people", "/dashboard", "/projects"),
    "administrator": ("/reconciliation", "/people", "/sources"),
    "scene_operator": ("/scenes", "/methodologies", "/sources"),
    "merchant": ("/shop/", "/shop/statements"),
    "village_officer": ("/village", "/village/batches", "/groups"),
}
# Pages that belong to a place without standing below its address.
BELONG = {
    "/map": ("/parcels",),
    "/projects": ("/runs",),
    "/market": ("/batches",),
    "/revenue": ("/distributions",),
    "/verify": ("/certificates",),
    "/merchants": ("/merchant-statements",),
}

Link = dict[str, Any]
Places = tuple[tuple[str, str, bool], ...]


def home_of(actor: Actor) -> str:
    """Where a role's work begins."""
    return BARS[actor.role][0]


def menu(actor: Actor | None, path: str) -> tuple[list[Link], list[dict[str, Any]]]:
    """The bar, at most six places a role needs every day; and what else it may open, by subject."""
    sections = list(_shown(actor))
    every = {url: label for _title, places in sections for label, url in places}
    current = _current(every, path)
    most = MOST_IN_BAR if len(every) <= MOST_IN_BAR else MOST_BESIDE_MORE
    wanted = [url for url in BARS[actor.role if actor else ""] if url in every][:most]

    def link(url: str) -> Link:
        return {"label": every[url], "url": url, "current": url == current}

    rest = (
        {"title": title, "links": [link(url) for _label, url in places if url not in wanted]}
        for title, places in sections
    )
    return [link(url) for url in wanted], [section for section in rest if section["links"]]


def _current(urls: Iterable[str], path: str) -> str:
    """The place a page belongs to: the longest address it stands below."""
    below = [
        url
        for url in urls
        if any(
            path == home or path.startswith(home.rstrip("/") + "/") for home in (url, *BELONG.get(url, ()))
        )
    ]
    return max(below, key=len, default="")


def _shown(actor: Actor | None) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for title, places in _sections(actor):
        yield title, [(label, url) for label, url, shown in places if shown]


def _sections(actor: Actor | None) -> Iterator[tuple[str, Places]]:
    """Every place with whether this reader may open it."""
    if actor is not None and actor.role != "citizen":
        yield _("待办"), ((_("待办"), "/reviews", actor.role in INBOX_ROLES),)
        yield _("土地与权属"), _land(actor)
        yield _("项目与核算"), _projects(actor)
        yield _("市场与登记簿"), _market(actor)
        yield _("碳普惠"), _inclusion(actor)
        yield _("兑换与商家"), _spending(actor)
        yield _("村里"), _village(actor)
        yield _("账与钱"), _money(actor)
    yield _("人人可看"), _public(actor)


def _land(actor: Actor) -> Places:
    return (
        (_("地块一张图"), "/map", actor.may("parcel.read")),
        (_("导入"), "/imports", actor.may("parcel.read")),
        (_("权属与证据"), "/evidence", actor.may("parcel.read")),
        (_("土地变化"), "/land-changes", actor.may("parcel.read")),
        (_("重复申报"), "/double-claims", actor.may("claim.read")),
        (_("导出地块"), "/exports", actor.may("parcel.export")),
    )


def _projects(actor: Actor) -> Places:
    return (
        (_("项目库"), "/projects", actor.may("project.read")),
        (_("方法学"), "/methodologies", True),
        (_("影响预览"), "/impact", actor.may("methodology.approve")),
    )


def _market(actor: Actor) -> Places:
    return (
        (_("行情与挂牌"), "/market", actor.may("market.read")),
        (_("我的持仓"), "/holdings", actor.may("holding.read") and actor.organisation_id is not None),
        (_("质押"), "/pledges", actor.may("pledge.read")),
        (_("登记簿导入"), "/registry", actor.may("registry.read")),
    )


def _inclusion(actor: Actor) -> Places:
    sees = actor.may("inclusion.read")
    return (
        (_("普惠看板"), "/dashboard", sees),
        (_("诚实榜"), "/honesty", sees),
        (_("减排场景"), "/scenes", actor.may("scene.read")),
        (_("积分规则"), "/points", sees),
        (_("申诉"), "/appeals", actor.may("appeal.decide")),
        (_("随机抽查"), "/audits", sees),
        (_("共用与更正"), "/account-reviews", actor.may("points.correct")),
        (_("市民账户"), "/people", actor.may("person.read") or actor.may("audit.read")),
        (_("普惠汇总"), "/bundles", sees),
    )


def _spending(actor: Actor) -> Places:
    sees, shop = actor.may("inclusion.read"), actor.may("shop.self")
    return (
        (_("商家核销"), "/shop/", shop),
        (_("本店结算"), "/shop/statements", shop),
        (_("商家与结算"), "/merchants", sees),
        (_("小额碳票"), "/small-tickets", sees),
    )


def _village(actor: Actor) -> Places:
    return (
        (_("村级经办"), "/village", actor.may("proxy.write")),
        (_("代录批次"), "/village/batches", actor.may("proxy.write")),
        (_("社区、学校与单位"), "/groups", actor.may("group.write")),
    )


def _money(actor: Actor) -> Places:
    return (
        (_("收益与目标"), "/revenue", actor.may("revenue.read")),
        (_("账本核对"), "/reconciliation", actor.may("ledger.read")),
        (_("商家付款"), "/merchant-payments", actor.may("cash.confirm")),
        (_("奖励资金到账与退款"), "/fund-receipts", actor.may("cash.confirm")),
    )


def _public(actor: Actor | None) -> Places:
    return (
        (_("我的碳账本"), "/h5/", actor is None or actor.role == "citizen"),
        (_("行情与挂牌"), "/market", actor is None),
        (_("查证书"), "/verify", True),
        (_("方法与来源"), "/sources", True),
        (_("县区榜"), "/league", True),
        (_("绿色低碳内在循环"), "/loop", True),
    )
