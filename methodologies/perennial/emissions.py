"""Fuel and electricity of the period (能源排放), equations and computation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import values_of
from methodologies.columns import Column
from methodologies.declaration import Step
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]

COLUMNS = (
    Column(
        "diesel_l", "float", "L",
        "本期整地、抚育、采运柴油用量（全地块合计）", "diesel used on the parcel over the whole period", 0,
        1e7,
        extensive=True, symbol="V_diesel",
    ),
    Column(
        "petrol_l", "float", "L",
        "本期汽油用量（全地块合计）", "petrol used on the parcel over the whole period", 0, 1e7,
        default=0.0, extensive=True, symbol="V_petrol",
    ),
    Column(
        "electricity_kwh", "float", "kWh",
        "本期用电量（全地块合计，如灌溉水泵）", "electricity used on the parcel over the whole period, "
        "such as pumps",
        0, 1e8, default=0.0, extensive=True, symbol="Q_el",
    ),
    Column(
        "leakage_tco2e", "float", "tCO2e",
        "泄漏：因农业活动转移造成的排放（无转移填 0）",
        "leakage: emissions from agriculture displaced (0 if none is)", 0, 1e6,
        default=0.0, extensive=True, symbol="LK",
    ),
)  # fmt: skip

STEPS = (
    Step(
        "e_fuel_t", "E_fuel", "tCO2e", "{diesel_l} * {ef_diesel} + {petrol_l} * {ef_petrol}",
        "燃油排放", "emission from fuel", "E1", "VM0051 v1.1 p. 52", total=True,
    ),
    Step(
        "e_electricity_t", "E_el", "tCO2e", "{electricity_kwh} * {ef_grid} / 1000",
        "用电排放（河南省因子）", "emission from electricity, factor of Henan", "E2",
        "MEE electricity factors",
        total=True,
    ),
)  # fmt: skip


def energy(frame: pd.DataFrame, p: ParametersInForce) -> dict[str, Array]:
    """``e_fuel_t`` and ``e_electricity_t``, t CO2e over the period."""
    return {
        "e_fuel_t": values_of(frame, "diesel_l") * p.ef_diesel + values_of(frame, "petrol_l") * p.ef_petrol,
        "e_electricity_t": values_of(frame, "electricity_kwh") * p.ef_grid / 1000,
    }
