"""Sharing records, look-ups by staff, and the chores that forget what is not needed any more (S11, S14)."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import accounts
from carbon_platform.citizens.account_errors import LookupReasonMissing
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.privacy_tables import Minimised, ShareLog
from carbon_platform.db import Database
from carbon_platform.identity import merging, person_rules, persons, phones
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person, PersonLookup

log = logging.getLogger("carbon.privacy")

RECEIVED, SENT = "received", "sent"
ACTS = "acts"
# Raw rows of partners are needed for questions about the last month; the book keeps what they led to.
RAW_DAYS = 30
SHARES_KEPT_YEARS = 3
_CHUNK = 2_000
_FIELD = re.compile(r"[a-z_]{1,40}")
_CITY = "4115"


def record_share(
    session: Session,
    *,
    partner: str,
    fields: Collection[str],
    rows: int,
    people: int,
    reference: str,
    now: datetime,
    direction: str = RECEIVED,
    purpose: str = ACTS,
) -> None:
    """Note one transfer of personal data. ``fields``: names of what it held. The same ``reference`` of a
    partner is one transfer, so that a push sent twice is noted once."""
    there = session.scalar(
        sa.select(ShareLog.id).where(
            ShareLog.partner == partner, ShareLog.direction == direction, ShareLog.reference == reference
        )
    )
    if there is None:
        session.add(
            ShareLog(
                at=now, direction=direction, partner=partner, purpose=purpose, fields=sorted(fields),
                row_count=rows, people_count=people, reference=reference,
            )
        )  # fmt: skip


def note_push(
    session: Session, rows: Sequence[Mapping[str, Any]], *, partner: str, reference: str, now: datetime
) -> None:
    """Note a push of a data partner: how many rows about how many people, and which fields they held."""
    fields = {name for row in rows for name in row if _FIELD.fullmatch(str(name))}
    people = {str(row.get("subject", "")) for row in rows}
    record_share(
        session, partner=partner, fields=fields, rows=len(rows), people=len(people), reference=reference,
        now=now,
    )  # fmt: skip


def shares(*, partner: str = "", direction: str = "") -> sa.Select[Any]:
    """The log, newest first, for paging."""
    found = sa.select(ShareLog).order_by(ShareLog.at.desc(), ShareLog.id.desc())
    if partner:
        found = found.where(ShareLog.partner == partner)
    return found.where(ShareLog.direction == direction) if direction else found


@dataclass(frozen=True)
class Found:
    """What a colleague sees of a citizen: enough to help on the phone, masked."""

    person: Person
    phone_masked: str
    name_masked: str
    id_masked: str


def look_up(
    session: Session, actor: Actor, *, by: str, value: str, reason: str, now: datetime
) -> Found | None:
    """Find a citizen by phone, identity number or account number; every look-up is kept, also in vain.

    None: nobody, or outside the actor's region; commit then too, for the record. Errors:
    ``LookupReasonMissing``, ``PhoneInvalid``, ``IdNumberInvalid``.
    """
    if len(reason.strip()) < 4:
        raise LookupReasonMissing
    person = _find(session, by, value, now=now)
    # who gave no county belongs to the city as a whole
    if person is not None and not actor.sees_region(person.region_code or _CITY):
        person = None
    session.add(
        PersonLookup(
            person_id=person.id if person else None, user_id=actor.user_id or 0, user_role=actor.role,
            found_by=by, reason=reason.strip(), at=now,
        )
    )  # fmt: skip
    audit(
        session, actor, "person.lookup", object_kind="person", object_id=person.id if person else "",
        now=now, detail={"by": by, "found": person is not None},
    )  # fmt: skip
    session.flush()
    if person is None:
        return None
    return Found(person, **accounts.masked(session, persons.find_identity(session, person.id)))


def _find(session: Session, by: str, value: str, *, now: datetime) -> Person | None:
    if by == "phone":
        return persons.find_by_phone(session, person_rules.phone_number(value))
    if by == "id":
        today = now.date() + timedelta(days=1)
        return persons.find_by_id_number(session, person_rules.id_number(value, today).text)
    number = value.strip()
    return (
        session.get(Person, int(number))
        if number.isascii() and number.isdigit() and len(number) < 19
        else None
    )


def lookups_of(session: Session, person_id: int) -> list[PersonLookup]:
    """Who looked a person up, newest first: the person may read it."""
    return list(
        session.scalars(
            sa.select(PersonLookup)
            .where(PersonLookup.person_id == person_id)
            .order_by(PersonLookup.id.desc())
        )
    )


def lookups() -> sa.Select[Any]:
    """Every look-up, newest first, for the auditor's pages."""
    return sa.select(PersonLookup).order_by(PersonLookup.id.desc())


def minimise(db: Database, *, now: datetime, limit: int = _CHUNK) -> tuple[str, str]:
    """Empty raw rows 30 days after they were ruled on, forget codes after 2, and what an offer to merge held
    once it has lapsed; many short transactions.

    Costs what one day brought, however many rows there are: a mark says how far it has come. Rows are
    numbered as they came in, so it stops at the first one that is too young or still waits. Repeatable; a
    run that is killed goes on where it was. Returns (outcome, words for the operator).
    """
    emptied = 0
    while True:
        count, more = db.transact(partial(_empty_chunk, now=now, limit=limit))
        emptied += count
        if not more:
            break
    codes = db.transact(lambda session: phones.forget_codes(session, now=now))
    db.transact(lambda session: merging.forget_lapsed(session, now=now))
    return "ok", f"{emptied:,} raw rows emptied, {codes:,} codes forgotten"


def _empty_chunk(session: Session, *, now: datetime, limit: int) -> tuple[int, bool]:
    name = ActRecord.__tablename__
    mark = session.get(Minimised, name, with_for_update=True)
    if mark is None:
        mark = Minimised(table_name=name, upto_id=0, at=now)
        session.add(mark)
        session.flush()
    rows = session.execute(
        sa.select(ActRecord.id, ActRecord.processed_at)
        .where(ActRecord.id > mark.upto_id)
        .order_by(ActRecord.id)
        .limit(limit)
    ).all()
    old = now - timedelta(days=RAW_DAYS)
    due = list(takewhile(lambda row: row.processed_at is not None and row.processed_at < old, rows))
    if due:
        mark.upto_id, mark.at = due[-1].id, now
        session.execute(
            sa.update(ActRecord)
            .where(ActRecord.id >= due[0].id, ActRecord.id <= due[-1].id)
            .values(payload={})
        )
    return len(due), len(due) == limit


def erase_due(db: Database, *, now: datetime) -> tuple[str, str]:
    """Carry out the deletions whose week is over, one transaction each; alarm naming what failed."""
    done, failed = 0, []
    while True:
        due = [
            number
            for number in db.read(lambda session: persons.due_for_erasure(session, now=now, limit=100))
            if number not in failed
        ]
        if not due:
            break
        for number in due:
            try:
                done += db.transact(partial(accounts.erase_if_due, person_id=number, now=now))
            except Exception:
                # one that fails must not keep the others waiting; the job's alarm names it
                log.exception("deletion of account %s failed", number)
                failed.append(number)
        if len(failed) >= 100:
            break
    words = f"{done} accounts deleted"
    return ("alarm", f"{words}; {len(failed)} failed: {failed[:3]}") if failed else ("ok", words)
