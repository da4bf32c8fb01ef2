"""N9 over HTTP on both engines: a person without a phone earns, gets a slip and redeems at the store."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from neighbourhood import Somebody, Town, invite
from shop_world import NOW, staff
from village_world import (
    VILLAGE,
    account,
    bus_pushes,
    look_again,
    open_paper,
    picture,
    send_batch,
    workbook,
)

from carbon_platform import jobs
from carbon_platform.citizens import accounts, bindings, privacy
from carbon_platform.citizens.scene_tables import Binding
from carbon_platform.citizens.tables import Act
from carbon_platform.identity import rotation, sealing
from carbon_platform.identity.tables import AuditRecord, Person, PersonIdentity
from carbon_platform.proxies import cards, rules
from carbon_platform.proxies.tables import PaperAccount
from carbon_platform.web import platform

# The database does not matter here.
ONE_ENGINE = pytest.mark.parametrize("engine_name", ["sqlite"])

CARD = "8801 0000 1234 5678"
ID_NUMBER = "411522194801012329"


class Undo(Exception):
    """Ends a transaction that was only to be looked at."""


def slip(officer: Somebody, number: str, month: str = "2026-11") -> dict[str, Any]:
    found: dict[str, Any] = officer.get(f"/village/accounts/{number}/slip?month={month}")
    return found


def test_a_person_without_a_phone_earns_gets_a_slip_and_redeems_at_the_convenience_store(
    town: Town, officer: Somebody, second: Somebody
) -> None:
    number = account(officer)
    made = officer.make(f"/village/accounts/{number}/cards", {"number": CARD})
    assert made["last_digits"] == "5678"
    rides = [(f"bus-{day}", f"2026-11-{day}T08:00:00+08:00") for day in (18, 19, 20)]
    results = bus_pushes(town, CARD.replace(" ", ""), rides)
    assert [row["result"] for row in results] == ["received"] * 3

    rows = [
        (number, "旧衣回收", "2026-11-19", 2.5, "", "称重.jpg"),
        (number, "SH03", "2026-11-20", 1, "", "餐盘.jpg"),
    ]
    photos = {"称重.jpg": picture(2), "餐盘.jpg": picture(3)}
    batch = send_batch(officer, workbook(rows), photos)
    assert batch.status_code == 201, batch.json
    assert [row["outcome"] for row in batch.json["rows"]] == ["ready", "ready"]
    assert slip(officer, number)["acts"] == 3  # nothing of the batch counts before the second look
    done = look_again(second, batch.json)
    assert done["state"] == "taken"
    assert [row["outcome"] for row in done["rows"]] == ["counted", "counted"]

    outcome, _words = jobs.activate_due_points(platform(town.app))
    assert outcome == "ok"
    month = slip(officer, number)
    assert month["name"] == "周桂英"
    assert month["acts"] == 5
    by_name = {(line["name_zh"], line["day"]): line for line in month["lines"]}
    clothes = by_name["旧衣回收", "2026-11-19"]
    assert clothes["by_zh"] == "李村"
    assert clothes["reduction_g"] == 2_500 * 3_600 * 80 // 100 // 1_000
    assert {line["by_zh"] for line in month["lines"]} == {"信阳公交乘车码", "李村"}
    assert month["reduction_g"] == sum(line["reduction_g"] for line in month["lines"])
    assert month["available"] == month["earned"] == sum(line["points"] for line in month["lines"])
    assert month["available"] >= 100

    order = officer.make(f"/village/accounts/{number}/redemptions", {"reward": "tea"}, key="tea-for-zhou")
    again = officer.make(f"/village/accounts/{number}/redemptions", {"reward": "tea"}, key="tea-for-zhou")
    assert again["voucher_code"] == order["voucher_code"]  # the second click is the same order
    assert order["signed_code"].startswith("XY1:")
    store = staff(town.app, "store-1")
    used = store.use_one(order["voucher_code"])  # read out from the paper
    assert used["outcome"] == "accepted", used
    assert store.use_one(order["signed_code"], device="till-0002")["outcome"] == "refused"
    after = slip(officer, number)
    assert (after["spent"], after["available"]) == (100, month["available"] - 100)
    listed = officer.get("/village/accounts")["items"]
    assert [(row["number"], row["masked_name"]) for row in listed] == [(number, "周**")]


def test_who_has_no_session_still_cannot_be_signed_in_and_every_look_is_on_record(
    town: Town, officer: Somebody
) -> None:
    number = account(officer)
    slip(officer, number)
    officer.get(f"/village/accounts/{number}/redemptions")

    def looked(session: Any) -> list[Any]:
        asked = (
            sa.select(AuditRecord.actor_name, AuditRecord.detail)
            .where(AuditRecord.action == "paper_account.look")
            .order_by(AuditRecord.id)
        )
        return [tuple(row) for row in session.execute(asked)]

    assert town.db.read(looked) == [("李村", {"what": "slip 2026-11"}), ("李村", {"what": "vouchers"})]
    person = town.db.read(lambda session: session.scalar(sa.select(Person).where(Person.via == "village")))
    assert person.openid == f"none:{person.holder}"
    assert officer.ask("GET", f"/village/accounts/{number}/slip?month=2026-13").status_code == 422
    assert officer.ask("GET", f"/village/accounts/{number}/slip?month=2027-01").status_code == 422


@ONE_ENGINE
def test_only_the_own_villages_and_only_one_account_a_person(town: Town, officer: Somebody) -> None:
    number = account(officer, id_number=ID_NUMBER)
    twice = open_paper(officer, id_number=ID_NUMBER.lower())
    assert twice.json["code"] == "proxy.has_account"
    elsewhere = town.colleague("外乡", "village_officer", region="411522")
    for method, path in (
        ("GET", "slip"),
        ("GET", "redemptions"),
        ("POST", "cards"),
    ):
        extra = {"json": {"number": CARD}} if method == "POST" else {}
        assert elsewhere.ask(method, f"/village/accounts/{number}/{path}", **extra).status_code == 404
    assert elsewhere.get("/village/accounts")["items"] == []
    assert open_paper(elsewhere).status_code == 404
    citizen = town.person("somebody")
    assert citizen.ask("GET", "/village/accounts").status_code == 403
    assert citizen.ask("GET", f"/village/accounts/{number}/slip").status_code == 403
    wrong = officer.ask("GET", f"/village/accounts/{number[:-1]}{(int(number[-1]) + 1) % 10}/slip")
    assert wrong.json["code"] == "proxy.account_number_invalid"


@ONE_ENGINE
def test_bad_papers_are_refused_in_words(officer: Somebody) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": "A"}, "platform.invalid_input"),
        ({"name": "Anna Bell"}, "account.name_invalid"),
        ({"id_number": "411522194801012320"}, "account.id_number_invalid"),
        ({"born_year": "2020"}, "proxy.child_needs_guardian"),
        ({"id_number": "411522201801012321"}, "proxy.child_needs_guardian"),
        ({"partners": "nobody"}, "citizen.consent_text_unknown"),
        ({"village_code": "411522001001"}, "platform.not_found"),
        ({"village_code": "411502001999"}, "platform.not_found"),
        ({"paper": (io.BytesIO(b"%PDF-1.7 no picture"), "同意书.pdf")}, "proxy.paper_refused"),
        ({"paper": (io.BytesIO(b""), "empty.jpg")}, "proxy.paper_refused"),
    ]
    for fields, code in cases:
        answer = open_paper(officer, **fields)
        assert answer.json["code"] == code, (fields, answer.json)
        assert answer.json["detail"]
    assert officer.get("/village/accounts")["items"] == []


def test_a_card_belongs_to_one_person_until_it_is_ended(town: Town, officer: Somebody) -> None:
    zhou, wu = account(officer), account(officer, name="吴秀兰")
    card = officer.make(f"/village/accounts/{zhou}/cards", {"number": CARD})
    assert officer.make(f"/village/accounts/{zhou}/cards", {"number": CARD})["id"] == card["id"]
    taken = officer.post(f"/village/accounts/{wu}/cards", {"number": CARD})
    assert taken.json["code"] == "proxy.card_taken"
    assert "5678" in taken.json["detail"]
    assert "88010000" not in taken.json["detail"]
    for number in ("12", "88 01 x", "8" * 25):
        assert officer.post(f"/village/accounts/{wu}/cards", {"number": number}).status_code == 422
    path = f"/village/cards/{card['id']}"
    elsewhere = town.colleague("外乡", "village_officer", region="411522")
    assert elsewhere.ask("DELETE", path).status_code == 404
    assert officer.ask("DELETE", path).status_code == 204
    assert officer.ask("DELETE", path).status_code == 404
    bus_pushes(town, CARD.replace(" ", ""), [("late", "2026-11-20T08:00:00+08:00")])
    acts = town.db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Act)))
    assert acts == 0  # nobody's card any more
    officer.make(f"/village/accounts/{wu}/cards", {"number": CARD})


def test_a_relative_is_asked_on_paper_and_acts_within_limits(town: Town, officer: Somebody) -> None:
    number = account(officer, partners="xinyang-bus,self")
    daughter = town.person("daughter", "小满")
    code = invite(town, daughter)["id"] and daughter.make("/citizen/family/invitations")["code"]
    relatives = officer.make(f"/village/accounts/{number}/family", {"code": code})
    assert [row["nickname"] for row in relatives] == ["小满"]
    form = {
        "paper": (io.BytesIO(picture(9)), "授权.jpg"),
        "member_id": relatives[0]["member_id"],
        "day_points": 50,
        "month_points": 80,
    }
    granted = officer.ask(
        "POST", f"/village/accounts/{number}/proxies", data=form, content_type="multipart/form-data"
    )
    assert granted.status_code == 201, granted.json
    assert granted.json["granted_by"] == "李村"
    proxy = daughter.get("/citizen/proxies")["items"][0]
    assert (proxy["role"], proxy["principal"], proxy["standing"]) == ("agent", "周**", True)
    walk = {
        "behaviour": "XI16", "source": "self", "external_id": "walk-1", "distance_m": 2_000,
        "occurred_at": "2026-11-22T07:00:00+08:00", "duration_s": 1_800,
    }  # fmt: skip
    reported = daughter.make(f"/citizen/proxies/{proxy['id']}/acts", walk)
    assert reported["status"] == "counted"
    lines = slip(officer, number)["lines"]
    assert [(line["by_zh"], line["reduction_g"]) for line in lines] == [("小满", reported["reduction_g"])]
    assert daughter.get("/citizen/book")["total"] == 0  # not in her own book


def test_nothing_that_names_a_person_stands_in_the_database_file(
    town: Town, officer: Somebody, engine_name: str
) -> None:
    number = account(officer, name="周桂英", id_number=ID_NUMBER)
    officer.make(f"/village/accounts/{number}/cards", {"number": CARD})
    secrets = ["周桂英", ID_NUMBER, CARD, CARD.replace(" ", "")]
    if engine_name == "sqlite":
        path = Path(town.db.url.removeprefix("sqlite:///"))
        raw = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    else:
        raw = "\n".join(town.db.read(_dumped)).encode()
    assert number.encode() in raw  # the search finds what is there
    assert [secret for secret in secrets if secret.encode() in raw] == []


def _dumped(session: Any) -> list[str]:
    """Every row of every table as text."""
    names = sa.inspect(session.get_bind()).get_table_names()
    return [str(row) for name in names for row in session.execute(sa.text(f'SELECT t::text FROM "{name}" t'))]


def test_a_person_withdraws_closes_and_is_forgotten_by_word_at_the_office(
    town: Town, officer: Somebody
) -> None:
    number = account(officer, id_number=ID_NUMBER)
    path = f"/village/accounts/{number}"
    officer.make(f"{path}/cards", {"number": CARD})
    bus = next(
        row["consent_id"] for row in officer.get(f"{path}/consents") if row["partner"] == "xinyang-bus"
    )
    left = officer.make(f"{path}/withdrawals", {"consent_id": bus}, status=200)
    assert [row["partner"] for row in left if row["purpose"] == "acts"] == ["village-entry"]
    bus_pushes(town, CARD.replace(" ", ""), [("late", "2026-11-20T08:00:00+08:00")])
    assert slip(officer, number)["acts"] == 0
    other = account(officer, name="吴秀兰")
    assert officer.post(f"/village/accounts/{other}/withdrawals", {"consent_id": bus}).status_code == 404
    assert officer.post(f"{path}/consents", {"partner": "nobody", "paper_shown": True}).status_code == 409
    officer.make(f"{path}/consents", {"partner": "xinyang-bus", "paper_shown": True})

    holder = town.db.read(lambda s: s.scalar(sa.select(PaperAccount.holder).filter_by(number=number)))
    town.give_points(holder, 30)
    wrong = officer.post(f"{path}/closure", {"erase": True, "forfeit_points": 0})
    assert wrong.status_code == 409, wrong.json
    officer.make(f"{path}/closure", {"erase": True, "forfeit_points": 30}, status=200)
    closed = officer.post(f"{path}/redemptions", {"reward": "soap"}, key="late")
    assert closed.json["code"] == "proxy.account_not_open"
    town.clock["now"] = NOW + timedelta(days=8)
    person = town.db.read(lambda s: s.scalar(sa.select(Person.id).filter_by(holder=holder)))
    town.db.transact(lambda s: accounts.erase(s, person, now=town.clock["now"]))
    assert slip(officer, number)["name"] == ""
    assert number not in [row["number"] for row in officer.get("/village/accounts")["items"]]
    again = account(officer, id_number=ID_NUMBER)  # the number is free for a new account
    officer.make(f"/village/accounts/{again}/cards", {"number": CARD})


@ONE_ENGINE
def test_pictures_go_when_nobody_needs_them(town: Town, officer: Somebody, second: Somebody) -> None:
    number = account(officer)
    batch = send_batch(
        officer, workbook([(number, "SH03", "2026-11-20", 1, "", "a.jpg")]), {"a.jpg": picture(2)}
    )
    done = look_again(second, batch.json)
    photo = done["rows"][0]["photo_url"].removeprefix("/api/v1")
    assert second.ask("GET", photo).mimetype == "image/jpeg"
    assert town.person("somebody").ask("GET", photo).status_code == 403
    house = platform(town.app)
    assert jobs.forget_village_pictures(house) == ("ok", "0 photos and papers removed")
    town.clock["now"] = NOW + timedelta(days=200)
    assert jobs.forget_village_pictures(house) == ("ok", "1 photos and papers removed")  # the paper stays
    assert second.ask("GET", photo).status_code == 404
    assert VILLAGE in done["village_code"]


def test_a_person_without_a_phone_may_change_their_mind_for_a_week(town: Town, officer: Somebody) -> None:
    number = account(officer)
    path = f"/village/accounts/{number}"
    assert officer.make(f"{path}/reopening", status=200)["state"] == "open"  # nothing to take back
    officer.make(f"{path}/closure", {"erase": True, "forfeit_points": 0}, status=200)
    town.clock["now"] = NOW + timedelta(days=6)
    elsewhere = town.colleague("外乡", "village_officer", region="411522")
    assert elsewhere.post(f"{path}/reopening").status_code == 404
    assert officer.make(f"{path}/reopening", status=200)["state"] == "open"
    town.clock["now"] = NOW + timedelta(days=30)
    assert privacy.erase_due(town.db, now=town.clock["now"]) == ("ok", "0 accounts deleted")
    assert officer.get(f"{path}/consents") == []  # they are signed anew
    officer.make(f"{path}/consents", {"partner": "xinyang-bus", "paper_shown": True})
    officer.make(f"{path}/closure", {"erase": True, "forfeit_points": 0}, status=200)
    town.clock["now"] = NOW + timedelta(days=38)
    assert privacy.erase_due(town.db, now=town.clock["now"]) == ("ok", "1 accounts deleted")
    assert officer.post(f"{path}/reopening").json["code"] == "proxy.account_not_open"


def test_a_number_on_paper_has_its_consent_and_goes_with_it(town: Town, officer: Somebody) -> None:
    number = account(officer, id_number=ID_NUMBER)
    given = officer.get(f"/village/accounts/{number}/consents")
    (named,) = [row for row in given if row["purpose"] == "real-name"]
    assert named["current"]

    def kept(session: Any) -> list[Any]:
        return list(session.scalars(sa.select(PersonIdentity.id_index)))

    assert len(town.db.read(kept)) == 1
    officer.make(f"/village/accounts/{number}/withdrawals", {"consent_id": named["consent_id"]}, status=200)
    assert town.db.read(kept) == [None]
    plain = account(officer, name="李大爷")
    purposes = {row["purpose"] for row in officer.get(f"/village/accounts/{plain}/consents")}
    assert "real-name" not in purposes


def test_a_card_is_known_before_and_after_the_bus_company_has_the_new_key(
    town: Town, officer: Somebody, tmp_path: Path
) -> None:
    card, other = CARD.replace(" ", ""), "8801000099998888"
    number = account(officer)
    officer.make(f"/village/accounts/{number}/cards", {"number": card})
    old = town.db.read(sealing.keys)
    sealing.add_key(tmp_path / "keys.toml", "2026-12")
    fresh = sealing.read_keys(tmp_path / "keys.toml")
    both = sealing.Keyring({**fresh.seal_keys, **old.seal_keys}, {**fresh.index_keys, **old.index_keys})
    town.db.info["identity.keys"] = lambda: both
    rotation.reseal(town.db)
    officer.make(f"/village/accounts/{number}/cards", {"number": other})  # bound while the old key is in use

    def holders(keys: sealing.Keyring, digits: str) -> list[str]:
        subject = rules.card_subject(cards.partner_key(keys, "xinyang-bus"), digits)
        found = town.db.read(lambda session: bindings.people(session, "xinyang-bus", [subject]))
        return [bound.holder for bound in found.values()]

    assert [len(holders(keys, card)) for keys in (old, fresh)] == [1, 0]
    assert [len(holders(keys, other)) for keys in (old, fresh)] == [1, 1]

    def follow() -> int:
        return town.db.transact(lambda session: cards.follow_keys(session, now=town.clock["now"]))

    def unchanged(session: Any) -> None:
        assert cards.follow_keys(session, now=NOW) == 0
        raise Undo

    ended = sa.update(Binding).values(ended_at=NOW)
    with pytest.raises(Undo):  # a binding the person has ended does not come back under another name
        town.db.transact(lambda session: (session.execute(ended), unchanged(session)))
    assert (follow(), follow()) == (1, 0)
    assert [len(holders(keys, card)) for keys in (old, fresh)] == [1, 1]
    town.db.info["identity.keys"] = lambda: fresh
    assert follow() == 0
    assert [len(holders(keys, digits)) for keys in (old, fresh) for digits in (card, other)] == [0, 0, 1, 1]
    mine = next(row for row in officer.get("/village/accounts")["items"] if row["number"] == number)
    for row in mine["cards"]:
        assert officer.ask("DELETE", f"/village/cards/{row['id']}").status_code == 204
    assert holders(fresh, card) == holders(fresh, other) == []
