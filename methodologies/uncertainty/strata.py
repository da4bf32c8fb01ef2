"""Strata (层): parcels that an uncertainty analysis may compute together, and when it may.

Where a methodology is additive, parcels with equal inputs per hectare give, together, what one parcel of
their joint size gives; a hundred thousand of them become a thousand rows. Measurement errors are still those
of single parcels: n parcels of shares w_i whose errors are independent have, together, the error of one
parcel times √Σw_i². That is exact in distribution for a normal error where the figure is affine in the
column (:func:`degree`); where it is not, parcels are not collapsed. Should two columns with errors multiply
each other, it is exact up to the product of the two errors.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column
from methodologies.declaration import Methodology, Step
from methodologies.formula import parse

Array = npt.NDArray[np.float64]
Hash = npt.NDArray[np.uint64]
# Ratios of sizes count as equal when they agree in their first 40 bits, that is to 1e-12.
_KEPT_BITS = np.uint64(0xFFFFFFFFFFFFF000)
_HALF_KEPT = np.uint64(0x800)


class Degree(IntEnum):
    """How a value depends on one column: not at all (or it is zero), in proportion, affine, otherwise."""

    ZERO = 0
    CONSTANT = 1
    PROPORTIONAL = 2
    AFFINE = 3
    OTHER = 4


@dataclass(frozen=True)
class Strata:
    """Rows to compute. ``values``: per column an array (rows,); ``weight``: per row √Σw², what an error of a
    single parcel shrinks to; ``count``: parcels per row."""

    values: Mapping[str, Any]
    weight: Array
    count: npt.NDArray[np.intp]

    @property
    def rows(self) -> int:
        return len(self.weight)


def uncollapsed(frame: pd.DataFrame, names: Iterable[str]) -> Strata:
    """Each parcel for itself, in the order of the labels, so that draws do not depend on the order given."""
    order = _label_order(frame.index)
    values = {name: plain_values(frame[name], order) for name in names}
    return Strata(values, np.ones(len(frame)), np.ones(len(frame), dtype=np.intp))


def collapse(frame: pd.DataFrame, columns: Iterable[Column]) -> Strata:
    """Parcels with equal numbers and equal ratios of their sizes, together; sizes are added up.

    ``frame``: canonical inputs; ``columns``: those the figures depend on. The order of the result follows
    from the values alone, not from the order of rows.
    """
    columns = tuple(columns)
    alike = [column for column in columns if not column.extensive]
    values = {column.name: plain_values(frame[column.name]) for column in columns if column.extensive}
    sizes = list(values)
    keys: list[Any] = [_key(frame[column.name]) for column in alike]
    reference = values[sizes[0]] if sizes else np.ones(len(frame))
    with np.errstate(divide="ignore", invalid="ignore"):
        keys += [_rounded(values[name] / reference) for name in sizes[1:]]
    keys.append((reference == 0).astype(np.int64))  # nothing is in proportion to nothing
    first, codes = _groups(keys, len(frame))
    count = np.bincount(codes, minlength=len(first))
    result = {column.name: plain_values(frame[column.name], first) for column in alike}
    result |= {name: np.bincount(codes, weights=values[name], minlength=len(first)) for name in sizes}
    total = np.bincount(codes, weights=reference, minlength=len(first))
    squares = np.bincount(codes, weights=reference * reference, minlength=len(first))
    weight = np.sqrt(np.divide(squares, total * total, out=np.ones(len(first)), where=total > 0))
    return Strata(result, weight, count)


def plain_values(cells: pd.Series, rows: Any = slice(None)) -> Any:
    """Some rows of a canonical column as a numpy array: numbers, flags, words, or dates as whole days."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.cat.categories.to_numpy().astype(str)[cells.cat.codes.to_numpy()[rows]]
    values = cells.to_numpy()[rows]
    if values.dtype.kind == "M":
        # Days since 1 January of year 1, as methodologies.formula.evaluate counts them.
        return values.astype("datetime64[D]").view(np.int64).astype(np.float64) + 719163.0
    return values.astype(str) if values.dtype.kind == "O" else values


def _key(cells: pd.Series) -> Any:
    """Numbers that are equal where the cells are."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.cat.codes.to_numpy().astype(np.int64)
    values = plain_values(cells)
    if values.dtype.kind == "U":
        return pd.factorize(values, sort=True)[0].astype(np.int64)
    return values.astype(np.int64) if values.dtype.kind == "b" else values


def _label_order(index: pd.Index) -> Any:
    if index.is_monotonic_increasing:
        return slice(None)
    return np.array(sorted(range(len(index)), key=index.tolist().__getitem__), dtype=np.intp)


def _groups(keys: list[Any], rows: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """First row and code of each group of rows that agree in every key."""
    total = np.zeros(rows, dtype=np.uint64)
    told = [key for key in keys if len(key) and (key != key[0]).any()]
    for place, key in enumerate(told):
        total = _mixed(total * np.uint64(3) + np.ascontiguousarray(key).view(np.uint64) + np.uint64(place))
    codes, distinct = pd.factorize(total)
    order = np.argsort(distinct)  # the order of the hashes, whatever order the rows come in
    first = np.empty(len(distinct), dtype=np.intp)
    first[codes[::-1]] = np.arange(rows)[::-1]
    first, codes = first[order], np.argsort(order)[codes]
    # Two different rows may share a hash; such a row is left on its own rather than counted as another.
    strange = np.zeros(rows, dtype=np.bool_)
    for key in told:
        strange |= key != key[first][codes]
    if strange.any():
        alone = np.flatnonzero(strange)
        codes[alone] = len(first) + np.arange(len(alone))
        first = np.concatenate([first, alone])
    return first, codes


def _mixed(bits: Hash) -> Hash:
    """Spreads every bit over all others (the finaliser of SplitMix64)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _rounded(ratios: Array) -> Array:
    ratios = np.nan_to_num(ratios, nan=0.0, posinf=np.finfo(np.float64).max)
    bits = (ratios.view(np.uint64) + _HALF_KEPT) & _KEPT_BITS
    rounded: Array = bits.view(np.float64)
    return rounded


