"""What the parcel page says of a parcel's past: every version, what changed, what it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from carbon_platform.console.site import said
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import history
from carbon_platform.parcels.field_changes import FIELD_NAMES
from carbon_platform.parcels.history_tables import SNAPSHOT, ParcelEvent
from carbon_platform.parcels.tables import Parcel

# Follow from other columns; a line of their own would say the same twice.
_FOLLOWS = frozenset({"geometry", "source_geometry", "source_epsg", "area_m2", "attributes"})


def event_words() -> dict[str, str]:
    return {
        "registered": _("登记"),
        "corrected": _("更正"),
        "split": _("拆分"),
        "merged": _("合并"),
        "ended": _("结束"),
        "restored": _("恢复"),
    }


def timeline(session: Session, actor: Actor, parcel: Parcel) -> list[dict[str, Any]]:
    """Versions of a parcel, the newest first."""
    events = history.events_of(session, parcel)
    words, may_import = event_words(), actor.may("parcel.import")
    rows = [
        {
            "version": event.version,
            "word": words[event.kind],
            "on": event.effective_on,
            "area_m2": event.area_m2,
            "changes": changes(before, event),
            "reason": event.reason,
            "by": event.recorded_by,
            "approved_by": event.approved_by,
            "at": event.recorded_at,
            "import_url": f"/imports/{event.import_id}" if may_import and event.import_id else None,
            "url": f"/parcels/{parcel.code}?on={event.effective_on.isoformat()}",
        }
        for before, event in zip([None, *events], events, strict=False)
    ]
    return rows[::-1]


def changes(before: ParcelEvent | None, event: ParcelEvent) -> list[str]:
    """What an event changed, in words; nothing for the first."""
    if before is None:
        return []
    found = []
    if before.geometry != event.geometry:
        found.append(_("边界"))
    for name in SNAPSHOT:
        if name not in _FOLLOWS and name != "status" and getattr(before, name) != getattr(event, name):
            found.append(said(*FIELD_NAMES.get(name, (name, name))))
    plain = {
        name
        for name in {*before.attributes, *event.attributes}
        if name not in SNAPSHOT and before.attributes.get(name) != event.attributes.get(name)
    }
    if not found and plain:
        found.append(_("属性 %(n)s 项", n=len(plain)))
    return found


def relatives(session: Session, actor: Actor, parcel: Parcel) -> dict[str, list[dict[str, Any]]]:
    """What the land was before, and what became of it."""
    return {
        "made_of": _links(history.parents_of(session, parcel)),
        "became": _links(history.children_of(session, parcel)),
    }


def _links(found: Sequence[history.Relative]) -> list[dict[str, Any]]:
    words = {"split": _("拆分"), "merged": _("合并"), "replaced": _("取代")}
    return [
        {
            "code": one.code,
            "url": f"/parcels/{one.code}",
            "word": words.get(one.kind, one.kind),
            "on": one.effective_on,
        }
        for one in found
    ]


def asked_day(text: str | None) -> date | None:
    """``?on=2025-01-31``; None for anything that is no day."""
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None
