"""The citizen API: WeChat sign-in, consents, acts, book, points. Rewards are in ``rewards_api``."""

from __future__ import annotations

from typing import Any

from flask import make_response, url_for
from flask_smorest import Blueprint

from carbon_platform.citizens import (
    accounts,
    book,
    consents,
    corrections,
    devices,
    purse,
    receipts,
    schemas,
    service,
)
from carbon_platform.citizens.claims import CIRCUMSTANCES, circumstances_of
from carbon_platform.citizens.errors import SourceNotYours
from carbon_platform.citizens.present import (
    present_act,
    present_consent,
    present_correction,
    present_offers,
    present_points,
    present_receipt,
    present_reported,
)
from carbon_platform.citizens.wechat import port_for
from carbon_platform.identity.api import SessionOut, hand_over
from carbon_platform.identity.rules import CITIZEN_SESSION_DAYS
from carbon_platform.regions.service import get_region
from carbon_platform.web import (
    LATER,
    Call,
    PageArgs,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
    wants_later,
)

blp = Blueprint("citizens", __name__, url_prefix="/api/v1", description="市民 Citizens: acts, book, points")


@blp.post("/citizen/sessions")
@outside_transaction(None)
@blp.arguments(schemas.CitizenSessionIn)
@blp.response(201, SessionOut)
def open_citizen_session(call: Call, payload: dict[str, Any]) -> Any:
    """微信登录 Sign in with a mini-program's login code; the first time opens the account."""
    transport, code = payload.pop("transport"), payload.pop("code")
    if payload["device"]:
        payload["device"] = devices.fingerprint(call.settings.secret, devices.DEVICE, payload["device"])
    # WeChat is asked first: no transaction waits for the network.
    openid = port_for(call.settings).code_to_openid(code).openid

    def sign_in(session: Any) -> Any:
        if payload["region_code"]:
            get_region(session, payload["region_code"])
        return consents.open_account(session, openid, now=call.now, **payload)

    token, actor = call.transact(sign_in)
    return hand_over(call, token, actor, seconds=CITIZEN_SESSION_DAYS * 86_400, transport=transport)


@blp.get("/citizen/consents")
@reading("citizen.self")
@blp.response(200, schemas.ConsentOut(many=True))
def list_consents(call: Call) -> Any:
    """我的授权 Every text a citizen may agree to, and what this person has agreed to."""
    return [present_consent(state) for state in consents.states(call.session, call.actor)]


@blp.post("/citizen/consents")
@in_transaction("citizen.self")
@blp.arguments(schemas.ConsentIn)
@blp.response(201, schemas.ConsentOut)
def give_consent(call: Call, payload: dict[str, Any]) -> Any:
    """同意 Agree to the text in force, for one partner and one purpose."""
    given = consents.agree(call.session, call.actor, now=call.now, **payload)
    return present_consent(consents.state_of(given))


@blp.delete("/citizen/consents/<int:consent_id>")
@in_transaction("citizen.self")
@blp.response(204)
def withdraw_consent(call: Call, consent_id: int) -> None:
    """撤回 Withdraw: the next act from this partner is already refused."""
    accounts.withdraw_consent(call.session, call.actor, consent_id, now=call.now)


@blp.get("/citizen/behaviours")
@reading(None)
@blp.response(200, schemas.ActOfferOut(many=True))
def list_behaviours(call: Call) -> Any:
    """能记什么 What each source may report, in which unit, for how many grams, up to which cap."""
    return present_offers(call.session, call.now)


# Made once: the busiest address.
_ACT, _RECEIPT = schemas.ActIn(), schemas.ReceiptOut()


