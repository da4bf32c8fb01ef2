"""Invented contexts of the pages of inclusion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
STATS = [{"label": "已开户", "value": "73,412", "below": "目标 400,000（2026-12-31）"}]
TABLE: dict[str, Any] = {
    "columns": [{"label": "来源"}, {"label": "笔数", "n": True}],
    "rows": [["信阳公交乘车码", "580"], ["自己填报", "12"]],
    "foot": ["合计", "592"],
}
DAYS = {
    "finding": "近 30 天最多的一天是 2026-11-20，31 笔",
    "data": {
        "unit": "笔",
        "from_zero": True,
        "labels": ["11-20", "11-21"],
        "series": [{"name": "笔数", "values": [31, 7]}],
    },
    "twin": {"columns": TABLE["columns"], "rows": TABLE["rows"]},
}
PAGE = {"page": 1, "pages": 2, "total": 31, "url": "/honesty?page={page}"}
SPONSOR = SimpleNamespace(
    id=3, sponsor="某集团（演示）", amount_fen=20_000_000, document="赞助协议 1 号", state="promised",
    promised_by="周工", promised_at=NOW, received_by="", received_at=None,
)  # fmt: skip
RECEIVED = SimpleNamespace(
    **(vars(SPONSOR) | {"id": 2, "state": "received", "received_by": "陈会计", "received_at": NOW})
)
BUNDLE: dict[str, Any] = {
    "code": "XY-B2026-000001", "starts_on": date(2026, 9, 1), "last_day": date(2026, 9, 30),
    "state": "applied", "state_text": "已申请", "acts": 400, "holders": 20, "creditable": "1.18 吨",
    "reduction": "2.77 吨", "whole_tonnes": 1, "given_up": "178.80 千克", "run_code": "XY-R000007",
    "run_status": "verified", "batch_code": "", "closed_by": "周工", "closed_at": NOW, "note": "",
    "methodology": "low_carbon_acts_v1", "parameter_digest": "9c41e07a52bd9c41",
    "input_digest": "d006b3f52dd8d006",
}  # fmt: skip
LOT = SimpleNamespace(
    trade_code="XY-T000004", batch_code="XY-PH-camellia_oil_v1-P0001-411522-2025", quantity_kg=10_000,
    left_kg=6_470, price_fen_per_t=8_050, bought_by="周工", bought_at=NOW,
)  # fmt: skip
ORDER = SimpleNamespace(
    code="XY-O-VQHI5NUSM5EUBYIB", beneficiary="小满一家", quantity_kg=333, year=2026, amount_fen=2_681,
    certificate_number="XY-C2026-000001", retired_at=NOW, paid_at=NOW,
)  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    tables = {"counties": TABLE, "by_county": TABLE, "scenes": TABLE}
    boxes = {"city": STATS, "acts": STATS, "money": STATS}
    yield (
        "dashboard",
        "dashboard.html",
        tables
        | boxes
        | {
            "headline": "已开户 73,412。",
            "days": DAYS,
            "note": "配额按人口。",
            "as_of": NOW,
            "counted_at": NOW,
        },
    )
    board: dict[str, Any] = {
        "headline": "每吨减排的奖励最多花 ¥6,250，碳本身值 ¥80。",
        "price": SimpleNamespace(fen_per_t=8_000, status="secondary"),
        "price_source": "2025 年价格上沿",
        "point": {"low": "2", "high": "5"},
        "stats": STATS,
        "scenes": TABLE,
        "behaviours": TABLE | {"foot": None},
        "sponsors": [SPONSOR, RECEIVED],
        "sponsor_words": {"promised": "已承诺", "received": "已到账", "cancelled": "已取消"},
        "page": PAGE,
        "loop": TABLE | {"foot": None},
        "can": {"write": True},
        "as_of": NOW,
    }
    yield "honesty", "honesty.html", board
    nothing = {"rows": [], "columns": [], "foot": None}
    bare = {"scenes": nothing, "point": None, "sponsors": [], "can": {"write": False}, "as_of": None}
    yield "honesty-new", "honesty.html", board | bare
    yield "loop", "loop.html", {"loop": TABLE | {"foot": None}, "as_of": NOW}
    yield from _bundle_pages()
    account = {"id": 6, "name": "市民碳票汇总专户", "cash_fen": 94_792}
    stock: dict[str, Any] = {
        "account": account,
        "lots": [LOT],
        "waiting_kg": 20,
        "listings": [{"id": 4, "label": "某油茶园，光山县，2025 年：¥80.50/吨，剩 91 吨"}],
        "can": {"write": True},
    }
    yield "small-tickets", "small_tickets.html", stock
    bare = {"account": None, "lots": [], "waiting_kg": 0, "listings": []}
    yield "small-tickets-new", "small_tickets.html", stock | bare
    yield "fund-receipts", "fund_receipts.html", {"sponsors": [SPONSOR], "page": PAGE, "due": [ORDER]}
    yield "fund-receipts-new", "fund_receipts.html", {"sponsors": [], "page": PAGE | {"pages": 1}, "due": []}
    paper: dict[str, Any] = {
        "order": ORDER, "batch": LOT.batch_code, "serials": [f"{LOT.batch_code}-1-333"],
        "project": "某油茶园", "county": "光山县", "vintage": 2025, "is_demo": True, "amount": "¥26.81",
    }  # fmt: skip
    yield "offset-certificate", "offset_certificate.html", paper


def _bundle_pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    page, writes = PAGE | {"url": "/bundles?page={page}"}, {"write": True}
    issued = BUNDLE | {"state": "issued", "state_text": "已签发", "batch_code": LOT.batch_code}
    yield "bundles", "bundles.html", {"bundles": [BUNDLE, issued], "page": page, "can": writes}
    yield "bundles-new", "bundles.html", {"bundles": [], "page": page | {"pages": 1}, "can": {"write": False}}
    trail = [{"label": "普惠汇总", "url": "/bundles"}, {"label": "XY-B2026-000001"}]
    same = SimpleNamespace(acts=0, creditable_g=0, people=0)
    changed = SimpleNamespace(acts=1, creditable_g=2_947, people=2)
    one: dict[str, Any] = {
        "bundle": BUNDLE,
        "changes": same,
        "blockers": [],
        "can": writes | {"review": False},
    }
    yield "bundle", "bundle.html", one | {"trail": trail}
    blocked = {"blockers": [{"text": "还没有生态环境局的确认。", "who": "生态环境局"}], "changes": changed}
    yield "bundle-blocked", "bundle.html", one | blocked | {"can": {"write": False, "review": True}}
    yield "bundle-issued", "bundle.html", one | {"bundle": issued, "changes": changed}
    fresh = BUNDLE | {"state": "closed", "state_text": "已汇总", "run_code": "", "run_status": ""}
    yield "bundle-closed", "bundle.html", one | {"bundle": fresh}
    gone = BUNDLE | {"state": "dissolved", "state_text": "已解散", "note": "一笔记录被撤回"}
    yield "bundle-dissolved", "bundle.html", one | {"bundle": gone}
