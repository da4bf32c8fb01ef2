"""Reading the market: what is offered and by whom, who traded what, an organisation's money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Organisation
from carbon_platform.market.tables import Listing, Trade
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import region_names


@dataclass(frozen=True)
class Goods:
    """What the tickets of a batch are, in the words of a listing or a trade."""

    batch: str
    project: str
    project_name: str
    methodology_key: str
    county_code: str
    county_name: str
    vintage: int
    is_demo: bool
    explain: str  # address under /api/v1 that opens the batch down to its parcels


@dataclass(frozen=True)
class Story:
    """The land behind a batch, in counts only: no name leaves here."""

    kind: str
    parcels: int
    villages: int
    right_holders: int
    area_m2: float


@dataclass(frozen=True)
class ListingView:
    id: int
    seller: str
    goods: Goods
    story: Story | None
    story_text: str
    quantity_kg: int
    remaining_kg: int
    price_fen_per_t: int
    is_first_sale: bool
    status: str
    listed_at: datetime


@dataclass(frozen=True)
class TradeView:
    code: str
    listing_id: int
    buyer: str
    seller: str
    goods: Goods
    quantity_kg: int
    price_fen_per_t: int
    amount_fen: int
    is_first_sale: bool
    ranges: list[list[int]]
    entry_reference: str
    at: datetime


def get_listing(session: Session, listing_id: int, *, lock: bool = False) -> Listing:
    """The listing, or ``NotFound``; ``lock`` keeps others from changing it until the transaction ends."""
    statement = sa.select(Listing).where(Listing.id == listing_id)
    listing = session.scalar(statement.with_for_update() if lock else statement)
    if listing is None:
        raise NotFound(what="挂牌", key=listing_id)
    return listing


def remaining_kg(session: Session, listing: Listing) -> int:
    """What can still be bought (kg)."""
    return _remaining(listing, _sold_kg(session, [listing.id]))


def listings(*, status: str = "open", county_code: str = "", batch_code: str = "") -> sa.Select[Any]:
    """Listings, the best price first."""
    statement = (
        sa.select(Listing)
        .join(CreditBatch, CreditBatch.id == Listing.batch_id)
        .where(Listing.status == status)
        .order_by(Listing.price_fen_per_t, Listing.id)
    )
    if county_code:
        statement = statement.where(CreditBatch.county_code == county_code)
    if batch_code:
        statement = statement.where(CreditBatch.code == batch_code)
    return statement


def view_listings(session: Session, found: Sequence[Listing]) -> list[ListingView]:
    """Listings with everything a buyer wants to know, in a fixed number of statements."""
    goods = _goods(session, {listing.batch_id for listing in found})
    stories = _stories(session, {listing.batch_id for listing in found})
    names = _names(session, {listing.seller_id for listing in found})
    sold = _sold_kg(session, [listing.id for listing in found])
    return [
        ListingView(
            id=listing.id,
            seller=names[listing.seller_id],
            goods=goods[listing.batch_id],
            story=stories.get(listing.batch_id),
            story_text=listing.story,
            quantity_kg=listing.quantity_kg,
            remaining_kg=_remaining(listing, sold),
            price_fen_per_t=listing.price_fen_per_t,
            is_first_sale=listing.is_first_sale,
            status=listing.status,
            listed_at=listing.listed_at,
        )
        for listing in found
    ]


def trades(actor: Actor) -> sa.Select[Any]:
    """The trades an actor may see, newest first: an enterprise its own, everybody else the region's."""
    statement = sa.select(Trade).order_by(Trade.id.desc())
    if actor.role == "enterprise":
        own = actor.organisation_id if actor.organisation_id is not None else -1
        return statement.where(sa.or_(Trade.buyer_id == own, Trade.seller_id == own))
    if not actor.region_code:
        return statement.where(sa.false())
    return statement.join(CreditBatch, CreditBatch.id == Trade.batch_id).where(
        CreditBatch.county_code.startswith(actor.region_code, autoescape=True)
    )


def get_trade(session: Session, actor: Actor, code: str) -> Trade:
    """One trade within the actor's sight, or ``NotFound``."""
    trade: Trade | None = session.scalar(trades(actor).where(Trade.code == code))
    if trade is None:
        raise NotFound(what="成交", key=code)
    return trade


def view_trades(session: Session, found: Sequence[Trade]) -> list[TradeView]:
    """Trades with names of parties and goods, in a fixed number of statements."""
    goods = _goods(session, {trade.batch_id for trade in found})
    names = _names(session, {t.buyer_id for t in found} | {t.seller_id for t in found})
    return [
        TradeView(
            code=trade.code,
            listing_id=trade.listing_id,
            buyer=names[trade.buyer_id],
            seller=names[trade.seller_id],
            goods=goods[trade.batch_id],
            quantity_kg=trade.quantity_kg,
            price_fen_per_t=trade.price_fen_per_t,
            amount_fen=trade.amount_fen,
            is_first_sale=trade.is_first_sale,
            ranges=trade.ranges,
            entry_reference=trade.entry_reference,
            at=trade.at,
        )
        for trade in found
    ]


def _remaining(listing: Listing, sold_kg: dict[int, int]) -> int:
    return listing.quantity_kg - sold_kg.get(listing.id, 0) if listing.status == "open" else 0


def _sold_kg(session: Session, listing_ids: Iterable[int]) -> dict[int, int]:
    rows = session.execute(
        sa.select(Trade.listing_id, sa.func.sum(Trade.quantity_kg))
        .where(Trade.listing_id.in_(listing_ids))
        .group_by(Trade.listing_id)
    )
    return {listing_id: int(quantity_kg) for listing_id, quantity_kg in rows}


def _names(session: Session, organisation_ids: set[int]) -> dict[int, str]:
    rows = session.execute(
        sa.select(Organisation.id, Organisation.name_zh).where(Organisation.id.in_(organisation_ids))
    )
    return dict(rows.all())


def _goods(session: Session, batch_ids: set[int]) -> dict[int, Goods]:
    rows = session.execute(
        sa.select(CreditBatch, Project)
        .join(Project, Project.id == CreditBatch.project_id)
        .where(CreditBatch.id.in_(batch_ids))
    ).all()
    counties = region_names(session, {batch.county_code for batch, _ in rows})
    return {
        batch.id: Goods(
            batch=batch.code,
            project=project.code,
            project_name=project.name_zh,
            methodology_key=project.methodology_key,
            county_code=batch.county_code,
            county_name=counties.get(batch.county_code, batch.county_code),
            vintage=batch.vintage,
            is_demo=batch.is_demo,
            explain=f"/api/v1/explain/batch/{batch.code}",
        )
        for batch, project in rows
    }


def _stories(session: Session, batch_ids: set[int]) -> dict[int, Story]:
    household = Parcel.village_code + "/" + Parcel.right_holder
    rows = session.execute(
        sa.select(
            BatchShare.batch_id,
            sa.func.min(Parcel.kind).label("kind"),
            sa.func.count(Parcel.id).label("parcels"),
            sa.func.count(sa.distinct(Parcel.village_code)).label("villages"),
            sa.func.count(sa.distinct(household)).label("right_holders"),
            sa.func.sum(Parcel.area_m2).label("area_m2"),
        )
        .join(Parcel, Parcel.id == BatchShare.parcel_id)
        .where(BatchShare.batch_id.in_(batch_ids))
        .group_by(BatchShare.batch_id)
    )
    return {
        row.batch_id: Story(row.kind, row.parcels, row.villages, row.right_holders, row.area_m2)
        for row in rows
    }
