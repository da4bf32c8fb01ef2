"""Who asks for exports in tests, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient
from parcel_files import API, send, sign_in
from parcel_house import NOW, PASSWORD

from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.identity.tables import AuditRecord

EXPORTS = f"{API}/parcel-exports"
PURPOSE = "交第三方核证员现场核查"
Ask = Callable[..., Any]
Headers = dict[str, str]


def everybody(client: FlaskClient, db: Any) -> dict[str, Headers]:
    """Headers of who takes part, by name; a second officer and the auditor join the house."""
    for name, role, region in (
        ("colleague", "forestry_officer", "411522"),
        ("auditor", "auditor", "4115"),
    ):
        db.transact(
            lambda s, n=name, r=role, c=region: add_user(
                s, SYSTEM, username=n, password=PASSWORD, display_name=n, role=r, region_code=c, now=NOW
            )
        )
    names = ("officer", "colleague", "bureau", "auditor", "stranger", "operator", "city")
    return {name: sign_in(client, name) for name in names}


def asker(client: FlaskClient, officer: Headers) -> Ask:
    """``ask(**fields)`` as the officer, ``ask(headers, **fields)`` as somebody else."""

    def post(headers: Headers = officer, **fields: Any) -> Any:
        body = {"file_format": "csv", "purpose": PURPOSE} | fields
        return client.post(EXPORTS, headers=headers, json=body)

    return post


def register(client: FlaskClient, officer: dict[str, str], data: bytes, **fields: str) -> None:
    staged = send(client, officer, data, **fields)
    assert staged.status_code == 201, staged.text
    path = f"{API}/parcel-imports/{staged.json['id']}/accept"
    accepted = client.post(path, headers=officer, json={"include_warned": True})
    assert accepted.status_code == 200, accepted.text


def fetch(client: FlaskClient, headers: dict[str, str], export_id: int) -> Any:
    return client.get(f"{EXPORTS}/{export_id}/file", headers=headers)


def taken(db) -> list[dict[str, Any]]:
    statement = sa.select(AuditRecord).where(AuditRecord.action == "parcel.export.fetch")
    return db.read(
        lambda s: [{"who": a.actor_name, **a.detail} for a in s.scalars(statement.order_by(AuditRecord.id))]
    )
