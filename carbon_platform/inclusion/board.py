"""Reward honesty (诚实榜): who pays, what is owed, and what a tonne costs beside what it is worth.

Rewards are paid by sponsors and budgets, not by the carbon: a board that says so keeps trust. Acts come
from the roll-ups, balances from the ledger's, so it costs the same however many acts there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, lots, scenes
from carbon_platform.citizens.rules import local_day
from carbon_platform.citizens.tables import Reward, RewardBudget
from carbon_platform.credits.tables import AssessmentRun, CreditBatch
from carbon_platform.inclusion import rollup, rules
from carbon_platform.inclusion.fund import POOL
from carbon_platform.inclusion.rollup import Sums
from carbon_platform.inclusion.tables import Bundle, PoolSale, Sponsorship
from carbon_platform.ledger import Asset
from carbon_platform.market.tables import Trade
from carbon_platform.merchants.fund import sponsor_account
from carbon_platform.merchants.tables import Merchant, MerchantStatement
from carbon_platform.units import KG_PER_T


@dataclass(frozen=True)
class Price:
    """Fen per tonne of carbon, and where the figure comes from."""

    fen_per_t: int
    source_zh: str
    source_en: str
    status: str


@dataclass(frozen=True)
class Row:
    """One scene or partner: what its acts earned, and what a tonne of them costs in rewards.

    ``fen_per_t`` by the most a point can buy, ``low_fen_per_t`` by the least; None without grams or rewards.
    ``market_fen``: what the carbon would bring at the market's price.
    """

    key: str
    name_zh: str
    name_en: str
    state: str
    sums: Sums
    reward_fen: int | None
    fen_per_t: int | None
    low_fen_per_t: int | None
    market_fen: int
    times: int | None


@dataclass(frozen=True)
class Points:
    """Points of everybody together. ``outstanding`` is what can be spent now or soon: the liability.

    Always issued = outstanding + redeemed + expired + owed, as the ledger books them.
    """

    issued: int
    outstanding: int
    redeemed: int
    expired: int
    owed: int


@dataclass(frozen=True)
class Money:
    """The reward fund, fen. ``free``: with sponsors, ``set_aside``: in merchants' budgets.

    ``vouchers``: worth of vouchers handed out within those budgets; ``settled``: what merchants have earned.
    """

    from_sponsors: int
    from_tickets: int
    promised: int
    balance: int
    free: int
    vouchers: int
    settled: int

    @property
    def set_aside(self) -> int:
        return self.balance - self.free


@dataclass(frozen=True)
class Board:
    """Everything on one page. ``liability_fen``: at the most a point can buy; ``covered_bp``: fund ÷ that."""

    as_of: datetime | None
    value: rules.PointValue | None
    price: Price
    money: Money
    points: Points
    liability_fen: int | None
    liability_low_fen: int | None
    covered_bp: int | None
    total: Row
    scenes: tuple[Row, ...]
    behaviours: tuple[Row, ...]
    sponsors: tuple[tuple[str, int, int], ...]


def board(session: Session, *, now: datetime) -> Board:
    """The honesty board as of the last roll-up."""
    value, price = offered_value(session), market_price(session)
    by_scene = {key[0]: sums for key, sums in rollup.sums_by(session, "source").items()}
    by_behaviour = {key[0]: sums for key, sums in rollup.sums_by(session, "behaviour").items()}
    points = points_of_all(session, local_day(now))
    high = value.high_fen if value else None
    money = money_of_fund(session)
    liability = None if high is None else rules.fen_of(points.outstanding, high)
    known = scenes.sources(session)
    names = {code: (row.name_zh, row.name_en, row.state) for code, row in known.items()}
    acts = {b.code: (b.name_zh, b.name_en, "") for b in catalogue.behaviours().values()}
    return Board(
        as_of=rollup.as_of(session),
        value=value,
        price=price,
        money=money,
        points=points,
        liability_fen=liability,
        liability_low_fen=None if value is None else rules.fen_of(points.outstanding, value.low_fen),
        covered_bp=None if liability is None else rules.share_bp(money.balance, liability),
        total=_row("", ("合计", "all", ""), sum(by_scene.values(), Sums()), value, price),
        scenes=_rows(by_scene, names, value, price),
        behaviours=_rows(by_behaviour, acts, value, price),
        sponsors=_sponsors(session),
    )


def offered_value(session: Session) -> rules.PointValue | None:
    """What a point buys at the least and at the most, from the rewards on offer now."""
    rows = session.execute(sa.select(Reward.price_points, Reward.value_fen).where(Reward.active.is_(True)))
    return rules.point_value((int(points), int(fen)) for points, fen in rows)


def market_price(session: Session) -> Price:
    """Mean of this platform's own first sales where there are any, else the reference price on file."""
    amount, kilograms = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Trade.amount_fen), 0),
            sa.func.coalesce(sa.func.sum(Trade.quantity_kg), 0),
        ).where(Trade.is_first_sale.is_(True))
    ).one()
    if kilograms:
        mean = round(Fraction(int(amount) * KG_PER_T, int(kilograms)))
        return Price(mean, "本平台首次出售的均价", "mean of first sales on this platform", "computed")
    reference = catalogue.reference_price()
    source = str(reference["source"])
    return Price(int(reference["fen_per_t"]), source, source, str(reference["status"]))


