"""One act through the act methodology: exact grams of both grades, and the digests that replay them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from carbon_platform.citizens.rules import MILLI
from methodologies.contract import Methodology, Quantification, run

# Every act is computed alone, under this label: the digest of the same act is the same everywhere.
LABEL = "act"


@dataclass(frozen=True)
class Assessment:
    """Exact grams, not yet whole. ``points_g``: P grade; ``creditable_g``: C grade (0: not creditable)."""

    points_g: float
    creditable_g: float
    quantification: Quantification


def quantity_max_milli(methodology: Methodology) -> int:
    """The most one record may hold, as the methodology declares its quantity column."""
    return round((methodology.column("quantity").high or 0) * MILLI)


def assess(methodology: Methodology, behaviour: str, quantity_milli: int, day: str) -> Assessment:
    """Compute ``quantity_milli`` thousandths of the unit, with the parameters of that day (ISO)."""
    start = date.fromisoformat(day)
    frame = pd.DataFrame({"code": [behaviour], "quantity": [quantity_milli / MILLI]}, index=[LABEL])
    result = run(methodology, frame, period=(start, start + timedelta(days=1)), as_of=start)
    row = result.frame.loc[LABEL]
    return Assessment(float(row["p_grade_g"]), float(row["c_grade_g"]), result)
