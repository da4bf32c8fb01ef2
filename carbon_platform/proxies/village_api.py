"""The village office over HTTP: accounts on paper, bus cards, vouchers, slips, batches with a second look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint

from carbon_platform.citizens import rewards
from carbon_platform.citizens.present import present_consent
from carbon_platform.citizens.reward_schemas import RedemptionOut
from carbon_platform.citizens.rewards_api import shown
from carbon_platform.citizens.schemas import ConsentOut
from carbon_platform.groups import families, members
from carbon_platform.identity.service import audit
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.proxies import accounts, batches, cards, desk, photos, schemas, sheets, slips, standing
from carbon_platform.proxies.accounts import Account, NewAccount
from carbon_platform.proxies.errors import SheetRefused
from carbon_platform.proxies.photos import Kept
from carbon_platform.proxies.present import present_batch, present_batch_line, present_proxy, present_slip
from carbon_platform.proxies.standing import Grant
from carbon_platform.web import (
    Call,
    PageArgs,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)

blp = Blueprint(
    "village", __name__, url_prefix="/api/v1", description="村级经办 Village office: paper accounts, batches"
)

PHOTOS_MAX = 60
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _kept_paper(call: Call, upload: Any) -> Kept:
    """Read and store the photo of a signed paper, outside any transaction."""
    with scratch_folder(call.settings.var) as folder:
        path = folder / "paper"
        upload.save(path)
        store = photos.paper_store(call.settings.var)
        return photos.keep(store, path, name=plain_name(upload.filename), scratch=folder)


def _line(call: Call, session: Any, account: Account) -> Any:
    return accounts.described(session, [account.paper], now=call.now)[0]


@blp.get("/village/accounts")
@reading("proxy.write")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.PaperAccountsOut)
def list_accounts(call: Call, args: dict[str, Any]) -> Any:
    """纸质账户 Accounts on paper of the officer's villages, newest first, masked."""
    page = paged(call.session, accounts.statement(call.actor), **args)
    return present_page(page, accounts.described(call.session, page.items, now=call.now))


@blp.post("/village/accounts")
@outside_transaction("proxy.write")
@too_large_in_words
@blp.arguments(schemas.PaperAccountIn, location="files", unknown=ma.RAISE)
@blp.response(201, schemas.PaperAccountOut)
def open_account(call: Call, payload: dict[str, Any]) -> Any:
    """开纸质账户 Open an account for somebody without a phone, by a signed paper."""
    paper = _kept_paper(call, payload.pop("paper"))
    partners = [code.strip() for code in payload.pop("partners").split(",") if code.strip()]
    new = NewAccount(paper_sha256=paper.sha256, partners=partners, **payload)

    def work(session: Any) -> Any:
        return _line(call, session, accounts.open_account(session, call.actor, new, now=call.now))

    return call.transact(work)


@blp.post("/village/accounts/<string:number>/cards")
@in_transaction("proxy.write")
@blp.arguments(schemas.BusCardIn)
@blp.response(201, schemas.BusCardOut)
def bind_card(call: Call, payload: dict[str, Any], number: str) -> Any:
    """绑公交卡 Let a senior bus card's rides come to the account; the number is kept sealed."""
    account = accounts.get_account(call.session, call.actor, number)
    return cards.bind(call.session, call.actor, account, payload["number"], now=call.now)


@blp.delete("/village/cards/<int:card_id>")
@in_transaction("proxy.write")
@blp.response(204)
def end_card(call: Call, card_id: int) -> None:
    """解绑公交卡 End it: the next ride of the card does not arrive any more."""
    cards.end(call.session, call.actor, card_id, now=call.now)


@blp.get("/village/accounts/<string:number>/consents")
@reading("proxy.write")
@blp.response(200, ConsentOut(many=True))
def list_paper_consents(call: Call, number: str) -> Any:
    """授权 What the person has agreed to and still does."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    return [present_consent(state) for state in desk.standing_consents(call.session, account)]


@blp.post("/village/accounts/<string:number>/consents")
@in_transaction("proxy.write")
@blp.arguments(schemas.PaperConsentIn)
@blp.response(201, ConsentOut(many=True))
def give_on_paper(call: Call, payload: dict[str, Any], number: str) -> Any:
    """补签授权 Note that the person signed for one more source."""
    account = accounts.get_account(call.session, call.actor, number)
    accounts.consent(
        call.session, call.actor, account, partner=payload["partner"], purpose="acts", now=call.now
    )
    return [present_consent(state) for state in desk.standing_consents(call.session, account)]


@blp.post("/village/accounts/<string:number>/withdrawals")
@in_transaction("proxy.write")
@blp.arguments(schemas.PaperWithdrawalIn)
@blp.response(200, ConsentOut(many=True))
def withdraw_on_paper(call: Call, payload: dict[str, Any], number: str) -> Any:
    """撤回授权 Withdraw at the person's word: nothing new is taken from this moment."""
    account = accounts.get_account(call.session, call.actor, number)
    desk.withdraw(call.session, call.actor, account, payload["consent_id"], now=call.now)
    return [present_consent(state) for state in desk.standing_consents(call.session, account)]


