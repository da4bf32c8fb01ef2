"""Posting plain entries on SQLite: read what decides, decide in Python, write set-wise.

SQLite has one writer, and the transaction is the writer from its first statement on, so what was read
stays true until the commit. The same semantics as :mod:`carbon_platform.ledger.server_posting`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.engine import Connection

from carbon_platform.errors import PlatformError
from carbon_platform.ledger import errors
from carbon_platform.ledger.accounts import standing_refusal
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.rules import Change, Request, changes
from carbon_platform.ledger.values import MAX_AMOUNT, AccountKey, Outcome, Posted

# One JSON parameter carries any number of keys: the statement stays the same and stays prepared.
# CROSS JOIN keeps SQLite from scanning the accounts.
_STANDINGS = """
SELECT j.key, a.id, a.state, a.opened_at, b.posted, b.held
FROM json_each(?) AS j CROSS JOIN ledger_account AS a
  ON a.holder = j.value ->> 0 AND a.role = j.value ->> 1 AND a.asset = j.value ->> 2 AND a.lot = j.value ->> 3
LEFT JOIN ledger_balance AS b ON b.account_id = a.id
"""
_KNOWN = """
SELECT -1, coalesce(max(id), 0), '' FROM ledger_entry
UNION ALL
SELECT j.key, e.id, e.digest FROM json_each(?) AS j CROSS JOIN ledger_entry AS e ON e.reference = j.value
"""
_ENTRY = """
INSERT INTO ledger_entry (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TRANSFER = "INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount) VALUES (?, ?, ?, ?)"
_BALANCE = "UPDATE ledger_balance SET posted = posted + ? WHERE account_id = ?"
_ACCOUNT = "INSERT INTO ledger_account (id, role, holder, asset, lot, guarded) VALUES (?, ?, ?, ?, ?, ?)"
_NEW_BALANCE = "INSERT INTO ledger_balance (account_id, posted, held) VALUES (?, 0, 0)"


@dataclass
class Standing:
    """How an account stands while the batch goes on; ``account_id`` 0 until it is made."""

    account_id: int = 0
    state: str = "open"
    opened_at: str | None = None
    posted: int = 0
    held: int = 0


def post_plain(connection: Connection, requests: Sequence[Request], now: datetime) -> list[Outcome]:
    """Post each request in order, or say why not; see ``posting.post`` for the refusals."""
    last_id, known = _known(connection, requests)
    standings = _standings(connection, requests)
    outcomes: list[Outcome] = []
    accepted: list[tuple[int, Request]] = []
    nets: dict[AccountKey, int] = {}
    for request in requests:
        reference = request.entry.reference
        if reference in known:
            outcomes.append(repeated(reference, request.digest, *known[reference]))
            continue
        moved = changes(request.entry.moves)
        refusal = _refusal(request, moved, standings)
        if refusal is not None:
            outcomes.append(Outcome(reference, refused=refusal))
            continue
        for key, change in moved.items():
            standings[key].posted += change.net
            nets[key] = nets.get(key, 0) + change.net
        last_id += 1
        known[reference] = (last_id, request.digest)
        accepted.append((last_id, request))
        outcomes.append(Outcome(reference, posted=Posted(last_id, replayed=False)))
    if accepted:
        _write(connection, accepted, nets, standings, now)
    return outcomes


def repeated(reference: str, digest: str, entry_id: int, first_digest: str) -> Outcome:
    """The answer to a reference that is taken: the first result, or a named conflict."""
    if digest == first_digest:
        return Outcome(reference, posted=Posted(entry_id, replayed=True))
    conflict = errors.ReferenceConflict(reference=reference, kind="分录", kind_en="entry", number=entry_id)
    return Outcome(reference, refused=conflict)


def _known(connection: Connection, requests: Sequence[Request]) -> tuple[int, dict[str, tuple[int, str]]]:
    """The last entry's id, and id and digest of those references that are taken."""
    references = [request.entry.reference for request in requests]
    rows = connection.exec_driver_sql(_KNOWN, (json.dumps(references),)).all()
    return rows[0][1], {references[place]: (entry_id, digest) for place, entry_id, digest in rows[1:]}


def _standings(connection: Connection, requests: Sequence[Request]) -> dict[AccountKey, Standing]:
    keys = list(
        dict.fromkeys(
            key
            for request in requests
            for move in request.entry.moves
            for key in (move.source, move.destination)
        )
    )
    standings = {key: Standing() for key in keys}
    wanted = json.dumps([(key.holder, key.role, key.asset, key.lot) for key in keys])
    for place, account_id, state, opened_at, posted, held in connection.exec_driver_sql(
        _STANDINGS, (wanted,)
    ):
        standings[keys[place]] = Standing(account_id, state, opened_at, posted or 0, held or 0)
    return standings


def _refusal(
    request: Request, moved: Mapping[AccountKey, Change], standings: Mapping[AccountKey, Standing]
) -> PlatformError | None:
    in_order = sorted(moved)
    for key in in_order:
        standing = standings[key]
        if standing.state != "open" or standing.opened_at is not None:
            refusal = standing_refusal(key, standing.state, standing.opened_at, request.effective_at)
            if refusal is not None:
                return refusal
    for key in in_order:
        if not ROLES[key.role].guarded:
            continue
        standing, change = standings[key], moved[key]
        if standing.posted + change.highest > MAX_AMOUNT:
            return errors.BalanceTooLarge(key, MAX_AMOUNT)
        available = standing.posted - standing.held
        if available + change.lowest < 0:
            return errors.InsufficientBalance(key, -change.lowest, available)
    return None


def _write(
    connection: Connection,
    accepted: Sequence[tuple[int, Request]],
    nets: Mapping[AccountKey, int],
    standings: Mapping[AccountKey, Standing],
    now: datetime,
) -> None:
    _make_accounts(connection, [key for key in nets if not standings[key].account_id], standings)
    recorded = _text(now)
    entries = [
        (
            entry_id,
            request.entry.reason,
            request.entry.reference,
            request.digest,
            request.entry.actor_name,
            recorded if request.effective_at is now else _text(request.effective_at),
            recorded,
            request.entry.note,
            json.dumps(request.detail) if request.detail else "{}",
        )
        for entry_id, request in accepted
    ]
    connection.exec_driver_sql(_ENTRY, entries)
    transfers = [
        (entry_id, standings[move.source].account_id, standings[move.destination].account_id, move.amount)
        for entry_id, request in accepted
        for move in request.entry.moves
    ]
    connection.exec_driver_sql(_TRANSFER, transfers)
    balances = [(net, standings[key].account_id) for key, net in nets.items() if ROLES[key.role].guarded]
    if balances:
        updated = connection.exec_driver_sql(_BALANCE, balances).rowcount
        if updated != len(balances):
            raise errors.LedgerInconsistent(
                what=f"{len(balances)} 个账户只有 {updated} 个余额行",
                what_en=f"{len(balances)} accounts have only {updated} balance rows",
            )


def _make_accounts(
    connection: Connection, missing: Iterable[AccountKey], standings: Mapping[AccountKey, Standing]
) -> None:
    wanted = sorted(missing)
    if not wanted:
        return
    last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM ledger_account").scalar_one()
    for number, key in enumerate(wanted, start=last + 1):
        standings[key].account_id = number
    connection.exec_driver_sql(
        _ACCOUNT,
        [
            (standings[k].account_id, k.role, k.holder, str(k.asset), k.lot, ROLES[k.role].guarded)
            for k in wanted
        ],
    )
    guarded = [(standings[k].account_id,) for k in wanted if ROLES[k.role].guarded]
    if guarded:
        connection.exec_driver_sql(_NEW_BALANCE, guarded)


def _text(moment: datetime) -> str:
    """An instant as the column type stores it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
