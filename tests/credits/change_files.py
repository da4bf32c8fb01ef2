"""Layers of fire and clear-cut as monitoring sends them, over the tickets' world."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from project_world import NOW, World
from registry_desk import prepare_registry
from sqlalchemy.orm import Session

from carbon_platform.credits import land_changes, land_reviews
from carbon_platform.credits.land_change_rules import day_of, kind_of
from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.candidates import bbox_ddl, index_boxes
from carbon_platform.parcels.tables import Parcel
from gis.crs import PLANE, to_lonlat
from gis.measure import ellipsoidal_area_m2

FIRE = {"类型": "森林火灾", "发生日期": "2026-05-04"}
CUT = {"类型": "皆伐", "发生日期": "2026/6/1"}


def prepare_changes(url: str) -> None:
    """For ``fresh_database(engine_name, prepare_changes)``: the tickets' world, its land in the index."""
    prepare_registry(url)
    db = Database(url)
    with db.engine.begin() as connection:
        for statement in bbox_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)
    db.transact(index_all)
    db.dispose()


def index_all(session: Session) -> None:
    columns = (Parcel.min_lon, Parcel.min_lat, Parcel.max_lon, Parcel.max_lat)
    rows = session.execute(sa.select(Parcel.id, *columns)).all()
    index_boxes(session, ((row[0], tuple(row[1:])) for row in rows))


def geojson(shapes: Sequence[shapely.Geometry], *facts: Mapping[str, Any]) -> bytes:
    """Shapes of the plane with the facts of each (the last one for all that follow)."""
    places = to_lonlat(np.array(shapes, dtype=object), PLANE)
    features = [
        {"type": "Feature", "properties": dict(facts[min(number, len(facts) - 1)]) if facts else {"n": 1},
         "geometry": json.loads(shapely.to_geojson(place))}
        for number, place in enumerate(places)
    ]  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def check(
    world: World, folder: Path, content: bytes, *, kind: str | None = None, day: date | None = None,
    name: str = "fire.geojson",
) -> land_changes.CheckedLayer:  # fmt: skip
    path = folder / f"layer{Path(name).suffix}"
    path.write_bytes(content)
    return land_changes.check_layer(
        path, file_name=name, scratch=folder, kind=kind, happened_on=day, now=world.now
    )


def drawn(shapes: Sequence[shapely.Geometry], facts: Mapping[str, str]) -> land_changes.CheckedLayer:
    """What checking the file of these shapes gives, without a file and its sandbox."""
    places = to_lonlat(np.array(shapes, dtype=object), PLANE)
    kind, day = kind_of(facts["类型"]), day_of(facts["发生日期"], NOW.date())
    assert kind and day
    rows = [
        land_changes.ChangeRow(number, kind, day, place, float(area))
        for number, (place, area) in enumerate(zip(places, ellipsoidal_area_m2(places), strict=True), start=1)
    ]
    digest = hashlib.sha256(repr([place.wkt for place in places]).encode() + kind.encode()).hexdigest()
    return land_changes.CheckedLayer("fire.geojson", digest, 4490, "coordinates", [], rows, [])


def enter(world: World, checked: land_changes.CheckedLayer, who: str | Actor = "forestry") -> LandChangeLayer:
    actor = world.actor(who) if isinstance(who, str) else who
    return world.db.transact(
        lambda s: land_changes.enter(s, actor, checked, source="卫星变化图斑（测试）", now=world.now)
    )


def flags_of(world: World, layer: LandChangeLayer) -> list[tuple[LandFlag, str]]:
    """Flags of a layer with the codes of their parcels, by number."""
    rows = sa.select(LandFlag, Parcel.code).join(Parcel, Parcel.id == LandFlag.parcel_id)
    wanted = rows.where(LandFlag.layer_id == layer.id).order_by(LandFlag.number)
    return [(flag, code) for flag, code in world.db.read(lambda s: s.execute(wanted).all())]


def review(
    world: World, layer: LandChangeLayer, decision: str, who: str = "ecology", **more: Any
) -> list[LandFlag]:
    actor = world.actor(who)
    words = {"note": "现场看过", "document": "信环函〔2026〕9号"} | more
    return world.db.transact(
        lambda s: land_reviews.review(s, actor, layer.number, decision=decision, now=world.now, **words)
    )
