"""The pages of inclusion: who sees which, and that they say what the API says."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from inclusion_world import World

from carbon_platform.citizens import targets
from carbon_platform.console import pages_inclusion as pages
from carbon_platform.inclusion import rollup

# Pages are the same on both engines.
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"])
STAFF = ("/dashboard", "/honesty", "/bundles", "/small-tickets")


def text_of(world: World, path: str, who: str = "") -> tuple[int, str]:
    client = world.app.test_client()
    if who:
        client.set_cookie("xy_session", world.as_(who).token)
    answer = client.get(path)
    return answer.status_code, answer.get_data(as_text=True)


def test_pages_of_an_empty_house_and_who_may_not_see_them(world: World) -> None:
    for path in STAFF:
        for who in ("operator", "dingxin", "auditor", "ecology"):
            assert text_of(world, path, who)[0] == 200, (path, who)
        assert text_of(world, path, "alpha")[0] == 403, path
        assert text_of(world, path)[0] == 302, path
    assert text_of(world, "/fund-receipts", "bank")[0] == 200
    assert text_of(world, "/fund-receipts", "operator")[0] == 403
    assert text_of(world, "/loop")[0] == 200
    assert text_of(world, "/offset-certificates/XY-O-GUESSED")[0] == 404
    assert text_of(world, "/bundles/XY-B2026-000009", "operator")[0] == 404


def test_from_the_act_to_a_citizens_certificate_every_page_tells_the_story(world: World) -> None:
    world.stocked()
    desk = world.as_("小满")
    body: dict[str, Any] = {
        "order_key": "order-0001",
        "quantity_kg": 120,
        "year": 2026,
        "beneficiary": "小满",
    }
    code = desk.post("/citizen/offsets", body).json["code"]
    desk.post(f"/citizen/offsets/{code}/payment")
    assert text_of(world, f"/offset-certificates/{code}")[0] == 404  # not retired yet
    world.as_("operator").post("/inclusion/offset-retirements")
    world.db.transact(lambda s: targets.count(s, now=world.now))
    for _ in range(2):
        world.at(world.now + timedelta(minutes=5))
        world.db.transact(lambda s: rollup.roll_up(s, world.now))

    status, paper = text_of(world, f"/offset-certificates/{code}")
    assert status == 200 and "小满" in paper and "120" in paper and "-4115-2026-1-120" in paper
    public = text_of(world, "/verify/XY-C2026-000001")[1]
    assert "市民低碳行为的汇总，不对应地块" in public and "小满" not in public
    board = text_of(world, "/dashboard", "dingxin")[1]
    assert "已开户 21" in board and "400" in board
    assert "¥80.00" in text_of(world, "/loop")[1]
    bundle = text_of(world, "/bundles/XY-B2026-000001", "operator")[1]
    assert "逐笔看过" in bundle and "XY-R000001" in bundle
    for path in ("/runs/XY-R000001", "/projects/XY-P0001", "/projects", "/explain/run/XY-R000001"):
        assert text_of(world, path, "operator")[0] == 200, path
    assert "POST /api/v1/inclusion/pool-sales" in text_of(world, "/revenue", "dingxin")[1]
    assert world.as_("dingxin").post("/inclusion/pool-sales", {"trade": "XY-T000001"}).status_code == 201
    assert "POST /api/v1/inclusion/pool-sales" not in text_of(world, "/revenue", "dingxin")[1]
    assert "市民奖励资金" in text_of(world, "/distributions/XY-D000001", "dingxin")[1]
    run = text_of(world, "/explain/run/XY-R000001", "operator")[1]
    assert "20 位同意汇总的市民" in run and "0 块地" not in run


def test_a_pooled_batch_on_the_market_is_shown_without_land(world: World) -> None:
    world.listed()
    for path, who in (("/market", ""), ("/market", "alpha"), ("/market", "operator"), ("/", "")):
        status, page = text_of(world, path, who)
        assert status == 200, (path, who)
        assert path == "/" or "市民低碳行为汇总" in page
    split = world.as_("alpha").get("/listings/1/split?quantity_kg=1000")
    assert split.status_code in (200, 409), split.json


def test_figures_of_the_boards_say_neither_too_much_nor_nothing(world: World) -> None:
    """A cover of 6,289 times is no percentage, a few grams are not worth ¥0.00, two new accounts not 0."""
    with world.app.test_request_context("/honesty"):
        assert [pages._times_or_percent(bp) for bp in (9_990, 99_999, 62_893_080)] == [
            "99.9%",
            "1,000.0%",
            "6,289 倍",
        ]
        few = SimpleNamespace(market_fen=0, sums=SimpleNamespace(reduction_g=70))
        none = SimpleNamespace(market_fen=0, sums=SimpleNamespace(reduction_g=0))
        assert [pages._worth(one) for one in (few, none)] == ["不足 ¥0.01", "¥0.00"]  # type: ignore[arg-type]
        paces = [SimpleNamespace(per_day=pace) for pace in (None, 0.07, 12.0, 1_234.5)]
        assert [pages._per_day(one) for one in paces] == ["—", "0.07", "12", "1,234.5"]  # type: ignore[arg-type]


def test_scenes_of_the_dashboard_are_doors(world: World) -> None:
    page = text_of(world, "/dashboard", "operator")[1]
    assert 'href="/scenes/xinyang-bus"' in page
    assert text_of(world, "/scenes/xinyang-bus", "operator")[0] == 200
