"""Looking certificates up, one batch and where its kilograms are, and pledges."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform import ledger
from carbon_platform.console.formats import count
from carbon_platform.console.pages_certificates import certificate_page, purpose_label
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.credits import invalidation, lookup, pledges, retirement
from carbon_platform.credits.beneficiary import NOT_LISTED
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.queries import batch_views, retirements_of
from carbon_platform.credits.registry_tables import Invalidation, Pledge
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.errors import PlatformError
from carbon_platform.web import Call, paged
from carbon_platform.web.language import language

blp = Blueprint("tickets_pages", __name__)

PAGE_SIZE = 20


# --- look-up --------------------------------------------------------------------------------------


@blp.get("/verify")
@page(None)
def verify(call: Call) -> ResponseReturnValue:
    """``?no=`` a certificate number, ``?q=`` whatever is known of it, ``?batch=&kg=`` one kilogram."""
    number, asked = request.args.get("no", "").strip(), request.args.get("q", "").strip()
    if number:
        return certificate_page(call, number)
    if asked:
        return _found(call, asked)
    if request.args.get("batch", "").strip():
        return _one_kilogram(call)
    return _search_page()


def _search_page(**context: Any) -> ResponseReturnValue:
    shown: dict[str, Any] = {
        "asked": "", "found": None, "page": None, "wrong": "", "batch": "", "kg": "", "kilogram": None
    }  # fmt: skip
    return render_template("verify.html", **(shown | context))


def _found(call: Call, asked: str) -> ResponseReturnValue:
    try:
        statement = lookup.anything(call.session, asked)
    except lookup.NameTooShort as wrong:
        return _search_page(asked=asked, wrong=wrong.message(language()))
    found = paged(call.session, statement, page=asked_page(), size=PAGE_SIZE)
    if [one.certificate_number for one in found.items] == [asked]:
        return certificate_page(call, asked)
    return _search_page(asked=asked, found=_rows(call, found.items), page=pager(found))


def _rows(call: Call, found: list[Any]) -> list[dict[str, Any]]:
    return [
        one
        | {
            "url": f"/certificates/{one['certificate_number']}",
            "purpose": purpose_label(one["purpose"]),
            "beneficiary_name": _listed(one["beneficiary_name"]),
        }
        for one in lookup.brief(call.session, found)
    ]


def _listed(name: str) -> str:
    return _("个人（姓名不列出）") if name == NOT_LISTED else name


def _one_kilogram(call: Call) -> ResponseReturnValue:
    batch, kg = (request.args.get(name, "").strip() for name in ("batch", "kg"))
    digits = kg.replace(",", "").replace("，", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        return _search_page(batch=batch, kg=kg, wrong=_("千克号是 1、2、3 … 的整数。"))
    try:
        found = lookup.where_is(call.session, batch, int(digits))
    except PlatformError as wrong:
        return _search_page(batch=batch, kg=kg, wrong=wrong.message(language()))
    return _search_page(batch=batch, kg=kg, kilogram=_kilogram(found))


def _kilogram(found: lookup.Kilogram) -> dict[str, Any]:
    words = {
        "circulating": _("在流通，没有人用掉它"),
        "pledged": _("已质押，没有人用掉它"),
        "retired": _("已注销，不能再用"),
        "cancelled": _("已取消，没有人用掉它，也不能再用"),
        "invalidated": _("已作废，不能用"),
        "taken_back": _("已收回，不在流通"),
    }
    return {
        "serial": found.serial,
        "number": found.number,
        "state": found.state,
        "words": words.get(found.state, _("不在本登记簿")),
        "certificate_number": found.certificate_number,
        "invalidation": found.invalidation,
    }


# --- one batch ------------------------------------------------------------------------------------


@blp.get("/batches/<code>")
@page(None)
def batch(call: Call, code: str) -> ResponseReturnValue:
    """What was issued, where every kilogram of it is, its certificates, and what turned out void."""
    found = get_batch(call.session, code)
    certificates = paged(call.session, retirements_of(found), page=asked_page(), size=PAGE_SIZE)
    in_region = call.actor is not None and call.actor.sees_region(found.county_code)
    may_order = in_region and call.actor.may("order.write")
    own = _own_kg(call, found)
    return render_template(
        "batch.html",
        batch=_shown(batch_views(call.session, [found.id])[0]),
        position=ledger.lot_position(call.session, found.code),
        certificates=_rows(call, certificates.items),
        page=pager(certificates),
        invalidations=_invalidations(call, found),
        own_kg=own,
        debts=_debts(call) if own else [],
        explain_url=f"/explain/batch/{found.code}",
        can={"order": may_order, "cancel": call.actor is not None and call.actor.may("holding.cancel")},
    )


def _shown(batch: dict[str, Any]) -> dict[str, Any]:
    """Names in the reader's language."""
    return batch | {
        "county_name": county(batch["county_code"]),
        "methodology_name": methodology_title(batch["methodology_key"]),
    }


