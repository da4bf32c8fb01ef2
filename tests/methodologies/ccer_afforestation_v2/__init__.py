"""A second version beside the first, as the revised text will need one: for tests only, its numbers invented.

It changes one parameter (``parameters.toml``: K_RISK) and one rule (the discount of AR-TOOL14 on the
half-width in place of cn_arcm); everything else is that of version 1.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from methodologies import ccer_afforestation_v1 as v1
from methodologies.ccer_afforestation_v1.checks import review
from methodologies.ccer_afforestation_v1.rules import rules
from methodologies.declaration import Case
from methodologies.forest import SCHEMES
from methodologies.parameters import ParameterSet

_FOLDER = Path(__file__).parent
_DISCOUNT = SCHEMES["ar_tool14"]
_KEPT = {
    parameter.name: parameter
    for parameter in v1.METHODOLOGY.parameters
    if not parameter.name.startswith("cn_arcm_")
}
_STEPS = tuple(
    dataclasses.replace(
        step, formula=(Case("{tree_route} == 'none'", "0"), *_DISCOUNT.cases()), source="CDM AR-TOOL14 v04.2"
    )
    if step.name == "unc"
    else step
    for step in v1.METHODOLOGY.steps
)
_CHECK, _QUANTIFY = rules(_DISCOUNT)

METHODOLOGY = dataclasses.replace(
    v1.METHODOLOGY,
    version=2,
    title_zh="造林碳汇（第二版，测试用）",
    title_en="CCER afforestation, second version for tests",
    source="a test",
    folder=_FOLDER,
    parameters=ParameterSet(
        {**_KEPT, **_DISCOUNT.parameters(), **ParameterSet.load(_FOLDER / "parameters.toml").parameters}
    ),
    steps=_STEPS,
    check=_CHECK,
    review=review,
    quantify=_QUANTIFY,
    libraries=(*v1.METHODOLOGY.libraries, v1.FOLDER),
)
