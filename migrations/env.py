"""Alembic's environment: every table of the house, on the engine of the given database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlalchemy.dialects.postgresql.base import ischema_names

from carbon_platform import all_tables
from carbon_platform.db import UTCDateTime, make_engine
from carbon_platform.parcels.spatial import COLUMN

# PostGIS's type, which SQLAlchemy cannot know; nothing is compared with it.
ischema_names.setdefault("geometry", lambda *_: sa.types.NullType())


def _include(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
    # Made by hand in a migration: the index of boxes (on SQLite an R*Tree with shadow tables); PostGIS's own.
    hand_made = ("parcel_box", "spatial_ref_sys")
    if kind == "column" and name == COLUMN and _reflected:
        return False
    return not (kind in {"table", "index"} and name is not None and name.startswith(hand_made))


def _render(kind: str, item: Any, _context: Any) -> str | bool:
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run() -> None:
    engine = make_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=all_tables.metadata,
            render_as_batch=True,
            include_object=_include,
            render_item=_render,
            compare_type=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
