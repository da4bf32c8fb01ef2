"""One certificate over several batches: one entry or nothing, exact to the parcel, opened line by line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import World
from registry_desk import assert_nothing_lost, prepare_registry, sell
from ticket_desk import batch_codes, retire_lines, scatter, seven_batches

from carbon_platform import ledger
from carbon_platform.credits import certificates, tracing
from carbon_platform.credits.explain import explain
from carbon_platform.credits.retirement import LINES_MAX, LinesWrong
from carbon_platform.credits.tables import (
    BatchShare,
    CreditBatch,
    Retirement,
    RetirementLine,
    RetirementRange,
)
from carbon_platform.errors import NotFound
from carbon_platform.identity.tables import AuditRecord


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_registry))
    yield world
    assert_nothing_lost(world)
    world.close()


def counted(world: World) -> list[int]:
    models = (Retirement, RetirementLine, RetirementRange, AuditRecord)
    return [
        int(world.db.read(lambda s, m=model: s.scalar(sa.select(sa.func.count()).select_from(m))) or 0)
        for model in models
    ]


def test_seven_batches_one_entry_one_certificate(world: World) -> None:
    lines = seven_batches(world)
    scatter(world, lines[0][0], pieces=5)
    lines[0] = (lines[0][0], 5)
    made = retire_lines(world, lines)
    entry = world.db.read(lambda s: ledger.find_entry(s, f"retirement:{made.certificate_number}"))
    assert entry is not None
    moved = world.db.read(lambda s: ledger.movement_ranges(s, entry.entry_id))
    by_lot: dict[str, int] = {}
    for move in moved:
        by_lot[move.lot] = by_lot.get(move.lot, 0) + move.numbers.length
    assert by_lot == dict(lines)
    assert made.quantity_kg == sum(by_lot.values())
    said = certificates.view(made)
    assert [(line["batch"], line["quantity_kg"]) for line in said["lines"]] == lines
    assert len(said["lines"][0]["serials"]) == 5
    stored = world.db.read(
        lambda s: s.scalars(sa.select(RetirementRange.serial).order_by(RetirementRange.serial)).all()
    )
    assert stored == sorted(said["serials"])


def test_every_kilogram_leads_to_its_parcel(world: World) -> None:
    """Five batches come from one parcel; it stands once on the certificate, with all its kilograms."""
    made = retire_lines(world, seven_batches(world))
    spans = world.db.read(lambda s: tracing.spans_of(s, made))
    shares = world.db.read(
        lambda s: s.execute(
            sa.select(BatchShare.batch_id, BatchShare.parcel_id, BatchShare.first, BatchShare.last)
        ).all()
    )
    owner_of = {
        (batch_id, number): parcel_id
        for batch_id, parcel_id, first, last in shares
        for number in range(first, last + 1)
    }
    expected: dict[int, int] = {}
    for batch_id, own in spans.items():
        for first, last in own:
            for number in range(first, last + 1):
                parcel_id = owner_of[batch_id, number]
                expected[parcel_id] = expected.get(parcel_id, 0) + 1
    traced = world.db.read(lambda s: tracing.parcels_of(s, made))
    assert {one.parcel.id: one.quantity_kg for one in traced} == expected
    assert sum(expected.values()) == made.quantity_kg
    for one in traced:
        assert sum(part.last - part.first + 1 for part in one.parts) == one.quantity_kg
    assert max(len(one.parts) for one in traced) == 5


@pytest.mark.parametrize("short", range(3))
def test_one_line_too_much_and_nothing_is_retired(world: World, short: int) -> None:
    first, second = batch_codes(world)
    sell(world, first, 100, "alpha", "one")
    sell(world, second, 100, "alpha", "two")
    lines = [(first, 100), (second, 100)]
    if short < 2:
        lines[short] = (lines[short][0], 101)
    before = counted(world)
    if short < 2:
        with pytest.raises(ledger.InsufficientBalance) as refused:
            retire_lines(world, lines, "alpha")
        assert lines[short][0] in refused.value.message("zh")
    else:
        with pytest.raises(NotFound):
            retire_lines(world, [*lines, ("XY-none", 1)], "alpha")
    assert counted(world) == before
    retire_lines(world, [(first, 100), (second, 100)], "alpha")


def test_a_list_that_cannot_be_retired(world: World) -> None:
    first, second = batch_codes(world)
    world.actor("operator")  # signing in leaves a record too
    before = counted(world)
    with pytest.raises(LinesWrong) as refused:
        retire_lines(world, [(first, 1), (second, 1), (first, 2)])
    [finding] = refused.value.errors
    assert (finding["row"], finding["value"]) == (3, first)
    assert "第 3 行与第 1 行" in refused.value.message("zh")
    for lines in ([], [(f"{first}{n}", 1) for n in range(LINES_MAX + 1)]):
        with pytest.raises(LinesWrong):
            retire_lines(world, lines)
    for amount in (0, -1, 2**63):
        with pytest.raises(ledger.AmountInvalid):
            retire_lines(world, [(first, 1), (second, amount)])
    assert counted(world) == before


def test_crosswise_at_once_nobody_waits_for_ever(world: World) -> None:
    """Two batches named in either order by six people at once: every one is served, none twice."""
    first, second = batch_codes(world)
    actor = world.actor("operator")
    start = threading.Barrier(6)
    made: list[Any] = []

    def work(turned: bool) -> None:
        start.wait()
        lines = [(first, 10), (second, 20)]
        made.append(retire_lines(world, lines[::-1] if turned else lines, actor))

    threads = [threading.Thread(target=work, args=(n % 2 == 0,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.certificate_number for one in made) == [f"XY-C2026-{n:06d}" for n in range(1, 7)]
    serials = [text for one in made for text in certificates.view(one)["serials"]]
    assert len(serials) == len(set(serials)) == 12


def test_it_opens_into_its_batches_and_their_parcels(world: World) -> None:
    lines = seven_batches(world)
    made = retire_lines(world, lines)
    told = world.db.read(lambda s: explain(s, None, "retirement", made.certificate_number, is_demo=True))
    assert "出自 7 个批次" in told.sentence_zh
    assert [link.ref for link in told.children if link.kind == "batch"] == [code for code, _ in lines]
    rows = [link for link in told.children if link.kind == "run-row"]
    assert sum(link.value for link in rows) == made.quantity_kg == told.figure.value
    assert [equation.value for equation in told.equations] == [made.quantity_kg] * 2
    assert f"= {made.quantity_kg:,}" in told.equations[1].numeric
    # What stands behind the certificate is public for every one of its batches.
    for code, _ in lines:
        assert world.db.read(lambda s, c=code: explain(s, None, "batch", c, is_demo=True)).ref == code


def test_a_batch_counts_what_several_certificates_took(world: World) -> None:
    first, second = batch_codes(world)
    for _ in range(3):
        retire_lines(world, [(first, 10), (second, 5)])
    for code, kg in ((first, 30), (second, 15)):
        position = world.db.read(lambda s, c=code: ledger.lot_position(s, c))
        assert position.retired == kg
        batch_id = world.db.read(lambda s, c=code: s.scalar(sa.select(CreditBatch.id).filter_by(code=c)))
        taken = sa.select(sa.func.sum(RetirementLine.quantity_kg)).where(RetirementLine.batch_id == batch_id)
        assert world.db.read(lambda s, q=taken: s.scalar(q)) == kg
