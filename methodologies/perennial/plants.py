"""Measured plants to plots (样木 → 样地): stems measured one by one, biomass by a single-plant equation.

``AGB = a·(D²H)^b`` of :mod:`methodologies.forest` (a congener, named as such), or a local equation
``W = a·x^b·exp(s²/2)`` whose coefficients and source stand on the line. Stems of one plant are summed
(``sum``) or taken as one of the equivalent diameter ``sqrt(Σ d²)`` and their mean height (``equivalent``);
for an exponent below 1 over D²H the second gives less.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import Period, Preparation
from methodologies.forest.allometry import EQUATIONS, organ_mass
from methodologies.forest.estimate import estimate_strata
from methodologies.forest.sampling import horizontal_share
from methodologies.forest.tables import OUTPUTS, SOURCE, SURVEYS, Role
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
STEM_RULES = ("sum", "equivalent")
FORMS = ("default", "local_d2h", "local_d", "local_ca_h", "local_cv", "local_d_cw_h")
_LOCAL = ("equation", FORMS[1:])
_EQUATION = EQUATIONS["camellia_japonica"]
_KG_PER_T = 1000

COLUMNS = (
    Column("stratum", "text", "", "碳层", "stratum"),
    Column("stratum_area_ha", "float", "ha", "碳层面积（同一碳层各行相同）",
        "area of the stratum, the same on all its lines", 1e-4, 1e7),
    Column("plot", "text", "", "样地号", "number of the permanent plot"),
    Column("plot_area_ha", "float", "ha", "样地面积（沿坡面量）",
        "area of the plot, measured along the slope",
        5e-4, 1, symbol="A_p"),
    Column("slope_pct", "float", "%", "坡度（超过 10 % 时折算水平面积）",
        "slope; above 10 % the area is reduced to the horizontal", 0, 200, default=0.0, symbol="S"),
    Column("survey", "choice", "", "调查期次", "which survey", choices=SURVEYS,
        labels={"start": ("期初", "start of the period"), "end": ("期末", "end of the period")}),
    Column("plant", "text", "", "植株编号", "code of the plant"),
    Column("stem", "int", "", "茎序号", "number of the stem", 1, 200, default=1),
    Column("diameter_cm", "float", "cm", "直径（空样地填一行 0）",
        "diameter; one line with 0 for an empty plot", 0, 60,
        symbol="D"),
    Column("height_m", "float", "m", "树高", "height", 0, 20, symbol="H"),
    Column("diameter_at", "choice", "", "直径测位", "where the diameter was measured",
        choices=("breast", "ground"), default="breast",
        labels={"breast": ("胸径（1.3 m）", "at 1.3 m"), "ground": ("地径", "at the ground")}),
    Column("stem_rule", "choice", "", "多茎处理", "how stems of one plant are joined", choices=STEM_RULES,
        default="sum", labels={"sum": ("逐茎求和", "summed"),
        "equivalent": ("等效直径", "equivalent diameter")}),
    Column("equation", "choice", "", "生物量方程", "biomass equation", choices=FORMS, default="default",
        labels={
            "default": ("缺省：山茶 D²H（代用种）", "default: Camellia japonica over D²H (proxy species)"),
            "local_d2h": ("本地：a·(D²H)^b", "local: a·(D²H)^b"),
            "local_d": ("本地：a·D^b", "local: a·D^b"),
            "local_ca_h": ("本地：a·(冠幅面积·H)^b", "local: a·(crown area·H)^b"),
            "local_cv": ("本地：a·冠体积^b", "local: a·(crown volume)^b"),
            "local_d_cw_h": ("本地：a·D^b·CW^c·H^d", "local: a·D^b·CW^c·H^d"),
        }),
    Column("crown_width_1_m", "float", "m", "冠幅一", "crown width, first direction", 0, 20, default=0.0,
        required_when=("equation", ("local_ca_h", "local_cv", "local_d_cw_h")), symbol="CW1"),
    Column("crown_width_2_m", "float", "m", "冠幅二", "crown width, second direction", 0, 20, default=0.0,
        required_when=("equation", ("local_ca_h", "local_cv", "local_d_cw_h")), symbol="CW2"),
    Column("crown_height_m", "float", "m", "冠高", "height of the crown", 0, 20, default=0.0,
        required_when=("equation", ("local_cv",)), symbol="Hc"),
    Column("local_a", "float", "1", "本地方程系数 a（kg）", "coefficient a of the local equation, kg", 0, 1e3,
        default=0.0, required_when=_LOCAL, symbol="a"),
    Column("local_b", "float", "1", "本地方程指数 b", "exponent b of the local equation", -5, 10, default=1.0,
        required_when=_LOCAL, symbol="b"),
    Column("local_c", "float", "1", "本地方程指数 c（冠幅）", "exponent c, of the crown width", -5, 10,
        default=0.0,
        required_when=("equation", ("local_d_cw_h",)), symbol="c"),
    Column("local_d", "float", "1", "本地方程指数 d（树高）", "exponent d, of the height", -5, 10,
        default=0.0,
        required_when=("equation", ("local_d_cw_h",)), symbol="d"),
    Column("local_mse", "float", "1", "对数残差均方 s²（系数 a 已含校正时填 0）",
        "residual mean square s² of the logarithms; 0 if a holds the correction already", 0, 2, default=0.0,
        symbol="s²"),
    Column("local_roots_included", "bool", "", "本地方程是否已含根",
        "whether the local equation includes roots",
        default=False),
    Column("local_d_low_cm", "float", "cm", "本地方程适用直径下限", "smallest diameter of the local sample",
        0, 60,
        default=0.0, required_when=_LOCAL),
    Column("local_d_high_cm", "float", "cm", "本地方程适用直径上限", "largest diameter of the local sample",
        0, 60,
        default=60.0, required_when=_LOCAL),
    Column("local_source", "text", "", "本地方程来源（文献或报告、样本数、R²）",
        "source of the local equation: paper or report, n, R²", default="", required_when=_LOCAL),
)  # fmt: skip


def plants_preparation(fills: Mapping[Role, Column]) -> Preparation:
    """Table ``plants``: one line per stem, joined on ``stratum``; ``fills`` as for the forest tables."""
    columns: dict[Role, Column] = {**OUTPUTS, **fills}
    names = {role: column.name for role, column in columns.items()}

    def compute(
        table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
    ) -> pd.DataFrame:
        plots = per_plot(table, plant_kg(table, p, findings), findings)
        return estimate_strata(plots, "stratum", findings, with_roots=False, names=names)

    return Preparation(
        name="plants",
        title_zh="样木表",
        title_en="measured plants",
        key="stratum",
        columns=COLUMNS,
        outputs=tuple(column for role, column in columns.items() if not role.startswith("roots")),
        compute=compute,
        unique=("stratum", "plot", "survey", "plant", "stem"),
        source=f"{SOURCE}; {_EQUATION.source}",
        meaning_zh="固定样地内每株每茎一行，两次调查都填（期初尚未种植时只填期末）；由直径、树高（或本地方程的冠幅）"
        "求地上生物量，再到样地和碳层。",
        meaning_en="One line per plant and stem of each permanent plot at both surveys (at the end only "
        "where "
        "nothing was planted yet); above-ground biomass from diameter and height (or crown, for a local "
        "equation), then plots and strata.",
    )


def plant_kg(table: pd.DataFrame, p: ParametersInForce, findings: Findings) -> Array:
    """Above-ground dry mass each line stands for, kg; lines of one plant add up to the plant."""
    d, h, share = _joined_stems(table)
    form = table["equation"].cat.codes.to_numpy()
    empty = d == 0
    _check_lines(table, d, h, form, empty, findings)
    default = form == 0
    kg = np.zeros(len(table))
    if default.any():
        kg[default] = organ_mass(_EQUATION, "d2h", "above", d[default], h[default], p)
    local = ~default & ~empty
    if local.any():
        mass = _local_mass(table, d, h, form)
        roots = table["local_roots_included"].to_numpy()
        kg[local] = np.where(roots, mass / (1 + p.root_shoot), mass)[local]
    return kg * share


def _joined_stems(table: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Diameter and height to put into the equation, and the share of the plant a line then stands for."""
    d, h = table["diameter_cm"].to_numpy(), table["height_m"].to_numpy()
    keys = ["stratum", "plot", "survey", "plant"]
    plant = table.groupby(keys, sort=False, observed=True).ngroup().to_numpy()
    stems = np.bincount(plant).astype(np.float64)[plant]
    joined = table["stem_rule"].cat.codes.to_numpy() == STEM_RULES.index("equivalent")
    together = np.sqrt(np.bincount(plant, d * d)[plant])
    mean_height = np.bincount(plant, h)[plant] / stems
    return np.where(joined, together, d), np.where(joined, mean_height, h), np.where(joined, 1 / stems, 1.0)


