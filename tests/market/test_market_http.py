"""Listings, orders, trades and cash through HTTP, on both engines."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from market_world import GS, QUANTITY_KG, XX, World

from carbon_platform import ledger
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.ledger import AccountKey, Asset


def test_a_listing_is_public_and_holds_the_goods(world: World) -> None:
    body = {"batch": GS, "quantity_kg": 9_600_000 // 10, "price_fen_per_t": 4_800, "story": "文殊的油茶"}
    made = world.post("operator", "/listings", body)
    assert world.balance(ledger.HOLDING, "operator", GS) == (QUANTITY_KG[GS], 960_000)
    page = world.get("", "/listings")
    assert page["total"] == 1
    item = page["items"][0]
    assert item == made
    assert (item["remaining_kg"], item["price_fen_per_t"], item["status"]) == (960_000, 4_800, "open")
    assert item["goods"]["county_name"] == "光山县"
    assert (item["goods"]["vintage"], item["goods"]["methodology_key"]) == (2025, "camellia_oil_v1")
    assert item["goods"]["explain"] == f"/api/v1/explain/batch/{GS}"
    # Twelve parcels in three villages; 王某 holds two parcels of one village: eleven households.
    assert item["story"] == {
        "kind": "camellia", "parcels": 12, "villages": 3, "right_holders": 11, "area_m2": 179_000.0
    }  # fmt: skip
    assert item["story_text"] == "文殊的油茶"
    assert "某茶" not in str(page) and "王某" not in str(page)
    assert world.get("", f"/listings/{made['id']}") == made
    assert world.get("", "/listings", county="411523")["total"] == 0
    assert world.refused("", "GET", "/listings/999") == (404, "platform.not_found")


def test_best_price_comes_first(world: World) -> None:
    dear, cheap = world.offer(price_fen_per_t=5_000), world.offer(batch=XX, tonnes=1, price_fen_per_t=4_700)
    assert [item["id"] for item in world.get("", "/listings")["items"]] == [cheap, dear]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"quantity_kg": 1_500}, "market.not_whole_tonnes"),
        ({"quantity_kg": 999}, "market.not_whole_tonnes"),
        ({"quantity_kg": 1000.0}, "platform.invalid_input"),
        ({"quantity_kg": 0}, "platform.invalid_input"),
        ({"price_fen_per_t": 0}, "platform.invalid_input"),
        ({"price_fen_per_t": 48.5}, "platform.invalid_input"),
        ({"colour": "green"}, "platform.invalid_input"),
        ({"batch": "XY-NONE"}, "platform.not_found"),
        ({"quantity_kg": QUANTITY_KG[GS] + 1000}, "ledger.insufficient"),
    ],
)
def test_a_wrong_listing_is_refused_and_leaves_nothing(
    world: World, change: dict[str, Any], code: str
) -> None:
    body = {"batch": GS, "quantity_kg": 1_000, "price_fen_per_t": 4_800} | change
    assert world.refused("operator", "POST", "/listings", body)[1] == code
    assert world.get("", "/listings")["total"] == 0
    assert world.balance(ledger.HOLDING, "operator", GS) == (QUANTITY_KG[GS], 0)


def test_the_same_goods_cannot_be_offered_twice(world: World) -> None:
    world.offer(tonnes=3_000)
    body = {"batch": GS, "quantity_kg": 401_000, "price_fen_per_t": 4_800}
    response = world.call("operator", "POST", "/listings", body)
    assert (response.status_code, response.get_json()["code"]) == (409, "ledger.insufficient")
    assert "401" in response.get_json()["detail"] and "400" in response.get_json()["detail"]


def test_withdrawing_frees_the_rest_once(world: World) -> None:
    listing = world.offer(tonnes=10)
    world.deposit("alpha", 100_000)
    world.buy("alpha", listing, 4)
    assert world.refused("alpha", "DELETE", f"/listings/{listing}") == (404, "platform.not_found")
    response = world.call("operator", "DELETE", f"/listings/{listing}")
    assert response.status_code == 200
    assert (response.get_json()["status"], response.get_json()["remaining_kg"]) == ("withdrawn", 0)
    assert world.balance(ledger.HOLDING, "operator", GS) == (QUANTITY_KG[GS] - 4_000, 0)
    assert world.refused("operator", "DELETE", f"/listings/{listing}") == (409, "market.listing_closed")
    order = f"/listings/{listing}/orders"
    assert world.refused("alpha", "POST", order, {"quantity_kg": 1000}) == (409, "market.listing_closed")
    world.assert_sound()


def test_a_deposit_counts_once_per_bank_reference(world: World) -> None:
    first = world.deposit("alpha", 500, reference="CCB-1")
    assert world.deposit("alpha", 500, reference="CCB-1") == first
    organisation = world.actor("alpha").organisation_id
    other = world.actor("beta").organisation_id
    for change in ({"amount_fen": 501}, {"organisation_id": other}):
        body = {"organisation_id": organisation, "amount_fen": 500, "bank_reference": "CCB-1"} | change
        assert world.refused("bank", "POST", "/cash-deposits", body) == (409, "market.deposit_conflict")
    cash = world.get("alpha", "/cash")
    assert cash["cash_fen"] == {"posted": 500, "held": 0, "available": 500}
    assert [(line["reason"], line["amount"]) for line in cash["lines"]] == [("deposit", 500)]
    assert world.get("beta", "/cash")["cash_fen"]["posted"] == 0
    body = {"organisation_id": 999, "amount_fen": 500, "bank_reference": "CCB-2"}
    assert world.refused("bank", "POST", "/cash-deposits", body) == (404, "platform.not_found")
    assert world.refused("alpha", "POST", "/cash-deposits", body) == (403, "identity.not_allowed")
    assert world.refused("auditor", "GET", "/cash") == (409, "market.no_organisation")


def test_goods_and_money_move_in_one_entry(world: World) -> None:
    listing = world.offer(tonnes=10, price_fen_per_t=4_801)
    world.deposit("alpha", 20_000)
    trade = world.buy("alpha", listing, 3)
    assert trade["code"] == "XY-T000001"
    assert (trade["amount_fen"], trade["ranges"], trade["is_first_sale"]) == (14_403, [[1, 3000]], True)
    assert world.balance(ledger.HOLDING, "alpha", GS) == (3_000, 0)
    assert world.balance(ledger.HOLDING, "operator", GS) == (QUANTITY_KG[GS] - 3_000, 7_000)
    assert world.balance(ledger.CASH, "alpha") == (5_597, 0)
    assert world.balance(ledger.PROCEEDS, "operator") == (14_403, 0)
    assert world.get("", f"/listings/{listing}")["remaining_kg"] == 7_000
    entry = world.db.read(lambda s: ledger.find_entry(s, trade["entry_reference"]))
    assert entry is not None
    moves = world.db.read(lambda s: ledger.moves_of(s, entry.entry_id))
    assert [(move.source.role, move.destination.role, move.amount) for move in moves] == [
        ("holding", "holding", 3_000),
        ("cash", "proceeds", 14_403),
    ]
    world.assert_sound()


def test_an_order_sent_twice_is_one_order(world: World) -> None:
    listing = world.offer()
    world.deposit("alpha", 100_000)
    path, body = f"/listings/{listing}/orders", {"quantity_kg": 2_000}
    first = world.post("alpha", path, body, key="k1")
    again = world.call("alpha", "POST", path, body, key="k1")
    assert (again.get_json(), again.headers["Idempotency-Replayed"]) == (first, "true")
    assert world.call("alpha", "POST", path, {"quantity_kg": 3_000}, key="k1").status_code == 422
    assert world.balance(ledger.CASH, "alpha") == (100_000 - 9_600, 0)
    assert world.get("alpha", "/trades")["total"] == 1


def test_a_buy_without_money_says_what_is_missing(world: World) -> None:
    listing = world.offer(price_fen_per_t=4_800)
    world.deposit("alpha", 4_799)
    response = world.call("alpha", "POST", f"/listings/{listing}/orders", {"quantity_kg": 1_000})
    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (409, "ledger.insufficient")
    for words in ("¥48.00", "¥47.99", "¥0.01", "结算银行"):
        assert words in problem["detail"]
    assert world.balance(ledger.CASH, "alpha") == (4_799, 0)
    assert world.get("alpha", "/trades")["total"] == 0


def test_orders_that_cannot_be(world: World) -> None:
    listing = world.offer(tonnes=2)
    world.deposit("alpha", 10**9)
    path = f"/listings/{listing}/orders"
    assert world.refused("alpha", "POST", path, {"quantity_kg": 3_000}) == (409, "market.more_than_remains")
    assert world.refused("alpha", "POST", path, {"quantity_kg": 1_001}) == (422, "market.not_whole_tonnes")
    assert world.refused("operator", "POST", path, {"quantity_kg": 1_000}) == (403, "identity.not_allowed")
    assert world.refused("", "POST", path, {"quantity_kg": 1_000}) == (401, "identity.not_signed_in")
    missing = "/listings/99/orders"
    assert world.refused("alpha", "POST", missing, {"quantity_kg": 1_000}) == (404, "platform.not_found")


def test_a_resale_pays_the_seller_and_not_the_villages(world: World) -> None:
    first = world.offer(tonnes=5)
    world.deposit("alpha", 100_000)
    world.buy("alpha", first, 5)
    assert world.get("", f"/listings/{first}")["status"] == "sold"
    body = {"batch": GS, "quantity_kg": 2_000, "price_fen_per_t": 6_000}
    listing = world.post("alpha", "/listings", body)
    assert listing["is_first_sale"] is False
    own = f"/listings/{listing['id']}/orders"
    assert world.refused("alpha", "POST", own, {"quantity_kg": 1_000}) == (409, "market.own_listing")
    world.deposit("beta", 6_000)
    trade = world.buy("beta", listing["id"], 1)
    assert trade["is_first_sale"] is False
    assert world.balance(ledger.CASH, "alpha") == (100_000 - 24_000 + 6_000, 0)
    assert world.balance(ledger.PROCEEDS, "alpha") == (0, 0)
    world.assert_sound()


def test_a_trade_is_visible_to_its_parties_and_the_region(world: World) -> None:
    listing = world.offer()
    world.deposit("alpha", 100_000)
    code = world.buy("alpha", listing, 1)["code"]
    for who in ("alpha", "operator", "dingxin", "auditor", "bank"):
        assert world.get(who, f"/trades/{code}")["code"] == code
        assert world.get(who, "/trades")["total"] == 1
    for who in ("beta", "bureau"):  # another enterprise, and another county's bureau
        assert world.refused(who, "GET", f"/trades/{code}") == (404, "platform.not_found")
        assert world.get(who, "/trades")["total"] == 0
    assert world.refused("", "GET", "/trades") == (401, "identity.not_signed_in")


def test_two_buyers_for_the_last_tonne(world: World) -> None:
    listing = world.offer(tonnes=1)
    for who in ("alpha", "beta"):
        world.deposit(who, 10_000)
    results: list[tuple[int, str]] = []
    start = threading.Barrier(2)

    def order(who: str) -> None:
        start.wait()
        response = world.call(who, "POST", f"/listings/{listing}/orders", {"quantity_kg": 1_000})
        results.append((response.status_code, response.get_json().get("code")))

    threads = [threading.Thread(target=order, args=(who,)) for who in ("alpha", "beta")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(201, "XY-T000001"), (409, "market.listing_closed")]
    assert world.balance(ledger.PROCEEDS, "operator") == (4_800, 0)
    held = [world.balance(ledger.HOLDING, who, GS)[0] for who in ("alpha", "beta")]
    assert sorted(held) == [0, 1_000]
    world.assert_sound()


def test_one_purse_and_two_orders_at_once(world: World) -> None:
    listings = [world.offer(tonnes=1), world.offer(batch=XX, tonnes=1)]
    world.deposit("alpha", 4_800)
    codes: list[int] = []
    start = threading.Barrier(2)

    def order(listing: int) -> None:
        start.wait()
        path = f"/listings/{listing}/orders"
        codes.append(world.call("alpha", "POST", path, {"quantity_kg": 1_000}).status_code)

    threads = [threading.Thread(target=order, args=(listing,)) for listing in listings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, 409]
    assert world.balance(ledger.CASH, "alpha") == (0, 0)
    world.assert_sound()


def test_equal_deposits_at_once_count_once(world: World) -> None:
    world.actor("alpha")
    world.actor("bank")
    answers: list[Any] = []
    start = threading.Barrier(4)

    def confirm() -> None:
        start.wait()
        answers.append(world.deposit("alpha", 700, reference="CCB-9"))

    threads = [threading.Thread(target=confirm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({str(answer) for answer in answers}) == 1 and len(answers) == 4
    assert world.balance(ledger.CASH, "alpha") == (700, 0)


def test_every_change_leaves_one_audit_record(world: World) -> None:
    listing = world.offer()
    world.deposit("alpha", 100_000)
    world.buy("alpha", listing, 1)
    world.call("operator", "DELETE", f"/listings/{listing}")
    actions = ["listing.offer", "cash.deposit", "trade.buy", "listing.withdraw"]
    found = world.db.read(
        lambda s: s.scalars(
            sa.select(AuditRecord.action).where(AuditRecord.action.in_(actions)).order_by(AuditRecord.id)
        ).all()
    )
    assert found == actions


def test_a_trade_keeps_the_very_numbers(world: World) -> None:
    """The second sale starts where the first ended, and the ledger agrees with the trade."""
    listing = world.offer(tonnes=10)
    world.deposit("alpha", 100_000)
    world.deposit("beta", 100_000)
    assert world.buy("alpha", listing, 2)["ranges"] == [[1, 2_000]]
    assert world.buy("beta", listing, 3)["ranges"] == [[2_001, 5_000]]
    assert world.buy("alpha", listing, 1)["ranges"] == [[5_001, 6_000]]
    key = AccountKey(ledger.HOLDING, world.actor("alpha").holder, Asset.CREDIT, GS)
    ranges = world.db.read(lambda s: ledger.ranges(s, key))
    assert [(r.first, r.last) for r in ranges] == [(1, 2_000), (5_001, 6_000)]
