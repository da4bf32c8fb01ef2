"""The peer of M1: the declared equations as bare numpy over clean arrays, one expression after the other.

No validation, no labels, no digest, no frame. Inputs that do not vary are single numbers, and a branch that
no row takes is not computed, as somebody writing the script by hand would do it. As in the product, every
step ends as a column of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from methodologies.contract import NET, Methodology, Quantification
from methodologies.formula import parse

_BINARY: Mapping[type[ast.AST], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_FUNCTIONS: Mapping[str, Any] = {
    "min": lambda *terms: reduce(np.minimum, terms),
    "max": lambda *terms: reduce(np.maximum, terms),
    "exp": np.exp,
    "ln": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "floor": np.floor,
}


class Script:
    """The equations of one run, ready to be computed again and again from its clean inputs."""

    def __init__(self, methodology: Methodology, quantification: Quantification) -> None:
        self.steps, self.rows = methodology.steps, len(quantification.frame)
        parameters = methodology.parameters.at(quantification.as_of).table
        self.values: dict[str, Any] = {name: one.value for name, one in parameters.items()}
        self.values |= quantification.period.terms()
        self.choices = {column.name: column.choices for column in methodology.columns if column.choices}
        for column in methodology.columns:
            self.values[column.name] = _clean(quantification.frame[column.name], column.kind)

    def net_t(self) -> Any:
        """The net figure of each row."""
        return self.columns()[NET]

    def columns(self) -> dict[str, Any]:
        """Every step in order, a column each."""
        values = dict(self.values)
        # A branch not taken may divide by zero; its result is not used.
        with np.errstate(all="ignore"):
            for step in self.steps:
                found = self._step(step.cases, values)
                values[step.name] = found if np.ndim(found) else np.full(self.rows, float(found))
        return {step.name: values[step.name] for step in self.steps}

    def _step(self, cases: Any, values: Mapping[str, Any]) -> Any:
        branches: list[tuple[Any, Any]] = []
        for case in cases:
            holds = self._value(parse(case.when), values) if case.when else np.True_
            if not holds.any():
                continue
            branches.append((holds, self._value(parse(case.formula), values)))
            if holds.all():
                break
        result = branches[-1][1]
        for holds, value in reversed(branches[:-1]):
            result = np.where(holds, value, result)
        return result

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return values[name]
            case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=str(word))]):
                return _BINARY[type(op)](values[name], self.choices[name].index(word))
            case (
                ast.Compare(left=left, ops=[op], comparators=[right])
                | ast.BinOp(left=left, op=op, right=right)
            ):
                return _BINARY[type(op)](self._value(left, values), self._value(right, values))
            case ast.UnaryOp(op=op, operand=operand):
                inner = self._value(operand, values)
                return np.logical_not(inner) if isinstance(op, ast.Not) else np.negative(inner)
            case ast.BoolOp(op=op, values=parts):
                join = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return reduce(join, (self._value(part, values) for part in parts))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return _FUNCTIONS[name](*(self._value(argument, values) for argument in arguments))
        raise ValueError(ast.unparse(node))


def _clean(cells: Any, kind: str) -> Any:
    """Codes of choices, days of dates, numbers; one number where all rows hold the same."""
    if kind == "choice":
        plain = cells.cat.codes.to_numpy()
    elif kind == "date":
        plain = cells.to_numpy().astype("datetime64[D]").astype(np.int64)
    elif kind == "text":
        return cells.to_numpy()
    else:
        plain = np.array(cells.to_numpy())
    return plain[0] if (plain == plain[0]).all() else plain
