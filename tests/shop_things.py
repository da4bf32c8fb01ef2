"""A merchant, an offer and a statement, for tests that walk over all addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from carbon_platform.db import Database
from carbon_platform.merchants.tables import MerchantStatement
from demo.shops import MERCHANTS

STORE = "carbon-store"


def shop_things(db: Database) -> dict[str, str]:
    """An argument for each place of an address; the merchants are the story's."""
    code = f"XY-S202001-{STORE}-1"

    def make(session: Any) -> None:
        known = sa.select(MerchantStatement.id).where(MerchantStatement.code == code)
        if session.scalar(known) is None:
            # A month that is over needs a clock of its own; its row is enough to be read.
            session.add(
                MerchantStatement(
                    code=code, merchant_code=STORE, month="2020-01", lines=1, points=1, amount_fen=1,
                    state="declined", prepared_by="某人", prepared_by_id=0, prepared_at=datetime.now(UTC),
                    by_budget={},
                )
            )  # fmt: skip

    db.transact(make)
    return {
        "/citizen/redemptions/": "1",
        "/merchants/": STORE,
        "/offers/": MERCHANTS[STORE][3][0]["code"],
        "/merchant-statements/": code,
    }
