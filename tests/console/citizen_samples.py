"""Invented contexts for citizens' pages beyond the book."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
TWIN = {"columns": [{"label": "哪天"}, {"label": "克", "n": True}], "rows": [["2026-11-22", "326"]]}
CHARTS: dict[str, Any] = {
    "month": {"finding": "2026 年 11 月一共少排 6.84 千克", "twin": TWIN,
              "data": {"unit": "克", "bars": [{"label": "1", "value": 80, "quiet": True}, {"label": "2", "value": 326, "quiet": False}]}},
    "year": {"finding": "近十二个月，10 月最多：9.12 千克", "twin": TWIN, "data": {"unit": "千克", "bars": [{"label": "10", "value": 9.1}]}},
    "categories": [{"label": "行", "percent": 100, "grams": "6.20 千克", "acts": 40}],
    "before": "2026-10", "after": None,
}  # fmt: skip
DONATION = {"number": "XY-D-1", "title": "种油茶", "points": 100, "value_fen": 500, "when": "11 月 20 日", "status": "已捐出",
            "is": "这是把积分捐给植树。", "is_not": "这不是碳票。"}  # fmt: skip
FAMILY: dict[str, Any] = {
    "name": "小满一家", "member_id": 11, "month_g": 9320, "members_max": 8, "full": False, "left_to_give": 30,
    "gift_rule": {"giver_day_points": 50, "receiver_day_points": 100},
    "members": [{"member_id": 11, "nickname": "小满", "own": True, "month_g": 6840, "removable": True},
                {"member_id": 12, "nickname": "奶奶", "own": False, "month_g": 0, "removable": True}],
    "gifts": [{"sent": True, "giver": "小满", "receiver": "奶奶", "points": 20, "when": "11 月 20 日"}],
}  # fmt: skip
TEXTS = {name: {"version": "2026-11", "text": "同意后……"} for name in ("family", "group", "ranking")}
BOARD: dict[str, Any] = {"joined": False, "consent_version": "2026-11", "week_words": "11 月 9 日",
                         "places": [{"place": 1, "nickname": "老李", "reduction_g": 9120, "own": False}], "own": {}}  # fmt: skip
GROUP = {
    "id": 5,
    "name": "湖东社区",
    "kind": "社区",
    "members": 0,
    "week": "11 月 9 日",
    "people": 12,
    "grams": 80_000,
    "withheld": "",
}
PROXY = {
    "id": 3,
    "own": True,
    "name": "大海",
    "report": True,
    "redeem": True,
    "day_points": 100,
    "month_points": 500,
    "until": "2027 年 11 月 22 日",
}
ACTION = {"words": "大海代兑换", "when": "11 月 20 日", "points": 60}
OFFER: dict[str, Any] = {"code": "XI16", "title": "走路代替坐车", "external_id": "h5-01", "worth": "每公里 13.5 克", "cap": "每天 10 公里",
         "fields": [{"name": "distance_m", "label": "走了多远", "data_type": "integer", "options": [("500", "0.5 公里")]}]}  # fmt: skip
REWARD = {
    "code": "soap",
    "title": "手工皂",
    "provider": "演示合作社",
    "points": 60,
    "affordable": True,
    "in_season": True,
    "stock": 5,
}
ACCOUNT: dict[str, Any] = {"number": 7, "nickname": "小满", "region_code": "411502", "county": "浉河区", "opened": "10 月 1 日", "tier": "已开户",
                           "phone": "", "name": "", "id_number": "", "under_14": False, "guardian": False}  # fmt: skip
CONSENT: dict[str, Any] = {"key": "platform-bundle", "partner": "platform", "purpose": "bundle", "title": "汇总", "text": "同意后……", "version": "2026-11",
                           "id": 0, "current": False, "since": "", "is_outdated": True}  # fmt: skip
ACT = {"id": 9, "title": "走路 2 公里", "note": "09:10 · 自己填报", "icon": "walk", "amount_g": 0, "points": 0, "state": "not_counted",
       "reason": "同一段路只计一次。", "url": "/explain/act/9", "appeal_url": "/h5/appeals?act=9"}  # fmt: skip
APPEAL = {
    "act_id": 8,
    "refusal_id": None,
    "words": "我真的走了",
    "state": "支持，已补记",
    "kind": "ok",
    "answer": "看过了，补上。",
    "raised": "11 月 1 日",
    "decided": "11 月 3 日",
    "counted": 10,
}
REFUSAL: dict[str, Any] = {
    "id": 3, "title": "公交一趟", "icon": "bus", "source": "演示公交", "record": "r-9", "occurred": "10 月 1 日 11:00",
    "refused": "11 月 21 日 12:00", "reason": "这件事送来时已超过 31 天，不能再记账。", "kept": True,
    "act_id": None, "may_appeal": False, "until": "12 月 21 日", "appeal": None,
}  # fmt: skip
PAGES = {"page": 1, "pages": 2, "total": 21, "url": "/h5/refusals?page={page}"}
ORDER = {"code": "XY-O1", "words": "已注销", "shape": "retired", "is_waiting": False, "quantity_kg": 100, "amount_fen": 485, "year": 2026, "beneficiary": "小满一家",
         "batch_code": "B1", "serials": [], "certificate_number": "XY-R-1", "certificate_url": "/offset-certificates/XY-O1", "retired": "11 月 21 日"}  # fmt: skip
GREEN: dict[str, Any] = {
    "year": 2026, "years": [2026, 2025], "boundary": "只算家里能源和出行。", "order_key": "h5-0123", "bundled_g": 1200,
    "questions": [{"code": "electricity", "name": "用电", "unit": "度", "shared": True, "high": 50_000, "kept": 1200, "factor": "589.7 g CO2/kWh", "source": "国家统计", "status": "secondary"}],
    "result": {"persons": 3, "total_g": 1_200_000, "low_g": 900_000, "high_g": 1_500_000, "retired_kg": 100,
               "lines": [{"name": "用电", "grams": 472_000, "equation": "2,400 × 590 ÷ 3", "source": "国家统计", "status": "secondary"}]},
    "offer": {"open": True, "left_kg": 500, "price_fen_per_t": 4850, "project_name": "光山县油茶园", "batch_code": "B1"},
    "orders": [ORDER, ORDER | {"code": "XY-O2", "is_waiting": True, "certificate_url": "", "retired": "", "words": "待付款", "shape": "review"}],
    "bundles": [{"bundle": "XY-B1", "words": "已签发", "starts_on": date(2026, 9, 1), "ends_on": date(2026, 10, 1), "creditable_g": 1200, "batch_code": "XY-C1"}],
}  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    family = {
        "tab": "family",
        "family": FAMILY,
        "groups": [GROUP],
        "board": BOARD,
        "proxies": [PROXY],
        "actions": [ACTION],
        "texts": TEXTS,
    }
    yield "h5-family", "h5_family.html", family
    alone = {
        "family": {},
        "groups": [],
        "proxies": [],
        "actions": [],
        "board": BOARD | {"joined": True, "places": []},
    }
    yield "h5-no-family", "h5_family.html", family | alone
    proxy = {"tab": "family", "proxy": {"id": 3, "day_points": 100, "month_points": 500}, "name": "奶奶", "total_g": 2480, "available": 60,
             "entries": [ACT], "acts": [OFFER], "rewards": [REWARD], "actions": [ACTION]}  # fmt: skip
    yield "h5-proxy", "h5_proxy.html", proxy
    account = {"tab": "me", "account": ACCOUNT, "offers": [], "counties": [("411502", "浉河区")], "points_left": 80,
               "real_name": {"version": "2026-11", "text": "同意后……"}}  # fmt: skip
    yield "h5-account", "h5_account.html", account
    offer = {"id": 2, "words": "另一个账户……", "can_merge": True, "can_move": True, "can_agree": False}
    bound = ACCOUNT | {"phone": "138****0000", "name": "张*", "id_number": "4115**********1234"}
    yield "h5-account-bound", "h5_account.html", account | {"account": bound, "offers": [offer]}
    given = CONSENT | {
        "key": "self-acts",
        "id": 3,
        "current": True,
        "since": "11 月 20 日",
        "is_outdated": False,
    }
    consents = {
        "tab": "me",
        "rows": [CONSENT, given],
        "bindings": [{"id": 2, "name": "演示公交", "since": NOW}],
    }
    yield "h5-consents", "h5_consents.html", consents
    appeals = {"tab": "book", "act": ACT, "may_appeal": True, "appeals": [APPEAL]}
    yield "h5-appeals", "h5_appeals.html", appeals
    about_refusal = APPEAL | {"act_id": None, "refusal_id": 3}
    yield "h5-appeal-refusal", "h5_appeals.html", appeals | {"act": {}, "appeals": [about_refusal]}
    gone = REFUSAL | {
        "id": 4,
        "title": "一条记录",
        "occurred": "",
        "record": "",
        "kept": False,
        "may_appeal": True,
    }
    told = REFUSAL | {"id": 5, "appeal": about_refusal}
    later = REFUSAL | {"id": 6, "act_id": 9}
    listed = {"tab": "book", "refusals": [REFUSAL, gone, told, later], "days": 30, "page": PAGES}
    yield "h5-refusals", "h5_refusals.html", listed
    yield "h5-no-refusals", "h5_refusals.html", listed | {"refusals": [], "page": {}}
    for name, one in (("silent", gone), ("appealed", told), ("counted", later)):
        yield f"h5-refusal-{name}", "h5_refusal.html", {"tab": "book", "refusal": one}
    yield "h5-no-appeals", "h5_appeals.html", appeals | {"act": {}, "may_appeal": False, "appeals": []}
    yield "h5-green", "h5_green.html", GREEN | {"tab": "me"}
    bare = {"result": {}, "orders": [], "bundles": [], "offer": GREEN["offer"] | {"open": False}}
    yield "h5-green-bare", "h5_green.html", GREEN | {"tab": "me"} | bare
