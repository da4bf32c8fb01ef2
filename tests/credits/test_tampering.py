"""R15: whatever is changed in a stored certificate, its lines or its ranges, is found (both engines)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import NOW, World
from ticket_desk import batch_codes, prepare_tickets, retire, retire_lines

from carbon_platform.credits import certificates, retirement
from carbon_platform.credits.certificates import ContentUnreadable, canonical, sha256
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementLine, RetirementRange


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_tickets))
    yield world
    world.close()


def found(world: World, number: str) -> list[str]:
    return world.db.read(lambda s: certificates.differences(s, retirement.get_retirement(s, number)))


def change(world: World, statement: Any) -> None:
    with world.db.engine.begin() as connection:
        connection.execute(statement)


CHANGED: dict[str, Any] = {
    "certificate_number": "XY-C2026-000009",
    "quantity_kg": 1_001,
    "purpose": "product",
    "beneficiary_name": "另一会议（测试）",
    "beneficiary_credit_code": "91411500DEMO00001X",
    "consumption_from": date(2026, 10, 31),
    "consumption_to": date(2026, 11, 4),
    "consumption_place": "信阳市平桥区",
    "is_demo": False,
    "content": "{}",
    "digest": "0" * 64,
    "retired_by": "someone else",
    "retired_at": NOW + timedelta(microseconds=1),
}


def test_every_column_of_the_certificate(world: World) -> None:
    made = retire_lines(world, [(code, 1_500) for code in batch_codes(world)])
    table = Retirement.__table__
    changes = CHANGED | {"organisation_id": world.actor("alpha").organisation_id}
    assert set(changes) == set(table.columns.keys()) - {"id"}  # the lines point to it
    for field, value in changes.items():
        kept = getattr(made, field)
        assert kept != value
        change(world, sa.update(table).values({field: value}))
        number = value if field == "certificate_number" else made.certificate_number
        assert found(world, number), field
        change(world, sa.update(table).values({field: kept}))
        assert found(world, made.certificate_number) == [], field


def test_every_column_of_its_lines_and_ranges_and_a_row_more_or_less(world: World) -> None:
    first, second = batch_codes(world)
    retire(world, first, 10)
    made = retire(world, first, 1_500)
    other = retire(world, second, 700)
    batch_id = world.db.read(lambda s: s.scalar(sa.select(CreditBatch.id).filter_by(code=second)))
    own = {"retirement_id": other.id, "batch_id": batch_id}
    changed: dict[Any, dict[str, Any]] = {
        RetirementLine: own | {"position": 2, "quantity_kg": 1_499},
        RetirementRange: own | {"first": 12, "last": 1_511, "serial": f"{first}-1-1501"},
    }
    for model, changes in changed.items():
        table = model.__table__
        keys = [column.name for column in table.primary_key]
        assert set(changes) == set(table.columns.keys())
        rows = sa.select(table).where(table.c.retirement_id == made.id)
        row = dict(world.db.read(lambda s, q=rows: s.execute(q).mappings().one()))
        this = sa.and_(*(table.c[name] == row[name] for name in keys))
        for field, value in changes.items():
            assert row[field] != value
            altered = row | {field: value} | ({"position": 2} if field == "retirement_id" else {})
            if "position" not in row:
                altered.pop("position", None)
            change(world, sa.delete(table).where(this))
            change(world, sa.insert(table).values(altered))
            assert found(world, made.certificate_number), (table.name, field)
            there = sa.and_(*(table.c[n] == altered[n] for n in keys))
            change(world, sa.delete(table).where(there))
            assert found(world, made.certificate_number), (table.name, "deleted")
            change(world, sa.insert(table).values(row))
            assert found(world, made.certificate_number) == []
    extra = {"retirement_id": made.id, "batch_id": batch_id, "quantity_kg": 1, "position": 2}
    change(world, sa.insert(RetirementLine).values(extra))
    assert found(world, made.certificate_number) == ["lines"]
    change(world, sa.delete(RetirementLine).where(RetirementLine.position == 2))
    more = {"retirement_id": made.id, "batch_id": batch_id, "first": 9_001, "last": 9_002}
    change(world, sa.insert(RetirementRange).values(more | {"serial": f"{second}-9001-9002"}))
    assert found(world, made.certificate_number) == ["ranges"]


def test_every_word_of_the_frozen_text_even_with_a_new_digest(world: World) -> None:
    """Who writes text, digest and columns anew still has the ledger against them."""
    made = retire_lines(world, [(code, 1_500) for code in batch_codes(world)])
    said = json.loads(made.content)

    def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, dict | list):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from leaves(value[key], (*path, key))
        else:
            yield path

    paths = list(leaves(said))
    assert len(paths) > 30
    for path in paths:
        altered = json.loads(made.content)
        *way, last = path
        home = altered
        for key in way:
            home = home[key]
        home[last] = home[last] + 1 if isinstance(home[last], int) else f"{home[last]}x"
        text = canonical(altered)
        values = {"content": text, "digest": sha256(text)}
        if len(path) == 1 and path[0] in {"beneficiary_name", "consumption_place", "beneficiary_credit_code"}:
            values[path[0]] = altered[path[0]]
        change(world, sa.update(Retirement).values(values))
        expected = "ranges" if "ranges" in path else "ledger"
        assert expected in found(world, made.certificate_number), path
    kept = {name: getattr(made, name) for name in (*CHANGED, "organisation_id")}
    change(world, sa.update(Retirement).values(kept))
    assert found(world, made.certificate_number) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"lines": [{}]}', '{"lines": 1}'])
def test_a_text_that_is_no_certificate_any_more(world: World, text: str) -> None:
    made = retire(world, batch_codes(world)[0], 10)
    change(world, sa.update(Retirement).values(content=text, digest=sha256(text)))
    assert "content" in found(world, made.certificate_number)
    with pytest.raises(ContentUnreadable):
        world.db.read(lambda s: certificates.view(retirement.get_retirement(s, made.certificate_number)))
