"""The printed documentation: fresh, complete in both languages, and nothing in it typed twice."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from methodologies import ALL, registry
from methodologies.declaration import SUBJECTS
from methodologies.documents.doc_words import DISTRIBUTION_WORDS, STATUS_WORDS, SUBJECT_WORDS
from methodologies.documents.documentation import document
from methodologies.documents.markdown import index, page
from methodologies.documents.mathml import Language
from methodologies.parameters import DISTRIBUTIONS, STATUSES, ParameterSet

ROOT = Path(__file__).parents[2]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
KEYS = [one.key for one in ALL]


def test_the_documentation_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "tools/methodology_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_words_are_known_for_everything_that_can_be_declared() -> None:
    assert set(STATUS_WORDS) == set(STATUSES)
    assert set(DISTRIBUTION_WORDS) == set(DISTRIBUTIONS)
    assert set(SUBJECT_WORDS) == set(SUBJECTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS)
def test_a_page_has_every_declared_fact(key: str, language: Language) -> None:
    methodology = registry()[key]
    text = page(document(methodology, language))
    for parameter in methodology.parameters:
        [row] = [line for line in text.splitlines() if f"| `{parameter.name}` |" in line]
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert cells[4] == parameter.unit
        for dated in parameter.values:
            assert f"{dated.value:g} ({dated.valid_from.isoformat()})" in cells[3]
        assert cells[5] == f"{parameter.low:g} – {parameter.high:g}"
        assert cells[7].replace("\\|", "|") == parameter.source
        assert cells[8] == parameter.page
        assert cells[9] == (STATUS_WORDS[parameter.status][0] if language == "zh" else parameter.status)
    for column in methodology.columns:
        assert f"| `{column.name}` |" in text
    for table in methodology.preparations:
        assert f"--table {table.name}=" in text
    blocks = re.findall(r"^```math\n(.+?)\n```$", text, re.M | re.S)
    assert len(blocks) == len(methodology.steps)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3, line


@pytest.mark.parametrize("key", KEYS)
def test_boundary_baseline_and_monitoring_are_told_in_both_languages(key: str) -> None:
    methodology = registry()[key]
    chinese = document(methodology, "zh")
    assert {section.language for section in chinese.sections} == {"zh"}
    titles = [section.title for section in chinese.sections]
    assert titles[0] == "边界"
    assert titles[-1] == "监测计划"
    words = "".join(section.text for section in chinese.sections)
    assert ("基准" in words and "试算" in words) or not chinese.open_parameters
    english = document(methodology, "en")
    assert english.sections[0].title == "Boundary"
    assert english.sections[-1].title == "Monitoring plan"


@pytest.mark.parametrize("key", KEYS)
def test_the_worked_case_is_opened_down_to_its_result(key: str) -> None:
    found = document(registry()[key], "en")
    assert found.shown is not None
    assert found.shown.steps[-1].name == "net_t"
    assert f"{found.shown.steps[-1].numbers}" in page(found)
    assert len(found.cases) == len({(case.file, case.name) for case in found.cases}) >= 5


def test_estimate_or_not_is_said_by_status_alone() -> None:
    methodology = registry()["ratoon_rice_v1"]
    open_names = {p.name for p in methodology.parameters if p.status not in ("verified", "secondary")}
    found = document(methodology, "zh")
    assert {p.name for p in found.open_parameters} == open_names != set()
    assert "**试算**" in page(found)
    sound = ParameterSet({p.name: replace(p, status="verified", page="p. 1") for p in methodology.parameters})
    text = page(replace(found, parameters=tuple(sound)))
    assert "**试算**" not in text
    assert "可以进入签发流程" in text


def test_every_dated_value_is_printed() -> None:
    methodology = registry()["ratoon_rice_v1"]
    first = next(iter(methodology.parameters))
    later = replace(first.values[0], valid_from=date(2031, 5, 1))
    changed = replace(first, values=(*first.values, later))
    text = page(replace(document(methodology, "en"), parameters=(changed,)))
    assert "(2031-05-01)" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_lists_all_and_explains_every_status(language: Language) -> None:
    text = index(ALL, language)
    for methodology in ALL:
        assert f"({methodology.key}.md)" in text
    for status in STATUSES:
        assert f"`{status}`" in text


def test_without_a_guide_the_declaration_speaks_for_itself(tmp_path: Path) -> None:
    """A plug-in in one language is documented in that language, and marked as such."""
    bare = replace(registry()["tea_garden_v1"], folder=tmp_path)
    found = document(bare, "zh")
    assert {section.language for section in found.sections} == {"en"}
    assert found.sections[0].title == "Boundary"
    assert (found.cases, found.shown) == ((), None)
    (tmp_path / "guide.zh.md").write_text("## 边界\n\n一行\n接着。\n\n- 甲\n- 乙\n", encoding="utf-8")
    [section] = document(bare, "zh").sections
    assert (section.title, section.text, section.language) == ("边界", "一行接着。\n\n- 甲\n- 乙", "zh")
