"""The calculation sheet on paper: PDF/A, with the font and the rules of the certificate."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from carbon_platform.credits.glyphs import check_glyphs
from carbon_platform.credits.paper import FOLDER as FONTS
from carbon_platform.credits.paper import ZONE
from carbon_platform.credits.sheets import Entry, Sheet
from carbon_platform.credits.sheets_xlsx import STATUS_ZH
from methodologies.contract import ExplainedStep
from methodologies.formula import number_text
from methodologies.parameters import ISSUABLE_STATUSES, ParameterInForce

FOLDER = Path(__file__).with_name("sheet")
# Mathematical characters the Song font lacks; Libertinus Serif, which Typst brings with it, has them.
MATHEMATICS = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθικλμνξοπρστυφχψω∂∆⁰⁴⁵⁶⁷⁸⁹⁻⁺₀₁₂₃₄₅₆₇₈₉₊₋"


def sheet_pdf(sheet: Sheet, *, made_at: datetime) -> bytes:
    """PDF/A-3b of one sheet. The same sheet and time give the same bytes.

    ``made_at``: when the run was made. Errors: ``GlyphMissing`` names every character the font cannot print.
    """
    data = printed(sheet, made_at)
    check_glyphs(data, also=MATHEMATICS)
    return bytes(
        typst.compile(
            (FOLDER / "sheet.typ").read_bytes(),
            root=str(FOLDER),
            font_paths=[str(FONTS)],
            ignore_system_fonts=True,
            sys_inputs={"content": json.dumps(data, ensure_ascii=False)},
            pdf_standards="a-3b",
            timestamp=made_at.astimezone(UTC).replace(microsecond=0),
        )
    )


def printed(sheet: Sheet, made_at: datetime) -> dict[str, Any]:
    """Everything the paper says, as text."""
    local = made_at.astimezone(ZONE)
    return {
        "title_zh": sheet.title_zh,
        "title_en": sheet.title_en,
        "date": [local.year, local.month, local.day],
        "is_demo": sheet.is_demo,
        "estimate": sheet.state not in ("", "issued"),
        "facts": sheet.facts,
        "net": _step(sheet.net) | {"value": _signed(sheet.net.text)},
        "parameter_digest": dict(sheet.digests)["parameters"][:12],
        "inputs": [_entry(entry) for entry in (*sheet.inputs, *sheet.period)],
        "prepared": [
            {
                "title_zh": part.title_zh,
                "title_en": part.title_en,
                "entries": [_entry(entry) for entry in part.entries],
            }
            for part in sheet.prepared
        ],
        "parameters": [_parameter(parameter) for parameter in sheet.parameters],
        "sections": [
            {
                "title_zh": section.title_zh,
                "title_en": section.title_en,
                "steps": [_step(step) for step in section.steps],
            }
            for section in sheet.sections
        ],
        "digests": [("净额，未取整 net, unrounded", repr(sheet.net.value).replace("-", "−")), *sheet.digests],
    }


def _signed(text: str) -> str:
    return text.replace("-", "−") if text.startswith("-") else text


def _entry(entry: Entry) -> dict[str, str]:
    label = entry.label[0]
    text = entry.value if isinstance(entry.value, str) else _signed(number_text(entry.value))
    if label:
        text = f"{text}（{label}）"
    return {
        "symbol": entry.symbol,
        "name_zh": entry.meaning_zh,
        "name_en": entry.meaning_en,
        "value": text,
        "unit": entry.unit,
        "allowed": entry.allowed,
    }


def _parameter(parameter: ParameterInForce) -> dict[str, Any]:
    source = f"{parameter.source}，{parameter.page}" if parameter.page else parameter.source
    return {
        "symbol": parameter.symbol,
        "name_zh": parameter.meaning_zh,
        "name_en": parameter.meaning_en,
        "value": _signed(number_text(parameter.value)),
        "unit": parameter.unit,
        "source": f"{source}；{parameter.valid_from.isoformat()} 起",
        "note": parameter.note,
        "status": STATUS_ZH[parameter.status],
        "weak": parameter.status not in ISSUABLE_STATUSES,
    }


def _step(step: ExplainedStep) -> dict[str, str]:
    return {
        "number": step.equation_no,
        "symbol": step.symbol,
        "name_zh": step.meaning_zh,
        "name_en": step.meaning_en,
        "source": step.source,
        "equation": step.equation,
        "numbers": step.numbers,
        "condition": step.condition,
        "condition_numbers": step.condition_numbers,
        "value": _signed(step.text),
        "unit": "" if step.unit == "1" else step.unit,
    }
