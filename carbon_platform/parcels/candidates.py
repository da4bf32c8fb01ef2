"""Which registered parcels may touch a box: one of the two declared seams between the back ends.

SQLite has an R*Tree (virtual table ``parcel_box``), PostgreSQL a GiST index over the core type ``box``
(no PostGIS needed). Both only preselect; whether land overlaps is always decided by shapely.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

_DDL = {
    "sqlite": ["CREATE VIRTUAL TABLE parcel_box USING rtree(id, min_lon, max_lon, min_lat, max_lat)"],
    "postgresql": [
        "CREATE INDEX parcel_box ON parcel USING gist "
        "(box(point(min_lon, min_lat), point(max_lon, max_lat)) box_ops)"
    ],
}
_DROP = {"sqlite": ["DROP TABLE parcel_box"], "postgresql": ["DROP INDEX parcel_box"]}

# All boxes go in as one parameter, so that a layer of thousands is one query.
_FIND = {
    "sqlite": sa.text(
        "SELECT DISTINCT b.id FROM json_each(:boxes) AS q CROSS JOIN parcel_box AS b "
        "WHERE b.max_lon >= json_extract(q.value, '$[0]') AND b.max_lat >= json_extract(q.value, '$[1]') "
        "AND b.min_lon <= json_extract(q.value, '$[2]') AND b.min_lat <= json_extract(q.value, '$[3]') "
        "AND b.id > :after ORDER BY b.id"
    ),
    "postgresql": sa.text(
        "SELECT DISTINCT p.id FROM json_array_elements(CAST(:boxes AS json)) AS q JOIN parcel AS p "
        "ON box(point(p.min_lon, p.min_lat), point(p.max_lon, p.max_lat)) && "
        "box(point((q->>0)::float8, (q->>1)::float8), point((q->>2)::float8, (q->>3)::float8)) "
        "WHERE p.id > :after ORDER BY p.id"
    ),
}

# Condition on ``parcel``: its box meets that of :west, :south, :east, :north.
MEETS = {
    "sqlite": "parcel.id IN (SELECT id FROM parcel_box WHERE max_lon >= :west AND max_lat >= :south "
    "AND min_lon <= :east AND min_lat <= :north)",
    "postgresql": "box(point(parcel.min_lon, parcel.min_lat), point(parcel.max_lon, parcel.max_lat)) && "
    "box(point(:west, :south), point(:east, :north))",
}

# One box, with what a check on it needs: the quick way while somebody draws.
_NEAR = {
    "sqlite": sa.text(
        "SELECT p.id, p.code, p.geometry FROM parcel_box AS b CROSS JOIN parcel AS p ON p.id = b.id "
        "WHERE b.max_lon >= :west AND b.max_lat >= :south AND b.min_lon <= :east AND b.min_lat <= :north "
        "AND p.status = 'registered' ORDER BY p.id"
    ),
    "postgresql": sa.text(
        "SELECT p.id, p.code, p.geometry FROM parcel AS p "
        "WHERE box(point(p.min_lon, p.min_lat), point(p.max_lon, p.max_lat)) && "
        "box(point(:west, :south), point(:east, :north)) AND p.status = 'registered' ORDER BY p.id"
    ),
}


def bbox_ddl(dialect_name: str) -> list[str]:
    """Statements that make the index of boxes; run once after the table ``parcel`` exists."""
    return _DDL[dialect_name]


def bbox_drop_ddl(dialect_name: str) -> list[str]:
    """Statements that take it away again; run before ``parcel`` is dropped."""
    return _DROP[dialect_name]


def index_boxes(session: Session, boxes: Iterable[tuple[int, Box]]) -> None:
    """Enter parcels (id, box) into the index, or move those it has; PostgreSQL does it by itself."""
    if session.get_bind().dialect.name != "sqlite":
        return
    rows = [{"id": parcel_id, "w": w, "s": s, "e": e, "n": n} for parcel_id, (w, s, e, n) in boxes]
    if rows:
        session.execute(sa.text("INSERT OR REPLACE INTO parcel_box VALUES (:id, :w, :e, :s, :n)"), rows)


def index_new(session: Session, after: int) -> None:
    """Enter every parcel with an id above ``after`` into the index; PostgreSQL does it by itself."""
    if session.get_bind().dialect.name == "sqlite":
        copied = (
            "INSERT OR REPLACE INTO parcel_box SELECT id, min_lon, max_lon, min_lat, max_lat FROM parcel "
            "WHERE id > :after"
        )
        session.execute(sa.text(copied), {"after": after})


def candidates(session: Session, bounds: Box, *, after: int = 0) -> list[int]:
    """Ids of parcels, above ``after``, whose box meets ``bounds``: ascending, ended ones included."""
    return candidates_of(session, [bounds], after=after)


def registered_in(session: Session, bounds: Box) -> list[tuple[int, str, bytes]]:
    """(id, code, WKB) of the registered parcels whose box meets ``bounds``, by id."""
    west, south, east, north = bounds
    near = _NEAR[session.get_bind().dialect.name]
    values = {"west": west, "south": south, "east": east, "north": north}
    # Straight through the connection: a session's own way costs as much as the search.
    return [tuple(row) for row in session.connection().execute(near, values).all()]


def meets(dialect_name: str, bounds: Box) -> sa.ColumnElement[bool]:
    """Condition on ``parcel``: its box meets ``bounds``. For lists and maps that filter further in SQL."""
    west, south, east, north = bounds
    return sa.text(MEETS[dialect_name]).bindparams(west=west, south=south, east=east, north=north)  # type: ignore[return-value]


def candidates_of(session: Session, boxes: Sequence[Box], *, after: int = 0) -> list[int]:
    """The same for many boxes at once. Boxes that are not finite are passed over."""
    given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    finite = given[np.isfinite(given).all(axis=1)].tolist()
    statement = _FIND[session.get_bind().dialect.name]
    return list(session.scalars(statement, {"boxes": json.dumps(finite), "after": after}))
