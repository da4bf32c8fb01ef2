"""The proof of an entry, checked by the stand-alone script as anybody would run it."""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from books import NOW, deposit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed import DAY, KEY_ID, MIDNIGHT, seal, sign, tamper, tell

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import seal as seal_rows

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "check_proof.py"
PROVED, REFUSED, UNREADABLE, UNSIGNED = 0, 1, 2, 3


def check(folder: Path, proof: Any, key: str = KEY_ID) -> tuple[int, str]:
    """Exit status and words of the script: another process, no packages, no path of ours."""
    file = folder / "proof.json"
    file.write_text(proof if isinstance(proof, str) else json.dumps(proof, ensure_ascii=False), "utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), str(file), "--key", key],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def script() -> Any:
    """The script as a module: the same code, many times faster to call."""
    spec = importlib.util.spec_from_file_location("check_proof", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def answer(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], int]:
    """``answer(proof)``: the exit status of the script's ``main``."""

    class Out(list[str]):
        def write(self, text: str) -> None:
            self.append(text)

        def reconfigure(self, **_: str) -> None: ...

    def run(proof: Any, key: str = KEY_ID) -> int:
        (tmp_path / "p.json").write_text(json.dumps(proof), "utf-8")
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["check_proof.py", str(tmp_path / "p.json"), "--key", key])
            patched.setattr(sys, "stdout", Out())
            status: int = script.main()
        return status

    return run


def prove(database: Database, entry_id: int) -> dict[str, Any]:
    proof = database.read(lambda s: ledger.prove(s, entry_id))
    found: dict[str, Any] = json.loads(json.dumps(proof))
    return found


def test_every_entry_is_proved_by_another_process(database: Database, tmp_path: Path) -> None:
    tell(database)
    for entry_id, day in ((1, "2026-11-22"), (5, "2026-11-22"), (7, "2026-11-23")):
        status, words = check(tmp_path, prove(database, entry_id))
        assert (status, words.split(",")[0]) == (PROVED, f"PROVED: entry {entry_id}"), words
        assert day in words


@pytest.mark.postgresql
def test_both_engines_prove_with_the_same_words(new_ledger: Callable[[str], Database]) -> None:
    """Down to the last byte: the canonical content does not depend on the database."""
    proofs = []
    for engine in ("sqlite", "postgresql"):
        database = new_ledger(engine)
        tell(database)
        proofs.append([prove(database, number) for number in range(1, 8)])
    assert proofs[0] == proofs[1]


def altered(value: Any) -> Iterator[Any]:
    """Every way to change one thing in a JSON value, at any depth."""
    if isinstance(value, dict):
        for name in value:
            yield {other: part for other, part in value.items() if other != name}
            for changed in altered(value[name]):
                yield {**value, name: changed}
        yield {**value, "more": 1}
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield [*value[:at], *value[at + 1 :]]
            for changed in altered(part):
                yield [*value[:at], changed, *value[at + 1 :]]
        yield [*value, *value] if value else [1]
    elif isinstance(value, str):
        yield value + "0"
        yield value.swapcase() if value.swapcase() != value else None
        yield ("1" if value[:1] != "1" else "2") + value[1:]
    elif isinstance(value, bool):
        yield not value
        yield int(value)
    elif isinstance(value, int):
        yield value + 1
        yield float(value)
        yield str(value)
    else:
        yield 0


def test_a_proof_with_anything_altered_is_refused(
    new_ledger: Callable[[str], Database], answer: Callable[[Any], int]
) -> None:
    database = new_ledger("sqlite")
    tell(database)
    tried = 0
    for entry_id in (3, 5):
        proof = prove(database, entry_id)
        assert answer(proof) == PROVED
        for wrong in altered(proof):
            assert answer(wrong) in (REFUSED, UNREADABLE), wrong
            tried += 1
    assert tried > 300


def test_what_is_taken_away_proves_less(
    new_ledger: Callable[[str], Database], answer: Callable[[Any], int]
) -> None:
    database = new_ledger("sqlite")
    tell(database)
    proof = prove(database, 5)
    assert answer({**proof, "head": None}) == REFUSED, "a path without its head"
    assert answer({**proof, "head": None, "block_path": []}) == UNSIGNED, "never taken for proved"


def test_the_key_is_the_readers_choice(
    new_ledger: Callable[[str], Database], answer: Callable[..., int]
) -> None:
    database = new_ledger("sqlite")
    tell(database)
    proof = prove(database, 2)
    other = ledger.key_id(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert answer(proof, other) == REFUSED
    forged = copy.deepcopy(proof)
    forged["head"]["key_id"] = other
    assert answer(forged, other) == REFUSED
    assert answer(proof, "ab") == REFUSED


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', "[" * 100_000, '{"head": 1, "head": 2}', "\x00", "1e999"]
)
def test_what_is_no_proof_is_refused_in_words(tmp_path: Path, text: str) -> None:
    status, words = check(tmp_path, text)
    assert status in (REFUSED, UNREADABLE)
    assert words


def test_before_the_day_is_signed_the_proof_says_so(database: Database, tmp_path: Path) -> None:
    deposit(database, "a", 5)
    with pytest.raises(ledger.NotSealedYet, match="Entry 1"):
        prove(database, 1)
    seal(database)
    status, words = check(tmp_path, prove(database, 1))
    assert (status, words.split(":")[0]) == (UNSIGNED, "UNSIGNED")
    sign(database, MIDNIGHT)
    assert check(tmp_path, prove(database, 1))[0] == PROVED


def test_no_proof_of_what_is_not_there_or_was_changed(database: Database) -> None:
    tell(database)
    for number in (8, 0, 10**12):
        with pytest.raises(ledger.EntryNotFound):
            prove(database, number)
    tamper(
        database, "UPDATE ledger_entry SET note = 'x' WHERE id = 2", "DELETE FROM ledger_entry WHERE id = 6"
    )
    for number in (2, 6):
        with pytest.raises(ledger.SealBroken, match=f"Entry {number}"):
            prove(database, number)


def test_a_proof_stays_short(
    database: Database, answer: Callable[[Any], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """13 entries to a block, 5 blocks under one head: 4 and 3 hashes, wherever the entry stands."""
    monkeypatch.setattr(seal_rows, "BLOCK_ENTRIES", 13)
    for number in range(60):
        deposit(database, "a", 1, f"d{number}")
    seal(database)
    sign(database, NOW + DAY)
    for entry_id in (1, 13, 14, 40, 52, 53, 60):
        proof = prove(database, entry_id)
        assert len(proof["path"]) <= 4
        assert len(proof["block_path"]) <= 3
        assert answer(proof) == PROVED


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 63), st.integers(1, 255))
def test_the_scripts_ed25519_is_that_of_the_library(
    script: Any, secret: bytes, message: bytes, place: int, flip: int
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, signature = bytes.fromhex(ledger.key_id(key)), key.sign(message)
    assert script.signed(public, message, signature)
    assert not script.signed(public, message + b"x", signature)
    wrong = signature[:place] + bytes([signature[place] ^ flip]) + signature[place + 1 :]
    try:
        assert not script.signed(public, message, wrong)
    except script.Refused:
        return  # not a point of the curve


def test_a_second_spelling_of_a_signature_is_refused(script: Any) -> None:
    """s and s + order give the same equation; only the first is a signature."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signature = key.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + script.ORDER
    public = bytes.fromhex(ledger.key_id(key))
    assert not script.signed(public, b"m", signature[:32] + s.to_bytes(32, "little"))
