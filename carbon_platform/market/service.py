"""Offer, withdraw, buy, pay in. Reading is in ``queries``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import (
    AccountKey,
    Asset,
    Balance,
    Entry,
    HoldRequest,
    HoldUse,
    Move,
    Statement,
    roles,
)
from carbon_platform.market import rules
from carbon_platform.market.queries import get_listing, remaining_kg
from carbon_platform.market.tables import CashDeposit, Listing, Trade
from carbon_platform.projects.tables import Project


def holding_key(holder: str, batch_code: str) -> AccountKey:
    """Where an organisation's credits of one batch are."""
    return AccountKey(roles.HOLDING, holder, Asset.CREDIT, batch_code)


def cash_key(holder: str) -> AccountKey:
    """An organisation's money for trading."""
    return AccountKey(roles.CASH, holder, Asset.CNY)


def proceeds_key(holder: str) -> AccountKey:
    """Money of first sales that waits to be shared out."""
    return AccountKey(roles.PROCEEDS, holder, Asset.CNY)


def offer(
    session: Session,
    actor: Actor,
    *,
    batch_code: str,
    quantity_kg: int,
    price_fen_per_t: int,
    now: datetime,
    story: str = "",
) -> Listing:
    """Put whole tonnes of a batch on the market; they are held in the ledger until sold or withdrawn.

    Errors: ``NotWholeTonnes``, ``NoOrganisation``, ``NotFound`` (batch), ``InsufficientBalance``.
    """
    rules.check_whole_tonnes(quantity_kg)
    seller = _own_organisation(session, actor)
    batch = session.scalar(sa.select(CreditBatch).where(CreditBatch.code == batch_code))
    if batch is None:
        raise NotFound(what="碳票批次", key=batch_code)
    project = session.get_one(Project, batch.project_id)
    listing = Listing(
        batch_id=batch.id,
        seller_id=seller.id,
        quantity_kg=quantity_kg,
        price_fen_per_t=price_fen_per_t,
        is_first_sale=project.owner_organisation_id == seller.id,
        story=story,
        status="open",
        listed_by=actor.name,
        listed_at=now,
    )
    session.add(listing)
    session.flush()
    ledger.hold(
        session,
        HoldRequest(
            listing.hold_reference, holding_key(seller.holder, batch.code), quantity_kg, reason="listing"
        ),
        now,
    )
    audit(
        session,
        actor,
        "listing.offer",
        object_kind="listing",
        object_id=listing.id,
        now=now,
        detail={"batch": batch.code, "quantity_kg": quantity_kg, "price_fen_per_t": price_fen_per_t},
    )
    return listing


def withdraw(session: Session, actor: Actor, listing_id: int, *, now: datetime) -> Listing:
    """Take what is left off the market; it is free again at once.

    Errors: ``NotFound`` (also for another seller's listing), ``ListingClosed``.
    """
    listing = get_listing(session, listing_id, lock=True)
    if actor.organisation_id is None or listing.seller_id != actor.organisation_id:
        raise NotFound(what="挂牌", key=listing_id)
    if listing.status != "open":
        raise rules.ListingClosed(listing.id, listing.status, buying=False)
    returned = ledger.void_hold(session, listing.hold_reference, now)
    listing.status, listing.closed_at = "withdrawn", now
    audit(
        session,
        actor,
        "listing.withdraw",
        object_kind="listing",
        object_id=listing.id,
        now=now,
        detail={"returned_kg": returned.amount - returned.posted},
    )
    return listing


def buy(session: Session, actor: Actor, listing_id: int, *, quantity_kg: int, now: datetime) -> Trade:
    """Buy whole tonnes at the seller's price: credits and money change hands in one ledger entry.

    A first sale pays into the seller's proceeds, to be shared out; a resale into the seller's cash.
    Errors: ``NotWholeTonnes``, ``NoOrganisation``, ``NotFound``, ``OwnListing``, ``OwnProject``,
    ``ListingClosed``, ``MoreThanRemains``, ``ShortOfMoney`` (code ``ledger.insufficient``).
    """
    rules.check_whole_tonnes(quantity_kg)
    buyer = _own_organisation(session, actor)
    # One trade at a time: numbers without gaps, and the second buyer sees what the first one left.
    serialise(session, "market.trade")
    listing = get_listing(session, listing_id, lock=True)
    if listing.seller_id == buyer.id:
        raise rules.OwnListing(listing=listing.id)
    batch = session.get_one(CreditBatch, listing.batch_id)
    project = session.get_one(Project, batch.project_id)
    if project.owner_organisation_id == buyer.id:
        raise rules.OwnProject(project=project.code)
    if listing.status != "open":
        raise rules.ListingClosed(listing.id, listing.status, buying=True)
    remaining = remaining_kg(session, listing)
    if quantity_kg > remaining:
        raise rules.MoreThanRemains(listing.id, quantity_kg, remaining)
    amount_fen = rules.amount_fen(quantity_kg, listing.price_fen_per_t)
    available_fen = ledger.balance(session, cash_key(buyer.holder)).available
    if amount_fen > available_fen:
        raise rules.ShortOfMoney(amount_fen, available_fen)
    trade = _settle(session, actor, listing, buyer, quantity_kg, amount_fen, now)
    if quantity_kg == remaining:
        listing.status, listing.closed_at = "sold", now
    audit(
        session,
        actor,
        "trade.buy",
        object_kind="trade",
        object_id=trade.code,
        now=now,
        detail={"listing": listing.id, "quantity_kg": quantity_kg, "amount_fen": amount_fen},
    )
    return trade


