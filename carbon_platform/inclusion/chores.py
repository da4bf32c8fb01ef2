"""What the schedule does for inclusion, each in short transactions."""

from __future__ import annotations

import functools
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.inclusion import bundles, offsets, rollup
from carbon_platform.inclusion.bundle_parts import check as check_bundle
from carbon_platform.inclusion.offset_retirement import retire_paid


def roll_up(db: Database, *, now: datetime) -> tuple[str, str]:
    """Bring the sums over acts up to date."""
    done = db.transact(lambda session: rollup.roll_up(session, now))
    return "ok", f"{done.acts:,} acts and {done.withdrawn:,} withdrawals added"


def check(db: Database, *, now: datetime) -> tuple[str, str]:
    """Alarm when sums or a bundle do not agree with the acts; sums that do not are made anew."""
    wrong = db.read(rollup.check)
    if wrong:
        db.transact(lambda session: rollup.rebuild(session, now))
    codes = db.read(lambda session: [row.code for row in session.scalars(bundles.bundles())])
    for code in codes:
        wrong += db.read(functools.partial(_check, code=code))
    return (
        ("alarm", "; ".join(wrong)) if wrong else ("ok", f"sums and {len(codes)} bundles agree with the acts")
    )


def _check(session: Session, *, code: str) -> list[str]:
    bundle = bundles.get_bundle(session, code)
    wrong = check_bundle(session, bundle)
    if bundle.state == "issued":
        changed = bundles.changes(session, bundle)
        if changed.acts:
            # Issued tickets do not shrink by themselves: two officials invalidate and make good.
            wrong.append(f"{code}: {changed.creditable_g:,} g issued were withdrawn since; make them good")
    return wrong


def expire_orders(db: Database, *, now: datetime) -> tuple[str, str]:
    """Let unpaid orders of small tickets lapse."""
    count = 0
    while done := db.transact(lambda session: offsets.expire(session, now=now)):
        count += done
    return "ok", f"{count} unpaid orders lapsed"


def retire_offsets(db: Database, *, now: datetime) -> tuple[str, str]:
    """Retire what citizens have paid for, all orders in one certificate."""
    numbers = []
    while done := db.transact(lambda session: retire_paid(session, SYSTEM, now=now)):
        numbers.append(f"{done.certificate_number} {done.quantity_kg:,} kg")
    return "ok", "; ".join(numbers) or "nobody waits"
