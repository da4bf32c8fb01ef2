"""The chain's head of each day, signed with Ed25519 and published.

A head of a day (Xinyang) covers the blocks sealed since the head before until that day's end. It holds
a Merkle root over them, so that a proof needs few hashes, and the hash of the last, so that the chain
cannot be made anew behind it. Whoever keeps one published head can tell later whether the ledger still
fits. ``key_id`` is the public key itself, 32 bytes in hexadecimal.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import merkle, tables
from carbon_platform.ledger.leaves import instant

FORMAT = "xinyang-carbon-ledger-head/1"
ZONE = ZoneInfo("Asia/Shanghai")
_b, _d = tables.block.c, tables.head.c


class SealKeyInvalid(PlatformError):
    """The file of the signing key is missing or holds something else."""

    code, status = "ledger.seal_key_invalid", 500
    zh = "账本签名密钥文件 {path} 不可用（{reason}）。请放入 PEM 格式的 Ed25519 私钥。"
    en = "The signing key {path} cannot be used ({reason_en}). Put an Ed25519 private key in PEM there."


@dataclass(frozen=True)
class Head:
    """Blocks ``first_block`` … ``block_number`` under ``blocks_root``; ``entries`` sealed so far in all."""

    day: str
    first_block: int
    block_number: int
    block_hash: str
    blocks_root: str
    entries: int
    key_id: str
    signed_at: datetime
    signature: str

    def statement(self) -> dict[str, str | int]:
        """What is published: all of it, with the format's name."""
        return {"format": FORMAT, **asdict(self), "signed_at": instant(self.signed_at)}

    def message(self) -> bytes:
        """What is signed: the statement without its signature, as canonical JSON."""
        said = {name: value for name, value in self.statement().items() if name != "signature"}
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode("ascii")


def load_key(path: Path, *, make: bool) -> Ed25519PrivateKey:
    """The signing key in ``path``; if it is missing and ``make`` says so, a new one is put there."""
    if make and not path.exists():
        _make_key(path)
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise SealKeyInvalid(path=path, reason="读不到", reason_en=error.strerror or "unreadable") from error
    except (ValueError, TypeError) as error:
        raise SealKeyInvalid(path=path, reason="不是私钥", reason_en="not a private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SealKeyInvalid(path=path, reason="不是 Ed25519", reason_en="not Ed25519")
    return key


def key_id(key: Ed25519PrivateKey) -> str:
    """The public half, in hexadecimal."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def known_keys(path: Path, *, make: bool, old_keys: str = "") -> tuple[str, ...]:
    """Public keys whose signatures count: that of the key in ``path``, then earlier ones (comma between)."""
    return (key_id(load_key(path, make=make)), *(one for one in old_keys.split(",") if one))


def sign_heads(session: Session, key: Ed25519PrivateKey, now: datetime) -> list[Head]:
    """Sign every ended day that has none yet, from the first block's day on. Repeatable."""
    serialise(session, "ledger.head")
    connection = session.connection()
    last = _newest(connection)
    if last is not None:
        day = date.fromisoformat(last.day) + timedelta(days=1)
    else:
        first = connection.execute(sa.select(_b.sealed_at).order_by(_b.number).limit(1)).scalar_one_or_none()
        if first is None:
            return []
        day = first.astimezone(ZONE).date()
    made: list[Head] = []
    while day < now.astimezone(ZONE).date():
        last = _sign(connection, last, day, key, now)
        connection.execute(tables.head.insert(), [asdict(last)])
        made.append(last)
        day += timedelta(days=1)
    return made


def signed_heads(session: Session, *, limit: int, before: str = "9999-99-99") -> list[Head]:
    """Signed heads of days before ``before``, the newest first."""
    query = sa.select(tables.head).where(_d.day < before).order_by(_d.day.desc()).limit(limit)
    return [Head(**row._mapping) for row in session.execute(query)]


def find_head(session: Session, day: str) -> Head | None:
    """The head of a day, ``2026-11-22``."""
    row = session.execute(sa.select(tables.head).where(_d.day == day)).one_or_none()
    return None if row is None else Head(**row._mapping)


def signature_fits(head: Head) -> bool:
    """Whether the key the head names has signed all it says."""
    try:
        signer, signature = bytes.fromhex(head.key_id), bytes.fromhex(head.signature)
        # Only one spelling of the same bytes is theirs.
        if (signer.hex(), signature.hex()) != (head.key_id, head.signature):
            return False
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, head.message())
    except (ValueError, InvalidSignature):
        return False
    return True


def block_leaves(rows: Iterable[tuple[int, int, str]]) -> list[bytes]:
    """Merkle leaves of blocks, each given as number, last entry id and hash."""
    return [
        merkle.leaf(number, through.to_bytes(8, "big", signed=True) + bytes.fromhex(made))
        for number, through, made in rows
    ]


def blocks_between(connection: Connection, first: int, last: int) -> list[tuple[int, int, str]]:
    """Number, last entry id and hash of the blocks ``first`` … ``last``."""
    query = sa.select(_b.number, _b.through_entry_id, _b.hash)
    rows = connection.execute(query.where(_b.number.between(first, last)).order_by(_b.number))
    return [(number, through, made) for number, through, made in rows]


def _sign(
    connection: Connection, last: Head | None, day: date, key: Ed25519PrivateKey, now: datetime
) -> Head:
    ends_at = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE).astimezone(UTC)
    block = connection.execute(
        sa.select(_b.number, _b.hash, (_b.first_position + _b.count - 1).label("entries"))
        .where(_b.sealed_at < ends_at)
        .order_by(_b.number.desc())
        .limit(1)
    ).one()
    first_block = last.block_number + 1 if last else 1
    unsigned = Head(
        day=day.isoformat(),
        first_block=first_block,
        block_number=block.number,
        block_hash=block.hash,
        blocks_root=merkle.root(block_leaves(blocks_between(connection, first_block, block.number))).hex(),
        entries=block.entries,
        key_id=key_id(key),
        signed_at=now.astimezone(UTC),
        signature="",
    )
    return Head(**{**vars(unsigned), "signature": key.sign(unsigned.message()).hex()})


def _newest(connection: Connection) -> Head | None:
    row = connection.execute(sa.select(tables.head).order_by(_d.day.desc()).limit(1)).one_or_none()
    return None if row is None else Head(**row._mapping)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f"{path.name}.{os.getpid()}.new")
    written.touch(mode=0o600)
    written.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    # Of two processes that make one at once, both go on with the first's.
    with contextlib.suppress(FileExistsError):
        os.link(written, path)
    written.unlink()
