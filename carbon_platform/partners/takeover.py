"""Taking over the accounts of another platform: accounts, points, history, with a reconciliation.

Points become a lot here (they are owed to people); grams do not enter a book, because nobody knows the
factors behind them: they stay visible as history, and nothing of them is creditable. Every account is taken
over once: the same export again changes nothing, a changed row is named and left alone. An account whose
phone is known here already goes on as that account. Each thousand rows is one transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, lots
from carbon_platform.citizens.purse import issued_account, points_account
from carbon_platform.citizens.rules import local_day
from carbon_platform.db import Database, serialise
from carbon_platform.identity import sealing
from carbon_platform.identity.persons import NewPerson, open_many
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import audit
from carbon_platform.partners.tables import TakenAccount, TakenRecord, Takeover
from carbon_platform.partners.takeover_files import AccountRow, Fault, RecordRow, read_accounts, read_records
from carbon_platform.regions.tables import Region

T = TypeVar("T")

CHUNK = 1_000
NAMED_MAX = 100
REASON = "takeover"


@dataclass
class Report:
    """What a run did or, as a dry run, would do. Amounts: points and grams, whole."""

    platform: str
    dry_run: bool
    rows: int = 0
    taken: int = 0
    linked: int = 0
    again: int = 0
    changed: int = 0
    refused: int = 0
    points: int = 0
    grams: int = 0
    points_taken: int = 0
    points_expired: int = 0
    record_rows: int = 0
    records_taken: int = 0
    records_again: int = 0
    records_refused: int = 0
    record_grams: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    findings_count: int = 0

    def note(self, file: str, row: int, field_name: str, zh: str, en: str) -> None:
        """Name a finding; only the first hundred are listed, all are counted."""
        self.findings_count += 1
        if len(self.findings) < NAMED_MAX:
            self.findings.append({"file": file, "row": row, "field": field_name, "zh": zh, "en": en})

    @property
    def agreed(self) -> bool:
        return self.findings_count == 0


@dataclass(frozen=True)
class Expected:
    """What the other platform says its export holds; None: it said nothing."""

    accounts: int | None = None
    points: int | None = None
    grams: int | None = None


def take_over(
    db: Database,
    platform: str,
    accounts: Path,
    records: Path | None,
    *,
    expected: Expected,
    dry_run: bool,
    by: str,
    now: datetime,
) -> Report:
    """Take an export over, or only look at it. Opens its own transactions; killed half-way, run it again.

    Errors: ``TakeoverFileInvalid`` for a file that cannot be read.
    """
    report = Report(platform, dry_run)
    regions = db.read(_regions)
    seen: dict[str, int] = {}
    good = _good_accounts(accounts, report, regions, seen)
    for chunk in _chunks(good):
        _in_transaction(db, report, partial(_take_accounts, report=report, rows=chunk, now=now))
    if records is not None:
        _take_history(db, report, records, seen)
    _compare(report, accounts.name, expected)
    if not dry_run:
        files = {path.name: _sha256(path) for path in (accounts, records) if path is not None}
        db.transact(lambda session: _keep(session, report, files, by=by, now=now))
    return report


def history(session: Session, holder: str, *, limit: int = 200) -> list[TakenRecord]:
    """What an account brought along, newest first."""
    wanted = sa.select(TakenRecord).where(TakenRecord.holder == holder)
    return list(session.scalars(wanted.order_by(TakenRecord.day.desc(), TakenRecord.record_id).limit(limit)))


def runs(session: Session) -> list[Takeover]:
    """Every run that wrote something, newest first."""
    return list(session.scalars(sa.select(Takeover).order_by(Takeover.id.desc())))


def _good_accounts(
    path: Path, report: Report, regions: dict[str, str], seen: dict[str, int]
) -> Iterator[AccountRow]:
    """Rows that can be taken over; faults, unknown counties and repeated numbers are named."""
    for row in read_accounts(path):
        report.rows += 1
        if isinstance(row, Fault):
            report.refused += 1
            report.note(path.name, row.row, row.field, row.zh, row.en)
        elif row.external_id in seen:
            report.refused += 1
            first = seen[row.external_id]
            report.note(
                path.name, row.row, "external_id",
                f"与第 {first} 行是同一个账号，只接收前一行",
                f"the same account as line {first}, which was taken",
            )  # fmt: skip
        elif row.region and row.region not in regions:
            report.refused += 1
            report.note(
                path.name, row.row, "region",
                f"不认识区县“{row.region}”，应为 6 位代码或区县名",
                f"unknown county {row.region!r}: a 6-digit code or its name",
            )  # fmt: skip
        else:
            seen[row.external_id] = row.row
            report.points += row.points
            report.grams += row.grams
            yield AccountRow(**{**asdict(row), "region": regions.get(row.region, "")})


def _take_accounts(session: Session, *, report: Report, rows: Sequence[AccountRow], now: datetime) -> None:
    platform, keyring = report.platform, sealing.keys(session)
    serialise(session, f"takeover:{platform}")
    kind = f"taken:{platform}"
    indexes = {row.external_id: keyring.indexes(kind, row.external_id) for row in rows}
    known = {
        account.external_index: account
        for account in session.scalars(
            sa.select(TakenAccount).where(
                TakenAccount.platform == platform,
                TakenAccount.external_index.in_([one for each in indexes.values() for one in each]),
            )
        )
    }
    fresh = []
    for row in rows:
        there = next((known[one] for one in indexes[row.external_id] if one in known), None)
        if there is None:
            fresh.append(row)
        elif there.row_index in keyring.indexes(kind, _content(row)):
            report.again += 1
        else:
            report.changed += 1
            report.note(
                "accounts", row.row, "external_id",
                "这个账号已经接收过，现在的内容不同；没有改动",
                "taken over before with other content; left as it was",
            )  # fmt: skip
    _open(session, report, fresh, kind, now=now)


def _open(session: Session, report: Report, rows: Sequence[AccountRow], kind: str, *, now: datetime) -> None:
    if not rows:
        return
    keyring = sealing.keys(session)
    people = [
        NewPerson(nickname=row.nickname, region_code=row.region, phone=row.phone, opened_at=row.opened_at)
        for row in rows
    ]
    opened = open_many(session, SYSTEM, people, via=f"import:{report.platform}", now=now)
    indexes = [keyring.index(kind, row.external_id) for row in rows]
    entries = [
        _entry(report, row, one.holder, index, now)
        for row, one, index in zip(rows, opened, indexes, strict=True)
    ]
    outcomes = iter(ledger.post_batch(session, [entry for entry in entries if entry], now))
    for row, one, entry, index in zip(rows, opened, entries, indexes, strict=True):
        entry_id = next(outcomes).demand().entry_id if entry else None
        session.add(
            TakenAccount(
                platform=report.platform,
                external_index=index,
                holder=one.holder,
                points=row.points,
                grams=row.grams,
                row_index=keyring.index(kind, _content(row)),
                entry_id=entry_id,
                taken_at=now,
            )
        )
        report.linked += one.existing
        report.points_taken += row.points if entry else 0
    report.taken += len(rows)
    session.flush()


def _entry(report: Report, row: AccountRow, holder: str, index: str, now: datetime) -> ledger.Entry | None:
    """The points of an account into their lot; none where there are none, or their last day is over."""
    today = local_day(now)
    lot = row.expires_on or lots.lot_of(today, catalogue.lifetime(today))
    if not row.points or lots.expired(lot, today):
        report.points_expired += row.points
        return None
    return ledger.Entry(
        reason=REASON,
        reference=f"takeover:{report.platform}:{index}",
        moves=[ledger.Move(issued_account(lot), points_account(holder, lot), row.points)],
        effective_at=now,
        actor_name=holder,
        detail={"platform": report.platform},
    )


def _take_history(db: Database, report: Report, path: Path, seen: dict[str, int]) -> None:
    for chunk in _chunks(_good_records(path, report, seen)):
        _in_transaction(db, report, partial(_take_records, report=report, file=path.name, rows=chunk))


def _good_records(path: Path, report: Report, seen: dict[str, int]) -> Iterator[RecordRow]:
    for row in read_records(path):
        report.record_rows += 1
        if isinstance(row, Fault):
            report.records_refused += 1
            report.note(path.name, row.row, row.field, row.zh, row.en)
        elif row.external_id not in seen:
            report.records_refused += 1
            report.note(
                path.name, row.row, "external_id",
                "账号文件里没有这个账号", "the file of accounts does not hold this account",
            )  # fmt: skip
        else:
            report.record_grams += row.grams
            yield row


def _take_records(session: Session, *, report: Report, file: str, rows: Sequence[RecordRow]) -> None:
    platform, keyring = report.platform, sealing.keys(session)
    kind = f"taken:{platform}"
    by_index = {one: row.external_id for row in rows for one in keyring.indexes(kind, row.external_id)}
    holders = {
        by_index[index]: holder
        for index, holder in session.execute(
            sa.select(TakenAccount.external_index, TakenAccount.holder).where(
                TakenAccount.platform == platform, TakenAccount.external_index.in_(by_index)
            )
        )
    }
    known = dict(
        session.execute(
            sa.select(TakenRecord.record_id, TakenRecord.content_sha256).where(
                TakenRecord.platform == platform, TakenRecord.record_id.in_([row.record_id for row in rows])
            )
        ).all()
    )
    fresh: dict[str, dict[str, Any]] = {}
    for row in rows:
        # a dry run opened nobody: what it counts is what would be taken
        holder = holders.get(row.external_id, "")
        digest = _digest([row.behaviour, row.day, row.grams, row.points])
        before = known.get(row.record_id) or fresh.get(row.record_id, {}).get("content_sha256")
        if before is None:
            fresh[row.record_id] = {
                "platform": platform, "record_id": row.record_id, "holder": holder, "day": row.day,
                "behaviour": row.behaviour, "grams": row.grams, "points": row.points,
                "content_sha256": digest,
            }  # fmt: skip
        elif before == digest:
            report.records_again += 1
        else:
            report.records_refused += 1
            report.note(
                file, row.row, "record_id",
                "这个记录号已经用于另一条内容不同的记录", "this number stands for another record already",
            )  # fmt: skip
    if fresh:
        session.execute(sa.insert(TakenRecord), list(fresh.values()))
    report.records_taken += len(fresh)


def _compare(report: Report, file: str, expected: Expected) -> None:
    """The other platform's control totals against the file; the history's grams against the accounts'."""
    for name, zh, said, found in (
        ("accounts", "账号数", expected.accounts, report.rows),
        ("points", "积分合计", expected.points, report.points),
        ("grams", "克数合计", expected.grams, report.grams),
    ):
        if said is not None and said != found:
            report.note(
                file, 0, name,
                f"{zh}不符：对方说 {said:,}，文件里 {found:,}，相差 {found - said:,}",
                f"{name}: they say {said:,}, the file holds {found:,}, difference {found - said:,}",
            )  # fmt: skip
    if report.record_rows and report.record_grams != report.grams:
        report.note(
            file, 0, "grams",
            f"历史记录的克数合计 {report.record_grams:,} 与账号的 {report.grams:,} 不符",
            f"the history adds up to {report.record_grams:,} g, the accounts to {report.grams:,} g",
        )  # fmt: skip


