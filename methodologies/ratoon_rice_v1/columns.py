"""Input columns of ``ratoon_rice_v1``: one row per parcel and year, both seasons of project and baseline.

Sources beside soil methane, and what the authority decides, stand in :mod:`.columns_rules`.
"""

from __future__ import annotations

from methodologies.columns import Column, ColumnError
from methodologies.ratoon_rice_v1.columns_rules import RULE_COLUMNS

ACTIVITIES = ("A1", "A2", "A3", "A4")
REGIMES = ("continuous", "single", "multiple", "unknown")
# Prefix of each season's columns: the project's two, the baseline's two.
SEASONS = ("main", "ratoon", "base1", "base2")
AMENDMENTS = ("straw_short", "straw_long", "compost", "manure", "green")

_TWO_SEASONS = ("activity", ("A1", "A2", "A4"))
_MEASURED = ("ch4_route", ("measured",))
# Published ranges are read as 95 % intervals, half of which is 1.96 standard deviations.
_AREA_ERROR = ColumnError("relative", 0.05 / 1.96, "specification §8.1: area 2 – 5 %, the upper figure")
_DAYS_ERROR = ColumnError("absolute", 3 / 1.96, "specification §8.1: cultivation days ± 3 d with records")
_SEASON_ZH = {
    "main": "项目头季",
    "ratoon": "项目再生季",
    "base1": "基准线第一季（头季、早稻或一季稻）",
    "base2": "基准线第二季（再生季或晚稻；一季稻留空）",
}
_SEASON_EN = {
    "main": "project main season",
    "ratoon": "project ratoon season",
    "base1": "baseline first season (main, early or single rice)",
    "base2": "baseline second season (ratoon or late rice; empty for single rice)",
}
_AMENDMENT_WORDS = {
    "straw_short": (
        "种植前 30 天内还田秸秆，干重",
        "straw incorporated < 30 days before cultivation, dry",
        12,
    ),
    "straw_long": (
        "种植前 30 天以上还田秸秆，干重",
        "straw incorporated > 30 days before cultivation, dry",
        12,
    ),
    "compost": ("堆肥，鲜重", "compost, fresh", 60),
    "manure": ("厩肥，鲜重", "farmyard manure, fresh", 60),
    "green": ("绿肥，鲜重", "green manure, fresh", 60),
}
_REGIME_LABELS = {
    "continuous": ("持续淹水", "continuously flooded"),
    "single": ("单次排水（一次晒田）", "single drainage"),
    "multiple": ("多次排水（干湿交替）", "multiple drainage, AWD"),
    "unknown": ("无水分记录", "no water record"),
}


def _season(season: str) -> list[Column]:
    """Water regime, nitrogen and amendments of one season."""
    zh, en = _SEASON_ZH[season], _SEASON_EN[season]
    second = season == "base2"
    columns = [
        Column(
            f"{season}_regime", "choice", "", f"{zh}：水分管理（无水分记录则取 unknown）",
            f"{en}: water regime; unknown without a water record",
            choices=REGIMES, labels=_REGIME_LABELS, default="unknown",
            required_when=_TWO_SEASONS if second else None,
        ),
        Column(
            f"{season}_n_kg_per_ha", "float", "kg N/ha", f"{zh}：施氮量（化肥、有机肥、还田残茬纯氮）",
            f"{en}: nitrogen from synthetic and organic fertiliser and residues", 0, 450,
            default=0.0 if second else None, required_when=_TWO_SEASONS if second else None,
            symbol=f"N_{season}",
        ),
        Column(
            f"{season}_n_organic_kg_per_ha", "float", "kg N/ha", f"{zh}：其中有机肥氮",
            f"{en}: of which organic fertiliser", 0, 450, default=0.0, symbol=f"N_{season}_on",
        ),
        Column(
            f"{season}_n_residue_kg_per_ha", "float", "kg N/ha", f"{zh}：其中还田残茬氮",
            f"{en}: of which crop residues", 0, 450, default=0.0, symbol=f"N_{season}_cr",
        ),
        Column(
            f"{season}_measured_ch4_kg_per_ha", "float", "kg CH4/ha", f"{zh}：实测季节甲烷排放",
            f"{en}: measured methane of the season", -100, 2000, default=0.0,
            required_when=None if second else _MEASURED, symbol=f"EF_{season}_m",
        ),
    ]  # fmt: skip
    for amendment, (amendment_zh, amendment_en, high) in _AMENDMENT_WORDS.items():
        name = f"{season}_{amendment}_t_per_ha"
        meaning = (f"{zh}：{amendment_zh}", f"{en}: {amendment_en}")
        symbol = f"ROA_{season}_{amendment}"
        columns.append(Column(name, "float", "t/ha", *meaning, 0, high, default=0.0, symbol=symbol))
    return columns


