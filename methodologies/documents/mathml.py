"""Equations as mathematics: a template becomes MathML for pages and LaTeX for Markdown.

The same template that is evaluated (:mod:`methodologies.formula`) is drawn, so that the printed equation
cannot say anything else. Fractions, powers, roots and brackets come from the syntax tree; a chain such as
``n * 44 / 28 * area`` is drawn as n × 44/28 × area, which is the same product. Symbols are read as people
write them: ``SFw_main`` has the subscript *main*, ``N2O`` is N₂O, a name without a symbol stays upright.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from methodologies.declaration import Methodology, Step
from methodologies.documents.math_pens import Latex, MathML, Pen
from methodologies.formula import parse

Language = Literal["zh", "en"]
PERIOD_SYMBOLS = {"period_start_year": "t_1", "period_end_year": "t_2", "period_years": "Δt"}

_OR, _AND, _NOT, _COMPARE, _SUM, _SIGN, _PRODUCT, _POWER, _ATOM = range(9)
_RELATIONS: dict[type[ast.AST], str] = {
    ast.Eq: "=",
    ast.NotEq: "≠",
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
}
_WORDS = {
    "zh": {"and": "且", "or": "或", "not": "非", "where": "当", "otherwise": "其他情况"},
    "en": {"and": "and", "or": "or", "not": "not", "where": "if", "otherwise": "otherwise"},
}
_POWER_OF_TEN_MIN = 100_000


@dataclass(frozen=True, slots=True)
class Symbols:
    """How terms are written: ``symbols`` by name, ``labels`` by (column, choice), and the language.

    ``dates`` are the names of date columns: a number compared with one is a day, counted as Python does.
    """

    symbols: Mapping[str, str]
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    language: Language = "zh"
    dates: frozenset[str] = frozenset()

    @classmethod
    def of(cls, methodology: Methodology, language: Language) -> Symbols:
        """Symbols of all columns, parameters, steps and period terms of a methodology."""
        taken = {step.symbol for step in methodology.steps}
        # A column whose symbol is that of a result stands under its own name: E_el = electricity_kwh × EF.
        named = {
            column.name: column.name if column.symbol in taken else column.symbol or column.name
            for column in methodology.columns
        }
        named |= _told_apart({parameter.name: parameter.symbol for parameter in methodology.parameters})
        named |= {step.name: step.symbol for step in methodology.steps}
        place = 0 if language == "zh" else 1
        labels = {
            (column.name, choice): words[place]
            for column in methodology.columns
            for choice, words in column.labels.items()
        }
        dates = frozenset(column.name for column in methodology.columns if column.kind == "date")
        return cls(named | PERIOD_SYMBOLS, labels, language, dates)


def _told_apart(symbols: Mapping[str, str]) -> dict[str, str]:
    """Parameters published under one symbol get what their names differ in as a further subscript.

    ``cf_masson_pine`` and ``cf_oak``, both CF, become CF_masson pine and CF_oak.
    """
    sharing: dict[str, list[str]] = {}
    for name, symbol in symbols.items():
        sharing.setdefault(symbol, []).append(name)
    told = dict(symbols)
    for symbol, names in sharing.items():
        if len(names) == 1:
            continue
        # The symbol itself at the beginning of a name says nothing: cf_oak beside carbon_fraction, both CF.
        words = [name.removeprefix(f"{symbol.lower()}_").split("_") for name in names]
        head = _common(words)
        tail = _common([one[head:][::-1] for one in words])
        for name, one in zip(names, words, strict=True):
            told[name] = f"{symbol}_{' '.join(one[head : len(one) - tail]) or name}"
    return told


def _common(lists: list[list[str]]) -> int:
    """How many words all lists begin with."""
    count = 0
    for together in zip(*lists, strict=False):
        if len(set(together)) > 1:
            break
        count += 1
    return count


def equation_mathml(step: Step, words: Symbols, *, brief: bool = False) -> str:
    """``<math display="block">`` with symbol = formula, or with a brace and one line per case.

    ``brief``: a step that only selects (see :func:`selection`) as symbol = symbol(column).
    """
    pen = MathML()
    return f'<math display="block"><mrow>{_equation(step, words, pen, brief)}</mrow></math>'


def equation_latex(step: Step, words: Symbols, *, brief: bool = False) -> str:
    """The same in LaTeX, without dollar signs."""
    return _equation(step, words, Latex(), brief)


def selection(step: Step) -> tuple[str, list[tuple[str, str]]] | None:
    """Column, and choice and formula line by line, of a step that does nothing but select by one column.

    The line of all other choices has an empty choice. None for any other step.
    """
    names, lines = set(), []
    for case in step.cases:
        if not isinstance(parse(case.formula), ast.Name | ast.Constant):
            return None
        name, choices = _one_of([parse(case.when)]) if case.when else ("", [""])
        if case.when and not name:
            return None
        names |= {name} - {""}
        lines.append((choices[0], case.formula))
    return (names.pop(), lines) if len(names) == 1 else None


def template_mathml(template: str, words: Symbols) -> str:
    """One template, inline."""
    return f"<math><mrow>{_written(template, words, MathML())}</mrow></math>"


def template_latex(template: str, words: Symbols) -> str:
    return _written(template, words, Latex())


def symbol_mathml(symbol: str) -> str:
    """A symbol alone, inline."""
    return f"<math>{MathML().symbol(symbol)}</math>"


def symbol_latex(symbol: str) -> str:
    return Latex().symbol(symbol)


def _written(template: str, words: Symbols, pen: Pen) -> str:
    return _node(parse(template), words, pen)[0]


def _equation(step: Step, words: Symbols, pen: Pen, brief: bool) -> str:
    left = pen.symbol(step.symbol) + pen.operator("=")
    chosen = selection(step) if brief else None
    if chosen:
        return left + pen.symbol(step.symbol) + pen.fence("(", pen.symbol(words.symbols[chosen[0]]), ")")
    if len(step.cases) == 1:
        return left + _written(step.cases[0].formula, words, pen)
    said = _WORDS[words.language]
    rows = []
    for case in step.cases:
        if case.when:
            condition = pen.text(f"{said['where']} ") + _written(case.when, words, pen)
        else:
            condition = pen.text(said["otherwise"])
        rows.append((_written(case.formula, words, pen), condition))
    return left + pen.cases(rows)


def _node(node: ast.expr, words: Symbols, pen: Pen) -> tuple[str, int]:
    """A node drawn, and how tightly it binds (so that the caller knows whether it needs brackets)."""
    match node:
        case ast.Constant(value=str(text)):
            return pen.text(text), _ATOM
        case ast.Constant(value=value):
            return _number(value, pen)
        case ast.Name(id=name):
            return pen.symbol(words.symbols[name]), _ATOM
        case ast.BinOp(op=ast.Mult() | ast.Div()):
            return _product(node, words, pen)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            below = _inside(base, _ATOM, words, pen)
            return pen.power(below, _node(exponent, words, pen)[0]), _POWER
        case ast.BinOp(left=left, op=op, right=right):
            sign = "+" if isinstance(op, ast.Add) else "−"
            first = _inside(left, _SUM, words, pen)
            return first + pen.operator(sign) + _inside(right, _PRODUCT, words, pen), _SUM
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            denied = pen.text(_WORDS[words.language]["not"] + " ")
            return denied + _inside(operand, _ATOM, words, pen), _NOT
        case ast.UnaryOp(operand=operand):
            return pen.operator("−") + _inside(operand, _PRODUCT, words, pen), _SIGN
        case ast.BoolOp() | ast.Compare():
            return _condition(node, words, pen)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _function(name, [_node(argument, words, pen)[0] for argument in arguments], pen)
    raise AssertionError(f"not in the grammar: {ast.dump(node)}")  # parse() has refused it


def _inside(node: ast.expr, least: int, words: Symbols, pen: Pen) -> str:
    drawn, binding = _node(node, words, pen)
    return drawn if binding >= least else pen.fence("(", drawn, ")")


def _number(value: object, pen: Pen) -> tuple[str, int]:
    if isinstance(value, bool):
        return pen.text(str(value).lower()), _ATOM
    assert isinstance(value, int | float)
    text = f"{value:.15g}"
    digits = len(text) - 1
    if value >= _POWER_OF_TEN_MIN and text == "1" + "0" * digits:
        return pen.ten_to(digits), _POWER
    return pen.number(text), _ATOM


def _product(node: ast.expr, words: Symbols, pen: Pen) -> tuple[str, int]:
    """Factors from left to right; a division puts its divisor under the factor just before it."""
    factors: list[tuple[ast.expr, list[ast.expr]]] = []

    def collect(part: ast.expr) -> None:
        match part:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                collect(left)
                factors.append((right, []))
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                collect(left)
                factors[-1][1].append(right)
            case _:
                factors.append((part, []))

    collect(node)
    pieces, sign = [], ""
    if isinstance(first := factors[0][0], ast.UnaryOp):
        # −a/2 is drawn as −(a/2), the same number.
        sign, factors[0] = pen.operator("−"), (first.operand, factors[0][1])
    for above, below in factors:
        if below:
            under = (
                _node(below[0], words, pen)[0]
                if len(below) == 1
                else pen.operator("×").join(_inside(one, _PRODUCT, words, pen) for one in below)
            )
            pieces.append(pen.fraction(_node(above, words, pen)[0], under))
        else:
            pieces.append(_inside(above, _PRODUCT, words, pen))
    return sign + pen.operator("×").join(pieces), _SIGN if sign else _PRODUCT


def _function(name: str, arguments: list[str], pen: Pen) -> tuple[str, int]:
    inner = pen.operator(",").join(arguments)
    match name:
        case "abs":
            return pen.fence("|", inner, "|"), _ATOM
        case "floor":
            return pen.fence("⌊", inner, "⌋"), _ATOM
        case "sqrt":
            return pen.root(inner), _ATOM
        case "exp":
            return pen.power(pen.symbol("e"), inner), _POWER
    return pen.function(name, inner), _ATOM


def _condition(node: ast.expr, words: Symbols, pen: Pen) -> tuple[str, int]:
    said = _WORDS[words.language]
    match node:
        case ast.BoolOp(op=ast.Or(), values=parts):
            name, choices = _one_of(parts)
            if name:
                listed = pen.operator(",").join(pen.text(_label(name, one, words)) for one in choices)
                column = pen.symbol(words.symbols[name])
                return column + pen.operator("∈") + pen.fence("{", listed, "}"), _COMPARE
            joined = pen.text(f" {said['or']} ").join(_inside(p, _AND, words, pen) for p in parts)
            return joined, _OR
        case ast.BoolOp(values=parts):
            joined = pen.text(f" {said['and']} ").join(_inside(p, _NOT, words, pen) for p in parts)
            return joined, _AND
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=str(choice))]):
            drawn = pen.symbol(words.symbols[name]) + pen.operator(_RELATIONS[type(op)])
            return drawn + pen.text(_label(name, choice, words)), _COMPARE
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=int(day))]) if (
            name in words.dates
        ):
            drawn = pen.symbol(words.symbols[name]) + pen.operator(_RELATIONS[type(op)])
            return drawn + pen.text(date.fromordinal(day).isoformat()), _COMPARE
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            first, second = _inside(left, _SUM, words, pen), _inside(right, _SUM, words, pen)
            return first + pen.operator(_RELATIONS[type(op)]) + second, _COMPARE
    raise AssertionError(f"not a condition: {ast.dump(node)}")


def _one_of(parts: list[ast.expr]) -> tuple[str, list[str]]:
    """The column and the choices of "x is a or x is b"; an empty name for anything else."""
    names, choices = set(), []
    for part in parts:
        match part:
            case ast.Compare(
                left=ast.Name(id=name), ops=[ast.Eq()], comparators=[ast.Constant(value=str(choice))]
            ):
                names.add(name)
                choices.append(choice)
            case _:
                return "", []
    return (names.pop(), choices) if len(names) == 1 else ("", [])


def _label(name: str, choice: str, words: Symbols) -> str:
    return words.labels.get((name, choice), choice)
