"""Small tickets through HTTP on both engines: at cost, never more than there is, the very numbers retired."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from inclusion_world import World

from carbon_platform import ledger
from carbon_platform.citizens.truth_tables import AccountLink, AccountReview
from carbon_platform.config import Settings, UnsafeSettings, check_safe
from carbon_platform.credits import retirement
from carbon_platform.credits.tables import RetirementRange
from carbon_platform.inclusion import chores, offsets, rules
from carbon_platform.inclusion.payments import MockPayments, Payment
from carbon_platform.inclusion.tables import OffsetLot, OffsetOrder
from carbon_platform.market.service import cash_key
from carbon_platform.web import platform


def order(desk: Any, kg: int, key: str = "order-0001", **more: Any) -> Any:
    return desk.post("/citizen/offsets", {"order_key": key, "quantity_kg": kg, "year": 2026, **more})


def left(world: World) -> int:
    return int(world.db.read(lambda s: s.scalar(sa.select(sa.func.sum(OffsetLot.left_kg)))) or 0)


def test_two_citizens_neutralise_and_each_has_her_own_numbers_of_one_certificate(world: World) -> None:
    lot = world.stocked(fen_per_t=8_050)
    one, two = world.as_("小满"), world.as_("阿青")
    offer = one.get("/citizen/offsets").json["offer"]
    assert (offer["left_kg"], offer["price_fen_per_t"]) == (1_000, 8_050)
    first = order(one, 333, beneficiary="小满一家")
    assert first.status_code == 201, first.json
    # 333 kg at ¥80.50 a tonne are 2,680.65 fen: rounded up to the fen, nothing else is added
    assert (first.json["state"], first.json["amount_fen"]) == ("awaiting", 2_681)
    assert order(one, 333, beneficiary="小满一家").json["code"] == first.json["code"]
    assert order(one, 100).json["code"] == "inclusion.order_key_taken"
    second = order(two, 50)
    assert left(world) == 617
    for desk, made in ((one, first), (two, second)):
        for _ in range(2):  # a second click pays once
            paid = desk.post(f"/citizen/offsets/{made.json['code']}/payment")
            assert (paid.status_code, paid.json["state"]) == (200, "paid"), paid.json
    assert two.post(f"/citizen/offsets/{first.json['code']}/payment").status_code == 404
    assert two.get(f"/citizen/offsets/{first.json['code']}").status_code == 404
    own = one.get(f"/citizen/offsets/{first.json['code']}").json
    assert (own["state"], own["amount_fen"], own["beneficiary"]) == ("paid", 2_681, "小满一家")

    done = world.as_("operator").post("/inclusion/offset-retirements").json
    assert done["quantity_kg"] == 383 and len(done["certificates"]) == 1
    assert world.as_("operator").post("/inclusion/offset-retirements").json["certificates"] == []
    mine = one.get("/citizen/offsets").json["items"][0]
    assert (mine["state"], mine["certificate_number"]) == ("retired", done["certificates"][0])
    certificate = world.db.read(lambda s: retirement.get_retirement(s, done["certificates"][0]))
    assert certificate.quantity_kg == 383
    # no name of a citizen on what everybody may read
    assert "小满" not in certificate.content and "2 笔" in certificate.beneficiary_name
    paper = world.app.test_client().get(f"/api/v1/retirements/{done['certificates'][0]}/certificate.pdf")
    assert paper.status_code == 200 and paper.data.startswith(b"%PDF")

    def numbers(session: Any) -> None:
        rows = session.scalars(sa.select(OffsetOrder).order_by(OffsetOrder.id)).all()
        parts = [{n for first, last in row.ranges for n in range(first, last + 1)} for row in rows]
        assert [len(part) for part in parts] == [333, 50] and not parts[0] & parts[1]
        retired = {
            n for row in session.scalars(sa.select(RetirementRange)) for n in range(row.first, row.last + 1)
        }
        assert parts[0] | parts[1] == retired
        pool = offsets.find_pool(session)
        # paid in by the bank, spent on the tonne, and back from the two citizens
        assert ledger.balance(session, cash_key(pool.holder)).posted == 100_000 - 8_050 + 2_681 + 403

    world.db.read(numbers)
    assert lot["left_kg"] == 1_000 and left(world) == 617


def test_an_unpaid_order_lapses_and_late_money_finds_kilograms_or_goes_back(world: World) -> None:
    world.stocked()
    one, two = world.as_("小满"), world.as_("阿青")
    slow, lost = order(one, 600, "slow-order").json, order(two, 400, "lost-order").json
    assert order(one, 1, "no-more-left").json["code"] == "inclusion.offsets_sold_out"
    world.at(world.now + timedelta(minutes=16))
    assert chores.expire_orders(world.db, now=world.now) == ("ok", "2 unpaid orders lapsed")
    assert left(world) == 1_000
    late = one.post(f"/citizen/offsets/{slow['code']}/payment").json
    assert late["state"] == "paid" and left(world) == 400
    order(one, 300, "new-order")
    gone = two.post(f"/citizen/offsets/{lost['code']}/payment").json
    assert gone["state"] == "refund_due" and left(world) == 100
    bank = world.as_("bank")
    done = bank.post(f"/inclusion/offset-orders/{lost['code']}/refund", {"bank_reference": "R-0001"})
    assert done.status_code == 200 and done.json["state"] == "refunded", done.json
    again = bank.post(f"/inclusion/offset-orders/{lost['code']}/refund", {"bank_reference": "R-0001"})
    assert again.json["code"] == "inclusion.order_state"


def test_twelve_at_once_never_get_more_than_there_is(world: World) -> None:
    world.stocked()
    desks = [world.as_(f"市民{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda desk: order(desk, 150), desks))
    codes = [answer.status_code for answer in answers]
    assert codes.count(201) == 6 and codes.count(409) == 6, codes
    assert left(world) == 100


def test_nobody_sets_more_aside_without_paying_than_one_may_buy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offsets, "QUANTITY_MAX_KG", 500)
    world.stocked()
    one, two = world.as_("小满"), world.as_("阿青")
    first = order(one, 400).json
    refused = order(one, 101, "order-0002").json
    assert refused["code"] == "inclusion.too_much_unpaid"
    assert "400" in refused["detail"] and "101" in refused["detail"]
    assert left(world) == 600
    assert order(one, 400).json["code"] == first["code"], "the same order again is no second one"
    assert order(two, 101, "order-0002").status_code == 201
    assert one.post(f"/citizen/offsets/{first['code']}/payment").json["state"] == "paid"
    assert order(one, 101, "order-0003").status_code == 201


def test_six_accounts_that_pay_with_one_payment_account_wait_for_a_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MockPayments, "find", lambda _, ref, fen: Payment(ref, fen, payer="alipay-2088"))
    world.stocked()

    def pay(name: str) -> None:
        desk = world.as_(name)
        code = order(desk, 10).json["code"]
        for _ in range(2):  # asked twice it is one payment
            assert desk.post(f"/citizen/offsets/{code}/payment").json["state"] == "paid"

    def reviews() -> list[tuple[str, int, str]]:
        found = sa.select(AccountReview.kind, AccountReview.accounts, AccountReview.state)
        return [tuple(row) for row in world.db.read(lambda s: s.execute(found).all())]

    for number in range(5):
        pay(f"市民{number}")
    assert reviews() == []
    pay("市民5")
    assert reviews() == [("payment", 6, "open")]
    links = world.db.read(lambda s: s.execute(sa.select(AccountLink.fingerprint, AccountLink.holder)).all())
    assert len({link.holder for link in links}) == 6
    assert "alipay" not in str(links), "only a keyed hash is kept"


def test_a_wrong_order_takes_nothing(world: World) -> None:
    wrongs: list[dict[str, Any]] = [
        {"quantity_kg": 0}, {"quantity_kg": -5}, {"quantity_kg": 0.5}, {"quantity_kg": 20_001},
        {"year": 1999},
        {"year": 2027}, {"order_key": "short"}, {"beneficiary": "字" * 31}, {"unknown": 1},
    ]  # fmt: skip
    desk = world.as_("小满")
    for wrong in wrongs:
        answer = desk.post(
            "/citizen/offsets", {"order_key": "order-0001", "quantity_kg": 1, "year": 2026} | wrong
        )
        assert answer.status_code == 422 and next(iter(wrong)) in str(answer.json), answer.json
    assert order(desk, 1).json["code"] == "inclusion.offsets_sold_out"


def test_without_a_channel_nothing_is_sold_and_the_mock_never_runs_in_production(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = platform(world.app)
    off = replace(house, settings=replace(house.settings, payment_mode="off"))
    monkeypatch.setitem(world.app.extensions, "carbon", off)
    desk = world.as_("小满")
    assert desk.get("/citizen/offsets").json["offer"]["payments"] == "off"
    answer = order(desk, 10)
    assert answer.status_code == 503 and answer.json["code"] == "inclusion.payment_unavailable"
    assert Settings(mode="production").payments == "off"
    with pytest.raises(UnsafeSettings, match="CARBON_PAYMENT_MODE"):
        check_safe(Settings(mode="production", payment_mode="mock"))


@given(
    spans=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=20),
    gaps=st.lists(st.integers(1, 9), min_size=6, max_size=6),
)
def test_numbers_are_handed_out_once_each_and_in_order(
    spans: list[int], cuts: list[int], gaps: list[int]
) -> None:
    ranges, first = [], 1
    for length, gap in zip(spans, gaps, strict=False):
        ranges.append((first, first + length - 1))
        first += length + gap
    whole = [n for start, last in ranges for n in range(start, last + 1)]
    quantities = []
    while sum(quantities) < len(whole):
        quantities.append(min(cuts[len(quantities) % len(cuts)], len(whole) - sum(quantities)))
    parts = rules.slice_ranges(ranges, quantities)
    handed = [[n for start, last in part for n in range(start, last + 1)] for part in parts]
    assert [len(part) for part in handed] == quantities
    assert [n for part in handed for n in part] == whole
    with pytest.raises(ValueError, match=re.escape("quantities and numbers differ")):
        rules.slice_ranges(ranges, [*quantities, 1])


@given(kg=st.integers(1, 20_000), price=st.integers(1, 10**6))
def test_a_price_is_at_cost_rounded_up_to_the_fen(kg: int, price: int) -> None:
    assert 0 <= rules.order_fen(kg, price) * 1_000 - kg * price < 1_000