def _rows(
    sums: dict[str, Sums],
    names: dict[str, tuple[str, str, str]],
    value: rules.PointValue | None,
    price: Price,
) -> tuple[Row, ...]:
    rows = [_row(key, names.get(key, (key, key, "")), one, value, price) for key, one in sums.items()]
    # The dearest tonne first: that is what an official must look at.
    return tuple(sorted(rows, key=lambda row: (-(row.fen_per_t or 0), row.key)))


def _row(
    key: str, words: tuple[str, str, str], sums: Sums, value: rules.PointValue | None, price: Price
) -> Row:
    high = low = cost = None
    if value is not None:
        high = rules.fen_per_tonne(sums.points, sums.reduction_g, value.high_fen)
        low = rules.fen_per_tonne(sums.points, sums.reduction_g, value.low_fen)
        cost = rules.fen_of(sums.points, value.high_fen)
    return Row(
        key=key,
        name_zh=words[0],
        name_en=words[1],
        state=words[2],
        sums=sums,
        reward_fen=cost,
        fen_per_t=high,
        low_fen_per_t=low,
        market_fen=rules.market_fen(sums.reduction_g, price.fen_per_t),
        times=rules.times(high, price.fen_per_t),
    )


def points_of_all(session: Session, today: str) -> Points:
    """Points per role, from the platform's own counter-accounts: no walk over everybody's purses.

    Every move keeps its lot, so what people hold of a lot is what the other accounts of it lack. What lies
    in a lot that is over counts as expired before the job has posted it.
    """
    by_role: dict[str, int] = {}
    held: dict[str, int] = {}
    for role in (ledger.POINTS_ISSUED, ledger.POINTS_REDEEMED, ledger.POINTS_EXPIRED, ledger.POINTS_DEBT):
        for row in ledger.totals(session, role=role, asset=Asset.POINT):
            by_role[role] = by_role.get(role, 0) + row.posted
            held[row.lot] = held.get(row.lot, 0) - row.posted
    lapsed = sum(amount for lot, amount in held.items() if lots.expired(lot, today))
    return Points(
        issued=-by_role.get(ledger.POINTS_ISSUED, 0),
        outstanding=sum(held.values()) - lapsed,
        redeemed=by_role.get(ledger.POINTS_REDEEMED, 0),
        expired=by_role.get(ledger.POINTS_EXPIRED, 0) + lapsed,
        owed=by_role.get(ledger.POINTS_DEBT, 0),
    )


def money_of_fund(session: Session) -> Money:
    """What came into the reward fund, and where it is."""
    sums: dict[str, int] = {
        state: int(amount)
        for state, amount in session.execute(
            sa.select(Sponsorship.state, sa.func.sum(Sponsorship.amount_fen)).group_by(Sponsorship.state)
        )
    }
    balance = sum(row.posted for row in ledger.totals(session, role=ledger.REWARD_FUND, asset=Asset.CNY))
    codes = {POOL, *session.scalars(sa.select(Sponsorship.sponsor_code).distinct())}
    codes |= set(session.scalars(sa.select(Merchant.sponsor_code).distinct()))
    return Money(
        from_sponsors=sums.get(rules.RECEIVED, 0),
        from_tickets=_sum(session, PoolSale.fund_fen),
        promised=sums.get(rules.PROMISED, 0),
        balance=balance,
        free=sum(ledger.balance(session, sponsor_account(code)).posted for code in codes if code),
        vouchers=_sum(session, RewardBudget.committed_fen, RewardBudget.closed_at.is_(None)),
        settled=_sum(
            session, MerchantStatement.amount_fen, MerchantStatement.state.in_(("approved", "paid"))
        ),
    )


