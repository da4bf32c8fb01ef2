"""Land of a partner city: registered by its own officers, by its own borders, unseen by the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas
import pytest
import shapely
from parcel_house import NOW, actor, prepare_parcels
from test_region_boundaries import LUAN_COUNTIES, store, xzq
from test_region_lists import LUAN, load

from carbon_platform.db import Database
from carbon_platform.parcels import register, service

FIELDS = {
    "XIAN": ["341525"], "XIANG": ["341525103"], "CUN": ["341525103001"], "LIN_BAN": ["0001"],
    "XIAO_BAN": ["00001"],
    "DI_LEI": ["0131"], "YOU_SHI_SZ": ["油茶"], "MIAN_JI": [1.05], "LMSYQ": ["20"],
}  # fmt: skip


@pytest.fixture
def city(engine_name: str, fresh_database: Callable[..., str], tmp_path: Path) -> Database:
    db = Database(fresh_database(engine_name, prepare_parcels))
    load(db, LUAN)
    store(db, xzq(tmp_path / "border", LUAN_COUNTIES), day=date(2026, 1, 1))
    return db


def checked(db: Database, path: Path, region: str, on: date | None = date(2026, 11, 22)) -> service.Checked:
    return service.check_file(db.read, actor(region), path, on=on)


def test_a_partner_s_officer_registers_its_land(city: Database, tmp_path: Path) -> None:
    field = shapely.box(116.2, 31.35, 116.201, 31.351)
    path = tmp_path / "小班.gpkg"
    geopandas.GeoDataFrame(FIELDS, geometry=[field], crs=4490).to_file(path)
    found = checked(city, path, "341525")
    [row] = found.staged.prepared.rows
    assert (row.county, row.outcome, row.kind) == ("341525", "accepted", "camellia"), row.findings

    def accept(session: object) -> int:
        record = service.stage_import(session, actor("341525"), found, now=NOW)  # type: ignore[arg-type]
        return record.id

    number = city.transact(accept)
    done = city.transact(lambda s: service.accept_import(s, actor("341525"), number, now=NOW))
    assert done.registered_rows == 1
    seen = lambda region: len(  # noqa: E731
        city.read(lambda s: list(s.scalars(register.parcels_statement(actor(region)))))
    )
    assert (seen("3415"), seen("341525"), seen("341502"), seen("4115")) == (1, 1, 0, 0)
    # Without its borders, or before they were in force, it is land outside.
    for on in (None, date(2025, 6, 1)):
        [row] = checked(city, path, "341525", on=on).staged.prepared.rows
        assert [one["code"] for one in row.findings] == ["outside_city"]
    # A neighbour's officer is told whose land it is, by name.
    [row] = checked(city, path, "341502").staged.prepared.rows
    assert row.outcome == "refused" and "霍山县" in row.findings[0]["zh"]
    city.dispose()
