"""The seal as people meet it: public heads and key, the auditor's proof, commands, jobs, the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from books import deposit
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from sealed import DAY, KEY_ID, MIDNIGHT, tamper, tell
from test_ledger_seal_proof import PROVED, check

from carbon_platform import jobs, ledger
from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.web import platform

PASSWORD = "auditor-password-2026"


def migrated(url: str) -> None:
    app = create_app(Settings(mode="test", database_url=url))
    assert app.test_cli_runner().invoke(args=["db", "upgrade"]).exit_code == 0
    for role in ("auditor", "operator"):
        scope = {"role": role, "region_code": "4115", "organisation_id": None}
        person = {"username": role, "password": PASSWORD, "display_name": role}
        platform(app).db.transact(lambda s: add_user(s, SYSTEM, **person, **scope, now=MIDNIGHT))  # noqa: B023
    tell(platform(app).db)
    platform(app).db.dispose()


class Clock:
    now: datetime = MIDNIGHT + 2 * DAY

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(
    engine_name: str, fresh_database: Callable[..., str], tmp_path: Path, clock: Clock
) -> Iterator[Flask]:
    """Seven entries, three blocks, two days signed by an earlier key."""
    settings = Settings(
        mode="test",
        database_url=fresh_database(engine_name, migrated),
        var=tmp_path / "var",
        seal_old_keys=KEY_ID,
    )
    app = create_app(settings, clock=clock)
    yield app
    platform(app).db.dispose()


def database(app: Flask) -> Database:
    return platform(app).db


def get(app: Flask, path: str, role: str | None = None) -> Any:
    client = app.test_client(use_cookies=False)
    headers = {}
    if role:
        person = {"username": role, "password": PASSWORD, "transport": "bearer"}
        token = client.post("/api/v1/sessions", json=person).json["token"]
        headers = {"Authorization": f"Bearer {token}"}
    return client.get(path, headers=headers)


def run(app: Flask, *args: str) -> tuple[int, str]:
    done = app.test_cli_runner().invoke(args=list(args))
    return done.exit_code, done.output


def test_anybody_may_read_heads_and_key(app: Flask) -> None:
    heads = get(app, "/api/v1/public/ledger/heads").json["items"]
    assert [head["day"] for head in heads] == ["2026-11-23", "2026-11-22"]
    assert get(app, "/api/v1/public/ledger/heads?before=2026-11-23&size=1").json["items"] == heads[1:]
    assert get(app, "/api/v1/public/ledger/heads/2026-11-22").json == heads[1]
    head = ledger.Head(
        **{name: value for name, value in heads[0].items() if name != "format"}
        | {"signed_at": datetime.fromisoformat(heads[0]["signed_at"])}
    )
    assert head.statement() == heads[0]
    key = get(app, "/api/v1/public/ledger/key").json
    assert key["earlier"] == [KEY_ID] and len(key["key_id"]) == 64
    assert get(app, "/api/v1/public/ledger/key").json == key, "made once, then kept"


@pytest.mark.parametrize(
    "path",
    ["heads/2026-11-24", "heads/x", "heads/%00", "heads/２０２６-11-22", "heads?size=0", "heads?before=x"],
)
def test_what_is_not_there_is_said(app: Flask, path: str) -> None:
    answer = get(app, f"/api/v1/public/ledger/{path}")
    assert answer.status_code in (404, 422) and answer.json["detail"]


def test_the_auditor_exports_a_proof_that_holds(app: Flask, tmp_path: Path) -> None:
    assert get(app, "/api/v1/ledger/entries/5/proof").status_code == 401
    assert get(app, "/api/v1/ledger/entries/5/proof", "operator").status_code == 403
    answer = get(app, "/api/v1/ledger/entries/5/proof", "auditor")
    assert answer.status_code == 200
    assert check(tmp_path, answer.json, KEY_ID)[0] == PROVED
    for number in (0, 99, 2**62):
        answer = get(app, f"/api/v1/ledger/entries/{number}/proof", "auditor")
        assert answer.status_code == 404 and answer.json["detail"]
    deposit(database(app), "a", 1, "unsealed")
    assert get(app, "/api/v1/ledger/entries/8/proof", "auditor").json["code"] == "ledger.not_sealed_yet"


def test_the_commands_seal_sign_prove_and_verify(app: Flask, tmp_path: Path) -> None:
    deposit(database(app), "a", 1, "more")
    assert run(app, "ledger", "seal") == (0, "1 entries sealed in 1 blocks\n")
    status, words = run(app, "ledger", "head")
    assert status == 0 and words.startswith("signed: 2026-11-24")
    head = json.loads(words[words.index("{") :])
    assert head["key_id"] == get(app, "/api/v1/public/ledger/key").json["key_id"]
    status, proof = run(app, "ledger", "proof", "2")
    assert check(tmp_path, proof, KEY_ID)[0] == PROVED
    (tmp_path / "head.json").write_text(json.dumps(head))
    status, words = run(app, "ledger", "verify", "--head", str(tmp_path / "head.json"))
    assert status == 0, words
    (tmp_path / "head.json").write_text(json.dumps(head | {"entries": 1}))
    status, words = run(app, "ledger", "verify", "--head", str(tmp_path / "head.json"))
    assert status == 1 and "2026-11-24" in words
    assert run(app, "ledger", "proof", "99")[0] == 1


def test_verify_names_the_altered_row_and_fails(app: Flask) -> None:
    tamper(database(app), "UPDATE ledger_entry SET note = 'x' WHERE id = 3")
    status, words = run(app, "ledger", "verify")
    assert status == 1
    assert "分录 3" in words and "entry 3 was altered" in words
    outcome, detail = jobs.verify_ledger(platform(app))
    assert outcome == "alarm" and "entry 3 was altered" in detail


def test_heads_of_a_key_nobody_trusts_are_an_alarm(app: Flask) -> None:
    object.__setattr__(platform(app).settings, "seal_old_keys", "")
    outcome, detail = jobs.verify_ledger(platform(app))
    assert outcome == "alarm" and "2026-11-22" in detail


def test_the_jobs_seal_each_minute_and_sign_once_a_day(app: Flask, clock: Clock) -> None:
    by_name = {job.name: job for job in jobs.JOBS}
    house = platform(app)
    deposit(house.db, "a", 1, "x")
    assert jobs.run_once(by_name["ledger.seal"], house) == "ok"
    assert jobs.run_once(by_name["ledger.seal"], house) == "taken"
    clock.now += timedelta(minutes=1)
    assert jobs.run_once(by_name["ledger.seal"], house) == "ok"
    assert jobs.run_once(by_name["ledger.sign_head"], house) == "ok"
    assert jobs.run_once(by_name["ledger.sign_head"], house) == "taken"
    clock.now += 3 * DAY
    assert jobs.run_once(by_name["ledger.sign_head"], house) == "ok"
    days = [head["day"] for head in get(app, "/api/v1/public/ledger/heads").json["items"]]
    assert days == [f"2026-11-{day}" for day in range(27, 21, -1)], "missed days are made up for"
    assert jobs.verify_ledger(house)[0] == "ok"


@pytest.mark.postgresql
@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_transaction_that_nobody_ends_is_an_alarm(app: Flask, clock: Clock) -> None:
    house = platform(app)
    assert jobs.seal_ledger(house)[0] == "ok"
    with house.db.engine.connect() as forgotten:
        forgotten.exec_driver_sql("SELECT pg_current_xact_id()")
        clock.now += timedelta(minutes=10)
        assert jobs.seal_ledger(house)[0] == "ok", "a long batch is no reason to wake anyone"
        clock.now += timedelta(minutes=10)
        outcome, words = jobs.seal_ledger(house)
        assert outcome == "alarm" and "end the transaction" in words
    assert jobs.seal_ledger(house)[0] == "ok"


def test_a_key_file_with_something_else_is_named(app: Flask) -> None:
    path = platform(app).settings.seal_key_path
    path.parent.mkdir(exist_ok=True)
    path.write_text("no key")
    status, words = run(app, "ledger", "head")
    assert status == 1 and str(path) in words and "Ed25519" in words
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ledger.SealKeyInvalid, match="not Ed25519"):
        ledger.load_key(path, make=True)
    path.unlink()
    ledger.load_key(path, make=True)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ledger.SealKeyInvalid, match="No such file"):
        ledger.load_key(path.with_name("other.pem"), make=False)


def test_the_page_shows_heads_key_and_script(app: Flask) -> None:
    html = get(app, "/seal").text
    assert "2026-11-22" in html and KEY_ID in html and "check_proof.py" in html
    older = get(app, "/seal?before=2026-11-23").text
    assert "heads/2026-11-22" in older and "heads/2026-11-23" not in older
    assert get(app, "/seal?before=nonsense").status_code == 200
    assert "def check_head" in get(app, "/seal/check_proof.py").text
