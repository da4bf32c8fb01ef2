"""Bindings: one-time codes, wrong tries, other people's accounts, ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from partner_world import BUS, NOW, ONE_ENGINE, Bus, Caller

from carbon_platform.citizens import bindings
from carbon_platform.citizens.scene_tables import Binding, BindingCode
from carbon_platform.db import Database


def enter(person: Caller, code: str) -> Any:
    return person.post("/citizen/bindings", {"code": code})


def test_a_code_binds_once_and_says_nothing_about_the_person(
    bus: Bus, citizen: Callable[..., Caller], db: Database
) -> None:
    xiaoman, dashan = citizen("xiaoman"), citizen("dashan")
    code = bus.code_for("c-1")
    first = enter(xiaoman, code.lower().replace("-", " "))
    assert first.status_code == 201 and first.json["source"] == BUS and "subject" not in first.json
    assert enter(xiaoman, code).json["code"] == "binding.code_wrong"
    assert enter(dashan, code).json["code"] == "binding.code_wrong"
    # a new code of the same customer: the same binding for its person, refused for anybody else
    assert enter(xiaoman, bus.code_for("c-1")).json["id"] == first.json["id"]
    taken = enter(dashan, bus.code_for("c-1"))
    assert taken.status_code == 409 and taken.json["code"] == "binding.taken"
    kept = db.read(lambda session: [row.code_hash for row in session.query(BindingCode)])
    assert all(code.replace("-", "") not in each for each in kept)


@ONE_ENGINE
def test_a_code_lives_ten_minutes_and_a_newer_one_ends_it(
    bus: Bus, citizen: Callable[..., Caller], clock: dict[str, datetime]
) -> None:
    xiaoman = citizen()
    old, new = bus.code_for("c-1"), bus.code_for("c-1")
    assert enter(xiaoman, old).json["code"] == "binding.code_wrong"
    clock["now"] += timedelta(minutes=10)
    late = enter(xiaoman, new)
    assert late.status_code == 422 and "10" in late.json["detail"]


@ONE_ENGINE
def test_guessing_ends_after_ten_tries(
    bus: Bus, citizen: Callable[..., Caller], clock: dict[str, datetime]
) -> None:
    xiaoman, good = citizen(), bus.code_for("c-1")
    for _ in range(bindings.TRIES_PER_HOUR):
        assert enter(xiaoman, "AAAA-2222").status_code == 422
    locked = enter(xiaoman, good)
    assert locked.status_code == 429 and locked.json["code"] == "binding.too_many_tries"
    assert enter(citizen("dashan"), good).status_code == 201  # only the one who guessed waits
    clock["now"] += timedelta(hours=1, seconds=1)
    assert enter(xiaoman, bus.code_for("c-2")).status_code == 201


def test_two_people_with_one_code_at_once_one_wins(
    bus: Bus, citizen: Callable[..., Caller], db: Database
) -> None:
    people, code = [citizen("xiaoman"), citizen("dashan")], bus.code_for("c-1")
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda person=person: answers.append(enter(person, code).status_code))
        for person in people
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 422]
    assert db.read(lambda session: session.query(Binding).count()) == 1


def test_an_end_is_an_end_and_other_peoples_bindings_are_not_found(
    bus: Bus, citizen: Callable[..., Caller]
) -> None:
    xiaoman, dashan = citizen("xiaoman"), citizen("dashan")
    bound = enter(xiaoman, bus.code_for("c-1")).json["id"]
    assert dashan.delete(f"/citizen/bindings/{bound}").status_code == 404
    assert xiaoman.delete(f"/citizen/bindings/{bound}").status_code == 204
    assert xiaoman.delete(f"/citizen/bindings/{bound}").status_code == 204
    assert xiaoman.get("/citizen/bindings").json[0]["ended_at"]
    assert enter(dashan, bus.code_for("c-1")).status_code == 201  # free for the next


@ONE_ENGINE
def test_a_subject_is_no_phone_and_no_identity_number(bus: Bus) -> None:
    phones = ("13800000000", "+8613800000000", "8613800000000", "c-13800000000", "user:13800000000:bus")
    numbers = ("411502199001011234", "41150219900101123X", "id_411502199001011234")
    for subject in (*phones, *numbers, "a b", "王"):
        answer = bus.send("bindings", f'{{"subject": "{subject}"}}'.encode(), "application/json")
        assert answer.status_code == 422, subject
        assert subject not in answer.json["detail"]
    assert bus.code_for("6225880000001234")  # the number of a bus card is one of theirs


def test_a_merged_and_a_forgotten_person(bus: Bus, citizen: Callable[..., Caller], db: Database) -> None:
    enter(citizen("xiaoman"), bus.code_for("c-1"))
    citizen("dashan")

    def work(session: Any) -> tuple[int, int, int]:
        old = session.query(Binding).one()
        other = next(row for row in (1, 2) if row != old.person_id)
        moved = bindings.move(session, old.person_id, other, "person-other")
        session.expire_all()
        found = bindings.people(session, BUS, ["c-1", "c-2"])
        assert set(found) == {"c-1"} and found["c-1"].holder == "person-other"
        return moved, bindings.end_all(session, other, now=NOW), bindings.forget(session, other)

    assert db.transact(work) == (1, 1, 1)
    assert db.read(lambda session: session.query(Binding).count() + session.query(BindingCode).count()) == 0


def test_old_codes_and_tries_go(bus: Bus, citizen: Callable[..., Caller], db: Database, app: Flask) -> None:
    enter(citizen(), "AAAA-2222")
    bus.code_for("c-1")
    assert db.transact(lambda session: bindings.forget_old_codes(session, now=NOW + timedelta(hours=23))) == 0
    assert db.transact(lambda session: bindings.forget_old_codes(session, now=NOW + timedelta(hours=25))) == 1


def test_a_digest_that_holds_eleven_digits_in_a_row_is_a_pseudonym() -> None:
    for subject in ("card:5f13800000000ab", "20261122138000000001", "XY00000018", "c-7f3a91"):
        bindings.check_subject(subject)
