"""Equation templates turned into graphs (:mod:`.vectorised`), with what is common kept outside.

While a template is read, each value is held as a sum of terms ``coefficient · core · size``: the coefficient
varies by trial only, ``size`` names the columns that grow with the subject (area, litres), and ``core`` is
the rest. So the area of a parcel, and with it its drawn error, is multiplied in once at the very end, not in
every equation, and a comparison such as ``Δ > 0`` is decided per hectare. This needs sizes above zero; the
caller leaves other columns out of ``sizes``, and they are computed like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from methodologies.declaration import Methodology, Step
from methodologies.errors import InvalidDeclaration
from methodologies.formula import parse
from methodologies.uncertainty.vectorised import Graph, Node, Operation, choose, outer_sum, power

_OPERATIONS: dict[type[ast.AST], Operation] = {
    ast.Pow: power,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_FUNCTIONS: dict[str, Operation] = {
    "min": np.minimum,
    "max": np.maximum,
    "exp": np.exp,
    "ln": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "floor": np.floor,
}
# Of a value per hectare these give the value per hectare: f(a · x) = a · f(x) for every a > 0.
_HOMOGENEOUS = frozenset({"min", "max", "abs"})


@dataclass(frozen=True, slots=True)
class Term:
    """``coefficient · core · Π size``; the coefficient is one value for all rows."""

    coefficient: Node
    core: Node
    size: tuple[str, ...] = ()


Value = tuple[Term, ...]


class Reader:
    """Reads the steps of a methodology into a graph, each when it is first asked for.

    ``terms`` hands over the node of a column, parameter or period term by name. ``sizes`` are the columns
    kept outside as sizes; their nodes come from ``terms`` as well.
    """

    def __init__(
        self, methodology: Methodology, graph: Graph, terms: Callable[[str], Node], sizes: frozenset[str]
    ) -> None:
        self.graph, self.terms, self.sizes = graph, terms, sizes
        self._steps: Mapping[str, Step] = {step.name: step for step in methodology.steps}
        self._values: dict[str, Value] = {}
        self._unit = graph.constant(1.0)

    def value(self, name: str) -> Value:
        """The value of a step, column, parameter or period term."""
        if name not in self._values:
            if name in self._steps:
                self._values[name] = self._step(self._steps[name])
            elif name in self.sizes:
                self._values[name] = (Term(self._unit, self._unit, (name,)),)
            else:
                self._values[name] = self._plain(self.terms(name))
        return self._values[name]

    def sums_of(self, expression: ast.expr) -> list[tuple[Node, Node, tuple[Node, ...]]]:
        """What a :class:`~methodologies.uncertainty.programs.Program` needs to sum it over the rows."""
        terms = self._read(expression)
        return [(t.coefficient, t.core, tuple(self.terms(size) for size in t.size)) for t in terms]

    def _step(self, step: Step) -> Value:
        """The first case that holds. Cases no row is in are not even read: what they use does not matter."""
        taken: list[tuple[Node, Value]] = []
        for case in step.cases:
            if not case.when:
                otherwise = self._read(parse(case.formula))
                break
            condition = self._single(self._read(parse(case.when)))
            if condition.data is not None and not condition.data.any():
                continue
            if condition.data is not None and condition.data.all():
                otherwise = self._read(parse(case.formula))
                break
            taken.append((condition, self._read(parse(case.formula))))
        for condition, value in reversed(taken):
            otherwise = self._chosen(condition, value, otherwise)
        return otherwise

    def _chosen(self, condition: Node, yes: Value, no: Value) -> Value:
        if all(self._is_zero(term) for term in yes + no):
            return no  # whatever the condition, and nobody has to compute it
        size, (first, second) = self._alike(yes, no)
        return self._term(self.graph.apply(choose, condition, first, second), size)

    def _read(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=constant):
                if isinstance(constant, int | float) and not isinstance(constant, bool):
                    constant = float(constant)
                return self._plain(self.graph.constant(constant))
            case ast.Name(id=name):
                return self.value(name)
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self._read(left), self._read(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._apply(np.logical_not, self._read(operand))
            case ast.UnaryOp(operand=operand):
                return self._negative(self._read(operand))
            case ast.BoolOp(op=op, values=parts):
                operation = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return self._folded(operation, [self._read(part) for part in parts])
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                _, nodes = self._alike(self._read(left), self._read(right))
                return self._plain(self.graph.apply(_OPERATIONS[type(op)], *nodes))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, [self._read(argument) for argument in arguments])
        raise InvalidDeclaration(ast.unparse(node), "this form is not allowed in an equation")

    def _call(self, name: str, arguments: list[Value]) -> Value:
        if name not in _HOMOGENEOUS:
            return self._apply(_FUNCTIONS[name], *arguments)
        size, nodes = self._alike(*arguments)
        result = nodes[0]
        for node in nodes[1:]:
            result = self.graph.apply(_FUNCTIONS[name], result, node)
        if len(nodes) == 1:
            result = self.graph.apply(_FUNCTIONS[name], result)
        return self._term(result, size)

    def _binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        match op:
            case ast.Add():
                return self._sum(left, right)
            case ast.Sub():
                return self._sum(left, right, np.subtract)
            case ast.Mult() if len(left) == 1 or len(right) == 1:
                return self._product(left, right) if len(right) == 1 else self._product(right, left)
            case ast.Mult():
                return self._apply(np.multiply, left, right)
            case ast.Div() if len(right) == 1 and self._divides(left, right[0]):
                return tuple(self._quotient(term, right[0]) for term in left)
            case ast.Div():
                return self._apply(np.divide, left, right)
        return self._apply(_OPERATIONS[type(op)], left, right)

    def _product(self, many: Value, one: Value) -> Value:
        (factor,) = one
        if self._is_zero(factor) or all(self._is_zero(term) for term in many):
            return self._plain(self.graph.constant(0.0))
        multiply = self._multiplied
        return tuple(
            self._joined(
                multiply(term.coefficient, factor.coefficient),
                multiply(term.core, factor.core),
                tuple(sorted(term.size + factor.size)),
            )
            for term in many
        )

    def _joined(self, coefficient: Node, core: Node, size: tuple[str, ...]) -> Term:
        """A term with the coefficient inside the core where that costs nothing."""
        if core.layout.size == 1:
            return Term(self._multiplied(coefficient, core), self._unit, size)
        if core.moving and not core.layout.wide:
            return Term(self._unit, self._multiplied(coefficient, core), size)
        return Term(coefficient, core, size)

    def _divides(self, left: Value, divisor: Term) -> bool:
        return all(not (_counted(divisor.size) - _counted(term.size)) for term in left)

    def _quotient(self, term: Term, divisor: Term) -> Term:
        size = list(term.size)
        for name in divisor.size:
            size.remove(name)
        coefficient, core = term.coefficient, term.core
        if divisor.coefficient is not self._unit:
            coefficient = self.graph.apply(np.divide, coefficient, divisor.coefficient)
        if divisor.core is not self._unit:
            core = self.graph.apply(np.divide, core, divisor.core)
        return self._joined(coefficient, core, tuple(size))

    def _sum(self, left: Value, right: Value, operation: Operation = np.add) -> Value:
        """Left ± right. Terms that can be added at no cost per row become one; others stay side by side."""
        terms = [term for term in left if not self._is_zero(term)]
        for term in right:
            if self._is_zero(term):
                continue
            for place, other in enumerate(terms):
                if other.size == term.size and self._cheap(other, term):
                    same = other.coefficient is term.coefficient
                    pair = (other.core, term.core) if same else (self._inside(other), self._inside(term))
                    core = self.graph.apply(operation, *pair)
                    terms[place] = self._joined(other.coefficient if same else self._unit, core, term.size)
                    break
            else:
                terms += (term,) if operation is np.add else self._negative((term,))
        return tuple(terms) or self._plain(self.graph.constant(0.0))

    @staticmethod
    def _cheap(first: Term, second: Term) -> bool:
        """Whether adding two terms of one size needs no more work per row than keeping them apart."""
        return first.coefficient is second.coefficient or not (
            first.core.layout.wide or second.core.layout.wide
        )

    def _negative(self, value: Value) -> Value:
        return self._product(value, self._plain(self.graph.constant(-1.0)))

    def _apply(self, operation: Operation, *values: Value) -> Value:
        return self._plain(self.graph.apply(operation, *(self._single(value) for value in values)))

    def _folded(self, operation: Operation, values: list[Value]) -> Value:
        result = self._single(values[0])
        for value in values[1:]:
            result = self.graph.apply(operation, result, self._single(value))
        return self._plain(result)

    def _alike(self, *values: Value) -> tuple[tuple[str, ...], tuple[Node, ...]]:
        """The values per common size, and that size; zero has any size. Without a common one: as they are."""
        sizes = {term.size for value in values for term in value if not self._is_zero(term)}
        if len(sizes) == 1:
            return sizes.pop(), tuple(self._combined(value) for value in values)
        return (), tuple(self._single(value) for value in values)

    def _single(self, value: Value) -> Node:
        """The value as one node, its sizes multiplied in."""
        parts: dict[tuple[str, ...], list[Term]] = {}
        for term in value:
            parts.setdefault(term.size, []).append(term)
        nodes = []
        for size, terms in parts.items():
            node = self._combined(tuple(terms))
            for name in size:
                node = self._multiplied(node, self.terms(name))
            nodes.append(node)
        return self._added(nodes)

    def _combined(self, terms: Value) -> Node:
        """The sum of terms of one size; columns with coefficients of their own are added in one product."""
        columns = [term for term in terms if not term.core.moving]
        if sum(term.core.layout.wide for term in columns) < 2:
            return self._added([self._inside(term) for term in terms])
        summed = self.graph.apply(
            outer_sum, *(term.coefficient for term in columns), *(term.core for term in columns)
        )
        return self._added([summed, *(self._inside(term) for term in terms if term.core.moving)])

    def _added(self, nodes: list[Node]) -> Node:
        total = nodes[0]
        for node in nodes[1:]:
            total = self.graph.apply(np.add, total, node)
        return total

    def _inside(self, term: Term) -> Node:
        return self._multiplied(term.coefficient, term.core)

    def _multiplied(self, first: Node, second: Node) -> Node:
        if first is self._unit:
            return second
        return first if second is self._unit else self.graph.apply(np.multiply, first, second)

    def _is_zero(self, term: Term) -> bool:
        return any(
            node.data is not None and node.data.dtype.kind in "fi" and not node.data.any()
            for node in (term.coefficient, term.core)
        )

    def _plain(self, node: Node) -> Value:
        return self._term(node, ())

    def _term(self, node: Node, size: tuple[str, ...]) -> Value:
        if node.layout.size == 1:
            return (Term(node, self._unit, size),)
        return (Term(self._unit, node, size),)


def _counted(names: tuple[str, ...]) -> set[tuple[str, int]]:
    """Names with how many times before, so that set difference respects repetition."""
    seen: dict[str, int] = {}
    result = set()
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.add((name, seen[name]))
    return result
