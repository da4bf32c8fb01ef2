"""The last batch of a suspended scene run again: what was sent, computed anew, against what is in the books.

Reads only. What differs is named record by record; a person decides what to take back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.assessment import Asked, Grams, grams_of
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.rules import MILLI, graded_g
from carbon_platform.citizens.tables import Act
from carbon_platform.partners.push import ACT
from carbon_platform.partners.tables import PartnerPush
from methodologies import registry

NAMED_MAX = 100


@dataclass
class Recheck:
    """What a batch looks like computed again. ``forgotten``: its rows are older than a month and gone."""

    push_id: int
    acts: int = 0
    agreed: int = 0
    forgotten: int = 0
    differing: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)

    def note(self, act: Act, zh: str, en: str) -> None:
        self.differing += 1
        if len(self.findings) < NAMED_MAX:
            self.findings.append({"act_id": act.id, "external_id": act.external_id, "zh": zh, "en": en})


def last_batch(session: Session, scene: str) -> int | None:
    """The newest push of acts of a scene that left something in the inbox."""
    wanted = sa.select(PartnerPush.id).where(
        PartnerPush.scene_code == scene, PartnerPush.kind == ACT, PartnerPush.received > 0
    )
    return session.scalar(wanted.order_by(PartnerPush.id.desc()).limit(1))


def recheck(session: Session, push_id: int) -> Recheck:
    """Compute every act of a batch again from what was sent."""
    found = Recheck(push_id)
    rows = session.execute(
        sa.select(ActRecord, Act)
        .join(Act, Act.id == ActRecord.act_id)
        .where(ActRecord.batch_id == push_id)
        .order_by(ActRecord.id)
    ).all()
    pairs = [(record, act) for record, act in rows if act.methodology in registry()]
    again = _computed([act for _, act in pairs])
    for record, act in pairs:
        found.acts += 1
        wrong = _said_otherwise(record.payload, act) if record.payload.get("behaviour") else None
        if not record.payload.get("behaviour"):
            found.forgotten += 1
        wrong = wrong or _worth_otherwise(again[act.methodology, _asked(act)], act)
        if wrong:
            found.note(act, *wrong)
        else:
            found.agreed += 1
    return found


def _asked(act: Act) -> Asked:
    return Asked(act.behaviour, act.assessed_milli, act.day, tuple(sorted((act.circumstances or {}).items())))


def _computed(acts: Sequence[Act]) -> dict[tuple[str, Asked], Grams]:
    by_methodology: dict[str, set[Asked]] = {}
    for act in acts:
        by_methodology.setdefault(act.methodology, set()).add(_asked(act))
    return {
        (key, asked): grams
        for key, wanted in by_methodology.items()
        for asked, grams in grams_of(registry()[key], wanted).items()
    }


def _said_otherwise(payload: dict[str, Any], act: Act) -> tuple[str, str] | None:
    """Where the book tells another story than the row that was sent."""
    at = datetime.fromisoformat(payload["at"])
    milli = payload.get("quantity_milli") or (payload.get("quantity") or 1) * MILLI
    if payload["behaviour"] != act.behaviour or at != act.occurred_at:
        return "账本里的行为或时间与送来的不同", "behaviour or time in the book differ from what was sent"
    if act.claimed_milli not in (milli, payload.get("distance_m")):
        return "账本里的数量与送来的不同", "the quantity in the book differs from what was sent"
    return None


def _worth_otherwise(grams: Grams, act: Act) -> tuple[str, str] | None:
    """Where computing again gives other grams, or the same under another code or other parameters."""
    most = graded_g(grams.points_g, act.evidence_percent)
    if act.reduction_g > most or act.creditable_g > graded_g(grams.creditable_g, act.evidence_percent):
        return (
            f"账本里 {act.reduction_g} 克，重算最多 {most} 克",
            f"{act.reduction_g} g in the book, at most {most} g computed again",
        )
    now = (grams.parameter_digest, grams.input_digest, grams.code_digest)
    if now != (act.parameter_digest, act.input_digest, act.code_digest):
        return "参数、输入或程序的摘要与记账时不同", "digests of parameters, input or code differ from then"
    return None
