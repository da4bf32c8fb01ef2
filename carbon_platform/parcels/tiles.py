"""The register as vector tiles: parcels from zoom 11, below it numbers per county and township.

What a tile holds, whatever the engine (layer: properties):

- zoom 11 and more: ``parcels``: feature id = the parcel's; ``code``, ``kind``, ``status``, and whatever
  ``labels`` add (absent where there is none). No owner, no attributes: those are asked for one by one.
- zoom 9 and 10: ``places``: a point per township; zoom 8 and less: a point per county. Properties ``level``,
  ``code``, ``name_zh``, ``name_en``, ``parcels``, ``area_m2``, ``main`` (the kind of most of the land) and
  the number of parcels of each kind under its name.
- zoom 8 and less also ``counties``: their outlines with the same properties.

Only the caller's region is in a tile; the rest of the world is empty. PostGIS cuts the tile where it is at
hand (see :mod:`spatial`), shapely elsewhere; both draw the same parcels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.candidates import MEETS, Box
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.places import Place, places_of
from carbon_platform.parcels.spatial import COLUMN, has_postgis
from carbon_platform.parcels.tables import Parcel
from gis import tiles
from gis.counties import load_counties
from gis.tiles import EXTENT, MARGIN, Tile

PARCELS_FROM: Final = 11
TOWNSHIPS_FROM: Final = 9
# The largest ones, should a tile ever hold more.
MOST: Final = 20_000
# Changes with what a tile looks like, so that no browser keeps one of before.
FORM: Final = "1"


@dataclass(frozen=True, eq=False)
class Label:
    """A property that a room above knows of parcels. ``values``: a select of (parcel id, value).

    A parcel with several rows gets the largest value; one without gets none. Made once and used again: the
    statement of a tile is kept for each set of labels.
    """

    name: str
    values: sa.Select[Any]


@dataclass(frozen=True)
class Wanted:
    """What to draw. ``status``: registered, ended, or empty for both; ``kind`` empty for all."""

    tile: Tile
    kind: str = ""
    status: str = "registered"


def data_version(session: Session) -> int:
    """Grows with every change of any parcel."""
    return session.scalar(sa.select(sa.func.max(ParcelEvent.id))) or 0


def parcel_tile(session: Session, actor: Actor, wanted: Wanted, *, labels: Sequence[Label] = ()) -> bytes:
    """The tile as bytes (MVT); empty where the caller's region has nothing to show.

    Errors: ``NotFound`` for a tile that the grid has not.
    """
    tile = wanted.tile
    if not tile.exists:
        raise NotFound(what="瓦片", key=f"{tile.z}/{tile.x}/{tile.y}")
    if tile.z < PARCELS_FROM:
        return _numbers(session, actor, wanted)
    if has_postgis(session):
        return _by_postgis(session, actor, wanted, labels)
    return _by_shapely(session, actor, wanted, labels)


# --- parcels --------------------------------------------------------------------------------------


def _by_shapely(session: Session, actor: Actor, wanted: Wanted, labels: Sequence[Label]) -> bytes:
    dialect = session.get_bind().dialect.name
    land = _statement(dialect, False, bool(wanted.kind), bool(wanted.status), tuple(labels))
    rows = session.connection().execute(land, _values(actor, wanted)).all()
    names = ["code", "kind", "status", *(label.name for label in labels)]
    properties = [
        {name: value for name, value in zip(names, row[2:], strict=True) if value is not None} for row in rows
    ]
    shapes = tiles.on_tile(shapely.from_wkb([row[1] for row in rows]), wanted.tile)
    return tiles.encode([tiles.Layer("parcels", shapes, [row[0] for row in rows], properties)])


def _by_postgis(session: Session, actor: Actor, wanted: Wanted, labels: Sequence[Label]) -> bytes:
    made = _statement("postgresql", True, bool(wanted.kind), bool(wanted.status), tuple(labels))
    found = session.connection().scalar(made, _values(actor, wanted))
    return bytes(found or b"")


def _values(actor: Actor, wanted: Wanted) -> dict[str, Any]:
    west, south, east, north = tiles.tile_bounds(wanted.tile)
    simpler = tiles.HALF_PIXEL * _WORLD_M / (tiles.EXTENT << wanted.tile.z)
    return {
        "simpler": simpler if wanted.tile.z < tiles.FULL_DETAIL_ZOOM else 0.0,
        **wanted.tile._asdict(),
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "region": actor.region_code,
        "region_length": len(actor.region_code),
        "kind": wanted.kind,
        "status": wanted.status,
    }


@lru_cache(maxsize=64)
def _statement(dialect: str, postgis: bool, kind: bool, status: bool, labels: tuple[Label, ...]) -> Any:
    """The select of one tile, made once: putting it together costs as much as reading a small tile."""
    if not postgis:
        return _labelled(_land(_NEAR[dialect], Parcel.geometry, kind, status), labels)
    stored = sa.literal_column(f"parcel.{COLUMN}")
    land = _labelled(_land(_NEAR["postgis"], stored, kind, status), labels).subquery("land")
    # Zero-size and outlying shapes come out as NULL, which ST_AsMVT leaves out.
    shape = sa.text(
        "ST_AsMVTGeom(CASE WHEN :simpler > 0 THEN ST_Simplify("
        "ST_Transform(land.shape, 3857), :simpler, true) ELSE ST_Transform(land.shape, 3857) END, "
        "ST_TileEnvelope(:z, :x, :y), "
        f"{EXTENT}, {MARGIN}, true) AS shape"
    )
    drawn = sa.select(*(c for c in land.c if c.name != "shape"), shape).select_from(land)
    made = sa.func.ST_AsMVT(sa.literal_column("drawn.*"), "parcels", EXTENT, "shape", "id")
    return sa.select(made).select_from(drawn.subquery("drawn"))


# Side of the Web Mercator square, m of that projection.
_WORLD_M: Final = 40_075_016.685578488
_NEAR: Final = {
    "postgis": f"parcel.{COLUMN} && ST_MakeEnvelope(:west, :south, :east, :north, 4490)",
    **MEETS,
}


def _land(near: str, shape: Any, kind: bool, status: bool) -> sa.Select[Any]:
    """id, shape, code, kind and status of the caller's parcels on the tile; the largest ones first."""
    region = sa.func.substr(Parcel.county_code, 1, sa.bindparam("region_length"))
    statement = sa.select(
        Parcel.id.label("id"),
        shape.label("shape"),
        Parcel.code.label("code"),
        Parcel.kind.label("kind"),
        Parcel.status.label("status"),
    ).where(sa.text(near), region == sa.bindparam("region"), sa.bindparam("region_length") > 0)
    if kind:
        statement = statement.where(Parcel.kind == sa.bindparam("kind"))
    if status:
        statement = statement.where(Parcel.status == sa.bindparam("status"))
    return statement.order_by(Parcel.area_m2.desc(), Parcel.id).limit(MOST)


