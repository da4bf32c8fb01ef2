"""Random audit of what a source reported in one month: a draw anybody can repeat, verdicts, an error rate.

The draw follows from the seed alone: acts in the order of SHA-256(seed, source, record), the smallest
first. The seed is the ledger's signed head of the month's last day where there is one, so that nobody
knows before the month is over which acts will be looked at; otherwise whoever opens the audit gives it,
or it is drawn by lot; it is published with the audit either way.
A scene with more errors than ``data/truth.toml`` allows is suspended; each wrong act becomes a proposal
to withdraw it, on which a second person decides.
"""

from __future__ import annotations

import hashlib
import heapq
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, corrections, rules, scene_changes, scenes
from carbon_platform.citizens.points_errors import (
    AuditClosed,
    AuditEmpty,
    AuditMonthOpen,
    AuditUnfinished,
)
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.citizens.truth_tables import AuditItem, SourceAudit
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

OPEN, CONCLUDED = "open", "concluded"
RIGHT, WRONG, UNPROVEN = "right", "wrong", "unproven"
VERDICT_WORDS = {
    "": ("未核对", "not checked"),
    RIGHT: ("属实", "right"),
    WRONG: ("不属实", "wrong"),
    UNPROVEN: ("来源拿不出凭证", "unproven"),
}
WHOLE_PERCENT = 100


