"""村级经办: accounts on paper, their slips and vouchers for printing, batches and the second look."""

from __future__ import annotations

from typing import Any

import segno
import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from carbon_platform.citizens import accounts as accounts_of_citizens
from carbon_platform.citizens import catalogue as citizens
from carbon_platform.citizens import rewards
from carbon_platform.citizens.rewards_api import shown
from carbon_platform.console.citizen_people import PURPOSES
from carbon_platform.console.site import asked_page, page, pager, said
from carbon_platform.console.village_rows import (
    batch_row,
    card_words,
    given_row,
    reward_row,
    slip_card,
    voucher_row,
)
from carbon_platform.errors import NotFound
from carbon_platform.groups import families, members
from carbon_platform.groups.errors import NoFamily
from carbon_platform.groups.rules import FAMILY
from carbon_platform.proxies import accounts, batches, catalogue, desk, rules, slips, standing
from carbon_platform.proxies.accounts import Account
from carbon_platform.proxies.present import present_batch_line
from carbon_platform.regions.tables import Region
from carbon_platform.web import Call, paged

blp = Blueprint("village_pages", __name__)

PAGE_SIZE = 30
VILLAGES_SHOWN = 400
# What an officer may tick on the paper: the bus by card, the office's own entries, a relative's reports.
PARTNERS = ("xinyang-bus", "village-entry", "self")


@blp.get("/village")
@page("proxy.write")
def office(call: Call) -> ResponseReturnValue:
    found = paged(call.session, accounts.statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "village.html",
        part="accounts",
        accounts=[
            {
                "number": line.number,
                "name": line.masked_name,
                "village": _village(call, line.village_code),
                "points": line.points,
                "cards": "、".join(card_words(card.last_digits) for card in line.cards),
                "open": line.state == "open",
                "opened_at": line.opened_at,
            }
            for line in accounts.described(call.session, found.items, now=call.now)
        ],
        page=pager(found),
        villages=_villages(call),
        partners=[{"code": code, "name": said(*citizens.partner_names(code))} for code in PARTNERS],
        year_max=call.now.year,
    )


def _villages(call: Call) -> list[dict[str, str]]:
    """Villages of the officer; none when there are too many to choose from."""
    found = call.session.execute(
        sa.select(Region.code, Region.name_zh)
        .where(
            Region.code.startswith(call.actor.region_code, autoescape=True), sa.func.length(Region.code) == 12
        )
        .order_by(Region.code)
        .limit(VILLAGES_SHOWN + 1)
    ).all()
    return [] if len(found) > VILLAGES_SHOWN else [{"code": code, "name": name} for code, name in found]


def _village(call: Call, code: str) -> str:
    region = call.session.get(Region, code)
    return region.name_zh if region else code


@blp.get("/village/consent-form")
@page("proxy.write")
def consent_form(call: Call) -> ResponseReturnValue:
    """The paper to be signed: the texts in force, word for word, with boxes to tick."""
    texts = citizens.consent_texts()
    own = [(members.PLATFORM, members.PURPOSES[FAMILY]), accounts_of_citizens.REAL_NAME]
    wanted = [*((code, "acts") for code in PARTNERS), *own]
    return render_template(
        "village_consent.html",
        texts=[
            {
                "name": said(*PURPOSES.get((partner, purpose), citizens.partner_names(partner))),
                "version": texts[partner, purpose].version,
                "text": said(texts[partner, purpose].zh, texts[partner, purpose].en),
            }
            for partner, purpose in wanted
        ],
        trail=[{"label": _("村级经办"), "url": "/village"}, {"label": _("同意书")}],
    )


@blp.get("/village/<string:number>")
@page("proxy.write")
def account_page(call: Call, number: str) -> ResponseReturnValue:
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    _note(call, account, "page")
    line = accounts.described(call.session, [account.paper], now=call.now)[0]
    mine = rewards.list_redemptions(call.session, account.actor)
    return render_template(
        "village_account.html",
        account={
            "number": line.number,
            "name": line.masked_name,
            "village": _village(call, line.village_code),
            "points": line.points,
            "open": line.state == "open",
            "opened_at": line.opened_at,
            "opened_by": account.paper.opened_by,
        },
        cards=[{"id": card.id, "text": card_words(card.last_digits)} for card in line.cards],
        rewards=[reward_row(row, line.points, call.now) for row in rewards.list_rewards(call.session)],
        vouchers=[voucher_row(row) for row in mine],
        relatives=_relatives(call, account),
        proxies=[
            {
                "agent": held.agent,
                "day_points": held.proxy.day_points,
                "month_points": held.proxy.month_points,
                "until": held.proxy.until,
            }
            for held in standing.grants(call.session, account.actor, now=call.now)
            if held.standing
        ],
        consents=[given_row(state) for state in desk.standing_consents(call.session, account)],
        left_points=line.points + line.pending,
        limits=catalogue.limits(),
        month=slips.this_month(call.now),
        trail=[{"label": _("村级经办"), "url": "/village"}, {"label": line.number}],
    )


