"""What waits in merchants' statements, the reward fund and bundles, for the inbox: one line per kind."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from flask_babel import gettext as _

from carbon_platform.console.points_inbox import Task, line
from carbon_platform.inclusion import fund, offsets, rules
from carbon_platform.inclusion.tables import Bundle, OffsetOrder, Sponsorship
from carbon_platform.merchants import statements
from carbon_platform.merchants.tables import MerchantStatement
from carbon_platform.web import Call


def statements_to_approve(call: Call) -> Iterator[Task]:
    """Statements somebody else made: shops wait for their money."""
    found = statements.statements(call.actor, state=statements.DRAFT).where(
        MerchantStatement.prepared_by_id != call.actor.user_id
    )
    waiting = found.order_by(None).with_only_columns(
        sa.func.count(), sa.func.min(MerchantStatement.prepared_at)
    )
    yield from line(
        call, waiting, _("张商家结算单等审批"), _("由另一位同事做的单"),
        f"/merchants?state={statements.DRAFT}#sts", _("去审批"),
    )  # fmt: skip


def money_to_confirm(call: Call) -> Iterator[Task]:
    """For the bank: merchants to pay, sponsors' money to look for, orders to pay back."""
    approved = statements.statements(call.actor, state=statements.APPROVED).order_by(None)
    owed = approved.with_only_columns(sa.func.count(), sa.func.min(MerchantStatement.decided_at))
    yield from line(call, owed, _("张商家结算单等付款"), _("两个人批过了"), "/merchant-payments", _("去付款"))
    promised = fund.promised().order_by(None)
    wait = promised.with_only_columns(sa.func.count(), sa.func.min(Sponsorship.promised_at))
    yield from line(call, wait, _("笔赞助等确认到账"), _("登记的只是承诺"), "/fund-receipts", _("去确认"))
    due = offsets.refunds_due().order_by(None)
    late = due.with_only_columns(sa.func.count(), sa.func.min(OffsetOrder.paid_at))
    yield from line(
        call, late, _("笔小额碳票款要退"), _("付款到晚了，已经没有存货"), "/fund-receipts#due", _("去退款")
    )


def bundles_to_apply(call: Call) -> Iterator[Task]:
    """Bundles that were summed up and not applied for."""
    closed = sa.select(sa.func.count(), sa.func.min(Bundle.closed_at)).where(Bundle.state == rules.CLOSED)
    yield from line(call, closed, _("个汇总等申请签发"), _("已经加总，还没有送审"), "/bundles", _("去申请"))
