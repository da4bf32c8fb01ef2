"""Error propagation after IPCC 2006 Vol. 1 Ch. 3 (误差传递), beside the Monte Carlo analysis.

- Eq. 3.1, product: ``U = √ΣU_i²``
- Eq. 3.2, sum: ``U = √Σ(U_i · x_i)² / |Σx_i|``

U is half of the 95 % interval in percent of the value. Both hold for **independent** quantities only. A
reduction is the difference of two emissions that share their factors, and parcels share them too: applied
mechanically (:func:`mechanical`), Eq. 3.2 gives too much for the difference and too little for the sum over
parcels. What is common must be factored out first (``ER = EF_c · K``), or, which comes to the same to first
order, the derivative of the net figure by each parameter taken once (:func:`first_order`).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from methodologies.declaration import NET, Methodology, Quantification, Step
from methodologies.errors import InvalidDeclaration
from methodologies.formula import parse
from methodologies.uncertainty.draws import half_width, is_drawn
from methodologies.uncertainty.simulation import Model
from methodologies.uncertainty.strata import plain_values

Array = npt.NDArray[Any]
# 97.5 % quantile of the standard normal: from a standard deviation to half of the 95 % interval.
Z = 1.96
_STEP = 1e-4  # of half the interval: small enough for a derivative, large enough for doubles

WARNING_ZH = (
    "逐级套用 IPCC 式 3.1、3.2 时，各项被当作互相独立；而基准线与项目、各地块共用同一批因子，差值因此被高估、"
    "多地块合计被低估。以共用抽样的蒙特卡洛结果为准；一阶偏导法把共用因子只计一次，可作对照。"
)
WARNING_EN = (
    "Applied step by step, IPCC Eqs 3.1 and 3.2 treat all terms as independent. Baseline, project and "
    "parcels share their factors: the difference is overstated and the sum over many parcels understated. "
    "The Monte Carlo result with shared draws holds; the first-order figure counts each shared factor once "
    "and is for comparison."
)


def product_pct(percents: Iterable[float]) -> float:
    """Eq. 3.1: uncertainty of a product of independent quantities, in percent."""
    return math.sqrt(math.fsum(percent**2 for percent in percents))


def sum_pct(values: Iterable[float], percents: Iterable[float]) -> float:
    """Eq. 3.2: uncertainty of a sum of independent quantities, in percent of the sum; ZeroDivisionError when
    the sum is zero."""
    pairs = list(zip(values, percents, strict=True))
    half = math.sqrt(math.fsum((percent * value) ** 2 for value, percent in pairs))
    return half / abs(math.fsum(value for value, _ in pairs))


@dataclass(frozen=True)
class Propagation:
    """Half of the 95 % interval of the net figure, t CO2e and percent of it (None where it is zero)."""

    net_t: float
    first_order_t: float
    mechanical_t: float

    def record(self) -> dict[str, Any]:
        """Plain values with the warning that belongs to them."""
        return {
            "first_order_t": self.first_order_t,
            "first_order_pct": self._pct(self.first_order_t),
            "mechanical_t": self.mechanical_t,
            "mechanical_pct": self._pct(self.mechanical_t),
            "warning_zh": WARNING_ZH,
            "warning_en": WARNING_EN,
        }

    def _pct(self, half: float) -> float | None:
        return half / abs(self.net_t) * 100 if self.net_t else None


def propagate(methodology: Methodology, quantification: Quantification) -> Propagation:
    """Both ways at once."""
    parts = first_order(methodology, quantification)
    return Propagation(
        net_t=quantification.net_t,
        first_order_t=math.sqrt(math.fsum(part**2 for part in parts.values())),
        mechanical_t=mechanical(methodology, quantification),
    )


def first_order(methodology: Methodology, quantification: Quantification) -> dict[str, float]:
    """Half-interval of the net figure due to each parameter and each measured column alone, t CO2e.

    ``∂net/∂x · half(x)`` by central difference; for a column the root of the sum of squares over parcels.
    """
    table = methodology.parameters.at(quantification.as_of).table
    varying = sorted(name for name, parameter in table.items() if is_drawn(parameter))
    fixed = {name: parameter.value for name, parameter in table.items()}
    model = Model(methodology, quantification, fixed, frozenset(varying), (NET,), {})
    trials = 2 * len(varying) or 1
    moved = {name: np.full(trials, fixed[name]) for name in varying}
    for place, name in enumerate(varying):
        step = _STEP * half_width(table[name])
        moved[name][2 * place] += step
        moved[name][2 * place + 1] -= step
    totals, _ = model.run(lambda names: {name: moved[name] for name in names}, trials, 0)
    net = totals[NET]
    parts = {
        name: float(net[2 * place] - net[2 * place + 1]) / (2 * _STEP) for place, name in enumerate(varying)
    }
    return parts | _column_parts(methodology, quantification)


def _column_parts(methodology: Methodology, quantification: Quantification) -> dict[str, float]:
    parts = {}
    inputs = quantification.frame[[column.name for column in methodology.columns]]
    for column in methodology.columns:
        if column.error is None:
            continue
        values = inputs[column.name].to_numpy()
        half = Z * column.error.sd * (np.abs(values) if column.error.kind == "relative" else 1.0)
        sides = []
        for sign in (1.0, -1.0):
            moved = inputs.assign(**{column.name: values + sign * _STEP * half})
            p = methodology.parameters.at(quantification.as_of)
            sides.append(methodology.quantify(moved, period=quantification.period, p=p)[NET].to_numpy())
        parts[column.name] = float(np.linalg.norm((sides[0] - sides[1]) / (2 * _STEP)))
    return parts


def mechanical(methodology: Methodology, quantification: Quantification) -> float:
    """Half-interval of the net figure with Eqs 3.1 and 3.2 applied at every operation and over the parcels,
    as if nothing were shared; t CO2e."""
    return float(np.linalg.norm(_Mechanical(methodology, quantification).named(NET).half))


class Spread(NamedTuple):
    """A value and half of its 95 % interval, per row."""

    value: Array
    half: Array


class _Mechanical:
    def __init__(self, methodology: Methodology, quantification: Quantification) -> None:
        self.steps: Mapping[str, Step] = {step.name: step for step in methodology.steps}
        self.columns = {column.name: column for column in methodology.columns}
        self.table = methodology.parameters.at(quantification.as_of).table
        self.period = quantification.period.terms()
        self.frame = quantification.frame
        self.none = np.zeros(len(quantification.frame))
        self.known: dict[str, Spread] = {}

    def named(self, name: str) -> Spread:
        if name not in self.known:
            self.known[name] = self._made(name)
        return self.known[name]

    def _made(self, name: str) -> Spread:
        if name in self.steps:
            return self._step(self.steps[name])
        if name in self.columns:
            values, error = plain_values(self.frame[name]), self.columns[name].error
            if error is None:
                return Spread(values, self.none)
            size = np.abs(values) if error.kind == "relative" else np.ones_like(values)
            return Spread(values, Z * error.sd * size)
        if name in self.period:
            return Spread(self.none + self.period[name], self.none)
        parameter = self.table[name]
        return Spread(self.none + parameter.value, self.none + half_width(parameter))

    def _step(self, step: Step) -> Spread:
        result = Spread(self.none, self.none)
        waiting = np.ones(len(self.none), dtype=np.bool_)
        with np.errstate(all="ignore"):  # branches that do not hold for a row may divide by zero there
            for case in step.cases:
                holds = waiting
                if case.when:
                    holds = waiting & np.asarray(self._read(parse(case.when)).value, dtype=np.bool_)
                if holds.any():
                    found = self._read(parse(case.formula))
                    result = Spread(
                        *(np.where(holds, new, old) for new, old in zip(found, result, strict=True))
                    )
                waiting = waiting & ~holds
        return result

    def _read(self, node: ast.expr) -> Spread:
        match node:
            case ast.Constant(value=value):
                return Spread(np.full(len(self.none), value), self.none)
            case ast.Name(id=name):
                return self.named(name)
            case ast.BinOp(left=left, op=op, right=right):
                return _binary(op, self._read(left), self._read(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Spread(np.logical_not(self._read(operand).value), self.none)
            case ast.UnaryOp(operand=operand):
                found = self._read(operand)
                return Spread(-found.value, found.half)
            case ast.BoolOp(op=op, values=parts):
                fold = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return Spread(fold.reduce([self._read(part).value for part in parts]), self.none)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return Spread(_COMPARE[type(op)](self._read(left).value, self._read(right).value), self.none)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return _function(name, [self._read(argument) for argument in arguments])
        raise InvalidDeclaration(ast.unparse(node), "this form is not allowed in an equation")


_COMPARE: Mapping[type[ast.cmpop], Any] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


def _binary(op: ast.operator, a: Spread, b: Spread) -> Spread:
    """Eq. 3.2 for sums and differences; Eq. 3.1 for products, written so that it also holds at zero."""
    match op:
        case ast.Add():
            return Spread(a.value + b.value, np.hypot(a.half, b.half))
        case ast.Sub():
            return Spread(a.value - b.value, np.hypot(a.half, b.half))
        case ast.Mult():
            return Spread(a.value * b.value, np.hypot(a.half * b.value, b.half * a.value))
        case ast.Div():
            ratio = a.value / b.value
            return Spread(ratio, np.hypot(a.half / b.value, ratio * b.half / b.value))
    power = np.power(a.value, b.value)
    by_base = b.value * np.power(a.value, b.value - 1) * a.half
    by_exponent = np.where(b.half > 0, np.log(np.where(a.value > 0, a.value, 1.0)) * power * b.half, 0.0)
    return Spread(power, np.hypot(by_base, by_exponent))


def _function(name: str, arguments: list[Spread]) -> Spread:
    first = arguments[0]
    if name in {"min", "max"}:
        compare = np.less if name == "min" else np.greater
        for other in arguments[1:]:
            chosen = compare(other.value, first.value)
            first = Spread(*(np.where(chosen, new, old) for new, old in zip(other, first, strict=True)))
        return first
    match name:
        case "exp":
            return Spread(np.exp(first.value), np.exp(first.value) * first.half)
        case "ln":
            return Spread(np.log(first.value), first.half / np.abs(first.value))
        case "sqrt":
            root = np.sqrt(first.value)
            return Spread(root, np.where(root > 0, first.half / (2 * np.where(root > 0, root, 1.0)), 0.0))
        case "abs":
            return Spread(np.abs(first.value), first.half)
    return Spread(np.floor(first.value), np.zeros_like(first.half))
