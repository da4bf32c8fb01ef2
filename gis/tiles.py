"""Vector tiles (MVT 2) out of shapes in degrees: the web map's grid of squares, z / x / y.

Tiles are in Web Mercator, 4096 units wide, with a margin of 64 units so that borders meet. Nothing is ever
measured here: Web Mercator is 39 % too large at 32° N.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import shapely
from mapbox_vector_tile.encoder import VectorTile

EXTENT: Final = 4096
MARGIN: Final = 64
MAX_ZOOM: Final = 22
# Below this zoom lines are drawn with fewer corners: a change of half a pixel (4 of 4096 units, a tile being
# 512 pixels wide) is not seen, and a browser draws four times as many parcels in the same time.
FULL_DETAIL_ZOOM: Final = 14
HALF_PIXEL: Final = 4.0
# Latitude at which Web Mercator ends: the world is a square.
_LAST_LATITUDE: Final = 85.051128779806604
_OPTIONS: Final = {"y_coord_down": True, "extents": EXTENT, "check_winding_order": False}


class Tile(NamedTuple):
    """Zoom, column from the west, row from the north."""

    z: int
    x: int
    y: int

    @property
    def exists(self) -> bool:
        """Whether the grid has such a tile; zooms beyond :data:`MAX_ZOOM` are refused."""
        return 0 <= self.z <= MAX_ZOOM and 0 <= self.x < 1 << self.z and 0 <= self.y < 1 << self.z


@dataclass(frozen=True)
class Layer:
    """One layer of a tile: ``shapes`` in tile units (see :func:`on_tile`), ids and properties beside them."""

    name: str
    shapes: Any
    ids: Sequence[int]
    properties: Sequence[dict[str, Any]]


def tile_bounds(tile: Tile, *, margin: int = MARGIN) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in degrees, with ``margin`` tile units around it."""
    wide, far = margin / EXTENT, 1 << tile.z
    west, east = (360.0 * at / far - 180.0 for at in (tile.x - wide, tile.x + 1 + wide))
    north, south = (_latitude(at / far) for at in (tile.y - wide, tile.y + 1 + wide))
    return max(west, -180.0), south, min(east, 180.0), north


def _latitude(down: float) -> float:
    """Degrees of a place ``down`` from the northern edge of the world (0 to 1)."""
    return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * min(max(down, 0.0), 1.0)))))


def to_units(lonlat: Any, tile: Tile) -> Any:
    """Degrees, shape (n, 2), to tile units: x to the east, y to the south, 0 … 4096 inside the tile."""
    whole = float(EXTENT << tile.z)
    latitude = np.radians(np.clip(lonlat[:, 1], -_LAST_LATITUDE, _LAST_LATITUDE))
    across = (lonlat[:, 0] / 360.0 + 0.5) * whole - tile.x * EXTENT
    down = (0.5 - np.arcsinh(np.tan(latitude)) / (2.0 * np.pi)) * whole - tile.y * EXTENT
    return np.column_stack([across, down])


def on_tile(geoms_lonlat: Any, tile: Tile) -> Any:
    """Polygons or points in degrees as they are drawn on a tile: whole units, cut at the margin, valid.

    Returns:
        Array of the same length; empty shapes where nothing is left to draw.
    """
    units = shapely.transform(np.asarray(geoms_lonlat, dtype=object), lambda xy: to_units(xy, tile))
    if tile.z < FULL_DETAIL_ZOOM:
        units = shapely.simplify(units, HALF_PIXEL, preserve_topology=True)
    bounds = shapely.bounds(units)
    over = (bounds[:, :2] < -MARGIN).any(axis=1) | (bounds[:, 2:] > EXTENT + MARGIN).any(axis=1)
    frame = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)
    # Snap first: a cut moves no vertex by more than it is rounded anyway, and what is cut is valid then.
    drawn = shapely.set_precision(units, 1.0, mode="valid_output")
    drawn[over] = shapely.intersection(drawn[over], frame, grid_size=1.0)
    _surfaces_only(drawn, np.isin(shapely.get_type_id(units), (3, 6)))
    # Outer rings run clockwise as seen on the screen, where y points down.
    return shapely.orient_polygons(drawn, exterior_cw=False)


def _surfaces_only(drawn: Any, surface: Any) -> None:
    """Where a polygon touches the cut along a line or in a point, that is nothing to draw."""
    for row in np.flatnonzero(shapely.get_type_id(drawn) == 7):
        parts = shapely.get_parts(drawn[row])
        drawn[row] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    drawn[surface & ~np.isin(shapely.get_type_id(drawn), (3, 6))] = shapely.Polygon()


def encode(layers: Iterable[Layer]) -> bytes:
    """The tile as bytes; layers without anything to draw are left out. Empty bytes = an empty tile."""
    tile = VectorTile(default_options=_OPTIONS)
    for layer in layers:
        drawn = ~shapely.is_empty(layer.shapes)
        if drawn.any():
            tile.add_layer(layer.name, [_feature(layer, row) for row in np.flatnonzero(drawn).tolist()])
    data: bytes = tile.tile.SerializeToString()
    return data


def _feature(layer: Layer, row: int) -> dict[str, Any]:
    return {"geometry": layer.shapes[row], "id": layer.ids[row], "properties": layer.properties[row]}
