"""What every door shares: a decision of two words, a page, an attachment, and refusals in both languages."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask

from carbon_platform.web import (
    Attachment,
    Decision,
    FileIn,
    FormIn,
    Page,
    PageOut,
    PagesOut,
    Schema,
    present_page,
    schemas,
)
from carbon_platform.web.problems import _chinese


class PublishIn(Schema):
    publish = Decision("publish")


class ReviewIn(Schema):
    clear = Decision("clear", "confirm")


class PaperIn(FormIn):
    paper = Attachment("the signed paper")
    name = ma.fields.String(load_default="nobody")


def test_a_decision_is_one_of_two_words() -> None:
    assert PublishIn().load({"decision": "publish"}) == {"publish": True}
    assert PublishIn().load({"decision": "decline"}) == {"publish": False}
    assert ReviewIn().load({"decision": "confirm"}) == {"clear": False}


@pytest.mark.parametrize(
    "body", [{}, {"decision": "yes"}, {"decision": True}, {"decision": None}, {"publish": True}]
)
def test_anything_else_is_no_decision(body: dict[str, Any]) -> None:
    with pytest.raises(ma.ValidationError):
        PublishIn().load(body)


def test_a_page_says_which_it_is_and_the_schema_says_how_much() -> None:
    class Rows(PageOut):
        items = ma.fields.List(ma.fields.Integer())

    class MoreRows(PagesOut):
        items = ma.fields.List(ma.fields.Integer())

    found = Page(items=[1, 2], page=2, size=2, total=5)
    shown = present_page(found, (item * 10 for item in found.items))
    assert Rows().dump(shown) == {"items": [10, 20], "page": 2, "size": 2, "total": 5}
    assert MoreRows().dump(shown) == Rows().dump(shown) | {"pages": 3}
    # a page that goes out as it is answers the same
    assert MoreRows().dump(found) == {"items": [1, 2], "page": 2, "size": 2, "total": 5, "pages": 3}


def test_a_file_comes_as_an_attachment_under_its_own_name() -> None:
    app = Flask(__name__)
    with app.test_request_context(method="POST", data={"paper": (BytesIO(b"x"), "a.jpg"), "name": ""}):
        loaded = PaperIn().load({})
        assert (loaded["paper"].filename, loaded["name"]) == ("a.jpg", "nobody")
    with app.test_request_context(method="POST", data={"paper": "a.jpg"}):
        with pytest.raises(ma.ValidationError) as refused:
            PaperIn().load({})
        assert "paper 字段" in refused.value.messages["paper"][0]
    with (
        app.test_request_context(method="POST", data={"name": "x"}),
        pytest.raises(ma.ValidationError) as none,
    ):
        FileIn().load({})
    assert set(none.value.messages) == {"file", "name"}


def test_what_the_library_says_is_said_in_chinese_too() -> None:
    class Odd(Schema):
        page = ma.fields.Integer(validate=ma.validate.Range(1, 100))
        low = ma.fields.Integer(validate=ma.validate.Range(min=5))
        high = ma.fields.Integer(validate=ma.validate.Range(max=5))
        kind = ma.fields.String(validate=ma.validate.OneOf(["a", "b"]))
        name = ma.fields.String(validate=ma.validate.Length(2, 30))
        short = ma.fields.String(validate=ma.validate.Length(min=2))
        long = ma.fields.String(validate=ma.validate.Length(max=2))
        code = ma.fields.String(validate=ma.validate.Regexp(r"\d"))
        flag = ma.fields.Boolean()
        rate = ma.fields.Float()
        rows = ma.fields.List(ma.fields.Integer())
        inner = ma.fields.Nested(PublishIn)

    with pytest.raises(ma.ValidationError) as refused:
        Odd().load(
            {
                "page": 0, "low": 4, "high": 6, "kind": "{c}", "name": "x", "short": "x", "long": "xyz",
                "code": "x", "flag": "perhaps", "rate": "x", "rows": "x", "inner": "x",
            }
        )  # fmt: skip
    said = {name: _chinese(words[0]) for name, words in refused.value.messages.items() if name != "inner"}
    assert said == {
        "page": "应在 1 到 100 之间。", "low": "不能小于 5。", "high": "不能大于 5。",
        "kind": "应为其中之一：a, b。", "name": "长度应为 2 到 30。", "short": "太短或太少：至少 2。",
        "long": "太长或太多：最多 2。", "code": "格式不对，请对照接口说明。",
        "flag": "应为 true 或 false。", "rate": "应为数字。", "rows": "应为列表。",
    }  # fmt: skip


def test_a_whole_number_names_its_unit() -> None:
    class Walk(Schema):
        distance_m = schemas.integer(1, 1_000_000, unit="米 m")

    assert Walk().load({"distance_m": 1_000_000}) == {"distance_m": 1_000_000}
    for value, words in (
        (0, "应为 1 到 1,000,000 的整数，单位 米 m"),
        (2.5, "2.5 不行：应为整数，单位 米 m"),
    ):
        with pytest.raises(ma.ValidationError, match=words):
            Walk().load({"distance_m": value})
