"""The nightly reconciliation: everything that is kept twice is compared, and what differs stands still.

It goes through the ledger in parts, each in a reading transaction of its own with one view of the data:
a day of snapshots, some lots of numbers, one comparison made inside the database. So neither memory nor
the age of a transaction grows with the journal. Digests and the seal are the matter of ``verify``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import Database
from carbon_platform.ledger import freezes, tables
from carbon_platform.ledger.day_checks import (
    check_days,
    check_positions,
    check_ranges,
    check_rollups,
    check_snapshot,
)
from carbon_platform.ledger.digests import check_holds
from carbon_platform.ledger.replay import check_numbers
from carbon_platform.ledger.report import Finding
from carbon_platform.ledger.roles import Asset
from carbon_platform.ledger.verify import (
    check_accounts,
    check_balances,
    check_held,
    check_lengths,
    check_sums,
    check_transfers,
)

# Under which the job freezes: no log-in has this name.
NIGHTLY = "ledger.reconcile"
LOTS_PER_PART = 200
# Of one check; the number of wrong rows is kept whatever it is.
FINDINGS_KEPT = 20
IDS_PER_STATEMENT = 500
UNREADABLE = (ValueError, TypeError, OverflowError, sa.exc.DataError)

Part = Callable[[Session], Iterable[Finding]]


@dataclass
class Checked:
    """One check: how many rows or numbers it looked at, how many were wrong, and what it found."""

    name: str
    examined: int
    wrong: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Reconciliation:
    started_at: datetime
    ended_at: datetime
    ok: bool
    checks: tuple[Checked, ...]


@dataclass(frozen=True)
class _Check:
    name: str
    counted: sa.Table
    parts: Callable[[Session], Iterator[Part]]
    # Says only that a sum is wrong; what makes it wrong is often found by another check.
    is_sum: bool = False


def reconcile(db: Database, clock: Callable[[], datetime]) -> Reconciliation:
    """Run every check, freeze what failed concerns, and keep the result.

    An account is frozen when a finding names it, a lot when its numbers are wrong. A wrong sum freezes
    its lot only when no account or number of that lot explains it. Posting on everything else goes on.
    """
    started_at = clock()
    checks = [_run(db, check, clock) for check in CHECKS]
    ended_at = clock()
    done = Reconciliation(started_at, ended_at, not any(check.wrong for check in checks), tuple(checks))
    db.transact(lambda session: _conclude(session, done))
    return done


def last_reconciliation(session: Session) -> Reconciliation | None:
    """The latest one, or None before the first."""
    r = tables.reconciliation.c
    row = session.execute(sa.select(tables.reconciliation).order_by(r.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    return Reconciliation(row.started_at, row.ended_at, row.ok, tuple(_checked(one) for one in row.checks))


def _run(db: Database, check: _Check, clock: Callable[[], datetime]) -> Checked:
    begun = clock()
    parts = db.read(lambda session: list(check.parts(session)))
    count = sa.select(sa.func.count()).select_from(check.counted)
    result = Checked(check.name, db.read(lambda session: int(session.execute(count).scalar_one())))
    for part in parts:
        for finding in db.read(partial(_look, check.name, part)):
            result.wrong += finding.wrong
            result.findings.append(finding)
    result.seconds = round((clock() - begun).total_seconds(), 3)
    return result


def _look(name: str, part: Part, session: Session) -> list[Finding]:
    """What a part finds. Its statements see one moment: by default on SQLite, on request on PostgreSQL."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        return list(part(session))
    except UNREADABLE as error:
        # Somebody wrote what no program of ours can have written; the other checks go on.
        zh, en = f"核对 {name} 读不出某行：{error}", f"check {name} met a row it cannot read: {error}"
        return [Finding(name, "", "", 1, zh, en)]


def _conclude(session: Session, done: Reconciliation) -> None:
    for concern in _concerns(session, done.checks):
        freezes.freeze(
            session,
            account_ids=concern.accounts,
            lots=concern.lots,
            reason=f"{concern.zh} / {concern.en}",
            by=NIGHTLY,
            now=done.ended_at,
        )
    session.execute(
        tables.reconciliation.insert(),
        {
            "started_at": done.started_at,
            "ended_at": done.ended_at,
            "ok": done.ok,
            "checks": [_plain(check) for check in done.checks],
        },
    )


@dataclass(frozen=True)
class _Concern:
    accounts: tuple[int, ...]
    lots: tuple[str, ...]
    zh: str
    en: str


