"""Parcels on file get their first event; a changed register does not go back to the older program."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import shapely
import sqlalchemy as sa
from alembic import command

from carbon_platform.db import Database
from carbon_platform.migrate import alembic_config

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SHAPE = shapely.to_wkb(shapely.box(114.9, 32.0, 114.901, 32.001))
IMPORT: dict[str, Any] = {
    "file_name": "旧.zip", "file_sha256": "0" * 64, "region_code": "411522", "kind": "camellia",
    "family": "A", "encoding": "GB18030", "epsg": 4526, "crs_origin": "prj", "layer": "旧", "notes": [],
    "counts": {},
    "uploaded_by": "张专干", "uploaded_at": NOW,
}  # fmt: skip
PARCEL: dict[str, Any] = {
    "kind": "camellia", "county_code": "411522", "township_code": "411522207",
    "village_code": "411522207014", "area_m2": 10_000.5, "stated_area_m2": 10_000.0, "species_code": "751",
    "land_class_code": "0131", "planting_year": 2020, "right_holder": "某人", "attributes": {"age": "6"},
    "geometry": SHAPE, "source_geometry": SHAPE, "source_epsg": 4526, "min_lon": 114.9, "min_lat": 32.0,
    "max_lon": 114.901, "max_lat": 32.001, "valid_from": date(2026, 11, 19), "valid_to": None, "import_id": 1,
}  # fmt: skip
ROW: dict[str, Any] = {
    "import_id": 2, "identity": "x", "code": "c", "kind": "camellia", "findings": [], "attributes": {},
    "area_m2": 1.0, "stated_area_m2": 1.0, "county_code": "411522", "geometry": SHAPE,
    "source_geometry": SHAPE, "parcel_id": None,
}  # fmt: skip


def tables(db: Database) -> sa.MetaData:
    found = sa.MetaData()
    found.reflect(db.engine)
    return found


@pytest.fixture
def older(database_url: str) -> Iterator[Database]:
    """A database of the older tables: two parcels, one ended, and a report that waits."""
    command.upgrade(alembic_config(database_url), "0008")
    db = Database(database_url)
    known = tables(db).tables
    accepted = {
        "id": 1,
        "seen_parcel_id": 0,
        "status": "accepted",
        "accepted_by": "张专干",
        "accepted_at": NOW,
    }
    staged = {"id": 2, "seen_parcel_id": 2, "status": "staged", "accepted_by": None, "accepted_at": None}
    with db.engine.begin() as connection:
        connection.execute(known["parcel_import"].insert(), [IMPORT | accepted, IMPORT | staged])
        parcels = [
            PARCEL | {"id": n, "code": f"P{n}", "status": s} for n, s in ((1, "registered"), (2, "ended"))
        ]
        connection.execute(known["parcel"].insert(), parcels)
        rows = [ROW | {"id": n, "row_number": n, "outcome": o} for n, o in ((1, "accepted"), (2, "same"))]
        connection.execute(known["parcel_import_row"].insert(), rows)
    yield db
    db.dispose()


def test_parcels_on_file_get_a_first_event_and_waiting_reports_stay_good(older, database_url):
    command.upgrade(alembic_config(database_url), "0009")
    known = tables(older).tables
    with older.engine.connect() as connection:
        events = connection.execute(sa.select(known["parcel_event"]).order_by("parcel_id")).mappings().all()
        imports = connection.execute(sa.select(known["parcel_import"]).order_by("id")).mappings().all()
        rows = connection.execute(sa.select(known["parcel_import_row"]).order_by("id")).mappings().all()
        versions = connection.scalars(sa.select(known["parcel"].c.version)).all()
    assert [(e["parcel_id"], e["version"], e["kind"], e["status"]) for e in events] == [
        (1, 1, "registered", "registered"), (2, 1, "registered", "ended"),
    ]  # fmt: skip
    first = events[0]
    assert (
        bytes(first["geometry"]) == SHAPE
        and first["area_m2"] == 10_000.5
        and first["attributes"] == {"age": "6"}
    )
    assert (first["effective_on"], first["recorded_by"], first["right_holder"]) == (
        date(2026, 11, 19), "张专干", "某人",
    )  # fmt: skip
    assert versions == [1, 1] and [row["change"] for row in rows] == ["new", "same"]
    assert [record["seen_event_id"] for record in imports] == [0, events[-1]["id"]]
    assert [record["mode"] for record in imports] == ["add", "add"]


def test_an_unchanged_register_goes_back_and_a_changed_one_does_not(older, database_url):
    config = alembic_config(database_url)
    command.upgrade(config, "0009")
    command.downgrade(config, "0008")
    assert "parcel_event" not in tables(older).tables
    command.upgrade(config, "0009")
    copied = (
        "INSERT INTO parcel_event (parcel_id, version, kind, effective_on, import_id, reason, recorded_by, "
        "recorded_at, parcel_kind, status, county_code, township_code, village_code, area_m2, species_code, "
        "land_class_code, right_holder, attributes, geometry, source_geometry, source_epsg) "
        "SELECT parcel_id, 2, 'ended', effective_on, import_id, '', '', recorded_at, parcel_kind, 'ended', "
        "county_code, township_code, village_code, area_m2, species_code, land_class_code, right_holder, "
        "attributes, geometry, source_geometry, source_epsg FROM parcel_event WHERE parcel_id = 1"
    )
    with older.engine.begin() as connection:
        connection.execute(sa.text(copied))
    with pytest.raises(RuntimeError, match="1 changes of parcels are on file"):
        command.downgrade(config, "0008")
