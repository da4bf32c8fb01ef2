"""Documentation (方法学说明) of a methodology, generated from its declaration, in Chinese or English.

:func:`document` gathers what a verifier asks for: boundary and baseline in words, every equation as
mathematics, every parameter with its evidence, what has to be measured, and a case that the test suite runs.
Web pages and the Markdown in ``docs/`` are two printings of the same :class:`Document`.

The words come from files beside the declaration, which decide no figure and enter no digest: ``guide.zh.md``
holds the Chinese sections (``## 标题``), ``guide.en.md`` English ones that come after the declaration's
narrative. A methodology without them is documented in the language it has.
"""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from methodologies.columns import Column
from methodologies.contract import run
from methodologies.declaration import NET, Methodology, Step
from methodologies.documents.mathml import (
    Language,
    Symbols,
    equation_latex,
    equation_mathml,
    selection,
    template_latex,
    template_mathml,
)
from methodologies.explain import ExplainedStep, explain_row
from methodologies.formula import names_in, number_text
from methodologies.parameters import ISSUABLE_STATUSES, Parameter

_LEAD = re.compile(r"\*\*(.+?)\*\*\s*(.*)", re.S)
# A line break between two Chinese characters would be printed as a space.
_BROKEN_CHINESE = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n\s*(?=[\u3000-\u9fff\uff00-\uffef])")
_LONG_SELECTION = 8
_CASE = "case"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its text in plain Markdown: paragraphs, lists, tables."""

    title: str
    text: str
    language: Language


@dataclass(frozen=True, slots=True)
class Option:
    """One line of an equation that only selects: for this choice, this parameter (or a plain number)."""

    label: str
    code: str
    mathml: str
    latex: str
    parameter: str


@dataclass(frozen=True, slots=True)
class EquationText:
    """One equation with the words around it; ``options`` in place of a brace that would be too long."""

    name: str
    symbol: str
    number: str
    meaning: str
    unit: str
    source: str
    mathml: str
    latex: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class InputText:
    """One column as a form explains it. ``need``: must it be given; ``error``: how well it is known."""

    name: str
    symbol: str
    meaning: str
    unit: str
    allowed: str
    need: str
    error: str


@dataclass(frozen=True, slots=True)
class TableText:
    """A measured table that is prepared into columns."""

    name: str
    title: str
    meaning: str
    source: str
    key: str
    unique: tuple[str, ...]
    columns: tuple[InputText, ...]
    outputs: tuple[InputText, ...]


@dataclass(frozen=True, slots=True)
class CaseText:
    """A worked case: name, what it must give and, of the one that is worked through, every step."""

    name: str
    file: str
    source: str
    gives: str
    period: tuple[date, date]
    as_of: date
    inputs: tuple[tuple[Column, str], ...]
    steps: tuple[ExplainedStep, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Everything about one methodology in one language."""

    methodology: Methodology
    language: Language
    symbols: Mapping[str, str]
    title: str
    unit_note: str
    intro: str
    sections: tuple[Section, ...]
    inputs: tuple[InputText, ...]
    tables: tuple[TableText, ...]
    equations: tuple[EquationText, ...]
    parameters: tuple[Parameter, ...]
    cases: tuple[CaseText, ...]

    @property
    def shown(self) -> CaseText | None:
        """The case that is worked through: the first one that is a single row."""
        return next((case for case in self.cases if case.steps), None)

    @property
    def open_parameters(self) -> tuple[Parameter, ...]:
        """Those whose evidence does not carry an issuance without the authority's signature."""
        return tuple(p for p in self.parameters if p.status not in ISSUABLE_STATUSES)


def document(methodology: Methodology, language: Language) -> Document:
    """Collect the document; runs the case that is worked through, so that no step is typed by hand."""
    zh = language == "zh"
    intro, sections = _narrative(methodology, language)
    return Document(
        methodology=methodology,
        language=language,
        symbols=Symbols.of(methodology, language).symbols,
        title=methodology.title_zh if zh else methodology.title_en,
        unit_note=methodology.unit_note_zh if zh else methodology.unit_note_en,
        intro=intro,
        sections=sections,
        inputs=tuple(_input(column, language) for column in methodology.columns),
        tables=tuple(_tables(methodology, language)),
        equations=equations(methodology, language),
        parameters=tuple(methodology.parameters),
        cases=tuple(_cases(methodology)),
    )


def equations(methodology: Methodology, language: Language) -> tuple[EquationText, ...]:
    """Every step as mathematics, in the order of computation."""
    words = Symbols.of(methodology, language)
    return tuple(_equation(step, words) for step in methodology.steps)


def _equation(step: Step, words: Symbols) -> EquationText:
    options: tuple[Option, ...] = ()
    chosen = selection(step)
    if chosen and len(step.cases) > _LONG_SELECTION:
        column, lines = chosen
        options = tuple(
            Option(
                words.labels.get((column, choice), choice) if choice else "",
                choice,
                template_mathml(formula, words),
                template_latex(formula, words),
                names_in(formula)[0] if names_in(formula) else "",
            )
            for choice, formula in lines
        )
    return EquationText(
        name=step.name,
        symbol=step.symbol,
        number=step.equation_no,
        meaning=step.meaning_zh if words.language == "zh" else step.meaning_en,
        unit=step.unit,
        source=step.source,
        mathml=equation_mathml(step, words, brief=bool(options)),
        latex=equation_latex(step, words, brief=bool(options)),
        options=options,
    )