def _local_mass(table: pd.DataFrame, d: Array, h: Array, form: npt.NDArray[np.integer]) -> Array:
    """kg by the local equation of each line; meaningless where the line has none."""
    width = (table["crown_width_1_m"] + table["crown_width_2_m"]).to_numpy() / 2
    area = np.pi / 4 * (table["crown_width_1_m"] * table["crown_width_2_m"]).to_numpy()
    volume = area * 2 / 3 * table["crown_height_m"].to_numpy()  # an ellipsoid, π/6·CW1·CW2·Hc
    x = np.choose(np.maximum(form - 1, 0), [d * d * h, d, area * h, volume, d])
    a, b, c, e = (table[f"local_{letter}"].to_numpy() for letter in "abcd")
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = a * x**b * np.exp(table["local_mse"].to_numpy() / 2)
        shaped: Array = np.where(form == FORMS.index("local_d_cw_h"), mass * width**c * h**e, mass)
    return shaped


def per_plot(table: pd.DataFrame, kg: Array, findings: Findings) -> pd.DataFrame:
    """One line per plot and survey: ``stratum``, its area, ``plot``, ``survey``, ``above`` (t/ha), ``roots``.

    Where no plot was measured at the start (nothing planted yet) its stock there is 0.
    """
    area_ha = table["plot_area_ha"].to_numpy() * horizontal_share(table["slope_pct"].to_numpy())
    _check_plot_area(table, area_ha, findings)
    lines = table[["stratum", "stratum_area_ha", "plot"]].assign(
        survey=table["survey"].astype(str), above=kg / area_ha / _KG_PER_T, roots=0.0
    )
    by = ["stratum", "plot", "survey"]
    how = {"stratum_area_ha": "first", "above": "sum", "roots": "sum"}
    plots = lines.groupby(by, sort=True, as_index=False).agg(how)
    if len(plots) and not (plots["survey"] == "start").any():
        plots = pd.concat([plots.assign(survey="start", above=0.0), plots], ignore_index=True)
    return plots


