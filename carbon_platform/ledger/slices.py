"""Hot accounts with a floor: one fund, kept in slices, so that payments do not queue behind one row.

Unguarded accounts (issuance, bank, points issued) have no balance row and need no cure. A guarded one
that thousands draw on at the same time (a reward fund, an escrow) is spread over slices: accounts of the
same role, asset and lot whose holder carries a number, ``fund:7#03``. A payment takes from the slice
that its reference falls on; only when that one is short it looks at the others. The fund can never be
overdrawn, because no slice can, and nothing is refused while the slices together have enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.ledger.balances import balance
from carbon_platform.ledger.errors import InsufficientBalance, ReferenceConflict
from carbon_platform.ledger.posting import moves_of, post
from carbon_platform.ledger.queries import find_entry
from carbon_platform.ledger.values import AccountKey, Entry, Move, Posted

SLICES = 16
# Another payment may empty a slice between our look and our posting; then we look again.
ATTEMPTS = 8


@dataclass(frozen=True)
class Fund:
    """A guarded account in slices; ``key.holder`` must not contain ``#``."""

    key: AccountKey
    slices: int = SLICES

    def slice(self, number: int) -> AccountKey:
        """The account of slice 0 … ``slices`` - 1."""
        return replace(self.key, holder=f"{self.key.holder}#{number:02d}")

    def home(self, reference: str) -> int:
        """The slice on which a reference falls."""
        return int.from_bytes(hashlib.sha256(reference.encode()).digest()[:4], "big") % self.slices


def fund_balance(session: Session, fund: Fund) -> list[int]:
    """What each slice has available (smallest unit)."""
    keys = [fund.slice(number) for number in range(fund.slices)]
    return [balance(session, key).available for key in keys]


def spread(fund: Fund, source: AccountKey, amount: int) -> list[Move]:
    """Moves that bring ``amount`` into the fund, evenly; the first slices take what is left over."""
    share, rest = divmod(amount, fund.slices)
    parts = [share + (1 if number < rest else 0) for number in range(fund.slices)]
    return [Move(source, fund.slice(number), part) for number, part in enumerate(parts) if part]


def pay_from(
    session: Session,
    fund: Fund,
    destination: AccountKey,
    amount: int,
    entry: Entry,
    now: datetime,
) -> Posted:
    """Post ``entry`` with the moves that take ``amount`` out of the fund put before its own.

    One move from the home slice of the reference; the others are looked at only when that is short.
    The same request answers the first result, whichever slices it took then. Errors: :func:`post`;
    ``InsufficientBalance`` names the fund with what all its slices have.
    """
    taking = [Move(fund.slice(fund.home(entry.reference)), destination, amount)]
    for _ in range(ATTEMPTS):
        try:
            # A refusal gives its locks back with the savepoint: the next try locks in order again.
            with session.begin_nested():
                return post(session, _with(entry, taking), now)
        except ReferenceConflict:
            return _first_result(session, fund, destination, amount, entry, now)
        except InsufficientBalance:
            left = fund_balance(session, fund)
            if sum(left) < amount:
                raise InsufficientBalance(fund.key, amount, sum(left)) from None
            taking = _gather(fund, destination, amount, left)
    return post(session, _with(entry, taking), now)


def _first_result(
    session: Session, fund: Fund, destination: AccountKey, amount: int, entry: Entry, now: datetime
) -> Posted:
    """The same request as before, with the slices it took; another one is refused by its digest."""
    first = find_entry(session, entry.reference)
    assert first is not None, "the reference was taken"
    slices = {fund.slice(number) for number in range(fund.slices)}
    taken = [
        move
        for move in moves_of(session, first.entry_id)[: fund.slices]
        if move.source in slices and move.destination == destination
    ]
    if sum(move.amount for move in taken) != amount:
        taken = [Move(fund.slice(fund.home(entry.reference)), destination, amount)]
    return post(session, _with(entry, taken), now)


def _with(entry: Entry, taking: Sequence[Move]) -> Entry:
    return replace(entry, moves=(*taking, *entry.moves))


def even_out(fund: Fund, left: Sequence[int], floor: int = 0) -> list[Move]:
    """Moves that bring every slice to the same amount; none while each has more than ``floor``."""
    if min(left) > floor:
        return []
    share, rest = divmod(sum(left), len(left))
    wanted = [share + (1 if number < rest else 0) for number in range(len(left))]
    moves: list[Move] = []
    over = [(number, left[number] - want) for number, want in enumerate(wanted) if left[number] > want]
    for number, want in enumerate(wanted):
        missing = want - left[number]
        while missing > 0:
            giver, spare = over[-1]
            part = min(missing, spare)
            moves.append(Move(fund.slice(giver), fund.slice(number), part))
            missing -= part
            over[-1] = (giver, spare - part)
            if spare == part:
                over.pop()
    return moves


def _gather(fund: Fund, destination: AccountKey, amount: int, left: Sequence[int]) -> list[Move]:
    """From as few slices as possible, the fullest first."""
    moves: list[Move] = []
    for number in sorted(range(len(left)), key=lambda place: -left[place]):
        part = min(amount, left[number])
        if part <= 0:
            break
        moves.append(Move(fund.slice(number), destination, part))
        amount -= part
    return moves
