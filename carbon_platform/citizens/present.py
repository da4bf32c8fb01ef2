"""What people read of an act, a consent and a point: plain values for the API and the pages."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, rules, scenes
from carbon_platform.citizens.assessment import grams
from carbon_platform.citizens.consents import ConsentState
from carbon_platform.citizens.corrections import STATUS_WORDS
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.lots import UNDATED
from carbon_platform.citizens.purse import PENDING, PointsLine, PointsPage
from carbon_platform.citizens.reasons import Reason
from carbon_platform.citizens.receipts import OwnReceipt
from carbon_platform.citizens.service import Reported
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.units import carbon_text
from methodologies import registry

WITHDRAWN_WORDS = ("已撤回", "withdrawn")
COUNTED_ELSEWHERE_WORDS = ("已按另一条计", "counted by another record")
# What a line of the statement is called; {} is the act or the reward it belongs to.
POINTS_WORDS = {
    "act": ("{}", "{}"),
    "redemption": ("兑换 {}", "Exchanged for {}"),
    "donation": ("捐给 {}", "Given to {}"),
    "points.refund": ("退回 {}", "Given back: {}"),
    "points.regrant": ("退回的积分换了到期日", "Refunded points got a new last day"),
    "points.withdrawal": ("撤回 {}", "Withdrawn: {}"),
    "points.cover": ("撤回前的调整", "Adjusted before a withdrawal"),
    "points.recovery": ("抵还欠分", "Paid back points owed"),
    "points.expiry": ("到期作废", "Expired"),
    "points.lapse": ("过期未领，作废", "Not fetched in time"),
    "act.replaced": ("改按更可靠的记录计", "A better proven record counts in its place"),
    "family.gift": ("家人互送", "Gift in the family"),
    "takeover": ("原平台积分转入", "Brought along from another platform"),
}


def behaviour_words(methodology: str, code: str) -> dict[str, str]:
    """Names, unit and category of a behaviour as the act's own methodology knows it."""
    for known in registry()[methodology].behaviours:
        if known.code == code:
            return {
                "name_zh": known.name_zh,
                "name_en": known.name_en,
                "unit_zh": known.unit_zh,
                "unit_en": known.unit_en,
                "category_zh": known.category_zh,
            }
    return {"name_zh": code, "name_en": code, "unit_zh": "", "unit_en": "", "category_zh": ""}


def present_act(act: Act) -> dict[str, Any]:
    """One line of the book."""
    source_zh, source_en = catalogue.partner_names(act.source)
    status_zh, status_en = rules.STATUS_WORDS[act.status]
    reason: dict[str, Any] = {}
    if act.withdrawn_at is not None:
        status_zh, status_en = WITHDRAWN_WORDS
        reason = {
            "status": "withdrawn",
            "reduction_g": 0,
            "creditable_g": 0,
            "points": 0,
            "reason_code": "withdrawn",
            "reason_zh": f"来源撤回了这一条，克数和积分已一并收回：{act.withdrawal_note}",
            "reason_en": f"Its source took this back, its grams and points with it: {act.withdrawal_note}",
        }
    if act.counted_as_id is not None:
        # Another record of the same act counts: this one was weaker, or came second.
        status_zh, status_en = COUNTED_ELSEWHERE_WORDS
        if reason:
            reason |= {
                "reason_code": "better_evidence",
                "reason_zh": f"{act.withdrawal_note}。",
                "reason_en": "A better proven record of the same act has come; that one counts in its place.",
            }
    appeal_zh, appeal_en = rules.APPEAL if reason or act.reason_code else ("", "")
    plain = {column.name: getattr(act, column.name) for column in Act.__table__.columns} | reason
    return (
        plain
        | behaviour_words(act.methodology, act.behaviour)
        | {
            "source_zh": source_zh,
            "source_en": source_en,
            "quantity_text": rules.milli_text(act.claimed_milli),
            "status_zh": status_zh,
            "status_en": status_en,
            "appeal_zh": appeal_zh,
            "appeal_en": appeal_en,
            "cut_g": act.claimed_g - plain["reduction_g"],
            "points_expire_on": act.points_lot,
            "explain": f"/api/v1/explain/act/{act.id}",
            "counted_as": f"/api/v1/acts/{act.counted_as_id}" if act.counted_as_id else "",
        }
    )


def present_refused(row: ActRefusal) -> dict[str, Any]:
    """A row that was not taken in: who sent it, why it was refused, and what it said if that was kept."""
    source_zh, source_en = catalogue.partner_names(row.source)
    names = ("id", "source", "external_id", "refused_at", "reason_code", "reason_zh", "reason_en")
    kept: dict[str, Any] = json.loads(row.said) if row.said else {}
    behaviour = catalogue.behaviours().get(kept.get("behaviour", ""))
    return {name: getattr(row, name) for name in names} | {
        "source_zh": source_zh,
        "source_en": source_en,
        "kept": bool(kept),
        "behaviour": behaviour.code if behaviour else "",
        "name_zh": behaviour.name_zh if behaviour else "",
        "name_en": behaviour.name_en if behaviour else "",
        "quantity_text": rules.milli_text(_said_milli(kept)) if behaviour else "",
        "unit_zh": behaviour.unit_zh if behaviour else "",
        "unit_en": behaviour.unit_en if behaviour else "",
        "occurred_at": datetime.fromisoformat(kept["at"]) if kept else None,
    }


def _said_milli(kept: dict[str, Any]) -> int:
    """Thousandths of the unit as the source gave them; nothing given is one."""
    given = kept.get("distance_m") or kept.get("quantity_milli")
    return int(given or kept.get("quantity", 1) * rules.MILLI)


