"""PostGIS where it is at hand: a column the database keeps itself, so that QGIS and tiles read it directly.

The land is stored once, as WKB in ``parcel.geometry``, on every engine. Where the extension ``postgis`` is in
the database, ``parcel.shape`` (CGCS2000, EPSG:4490) is generated from it and indexed, and ``parcel_map``
shows it without personal data; nobody writes it, and nothing but speed depends on it. ``flask db spatial``
makes both in a database that got the extension later. A migration that changes a column of the view drops it
first and adds it again (:func:`drop_column`, :func:`add_column`).
"""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound

COLUMN: Final = "shape"
INDEX: Final = "parcel_box_shape"
VIEW: Final = "parcel_map"
# What a map program may read: land and its numbers, no names of people and no attributes as sent.
MAP_COLUMNS: Final = (
    "id", "code", "kind", "county_code", "township_code", "village_code", "area_m2", "stated_area_m2",
    "species_code", "land_class_code", "planting_year", "status", "valid_from", "valid_to", COLUMN,
)  # fmt: skip
_ADD: Final = (
    # One type, or a map program offers polygons and multipolygons as two layers.
    f"ALTER TABLE parcel ADD COLUMN {COLUMN} geometry(MultiPolygon, 4490) "
    f"GENERATED ALWAYS AS (ST_Multi(ST_GeomFromWKB(geometry, 4490))) STORED",
    f"CREATE INDEX {INDEX} ON parcel USING gist ({COLUMN})",
    f"CREATE VIEW {VIEW} AS SELECT {', '.join(MAP_COLUMNS)} FROM parcel",  # noqa: S608 — names of ours
)
_DROP: Final = (f"DROP VIEW IF EXISTS {VIEW}", f"ALTER TABLE parcel DROP COLUMN IF EXISTS {COLUMN}")

_HAS_EXTENSION: Final = sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'postgis'")
_HAS_COLUMN: Final = sa.text(
    "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('parcel') AND attname = :name "
    "AND NOT attisdropped"
)
# Asked once per engine of a process: the column comes and goes with migrations only.
_KNOWN: Final[WeakKeyDictionary[Any, bool]] = WeakKeyDictionary()


def has_postgis(session: Session) -> bool:
    """Whether the register has the generated column."""
    engine = session.get_bind().engine
    if engine not in _KNOWN:
        _KNOWN[engine] = engine.dialect.name == "postgresql" and has_column(session.connection())
    return _KNOWN[engine]


def has_column(connection: sa.Connection) -> bool:
    return bool(connection.scalar(_HAS_COLUMN, {"name": COLUMN}))


def add_column(connection: sa.Connection) -> bool:
    """Make column, index and view where the extension is installed; whether they exist now."""
    if connection.dialect.name != "postgresql" or not connection.scalar(_HAS_EXTENSION):
        return False
    if not has_column(connection):
        for statement in _ADD:
            connection.exec_driver_sql(statement)
    return True


def drop_column(connection: sa.Connection) -> None:
    """Take view, column and index away again; the stored land is not touched."""
    if connection.dialect.name == "postgresql":
        for statement in _DROP:
            connection.exec_driver_sql(statement)


def map_grants(connection: sa.Connection, role: str) -> list[str]:
    """Statements that let ``role`` read the view and nothing else of the register.

    Errors: ``NotFound`` when the server has no such role.
    """
    known = sa.text("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = :role")
    quoted = connection.scalar(known, {"role": role})
    if quoted is None:
        raise NotFound(what="数据库角色", key=role)
    return [
        f"REVOKE ALL ON parcel FROM {quoted}",
        f"GRANT USAGE ON SCHEMA public TO {quoted}",
        f"GRANT SELECT ON {VIEW} TO {quoted}",
    ]
