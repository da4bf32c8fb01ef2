"""How mathematics is written down: MathML Core for browsers, LaTeX for Markdown, from the same calls."""

from __future__ import annotations

import re
from html import escape
from typing import Protocol

_CHEMISTRY = re.compile(r"(?<![A-Za-z0-9])(Δ?)(CH4|N2O|CO2)")
_SUBSCRIPT_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_LETTER_AND_DIGITS = re.compile(r"([^\W\d_])(\d+)")


class Pen(Protocol):
    """How one output language writes the pieces."""

    def symbol(self, text: str) -> str: ...
    def number(self, text: str) -> str: ...
    def ten_to(self, exponent: int) -> str: ...
    def text(self, text: str) -> str: ...
    def operator(self, text: str) -> str: ...
    def fraction(self, above: str, below: str) -> str: ...
    def power(self, base: str, exponent: str) -> str: ...
    def root(self, inner: str) -> str: ...
    def fence(self, left: str, inner: str, right: str) -> str: ...
    def function(self, name: str, inner: str) -> str: ...
    def cases(self, rows: list[tuple[str, str]]) -> str: ...


def _chemical(text: str) -> str:
    """CH4 → CH₄, also after a Δ; a formula inside a longer name (EF1CH4) is left alone."""
    return _CHEMISTRY.sub(lambda found: found[1] + found[2].translate(_SUBSCRIPT_DIGITS), text)


def _parts(symbol: str) -> tuple[str, str]:
    """Base and subscript of a symbol. A term named after itself (``main_harvest_date``) has no subscript."""
    base, _, below = symbol.partition("_")
    if not below and (match := _LETTER_AND_DIGITS.fullmatch(base)):
        return match[1], match[2]
    # Column names are lower case words; a symbol has a capital, a Greek letter, one letter or a number.
    is_name = below and base.isascii() and len(base) > 1 and not below.isdigit() and symbol.islower()
    return (symbol, "") if is_name else (base, below.replace("_", ","))


def _is_change(base: str) -> bool:
    """Δt, ΔC: a change of what a single letter stands for."""
    return len(base) == 2 and base[0] == "Δ"


class MathML:
    """Presentation MathML Core: what browsers draw without a script."""

    def symbol(self, text: str) -> str:
        base, below = _parts(text)
        drawn = f"<mi>{escape(_chemical(base))}</mi>"
        if _is_change(base):
            drawn = f"<mrow><mi>Δ</mi><mi>{escape(base[1])}</mi></mrow>"
        if not below:
            return drawn
        kind = "mn" if below.isdigit() else "mtext"
        return f"<msub>{drawn}<{kind}>{escape(_chemical(below))}</{kind}></msub>"

    def number(self, text: str) -> str:
        return f"<mn>{text}</mn>"

    def ten_to(self, exponent: int) -> str:
        return self.power("<mn>10</mn>", f"<mn>{exponent}</mn>")

    def text(self, text: str) -> str:
        # Spaces at the ends of an element are dropped; no-break spaces are kept.
        return f"<mtext>{escape(text).replace(' ', chr(0xA0))}</mtext>"

    def operator(self, text: str) -> str:
        return f"<mo>{escape(text)}</mo>"

    def fraction(self, above: str, below: str) -> str:
        return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"

    def power(self, base: str, exponent: str) -> str:
        return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"

    def root(self, inner: str) -> str:
        return f"<msqrt>{inner}</msqrt>"

    def fence(self, left: str, inner: str, right: str) -> str:
        return f'<mrow><mo form="prefix">{left}</mo>{inner}<mo form="postfix">{right}</mo></mrow>'

    def function(self, name: str, inner: str) -> str:
        return f"<mrow><mi>{name}</mi>{self.fence('(', inner, ')')}</mrow>"

    def cases(self, rows: list[tuple[str, str]]) -> str:
        lines = "".join(
            f"<mtr><mtd><mrow>{formula}</mrow></mtd><mtd><mrow>{condition}</mrow></mtd></mtr>"
            for formula, condition in rows
        )
        # Classes for pages: where no mathematical font is at hand the style sheet draws the brace.
        brace = '<mo class="brace" form="prefix" stretchy="true">{</mo>'
        return f'<mrow>{brace}<mtable class="cases">{lines}</mtable></mrow>'


_GREEK = {
    "α": r"\alpha", "β": r"\beta", "γ": r"\gamma", "δ": r"\delta", "ε": r"\varepsilon", "η": r"\eta",
    "θ": r"\theta", "λ": r"\lambda", "μ": r"\mu", "π": r"\pi", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau",
    "φ": r"\varphi", "χ": r"\chi", "ω": r"\omega", "Δ": r"\Delta", "Σ": r"\Sigma", "Φ": r"\Phi",
    "Ω": r"\Omega",
}  # fmt: skip
_OPERATORS = {
    "×": r" \times ", "−": "-", "≤": r" \le ", "≥": r" \ge ", "≠": r" \ne ", "∈": r" \in ", ",": r",\,",
    "=": " = ", "+": " + ", "<": " < ", ">": " > ",
}  # fmt: skip
_FENCES = {"(": "(", ")": ")", "|": "|", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "{": r"\{", "}": r"\}"}
_SPECIAL = re.compile(r"[\\{}_%&#$^~ ]")
_IN_TEXT = re.compile(r"[\\{}%&#$]")


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


class Latex:
    """LaTeX as MathJax and KaTeX read it."""

    def symbol(self, text: str) -> str:
        base, below = _parts(text)
        drawn = self._letters(base)
        return f"{drawn}_{{{self._letters(below)}}}" if below else drawn

    def _letters(self, text: str) -> str:
        written = "".join(_GREEK[c] + " " if c in _GREEK else c for c in self._plain(_chemical(text)))
        written = re.sub("[₀-₉]+", lambda found: f"_{{{_normal(found[0])}}}", written).strip()
        plain = len(text) == 1 or text.isdigit() or _is_change(text)
        return written if plain else rf"\mathrm{{{written}}}"

    @staticmethod
    def _plain(text: str) -> str:
        # A space is dropped between letters of mathematics, but not when it is written as a command.
        return _SPECIAL.sub(_escaped, text)

    def number(self, text: str) -> str:
        return text

    def ten_to(self, exponent: int) -> str:
        return self.power("10", str(exponent))

    def text(self, text: str) -> str:
        # MathJax does not read \\_ inside \\text; names of choices are set as upright letters.
        if "_" in text:
            return rf"\mathrm{{{self._plain(text)}}}"
        return rf"\text{{{_IN_TEXT.sub(_escaped, text)}}}"

    def operator(self, text: str) -> str:
        return _OPERATORS.get(text, text)

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, base: str, exponent: str) -> str:
        return rf"{base}^{{{exponent}}}"

    def root(self, inner: str) -> str:
        return rf"\sqrt{{{inner}}}"

    def fence(self, left: str, inner: str, right: str) -> str:
        return rf"\left{_FENCES[left]}{inner}\right{_FENCES[right]}"

    def function(self, name: str, inner: str) -> str:
        known = {"min": r"\min", "max": r"\max", "ln": r"\ln"}
        return known.get(name, rf"\operatorname{{{name}}}") + self.fence("(", inner, ")")

    def cases(self, rows: list[tuple[str, str]]) -> str:
        lines = r" \\ ".join(f"{formula} & {condition}" for formula, condition in rows)
        return rf"\begin{{cases}} {lines} \end{{cases}}"


def _normal(digits: str) -> str:
    return "".join(str("₀₁₂₃₄₅₆₇₈₉".index(digit)) for digit in digits)
