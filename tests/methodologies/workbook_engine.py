"""A small spreadsheet: reads the formulas of a workbook and computes them by the rules of spreadsheets.

It shares nothing with the code that writes them: text in, a precedence parser of its own, and the rules in
which spreadsheets differ from Python (a sign binds tighter than a power, powers go from the left, ``=`` on
text ignores case, dates are days since 1899-12-30, ``MAX`` over a range takes numbers only).
"""

from __future__ import annotations

import io
import math
import re
from datetime import date, datetime
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import range_boundaries
from openpyxl.worksheet.worksheet import Worksheet

TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>[0-9]+(?:\.[0-9]*)?(?:E-?[0-9]+)?|\.[0-9]+)
    | (?P<text>"(?:[^"]|"")*")
    | (?P<function>[A-Z]+)(?=\()
    | (?P<cell>(?:'[^']+'!)?\$?[A-Z]{1,3}\$?[0-9]+(?::\$?[A-Z]{1,3}\$?[0-9]+)?)
    | (?P<truth>TRUE|FALSE)
    | (?P<sign><=|>=|<>|[-+*/^=<>(),])
    )""",
    re.VERBOSE,
)
BINDS = {"=": 1, "<>": 1, "<": 1, ">": 1, "<=": 1, ">=": 1, "+": 2, "-": 2, "*": 3, "/": 3, "^": 4}
SIGN_BINDS = 5


class Spreadsheet:
    """``Spreadsheet(content)["D12"]`` is the value of a cell of the first sheet; ``set`` changes an input."""

    def __init__(self, content: bytes) -> None:
        self.book = load_workbook(io.BytesIO(content))
        self.page: Worksheet = self.book.worksheets[0]
        self.known: dict[tuple[str, str], Any] = {}

    def set(self, address: str, value: Any) -> None:
        self.page[address].value = value
        self.known.clear()

    def __getitem__(self, address: str) -> Any:
        return self.value(self.page, address)

    def value(self, page: Worksheet, address: str) -> Any:
        key = (page.title, address)
        if key not in self.known:
            cell = page[address]
            held = cell.value
            if cell.data_type == "f":
                held = _Formula(self, page, held[1:]).compute()
            elif isinstance(held, date):
                day = held.date() if isinstance(held, datetime) else held
                held = float((day - date(1899, 12, 30)).days)
            self.known[key] = held
        return self.known[key]

    def of(self, page: Worksheet, reference: str) -> Any:
        if "!" in reference:
            title, _, reference = reference.partition("!")
            page = self.book[title.strip("'")]
        plain = reference.replace("$", "")
        if ":" not in plain:
            return self.value(page, plain)
        left, top, right, bottom = range_boundaries(plain)
        return [
            self.value(page, page.cell(row, column).coordinate)
            for row in range(top, bottom + 1)
            for column in range(left, right + 1)
        ]


class _Formula:
    def __init__(self, book: Spreadsheet, page: Worksheet, formula: str) -> None:
        self.book, self.page, self.formula = book, page, formula
        self.tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(formula):
            found = TOKEN.match(formula, place)
            assert found, f"no formula: {formula[place:]!r}"
            place = found.end()
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        self.place = 0

    def compute(self) -> Any:
        thunk = self.expression(0)
        assert self.place == len(self.tokens), self.formula
        return thunk()

    def peek(self) -> str:
        return self.tokens[self.place][1] if self.place < len(self.tokens) else ""

    def take(self, expected: str = "") -> tuple[str, str]:
        token = self.tokens[self.place]
        assert not expected or token[1] == expected, (self.formula, token, expected)
        self.place += 1
        return token

    def expression(self, floor: int) -> Any:
        """A thunk, so that the branch of IF that is not taken is not computed."""
        left = self.operand()
        while BINDS.get(self.peek(), 0) > floor:
            sign = self.take()[1]
            right = self.expression(BINDS[sign])
            left = _joined(sign, left, right)
        return left

    def operand(self) -> Any:
        kind, words = self.take()
        if kind == "number":
            return lambda: float(words)
        if kind == "text":
            return lambda: words[1:-1].replace('""', '"')
        if kind == "truth":
            return lambda: words == "TRUE"
        if kind == "cell":
            return lambda: self.book.of(self.page, words)
        if words in "+-":
            inner = self.sign_operand()
            return (lambda: -number(inner())) if words == "-" else inner
        if words == "(":
            inside = self.expression(0)
            self.take(")")
            return inside
        assert kind == "function", (self.formula, words)
        return self.call(words)

    def sign_operand(self) -> Any:
        return self.expression(SIGN_BINDS - 1)

    def call(self, name: str) -> Any:
        self.take("(")
        arguments = [self.expression(0)]
        while self.peek() == ",":
            self.take(",")
            arguments.append(self.expression(0))
        self.take(")")
        if name == "IF":
            condition, yes, no = arguments
            return lambda: yes() if truth(condition()) else no()
        return lambda: FUNCTIONS[name](*(argument() for argument in arguments))


def number(value: Any) -> float:
    assert isinstance(value, bool | int | float), f"#VALUE! {value!r}"
    return float(value)


def truth(value: Any) -> bool:
    assert isinstance(value, bool | int | float), f"#VALUE! {value!r}"
    return bool(value)


def _joined(sign: str, left: Any, right: Any) -> Any:
    arithmetic = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "^": lambda a, b: math.pow(a, b),
    }
    if sign in arithmetic:
        return lambda: arithmetic[sign](number(left()), number(right()))
    return lambda: _compared(sign, left(), right())


def _compared(sign: str, a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        a, b = a.casefold(), b.casefold()
    assert isinstance(a, str) == isinstance(b, str), f"{a!r} {sign} {b!r}"
    return bool({"=": a == b, "<>": a != b, "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[sign])


def _flat(values: tuple[Any, ...]) -> list[float]:
    found: list[float] = []
    for value in values:
        inside = value if isinstance(value, list) else [value]
        found += [float(one) for one in inside if isinstance(one, int | float) and not isinstance(one, bool)]
    return found


FUNCTIONS: dict[str, Any] = {
    "MIN": lambda *values: min(_flat(values)),
    "MAX": lambda *values: max(_flat(values)),
    "SUM": lambda *values: math.fsum(_flat(values)),
    "EXP": lambda a: math.exp(number(a)),
    "LN": lambda a: math.log(number(a)),
    "SQRT": lambda a: math.sqrt(number(a)),
    "ABS": lambda a: abs(number(a)),
    "INT": lambda a: float(math.floor(number(a))),
    "AND": lambda *values: all(truth(value) for value in values),
    "OR": lambda *values: any(truth(value) for value in values),
    "NOT": lambda a: not truth(a),
    "EXACT": lambda a, b: a == b and isinstance(a, str) == isinstance(b, str),
}
