"""Sealed values open for their own row and key only; indexes tell equal from unequal and nothing more."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_platform.config import Settings
from carbon_platform.identity.sealing import (
    KeyFileInvalid,
    Keyring,
    SealedDamaged,
    add_key,
    keyring_of,
    read_keys,
    sealed_with,
)

RING = Keyring({"new": bytes(range(32)), "old": b"o" * 32}, {"new": b"i" * 32, "old": b"j" * 32})
OLD = Keyring({"old": b"o" * 32}, {"old": b"j" * 32})
SEALED = RING.seal("411502199001011237", context="id:1")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_a_value_opens_in_its_own_place_only(plain: str, place: str, other: str) -> None:
    sealed = RING.seal(plain, context=place)
    assert RING.open(sealed, context=place) == plain
    assert sealed != RING.seal(plain, context=place), "the same value twice must not look the same"
    if plain and len(plain.encode()) > 3:
        assert plain not in sealed
    if place != other:
        with pytest.raises(SealedDamaged):
            RING.open(sealed, context=other)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_altered_character_is_noticed(data: st.DataObject) -> None:
    sealed = SEALED
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.characters(codec="ascii", exclude_characters=sealed[place]))
    broken = sealed[:place] + letter + sealed[place + 1 :]
    try:
        opened = RING.open(broken, context="id:1")
    except SealedDamaged:
        return
    # base64 has spare bits in its last letter: the bytes are then the same
    raw = [base64.b64decode(text.split(".")[2]) for text in (sealed, broken)]
    assert opened == "411502199001011237" and raw[0] == raw[1]


def test_old_keys_open_and_new_ones_seal() -> None:
    before = OLD.seal("13800000000", context="x")
    assert (sealed_with(before), RING.open(before, context="x")) == ("old", "13800000000")
    assert sealed_with(RING.seal("13800000000", context="x")) == "new"
    with pytest.raises(SealedDamaged, match="new"):
        OLD.open(RING.seal("1", context="x"), context="x")
    assert OLD.index("phone", "1") in RING.indexes("phone", "1")
    assert RING.index("phone", "1") not in (RING.index("id", "1"), RING.index("phone", "2"))
    assert "o" * 8 not in repr(RING) and str(bytes(range(4))) not in repr(RING)


def test_a_key_file_grows_at_its_head_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    add_key(path, "2026-11")
    settings = Settings(mode="test", data_key_file=path)
    sealed = keyring_of(settings).seal("王小满", context="n")
    assert path.stat().st_mode & 0o077 == 0
    add_key(path, "2026-12", kinds=("seal",))
    ring = keyring_of(settings)
    assert (ring.seal_id, ring.index_id) == ("2026-12", "2026-11")
    assert ring.open(sealed, context="n") == "王小满"
    with pytest.raises(KeyFileInvalid):
        add_key(path, "2026-12")
    with pytest.raises(KeyFileInvalid):
        add_key(path, "no blanks please")
    assert [item.name for item in tmp_path.iterdir()] == ["keys.toml"]


@pytest.mark.parametrize(
    "text",
    ["", "not toml [", "[[seal]]\nid='a'\nkey='AAAA'\n", "[[seal]]\nkey='AAAA'\n", "seal = 1\nindex = 2\n",
     "[[seal]]\nid='a'\nkey='%%%'\n"],
)  # fmt: skip
def test_a_wrong_key_file_is_named_and_tells_no_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    with pytest.raises(KeyFileInvalid) as caught:
        read_keys(path, 1)
    assert str(path) in caught.value.message()
    assert not re.search("AAAA", caught.value.message())
    with pytest.raises(KeyFileInvalid):
        read_keys(tmp_path / "gone.toml", 0)


def test_without_a_file_the_keys_follow_from_the_secret() -> None:
    one, same = keyring_of(Settings(mode="test")), keyring_of(Settings(mode="test"))
    assert same.open(one.seal("a", context="c"), context="c") == "a"
    with pytest.raises(SealedDamaged):
        keyring_of(Settings(mode="test", secret="another")).open(one.seal("a", context="c"), context="c")
