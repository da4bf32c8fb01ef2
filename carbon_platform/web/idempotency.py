"""Idempotency-Key: the same order sent twice is one order.

The key belongs to a principal and remembers the request's fingerprint and the response, written in
the same transaction as the effect. Same key and body → the stored response with
``Idempotency-Replayed: true``; same key, other body → :class:`KeyReused`. Keys are kept 30 days by a job;
beside them every entry of the ledger has a permanent reference of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Response, request
from sqlalchemy.orm import Mapped, Session, mapped_column

from carbon_platform.db import Base, BigId
from carbon_platform.errors import PlatformError


class KeyMissing(PlatformError):
    code, status = "web.idempotency_key_missing", 400
    zh = "这个请求会移动吨、分或钱，请带上 Idempotency-Key 请求头（每次操作一个新的随机值，重试时用同一个）。"
    en = (
        "This request moves tonnes, points or money: send an Idempotency-Key header "
        "(a new random value per operation, the same one when you retry)."
    )


class KeyReused(PlatformError):
    code, status = "web.idempotency_key_reused", 422
    zh = "这个 Idempotency-Key 已用于另一个内容不同的请求。请换一个新的值。"
    en = "This Idempotency-Key was used for a request with another body. Use a new value."


class IdempotencyKey(Base):
    """A key that has had its effect."""

    __tablename__ = "idempotency_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    principal: Mapped[str]
    key: Mapped[str]
    fingerprint: Mapped[str]
    status: Mapped[int]
    body: Mapped[str]
    used_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (sa.UniqueConstraint("principal", "key"),)


@dataclass
class Slot:
    """Room for one response; ``stored`` is the response of the first request, if there was one."""

    session: Session
    row: IdempotencyKey
    stored: Response | None

    def keep(self, response: Response) -> None:
        self.row.status = response.status_code
        self.row.body = response.get_data(as_text=True)
        self.session.flush()


def open_slot(session: Session, actor: Any, *, now: datetime) -> Slot:
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > 200:
        raise KeyMissing
    principal = f"{actor.role}:{actor.user_id or actor.person_id}" if actor else "public"
    body = request.get_data(cache=True)
    fingerprint = hashlib.sha256(
        b"\n".join([request.method.encode(), request.full_path.encode(), body])
    ).hexdigest()
    found = session.scalar(
        sa.select(IdempotencyKey).where(IdempotencyKey.principal == principal, IdempotencyKey.key == key)
    )
    if found:
        if found.fingerprint != fingerprint:
            raise KeyReused
        stored = Response(found.body, status=found.status, mimetype="application/json")
        stored.headers["Idempotency-Replayed"] = "true"
        return Slot(session, found, stored)
    row = IdempotencyKey(
        principal=principal, key=key, fingerprint=fingerprint, status=0, body="", used_at=now
    )
    # Inserted first: of two equal requests at once, the second breaks the unique key here, runs again
    # after the first has committed, and then finds the stored response.
    session.add(row)
    session.flush()
    return Slot(session, row, None)


KEPT = timedelta(days=30)


def forget_old_keys(session: Session, *, now: datetime) -> int:
    """Delete keys past their time; returns how many. Clients retry within minutes, not months."""
    deleted = session.execute(sa.delete(IdempotencyKey).where(IdempotencyKey.used_at < now - KEPT))
    return int(deleted.rowcount)  # type: ignore[attr-defined]
