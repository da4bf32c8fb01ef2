"""Sealing: final entries are chained in blocks, apart from posting.

A block holds up to 1,024 entries in order of id: a Merkle root over them, and a hash over that root
and the hash of the block before. One block is one transaction; a sealer that is killed loses nothing,
and of two at once one waits and goes on where the other stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import Database, serialise
from carbon_platform.ledger import merkle, tables
from carbon_platform.ledger.cuts import advance, closed_cut
from carbon_platform.ledger.leaves import canonical, contents

BLOCK_ENTRIES = 1_024
ID_BYTES = 8
RECORD_BYTES = ID_BYTES + merkle.HASH_BYTES
NO_HASH = bytes(merkle.HASH_BYTES)
_BLOCK = b"\x02"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_b = tables.block.c


@dataclass(frozen=True)
class Block:
    """A sealed run of entries; hashes in hexadecimal. ``leaves`` are records of id and content hash."""

    number: int
    first_position: int
    count: int
    through_entry_id: int
    root: str
    previous: str
    hash: str
    leaves: bytes
    sealed_at: datetime

    @property
    def last_position(self) -> int:
        return self.first_position + self.count - 1


@dataclass(frozen=True)
class Sealed:
    """What one run of the sealer did."""

    blocks: int
    entries: int


def seal_all(database: Database, clock: Callable[[], datetime]) -> Sealed:
    """Seal everything that is final; one transaction per block. Repeatable, any number at once."""
    # Twice, because a cut is closed by a later transaction than the one that took it.
    database.transact(lambda session: advance(session, clock()))
    database.transact(lambda session: advance(session, clock()))
    blocks = entries = 0
    while True:
        block = database.transact(lambda session: seal_next(session, clock()))
        if block is None:
            return Sealed(blocks, entries)
        blocks, entries = blocks + 1, entries + block.count


def seal_next(session: Session, now: datetime) -> Block | None:
    """Seal the next block of final entries, or answer None when all of them are sealed."""
    serialise(session, "ledger.seal")
    connection = session.connection()
    cut = closed_cut(session)
    if cut is None:
        return None
    last = last_block(connection)
    after = last.through_entry_id if last else 0
    records = content_records(connection, after, cut.entry_id, BLOCK_ENTRIES)
    if not records:
        return None
    block = _next_block(last, records, now)
    connection.execute(tables.block.insert(), [vars(block)])
    return block


def last_block(connection: Connection) -> Block | None:
    """The end of the chain."""
    row = connection.execute(sa.select(tables.block).order_by(_b.number.desc()).limit(1)).one_or_none()
    return None if row is None else Block(**row._mapping)


def content_records(connection: Connection, after: int, through: int, most: int) -> list[bytes]:
    """Id and content hash of the entries as they stand now, as they are kept in ``leaves``."""
    return [
        entry_id.to_bytes(ID_BYTES, "big") + sha256(canonical(content)).digest()
        for entry_id, content in contents(connection, after, through, most)
    ]


def split(leaves: bytes) -> list[bytes]:
    """The records in ``leaves``."""
    return [leaves[at : at + RECORD_BYTES] for at in range(0, len(leaves), RECORD_BYTES)]


def record_id(record: bytes) -> int:
    """The entry a record speaks of."""
    return int.from_bytes(record[:ID_BYTES], "big")


def block_hash(
    number: int,
    previous: bytes,
    root: bytes,
    first_position: int,
    count: int,
    through_entry_id: int,
    sealed_at: datetime,
) -> bytes:
    """Hash over everything a block says; the next block repeats it."""
    numbers = (number, first_position, count, through_entry_id, microseconds(sealed_at))
    packed = b"".join(value.to_bytes(8, "big", signed=True) for value in numbers)
    return sha256(_BLOCK + packed + previous + root).digest()


def microseconds(moment: datetime) -> int:
    """Since 1970, UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _next_block(last: Block | None, records: list[bytes], now: datetime) -> Block:
    number = last.number + 1 if last else 1
    first_position = last.last_position + 1 if last else 1
    previous = bytes.fromhex(last.hash) if last else NO_HASH
    # A clock that is set back must not make the chain's times fall: days are told by them.
    sealed_at = max(now, last.sealed_at) if last else now
    through = record_id(records[-1])
    root = merkle.root(merkle.leaves(first_position, records))
    made = block_hash(number, previous, root, first_position, len(records), through, sealed_at)
    return Block(
        number=number,
        first_position=first_position,
        count=len(records),
        through_entry_id=through,
        root=root.hex(),
        previous=previous.hex(),
        hash=made.hex(),
        leaves=b"".join(records),
        sealed_at=sealed_at,
    )
