"""A citizen's own account, and what staff see of accounts: look-ups, sharing, the way to the target."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response
from flask_smorest import Blueprint

from carbon_platform.citizens import (
    account_export,
    accounts,
    accounts_merge,
    accounts_schemas,
    consents,
    privacy,
    sms,
    targets,
)
from carbon_platform.citizens.rules import local_day
from carbon_platform.errors import NotFound
from carbon_platform.identity import merging, person_rules, persons, phones, real_names
from carbon_platform.identity.tables import MergeOffer, Person
from carbon_platform.regions.service import get_region
from carbon_platform.regions.tables import Region
from carbon_platform.web import Call, PageArgs, in_transaction, outside_transaction, paged, reading

blp = Blueprint("accounts", __name__, url_prefix="/api/v1", description="账户 Accounts, consent, privacy")

_STATE_WORDS = {
    person_rules.OPEN: ("使用中", "in use"),
    person_rules.MERGED: ("已并入另一个账户", "merged into another account"),
    person_rules.CLOSED: ("已停用", "closed"),
    person_rules.ERASING: ("申请注销中", "asked to be deleted"),
    person_rules.DELETED: ("已注销", "deleted"),
}
_OFFER_WORDS = {
    "ready": (
        "这个号码在另一个还没人登录过的账户上（从原平台转来）。合并后，它的克数和积分都到这里。",
        "The number is on an account nobody signs in to (taken over from another platform). Merge it, and "
        "its grams and points come here.",
    ),
    "waits": (
        "这个号码或证件在另一个账户上。若那也是您的，请用那个微信登录，在“账户”里同意合并；"
        "若号码是新办的，可以只把号码转到这里。",
        "Another account has this number. If it is yours too, sign in there and agree; if the phone number "
        "is newly yours, only the number can move here.",
    ),
    "agreed": ("另一个账户已同意，可以合并了。", "The other account has agreed: merge now."),
    "asked": (
        "有人证明了您的手机号或证件号也是他的，想把这个账户并过去。是您本人才点同意。",
        "Somebody proved your phone or identity number and wants this account to end in theirs. Agree only "
        "if that is you.",
    ),
}


def _present_offer(session: Any, person_id: int, offer: MergeOffer) -> dict[str, Any]:
    asking = offer.person_id == person_id
    other = session.get_one(Person, offer.other_id)
    agreed = offer.agreed_at is not None
    ready = asking and (agreed or (offer.proof == merging.PHONE and not persons.has_wechat(other)))
    words = "asked" if not asking else "agreed" if agreed else "ready" if ready else "waits"
    zh, en = _OFFER_WORDS[words]
    return {
        "id": offer.id,
        "proof": offer.proof,
        "role": "asking" if asking else "asked",
        "agreed": agreed,
        "can_merge": ready,
        "offered_at": offer.offered_at,
        "expires_at": offer.expires_at,
        "zh": zh,
        "en": en,
    }


def _present(call: Call, session: Any) -> dict[str, Any]:
    found = accounts.describe(session, call.actor, now=call.now)
    person = found.person
    return {
        "number": person.id,
        "nickname": person.nickname,
        "region_code": person.region_code,
        "opened_at": person.opened_at,
        "state": person.state,
        "erase_after": person.erase_after,
        "tier": found.tier,
        "wechat": persons.has_wechat(person),
        "phone_masked": found.phone_masked,
        "name_masked": found.name_masked,
        "id_masked": found.id_masked,
        "under_14": person.under_14,
        "guardian_consent": found.guardian_consent,
        "points": found.points,
        "merge_offers": [_present_offer(session, person.id, offer) for offer in found.offers],
    }


@blp.get("/citizen/account")
@reading("citizen.self")
@blp.response(200, accounts_schemas.AccountOut)
def read_account(call: Call) -> Any:
    """我的账户 The own account; phone, name and number masked."""
    return _present(call, call.session)


@blp.patch("/citizen/account")
@in_transaction("citizen.self")
@blp.arguments(accounts_schemas.ProfileIn)
@blp.response(200, accounts_schemas.AccountOut)
def correct_account(call: Call, payload: dict[str, Any]) -> Any:
    """更正 Correct nickname or county; what is left out stays."""
    if payload.get("region_code"):
        get_region(call.session, payload["region_code"])
    persons.set_profile(call.session, call.actor, now=call.now, **payload)
    return _present(call, call.session)


@blp.delete("/citizen/account")
@in_transaction("citizen.self")
@blp.arguments(accounts_schemas.ErasureIn)
@blp.response(202, accounts_schemas.AccountOut)
def delete_account(call: Call, payload: dict[str, Any]) -> Any:
    """注销 Ask for deletion: closed at once, erased after seven days; signing in before stops it."""
    accounts.ask_erasure(call.session, call.actor, now=call.now, **payload)
    return _present(call, call.session)


@blp.post("/citizen/account/closure")
@in_transaction("citizen.self")
@blp.response(200, accounts_schemas.AccountOut)
def close_account(call: Call) -> Any:
    """停用 Close: signed out everywhere, nothing new is taken, everything stays; it can be opened again."""
    accounts.close(call.session, call.actor, now=call.now)
    return _present(call, call.session)


@blp.post("/citizen/account/phone")
@outside_transaction("citizen.self")
@blp.arguments(accounts_schemas.PhoneIn)
@blp.response(201, accounts_schemas.PhoneAskedOut)
def ask_phone_code(call: Call, payload: dict[str, Any]) -> Any:
    """取验证码 Send a code to a phone. It lives five minutes and may be tried five times."""
    port = sms.port_for(call.settings)
    asked = call.transact(lambda session: phones.ask(session, call.actor, payload["phone"], now=call.now))
    try:
        shown = port.send(asked.phone, asked.code, now=call.now)
    except (sms.SmsUnavailable, sms.SmsOff):
        call.transact(lambda session: phones.not_sent(session, call.actor, asked.code_id, now=call.now))
        raise
    return {
        "phone_masked": person_rules.masked_phone(asked.phone),
        "expires_in_s": int(person_rules.CODE_LIFE.total_seconds()),
        "again_in_s": int(person_rules.CODE_EVERY.total_seconds()),
        "demo_code": shown,
    }


@blp.post("/citizen/account/phone/confirmation")
@outside_transaction("citizen.self")
@blp.arguments(accounts_schemas.PhoneConfirmIn)
@blp.response(200, accounts_schemas.IdentityConfirmedOut)
def confirm_phone(call: Call, payload: dict[str, Any]) -> Any:
    """填验证码 Confirm the phone with the code; a number of another account leads to an offer to merge."""

    def work(session: Any) -> tuple[bool, Any]:
        done = phones.confirm(session, call.actor, payload["phone"], payload["code"], now=call.now)
        return done.wrong, None if done.wrong else _confirmed(call, session, done.offer)

    # The try is counted and committed first, then refused.
    wrong, answer = call.transact(work)
    if wrong:
        minutes = int(person_rules.CODE_LIFE.total_seconds() // 60)
        raise person_rules.CodeWrong(minutes=minutes, tries=person_rules.CODE_TRIES)
    return answer


def _confirmed(call: Call, session: Any, offer: MergeOffer | None) -> dict[str, Any]:
    made = _present_offer(session, call.actor.person_id, offer) if offer else None
    return {"confirmed": offer is None, "account": _present(call, session), "merge_offer": made}


@blp.delete("/citizen/account/phone")
@in_transaction("citizen.self")
@blp.response(204)
def forget_phone(call: Call) -> None:
    """解绑手机 Take the phone out of the account."""
    phones.forget(call.session, call.actor, now=call.now)


@blp.post("/citizen/account/real-name")
@outside_transaction("citizen.self")
@blp.arguments(accounts_schemas.RealNameIn)
@blp.response(200, accounts_schemas.IdentityConfirmedOut)
def give_real_name(call: Call, payload: dict[str, Any]) -> Any:
    """实名 Give name and identity number, by choice, with separate consent; five attempts a day."""
    call.transact(lambda session: real_names.count_try(session, call.actor, now=call.now))

    def work(session: Any) -> dict[str, Any]:
        offer = accounts.give_real_name(session, call.actor, now=call.now, **payload)
        return _confirmed(call, session, offer)

    return call.transact(work)


@blp.delete("/citizen/account/real-name")
@in_transaction("citizen.self")
@blp.response(204)
def forget_real_name(call: Call) -> None:
    """撤回实名 Take name and identity number out of the account, and the consent to them."""
    accounts.forget_real_name(call.session, call.actor, now=call.now)


@blp.post("/citizen/account/merge")
@in_transaction("citizen.self")
@blp.arguments(accounts_schemas.MergeIn)
@blp.response(200, accounts_schemas.MergedOut)
def merge_account(call: Call, payload: dict[str, Any]) -> Any:
    """合并 Answer an offer: grams, points and book of the other account come here, to the last gram."""
    offer_id, action = payload["offer"], payload["action"]
    if action == "merge":
        accounts_merge.merge(call.session, call.actor, offer_id, now=call.now)
    elif action == "agree":
        merging.agree(call.session, call.actor, offer_id, now=call.now)
    else:
        found = merging.get_offer(call.session, call.actor, offer_id, asked=False, now=call.now)
        merging.move_phone(call.session, call.actor, found, now=call.now)
    outcome = {"merge": "merged", "move": "moved", "agree": "agreed"}[action]
    return {"outcome": outcome, "account": _present(call, call.session)}


@blp.get("/citizen/account/export")
@outside_transaction("citizen.self")
@blp.arguments(accounts_schemas.AccountExportArgs, location="query")
@blp.response(200, content_type="application/json", description="JSON, or a ZIP of CSV tables")
def export_account(call: Call, args: dict[str, Any]) -> Any:
    """带走我的数据 Everything the platform keeps about the person, in clear, as a file."""
    tables = call.read(lambda session: account_export.collect(session, call.actor, now=call.now))
    as_csv = args["format"] == "csv"
    data = account_export.as_csv(tables) if as_csv else account_export.as_json(tables, now=call.now)
    call.transact(
        lambda session: account_export.note_export(session, call.actor, args["format"], now=call.now)
    )
    name = f"xinyang-carbon-account-{call.actor.person_id}"
    answer = Response(data, mimetype="application/zip" if as_csv else "application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{"zip" if as_csv else "json"}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blp.get("/citizen/consents/text")
@reading(None)
@blp.arguments(accounts_schemas.ConsentTextArgs, location="query")
@blp.response(200, accounts_schemas.ConsentTextOut)
def read_consent_text(call: Call, args: dict[str, Any]) -> Any:
    """授权说明原文 A text of any version, as it was agreed to."""
    return asdict(consents.find_text(**args))


def _present_found(session: Any, found: privacy.Found) -> dict[str, Any]:
    person = found.person
    county = session.get(Region, person.region_code) if person.region_code else None
    state_zh, state_en = _STATE_WORDS[person.state]
    masked = {name: getattr(found, name) for name in ("phone_masked", "name_masked", "id_masked")}
    return masked | {
        "number": person.id,
        "nickname": person.nickname,
        "region_code": person.region_code,
        "county_zh": county.name_zh if county else "",
        "county_en": county.name_en if county else "",
        "state": person.state,
        "state_zh": state_zh,
        "state_en": state_en,
        "opened_at": person.opened_at,
        "opened_on": local_day(person.opened_at),
        "via": person.via,
    }


@blp.post("/people/lookups")
@outside_transaction("person.read")
@blp.arguments(accounts_schemas.PersonLookupIn)
@blp.response(201, accounts_schemas.FoundPersonOut)
def look_up_person(call: Call, payload: dict[str, Any]) -> Any:
    """查一位市民 Find an account, masked. Each look-up is kept with its reason; the person can read it."""

    def work(session: Any) -> Any:
        found = privacy.look_up(session, call.actor, now=call.now, **payload)
        if found is None:
            return None
        return _present_found(session, found)

    answer = call.transact(work)
    if answer is None:
        raise NotFound(what="市民账户", key="（按所给条件）")
    return answer


@blp.get("/people/lookups")
@reading("audit.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, accounts_schemas.PersonLookupsOut)
def list_lookups(call: Call, args: dict[str, Any]) -> Any:
    """谁查过谁 Every look-up of a citizen by staff, newest first."""
    return asdict(paged(call.session, privacy.lookups(), **args))


@blp.get("/people/shares")
@reading("audit.read")
@blp.arguments(accounts_schemas.DataShareArgs, location="query")
@blp.response(200, accounts_schemas.DataSharesOut)
def list_shares(call: Call, args: dict[str, Any]) -> Any:
    """共享记录 Transfers of personal data from and to partners, newest first; kept three years at least."""
    statement = privacy.shares(partner=args.pop("partner"), direction=args.pop("direction"))
    return asdict(paged(call.session, statement, **args))


@blp.get("/people/progress")
@reading("inclusion.read")
@blp.response(200, accounts_schemas.AccountProgressOut)
def read_progress(call: Call) -> Any:
    """开户进度 Opened, active and real-name accounts by county, beside the target curve and the forecast."""
    city, rows, elsewhere, counted_at = targets.progress(call.session, now=call.now)
    note_zh, note_en = targets.note()

    def row(one: targets.Progress) -> dict[str, Any]:
        plain = {name: value for name, value in vars(one).items() if name != "counts"}
        return asdict(one.counts) | plain | {"behind": one.behind}

    return {
        "counted_at": counted_at,
        "city": row(city),
        "counties": [row(one) for one in rows],
        "elsewhere": asdict(elsewhere),
        "curve": [asdict(point) for point in targets.curve()],
        "note_zh": note_zh,
        "note_en": note_en,
    }
