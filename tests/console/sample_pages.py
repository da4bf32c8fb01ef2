"""Invented contexts for every template: what the render test and nobody else uses."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import citizen_samples
import claims_samples
import evidence_samples
import inclusion_samples
import land_change_samples
import land_samples
import map_samples
import methodology_samples
import people_samples
import points_samples
import reconciliation_samples
import registry_samples
import scene_samples
import sheet_samples
import shop_samples
import uncertainty_samples
import village_samples

from carbon_platform.console.outline import county_shapes

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
DAY = date(2026, 8, 1)

NAV = [
    ("待办", "/reviews"),
    ("地块一张图", "/parcels"),
    ("项目库", "/projects"),
    ("行情与挂牌", "/market"),
    ("收益与目标", "/revenue"),
    ("方法与来源", "/sources"),
]


def site(path: str, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "is_demo": True,
        "lang": "zh",
        "theme": "light",
        "elder": False,
        "path": path,
        "csrf": "token",
        "map_review_number": "",
        "nav": [{"label": label, "url": url, "current": path.startswith(url)} for label, url in NAV],
        "more": [
            {
                "title": "碳普惠",
                "links": [{"label": "申诉", "url": "/appeals", "current": path.startswith("/appeals")}],
            },
            {"title": "人人可看", "links": [{"label": "县区榜", "url": "/league", "current": False}]},
        ],
        "user": {"name": "周工", "role_label": "碳资源公司经办"},
    }
    return given | changes


def outline(lit: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    shapes, _ = county_shapes()
    return [
        {
            **vars(s),
            "name": s.name_zh,
            "figure": "3.1 万亩" if s.batch == 1 else "尚未登记",
            "url": f"/parcels?county={s.code}",
            "lit": s.code in lit,
        }
        for s in shapes
    ]


TERMS: list[dict[str, Any]] = [
    {"symbol": "W∞", "name": "生物量上限", "value": 35.21, "unit": "t d.m./ha", "source": "经济林全国均值，仅见转引",
     "page": "表 3", "since": DAY, "evidence": "unverified", "adopted": True, "url": None},
    {"symbol": "k", "name": "生长速率", "value": 0.15, "unit": "1/年", "source": "示意曲线", "page": "", "since": DAY,
     "evidence": "illustrative", "adopted": True, "url": None},
    {"symbol": "CF", "name": "含碳率", "value": 0.47, "unit": "t C/t d.m.", "source": "AR-TOOL14 缺省值", "page": "",
     "since": DAY, "evidence": "secondary", "adopted": False, "url": None},
    {"symbol": "GWP", "name": "N₂O 全球增温潜势", "value": 273, "unit": "1", "source": "IPCC AR6", "page": "WG1 表 7.15",
     "since": DAY, "evidence": "verified", "adopted": False, "url": None},
]  # fmt: skip
STEPS = [
    {"label": "建项目", "at": "2026-10-18", "note": "鼎信碳资源公司", "state": "done"},
    {"label": "挂地块", "at": "2026-10-20", "note": "163 块", "state": "done"},
    {"label": "监测", "at": "2026-11-06", "note": "163 块已报", "state": "done"},
    {"label": "核算", "at": "2026-11-18", "note": "试算", "state": "done"},
    {"label": "第三方核证", "note": "等核证员", "state": "now"},
    {"label": "双局批准", "note": "", "state": "todo"},
    {"label": "签发", "note": "", "state": "todo"},
]
EXPLANATION: dict[str, Any] = {
    "kind_label": "核算", "ref": "XY-R000037", "heading": "3,574 吨从哪里来", "value": "3,574.6", "unit": "吨 CO₂e",
    "estimate": True, "state": "estimate", "interval": "90% 区间 2,890 – 4,240 吨",
    "sentence": "2021 到 2026 年，这 227.90 公顷油茶多存了碳；扣掉施肥和用油的排放，再留出风险和不确定的余地，剩 3,574 吨。",
    "equations": [
        {"name": "净减排量", "symbolic": "CDR = (ΔC − E_fert − E_fuel) × (1 − K_RISK) × (1 − unc)",
         "filled": "(4,559.6 − 293.3 − 41.0) × 0.90 × 0.94", "result": "3,574.6", "unit": "t", "note": ""},
        {"name": "存量变化", "symbolic": "ΔC = 44/12 × CF × (W₂ − W₁) × A", "filled": "3.667 × 0.47 × 11.61 × 227.90",
         "result": "4,559.6", "unit": "t", "note": "W 已含根，不再乘 1+R。"},
    ],
    "terms": TERMS,
    "inputs": [{"name": "面积", "value": 227.9, "unit": "ha", "url": "/parcels"}, {"name": "施氮量", "value": 60, "unit": "kg/ha·a"}],
    "digests": [{"name": "输入摘要", "value": "9c41e07a52bd00ff"}, {"name": "参数摘要", "value": "1f8803c67ae9aa01"}],
    "approvals": [{"who": "李核证（演示）", "role": "第三方核证", "decision": "同意", "at": NOW, "note": "抽查 3 处"}],
    "uncertainty": "蒙特卡洛 10,000 次，种子 20261118。", "replay": "用同样的输入重算，每一位都相同。",
    "blockers": [{"text": "有 2 个参数没有核实，也没有签署采纳：W∞、k。", "who": "市主管部门"}, {"text": "第三方还没有核证。", "who": "核证员"}],
    "children": [{"label": "411522-207-014-0031", "value": "12.35", "unit": "t", "url": "/explain/run-row/37-1"}],
    "children_title": "每一块地", "url": "/explain/run/37",
}  # fmt: skip
TWIN = {
    "columns": [{"label": "项"}, {"label": "吨", "n": True}],
    "rows": [["毛增量", "4,559.7"], ["净减排量", "3,574.6"]],
}
WATERFALL = {
    "unit": "吨", "estimate": True,
    "steps": [
        {"label": "毛增量", "symbol": "ΔC", "value": 4559.7, "kind": "total"},
        {"label": "施肥 N₂O", "symbol": "E_fert", "value": -293.3, "kind": "change"},
        {"label": "燃料", "symbol": "E_fuel", "value": -41.0, "kind": "change"},
        {"label": "非持久性", "symbol": "K_RISK", "value": -422.5, "kind": "change"},
        {"label": "不确定性", "symbol": "unc", "value": -228.2, "kind": "change"},
        {"label": "净减排量", "symbol": "CDR", "value": 3574.7, "kind": "total"},
    ],
}  # fmt: skip
PARCEL: dict[str, Any] = {
    "code": "411522-207-014-0031", "kind": "camellia", "county_name": "光山县", "township_name": "槐店乡", "village_name": "晏岗村",
    "area_m2": 28400.0, "stated_area_m2": 28066.0, "species": "752", "land_class": "0201", "planting_year": 2016,
    "right_holder": "晏岗村民组（演示）", "status": "registered", "valid_from": DAY, "bounds": [114.8, 31.9, 114.82, 31.92],
    "source_crs": "EPSG:4526", "attributes": [("小班号", "014")], "projects": [{"code": "XY-P0001", "url": "/projects/XY-P0001"}],
    "url": "/parcels/411522-207-014-0031", "monitored": "2021-12 至 2026-12", "net_t": 12.35, "explain_url": "/explain/run-row/37-1",
}  # fmt: skip
ONE_PAGE = {"page": 2, "pages": 7, "total": 163, "url": "?page={page}"}
RUN: dict[str, Any] = {
    "id": 37, "code": "XY-R000037", "project": {"code": "XY-P0001", "name": "光山县油茶园", "url": "/projects/XY-P0001"},
    "methodology_title": "油茶园碳汇计量 v1", "period": "2021-12-01 至 2026-12-01", "parcel_count": 163, "area_m2": 2279000.0,
    "state": "estimate", "net_t": 3574.62, "issuable_t": 3574, "created_by": "周工", "created_at": NOW, "url": "/runs/37",
    "explain_url": "/explain/run/37",
}  # fmt: skip
CERTIFICATE: dict[str, Any] = {
    "number": "XY-R-2026-000318", "is_demo": True, "quantity_kg": 1_000_000, "beneficiary": "信阳某茶业有限公司（演示）",
    "beneficiary_code": "91411500MA0000000X", "purpose": "自身运营抵消", "consumption": "2025-01-01 至 2025-12-31",
    "lines": [{"project": "光山县油茶园碳汇项目", "project_code": "XY-P0001", "county": "光山县", "vintage": year, "methodology": "油茶园碳汇计量 v1（演示签署）",
               "quantity_kg": 500_000, "batch_url": "/batches/B1", "ranges": [f"XY-PH-YC01-P0001-411522-{year}-0000001-0500000"]} for year in (2025, 2026)],
    "retired_at": NOW, "digest": "7d1e40b9c3f258aa0e962b17", "qr_svg": "",
}  # fmt: skip
FUNNEL_STAGES = [
    ("已调查", 1264000, "est", ""), ("合格", 812000, "est", "过 64%，权属不清 45.2 万吨"), ("已监测", 171300, "registered", "过 21%，样地没做完"),
    ("已核", 118400, "checked", "过 69%"), ("已签发", 96250, "issued", "过 81%"), ("已售", 41380, "done", "过 43%"), ("已到账", 36905, "done", "过 89%"),
]  # fmt: skip
MONEY = [
    ("收款", 153600.00, "total", "checked"), ("手续费", -1536.00, "change", None), ("增值税", -8694.34, "change", None), ("可分配", 143369.66, "total", "checked"),
    ("市级公司 28%", -40143.50, "change", "keep"), ("县 7%", -10035.88, "change", "people"), ("乡 5%", -7168.48, "change", "people"),
    ("村集体 15%", -21505.45, "change", "people"), ("权利人 32%", -45878.29, "change", "people"), ("管护 13%", -18638.06, "change", "people"),
]  # fmt: skip


def _revenue() -> dict[str, Any]:
    batch: dict[str, Any] = {
        "number": 1, "name": "第一批", "target_fen": 15_000_000_000, "received_fen": 170_501_100, "maybe_fen": 3_751_000_000, "share": 0.0114,
        "time_share": 0.3, "months_gone": 18, "months": 60, "counties_text": "浉河 罗山 光山 新县 商城", "gap_fen": 14_829_498_900,
        "gap_kg_at": "折合 185.4 万吨 @ ¥80", "sold_kg": 41_380_000, "first_sale": NOW, "share_text": "1.14%",
    }  # fmt: skip
    county = {"code": "411522", "name": "光山县", "batch": "一", "area_m2": 78_666_000.0, "issued_kg": 34_180_000, "sold_kg": 14_000_000,
              "received_fen": 64_821_000, "local_share": 0.72, "stuck": "样地"}  # fmt: skip
    return {
        "headline": "就算把合格的全卖掉，按今天的均价也只有目标的 25%。差的是合格吨数和价格，不是销售。",
        "batches": [batch, batch | {"number": 2, "name": "第二批", "received_fen": 0, "maybe_fen": 0, "share": 0.0, "first_sale": None, "counties_text": "平桥 潢川 淮滨 息县 固始"}],
        "funnel": {
            "finding": "最窄的一步：合格变监测，只过了 21%",
            "data": {"unit": "吨", "stages": [{"label": a, "value": b, "certainty": c, "note": d, "narrow": a == "已监测"} for a, b, c, d in FUNNEL_STAGES],
                     "target": {"value": 1875000, "label": "¥1.5 亿 @ ¥80"}},
            "twin": TWIN,
        },
        "bases": "到账 = 目标期内首次出售的成交总额。",
        "receipt": {
            "url": "/distributions/XY-D000117", "finding": "一笔钱怎么分：72.0% 到县及以下", "title": "收款 T-117，2026-10-28，3,200 吨 × ¥48.00", "twin": TWIN,
            "data": {"unit": "元", "estimate": False, "line": {"value": 100358.76, "label": "70% 线：¥100,358.76"},
                     "steps": [{"label": a, "value": b, "kind": c, "certainty": d} for a, b, c, d in MONEY]},
        },
        "waiting": [{"trade_code": "XY-T000118", "at": NOW, "amount_fen": 480_000, "project_name": "光山县油茶园"}],
        "counties": [county, county | {"code": "411526", "name": "潢川县", "issued_kg": 0, "sold_kg": 0, "received_fen": 0, "local_share": None, "stuck": "权属材料"}],
        "totals": county | {"name": "合计"}, "as_of": NOW, "outline": outline(("411522",)), "outline_height": county_shapes()[1], "can": {"distribute": True},
    }  # fmt: skip


def _market() -> dict[str, Any]:
    listing = {
        "id": 5, "project_name": "光山县油茶园", "project_url": "/projects/XY-P0001", "kind": "camellia", "county_name": "光山县", "vintage": 2026,
        "available_kg": 9_600_000, "price_fen": 4800, "last": {"price_fen": 4750, "at": NOW}, "local_share": 0.72, "batch_code": "B1",
        "batch_url": "/explain/batch/B1", "seller": "鼎信", "is_mine": False, "parcels": 34,
    }  # fmt: skip
    return {
        "listings": [listing, listing | {"id": 6, "project_url": None, "local_share": None, "county_name": "息县", "kind": "rice", "last": None, "is_mine": True, "project_name": "息县再生稻"}],
        "page": ONE_PAGE, "may_see_trades": True, "own_trades_only": False,
        "trades": [{"code": "XY-T000001", "batch_url": "/explain/batch/B1", "at": NOW, "project_name": "光山县油茶园", "county_name": "光山县", "quantity_kg": 1_000_000, "price_fen": 4800, "amount_fen": 4_800_000}],
        "prices": {"data": {"unit": "元", "labels": ["10-02", "10-09", "10-16", "10-23", "10-30", "11-06", "11-13", "11-20"],
                            "series": [{"name": "均价", "values": [44.1, 44.3, 44.6, None, 45.1, 45.5, 45.8, 46.2]}]}, "twin": TWIN},
        "price_finding": "本地成交均价，近 8 周 ¥44.10 → ¥46.20",
        "shares": [{"label": "市级公司", "share": 0.28}, {"label": "县", "share": 0.07}, {"label": "乡镇、村集体", "share": 0.20}, {"label": "林权所有者与管护", "share": 0.45}],
        "cash": {"available_fen": 30_000_000}, "can": {"buy": True},
    }  # fmt: skip


def _import_report() -> dict[str, Any]:
    finding = {
        "text": "与 411522-0412 重叠 1.86 亩（4.2%），上限 1%。",
        "advice": "请裁去重叠，或补权属证明。",
    }
    row = {
        "row_number": 17,
        "identity": "411522 207 014",
        "place": "槐店乡晏岗",
        "stated_area_m2": 29333.0,
        "area_m2": 29533.0,
        "needs_approval": False,
        "fields": [],
    }
    return {
        "report": {
            "id": 3, "file_name": "光山_油茶_2026秋.zip", "uploaded_by": "张专干", "uploaded_at": NOW, "status": "staged", "kind": "camellia",
            "notes": ["没有 .cpg，按 GB18030 读取。"], "accepted_by": None, "accepted_at": None,
            "mode": "update", "reason": "秋季更新", "effective_on": None,
            "registered_rows": 0, "waiting_rows": 15, "awaiting_rows": 3, "diff": {"new": 190, "changed": 3, "same": 9, "refused": 12},
            "counts": {"total": 214, "ready": 187, "look": 15, "refused": 12, "same": 0},
            "areas": {"total": 2_608_300.0, "ready": 2_410_000.0, "look": 90_000.0, "refused": 108_300.0, "same": 0.0},
            "steps": [{"label": "读取", "note": "GB18030，214 行"}, {"label": "坐标", "note": "EPSG:4526"}, {"label": "几何", "note": "修 4 处"},
                      {"label": "属性", "note": "9 处要看"}, {"label": "重叠", "note": "5 行"}],
        },
        "first_things": [{"text": "第 17 等 5 行与已登记地块重叠，超过 1%", "row": 17}, {"text": "第 58、59 行小于 400 平方米", "row": None}],
        "rows": [row | {"outcome": "refused", "change": "refused", "findings": [finding]},
                 row | {"row_number": 43, "outcome": "warned", "change": "changed", "needs_approval": True, "findings": [finding],
                        "fields": [{"label": "边界", "before": "44.00 亩", "after": "44.30 亩"}]},
                 row | {"row_number": 44, "outcome": "accepted", "change": "new", "findings": []}],
        "show": "problems", "page": ONE_PAGE, "can": {"accept": True, "approve": True},
    }  # fmt: skip


POINTS = {"available": 1286, "expiring": "其中 120 分 12 月 31 日到期，请先用", "soon": True,
          "pending": "另有 27 分，11 月 24 日起能用", "owed": "有 10 分待抵还，从以后的积分里扣"}  # fmt: skip
ENTRIES = [
    {"title": "公交一趟", "note": "09:12 · 信阳公交乘车码", "icon": "bus", "amount_g": 80, "points": 10, "state": "counted", "reason": "", "url": "/explain/act/1"},
    {"title": "光盘一餐", "note": "12:10 · 光盘行动餐馆", "icon": "plate", "amount_g": 70, "points": 1, "state": "partly",
     "reason": "每人每天最多得 100 分，这次得 1 分，克数照记。", "url": "/explain/act/2", "appeal_url": "/h5/appeals?act=2"},
    {"title": "走路 2 公里", "note": "09:10 · 自己填报", "icon": "walk", "amount_g": 0, "points": 0, "state": "not_counted",
     "reason": "这段时间已经记过一程，同一段路只计一次。", "url": "/explain/act/3", "appeal_url": "/h5/appeals?act=3"},
]  # fmt: skip
BARS = {
    "unit": "克",
    "bars": [
        {"label": d, "value": v}
        for d, v in zip("六日一二三四今", (180, 92, 344, 268, 410, 256, 326), strict=True)
    ],
}


def _registry_pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    found = {"certificate_number": "XY-C2026-000318", "url": "/certificates/XY-C2026-000318", "quantity_kg": 1_000_000, "beneficiary_name": "某茶业（演示）",
             "beneficiary_credit_code": "91411500MA0000000X", "purpose": "自身运营", "batches": ["B1"], "retired_at": NOW}  # fmt: skip
    nothing: dict[str, Any] = {
        "asked": "",
        "found": None,
        "page": None,
        "wrong": "",
        "batch": "",
        "kg": "",
        "kilogram": None,
    }
    yield "verify", "verify.html", nothing | {"asked": "某茶", "found": [found], "page": ONE_PAGE}
    kilogram = {
        "serial": "B1-7-7",
        "number": 7,
        "state": "retired",
        "words": "已注销",
        "certificate_number": "XY-C2026-000318",
        "invalidation": "XY-V2026-000001",
    }
    yield "verify-kilogram", "verify.html", nothing | {"batch": "B1", "kg": "7", "kilogram": kilogram}
    yield (
        "verify-nothing",
        "verify.html",
        nothing | {"asked": "无", "found": [], "page": ONE_PAGE, "wrong": "至少两个字"},
    )
    void = {"number": "XY-V2026-000001", "status": "confirmed", "quantity_kg": 600, "ranges": ["1 – 600"], "reason": "重复计入", "document": "信环函〔2026〕1号", "at": NOW,
            "debt": {"owed_kg": 100, "done_kg": 40, "left_kg": 60}, "can_decide": False, "is_mine": False}  # fmt: skip
    yield "batch", "batch.html", {
        "batch": {"code": "B1", "project_name": "光山县油茶园", "project_code": "XY-P0001", "county_name": "光山县", "vintage": 2026, "methodology_name": "油茶林碳汇", "serial": "B1-1-1000",
                  "parcel_count": 12, "issued_at": NOW, "is_demo": True},
        "position": {"issued": 1000, "available": 300, "held": 100, "pledged": 0, "retired": 0, "cancelled": 0, "invalidated": 600, "placed": 1000},
        "certificates": [found], "page": ONE_PAGE, "invalidations": [void, void | {"number": "XY-V2026-000002", "status": "proposed", "debt": None, "can_decide": True}],
        "own_kg": 300, "debts": [{"number": "XY-V2026-000001", "left_kg": 60}], "explain_url": "/explain/batch/B1", "can": {"order": True, "cancel": True},
    }  # fmt: skip
    yield "pledges", "pledges.html", {
        "pledges": [{"number": "XY-Z2026-000001", "status": "pledged", "batch": "B1", "batch_url": "/batches/B1", "quantity_kg": 1000, "left_kg": 600, "ranges": ["1 – 600"], "pledger": "某茶业（演示）",
                     "pledgee": "某银行（演示）", "contract": "质字 1 号", "register": "中登网 0123", "at": NOW, "steps": [{"label": "解押", "quantity_kg": 400, "document": "解字 1 号", "at": NOW}], "can_decide": True}],
        "page": ONE_PAGE, "batches": [{"code": "B1", "label": "光山县油茶园，2026", "available_kg": 300}], "banks": [{"id": 6, "name": "某银行（演示）"}], "can": {"pledge": True},
    }  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name of the page, template, context without ``site``)"""
    height = county_shapes()[1]
    run_context = {
        "run": RUN, "headline": "毛增 4,560 吨，扣掉四样，净得 3,574 吨", "blockers": EXPLANATION["blockers"], "steps": STEPS, "waterfall": WATERFALL,
        "twin": TWIN, "terms": TERMS, "explanation": EXPLANATION, "rows": [PARCEL, PARCEL | {"net_t": -1.25}], "row_page": ONE_PAGE, "batches": [], "warnings": ["两块地的施氮量高于一般水平，请核对。"],
        "can": {"review": False, "issue": True}, "role_label": "核证员",
        "trail": [{"label": "项目库", "url": "/projects"}, {"label": "光山县油茶园", "url": "/projects/XY-P0001"}, {"label": "核算"}],
    }  # fmt: skip
    yield "landing", "landing.html", {
        "totals": {"land_m2": 283_333_000.0, "parcel_count": 3118, "issued_kg": 96_250_000, "issued_url": "/market", "retired_kg": 12_640_000,
                   "retired_url": "/verify", "local_fen": 115_400_000, "local_share": 0.725, "local_url": "/revenue", "citizens": 312_460},
        "counties": outline(), "outline_height": height, "as_of": NOW,
        "targets": [{"label": "第一批五县区，5 年交易收入", "target_fen": 15_000_000_000, "received_fen": 170_501_100, "url": "/revenue", "months_gone": 18, "months": 60, "note": "样地没做完"}],
        "opened": {"sentence": "坐一趟公交，账上多 80 克。它有出处，有版本，也有不确定。", "equation": "1 趟 × 80 克/趟 = 80 克", "terms": [("行为", "公交扫码"), ("因子", "80 克/趟")], "url": "/explain/act/1"},
    }  # fmt: skip
    yield (
        "login",
        "login.html",
        {
            "next_url": "/reviews",
            "demo_logins": [
                {
                    "username": "forestry.guangshan",
                    "password": "xinyang-demo-2026",
                    "role_label": "林业专干",
                    "place": "光山县",
                }
            ],
        },
    )
    yield from map_samples.pages()
    yield "parcels", "parcels.html", {
        "filters": {"kind": "camellia", "county": ""}, "counties": [{"code": "411522", "name": "光山县"}], "parcels": [PARCEL, PARCEL | {"projects": [], "stated_area_m2": None}],
        "totals": {"count": 3118, "area_m2": 283_333_000.0}, "page": ONE_PAGE, "map_url": "/api/v1/parcels.geojson?kind=camellia", "bounds": None, "can": {"import": True, "export": True}, "trail": [],
    }  # fmt: skip
    yield (
        "parcels-empty",
        "parcels.html",
        {
            "filters": {"kind": "", "county": ""},
            "counties": [],
            "parcels": [],
            "totals": {"count": 0, "area_m2": 0.0},
            "page": ONE_PAGE,
            "map_url": "/api/v1/parcels.geojson",
            "bounds": None,
            "can": {"import": True},
        },
    )
    yield (
        "import",
        "import.html",
        {
            "imports": [
                {
                    "id": 3,
                    "file_name": "光山_油茶.zip",
                    "kind": "camellia",
                    "uploaded_by": "张专干",
                    "uploaded_at": NOW,
                    "status": "staged",
                    "counts": {"total": 214, "ready": 187, "look": 15, "refused": 12},
                    "url": "/imports/3",
                }
            ],
            "page": ONE_PAGE,
            "limit_mb": 128,
            "can": {"import": True},
            "today": NOW,
        },
    )
    yield "import-report", "import_report.html", _import_report()
    yield from land_samples.pages(PARCEL, ONE_PAGE)
    yield "projects", "projects.html", {
        "projects": [{"code": "XY-P0001", "name": "光山县油茶园碳汇项目", "scheme_label": "碳普惠", "methodology_title": "油茶园碳汇计量 v1", "county_names": "光山县", "parcel_count": 163,
                      "area_m2": 2_279_000.0, "state": "registered", "last_run": RUN, "url": "/projects/XY-P0001"}],
        "methodologies": [{"key": "camellia_oil_v1", "title": "油茶园碳汇计量 v1"}], "can": {"create": True},
    }  # fmt: skip
    yield "project", "project.html", {
        "project": {"code": "XY-P0001", "name": "光山县油茶园碳汇项目", "scheme_label": "碳普惠", "methodology_key": "camellia_oil_v1", "methodology_title": "油茶园碳汇计量 v1", "owner": "鼎信碳资源公司",
                    "crediting": "2021-12-01 至 2041-12-01", "state": "registered", "parcel_count": 163, "area_m2": 2_279_000.0, "county_names": "光山县"},
        "steps": STEPS, "next_step": {"text": "监测数据齐了，可以核算。", "label": "核算", "kind": "run", "url": "", "who": ""}, "parcels": [PARCEL | {"estimate": True}],
        "land_kind": "camellia", "counties": [{"code": "411522", "name": "光山县"}], "parcel_page": ONE_PAGE, "runs": [RUN],
        "map_url": "/api/v1/projects/XY-P0001/parcels.geojson", "columns": [{"name": "planting_year", "label": "栽植年份", "unit": "年", "hint": ""}],
        "suggested": {"period_start": "2021-12-01", "period_end": "2026-12-01"}, "can": {"write": True, "run": True}, "trail": [{"label": "项目库", "url": "/projects"}, {"label": "光山县油茶园"}],
    }  # fmt: skip
    yield "run", "run.html", run_context
    yield "run-review", "run.html", run_context | {"can": {"review": True, "issue": False}}
    yield (
        "run-issued",
        "run.html",
        run_context
        | {
            "run": RUN | {"state": "issued"},
            "blockers": [],
            "batches": [
                {
                    "url": "/explain/batch/B1",
                    "county_name": "光山县",
                    "vintage": 2026,
                    "quantity_kg": 3_574_000,
                }
            ],
        },
    )
    yield (
        "explain",
        "explain.html",
        {"explanation": EXPLANATION, "trail": [{"label": "项目库", "url": "/projects"}, {"label": "解释"}]},
    )
    yield "market", "market.html", _market()
    yield (
        "market-empty",
        "market.html",
        {
            "listings": [],
            "page": ONE_PAGE,
            "trades": [],
            "may_see_trades": False,
            "own_trades_only": False,
            "prices": None,
            "shares": [],
            "cash": None,
            "can": {"buy": False},
        },
    )
    yield "holdings", "holdings.html", {
        "holdings": [{"batch_code": "XY-2026-411522-1", "batch_url": "/explain/batch/B1", "project_name": "光山县油茶园", "county_name": "光山县", "vintage": 2026, "available_kg": 1_234_567, "listable_kg": 1_234_000, "held_kg": 0,
                      "ranges": ["1 – 1,234,567"], "explain_url": "/explain/batch/B1"}],
        "cash": {"available_fen": 12_345_678, "held_fen": 0}, "certificates": [{"number": "XY-R-2026-000318", "url": "/certificates/XY-R-2026-000318", "pdf_url": "/api/v1/retirements/XY-R-2026-000318/certificate.pdf",
                                                                               "quantity_kg": 1_000_000, "purpose": "自身运营抵消", "beneficiary": "某茶业（演示）", "at": NOW, "explain_url": "/explain/retirement/XY-R-2026-000318"}],
        "page": ONE_PAGE, "retired_kg": 1_000_000,
        "listings": [{"id": 5, "project_name": "光山县油茶园", "county_name": "光山县", "remaining_kg": 9_600_000, "price_fen": 4800}],
        "purposes": [{"value": "operations", "label": "自身运营抵消"}], "me": {"name": "某茶业（演示）", "credit_code": "91411500MA0000000X"}, "can": {"retire": True, "sell": True, "pledge": True}, "bought": "1,000 吨已到您名下。",
    }  # fmt: skip
    yield "certificate", "certificate.html", {
        "certificate": CERTIFICATE, "genuine": True, "void": [{"number": "XY-V2026-000001", "quantity_kg": 40}], "checked_at": NOW, "parcels": [{"code": "411522-207-014-0031", "county_name": "光山县", "area_m2": 28400.0, "numbers": "1 – 35,210", "quantity_kg": 35210}],
        "parcel_total_m2": 3_184_000.0, "map_url": "/api/v1/public/certificates/XY-R-2026-000318/parcels.geojson", "steps": [*STEPS[:2], {"label": "注销", "at": "2026-11-19 15:32", "state": "final"}],
        "explain_url": "/explain/retirement/XY-R-2026-000318", "pdf_url": "/api/v1/retirements/XY-R-2026-000318/certificate.pdf",
    }  # fmt: skip
    yield "no-certificate", "certificate.html", {"certificate": None, "asked": "XY-R-0"}
    yield from _registry_pages()
    revenue = _revenue()
    yield "revenue", "revenue.html", revenue
    yield "distribution", "distribution.html", {
        "distribution": {"code": "XY-D000117", "county_name": "光山县", "at": NOW, "by": "鼎信集团财务", "base_fen": 14_336_966, "below_fen": 10_322_616, "below_share": 0.72,
                         "meets_floor": True, "company_fen": 4_014_350, "scheme_source": "县级方案", "scheme_evidence": "illustrative", "charges_source": "收费通知",
                         "charges_evidence": "illustrative", "exception": ""},
        "receipt": revenue["receipt"], "levels": [{"value": "village", "label": "村集体"}], "level": "village",
        "lines": [{"level": "村集体", "name": "晏岗村（演示）", "place": "晏岗村", "kg": 3200, "amount_fen": 2_150_545}], "page": ONE_PAGE,
        "trail": [{"label": "收益与目标", "url": "/revenue"}, {"label": "XY-D000117"}],
    }  # fmt: skip
    yield "reviews", "reviews.html", {
        "tasks": [{"title": "核算 XY-R000037 等您核证", "note": "光山县油茶园，3,574 吨", "url": "/runs/37", "label": "去审核", "since": NOW, "state": "review"}], "done": [{"title": "核算 XY-R000012", "at": NOW, "url": "/runs/12", "state": "verified"}],
        "deposits": {"enterprises": [{"id": 4, "name": "某茶业（演示）"}]},
    }  # fmt: skip
    signoff = {
        "document": "信环〔演示〕1号",
        "title": "油茶参数采纳",
        "signer": "王局（演示）",
        "second": "李工（演示）",
        "on": DAY,
        "is_demo": True,
    }
    method = {
        "key": "camellia_oil_v1",
        "title": "油茶园碳汇计量 v1",
        "source": "依据 ××，见来源",
        "subject_label": "地块",
        "digest": "1f8803c67ae9aa01",
        "equations": EXPLANATION["equations"],
        "terms": TERMS,
        "signoff": signoff,
        "proposal": None,
    }
    proposal = signoff | {"number": 7, "by": "张工（演示）", "at": NOW, "may_decide": True}
    yield (
        "sources",
        "sources.html",
        {
            "methodologies": [
                method,
                method | {"key": "ratoon_rice_v1", "title": "再生稻 v1", "signoff": None},
                method | {"key": "tea_v1", "title": "茶园 v1", "signoff": None, "proposal": proposal},
            ],
            "can": {"sign": True, "preview": True},
            "today": DAY,
        },
    )
    yield (
        "seal",
        "seal.html",
        {
            "heads": [
                {"day": "2026-11-21", "entries": 1_204_331, "block_number": 4_310, "block_hash": "9c41e07a" * 8,
                 "signed_at": NOW, "url": "/api/v1/public/ledger/heads/2026-11-21"},
            ],
            "key": "03a107bf" * 8,
            "earlier_keys": ["11c0ffee" * 8],
            "older_url": "/seal?before=2026-11-21",
        },
    )  # fmt: skip
    yield (
        "h5-login",
        "h5_login.html",
        {
            "tab": None,
            "is_mock": True,
            "next_url": "/h5/",
            "demo_codes": [{"code": "demo-xiaoman", "name": "小满", "region": "411502"}],
        },
    )
    yield "h5-today", "h5_today.html", {
        "tab": "today", "person": {"name": "小满", "greeting": "小满，上午好"}, "today_g": 326, "month_g": 6840, "year_g": 57600, "points": POINTS, "entries": ENTRIES,
        "week": {"finding": "近七天，周三最多", "data": BARS, "twin": TWIN}, "has_consent": False, "honest": "一趟公交 10 分，约值 5 角；80 克碳本身不到 1 分钱。积分是市里和商家的心意，不是碳价。",
    }  # fmt: skip
    yield (
        "h5-book",
        "h5_book.html",
        {
            "tab": "book",
            "total_g": 57600,
            "charts": citizen_samples.CHARTS,
            "days": [{"label": "11 月 22 日", "total_g": 326, "entries": ENTRIES}],
            "statement": [
                {"when": "今天 09:12", "reason": "公交一趟", "points": 10, "url": "/explain/act/1"},
                {
                    "when": "今天 09:15",
                    "reason": "兑换 公交券 2 元",
                    "points": -100,
                    "url": "/h5/codes/XY-HD7K",
                },
            ],
            "points": POINTS,
            "older_points": 41,
            "page": ONE_PAGE,
        },
    )
    consent = {
        "key": "xinyang-bus",
        "purpose": "acts",
        "id": None,
        "title": "信阳公交乘车码",
        "text": "同意后，平台从公交乘车码收到您乘车的时间和次数。",
        "version": "2026-11",
        "given_at": None,
        "is_outdated": False,
    }
    moment = {"name": "occurred_at", "label": "什么时候", "options": [("2026-11-22T09:00:00+08:00", "刚才")]}
    length = {
        "name": "distance_m",
        "label": "走了多远",
        "data_type": "integer",
        "options": [("500", "0.5 公里")],
    }
    act = {
        "code": "XI14b",
        "title": "坐了一趟公交",
        "icon": "bus",
        "source": "xinyang-bus",
        "external_id": "h5-0123456789abcdef",
        "fields": [moment],
        "worth": "每次 80 克，10 分",
        "cap": "每天最多 6 次",
        "is_half": False,
        "stands_in_for": "信阳公交乘车码",
        "url": "/sources#low_carbon_acts_v1",
        "needs": "xinyang-bus",
        "asks": True,
    }
    own = {
        "source": "self",
        "needs": "self",
        "is_half": True,
        "stands_in_for": "",
        "fields": [moment, length],
    }
    yield (
        "h5-earn",
        "h5_earn.html",
        {
            "tab": "earn",
            "consents": [consent, consent | {"key": "self", "title": "自己填报", "id": 7, "given_at": NOW}],
            "acts": [act, act | {"code": "XI16", "title": "走路代替坐车", "icon": "walk"} | own],
            "done": {"sentence": "记下了：80 克，+10 分。", "is_good": True, "url": "/explain/act/1"},
        },
    )
    reward = {
        "code": "bus-2",
        "title": "公交券 2 元",
        "kind": "公共服务",
        "icon": "bus",
        "topup_fen": 0,
        "hours": "",
        "in_season": True,
        "provider": "演示公交",
        "points": 100,
        "stock": 50,
        "month_limit": 5,
        "affordable": True,
    }
    voucher = {
        "code": "XY-HD7K",
        "title": "公交券 2 元",
        "when": "今天 09:15",
        "state": "ready",
        "points": 100,
        "url": "/h5/codes/XY-HD7K",
    }
    yield (
        "h5-rewards",
        "h5_rewards.html",
        {
            "tab": "rewards",
            "points": POINTS | {"available": 286},
            "refusals": [{"title": "再生稻米 0.5 千克", "when": "今天 10:20", "reason": "还差 240 分。"}],
            "rewards": [
                reward,
                reward | {"code": "rice", "points": 520, "affordable": False},
                reward | {"code": "soap", "stock": 0},
                reward | {"code": "tea", "in_season": False, "topup_fen": 500, "hours": "9:00–17:00"},
            ],
            "waiting": "有 30 分等您领，11 月 26 日前要领",
            "projects": [
                reward | {"code": "plant-camellia", "stock": 0},
                reward | {"code": "plant-more", "affordable": False, "points": 900},
                reward | {"code": "plant-later", "in_season": False},
            ],
            "donations": [citizen_samples.DONATION],
            "vouchers": [voucher, voucher | {"state": "used"}],
        },
    )
    yield (
        "h5-code",
        "h5_code.html",
        {
            "tab": "rewards",
            "voucher": voucher
            | {
                "id": 4,
                "provider": "演示公交",
                "expires": "12 月 31 日",
                "topup_fen": 500,
                "may_return": True,
                "qr_svg": "",
            },
        },
    )
    problem = {
        "title": "没有找到",
        "status": 404,
        "detail": "没有找到地块 X，或者它不在您的管辖范围内。请核对编号。",
        "code": "platform.not_found",
        "trace_id": "0f" * 16,
        "errors": [],
    }
    yield "problem", "problem.html", {"problem": problem}
    yield (
        "problem-type",
        "problem_type.html",
        {"code": "platform.not_found", "status": 404, "words": {"zh": "没有找到。", "en": "Not found."}},
    )
    yield "api-docs", "api_docs.html", {}
    yield from registry_samples.pages()
    yield from scene_samples.pages(ONE_PAGE)
    yield from citizen_samples.pages()
    yield from evidence_samples.pages()
    yield from land_change_samples.pages()
    yield from inclusion_samples.pages()
    yield from people_samples.pages()
    yield from points_samples.pages()
    yield from reconciliation_samples.pages()
    yield from claims_samples.pages()
    yield from sheet_samples.pages(TERMS)
    yield from shop_samples.pages()
    yield from methodology_samples.pages()
    yield from uncertainty_samples.pages()
    yield from village_samples.pages()
