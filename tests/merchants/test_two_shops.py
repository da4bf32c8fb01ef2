"""One code at the tills of two shops at the same moment: its own shop takes it once, the other never."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from shop_world import Caller, staff

from carbon_platform.citizens.tables import Redemption
from carbon_platform.db import Database

pytestmark = pytest.mark.usefixtures("verified")


def test_one_code_in_two_shops_at_once_is_taken_by_the_one_that_sold_it(
    app: Flask, museum: Caller, xiaoman: Caller, db: Database
) -> None:
    voucher = xiaoman.redeem("guide").json
    store = staff(app, "store-1")
    shops = (museum, store, museum, store)

    def hand_in(place: int) -> tuple[bool, str, str]:
        # typed at one till, scanned at the other
        text = voucher["voucher_code" if place % 4 < 2 else "signed_code"]
        row = shops[place].use_one(text, device=f"till-000{place}")
        return shops[place] is museum, row["outcome"], row["reason_code"]

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(hand_in, range(4)))
    assert answers == [
        (False, "refused", "shop.code_unknown"),
        (False, "refused", "shop.code_unknown"),
        (True, "accepted", ""),
        (True, "refused", "shop.code_used"),
    ]
    used = db.read(lambda session: session.scalars(sa.select(Redemption)).one())
    assert used.status == "used"
