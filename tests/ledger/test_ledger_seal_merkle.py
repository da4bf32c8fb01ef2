"""Merkle trees: every proof leads to the root, every changed byte does not."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carbon_platform.ledger import merkle

HASHES = st.binary(min_size=32, max_size=32)
FOREST = st.lists(HASHES, min_size=1, max_size=70)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1: split at the largest power of two below the count, from the top down."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(FOREST)
@example([bytes(32)] * 1_024)
@example([bytes([n % 256]) * 32 for n in range(1_023)])
def test_the_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == by_definition(leaves)


@given(FOREST)
def test_every_proof_leads_to_the_root(leaves: list[bytes]) -> None:
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        steps = merkle.path(leaves, index)
        assert len(steps) <= (len(leaves) - 1).bit_length()
        assert merkle.climb(leaf, index, len(leaves), steps) == root


@given(st.lists(HASHES, min_size=2, max_size=33, unique=True), st.data())
def test_every_changed_byte_is_noticed(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    count, root, steps = len(leaves), merkle.root(leaves), merkle.path(leaves, index)
    flip = data.draw(st.integers(1, 255))

    def changed(value: bytes) -> list[bytes]:
        return [value[:at] + bytes([value[at] ^ flip]) + value[at + 1 :] for at in range(32)]

    for wrong in changed(leaves[index]):
        assert merkle.climb(wrong, index, count, steps) != root
    for place, step in enumerate(steps):
        for wrong in changed(step):
            assert (
                merkle.climb(leaves[index], index, count, [*steps[:place], wrong, *steps[place + 1 :]])
                != root
            )
    for other in set(range(count)) - {index}:
        assert merkle.climb(leaves[index], other, count, steps) != root
    assert merkle.climb(leaves[index], index, count, [*steps, steps[0]]) is None
    assert merkle.climb(leaves[index], index, count, steps[:-1]) is None
    assert merkle.climb(leaves[index], count, count, steps) is None


@given(st.lists(HASHES, min_size=2, max_size=40, unique=True), st.data())
def test_two_leaves_in_each_others_place_give_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(range(len(leaves))))[:2]
    swapped = list(leaves)
    swapped[one], swapped[other] = leaves[other], leaves[one]
    assert merkle.root(swapped) != merkle.root(leaves)
    assert merkle.root(leaves[:-1]) != merkle.root(leaves)


@given(st.integers(1, 2**62), st.binary(min_size=40, max_size=40), HASHES, HASHES)
def test_leaves_and_nodes_are_never_the_same(position: int, record: bytes, left: bytes, right: bytes) -> None:
    assert merkle.leaf(position, record) == sha256(b"\x00" + position.to_bytes(8, "big") + record).digest()
    assert merkle.leaf(position, record) != merkle.leaf(position + 1, record)
    assert merkle.node(left, right) != sha256(b"\x00" + left + right).digest()


def test_no_leaves_and_no_such_leaf() -> None:
    assert merkle.root([]) == sha256(b"").digest()
    with pytest.raises(IndexError):
        merkle.path([bytes(32)], 1)
