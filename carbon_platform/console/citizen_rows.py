"""What citizens read on their pages: entries, cards and sentences, in the language of the page."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from carbon_platform.citizens import book, catalogue, consents, points, points_rules, purse, rules
from carbon_platform.citizens.present import present_act, present_points_line
from carbon_platform.citizens.reward_present import present_donation, present_redemption, present_reward
from carbon_platform.citizens.tables import Act, Redemption, RedemptionRefusal, Reward
from carbon_platform.console.site import said
from carbon_platform.proxies import standing
from carbon_platform.units import FEN_PER_YUAN, carbon_text, yuan_text
from carbon_platform.web.language import language

# Whole hours a person may name for an act without typing: today's and yesterday's.
FIRST_HOUR, LAST_HOUR = 6, 22
REWARD_ICONS = {kind: kind for kind in ("culture", "tourism", "commerce", "store")} | {"public": "bus"}
ICONS = {"XI14": "bus", "XI14b": "bus", "SH03": "plate", "XI16": "walk", "XI17": "bike"}
WALKED_M = (500, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000)
CYCLED_M = (1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 15_000, 20_000)


def row_words(row: dict[str, Any], name: str) -> str:
    """The text of ``name`` in the language of the page."""
    return said(str(row[f"{name}_zh"]), str(row[f"{name}_en"]))


def greeting(name: str, now: datetime) -> str:
    hour = now.astimezone(rules.LOCAL).hour
    if hour < 5 or hour >= 19:
        return _("%(name)s，晚上好", name=name)
    if hour < 9:
        return _("%(name)s，早上好", name=name)
    if hour < 12:
        return _("%(name)s，上午好", name=name)
    return _("%(name)s，下午好", name=name)


def plain_day(day: str, today_iso: str) -> str:
    """``12 月 31 日``; with the year where it is not this one."""
    then = date.fromisoformat(day)
    if day[:4] != today_iso[:4]:
        return format_date(then, said("y 年 M 月 d 日", "d MMMM y"))
    return format_date(then, said("M 月 d 日", "d MMMM"))


def day_words(day: str, today_iso: str) -> str:
    named = plain_day(day, today_iso)
    return _("今天，%(day)s", day=named) if day == today_iso else named


def when_words(moment: datetime, now: datetime) -> str:
    local = moment.astimezone(rules.LOCAL)
    day, today_iso = local.date().isoformat(), rules.local_day(now)
    return f"{_('今天') if day == today_iso else day_words(day, today_iso)} {local:%H:%M}"


def act_title(row: dict[str, Any]) -> str:
    amount = row["quantity_text"]
    once = {"XI14b": _("公交一趟"), "SH03": _("光盘一餐")}
    if amount == "1" and row["behaviour"] in once:
        return once[row["behaviour"]]
    several = {
        "XI14": _("公交 %(n)s 公里", n=amount),
        "SH03": _("光盘 %(n)s 餐", n=amount),
        "XI16": _("走路 %(n)s 公里", n=amount),
        "XI17": _("骑车 %(n)s 公里", n=amount),
    }
    return several.get(row["behaviour"]) or f"{row_words(row, 'name')} {amount} {row_words(row, 'unit')}"


# (what: "act" or "redemption", its number) → who did it for the person.
Helpers = Mapping[tuple[str, int], str]


def helpers(session: Session, *, acts: Iterable[int] = (), redemptions: Iterable[int] = ()) -> Helpers:
    """Who did these for the person; what people did themselves is not in it. One query per kind."""
    asked = {standing.ACT: list(acts), standing.REDEMPTION: list(redemptions)}
    return {
        (kind, number): name
        for kind, numbers in asked.items()
        if numbers
        for number, name in standing.done_by(session, kind, numbers).items()
    }


def _helped(kind: str, number: int, by: Helpers) -> list[str]:
    """The words that name a helper, to be put behind a row's note; none for one's own."""
    name = by.get((kind, number))
    if name is None:
        return []
    return [_("%(name)s代报", name=name) if kind == standing.ACT else _("%(name)s代兑换", name=name)]


def entry_lines(session: Session, acts: Iterable[Act]) -> list[dict[str, Any]]:
    """Lines of the book, each with the name of who reported it for the person."""
    shown = list(acts)
    by = helpers(session, acts=[act.id for act in shown])
    return [_entry_line(act, by) for act in shown]


def _entry_line(act: Act, by: Helpers) -> dict[str, Any]:
    """One line of the book; see h5_parts.html."""
    row = present_act(act)
    at = act.occurred_at.astimezone(rules.LOCAL)
    return {
        "title": act_title(row),
        "note": " · ".join([f"{at:%H:%M}", row_words(row, "source"), *_helped(standing.ACT, act.id, by)]),
        "icon": ICONS.get(act.behaviour, "act"),
        "amount_g": row["reduction_g"],
        "points": row["points"],
        "state": row["status"],
        "reason": row_words(row, "reason"),
        "url": f"/explain/act/{act.id}",
        "appeal_url": f"/h5/appeals?act={act.id}",
    }


def points_card(page: purse.PointsPage, now: datetime) -> dict[str, Any]:
    """One number and at most three short lines; see h5_rewards.html."""
    today_iso = rules.local_day(now)
    card: dict[str, Any] = {"available": page.available, "expiring": None, "soon": False}
    card |= {"pending": None, "owed": None}
    if page.expiring:
        day, amount = plain_day(page.expiring.day, today_iso), page.expiring.amount
        card["soon"] = page.expiring.soon
        card["expiring"] = (
            _("%(day)s到期", day=day)
            if amount == page.available
            else _("其中 %(n)s 分 %(day)s到期", n=f"{amount:,}", day=day)
        ) + (_("，请先用") if page.expiring.soon else "")
    if page.pending and page.next_active:
        first = plain_day(rules.local_day(page.next_active), today_iso)
        card["pending"] = _("另有 %(n)s 分，%(day)s起能用", n=f"{page.pending:,}", day=first)
    elif page.pending:
        card["pending"] = _("另有 %(n)s 分待生效", n=f"{page.pending:,}")
    if page.owed:
        card["owed"] = _("有 %(n)s 分待抵还，从以后的积分里扣", n=f"{page.owed:,}")
    return card


def points_lines(
    session: Session, lines: tuple[purse.PointsLine, ...], now: datetime
) -> list[dict[str, Any]]:
    """The statement as people read it: what one event did to several lots is one line."""
    shown: list[dict[str, Any]] = []
    by = helpers(
        session,
        acts={line.act.id for line in lines if line.act},
        redemptions={line.redemption.id for line in lines if line.redemption},
    )
    for _entry, group in groupby(lines, key=lambda line: line.entry_id):
        parts = list(group)
        amount = sum(part.amount for part in parts)
        if amount:
            shown.append(_points_line(parts[0], amount, now, by))
    return shown


def _points_line(line: purse.PointsLine, amount: int, now: datetime, by: Helpers) -> dict[str, Any]:
    reason, url = row_words(present_points_line(line), "words"), None
    if line.act:
        url = f"/explain/act/{line.act.id}"
        if line.reason == "act":
            reason = act_title(present_act(line.act))
    elif line.redemption:
        url = f"/h5/codes/{line.redemption.voucher_code}"
    notes = [when_words(line.at, now)]
    if line.reason == "act" and line.lot:
        notes.append(_("%(day)s到期", day=plain_day(line.lot, rules.local_day(now))))
    if line.reason == "act" and line.act:
        notes += _helped(standing.ACT, line.act.id, by)
    elif line.reason == "redemption" and line.redemption:
        notes += _helped(standing.REDEMPTION, line.redemption.id, by)
    return {"when": " · ".join(notes), "reason": reason, "points": amount, "url": url}


def refusal_line(row: RedemptionRefusal, now: datetime) -> dict[str, Any]:
    """An exchange that was refused: what, when, why; it took nothing."""
    return {
        "title": said(row.name_zh, row.name_en),
        "when": when_words(row.refused_at, now),
        "reason": said(row.reason_zh, row.reason_en),
    }


def week_chart(days: list[book.Day]) -> dict[str, Any] | None:
    """The chart of seven days with its finding in words; None when there is nothing to draw."""
    best = max(days, key=lambda day: day.reduction_g)
    if not best.reduction_g:
        return None
    names = [format_date(date.fromisoformat(day.day), "EEE") for day in days[:-1]] + [_("今天")]
    return {
        "finding": _(
            "近七天，%(day)s最多：%(grams)s",
            day=names[days.index(best)],
            grams=carbon_text(best.reduction_g, language()),
        ),
        "data": {
            "unit": _("克"),
            "bars": [
                {"label": name, "value": day.reduction_g} for name, day in zip(names, days, strict=True)
            ],
        },
        "twin": {
            "columns": [{"label": _("哪天")}, {"label": _("几笔"), "n": True}, {"label": _("克"), "n": True}],
            "rows": [[day.day, str(day.acts), f"{day.reduction_g:,}"] for day in days],
        },
    }


def honest_words(all_g: int) -> str:
    """What the carbon itself is worth, so that nobody takes points for its price."""
    fen_per_t = catalogue.reference_price()["fen_per_t"]
    worth = rules.worth_fen(all_g, fen_per_t)
    whole_fen = int(worth.partition(".")[0])
    return _(
        "您一共少排 %(carbon)s，按每吨 %(price)s 算，碳本身约值 %(worth)s。"
        "积分是市里和商家的心意，不是碳价，也不能当碳票卖。",
        carbon=carbon_text(all_g, language()),
        price=f"¥{fen_per_t // FEN_PER_YUAN}",
        worth=yuan_text(whole_fen) if whole_fen >= FEN_PER_YUAN else _("%(n)s 分钱", n=worth),
    )


def consent_card(state: consents.ConsentState) -> dict[str, Any]:
    given = state.consent
    return {
        "key": state.text.partner,
        "purpose": state.text.purpose,
        "title": said(state.partner_zh, state.partner_en),
        "text": said(state.text.zh.replace("\n", ""), state.text.en),
        "version": state.text.version,
        "id": given.id if given else None,
        "given_at": given.given_at if given and state.current else None,
        "is_outdated": given is not None and not state.current,
    }


def offer_card(session: Session, offer: dict[str, Any], now: datetime) -> dict[str, Any]:
    """One card of the page "earn": what it is worth and the form to report it."""
    code = offer["behaviour"]
    titles = {
        "XI14b": _("坐了一趟公交"),
        "SH03": _("吃饭光盘了"),
        "XI16": _("走路代替坐车"),
        "XI17": _("骑车代替坐车"),
    }
    fields = [{"name": "occurred_at", "label": _("什么时候"), "options": _moments(now)}]
    if offer["quantity_field"] == "distance_m":
        lengths = WALKED_M if code == "XI16" else CYCLED_M
        options = [(str(m), _("%(km)s 公里", km=rules.milli_text(m))) for m in lengths]
        fields.append(
            {
                "name": "distance_m",
                "label": _("走了多远") if code == "XI16" else _("骑了多远"),
                "data_type": "integer",
                "options": options,
            }
        )
    return {
        "code": code,
        "title": titles[code],
        "icon": ICONS[code],
        "source": offer["source"],
        # Made once per page: sending the same form twice is the same record and counts once.
        "external_id": f"h5-{secrets.token_hex(8)}",
        "fields": fields,
        "worth": _worth(session, offer, now),
        "cap": row_words(offer, "cap_note"),
        "is_half": offer["evidence_percent"] < 100,
        "stands_in_for": "" if offer["source"] == "self" else row_words(offer, "source"),
        "url": f"/sources#{catalogue.methodology().key}",
        "needs": offer["source"],
    }


def _worth(session: Session, offer: dict[str, Any], now: datetime) -> str:
    """Grams per unit, and the points they give by today's published rule where one act is one unit."""
    unit, grams = row_words(offer, "unit"), rules.grams_text(offer["grams_per_unit"])
    rule = points_rules.rules_in_force(session, rules.local_day(now))
    fixed = rule.fixed.get(offer["behaviour"])
    if fixed is not None:
        return _("每%(unit)s %(grams)s 克，每笔 %(points)s 分", unit=unit, grams=grams, points=fixed)
    if offer["quantity_field"] == "distance_m":
        return _("每%(unit)s %(grams)s 克", unit=unit, grams=grams)
    points = int(offer["grams_per_unit"]) // rule.grams_per_point
    return _("每%(unit)s %(grams)s 克，%(points)s 分", unit=unit, grams=grams, points=points)