def _input(column: Column, language: Language) -> InputText:
    zh = language == "zh"
    place = 0 if zh else 1
    choices = "; ".join(
        f"`{choice}` {column.labels[choice][place]}" if choice in column.labels else f"`{choice}`"
        for choice in column.choices
    )
    if column.required:
        need = "必填" if zh else "required"
    elif column.required_when:
        selector, wanted = column.required_when
        listed = ", ".join(wanted)
        need = f"{selector} 为 {listed} 时必填" if zh else f"required where {selector} is {listed}"
    elif column.kind == "date" or column.default == "":  # stands for "not recorded"
        need = "可空" if zh else "optional"
    else:
        need = f"可空，作 {_default(column)}" if zh else f"optional, {_default(column)} if empty"
    return InputText(
        name=column.name,
        symbol=column.symbol,
        meaning=column.meaning_zh if zh else column.meaning_en,
        unit=column.unit,
        allowed=choices or _allowed(column, language),
        need=need,
        error=_error(column, language),
    )


def _allowed(column: Column, language: Language) -> str:
    if column.kind == "text":
        return "文字" if language == "zh" else "text"
    if column.low is None or column.high is None:
        return column.allowed
    allowed = f"{_bound(column.low)} – {_bound(column.high)}"
    if column.usual is None:
        return allowed
    usual = " – ".join(_bound(end) for end in column.usual)
    return f"{allowed}; 通常 {usual}" if language == "zh" else f"{allowed}; usually {usual}"


def _bound(value: float) -> str:
    return f"{value:,.10g}" if abs(value) >= 10_000 else f"{value:g}"


def _default(column: Column) -> str:
    if isinstance(column.default, bool):
        return "true" if column.default else "false"
    return number_text(column.default) if isinstance(column.default, int | float) else f"{column.default}"


def _error(column: Column, language: Language) -> str:
    if column.error is None:
        return ""
    size = column.error.sd
    known = f"{size * 100:g} %" if column.error.kind == "relative" else f"{size:g} {column.unit}"
    return f"标准差 {known}" if language == "zh" else f"standard deviation {known}"


def _tables(methodology: Methodology, language: Language) -> Iterator[TableText]:
    zh = language == "zh"
    for one in methodology.preparations:
        yield TableText(
            name=one.name,
            title=one.title_zh if zh else one.title_en,
            meaning=one.meaning_zh if zh else one.meaning_en,
            source=one.source,
            key=one.key_column,
            unique=one.unique,
            columns=tuple(_input(column, language) for column in one.columns),
            outputs=tuple(_input(column, language) for column in one.outputs),
        )


# --- words -----------------------------------------------------------------------------------------


def _narrative(methodology: Methodology, language: Language) -> tuple[str, tuple[Section, ...]]:
    """Introduction and sections: the guide in the reader's language, else what the declaration says."""
    guide = methodology.folder / f"guide.{language}.md"
    written = list(_guide_sections(guide, language)) if guide.exists() else []
    if language == "zh" and written:
        return methodology.source, tuple(written)
    return methodology.source, (*_docstring_sections(methodology.narrative), *written)


def _guide_sections(path: Path, language: Language) -> Iterator[Section]:
    for block in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        title, _, text = block.partition("\n")
        yield Section(title.strip(), _BROKEN_CHINESE.sub("", text.strip()), language)


def _docstring_sections(narrative: str) -> Iterator[Section]:
    """Paragraphs that begin with **a title.**, each with the paragraphs that follow it."""
    title, kept = "", ""
    for paragraph in re.split(r"\n\s*\n", textwrap.dedent(narrative).strip())[1:]:
        match = _LEAD.match(paragraph)
        # A term in bold inside a running text is no title: a title is followed by words of its own.
        if match and match[1].endswith((".", "。", "?")):
            if kept:
                yield Section(title, kept.replace("``", "`"), "en")
            title, kept = match[1].rstrip(".。"), match[2]
        else:
            kept = f"{kept}\n\n{paragraph}".strip()
    if kept:
        yield Section(title, kept.replace("``", "`"), "en")


# --- cases -----------------------------------------------------------------------------------------


def _cases(methodology: Methodology) -> Iterator[CaseText]:
    """The cases beside the methodology, in the order of files; the first single row is worked through."""
    is_shown = False
    for path in sorted((methodology.folder / "cases").glob("*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8")).get("case", []):
            if "input" not in case or "expected" not in case:
                continue
            shown = _case(methodology, case, path.name, worked=not is_shown)
            is_shown = True
            yield shown


def _case(methodology: Methodology, case: dict[str, Any], file: str, *, worked: bool) -> CaseText:
    period: tuple[date, date] = (case["period"][0], case["period"][1])
    given = [column for column in methodology.columns if column.name in case["input"]]
    # The net figure where the case has one, else the figure it is about; the test suite holds it to them.
    name = NET if NET in case["expected"] else list(case["expected"])[-1]
    figure = str(case["expected"][name]).replace("-", "−")
    return CaseText(
        name=case["name"],
        file=file,
        source=", ".join(str(case[key]) for key in ("source", "page") if case.get(key)),
        gives=f"{figure} {methodology.step(name).unit}" if name == NET else f"{name} = {figure}",
        period=period,
        as_of=case["as_of"],
        inputs=tuple((column, _given(case["input"][column.name])) for column in given),
        steps=tuple(_worked(methodology, case)) if worked else (),
    )


def _worked(methodology: Methodology, case: dict[str, Any]) -> list[ExplainedStep]:
    frame = pd.DataFrame([case["input"]], index=[_CASE])
    tables = {name: pd.DataFrame(rows) for name, rows in case.get("tables", {}).items()}
    period = (case["period"][0], case["period"][1])
    result = run(methodology, frame, period=period, as_of=case["as_of"], tables=tables or None)
    return explain_row(methodology, result, _CASE)


def _given(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(value)
