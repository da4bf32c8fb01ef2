"""One act through the act methodology: exact grams of both grades, and the digests that replay them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

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


@dataclass(frozen=True)
class Grams:
    """An assessment without its frame: what intake needs of it."""

    points_g: float
    creditable_g: float
    parameter_digest: str
    input_digest: str
    code_digest: str


@lru_cache(maxsize=16_384)
def grams(methodology: Methodology, behaviour: str, quantity_milli: int, day: str) -> Grams:
    """As :func:`assess`, remembered: a methodology is a pure function, and a city rides the same buses.

    Not for checking: whoever recomputes calls :func:`assess`.
    """
    full = assess(methodology, behaviour, quantity_milli, day)
    q = full.quantification
    return Grams(full.points_g, full.creditable_g, q.parameter_digest, q.input_digest, q.code_digest)


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
