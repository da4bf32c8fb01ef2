"""Equations as templates: one text that can be shown, filled with numbers, and evaluated.

``"{n_kg} * {ef1} * 44 / 28"`` names its terms in braces. The same template yields the symbolic equation,
the equation with the numbers put in, and (for checking) its value: an explanation cannot say one thing and
mean another. The grammar is arithmetic, ``min``, ``max``, ``exp``, ``ln``, ``sqrt``, ``abs`` and ``floor``,
and in conditions comparisons, ``and``, ``or``, ``not`` and quoted words; everything else is refused when the
template is declared.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from methodologies.errors import InvalidDeclaration

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# min and max take two values or more, the others one.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "floor": lambda number: float(math.floor(number)),
}
_MANY = ("min", "max")
_GRAMMAR = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.USub,
    ast.Not,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.Compare,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    *_BINARY,
    *_COMPARE,
)
# Longest first, so that "**" is not read as two products.
_PRETTY = (
    ("**", "^"),
    ("*", "×"),
    ("-", "−"),
    ("<=", "≤"),
    (">=", "≥"),
    ("==", "="),
    ("!=", "≠"),
    (" and ", " ∧ "),
    (" or ", " ∨ "),
    ("not (", "¬ ("),
    ("sqrt(", "√("),
)


@lru_cache(maxsize=4096)
def names_in(template: str) -> tuple[str, ...]:
    """The terms of a template, each once, in order of first appearance."""
    return tuple(dict.fromkeys(_NAME.findall(template)))


@lru_cache(maxsize=4096)
def parse(template: str) -> ast.expr:
    """The syntax tree of a template; :class:`InvalidDeclaration` when it leaves the grammar."""
    text = _NAME.sub(r"\1", template)
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise InvalidDeclaration(template, f"not an equation: {error.msg}") from error
    terms = set(names_in(template))
    for node in ast.walk(tree):
        if not isinstance(node, _GRAMMAR):
            raise InvalidDeclaration(template, f"{type(node).__name__} is not allowed in an equation")
        if isinstance(node, ast.Name) and node.id not in terms and node.id not in FUNCTIONS:
            raise InvalidDeclaration(template, f"write the term {node.id} in braces")
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            raise InvalidDeclaration(template, "write a chain of comparisons with 'and'")
        if isinstance(node, ast.Call):
            _check_call(template, node)
    return tree.body


def _check_call(template: str, node: ast.Call) -> None:
    if not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
        raise InvalidDeclaration(template, f"only {', '.join(FUNCTIONS)} may be called")
    name, count = node.func.id, len(node.args)
    if node.keywords or (count < 2 if name in _MANY else count != 1):
        raise InvalidDeclaration(
            template, f"{name}() takes {'two values or more' if name in _MANY else 'one value'}"
        )


def evaluate(template: str, values: Mapping[str, Any]) -> Any:
    """The value of a template; dates count as days, so that their difference is a number of days."""
    return _value(parse(template), values)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name):
            term = values[name]
            return term.toordinal() if isinstance(term, date) else term
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, values)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, values)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_value(part, values) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_value(part, values) for part in parts)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARE[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(_value(argument, values) for argument in arguments))
    raise InvalidDeclaration(ast.unparse(node), "this form is not allowed in an equation")


def render(template: str, words: Mapping[str, str]) -> str:
    """The template with each term replaced by its word (a symbol, or a number as text)."""
    pieces = _NAME.split(template)
    # split() alternates literal text and term name; only the literal text is prettified.
    return "".join(words[piece] if i % 2 else _pretty(piece) for i, piece in enumerate(pieces))


def _pretty(literal: str) -> str:
    for plain, printed in _PRETTY:
        literal = literal.replace(plain, printed)
    return literal


def number_text(value: Any) -> str:
    """A value as people read it: six significant digits, dates in ISO form, words in quotes."""
    if isinstance(value, bool):
        return "是/yes" if value else "否/no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return f"'{value}'"
    number = float(value)
    if number == 0:
        return "0"
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    # Plain decimals for everything a field sheet holds; an exponent only where zeros would hide the digits.
    decimals = max(0, 5 - math.floor(math.log10(abs(number))))
    if decimals > 15:
        return f"{number:.6g}"
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def term_text(value: Any) -> str:
    """:func:`number_text` for use inside an equation, where a negative number needs brackets."""
    text = number_text(value)
    return f"(−{text[1:]})" if text.startswith("-") else text


def result_text(value: float, unit: str) -> str:
    """A result with its unit; the unit 1 is not printed."""
    text = number_text(value).replace("-", "−")
    return text if unit == "1" else f"{text} {unit}"
