"""Cells (单元格) of whole columns: one value stands for all rows where all rows hold the same.

In a run most columns hold one value: what nobody gave, one scheme, one county. :func:`repeated` keeps such a
column as a single cell that is read again and again (stride 0), :func:`values_of` and :func:`codes_of` give
that cell alone, and what is computed from single cells is again a single cell. numpy applies the same
operation either way, so figures are the same to the last bit; :func:`spread` gives every row its value in
the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def repeated(cell: Any, rows: int) -> Any:
    """``rows`` times the one cell (a value, or an array of one), without storing them; read-only."""
    return np.broadcast_to(cell, rows)


def compact(values: npt.NDArray[Any]) -> Any:
    """The values; where two or more are all the same, one of them repeated."""
    if len(values) < 2 or values.strides == (0,) or values[0] != values[-1]:
        return values
    return repeated(values[:1].copy(), len(values)) if (values == values[0]).all() else values


def narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The one cell as an array of length 1 if it is repeated, else the values as they are."""
    return values[:1] if values.strides == (0,) else values


def values_of(frame: pd.DataFrame, name: str) -> Any:
    """The values of a column: as many as rows, or one if all rows hold the same (see :func:`narrow`)."""
    return narrow(frame[name].to_numpy())


def codes_of(frame: pd.DataFrame, name: str) -> npt.NDArray[np.integer[Any]]:
    """Positions of a choice column in its choices, as :func:`values_of` gives values."""
    cells: Any = frame[name].array
    found: npt.NDArray[np.integer[Any]] = narrow(cells.codes)
    return found


def among(frame: pd.DataFrame, name: str, choices: tuple[str, ...]) -> Mask:
    """Where a choice column holds one of these choices."""
    cells: Any = frame[name].array
    places, known = narrow(cells.codes), list(cells.categories)
    found = np.zeros(len(places), dtype=np.bool_)
    for choice in choices:
        if choice in known:
            found |= places == known.index(choice)
    return found


def either(rows: Mask, yes: Any, no: Any) -> Any:
    """``np.where``, but where all rows or none are meant that side itself, as an array and uncopied."""
    if not rows.any():
        return np.atleast_1d(no)
    return np.atleast_1d(yes) if rows.all() else np.where(rows, yes, no)


def on(rows: Mask, compute: Callable[..., Array], *columns: Array, other: float = 0.0) -> Array:
    """``compute`` of the columns on these rows, ``other`` elsewhere; never called where there are none."""
    if not rows.any():
        return np.array([other])
    if rows.all():
        return compute(*columns)
    values = np.full(len(rows), other)
    values[rows] = compute(*(cells if len(cells) == 1 else cells[rows] for cells in columns))
    return values


def ratio(above: Array, below: Array, rows: Mask) -> Array:
    """``above / below`` on these rows, 0 elsewhere (where ``below`` may be 0)."""
    if not rows.any():
        return np.zeros(1)
    if rows.all():
        return np.asarray(above / below)
    return np.divide(above, below, out=np.zeros(len(rows)), where=rows)


def spread(columns: Mapping[str, Any], index: pd.Index) -> pd.DataFrame:
    """The columns side by side, each with a value for every row; what is long enough is not copied."""
    rows = len(index)
    full = {name: cells if len(cells) == rows else repeated(cells, rows) for name, cells in columns.items()}
    return pd.DataFrame(full, index=index, copy=False)
