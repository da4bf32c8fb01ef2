"""Input columns of ``tea_garden_v1``: one row is one parcel (or one parcel of a stratum) over one period."""

from __future__ import annotations

from methodologies.columns import Column
from methodologies.perennial import emissions, soil
from methodologies.perennial.land import STATED_AREA

ACTIVITIES = ("new_garden", "existing_garden")
ROUTES = ("default", "plot")
EVENTS = ("none", "stumping", "replanting")
N2O_ROUTES = ("fertiliser", "fertiliser_and_background", "national_mean", "measured")
RECORDS = ("none", "records")
SOIL_ROUTES = ("off", "measured")
_PLOT = ("route", ("plot",))
_FERTILISER = ("n2o_route", ("fertiliser", "fertiliser_and_background"))
_MEASURED_N2O = ("n2o_route", ("measured",))
_RECORDS = ("baseline_n_record", ("records",))
_MEASURED_SOIL = ("soil_route", ("measured",))

BA_START = Column(
    "ba_start_t_per_ha", "float", "t d.m./ha",
    "期初地上永久骨架生物量 Ba（修剪面以下）", "above-ground biomass Ba of the permanent frame at the start",
    0, 60, default=0.0, required_when=_PLOT, symbol="Ba_t1",
)  # fmt: skip
BA_END = Column(
    "ba_end_t_per_ha", "float", "t d.m./ha",
    "期末地上永久骨架生物量 Ba（修剪面以下）", "above-ground biomass Ba of the permanent frame at the end",
    0, 60, default=0.0, required_when=_PLOT, symbol="Ba_t2",
)  # fmt: skip
UNCERTAINTY = Column(
    "uncertainty_pct", "float", "%",
    "抽样不确定性（90 % 置信）", "sampling error, 90 % confidence", 0, 100,
    default=0.0, required_when=_PLOT, symbol="U",
)  # fmt: skip

_PARCEL = (
    Column("area_ha", "float", "ha", "地块面积（椭球面）", "area of the parcel", 0, 1e5, extensive=True,
        symbol="A"),
    STATED_AREA,
    Column(
        "activity", "choice", "", "活动类型", "type of activity",
        choices=ACTIVITIES,
        labels={"new_garden": ("新建茶园", "new garden"), "existing_garden": ("现有茶园", "existing garden")},
    ),
    Column("planting_year", "int", "year", "种植年份", "year of planting", 1850, 2100, symbol="Y0"),
    Column(
        "route", "choice", "", "计量路径", "how the stock is known",
        choices=ROUTES,
        labels={"default": ("缺省积累", "default accrual by age"), "plot": ("样地实测", "measured plots")},
    ),
    Column("stratum", "text", "", "碳层编号（用样地表时填）",
        "code of the stratum, where a table of plots is used",
        default=""),
    Column(
        "event", "choice", "", "本期及以前的更新事件", "event that set the garden back",
        choices=EVENTS,
        labels={"none": ("无", "none"), "stumping": ("台刈", "stumping"), "replanting": ("改植换种",
        "replanting")},
        default="none",
    ),
    Column("event_year", "int", "year", "更新事件年份", "year of the event", 1850, 2100, default=1850,
        required_when=("event", EVENTS[1:]), symbol="Y_ev"),
    BA_START,
    BA_END,
    UNCERTAINTY,
    Column("pruning_age_start_years", "float", "yr", "期初距上次重修剪的年数",
        "years since the last hard pruning at the start", 0, 60, default=0.0),
    Column("pruning_age_end_years", "float", "yr", "期末距上次重修剪的年数",
        "years since the last hard pruning at the end", 0, 60, default=0.0),
    Column(
        "cleared_stock_t_per_ha", "float", "t d.m./ha",
        "本期内为建园清除的木本地上生物量；前期已扣或没有则填 0",
        "woody above-ground biomass cleared for the garden in this period; 0 if none or deducted before",
        0, 300, symbol="b_cleared",
    ),
)  # fmt: skip

