"""Distribution, schemes and the dashboard through HTTP, on both engines."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from market_world import GS, QUANTITY_KG, XI, XX, World

from carbon_platform import ledger
from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.ledger import AccountKey, Asset
from carbon_platform.parcels.tables import Parcel
from carbon_platform.revenue.dashboard import summary
from carbon_platform.revenue.tables import DistributionLine

SHARES = {
    "company": 2800, "county": 700, "township": 500, "village": 1500, "right_holder": 3200, "caretaker": 1300
}  # fmt: skip


def sell(world: World, batch: str = GS, tonnes: int = 3_200, price: int = 4_800) -> str:
    """A first sale; the code of the trade."""
    listing = world.offer(batch=batch, tonnes=tonnes, price_fen_per_t=price)
    world.deposit("alpha", tonnes * price)
    return str(world.buy("alpha", listing, tonnes)["code"])


def distribute(world: World, trade: str) -> Any:
    return world.post("dingxin", f"/trades/{trade}/distribution")


def payable(world: World, holder: str) -> int:
    key = AccountKey(ledger.PAYABLE, holder, Asset.CNY)
    return world.db.read(lambda s: ledger.balance(s, key)).posted


def all_lines(world: World, code: str) -> list[dict[str, Any]]:
    return list(world.get("auditor", f"/distributions/{code}", size=100)["lines"]["items"])


def test_a_receipt_reaches_the_right_holders_to_the_fen(world: World) -> None:
    made = distribute(world, sell(world))
    assert made["waterfall"] == {
        "gross_fen": 15_360_000, "fee_fen": 153_600, "vat_fen": 0, "base_fen": 15_206_400
    }  # fmt: skip
    assert made["levels"]["company"] == 15_206_400 * 28 // 100
    assert (made["below_bp"], made["meets_floor"], made["floor_bp"]) == (7_200, True, 7_000)
    assert (made["scheme"]["version"], made["scheme"]["status"]) == (0, "illustrative")
    assert (made["charges"]["exchange_fee_bp"], made["charges"]["status"]) == (100, "illustrative")
    lines = all_lines(world, made["code"])
    per_level: Counter[str] = Counter()
    for line in lines:
        per_level[line["level"]] += line["amount_fen"]
        assert payable(world, line["payee_holder"]) == line["amount_fen"]
        assert line["kg"] > 0
    assert dict(per_level) == made["levels"]
    assert sum(per_level.values()) == 15_206_400
    assert world.balance(ledger.PROCEEDS, "operator") == (0, 0)
    fee = world.db.read(
        lambda s: ledger.balance(s, AccountKey(ledger.FEE, ledger.PLATFORM, Asset.CNY)).posted
    )
    assert fee == 153_600
    world.assert_sound()


def test_payees_are_those_of_exactly_the_sold_numbers(world: World) -> None:
    """Recomputed kilogram by kilogram from the shares: the second sale pays other land than the first."""
    listing = world.offer(tonnes=1_000)
    world.deposit("alpha", 10**9)
    for tonnes in (150, 333):
        trade = world.buy("alpha", listing, tonnes)
        lines = all_lines(world, distribute(world, trade["code"])["code"])
        (first, last), *more = trade["ranges"]
        assert not more

        def shares(session: Any) -> Any:
            return session.execute(
                sa.select(BatchShare.first, BatchShare.last, Parcel.right_holder, Parcel.village_code)
                .join(Parcel, Parcel.id == BatchShare.parcel_id)
                .join(CreditBatch, CreditBatch.id == BatchShare.batch_id)
                .where(CreditBatch.code == GS)
            ).all()

        expected: Counter[tuple[str, str]] = Counter()
        for low, high, name, village in world.db.read(shares):
            kg = len(range(max(low, first), min(high, last) + 1))
            if kg:
                expected[name, village] += kg
        found = {
            (line["payee_name"], line["village_code"]): line["kg"]
            for line in lines
            if line["level"] == "right_holder"
        }
        assert found == dict(expected)
        for level in SHARES:
            assert sum(line["kg"] for line in lines if line["level"] == level) == tonnes * 1000
    world.assert_sound()


def test_a_receipt_is_shared_out_once_for_ever(world: World) -> None:
    trade = sell(world, tonnes=10)
    path = f"/trades/{trade}/distribution"
    first = world.post("dingxin", path, key="d1")
    again = world.call("dingxin", "POST", path, key="d1")
    assert (again.get_json(), again.headers["Idempotency-Replayed"]) == (first, "true")
    response = world.call("dingxin", "POST", path, key="d2")
    assert (response.status_code, response.get_json()["code"]) == (409, "revenue.already_distributed")
    assert first["code"] in response.get_json()["detail"]
    assert world.get("dingxin", "/distributions")["total"] == 1
    assert payable(world, "county:411522") == first["levels"]["county"]


def test_two_distributions_at_once_are_one(world: World) -> None:
    trade = sell(world, tonnes=10)
    world.actor("dingxin")
    codes: list[int] = []
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        codes.append(world.call("dingxin", "POST", f"/trades/{trade}/distribution").status_code)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, 409]
    assert world.balance(ledger.PROCEEDS, "operator") == (0, 0)
    world.assert_sound()


def test_the_same_people_are_paid_into_the_same_accounts(world: World) -> None:
    listing = world.offer(tonnes=20)
    world.deposit("alpha", 10**6)
    codes = [distribute(world, world.buy("alpha", listing, 10)["code"])["code"] for _ in range(2)]
    one, two = (
        {line["payee_holder"]: line["amount_fen"] for line in all_lines(world, code)} for code in codes
    )
    assert one.keys() == two.keys()
    for holder in one:
        assert payable(world, holder) == one[holder] + two[holder]


def test_names_stay_out_of_the_ledger_and_of_the_public(world: World) -> None:
    made = distribute(world, sell(world, tonnes=10))
    entry = world.db.read(lambda s: ledger.find_entry(s, made["entry_reference"]))
    assert entry is not None
    moves = world.db.read(lambda s: ledger.moves_of(s, entry.entry_id))
    names = {line["payee_name"] for line in all_lines(world, made["code"])}
    assert not any(name in str(moves) for name in names)
    path = f"/distributions/{made['code']}"
    assert world.refused("", "GET", path) == (401, "identity.not_signed_in")
    for who in ("alpha", "bank"):
        assert world.refused(who, "GET", path) == (403, "identity.not_allowed")
    assert world.refused("bureau", "GET", path) == (404, "platform.not_found")  # 新县 does not see 光山
    assert world.get("bureau", "/distributions")["total"] == 0
    for who in ("operator", "dingxin", "auditor"):
        assert world.get(who, path)["trade"] == made["trade"]


def test_lines_come_in_pages_and_by_level(world: World) -> None:
    code = distribute(world, sell(world))["code"]
    first = world.get("auditor", f"/distributions/{code}", size=5)["lines"]
    assert (len(first["items"]), first["items"][0]["level"]) == (5, "company")
    people = world.get("auditor", f"/distributions/{code}", level="right_holder")["lines"]
    assert people["total"] > 5
    village = people["items"][0]["village_code"]
    there = world.get("auditor", f"/distributions/{code}", village=village)["lines"]["items"]
    assert {line["village_code"] for line in there} == {village}
    assert {line["level"] for line in there} == {"village", "right_holder", "caretaker"}


def test_what_cannot_be_distributed(world: World) -> None:
    path = "/trades/XY-T000009/distribution"
    assert world.refused("dingxin", "POST", path) == (404, "platform.not_found")
    trade = sell(world, tonnes=5)
    path = f"/trades/{trade}/distribution"
    for who in ("operator", "alpha", "auditor"):
        assert world.refused(who, "POST", path) == (403, "identity.not_allowed")
    body = {"batch": GS, "quantity_kg": 1_000, "price_fen_per_t": 5_000}
    listing = world.post("alpha", "/listings", body)["id"]
    world.deposit("beta", 5_000)
    resale = world.buy("beta", listing, 1)["code"]
    path = f"/trades/{resale}/distribution"
    assert world.refused("dingxin", "POST", path) == (409, "revenue.not_first_sale")


def test_numbers_without_a_parcel_stop_the_distribution(world: World) -> None:
    trade = sell(world, batch=XX, tonnes=1)
    world.db.transact(
        lambda s: s.execute(
            sa.delete(BatchShare).where(
                BatchShare.batch_id
                == sa.select(CreditBatch.id).where(CreditBatch.code == XX).scalar_subquery()
            )
        )
    )
    path = f"/trades/{trade}/distribution"
    assert world.refused("dingxin", "POST", path) == (409, "revenue.numbers_without_parcel")
    assert world.balance(ledger.PROCEEDS, "operator") == (4_800, 0)
    assert world.db.read(lambda s: s.scalar(sa.select(sa.func.count(DistributionLine.id)))) == 0


def test_the_preview_keeps_its_word(world: World) -> None:
    listing = world.offer(tonnes=500, price_fen_per_t=4_711)
    shown = world.get("", f"/listings/{listing}/split", quantity_kg=123_000)
    world.deposit("alpha", 123 * 4_711)
    made = distribute(world, world.buy("alpha", listing, 123)["code"])
    assert (shown["levels"], shown["waterfall"]) == (made["levels"], made["waterfall"])
    counted = Counter(line["level"] for line in all_lines(world, made["code"]))
    assert shown["payees"] == dict(counted)
    assert "王某" not in str(shown)
    path = f"/listings/{listing}/split"
    assert world.refused("", "GET", path, quantity_kg=378_000) == (409, "market.more_than_remains")
    assert world.refused("", "GET", path, quantity_kg=1_500) == (422, "market.not_whole_tonnes")


def scheme(**more: Any) -> dict[str, Any]:
    return {
        "county_code": "411522",
        "valid_from": "2026-11-22",
        "shares": SHARES,
        "source": "测试文件",
    } | more


def test_a_countys_scheme_applies_to_sales_after_it(world: World) -> None:
    before = sell(world, tonnes=10)
    world.now += timedelta(minutes=1)
    shares = {"company": 1000, "county": 1000, "right_holder": 8000}
    adopted = world.post("dingxin", "/distribution-schemes", scheme(shares=shares))
    assert (adopted["version"], adopted["below_bp"], adopted["status"]) == (1, 9_000, "local-decision")
    again = world.post("dingxin", "/distribution-schemes", scheme(shares=shares))
    assert again["version"] == 1
    world.now += timedelta(minutes=1)
    later = world.post("dingxin", "/distribution-schemes", scheme(shares=SHARES, valid_from="2027-01-01"))
    assert later["version"] == 2
    after = sell(world, tonnes=10)
    other_county = sell(world, batch=XX, tonnes=1)
    assert distribute(world, before)["scheme"]["version"] == 0
    made = distribute(world, after)
    assert made["scheme"]["version"] == 1
    assert {line["level"] for line in all_lines(world, made["code"])} == {
        "company", "county", "township", "village", "right_holder", "caretaker"
    }  # fmt: skip
    assert made["levels"]["village"] == 0
    assert distribute(world, other_county)["scheme"]["version"] == 0
    listed = world.get("auditor", "/distribution-schemes", county="411522")
    assert [item["version"] for item in listed["items"]] == [2, 1]
    assert (listed["floor_bp"], listed["default"]["shares"]) == (7_000, SHARES)


LOW = {"company": 3500, "county": 6500}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"shares": LOW}, "revenue.below_floor"),
        (
            {"shares": LOW, "exception": {"reason": "试点", "approver": "dingxin 经办"}},
            "revenue.self_approved",
        ),
        ({"shares": {"company": 3000, "county": 6999}}, "revenue.scheme_invalid"),
        ({"shares": {"company": 3000.0, "county": 7000}}, "platform.invalid_input"),
        ({"valid_from": "2026-11-21"}, "revenue.back_dated"),
        ({"county_code": "4115"}, "platform.not_found"),
        ({"county_code": "410000"}, "platform.not_found"),
    ],
)
def test_a_wrong_scheme_is_refused(world: World, change: dict[str, Any], code: str) -> None:
    assert world.refused("dingxin", "POST", "/distribution-schemes", scheme(**change))[1] == code
    assert world.get("dingxin", "/distribution-schemes")["items"] == []


def test_an_exception_is_recorded_and_the_receipt_says_so(world: World) -> None:
    exception = {"reason": "项目启动期，三年内补足", "approver": "市政府某负责人（测试）"}
    world.post("dingxin", "/distribution-schemes", scheme(shares=LOW, exception=exception))
    made = distribute(world, sell(world, tonnes=10))
    assert (made["meets_floor"], made["below_bp"]) == (False, 6_500)
    assert made["scheme"]["exception_approver"] == exception["approver"]
    county = dashboard_county(world, "411522")
    assert (county["meets_floor"], county["below_bp"]) == (False, 6_500)


def dashboard_county(world: World, code: str) -> dict[str, Any]:
    board = world.get("dingxin", "/revenue/dashboard")
    return next(
        dict(county["figures"])
        for batch in board["batches"]
        for county in batch["counties"]
        if county["code"] == code
    )


def test_the_dashboard_before_any_sale_shows_the_whole_gap(world: World) -> None:
    board = world.get("dingxin", "/revenue/dashboard")
    one, two = board["batches"]
    assert (one["target_fen"], one["gap_fen"]) == (15_000_000_000, 15_000_000_000)
    assert (two["target_fen"], two["gap_fen"]) == (10_000_000_000, 10_000_000_000)
    assert [gap["tonnes"] for gap in one["gap_tonnes"]] == [5_000_000, 2_500_000, 1_875_000]
    assert [gap["tonnes"] for gap in two["gap_tonnes"]] == [3_333_334, 1_666_667, 1_250_000]
    assert (one["starts_on"], one["ends_on"]) == ("2025-05-01", "2030-04-30")
    assert (two["starts_on"], two["ends_on"]) == ("2026-01-01", "2030-12-31")
    # 570 of 1,826 days of batch 1 have passed on 2026-11-22.
    assert one["elapsed_bp"] == 570 * 10_000 // 1_826
    assert one["expected_by_now_fen"] == 15_000_000_000 * 570 // 1_826
    assert one["forecast_fen"] == 0
    assert {county["code"] for county in one["counties"]} == {
        "411502",
        "411521",
        "411522",
        "411523",
        "411524",
    }
    assert len(two["counties"]) == 5
    assert (one["figures"]["below_bp"], one["figures"]["meets_floor"]) == (None, None)
    assert world.refused("alpha", "GET", "/revenue/dashboard") == (403, "identity.not_allowed")
    assert world.refused("", "GET", "/revenue/dashboard") == (401, "identity.not_signed_in")


def test_the_dashboard_follows_the_money(world: World) -> None:
    distribute(world, sell(world, tonnes=3_200))
    sell(world, batch=XX, tonnes=2, price=5_000)
    sell(world, batch=XI, tonnes=4, price=6_000)
    board = world.get("dingxin", "/revenue/dashboard")
    one, two = board["batches"]
    figures = one["figures"]
    assert figures["issued_kg"] == QUANTITY_KG[GS] + QUANTITY_KG[XX]
    assert figures["verified_kg"] == figures["assessed_kg"] == figures["issued_kg"]
    assert (figures["surveyed_parcels"], figures["project_parcels"]) == (13, 13)
    assert figures["surveyed_area_m2"] == pytest.approx(180_000)
    assert figures["sold_kg"] == 3_202_000
    assert figures["received_fen"] == figures["received_forestry_fen"] == 15_370_000
    assert (figures["distributed_base_fen"], figures["undistributed_fen"]) == (15_206_400, 10_000)
    assert (figures["below_bp"], figures["meets_floor"]) == (7_200, True)
    assert one["gap_fen"] == 15_000_000_000 - 15_370_000
    assert one["forecast_fen"] == 15_370_000 * 1_826 // 570
    # Ratoon rice is money received, but no forestry income: the target does not count it.
    assert (two["figures"]["received_fen"], two["figures"]["received_forestry_fen"]) == (24_000, 0)
    assert two["gap_fen"] == 10_000_000_000
    for name in ("issued_kg", "sold_kg", "received_fen", "below_fen"):
        assert board["total"][name] == one["figures"][name] + two["figures"][name]
        for batch in (one, two):
            assert batch["figures"][name] == sum(c["figures"][name] for c in batch["counties"])
    assert dashboard_county(world, "411523")["received_fen"] == 10_000
    assert "再生稻" in board["bases_zh"] and "ratoon rice" in board["bases_en"]


def test_a_resale_is_no_new_income(world: World) -> None:
    sell(world, tonnes=5)
    listing = world.post("alpha", "/listings", {"batch": GS, "quantity_kg": 5_000, "price_fen_per_t": 9_000})
    world.deposit("beta", 45_000)
    world.buy("beta", listing["id"], 5)
    county = dashboard_county(world, "411522")
    assert (county["sold_kg"], county["received_fen"]) == (5_000, 24_000)


def test_sales_count_in_their_window_by_xinyangs_days(world: World) -> None:
    """Batch 2 ends with 2030-12-31 in Xinyang: 16:00 UTC that day is already the next year there."""
    from carbon_platform.market.tables import Trade

    sell(world, batch=XI, tonnes=1, price=5_000)
    for at, received in (
        (datetime(2030, 12, 31, 15, 59, tzinfo=UTC), 5_000),
        (datetime(2030, 12, 31, 16, 0, tzinfo=UTC), 0),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), 5_000),
        (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), 0),
    ):
        world.db.transact(lambda s, at=at: s.execute(sa.update(Trade).values(at=at)))
        assert dashboard_county(world, "411528")["received_fen"] == received, at


def test_public_totals(world: World) -> None:
    distribute(world, sell(world, tonnes=10))
    totals = world.db.read(summary)
    assert totals.issued_kg == sum(QUANTITY_KG.values())
    assert (totals.sold_kg, totals.retired_kg, totals.received_fen) == (10_000, 0, 48_000)
    assert totals.distributed_fen == 48_000 - 480
    assert totals.counties == ["411522", "411523", "411528"]
