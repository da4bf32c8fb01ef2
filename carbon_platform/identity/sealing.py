"""Encryption of the few fields that name a person, and blind indexes to find them by.

A sealed value is text: ``v1.<key id>.<base64 of nonce and AES-256-GCM ciphertext>``. Its ``context`` (which
field of which row) is authenticated with it, so that a value moved to another row does not open.
A blind index is HMAC-SHA256 of the value under a key of its own, ``<key id>.<hex>``: the database can say
"the same number", never which one (``quality.md`` S8, S9).

The key file is TOML, first key first; old keys stay as long as anything sealed with them is left::

    [[seal]]
    id = "2026-11"
    key = "<32 bytes, base64>"
    [[index]]
    id = "2026-11"
    key = "<32 bytes, base64>"
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import os
import re
import secrets
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import Session

from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError

_VERSION = "v1"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_KEYS = "identity.keys"
_KEY_ID = re.compile(r"[A-Za-z0-9-]{1,40}")


class KeyFileInvalid(PlatformError):
    code, status = "identity.data_key_invalid", 500
    zh = "个人信息密钥文件 {path} 不可用（{reason}）。请按说明放入 TOML 格式的密钥。"
    en = "The key file for personal data {path} cannot be used ({reason_en}). Put keys in TOML there."


class SealedDamaged(PlatformError):
    """A sealed value does not open: altered, moved to another row, or its key is gone."""

    code, status = "identity.sealed_damaged", 500
    zh = "一项加密的个人信息打不开（密钥 {key_id}）。请通知系统管理员检查密钥文件。"
    en = "A sealed personal value does not open (key {key_id}). Let the administrator check the key file."


@dataclass(frozen=True)
class Keyring:
    """Keys by id, the present one first. Never printed: the keys are left out of the text form."""

    seal_keys: dict[str, bytes] = field(repr=False)
    index_keys: dict[str, bytes] = field(repr=False)

    @property
    def seal_id(self) -> str:
        return next(iter(self.seal_keys))

    @property
    def index_id(self) -> str:
        return next(iter(self.index_keys))

    def seal(self, plain: str, *, context: str) -> str:
        """Encrypt under the present key. ``context``: ``table.column:row``, needed again to open."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self.seal_keys[self.seal_id]).encrypt(nonce, plain.encode(), context.encode())
        return f"{_VERSION}.{self.seal_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, context: str) -> str:
        """The value again. Errors: ``SealedDamaged``."""
        key_id = sealed_with(sealed)
        key = self.seal_keys.get(key_id)
        try:
            if key is None:
                raise InvalidTag
            raw = base64.b64decode(sealed.split(".", 2)[2], validate=True)
            plain = AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError, IndexError):
            # "from None": what was tried stays out of tracebacks and logs
            raise SealedDamaged(key_id=key_id) from None
        return plain.decode()

    def index(self, kind: str, value: str) -> str:
        """The blind index under the present key; ``kind`` keeps equal values of two fields apart."""
        return _index(self.index_id, self.index_keys[self.index_id], kind, value)

    def indexes(self, kind: str, value: str) -> list[str]:
        """The index under every known key, for look-ups while a rotation is under way."""
        return [_index(key_id, key, kind, value) for key_id, key in self.index_keys.items()]


def sealed_with(sealed: str) -> str:
    """The id of the key a value was sealed with; empty if it is not a sealed value."""
    parts = sealed.split(".", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _VERSION else ""


def _index(key_id: str, key: bytes, kind: str, value: str) -> str:
    return f"{key_id}.{hmac.new(key, f'{kind}:{value}'.encode(), hashlib.sha256).hexdigest()}"


def say_keys(db: Database, settings: Settings) -> None:
    """Let every session of this database know the keys; the file is read when they are asked for."""
    db.info[_KEYS] = lambda: keyring_of(settings)


def keys(session: Session) -> Keyring:
    """The keys of the platform this session belongs to."""
    found: Keyring = session.info[_KEYS]()
    return found


def keyring_of(settings: Settings) -> Keyring:
    """The keys the settings name. Without a file they come from the secret; production refuses that."""
    if settings.data_key_file is None:
        return _derived(settings.secret)
    stat = settings.data_key_file.stat() if settings.data_key_file.is_file() else None
    # read again when the file was replaced: a rotation needs no restart
    return read_keys(settings.data_key_file, stat.st_mtime_ns if stat else 0)


@functools.lru_cache(maxsize=8)
def _derived(secret: str) -> Keyring:
    def key(use: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=use).derive(secret.encode())

    return Keyring({"derived": key(b"carbon seal")}, {"derived": key(b"carbon index")})


@functools.lru_cache(maxsize=8)
def read_keys(path: Path, _changed_ns: int = 0) -> Keyring:
    """Read a key file. Errors: ``KeyFileInvalid``."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeyFileInvalid(path=path, reason="读不到", reason_en=error.strerror or "unreadable") from error
    except ValueError:
        raise KeyFileInvalid(path=path, reason="不是 TOML", reason_en="not TOML") from None
    return Keyring(_keys(path, data.get("seal")), _keys(path, data.get("index")))


def _keys(path: Path, rows: object) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for row in rows if isinstance(rows, list) else ():
        key_id = str(row.get("id", "")) if isinstance(row, dict) else ""
        try:
            key = base64.b64decode(str(row["key"]), validate=True) if key_id else b""
        except (KeyError, binascii.Error):
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != _KEY_BYTES or key_id in found:
            raise KeyFileInvalid(
                path=path,
                reason=f"第 {len(found) + 1} 把密钥不对：要有不重复的 id 和 32 字节的 base64",
                reason_en=f"key {len(found) + 1} is wrong: it needs an id of its own and 32 bytes in base64",
            )
        found[key_id] = key
    if not found:
        raise KeyFileInvalid(path=path, reason="没有密钥", reason_en="no keys")
    return found


def add_key(path: Path, key_id: str, *, kinds: tuple[str, ...] = ("seal", "index")) -> None:
    """Put new keys first into a key file, made for its owner alone if it is missing.

    Errors: ``KeyFileInvalid`` when the id is taken or unfit, or the file holds something else.
    """
    known = read_keys(path, path.stat().st_mtime_ns) if path.exists() else Keyring({}, {})
    by_kind = {"seal": dict(known.seal_keys), "index": dict(known.index_keys)}
    for kind in kinds:
        if key_id in by_kind[kind] or not _KEY_ID.fullmatch(key_id):
            raise KeyFileInvalid(
                path=path, reason=f"编号 {key_id} 不能用", reason_en=f"id {key_id} is no use"
            )
        by_kind[kind] = {key_id: secrets.token_bytes(_KEY_BYTES), **by_kind[kind]}
    text = "".join(
        f'[[{kind}]]\nid = "{one}"\nkey = "{base64.b64encode(key).decode()}"\n\n'
        for kind, keys in by_kind.items()
        for one, key in keys.items()
    )
    # Whole or not at all, and never readable by others, not even for a moment.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
