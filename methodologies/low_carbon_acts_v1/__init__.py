"""Personal low-carbon acts, 居民低碳行为, version 1: first codes of the Xinyang catalogue.

**Boundary.** One row is one act of one person: a code and a quantity in the unit of that code (a ride, a
kilometre, a meal, a kWh). The estimate is grams of CO2e avoided against a baseline mode; it is a personal
reduction (碳减排量), neither points nor a credit.

**Two grades.** ``p_grade_g`` (积分级) is simple and motivating and feeds points; it is never issued.
``c_grade_g`` (可计入级) is conservative: mean baseline, substitution applied, zero where the act is not
creditable, and never above the P-grade. Only it could enter an issuance batch; ``net_t`` is the C-grade in
tonnes. Whole grams are made by the platform, which floors once.

**Baseline.** 行: 133 g/pkm for a car (8.0 L/100 km, 2.16 kg CO2/L, 1.3 persons) against 56 g/pkm by bus for
the P-grade, the mean motorised mix for the C-grade; 20 % of walks and 31 % of bicycle trips replace such a
trip. 住: the household's own three-year mean of the month. Boundary of every factor: direct energy use;
life-cycle factors are not mixed in.

**Left out, and why.** The other codes of the proposed 40: their figures are recalled or depend on a method
not seen. The list is Xinyang's own arrangement in the seven categories (衣 食 住 行 用 办公 数字金融), not
the text of T/ACEF 031-2022. Local extras that rest on a sink or rice project are worth 0 creditable grams,
because the project claims them.

**Caps** stand in the catalogue (``METHODOLOGY.behaviours``) and are applied by the platform, which knows
the person's day; duplicates and plausibility are its business too.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from methodologies.columns import Column
from methodologies.declaration import Behaviour, Case, Example, Methodology, Step
from methodologies.low_carbon_acts_v1.behaviours import load_behaviours
from methodologies.low_carbon_acts_v1.model import check_with, quantify_with
from methodologies.parameters import ParameterSet

_FOLDER = Path(__file__).parent
_SOURCE = "carbon-inclusion practice: reduction = activity × factor"
_PARAMETERS = ParameterSet.load(_FOLDER / "parameters.toml")
_BEHAVIOURS = load_behaviours(_FOLDER / "behaviours.toml", _PARAMETERS)


def behaviours() -> tuple[Behaviour, ...]:
    """The catalogue: codes, names, units, categories and caps."""
    return _BEHAVIOURS


def _factor_cases(parameter_of: str) -> tuple[Case, ...]:
    named = [(behaviour.code, getattr(behaviour, parameter_of)) for behaviour in _BEHAVIOURS]
    cases = [Case(f"{{code}} == '{code}'", f"{{{name}}}") for code, name in named if name]
    return (*cases, Case("", "0"))


_COLUMNS = (
    Column(
        "code", "choice", "", "行为代码", "code of the act",
        choices=tuple(behaviour.code for behaviour in _BEHAVIOURS),
        labels={behaviour.code: (behaviour.name_zh, behaviour.name_en) for behaviour in _BEHAVIOURS},
    ),
    Column(
        "quantity", "float", "1", "数量（单位随行为代码：次、公里、餐、千瓦时…）",
        "quantity, in the unit of the code: rides, km, meals, kWh …", 0, 1000, extensive=True, symbol="q",
    ),
)  # fmt: skip

_STEPS = (
    Step(
        "p_factor_g", "f_P", "g CO2e", _factor_cases("p_parameter"),
        "每单位减排量（积分级）", "reduction per unit, points grade", "1", _SOURCE,
    ),
    Step(
        "c_factor_g", "f_C", "g CO2e", _factor_cases("c_parameter"),
        "每单位减排量（可计入级，不可计入为 0）", "reduction per unit, creditable grade; 0 if not creditable",
        "1", _SOURCE,
    ),
    Step(
        "p_grade_g", "P", "g CO2e", "{quantity} * {p_factor_g}",
        "积分级减排量", "reduction, points grade", "2", _SOURCE, total=True,
    ),
    Step(
        "c_grade_g", "C", "g CO2e", "min({p_grade_g}, {quantity} * {c_factor_g})",
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
    """One act of each code."""
    quantities = {
        "XI14": 8.4,
        "XI14b": 1.0,
        "SH03": 1.0,
        "XI16": 3.2,
        "XI17": 5.5,
        "SJ37": 2.0,
        "SJ36": 1.0,
        "ZH08": 23.5,
    }
    rows = {"code": list(quantities), "quantity": list(quantities.values())}
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