def _moments(now: datetime) -> list[tuple[str, str]]:
    """(ISO time with zone, words): just now, then whole hours back to yesterday morning."""
    local = now.astimezone(rules.LOCAL).replace(second=0, microsecond=0)
    found = [(local.isoformat(), _("刚才"))]
    for back, name in ((0, _("今天")), (1, _("昨天"))):
        day = local.date() - timedelta(days=back)
        for hour in range(LAST_HOUR, FIRST_HOUR - 1, -1):
            moment = datetime.combine(day, time(hour), rules.LOCAL)
            if moment < local:
                found.append((moment.isoformat(), f"{name} {hour:02d}:00"))
    return found


def reward_card(row: Reward, available: int, now: datetime) -> dict[str, Any]:
    shown = present_reward(row, now)
    return {
        "code": row.code,
        "title": said(row.name_zh, row.name_en),
        "kind": row_words(shown, "kind"),
        "icon": REWARD_ICONS.get(row.kind, "ticket"),
        "provider": row.provider_zh,
        "points": row.price_points,
        "topup_fen": row.topup_fen,
        "hours": row_words(shown, "hours"),
        "in_season": shown["in_season"],
        "stock": row.stock,
        "month_limit": row.person_month_limit,
        "affordable": row.price_points <= available,
    }


