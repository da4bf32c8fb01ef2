"""The tickets' world with a bank, and what must hold after whatever the registry did."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from project_world import NOW, PASSWORD, World
from sqlalchemy.orm import Session
from ticket_desk import give, prepare_tickets

from carbon_platform import ledger
from carbon_platform.credits import cancellation, invalidation, pledges
from carbon_platform.credits.registry_tables import Cancellation, Invalidation, Pledge
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation, add_user
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import HOLDING, AccountKey, Asset


def prepare_registry(url: str) -> None:
    """For ``fresh_database(engine_name, prepare_registry)``: two banks with a log-in each."""
    prepare_tickets(url)
    db = Database(url)

    def work(session: Session) -> None:
        for name in ("bank", "otherbank"):
            made = add_organisation(
                session, SYSTEM, name_zh=f"{name}（测试）", kind="bank", region_code="4115", now=NOW
            )
            add_user(
                session, SYSTEM, username=name, password=PASSWORD, display_name=f"{name} 柜面", role="bank",
                region_code="4115", now=NOW, organisation_id=made.id,
            )  # fmt: skip

    db.transact(work)
    db.dispose()


def organisation(world: World, who: str) -> int:
    found = world.db.read(lambda s: s.scalar(sa.select(Organisation.id).filter_by(name_zh=f"{who}（测试）")))
    assert found
    return int(found)


def holding(world: World, batch: str, who: str) -> AccountKey:
    return AccountKey(HOLDING, world.actor(who).holder, Asset.CREDIT, batch)


def held_by(world: World, batch: str, who: str) -> int:
    key = holding(world, batch, who)
    return world.db.read(lambda s: ledger.balance(s, key)).posted


def sell(world: World, batch: str, quantity_kg: int, who: str, reference: str = "sale") -> None:
    """Kilograms of the operator become another's."""
    ours, theirs = holding(world, batch, "operator"), holding(world, batch, who)
    world.db.transact(lambda s: give(s, ours, theirs, quantity_kg, reference, world.now))


def pledge(world: World, batch: str, quantity_kg: int, who: str = "operator", to: str = "bank") -> Pledge:
    actor, bank = world.actor(who), organisation(world, to)
    return world.db.transact(
        lambda s: pledges.pledge(
            s, actor, batch=batch, quantity_kg=quantity_kg, pledgee_id=bank, contract_reference="质字 1 号",
            register_name="中登网", register_reference="0123456789", now=world.now,
        )
    )  # fmt: skip


def propose(world: World, batch: str, who: str = "ecology", **named: Any) -> Invalidation:
    actor = world.actor(who)
    words = {"reason": "地块重复计入", "document": "信环函〔2026〕1号"} | named
    return world.db.transact(lambda s: invalidation.propose(s, actor, batch=batch, now=world.now, **words))


def decide(world: World, number: str, who: str = "forestry", *, confirm: bool = True) -> Invalidation:
    actor = world.actor(who)
    return world.db.transact(
        lambda s: invalidation.decide_proposal(s, actor, number, confirm=confirm, note="", now=world.now)
    )


def cancel(world: World, batch: str, quantity_kg: int, who: str = "operator", **more: str) -> Cancellation:
    actor = world.actor(who)
    words = {"reason": "自愿取消"} | more
    return world.db.transact(
        lambda s: cancellation.cancel(s, actor, batch=batch, quantity_kg=quantity_kg, now=world.now, **words)
    )


def position(world: World, batch: str) -> dict[str, int]:
    """What is not zero of a batch's position, without what was issued."""
    found = world.db.read(lambda s: ledger.lot_position(s, batch))
    names = ("available", "held", "pledged", "retired", "cancelled", "invalidated")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def assert_nothing_lost(world: World) -> None:
    """Per batch: issued = available + held + pledged + retired + cancelled + invalidated; the books agree."""
    batches = world.db.read(lambda s: s.execute(sa.select(CreditBatch.code, CreditBatch.quantity_kg)).all())
    assert batches
    for code, quantity_kg in batches:
        found = world.db.read(lambda s, lot=code: ledger.lot_position(s, lot))
        assert found.issued == found.placed == quantity_kg, found
        everywhere = world.db.read(
            lambda s, lot=code, last=quantity_kg: ledger.located(s, lot, [ledger.Range(1, last)])
        )
        assert sum(place.numbers.length for place in everywhere) == quantity_kg
    report = world.db.read(ledger.verify)
    assert report.ok, report.findings
