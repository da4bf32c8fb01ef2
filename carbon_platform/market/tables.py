"""Tables of the market. Balances are the ledger's; here is what was offered, agreed and paid in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Listing(Base):
    """Whole tonnes of one batch offered at one price (挂牌). The goods are held in the ledger.

    What remains is ``quantity_kg`` less the trades; it is not stored a second time.
    """

    __tablename__ = "listing"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    quantity_kg: Mapped[int]
    price_fen_per_t: Mapped[int]
    # Sold for the first time by the project's owner: the money is shared out. A resale is the seller's own.
    is_first_sale: Mapped[bool]
    story: Mapped[str]  # the seller's own words, may be empty
    status: Mapped[str] = mapped_column(index=True)  # open, sold, withdrawn
    listed_by: Mapped[str]
    listed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0 AND price_fen_per_t > 0", name="positive"),
        sa.CheckConstraint("status IN ('open', 'sold', 'withdrawn')", name="status"),
    )

    @property
    def hold_reference(self) -> str:
        return f"listing:{self.id}"


class Trade(Base):
    """One purchase from a listing: credits and money moved in one ledger entry.

    Numbers run without a gap: the id is given out under a lock, not by the database's sequence.
    """

    __tablename__ = "trade"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(unique=True)  # XY-T000001
    listing_id: Mapped[int] = mapped_column(sa.ForeignKey("listing.id"), index=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    buyer_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    seller_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    quantity_kg: Mapped[int]
    price_fen_per_t: Mapped[int]
    amount_fen: Mapped[int]
    is_first_sale: Mapped[bool]
    ranges: Mapped[list[Any]]  # [[first, last], …]: the numbers that changed hands
    entry_reference: Mapped[str] = mapped_column(unique=True)
    bought_by: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (sa.CheckConstraint("quantity_kg > 0 AND amount_fen > 0", name="positive"),)


class CashDeposit(Base):
    """Money the settlement bank has received for an organisation; the bank's reference counts once."""

    __tablename__ = "cash_deposit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    amount_fen: Mapped[int]
    bank_reference: Mapped[str] = mapped_column(unique=True)
    entry_reference: Mapped[str] = mapped_column(unique=True)
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("amount_fen > 0", name="positive"),)
