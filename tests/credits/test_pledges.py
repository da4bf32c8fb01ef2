"""Pledges: set aside under a number of their own, let go in whole or part, enforced; each step once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from project_world import World
from registry_desk import (
    assert_nothing_lost,
    held_by,
    organisation,
    pledge,
    position,
    prepare_registry,
    sell,
)
from ticket_desk import batch_codes, retire

from carbon_platform import ledger
from carbon_platform.credits import pledges
from carbon_platform.credits.pledges import MoreThanPledged, NotABank, PledgeClosed
from carbon_platform.credits.registry_tables import Pledge
from carbon_platform.credits.retirement import NoHolder
from carbon_platform.errors import NotFound


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_registry))
    yield world
    assert_nothing_lost(world)
    world.close()


def release(world: World, number: str, quantity_kg: int, who: str = "bank") -> Pledge:
    actor = world.actor(who)
    return world.db.transact(
        lambda s: pledges.release(
            s, actor, number, quantity_kg=quantity_kg, document="解字 1 号", now=world.now
        )
    )


def enforce(world: World, number: str, who: str = "bank") -> Pledge:
    actor = world.actor(who)
    return world.db.transact(
        lambda s: pledges.enforce(s, actor, number, document="（2027）豫民初1号", now=world.now)
    )


def seen(world: World, found: Pledge) -> pledges.PledgeView:
    return world.db.read(lambda s: pledges.view(s, s.get_one(Pledge, found.id)))


def test_a_pledge_keeps_its_own_numbers_and_returns_in_parts(world: World) -> None:
    batch = batch_codes(world)[0]
    have = held_by(world, batch, "operator")
    first, second = pledge(world, batch, 1_000), pledge(world, batch, 500)
    assert [first.number, second.number] == ["XY-Z2026-000001", "XY-Z2026-000002"]
    assert [(r.first, r.last) for r in seen(world, first).ranges] == [(1, 1_000)]
    assert [(r.first, r.last) for r in seen(world, second).ranges] == [(1_001, 1_500)]
    assert position(world, batch) == {"available": have - 1_500, "pledged": 1_500}
    with pytest.raises(ledger.InsufficientBalance):
        retire(world, batch, have - 1_499)
    assert release(world, first.number, 400).status == "pledged"
    assert seen(world, first).left_kg == 600
    with pytest.raises(MoreThanPledged) as refused:
        release(world, first.number, 601)
    assert "还剩 0.600 吨" in refused.value.message("zh")
    assert release(world, first.number, 600).status == "released"
    for again in (lambda: release(world, first.number, 1), lambda: enforce(world, first.number)):
        with pytest.raises(PledgeClosed):
            again()
    assert [(s.position, s.kind, s.quantity_kg) for s in seen(world, first).steps] == [
        (1, "release", 400),
        (2, "release", 600),
    ]
    assert position(world, batch) == {"available": have - 500, "pledged": 500}
    assert held_by(world, batch, "operator") == have - 500


def test_enforcement_gives_the_bank_what_is_left(world: World) -> None:
    batch = batch_codes(world)[1]
    sell(world, batch, 2_000, "alpha")
    made = pledge(world, batch, 2_000, "alpha")
    release(world, made.number, 500)
    assert enforce(world, made.number).status == "enforced"
    assert (held_by(world, batch, "bank"), held_by(world, batch, "alpha")) == (1_500, 500)
    assert seen(world, made).left_kg == 0
    with pytest.raises(PledgeClosed):
        enforce(world, made.number)


def test_only_the_bank_it_was_made_to_decides(world: World) -> None:
    batch = batch_codes(world)[0]
    made = pledge(world, batch, 100)
    for who in ("operator", "otherbank", "alpha", "ecology"):
        for attempt in (
            lambda w=who: release(world, made.number, 1, w),
            lambda w=who: enforce(world, made.number, w),
        ):
            with pytest.raises(NotFound):
                attempt()
    for who, found in {"operator": 1, "bank": 1, "otherbank": 0, "alpha": 0}.items():
        actor = world.actor(who)
        listed = world.db.read(lambda s, a=actor: s.scalars(pledges.pledges_of(a)).all())
        assert len(listed) == found, who
    alpha = world.actor("alpha")
    with pytest.raises(NotFound):
        world.db.read(lambda s: pledges.get_pledge(s, alpha, made.number))


def test_what_cannot_be_pledged(world: World) -> None:
    batch = batch_codes(world)[0]
    have = held_by(world, batch, "operator")
    with pytest.raises(NotABank):
        pledge(world, batch, 1, to="alpha")
    with pytest.raises(NoHolder):
        pledge(world, batch, 1, "ecology")
    with pytest.raises(ledger.InsufficientBalance):
        pledge(world, batch, have + 1)
    for amount in (0, -1, 2**63):
        with pytest.raises(ledger.AmountInvalid):
            pledge(world, batch, amount)
    made = pledge(world, batch, 10)
    for amount in (0, -1):
        with pytest.raises(ledger.AmountInvalid):
            release(world, made.number, amount)
    assert made.number == "XY-Z2026-000001"
    assert organisation(world, "bank") == made.pledgee_id
    assert seen(world, made).left_kg == 10


def test_six_releases_at_once_of_a_pledge_for_four(world: World) -> None:
    batch = batch_codes(world)[0]
    made = pledge(world, batch, 400)
    start = threading.Barrier(6)
    done: list[str] = []
    lost: list[str] = []

    def work() -> None:
        start.wait()
        try:
            done.append(release(world, made.number, 100).status)
        except (MoreThanPledged, PledgeClosed) as refused:
            lost.append(refused.code)

    world.actor("bank")
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(lost)) == (4, 2)
    assert [step.position for step in seen(world, made).steps] == [1, 2, 3, 4]
    assert seen(world, made).left_kg == 0