def columns_behind(methodology: Methodology, expressions: Iterable[ast.expr]) -> set[str]:
    """Names of everything some expressions depend on: columns, parameters, period terms and steps."""
    steps = {step.name: step for step in methodology.steps}
    found: set[str] = set()
    waiting = [name for expression in expressions for name in _names(expression)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            if name in steps:
                waiting += steps[name].uses
    return found


def _names(expression: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(expression) if isinstance(node, ast.Name)]


def degree(
    methodology: Methodology, expression: ast.expr, column: str, same: Mapping[str, Any] | None = None
) -> Degree:
    """How an expression depends on a column whose values are above zero.

    ``same``: what has one value for all rows and trials; conditions it decides are decided.
    """
    return _Degrees({step.name: step for step in methodology.steps}, column, same or {}).of(expression)


def same_values(strata: Strata) -> dict[str, Any]:
    """The columns that hold one value in every row."""
    return {
        name: values[0].item()
        for name, values in strata.values.items()
        if strata.rows and (values == values[0]).all()
    }


class _Degrees:
    def __init__(self, steps: Mapping[str, Step], column: str, same: Mapping[str, Any]) -> None:
        self.steps, self.column, self.same = steps, column, same
        self.known: dict[str, Degree] = {column: Degree.PROPORTIONAL}

    def named(self, name: str) -> Degree:
        if name not in self.known:
            step = self.steps.get(name)
            nothing = self.same.get(name) in (0, 0.0) and self.same[name] is not False
            self.known[name] = self.step(step) if step else Degree.ZERO if nothing else Degree.CONSTANT
        return self.known[name]

    def step(self, step: Step) -> Degree:
        branches = []
        for case in step.cases:
            truth = self.truth(parse(case.when)) if case.when else True
            if truth is False:
                continue
            if truth is None and self.of(parse(case.when)) > Degree.CONSTANT:
                return Degree.OTHER
            branches.append(self.of(parse(case.formula)))
            if truth is True:
                break
        return _together(branches)

    def truth(self, node: ast.expr) -> bool | None:
        """Whether a condition holds in every row (True), in none (False), or who knows (None)."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                known = [self.truth(part) for part in parts]
                decides = isinstance(op, ast.Or)
                if decides in known:
                    return decides
                return None if None in known else not decides
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                inner = self.truth(operand)
                return None if inner is None else not inner
            case ast.Name(id=name) if name in self.same:
                return bool(self.same[name])
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                pair = self._said(left) + self._said(right)
                return bool(_COMPARE[type(op)](*pair)) if len(pair) == 2 else None
        return None

    def _said(self, node: ast.expr) -> tuple[Any, ...]:
        """The value of a literal or of a name with one value for all, in a tuple; () for anything else."""
        match node:
            case ast.Constant(value=value):
                return (value,)
            case ast.Name(id=name) if name in self.same:
                return (self.same[name],)
        return ()

    def of(self, node: ast.expr) -> Degree:
        match node:
            case ast.Constant(value=value):
                return Degree.ZERO if type(value) in (int, float) and value == 0 else Degree.CONSTANT
            case ast.Name(id=name):
                return self.named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.of(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return _binary(op, self.of(left), self.of(right))
            case ast.Compare(left=left, comparators=[right]):
                together = _together([self.of(left), self.of(right)])
                return Degree.CONSTANT if together <= Degree.PROPORTIONAL else Degree.OTHER
            case ast.Call(func=ast.Name(id="min" | "max" | "abs"), args=arguments):
                together = _together([self.of(argument) for argument in arguments])
                return Degree.OTHER if together == Degree.AFFINE else together
        parts = [self.of(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
                 and not (isinstance(node, ast.Call) and child is node.func)]  # fmt: skip
        return Degree.CONSTANT if all(part <= Degree.CONSTANT for part in parts) else Degree.OTHER


_COMPARE: Mapping[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _together(parts: list[Degree]) -> Degree:
    """Of values that stand beside each other: as terms of a sum, in a comparison, as branches."""
    kinds = set(parts) - {Degree.ZERO}
    if len(kinds) <= 1:
        return kinds.pop() if kinds else Degree.ZERO
    return Degree.OTHER if Degree.OTHER in kinds else Degree.AFFINE


def _binary(op: ast.operator, left: Degree, right: Degree) -> Degree:
    match op:
        case ast.Add() | ast.Sub():
            return _together([left, right])
        case ast.Mult():
            if Degree.ZERO in (left, right):
                return Degree.ZERO
            return max(left, right) if min(left, right) == Degree.CONSTANT else Degree.OTHER
        case ast.Div() if right == Degree.CONSTANT:
            return left
        case ast.Div() if right == Degree.PROPORTIONAL and left in (Degree.ZERO, Degree.PROPORTIONAL):
            return Degree.CONSTANT
    return Degree.CONSTANT if max(left, right) <= Degree.CONSTANT else Degree.OTHER
