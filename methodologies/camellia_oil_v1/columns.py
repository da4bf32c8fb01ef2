"""Input columns of ``camellia_oil_v1``: one row is one parcel over one period."""

from __future__ import annotations

from methodologies.columns import Column
from methodologies.perennial import emissions, soil
from methodologies.perennial.land import STATED_AREA

ACTIVITIES = ("new_planting", "low_yield_renovation", "management")
ROUTES = ("default", "plot", "allometric", "growth_curve")
EVENTS = ("none", "stumping", "top_grafting", "replanting")
FORMS = ("age_profile", "richards", "logistic")
_PLOT = ("route", ("plot",))
_ALLOMETRIC = ("route", ("allometric",))
_SAMPLED = ("route", ("plot", "allometric"))
_FITTED = ("curve_form", ("richards", "logistic"))

STOCK_START = Column(
    "stock_start_t_per_ha", "float", "t d.m./ha",
    "期初样地平均地上生物量", "plot mean of above-ground biomass at the start", 0, 100,
    default=0.0, required_when=_PLOT, symbol="b_t1",
)  # fmt: skip
STOCK_END = Column(
    "stock_end_t_per_ha", "float", "t d.m./ha",
    "期末样地平均地上生物量", "plot mean of above-ground biomass at the end", 0, 100,
    default=0.0, required_when=_PLOT, symbol="b_t2",
)  # fmt: skip
UNCERTAINTY = Column(
    "uncertainty_pct", "float", "%",
    "抽样不确定性（90 % 置信）", "sampling error, 90 % confidence", 0, 100,
    default=0.0, required_when=_SAMPLED, symbol="U",
)  # fmt: skip

_PARCEL = (
    Column("area_ha", "float", "ha", "地块面积（椭球面）", "area of the parcel", 0, 1e5, extensive=True,
        symbol="A"),
    STATED_AREA,
    Column(
        "activity", "choice", "", "活动类型", "type of activity",
        choices=ACTIVITIES,
        labels={
            "new_planting": ("新造油茶林", "new planting"),
            "low_yield_renovation": ("低产林改造", "renovation of a low-yield stand"),
            "management": ("现有林经营", "management of an existing stand"),
        },
    ),
    Column(
        "planting_year", "int", "year",
        "造林年份；低产林改造填更新（重造、高接换冠、平茬）年份",
        "year of planting; for a renovation the year of replanting, top-grafting or stumping",
        1900, 2100, symbol="Y0",
    ),
    Column(
        "route", "choice", "", "计量路径", "how the stock is known",
        choices=ROUTES,
        labels={
            "default": ("缺省积累", "conservative default accrual"),
            "plot": ("样地实测", "measured plots"),
            "allometric": ("平均木异速生长方程", "allometric equation on the mean plant"),
            "growth_curve": ("生长曲线（事前估算）", "growth curve (ex-ante)"),
        },
    ),
    Column("stratum", "text", "", "碳层编号（用样地表、样木表时填）",
        "code of the stratum, where tables of plots are used",
        default=""),
    Column(
        "event", "choice", "", "本期及以前的更新事件", "event that set the stand back",
        choices=EVENTS,
        labels={
            "none": ("无", "none"),
            "stumping": ("平茬", "stumping"),
            "top_grafting": ("高接换冠", "top-grafting"),
            "replanting": ("重造", "replanting"),
        },
        default="none",
    ),
    Column("event_year", "int", "year", "更新事件年份", "year of the event", 1900, 2100, default=1900,
        required_when=("event", EVENTS[1:]), symbol="Y_ev"),
    Column(
        "cleared_stock_t_per_ha", "float", "t d.m./ha",
        "本期内清除的、未计入期初储量的木本地上生物量；前期已扣则填 0",
        "woody above-ground biomass cleared in this period and not part of the stock at its start; "
        "0 if deducted in an earlier period",
        0, 300, symbol="b_cleared",
    ),
    STOCK_START,
    STOCK_END,
    UNCERTAINTY,
)  # fmt: skip

_PLANT = (
    Column("plants_per_ha", "float", "plants/ha", "密度（株/公顷）", "density", 0, 10000, default=0.0,
        required_when=_ALLOMETRIC, symbol="N"),
    Column("diameter_start_cm", "float", "cm", "期初平均直径（1.3 m 处；尚未种植填 0）",
        "mean diameter at 1.3 m at the start; 0 if not planted yet", 0, 16.8, default=0.0,
        required_when=_ALLOMETRIC, symbol="D_t1"),
    Column("height_start_m", "float", "m", "期初平均树高", "mean height at the start", 0, 11.6, default=0.0,
        required_when=_ALLOMETRIC, symbol="H_t1"),
    Column("diameter_end_cm", "float", "cm", "期末平均直径（1.3 m 处）", "mean diameter at 1.3 m at the end",
        0, 16.8,
        default=0.0, required_when=_ALLOMETRIC, symbol="D_t2"),
    Column("height_end_m", "float", "m", "期末平均树高", "mean height at the end", 0, 11.6, default=0.0,
        required_when=_ALLOMETRIC, symbol="H_t2"),
    Column("diameter_at", "choice", "", "直径测位", "where the diameter was measured",
        choices=("breast", "ground"), default="breast",
        labels={"breast": ("胸径（1.3 m）", "at 1.3 m"), "ground": ("地径", "at the ground")}),
)  # fmt: skip

_CURVE = (
    Column(
        "curve_form", "choice", "", "生长曲线形式", "form of the growth curve",
        choices=FORMS,
        labels={
            "age_profile": ("公开龄级表（代用，低情景）", "published age profile (proxy, low scenario)"),
            "richards": ("Richards（本地样地拟合）", "Richards, fitted to local plots"),
            "logistic": ("Logistic（本地样地拟合）", "logistic, fitted to local plots"),
        },
        default="age_profile",
    ),
    Column("curve_max_t_per_ha", "float", "t d.m./ha", "曲线上限 W∞（地上生物量）",
        "asymptote of the curve, above-ground biomass", 0, 100, default=0.0, required_when=_FITTED,
        symbol="W_max"),
    Column("curve_k", "float", "1", "曲线速率 k（每年）", "rate k of the curve, per year", 0.001, 5,
        default=0.001,
        required_when=_FITTED, symbol="k"),
    Column("curve_shape", "float", "1", "形状参数（Richards 的 c，Logistic 的 B）",
        "shape: c of Richards, B of the logistic curve", 0.01, 1000, default=1.0, required_when=_FITTED,
        symbol="c"),
    Column("curve_plots", "int", "", "拟合样地数 n", "number of plots behind the fit", 3, 1e5, default=3,
        required_when=_FITTED, symbol="n_c"),
    Column("curve_r2", "float", "1", "拟合优度 R²", "R² of the fit", 0, 1, default=0.0, required_when=_FITTED,
        symbol="R²"),
)  # fmt: skip

_INPUTS = (
    Column("n_synthetic_kg_per_ha_per_year", "float", "kg N/ha/yr",
        "化肥施氮量（纯氮）", "synthetic nitrogen applied", 0, 1000, symbol="N_syn"),
    Column("n_organic_kg_per_ha_per_year", "float", "kg N/ha/yr",
        "有机肥施氮量（纯氮）", "organic nitrogen applied", 0, 1000, symbol="N_org"),
)  # fmt: skip

COLUMNS = (*_PARCEL, *_PLANT, *_CURVE, *soil.COLUMNS, *_INPUTS, *emissions.COLUMNS)
