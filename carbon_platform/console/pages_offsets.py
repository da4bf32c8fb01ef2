"""Small tickets for citizens: their stock, what the bank confirms, and a citizen's own certificate."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform import ledger
from carbon_platform.console.formats import tonnes, yuan
from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.credits.allocation import serial
from carbon_platform.inclusion import fund, offsets
from carbon_platform.inclusion.offset_retirement import waiting_kg
from carbon_platform.inclusion.tables import OffsetLot
from carbon_platform.market.queries import listings, view_listings
from carbon_platform.market.service import cash_key
from carbon_platform.web import Call, paged

blp = Blueprint("offset_pages", __name__)

PAGE_SIZE = 20


@blp.get("/small-tickets")
@page("inclusion.read")
def small_tickets(call: Call) -> ResponseReturnValue:
    account = offsets.find_pool(call.session)
    cash = ledger.balance(call.session, cash_key(account.holder)).available if account else 0
    return render_template(
        "small_tickets.html",
        account={"id": account.id, "name": account.name_zh, "cash_fen": cash} if account else None,
        lots=offsets.lots(call.session),
        waiting_kg=waiting_kg(call.session),
        listings=_open_listings(call),
        can={"write": call.actor.may("inclusion.write")},
    )


@blp.get("/fund-receipts")
@page("cash.confirm")
def fund_receipts(call: Call) -> ResponseReturnValue:
    """What the bank confirms: sponsors' money that came in, late payments that went back."""
    promised = paged(call.session, fund.promised(), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "fund_receipts.html",
        sponsors=promised.items,
        page=pager(promised),
        due=list(call.session.scalars(offsets.refunds_due().limit(PAGE_SIZE))),
    )


def _open_listings(call: Call) -> list[dict[str, Any]]:
    found = list(call.session.scalars(listings().limit(PAGE_SIZE)))
    return [
        {
            "id": view.id,
            "label": _("%(project)s，%(county)s，%(year)s 年：%(price)s/吨，剩 %(left)s 吨",
                       project=view.goods.project_name, county=county(view.goods.county_code),
                       year=view.goods.vintage, price=yuan(view.price_fen_per_t),
                       left=tonnes(view.remaining_kg)),
        }
        for view in view_listings(call.session, found)
    ]  # fmt: skip


@blp.get("/offset-certificates/<code>")
@page(None)
def offset_certificate(call: Call, code: str) -> ResponseReturnValue:
    """A citizen's own certificate: whoever has its code may read and print it."""
    row = offsets.find_retired(call.session, code)
    lot = call.session.get_one(OffsetLot, row.lot_id)
    goods = offsets.goods_of(call.session, lot.batch_code)
    return render_template(
        "offset_certificate.html",
        order=row,
        batch=lot.batch_code,
        serials=[serial(lot.batch_code, first, last) for first, last in row.ranges],
        project=goods.project,
        county=county(goods.county_code),
        vintage=goods.vintage,
        is_demo=goods.is_demo,
        amount=yuan(row.amount_fen),
    )
