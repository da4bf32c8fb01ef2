"""What the village office reads: rows and slips in the language of the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from carbon_platform.citizens import catalogue as citizens
from carbon_platform.citizens import reward_rules, rewards
from carbon_platform.citizens.consents import ConsentState
from carbon_platform.citizens.rules import local_day, milli_text
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.console.citizen_people import consent_title
from carbon_platform.console.citizen_rows import plain_day
from carbon_platform.console.site import said
from carbon_platform.proxies import rules
from carbon_platform.proxies.slips import Slip
from carbon_platform.proxies.tables import VillageRow


def card_words(last_digits: str) -> str:
    return str(_("尾号 %(digits)s", digits=last_digits))


def reward_row(row: Reward, points: int, now: datetime) -> dict[str, Any]:
    """What can be exchanged for, or why not now."""
    if not _in_season(row, now):
        why = _("现在不是季节")
    elif row.stock == 0:
        why = _("换完了")
    elif row.price_points > points:
        why = _("还差 %(n)s 分", n=f"{row.price_points - points:,}")
    else:
        why = ""
    return {"code": row.code, "name": said(row.name_zh, row.name_en), "price": row.price_points, "why": why}


def _in_season(row: Reward, now: datetime) -> bool:
    return reward_rules.in_season(row.season_from, row.season_to, local_day(now))


def given_row(state: ConsentState) -> dict[str, Any]:
    assert state.consent is not None, "only those in force are listed"
    return {"id": state.consent.id, "name": consent_title(state), "given_at": state.consent.given_at}


def voucher_row(row: Redemption) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": said(row.name_zh, row.name_en),
        "price": row.price_points,
        "at": row.redeemed_at,
        "ready": row.status == rewards.READY,
        "status": said(*rewards.STATUS_WORDS[row.status]),
    }


def slip_card(slip: Slip, now: datetime) -> dict[str, Any]:
    """The month of an account as its slip prints it."""
    year, number = slip.month.split("-")
    return {
        "number": slip.account.paper.number,
        "name": slip.name or _("（已注销）"),
        "month": _("%(year)s 年 %(month)s 月", year=year, month=int(number)),
        "reduction_g": slip.reduction_g,
        "acts": slip.acts,
        "earned": slip.earned,
        "spent": slip.spent,
        "available": slip.available,
        "pending": slip.pending,
        "all_g": slip.all_g,
        "expiring": slip.expiring
        and {
            "amount": slip.expiring.amount,
            "day": plain_day(slip.expiring.day, local_day(now)),
            "soon": slip.expiring.soon,
        },
        "lines": _slip_lines(slip),
        "more": slip.more,
        "cards": "、".join(card_words(card.last_digits) for card in slip.cards),
        "vouchers": [
            {"name": said(row.name_zh, row.name_en), "code": row.voucher_code, "expires_at": row.expires_at}
            for row in slip.vouchers
        ],
        "can_get": [
            {"name": said(row.name_zh, row.name_en), "price": row.price_points} for row in slip.can_get
        ],
    }


def _slip_lines(slip: Slip) -> list[dict[str, Any]]:
    """What was done, by day; the same thing several times a day is one line."""
    lines: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in slip.lines:
        note = said(line.note_zh, line.note_en)
        what = said(line.name_zh, line.name_en)
        quantity = f"{line.quantity} {said(line.unit_zh, line.unit_en)}"
        by = said(line.by_zh, line.by_en)
        key = (line.day, what, quantity, by, note)
        if key in seen and not note:
            seen[key]["times"] += 1
            seen[key]["reduction_g"] += line.reduction_g
            seen[key]["points"] += line.points
            continue
        _year, month, day = line.day.split("-")
        seen[key] = {
            "day": _("%(month)s 月 %(day)s 日", month=int(month), day=int(day)),
            "what": what,
            "quantity": quantity,
            "times": 1,
            "reduction_g": line.reduction_g,
            "points": line.points,
            "by": by,
            "note": note,
        }
        lines.append(seen[key])
    return lines


def batch_row(row: VillageRow) -> dict[str, Any]:
    known = citizens.behaviours().get(row.behaviour)
    outcomes = {
        rules.READY: ("review", _("等复核")),
        rules.REFUSED: ("bad", _("没有收下")),
        rules.COUNTED: ("ok", _("已入账")),
        rules.NOT_COUNTED: ("held", _("收下了，没有计入")),
    }
    return {
        "id": row.id,
        "row_number": row.row_number,
        "account": row.account_number,
        "what": said(known.name_zh, known.name_en) if known else row.behaviour,
        "day": row.day,
        "quantity": f"{milli_text(row.milli)} {said(known.unit_zh, known.unit_en)}" if known else "",
        "outcome": outcomes[row.outcome],
        "reason": said(row.reason_zh, row.reason_en),
        "drawn": row.drawn,
        "verdict": row.verdict,
        "verdict_note": row.verdict_note,
        "checked_by": row.checked_by,
        "photo_url": f"/api/v1/village/batches/{row.batch_id}/rows/{row.id}/photo"
        if row.photo_sha256
        else "",
    }
