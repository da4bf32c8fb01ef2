"""Anybody finds a certificate, by what is printed on it, and learns where a kilogram is, not whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from project_world import World
from registry_desk import cancel, decide, pledge, prepare_registry, propose, sell
from ticket_desk import batch_codes, retire, retire_lines

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.credits import certificates
from carbon_platform.web import platform

CODE = "91411500DEMO00001X"


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_registry))
    yield world
    world.close()


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=world.url, var=tmp_path), clock=lambda: world.now)
    yield app
    platform(app).db.dispose()


def ask(app: Flask, **query: Any) -> Any:
    answer = app.test_client().get("/api/v1/public/retirements", query_string=query)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def numbers(found: Any) -> list[str]:
    return [item["certificate_number"] for item in found["items"]]


def refused(app: Flask, **query: Any) -> tuple[int, str]:
    answer = app.test_client().get("/api/v1/public/retirements", query_string=query)
    return answer.status_code, answer.get_json()["code"]


def test_by_number_serial_code_and_name(world: World, app: Flask) -> None:
    first, second = batch_codes(world)
    one = retire_lines(world, [(first, 100), (second, 50)], beneficiary_name="淮畔水泥有限公司（测试）",
                       beneficiary_credit_code=CODE.lower())  # fmt: skip
    two = retire(
        world, first, 7, beneficiary_name="淮畔茶业（测试）", beneficiary_credit_code="91411502DEMO00005X"
    )
    three = retire(world, first, 3, beneficiary_name="王小明")
    a, b, c = (made.certificate_number for made in (one, two, three))
    assert numbers(ask(app, number=a)) == [a]
    assert numbers(ask(app, number=f" {a} ")) == [a]
    assert numbers(ask(app, number="XY-C2026-999999")) == []
    for serial in certificates.view(one)["serials"]:
        assert numbers(ask(app, serial=serial)) == [a]
    assert numbers(ask(app, credit_code=CODE)) == [a]
    assert numbers(ask(app, credit_code=CODE.lower())) == [a]
    assert numbers(ask(app, credit_code=CODE[:10])) == []  # a code is asked for whole
    assert numbers(ask(app, beneficiary="淮畔")) == [b, a]
    assert numbers(ask(app, beneficiary="淮畔水泥有限公司（测试）")) == [a]
    # Without a credit code it may be a person: only who knows the whole name finds it.
    assert numbers(ask(app, beneficiary="王小")) == []
    assert numbers(ask(app, beneficiary="王小明")) == [c]
    for text in ("%%", "__", "淮%", "' OR 1=1 --", "\\\\"):
        assert numbers(ask(app, beneficiary=text)) == []
    [item] = ask(app, number=a)["items"]
    assert item["batches"] == [first, second]
    assert set(item) == {
        "certificate_number", "quantity_kg", "beneficiary_name", "beneficiary_credit_code", "purpose",
        "batches", "is_demo", "retired_at",
    }  # fmt: skip


def test_the_serial_of_a_whole_batch_finds_all_its_certificates(world: World, app: Flask) -> None:
    first, second = batch_codes(world)
    made = [retire(world, first, 10).certificate_number for _ in range(3)]
    retire(world, second, 10)
    whole = ask_batch(app, first)["serial"]
    assert numbers(ask(app, serial=whole)) == made[::-1]
    assert numbers(ask(app, serial=whole + "0")) == []
    assert numbers(ask(app, serial=first)) == []


def ask_batch(app: Flask, code: str) -> Any:
    return app.test_client().get(f"/api/v1/batches/{code}").get_json()


def test_names_are_paged(world: World, app: Flask) -> None:
    batch = batch_codes(world)[0]
    actor = world.actor("operator")
    made = [
        retire(world, batch, 1, actor, beneficiary_name=f"会议{n}", beneficiary_credit_code=CODE)
        for n in range(5)
    ]
    pages = [ask(app, beneficiary="会议", page=page, size=2) for page in (1, 2, 3)]
    assert [page["total"] for page in pages] == [5, 5, 5]
    listed = [number for page in pages for number in numbers(page)]
    assert listed == [one.certificate_number for one in reversed(made)]


def test_upper_and_lower_case_differ_alike_on_both_engines(world: World, app: Flask) -> None:
    batch = batch_codes(world)[0]
    retire(world, batch, 1, beneficiary_name="Tea House", beneficiary_credit_code=CODE)
    assert len(numbers(ask(app, beneficiary="Tea"))) == 1
    assert numbers(ask(app, beneficiary="tea")) == []


def test_one_kilogram_and_where_it_is(world: World, app: Flask) -> None:
    batch, other = batch_codes(world)
    paper = retire(world, batch, 100).certificate_number
    pledge(world, batch, 100)
    sell(world, batch, 100, "alpha")
    cancel(world, batch, 100)
    decide(world, propose(world, batch, numbers=[(91, 110), (401, 410)]).number)
    told = {n: ask(app, batch=batch, kg_number=n) for n in (1, 91, 101, 111, 201, 301, 401, 500)}
    states = {n: found["kilogram"]["state"] for n, found in told.items()}
    assert states == {
        1: "retired", 91: "retired", 101: "invalidated", 111: "pledged", 201: "circulating",
        301: "cancelled", 401: "invalidated", 500: "circulating",
    }  # fmt: skip
    assert numbers(told[1]) == numbers(told[91]) == [paper]
    assert told[1]["kilogram"]["invalidation"] == ""
    assert told[91]["kilogram"]["invalidation"] == "XY-V2026-000001"  # used, and void: made good elsewhere
    assert told[111]["items"] == told[201]["items"] == []
    assert told[1]["kilogram"]["serial"] == f"{batch}-1-1"
    for found in told.values():
        assert not re.search(r"alpha|operator|bank", str(found["kilogram"]))
    last = ask_batch(app, batch)["quantity_kg"]
    assert ask(app, batch=batch, kg_number=last)["kilogram"]["state"] == "circulating"
    assert refused(app, batch=batch, kg_number=last + 1) == (422, "credits.number_outside")
    assert refused(app, batch="XY-none", kg_number=1) == (404, "platform.not_found")
    assert ask(app, batch=other, kg_number=1)["kilogram"]["state"] == "circulating"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "credits.lookup_unclear"),
        ({"number": "a", "serial": "b"}, "credits.lookup_unclear"),
        ({"batch": "a"}, "credits.lookup_unclear"),
        ({"kg_number": 1}, "credits.lookup_unclear"),
        ({"batch": "a", "kg_number": 1, "number": "b"}, "credits.lookup_unclear"),
        ({"beneficiary": "淮"}, "credits.name_too_short"),
        ({"beneficiary": " "}, "credits.lookup_unclear"),
        ({"batch": "a", "kg_number": 0}, "platform.invalid_input"),
        ({"batch": "a", "kg_number": 10**30}, "platform.invalid_input"),
        ({"beneficiary": "a" * 101}, "platform.invalid_input"),
        ({"number": "a\x00b"}, "platform.invalid_input"),
    ],
)
def test_what_cannot_be_looked_up(app: Flask, query: dict[str, Any], code: str) -> None:
    assert refused(app, **query) == (422, code)


def test_the_batch_says_where_everything_is(world: World, app: Flask) -> None:
    batch = batch_codes(world)[0]
    retire(world, batch, 100)
    pledge(world, batch, 20)
    cancel(world, batch, 3)
    decide(world, propose(world, batch, numbers=[(1, 10), (200, 204)]).number)
    told = ask_batch(app, batch)
    position = told["position"]
    parts = ("available", "held", "pledged", "retired", "cancelled", "invalidated")
    assert position["issued"] == told["quantity_kg"] == sum(position[name] for name in parts)
    assert [position[name] for name in parts[2:]] == [20, 100, 3, 5]
    [void] = told["invalidations"]
    assert (void["quantity_kg"], void["owed_kg"], void["made_good_kg"]) == (15, 10, 0)
    cancel(world, batch, 4, make_good=void["number"])
    assert ask_batch(app, batch)["invalidations"][0]["made_good_kg"] == 4
    html = app.test_client().get(f"/batches/{batch}").get_data(as_text=True)
    assert "一千克不差" in html
    shown = app.test_client().get("/api/v1/public/certificates/XY-C2026-000001").get_json()
    assert shown["void"] == [{"number": void["number"], "quantity_kg": 10}]
    assert shown["genuine"] is True  # what was retired stays retired
    assert "10 千克后来由" in app.test_client().get("/verify/XY-C2026-000001").get_data(as_text=True)
    assert "10 千克由业主补足，已补 4 千克，还差 6 千克" in html
    assert "operator（测试）" not in html


def test_a_person_s_name_is_in_no_list(world: World, app: Flask) -> None:
    """Without a credit code, or with an identity number (GB 11643, made up) or anything else in its place."""
    batch = batch_codes(world)[0]
    for code in ("", "11010519491231002X", "91411500"):
        paper = retire(world, batch, 1, beneficiary_name="王小明", beneficiary_credit_code=code)
        number = paper.certificate_number
        [item] = ask(app, number=number)["items"]
        assert (item["beneficiary_name"], item["beneficiary_credit_code"]) == ("个人（姓名不列出）", "")
        public = app.test_client().get(f"/api/v1/public/certificates/{number}").get_json()
        assert public["beneficiary_name"] == "王小明"  # on the certificate itself
    retire(world, batch, 1, beneficiary_name="淮畔水泥（测试）", beneficiary_credit_code=CODE)
    told = ask(app, batch=batch, kg_number=1)
    assert told["items"][0]["beneficiary_name"] == "个人（姓名不列出）"
    html = app.test_client().get(f"/batches/{batch}").get_data(as_text=True)
    assert "王小明" not in html
    assert html.count("个人（姓名不列出）") == 3
    assert "淮畔水泥（测试）" in html
    found = app.test_client().get("/verify", query_string={"q": "王小明"}).get_data(as_text=True)
    assert "个人（姓名不列出）" in found


def test_the_search_page(world: World, app: Flask) -> None:
    batch = batch_codes(world)[0]
    paper = retire(world, batch, 100, beneficiary_name="淮畔水泥（测试）", beneficiary_credit_code=CODE)
    serial = certificates.view(paper)["serials"][0]
    client = app.test_client()

    def page(**query: Any) -> str:
        answer = client.get("/verify", query_string=query)
        assert answer.status_code == 200, query
        return answer.get_data(as_text=True)

    assert "查证书" in page()
    for text in (serial, CODE, "淮畔"):
        assert f'href="/certificates/{paper.certificate_number}"' in page(q=text)
    assert "有效" in page(q=paper.certificate_number)  # the certificate itself
    assert "没有找到" in page(q="没有这家公司")
    assert "至少写前 2 个字" in page(q="淮")
    assert "已注销" in page(batch=batch, kg="1,00")
    assert "在流通" in page(batch=batch, kg="101")
    assert "没有 99999999 号" in page(batch=batch, kg="99999999")
    for wrong in ("", "-1", "1.5", "x", "١"):
        assert "千克号是" in page(batch=batch, kg=wrong)
    assert "没有找到" in page(batch="nope", kg="1")
