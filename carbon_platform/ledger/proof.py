"""The proof of one entry: from its content up to a signed head, to be checked by anybody, anywhere.

``tools/check_proof.py`` checks it with nothing but a Python interpreter and the published key.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.errors import PlatformError
from carbon_platform.ledger import errors, merkle, tables
from carbon_platform.ledger.heads import Head, block_leaves, blocks_between
from carbon_platform.ledger.leaves import canonical, contents
from carbon_platform.ledger.seal import Block, microseconds, record_id, split

FORMAT = "xinyang-carbon-ledger-proof/1"
_b, _d, _e = tables.block.c, tables.head.c, tables.entry.c


class NotSealedYet(PlatformError):
    """Sealing follows posting by about a minute."""

    code, status = "ledger.not_sealed_yet", 409
    zh = "第 {number} 号分录尚未封存。封存每分钟进行一次，请稍后再取证明。"
    en = "Entry {number} is not sealed yet. Sealing runs every minute; ask again later."


class SealBroken(PlatformError):
    """What stands in the journal is not what was sealed: nobody gets a proof of it."""

    code, status = "ledger.seal_broken", 409
    zh = "第 {number} 号分录与封存内容不符，不能出具证明。请运行 ledger verify 并通知审计。"
    en = "Entry {number} differs from what was sealed, so it cannot be proved. Run ledger verify."


def prove(session: Session, entry_id: int) -> dict[str, Any]:
    """Everything needed to prove an entry, as plain JSON values.

    ``head`` is None until the head of the day in which it was sealed is signed, shortly after midnight.
    Raises ``EntryNotFound``, ``NotSealedYet``, ``SealBroken``.
    """
    connection = session.connection()
    if not 1 <= entry_id < 2**63:
        raise errors.EntryNotFound(number=entry_id)
    found = contents(connection, entry_id - 1, entry_id, 1)
    block = _block_over(connection, entry_id)
    if not found and block is None:
        raise errors.EntryNotFound(number=entry_id)
    if block is None:
        raise NotSealedYet(number=entry_id)
    records = split(block.leaves)
    index = next((at for at, record in enumerate(records) if record_id(record) == entry_id), None)
    if not found:
        # Never there, or removed since: only the seal knows.
        if index is None:
            raise errors.EntryNotFound(number=entry_id)
        raise SealBroken(number=entry_id)
    content = found[0][1]
    if index is None or sha256(canonical(content)).digest() != records[index][-merkle.HASH_BYTES :]:
        raise SealBroken(number=entry_id)
    head = _head_over(connection, block.number)
    return {
        "format": FORMAT,
        "entry_id": entry_id,
        "position": block.first_position + index,
        "entry": content,
        "path": [step.hex() for step in merkle.path(merkle.leaves(block.first_position, records), index)],
        "block": {
            "number": block.number,
            "first_position": block.first_position,
            "count": block.count,
            "through_entry_id": block.through_entry_id,
            "sealed_at_us": microseconds(block.sealed_at),
            "previous": block.previous,
            "root": block.root,
            "hash": block.hash,
        },
        "block_path": [] if head is None else _block_path(connection, head, block.number),
        "head": None if head is None else head.statement(),
    }


def _block_over(connection: Connection, entry_id: int) -> Block | None:
    query = sa.select(tables.block).where(_b.through_entry_id >= entry_id)
    row = connection.execute(query.order_by(_b.through_entry_id).limit(1)).one_or_none()
    return None if row is None else Block(**row._mapping)


def _head_over(connection: Connection, block_number: int) -> Head | None:
    query = sa.select(tables.head).where(_d.block_number >= block_number)
    row = connection.execute(query.order_by(_d.block_number, _d.day).limit(1)).one_or_none()
    return None if row is None else Head(**row._mapping)


def _block_path(connection: Connection, head: Head, block_number: int) -> list[str]:
    leaves = block_leaves(blocks_between(connection, head.first_block, head.block_number))
    return [step.hex() for step in merkle.path(leaves, block_number - head.first_block)]
