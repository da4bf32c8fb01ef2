"""Monte Carlo (蒙特卡洛): a methodology's own equations over thousands of drawn parameter sets.

**One draw per parameter and trial**, shared by baseline, project and every parcel: what is unknown about a
factor is unknown in the same way everywhere, so it cancels where it appears on both sides. Independent draws
would inflate the spread of a difference and, over many parcels, average away. Only measurement errors of
columns (``Column.error``) are drawn for each parcel anew.

The declared steps are evaluated, not the model; tests and the conformance kit hold the two together. So a
methodology whose templates are complete has an uncertainty analysis without a line of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, ColumnError
from methodologies.declaration import NET, PERIOD_TERMS, Methodology, Quantification
from methodologies.errors import MethodologyError
from methodologies.formula import parse
from methodologies.uncertainty import draws
from methodologies.uncertainty.linear import Reader
from methodologies.uncertainty.programs import Program
from methodologies.uncertainty.strata import (
    Degree,
    Strata,
    collapse,
    columns_behind,
    degree,
    same_values,
    uncollapsed,
)
from methodologies.uncertainty.vectorised import BLOCK, Graph, Node

Array = npt.NDArray[np.float64]
# A size that was drawn at or below zero counts as next to nothing, never as nothing or less.
_TINY = float(np.finfo(np.float64).tiny)
# Parcels that collapse to less than one in so many are computed together, whatever else could be told apart.
_FEW = 4
_REACH = 9.0  # standard deviations; a draw beyond them is one in 10¹⁸


class NotSimulable(MethodologyError):
    """Some trial has no finite result."""

    code = "methodology.not_simulable"
    zh = (
        "方法学 {key} 有 {count} 次抽样得不到有限的结果（如负数开方、除以零）。请维护人检查参数的分布与范围。"
    )
    en = (
        "Methodology {key} gives no finite result in {count} trial(s), such as a root of a negative number "
        "or a division by zero. Its maintainer must check distributions and ranges."
    )


@dataclass(frozen=True)
class Simulation:
    """Sums over all parcels, one per trial.

    ``totals``: per step asked for, (trials,). ``parameters``: the draws of each parameter that varies,
    (trials,). ``errors``: per column with a measurement error, the error of the whole area in that trial, in
    the column's unit (added up where the column is a size, else the mean by size); for ranking only.
    ``rows``: rows computed, ``parcels``: parcels they stand for.
    """

    key: str
    trials: int
    seed: int
    totals: Mapping[str, Array]
    parameters: Mapping[str, Array]
    errors: Mapping[str, Array]
    rows: int
    parcels: int

    @property
    def net_t(self) -> Array:
        """The net figure per trial, t CO2e."""
        return self.totals[NET]


@dataclass(frozen=True)
class Addend:
    """One term of the sum a step is: ``sign · expression``."""

    output: str
    sign: float
    expression: ast.expr


def simulate(
    methodology: Methodology,
    quantification: Quantification,
    *,
    trials: int,
    seed: int,
    outputs: tuple[str, ...] = (NET,),
    held: Mapping[str, float] | None = None,
    errors: Mapping[str, ColumnError] | None = None,
) -> Simulation:
    """Repeat a run ``trials`` times with drawn parameters and drawn measurement errors.

    ``quantification``: the run, as :func:`methodologies.contract.run` returned it. ``outputs``: steps to add
    up. ``held``: parameters kept at a given value in every trial. ``errors``: measurement errors instead of
    the declared ones. Raises :class:`NotDrawable` and :class:`NotSimulable`.
    """
    in_force = methodology.parameters.at(quantification.as_of).table
    varying = {
        name: parameter
        for name, parameter in in_force.items()
        if draws.is_drawn(parameter) and name not in (held or {})
    }
    drawn: dict[str, Array] = {}

    def drawn_for(names: Iterable[str]) -> Mapping[str, Array]:
        for name in names:
            if name not in drawn:
                drawn[name] = draws.draw(varying[name], trials, seed)
        return drawn

    fixed = {name: parameter.value for name, parameter in in_force.items()} | dict(held or {})
    model = Model(methodology, quantification, fixed, frozenset(varying), outputs, errors)
    totals, found = model.run(drawn_for, trials, seed)
    bad = sum(int((~np.isfinite(total)).sum()) for total in totals.values())
    if bad:
        raise NotSimulable(key=methodology.key, count=bad)
    return Simulation(
        methodology.key, trials, seed, totals, drawn, found, model.rows, len(quantification.frame)
    )


class Model:
    """The equations of a run, ready for any number of trials.

    ``fixed``: values of parameters; those in ``varying`` come per trial instead.
    """

    def __init__(
        self,
        methodology: Methodology,
        quantification: Quantification,
        fixed: Mapping[str, float],
        varying: frozenset[str],
        outputs: tuple[str, ...],
        errors: Mapping[str, ColumnError] | None = None,
    ) -> None:
        given = {c.name: c.error for c in methodology.columns if c.error} if errors is None else dict(errors)
        self.outputs = outputs
        addends = [addend for name in outputs for addend in _addends(methodology, name)]
        self.parts: list[Part] = []
        few = max(1, len(quantification.frame) // _FEW)
        for group in _independent(methodology, addends, given, together=True):
            part = Part(methodology, quantification, group, fixed, varying, given)
            apart = _independent(methodology, group, given, together=False)
            if part.strata.rows > few and len(apart) > 1:
                # What they share is not worth the strata they spoil for each other.
                self.parts += [
                    Part(methodology, quantification, members, fixed, varying, given) for members in apart
                ]
            else:
                self.parts.append(part)

    @property
    def rows(self) -> int:
        """Rows left to compute in each trial, of the part that needs most (1: sums alone are enough)."""
        return max((part.strata.rows for part in self.parts if part.program.by_class), default=1)

    def run(self, drawn_for: Any, trials: int, seed: int) -> tuple[dict[str, Array], dict[str, Array]]:
        """(total per output, error per column): arrays over the trials."""
        totals = {name: np.zeros(trials) for name in self.outputs}
        errors: dict[str, Array] = {}
        for part in self.parts:
            part.run(drawn_for, totals, errors, seed)
        return totals, errors


class Part:
    """Addends that share sizes or errors, and the strata they are computed on."""

    def __init__(
        self,
        methodology: Methodology,
        quantification: Quantification,
        addends: list[Addend],
        fixed: Mapping[str, float],
        varying: frozenset[str],
        errors: Mapping[str, ColumnError],
    ) -> None:
        self.addends = addends
        behind = columns_behind(methodology, [addend.expression for addend in addends])
        self.columns = {column.name: column for column in methodology.columns if column.name in behind}
        self.errors = {name: error for name, error in errors.items() if name in self.columns}
        self.strata = _strata(methodology, quantification.frame, addends, self.columns, self.errors)
        self.graph = Graph(self.strata.rows)
        self._period = quantification.period.terms()
        self._fixed, self._varying = fixed, varying
        self._nodes: dict[str, Node] = {}
        sizes = frozenset(
            name
            for name, column in self.columns.items()
            if column.extensive and (self.strata.values[name] > 0).all()
        )
        reader = Reader(methodology, self.graph, self._term, sizes)
        sums = [(addend, one) for addend in addends for one in reader.sums_of(addend.expression)]
        self.targets = [(addend.output, addend.sign) for addend, _ in sums]
        self.program = Program(self.graph, [one for _, one in sums])
        self.parameters = [node.name for node in self.program.inputs if node.name in varying]

    def _term(self, name: str) -> Node:
        if name not in self._nodes:
            self._nodes[name] = self._made(name)
        return self._nodes[name]

    def _made(self, name: str) -> Node:
        if name in self._varying:
            return self.graph.moving(name, per_row=False)
        if name in self.errors:
            return self.graph.moving(name, per_row=True)
        if name in self.columns:
            return self.graph.column(self.strata.values[name])
        value = self._period[name] if name in PERIOD_TERMS else self._fixed[name]
        return self.graph.constant(value)

    def run(self, drawn_for: Any, totals: dict[str, Array], errors: dict[str, Array], seed: int) -> None:
        """Add this part's sums to ``totals``, block by block."""
        drawn = drawn_for(self.parameters)
        trials = len(next(iter(totals.values())))
        noises = [Noise(self.columns[name], error, self.strata, seed)
                  for name, error in self.errors.items() if name in self._nodes]  # fmt: skip
        for noise in noises:
            errors[noise.column.name] = np.zeros(trials)

        def block(first: int) -> None:
            count = min(BLOCK, trials - first)
            streams = {noise.column.name: noise.block(first // BLOCK) for noise in noises}
            parameters = dict(drawn)
            for noise in noises if self.graph.rows == 1 else ():
                out = np.empty((count, 1))
                told = errors[noise.column.name][first : first + count]
                streams[noise.column.name](out, told)
                parameters[noise.column.name] = np.concatenate([np.zeros(first), out[:, 0]])

            def draw(name: str, start: int, stop: int, out: Array) -> None:
                streams[name](out, errors[name][first + start : first + stop])

            for target, found in zip(
                self.targets, self.program.run(parameters, first, count, draw), strict=True
            ):
                totals[target[0]][first : first + count] += target[1] * found

        for first in range(0, trials, BLOCK):
            block(first)


class Noise:
    """Drawn values of one column with a measurement error, per stratum."""

    def __init__(self, column: Column, error: ColumnError, strata: Strata, seed: int) -> None:
        self.column, self.seed = column, seed
        self.values: Array = strata.values[column.name].astype(np.float64)
        single = error.sd * self.values if error.kind == "relative" else np.full(strata.rows, error.sd)
        self.sd: Array = single * strata.weight
        # A size is positive; other numbers stay where the column allows them. Most errors are so small that
        # no draw gets there; then nothing needs to be looked at.
        low, high = (_TINY, np.inf) if column.extensive else (column.low, column.high)
        reach = _REACH * self.sd
        self.low = low if (self.values - reach < low).any() else None
        self.high = high if (self.values + reach > high).any() else None
        self.share = np.ones(strata.rows) if column.extensive else strata.count / strata.count.sum()

    def block(self, number: int) -> Any:
        """A function that fills consecutive trials of one block: (trials, rows), and their overall error."""
        stream = draws.stream_of(self.seed, "column", self.column.name, number)
        share = self.sd * self.share

        def fill(out: Array, told: Array) -> None:
            stream.standard_normal(out=out)
            np.matmul(out, share, out=told)
            np.multiply(out, self.sd, out=out)
            np.add(out, self.values, out=out)
            if self.low is not None:
                np.maximum(out, self.low, out=out)
            if self.high is not None:
                np.minimum(out, self.high, out=out)

        return fill


def _strata(
    methodology: Methodology,
    frame: pd.DataFrame,
    addends: list[Addend],
    columns: Mapping[str, Column],
    errors: Mapping[str, ColumnError],
) -> Strata:
    if not methodology.additive:
        return uncollapsed(frame, columns)
    strata = collapse(frame, columns.values())
    same = same_values(strata)
    for name, error in errors.items():
        # The sum of n equal errors of a size is not what one parcel of n times the size has.
        of_a_sum = error.kind == "absolute" and columns[name].extensive
        if of_a_sum or any(
            degree(methodology, addend.expression, name, same) == Degree.OTHER for addend in addends
        ):
            return uncollapsed(frame, columns)
    return strata


def _addends(methodology: Methodology, output: str) -> list[Addend]:
    """A step as a sum of terms: steps that are themselves plain sums are opened."""
    steps = {step.name: step for step in methodology.steps}
    found: list[Addend] = []

    def open_up(node: ast.expr, sign: float) -> None:
        match node:
            case ast.Name(id=name) if name in steps and len(steps[name].cases) == 1:
                inner = parse(steps[name].cases[0].formula)
                if isinstance(inner, ast.Name) or _is_sum(inner):
                    open_up(inner, sign)
                    return
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                open_up(left, sign)
                open_up(right, sign if isinstance(op, ast.Add) else -sign)
                return
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                open_up(operand, -sign)
                return
        found.append(Addend(output, sign, node))

    open_up(ast.Name(output, ast.Load()), 1.0)
    return found


def _is_sum(node: ast.expr) -> bool:
    return (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    )


def _independent(
    methodology: Methodology, addends: list[Addend], errors: Mapping[str, ColumnError], *, together: bool
) -> list[list[Addend]]:
    """Groups of addends, each with strata of its own.

    Those with a common error must share its draws. ``together``: also those with a common size, so that they
    share their work; otherwise only those over exactly the same sizes.
    """
    extensive = {column.name for column in methodology.columns if column.extensive}
    groups: list[tuple[set[str], set[str], list[Addend]]] = []
    for addend in addends:
        behind = columns_behind(methodology, [addend.expression])
        sizes, noisy, members = behind & extensive, behind & set(errors), [addend]
        for other in list(groups):
            if other[0] == sizes or other[1] & noisy or (together and other[0] & sizes):
                groups.remove(other)
                sizes, noisy, members = sizes | other[0], noisy | other[1], other[2] + members
        groups.append((sizes, noisy, members))
    return [members for _, _, members in groups]