def donation_card(row: Redemption, now: datetime) -> dict[str, Any]:
    """A receipt: what it is and, as large, what it is not."""
    shown = present_donation(row)
    return {
        "number": shown["number"],
        "title": row_words(shown, "name"),
        "points": row.price_points,
        "value_fen": row.value_fen,
        "when": when_words(row.redeemed_at, now),
        "status": row_words(shown, "status"),
        "is": row_words(shown, "is"),
        "is_not": row_words(shown, "is_not"),
    }


def claim_words(waiting: points.Claimable, now: datetime) -> str:
    """Points to be fetched and until when, or why not yet; empty when there are none."""
    if waiting.under_review:
        return said(waiting.note_zh, waiting.note_en)
    if not waiting.points or waiting.claim_by is None:
        return ""
    day = plain_day(rules.local_day(waiting.claim_by), rules.local_day(now))
    return _("有 %(n)s 分等您领，%(day)s前要领", n=f"{waiting.points:,}", day=day)


def voucher_cards(session: Session, rows: Iterable[Redemption], now: datetime) -> list[dict[str, Any]]:
    """Vouchers, each with the name of who exchanged points for it for the person."""
    listed = list(rows)
    by = helpers(session, redemptions=[row.id for row in listed])
    return [_voucher_card(row, now, by) for row in listed]


def _voucher_card(row: Redemption, now: datetime, by: Helpers) -> dict[str, Any]:
    shown = present_redemption(row)
    return {
        "code": row.voucher_code,
        "title": row_words(shown, "name"),
        "points": row.price_points,
        "when": " · ".join([when_words(row.redeemed_at, now), *_helped(standing.REDEMPTION, row.id, by)]),
        "state": row.status,
        "topup_fen": row.topup_fen,
        # Only what shops report as used can be given back without asking anybody.
        "may_return": bool(row.merchant_code),
        "expires": (
            plain_day(rules.local_day(row.expires_at), rules.local_day(now)) if row.expires_at else ""
        ),
        "url": f"/h5/codes/{row.voucher_code}",
    }
