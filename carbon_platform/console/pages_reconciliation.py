"""账本核对: what last night's reconciliation looked at and found, what stands still, and letting it go on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.books import service
from carbon_platform.console.formats import count
from carbon_platform.console.site import page, said
from carbon_platform.identity.service import organisation_names
from carbon_platform.ledger import NIGHTLY, ROLES, Checked, Freeze
from carbon_platform.web import Call

blp = Blueprint("reconciliation_pages", __name__)


@blp.get("/reconciliation")
@page("ledger.read")
def reconciliation(call: Call) -> ResponseReturnValue:
    found = service.position(call.session)
    holders = {one.account.holder for one in (*found.frozen, *found.lifted) if one.account is not None}
    names = organisation_names(call.session, holders)
    return render_template(
        "reconciliation.html",
        last=None
        if found.last is None
        else {
            "ok": found.last.ok,
            "at": found.last.ended_at,
            "wrong": sum(1 for check in found.last.checks if check.wrong),
            "checks": [_check(check) for check in found.last.checks],
        },
        frozen=[_freeze(one, names) for one in found.frozen],
        lifted=[_freeze(one, names) for one in found.lifted],
        can={"lift": call.actor.may("ledger.freeze")},
    )


def _titles() -> dict[str, str]:
    return {
        "accounts": _("账户与其角色相符"),
        "transfers": _("每笔划转两侧账户、资产、批次相符"),
        "snapshots": _("每个账户的日结 = 前一日 + 当日发生额"),
        "balances": _("余额 = 划转之和"),
        "rollups": _("汇总 = 划转之和"),
        "held": _("账户冻结额 = 未结冻结之和"),
        "holds": _("每笔冻结与请求、入账相符"),
        "lengths": _("编号数 = 余额"),
        "ranges": _("每批编号不重、不漏"),
        "numbers": _("编号逐笔重放后的归属"),
        "sums": _("每种资产、每个批次合计为零"),
        "positions": _("每批签发 = 可用 + 冻结 + 质押 + 注销 + 取消 + 作废"),
    }


def _check(check: Checked) -> dict[str, Any]:
    return {
        "title": _titles().get(check.name, check.name),
        "examined": count(check.examined),
        "wrong": count(check.wrong) if check.wrong else "",
        "findings": [said(finding.zh, finding.en) for finding in check.findings],
    }


def _freeze(one: Freeze, names: dict[str, str]) -> dict[str, Any]:
    if one.account is None:
        what, who, lot = _("整批碳票"), "", one.lot or ""
    else:
        role = ROLES[one.account.role]
        holder = one.account.holder
        what, who, lot = said(role.zh, role.en), names.get(holder, holder), one.account.lot
    return {
        "id": one.freeze_id,
        "what": what,
        "who": who,
        "lot": lot,
        "reason": one.reason,
        "at": one.frozen_at,
        "by": _("每夜核对") if one.frozen_by == NIGHTLY else one.frozen_by,
        "lifted_at": one.lifted_at,
        "lifted_by": one.lifted_by,
        "note": one.note,
    }
