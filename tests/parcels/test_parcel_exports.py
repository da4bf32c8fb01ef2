"""Exports on both engines: what leaves, for whom, what for; and what a file holds in each format."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from export_desk import EXPORTS, Ask, asker, everybody, fetch, register, taken
from flask.testing import FlaskClient
from parcel_files import good_zip, shapefile, zipped
from parcel_house import NOW, OFFICER
from parcel_layers import record, square

from carbon_platform.db import Database
from carbon_platform.parcels import export_rules as rules
from carbon_platform.parcels import exports
from carbon_platform.parcels.export_tables import ParcelExport
from carbon_platform.parcels.tables import Parcel


@pytest.fixture
def people(client: FlaskClient, db) -> dict[str, dict[str, str]]:
    return everybody(client, db)


@pytest.fixture
def ask(client: FlaskClient, people) -> Ask:
    return asker(client, people["officer"])


# --- who, what for, and the log -------------------------------------------------------------------


def test_a_small_export_leaves_at_once_and_every_fetch_is_on_record(client, people, ask, db, tmp_path):
    register(client, people["officer"], good_zip(tmp_path / "a"))
    made = ask(kind="camellia")
    assert made.status_code == 201, made.text
    body = made.json
    assert (body["status"], body["rows"], body["reasons"]) == ("ready", 3, [])
    assert body["area_m2"] == pytest.approx(30_000, rel=1e-3)
    assert taken(db) == []
    for name in ("officer", "auditor"):
        # The officer asked for it; the auditor looks at the whole city. Both are named.
        answer = fetch(client, people[name], body["id"])
        assert answer.status_code == 200, answer.text
        assert f'filename="{body["number"]}.csv"' in answer.headers["Content-Disposition"]
    log = taken(db)
    assert [entry["who"] for entry in log] == ["officer", "auditor"]
    assert log[0]["bytes"] == len(answer.data)
    assert all(entry["filters"] == {"kind": "camellia"} and entry["rows"] == 3 for entry in log)


def test_without_a_purpose_or_without_land_nothing_is_asked_for(client, people, ask, tmp_path):
    assert ask(purpose="　 ").status_code == 422
    assert ask(purpose="核查").status_code == 422
    assert ask(file_format="dwg").status_code == 422
    assert ask(epsg=2362).status_code == 422
    empty = ask(kind="tea")
    assert empty.status_code == 422
    assert empty.json["code"] == "parcels.export_empty"


def test_scope_and_roles(client, people, ask, tmp_path):
    register(client, people["officer"], good_zip(tmp_path / "a"))
    export_id = ask().json["id"]
    assert fetch(client, people["stranger"], export_id).status_code == 404
    assert client.get(f"{EXPORTS}/{export_id}", headers=people["stranger"]).status_code == 404
    assert client.get(EXPORTS, headers=people["stranger"]).json["total"] == 0
    assert fetch(client, people["operator"], export_id).status_code == 403
    assert ask(people["operator"]).status_code == 403
    assert fetch(client, {}, export_id).status_code == 401
    # Of the city's export a county officer gets nothing, though part of the land is hers.
    of_the_city = ask(people["city"]).json["id"]
    assert fetch(client, people["officer"], of_the_city).status_code == 404
    # Asking for land elsewhere finds none of it.
    assert ask(people["stranger"]).json["code"] == "parcels.export_empty"
    codes = ["411522-207-014-0003-00001"]
    assert ask(people["stranger"], codes=codes).json["code"] == "parcels.export_empty"
    assert ask(codes=codes).json["rows"] == 1


# --- large areas ----------------------------------------------------------------------------------


def big_zip(folder: Path, side_m: float = 5_100) -> bytes:
    row = record(1, MIAN_JI=side_m**2 / 10_000)
    return zipped(shapefile(folder, [row], [square(0, 0, side_m)]))


def test_a_large_area_waits_for_another_person(client, people, ask, db, tmp_path):
    register(client, people["officer"], big_zip(tmp_path / "a"))
    made = ask(file_format="geojson").json
    assert made["status"] == "waiting"
    (reason,) = made["reasons"]
    assert (reason["code"], reason["limit"], reason["unit"]) == ("area", 25.0, "km2")
    assert reason["value"] == pytest.approx(26.01, rel=2e-3)
    number = made["id"]
    blocked = fetch(client, people["officer"], number)
    assert (blocked.status_code, blocked.json["code"]) == (409, "parcels.export_not_ready")
    decision = f"{EXPORTS}/{number}/decision"
    yes = {"approve": True, "note": "同意，仅用于核查"}
    own = client.post(decision, headers=people["officer"], json=yes)
    assert (own.status_code, own.json["code"]) == (403, "parcels.export_same_person")
    assert client.post(decision, headers=people["auditor"], json=yes).status_code == 403
    assert client.post(decision, headers=people["stranger"], json=yes).status_code == 404
    allowed = client.post(decision, headers=people["colleague"], json=yes)
    assert allowed.status_code == 200, allowed.text
    assert (allowed.json["status"], allowed.json["decided_by"]) == ("ready", "colleague")
    again = client.post(decision, headers=people["colleague"], json=yes)
    assert (again.status_code, again.json) == (200, allowed.json)
    late = client.post(decision, headers=people["bureau"], json={"approve": False, "note": "不行"})
    assert (late.status_code, late.json["code"]) == (409, "parcels.export_decided")
    assert fetch(client, people["officer"], number).status_code == 200
    assert len(taken(db)) == 1


def test_refused_is_refused_with_the_reason(client, people, ask, db, tmp_path):
    register(client, people["officer"], big_zip(tmp_path / "a"))
    number = ask().json["id"]
    decision = f"{EXPORTS}/{number}/decision"
    assert client.post(decision, headers=people["bureau"], json={"approve": False}).status_code == 422
    assert client.post(decision, headers=people["bureau"], json={"approve": "yes"}).status_code == 422
    no = client.post(
        decision, headers=people["bureau"], json={"approve": False, "note": "范围太大，请分乡镇"}
    )
    assert no.json["status"] == "refused"
    answer = fetch(client, people["officer"], number)
    assert (answer.status_code, answer.json["code"]) == (409, "parcels.export_refused")
    assert "范围太大" in answer.json["detail"]
    assert taken(db) == []


def test_small_pieces_of_a_large_area_add_up(client, people, ask, db, tmp_path):
    """Two exports of 13 km² by one person: the second waits. The same again, or a colleague's, does not."""
    side = 3_606.0
    rows = [record(n, MIAN_JI=side**2 / 10_000) for n in (1, 2)]
    shapes = [square(0, 0, side), square(40, 0, side)]
    register(client, people["officer"], zipped(shapefile(tmp_path / "a", rows, shapes)))
    one, two = (f"411522-207-014-0003-0000{n}" for n in (1, 2))
    assert ask(codes=[one]).json["status"] == "ready"
    assert ask(codes=[one], file_format="gpkg").json["status"] == "ready"
    assert ask(people["colleague"], codes=[two]).json["status"] == "ready"
    waiting = ask(codes=[two]).json
    assert (waiting["status"], waiting["reasons"][0]["code"]) == ("waiting", "recent")
    # A month later the first is forgotten.
    db.transact(lambda s: s.execute(sa.update(ParcelExport).values(requested_at=NOW - timedelta(days=31))))
    assert ask(codes=[two]).json["status"] == "ready"


