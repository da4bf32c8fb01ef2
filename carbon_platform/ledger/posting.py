"""Posting: the only writer of the journal and of balances.

Plain entries, where only balances decide, go through ``server_posting`` (PostgreSQL) or
``embedded_posting`` (SQLite); entries with numbers, holds or a reversal through ``linked_posting``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.errors import PlatformError
from carbon_platform.ledger import embedded_posting, rules, server_posting
from carbon_platform.ledger.linked_posting import post_linked, transfers_of
from carbon_platform.ledger.values import Entry, HoldUse, Move, Outcome, Posted


def post(session: Session, entry: Entry, now: datetime) -> Posted:
    """Write one entry with all its moves, or nothing.

    Moves happen in the order given; no guarded account may fall below its held amount at any step.
    Credits carry their numbers: issuing makes the lot's next ones; any other move takes the lowest, or
    those it names.

    What is wrong first, is said first:

    1. the request itself, whatever the ledger holds (``EntryInvalid``; per move ``AmountInvalid``,
       ``AccountInvalid``, ``MixedAssets``, ``SameAccount``, ``MoveNotAllowed``; ``EffectiveInFuture``;
       ``ReversalNeedsApproval``);
    2. idempotency: the same reference and digest return the first result, ``replayed``; another
       digest is ``ReferenceConflict``;
    3. a reversal's original: ``EntryNotFound``, ``NotReversible``, ``AlreadyReversed``, ``NotMirrored``;
    4. holds: ``HoldNotFound``, ``HoldClosed``, ``HoldExpired``, ``HoldTooSmall``, ``HoldUnused``;
    5. accounts, in the order of their keys: ``AccountClosed``, ``AccountFrozen``,
       ``EffectiveBeforeAccount``;
    6. balances, in the same order: ``BalanceTooLarge``, ``InsufficientBalance``;
    7. numbers: ``LotExhausted``; named ones that are not there, ``NumbersNotHeld``; of a reversal, when
       they have moved on, ``NotReversible``.

    A refusal leaves no trace, so the caller may catch it and go on in the same transaction.
    """
    request = rules.prepare(entry, now)
    connection = session.connection()
    if not request.is_plain:
        return post_linked(connection, request, now)
    return _post_plain(connection, [request], now)[0].demand()


def post_batch(session: Session, entries: Sequence[Entry], now: datetime) -> list[Outcome]:
    """Post entries in order, each by itself: one refusal does not sink the others.

    The answers, in the order given, are those of :func:`post` called one after the other. Plain
    entries go set-wise, thousands at a time.
    """
    connection = session.connection()
    outcomes: list[Outcome] = []
    run: list[rules.Request] = []
    for entry in entries:
        try:
            request = rules.prepare(entry, now)
            if request.is_plain:
                run.append(request)
                continue
            outcomes += _post_plain(connection, run, now)
            run = []
            outcome = Outcome(entry.reference, posted=post_linked(connection, request, now))
        except PlatformError as refusal:
            outcomes += _post_plain(connection, run, now)
            run = []
            outcome = Outcome(entry.reference, refused=refusal)
        outcomes.append(outcome)
    return outcomes + _post_plain(connection, run, now)


def _post_plain(connection: Connection, run: Sequence[rules.Request], now: datetime) -> list[Outcome]:
    if not run:
        return []
    if connection.dialect.name == "postgresql":
        return server_posting.post_plain(connection, run, now)
    return embedded_posting.post_plain(connection, run, now)


def post_hold(
    session: Session,
    hold_reference: str,
    entry: Entry,
    now: datetime,
    amount: int,
    *,
    release_rest: bool = False,
) -> Posted:
    """Post ``amount`` of a hold through ``entry``, which must move at least that out of the held account.

    The rest stays held, or is returned at once if ``release_rest``. To settle several holds in one
    entry (goods against money), name them in ``Entry.holds`` and call :func:`post`.
    """
    use = HoldUse(hold_reference, amount, release_rest)
    return post(session, replace(entry, holds=(*entry.holds, use)), now)


def reverse(
    session: Session,
    entry_id: int,
    *,
    reference: str,
    reason: str,
    actor_name: str,
    second_approver: str,
    note: str,
    now: datetime,
    effective_at: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Posted:
    """Take an entry back by its exact mirror; credits return with the same numbers.

    ``note`` says why; ``second_approver`` is a person other than ``actor_name``. Holds that the
    original posted are not reopened. Errors: see :func:`post`; ``EntryNotFound`` comes first.
    """
    original = moves_of(session, entry_id)
    return post(
        session,
        Entry(
            reason=reason,
            reference=reference,
            moves=rules.mirrored(original),
            effective_at=effective_at,
            actor_name=actor_name,
            note=note,
            reverses=entry_id,
            detail={**(detail or {}), "second_approver": second_approver},
        ),
        now,
    )


def moves_of(session: Session, entry_id: int) -> list[Move]:
    """The moves of an entry in their order, or ``EntryNotFound``."""
    return [move for _, move in transfers_of(session.connection(), entry_id)]