def _concerns(session: Session, checks: Iterable[Checked]) -> list[_Concern]:
    """What to freeze, each account and lot once: lots first, then accounts outside them."""
    sums = {check.name for check in CHECKS if check.is_sum}
    direct = [f for check in checks if check.name not in sums for f in check.findings]
    summed = [f for check in checks if check.name in sums for f in check.findings]
    frozen_lots: set[str] = set()
    concerns: list[_Concern] = []

    def add_lots(finding: Finding, lots: Iterable[str]) -> None:
        new = tuple(lot for lot in lots if lot not in frozen_lots)
        frozen_lots.update(new)
        if new:
            concerns.append(_Concern((), new, finding.zh, finding.en))

    for finding in direct:
        add_lots(finding, finding.lots)
    lot_of = _credit_lots(session, {number for finding in direct for number in finding.accounts})
    seen: set[int] = set()
    for finding in direct:
        alone = [n for n in finding.accounts if n not in seen and lot_of.get(n) not in frozen_lots]
        seen.update(alone)
        if alone:
            concerns.append(_Concern(tuple(alone), (), finding.zh, finding.en))
    explained = set(lot_of.values())
    for finding in summed:
        add_lots(finding, [lot for lot in finding.lots if lot not in explained])
    return concerns


def _credit_lots(session: Session, account_ids: Iterable[int]) -> dict[int, str]:
    a = tables.account.c
    wanted, found = sorted(account_ids), {}
    for start in range(0, len(wanted), IDS_PER_STATEMENT):
        rows = session.execute(
            sa.select(a.id, a.lot).where(
                a.id.in_(wanted[start : start + IDS_PER_STATEMENT]), a.asset == str(Asset.CREDIT)
            )
        )
        found.update({row.id: row.lot for row in rows})
    return found


def _whole(check: Callable[[Connection], Iterable[Finding]]) -> Callable[[Session], Iterator[Part]]:
    """A comparison made inside the database, in one part."""
    return lambda _: iter([lambda session: check(session.connection())])


def _in_session(check: Part) -> Callable[[Session], Iterator[Part]]:
    return lambda _: iter([check])


def _days(session: Session) -> Iterator[Part]:
    yield lambda s: check_days(s.connection())
    d = tables.snapshot_day.c
    for row in session.execute(sa.select(d.day, d.after_id, d.transfer_id).order_by(d.day)):
        yield partial(_snapshot_part, row.day, row.after_id, row.transfer_id)


def _snapshot_part(day: str, after_id: int, through_id: int, session: Session) -> Iterable[Finding]:
    return check_snapshot(session.connection(), day, after_id, through_id)


def _numbers(session: Session) -> Iterator[Part]:
    a = tables.account.c
    known = sa.union(
        sa.select(a.lot).where(a.asset == str(Asset.CREDIT)),
        sa.select(tables.lot.c.lot),
        sa.select(tables.holding.c.lot),
    )
    lots = sorted(session.execute(known).scalars())
    for start in range(0, len(lots), LOTS_PER_PART):
        yield partial(_numbers_part, lots[start : start + LOTS_PER_PART])


def _numbers_part(lots: list[str], session: Session) -> Iterable[Finding]:
    return check_numbers(session.connection(), lots)


CHECKS = (
    _Check("accounts", tables.account, _whole(check_accounts)),
    _Check("transfers", tables.transfer, _whole(check_transfers)),
    _Check("snapshots", tables.snapshot, _days),
    _Check("balances", tables.balance, _whole(check_balances)),
    _Check("rollups", tables.rollup, _whole(check_rollups)),
    _Check("held", tables.balance, _whole(check_held)),
    _Check("holds", tables.hold, _whole(check_holds)),
    _Check("lengths", tables.balance, _whole(check_lengths)),
    _Check("ranges", tables.holding, _whole(check_ranges)),
    _Check("numbers", tables.movement, _numbers),
    _Check("sums", tables.account, _in_session(check_sums), is_sum=True),
    _Check("positions", tables.lot, _whole(check_positions), is_sum=True),
)


def _plain(check: Checked) -> dict[str, Any]:
    kept = check.findings[:FINDINGS_KEPT]
    return {**asdict(check), "findings": [_shortened(finding) for finding in kept]}


def _shortened(finding: Finding) -> dict[str, Any]:
    return {
        **asdict(finding),
        "accounts": list(finding.accounts[:FINDINGS_KEPT]),
        "lots": list(finding.lots[:FINDINGS_KEPT]),
    }


def _checked(stored: dict[str, Any]) -> Checked:
    findings = [
        Finding(**{**one, "accounts": tuple(one["accounts"]), "lots": tuple(one["lots"])})
        for one in stored["findings"]
    ]
    return Checked(**{**stored, "findings": findings})