def _settle(
    session: Session,
    actor: Actor,
    listing: Listing,
    buyer: Organisation,
    quantity_kg: int,
    amount_fen: int,
    now: datetime,
) -> Trade:
    seller = get_organisation(session, listing.seller_id)
    batch = session.get_one(CreditBatch, listing.batch_id)
    number = (session.scalar(sa.select(sa.func.max(Trade.id))) or 0) + 1
    code = f"XY-T{number:06d}"
    goods_from, goods_to = holding_key(seller.holder, batch.code), holding_key(buyer.holder, batch.code)
    paid_into = proceeds_key(seller.holder) if listing.is_first_sale else cash_key(seller.holder)
    posted = ledger.post(
        session,
        Entry(
            reason="trade",
            reference=f"trade:{code}",
            moves=(
                Move(goods_from, goods_to, quantity_kg),
                Move(cash_key(buyer.holder), paid_into, amount_fen),
            ),
            effective_at=now,
            actor_name=actor.name,
            detail={"listing": listing.id, "price_fen_per_t": listing.price_fen_per_t},
            holds=(HoldUse(listing.hold_reference, quantity_kg),),
        ),
        now,
    )
    moved = [move.numbers for move in ledger.movement_ranges(session, posted.entry_id)]
    trade = Trade(
        id=number,
        code=code,
        listing_id=listing.id,
        batch_id=batch.id,
        buyer_id=buyer.id,
        seller_id=seller.id,
        quantity_kg=quantity_kg,
        price_fen_per_t=listing.price_fen_per_t,
        amount_fen=amount_fen,
        is_first_sale=listing.is_first_sale,
        ranges=[[numbers.first, numbers.last] for numbers in moved],
        entry_reference=f"trade:{code}",
        bought_by=actor.name,
        at=now,
    )
    session.add(trade)
    session.flush()
    return trade


def confirm_deposit(
    session: Session,
    actor: Actor,
    *,
    organisation_id: int,
    amount_fen: int,
    bank_reference: str,
    now: datetime,
) -> CashDeposit:
    """The bank has received money: it becomes the organisation's cash. One bank reference counts once.

    The same reference with the same organisation and amount answers the first deposit.
    Errors: ``NotFound`` (organisation), ``DepositConflict``.
    """
    organisation = get_organisation(session, organisation_id)
    found = session.scalar(sa.select(CashDeposit).where(CashDeposit.bank_reference == bank_reference))
    if found is not None:
        if (found.organisation_id, found.amount_fen) != (organisation_id, amount_fen):
            raise rules.DepositConflict(bank_reference, found.organisation_id, found.amount_fen)
        audit(session, actor, "cash.repeat", object_kind="cash_deposit", object_id=found.id, now=now)
        return found
    reference = f"deposit:{bank_reference}"
    deposit = CashDeposit(
        organisation_id=organisation_id,
        amount_fen=amount_fen,
        bank_reference=bank_reference,
        entry_reference=reference,
        confirmed_by=actor.name,
        confirmed_at=now,
    )
    session.add(deposit)
    # Flushed first: of two equal confirmations at once, the second waits here and finds the first.
    session.flush()
    bank = AccountKey(roles.BANK, roles.PLATFORM, Asset.CNY)
    ledger.post(
        session,
        Entry(
            reason="deposit",
            reference=reference,
            moves=(Move(bank, cash_key(organisation.holder), amount_fen),),
            effective_at=now,
            actor_name=actor.name,
        ),
        now,
    )
    audit(
        session,
        actor,
        "cash.deposit",
        object_kind="cash_deposit",
        object_id=deposit.id,
        now=now,
        detail={"organisation": organisation_id, "amount_fen": amount_fen, "bank_reference": bank_reference},
    )
    return deposit


@dataclass(frozen=True)
class Cash:
    """An organisation's money: for trading, waiting to be shared out, and the movements of the former."""

    organisation: str
    cash: Balance
    proceeds: Balance
    statement: Statement


def cash_of(session: Session, actor: Actor, *, limit: int = 50, before: int | None = None) -> Cash:
    """The actor's own organisation's money. Errors: ``NoOrganisation``."""
    organisation = _own_organisation(session, actor)
    key = cash_key(organisation.holder)
    return Cash(
        organisation=organisation.name_zh,
        cash=ledger.balance(session, key),
        proceeds=ledger.balance(session, proceeds_key(organisation.holder)),
        statement=ledger.statement(session, key, limit=limit, before=before),
    )


def _own_organisation(session: Session, actor: Actor) -> Organisation:
    if actor.organisation_id is None:
        raise rules.NoOrganisation
    return get_organisation(session, actor.organisation_id)