def present_reported(reported: Reported) -> dict[str, Any]:
    """The answer to a report: the line, and one sentence."""
    act = reported.act
    if act.withdrawn_at is not None:
        zh = "这一条已经撤回，没有重新计。"
        en = "This act was withdrawn and is not counted again."
    elif reported.already_counted:
        what_zh, what_en = ("这趟车", "This ride") if act.travel else ("这一条", "This act")
        zh = f"{what_zh}已经记过了，没有重复计。"
        en = f"{what_en} is already in your book."
    elif act.status == rules.NOT_COUNTED:
        zh, en = f"收到了，但没有计入：{act.reason_zh}", f"Received, but not counted: {act.reason_en}"
    else:
        waits_zh, waits_en = _waiting(act)
        zh = f"记下了：{carbon_text(act.reduction_g)}，+{act.points} 分{waits_zh}。{act.reason_zh}"
        en = f"Kept: {carbon_text(act.reduction_g, 'en')}, +{act.points} points{waits_en}. {act.reason_en}"
        en = en.rstrip()
    return present_act(act) | {
        "already_counted": reported.already_counted,
        "message_zh": zh,
        "message_en": en,
    }


def _waiting(act: Act) -> tuple[str, str]:
    """From when its points can be spent, while they cannot."""
    if act.points_state != PENDING or act.active_from is None:
        return "", ""
    local = act.active_from.astimezone(rules.LOCAL)
    if act.claim_by is None:
        return f"（{local.month} 月 {local.day} 日起能用）", f" (from {local.date().isoformat()} on)"
    last = act.claim_by.astimezone(rules.LOCAL)
    return (
        f"（{local.month} 月 {local.day} 日起可领，{last.month} 月 {last.day} 日 {last:%H:%M} 前不领就作废）",
        f" (to be fetched from {local.date().isoformat()} on, before {last:%Y-%m-%d %H:%M})",
    )


def present_consent(state: ConsentState) -> dict[str, Any]:
    """A text, and where this person stands with it."""
    given = state.consent
    return {
        "partner": state.text.partner,
        "partner_zh": state.partner_zh,
        "partner_en": state.partner_en,
        "purpose": state.text.purpose,
        "version": state.text.version,
        "zh": state.text.zh,
        "en": state.text.en,
        "current": state.current,
        "consent_id": given.id if given else None,
        "given_version": given.text_version if given else None,
        "given_at": given.given_at if given else None,
    }


def present_offers(session: Session, now: datetime) -> list[dict[str, Any]]:
    """Per scene that takes acts in and behaviour: how to report it and what it is worth today."""
    day = rules.local_day(now)
    methodology = catalogue.methodology()
    offers = []
    for source in scenes.open_sources(session).values():
        for known in catalogue.offered_by(source):
            one = grams(methodology, known.code, rules.MILLI, day)
            grams_each = one.points_g * source.evidence_percent / 100
            offers.append(
                {
                    "source": source.code,
                    "source_zh": source.name_zh,
                    "source_en": source.name_en,
                    "behaviour": known.code,
                    **behaviour_words(methodology.key, known.code),
                    "quantity_field": "distance_m" if catalogue.is_distance(known) else "quantity",
                    "grams_per_unit": grams_each,
                    "evidence_percent": source.evidence_percent,
                    "cap_note_zh": known.cap_note_zh,
                    "cap_note_en": known.cap_note_en,
                }
            )
    return offers


def present_points_line(line: PointsLine) -> dict[str, Any]:
    """One change of points, and in words where it came from."""
    zh, en = POINTS_WORDS.get(line.reason, ("更正", "Correction"))
    if line.act:
        words = behaviour_words(line.act.methodology, line.act.behaviour)
        zh, en = zh.format(words["name_zh"]), en.format(words["name_en"])
    elif line.redemption:
        zh, en = zh.format(line.redemption.name_zh), en.format(line.redemption.name_en)
    return {
        "amount": line.amount,
        "expires_on": line.lot or None,
        "pending": line.pending,
        "at": line.at,
        "reason": line.reason,
        "words_zh": zh,
        "words_en": en,
        "act_id": line.act.id if line.act else None,
        "redemption_id": line.redemption.id if line.redemption else None,
    }


def present_points(page: PointsPage) -> dict[str, Any]:
    """The purse with its lots, and a page of the statement."""
    pockets = (("active", page.purse.active), ("pending", page.purse.pending))
    return {
        "available": page.available,
        "pending": page.pending,
        "pending_until": page.next_active,
        "owed": page.owed,
        "expired": page.expired,
        "held": page.purse.held,
        "expiring_next": page.expiring,
        "lots": [
            {"expires_on": None if lot == UNDATED else lot, "amount": amount, "state": state}
            for state, pocket in pockets
            for lot, amount in pocket.items()
        ],
        "items": [present_points_line(line) for line in page.lines],
        "next_before": page.next_before,
    }


def present_correction(correction: PointsCorrection) -> dict[str, Any]:
    """A proposal as colleagues see it; it names an act or a voucher by number, never the person."""
    plain = {column.name: getattr(correction, column.name) for column in PointsCorrection.__table__.columns}
    status_zh, status_en = STATUS_WORDS[correction.status]
    return plain | {"status_zh": status_zh, "status_en": status_en}


def present_receipt(receipt: OwnReceipt) -> dict[str, Any]:
    """A report that was written down, and what became of it."""
    reason = receipt.reason or Reason("", "", "")
    return {
        "id": receipt.id,
        "state": receipt.state,
        "act_id": receipt.act_id,
        "reason_code": reason.code,
        "reason_zh": reason.zh,
        "reason_en": reason.en,
    }
