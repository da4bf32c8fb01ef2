"""A bundle, a sponsorship and a citizen's order, for tests that walk over all addresses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from carbon_platform.db import Database
from carbon_platform.identity.service import authenticate
from carbon_platform.inclusion.tables import Bundle, OffsetLot, OffsetOrder, Sponsorship

BUNDLE, ORDER = "XY-B2020-000001", "XY-O-AAAAAAAAAAAAAAAA"


def inclusion_things(db: Database, citizen_headers: dict[str, str]) -> dict[str, str]:
    """An argument for each place of an address. A closed window needs a clock of its own; rows are enough
    to be read, and all of them are over: a dissolved bundle, a cancelled promise, a lapsed order."""

    def make(session: Any) -> int:
        known = session.scalar(sa.select(Sponsorship.id).where(Sponsorship.sponsor_code == "nobody"))
        if known is not None:
            return int(known)
        now = datetime.now(UTC)
        citizen = authenticate(session, citizen_headers["Authorization"].split()[1], now=now)
        assert citizen is not None
        session.add(
            Bundle(
                code=BUNDLE, starts_on=date(2020, 1, 1), ends_on=date(2020, 2, 1), methodology="m",
                parameter_digest="p", code_digest="c", input_digest="i", acts=1, holders=1, creditable_g=1,
                reduction_g=1, state="dissolved", run_code="", batch_code="", closed_by="某人",
                closed_by_id=0, closed_at=now, note="演示",
            )
        )  # fmt: skip
        promise = Sponsorship(
            sponsor_code="nobody", sponsor="某公司（演示）", organisation_id=None, amount_fen=1,
            document="演示", state="cancelled", promised_by="某人", promised_by_id=0, promised_at=now,
            bank_reference=None,
            received_by="", received_by_id=None, received_at=None, entry_id=None,
        )  # fmt: skip
        lot = OffsetLot(
            trade_code="XY-T000000", batch_code="XY-none", quantity_kg=1_000, left_kg=0,
            price_fen_per_t=8_000, bought_by="某人", bought_at=now,
        )  # fmt: skip
        session.add_all([promise, lot])
        session.flush()
        session.add(
            OffsetOrder(
                code=ORDER, holder=citizen.holder, order_key="lapsed-order", lot_id=lot.id, quantity_kg=1,
                amount_fen=8, beneficiary="", year=2020, state="expired", payment_mode="mock",
                payment_reference="", entry_id=None, ordered_at=now, expires_at=now, paid_at=None,
                certificate_number="", ranges=[], retired_at=None, refund_reference="", refunded_by="",
                refunded_at=None,
            )
        )  # fmt: skip
        return int(promise.id)

    number = db.transact(make)
    return {
        "/bundles/": BUNDLE,
        "/sponsorships/": str(number),
        "/offset-orders/": ORDER,
        "/citizen/offsets/": ORDER,
        "/citizen/footprint/": "2020",
    }