_NITROGEN = (
    Column(
        "n2o_route", "choice", "", "N2O 计量方式（必须选择）", "how nitrous oxide is known (always needed)",
        choices=N2O_ROUTES,
        labels={
            "fertiliser": ("施氮量 × 茶园排放因子", "nitrogen applied × factor of tea"),
            "fertiliser_and_background": ("施氮量 × 因子，另加背景排放",
            "the same and the background emission"),
            "national_mean": ("无施肥记录：全国平均", "no records: national mean"),
            "measured": ("实测通量", "measured flux"),
        },
    ),
    Column("n_synthetic_kg_per_ha_per_year", "float", "kg N/ha/yr", "化肥施氮量（纯氮）",
        "synthetic nitrogen applied", 0, 1500, default=0.0, required_when=_FERTILISER, symbol="N_syn"),
    Column("n_organic_kg_per_ha_per_year", "float", "kg N/ha/yr", "有机肥施氮量（纯氮，不含饼肥）",
        "organic nitrogen applied, oil-cake apart", 0, 1500, default=0.0, required_when=_FERTILISER,
        symbol="N_org"),
    Column("n_oilcake_kg_per_ha_per_year", "float", "kg N/ha/yr", "饼肥施氮量（纯氮）",
        "nitrogen of oil-cake applied", 0, 1500, default=0.0, symbol="N_cake"),
    Column("n2o_n_kg_per_ha_per_year", "float", "kg N2O-N/ha/yr", "实测 N2O-N 年通量",
        "measured yearly flux of N2O-N", -5, 100, default=0.0, required_when=_MEASURED_N2O, symbol="F_N"),
    Column(
        "baseline_n_record", "choice", "", "基准期施肥记录（现有茶园；没有记录则全部扣除）",
        "records of nitrogen in the baseline (existing garden; without them everything is deducted)",
        choices=RECORDS,
        labels={"none": ("无", "none"), "records": ("有", "available")},
        default="none",
    ),
    Column("baseline_n_synthetic_kg_per_ha_per_year", "float", "kg N/ha/yr", "基准期化肥施氮量",
        "synthetic nitrogen in the baseline", 0, 1500, default=0.0, required_when=_RECORDS, symbol="N_syn,0"),
    Column("baseline_n_organic_kg_per_ha_per_year", "float", "kg N/ha/yr", "基准期有机肥施氮量",
        "organic nitrogen in the baseline", 0, 1500, default=0.0, required_when=_RECORDS, symbol="N_org,0"),
    Column("baseline_n_oilcake_kg_per_ha_per_year", "float", "kg N/ha/yr", "基准期饼肥施氮量",
        "nitrogen of oil-cake in the baseline", 0, 1500, default=0.0, symbol="N_cake,0"),
    Column("baseline_n2o_n_kg_per_ha_per_year", "float", "kg N2O-N/ha/yr", "基准期实测 N2O-N 年通量",
        "measured flux of N2O-N in the baseline", -5, 100, default=0.0, symbol="F_N,0"),
)  # fmt: skip

_SOIL = (
    *soil.COLUMNS,
    Column(
        "soil_route", "choice", "", "土壤有机碳（缺省不计入）",
        "soil organic carbon (not credited by default)",
        choices=SOIL_ROUTES,
        labels={"off": ("不计入增加", "no gain credited"),
            "measured": ("实测（0–30 cm，等质量）", "measured, 0–30 cm, equal mass")},
        default="off",
    ),
    Column("soc_change_tc_per_ha", "float", "tC/ha", "本期土壤碳变化（项目减基准线，0–30 cm，等质量校正）",
        "change of soil carbon in the period, project minus baseline, 0–30 cm, equal mass", -60, 60,
        default=0.0, required_when=_MEASURED_SOIL, symbol="ΔSOC"),
    Column("soc_half_width_tc_per_ha", "float", "tC/ha", "该变化的半置信区间（90 %）",
        "half-width of its confidence interval, 90 %", 0, 60, default=0.0, required_when=_MEASURED_SOIL,
        symbol="h_SOC"),
)  # fmt: skip

COLUMNS = (*_PARCEL, *_NITROGEN, *_SOIL, *emissions.COLUMNS)
