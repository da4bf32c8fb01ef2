"""Many rows of one table at once, straight to the driver: a county's parcels without an object per cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session


def insert_many(
    session: Session, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert rows in the order of ``columns``. Names are ours, never a caller's.

    Values are what both drivers take: text, numbers, bytes, None; JSON by :func:`as_json`, days in ISO form.
    """
    given = list(rows)
    if not given:
        return
    dialect = session.get_bind().dialect
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    quote = dialect.identifier_preparer.quote
    names, marks = ", ".join(map(quote, columns)), ", ".join([mark] * len(columns))
    session.connection().exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", given)  # noqa: S608


def as_json(value: dict[str, Any] | list[Any]) -> str:
    """The text that a JSON column keeps for a value."""
    if not value:
        return "[]" if isinstance(value, list) else "{}"
    return json.dumps(value)
