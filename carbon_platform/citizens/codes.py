"""One-time codes of vouchers: short enough to be read aloud, and signed for a shop without network.

A voucher's code is ``XY-ABCD-EFGH-IJKL-MNOP``: 80 random bits. Spoken or typed it is looked up, online
or in the list a shop carries (of hashes: who has the list can make no code out of it). In the QR it
comes with merchant, last minute and what is to be paid in the shop, signed with Ed25519::

    XY1: + base32( 1 version | 2 key | 4 last minute | 3 top-up fen | 10 code | 1 + n merchant
                   | 1 + n reward | 64 signature )

so that any phone that knows the public key can tell a true one from a made-up one by itself. All
letters belong to the QR alphabet of 45, which keeps the picture small.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from carbon_platform import ledger
from carbon_platform.citizens.rules import voucher_text
from carbon_platform.errors import PlatformError

PREFIX = "XY1:"
VERSION = 1
CODE_BYTES, SIGNATURE_BYTES, KEY_MARK_BYTES = 10, 64, 2
CODE_LETTERS = 16
# What people take for letters of the code alphabet, which has no 0, 1, 8 and 9.
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B"})


class CodeKeyInvalid(PlatformError):
    """The file of the key that signs codes is missing or holds something else."""

    code, status = "codes.key_invalid", 500
    zh = "兑换码签名密钥文件 {path} 不可用（{reason}）。请放入 PEM 格式的 Ed25519 私钥。"
    en = "The key {path} that signs codes cannot be used ({reason_en}). Put an Ed25519 key (PEM) there."


class CodeUnreadable(PlatformError):
    code, status = "codes.unreadable", 422
    zh = "这不是一个兑换码。兑换码是 XY- 开头的 16 个字母数字，或 XY1: 开头的二维码内容。"
    en = "This is no voucher code. A code is XY- and 16 letters and digits, or what a QR with XY1: holds."


class SignatureWrong(PlatformError):
    code, status = "codes.signature_wrong", 422
    zh = "二维码的签名不对：不是本平台发的，或被改过。请让顾客打开原来的页面再扫。"
    en = "The signature of this QR is wrong: not ours, or altered. Ask for the original page."


@dataclass(frozen=True)
class Ticket:
    """What a signed code says. ``expires_at`` in whole minutes."""

    code: str
    merchant: str
    reward: str
    expires_at: datetime
    topup_fen: int


def load_code_key(path: Path, *, make: bool) -> Ed25519PrivateKey:
    """The key in ``path``; if it is missing and ``make`` says so, a new one is put there.

    Errors: :class:`CodeKeyInvalid`.
    """
    try:
        return ledger.load_key(path, make=make)
    except ledger.SealKeyInvalid as error:
        raise CodeKeyInvalid(**error.values) from error


def public_key(key: Ed25519PrivateKey) -> str:
    """The public half, 64 hexadecimal digits; its first two bytes mark the codes it signed."""
    return ledger.key_id(key)


def sign(ticket: Ticket, key: Ed25519PrivateKey) -> str:
    """The text of the QR. Signing the same ticket again gives the same text."""
    merchant, reward = ticket.merchant.encode(), ticket.reward.encode()
    message = b"".join(
        (
            bytes([VERSION]),
            bytes.fromhex(public_key(key))[:KEY_MARK_BYTES],
            (int(ticket.expires_at.timestamp()) // 60).to_bytes(4, "big"),
            ticket.topup_fen.to_bytes(3, "big"),
            base64.b32decode(_letters(ticket.code)),
            bytes([len(merchant)]),
            merchant,
            bytes([len(reward)]),
            reward,
        )
    )
    return PREFIX + base64.b32encode(message + key.sign(message)).decode().rstrip("=")


def read(text: str, public_keys: tuple[str, ...]) -> Ticket:
    """What a signed code says, once its signature is found right.

    Errors: :class:`CodeUnreadable`; :class:`SignatureWrong` also for a key nobody knows.
    """
    given = text.strip().upper()
    body = given.removeprefix(PREFIX)
    if body == given:
        raise CodeUnreadable
    try:
        data = base64.b32decode(body + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError) as error:
        raise CodeUnreadable from error
    message, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    if len(message) < 22 or message[0] != VERSION:
        raise CodeUnreadable
    _check_signature(message, signature, public_keys)
    merchant, rest = _text_at(message, 10 + CODE_BYTES)
    reward, end = _text_at(message, rest)
    if end != len(message):
        raise CodeUnreadable
    return Ticket(
        code=voucher_text(base64.b32encode(message[10 : 10 + CODE_BYTES]).decode()),
        merchant=merchant,
        reward=reward,
        expires_at=datetime.fromtimestamp(int.from_bytes(message[3:7], "big") * 60, UTC),
        topup_fen=int.from_bytes(message[7:10], "big"),
    )


def _check_signature(message: bytes, signature: bytes, public_keys: tuple[str, ...]) -> None:
    for known in public_keys:
        raw = bytes.fromhex(known)
        if raw[:KEY_MARK_BYTES] == message[1 : 1 + KEY_MARK_BYTES]:
            with contextlib.suppress(InvalidSignature):
                Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
                return
    raise SignatureWrong


def _text_at(message: bytes, start: int) -> tuple[str, int]:
    """(Text, where it ends) of a text with its length in front."""
    if start >= len(message):
        raise CodeUnreadable
    end = start + 1 + message[start]
    try:
        return message[start + 1 : end].decode("ascii"), end
    except UnicodeDecodeError as error:
        raise CodeUnreadable from error


def spoken(text: str) -> str:
    """A code as people type it (any case, blanks, 0 for O) in its one form, or ``CodeUnreadable``."""
    letters = _letters(text)
    try:
        base64.b32decode(letters)
    except (binascii.Error, ValueError) as error:
        raise CodeUnreadable from error
    return voucher_text(letters)


def _letters(text: str) -> str:
    plain = "".join(char for char in text.upper() if not char.isspace() and char not in "-－—·")
    if plain.startswith("XY") and len(plain) == CODE_LETTERS + 2:
        plain = plain[2:]
    plain = plain.translate(_MISREAD)
    if len(plain) != CODE_LETTERS or not plain.isascii():
        raise CodeUnreadable
    return plain


def code_hash(code: str) -> str:
    """How a code stands in a shop's list: half of a SHA-256, of 80 random bits."""
    return hashlib.sha256(code.encode()).hexdigest()[:32]
