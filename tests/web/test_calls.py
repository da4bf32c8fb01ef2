"""Transactions, permissions, audit, idempotency, CSRF and problems, on a toy feature through HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import marshmallow as ma
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_smorest import Blueprint

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.db import Base
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user, audit, csrf_token
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.web import Call, Schema, in_transaction, integer, platform, reading
from carbon_platform.web.calls import SESSION_COOKIE
from carbon_platform.web.openapi import document
from carbon_platform.web.paging import PageArgs

PASSWORD = "a long enough password"
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


class ToyIn(Schema):
    amount_fen = integer(1, 1000)
    note = ma.fields.String(load_default="")


def toy_blueprint() -> Blueprint:
    blp = Blueprint("toy", __name__, url_prefix="/api/v1")

    @blp.post("/toys")
    @in_transaction("user.write", idempotent=True)
    @blp.arguments(ToyIn)
    @blp.response(201)
    def make_toy(call: Call, payload: dict[str, Any]) -> Any:
        audit(
            call.session, call.actor, "toy.make", object_kind="toy", object_id=payload["note"], now=call.now
        )
        count = call.session.scalar(sa.select(sa.func.count()).select_from(AuditRecord))
        return {"amount_fen": payload["amount_fen"], "records": count}

    @blp.post("/silent")
    @in_transaction("user.write")
    @blp.response(200)
    def change_without_audit(call: Call) -> Any:
        return {}

    @blp.get("/toys")
    @reading("cash.confirm")
    @blp.arguments(PageArgs, location="query")
    @blp.response(200)
    def list_toys(call: Call, args: dict[str, Any]) -> Any:
        return args

    return blp


@pytest.fixture
def app(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr(
        "carbon_platform.app.APIS", (*__import__("carbon_platform.app").app.APIS, toy_blueprint())
    )
    app = create_app(Settings(mode="test", database_url=database_url), clock=lambda: NOW)
    db = platform(app).db
    Base.metadata.create_all(db.engine)
    db.transact(
        lambda s: add_user(
            s, SYSTEM, username="root", password=PASSWORD, display_name="管理员", role="administrator",
            region_code="4115", now=NOW,
        )
    )  # fmt: skip
    yield app
    db.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def sign_in(client: FlaskClient, **extra: str) -> Any:
    return client.post("/api/v1/sessions", json={"username": "root", "password": PASSWORD, **extra})


@pytest.fixture
def headers(client: FlaskClient) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_in(client).json['token']}"}


def test_nobody_and_the_wrong_role_are_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    nobody = client.post("/api/v1/toys", json={"amount_fen": 1})
    assert (nobody.status_code, nobody.json["code"]) == (401, "identity.not_signed_in")
    wrong = client.get("/api/v1/toys", headers=headers)
    assert (wrong.status_code, wrong.json["code"]) == (403, "identity.not_allowed")
    assert wrong.mimetype == "application/problem+json"


def test_a_change_without_an_audit_record_is_a_defect(client: FlaskClient, headers: dict[str, str]) -> None:
    with pytest.raises(RuntimeError, match="without an audit record"):
        client.post("/api/v1/silent", headers=headers)


@pytest.mark.parametrize("amount", [1.0, "1", True, None, 0, 1001, 10**30])
def test_amounts_are_whole_numbers_in_range(
    client: FlaskClient, headers: dict[str, str], amount: Any
) -> None:
    answer = client.post(
        "/api/v1/toys", json={"amount_fen": amount}, headers={**headers, "Idempotency-Key": "k"}
    )
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["amount_fen"]


def test_unknown_fields_are_named_in_both_languages(client: FlaskClient, headers: dict[str, str]) -> None:
    body = {"amount_fen": 1, "amonut": 2}
    zh = client.post("/api/v1/toys", json=body, headers={**headers, "Idempotency-Key": "k"})
    assert zh.status_code == 422
    assert zh.json["errors"][0]["field"] == "amonut"
    assert "不认识" in zh.json["errors"][0]["message"]
    en = client.post(
        "/api/v1/toys", json=body, headers={**headers, "Idempotency-Key": "k", "Accept-Language": "en"}
    )
    assert en.json["errors"][0]["message"] == "Unknown field."


def test_the_key_is_demanded_replays_and_refuses_another_body(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    assert client.post("/api/v1/toys", json={"amount_fen": 1}, headers=headers).status_code == 400
    keyed = {**headers, "Idempotency-Key": "order-1"}
    first = client.post("/api/v1/toys", json={"amount_fen": 1}, headers=keyed)
    again = client.post("/api/v1/toys", json={"amount_fen": 1}, headers=keyed)
    assert first.status_code == again.status_code == 201
    assert first.json == again.json  # the count of records would differ if the view had run twice
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post("/api/v1/toys", json={"amount_fen": 2}, headers=keyed)
    assert (other.status_code, other.json["code"]) == (422, "web.idempotency_key_reused")


def test_a_refused_request_leaves_its_key_free(client: FlaskClient, headers: dict[str, str]) -> None:
    keyed = {**headers, "Idempotency-Key": "order-2"}
    assert client.post("/api/v1/toys", json={"amount_fen": 0}, headers=keyed).status_code == 422
    assert client.post("/api/v1/toys", json={"amount_fen": 5}, headers=keyed).status_code == 201


def test_fifty_equal_requests_at_once_have_one_effect(app: Flask, headers: dict[str, str]) -> None:
    bodies: list[Any] = []

    def order() -> None:
        answer = app.test_client().post(
            "/api/v1/toys",
            json={"amount_fen": 7, "note": "race"},
            headers={**headers, "Idempotency-Key": "race"},
        )
        bodies.append((answer.status_code, answer.get_data(as_text=True)))

    threads = [threading.Thread(target=order) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bodies) == 50
    assert len(set(bodies)) == 1
    assert bodies[0][0] == 201
    made = platform(app).db.read(
        lambda s: s.scalar(
            sa.select(sa.func.count()).select_from(AuditRecord).where(AuditRecord.action == "toy.make")
        )
    )
    assert made == 1


def test_the_cookie_needs_the_csrf_token(app: Flask, client: FlaskClient) -> None:
    answer = sign_in(client, transport="cookie")
    assert answer.json["token"] == ""
    cookie = client.get_cookie(SESSION_COOKIE)
    assert cookie is not None
    assert cookie.http_only
    keyed = {"Idempotency-Key": "c"}
    refused = client.post("/api/v1/toys", json={"amount_fen": 1}, headers=keyed)
    assert (refused.status_code, refused.json["code"]) == (403, "web.csrf")
    token = csrf_token(platform(app).settings.secret, cookie.value)
    accepted = client.post("/api/v1/toys", json={"amount_fen": 1}, headers={**keyed, "X-CSRF-Token": token})
    assert accepted.status_code == 201


def test_five_failures_lock_the_account_and_success_signs_out(client: FlaskClient) -> None:
    token = sign_in(client).json["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/me", headers=bearer).json["role"] == "administrator"
    assert client.delete("/api/v1/sessions/current", headers=bearer).status_code == 204
    assert client.get("/api/v1/me", headers=bearer).status_code == 401
    for _ in range(5):
        wrong = client.post("/api/v1/sessions", json={"username": "root", "password": "wrong" * 4})
        assert wrong.status_code == 401
    locked = sign_in(client)
    assert (locked.status_code, locked.json["code"]) == (401, "identity.wrong_credentials")


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    for path in ("/api/v1/regions", "/healthz", "/api/openapi.json", "/nowhere"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe-inline'" not in headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_method_not_allowed_keeps_allow_and_is_a_problem(client: FlaskClient) -> None:
    answer = client.delete("/api/v1/regions")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


def test_the_document_names_permissions_keys_and_problems(app: Flask) -> None:
    with app.app_context():
        spec = document(app)
    operation = spec["paths"]["/api/v1/toys"]["post"]
    assert operation["x-permission"] == "user.write"
    assert [p["name"] for p in operation["parameters"]] == ["Idempotency-Key"]
    assert "application/problem+json" in operation["responses"]["4XX"]["content"]