def _labelled(land: sa.Select[Any], labels: Sequence[Label]) -> sa.Select[Any]:
    """The land with a column per label; each is looked up for the parcels of the tile only."""
    found = land.cte("found")
    source: Any = found
    columns: list[Any] = [found]
    for label in labels:
        values = label.values.subquery()
        parcel_id, value = values.c
        of_tile = (
            sa.select(parcel_id.label("id"), sa.func.max(value).label(label.name))
            .where(parcel_id.in_(sa.select(found.c.id)))
            .group_by(parcel_id)
            .subquery(label.name)
        )
        source = source.outerjoin(of_tile, of_tile.c.id == found.c.id)
        columns.append(of_tile.c[label.name])
    return sa.select(*columns).select_from(source)


# --- numbers --------------------------------------------------------------------------------------


def _numbers(session: Session, actor: Actor, wanted: Wanted) -> bytes:
    """Statistics per county or township: small, and the same work whatever the register's size."""
    level = "township" if wanted.tile.z >= TOWNSHIPS_FROM else "county"
    found = [
        place
        for place in places_of(session, data_version(session), level, kind=wanted.kind, status=wanted.status)
        if actor.sees_region(place.county_code)
    ]
    layers = [_points(found, wanted.tile)]
    if level == "county":
        layers.insert(0, _outlines(found, wanted.tile))
    return tiles.encode(layers)


def _points(found: list[Place], tile: Tile) -> tiles.Layer:
    west, south, east, north = tiles.tile_bounds(tile)
    here = [place for place in found if west <= place.lon <= east and south <= place.lat <= north]
    shapes = shapely.points([(place.lon, place.lat) for place in here]) if here else np.empty(0, dtype=object)
    return _layer("places", shapes, here, tile)


def _outlines(found: list[Place], tile: Tile) -> tiles.Layer:
    counties = load_counties(outline=True)
    shape_of = dict(zip(counties.codes, counties.geoms, strict=True))
    bounds: Box = tiles.tile_bounds(tile)
    known = [p for p in found if p.code in shape_of and _meet(shape_of[p.code].bounds, bounds)]
    return _layer("counties", [shape_of[place.code] for place in known], known, tile)


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _layer(name: str, shapes: Any, found: list[Place], tile: Tile) -> tiles.Layer:
    geoms = np.empty(len(found), dtype=object)
    geoms[:] = list(shapes)
    drawn = tiles.on_tile(geoms, tile)
    return tiles.Layer(name, drawn, [int(place.code) for place in found], [p.properties for p in found])
