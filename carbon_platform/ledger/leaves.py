"""What an entry says, in one canonical text: the thing that is sealed and can be proved.

The text is JSON in ASCII, keys sorted, no spaces, whole numbers only. It holds everything the rows of
an entry hold, with accounts and holds by their names; the entry's own id is not in it but beside it,
so that an entry moved to another id is recognised.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import tables

_e, _t, _m, _u, _h = (
    tables.entry.c,
    tables.transfer.c,
    tables.movement.c,
    tables.hold_use.c,
    tables.hold.c,
)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

_source, _destination = tables.account.alias("source"), tables.account.alias("destination")
# In this order: rows are taken apart by place, which is twice as fast as by name.
_ENTRIES = (
    sa.select(
        _e.id,
        _e.actor,
        _e.detail,
        _e.digest,
        _e.effective_at,
        _e.note,
        _e.reason,
        _e.recorded_at,
        _e.reference,
        _e.reverses,
    )
    .where(_e.id > sa.bindparam("after"), _e.id <= sa.bindparam("through"))
    .order_by(_e.id)
    .limit(sa.bindparam("most"))
)
_TRANSFERS = (
    sa.select(
        _t.entry_id,
        _t.id,
        _t.amount,
        _t.named,
        *(getattr(side.c, name) for side in (_source, _destination) for name in ("role", "holder")),
        *(getattr(side.c, name) for side in (_source, _destination) for name in ("asset", "lot")),
    )
    .outerjoin(_source, _source.c.id == _t.source_id)
    .outerjoin(_destination, _destination.c.id == _t.destination_id)
    .where(_t.entry_id.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(_t.entry_id, _t.id)
)
_MOVEMENTS = (
    sa.select(_m.transfer_id, _m.first, _m.last)
    .where(_m.transfer_id.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(_m.transfer_id, _m.first)
)
_HOLD_USES = (
    sa.select(_u.entry_id, _u.hold_id, _h.reference, _u.amount, _u.released, _u.release_rest)
    .outerjoin(tables.hold, _h.id == _u.hold_id)
    .where(_u.entry_id.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(_u.entry_id, _u.hold_id)
)

Content = dict[str, Any]


def canonical(content: Mapping[str, Any]) -> bytes:
    """The canonical text of a content."""
    return _ENCODER.encode(content).encode("ascii")


def instant(moment: datetime) -> str:
    """UTC to the microsecond, always in the same length."""
    return moment.isoformat(timespec="microseconds")


def contents(connection: Connection, after: int, through: int, most: int) -> list[tuple[int, Content]]:
    """Id and content of the first ``most`` entries with ``after < id <= through``, in order of id."""
    entries = connection.execute(_ENTRIES, {"after": after, "through": through, "most": most}).all()
    if not entries:
        return []
    within = {"first": entries[0].id, "last": entries[-1].id}
    transfers = _transfers(connection, within)
    uses = _hold_uses(connection, within)
    found = []
    for number, actor, detail, digest, effective, note, reason, recorded, reference, reverses in entries:
        recorded_at = instant(recorded)
        content = {
            "actor": actor,
            "detail": detail,
            "digest": digest,
            "effective_at": recorded_at if effective == recorded else instant(effective),
            "hold_uses": uses.get(number, ()),
            "note": note,
            "reason": reason,
            "recorded_at": recorded_at,
            "reference": reference,
            "reverses": reverses,
            "transfers": transfers.get(number, ()),
        }
        found.append((number, content))
    return found


def _transfers(connection: Connection, within: dict[str, int]) -> Mapping[int, Sequence[Content]]:
    rows = connection.execute(_TRANSFERS, within).all()
    found: dict[int, list[Content]] = defaultdict(list)
    if not rows:
        return found
    numbers: dict[int, list[tuple[int, int]]] = {row.id: [] for row in rows}
    carried = connection.execute(_MOVEMENTS, {"first": min(numbers), "last": max(numbers)})
    for transfer_id, first, last in carried:
        if transfer_id in numbers:
            numbers[transfer_id].append((first, last))
    for entry_id, number, amount, named, *sides in rows:
        by_role, by_holder, to_role, to_holder, by_asset, by_lot, to_asset, to_lot = sides
        found[entry_id].append(
            {
                "amount": amount,
                "destination": (to_role, to_holder, to_asset, to_lot),
                "id": number,
                "named": named,
                "numbers": numbers[number],
                "source": (by_role, by_holder, by_asset, by_lot),
            }
        )
    return found


def _hold_uses(connection: Connection, within: dict[str, int]) -> Mapping[int, Sequence[Content]]:
    found: dict[int, list[Content]] = defaultdict(list)
    for entry_id, hold_id, reference, amount, released, release_rest in connection.execute(
        _HOLD_USES, within
    ):
        found[entry_id].append(
            {
                "amount": amount,
                "hold": reference,
                "hold_id": hold_id,
                "release_rest": release_rest,
                "released": released,
            }
        )
    return found
