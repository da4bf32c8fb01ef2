"""Invented contexts of the pages of methodologies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from markupsafe import Markup

DAY = date(2026, 8, 1)
SYMBOL = Markup("<math><mi>A</mi></math>")
CARD: dict[str, Any] = {
    "key": "bamboo_v1",
    "url": "/methodologies/bamboo_v1",
    "title": "竹林碳汇",
    "version": 1,
    "source": "依据 ××，见来源",
    "subject": "算一块地",
    "result": "净碳汇量，吨 CO2e",
    "equations": 2,
    "parameters": 1,
    "waiting": 1,
    "signoff": None,
}
SIGNED = {"document": "信环〔演示〕1号", "signer": "王局（演示）", "on": DAY, "is_demo": True}
INPUT: dict[str, Any] = {
    "name": "area_ha",
    "symbol": SYMBOL,
    "meaning": "面积",
    "unit": "公顷",
    "allowed": "0 – 100,000",
    "need": "必填",
    "error": "标准差 3 %",
}
PARAMETER: dict[str, Any] = {
    "name": "carbon_fraction",
    "symbol": SYMBOL,
    "meaning": "含碳率",
    "note": "代用树种",
    "value": 0.47,
    "since": DAY,
    "others": [(0.5, date(2020, 1, 1))],
    "unit": "tC/t",
    "low": 0.44,
    "high": 0.51,
    "distribution": "normal",
    "source": "××",
    "page": "表 3",
    "evidence": "unverified",
    "may_issue": False,
}
PAGE: dict[str, Any] = {
    "m": CARD | {"gwp": "AR5", "code_digest": "9c41e07a" * 8, "parameter_digest": "1f8803c6" * 8},
    "versions": ["bamboo_v2"],
    "open_parameters": [PARAMETER],
    "sections": [{"title": "边界", "id": "s0", "text": Markup("<p>登记的竹林。</p>"), "lang": ""}],
    "inputs": [INPUT],
    "tables": [
        {
            "name": "plots",
            "title": "样地",
            "meaning": "样地实测",
            "source": "××",
            "key": "row",
            "unique": ("row", "plot"),
            "columns": [INPUT],
            "outputs": [INPUT],
        }
    ],
    "symbols": [(SYMBOL, "监测期开始")],
    "equations": [
        {
            "name": "net_t",
            "meaning": "净碳汇量",
            "math": Markup('<math display="block"><mi>E</mi><mo>=</mo><mi>A</mi></math>'),
            "number": "1",
            "unit": "吨",
            "source": "××",
            "options": [("a", "甲", SYMBOL, "carbon_fraction"), ("", "", SYMBOL, "")],
        }
    ],
    "parameters": [PARAMETER, PARAMETER | {"evidence": "secondary", "may_issue": True}],
    "cases": [{"name": "one", "gives": "3 tCO2e", "file": "a.toml", "source": ""}],
    "worked": {
        "name": "one",
        "period": (DAY, DAY),
        "inputs": [("面积", "area_ha", "3", "公顷")],
        "steps": [
            {
                "number": "1",
                "symbol": SYMBOL,
                "meaning": "净碳汇量",
                "numbers": "3 = 3 t",
                "condition": "3 > 0",
            }
        ],
    },
    "trail": [{"label": "方法学", "url": "/methodologies"}, {"label": "竹林碳汇", "url": None}],
}


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    listed = [CARD, CARD | {"key": "b_v1", "signoff": SIGNED}, CARD | {"key": "c_v1", "waiting": 0}]
    yield "methodologies", "methodologies.html", {"methodologies": listed}
    yield "methodology", "methodology.html", PAGE
    yield "methodology-signed", "methodology.html", PAGE | {"m": PAGE["m"] | {"signoff": SIGNED}}
    many = PAGE | {"open_parameters": [PARAMETER] * 13, "tables": [], "worked": None}
    yield "methodology-many-open", "methodology.html", many
    yield "methodology-sound", "methodology.html", PAGE | {"open_parameters": []}
