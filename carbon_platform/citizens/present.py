"""What people read of an act, a consent, a point and a voucher: plain values for the API and the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from carbon_platform.citizens import catalogue, rewards, rules
from carbon_platform.citizens.assessment import assess
from carbon_platform.citizens.book import PointsLine
from carbon_platform.citizens.consents import ConsentState
from carbon_platform.citizens.service import Reported
from carbon_platform.citizens.tables import Act, Redemption
from carbon_platform.units import carbon_text
from methodologies import registry


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
    appeal_zh, appeal_en = rules.APPEAL if act.reason_code else ("", "")
    plain = {column.name: getattr(act, column.name) for column in Act.__table__.columns}
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
            "cut_g": act.claimed_g - act.reduction_g,
            "explain": f"/api/v1/explain/act/{act.id}",
        }
    )


def present_reported(reported: Reported) -> dict[str, Any]:
    """The answer to a report: the line, and one sentence."""
    act = reported.act
    if reported.already_counted:
        what_zh, what_en = ("这趟车", "This ride") if act.travel else ("这一条", "This act")
        zh = f"{what_zh}已经记过了，没有重复计。"
        en = f"{what_en} is already in your book."
    elif act.status == rules.NOT_COUNTED:
        zh, en = f"收到了，但没有计入：{act.reason_zh}", f"Received, but not counted: {act.reason_en}"
    else:
        zh = f"记下了：{carbon_text(act.reduction_g)}，+{act.points} 分。{act.reason_zh}"
        en = f"Kept: {carbon_text(act.reduction_g, 'en')}, +{act.points} points. {act.reason_en}".rstrip()
    return present_act(act) | {
        "already_counted": reported.already_counted,
        "message_zh": zh,
        "message_en": en,
    }


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


def present_offers(now: datetime) -> list[dict[str, Any]]:
    """Per source and behaviour: how to report it and what it is worth today."""
    day = rules.local_day(now)
    methodology = catalogue.methodology()
    offers = []
    for source in catalogue.sources().values():
        for known in catalogue.offered_by(source):
            grams = assess(methodology, known.code, rules.MILLI, day).points_g * source.evidence_percent / 100
            offers.append(
                {
                    "source": source.code,
                    "source_zh": source.name_zh,
                    "source_en": source.name_en,
                    "behaviour": known.code,
                    **behaviour_words(methodology.key, known.code),
                    "quantity_field": "distance_m" if catalogue.is_distance(known) else "quantity",
                    "grams_per_unit": grams,
                    "evidence_percent": source.evidence_percent,
                    "cap_note_zh": known.cap_note_zh,
                    "cap_note_en": known.cap_note_en,
                }
            )
    return offers


def present_points_line(line: PointsLine) -> dict[str, Any]:
    """One change of points, and in words where it came from."""
    if line.act:
        words = behaviour_words(line.act.methodology, line.act.behaviour)
        zh, en = words["name_zh"], words["name_en"]
    elif line.redemption:
        zh, en = f"兑换 {line.redemption.name_zh}", f"Exchanged for {line.redemption.name_en}"
    else:
        zh, en = "更正", "Correction"
    return {
        "amount": line.amount,
        "at": line.at,
        "reason": line.reason,
        "words_zh": zh,
        "words_en": en,
        "act_id": line.act.id if line.act else None,
        "redemption_id": line.redemption.id if line.redemption else None,
    }


def present_redemption(redemption: Redemption) -> dict[str, Any]:
    """A voucher with its code; only ever shown to its holder."""
    plain = {column.name: getattr(redemption, column.name) for column in Redemption.__table__.columns}
    status_zh, status_en = rewards.STATUS_WORDS[redemption.status]
    return plain | {"status_zh": status_zh, "status_en": status_en}
