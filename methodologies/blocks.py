"""Computation in blocks (分块计算): a model sees so many rows at a time that its arrays stay in the cache.

A row's figures do not depend on the rows beside it (the conformance kit holds every methodology to that), so
cutting a frame changes no figure. Outputs are checked block by block while they are at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.beside import Hands
from methodologies.errors import InvalidOutput

Array = npt.NDArray[np.float64]
BLOCK_ROWS = 65_536


class Outputs:
    """Columns filled in block by block; one whose rows all hold the same value is stored as that value."""

    def __init__(self, names: list[str], rows: int) -> None:
        self.rows = rows
        self._columns = {name: np.empty(rows) for name in names}
        self._same: dict[str, dict[int, float]] = {name: {} for name in names}

    def put(self, start: int, block: dict[str, Array]) -> None:
        """The figures of the rows from ``start`` on."""
        for name, values in block.items():
            if _same_bits(values):
                self._same[name][start] = float(values[0])
            else:
                self._columns[name][start : start + len(values)] = values

    def columns(self) -> dict[str, Array]:
        """Every column, whole; those of one value are read-only and take no room."""
        return {name: self._whole(name) for name in self._columns}

    def _whole(self, name: str) -> Array:
        column, same = self._columns[name], self._same[name]
        if len(same) * BLOCK_ROWS >= self.rows:
            values = np.array(list(same.values()))
            if _same_bits(values):
                return np.broadcast_to(values[0], self.rows)
        for start, value in same.items():
            column[start : start + BLOCK_ROWS] = value
        return column


def _same_bits(values: Array) -> bool:
    """Whether all values are one to the last bit, the sign of zero among them."""
    if values.strides == (0,):
        return True
    bits = np.ascontiguousarray(values).view(np.int64)
    return bool(bits[0] == bits[-1]) and bool((bits == bits[0]).all())


def compute(
    quantify: Callable[[pd.DataFrame], Any],
    inputs: pd.DataFrame,
    *,
    key: str,
    declared: list[str],
    hands: Hands,
) -> pd.DataFrame:
    """What ``quantify`` gives for all rows of ``inputs``, checked: columns as declared, finite, same index.

    ``key`` names the methodology in :class:`InvalidOutput`.
    """
    rows = len(inputs)
    check = partial(_checked, key=key, declared=declared)
    if rows <= BLOCK_ROWS:
        whole = inputs.copy(deep=False)
        return pd.DataFrame(check(whole, quantify(whole)), index=inputs.index, copy=False)
    outputs = Outputs(declared, rows)

    def block(start: int) -> None:
        part = inputs.iloc[start : start + BLOCK_ROWS]
        outputs.put(start, check(part, quantify(part)))

    hands.each(block, range(0, rows, BLOCK_ROWS))
    return pd.DataFrame(outputs.columns(), index=inputs.index, copy=False)


def _checked(inputs: pd.DataFrame, outputs: Any, *, key: str, declared: list[str]) -> dict[str, Array]:
    """The columns, once they are as declared: names, index, finite numbers."""
    if not isinstance(outputs, pd.DataFrame):
        reason = f"it returned a {type(outputs).__name__}, not a DataFrame"
        raise InvalidOutput(key=key, reason=reason, reason_zh="返回的不是数据框")
    if list(outputs.columns) != declared:
        wrong = sorted(set(outputs.columns) ^ set(declared)) or "the order of columns"
        raise InvalidOutput(key=key, reason=f"columns differ: {wrong}", reason_zh=f"列不符：{wrong}")
    if outputs.index is not inputs.index and not outputs.index.equals(inputs.index):
        raise InvalidOutput(key=key, reason="the index changed", reason_zh="行标签被改动")
    arrays = {name: outputs[name].to_numpy() for name in declared}
    for name, values in arrays.items():
        if values.dtype != np.float64:
            reason = f"{name} holds {values.dtype}, not finite numbers (float64)"
            raise InvalidOutput(key=key, reason=reason, reason_zh=f"{name} 不是浮点数")
        if not _all_finite(values):
            place = int(np.flatnonzero(~np.isfinite(values))[0])
            row, value = inputs.index[place], values[place]
            reason = f"row {row}, {name}: {value} is not a finite number; all must be finite numbers"
            zh = f"第 {row} 行 {name} 为 {value}，含有非有限数"
            raise InvalidOutput(key=key, reason=reason, reason_zh=zh)
    return arrays


def _all_finite(values: Array) -> bool:
    """One cheap pass where all is well: a sum is finite only if every term is."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())
