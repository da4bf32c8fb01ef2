"""The quick check of one shape finds what the check of a whole layer finds, on both engines."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from parcel_house import NOW, OFFICER
from parcel_layers import layer, record, square

from carbon_platform.db import Database
from carbon_platform.parcels import acceptance, service
from carbon_platform.parcels.tables import Parcel
from carbon_platform.parcels.taken import taken_land
from gis.crs import PLANE, to_lonlat, to_plane
from gis.overlap import DEFAULT, overlaps_between, shared_with


@pytest.fixture
def land(db: Database) -> Database:
    """Twenty fields of a hectare side by side, every fifth of them ended."""
    rows = [record(n + 1) for n in range(20)]
    shapes = [square(n % 5, n // 5) for n in range(20)]
    checked = service.check_layer(
        db.read, OFFICER, layer(rows, shapes), file_name="a.zip", file_sha256="0" * 64
    )
    number = db.transact(lambda s: service.stage_import(s, OFFICER, checked, now=NOW).id)
    db.transact(lambda s: acceptance.accept_import(s, OFFICER, number, now=NOW))
    db.transact(lambda s: s.execute(sa.update(Parcel).where(Parcel.id % 5 == 0).values(status="ended")))
    return db


def test_one_shape_is_checked_as_a_layer_is(land: Database) -> None:
    with land.engine.connect() as connection:
        rows = connection.execute(
            sa.select(Parcel.code, Parcel.geometry).where(Parcel.status == "registered").order_by(Parcel.id)
        ).all()
    codes, shapes = [row.code for row in rows], shapely.from_wkb([row.geometry for row in rows])
    assert len(codes) == 16
    rng = np.random.default_rng(11)
    seen: set[str] = set()
    for _ in range(40):
        plane = square(rng.uniform(-1, 5), rng.uniform(-1, 4), side_m=rng.uniform(1, 250))
        [drawn] = to_lonlat([shapely.affinity.rotate(plane, rng.uniform(0, 90))], PLANE)
        found = land.read(lambda session, drawn=drawn: taken_land(session, drawn, DEFAULT))
        wanted = overlaps_between(to_plane([drawn]), to_plane(shapes), DEFAULT)
        pairs = zip(wanted["right"], wanted["area_m2"], wanted["width_m"], wanted["kind"], strict=True)
        assert sorted((one.code, one.area_m2, one.width_m, one.kind) for one in found) == sorted(
            (codes[right], area_m2, width_m, kind) for right, area_m2, width_m, kind in pairs
        )
        assert [one.area_m2 for one in found] == sorted((one.area_m2 for one in found), reverse=True)
        seen |= {one.kind for one in found}
    assert "overlap" in seen


def test_a_touch_a_sliver_and_a_copy(land: Database) -> None:
    def check(plane: shapely.Polygon) -> list[tuple[str, float]]:
        [drawn] = to_lonlat([plane], PLANE)
        found = land.read(lambda session: taken_land(session, drawn, DEFAULT))
        return [(one.kind, round(one.share_of_smaller, 3)) for one in found]

    assert check(square(-1, 0)) == []  # shares a border only
    assert check(square(-0.995, 0)) == [("sliver", 0.005)]
    assert check(square(0, 0)) == [("overlap", 1.0)]
    assert check(square(4, 0)) == []  # that field has ended
    assert check(square(90, 90)) == []


def test_shared_with_nobody() -> None:
    found = shared_with(square(0, 0), [])
    assert [len(part) for part in found] == [0] * 5
