"""Where the kilograms of a lot of credits are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy.orm import Session

from carbon_platform.ledger.balances import Total, totals
from carbon_platform.ledger.roles import (
    CANCELLED,
    EXTERNAL,
    HOLDING,
    INVALIDATED,
    ISSUANCE,
    PLEDGED,
    RETIRED,
    Asset,
)


@dataclass(frozen=True)
class LotPosition:
    """All in kg. ``held`` is what is set aside on holdings; what is held on a pledge counts as pledged.

    ``issued`` is what left issuance and was not taken back by a reversal; ``external`` is what another
    registry keeps for its holders, shown here only.
    """

    lot: str
    issued: int
    available: int
    held: int
    pledged: int
    retired: int
    cancelled: int
    invalidated: int
    external: int = 0

    @property
    def placed(self) -> int:
        """Everything that is somewhere; equals ``issued`` in a sound ledger."""
        unused = self.available + self.held + self.pledged + self.external
        return unused + self.retired + self.cancelled + self.invalidated


def lot_position(session: Session, lot: str) -> LotPosition:
    """The position of one lot; all zero for a lot nothing was issued of."""
    return _position(lot, totals(session, asset=Asset.CREDIT, lot=lot))


def lot_positions(session: Session) -> list[LotPosition]:
    """The position of every lot of credits, by name."""
    return positions_of(totals(session, asset=Asset.CREDIT))


def positions_of(sums: Iterable[Total]) -> list[LotPosition]:
    """Positions from the sums of credits, by name of the lot."""
    every = sorted(sums, key=lambda total: total.lot)
    return [_position(lot, of_lot) for lot, of_lot in groupby(every, key=lambda total: total.lot)]


def _position(lot: str, sums: Iterable[Total]) -> LotPosition:
    by_role = {total.role: total for total in sums}

    def posted(role: str) -> int:
        return by_role[role].posted if role in by_role else 0

    held = by_role[HOLDING].held if HOLDING in by_role else 0
    return LotPosition(
        lot=lot,
        issued=-posted(ISSUANCE),
        available=posted(HOLDING) - held,
        held=held,
        pledged=posted(PLEDGED),
        retired=posted(RETIRED),
        cancelled=posted(CANCELLED),
        invalidated=posted(INVALIDATED),
        external=posted(EXTERNAL),
    )
