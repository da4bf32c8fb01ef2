"""Do the sealed entries, the chain of blocks and the signed heads still say what they said?

Blocks are read in turn, and the entries under each are hashed again. A finding names the first row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.ledger import merkle, tables
from carbon_platform.ledger.heads import Head, block_leaves, blocks_between, find_head, signature_fits
from carbon_platform.ledger.report import Finding, first_of
from carbon_platform.ledger.seal import (
    ID_BYTES,
    NO_HASH,
    RECORD_BYTES,
    Block,
    block_hash,
    content_records,
    record_id,
    split,
)

_b, _d, _e = tables.block.c, tables.head.c, tables.entry.c
# Blocks read at once (their lists of leaves are at most 40 kB each), and entries compared together.
_PAGE = 64
_TOGETHER = 1_024
_EVERY = 2**62


class _Rows:
    """Rows that differ from the seal, sorted at the end into what befell them.

    What blocks in a row expect is compared with the journal together: blocks are often small.
    """

    def __init__(self, connection: Connection) -> None:
        self.sealed: dict[int, bytes] = {}
        self.found: dict[int, bytes] = {}
        self._connection = connection
        # The entry after which the expected ones stand; None if the block before cannot say.
        self._after: int | None = 0
        self._expected: list[bytes] = []

    def expect(self, records: list[bytes]) -> None:
        """The records of the next block, which are what was sealed."""
        if self._after is None:
            self._after = record_id(records[0]) - 1
        self._expected += records
        if len(self._expected) >= _TOGETHER:
            self._compare()

    def interrupt(self) -> None:
        """A block is missing or not to be trusted: nothing is known of the entries there."""
        self._compare()
        self._after = None

    def _compare(self) -> None:
        expected, after = self._expected, self._after
        if not expected or after is None:
            return
        self._expected, self._after = [], record_id(expected[-1])
        found = _as_found(self._connection, after, self._after)
        if expected == found:
            return
        sealed, present = _by_id(expected), _by_id(found)
        for number in sealed.keys() | present.keys():
            if sealed.get(number) != present.get(number):
                if number in sealed:
                    self.sealed[number] = sealed[number]
                if number in present:
                    self.found[number] = present[number]

    def findings(self) -> Iterator[Finding]:
        # Sealed under one id and now found under another: the order was changed.
        moved = set(self.sealed.values()) & set(self.found.values())
        reordered = {n for n, content in self.found.items() if content in moved}
        left = {n for n, content in self.sealed.items() if content in moved} - self.found.keys()
        both = self.sealed.keys() & self.found.keys()
        removed, inserted = self.sealed.keys() - both - left, self.found.keys() - both - reordered
        for what, rows, zh, en in (
            ("altered", both - reordered, "的内容被改动", "was altered"),
            ("removed", removed, "被删除", "was removed"),
            ("inserted", inserted, "是事后插入的", "was inserted afterwards"),
            ("reordered", reordered | left, "的次序被调换", "was put in another's place"),
        ):
            zh, en = f"封存后，分录 {{}} {zh}", f"since its seal, entry {{}} {en}"
            yield from first_of(f"seal.{what}", "ledger_entry", sorted(rows), zh, en)


def check_seal(connection: Connection) -> Iterator[Finding]:
    """Each block fits its content and the block before, and each sealed entry its block."""
    rows, broken, unchained = _Rows(connection), [], []
    before: Block | None = None
    for block in _blocks(connection):
        records = split(block.leaves)
        if not _follows(block, before):
            unchained.append(block.number)
        if block.number != (before.number + 1 if before else 1):
            rows.interrupt()
        leaves_fit = bool(records) and _root_fits(block, records)
        if not leaves_fit or not _hash_fits(block) or not _ends_fit(block, records):
            broken.append(block.number)
        if leaves_fit:
            rows.expect(records)
        else:
            rows.interrupt()
        before = block
    rows.interrupt()
    yield from first_of(
        "seal.block",
        "ledger_block",
        broken,
        "封存块 {} 与其内容不符",
        "block {} does not fit its own content",
    )
    yield from first_of(
        "seal.chain",
        "ledger_block",
        unchained,
        "封存块 {} 与前一块接不上：有块被删、被插入或被改",
        "block {} does not continue the one before: a block was removed, inserted or altered",
    )
    yield from rows.findings()


def check_heads(connection: Connection, trusted: Collection[str] | None) -> Iterator[Finding]:
    """Each day's head fits the chain and its signature; ``trusted`` keys alone may have signed, if given."""
    unsigned, unfit = [], []
    before: Head | None = None
    for row in connection.execute(sa.select(tables.head).order_by(_d.day)):
        head = Head(**row._mapping)
        if not signature_fits(head) or (trusted is not None and head.key_id not in trusted):
            unsigned.append(head.day)
        if not _head_fits(connection, head, before):
            unfit.append(head.day)
        before = head
    yield from first_of(
        "seal.signature",
        "ledger_head",
        unsigned,
        "{} 的每日签名无效，或不是本平台的密钥所签",
        "the head of {} is not validly signed by a key of this platform",
    )
    yield from first_of(
        "seal.head",
        "ledger_head",
        unfit,
        "{} 的每日签名头与封存链不符",
        "the head of {} does not fit the chain of blocks",
    )


