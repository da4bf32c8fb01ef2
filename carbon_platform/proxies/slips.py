"""The monthly slip: what somebody without a phone did, got and can get, on one sheet in large print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue as citizens
from carbon_platform.citizens import lots, reward_rules, rewards, scenes
from carbon_platform.citizens import rules as citizen_rules
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.lots import Expiring
from carbon_platform.citizens.present import behaviour_words
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act, Redemption, Reward
from carbon_platform.errors import InvalidInput
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.proxies import accounts, rules, standing
from carbon_platform.proxies.accounts import Account
from carbon_platform.proxies.tables import BusCard

LINES_MAX = 40
AFFORDABLE = 4


@dataclass(frozen=True)
class SlipLine:
    """One thing that was done: local day, what, how much, grams, points; who wrote it down.

    ``points`` are what it brought; ``note`` why something was not counted.
    """

    day: str
    name_zh: str
    name_en: str
    quantity: str
    unit_zh: str
    unit_en: str
    reduction_g: int
    points: int
    by_zh: str
    by_en: str
    note_zh: str
    note_en: str


@dataclass(frozen=True)
class Slip:
    """A month of one account. ``more``: lines that did not fit. ``spent``: points of the month's vouchers."""

    account: Account
    name: str
    month: str
    first: str
    last: str
    acts: int
    reduction_g: int
    earned: int
    spent: int
    available: int
    pending: int
    all_g: int
    expiring: Expiring | None
    lines: list[SlipLine]
    more: int
    cards: list[BusCard]
    vouchers: list[Redemption]
    can_get: list[Reward]


def this_month(now: datetime) -> str:
    """The month a slip is for when none is asked."""
    return citizen_rules.local_day(now)[:7]


def read(session: Session, account: Account, month: str, *, now: datetime) -> Slip:
    """The slip of a month (``2026-10``). Errors: ``InvalidInput`` for what is no month, or has not begun."""
    try:
        first, last = rules.month_days(month)
    except ValueError:
        first, last = "9999-12-31", ""
    today = citizen_rules.local_day(now)
    if first > today:
        raise InvalidInput(
            reason=f"月份“{month[:20]}”不对，写 2026-10 这样，不晚于本月",
            reason_en=f"month “{month[:20]}” is wrong: as 2026-10, not after this month",
        )
    holder = account.paper.holder
    mine = (Act.holder == holder, Act.day >= first, Act.day <= last)
    total = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Act.reduction_g), 0),
            sa.func.coalesce(sa.func.sum(Act.points), 0),
        ).where(*mine, Act.withdrawn_at.is_(None))
    ).one()
    shown = list(
        session.scalars(sa.select(Act).where(*mine).order_by(Act.occurred_at, Act.id).limit(LINES_MAX))
    )
    everything = session.scalar(sa.select(sa.func.count()).select_from(Act).where(*mine)) or 0
    purse = open_purse(session, holder, now=now)
    vouchers = rewards.list_redemptions(session, account.actor)
    return Slip(
        account=account,
        name=accounts.name_of(session, account.paper),
        month=month,
        first=first,
        last=last,
        acts=int(total[0]),
        reduction_g=int(total[1]),
        earned=int(total[2]),
        spent=sum(
            row.price_points
            for row in vouchers
            if row.status != rewards.REFUNDED and first <= citizen_rules.local_day(row.redeemed_at) <= last
        ),
        available=purse.available,
        pending=sum(purse.pending.values()),
        all_g=ledger.balance(session, book_account(holder)).posted,
        expiring=lots.expiring(purse.active, today, citizens.lifetime(today)),
        lines=_lines(session, shown),
        more=everything - len(shown),
        cards=list(
            session.scalars(sa.select(BusCard).where(BusCard.holder == holder, BusCard.ended_at.is_(None)))
        ),
        vouchers=[row for row in vouchers if row.status == rewards.READY],
        can_get=[
            row
            for row in rewards.list_rewards(session)
            if row.price_points <= purse.available
            and row.stock > 0
            and reward_rules.in_season(row.season_from, row.season_to, today)
        ][:AFFORDABLE],
    )


def _lines(session: Session, shown: list[Act]) -> list[SlipLine]:
    by = standing.done_by(session, standing.ACT, [act.id for act in shown])
    lines = []
    for act in shown:
        words = behaviour_words(act.methodology, act.behaviour)
        source_zh, source_en = scenes.names(session, act.source)
        taken_back = act.withdrawn_at is not None
        lines.append(
            SlipLine(
                day=act.day,
                name_zh=words["name_zh"],
                name_en=words["name_en"],
                quantity=citizen_rules.milli_text(act.claimed_milli),
                unit_zh=words["unit_zh"],
                unit_en=words["unit_en"],
                reduction_g=0 if taken_back else act.reduction_g,
                points=0 if taken_back else act.points,
                by_zh=by.get(act.id) or source_zh,
                by_en=by.get(act.id) or source_en,
                note_zh=act.withdrawal_note if taken_back else act.reason_zh,
                note_en=act.withdrawal_note if taken_back else act.reason_en,
            )
        )
    return lines


def note_look(session: Session, actor: Actor, account: Account, what: str, *, now: datetime) -> None:
    """Put on record that an officer saw somebody's book."""
    audit(
        session, actor, "paper_account.look", object_kind="person", object_id=account.person.id, now=now,
        detail={"what": what},
    )  # fmt: skip
