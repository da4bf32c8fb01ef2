"""The workbook of a row: an independent spreadsheet computes the platform's figures from it, to 1e-9."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import load_workbook
from workbook_engine import Spreadsheet

from carbon_platform.credits.sheets import COMMON_ZH, REST_ZH, Sheet, sheet_of
from carbon_platform.credits.sheets_xlsx import NOTES, TITLE, sheet_xlsx
from methodologies import registry
from methodologies.contract import Methodology, Quantification, run

RICE, CAMELLIA = "ratoon_rice_v1", "camellia_oil_v1"
HOSTILE = '=HYPERLINK("http://evil.example","点我")'


def result(key: str, frame: pd.DataFrame | None = None) -> tuple[Methodology, Quantification]:
    methodology = registry()[key]
    example = methodology.example()
    frame = example.frame if frame is None else frame
    tables = {"tables": example.tables} if example.tables else {}
    return methodology, run(methodology, frame, period=example.period, as_of=example.as_of, **tables)


def sheet(key: str, label: Any = None, **more: Any) -> Sheet:
    methodology, quantification = result(key)
    chosen = quantification.frame.index[0] if label is None else label
    return sheet_of(methodology, quantification, chosen, title=(f"计算书 {chosen}", "Sheet"), **more)


def rows_of(content: bytes, made: Sheet) -> dict[str, int]:
    """Row of each input and parameter by name; they stand in their order, numbered I1 … and P1 …"""
    page = load_workbook(io.BytesIO(content))[TITLE]
    numbered = {str(page[f"A{row}"].value): row for row in range(1, page.max_row + 1)}
    inputs = [entry.name for entry in (*made.inputs, *made.period)]
    parameters = [parameter.name for parameter in made.parameters]
    found = {name: numbered[f"I{number}"] for number, name in enumerate(inputs, start=1)}
    return found | {name: numbered[f"P{number}"] for number, name in enumerate(parameters, start=1)}


def step_rows(content: bytes) -> list[int]:
    page = load_workbook(io.BytesIO(content))[TITLE]
    return [row for row in range(1, page.max_row + 1) if page[f"J{row}"].data_type == "f"]


def close(told: float, right: float, size: float) -> bool:
    return math.isclose(told, right, rel_tol=1e-9, abs_tol=1e-12 * max(1.0, size))


@pytest.mark.parametrize("key", sorted(registry()))
def test_every_row_of_every_example_comes_out_again(key: str) -> None:
    methodology, quantification = result(key)
    for label in quantification.frame.index[:4]:
        made = sheet_of(methodology, quantification, label, title=("计算书", "Sheet"))
        content = sheet_xlsx(made)
        book, rows = Spreadsheet(content), step_rows(content)
        assert len(rows) == len(methodology.steps)
        figures = quantification.frame.loc[label]
        size = max(abs(float(figures[step.name])) for step in methodology.steps)
        for row, step in zip(rows, made.steps, strict=True):
            assert close(book[f"D{row}"], float(figures[step.name]), size), (label, step.name)
            assert book[f"I{row}"] == float(figures[step.name])
        assert book[f"C{rows_of_head(content)}"].startswith("一致")


def rows_of_head(content: bytes) -> int:
    page = load_workbook(io.BytesIO(content))[TITLE]
    return next(row for row in range(1, 30) if str(page[f"A{row}"].value).startswith("核对"))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    (RICE, {"main_regime": "continuous"}),
    (RICE, {"main_regime": "unknown", "area_ha": 17.25}),
    (RICE, {"ratoon_drainage_date": date(2025, 11, 3)}),
    (RICE, {"baseline_straw_evidence": True, "base1_straw_short_t_per_ha": 5.5}),
    (RICE, {"previous_flood_end_date": date(2024, 6, 1), "yield_t_per_ha": 9.0}),
    (RICE, {"main_n_kg_per_ha": 400.0, "diesel_l": 900.0}),
    (CAMELLIA, {"area_ha": 3.75, "n_synthetic_kg_per_ha_per_year": 0.0}),
    (CAMELLIA, {"activity": "management"}),
    (CAMELLIA, {"planting_year": 2004.0, "diesel_l": 12.0}),
]


@pytest.mark.parametrize(("key", "changes"), CHANGES)
def test_a_changed_input_moves_the_sheet_as_it_moves_the_platform(key: str, changes: dict[str, Any]) -> None:
    methodology, before = result(key)
    label = before.frame.index[0]
    made = sheet_of(methodology, before, label, title=("计算书", "Sheet"))
    content = sheet_xlsx(made)
    book, rows = Spreadsheet(content), rows_of(content, made)
    frame = methodology.example().frame.copy()
    for name, value in changes.items():
        column = methodology.column(name)
        book.set(f"D{rows[name]}", value)
        frame[name] = frame[name].astype(object) if name in frame else column.default
        frame.loc[label, name] = value
    _, after = result(key, frame)
    figures = after.frame.loc[label]
    assert figures["net_t"] != before.frame.loc[label, "net_t"], "the change must matter"
    size = max(abs(float(figures[step.name])) for step in methodology.steps)
    for row, step in zip(step_rows(content), methodology.steps, strict=True):
        assert close(book[f"D{row}"], float(figures[step.name]), size), step.name
    assert book[f"C{rows_of_head(content)}"].startswith("不同")


def test_a_changed_parameter_moves_the_sheet_too() -> None:
    made = sheet(RICE)
    content = sheet_xlsx(made)
    book = Spreadsheet(content)
    cell = f"D{rows_of(content, made)['ef_c']}"
    steps = dict(zip((step.name for step in made.steps), step_rows(content), strict=True))
    methane = book[f"D{steps['be_ch4_kg']}"]
    book.set(cell, book[cell] * 2)
    assert math.isclose(book[f"D{steps['be_ch4_kg']}"], 2 * methane, rel_tol=1e-12)


def test_seasons_stand_together_and_parameters_of_other_branches_are_there() -> None:
    made = sheet(RICE)
    titles = [section.title_zh for section in made.sections]
    assert [title for title in titles if title != COMMON_ZH] == [
        "头季",
        "再生季",
        "基准线第一季",
        "基准线第二季",
        REST_ZH,
    ]
    for section in made.sections:
        word = {"头季": "main_", "再生季": "ratoon_", "基准线第一季": "base1_"}.get(section.title_zh, "")
        assert all(step.name.startswith(word) for step in section.steps)
    assert [step.name for step in made.steps] == [step.name for step in registry()[RICE].steps]
    assert made.net.name == "net_t"
    named = {parameter.name for parameter in made.parameters}
    used = {name for step in registry()[RICE].steps for name in step.uses}
    assert named == used & {parameter.name for parameter in registry()[RICE].parameters}
    for parameter in made.parameters:
        assert parameter.source and parameter.status


def test_what_a_measured_table_gave_stands_in_the_sheet() -> None:
    """The line of the row's own stratum, and no other's; the formulas stay on the inputs."""
    methodology, quantification = result("tea_garden_v1")
    [plots] = [one for one in methodology.preparations if one.name == "plots"]
    label = quantification.frame.index[0]
    frame = quantification.frame.astype({plots.key: object})
    frame.loc[label, plots.key] = "S2"
    numbers = [column for column in plots.outputs if column.kind in ("float", "int")]
    prepared = pd.DataFrame(
        {column.name: [1.5, 2.5] if column in numbers else ["", ""] for column in plots.outputs},
        index=["S1", "S2"],
    )
    given = replace(quantification, frame=frame, prepared={"plots": prepared})
    made = sheet_of(methodology, given, label, title=("计算书", "Sheet"))
    [part] = made.prepared
    assert (part.name, part.title_zh) == ("plots", plots.title_zh)
    assert {entry.value for entry in part.entries if entry.name in {c.name for c in numbers}} == {2.5}
    content = sheet_xlsx(made)
    page = load_workbook(io.BytesIO(content))[TITLE]
    shown = [
        page[f"D{row}"].value for row in range(1, 200) if str(page[f"A{row}"].value).startswith("plots ")
    ]
    assert shown.count(2.5) == len(numbers)
    assert Spreadsheet(content)[f"D{step_rows(content)[-1]}"] == pytest.approx(made.net.value, rel=1e-9)
    other = frame.index[1]
    assert sheet_of(methodology, given, other, title=("计算书", "Sheet")).prepared == ()


def test_text_of_users_never_becomes_a_formula() -> None:
    facts = (
        ("项目", "Project", HOSTILE),
        ("县区", "County", "+cmd|' /C calc'!A0"),
        ("状态", "State", "\x01\x00x"),
    )
    methodology, quantification = result(CAMELLIA)
    frame = quantification.frame.rename(index={quantification.frame.index[0]: "@SUM(1)"})
    made = sheet_of(methodology, replace(quantification, frame=frame), "@SUM(1)",
                    title=("=1+1", "-2"), facts=facts, digests=(("input", "=A1"),))  # fmt: skip
    content = sheet_xlsx(made)
    book = load_workbook(io.BytesIO(content))
    own = {f"{c}{row}" for row in step_rows(content) for c in "DHJ"}
    head = rows_of_head(content)
    for cell in (cell for line in book[TITLE].iter_rows() for cell in line if cell.data_type == "f"):
        assert cell.coordinate in own | {f"C{head}", f"C{head - 1}"}, cell.coordinate
        assert not any(word in cell.value for word in ("HYPERLINK", "cmd", "http", "SUM(1)"))
    assert all(cell.data_type != "f" for line in book[NOTES].iter_rows() for cell in line)
    first = book[TITLE]["A1"]
    assert (first.value, first.data_type, first.quotePrefix) == ("=1+1", "s", True)
    said = {str(cell.value) for line in book[TITLE].iter_rows() for cell in line}
    assert HOSTILE in said and "\ufffd\ufffdx" in said
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name.lower() for name in archive.namelist()]
    assert not [name for name in names if "external" in name or "vba" in name]


def test_the_same_sheet_gives_the_same_bytes_and_shows_figures_without_computing() -> None:
    made = sheet(CAMELLIA)
    content = sheet_xlsx(made)
    assert content == sheet_xlsx(made)
    page = load_workbook(io.BytesIO(content), data_only=True)[TITLE]
    shown = [page[f"D{row}"].value for row in step_rows(content)]
    assert shown == [step.value for step in made.steps]


def test_inputs_are_typed_and_bounded() -> None:
    made = sheet(RICE)
    content = sheet_xlsx(made)
    page = load_workbook(io.BytesIO(content))[TITLE]
    rows = rows_of(content, made)
    assert page[f"D{rows['main_land_prep_date']}"].is_date
    assert page[f"D{rows['baseline_water_evidence']}"].data_type == "b"
    assert page[f"D{rows['main_regime']}"].data_type == "s"
    rules = {str(rule.sqref): rule for rule in page.data_validations.dataValidation}
    assert rules[f"D{rows['main_regime']}"].formula1 == '"continuous,single,multiple,unknown"'
    area, column = rules[f"D{rows['area_ha']}"], registry()[RICE].column("area_ha")
    assert (area.type, float(area.formula1), float(area.formula2)) == ("decimal", column.low, column.high)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice Calc")
def test_libreoffice_computes_the_same(tmp_path: Path) -> None:
    """A spreadsheet nobody here wrote: files without stored results, each with one input changed."""
    expected: dict[str, tuple[list[int], list[float]]] = {}
    for number, (key, changes) in enumerate(CHANGES):
        methodology, before = result(key)
        label = before.frame.index[-1]
        made = sheet_of(methodology, before, label, title=("计算书", "Sheet"))
        content = sheet_xlsx(made)
        book, rows = load_workbook(io.BytesIO(content)), rows_of(content, made)
        frame = methodology.example().frame.copy()
        for name, value in changes.items():
            column = methodology.column(name)
            book[TITLE][f"D{rows[name]}"].value = value
            frame[name] = frame[name].astype(object) if name in frame else column.default
            frame.loc[label, name] = value
        book.save(tmp_path / f"{number}.xlsx")  # drops stored results: whoever opens it has to compute
        figures = result(key, frame)[1].frame.loc[label]
        expected[f"{number}.xlsx"] = (step_rows(content), [float(figures[s.name]) for s in methodology.steps])
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = ["soffice", "--headless", profile, "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir",
               str(tmp_path / "out")]  # fmt: skip
    files = [str(tmp_path / name) for name in expected]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=120)
    for name, (rows, figures) in expected.items():
        page = load_workbook(tmp_path / "out" / name, data_only=True)[TITLE]
        size = max(map(abs, figures))
        for row, figure in zip(rows, figures, strict=True):
            assert close(page[f"D{row}"].value, figure, size), (name, row)