def _relatives(call: Call, account: Account) -> list[dict[str, Any]]:
    try:
        mine = families.own(call.session, account.actor)
    except NoFamily:
        return []
    everybody = members.of_group(call.session, mine.group_id)
    names = members.nicknames(call.session, {one.holder for one in everybody})
    return [
        {"member_id": one.id, "nickname": names.get(one.holder, said(*members.GONE))}
        for one in everybody
        if one.id != mine.id
    ]


def _note(call: Call, account: Account, what: str) -> None:
    """Every look of an officer into somebody's book is on record."""
    call.transact(lambda session: slips.note_look(session, call.actor, account, what, now=call.now))


@blp.get("/village/<string:number>/slip")
@page("proxy.write")
def slip_page(call: Call, number: str) -> ResponseReturnValue:
    """The month of an account in large print, one sheet or two of paper."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    month = request.args.get("month", "") or slips.this_month(call.now)
    slip = slips.read(call.session, account, month, now=call.now)
    _note(call, account, f"slip {month}")
    return render_template(
        "village_slip.html",
        slip=slip_card(slip, call.now),
        village=_village(call, account.paper.village_code),
        printed_at=call.now,
        base_url=call.settings.base_url,
        month_before=_month(month, -1),
        month_after=_month(month, 1) if month < slips.this_month(call.now) else "",
    )


def _month(month: str, by: int) -> str:
    """The month (``2026-10``) so many months later."""
    years, months = divmod(int(month[:4]) * 12 + int(month[5:7]) - 1 + by, 12)
    return f"{years:04d}-{months + 1:02d}"


@blp.get("/village/<string:number>/vouchers/<int:redemption_id>")
@page("proxy.write")
def voucher_page(call: Call, number: str, redemption_id: int) -> ResponseReturnValue:
    """A voucher on paper: the code to be read out, and the signed one for the shop's camera."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    mine = rewards.list_redemptions(call.session, account.actor)
    row = next((one for one in mine if one.id == redemption_id), None)
    if row is None:
        raise NotFound(what="兑换券", key=redemption_id)
    _note(call, account, f"voucher {redemption_id}")
    voucher = shown(row, call.settings)
    drawn = Markup()
    if row.status == rewards.READY:
        text = voucher["signed_code"] or row.voucher_code
        drawn = Markup(segno.make(text, error="m").svg_inline(border=2, omitsize=True))  # noqa: S704 — our own SVG
    return render_template(
        "village_voucher.html",
        voucher=voucher_row(row)
        | {
            "code": row.voucher_code,
            "qr_svg": drawn,
            "expires_at": row.expires_at,
            "topup_fen": row.topup_fen,
        },
        number=account.paper.number,
        name=accounts.name_of(call.session, account.paper),
        trail=[
            {"label": _("村级经办"), "url": "/village"},
            {"label": account.paper.number, "url": f"/village/{account.paper.number}"},
            {"label": _("兑换券")},
        ],
    )


@blp.get("/village/batches")
@page("proxy.write")
def batch_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, batches.statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "village_batches.html",
        part="batches",
        batches=[
            present_batch_line(batch)
            | {
                "village": _village(call, batch.village_code),
                "words": said(*batches.STATE_WORDS[batch.state]),
                "mine": batch.uploaded_by_id == call.actor.user_id,
            }
            for batch in found.items
        ],
        page=pager(found),
        villages=_villages(call),
        rule=catalogue.batch_rule(),
    )


@blp.get("/village/batches/<int:batch_id>")
@page("proxy.write")
def batch_page(call: Call, batch_id: int) -> ResponseReturnValue:
    found = batches.get_batch(call.session, call.actor, batch_id)
    batch = found.batch
    may_check = batch.state == rules.CHECKING and batch.uploaded_by_id != call.actor.user_id
    return render_template(
        "village_batch.html",
        batch=present_batch_line(batch)
        | {"village": _village(call, batch.village_code), "words": said(*batches.STATE_WORDS[batch.state])},
        rows=[batch_row(row) for row in found.rows],
        drawn=[batch_row(row) for row in found.rows if row.drawn and (may_check or row.verdict)],
        counts={
            outcome: sum(row.outcome == outcome for row in found.rows)
            for outcome in (rules.READY, rules.REFUSED, rules.COUNTED, rules.NOT_COUNTED)
        },
        may_check=may_check,
        own=batch.uploaded_by_id == call.actor.user_id,
        rule=catalogue.batch_rule(),
        trail=[
            {"label": _("村级经办"), "url": "/village"},
            {"label": _("代录批次"), "url": "/village/batches"},
            {"label": batch.file_name},
        ],
    )