def _sum(session: Session, column: Any, *where: sa.ColumnElement[bool]) -> int:
    return int(session.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(*where)) or 0)


def _sponsors(session: Session) -> tuple[tuple[str, int, int], ...]:
    """(name, fen promised and not received, fen received) per sponsor, most first."""
    received = sa.case((Sponsorship.state == rules.RECEIVED, Sponsorship.amount_fen), else_=0)
    promised = sa.case((Sponsorship.state == rules.PROMISED, Sponsorship.amount_fen), else_=0)
    rows = session.execute(
        sa.select(Sponsorship.sponsor, sa.func.sum(promised), sa.func.sum(received))
        .group_by(Sponsorship.sponsor)
        .order_by(sa.func.sum(received).desc(), Sponsorship.sponsor)
    )
    return tuple((name, int(open_fen), int(got)) for name, open_fen, got in rows)


@dataclass(frozen=True)
class Loop:
    """The closed loop (绿色低碳内在循环), from an act to a reward; the two grades are never added.

    grams ``earned_g`` (points grade) and ``creditable_g`` beside it → ``bundled_g`` by consent → tickets
    ``issued_kg`` → ``sold_kg`` for ``sold_fen`` → ``fund_fen`` into the reward fund, beside what sponsors
    paid → ``redeemed_points``, paid out by ``paid_out_fen``. ``given_up_g``: what whole tonnes leave over.
    """

    as_of: datetime | None
    earned_g: int
    creditable_g: int
    bundled_g: int
    applied_g: int
    issued_g: int
    given_up_g: int
    issued_kg: int
    sold_kg: int
    sold_fen: int
    fund_fen: int
    sponsors_fen: int
    points_issued: int
    redeemed_points: int
    paid_out_fen: int
    fund_balance_fen: int


def loop(session: Session, *, now: datetime) -> Loop:
    """Each stage as a sum of the rows that made it."""
    earned = rollup.total(session)
    grams = {
        state: int(amount)
        for state, amount in session.execute(
            sa.select(Bundle.state, sa.func.sum(Bundle.creditable_g)).group_by(Bundle.state)
        )
    }
    of_pools = sa.select(Bundle.batch_code).where(Bundle.state == rules.ISSUED)
    issued_kg = _sum(session, CreditBatch.quantity_kg, CreditBatch.code.in_(of_pools))
    sold_kg, sold_fen = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Trade.quantity_kg), 0),
            sa.func.coalesce(sa.func.sum(Trade.amount_fen), 0),
        )
        .join(CreditBatch, CreditBatch.id == Trade.batch_id)
        .where(Trade.is_first_sale.is_(True), CreditBatch.code.in_(of_pools))
    ).one()
    money, points = money_of_fund(session), points_of_all(session, local_day(now))
    issued_g = grams.get(rules.ISSUED, 0)
    return Loop(
        as_of=rollup.as_of(session),
        earned_g=earned.reduction_g,
        creditable_g=earned.creditable_g,
        bundled_g=sum(grams.get(state, 0) for state in (rules.CLOSED, rules.APPLIED, rules.ISSUED)),
        applied_g=grams.get(rules.APPLIED, 0) + issued_g,
        issued_g=issued_g,
        given_up_g=issued_g - issued_kg * KG_PER_T,
        issued_kg=issued_kg,
        sold_kg=int(sold_kg),
        sold_fen=int(sold_fen),
        fund_fen=money.from_tickets,
        sponsors_fen=money.from_sponsors,
        points_issued=points.issued,
        redeemed_points=points.redeemed,
        paid_out_fen=money.settled,
        fund_balance_fen=money.balance,
    )


def open_runs(session: Session) -> int:
    """Bundles that wait for the verifier or the bureau."""
    waiting = (
        sa.select(sa.func.count())
        .select_from(Bundle)
        .join(AssessmentRun, AssessmentRun.code == Bundle.run_code)
    )
    return (
        session.scalar(
            waiting.where(Bundle.state == rules.APPLIED, AssessmentRun.status.in_(("estimate", "verified")))
        )
        or 0
    )
