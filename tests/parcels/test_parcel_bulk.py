"""The quick way into the register writes what the careful way writes, and steps aside when anything moved."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from parcel_house import NOW, OFFICER, prepare_parcels
from parcel_layers import layer, record, square

from carbon_platform.db import Database
from carbon_platform.parcels import acceptance, service
from carbon_platform.parcels.candidates import candidates
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.tables import Parcel, ParcelImportRow

BOXES = (Parcel.min_lon, Parcel.min_lat, Parcel.max_lon, Parcel.max_lat)


def staged(db: Database, rows: list[dict[str, Any]], shapes: list[Any]) -> int:
    checked = service.check_layer(
        db.read, OFFICER, layer(rows, shapes), file_name="a.zip", file_sha256="0" * 64
    )
    return int(db.transact(lambda s: service.stage_import(s, OFFICER, checked, now=NOW).id))


def accept(db: Database, number: int, **more: bool) -> acceptance.Acceptance:
    return db.transact(lambda s: acceptance.accept_import(s, OFFICER, number, now=NOW, **more))


def written(db: Database) -> list[list[tuple[Any, ...]]]:
    """Everything both ways write, without the ids of their own."""
    with db.engine.connect() as connection:
        tables = []
        for table, by in (
            (Parcel, Parcel.code),
            (ParcelEvent, ParcelEvent.parcel_id),
            (ParcelImportRow, None),
        ):
            names = [c for c in table.__table__.columns if c.name != "id"]
            order = by if by is not None else ParcelImportRow.row_number
            tables.append([tuple(row) for row in connection.execute(sa.select(*names).order_by(order))])
        return tables


def a_layer() -> tuple[list[dict[str, Any]], list[Any]]:
    """Twelve fields: two of them on the same land, one typed in another unit, one too small, one twice."""
    shapes = [square(n % 6, n // 6) for n in range(12)]
    rows = [record(n + 1, BEIZHU="南坡" * (n % 3), PINGJUN_NL=n) for n in range(12)]
    shapes[4] = square(3.5, 0)
    rows[7]["MIAN_JI"] = 15.0
    shapes[9], rows[9]["MIAN_JI"] = square(3, 1, side_m=20), 0.04
    rows[11]["XIAO_BAN"] = rows[10]["XIAO_BAN"]
    return rows, shapes


@pytest.mark.parametrize("include_warned", [False, True])
def test_both_ways_write_the_same(
    db: Database, monkeypatch: pytest.MonkeyPatch, fresh_database: Any, engine_name: str, include_warned: bool
) -> None:
    other = Database(fresh_database(engine_name, prepare_parcels))
    tried: list[bool] = []
    quick = acceptance.enter_new

    def noted(*given: Any) -> bool:
        tried.append(quick(*given))
        return tried[-1]

    monkeypatch.setattr(acceptance, "enter_new", noted)
    done = accept(db, staged(db, *a_layer()), include_warned=include_warned)
    monkeypatch.setattr(acceptance, "enter_new", lambda *_: False)
    careful = accept(other, staged(other, *a_layer()), include_warned=include_warned)
    assert tried == [True]
    assert 7 <= done.registered_rows == careful.registered_rows
    assert done.waiting_rows == careful.waiting_rows
    assert done.registered_area_m2 == careful.registered_area_m2
    assert written(db) == written(other)
    other.dispose()


def test_what_entered_is_found_by_its_box_and_twice_is_once(db: Database) -> None:
    number = staged(db, *a_layer())
    first = accept(db, number)
    again = accept(db, number)
    assert again.registered_rows == first.registered_rows
    with db.engine.connect() as connection:
        found = connection.execute(sa.select(Parcel.id, *BOXES)).all()
    assert len(found) == first.registered_rows
    for parcel_id, *box in found:
        assert parcel_id in db.read(lambda session, box=box: candidates(session, tuple(box)))


def test_a_parcel_registered_meanwhile_is_met_and_refuses_the_row(db: Database) -> None:
    """The quick way must not be taken when the register moved after the report."""
    mine = staged(db, [record(1), record(2)], [square(0), square(1)])
    other = staged(db, [record(77)], [square(-0.5)])
    accept(db, other)
    done = accept(db, mine)
    assert done.registered_rows == 1
    assert [row.row_number for row in done.refused] == [1]
    assert [entry["code"] for entry in done.refused[0].findings if entry.get("at")] == ["overlap_register"]
