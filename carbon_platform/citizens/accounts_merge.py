"""Two accounts of one person become one: balances move in one entry, rows follow, nothing is added or lost.

The journal is never edited, so the old holder stays in it. What is undone later (an act withdrawn, a voucher
refunded) is the mirror of an entry of the old holder: :func:`lend` puts the amounts there first,
:func:`sweep` fetches afterwards what came back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import points
from carbon_platform.citizens.accounts import REAL_NAME
from carbon_platform.citizens.personal_data import Kept, kept
from carbon_platform.citizens.tables import Act
from carbon_platform.identity import merging, persons
from carbon_platform.identity import service as identity_service
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Consent, MergeOffer, Person

# Unguarded accounts of a person; the guarded ones are found by their balance rows.
_UNGUARDED = (ledger.POINTS_EXPIRED,)


def merge(session: Session, actor: Actor, offer_id: int, *, now: datetime) -> MergeOffer:
    """Carry an offer out: the other account ends in the signed-in one.

    Errors: ``NotFound``, ``MergeNeedsOther``, ``MergeNotPossible``, and what the ledger says of a frozen
    account.
    """
    found = merging.get_offer(session, actor, offer_id, asked=False, now=now)
    person = persons.get_person(session, actor, lock=True)
    other = merging.other_side(session, found)
    for holder in sorted((person.holder, other.holder)):
        points.lock(session, holder)
    reference = f"account:merge:{found.id}"
    entry_id = move_balances(session, other.holder, person.holder, reference, now=now)
    _move_rows(session, other, person, now=now)
    agreed = _to_real_name(session, persons.actor_of(other))
    merging.join(session, actor, found, now=now)
    _carry_consent(session, actor, agreed, now=now)
    if entry_id is not None:
        points.recover(session, person.holder, entry_id, now=now)
    return found


def _to_real_name(session: Session, actor: Actor) -> Consent | None:
    partner, purpose = REAL_NAME
    return identity_service.find_consent(session, actor, partner=partner, purpose=purpose)


def _carry_consent(session: Session, actor: Actor, theirs: Consent | None, *, now: datetime) -> None:
    """The name came along from the other account: so does the consent to keep it, as it was given there."""
    identity = persons.find_identity(session, actor.person_id or 0)
    if identity is None or identity.id_sealed is None or theirs is None:
        return
    if _to_real_name(session, actor) is None:
        identity_service.give_consent(
            session, actor, partner=theirs.partner, purpose=theirs.purpose,
            text_version=theirs.text_version, channel=f"{theirs.channel}:merged", now=now,
        )  # fmt: skip


def move_balances(
    session: Session, source: str, destination: str, reference: str, *, now: datetime
) -> int | None:
    """Everything a holder has, into the same accounts of another; returns the entry, None if it was nothing.

    Errors: ``MergeNotPossible`` while something is held.
    """
    moves = []
    for row in ledger.balances(session, source):
        if row.balance.held:
            raise merging.MergeNotPossible(
                reason="另一个账户有正在办的兑换或订单，办完再合并",
                reason_en="the other account has an exchange or order under way; finish it first",
            )
        if row.balance.posted:
            moves.append(ledger.Move(row.key, _of(row.key, destination), row.balance.posted))
    for role in _UNGUARDED:
        for total in ledger.totals(session, role=role, holder=source):
            if total.posted > 0:
                key = ledger.AccountKey(total.role, source, ledger.Asset(total.asset), total.lot)
                moves.append(ledger.Move(key, _of(key, destination), total.posted))
    if not moves:
        return None
    return _post(session, moves, "account.merge", reference, now=now)


def _of(key: ledger.AccountKey, holder: str) -> ledger.AccountKey:
    return ledger.AccountKey(key.role, holder, key.asset, key.lot)


def _post(
    session: Session, moves: Sequence[ledger.Move], reason: str, reference: str, *, now: datetime
) -> int:
    entry = ledger.Entry(
        reason=reason,
        reference=reference,
        moves=list(moves),
        effective_at=None,
        actor_name=Actor.SYSTEM_NAME,
    )
    return ledger.post(session, entry, now).entry_id


def _move_rows(session: Session, other: Person, person: Person, *, now: datetime) -> None:
    for one, table in kept():
        if one.on_merge == "add":
            _add_up(session, one, table, other.holder, person.holder)
        if one.on_merge in ("add", "drop"):
            session.execute(sa.delete(table).where(table.c[one.column] == other.holder))
        elif one.on_merge == "move":
            _move(session, one, table, other, person, now=now)


def _move(
    session: Session, one: Kept, table: sa.Table, other: Person, person: Person, *, now: datetime
) -> None:
    theirs = table.c[one.column] == other.holder
    if one.only_state:
        # as a literal, so that the index of what waits is used
        theirs = sa.and_(theirs, table.c.state == sa.literal_column(f"'{one.only_state}'"))
    mine = table.alias("mine")
    ended = next((name for name in ("left_at", "ended_at") if name in table.c), None)
    clash = sa.exists().where(
        mine.c[one.column] == person.holder,
        *(mine.c[name] == table.c[name] for name in one.unique),
        *((mine.c[ended].is_(None), table.c[ended].is_(None)) if ended else ()),
    )
    if ended and one.unique:
        # Nobody is in two families: what this account has goes on, what clashes with it ends.
        session.execute(sa.update(table).where(theirs, clash).values({ended: now}))
    values = {one.column: person.holder}
    if one.person in table.c:
        values[one.person] = person.id  # type: ignore[assignment]
    moved = sa.update(table).where(theirs).values(values)
    if one.far:
        # a gift from one of the two to the other would become one to oneself: it stays as it was
        moved = moved.where(table.c[one.far] != person.holder)
        if ended:
            session.execute(
                sa.update(table).where(theirs, table.c[one.far] == person.holder).values({ended: now})
            )
    if (one.unique or one.single) and not ended:
        moved = moved.where(~clash)
    session.execute(moved)
    if one.on_erase == "drop":
        # what clashed is known of this person already
        session.execute(sa.delete(table).where(theirs))


def _add_up(session: Session, one: Kept, table: sa.Table, other: str, person: str) -> None:
    rows = session.execute(sa.select(table).where(table.c[one.column] == other)).mappings().all()
    for row in rows:
        same = sa.and_(table.c[one.column] == person, *(table.c[name] == row[name] for name in one.unique))
        added = session.execute(
            sa.update(table).where(same).values({name: table.c[name] + row[name] for name in one.sums})
        )
        if not added.rowcount:  # type: ignore[attr-defined]
            session.execute(sa.insert(table).values({**row, one.column: person}))


def lend(session: Session, act: Act, *, now: datetime) -> None:
    """Before an act is withdrawn: put its grams and points back under the holder it was booked for."""
    if act.entry_id is None:
        return
    last = act.activation_entry_id or act.entry_id
    moves = [
        ledger.Move(_of(move.destination, act.holder), move.destination, move.amount)
        for entry_id in sorted({act.entry_id, last})
        for move in ledger.moves_of(session, entry_id)
        if move.destination.holder not in (act.holder, ledger.PLATFORM)
        and (entry_id == last or move.destination.role == ledger.BOOK)
    ]
    if moves:
        _post(session, moves, "account.lend", f"account:lend:{act.id}", now=now)


def sweep(session: Session, entry_id: int, holder: str, *, now: datetime) -> None:
    """After something was refunded: what came back to an old holder goes on to the person's own account."""
    moves = [
        ledger.Move(move.destination, _of(move.destination, holder), move.amount)
        for move in ledger.moves_of(session, entry_id)
        if move.destination.role == ledger.POINTS and move.destination.holder != holder
    ]
    if moves:
        _post(session, moves, "account.sweep", f"account:sweep:{entry_id}", now=now)
