"""Personal low-carbon acts, 居民低碳行为, version 1: the Xinyang catalogue of forty codes.

**Boundary.** One row is one act of one person: a code and a quantity in the unit of that code (a ride, a
kilometre, a meal, a kWh). The estimate is grams of CO2e avoided against a baseline; it is a personal
reduction (碳减排量), neither points nor a credit. Travel counts fuel and power generation; life-cycle figures
stand in their own set, and the catalogue refuses an act that would mix the two.

**Equation.** reduction = activity × (EF_baseline − EF_behaviour) × substitution × (1 − discount). Where the
terms are known they are parameters of their own: car, bus, e-bike, the grid factor of the day, the mean mix,
the shares of substitution, the discounts. Elsewhere the catalogue's figure per unit is one parameter with
its source and status.

**Two grades.** ``p_grade_g`` (积分级) is simple and motivating and feeds points; it is never issued. Its
figure per unit is whole grams, as the catalogue prints it. ``c_grade_g`` (可计入级) is conservative: mean
baseline, substitution and discount applied, not rounded, zero where the act is not creditable, and never
above the P-grade. Only it could enter an issuance batch; ``net_t`` is the C-grade in tonnes.

**Baseline.** 行: a car at 133 g/pkm (8.0 L/100 km, 2.16 kg CO2/L, 1.3 persons) for the P-grade; for the
C-grade of buses the mean mix of car 55 %, bus 25 %, e-bike 20 %; 20 % of walks and 31 % of cycle trips
replace a car trip. 住: the household's own three-year mean of the month, at the Henan electricity factor in
force (``grid_factors.toml`` keeps year, purpose and notice number).

**No figure yet.** Trade-in (YO27), second-hand sale (YO28), certified products (YO31) and the local extras
(BD41 – BD45) are declared without a figure; rows of them are refused. Local extras are never creditable: the
sink or rice project behind them claims the tonnes. Where the creditable grade waits for a method text (PV
self-use, pooling, phones) it is zero.

**Not the standard.** The list is Xinyang's own arrangement in the seven categories (衣 食 住 行 用 办公
数字金融), not the text of T/ACEF 031-2022; codes stay, figures are replaced when the paid texts are at hand.
Recycled materials (YO25), tickets (SJ39) and cases (SJ40) have one code each per kind.

**Caps** stand in the catalogue (``METHODOLOGY.behaviours``) and are applied by the platform, which knows
the person's day; duplicates and plausibility are its business too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pandas as pd

from methodologies.columns import Column
from methodologies.declaration import Behaviour, Case, Example, Methodology, Step
from methodologies.low_carbon_acts_v1.behaviours import load_behaviours
from methodologies.low_carbon_acts_v1.grid import demand_same, load_grid
from methodologies.low_carbon_acts_v1.model import (
    APPLIANCE,
    MEETING,
    REMOTE_DAY,
    check_with,
    quantify_with,
)
from methodologies.parameters import ParameterSet

_FOLDER = Path(__file__).parent
_SOURCE = "carbon-inclusion practice: reduction = activity × (EF_baseline − EF_behaviour) × substitution"
_PARAMETERS = ParameterSet.load(_FOLDER / "parameters.toml")
_BEHAVIOURS = load_behaviours(_FOLDER / "behaviours.toml", _PARAMETERS)
_GRID = load_grid(_FOLDER / "grid_factors.toml")
demand_same(_GRID, _PARAMETERS.get("grid_henan_g_per_kwh"), region="henan", purpose="points")


def behaviours() -> tuple[Behaviour, ...]:
    """The catalogue: codes, names, units, categories and caps."""
    return _BEHAVIOURS


def _cases(formulas: Iterable[tuple[str, str]], otherwise: str) -> tuple[Case, ...]:
    chosen = [Case(f"{{code}} == '{code}'", formula) for code, formula in formulas if formula]
    return (*chosen, Case("", otherwise))


def _label(behaviour: Behaviour) -> tuple[str, str]:
    if behaviour.pending:
        return f"{behaviour.name_zh}（尚无系数，不受理）", f"{behaviour.name_en} (no figure yet, refused)"
    return behaviour.name_zh, behaviour.name_en


def _needing(column: str) -> tuple[str, tuple[str, ...]]:
    return "code", tuple(behaviour.code for behaviour in _BEHAVIOURS if column in behaviour.needs)


_COLUMNS = (
    Column(
        "code", "choice", "", "行为代码", "code of the act",
        choices=tuple(behaviour.code for behaviour in _BEHAVIOURS),
        labels={behaviour.code: _label(behaviour) for behaviour in _BEHAVIOURS},
    ),
    Column(
        "quantity", "float", "1", "数量（单位随行为代码：次、公里、餐、千瓦时…）",
        "quantity, in the unit of the code: rides, km, meals, kWh …", 0, 1000, extensive=True, symbol="q",
    ),
    Column(
        "avoided_km", "float", "km", "每人免去的行程（在线会议、远程办公）",
        "trip avoided per person: online meeting, remote day", 0, 5000, default=0.0,
        required_when=_needing("avoided_km"), symbol="d",
    ),
    Column(
        "meeting_h", "float", "h", "在线会议时长", "length of the online meeting", 0, 24, default=0.0,
        required_when=_needing("meeting_h"), symbol="h",
    ),
    Column(
        "saved_kwh_per_year", "float", "kWh/year", "每台家电比参照型号每年少用的电",
        "electricity an appliance saves per year against its reference", 0, 5000, default=0.0,
        required_when=_needing("saved_kwh_per_year"), symbol="ΔW",
    ),
)  # fmt: skip

_STEPS = (
    Step(
        "p_factor_g", "f_P", "g CO2e", _cases(((b.code, b.p_formula) for b in _BEHAVIOURS), "0"),
        "每单位减排量（积分级）", "reduction per unit, points grade", "1", _SOURCE,
    ),
    Step(
        "c_factor_g", "f_C", "g CO2e", _cases(((b.code, b.c_formula) for b in _BEHAVIOURS), "0"),
        "每单位减排量（可计入级，不可计入为 0）", "reduction per unit, creditable grade; 0 if not creditable",
        "1", _SOURCE,
    ),
    Step(
        "p_grade_g", "P", "g CO2e",
        _cases(
            (
                (
                    MEETING,
                    "{quantity} * (min({avoided_km}, {meeting_km_max}) * {p_factor_g}"
                    " - {meeting_h} * {ef_meeting_g_per_h})",
                ),
                (REMOTE_DAY, "{quantity} * {avoided_km} * {p_factor_g}"),
                (APPLIANCE, "{quantity} * {saved_kwh_per_year} * {p_factor_g}"),
            ),
            "{quantity} * {p_factor_g}",
        ),
        "积分级减排量", "reduction, points grade", "2", _SOURCE, total=True,
    ),
    Step(
        "c_grade_g", "C", "g CO2e", "min(max({p_grade_g}, 0), {quantity} * {c_factor_g})",
        "可计入级减排量（不高于积分级）", "reduction, creditable grade, never above the points grade", "3",
        _SOURCE,
        total=True,
    ),
    Step(
        "net_t", "ER", "tCO2e", "{c_grade_g} / 1000000",
        "可计入减排量（吨）", "creditable reduction in tonnes", "4", _SOURCE, total=True,
    ),
)  # fmt: skip


def example() -> Example:
    """One act of each kind: travel by distance and by ride, home, meals, office, recycling, finance."""
    quantities = {
        "XI14": 8.4,
        "XI14b": 1.0,
        "SH03": 1.0,
        "XI16": 3.2,
        "XI17": 5.5,
        "XI19": 36.0,
        "SJ37": 2.0,
        "SJ36": 1.0,
        "ZH08": 23.5,
        "ZH12": 1.0,
        "YO25-pet": 0.4,
        "BG32": 6.0,
        "BG35": 1.0,
    }
    rows: dict[str, list[str] | list[float]] = {
        "code": list(quantities),
        "quantity": list(quantities.values()),
    }
    rows["avoided_km"] = [{"BG32": 12.0, "BG35": 9.5}.get(code, 0.0) for code in quantities]
    rows["meeting_h"] = [{"BG32": 1.5}.get(code, 0.0) for code in quantities]
    rows["saved_kwh_per_year"] = [{"ZH12": 45.0}.get(code, 0.0) for code in quantities]
    frame = pd.DataFrame(rows, index=pd.Index([f"示例-{code}" for code in quantities]))
    return Example(frame, (date(2026, 11, 1), date(2026, 12, 1)), date(2026, 11, 1))


METHODOLOGY = Methodology(
    id="low_carbon_acts",
    version=1,
    title_zh="居民低碳行为",
    title_en="Personal low-carbon acts",
    source="Proposed catalogue for Xinyang in the seven categories of T/ACEF 031-2022 (not its text)",
    subject="act",
    folder=_FOLDER,
    columns=_COLUMNS,
    parameters=_PARAMETERS,
    steps=_STEPS,
    quantify=quantify_with(_BEHAVIOURS),
    check=check_with(_BEHAVIOURS),
    example=example,
    gwp_set="as published",
    # Half a ride does not exist, so splitting an act is refused rather than summed.
    additive=False,
    unit_note_zh="克 CO2e（P 级用于积分，C 级可计入）；正值为减排",
    unit_note_en="g CO2e, P-grade for points, C-grade creditable; positive is a reduction",
    narrative=__doc__ or "",
    behaviours=_BEHAVIOURS,
)
