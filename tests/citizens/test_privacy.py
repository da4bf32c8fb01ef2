"""What lies in the database, the logs and the answers: nobody's number or name in clear (both engines)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_people import confirm_phone, give_name, id_number
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform.citizens import privacy
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.privacy_tables import ShareLog
from carbon_platform.db import Base, Database
from carbon_platform.identity import phones, rotation, sealing, service
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.tables import AuditRecord, Person, PhoneCode

SignIn = Callable[..., Citizen]
NAMES = ["王", "李", "张", "刘", "陈"]
GIVEN = ["小满", "惊蛰", "谷雨", "芒种"]
PEOPLE = [
    (f"1380000{1000 + number}", id_number(number + 1), NAMES[number % 5] + GIVEN[number // 5])
    for number in range(20)
]


def bytes_of(db: Database) -> Iterator[bytes]:
    """The database as it lies on the disk, its write-ahead log, and all rows as text (a dump)."""
    if db.engine.dialect.name == "sqlite":
        path = Path(str(db.engine.url.database))
        yield from (
            Path(f"{path}{end}").read_bytes() for end in ("", "-wal") if Path(f"{path}{end}").exists()
        )
    else:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CHECKPOINT")
            folder = Path(connection.exec_driver_sql("SHOW data_directory").scalar_one())
            oid = connection.exec_driver_sql(
                "SELECT oid FROM pg_database WHERE datname = current_database()"
            ).scalar_one()
        for part in (folder / "base" / str(oid), folder / "pg_wal"):
            yield from (file.read_bytes() for file in part.iterdir() if file.is_file())
    with db.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if sa.inspect(connection).has_table(table.name):
                yield str(connection.execute(sa.select(table)).all()).encode()


def found_in(data: bytes) -> list[str]:
    words = {phone[:8] for phone, _, _ in PEOPLE} | {number[:14] for _, number, _ in PEOPLE}
    words |= {name for _, _, name in PEOPLE}
    return [word for word in words if any(word.encode(code) in data for code in ("utf-8", "utf-16-le"))]


@pytest.mark.usefixtures("clock")
def test_twenty_people_are_nowhere_to_be_read(
    sign_in: SignIn, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    answers = []
    with caplog.at_level(logging.DEBUG):
        # with every statement and its parameters in the log, as somebody looking for a fault would have it
        caplog.set_level(logging.INFO, "sqlalchemy.engine")
        for number, (phone, identity, name) in enumerate(PEOPLE):
            who = sign_in(f"code-{number}", f"昵称{number}号")
            answers.append(confirm_phone(who, phone))
            answers.append(give_name(who, name, identity).json)
            answers.append(give_name(who, f"{name}1", f"{identity}0").json)
            answers.append(who.get("/citizen/account").json)
    assert all(row["tier"] == "real_name" for row in answers[3::4])
    assert not found_in(json.dumps(answers, ensure_ascii=False).encode())
    assert "person_identity" in caplog.text
    assert not found_in(caplog.text.encode())
    everything = b"\0".join(bytes_of(db))
    assert "昵称7号".encode() in everything, "the search does find what is stored in clear"
    assert not found_in(everything)


def test_a_new_key_reads_everything_and_the_old_one_is_not_needed(
    sign_in: SignIn, db: Database, tmp_path: Path, clock: dict[str, datetime]
) -> None:
    who = sign_in("a", "甲")
    confirm_phone(who, PEOPLE[0][0])
    give_name(who, PEOPLE[0][2], PEOPLE[0][1])
    other = sign_in("b", "乙")
    clock["now"] += timedelta(minutes=1)
    offer = confirm_phone(other, PEOPLE[0][0])["merge_offer"]["id"]
    before = db.read(lambda s: sealing.keys(s))
    path = tmp_path / "keys.toml"
    sealing.add_key(path, "2026-12")
    fresh = sealing.read_keys(path, 0)
    both = sealing.Keyring({**fresh.seal_keys, **before.seal_keys}, {**fresh.index_keys, **before.index_keys})
    db.info["identity.keys"] = lambda: both
    assert who.get("/citizen/account").json["phone_masked"] == "138****1000"
    assert db.read(rotation.left_behind) == {"derived": 4}
    done = rotation.reseal(db, limit=1)
    assert done["person_identity.phone_sealed"] == done["person_identity.id_sealed"] == 1
    assert set(rotation.reseal(db).values()) == {0}
    assert db.read(rotation.left_behind) == {}
    db.info["identity.keys"] = lambda: fresh
    account = who.get("/citizen/account").json
    assert (account["phone_masked"], account["name_masked"]) == ("138****1000", "王**")
    merged = other.post("/citizen/account/merge", {"offer": offer, "action": "move"})
    assert merged.json["account"]["phone_masked"] == "138****1000"
    db.info["identity.keys"] = lambda: before
    assert who.get("/citizen/account").status_code == 500


def test_every_sealed_column_is_known_to_the_rotation() -> None:
    sealed = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed") or column.name == "sealed"
    } - {"evidence.sealed"}  # sealed with the key of tenure certificates, see parcels.tenure
    assert sealed == {f"{one.table}.{one.column}" for one in rotation.SEALED}
    for one, table in rotation.sealed_tables():
        assert one.index is None or one.index[0] in table.c


@pytest.fixture
def staff(app: Flask, db: Database) -> Callable[..., Citizen]:
    """``staff("operator", "4115")``: a colleague who is signed in."""

    def enter(role: str, region: str) -> Citizen:
        def work(session: Any) -> str:
            user = service.add_user(
                session, SYSTEM, username=f"{role}{region}", password="a long enough password",
                display_name="经办", role=role, region_code=region, now=NOW,
            )  # fmt: skip
            signed = service.sign_in(session, user.username, matches=True, now=NOW)
            assert signed
            return signed[0]

        return Citizen(app, {"Authorization": f"Bearer {db.transact(work)}"})

    return enter


def test_a_look_up_is_masked_kept_and_readable_by_the_person(
    sign_in: SignIn, staff: Callable[..., Citizen], db: Database
) -> None:
    who = sign_in("a", "甲")
    confirm_phone(who, "13800000001")
    give_name(who, "王小满", id_number(5))
    operator = staff("operator", "4115")
    number = who.get("/citizen/account").json["number"]

    def look(by: str, value: str, reason: str = "本人来电问积分", desk: Citizen = operator) -> Any:
        return desk.post("/people/lookups", {"by": by, "value": value, "reason": reason})

    for by, value in (("phone", "138 0000 0001"), ("id", id_number(5)), ("number", str(number))):
        answer = look(by, value)
        assert (answer.status_code, answer.json["phone_masked"]) == (201, "138****0001"), answer.json
        assert answer.json["name_masked"] == "王**" and "王小满" not in str(answer.json)
    assert look("phone", "13800000001", "查").json["code"] == "person.lookup_reason"
    for by, value in (("phone", "13800000009"), ("number", "999999"), ("number", "x")):
        assert look(by, value).status_code == 404
    far = staff("operator", "411522")
    assert look("phone", "13800000001", desk=far).status_code == 404, "another county's"
    assert look("phone", "1", desk=operator).json["code"] == "account.phone_invalid"
    assert look("phone", "13800000001", desk=staff("verifier", "4115")).status_code == 403
    kept = staff("auditor", "4115").get("/people/lookups").json
    assert kept["total"] == 7 and "13800000001" not in str(kept)
    assert [row["person"] for row in kept["items"]] == [None, None, None, None, number, number, number]
    mine = json.loads(who.get("/citizen/account/export").data)["tables"]["lookups_工作人员查询"]
    assert [row["reason"] for row in mine] == ["本人来电问积分"] * 3
    audited = db.read(
        lambda s: s.scalars(sa.select(AuditRecord).where(AuditRecord.action == "person.lookup")).all()
    )
    assert len(audited) == 7 and "13800000001" not in str([row.detail for row in audited])


def test_the_page_shows_each_role_its_part_and_citizens_nothing(
    app: Flask, sign_in: SignIn, staff: Callable[..., Citizen]
) -> None:
    def open_page(who: Citizen | None) -> Any:
        return app.test_client().get("/people", headers=who.headers if who else {})

    operator, auditor = open_page(staff("operator", "4115")).text, open_page(staff("auditor", "4115")).text
    assert 'id="look-up"' in operator and "谁查过谁" not in operator
    assert 'id="look-up"' not in auditor and "谁查过谁" in auditor
    assert open_page(sign_in("a", "甲")).status_code == 403
    assert open_page(None).status_code == 302


def test_a_transfer_is_noted_once_and_read_by_the_auditor(
    db: Database, staff: Callable[..., Citizen]
) -> None:
    def note(reference: str, **more: Any) -> None:
        db.transact(
            lambda s: privacy.record_share(
                s, partner="xinyang-bus", fields=["subject", "occurred_at"], rows=5, people=3,
                reference=reference, now=NOW, **more,
            )
        )  # fmt: skip

    for _ in range(2):
        note("push:1")
    note("file:2026-11-21", direction="sent", purpose="reconciliation")
    auditor = staff("auditor", "4115")
    assert auditor.get("/people/shares").json["total"] == 2
    row = auditor.get("/people/shares?partner=xinyang-bus&direction=received").json["items"][0]
    assert (row["rows"], row["people"], row["fields_held"]) == (5, 3, ["occurred_at", "subject"])
    assert staff("operator", "4115").get("/people/shares").status_code == 403
    privacy.minimise(db, now=NOW + timedelta(days=3 * 366))
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ShareLog))) == 2


def test_raw_rows_go_after_thirty_days_and_what_they_led_to_stays(
    db: Database, xiaoman: Citizen, clock: dict[str, datetime]
) -> None:
    assert xiaoman.ride("kept").json["status"] == "counted"
    holder = db.read(lambda s: s.scalar(sa.select(Person.holder)))

    def row(number: int, state: str, days: int) -> ActRecord:
        at = NOW - timedelta(days=days)
        return ActRecord(
            source="xinyang-bus", record_key=f"r{number}", kind="act", holder=holder,
            payload={"distance_m": 5000}, content_digest="d", received_at=at, state=state,
            processed_at=None if state == "waiting" else at,
        )  # fmt: skip

    rows = [row(1, "done", 31), row(2, "refused", 31), row(3, "waiting", 31), row(4, "done", 29)]
    db.transact(lambda s: s.add_all(rows))
    db.transact(lambda s: phones.ask(s, _actor(db), "13800000001", now=NOW - timedelta(days=3)))
    assert privacy.minimise(db, now=NOW, limit=1) == ("ok", "2 raw rows emptied, 1 codes forgotten")

    def full() -> dict[str, bool]:
        left = db.read(lambda s: s.execute(sa.select(ActRecord.record_key, ActRecord.payload)).all())
        return {key: bool(payload) for key, payload in left}

    assert full() == {"r1": False, "r2": False, "r3": True, "r4": True}
    assert xiaoman.get("/citizen/book").json["total"] == 1
    assert db.read(lambda s: s.scalars(sa.select(PhoneCode)).all()) == []
    assert privacy.minimise(db, now=NOW) == ("ok", "0 raw rows emptied, 0 codes forgotten")
    db.transact(
        lambda s: s.execute(
            sa.update(ActRecord).where(ActRecord.record_key == "r3").values(state="done", processed_at=NOW)
        )
    )
    assert privacy.minimise(db, now=NOW + timedelta(days=20))[1].startswith("0 raw")
    assert privacy.minimise(db, now=NOW + timedelta(days=31))[1].startswith("2 raw")
    assert set(full().values()) == {False}


def _actor(db: Database) -> Any:
    from carbon_platform.identity.persons import actor_of

    return actor_of(db.read(lambda s: s.scalars(sa.select(Person)).first()))


def test_the_commands_do_what_they_say(app: Flask, sign_in: SignIn, tmp_path: Path) -> None:
    sign_in("a", "甲")
    runner, path = app.test_cli_runner(), str(tmp_path / "keys.toml")

    def run(*words: str) -> tuple[int, str]:
        done = runner.invoke(args=["people", *words])
        return done.exit_code, done.output

    assert run("count") == (0, "1 个账户。accounts open.\n")
    assert run("erase-due") == (0, "0 accounts deleted\n")
    assert run("minimise") == (0, "0 raw rows emptied, 0 codes forgotten\n")
    assert run("reseal")[0] == 0
    assert run("new-key", path, "--id", "2026-11")[0] == 0
    status, said = run("new-key", path, "--id", "2026-11")
    assert status == 1 and "2026-11" in said
