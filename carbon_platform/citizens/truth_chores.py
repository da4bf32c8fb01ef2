"""Jobs of points and truth: unclaimed points lapse, audits are drawn, old links are forgotten."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from carbon_platform.citizens import audits, devices, points, refusals, rules, scenes
from carbon_platform.citizens.points_errors import AuditEmpty
from carbon_platform.citizens.points_simulation import last_month
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM


def lapse_points(db: Database, *, now: datetime, limit: int = points.CHUNK) -> tuple[str, str]:
    """Points nobody fetched in time lapse, in short transactions. Returns (outcome, words)."""
    entries = total = 0
    refused: list[str] = []
    after: Any = None
    while True:
        chunk = db.transact(partial(points.lapse_unclaimed, now=now, after=after, limit=limit))
        entries, total = entries + chunk.entries, total + chunk.points
        refused += chunk.refused
        after = chunk.after
        if after is None:
            break
    words = [f"{total:,} points of {entries:,} acts lapsed unclaimed", *refused[:3]]
    return ("alarm" if refused else "ok"), "; ".join(words)


def draw_audits(db: Database, *, now: datetime) -> tuple[str, str]:
    """Draw last month's audit of every scene that reported something; repeatable."""
    month = last_month(rules.local_day(now))
    drawn = []
    for source in db.read(lambda session: list(scenes.sources(session))):
        try:
            found = db.read(partial(audits.draw_month, source=source, month=month, now=now))
        except AuditEmpty:
            continue
        if found is not None:
            db.transact(partial(audits.open_audit, actor=SYSTEM, drawn=found, now=now))
            drawn.append(f"{source} {len(found.chosen)}")
    return "ok", f"{month}: {', '.join(drawn) or 'nothing to audit'}"


def forget_refusals(db: Database, *, now: datetime, limit: int = refusals.CHUNK) -> tuple[str, str]:
    """What was not taken in is forgotten once it cannot be contested, in short transactions."""
    total = 0
    while True:
        changed = db.transact(partial(refusals.forget, now=now, limit=limit))
        total += changed
        if changed < limit:
            return "ok", f"{total:,} refusals forgotten"


def forget_links(db: Database, *, now: datetime) -> tuple[str, str]:
    """Which account was used on which device is not kept for ever."""
    return "ok", f"{db.transact(lambda session: devices.forget(session, now=now)):,} links forgotten"