_HEAD = (
    Column("area_ha", "float", "ha", "地块面积（椭球面；1 亩 = 1/15 公顷）",
        "physical area of the parcel; 1 mu is 1/15 ha", 0, 1000, extensive=True, symbol="A_g",
        error=_AREA_ERROR),
    Column("contract_area_ha", "float", "ha", "合同面积（没有则填 0）",
        "area in the contract; 0 if there is none",
        0, 1000, default=0.0, extensive=True, symbol="A_c"),
    Column(
        "activity", "choice", "", "活动类型（决定基准线）", "type of activity, which sets the baseline",
        choices=ACTIVITIES,
        labels={
            "A1": ("已是再生稻，改进水分管理", "ratoon before, better water regime"),
            "A2": ("双季稻改再生稻", "double rice to ratoon"),
            "A3": ("一季稻改再生稻（通常为负）", "single rice to ratoon, usually negative"),
            "A4": ("已是再生稻，改变秸秆还田时间", "ratoon before, straw timing"),
        },
    ),
    Column("previous_flood_end_date", "date", "", "前茬淹水结束日", "end of the previous flooding",
        symbol="d_0"),
    Column("main_land_prep_date", "date", "", "头季整地日", "land preparation of the main season",
        symbol="d_1"),
    Column("main_harvest_date", "date", "", "头季收割日", "harvest of the main season", symbol="d_2"),
    Column("ratoon_harvest_date", "date", "", "再生季收割日", "harvest of the ratoon season", symbol="d_3"),
    Column(
        "ratoon_drainage_date", "date", "", "再生季最终排干日（已先排干则填收割日）",
        "final drainage of the ratoon season; the harvest date if drained before", symbol="d_4",
    ),
    Column(
        "main_preflood_days", "int", "d", "整地前连续淹水天数（冬水田、稻虾田）",
        "days of continuous flooding up to land preparation", 0, 366, default=0.0, symbol="F_main",
    ),
    Column(
        "ratoon_preflood_days", "int", "d", "头季收割前未落干的连续淹水天数",
        "days of continuous flooding up to the main harvest without drying", 0, 200, default=0.0,
        symbol="F_ratoon",
    ),
    Column(
        "base1_nonflooded_days", "int", "d", "基准线第一季整地前非淹水天数（回溯期平均）",
        "baseline: non-flooded days before the first season, look-back mean", 0, 1500, symbol="G_base1",
    ),
    Column(
        "base1_preflood_days", "int", "d", "基准线第一季整地前连续淹水天数",
        "baseline: days of continuous flooding up to the first season", 0, 366, default=0.0, symbol="F_base1",
    ),
    Column(
        "base1_cultivation_days", "float", "d", "基准线第一季天数（整地至收割，回溯期平均；没有日期则填 0）",
        "baseline: days of the first season, land preparation to harvest, look-back mean; 0 without dates",
        0, 250, default=0.0, symbol="L0_base1", error=_DAYS_ERROR,
    ),
    Column(
        "base2_cultivation_days", "float", "d", "基准线第二季天数（回溯期平均）",
        "baseline: days of the second season, look-back mean", 0, 250,
        default=0.0, required_when=_TWO_SEASONS, symbol="L0_base2", error=_DAYS_ERROR,
    ),
)  # fmt: skip

_TAIL = (
    Column(
        "baseline_water_evidence", "bool", "", "有回溯期证据证明基准线持续淹水（生育期内或整地前）",
        "look-back evidence proves continuous flooding of the baseline, in the season or before it",
        default=False,
    ),
    Column(
        "baseline_straw_evidence", "bool", "", "有回溯期证据证明基准线秸秆与有机物料",
        "look-back evidence proves straw and amendments of the baseline", default=False,
    ),
    Column("diesel_l", "float", "L", "项目柴油用量（全地块全年）",
        "diesel of the project, whole parcel and year",
           0, 1e6, extensive=True, symbol="V_p"),
    Column("baseline_diesel_l", "float", "L", "基准线柴油用量（全地块全年）",
           "diesel of the baseline, whole parcel and year", 0, 1e6, extensive=True, symbol="V_b"),
    Column("yield_t_per_ha", "float", "t/ha", "项目全年稻谷产量（头季加再生季，三年平均）",
           "annual grain of the project, main and ratoon, three-year mean", 0, 30, symbol="Y_p"),
    Column("baseline_yield_t_per_ha", "float", "t/ha", "基准线全年稻谷产量（三年平均）",
           "annual grain of the baseline, three-year mean", 0.1, 30, symbol="Y_b"),
)  # fmt: skip

COLUMNS = (
    *_HEAD,
    *(column for season in SEASONS for column in _season(season)),
    *_TAIL,
    *RULE_COLUMNS,
)
