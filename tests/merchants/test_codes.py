"""Codes of vouchers: signed ones hold, altered ones do not, and the page of the till reads the same."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_world import NOW

from carbon_platform.citizens import codes, reward_rules
from carbon_platform.citizens.rules import LOCAL

# Read by tests/node/shop_code.test.mjs too.
VECTORS = Path(__file__).parents[1] / "node" / "shop_code.vectors.json"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = (codes.public_key(KEY),)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?", fullmatch=True)
tickets = st.builds(
    codes.Ticket,
    code=st.text(LETTERS, min_size=16, max_size=16).map(codes.spoken),
    merchant=names,
    reward=names,
    expires_at=st.integers(0, 2**27).map(lambda minutes: datetime.fromtimestamp(minutes * 60, UTC)),
    topup_fen=st.integers(0, 10**7),
)


@given(ticket=tickets)
@settings(max_examples=80, deadline=None)
def test_what_was_signed_is_read(ticket: codes.Ticket) -> None:
    text = codes.sign(ticket, KEY)
    assert codes.read(text, KEYS) == ticket
    assert codes.read(f" {text.lower()} ", KEYS) == ticket, "a scanner that writes small letters"
    assert codes.sign(ticket, KEY) == text
    assert len(text) <= 262, "one QR of at most 13 by medium correction"
    assert set(text) <= set(f"{LETTERS}{codes.PREFIX}"), "letters a QR packs tightly"


@given(ticket=tickets, data=st.data())
@settings(max_examples=150, deadline=None)
def test_an_altered_code_is_refused(ticket: codes.Ticket, data: st.DataObject) -> None:
    text = codes.sign(ticket, KEY)
    raw = bytearray(base64.b32decode(text[4:] + "=" * (-len(text[4:]) % 8)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    altered = codes.PREFIX + base64.b32encode(bytes(raw)).decode().rstrip("=")
    with pytest.raises((codes.SignatureWrong, codes.CodeUnreadable)):
        codes.read(altered, KEYS)


def test_another_key_and_broken_texts_are_refused() -> None:
    ticket = codes.Ticket(codes.spoken("A" * 16), "museum", "guide", NOW, 0)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(codes.SignatureWrong):
        codes.read(codes.sign(ticket, other), KEYS)
    # after a change of keys both are known, and both kinds of codes are read
    both = (codes.public_key(other), *KEYS)
    assert codes.read(codes.sign(ticket, other), both) == codes.read(codes.sign(ticket, KEY), both)
    for text in ("", "XY1:", "XY1:AAAA", "XY1:????", "XY2:" + "A" * 200, "XY1:" + "A" * 400, "公交卡"):
        with pytest.raises(codes.CodeUnreadable):
            codes.read(text, KEYS)


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_is_said_to_be_none(text: str) -> None:
    try:
        code = codes.spoken(text)
    except codes.CodeUnreadable:
        return
    assert codes.spoken(code) == code


def test_codes_as_people_say_and_type_them() -> None:
    for text in (
        "xy-abcd-efgh-1jkl-mn0p",
        "ABCD EFGH IJKL MNOP",
        "XY－ABCD－EFGH－IJKL－MNOP",
        "abcdefghijklmnop",
    ):
        assert codes.spoken(text) == "XY-ABCD-EFGH-IJKL-MNOP"
    for text in ("ABCD-EFGH-IJKL", "ABCD-EFGH-IJKL-MNO9", "一二三四"):
        with pytest.raises(codes.CodeUnreadable):
            codes.spoken(text)


def test_the_vectors_of_the_till_are_ours() -> None:
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    ticket = codes.Ticket(
        vectors["code"],
        vectors["merchant"],
        vectors["reward"],
        datetime.fromisoformat(vectors["expires_at"]),
        vectors["topup_fen"],
    )
    assert vectors["keys"] == list(KEYS)
    assert vectors["text"] == codes.sign(ticket, KEY)
    assert vectors["hash"] == codes.code_hash(vectors["code"])


def test_days_and_hours_in_words() -> None:
    rows = [{"days": [2, 3, 4, 5, 6, 7], "from": "09:00", "to": "17:00"}]
    assert reward_rules.hours_words(rows) == ("周二至周日 09:00–17:00", "Tue–Sun 09:00–17:00")
    assert reward_rules.hours_words([{"days": [6, 7], "from": "08:00", "to": "24:00"}])[0].startswith(
        "周六、周日"
    )
    assert reward_rules.hours_words([]) == ("", "")
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=LOCAL)
    assert not reward_rules.is_open(rows, monday)
    assert reward_rules.is_open(rows, monday + timedelta(days=1))
    assert not reward_rules.is_open(rows, monday + timedelta(days=1, hours=8))
    assert reward_rules.is_open([], monday)
    assert reward_rules.season_words(None, "2027-02-28") == "… – 2027-02-28"
    assert reward_rules.donation_value(150, 100, 70) is None
    assert reward_rules.donation_value(300, 100, 70) == 210
