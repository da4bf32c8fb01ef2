"""One person, one account: offers to merge, who has to agree, and that not one gram or point is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_people import ID_GROWN, confirm_phone, give_name
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform import all_tables, ledger
from carbon_platform.citizens import corrections, privacy
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.personal_data import KEPT, undecided
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity import persons
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.tables import MergeOffer, Person

SignIn = Callable[..., Citizen]
PHONE = "13800000001"


def merge(who: Citizen, offer: int, action: str = "merge") -> Any:
    return who.post("/citizen/account/merge", {"offer": offer, "action": action})


def sums(db: Database) -> dict[tuple[str, str], int]:
    """Posted amounts of all persons by role and lot."""

    def work(session: Any) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for holder in session.scalars(sa.select(Person.holder)):
            for row in ledger.balances(session, holder):
                key = (row.key.role, row.key.lot)
                found[key] = found.get(key, 0) + row.balance.posted
        return found

    return db.read(work)


def holders(db: Database) -> dict[str, str]:
    return dict(db.read(lambda s: s.execute(sa.select(Person.nickname, Person.holder)).all()))


def raw_row(state: str, holder: str) -> ActRecord:
    return ActRecord(
        source="xinyang-bus", record_key=state, kind="act", holder=holder, payload={}, content_digest="d",
        received_at=NOW, state=state, processed_at=None if state == "waiting" else NOW,
    )  # fmt: skip


@pytest.fixture
def two(sign_in: SignIn, clock: dict[str, datetime]) -> tuple[Citizen, Citizen]:
    """The same person with two WeChat accounts, with rides in each; the older one has the phone."""
    old, new = sign_in("old", "旧号", "xinyang-bus"), sign_in("new", "新号", "xinyang-bus")
    old.rides("2026-11-15", 3)
    confirm_phone(old, PHONE)
    clock["now"] += timedelta(minutes=1)
    for number in range(2):
        answer = new.ride(f"new-{number}", f"2026-11-16T{8 + number:02d}:00:00+08:00")
        assert answer.json["status"] == "counted"
    return old, new


def test_both_accounts_agree_and_everything_is_in_one(
    app: Flask, db: Database, two: tuple[Citizen, Citizen], verified: None
) -> None:
    old, new = two
    mine = holders(db)["旧号"]
    db.transact(lambda s: s.add_all([raw_row("done", mine), raw_row("waiting", mine)]))
    before, books = sums(db), [who.get("/citizen/book").json["totals"]["all_g"] for who in two]
    found = confirm_phone(new, PHONE)
    assert not found["confirmed"] and not found["merge_offer"]["can_merge"]
    assert "旧号" not in str(found), "nothing about the other account but that there is one"
    offer = found["merge_offer"]["id"]
    assert merge(new, offer).json["code"] == "account.merge_needs_other"
    assert merge(new, offer, "agree").status_code == 404, "only the other side agrees"
    asked = old.get("/citizen/account").json["merge_offers"][0]
    assert (asked["role"], asked["id"]) == ("asked", offer)
    assert merge(old, offer).status_code == 404, "only the one that proved merges"
    assert merge(old, offer, "agree").json["outcome"] == "agreed"
    done = merge(new, offer)
    assert done.status_code == 200, done.json
    assert done.json["account"]["phone_masked"] == "138****0001"
    assert sums(db) == before
    book = new.get("/citizen/book").json
    assert (book["total"], book["totals"]["all_g"]) == (5, sum(books))
    raw = dict(db.read(lambda s: s.execute(sa.select(ActRecord.state, ActRecord.holder)).all()))
    assert raw == {"done": mine, "waiting": holders(db)["新号"]}
    assert old.get("/citizen/account").status_code == 401
    assert merge(new, offer).status_code == 404, "once"
    again = app.test_client().post("/api/v1/citizen/sessions", json={"code": "old"})
    led = Citizen(app, {"Authorization": f"Bearer {again.json['token']}"})
    assert led.get("/citizen/account").json["number"] == done.json["account"]["number"]
    assert new.ride("after", "2026-11-22T09:00:00+08:00").json["status"] == "counted"


def test_what_is_taken_back_after_a_merge_comes_out_of_the_one_account(
    db: Database, two: tuple[Citizen, Citizen], clock: dict[str, datetime], verified: None
) -> None:
    old, new = two
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    merge(old, offer, "agree")
    assert merge(new, offer).status_code == 200
    grams, points = new.get("/citizen/book").json["totals"]["all_g"], new.get("/citizen/points").json
    act = db.read(lambda s: s.scalars(sa.select(Act).where(Act.external_id == "2026-11-15-0")).one())
    db.transact(
        lambda s: corrections.withdraw_act(
            s, act.id, note="来源撤回", actor_name="a", second_approver="b", now=clock["now"]
        )
    )
    after = new.get("/citizen/points").json
    assert new.get("/citizen/book").json["totals"]["all_g"] == grams - act.reduction_g
    total = points["available"] + points["pending"]
    assert after["available"] + after["pending"] == total - act.points
    stale = holders(db)["旧号"]
    left = db.read(lambda s: [row.balance.posted for row in ledger.balances(s, stale)])
    assert set(left) <= {0}


def test_an_account_taken_over_from_elsewhere_is_claimed_by_its_phone(
    db: Database, sign_in: SignIn, verified: None
) -> None:
    people = [
        persons.NewPerson("原用户", "411502", PHONE, opened_at=NOW - timedelta(days=400)),
        persons.NewPerson("重号", "411502", f"+86 {PHONE}"),
        persons.NewPerson("无号", "411503"),
    ]
    opened = db.transact(lambda s: persons.open_many(s, SYSTEM, people, via="import:elsewhere", now=NOW))
    assert [one.existing for one in opened] == [False, True, False]
    assert opened[0].holder == opened[1].holder
    lot = "2027-12-31"
    entry = ledger.Entry(
        reason="takeover",
        reference="takeover:1",
        moves=[
            ledger.Move(
                ledger.AccountKey(ledger.POINTS_ISSUED, ledger.PLATFORM, ledger.Asset.POINT, lot),
                ledger.AccountKey(ledger.POINTS, opened[0].holder, ledger.Asset.POINT, lot),
                70,
            )
        ],
        effective_at=None,
        actor_name="test",
    )
    db.transact(lambda s: ledger.post(s, entry, NOW))
    who = sign_in("fresh", "新来", "xinyang-bus")
    found = confirm_phone(who, PHONE)
    assert found["merge_offer"]["can_merge"]
    assert merge(who, found["merge_offer"]["id"]).status_code == 200
    assert who.get("/citizen/points").json["available"] == 70
    assert db.transact(
        lambda s: persons.open_many(s, SYSTEM, people[:1], via="import:elsewhere", now=NOW)
    ) == [persons.Opened(who.get("/citizen/account").json["number"], holders(db)["新来"], existing=True)]


def test_a_number_that_changed_hands_moves_alone(two: tuple[Citizen, Citizen]) -> None:
    old, new = two
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    done = merge(new, offer, "move")
    assert (done.json["outcome"], done.json["account"]["phone_masked"]) == ("moved", "138****0001")
    assert old.get("/citizen/account").json["phone_masked"] == ""
    assert (old.get("/citizen/book").json["total"], new.get("/citizen/book").json["total"]) == (3, 2)


def test_an_identity_number_proves_nothing_by_itself(
    two: tuple[Citizen, Citizen], clock: dict[str, datetime], sign_in: SignIn
) -> None:
    old, new = two
    assert give_name(old, "王小满", ID_GROWN).json["confirmed"]
    found = give_name(new, "王小满", ID_GROWN).json
    offer = found["merge_offer"]["id"]
    assert not found["confirmed"] and found["account"]["tier"] == "opened"
    assert merge(new, offer, "move").json["code"] == "account.merge_not_possible"
    assert merge(new, offer).json["code"] == "account.merge_needs_other"
    merge(old, offer, "agree")
    account = merge(new, offer).json["account"]
    assert (account["tier"], account["phone_masked"]) == ("real_name", "138****0001")
    clock["now"] += timedelta(days=8)
    assert sign_in("new", "新号").get("/citizen/account").json["merge_offers"] == []


def test_an_offer_lapses(two: tuple[Citizen, Citizen], clock: dict[str, datetime]) -> None:
    old, new = two
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    clock["now"] += timedelta(minutes=30)
    for who, action in ((old, "agree"), (new, "merge"), (new, "move")):
        assert merge(who, offer, action).status_code == 404


def test_every_table_that_names_a_holder_is_decided_about() -> None:
    assert undecided() == []
    known = all_tables.metadata.tables
    for one in KEPT:
        table = known[one.table]
        for column in (one.column, *one.unique, *one.sums, *one.blanked, *filter(None, [one.far])):
            assert column in table.c, (one.table, column)


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def test_a_merge_asked_for_many_times_at_once_happens_once(
    db: Database, two: tuple[Citizen, Citizen], verified: None
) -> None:
    old, new = two
    before = sums(db)
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    merge(old, offer, "agree")
    answers = at_once(5, lambda _: merge(new, offer).status_code)
    assert sorted(answers) == [200, 404, 404, 404, 404]
    assert sums(db) == before


def test_of_two_accounts_that_confirm_a_number_at_once_one_gets_it(
    db: Database, sign_in: SignIn, clock: dict[str, datetime]
) -> None:
    people = []
    for name in ("甲", "乙"):
        who = sign_in(name, name)
        asked = who.post("/citizen/account/phone", {"phone": PHONE})
        people.append((who, asked.json["demo_code"]))
        clock["now"] += timedelta(minutes=1)

    def confirm(place: int) -> bool:
        who, code = people[place]
        answer = who.post("/citizen/account/phone/confirmation", {"phone": PHONE, "code": code})
        assert answer.status_code == 200, answer.json
        return bool(answer.json["confirmed"])

    assert sorted(at_once(2, confirm)) == [False, True]
    masked = [who.get("/citizen/account").json["phone_masked"] for who, _ in people]
    assert sorted(masked) == ["", "138****0001"]


def test_a_number_moves_and_the_other_accounts_new_one_stays_theirs(
    db: Database, two: tuple[Citizen, Citizen], clock: dict[str, datetime]
) -> None:
    old, new = two
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    clock["now"] += timedelta(minutes=2)
    confirm_phone(old, "13800000002")
    assert merge(new, offer, "move").status_code == 200
    assert new.get("/citizen/account").json["phone_masked"] == "138****0001"
    assert old.get("/citizen/account").json["phone_masked"] == "138****0002"


def test_what_an_offer_held_goes_when_nobody_answers_in_time(
    db: Database, two: tuple[Citizen, Citizen], clock: dict[str, datetime]
) -> None:
    confirm_phone(two[1], PHONE)

    def offers(session: Any) -> list[MergeOffer]:
        return list(session.scalars(sa.select(MergeOffer)))

    privacy.minimise(db, now=clock["now"])
    assert len(db.read(offers)) == 1
    privacy.minimise(db, now=clock["now"] + timedelta(minutes=31))
    assert db.read(offers) == []


def test_a_table_is_told_once_about_each_person_in_it() -> None:
    named = [(one.table, one.column) for one in KEPT]
    assert len(named) == len(set(named))
    titles = [one.title for one in KEPT if one.title]
    assert len(titles) == len(set(titles))


def test_a_name_that_comes_along_brings_the_consent_to_keep_it(two: tuple[Citizen, Citizen]) -> None:
    old, new = two
    give_name(old, "王小满", ID_GROWN)
    offer = confirm_phone(new, PHONE)["merge_offer"]["id"]
    merge(old, offer, "agree")
    assert merge(new, offer).json["account"]["tier"] == "real_name"
    (given,) = [row for row in new.get("/citizen/consents").json if row["purpose"] == "real-name"]
    assert given["current"]
    assert new.delete(f"/citizen/consents/{given['consent_id']}").status_code == 204
    assert new.get("/citizen/account").json["tier"] == "phone"