def check_published(session: Session, published: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Do heads somebody kept (as published) still stand in the ledger, word for word?"""
    changed = []
    for kept in published:
        head = find_head(session, str(kept.get("day", "")))
        if head is None or head.statement() != dict(kept):
            changed.append(kept.get("day", "?"))
    zh, en = "已公布的 {} 每日签名头与账本不符", "the published head of {} is not the one in the ledger"
    return list(first_of("seal.published", "ledger_head", changed, zh, en))


def _blocks(connection: Connection) -> Iterator[Block]:
    last = -(2**62)
    while True:
        query = sa.select(tables.block).where(_b.number > last).order_by(_b.number).limit(_PAGE)
        page = [Block(**row._mapping) for row in connection.execute(query)]
        if not page:
            return
        yield from page
        last = page[-1].number


def _follows(block: Block, before: Block | None) -> bool:
    if before is None:
        return (block.number, block.first_position, block.previous) == (1, 1, NO_HASH.hex())
    return (
        block.number == before.number + 1
        and block.first_position == before.last_position + 1
        and block.previous == before.hash
        and block.through_entry_id > before.through_entry_id
        and block.sealed_at >= before.sealed_at
    )


def _root_fits(block: Block, records: list[bytes]) -> bool:
    return merkle.root(merkle.leaves(block.first_position, records)).hex() == block.root


def _ends_fit(block: Block, records: list[bytes]) -> bool:
    whole = len(block.leaves) == block.count * RECORD_BYTES
    return whole and record_id(records[-1]) == block.through_entry_id


def _hash_fits(block: Block) -> bool:
    try:
        previous, root = bytes.fromhex(block.previous), bytes.fromhex(block.root)
    except ValueError:
        return False
    made = block_hash(
        block.number,
        previous,
        root,
        block.first_position,
        block.count,
        block.through_entry_id,
        block.sealed_at,
    )
    return made.hex() == block.hash


def _head_fits(connection: Connection, head: Head, before: Head | None) -> bool:
    first_block = before.block_number + 1 if before else 1
    if head.first_block != first_block or (before and not _next_day(before.day, head.day)):
        return False
    last = connection.execute(
        sa.select(_b.hash, _b.first_position, _b.count).where(_b.number == head.block_number)
    ).one_or_none()
    if last is None or (last.hash, last.first_position + last.count - 1) != (head.block_hash, head.entries):
        return False
    blocks = blocks_between(connection, head.first_block, head.block_number)
    try:
        return merkle.root(block_leaves(blocks)).hex() == head.blocks_root
    except ValueError:
        return False


def _next_day(day: str, following: str) -> bool:
    try:
        return date.fromisoformat(following) - date.fromisoformat(day) == timedelta(days=1)
    except ValueError:
        return False


def _as_found(connection: Connection, after: int, through: int) -> list[bytes]:
    try:
        return content_records(connection, after, through, _EVERY)
    except (ValueError, TypeError):
        # SQLite stores anything in any column: read one by one, to name the row that cannot be read.
        ids = sa.select(_e.id).where(_e.id > after, _e.id <= through).order_by(_e.id)
        return [_as_found_alone(connection, number) for number in connection.execute(ids).scalars().all()]


def _as_found_alone(connection: Connection, entry_id: int) -> bytes:
    try:
        return content_records(connection, entry_id - 1, entry_id, 1)[0]
    except (ValueError, TypeError):
        return entry_id.to_bytes(ID_BYTES, "big")


def _by_id(records: list[bytes]) -> dict[int, bytes]:
    return {record_id(record): record[ID_BYTES:] for record in records}
