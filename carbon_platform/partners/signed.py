"""Signed requests of data partners: who sent this, unaltered, now, and only once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import request
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.identity.sealing import keyring_of
from carbon_platform.partners import keys, rules
from carbon_platform.partners.errors import (
    ClockOff,
    NonceReplayed,
    PushTooLarge,
    SignatureInvalid,
    SignatureMissing,
)
from carbon_platform.partners.rules import Signed
from carbon_platform.web import Call

T = TypeVar("T")

HEADERS = {
    "key_id": "X-Partner-Key",
    "at": "X-Partner-Time",
    "nonce": "X-Partner-Nonce",
    "algorithm": "X-Partner-Algorithm",
    "signature": "X-Partner-Signature",
}
# Compared against when the key is unknown, so that both answers take the same time.
_NO_SECRET = b"no such key"


@dataclass(frozen=True)
class Partner:
    """A partner whose signature was right. ``scene`` is the code of its scene."""

    scene: str
    key_id: str
    body: bytes
    now: datetime

    @property
    def actor(self) -> Actor:
        """Who the audit records name."""
        return Actor(name=f"partner:{self.key_id}", role="partner", permissions=frozenset())


def demand_partner(call: Call, *, most_bytes: int = rules.BODY_MAX_BYTES) -> Partner:
    """Check the signature of this request. Reads only; :func:`once` takes the nonce.

    Errors: ``PushTooLarge``, ``SignatureMissing``, ``ClockOff``, ``SignatureInvalid``.
    """
    size = request.content_length or 0
    if size > most_bytes:
        raise PushTooLarge(most=f"{most_bytes:,}", size=f"{size:,}")
    signed = _headers()
    if not rules.in_window(signed.at, call.now):
        raise ClockOff(at=signed.at, now=int(call.now.timestamp()), seconds=int(rules.WINDOW.total_seconds()))
    body = request.get_data(cache=True)
    if len(body) > most_bytes:
        raise PushTooLarge(most=f"{most_bytes:,}", size=f"{len(body):,}")
    message = rules.canonical(
        algorithm=signed.algorithm,
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        at=signed.at,
        nonce=signed.nonce,
        body=body,
    )
    keyring = keyring_of(call.settings)
    found = call.read(lambda session: keys.find_secret(session, signed.key_id, keyring, now=call.now))
    scene, secret = found or ("", _NO_SECRET)
    right = rules.same_signature(rules.sign(secret, signed.algorithm, message), signed.signature)
    if not right or not found:
        raise SignatureInvalid(key_id=signed.key_id[:80])
    return Partner(scene=scene, key_id=signed.key_id, body=body, now=call.now)


def once(call: Call, partner: Partner, work: Callable[[Session], T]) -> T:
    """Run ``work`` in one transaction together with taking the nonce. Errors: ``NonceReplayed``.

    What fails leaves its nonce unused and had no effect, so sending it again is harmless.
    """
    nonce = request.headers[HEADERS["nonce"]]

    def guarded(session: Session) -> T:
        if not keys.use_nonce(session, partner.key_id, nonce, now=partner.now):
            raise NonceReplayed
        return work(session)

    return call.transact(guarded)


def _headers() -> Signed:
    given = {name: request.headers.get(header, "").strip() for name, header in HEADERS.items()}
    given["algorithm"] = given["algorithm"].upper() or rules.SHA256
    missing = [HEADERS[name] for name, value in given.items() if not value]
    if missing or not rules.NONCE.fullmatch(given["nonce"]):
        missing = missing or [f"{HEADERS['nonce']}（16–64 位字母、数字、- 或 _）"]
        raise SignatureMissing(missing="、".join(missing))
    if given["algorithm"] not in rules.ALGORITHMS:
        raise SignatureMissing(missing=f"{HEADERS['algorithm']}（{'、'.join(rules.ALGORITHMS)}）")
    return Signed(**given)


def signature_headers(
    *,
    key_id: str,
    secret: str,
    method: str,
    path: str,
    body: bytes,
    at: datetime,
    nonce: str,
    query: str = "",
    algorithm: str = rules.SHA256,
) -> dict[str, Any]:
    """The headers a partner sends; what its programs do, here for tests, the demo and the documents."""
    stamp = str(int(at.timestamp()))
    message = rules.canonical(
        algorithm=algorithm, method=method, path=path, query=query, at=stamp, nonce=nonce, body=body
    )
    return {
        "X-Partner-Key": key_id,
        "X-Partner-Time": stamp,
        "X-Partner-Nonce": nonce,
        "X-Partner-Algorithm": algorithm,
        "X-Partner-Signature": rules.sign(secret.encode(), algorithm, message),
    }
