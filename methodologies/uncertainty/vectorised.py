"""Equations over many trials and many rows at once, each part computed only where it varies.

A Monte Carlo run needs every equation for T trials × n rows. Few of its parts really vary over both: a
parameter varies by trial only, a column by row only, and a factor chosen by water regime takes as many
values as there are regimes. :class:`Graph` therefore keeps every value by *class* of rows (:class:`Layout`):
an array of shape (t, k), t = 1 or T, k = number of classes, and the class of each row. Only what varies over
trials and over more than ``NARROW`` classes becomes work per trial and row; that work is done in blocks that
stay in the processor's cache.

Values of classes are exact, not grouped by nearness: rows share a class when their numbers are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Codes = npt.NDArray[np.intp]
Operation = Callable[..., Any]

# A value that varies by trial is kept per class, not per row, while the classes are an eighth of the rows,
# or at least so few; and never more than fit beside each other in memory for a block of trials.
NARROW = 32
NARROW_MAX = 256
_SAMPLE = 2048
# Trials per block; each has its own stream of random numbers per column.
BLOCK = 500
# Cells (trials × rows) computed at a time: the arrays in use fit in a core's caches.
CELLS = 1 << 15


@dataclass(eq=False, slots=True)
class Layout:
    """Which class each row belongs to. ``codes`` None: one class for all rows, or (``wide``) each row its
    own."""

    size: int
    codes: Codes | None = None
    wide: bool = False


@dataclass(eq=False, slots=True)
class Node:
    """One value. ``data`` (1, k) where no trial changes it; otherwise ``operation`` over ``arguments``.

    A node with neither is an input: the draws of a parameter (layout of one class) or of a column (wide).
    ``picks``: per argument, which of its classes each class of this node takes (None: broadcast as it is).
    """

    layout: Layout
    data: Array | None = None
    operation: Operation | None = None
    arguments: tuple[Node, ...] = ()
    picks: tuple[Codes | None, ...] = ()
    logical: bool = False
    name: str = ""

    @property
    def moving(self) -> bool:
        """Whether it changes from trial to trial."""
        return self.data is None


LOGICAL = frozenset(
    {
        np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.logical_and,
        np.logical_or, np.logical_not,
    }
)  # fmt: skip


def spread(values: Array, codes: Codes, out: Array | None = None) -> Array:
    """Values per class → values per row, (t, k) → (t, n)."""
    return np.take(values, codes, axis=1, out=out, mode="clip" if out is not None else "raise")


def choose(condition: Array, yes: Array, no: Array, out: Array | None = None) -> Array:
    """``where``; it has no use for a buffer."""
    return np.where(condition, yes, no)


def power(base: Array, exponent: Array, out: Array | None = None) -> Array:
    """``base ** exponent``; over numbers above zero by logarithms, three times as fast and as exact as needed
    (a few units in the sixteenth digit)."""
    if not (base > 0).all():
        return np.power(base, exponent, out=out)
    logarithm = np.log(base)
    return np.exp(np.multiply(logarithm, exponent, out=out), out=out)


def outer_sum(*parts: Array, out: Array | None = None) -> Array:
    """Σ coefficient · column: first the coefficients, (t, 1) each, then as many columns, (1, n) each."""
    half = len(parts) // 2
    trials = max(len(part) for part in parts[:half])
    rows = max(part.shape[1] for part in parts[half:])
    left = np.concatenate([np.broadcast_to(part, (trials, 1)) for part in parts[:half]], axis=1)
    right = np.concatenate([np.broadcast_to(part, (1, rows)) for part in parts[half:]])
    return np.matmul(left, right, out=out)


@dataclass
class Graph:
    """Builds nodes over ``rows`` rows; the same operation on the same nodes is one node."""

    rows: int
    one: Layout = field(default_factory=lambda: Layout(1))
    _known: dict[tuple[Any, ...], Node] = field(default_factory=dict)
    _joints: dict[tuple[int, int], Layout] = field(default_factory=dict)
    _layouts: list[Layout] = field(default_factory=list)
    _constants: dict[Any, Node] = field(default_factory=dict)
    order: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wide = Layout(self.rows, wide=True) if self.rows > 1 else self.one
        self.narrow = min(NARROW_MAX, max(NARROW, self.rows // 8))

    def constant(self, value: Any) -> Node:
        """A literal, the same for all rows and trials."""
        key = (type(value), value)
        if key not in self._constants:
            self._constants[key] = Node(self.one, np.array([[value]]))
        return self._constants[key]

    def column(self, values: Array) -> Node:
        """A column that no trial changes; ``values``: (n,) numbers, flags or words."""
        return self._classified(values)

    def moving(self, name: str, *, per_row: bool) -> Node:
        """Draws that come with each block: of a parameter, (t, 1), or of a column, (t, n)."""
        node = Node(self.wide if per_row else self.one, name=name)
        self.order.append(node)
        return node

    def apply(self, operation: Operation, *arguments: Node) -> Node:
        """The node ``operation(*arguments)``."""
        key = (operation, *map(id, arguments))
        if key not in self._known:
            self._known[key] = self._made(operation, arguments)
        return self._known[key]

    def _made(self, operation: Operation, arguments: tuple[Node, ...]) -> Node:
        layout = self.one
        for argument in arguments:
            layout = self._joint(layout, argument.layout)
        if not any(argument.moving for argument in arguments):
            with np.errstate(all="ignore"):  # a branch not taken may divide by zero; the result is checked
                data = operation(*(self._static(argument, layout) for argument in arguments))
            return (
                self._classified(data[0][codes_of(layout, self.rows)])
                if layout.size > 1
                else Node(self.one, data)
            )
        logical = operation in LOGICAL
        if layout.wide:
            widened = tuple(self._widened(argument) for argument in arguments)
            node = Node(layout, None, operation, widened, (None,) * len(widened), logical)
        else:
            picks = tuple(self._pick(argument.layout, layout) for argument in arguments)
            node = Node(layout, None, operation, arguments, picks, logical)
        self.order.append(node)
        return node

    def _classified(self, values: Array) -> Node:
        """A static column by its distinct values, or row by row where there are too many."""
        if self.rows == 1:
            return Node(self.one, values.reshape(1, 1))
        if values.dtype == np.bool_:
            if values.all() or not values.any():
                return Node(self.one, values[:1].reshape(1, 1))
            return Node(Layout(2, values.astype(np.intp)), np.array([[False, True]]))
        if np.unique(values[:_SAMPLE]).size > self.narrow:  # spares sorting all of a long column
            return Node(self.wide, values.reshape(1, -1))
        distinct, codes = np.unique(values, return_inverse=True)
        if distinct.size == 1:
            return Node(self.one, distinct.reshape(1, 1))
        if distinct.size > self.narrow:
            return Node(self.wide, values.reshape(1, -1))
        return Node(Layout(distinct.size, codes.astype(np.intp)), distinct.reshape(1, -1))

    def _joint(self, first: Layout, second: Layout) -> Layout:
        """The coarsest layout that distinguishes what either distinguishes."""
        if first is second or second.size == 1:
            return first
        if first.size == 1:
            return second
        if first.wide or second.wide:
            return self.wide
        key = (id(first), id(second))
        if key not in self._joints:
            assert first.codes is not None and second.codes is not None
            pair = first.codes * second.size + second.codes
            there = np.zeros(first.size * second.size, dtype=np.bool_)
            there[pair] = True
            size = int(there.sum())
            joint = self.wide
            if size == first.size:
                joint = first
            elif size == second.size:
                joint = second
            elif size <= self.narrow:
                joint = Layout(size, (np.cumsum(there) - 1)[pair])
            self._joints[key] = joint
            self._layouts += (first, second)  # kept, so that their ids are not used again
        return self._joints[key]

    def _pick(self, source: Layout, target: Layout) -> Codes | None:
        """For each class of ``target`` the class of ``source`` its rows are in."""
        if source is target or source.size == 1:
            return None
        assert source.codes is not None and target.codes is not None
        pick = np.zeros(target.size, dtype=np.intp)
        pick[target.codes] = source.codes
        return pick

    def _static(self, node: Node, target: Layout) -> Array:
        assert node.data is not None
        if node.layout is target or node.layout.size == 1:
            return node.data
        if target.wide:
            return spread(node.data, codes_of(node.layout, self.rows))
        pick = self._pick(node.layout, target)
        return node.data if pick is None else node.data[:, pick]

    def _widened(self, node: Node) -> Node:
        """The node as an argument of work per row: one value for all rows, or one for each."""
        if node.layout.size == 1 or node.layout.wide:
            return node
        key = ("widened", id(node))
        if key not in self._known:
            codes = codes_of(node.layout, self.rows)
            if node.data is not None:
                wide = Node(self.wide, spread(node.data, codes))
            else:
                wide = Node(self.wide, None, spread, (node,), (codes,), node.logical)
                self.order.append(wide)
            self._known[key] = wide
        return self._known[key]


def codes_of(layout: Layout, rows: int) -> Codes:
    if layout.wide:
        return np.arange(rows)
    return layout.codes if layout.codes is not None else np.zeros(rows, dtype=np.intp)
