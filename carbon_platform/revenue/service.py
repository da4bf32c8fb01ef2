"""Share out a receipt, look at what was shared out, and say beforehand how it will be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import AccountKey, Asset, Entry, Move, roles
from carbon_platform.market import rules as market_rules
from carbon_platform.market.queries import get_listing, get_trade, remaining_kg
from carbon_platform.market.service import holding_key, proceeds_key
from carbon_platform.market.tables import Trade
from carbon_platform.parcels.tables import Parcel
from carbon_platform.regions.service import region_names
from carbon_platform.revenue import rules
from carbon_platform.revenue.rules import LEVELS, ParcelPart, PayeeKey, Scheme, Waterfall
from carbon_platform.revenue.schemes import charges_at, local_day, scheme_at
from carbon_platform.revenue.tables import Distribution, DistributionLine, Payee

# Where a level's money waits, when the payee is a unit and not a person. A village's caretakers are
# paid from one fund by the village's roster: the register knows no caretaker per parcel.
_UNIT_HOLDERS = {
    "county": ("county", "县财政专户"),
    "township": ("township", "乡镇"),
    "village": ("village", "村集体"),
    "caretaker": ("caretakers", "管护资金"),
}
NAMELESS = "权利人待确认"


@dataclass(frozen=True)
class Share:
    """What one payee will get (fen), for the kilograms their land made."""

    level: str
    holder: str
    name: str
    region_code: str
    kg: int
    amount_fen: int


@dataclass(frozen=True)
class Preview:
    """How a purchase would be shared out, in counts and levels: no name."""

    listing_id: int
    quantity_kg: int
    waterfall: Waterfall
    levels: Mapping[str, int]
    below_fen: int
    below_bp: int | None
    payees: Mapping[str, int]  # number of payees per level
    scheme: Scheme


def distribute(session: Session, actor: Actor, trade_code: str, *, now: datetime) -> Distribution:
    """Share out the receipt of a first sale, once for ever, in one ledger entry.

    receipt → fee → VAT → base → levels → payees; the right holders are those of exactly the parcels
    behind the sold numbers, weighted by their kilograms. Every step sums to the one above to the fen.

    Errors: ``NotFound`` (also outside the actor's region), ``NotFirstSale``, ``AlreadyDistributed``,
    ``NumbersWithoutParcel``.
    """
    trade = get_trade(session, actor, trade_code)
    if not trade.is_first_sale:
        raise rules.NotFirstSale(key=trade.code)
    # One at a time: numbers without gaps, a payee made once, and the second caller sees the first's work.
    serialise(session, "revenue.distribution")
    done = find_distribution(session, trade.id)
    if done is not None:
        raise rules.AlreadyDistributed(
            trade=trade.code, distribution=done.code, at=local_day(done.distributed_at).isoformat()
        )
    batch = session.get_one(CreditBatch, trade.batch_id)
    seller = get_organisation(session, trade.seller_id)
    charges, scheme = charges_at(trade.at), scheme_at(session, batch.county_code, trade.at)
    flow = rules.waterfall(trade.amount_fen, charges)
    levels = rules.split_levels(flow.base_fen, scheme.shares)
    parts = parcel_parts(session, batch, [(first, last) for first, last in trade.ranges])
    shares = [_company_share(seller, trade.quantity_kg, levels[rules.COMPANY])]
    shares += _shares_below(session, levels, parts)
    number = (session.scalar(sa.select(sa.func.max(Distribution.id))) or 0) + 1
    distribution = Distribution(
        id=number,
        code=f"XY-D{number:06d}",
        trade_id=trade.id,
        county_code=batch.county_code,
        company_fen=levels[rules.COMPANY],
        below_fen=rules.below_fen(levels),
        levels=levels,
        meets_floor=rules.meets_floor(flow.base_fen, rules.below_fen(levels)),
        scheme=_plain(scheme),
        charges=_plain(charges),
        entry_reference=f"distribution:{trade.code}",
        distributed_by=actor.name,
        distributed_at=now,
        **asdict(flow),
    )
    session.add(distribution)
    session.flush()
    _pay(session, actor, trade, seller, flow, shares, now)
    _write_lines(session, distribution, shares)
    audit(
        session,
        actor,
        "revenue.distribute",
        object_kind="distribution",
        object_id=distribution.code,
        now=now,
        detail={"trade": trade.code, "base_fen": flow.base_fen, "meets_floor": distribution.meets_floor},
    )
    return distribution


def preview(session: Session, listing_id: int, quantity_kg: int, *, now: datetime) -> Preview:
    """How buying this much now would be shared out, by the rules that would apply.

    Errors: ``NotFound``, ``NotWholeTonnes``, ``MoreThanRemains``, ``NotFirstSale``.
    """
    market_rules.check_whole_tonnes(quantity_kg)
    listing = get_listing(session, listing_id)
    if not listing.is_first_sale:
        raise rules.NotFirstSale(key=f"挂牌 {listing_id}")
    remaining = remaining_kg(session, listing)
    if quantity_kg > remaining:
        raise market_rules.MoreThanRemains(listing_id, quantity_kg, remaining)
    batch = session.get_one(CreditBatch, listing.batch_id)
    seller = get_organisation(session, listing.seller_id)
    flow = rules.waterfall(market_rules.amount_fen(quantity_kg, listing.price_fen_per_t), charges_at(now))
    scheme = scheme_at(session, batch.county_code, now)
    levels = rules.split_levels(flow.base_fen, scheme.shares)
    # A sale takes the seller's lowest numbers, so the land behind it is known beforehand.
    held = ledger.ranges(session, holding_key(seller.holder, batch.code))
    parts = parcel_parts(session, batch, rules.lowest([(r.first, r.last) for r in held], quantity_kg))
    return Preview(
        listing_id=listing_id,
        quantity_kg=quantity_kg,
        waterfall=flow,
        levels=levels,
        below_fen=rules.below_fen(levels),
        below_bp=rules.share_bp(rules.below_fen(levels), flow.base_fen),
        payees={rules.COMPANY: 1}
        | {level: len(rules.payee_weights(level, parts)) for level in rules.COUNTY_AND_BELOW},
        scheme=scheme,
    )


def find_distribution(session: Session, trade_id: int) -> Distribution | None:
    return session.scalar(sa.select(Distribution).where(Distribution.trade_id == trade_id))


def distributions(actor: Actor) -> sa.Select[Any]:
    """Distributions of the actor's region, newest first."""
    statement = sa.select(Distribution).order_by(Distribution.id.desc())
    if not actor.region_code:
        return statement.where(sa.false())
    return statement.where(Distribution.county_code.startswith(actor.region_code, autoescape=True))


def get_distribution(session: Session, actor: Actor, code: str) -> Distribution:
    """One distribution within the actor's sight, or ``NotFound``."""
    found: Distribution | None = session.scalar(distributions(actor).where(Distribution.code == code))
    if found is None:
        raise NotFound(what="分配单", key=code)
    return found


def trade_codes(session: Session, found: Sequence[Distribution]) -> dict[int, str]:
    """Codes of the trades behind distributions, by trade id."""
    ids = {distribution.trade_id for distribution in found}
    return dict(session.execute(sa.select(Trade.id, Trade.code).where(Trade.id.in_(ids))).all())


def lines(distribution: Distribution, *, level: str = "", village_code: str = "") -> sa.Select[Any]:
    """The payees of a distribution, level by level from the company down."""
    order = sa.case({level: place for place, level in enumerate(LEVELS)}, value=DistributionLine.level)
    statement = (
        sa.select(DistributionLine)
        .where(DistributionLine.distribution_id == distribution.id)
        .order_by(order, DistributionLine.id)
    )
    if level:
        statement = statement.where(DistributionLine.level == level)
    if village_code:
        statement = statement.where(DistributionLine.village_code == village_code)
    return statement


def parcel_parts(session: Session, batch: CreditBatch, sold: list[tuple[int, int]]) -> list[ParcelPart]:
    """The parcels behind sold numbers with their kilograms. Errors: ``NumbersWithoutParcel``."""
    lowest, highest = min(first for first, _ in sold), max(last for _, last in sold)
    rows = session.execute(
        sa.select(BatchShare.first, BatchShare.last, Parcel)
        .join(Parcel, Parcel.id == BatchShare.parcel_id)
        .where(BatchShare.batch_id == batch.id, BatchShare.last >= lowest, BatchShare.first <= highest)
        .order_by(BatchShare.first)
    ).all()
    kg = rules.kg_by_parcel([(parcel.id, first, last) for first, last, parcel in rows], sold)
    needed = sum(last - first + 1 for first, last in sold)
    if sum(kg.values()) != needed:
        raise rules.NumbersWithoutParcel(needed=needed, found=sum(kg.values()), batch=batch.code)
    return [
        ParcelPart(
            parcel_id=parcel.id,
            kg=kg[parcel.id],
            county_code=parcel.county_code,
            township_code=parcel.township_code,
            village_code=parcel.village_code,
            right_holder=parcel.right_holder.strip() or NAMELESS,
        )
        for _, _, parcel in rows
        if parcel.id in kg
    ]


def _company_share(seller: Organisation, kg: int, amount_fen: int) -> Share:
    return Share(rules.COMPANY, seller.holder, seller.name_zh, seller.region_code, kg, amount_fen)


def _shares_below(session: Session, levels: Mapping[str, int], parts: Sequence[ParcelPart]) -> list[Share]:
    weights = {level: rules.payee_weights(level, parts) for level in rules.COUNTY_AND_BELOW}
    names = region_names(session, {key.region_code for found in weights.values() for key in found})
    people = _right_holders(session, weights["right_holder"])
    shares = []
    for level, kg_of in weights.items():
        for key, amount_fen in rules.split_payees(levels[level], kg_of).items():
            region = names.get(key.region_code, key.region_code)
            if level == "right_holder":
                holder, name = people[key], key.name
            else:
                prefix, words = _UNIT_HOLDERS[level]
                holder, name = f"{prefix}:{key.region_code}", f"{region}（{words}）"
            shares.append(Share(level, holder, name, key.region_code, kg_of[key], amount_fen))
    return shares


def _right_holders(session: Session, wanted: Mapping[PayeeKey, int]) -> dict[PayeeKey, str]:
    """The ledger's holder of each right holder; a new one gets an opaque name."""
    villages = {key.region_code for key in wanted}
    known = {
        (payee.region_code, payee.name): payee.holder
        for payee in session.scalars(sa.select(Payee).where(Payee.region_code.in_(villages)))
    }
    new = {
        (key.region_code, key.name): f"payee-{uuid4().hex}"
        for key in wanted
        if (key.region_code, key.name) not in known
    }
    if new:
        rows = [{"region_code": code, "name": name, "holder": h} for (code, name), h in new.items()]
        session.execute(sa.insert(Payee), rows)
    known |= new
    return {key: known[key.region_code, key.name] for key in wanted}


def _pay(
    session: Session,
    actor: Actor,
    trade: Trade,
    seller: Organisation,
    flow: Waterfall,
    shares: Sequence[Share],
    now: datetime,
) -> None:
    """Move the whole receipt out of the seller's proceeds in one entry."""
    source = proceeds_key(seller.holder)
    fee = AccountKey(roles.FEE, roles.PLATFORM, Asset.CNY)
    vat = AccountKey(roles.PAYABLE, "tax:vat", Asset.CNY)
    moves = [Move(source, fee, flow.fee_fen), Move(source, vat, flow.vat_fen)]
    moves += [
        Move(source, AccountKey(roles.PAYABLE, share.holder, Asset.CNY), share.amount_fen) for share in shares
    ]
    ledger.post(
        session,
        Entry(
            reason="distribution",
            reference=f"distribution:{trade.code}",
            moves=[move for move in moves if move.amount],
            effective_at=now,
            actor_name=actor.name,
            detail={"trade": trade.code},
        ),
        now,
    )


def _write_lines(session: Session, distribution: Distribution, shares: Sequence[Share]) -> None:
    session.execute(
        sa.insert(DistributionLine),
        [
            {
                "distribution_id": distribution.id,
                "level": share.level,
                "payee_holder": share.holder,
                "payee_name": share.name,
                "village_code": share.region_code,
                "kg": share.kg,
                "amount_fen": share.amount_fen,
            }
            for share in shares
        ],
    )


def _plain(values: Any) -> dict[str, Any]:
    """A scheme or charges as they are copied into a distribution."""
    return {
        name: value.isoformat() if name == "valid_from" else value for name, value in asdict(values).items()
    }
