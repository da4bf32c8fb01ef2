"""Equations as spreadsheet formulas: the template of a step becomes ``=IF(EXACT(D8,"plot"),D9*D31,0)``.

The formula computes what :func:`methodologies.formula.evaluate` computes, in the same order of operations.
Where the languages differ the spreadsheet is told: text is compared with ``EXACT`` (``=`` ignores case
there), a sign and a power are bracketed (``-2^2`` is 4 there), ``floor`` is ``INT`` (``FLOOR`` needs a
step), a chain of powers keeps its brackets. Dates are days in both.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from methodologies.contract import Step
from methodologies.errors import InvalidDeclaration
from methodologies.formula import parse

# Limits of the file format (ECMA-376; Excel specifications): characters of a formula, nested functions.
LENGTH_MAX = 8192
NESTING_MAX = 64

_SIGNS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("-", 1),
    ast.Mult: ("*", 2),
    ast.Div: ("/", 2),
    ast.Pow: ("^", 3),
}
_COMPARE: dict[type[ast.AST], str] = {
    ast.Eq: "=",
    ast.NotEq: "<>",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_FUNCTIONS = {
    "min": "MIN",
    "max": "MAX",
    "exp": "EXP",
    "ln": "LN",
    "sqrt": "SQRT",
    "abs": "ABS",
    "floor": "INT",
}
_ATOM = 9
# 1899-12-30, day 0 of spreadsheets, as equations count days.
DAY_ZERO = 693_594
# Parts that may fail where an earlier part of the condition does not hold.
_RISKY = (ast.Div, ast.Pow, ast.Call)


class TooLong(Exception):
    """A step whose formula no spreadsheet would open: (step, characters, nested branches)."""


class _Writer:
    """Writes parts of one formula. ``dates``: terms whose cells hold dates."""

    def __init__(self, cells: Mapping[str, str], dates: Collection[str]) -> None:
        self.cells, self.dates = cells, dates

    def whole(self, template: str) -> str:
        return self.text(parse(template))[0]

    def text(self, node: ast.expr) -> tuple[str, int]:
        """A part of a formula as a value of the equations, and how tightly it binds."""
        if self.is_date(node):
            return f"({self.day(node)}+{DAY_ZERO})", _ATOM
        match node:
            case ast.Constant(value=bool() as flag):
                return ("TRUE" if flag else "FALSE"), _ATOM
            case ast.Constant(value=str() as words):
                return '"' + words.replace('"', '""') + '"', _ATOM
            case ast.Constant(value=number):
                return repr(number).upper().replace("E+", "E"), _ATOM
            case ast.Name(id=name):
                return self.cells[name], _ATOM
            case ast.BinOp(left=left, op=op, right=right):
                return self.arithmetic(left, op, right)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"NOT({self.text(operand)[0]})", _ATOM
            case ast.UnaryOp(operand=operand):
                return f"(-{self.within(operand, _ATOM)})", _ATOM
            case ast.BoolOp(op=op, values=parts):
                return self.logic(isinstance(op, ast.And), parts), _ATOM
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.comparison(left, op, right)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                inside = ",".join(self.text(argument)[0] for argument in arguments)
                return f"{_FUNCTIONS[name]}({inside})", _ATOM
        raise InvalidDeclaration(ast.unparse(node), "this form is not allowed in an equation")

    def is_date(self, node: ast.expr) -> bool:
        """A date, or the earliest or latest of dates."""
        match node:
            case ast.Name(id=name):
                return name in self.dates
            case ast.Call(func=ast.Name(id="min" | "max"), args=arguments):
                return all(self.is_date(argument) for argument in arguments)
        return False

    def day(self, node: ast.expr) -> str:
        """A date as its cell counts it."""
        if isinstance(node, ast.Name):
            return self.cells[node.id]
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return f"{_FUNCTIONS[node.func.id]}({','.join(self.day(argument) for argument in node.args)})"

    def arithmetic(self, left: ast.expr, op: ast.operator, right: ast.expr) -> tuple[str, int]:
        sign, strength = _SIGNS[type(op)]
        if isinstance(op, ast.Sub) and self.is_date(left) and self.is_date(right):
            return f"{self.day(left)}-{self.day(right)}", strength
        # Powers are taken from the right here and from the left there: both sides must be whole.
        tight = _ATOM if isinstance(op, ast.Pow) else strength
        return f"{self.within(left, tight)}{sign}{self.within(right, tight + 1)}", strength

    def within(self, node: ast.expr, needed: int) -> str:
        text, strength = self.text(node)
        return f"({text})" if strength < min(needed, _ATOM) else text

    def logic(self, both: bool, parts: list[ast.expr]) -> str:
        """``AND(…)``/``OR(…)``; nested ``IF`` where a later part is only safe once an earlier one decided."""
        texts = [self.text(part)[0] for part in parts]
        risky = any(isinstance(node, _RISKY) for part in parts[1:] for node in ast.walk(part))
        if not risky:
            return f"{'AND' if both else 'OR'}({','.join(texts)})"
        nested = texts[-1]
        for text in reversed(texts[:-1]):
            nested = f"IF({text},{nested},FALSE)" if both else f"IF({text},TRUE,{nested})"
        return nested

    def comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[str, int]:
        if self.is_date(left) and self.is_date(right):
            return f"{self.day(left)}{_COMPARE[type(op)]}{self.day(right)}", 0
        first, second = self.text(left)[0], self.text(right)[0]
        words = any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (left, right))
        if words and isinstance(op, ast.Eq | ast.NotEq):
            same = f"EXACT({first},{second})"
            return (same if isinstance(op, ast.Eq) else f"NOT({same})"), _ATOM
        return f"{first}{_COMPARE[type(op)]}{second}", 0


def step_formula(step: Step, cells: Mapping[str, str], dates: Collection[str] = ()) -> str:
    """``=…``: the branches of a step as nested ``IF``. ``cells``: name of a term → address of its cell.

    Errors: :class:`TooLong`; KeyError for a term without a cell.
    """
    writer = _Writer(cells, dates)
    *conditional, otherwise = step.cases
    text = writer.whole(otherwise.formula)
    for case in reversed(conditional):
        text = f"IF({writer.whole(case.when)},{writer.whole(case.formula)},{text})"
    if len(text) >= LENGTH_MAX or len(conditional) >= NESTING_MAX:
        raise TooLong(step.name, len(text), len(conditional))
    return f"={text}"


def branch_formula(step: Step, cells: Mapping[str, str], dates: Collection[str] = ()) -> str:
    """``=…``: the number of the branch that holds, counted from 1; empty for a step with one branch."""
    writer = _Writer(cells, dates)
    *conditional, _ = step.cases
    if not conditional:
        return ""
    text = str(len(step.cases))
    for number, case in reversed(list(enumerate(conditional, start=1))):
        text = f"IF({writer.whole(case.when)},{number},{text})"
    return f"={text}"