@blp.post("/acts")
@in_transaction("citizen.self")
@blp.doc(parameters=[LATER])
@blp.arguments(_ACT)
@blp.response(201, schemas.ReportedOut)
@blp.alt_response(200, schema=schemas.ReportedOut, description="this record was counted before")
@blp.alt_response(202, schema=schemas.ReceiptOut, description="written down; the result comes later")
def report_act(call: Call, payload: dict[str, Any]) -> Any:
    """记一笔 Report one act. The same record again answers 200 with the first result.

    With ``Prefer: respond-async`` it is only written down, and the answer is a receipt.
    """
    if payload["source"] != service.SELF and not call.settings.is_demo:
        raise SourceNotYours(source=payload["source"])
    circumstances = circumstances_of(payload)
    said = {name: value for name, value in payload.items() if name not in CIRCUMSTANCES}
    report = service.ActReport(**said, circumstances=circumstances)
    if wants_later():
        receipt = receipts.receive_own(call.session, call.actor, report, now=call.now)
        place = url_for("citizens.get_receipt", receipt_id=receipt.id)
        headers = {"Location": place, "Preference-Applied": "respond-async"}
        return make_response(_RECEIPT.dump(present_receipt(receipt)), 202, headers)
    reported = service.report_act(call.session, call.actor, report, now=call.now)
    return present_reported(reported), 200 if reported.already_counted else 201


@blp.get("/citizen/receipts/<int:receipt_id>")
@reading("citizen.self")
@blp.response(200, schemas.ReceiptOut)
def get_receipt(call: Call, receipt_id: int) -> Any:
    """回执 What became of a report that was written down first."""
    return present_receipt(receipts.get_receipt(call.session, call.actor, receipt_id))


@blp.get("/acts/<int:act_id>")
@reading("citizen.self")
@blp.response(200, schemas.ActOut)
def get_act(call: Call, act_id: int) -> Any:
    """一笔账 One of the person's own acts."""
    return present_act(book.get_act(call.session, call.actor, act_id))


@blp.get("/citizen/book")
@reading("citizen.self")
@blp.arguments(schemas.BookArgs, location="query")
@blp.response(200, schemas.BookOut)
def read_book(call: Call, args: dict[str, Any]) -> Any:
    """碳账本 The book: acts newest first, totals, and the last seven days."""
    page = book.page(call.session, call.actor, **args)
    return present_page(page, map(present_act, page.items)) | {
        "totals": book.totals(call.session, call.actor, now=call.now),
        "week": book.last_week(call.session, call.actor, now=call.now),
    }


@blp.get("/citizen/points")
@reading("citizen.self")
@blp.arguments(schemas.PointsArgs, location="query")
@blp.response(200, schemas.PointsOut)
def read_points(call: Call, args: dict[str, Any]) -> Any:
    """积分 Lots, what is pending, what lapses next, and the statement, newest first.

    Pass ``next_before`` as ``before`` for the next page.
    """
    return present_points(purse.points(call.session, call.actor, now=call.now, **args))


@blp.get("/points/corrections")
@reading("points.correct")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.CorrectionsOut)
def list_corrections(call: Call, args: dict[str, Any]) -> Any:
    """更正申请 Acts to be withdrawn and vouchers to be refunded, newest first."""
    page = paged(call.session, corrections.corrections(call.actor), **args)
    return present_page(page, map(present_correction, page.items))


@blp.post("/points/corrections")
@in_transaction("points.correct")
@blp.arguments(schemas.CorrectionIn)
@blp.response(201, schemas.CorrectionOut)
def propose_correction(call: Call, payload: dict[str, Any]) -> Any:
    """提出更正 Ask for an act to be withdrawn or a voucher to be refunded; a second person decides."""
    return present_correction(corrections.propose(call.session, call.actor, now=call.now, **payload))


@blp.post("/points/corrections/<int:correction_id>/decision")
@in_transaction("points.correct", idempotent=True)
@blp.arguments(schemas.DecisionIn)
@blp.response(200, schemas.CorrectionOut)
def decide_correction(call: Call, payload: dict[str, Any], correction_id: int) -> Any:
    """决定 Carry it out or decline it: never the one who asked."""
    return present_correction(
        corrections.decide(call.session, call.actor, correction_id, now=call.now, **payload)
    )