def two_at_once(db: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two requests of one person, each for half of what may leave; both look before either writes."""
    meeting, found = threading.Barrier(2), []
    plain = exports._recent_area_m2

    def look(*arguments: Any) -> float:
        area_m2 = plain(*arguments)
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=1.5)
        return area_m2

    monkeypatch.setattr(exports, "_recent_area_m2", look)
    one = replace(OFFICER, user_id=1)

    def work(number: int) -> None:
        filters = {"codes": [f"411522-207-014-0003-0000{number}"]}
        body = {"file_format": "csv", "epsg": 4490, "filters": filters, "purpose": "核查", "now": NOW}
        found.append(db.transact(lambda session: exports.request_export(session, one, **body).status))

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_two_requests_at_once_do_not_both_find_little(client, people, db, tmp_path, monkeypatch):
    side = 3_606.0
    rows = [record(n, MIAN_JI=side**2 / 10_000) for n in (1, 2)]
    shapes = [square(0, 0, side), square(40, 0, side)]
    register(client, people["officer"], zipped(shapefile(tmp_path / "a", rows, shapes)))
    assert two_at_once(db, monkeypatch) == ["ready", "waiting"]
    if db.engine.dialect.name == "postgresql":
        # Without the lock both get away with it: the test can fail.
        monkeypatch.undo()
        db.transact(lambda session: session.execute(sa.delete(ParcelExport)))
        monkeypatch.setattr(exports, "serialise", lambda *_: None)
        assert two_at_once(db, monkeypatch) == ["ready", "ready"]


@pytest.mark.parametrize(
    ("rows", "area_m2", "recent_m2", "codes"),
    [
        (1, 25e6, 0, []),
        (1, 25e6 + 1, 0, ["area"]),
        (1, 5e6, 20e6, []),
        (1, 5e6, 20e6 + 1, ["recent"]),
        (5_000, 1, 0, []),
        (5_001, 1, 0, ["rows"]),
        (5_001, 26e6, 26e6, ["area", "rows"]),
    ],
)
def test_when_a_second_person_is_due(rows, area_m2, recent_m2, codes):
    found = rules.approval_reasons(rows, area_m2, recent_m2, rules.limits())
    assert [reason["code"] for reason in found] == codes


def test_the_database_itself_lets_nobody_approve_their_own(parcels_url, db):
    """Also without the service: the row is refused on both engines."""
    row = {
        "region_code": "4115", "file_format": "csv", "epsg": 4490, "filters": {}, "purpose": "x", "rows": 1,
        "area_m2": 26e6, "content_sha256": "0" * 64, "status": "ready", "reasons": [], "reasons_count": 1,
        "requested_by": "a", "requested_by_id": 1, "requested_at": NOW, "ready_until": NOW,
        "decision_note": "",
    }  # fmt: skip
    for wrong in (
        {"decided_by": "a", "decided_by_id": 1},
        {"decided_by": None, "decided_by_id": None},
        {"decided_by": "b", "decided_by_id": 2, "ready_until": None},
    ):
        with pytest.raises(sa.exc.IntegrityError):
            db.transact(lambda s, w=wrong: s.execute(sa.insert(ParcelExport).values(row | w)))
    right = row | {"decided_by": "b", "decided_by_id": 2}
    db.transact(lambda s: s.execute(sa.insert(ParcelExport).values(right)))


def test_what_was_allowed_is_what_leaves_or_nothing(client, people, ask, db, tmp_path):
    register(client, people["officer"], good_zip(tmp_path / "a"))
    number = ask().json["id"]
    assert fetch(client, people["officer"], number).status_code == 200
    db.transact(lambda s: s.execute(sa.update(Parcel).where(Parcel.id == 1).values(area_m2=10_001.0)))
    changed = fetch(client, people["officer"], number)
    assert (changed.status_code, changed.json["code"]) == (409, "parcels.export_changed")
    old = ask().json["id"]
    db.transact(
        lambda s: s.execute(
            sa.update(ParcelExport).where(ParcelExport.id == old).values(ready_until=NOW - timedelta(hours=1))
        )
    )
    expired = fetch(client, people["officer"], old)
    assert (expired.status_code, expired.json["code"]) == (410, "parcels.export_expired")
    assert len(taken(db)) == 1
