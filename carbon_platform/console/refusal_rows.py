"""What was sent and not taken in, as the person and the desk read it, in the language of the page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from carbon_platform.citizens import appeals
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.present import present_refused
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.console.citizen_people import appeal_row, day_of
from carbon_platform.console.citizen_rows import ICONS, act_title, row_words, when_words
from carbon_platform.console.site import said


def refusal_card(row: dict[str, Any], appeal: Appeal | None, now: datetime) -> dict[str, Any]:
    """One refusal of ``refusals_api.present_refusals``; see h5_refusals.html."""
    return {
        "id": row["id"],
        "title": act_title(row) if row["behaviour"] else _("一条记录"),
        "icon": ICONS.get(row["behaviour"], "book"),
        "source": row_words(row, "source"),
        "record": row["external_id"],
        "occurred": when_words(row["occurred_at"], now) if row["occurred_at"] else "",
        "refused": when_words(row["refused_at"], now),
        "reason": row_words(row, "reason"),
        "kept": row["kept"],
        "act_id": row["act_id"],
        "may_appeal": row["may_appeal"],
        "until": day_of(row["appeal_until"], now),
        "appeal": appeal_row(appeal, now) if appeal else None,
    }


def refused_case(row: Appeal, refused: ActRefusal) -> dict[str, Any]:
    """An appeal about a refusal, for the desk; see appeals.html."""
    shown = present_refused(refused)
    title = f"{row_words(shown, 'name')} {shown['behaviour']}" if shown["kept"] else _("内容没有留下")
    return {
        "id": row.id,
        "act": None,
        "title": title,
        "source": row_words(shown, "source"),
        "record": shown["external_id"],
        "at": shown["occurred_at"] or shown["refused_at"],
        "quantity": f"{shown['quantity_text']} {row_words(shown, 'unit')}".strip(),
        "claimed_g": "",
        "reduction_g": "",
        "reason": row_words(shown, "reason"),
        "withdrawn": False,
        "countable": shown["kept"],
        "words": row.words,
        "state": {appeals.OPEN: "review", appeals.ACCEPTED: "ok"}.get(row.state, "held"),
        "state_text": said(*appeals.STATE_WORDS[row.state]),
        "open": row.state == appeals.OPEN,
        "answer": row.answer,
        "by": row.decided_by,
        "raised_at": row.raised_at,
        "decided_at": row.decided_at,
        "counted": row.counted_act_id,
    }