@blp.post("/village/accounts/<string:number>/closure")
@in_transaction("proxy.write")
@blp.arguments(schemas.PaperClosureIn)
@blp.response(200, schemas.PaperAccountOut)
def close_account(call: Call, payload: dict[str, Any], number: str) -> Any:
    """销户 Close the account at the person's word, or have it deleted after a week; points then lapse."""
    account = accounts.get_account(call.session, call.actor, number)
    desk.close(call.session, call.actor, account, now=call.now, **payload)
    return _line(call, call.session, account)


@blp.post("/village/accounts/<string:number>/reopening")
@in_transaction("proxy.write")
@blp.response(200, schemas.PaperAccountOut)
def reopen_account(call: Call, number: str) -> Any:
    """重新启用 Take a closure back, or a deletion within its week; consents and cards are given anew."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    desk.reopen(call.session, call.actor, account, now=call.now)
    return _line(call, call.session, account)


@blp.get("/village/accounts/<string:number>/redemptions")
@reading("proxy.write")
@blp.response(200, RedemptionOut(many=True))
def list_vouchers(call: Call, number: str) -> Any:
    """兑换券 Vouchers of an account, newest first, to be printed. On record."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    _note_look(call, account, "vouchers")
    return [shown(row, call.settings) for row in rewards.list_redemptions(call.session, account.actor)]


@blp.post("/village/accounts/<string:number>/redemptions")
@in_transaction("proxy.write", idempotent=True)
@blp.arguments(schemas.PaperRedemptionIn)
@blp.response(201, RedemptionOut)
def redeem_on_paper(call: Call, payload: dict[str, Any], number: str) -> Any:
    """纸质兑换 Redeem in the person's presence; print the voucher and hand it over."""
    account = accounts.get_account(call.session, call.actor, number)
    made = desk.redeem(call.session, call.actor, account, payload["reward"], now=call.now)
    return shown(made, call.settings)


@blp.get("/village/accounts/<string:number>/slip")
@reading("proxy.write")
@blp.arguments(schemas.SlipArgs, location="query")
@blp.response(200, schemas.SlipOut)
def read_slip(call: Call, args: dict[str, Any], number: str) -> Any:
    """月单 The month of an account, with the full name, for printing. On record."""
    account = accounts.get_account(call.session, call.actor, number, standing=False)
    month = args["month"] or slips.this_month(call.now)
    found = slips.read(call.session, account, month, now=call.now)
    _note_look(call, account, f"slip {month}")
    return present_slip(found)


def _note_look(call: Call, account: Account, what: str) -> None:
    call.transact(lambda session: slips.note_look(session, call.actor, account, what, now=call.now))


@blp.get("/village/accounts/<string:number>/family")
@reading("proxy.write")
@blp.response(200, schemas.PaperRelativeOut(many=True))
def list_relatives(call: Call, number: str) -> Any:
    """家人 Members of the person's family by nickname, to choose who may act. Nothing of their books."""
    account = accounts.get_account(call.session, call.actor, number)
    mine = families.own(call.session, account.actor)
    everybody = members.of_group(call.session, mine.group_id)
    names = members.nicknames(call.session, {one.holder for one in everybody})
    return [
        {"member_id": one.id, "nickname": names.get(one.holder, members.GONE[0])}
        for one in everybody
        if one.id != mine.id
    ]


@blp.post("/village/accounts/<string:number>/family")
@in_transaction("proxy.write")
@blp.arguments(schemas.FamilyCodeIn)
@blp.response(201, schemas.PaperRelativeOut(many=True))
def join_family(call: Call, payload: dict[str, Any], number: str) -> Any:
    """加入家庭 Bring the person into the family whose code a relative brought."""
    account = accounts.get_account(call.session, call.actor, number)
    group = desk.join_family(call.session, call.actor, account, payload["code"], now=call.now)
    everybody = members.of_group(call.session, group.id)
    names = members.nicknames(call.session, {one.holder for one in everybody})
    return [
        {"member_id": one.id, "nickname": names.get(one.holder, members.GONE[0])}
        for one in everybody
        if one.holder != account.paper.holder
    ]


