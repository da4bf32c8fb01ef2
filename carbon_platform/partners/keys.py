"""Keys of a scene: made, shown once, sealed, rotated two at a time, ended. Callers open the transaction."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.sealing import Keyring
from carbon_platform.identity.service import audit
from carbon_platform.partners import rules
from carbon_platform.partners.errors import KeysFull
from carbon_platform.partners.tables import PartnerKey, PartnerNonce

SECRET_BYTES = 32
# How long the older of two keys still signs, unless it is ended by hand before.
OVERLAP = timedelta(days=7)
_COLUMN = "partner_key.secret_sealed"


@dataclass(frozen=True)
class NewKey:
    """A key just made. ``secret`` (hex) is nowhere else in clear and cannot be shown again."""

    key: PartnerKey
    secret: str


def make_key(session: Session, actor: Actor, scene: Scene, keyring: Keyring, *, now: datetime) -> NewKey:
    """Make a key for a scene; the one before it goes on signing for seven days.

    Errors: ``KeysFull`` when two are in force already.
    """
    serialise(session, f"partner-keys:{scene.code}")
    before = keys_in_force(session, scene.code, now=now)
    if len(before) >= rules.KEYS_MAX:
        raise KeysFull(scene=scene.name_zh, scene_en=scene.name_en)
    for older in before:
        older.ends_at = min(older.ends_at or now + OVERLAP, now + OVERLAP)
    key_id, secret = f"{scene.code}-{secrets.token_hex(4)}", secrets.token_hex(SECRET_BYTES)
    key = PartnerKey(
        key_id=key_id,
        scene_code=scene.code,
        secret_sealed=keyring.seal(secret, context=f"{_COLUMN}:{key_id}"),
        made_by=actor.name,
        made_at=now,
    )
    session.add(key)
    session.flush()
    audit(
        session, actor, "partner.key.make", object_kind="scene", object_id=scene.code, now=now,
        detail={"key": key_id, "older_until": [one.key_id for one in before]},
    )  # fmt: skip
    return NewKey(key, secret)


def end_key(session: Session, actor: Actor, scene: Scene, key_id: str, *, now: datetime) -> PartnerKey:
    """End a key at once: the next request it signs is refused. Errors: ``NotFound``."""
    key = get_key(session, key_id)
    if key.scene_code != scene.code:
        raise NotFound(what="密钥", key=key_id)
    if key.ends_at is None or key.ends_at > now:
        key.ends_at = now
    audit(
        session, actor, "partner.key.end", object_kind="scene", object_id=scene.code, now=now,
        detail={"key": key_id},
    )  # fmt: skip
    return key


def get_key(session: Session, key_id: str) -> PartnerKey:
    """A key, ended or not. Errors: ``NotFound``."""
    key = session.get(PartnerKey, key_id)
    if key is None:
        raise NotFound(what="密钥", key=key_id)
    return key


def keys_of(session: Session, code: str) -> list[PartnerKey]:
    """Every key of a scene, newest first, the ended ones too."""
    wanted = sa.select(PartnerKey).where(PartnerKey.scene_code == code)
    return list(session.scalars(wanted.order_by(PartnerKey.made_at.desc(), PartnerKey.key_id)))


def keys_in_force(session: Session, code: str, *, now: datetime) -> list[PartnerKey]:
    return [key for key in keys_of(session, code) if key.ends_at is None or key.ends_at > now]


def find_secret(
    session: Session, key_id: str, keyring: Keyring, *, now: datetime
) -> tuple[str, bytes] | None:
    """(scene code, secret) of a key in force, or None."""
    key = session.get(PartnerKey, key_id)
    if key is None or (key.ends_at is not None and key.ends_at <= now):
        return None
    secret = keyring.open(key.secret_sealed, context=f"{_COLUMN}:{key_id}")
    return key.scene_code, secret.encode()


def use_nonce(session: Session, key_id: str, nonce: str, *, now: datetime) -> bool:
    """Note a nonce; False if the key used it before. Two at once: the second one's transaction runs again."""
    if session.get(PartnerNonce, (key_id, nonce)) is not None:
        return False
    session.add(PartnerNonce(key_id=key_id, nonce=nonce, used_at=now))
    session.flush()
    return True


def forget_nonces(session: Session, *, now: datetime) -> int:
    """Delete nonces whose requests the clock refuses anyway; returns how many."""
    deleted = session.execute(sa.delete(PartnerNonce).where(PartnerNonce.used_at < now - 3 * rules.WINDOW))
    return int(deleted.rowcount)  # type: ignore[attr-defined]
