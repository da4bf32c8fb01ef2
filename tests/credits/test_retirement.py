"""Retiring: never more than is free, exact numbers, one certificate number each, and a digest that tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import NOW, World
from ticket_desk import batch_codes, prepare_tickets, retire

from carbon_platform import ledger
from carbon_platform.credits import certificates, retirement, tracing
from carbon_platform.credits.glyphs import GlyphMissing
from carbon_platform.credits.tables import BatchShare, CreditBatch, Retirement
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.ledger import HOLDING, RETIRED, AccountKey, Asset, HoldRequest
from carbon_platform.projects.rules import PeriodReversed
from carbon_platform.units import tonnes_text


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_tickets))
    yield world
    assert world.db.read(ledger.verify).ok
    world.close()


def account(world: World, role: str, batch: str, who: str = "operator") -> AccountKey:
    return AccountKey(role, world.actor(who).holder, Asset.CREDIT, batch)


def balance(world: World, role: str, batch: str) -> tuple[int, int]:
    key = account(world, role, batch)
    found = world.db.read(lambda s: ledger.balance(s, key))
    return found.posted, found.held


def numbers(spans: Any) -> set[int]:
    return {n for first, last in spans for n in range(first, last + 1)}


def papers(world: World) -> int:
    return int(world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Retirement))) or 0)


def test_ranges_are_exact_and_the_trace_adds_up(world: World) -> None:
    """91 t on four giving parcels; three certificates take the batch of 新县 apart to the kilogram."""
    first, second = batch_codes(world)
    total = sum(world.db.read(lambda s: s.scalars(sa.select(CreditBatch.quantity_kg)).all()))
    assert total == 91_000
    quantity_kg = balance(world, HOLDING, second)[0]
    parts = [1, 20_000, quantity_kg - 20_001]
    done = [retire(world, second, part) for part in parts]
    spans = [world.db.read(lambda s, r=r: tracing.spans_of(s, r)) for r in done]
    taken = [numbers(ranges) for own in spans for ranges in own.values()]
    assert [len(own) for own in taken] == parts
    assert set().union(*taken) == set(range(1, quantity_kg + 1))
    assert sum(map(len, taken)) == quantity_kg  # no number twice
    shares = world.db.read(
        lambda s: s.execute(
            sa.select(BatchShare.parcel_id, BatchShare.first, BatchShare.last)
            .join(CreditBatch)
            .where(CreditBatch.code == second)
        ).all()
    )
    for paper, own in zip(done, taken, strict=True):
        traced = world.db.read(lambda s, p=paper: tracing.parcels_of(s, p))
        expected = {parcel: len(own & set(range(a, z + 1))) for parcel, a, z in shares}
        assert {t.parcel.id: t.quantity_kg for t in traced} == {k: kg for k, kg in expected.items() if kg}
        assert sum(t.quantity_kg for t in traced) == paper.quantity_kg
    assert balance(world, HOLDING, second) == (0, 0)
    assert balance(world, RETIRED, second) == (quantity_kg, 0)
    assert balance(world, HOLDING, first)[0] == total - quantity_kg


def test_more_than_available_is_refused_with_the_figures(world: World) -> None:
    batch = batch_codes(world)[0]
    have = balance(world, HOLDING, batch)[0]
    for wanted in (have + 1, 10**12):
        with pytest.raises(ledger.InsufficientBalance) as refused:
            retire(world, batch, wanted)
        assert f"可用 {tonnes_text(have)} 吨" in refused.value.message("zh")
    for wanted in (0, -1):
        with pytest.raises(ledger.AmountInvalid):
            retire(world, batch, wanted)
    with pytest.raises(ledger.InsufficientBalance):
        retire(world, batch, 1, "alpha")  # holds nothing of it
    assert (balance(world, HOLDING, batch), papers(world)) == ((have, 0), 0)
    retire(world, batch, have)
    with pytest.raises(ledger.InsufficientBalance):
        retire(world, batch, 1)


def test_what_is_listed_cannot_be_retired_until_it_is_free_again(world: World) -> None:
    batch = batch_codes(world)[0]
    key = account(world, HOLDING, batch)
    have = balance(world, HOLDING, batch)[0]
    request = HoldRequest("listing:test", key, have - 500, "listing")
    world.db.transact(lambda s: ledger.hold(s, request, NOW))
    with pytest.raises(ledger.InsufficientBalance):
        retire(world, batch, 501)
    retire(world, batch, 500)
    with pytest.raises(ledger.InsufficientBalance):
        retire(world, batch, 1)
    world.db.transact(lambda s: ledger.void_hold(s, "listing:test", NOW))
    retire(world, batch, have - 500)
    assert balance(world, HOLDING, batch) == (0, 0)


def test_a_reversed_period_and_a_user_without_organisation(world: World) -> None:
    batch = batch_codes(world)[0]
    actor = world.actor("operator")
    words = {"purpose": "event", "beneficiary_name": "某", "beneficiary_credit_code": ""}

    def backwards(session: Any) -> Retirement:
        return retirement.retire(
            session, actor, lines=[(batch, 1)], consumption_from=date(2026, 11, 3),
            consumption_to=date(2026, 11, 2), consumption_place="信阳", now=NOW, **words,
        )  # fmt: skip

    with pytest.raises(PeriodReversed):
        world.db.transact(backwards)
    with pytest.raises(retirement.NoHolder):
        retire(world, batch, 1, "ecology")
    assert papers(world) == 0


def test_eight_at_once_for_six_kilograms_and_four_more_get_ten_numbers(world: World) -> None:
    """Two of the eight must lose; every certificate has a number of its own, without a gap."""
    small, large = batch_codes(world)
    retire(world, small, balance(world, HOLDING, small)[0] - 6)
    actor = world.actor("operator")
    start = threading.Barrier(12)
    got: list[str] = []
    lost: list[str] = []

    def work(number: int) -> None:
        start.wait()
        batch = small if number < 8 else large
        try:
            got.append(retire(world, batch, 1, actor).certificate_number)
        except ledger.InsufficientBalance as refused:
            lost.append(refused.code)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [f"XY-C2026-{n:06d}" for n in range(2, 12)]
    assert len(lost) == 2
    assert balance(world, HOLDING, small) == (0, 0)


def test_numbers_begin_again_each_year(world: World) -> None:
    batch = batch_codes(world)[0]
    actor = world.actor("operator")
    assert retire(world, batch, 1, actor).certificate_number == "XY-C2026-000001"
    assert retire(world, batch, 1, actor).certificate_number == "XY-C2026-000002"
    for moment, number in {
        "2026-12-31T15:59:59+00:00": "XY-C2026-000003",
        "2026-12-31T16:00:00+00:00": "XY-C2027-000001",  # midnight in Xinyang
        "2027-03-01T00:00:00+00:00": "XY-C2027-000002",
    }.items():
        world.now = datetime.fromisoformat(moment)
        assert retire(world, batch, 1, actor).certificate_number == number


def test_an_unprintable_name_retires_nothing(world: World) -> None:
    batch = batch_codes(world)[0]
    have = balance(world, HOLDING, batch)
    audited = world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(AuditRecord)))
    for name, said in {
        "𠮷野会议": "𠮷(U+20BB7)",
        "会议🌱": "🌱(U+1F331)",
        "会\u200b议": "U+200B",
        "\u202e议会": "U+202E",
        "会\n议": "U+000A",
    }.items():
        for field in ("beneficiary_name", "consumption_place"):
            with pytest.raises(GlyphMissing) as refused:
                retire(world, batch, 1000, **{field: name})
            assert refused.value.code == "credits.glyph_missing"
            for language in ("zh", "en"):
                assert said in refused.value.message(language)
    assert (balance(world, HOLDING, batch), papers(world)) == (have, 0)
    assert world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(AuditRecord))) == audited


def test_the_digest_does_not_depend_on_the_zone_of_the_clock(world: World) -> None:
    batch = batch_codes(world)[0]
    actor = world.actor("operator")
    world.now = datetime.fromisoformat("2026-11-23T07:59:59.750+08:00")
    found = retire(world, batch, 1, actor)
    assert found.certificate_number == "XY-C2026-000001"
    assert world.db.read(lambda s: certificates.is_genuine(s, s.get_one(Retirement, found.id)))
