"""Input columns beside soil methane: measured factors, other sources, look-back, eligibility, and settings.

Settings are decisions of the authority; they hold for a whole run, so every row carries the same value.
"""

from __future__ import annotations

from methodologies.columns import Column

BASELINE_TYPES = ("unstated", "single", "double", "ratoon")
# Columns that decide how a whole run is computed: a run never mixes two of their values.
SETTINGS = ("ef_c_choice", "n2o_route", "accounting_basis", "credit_n_saving", "indirect_n2o")

_MEASURED_COLUMNS = (
    Column(
        "ch4_route", "choice", "", "甲烷核算路线", "how methane is quantified",
        choices=("default", "measured"),
        labels={
            "default": ("缺省因子", "default factors"),
            "measured": ("实测季节排放", "measured seasonal emission"),
        },
        default="default",
    ),
    Column("stratum", "text", "", "分层代码（箱法实测时填写）", "stratum, where chambers were read",
        default=""),
    Column(
        "measured_uncertainty_pct", "float", "%", "实测减排量的不确定性（VM0051 式 35–38）",
        "uncertainty of the measured reduction, VM0051 Eqs 35–38", 0, 1e6, default=0.0,
        required_when=("ch4_route", ("measured",)), symbol="UNC",
    ),
    Column("soil_factor", "float", "1", "土壤系数 SFs（项目与基准线相同；无缺省值，取 1）",
        "soil factor SFs, the same for project and baseline; no default exists, 1", 0.1, 5, default=1.0,
        symbol="SFs"),
    Column("cultivar_factor", "float", "1", "品种系数 SFr（项目与基准线相同；无缺省值，取 1）",
        "cultivar factor SFr, the same for project and baseline; no default exists, 1", 0.1, 5, default=1.0,
        symbol="SFr"),
)  # fmt: skip


def _amount(name: str, unit: str, zh: str, en: str, symbol: str) -> Column:
    return Column(name, "float", unit, zh, en, 0, 1e6, default=0.0, extensive=True, symbol=symbol)


_SOURCE_COLUMNS = (
    _amount("petrol_l", "L", "项目汽油用量（全地块全年）",
        "petrol of the project, whole parcel and year", "B_p"),
    _amount("baseline_petrol_l", "L", "基准线汽油用量（全地块全年）",
        "petrol of the baseline, whole parcel and year", "B_b"),
    _amount("electricity_kwh", "kWh", "项目用电量（水泵等，全地块全年）",
        "electricity of the project (pumps), whole parcel and year", "Q_p"),
    _amount("baseline_electricity_kwh", "kWh", "基准线用电量（全地块全年）",
        "electricity of the baseline, whole parcel and year", "Q_b"),
    _amount("limestone_t", "t", "项目石灰石用量（全地块全年）", "limestone of the project", "M_ls"),
    _amount("baseline_limestone_t", "t", "基准线石灰石用量（全地块全年）",
        "limestone of the baseline", "M0_ls"),
    _amount("dolomite_t", "t", "项目白云石用量（全地块全年）", "dolomite of the project", "M_do"),
    _amount("baseline_dolomite_t", "t", "基准线白云石用量（全地块全年）",
        "dolomite of the baseline", "M0_do"),
    _amount("imported_manure_t", "t", "项目从边界外新调入的粪肥（全地块全年）",
        "manure newly brought in from outside the boundary", "M_oa"),
    Column("imported_manure_tc_per_t", "float", "tC/t", "外来粪肥含碳量", "carbon content of that manure",
        0, 0.6, default=0.0, symbol="CC"),
    Column("burnt_straw_t_per_ha", "float", "t d.m./ha", "项目焚烧秸秆干重（依法禁止）",
        "straw burnt by the project, dry mass; banned by law", 0, 24, default=0.0, symbol="M_B"),
)  # fmt: skip

_ELIGIBILITY_COLUMNS = (
    Column(
        "baseline_type", "choice", "", "回溯期种植制度（决策树结果）", "cropping of the look-back years",
        choices=BASELINE_TYPES,
        labels={
            "unstated": ("未填", "not stated"),
            "single": ("一季稻", "single rice"),
            "double": ("双季稻", "double rice"),
            "ratoon": ("再生稻", "ratoon rice"),
        },
        default="unstated",
    ),
    Column("lookback_years", "int", "yr", "回溯期年数（未填为 0）", "years of look-back; 0: not stated",
        0, 20, default=0.0),
    Column("weather_lengthened", "bool", "", "有证据证明天气延长了生育期",
        "evidence that weather lengthened the season", default=False),
    Column("irrigation_controlled", "bool", "", "灌排可控的水田", "irrigation and drainage are controllable",
        default=True),
    Column("required_by_rule", "bool", "", "该做法为法规所强制", "the practice is required by rule",
        default=False),
    Column("funded_elsewhere", "bool", "", "同一减排量已在其他机制按吨获得收益",
        "the same tonnes are credited or paid elsewhere", default=False),
    Column("county_adoption_pct", "float", "%", "本县该做法采用率", "adoption of the practice in the county",
        0, 100, default=0.0),
)  # fmt: skip

_SETTING_COLUMNS = (
    Column(
        "ef_c_choice", "choice", "", "基准日排放因子的选择（全批一致）",
        "which daily factor; the same in a whole run", choices=("china", "east_asia"),
        labels={"china": ("中国 1.30", "China 1.30"), "east_asia": ("东亚 1.32", "East Asia 1.32")},
        default="china",
    ),
    Column(
        "n2o_route", "choice", "", "排水 N2O 的核算方式（二者只取其一，全批一致）",
        "how the N2O of drainage is counted: one way, never both", choices=("full", "increment"),
        labels={
            "full": ("两侧全额", "in full on both sides"),
            "increment": ("增量 PE_dry", "increment PE_dry"),
        },
        default="full",
    ),
    Column(
        "accounting_basis", "choice", "", "核算基础（同等产量须主管部门批准，全批一致）",
        "basis of accounting; equal output needs the authority's decision",
        choices=("area", "equal_output"),
        labels={
            "area": ("按面积", "per area"),
            "equal_output": ("同等产量基准线（强度声明）", "equal output, an intensity claim"),
        },
        default="area",
    ),
    Column("credit_n_saving", "bool", "", "计入少施氮的 N2O 减少（须主管部门批准，全批一致）",
        "credit N2O saved by less nitrogen; needs the authority's decision", default=False),
    Column("indirect_n2o", "bool", "", "计入间接 N2O（参数未核实，全批一致）",
        "count indirect N2O; its parameters are unverified", default=False),
)  # fmt: skip

RULE_COLUMNS = (*_MEASURED_COLUMNS, *_SOURCE_COLUMNS, *_ELIGIBILITY_COLUMNS, *_SETTING_COLUMNS)
