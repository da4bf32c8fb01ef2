"""The pages of shops, staff and bank: what each sees and may press; nobody's code is on any of them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from shop_world import Caller, citizen, later, staff

from carbon_platform.web.calls import SESSION_COOKIE


def opened(app: Flask, who: Caller | None, path: str) -> Any:
    client = app.test_client()
    if who is not None:
        client.set_cookie(SESSION_COOKIE, who.headers["Authorization"].removeprefix("Bearer "))
    return client.get(path)


@pytest.fixture
def settled(app: Flask, operator: Caller, museum: Caller, xiaoman: Caller, clock: dict[str, datetime]) -> str:
    """A statement of November that waits for a second person; one use was refused."""
    voucher = xiaoman.redeem("guide").json
    museum.use_one(voucher["signed_code"])
    museum.use_one(voucher["voucher_code"], device="till-0002")
    later(clock, days=8)
    made = staff(app, "operator").post("/merchant-statements", {"merchant": "museum", "month": "2026-11"})
    return str(made.json["code"])


def test_each_sees_what_is_theirs(app: Flask, settled: str) -> None:
    operator, bureau, bank, shop, store = (
        staff(app, who) for who in ("operator", "bureau", "bank", "museum-1", "store-1")
    )
    page = opened(app, operator, "/merchants").text
    assert "信阳博物馆（演示）" in page
    assert 'id="merchant-form"' in page
    assert settled in page
    assert 'id="merchant-form"' not in opened(app, bureau, "/merchants").text
    one = opened(app, operator, "/merchants/museum").text
    assert "本店另一台设备" in one
    assert "¥3.00" in one
    statement = f"/merchant-statements/{settled}"
    assert 'id="approve"' in opened(app, bureau, statement).text
    assert 'id="approve"' not in opened(app, operator, statement).text, "who made it does not decide"
    assert settled in opened(app, shop, "/shop/statements").text
    assert settled not in opened(app, store, "/shop/statements").text
    assert "还没有挂到商家" in opened(app, staff(app, "nobody"), "/shop/statements").text
    assert settled not in opened(app, bank, "/merchant-payments").text
    bureau.post(f"{statement}/decision", {"decision": "approve"})
    assert f'id="pay-{settled}"' in opened(app, bank, "/merchant-payments").text
    for who, path in ((shop, "/merchants"), (bank, "/merchants"), (operator, "/merchant-payments")):
        assert opened(app, who, path).status_code == 403
    assert opened(app, operator, "/merchants/nobody").status_code == 404
    assert opened(app, operator, "/merchant-statements/XY-S0").status_code == 404


def test_the_till_is_the_same_page_for_everybody_and_only_it_may_use_the_camera(app: Flask) -> None:
    till = opened(app, None, "/shop/")
    assert till.status_code == 200
    assert till.headers["Permissions-Policy"] == "geolocation=(), camera=(self), microphone=()"
    assert "camera=()" in opened(app, None, "/verify").headers["Permissions-Policy"]
    without = [
        re.sub(r'<meta name="csrf"[^>]*>', "", opened(app, who, "/shop/").text)
        for who in (None, staff(app, "museum-1"), staff(app, "store-1"))
    ]
    assert len(set(without)) == 1, "a kept copy tells nothing"
    worker = opened(app, None, "/shop/worker.js")
    assert worker.mimetype == "text/javascript"
    # every file the worker keeps exists
    for path in re.findall(r"'(/(?:shop|static)/[^']*)'", worker.text):
        assert opened(app, None, path).status_code == 200, path


def test_no_page_of_a_merchant_names_a_person_or_a_code(app: Flask, settled: str) -> None:
    operator, shop = staff(app, "operator"), staff(app, "museum-1")
    xiaoman = citizen(app, "小满", 0)
    code = xiaoman.get("/citizen/redemptions").json[0]["voucher_code"]
    pages = [
        (operator, "/merchants/museum"),
        (operator, f"/merchant-statements/{settled}"),
        (shop, "/shop/statements"),
    ]
    for who, path in pages:
        text = opened(app, who, path).text
        assert not [word for word in (code, xiaoman.holder, "小满") if word in text], path


def test_the_desk_chooses_organisations_sponsors_and_states_instead_of_typing_numbers(
    app: Flask, settled: str
) -> None:
    operator, bureau = staff(app, "operator"), staff(app, "bureau")
    desk = opened(app, operator, "/merchants").text
    chosen = re.search(r'<select id="mo".*?</select>', desk, re.S)
    assert chosen and "信阳博物馆" not in chosen[0], "who is a merchant already is not offered again"
    for state, there in (("draft", True), ("paid", False), ("", True), ("nonsense", True)):
        assert (settled in opened(app, operator, f"/merchants?state={state}").text) is there, state
    one = opened(app, operator, "/merchants/museum").text
    assert 'data-api="PATCH /api/v1/merchants/museum"' in one
    assert 'id="sm" name="month" value="2026-11"' in one, "the month that is over"
    assert "PATCH /api/v1/merchants/museum" not in opened(app, bureau, "/merchants/museum").text


def test_what_waits_stands_in_the_inbox_of_who_may_do_it(app: Flask, settled: str) -> None:
    operator, bureau, bank = (staff(app, who) for who in ("operator", "bureau", "bank"))
    waits, pays = "张商家结算单等审批", "张商家结算单等付款"
    assert waits in opened(app, bureau, "/reviews").text
    assert waits not in opened(app, operator, "/reviews").text
    assert pays not in opened(app, bank, "/reviews").text
    bureau.post(f"/merchant-statements/{settled}/decision", {"decision": "approve"})
    assert waits not in opened(app, bureau, "/reviews").text
    assert pays in opened(app, bank, "/reviews").text