@blp.post("/village/accounts/<string:number>/proxies")
@outside_transaction("proxy.write")
@too_large_in_words
@blp.arguments(schemas.PaperGrantIn, location="files", unknown=ma.RAISE)
@blp.response(201, schemas.ProxyOut)
def grant_on_paper(call: Call, payload: dict[str, Any], number: str) -> Any:
    """纸上授权代办 Let a relative act for the person, by a signed paper."""
    paper = _kept_paper(call, payload.pop("paper"))
    member_id = payload.pop("member_id")

    def work(session: Any) -> Any:
        account = accounts.get_account(session, call.actor, number)
        proxy = desk.grant(
            session, call.actor, account, member_id, Grant(**payload), paper_sha256=paper.sha256, now=call.now
        )
        held = standing.grants(session, account.actor, now=call.now)
        return next(present_proxy(one, account.actor) for one in held if one.proxy.id == proxy.id)

    return call.transact(work)


@blp.get("/village/template.xlsx")
@reading("proxy.write")
def get_template(call: Call) -> Response:
    """填报表 The empty sheet for a batch, with how to fill it in."""
    response = Response(sheets.template(), mimetype=_XLSX)
    response.headers["Content-Disposition"] = "attachment; filename=village-entry.xlsx"
    return response


@blp.get("/village/batches")
@reading("proxy.write")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.VillageBatchesOut)
def list_batches(call: Call, args: dict[str, Any]) -> Any:
    """代录批次 Batches of the caller's villages, newest first."""
    page = paged(call.session, batches.statement(call.actor), **args)
    return present_page(page, map(present_batch_line, page.items))


@blp.post("/village/batches")
@outside_transaction("proxy.write")
@too_large_in_words
@blp.arguments(schemas.VillageBatchIn, location="files", unknown=ma.RAISE)
@blp.response(201, schemas.VillageBatchOut)
def upload_batch(call: Call, payload: dict[str, Any]) -> Any:
    """上传一批 Upload a sheet with its photos. Good rows wait for another person's look, bad ones say why."""
    uploads = request.files.getlist("photos")
    if len(uploads) > PHOTOS_MAX:
        raise SheetRefused(
            reason=f"照片最多 {PHOTOS_MAX} 张，请分批",
            reason_en=f"at most {PHOTOS_MAX} photos, in parts then",
        )
    name = plain_name(payload["file"].filename)
    with scratch_folder(call.settings.var) as folder:
        path = folder / "sheet"
        payload["file"].save(path)
        lines = sheets.read(sheets.named_by_content(path), name=name)
        pictures = _kept_photos(call, uploads, folder)

    def work(session: Any) -> Any:
        made = batches.upload(
            session, call.actor, village_code=payload["village_code"], file_name=name, lines=lines,
            pictures=pictures, now=call.now,
        )  # fmt: skip
        return present_batch(made)

    return call.transact(work)


def _kept_photos(call: Call, uploads: list[Any], folder: Path) -> dict[str, Kept]:
    """Read and store the photos, by the name they came with."""
    store = photos.photo_store(call.settings.var)
    found: dict[str, Kept] = {}
    for place, upload in enumerate(uploads):
        if not upload.filename:
            continue
        # The name as typed in the sheet is only compared; the file gets one of ours.
        path = folder / f"photo-{place}"
        upload.save(path)
        shown_name = upload.filename.replace("\\", "/").rsplit("/", 1)[-1][:200]
        found[shown_name] = photos.keep(store, path, name=plain_name(shown_name), scratch=folder)
    return found


@blp.get("/village/batches/<int:batch_id>")
@reading("proxy.write")
@blp.response(200, schemas.VillageBatchOut)
def get_batch(call: Call, batch_id: int) -> Any:
    """一批 A batch with its rows: what was typed, what came of it, which are looked at again."""
    return present_batch(batches.get_batch(call.session, call.actor, batch_id))


@blp.post("/village/batches/<int:batch_id>/checks")
@in_transaction("proxy.write")
@blp.arguments(schemas.VillageCheckIn)
@blp.response(200, schemas.VillageBatchOut)
def check_row(call: Call, payload: dict[str, Any], batch_id: int) -> Any:
    """复核一行 Say whether a drawn row is right: another person than the one who entered it."""
    return present_batch(batches.check(call.session, call.actor, batch_id, now=call.now, **payload))


@blp.get("/village/batches/<int:batch_id>/rows/<int:row_id>/photo")
@reading("proxy.write")
def get_photo(call: Call, batch_id: int, row_id: int) -> Response:
    """照片 The photo of a row, proven whole. On record."""
    content, media_type = batches.photo_of(
        call.session, call.actor, photos.photo_store(call.settings.var), batch_id, row_id
    )
    call.transact(
        lambda session: audit(
            session, call.actor, "village_photo.look", object_kind="village_row", object_id=row_id,
            now=call.now,
        )
    )  # fmt: skip
    response = Response(content, mimetype=media_type)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