def _keep(session: Session, report: Report, files: dict[str, str], *, by: str, now: datetime) -> None:
    session.add(Takeover(platform=report.platform, files=files, report=asdict(report), by=by, at=now))
    session.flush()
    audit(
        session, SYSTEM, "takeover.run", object_kind="takeover", object_id=report.platform, now=now,
        detail={"by": by, "taken": report.taken, "again": report.again, "findings": report.findings_count},
    )  # fmt: skip


class _Undo(Exception):
    """Ends the transaction of a dry run."""


def _in_transaction(db: Database, report: Report, work: Callable[[Session], None]) -> None:
    """One chunk. A transaction that has to run again starts from the same figures."""
    before = deepcopy(vars(report))

    def run(session: Session) -> None:
        vars(report).update(deepcopy(before))
        work(session)
        if report.dry_run:
            raise _Undo

    try:
        db.transact(run)
    except _Undo:
        return


def _regions(session: Session) -> dict[str, str]:
    """Codes and names of the counties, to their code."""
    rows = session.execute(
        sa.select(Region.code, Region.name_zh).where(sa.func.length(Region.code) == 6)
    ).all()
    return {key: code for code, name in rows for key in (code, name)}


def _content(row: AccountRow) -> str:
    said = asdict(row)
    said.pop("row")
    return json.dumps(said, ensure_ascii=False, sort_keys=True, default=str)


def _digest(said: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    going = iter(rows)
    while chunk := list(islice(going, CHUNK)):
        yield chunk