def _own_kg(call: Call, found: CreditBatch) -> int:
    """What the reader's organisation could take out of circulation."""
    if call.actor is None or not call.actor.holder:
        return 0
    key = ledger.AccountKey(ledger.HOLDING, call.actor.holder, ledger.Asset.CREDIT, found.code)
    return ledger.balance(call.session, key).available


def _debts(call: Call) -> list[invalidation.Debt]:
    mine = call.actor.organisation_id
    return invalidation.debts_of(call.session, mine) if mine is not None else []


def _invalidations(call: Call, found: CreditBatch) -> list[dict[str, Any]]:
    """Confirmed ones are public; what is only proposed is for those who work with orders."""
    made = call.session.scalars(invalidation.invalidations().where(Invalidation.batch_id == found.id))
    here = call.actor is not None and call.actor.sees_region(found.county_code)
    may_read = here and call.actor.may("order.read")
    rows = []
    for one in made:
        if one.status != "confirmed" and not may_read:
            continue
        waiting = one.status == "proposed" and here and call.actor.may("order.write")
        rows.append(
            {
                "number": one.number,
                "status": one.status,
                "quantity_kg": one.quantity_kg,
                "ranges": [
                    f"{count(span.first)} – {count(span.last)}"
                    for span in invalidation.ranges_of(call.session, one)
                ],
                "reason": one.reason,
                "document": one.document,
                "at": one.decided_at or one.proposed_at,
                "debt": invalidation.debt_of(call.session, one),
                "can_decide": waiting and call.actor.user_id != one.proposed_by_user,
                "is_mine": waiting and call.actor.user_id == one.proposed_by_user,
            }
        )
    return rows


# --- pledges --------------------------------------------------------------------------------------


@blp.get("/pledges")
@page("pledge.read")
def pledge_list(call: Call) -> ResponseReturnValue:
    actor = call.actor
    found = paged(call.session, pledges.pledges_of(actor), page=asked_page(), size=PAGE_SIZE)
    may_pledge = actor.may("pledge.write") and bool(actor.holder)
    own = retirement.holdings(call.session, actor) if may_pledge else []
    free = [one for one in own if one.posted_kg > one.held_kg]
    views = {view["code"]: view for view in batch_views(call.session, [one.batch.id for one in free])}
    return render_template(
        "pledges.html",
        pledges=[_pledge(call, one) for one in found.items],
        page=pager(found),
        batches=[
            {
                "code": one.batch.code,
                "label": f"{views[one.batch.code]['project_name']}，{county(one.batch.county_code)}，"
                f"{one.batch.vintage}",
                "available_kg": one.posted_kg - one.held_kg,
            }
            for one in free
        ],
        banks=[{"id": bank.id, "name": bank.name_zh} for bank in pledges.banks(call.session)],
        can={"pledge": may_pledge},
    )


def _pledge(call: Call, found: Pledge) -> dict[str, Any]:
    shown = pledges.view(call.session, found)
    decides = call.actor.may("pledge.decide") and found.pledgee_id == call.actor.organisation_id
    return {
        "number": found.number,
        "status": found.status,
        "batch": shown.batch.code,
        "batch_url": f"/batches/{shown.batch.code}",
        "quantity_kg": found.quantity_kg,
        "left_kg": shown.left_kg,
        "ranges": [f"{count(span.first)} – {count(span.last)}" for span in shown.ranges],
        "pledger": shown.pledger.name_zh,
        "pledgee": shown.pledgee.name_zh,
        "contract": found.contract_reference,
        "register": f"{found.register_name} {found.register_reference}",
        "at": found.pledged_at,
        "steps": [
            {"label": _step_label(step.kind), "quantity_kg": step.quantity_kg, "document": step.document,
             "at": step.at}
            for step in shown.steps
        ],
        "can_decide": decides and found.status == "pledged",
    }  # fmt: skip


def _step_label(kind: str) -> str:
    return {"release": _("解押"), "enforce": _("处置"), "invalidate": _("作废")}.get(kind, kind)
