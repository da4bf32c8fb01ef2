"""What waits in points and truth, for the inbox: one line per kind, with how many and since when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from flask import request
from flask_babel import gettext as _

from carbon_platform.citizens import appeals, audits, corrections, devices
from carbon_platform.citizens.points_tables import DRAFT, PointsCampaign, PointsRuleVersion
from carbon_platform.citizens.tables import PointsCorrection
from carbon_platform.citizens.truth_tables import AccountReview, Appeal, SourceAudit
from carbon_platform.console.formats import count
from carbon_platform.console.site import said
from carbon_platform.web import Call

Task = dict[str, Any]


def points_links(call: Call) -> list[dict[str, Any]]:
    """The pages of points this reader may see, the one that is open marked."""
    every = (
        ("/points", _("积分规则"), "inclusion.read"),
        ("/appeals", _("申诉"), "appeal.decide"),
        ("/audits", _("随机抽查"), "inclusion.read"),
        ("/account-reviews", _("共用与更正"), "points.correct"),
    )
    return [
        {"url": url, "label": label, "on": url == request.path}
        for url, label, permission in every
        if call.actor.may(permission)
    ]


def appeals_waiting(call: Call) -> Iterator[Task]:
    """Citizens who wait for an answer."""
    mine = appeals.appeals(call.actor).where(Appeal.state == appeals.OPEN).order_by(None)
    yield from line(
        call, mine.with_only_columns(sa.func.count(), sa.func.min(Appeal.raised_at)),
        _("条申诉等答复"), _("市民觉得不对的记账"), "/appeals", _("去答复"),
    )  # fmt: skip


def rules_waiting(call: Call) -> Iterator[Task]:
    """Rules and campaigns that somebody else proposed."""
    for table in (PointsRuleVersion, PointsCampaign):
        found = sa.select(sa.func.count(), sa.func.min(table.proposed_at)).where(
            table.state == DRAFT, table.proposed_by_id != call.actor.user_id
        )
        title = _("条积分规则等发布") if table is PointsRuleVersion else _("个活动等发布")
        yield from line(call, found, title, _("由另一位同事提出"), "/points", _("去看"))


def truth_waiting(call: Call) -> Iterator[Task]:
    """Audits to check, shared devices to look at, corrections to decide on."""
    drawn = sa.select(sa.func.count(), sa.func.min(SourceAudit.opened_at)).where(
        SourceAudit.state == audits.OPEN
    )
    yield from line(call, drawn, _("批抽查要核对"), _("按记录号向来源要凭证"), "/audits", _("去核对"))
    shared = sa.select(sa.func.count(), sa.func.min(AccountReview.opened_at)).where(
        AccountReview.state == devices.OPEN
    )
    yield from line(
        call, shared, _("处共用要看一眼"), _("一台设备或一个支付账户上账户太多"),
        "/account-reviews", _("去看"),
    )  # fmt: skip
    wishes = corrections.corrections(call.actor).where(
        PointsCorrection.status == corrections.PROPOSED,
        PointsCorrection.proposed_by_id != call.actor.user_id,
    )
    yield from line(
        call,
        wishes.order_by(None).with_only_columns(sa.func.count(), sa.func.min(PointsCorrection.proposed_at)),
        _("条更正等您决定"), _("撤回记账或退回兑换，由另一位同事提出"), "/account-reviews", _("去决定"),
    )  # fmt: skip


def line(
    call: Call, found: sa.Select[int, Any], title: str, note: str, url: str, label: str
) -> Iterator[Task]:
    """One task for all rows that wait; ``found``: how many, and since when."""
    waiting, since = call.session.execute(found).one()
    if waiting:
        yield {
            "title": said(f"{count(waiting)} {title}", f"{title[:1].upper()}{title[1:]}: {count(waiting)}"),
            "note": note,
            "url": url,
            "label": label,
            "state": "review",
            "since": since,
        }
