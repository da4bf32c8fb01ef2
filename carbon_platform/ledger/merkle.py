"""Merkle trees over SHA-256: one root for many leaves, and short proofs that a leaf is below it.

The tree has the shape of RFC 9162: nodes are paired from the left, an odd one out moves up as it is.
A first byte keeps leaves, nodes and blocks apart, so that none can be passed off as another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"


def leaf(position: int, record: bytes) -> bytes:
    """Hash of what stands at a position: ``record`` is an id of 8 bytes and a hash of 32."""
    return sha256(_LEAF + position.to_bytes(8, "big", signed=True) + record).digest()


def leaves(first_position: int, records: Iterable[bytes]) -> list[bytes]:
    """:func:`leaf` of records that stand in a row."""
    return [
        sha256(_LEAF + position.to_bytes(8, "big", signed=True) + record).digest()
        for position, record in enumerate(records, first_position)
    ]


def node(left: bytes, right: bytes) -> bytes:
    """Hash of two nodes."""
    return sha256(_NODE + left + right).digest()


def root(below: Sequence[bytes]) -> bytes:
    """The one hash above all; of no leaves, the hash of nothing."""
    if not below:
        return sha256(b"").digest()
    level = list(below)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(below: Sequence[bytes], index: int) -> list[bytes]:
    """The neighbours, from the leaf upwards, that lead from leaf ``index`` of those ``below`` to the root."""
    if not 0 <= index < len(below):
        raise IndexError(f"leaf {index} of {len(below)}")
    level, steps = list(below), []
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            steps.append(level[beside])
        level, index = _above(level), index // 2
    return steps


def climb(start: bytes, index: int, count: int, steps: Sequence[bytes]) -> bytes | None:
    """The root that ``steps`` lead to from leaf ``index`` of ``count``; None if they do not fit."""
    if not 0 <= index < count:
        return None
    reached, left = start, list(steps)
    while count > 1:
        if index ^ 1 < count:
            if not left:
                return None
            beside = left.pop(0)
            reached = node(beside, reached) if index & 1 else node(reached, beside)
        index, count = index // 2, (count + 1) // 2
    return None if left else reached


def _above(level: list[bytes]) -> list[bytes]:
    pairs = iter(level)
    above = [sha256(_NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) % 2:
        above.append(level[-1])
    return above
