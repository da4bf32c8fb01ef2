"""A methodology's document as Markdown, with mathematics in LaTeX (as GitHub and GitLab draw it)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from methodologies.declaration import Methodology
from methodologies.documents.doc_words import DISTRIBUTION_WORDS, STATUS_WORDS, SUBJECT_WORDS, word
from methodologies.documents.documentation import CaseText, Document, EquationText, InputText, TableText
from methodologies.documents.mathml import PERIOD_SYMBOLS, Language, symbol_latex
from methodologies.parameters import ISSUABLE_STATUSES, STATUSES, Parameter


def page(doc: Document) -> str:
    """The whole page of a methodology."""
    key, language = doc.methodology.key, doc.language
    other = (
        f"[English](../../en/methodologies/{key}.md)"
        if language == "zh"
        else f"[中文](../../zh/methodologies/{key}.md)"
    )
    parts = [
        f"# {doc.title} · `{key}`",
        word("generated", language),
        f"[{word('all', language)}](index.md) · [{word('write', language)}](writing.md) · {other}",
        _facts(doc),
        _standing(doc),
        *(f"## {section.title}\n\n{section.text}" for section in doc.sections),
        _inputs(doc),
        *([_tables(doc)] if doc.tables else []),
        _equations(doc),
        _parameters(doc),
        *([_cases(doc)] if doc.cases else []),
        _recompute(doc),
    ]
    return "\n\n".join(parts) + "\n"


def index(methodologies: Sequence[Methodology], language: Language) -> str:
    """The list of all methodologies, and what the statuses mean."""
    zh = language == "zh"
    rows = []
    for m in methodologies:
        waiting = sum(p.status not in ISSUABLE_STATUSES for p in m.parameters)
        estimate = f"试算：{waiting} 个参数待采纳" if zh else f"estimate: {waiting} to be adopted"
        rows.append(
            (
                f"[{m.title_zh if zh else m.title_en}]({m.key}.md)",
                f"`{m.key}`",
                SUBJECT_WORDS[m.subject][0 if zh else 1],
                m.unit_note_zh if zh else m.unit_note_en,
                estimate if waiting else word("can-issue", language),
            )
        )
    statuses = [
        (
            f"{STATUS_WORDS[name][0]} `{name}`" if zh else f"`{name}`",
            STATUS_WORDS[name][1 if zh else 2],
            word("yes" if name in ISSUABLE_STATUSES else "after-adoption", language),
        )
        for name in STATUSES
    ]
    other = "[English](../../en/methodologies/index.md)" if zh else "[中文](../../zh/methodologies/index.md)"
    parts = [
        f"# {word('index', language)}",
        word("generated", language),
        f"{word('index-how', language)} [{word('write', language)}](writing.md) · {other}",
        _table(_head("methodology key subject result evidence", language), rows),
        f"## {word('statuses', language)}",
        word("statuses-how", language),
        _table(_head("status meaning issue-on", language), statuses),
    ]
    return "\n\n".join(parts) + "\n"


def status_word(name: str, language: Language) -> str:
    return STATUS_WORDS[name][0] if language == "zh" else name


def _head(keys: str, language: Language) -> list[str]:
    return [word(key, language) for key in keys.split()]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; pipes and line ends inside cells are neutralised."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip() or " "


def _inline(latex: str) -> str:
    """Mathematics inside a line or a table, where a plain dollar would be read as Markdown."""
    return f"$`{latex}`$"


def _symbol(symbol: str) -> str:
    return _inline(symbol_latex(symbol)) if symbol else ""


def _source(doc: Document, source: str) -> str:
    return source.replace(doc.methodology.key, word("this", doc.language))


def _facts(doc: Document) -> str:
    m, language = doc.methodology, doc.language
    rows = [
        (word("basis", language), m.source),
        (word("subject", language), SUBJECT_WORDS[m.subject][0 if language == "zh" else 1]),
        (word("result", language), doc.unit_note),
        (word("gwp", language), m.gwp_set),
        (word("version", language), str(m.version)),
        (word("counts", language), f"{len(doc.equations)} · {len(doc.parameters)} · {len(doc.cases)}"),
    ]
    return _table(_head("what here", language), rows)


def _standing(doc: Document) -> str:
    """Estimate or not: names the numbers that stand in the way."""
    language, title = doc.language, f"## {word('standing', doc.language)}"
    if not doc.open_parameters:
        return f"{title}\n\n{word('may-issue', language)}"
    listed = "\n".join(
        f"- {_symbol(doc.symbols[p.name])} `{p.name}` {_meaning(p, language)}"
        f" ({status_word(p.status, language)})"
        for p in doc.open_parameters
    )
    return f"{title}\n\n{word('estimate', language)}\n\n{listed}"


def _meaning(parameter: Parameter, language: Language) -> str:
    return parameter.meaning_zh if language == "zh" else parameter.meaning_en


def _inputs(doc: Document) -> str:
    language = doc.language
    command = f"`flask --app wsgi methodology template {doc.methodology.key} -o TEMPLATE.xlsx`"
    return "\n\n".join(
        [
            f"## {word('inputs', language)}",
            f"{word('inputs-how', language)} {command}",
            _input_table(doc.inputs, language),
        ]
    )


def _input_table(rows: Iterable[InputText], language: Language) -> str:
    return _table(
        _head("column symbol meaning unit allowed need", language),
        [
            (
                f"`{row.name}`",
                _symbol(row.symbol),
                row.meaning,
                row.unit,
                row.allowed,
                "; ".join(filter(None, (row.need, row.error))),
            )
            for row in rows
        ],
    )


def _tables(doc: Document) -> str:
    language = doc.language
    return "\n\n".join(
        [
            f"## {word('tables', language)}",
            word("tables-how", language),
            *(_one_table(one, language) for one in doc.tables),
        ]
    )


def _one_table(one: TableText, language: Language) -> str:
    zh = language == "zh"
    unique = ", ".join(f"`{name}`" for name in one.unique)
    notes = [
        one.meaning,
        f"按 `{one.key}` 归到各行。" if zh else f"Joined to the rows by `{one.key}`.",
    ]
    if len(one.unique) == 1:
        notes.append(f"{unique} 不能重复。" if zh else f"{unique} must not repeat.")
    elif unique:
        notes.append(f"{unique} 合起来不能重复。" if zh else f"{unique} together must not repeat.")
    if one.source:
        notes.append(f"{word('source', language)}{'：' if zh else ': '}{one.source}")
    yields = [(f"`{row.name}`", row.meaning, row.unit, row.allowed) for row in one.outputs]
    return "\n\n".join(
        [
            f"### {one.title} · `--table {one.name}=FILE.csv`",
            " ".join(filter(None, notes)),
            _input_table(one.columns, language),
            word("yields", language),
            _table(_head("column meaning unit range", language), yields),
        ]
    )


def _equations(doc: Document) -> str:
    language = doc.language
    everywhere = zip(PERIOD_SYMBOLS.values(), ("t1", "t2", "dt"), strict=True)
    symbols = "; ".join(f"{_symbol(symbol)} {word(key, language)}" for symbol, key in everywhere)
    return "\n\n".join(
        [
            f"## {word('equations', language)}",
            f"{word('equations-how', language)} {symbols}",
            *(_one_equation(doc, one) for one in doc.equations),
        ]
    )


def _one_equation(doc: Document, one: EquationText) -> str:
    language = doc.language
    notes = [f"`{one.name}`"]
    if one.number:
        notes.append(f"{word('equation', language)} {one.number}")
    if one.unit != "1":
        notes.append(f"{word('unit', language)} {one.unit}")
    if one.source:
        notes.append(_source(doc, one.source))
    text = f"**{one.meaning}**\n\n```math\n{one.latex}\n```\n\n{' · '.join(notes)}"
    if not one.options:
        return text
    rows = [
        (
            f"`{option.code}` {option.label}" if option.code else word("otherwise", language),
            f"{_inline(option.latex)} `{option.parameter}`" if option.parameter else _inline(option.latex),
        )
        for option in one.options
    ]
    return f"{text}\n\n{_table(_head('choice takes', language), rows)}"


def _parameters(doc: Document) -> str:
    language = doc.language
    zh = language == "zh"
    present = {parameter.status for parameter in doc.parameters}
    legend = "; ".join(
        f"{status_word(name, language)}: {STATUS_WORDS[name][1 if zh else 2]}"
        for name in STATUSES
        if name in present
    )
    rows = [
        (
            _symbol(doc.symbols[p.name]),
            f"`{p.name}`",
            f"{_meaning(p, language)}. {p.note}" if p.note else _meaning(p, language),
            "; ".join(f"{dated.value:g} ({dated.valid_from.isoformat()})" for dated in p.values),
            p.unit,
            f"{p.low:g} – {p.high:g}",
            DISTRIBUTION_WORDS[p.distribution] if zh else p.distribution,
            p.source,
            p.page,
            status_word(p.status, language),
        )
        for p in doc.parameters
    ]
    head = _head("symbol name meaning value unit range distribution source page status", language)
    return "\n\n".join(
        [
            f"## {word('parameters', language)}",
            f"{legend}{'。' if zh else '.'} {word('parameters-how', language)}",
            _table(head, rows),
        ]
    )


def _cases(doc: Document) -> str:
    language = doc.language
    folder = f"`methodologies/{doc.methodology.folder.name}/cases/`"
    rows = [(case.name, case.gives, f"`{case.file}`", _source(doc, case.source)) for case in doc.cases]
    return "\n\n".join(
        [
            f"## {word('cases', language)}",
            f"{word('cases-how', language)} {folder}{'。' if language == 'zh' else '.'}",
            *([_worked(doc.shown, language)] if doc.shown else []),
            f"### {word('all-cases', language)}",
            _table(_head("case gives file source", language), rows),
        ]
    )


def _worked(case: CaseText, language: Language) -> str:
    zh = language == "zh"
    period = " – ".join(day.isoformat() for day in case.period)
    when = (
        f"监测期 {period}（含首不含尾），参数取 {case.as_of.isoformat()} 当日。"
        if zh
        else f"Monitoring period {period} (end not included), parameters of {case.as_of.isoformat()}."
    )
    given = [
        (f"`{column.name}`", column.meaning_zh if zh else column.meaning_en, text, column.unit)
        for column, text in case.inputs
    ]
    steps = [
        (
            step.equation_no,
            _symbol(step.symbol),
            step.meaning_zh if zh else step.meaning_en,
            step.numbers + (f" [{step.condition_numbers}]" if step.condition_numbers else ""),
        )
        for step in case.steps
    ]
    return "\n\n".join(
        [
            f"### {word('step-by-step', language)}{'：' if zh else ': '}{case.name}",
            when,
            _table(_head("column meaning given unit", language), given),
            _table(_head("equation symbol meaning numbers", language), steps),
        ]
    )


def _recompute(doc: Document) -> str:
    language, key = doc.language, doc.methodology.key
    tables = "".join(f" --table {one.name}={one.name}.csv" for one in doc.tables)
    given = f"{key} INPUT.csv{tables} --period 2025"
    commands = [
        f"flask --app wsgi methodology run {given} -o OUT.json",
        f"flask --app wsgi methodology uncertainty {given} -o SPREAD.json",
    ]
    block = "\n".join(["```sh", *commands, "```"])
    return f"## {word('recompute', language)}\n\n{word('recompute-how', language)}\n\n{block}"
