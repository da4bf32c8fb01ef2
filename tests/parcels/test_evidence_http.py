"""Evidence over HTTP, on both engines: hand in, look, fetch, unmask, withdraw, race, check."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from evidence_house import (
    ELSEWHERE,
    GROVE,
    PADDY,
    PDF_FILE,
    codes,
    daily,
    evidence_app,
    hand_in,
    log_csv,
    photo,
    prepare_evidence,
    scene,
)
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from parcel_files import API, sign_in
from PIL import Image

from carbon_platform import jobs
from carbon_platform.db import Database
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.parcels import tenure
from carbon_platform.parcels.evidence_commands import store_of
from carbon_platform.parcels.evidence_tables import Evidence, EvidenceObject
from carbon_platform.web import platform

PAPER = {
    "certificate_number": "豫（2019）光山县不动产权第0004731号",
    "holder_name": "王大山",
    "holder_id": "411522196503071231",
    "valid_to": "2046-12-31",
}


@pytest.fixture
def app(engine_name: str, fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = evidence_app(fresh_database(engine_name, prepare_evidence), tmp_path / "var")
    yield app
    platform(app).db.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


@pytest.fixture
def db(app: Flask) -> Database:
    return platform(app).db


def audited(db: Database, action: str) -> list[AuditRecord]:
    wanted = sa.select(AuditRecord).where(AuditRecord.action == action).order_by(AuditRecord.id)
    return db.read(lambda s: list(s.scalars(wanted)))


def test_a_photo_is_handed_in_looked_at_and_fetched(client: FlaskClient, db: Database) -> None:
    officer, stranger, buyer = (sign_in(client, name) for name in ("officer", "stranger", "buyer"))
    content = photo()
    answer = hand_in(client, officer, PADDY, content, note="头季 分蘖期", name="../../田 1.jpg")
    assert codes(answer) == ["place_inside", "time_inside"]
    made = answer.json
    assert (made["state"], made["file_name"], made["media_type"]) == ("ok", "田 1.jpg", "image/jpeg")
    assert (made["size_bytes"], made["distance_m"]) == (len(content), 0)
    again = hand_in(client, officer, PADDY, content)
    assert again.json["id"] == made["id"], "the second click"
    assert client.get(f"{API}/evidence", headers=officer).json["total"] == 1
    # Who sees the parcel sees it; another county's officer does not know that it exists.
    assert client.get(f"{API}/parcels/{PADDY}/evidence", headers=officer).json["total"] == 1
    assert client.get(f"{API}/evidence", headers=stranger).json["total"] == 0
    for path in ("", "/file", "/thumbnail"):
        assert client.get(f"{API}/evidence/{made['id']}{path}", headers=stranger).status_code == 404, path
        assert client.get(f"{API}/evidence/{made['id']}{path}", headers=buyer).status_code == 403, path
    assert client.get(f"{API}/parcels/{PADDY}/evidence", headers=stranger).status_code == 404
    assert hand_in(client, stranger, PADDY, content).status_code == 404
    assert hand_in(client, sign_in(client, "verifier"), PADDY, content).status_code == 403
    assert hand_in(client, sign_in(client, "operator"), PADDY, photo(2)).status_code == 201
    # The file comes back to the byte, as a file that runs nothing; who fetched it is on record.
    file = client.get(made["file_url"], headers=officer)
    assert (file.status_code, file.data) == (200, content)
    assert file.headers["Content-Disposition"].startswith("attachment; filename=evidence-")
    assert "sandbox" in file.headers["Content-Security-Policy"]
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    [fetched] = audited(db, "evidence.fetch")
    assert (fetched.actor_name, fetched.object_id) == ("officer", str(made["id"]))
    small = client.get(made["thumbnail_url"], headers=officer)
    assert max(Image.open(io.BytesIO(small.data)).size) == 480
    assert not any((Path(client.application.extensions["carbon"].settings.var) / "uploads").iterdir())


def test_one_photo_does_not_prove_two_parcels(client: FlaskClient) -> None:
    officer, stranger = sign_in(client, "officer"), sign_in(client, "stranger")
    hand_in(client, officer, PADDY, photo(7))
    same = hand_in(client, officer, GROVE, photo(7))
    assert "same_file" in codes(same)
    worse = hand_in(client, officer, GROVE, photo(picture=scene(7).resize((320, 240)), quality=50))
    [alike, *_] = [f for f in worse.json["findings"] if f["code"] == "similar_photo"]
    assert PADDY in alike["zh"]
    elsewhere = hand_in(client, stranger, ELSEWHERE, photo(picture=scene(7), quality=70))
    told = [f for f in elsewhere.json["findings"] if f["code"] == "similar_photo"]
    assert len(told) == 3, "both parcels of the other county, one of them twice"
    assert PADDY not in str(told)
    assert "其他县区" in told[0]["zh"]
    other = hand_in(client, officer, PADDY, photo(8))
    assert codes(other) == ["place_inside", "time_inside"]


def test_documents_and_what_is_none(client: FlaskClient) -> None:
    officer = sign_in(client, "officer")
    paper = hand_in(client, officer, PADDY, PDF_FILE, kind="document", name="合同.pdf")
    assert (paper.status_code, paper.json["media_type"], paper.json["thumbnail_url"]) == (
        201, "application/pdf", None,
    )  # fmt: skip
    for kind, content in (
        ("document", b"<script>alert(1)</script>"),
        ("photo", PDF_FILE),
        ("water_log", PDF_FILE),
        ("tenure", b"a,b\n1,2\n"),
    ):
        refused = hand_in(client, officer, PADDY, content, kind=kind)
        assert refused.status_code == 422, kind
        assert refused.json["code"].startswith("evidence."), kind
    huge = hand_in(client, officer, PADDY, b"%PDF-" + bytes(33 << 20), kind="document")
    assert (huge.status_code, huge.json["code"]) == (413, "evidence.too_large")
    long = hand_in(client, officer, PADDY, b"level_date,level_cm\n" * (1 << 18), kind="water_log")
    assert (long.status_code, "4 MB" in long.json["detail"]) == (422, True)
    for fields, field in (
        ({"shows_from": "2026-05-01"}, "shows_to"),
        ({"shows_from": "2026-05-02", "shows_to": "2026-05-01"}, "shows_to"),
        ({"holder_name": "王大山"}, "kind"),
        ({"nobody_knows": "1"}, "nobody_knows"),
    ):
        refused = hand_in(client, officer, PADDY, photo(), **fields)
        assert refused.status_code == 422
        assert field in {e.get("field") for e in refused.json["errors"]}, refused.json
    assert client.get(f"{API}/evidence", headers=officer).json["total"] == 1


def test_water_levels_are_read_and_held_against_each_other(client: FlaskClient) -> None:
    officer = sign_in(client, "officer")
    season = {"shows_from": "2026-04-10", "shows_to": "2026-10-20"}
    levels = daily(date(2026, 4, 20), [3.0] * 30 + [-4.0] * 6 + [2.5] * 20)
    answer = hand_in(client, officer, PADDY, log_csv(levels, encoding="gbk"), kind="water_log",
                     name="水位.csv", **season)  # fmt: skip
    assert codes(answer) == ["log_read"]
    log = answer.json["data"]["log"]
    assert (log["readings"], log["flooded_days"], log["low_cm"], log["high_cm"]) == (56, 50, -4.0, 3.0)
    assert log["levels"][30] == ["2026-05-20", -4.0]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["row", "level_date", "level_cm"])
    for label in (PADDY, "another field"):
        for day, level in daily(date(2026, 6, 10), [2.5] * 5):
            sheet.append([label, day, level + 1 if label == PADDY else 90])
    sheet.append([PADDY, date(2026, 6, 23), 1.5])
    out = io.BytesIO()
    book.save(out)
    more = hand_in(client, officer, PADDY, out.getvalue(), kind="water_log", name="logger.xlsx",
                   shows_from="2026-06-11", shows_to="2026-06-30")  # fmt: skip
    assert codes(more) == ["log_read", "log_outside", "log_gap", "log_contradicts"]
    assert more.json["data"]["log"]["readings"] == 6, "the other field's lines are not this one's"
    assert "8 天" in next(f["zh"] for f in more.json["findings"] if f["code"] == "log_gap")
    assert "共 5 天" in next(f["zh"] for f in more.json["findings"] if f["code"] == "log_contradicts")


UNREADABLE: list[tuple[bytes, str | None]] = [
    (log_csv([(date(2026, 5, 1), 300.0)]), "level_cm"),
    (log_csv([(date(2027, 5, 1), 3.0)]), "level_date"),
    (log_csv([(date(2026, 5, 1), 3.0), (date(2026, 5, 1), 4.0)]), "level_date"),
    (b"level_date,level_cm\n2026-13-01,3\n", "level_date"),
    (b"level_date,level_cm\n2026-05-01,deep\n", "level_cm"),
    ("日期,水位(mm)\n2026-05-01,3\n".encode(), "level_cm"),
    (b"level_date\n2026-05-01\n", None),
    (b"level_date,level_cm\n", None),
    (log_csv([(date(2026, 5, 1), 3.0)], label="another"), None),
    (b"PK\x03\x04" + b"\0" * 99, None),
]


def test_levels_that_cannot_be_read_name_row_and_value(client: FlaskClient) -> None:
    officer = sign_in(client, "officer")
    for content, field in UNREADABLE:
        refused = hand_in(client, officer, PADDY, content, kind="water_log", name="a.csv")
        assert (refused.status_code, refused.json["code"]) == (422, "evidence.refused"), content
        if field:
            assert field in {e["field"] for e in refused.json["errors"]}, refused.json
    assert client.get(f"{API}/evidence", headers=officer).json["total"] == 0


def test_a_certificate_is_masked_and_unmasked_on_record(
    app: Flask, client: FlaskClient, db: Database, engine_name: str
) -> None:
    officer, operator, verifier = (sign_in(client, name) for name in ("officer", "operator", "verifier"))
    answer = hand_in(client, officer, GROVE, photo(9), kind="tenure", name="王大山.jpg", **PAPER)
    assert codes(answer) == ["tenure_holder"], "the register names another holder"
    made = answer.json
    assert made["data"]["certificate"] == {
        "certificate_number": "豫（2019）光山县不动产权第*****31号", "holder_name": "王**",
        "holder_id": "4115**********1231", "valid_to": "2046-12-31",
    }  # fmt: skip
    secret_words = [PAPER["holder_name"], PAPER["holder_id"], PAPER["certificate_number"], "0004731"]
    for who in (officer, operator, verifier):
        shown = client.get(f"{API}/evidence/{made['id']}", headers=who).text
        assert not [word for word in secret_words if word in shown]
    # The full fields, and the scan itself, need a permission of their own; both are on record.
    address = f"{API}/evidence/{made['id']}"
    for path in ("/certificate", "/file"):
        refused = client.get(address + path, headers=operator)
        assert (refused.status_code, refused.json["code"]) == (403, "identity.not_allowed"), path
    full = client.get(f"{address}/certificate", headers=verifier)
    assert full.json == {name: PAPER[name] for name in tenure.FIELDS}
    assert client.get(f"{address}/file", headers=verifier).status_code == 200
    assert [r.actor_name for r in audited(db, "evidence.unmask")] == ["verifier"]
    assert client.get(f"{API}/evidence/{made['id']}/certificate",
                      headers=sign_in(client, "stranger")).status_code == 404  # fmt: skip
    # Nothing of it stands anywhere in the database, the audit records included.
    stored = _everything(db)
    assert not [word for word in secret_words if word in stored]
    if engine_name == "sqlite":
        raw = Path(str(db.engine.url.database))
        found = b"".join(path.read_bytes() for path in raw.parent.glob(raw.name + "*"))
        assert not [word for word in secret_words if word.encode() in found]
    # A row moved to another parcel, or another secret, opens nothing.
    found_row = db.read(lambda s: s.get_one(Evidence, made["id"]))
    assert found_row.sealed
    key = tenure.key_of(platform(app).settings.secret)
    for wrong_key, owner in (
        (key, "1:abc"),
        (tenure.key_of("another"), f"{found_row.parcel_id}:{found_row.sha256}"),
    ):
        with pytest.raises(tenure.SealedAway):
            tenure.unseal(found_row.sealed, found_row.sealed_with, wrong_key, belongs_to=owner)


def _everything(db: Database) -> str:
    tables = (Evidence.__table__, EvidenceObject.__table__, AuditRecord.__table__)
    return str([db.read(lambda s, t=table: s.execute(sa.select(t)).all()) for table in tables])


def test_findings_of_a_certificate(client: FlaskClient) -> None:
    officer = sign_in(client, "officer")
    good = PAPER | {"holder_name": "王某"}
    assert codes(hand_in(client, officer, GROVE, photo(10), kind="tenure", **good)) == []
    wrong = good | {"holder_id": "411522196503071230", "valid_to": "2026-11-21"}
    answer = hand_in(client, officer, GROVE, photo(11), kind="tenure", **wrong)
    assert codes(answer) == ["tenure_ended", "tenure_identity"]
    assert answer.json["state"] == "warned"


@given(st.text("0123456789X", min_size=11, max_size=18), st.text("王李赵钱孙大山水", min_size=2, max_size=4),
       st.integers(1000, 10**9))  # fmt: skip
def test_masks_never_show_the_middle(identity: str, name: str, number: int) -> None:
    shown = tenure.masked(
        {"holder_id": identity, "holder_name": name, "certificate_number": f"证第{number}号"}
    )
    assert len(shown["holder_id"]) == len(identity)
    assert shown["holder_id"][4:-4] == "*" * (len(identity) - 8)
    assert shown["holder_name"] == name[0] + "*" * (len(name) - 1)
    assert sum(character.isdigit() for character in shown["certificate_number"]) == 2


def test_withdrawn_evidence_stays_on_file(client: FlaskClient, db: Database) -> None:
    officer = sign_in(client, "officer")
    first = hand_in(client, officer, PADDY, photo(12)).json["id"]
    address = f"{API}/evidence/{first}/withdrawal"
    body = {"reason": "拍错了地块"}
    assert client.post(address, json=body, headers=sign_in(client, "stranger")).status_code == 404
    gone = client.post(address, json=body, headers=officer)
    assert (gone.status_code, gone.json["state"], gone.json["withdrawn_reason"]) == (
        200, "withdrawn", "拍错了地块",
    )  # fmt: skip
    assert client.post(address, json=body, headers=officer).status_code == 409
    assert client.get(f"{API}/evidence", headers=officer).json["total"] == 0
    assert client.get(f"{API}/evidence?withdrawn=true", headers=officer).json["total"] == 1
    again = hand_in(client, officer, PADDY, photo(12))
    assert again.json["id"] != first
    for statement in (
        "UPDATE evidence SET note = 'other'",
        "UPDATE evidence SET findings = '[]'",
        "DELETE FROM evidence",
        "UPDATE evidence_object SET size_bytes = 1",
        "DELETE FROM evidence_object",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="keeps what was handed in"):
            db.transact(lambda s, text=statement: s.execute(sa.text(text)))


def test_the_same_photo_from_many_hands_at_once_is_one(app: Flask) -> None:
    officer = sign_in(app.test_client(use_cookies=False), "officer")
    answers: list[Any] = []

    def send() -> None:
        answers.append(hand_in(app.test_client(use_cookies=False), officer, PADDY, photo(13)))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    rows = platform(app).db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Evidence)))
    assert rows == 1
    assert len([*store_of(platform(app)).names()]) == 1


def test_an_altered_file_is_withheld_and_found_by_command_and_job(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    officer = sign_in(client, "officer")
    made = [hand_in(client, officer, PADDY, photo(seed)).json for seed in (14, 15, 16)]
    house, runner = platform(app), app.test_cli_runner()
    store = store_of(house)
    good = runner.invoke(args=["evidence", "check"])
    assert (good.exit_code, "已读 3 个文件，0 个有问题" in good.output) == (0, True), good.output
    store.path_of(made[0]["sha256"]).unlink()
    path = store.path_of(made[1]["sha256"])
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    for one, state in ((made[0], "missing"), (made[1], "altered")):
        withheld = client.get(one["file_url"], headers=officer)
        assert (withheld.status_code, withheld.json["code"]) == (409, "evidence.damaged")
        assert state in withheld.json["detail"]
    bad = runner.invoke(args=["evidence", "check"])
    assert bad.exit_code == 1
    assert f"{made[0]['sha256']} missing" in bad.output
    assert f"{made[1]['sha256']} altered" in bad.output
    assert made[2]["sha256"] not in bad.output
    shown = client.get(f"{API}/evidence/{made[1]['id']}", headers=officer).json
    assert shown["file_state"] == "altered"
    outcome, words = jobs.check_evidence_files(house)
    assert outcome == "alarm"
    assert "2 objects read, 2 wrong" in words, (
        "what is fine was read today; what is wrong is read every night"
    )
    # Handed in once more, the files are whole again.
    hand_in(client, officer, GROVE, photo(14))
    hand_in(client, officer, GROVE, photo(15))
    assert jobs.check_evidence_files(house) == ("ok", "0 objects read, 0 wrong, 0 without a row")


def test_uploads_that_ended_half_way_are_told_and_removed_after_a_day(app: Flask) -> None:
    import os
    import time

    house, runner = platform(app), app.test_cli_runner()
    store = store_of(house)
    old = store.put(io.BytesIO(b"old"), limit_bytes=99).sha256
    young = store.put(io.BytesIO(b"young"), limit_bytes=99).sha256
    before = time.time() - timedelta(days=2).total_seconds()
    os.utime(store.path_of(old), (before, before))
    assert "2 个没有登记（已清除 0）" in runner.invoke(args=["evidence", "check"]).output
    assert "2 个没有登记（已清除 1）" in runner.invoke(args=["evidence", "check", "--prune"]).output
    assert [*store.names()] == [young]
