"""Invented contexts of the village office's and the groups' pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

AT = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
PAGE = {"page": 1, "pages": 1, "total": 2, "url": "/village?page={page}"}
NUMBER = "XY00000018"
VILLAGES = [{"code": "411502001001", "name": "义阳社区"}]
ACCOUNT = {
    "number": NUMBER,
    "name": "周**",
    "village": "义阳社区",
    "points": 197,
    "cards": "尾号 5678",
    "open": True,
    "opened_at": AT,
}
RULE = SimpleNamespace(
    rows_max=500, file_mb=20, check_percent=10, check_rows_min=3, wrong_percent_max=5, photo_days=180
)
BATCH = {
    "id": 7,
    "file_name": "代录.xlsx",
    "village": "义阳社区",
    "state": "checking",
    "words": "等复核",
    "uploaded_by": "李村",
    "uploaded_at": AT,
    "closed_at": None,
    "closed_by": "",
    "mine": False,
}
ROW = {
    "id": 3,
    "row_number": 2,
    "account": NUMBER,
    "what": "光盘行动",
    "day": "2026-11-20",
    "quantity": "1 餐",
    "outcome": ("review", "等复核"),
    "reason": "",
    "drawn": True,
    "verdict": "",
    "verdict_note": "",
    "checked_by": "",
    "photo_url": "/api/v1/village/batches/7/rows/3/photo",
}
REFUSED = ROW | {
    "id": 4,
    "row_number": 3,
    "what": "",
    "quantity": "",
    "outcome": ("bad", "没有收下"),
    "drawn": False,
    "reason": "照片“b.jpg”没有随表上传。请把照片一起选上，文件名照写。",
    "photo_url": "",
}
LINE = {
    "day": "11 月 19 日",
    "what": "旧衣回收",
    "quantity": "2.5 公斤",
    "times": 2,
    "reduction_g": 7_200,
    "points": 80,
    "by": "李村",
    "note": "每人每天最多得 100 分，这次得 80 分，克数照记。",
}
SLIP = {
    "number": NUMBER,
    "name": "周桂英",
    "month": "2026 年 11 月",
    "reduction_g": 8_940,
    "acts": 17,
    "earned": 297,
    "spent": 100,
    "available": 197,
    "pending": 10,
    "all_g": 8_940,
    "expiring": {"amount": 97, "day": "12 月 31 日", "soon": True},
    "lines": [LINE],
    "more": 3,
    "cards": "尾号 5678",
    "vouchers": [{"name": "毛尖", "code": "XY-KTJ4-KMDS-B2YC-LPKF", "expires_at": AT}],
    "can_get": [{"name": "手工皂", "price": 60}],
}
NOTHING = {
    "lines": [],
    "more": 0,
    "spent": 0,
    "pending": 0,
    "expiring": None,
    "cards": "",
    "vouchers": [],
    "can_get": [],
    "reduction_g": 0,
    "earned": 0,
    "available": 0,
}
GROUP = {
    "id": 5,
    "name": "三里店社区",
    "kind": "社区",
    "place": "三里店",
    "members": "不足 10",
    "opened_at": AT,
    "week": None,
}
WEEK = {"from": "2026-11-09", "until": "2026-11-15", "people": 12, "reduction_g": 41_000, "withheld": ""}
COUNTY = {
    "place": 1,
    "county": "浉河区",
    "people": 41,
    "reduction_g": 13_660,
    "per_10k_g": 277,
    "residents": 492_100,
    "residents_source": "分摊，仅作示意",
    "residents_status": "illustrative",
    "withheld": "",
}


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    partners = [{"code": "xinyang-bus", "name": "信阳公交乘车码"}]
    office = {"part": "accounts", "page": PAGE, "villages": VILLAGES, "partners": partners, "year_max": 2026}
    yield "village", "village.html", office | {"accounts": [ACCOUNT, ACCOUNT | {"open": False, "cards": ""}]}
    yield "village-none", "village.html", office | {"accounts": [], "villages": []}
    yield from _account()
    paper = {
        "village": "义阳社区",
        "printed_at": AT,
        "base_url": "https://example.cn",
        "month_before": "2026-10",
        "month_after": "2026-12",
    }
    yield "village-slip", "village_slip.html", paper | {"slip": SLIP}
    yield "village-slip-empty", "village_slip.html", paper | {"slip": SLIP | NOTHING}
    voucher = {
        "id": 9,
        "name": "毛尖",
        "price": 100,
        "at": AT,
        "ready": True,
        "status": "可以使用",
        "topup_fen": 200,
        "code": "XY-KTJ4-KMDS-B2YC-LPKF",
        "qr_svg": Markup("<svg></svg>"),
        "expires_at": AT,
    }
    named = {"number": NUMBER, "name": "周桂英"}
    yield "village-voucher", "village_voucher.html", named | {"voucher": voucher}
    used = voucher | {"ready": False, "status": "已使用", "qr_svg": Markup()}
    yield "village-voucher-used", "village_voucher.html", named | {"voucher": used}
    texts = [{"name": "信阳公交乘车码", "version": "2026-11", "text": "同意后，平台收到乘车的时间。"}]
    yield "village-consent", "village_consent.html", {"texts": texts}
    yield from _batches()
    yield from _groups()


def _account() -> Iterator[tuple[str, str, dict[str, Any]]]:
    one = {
        "account": ACCOUNT | {"opened_by": "李村"},
        "cards": [{"id": 1, "text": "尾号 5678"}],
        "rewards": [
            {"code": "soap", "name": "手工皂", "price": 60, "why": ""},
            {"code": "rice", "name": "米", "price": 260, "why": "还差 53 分"},
        ],
        "vouchers": [
            {"id": 9, "name": "毛尖", "price": 100, "at": AT, "ready": True, "status": "可以使用"},
            {"id": 8, "name": "毛尖", "price": 100, "at": AT, "ready": False, "status": "已使用"},
        ],
        "relatives": [{"member_id": 4, "nickname": "小满"}],
        "proxies": [{"agent": "小满", "day_points": 50, "month_points": 80, "until": AT}],
        "consents": [{"id": 1, "name": "信阳公交乘车码", "given_at": AT}],
        "left_points": 207,
        "limits": SimpleNamespace(day_points_max=200, month_points_max=1_000),
        "month": "2026-11",
    }
    yield "village-account", "village_account.html", one
    empty = {"cards": [], "vouchers": [], "relatives": [], "proxies": [], "consents": []}
    yield "village-account-new", "village_account.html", one | empty
    closed = {"account": one["account"] | {"open": False}}  # type: ignore[operator]
    yield "village-account-closed", "village_account.html", one | closed


def _batches() -> Iterator[tuple[str, str, dict[str, Any]]]:
    desk = {"part": "batches", "page": PAGE, "villages": VILLAGES, "rule": RULE}
    yield "village-batches", "village_batches.html", desk | {"batches": [BATCH, BATCH | {"mine": True}]}
    yield "village-batches-none", "village_batches.html", desk | {"batches": []}
    counts = {"ready": 1, "refused": 1, "counted": 0, "not_counted": 0}
    one = {"batch": BATCH, "rows": [ROW, REFUSED], "counts": counts, "rule": RULE}
    yield "village-batch", "village_batch.html", one | {"drawn": [ROW], "may_check": True, "own": False}
    yield "village-batch-own", "village_batch.html", one | {"drawn": [], "may_check": False, "own": True}
    looked = ROW | {"verdict": "wrong", "verdict_note": "看不清", "checked_by": "赵村"}
    done = BATCH | {"state": "returned", "words": "已退回", "closed_at": AT, "closed_by": "赵村"}
    yield (
        "village-batch-returned",
        "village_batch.html",
        one | {"batch": done, "drawn": [looked], "may_check": False, "own": False},
    )


def _groups() -> Iterator[tuple[str, str, dict[str, Any]]]:
    kinds = [{"code": "community", "label": "社区"}]
    desk = {"page": PAGE, "kinds": kinds, "region_code": "411502001", "k": 10, "after_days": 3, "days": 7}
    desk |= {"regions": [{"code": "411502001", "name": "老城街道"}]}
    published = GROUP | {"id": 6, "members": "24", "week": WEEK}
    withheld = GROUP | {"id": 7, "week": WEEK | {"withheld": "不足 10 人，不公布"}}
    yield "groups", "groups.html", desk | {"groups": [GROUP, published, withheld]}
    yield "groups-none", "groups.html", desk | {"groups": []}
    hidden = COUNTY | {"place": None, "county": "新县", "withheld": "不足 10 人，不公布"}
    board = {"k": 10, "after_days": 3, "can": {"manage": True}}
    yield "league", "league.html", board | {"week": WEEK, "lines": [COUNTY, hidden]}
    yield "league-none", "league.html", board | {"week": None, "lines": []}