def size_of(population: int, *, percent: int, least: int, most: int) -> int:
    """How many acts are drawn: the percentage rounded up, at least and at most, never more than there are."""
    share = -(-population * percent // WHOLE_PERCENT)
    return min(population, max(least, min(most, share)))


def draw(records: Iterable[tuple[int, str]], *, seed: str, source: str, count: int) -> list[int]:
    """The ``count`` acts (id, record key) with the smallest hashes, smallest first."""

    def rank(record: tuple[int, str]) -> bytes:
        return hashlib.sha256(f"{seed}:{source}:{record[1]}".encode()).digest()

    return [number for number, _ in heapq.nsmallest(count, records, key=rank)]


@dataclass(frozen=True)
class Draw:
    """Acts drawn of a source's month, and what the draw follows from. ``limits``: percent, least, most."""

    source: str
    month: str
    seed: str
    limits: Mapping[str, int]
    population: int
    chosen: tuple[int, ...]


def draw_month(session: Session, *, source: str, month: str, seed: str = "", now: datetime) -> Draw | None:
    """Draw what a source reported in a month that is over; None if it was drawn before. Only reads, long.

    The ledger's signed head goes before ``seed``. Errors: ``NotFound`` (source), ``AuditMonthOpen``,
    ``AuditEmpty``.
    """
    if scenes.find_source(session, source) is None:
        raise NotFound(what="数据来源", key=source)
    if find_audit(session, source, month) is not None:
        return None
    if rules.local_day(now)[:7] <= month:
        raise AuditMonthOpen(month=month)
    records = _records(source, month)
    population = session.scalar(sa.select(sa.func.count()).select_from(records.subquery())) or 0
    if not population:
        raise AuditEmpty(source=source, month=month)
    settings = catalogue.truth()["audit"]
    limits = {name: int(settings[name]) for name in ("percent", "least", "most")}
    seed = _head_of(session, month) or seed.strip() or secrets.token_hex(16)
    # Streamed: a month of a city is tens of millions of rows.
    rows = session.execute(records.execution_options(yield_per=10_000))
    chosen = draw(
        ((number, key) for number, key in rows),
        seed=seed, source=source, count=size_of(population, **limits),
    )  # fmt: skip
    return Draw(source, month, seed, limits, population, tuple(chosen))


def open_audit(session: Session, actor: Actor, drawn: Draw, *, now: datetime) -> SourceAudit:
    """Keep a draw as an audit to be checked; the one that exists if somebody was faster."""
    serialise(session, f"source_audit:{drawn.source}:{drawn.month}")
    there = find_audit(session, drawn.source, drawn.month)
    if there is not None:
        audit(session, actor, "audit.repeat", object_kind="source_audit", object_id=there.id, now=now)
        return there
    row = SourceAudit(
        source=drawn.source,
        month=drawn.month,
        seed=drawn.seed,
        **drawn.limits,
        population=drawn.population,
        drawn=len(drawn.chosen),
        state=OPEN,
        suspended=False,
        opened_by=actor.name,
        opened_at=now,
    )
    session.add(row)
    session.flush()
    session.execute(
        sa.insert(AuditItem),
        [{"audit_id": row.id, "number": n, "act_id": act_id} for n, act_id in enumerate(drawn.chosen, 1)],
    )
    audit(
        session, actor, "audit.open", object_kind="source_audit", object_id=row.id, now=now,
        detail={"source": row.source, "month": row.month, "seed": row.seed, "drawn": row.drawn},
    )  # fmt: skip
    return row


def find_audit(session: Session, source: str, month: str) -> SourceAudit | None:
    return session.scalar(
        sa.select(SourceAudit).where(SourceAudit.source == source, SourceAudit.month == month)
    )


def check_item(
    session: Session, actor: Actor, audit_id: int, number: int, *, verdict: str, note: str, now: datetime
) -> AuditItem:
    """Note what was found about one drawn act; may be put right until the audit is concluded.

    Errors: ``NotFound``, ``AuditClosed``.
    """
    row = _locked(session, audit_id)
    if row.state != OPEN:
        raise AuditClosed(number=audit_id)
    item = session.get(AuditItem, (audit_id, number))
    if item is None:
        raise NotFound(what="抽中的记录", key=number)
    item.verdict, item.note, item.checked_by, item.checked_at = verdict, note.strip(), actor.name, now
    audit(
        session, actor, "audit.check", object_kind="act", object_id=item.act_id, now=now,
        detail={"audit": audit_id, "verdict": verdict},
    )  # fmt: skip
    return item


def conclude(session: Session, actor: Actor, audit_id: int, *, now: datetime) -> SourceAudit:
    """Close an audit whose acts are all checked: publish the rate, stop the scene if it is too high,
    propose the wrong acts for withdrawal.

    Errors: ``NotFound``, ``AuditClosed``, ``AuditUnfinished``.
    """
    row = _locked(session, audit_id)
    if row.state != OPEN:
        raise AuditClosed(number=audit_id)
    items = list(session.scalars(items_of(audit_id)))
    left = sum(1 for item in items if not item.verdict)
    if left:
        raise AuditUnfinished(number=audit_id, left=left)
    bad = [item for item in items if item.verdict != RIGHT]
    row.errors, row.state = len(bad), CONCLUDED
    row.concluded_by, row.concluded_at = actor.name, now
    limit = int(catalogue.truth()["audit"]["suspend_above_percent"])
    if too_many(row.errors, row.drawn, limit):
        words = f"{row.month} 抽查 {row.drawn} 条，{row.errors} 条不属实或拿不出凭证，超过 {limit}%。"
        row.suspended = scene_changes.suspend(session, actor, row.source, note=words, now=now)
    _propose_withdrawals(session, actor, row, bad, now)
    audit(
        session, actor, "audit.conclude", object_kind="source_audit", object_id=audit_id, now=now,
        detail={"errors": row.errors, "drawn": row.drawn, "suspended": row.suspended},
    )  # fmt: skip
    return row


def too_many(errors: int, drawn: int, limit_percent: int) -> bool:
    """Whether errors are more than the limit allows; exact in integers."""
    return errors * WHOLE_PERCENT > limit_percent * drawn


def audits() -> sa.Select[Any]:
    """All audits, open ones first, then the latest month, for paging."""
    return sa.select(SourceAudit).order_by(
        sa.case((SourceAudit.state == OPEN, 0), else_=1), SourceAudit.month.desc(), SourceAudit.id.desc()
    )


def concluded() -> sa.Select[Any]:
    """What is published: error rates by source and month, the latest first."""
    return (
        sa.select(SourceAudit)
        .where(SourceAudit.state == CONCLUDED)
        .order_by(SourceAudit.month.desc(), SourceAudit.source)
    )


def get_audit(session: Session, audit_id: int) -> SourceAudit:
    """Errors: ``NotFound``."""
    row = session.get(SourceAudit, audit_id)
    if row is None:
        raise NotFound(what="抽查", key=audit_id)
    return row


def items_of(audit_id: int) -> sa.Select[AuditItem]:
    """The drawn acts in the order of the draw."""
    return sa.select(AuditItem).where(AuditItem.audit_id == audit_id).order_by(AuditItem.number)


def acts_of(session: Session, items: Sequence[AuditItem]) -> dict[int, Act]:
    """The acts behind drawn items, by their number."""
    numbers = [item.act_id for item in items]
    return {act.id: act for act in session.scalars(sa.select(Act).where(Act.id.in_(numbers)))}


def _records(source: str, month: str) -> sa.Select[int, str]:
    """What was received in a month, counted, and not taken back: (id, record key)."""
    first = datetime.combine(date.fromisoformat(f"{month}-01"), time(0), rules.LOCAL)
    last = datetime.combine(date.fromisoformat(rules.next_month(f"{month}-01")), time(0), rules.LOCAL)
    return sa.select(Act.id, Act.record_key).where(
        Act.source == source,
        Act.reported_at >= first,
        Act.reported_at < last,
        # Some acts have points and, by declaration, no grams: they cost money like any other.
        sa.or_(Act.reduction_g > 0, Act.points > 0),
        Act.withdrawn_at.is_(None),
    )


def _head_of(session: Session, month: str) -> str:
    """The hash of the signed head of the month's last day; empty where none was signed.

    No earlier one: who knew it could see to it, for the rest of the month, that a record is not drawn.
    """
    (*last,) = ledger.signed_heads(session, limit=1, before=f"{month}-99")
    first = date.fromisoformat(rules.next_month(f"{month}-01"))
    return last[0].block_hash if last and last[0].day == (first - timedelta(days=1)).isoformat() else ""


def _propose_withdrawals(
    session: Session, actor: Actor, row: SourceAudit, bad: Sequence[AuditItem], now: datetime
) -> None:
    acts = acts_of(session, bad)
    for item in bad:
        act = acts[item.act_id]
        waiting = session.scalar(
            sa.select(PointsCorrection.id).where(
                PointsCorrection.kind == corrections.WITHDRAW_ACT,
                PointsCorrection.number == act.id,
                PointsCorrection.status == corrections.PROPOSED,
            )
        )
        if act.withdrawn_at is None and waiting is None:
            words, _ = VERDICT_WORDS[item.verdict]
            # A source is audited as a whole: a wrong act is put up wherever in the city it is, and whoever
            # is in charge there decides.
            corrections.put_up(
                session,
                actor,
                kind=corrections.WITHDRAW_ACT,
                number=act.id,
                note=f"{row.month} 抽查：{words}。{item.note}",
                now=now,
            )


def _locked(session: Session, audit_id: int) -> SourceAudit:
    row = session.scalar(sa.select(SourceAudit).where(SourceAudit.id == audit_id).with_for_update())
    if row is None:
        raise NotFound(what="抽查", key=audit_id)
    return row
