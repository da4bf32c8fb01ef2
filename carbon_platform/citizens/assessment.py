"""Acts through the act methodology: exact grams of both grades, and the digests that replay them.

A batch is computed in one run of the contract per day; every act keeps the digest that computing it alone
would give, so that an explanation years later needs the act only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from carbon_platform.citizens.rules import MILLI
from methodologies.contract import Findings, Methodology, Quantification, run
from methodologies.digest import digests_alone
from methodologies.validation import canonical

# Every act is computed alone, under this label: the digest of the same act is the same everywhere.
LABEL = "act"
# What is remembered at most; a city rides the same buses.
_REMEMBERED = 65_536

Circumstances = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Assessment:
    """Exact grams, not yet whole. ``points_g``: P grade; ``creditable_g``: C grade (0: not creditable)."""

    points_g: float
    creditable_g: float
    quantification: Quantification


@dataclass(frozen=True, slots=True)
class Grams:
    """An assessment without its frame: what intake needs of it."""

    points_g: float
    creditable_g: float
    parameter_digest: str
    input_digest: str
    code_digest: str


class Asked(NamedTuple):
    """One act to be computed: thousandths of the unit, the day whose parameters apply, further columns."""

    behaviour: str
    quantity_milli: int
    day: str
    circumstances: tuple[tuple[str, float], ...] = ()


_known: dict[tuple[str, Asked], Grams] = {}
# A local extra without a figure: nothing is computed, so there is nothing to replay.
_NOTHING = Grams(0.0, 0.0, "", "", "")


@cache
def _figureless(methodology: Methodology) -> frozenset[str]:
    return frozenset(b.code for b in methodology.behaviours if b.pending and b.local_extra)


def grams(
    methodology: Methodology, behaviour: str, quantity_milli: int, day: str, circumstances: Circumstances = ()
) -> Grams:
    """As :func:`assess`, remembered: a methodology is a pure function.

    Not for checking: whoever recomputes calls :func:`assess`.
    """
    asked = Asked(behaviour, quantity_milli, day, tuple(circumstances))
    return grams_of(methodology, [asked])[asked]


def grams_of(methodology: Methodology, wanted: Iterable[Asked]) -> dict[Asked, Grams]:
    """As :func:`grams` for many acts: one run of the contract per day for those not remembered.

    Errors: ``InvalidRows`` if any row is outside what the methodology declares.
    """
    key = methodology.key
    found: dict[Asked, Grams] = {}
    missing: dict[str, dict[Asked, None]] = {}
    figureless = _figureless(methodology)
    for asked in wanted:
        if asked.behaviour in figureless:
            found[asked] = _NOTHING
            continue
        known = _known.get((key, asked))
        if known is None:
            missing.setdefault(asked.day, {})[asked] = None
        else:
            found[asked] = known
    for day, rows in missing.items():
        found |= _compute(methodology, list(rows), day)
    return found


def _compute(methodology: Methodology, rows: list[Asked], day: str) -> dict[Asked, Grams]:
    start = date.fromisoformat(day)
    period = (start, start + timedelta(days=1))
    frame = _frame(rows)
    result = run(methodology, frame, period=period, as_of=start)
    values = canonical(methodology.columns, frame, Findings(frame.index))
    digests = digests_alone(methodology.columns, values, len(rows), period, LABEL)
    points, creditable = result.frame["p_grade_g"].tolist(), result.frame["c_grade_g"].tolist()
    computed = {
        asked: Grams(points[n], creditable[n], result.parameter_digest, digests[n], result.code_digest)
        for n, asked in enumerate(rows)
    }
    if len(_known) + len(computed) > _REMEMBERED:
        _known.clear()
    _known.update(((methodology.key, asked), one) for asked, one in computed.items())
    return computed


def _frame(rows: Sequence[Asked], labels: Sequence[str] | None = None) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        "code": [row.behaviour for row in rows],
        "quantity": [row.quantity_milli / MILLI for row in rows],
    }
    for name in sorted({name for row in rows for name, _ in row.circumstances}):
        columns[name] = [dict(row.circumstances).get(name, 0.0) for row in rows]
    return pd.DataFrame(columns, index=list(labels or range(len(rows))))


def quantity_max_milli(methodology: Methodology) -> int:
    """The most one record may hold, as the methodology declares its quantity column."""
    return round((methodology.column("quantity").high or 0) * MILLI)


def assess(
    methodology: Methodology, behaviour: str, quantity_milli: int, day: str, circumstances: Circumstances = ()
) -> Assessment:
    """Compute ``quantity_milli`` thousandths of the unit, with the parameters of that day (ISO)."""
    start = date.fromisoformat(day)
    frame = _frame([Asked(behaviour, quantity_milli, day, tuple(circumstances))], [LABEL])
    result = run(methodology, frame, period=(start, start + timedelta(days=1)), as_of=start)
    row = result.frame.loc[LABEL]
    return Assessment(float(row["p_grade_g"]), float(row["c_grade_g"]), result)
