"""What citizens read of their family, groups, account, footprint: rows in the language of the page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from carbon_platform.citizens import accounts, appeals, consents, rules
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.console.citizen_rows import plain_day
from carbon_platform.console.site import county, said
from carbon_platform.groups.present import present_board, present_family, present_group
from carbon_platform.identity import merging, persons
from carbon_platform.identity.tables import MergeOffer, Person
from carbon_platform.inclusion import rules as inclusion_rules
from carbon_platform.proxies.standing import Held, Named

TIERS = {
    "opened": ("已开户", "account opened"),
    "phone": ("已绑手机", "phone confirmed"),
    "real_name": ("已实名", "real name given"),
}
PURPOSES = {
    ("platform", "family"): ("家庭里互相看得到", "Seen within the family"),
    ("platform", "group"): ("计入团体的合计", "Counted in a group's sums"),
    ("platform", "ranking"): ("参加排行", "Ranking"),
    ("platform", "bundle"): ("汇总成碳普惠减排量", "Bundling into inclusion credits"),
    ("platform", "real-name"): ("实名", "Real name"),
    ("platform", "guardian"): ("监护人同意", "Guardian's consent"),
    ("platform", "proxy"): ("请家人代办", "A relative acts for me"),
}


def day_of(moment: datetime, now: datetime) -> str:
    return plain_day(rules.local_day(moment), rules.local_day(now))


def consent_title(state: consents.ConsentState) -> str:
    """The partner of a text about acts; what a text of the platform itself is for."""
    named = PURPOSES.get((state.text.partner, state.text.purpose))
    return said(*named) if named else said(state.partner_zh, state.partner_en)


def consent_row(state: consents.ConsentState, now: datetime) -> dict[str, Any]:
    given = state.consent
    return {
        "key": f"{state.text.partner}-{state.text.purpose}",
        "partner": state.text.partner,
        "purpose": state.text.purpose,
        "title": consent_title(state),
        "text": said(state.text.zh.replace("\n", ""), state.text.en),
        "version": state.text.version,
        "id": given.id if given else None,
        "current": state.current,
        "since": day_of(given.given_at, now) if given else "",
        "is_outdated": given is not None and not state.current,
    }


def text_of(states: Iterable[consents.ConsentState], purpose: str) -> dict[str, Any] | None:
    """The platform's own text for a purpose, to be read beside the button that agrees to it."""
    for state in states:
        if (state.text.partner, state.text.purpose) == ("platform", purpose):
            return {
                "version": state.text.version,
                "text": said(state.text.zh.replace("\n", ""), state.text.en),
                "current": state.current,
            }
    return None


def family_card(found: Any, now: datetime) -> dict[str, Any]:
    shown = present_family(found)
    owner = next(one["role"] for one in shown["members"] if one["own"]) == "owner"
    for one in shown["members"]:
        one["removable"] = one["own"] or owner
    for gift in shown["gifts"]:
        gift["when"] = day_of(gift["given_at"], now)
    return shown | {"owner": owner, "full": len(shown["members"]) >= shown["members_max"]}


def group_row(club: Any, now: datetime) -> dict[str, Any]:
    shown = present_group(club)
    week = shown["week"]
    return {
        "id": shown["id"],
        "name": shown["name"],
        "kind": said(shown["kind_zh"], shown["kind_en"]),
        "members": shown["members"],
        "week": week and plain_day(week["week"], rules.local_day(now)),
        "people": week and week["people"],
        "grams": week and week["reduction_g"],
        "withheld": said(week["withheld_zh"], week["withheld_en"]) if week else "",
    }


def board_card(board: Any, now: datetime) -> dict[str, Any]:
    shown = present_board(board)
    return shown | {"week_words": plain_day(shown["week"], rules.local_day(now)) if shown["week"] else ""}


def proxy_row(held: Held, holder: str, now: datetime) -> dict[str, Any]:
    """A grant from the side of the reader."""
    own = held.proxy.principal == holder
    return {
        "id": held.proxy.id,
        "own": own,
        "name": held.agent if own else held.principal,
        "report": held.proxy.may_report,
        "redeem": held.proxy.may_redeem,
        "day_points": held.proxy.day_points,
        "month_points": held.proxy.month_points,
        "until": day_of(held.proxy.until, now),
    }


def action_row(named: Named, now: datetime) -> dict[str, Any]:
    """What somebody did for a person: the act or the voucher, by whom, when, for how many points."""
    is_act = named.action.kind == "act"
    return {
        "words": _("%(name)s代报", name=named.name) if is_act else _("%(name)s代兑换", name=named.name),
        "when": day_of(named.action.at, now),
        "points": named.action.points,
    }


def appeal_row(appeal: Appeal, now: datetime) -> dict[str, Any]:
    return {
        "act_id": appeal.act_id,
        "refusal_id": appeal.refusal_id,
        "words": appeal.words,
        "state": said(*appeals.STATE_WORDS[appeal.state]),
        "kind": {appeals.OPEN: "review", appeals.ACCEPTED: "ok"}.get(appeal.state, "bad"),
        "answer": appeal.answer,
        "raised": day_of(appeal.raised_at, now),
        "decided": day_of(appeal.decided_at, now) if appeal.decided_at else "",
        "counted": appeal.counted_act_id,
    }


def account_card(found: accounts.Account, now: datetime) -> dict[str, Any]:
    person = found.person
    return {
        "number": person.id,
        "nickname": person.nickname,
        "region_code": person.region_code,
        "county": county(person.region_code) if person.region_code else "",
        "opened": day_of(person.opened_at, now),
        "tier": said(*TIERS[found.tier]),
        "phone": found.phone_masked,
        "name": found.name_masked,
        "id_number": found.id_masked,
        "under_14": person.under_14,
        "guardian": found.guardian_consent,
    }


def offer_row(offer: MergeOffer, person_id: int, other: Person | None) -> dict[str, Any]:
    """An offer to make one account of two: what was proved, and what can be pressed."""
    asking = offer.person_id == person_id
    agreed = offer.agreed_at is not None
    alone = other is not None and offer.proof == merging.PHONE and not persons.has_wechat(other)
    ready = asking and (agreed or alone)
    if not asking:
        words = _("有人证明了您的手机号或证件号也是他的，想把这个账户并过去。是您本人才点同意。")
    elif ready:
        words = _("另一个账户可以合并到这里：克数、积分和账本都过来。合并后不能再分开。")
    else:
        words = _(
            "这个号码或证件在另一个账户上。若那也是您的，请用那个微信登录，在“账户”里同意合并；"
            "若号码是新办的，可以只把号码转到这里。"
        )
    return {
        "id": offer.id,
        "words": words,
        "can_merge": ready,
        "can_move": asking and not ready and offer.proof == merging.PHONE,
        "can_agree": not asking and not agreed,
    }


def bundle_row(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"words": said(*inclusion_rules.BUNDLE_WORDS[row["state"]])}


def order_row(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """An order of small tickets; ``state_class`` is its shape among the status words."""
    shape = {
        inclusion_rules.AWAITING: "review",
        inclusion_rules.PAID: "ok",
        inclusion_rules.RETIRED: "retired",
        inclusion_rules.EXPIRED: "held",
    }
    return row | {
        "words": said(*inclusion_rules.ORDER_WORDS[row["state"]]),
        "shape": shape.get(row["state"], "bad"),
        "is_waiting": row["state"] == inclusion_rules.AWAITING,
        "retired": day_of(row["retired_at"], now) if row["retired_at"] else "",
    }
