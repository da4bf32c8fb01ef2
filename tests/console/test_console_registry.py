"""The registry pages as people use them: upload, read what is wrong, accept, look at the holdings."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import desk_world as world
import pytest
from flask import Flask
from form_browser import Browser
from jinja2 import StrictUndefined

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.world import PASSWORD

OWNER, BUYER = "信阳市碳资源开发有限公司（演示）", "淮畔水泥有限公司（演示）"
EXPORT = f"""业务类型,项目编号,项目名称,方法学,年份,编号区间,数量（吨）,持有人,受让方,日期,注销证明编号,备注
登记,CCER-HN-7,<b>某造林</b>,造林碳汇（CCER—14—001—V01）,2024,000001–000100,100,{OWNER},,2025-03-01,,x
划转,CCER-HN-7,,,,11–40,30,{OWNER},{BUYER},2025-06-01,,
注销,CCER-HN-7,,,,21–30,10,{BUYER},,2025-09-01,ZX-2025-7,
登记,CCER-HN-7,,造林碳会,2024,201–300,-5,无名公司,,2025-03-01,,
"""


class Undefined(StrictUndefined):
    def __bool__(self) -> bool:
        return False


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=fresh_database("sqlite", world.told), var=tmp_path))
    app.jinja_env.undefined = Undefined
    yield app
    platform(app).db.dispose()


def as_user(app: Flask, username: str) -> Browser:
    browser = Browser(app)
    given = {"username": username, "password": PASSWORD, "transport": "cookie"}
    assert browser.client.post("/api/v1/sessions", json=given).status_code < 300
    return browser


def visible(html: str) -> str:
    plain = re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", "", html, flags=re.S))
    return re.sub(r"\s+", " ", plain)


def test_an_export_is_previewed_accepted_and_seen_by_its_holder(app: Flask) -> None:
    operator = as_user(app, "operator")
    assert "还没有导入过" in operator.open("/registry")
    file = (io.BytesIO(EXPORT.encode("gb18030")), "账户明细.csv")
    answer, follow = operator.submit("upload", source="ccer", files={"file": file})
    assert answer.status_code == 201, answer.json
    page = operator.open(follow)
    text = visible(page)
    assert "编码 gb18030，表头在第 1 行" in text
    assert "没有用到的列：备注" in text
    assert "<b>某造林</b>" not in page, "what a file says is text"
    for words in ("第 5 行：", "不大于 0", "最接近的是“造林碳汇”", "不是已登记的机构", "合计 100 30 30 10"):
        assert words in text
    refused, _ = operator.submit("accept-form")
    assert refused.json["code"] == "registry.rows_in_error"
    accepted, _ = operator.submit("accept-form", leave_out_errors="true")
    assert accepted.status_code == 200, accepted.json
    page = operator.open(f"{follow}?show=all")
    assert "accept-form" not in page
    assert "已入账 3 笔" in visible(page)
    lot = re.search(r"/registry/batches/([^\"]+)", operator.open("/registry"))
    assert lot
    batch = visible(operator.open(f"/registry/batches/{lot[1]}"))
    for words in ("000021–000030", "ZX-2025-7", "原文：造林碳汇（CCER—14—001—V01）", "外部，已锁"):
        assert words in batch
    holder = as_user(app, "cement")
    mine = visible(holder.open("/registry/holdings"))
    assert "持有 20 吨" in mine
    assert "000011–000020 000031–000040" in mine
    assert holder.client.get("/registry").status_code == 403


def test_external_units_appear_in_no_sale_and_no_retirement(app: Flask) -> None:
    operator = as_user(app, "operator")
    operator.open("/registry")
    before = operator.client.get("/api/v1/holdings").json
    file = (io.BytesIO("\n".join(EXPORT.splitlines()[:2]).encode()), "a.csv")
    _, follow = operator.submit("upload", source="ccer", files={"file": file})
    operator.open(follow)
    operator.submit("accept-form")
    batches = operator.client.get("/api/v1/external-batches").json["items"]
    assert operator.client.get("/api/v1/holdings").json == before
    body = {"batch": batches[0]["lot"], "quantity_kg": 1000, "price_fen_per_t": 4800}
    token = operator.forms and re.search(r'name="csrf" content="([^"]+)"', operator.page)
    assert token
    headers = {"Idempotency-Key": "try", "X-CSRF-Token": token[1]}
    refused = operator.client.post("/api/v1/listings", json=body, headers=headers)
    assert refused.status_code == 404


def test_auditors_read_and_do_not_import(app: Flask) -> None:
    page = as_user(app, "auditor").open("/registry")
    assert 'id="upload"' not in page
    assert "上传和确认由碳资源公司经办" in page
    assert "没有外部持仓" in as_user(app, "auditor").open("/registry/holdings")
