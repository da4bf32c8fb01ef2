"""Who uses a parcel: rooms above say it here, so that a change of the parcel can name what it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from carbon_platform.db import Database

# (session, parcel ids) -> words of each use by parcel id, in Chinese and English
Lookup = Callable[[Session, Sequence[int]], dict[int, list[tuple[str, str]]]]
_KEY = "parcels.uses"


def say_uses(db: Database, room: str, lookup: Lookup) -> None:
    """Register what a room knows, for the sessions of this database; saying it again replaces it."""
    db.info.setdefault(_KEY, {})[room] = lookup


def uses_of(session: Session, ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Every use of the parcels, by id; parcels nobody uses are left out."""
    lookups: dict[str, Lookup] = session.info.get(_KEY, {})
    found: dict[int, list[tuple[str, str]]] = {}
    for lookup in lookups.values():
        for parcel_id, words in lookup(session, ids).items():
            found.setdefault(parcel_id, []).extend(words)
    return found
