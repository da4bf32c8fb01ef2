"""Fill clusters inside a polygon with irregular neighbours that share their borders exactly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

_CLUSTER_SIZE = 35
_SQUARE_M = 5000.0


@dataclass(frozen=True)
class Tessellation:
    """Sizes in hectares. Each cluster has its own typical size, lognormal around ``cluster_median_ha``.

    ``wiggle`` bends borders by that share of a parcel's width (0 keeps them straight); ``lattice`` starts
    from a jittered grid (paddies) instead of scattered points (hill parcels). ``colour`` (0 or 1) keeps
    clusters to the white or black squares of a 5 km chess board, so that layers of different kinds never
    meet.
    """

    smallest_ha: float
    largest_ha: float
    cluster_median_ha: float
    cluster_sigma: float
    wiggle: float
    colour: int
    lattice: bool = False


def tessellate(area: Any, count: int, rng: np.random.Generator, sizes: Tessellation) -> tuple[Any, Any]:
    """``count`` polygons inside ``area`` (plane, metres, 1 mm) and the cluster number of each.

    Clusters are Voronoi cells of seeds scattered around a centre; the rim and some cells are left out.
    Clusters do not meet.
    """
    shapely.prepare(area)
    cells: list[Any] = []
    cluster: list[int] = []
    discs: list[tuple[float, float, float]] = []
    for _ in range(400 + 40 * count):
        if len(cells) >= count:
            break
        width = 100.0 * np.sqrt(sizes.cluster_median_ha * np.exp(sizes.cluster_sigma * rng.standard_normal()))
        radius = 4.2 * width
        x, y = random_point(area, rng)
        apart = all(np.hypot(x - a, y - b) > radius + r + 50 for a, b, r in discs)
        if not apart or not free_spot(area, x, y, radius, sizes.colour):
            continue
        made = _cluster(area, np.array([x, y]), width, radius, rng, sizes)[
            : min(_CLUSTER_SIZE, count - len(cells))
        ]
        if len(made) >= min(4, count - len(cells)):
            cluster += [len(discs)] * len(made)
            cells += list(made)
            discs.append((float(x), float(y), radius))
    if len(cells) < count:
        raise ValueError(f"only {len(cells)} of {count} parcels fit into the area; ask for fewer")
    return np.array(cells, dtype=object), np.array(cluster)


def random_point(area: Any, rng: np.random.Generator) -> tuple[float, float]:
    """A point of the bounding box."""
    xmin, ymin, xmax, ymax = area.bounds
    return float(rng.uniform(xmin, xmax)), float(rng.uniform(ymin, ymax))


def free_spot(area: Any, x: float, y: float, radius: float, colour: int) -> bool:
    """Is the point inside the area, and the disc around it inside one square of the colour?"""
    low = np.floor((np.array([x, y]) - radius) / _SQUARE_M)
    high = np.floor((np.array([x, y]) + radius) / _SQUARE_M)
    same = bool((low == high).all()) and int(low.sum()) % 2 == colour
    return same and bool(shapely.contains_xy(area, x, y))


def _cluster(
    area: Any, centre: Any, width: float, radius: float, rng: np.random.Generator, sizes: Tessellation
) -> Any:
    seeds = centre + (_lattice(width, radius, rng) if sizes.lattice else _scatter(width, radius, rng))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(seeds), ordered=True))
    # A cell of the rim reaches far out; what is whole lies inside the disc.
    xy, owner = shapely.get_coordinates(cells, return_index=True)
    reach = np.zeros(len(cells))
    np.maximum.at(reach, owner, np.hypot(*(xy - centre).T))
    kept = (reach < 0.97 * radius) & (rng.random(len(cells)) < 0.85)
    cells = _bent(cells[kept], width, sizes.wiggle, rng)
    hectares = shapely.area(cells) / 10_000
    fits = (hectares > sizes.smallest_ha) & (hectares < sizes.largest_ha) & shapely.is_valid(cells)
    return cells[fits & shapely.contains_properly(area, cells)]


def _scatter(width: float, radius: float, rng: np.random.Generator) -> Any:
    """Points in a disc, denser towards its middle: small parcels inside, large ones outside."""
    n = int(np.pi * radius**2 / width**2)
    angle, r = rng.uniform(0, 2 * np.pi, n), radius * rng.random(n) ** 0.6
    return np.column_stack([r * np.cos(angle), r * np.sin(angle)])


def _lattice(width: float, radius: float, rng: np.random.Generator) -> Any:
    """A turned grid of long fields, each seed moved a little."""
    long, short = 1.5 * width, width / 1.5
    steps = int(np.ceil(radius / short)) + 1
    i, j = np.meshgrid(np.arange(-steps, steps + 1), np.arange(-steps, steps + 1))
    grid = np.column_stack([i.ravel() * long, j.ravel() * short])
    grid += rng.uniform(-0.22, 0.22, grid.shape) * np.array([long, short])
    turn = rng.uniform(0, np.pi)
    grid = grid @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return grid[np.hypot(grid[:, 0], grid[:, 1]) < radius]


def _bent(cells: Any, width: float, wiggle: float, rng: np.random.Generator) -> Any:
    """Bend borders by one smooth map of the plane, so that shared borders stay shared."""
    if wiggle > 0:
        phase = rng.uniform(0, 2 * np.pi, (3, 2))
        heading = rng.uniform(0, np.pi, 3)
        waves = 2 * np.pi / (width * np.array([0.6, 0.9, 1.4]))

        def bend(xy: Any) -> Any:
            shift = np.zeros_like(xy)
            for k in range(3):
                along = waves[k] * (xy @ [np.cos(heading[k]), np.sin(heading[k])])
                shift += width * wiggle * np.sin(along[:, None] + phase[k])
            return xy + shift

        cells = np.array(
            [shapely.Polygon(bend(_dense(shapely.get_coordinates(c), width / 6))) for c in cells],
            dtype=object,
        )
    return shapely.transform(cells, lambda xy: np.round(xy, 3))


def _dense(ring: Any, step: float) -> Any:
    """Points along a ring; each edge is cut from its lower end, so both neighbours get the same points."""
    out = []
    for a, b in pairwise(ring):
        n = max(1, int(np.ceil(np.round(np.hypot(*(b - a)) / step, 6))))
        flipped = tuple(a) > tuple(b)
        low, high = (b, a) if flipped else (a, b)
        t = np.arange(n + 1)[:, None] / n
        points = low * (1 - t) + high * t
        out.append((points[::-1] if flipped else points)[:-1])
    return np.concatenate([*out, out[0][:1]])
