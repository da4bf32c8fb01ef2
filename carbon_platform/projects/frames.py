"""Between the register and a methodology: rows of readings become a frame, a frame becomes plain rows.

Both directions are exact, so that what is stored can be computed again to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from carbon_platform.units import M2_PER_HA
from methodologies.contract import Methodology

# The one input that is never typed in: the register's area.
AREA = "area_ha"
# Parcel id and code, area in m², monitoring record: what decides an input.
Mark = tuple[int, str, float, int | None]


@dataclass(frozen=True)
class ParcelInput:
    """One parcel of a project with its readings of one period; ``values`` is None while they are missing.

    ``record_id`` is the monitoring record they come from: a record is never changed, only superseded."""

    parcel_id: int
    code: str
    county_code: str
    area_m2: float
    values: dict[str, Any] | None
    record_id: int | None = None

    @property
    def mark(self) -> Mark:
        """Two readings of the register with equal marks hold equal inputs."""
        return self.parcel_id, self.code, self.area_m2, self.record_id


def input_frame(methodology: Methodology, inputs: Sequence[ParcelInput]) -> pd.DataFrame:
    """One row per parcel, labelled by its code: the readings plus the register's area in hectares."""
    with_area = any(column.name == AREA for column in methodology.columns)
    rows = [
        (parcel.values or {}) | ({AREA: parcel.area_m2 / M2_PER_HA} if with_area else {}) for parcel in inputs
    ]
    return pd.DataFrame(rows, index=pd.Index([parcel.code for parcel in inputs], dtype=object))


def plain_rows(frame: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """The named columns row by row as JSON values; dates in ISO form."""
    columns = [_plain(frame[name]) for name in names]
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _plain(cells: pd.Series) -> list[Any]:
    if cells.dtype.kind == "M":
        return [moment.date().isoformat() for moment in cells.tolist()]
    return list(cells.tolist())