def _check_plot_area(table: pd.DataFrame, area_ha: Array, findings: Findings) -> None:
    """One area and slope per plot, one area per stratum."""
    strata = table["stratum_area_ha"].to_numpy()
    for column, by, values in (
        ("plot_area_ha", ["stratum", "plot"], area_ha),
        ("stratum_area_ha", ["stratum"], strata),
    ):
        group = table.groupby(by, sort=False).ngroup().to_numpy()
        first = np.unique(group, return_index=True)[1]
        findings.where(
            values != values[first][group],
            column=column,
            values=table[column].to_numpy(),
            unit="ha",
            allowed=f"the same on every line of a {by[-1]}",
            zh="第 {row} 行 {column} 为 {value}，与同一样地（碳层）其他行的面积或坡度不一致。各只有一个，"
            "请更正。",
            en="Line {row}: {column} is {value}; area or slope differ from other lines of the plot or "
            "stratum. "
            "Each has one; correct it.",
        )


def _check_lines(
    table: pd.DataFrame, d: Array, h: Array, form: npt.NDArray[np.integer], empty: Mask, findings: Findings
) -> None:
    default = (form == 0) & ~empty
    e = _EQUATION
    for column, values, low, high, unit in (
        ("diameter_cm", d, e.d_low, e.d_high, "cm"),
        ("height_m", h, e.h_low, e.h_high, "m"),
        ("diameter_cm", d * d * h, e.d2h_low, e.d2h_high, "cm²·m (D²H)"),
    ):
        assert low is not None and high is not None
        _outside(
            findings,
            default & ((values < low) | (values > high)),
            values,
            column,
            unit,
            f"{low:g} – {high:g}",
        )
    low_cm, high_cm = table["local_d_low_cm"].to_numpy(), table["local_d_high_cm"].to_numpy()
    beyond = (form > 0) & ~empty & ((d < low_cm) | (d > high_cm))
    _outside(findings, beyond, d, "diameter_cm", "cm", "local_d_low_cm – local_d_high_cm")
    ground = default & (table["diameter_at"].cat.codes.to_numpy() == 1)
    findings.where(
        ground, column="diameter_at", values=d, unit="cm", allowed="breast",
        zh="第 {row} 行用地径（{value} cm）代入胸径方程，请复核；分叉低于 1.3 m 时应逐茎测 1.3 m 处直径。",
        en="Line {row} puts a ground diameter ({value} cm) into an equation over the diameter at 1.3 m; "
        "review it. "
        "Measure each stem at 1.3 m where a plant forks below.",
        severity="review",
    )  # fmt: skip
    leads = (form > 0) & ~table.duplicated(["local_source", "equation"]).to_numpy()
    findings.where(
        leads, column="local_source", values=np.asarray(table["local_source"].astype(object)), unit="",
        allowed="approved equations",
        zh="第 {row} 行起使用本地方程（来源：{value}）。主管部门认可前，结果只是试算。",
        en="From line {row} on a local equation is used (source: {value}). Until the authority accepts it, "
        "results are an estimate.",
        severity="review",
    )  # fmt: skip


def _outside(findings: Findings, mask: Mask, values: Array, column: str, unit: str, allowed: str) -> None:
    findings.where(
        mask, column=column, values=values, unit=unit, allowed=allowed,
        zh="第 {row} 行 {column} 为 {value} {unit}，超出方程适用范围 {allowed}。请核对；"
        "过小的植株期末可不计（保守）；期初不可略去，按范围下限计，否则增长偏高。",
        en="Line {row}: {column} is {value} {unit}, outside the range {allowed} of the equation. Check it; "
        "at the end, plants too small may be left out, which is conservative. At the start count them at the "
        "lower end of the range, or growth is overstated.",
    )  # fmt: skip
