"""Who uses a parcel: rooms above say it here, so that a change of the parcel can name what it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

# (session, parcel ids) -> words of each use by parcel id, in Chinese and English
Lookup = Callable[[Session, Sequence[int]], dict[int, list[tuple[str, str]]]]
_lookups: dict[str, Lookup] = {}


def say_uses(room: str, lookup: Lookup) -> None:
    """Register what a room knows; saying it again replaces it."""
    _lookups[room] = lookup


def uses_of(session: Session, ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Every use of the parcels, by id; parcels nobody uses are left out."""
    found: dict[int, list[tuple[str, str]]] = {}
    for lookup in _lookups.values():
        for parcel_id, words in lookup(session, ids).items():
            found.setdefault(parcel_id, []).extend(words)
    return found
