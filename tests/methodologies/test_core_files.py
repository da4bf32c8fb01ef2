"""Input files: forgiving in form, strict in substance; templates that can be filled in and read back."""

from __future__ import annotations

import io
import json
import math
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "plugin_package"))

from hedgerow_plugin.hedgerow_v1 import METHODOLOGY as HEDGE

from methodologies import registry
from methodologies.contract import Column, InvalidRows, Methodology, run
from methodologies.errors import InvalidFile, InvalidPeriod, MethodologyError
from methodologies.files.cell_values import column_values
from methodologies.files.headers import is_unit, same_unit
from methodologies.files.input_files import Input, read_input, read_table
from methodologies.files.periods import read_day, read_period
from methodologies.files.run_document import run_document
from methodologies.files.template import template

EXAMPLE = HEDGE.example()
GOOD = "row,hedge_m,height_m,diesel_l\n甲,120,1.5,3\n乙,1200.5,2,\n"
EXPECTED = pd.DataFrame(
    {"hedge_m": [120.0, 1200.5], "height_m": [1.5, 2.0], "diesel_l": [3.0, None]}, index=["甲", "乙"]
)


def written(tmp_path: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path: Path, content: str | bytes, name: str = "in.csv", **tables: Path) -> Input:
    return read_input(HEDGE, written(tmp_path, content, name), tables)


def same(frame: pd.DataFrame) -> bool:
    given = run(HEDGE, frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of)
    expected = run(HEDGE, EXPECTED, period=EXAMPLE.period, as_of=EXAMPLE.as_of)
    return given.record() == expected.record() and list(given.frame.index) == ["甲", "乙"]


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.encode("gb18030"),
        GOOD.encode("utf-16"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", ";"),
        "height_m,row,diesel_l,hedge_m\n1.5,甲,3,120\n2,乙,,1200.5\n",
        "编号,Hedge M,平均高度（m）,diesel_l (升)\n甲,120,1.5,3\n乙,1200.5,2,\n",
        "row,hedge_m,height_m,diesel_l\n,m,米,L\n甲,120,1.5,3\n乙,1200.5,2,\n",
        "row,hedge_m,height_m,diesel_l,备注\n—,m,m,L,\n\n甲,120,1.5,3,好\n\n乙,\"1,200.5\",２.0 , ,\n",
        "row,hedge_m,height_m\n甲,120,1.5\n乙,1200.5,2\n",
    ],
    ids=[
        "plain", "byte-order mark", "GB18030", "UTF-16", "CRLF", "tabs", "semicolons", "order",
        "spellings", "unit line", "remarks, blanks, thousands, full width", "optional column left out",
    ],
)  # fmt: skip
def test_forgiving_in_form(tmp_path: Path, content: str | bytes, request: pytest.FixtureRequest) -> None:
    frame = read(tmp_path, content).frame
    if "diesel_l" not in frame:
        frame = frame.assign(diesel_l=[3.0, None])
    assert same(frame)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("row,hedge_m,height_m,hedge_km\n甲,1,1,1\n", "Unknown column hedge_km. Is it hedge_m?"),
        ("row,hedge_m,height_m,绿篱面积（亩）\n甲,1,1,1\n", "ha = mu / 15"),
        ("row,hedge_m,height_m,Hedge m\n甲,1,1,1\n", "hedge_m is given twice"),
        ("row,hedge_m (km),height_m\n甲,1,1\n", "headed km; it must be m"),
        ("row,hedge_m,height_m\n,亩,m\n甲,1,1\n", "headed 亩; it must be m"),
        ("row,hedge_m,height_m\n甲,1,1\n甲,2,2\n", "Row label 甲 occurs twice"),
        ("row,hedge_m,height_m\n甲,1,1\n,2,2\n", "Line 3 of the file lacks its label"),
        ("row,hedge_m,height_m\n甲,NaN,1\n", "hedge_m (length of the hedge): NaN is not a number"),
        ("row,hedge_m,height_m\n甲,inf,1\n", "inf is not a number"),
        ("row,hedge_m,height_m\n甲,1e999,1\n", "out of range"),
        ("row,hedge_m,height_m\n甲,12 m,1\n", "12 m is not a number"),
        ("row,hedge_m,height_m\n甲,,1\n", "Row 甲 lacks hedge_m"),
        ("row,hedge_m,height_m\n甲,-,1\n", "- is not a number"),
        ("row,hedge_m,height_m\n甲,1,1,7\n", "line 2 has more cells than the header"),
        (
            "row,hedge_m\n甲,1\n",
            "lacks the column height_m (mean height). Add it in m, allowed 0.2 – 10, or ",
        ),
        ("row,hedge_m,height_m\n", "a header but no rows"),
        ("甲,1,1\n", "names none of the columns"),
        ("", "it is empty"),
        (b"row,hedge_m\n\xff\x81\xff,1\n", "neither UTF-8 nor GB18030"),
        (b"PK\x00\x00", "no text file"),
    ],
)
def test_strict_in_substance(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises((InvalidRows, InvalidFile)) as caught:
        run(HEDGE, read(tmp_path, content).frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of)
    error = caught.value
    said = [p.en for p in error.problems] if isinstance(error, InvalidRows) else [error.message("en")]
    assert any(words in text for text in said), said
    assert all(ord(max(text)) > 0x3000 for text in [error.message("zh")])


def column(kind: str, **words: Any) -> Column:
    name = {"date": "sown_date", "float": "share_pct"}.get(kind, "thing")
    unit = "%" if kind == "float" else ""
    bounds = {"low": 0, "high": 100} if kind in {"float", "int"} else {}
    return Column(name, kind, unit, "值", "value", **bounds, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("declared", "cells", "values"),
    [
        (column("float"), ["12.5 %", "１２", 7, " ", None, "1e1"], [12.5, 12.0, 7, " ", None, 10.0]),
        (
            column("date"),
            ["2025-04-10", "2025/4/10", "2025年4月10日", "20250410", datetime(2025, 4, 10), "10/4/2025"],  # noqa: DTZ001
            [*[date(2025, 4, 10)] * 5, "10/4/2025"],
        ),
        (column("bool"), ["是", "FALSE", 1, 0, True, "maybe"], [True, False, True, False, True, "maybe"]),
        (
            column("choice", choices=("new", "7"), labels={"new": ("新造", "new planting")}),
            ["新造", "NEW", "New Planting", 7, 7.0, "old"],
            ["new", "new", "new", "7", "7", "old"],
        ),
        (column("text"), [" 松 ", 12.0, 3, True], ["松", "12", "3", True]),
        (column("int"), ["2018", [1], {"a": 1}], [2018.0, [1], {"a": 1}]),
    ],
)
def test_cells_by_kind(declared: Column, cells: list[Any], values: list[Any]) -> None:
    assert column_values(declared, cells).tolist() == values


def test_units_and_their_words() -> None:
    assert is_unit("kg/亩") and is_unit("t d.m./ha") and not is_unit("day of incorporation")
    assert same_unit("公斤/公顷", "kg N/ha") and same_unit("—", "") and same_unit("无", "1")
    assert not same_unit("kg/亩", "kg/ha") and not same_unit("", "ha")


def test_a_document_of_rows_tables_and_period(tmp_path: Path) -> None:
    rows = [{"row": label, "hedge_m": value} for label, value in (("甲", 120), ("乙", "1,200.5"))]
    heights = [
        {"编号": "甲", "point": 1, "point_height_m": 1.5},
        {"row": "乙", "point": 1, "point_height_m": 2},
    ]
    heights[0] = {"row": "甲"} | {k: v for k, v in heights[0].items() if k != "编号"}
    document = {"period": ["2025-01-01", "2026-01-01"], "as_of": "2026-01-01", "rows": rows}
    found = read(tmp_path, json.dumps(document | {"tables": {"heights": heights}}), "in.json")
    assert found.period == EXAMPLE.period and found.as_of == EXAMPLE.as_of
    result = run(HEDGE, found.frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of, tables=found.tables)
    assert list(result.frame["height_m"]) == [1.5, 2.0]
    again = run_document(HEDGE, result, found.frame, found.tables)
    repeated = read(tmp_path, json.dumps(again, allow_nan=False), "out.json")
    assert repeated.period == found.period and repeated.as_of == found.as_of
    second = run(HEDGE, repeated.frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of, tables=repeated.tables)
    assert second.record() == result.record()


@pytest.mark.parametrize(
    "document",
    [
        [{"hedge_m": 120, "height_m": 1.5}],
        {"rows": {"甲": {"hedge_m": 120, "height_m": 1.5}}},
        {"rows": {"hedge_m": 120, "height_m": 1.5}},
        {"input": {"hedge_m": 120, "height_m": "1.5"}},
        {"methodology": "hedgerow", "rows": [{"hedge_m": 120, "height_m": 1.5, "note": "x"}]},
    ],
)
def test_other_shapes_of_a_document(tmp_path: Path, document: Any) -> None:
    frame = read(tmp_path, json.dumps(document), "in.json").frame
    assert frame.to_numpy().tolist() == [[120, 1.5]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is no JSON"),
        ('{"rows": [{"hedge_m": 1, "hedge_m": 2}]}', "hedge_m occurs twice"),
        ('{"rows": [1]}', "entry 1 is not an object"),
        ('{"rows": 1}', "must be a list"),
        ('{"lines": []}', 'needs "rows"'),
        ('{"rows": [{}], "perod": 1}', "unknown entries perod"),
        ('{"rows": [{"hedge_m": 1}], "tables": {"plots": []}}', "no table plots; it has: heights"),
        ('{"rows": [{"hedge_m": 1}], "tables": [1]}', "lists by name"),
        ('{"rows": [{"hedge_m": 1}], "methodology": "camellia_oil_v1"}', "not for hedgerow_v1"),
        ('{"rows": [{"hedge_m": NaN, "height_m": 1}]}', "NaN is not a number"),
        ('{"rows": [{"hedge_m": 1e999, "height_m": 1}]}', "out of range"),
        ('{"rows": [{"hedge_m": 1}], "period": "spring"}', "must be a year or start..end"),
        ('{"rows": [{"hedge_m": 1}], "as_of": "2026-02-30"}', "is no date"),
    ],
)
def test_a_wrong_document_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises((InvalidFile, InvalidRows)) as caught:
        run(HEDGE, read(tmp_path, text, "in.json").frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of)
    assert words in str(caught.value), str(caught.value)


def test_tables_in_files_of_their_own(tmp_path: Path) -> None:
    table = written(tmp_path, "编号,point,point_height_m\n—,—,m\n甲,1,1.5\n乙,1,2\n", "h.csv")
    found = read(tmp_path, "编号,hedge_m\n甲,120\n乙,1200.5\n", heights=table)
    assert list(found.tables["heights"].index) == [3, 4]  # the lines of the file, for findings
    assert list(found.tables["heights"]["row"]) == ["甲", "乙"]
    with pytest.raises(InvalidFile, match="no table plots"):
        read(tmp_path, GOOD, plots=table)
    with pytest.raises(InvalidFile, match="must end in one of"):
        read_table(HEDGE.preparations[0], written(tmp_path, "x", "h.doc"))
    with pytest.raises(InvalidRows, match="Table heights: Unknown column depth"):
        read(tmp_path, GOOD, heights=written(tmp_path, "row,point,depth\n甲,1,1\n", "d.csv"))
    document = json.dumps([{"row": "甲", "point": 1, "point_height_m": 1.5}])
    assert len(read_table(HEDGE.preparations[0], written(tmp_path, document, "h.json"))) == 1


def fill(methodology: Methodology, tmp_path: Path, change: Any = None) -> Path:
    """The template filled in with the methodology's example, as a person would in a spreadsheet."""
    book = openpyxl.load_workbook(io.BytesIO(template(methodology)))
    given = methodology.example()
    sheets = {sheet.title.split()[0]: sheet for sheet in book.worksheets}
    _enter(sheets["rows"], given.frame.assign(row=given.frame.index))
    for name, table in (given.tables or {}).items():
        _enter(sheets[name], table)
    sheets["period"]["B1"], sheets["period"]["B2"] = given.period
    if change:
        change(sheets)
    book.save(tmp_path / "filled.xlsx")
    return tmp_path / "filled.xlsx"


def _enter(sheet: Any, frame: pd.DataFrame) -> None:
    places = {cell.value: cell.column for cell in sheet[1]}
    for number, (_, row) in enumerate(frame.iterrows(), start=6):
        for name, value in row.items():
            if value is not None and value == value:
                sheet.cell(number, places[name], value.item() if hasattr(value, "item") else value)


@pytest.mark.parametrize("methodology", [*registry().values(), HEDGE], ids=lambda m: m.key)
def test_a_filled_in_template_gives_the_same_run(methodology: Methodology, tmp_path: Path) -> None:
    example = methodology.example()
    wanted = run(
        methodology, example.frame, period=example.period, as_of=example.as_of, tables=example.tables
    )
    found = read_input(methodology, fill(methodology, tmp_path))
    assert found.period == example.period
    got = run(
        methodology, found.frame, period=example.period, as_of=example.as_of, tables=found.tables or None
    )
    assert got.net_t == wanted.net_t and got.parameter_digest == wanted.parameter_digest
    assert got.table_digests == wanted.table_digests
    labels = [str(label) for label in example.frame.index]
    assert list(got.frame.index) == labels


@pytest.mark.parametrize("methodology", [*registry().values(), HEDGE], ids=lambda m: m.key)
def test_a_template_says_unit_range_and_choices(methodology: Methodology) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template(methodology)))
    rows = book["rows 数据"]
    heads = {cell.value: cell for cell in rows[1]}
    assert list(heads)[1:] == [column.name for column in methodology.columns]
    checked = {str(v.sqref).split("6:")[0]: v for v in rows.data_validations.dataValidation}
    for column in methodology.columns:
        cell = heads[column.name]
        below = [rows.cell(line, cell.column).value for line in (2, 3, 4, 5)]
        assert below == [column.unit or "—", column.meaning_zh, column.meaning_en, column.allowed]
        assert column.meaning_zh in cell.comment.text
        if column.kind != "text":
            assert cell.column_letter in checked, column.name
        if column.kind == "choice":
            assert checked[cell.column_letter].type == "list"
    titles = {sheet.title.split()[0] for sheet in book.worksheets}
    assert titles >= {p.name for p in methodology.preparations} | {"rows", "period", "notes", "example"}


def test_a_workbook_is_judged_like_any_file(tmp_path: Path) -> None:
    def formula(sheets: Any) -> None:
        sheets["rows"]["B6"] = "=1+1"

    with pytest.raises(InvalidFile, match="no stored result"):
        read_input(HEDGE, fill(HEDGE, tmp_path, formula))

    def unit(sheets: Any) -> None:
        sheets["rows"]["B2"] = "亩"

    with pytest.raises(InvalidRows, match="headed 亩"):
        read_input(HEDGE, fill(HEDGE, tmp_path, unit))

    def sheets(sheets: Any) -> None:
        sheets["heights"].title = "高度测量"
        book = sheets["rows"].parent
        book.create_sheet("草稿").append(["hedge_m", "x"])

    found = read_input(HEDGE, fill(HEDGE, tmp_path, sheets))
    assert len(found.tables["heights"]) == 6 and found.ignored == ("sheet 草稿",)
    with pytest.raises(InvalidFile, match="no XLSX workbook"):
        read_input(HEDGE, written(tmp_path, "x", "in.xlsx"))
    with pytest.raises(InvalidFile, match="must end in one of"):
        read_input(HEDGE, written(tmp_path, "x", "in.pdf"))
    empty = openpyxl.Workbook()
    empty.save(tmp_path / "empty.xlsx")
    with pytest.raises(InvalidFile, match="no sheet named rows"):
        read_input(HEDGE, tmp_path / "empty.xlsx")


@pytest.mark.parametrize(
    "value",
    [
        "2025", 2025, "2025-01-01..2026-01-01", "2025-01-01/2026-01-01", "2025-01-01 2026-01-01",
        "2025/1/1 至 2026/1/1", ["2025-01-01", "2026-01-01"], {"start": "2025-01-01", "end": "2026-01-01"},
    ],
)  # fmt: skip
def test_periods_as_people_write_them(value: Any) -> None:
    assert read_period(value, "x") == (date(2025, 1, 1), date(2026, 1, 1))


def test_a_period_that_is_none_is_named() -> None:
    for value in ("2025-01-01", ["2025-01-01"], {"start": "2025-01-01"}, "soon..later"):
        with pytest.raises(InvalidFile):
            read_period(value, "--period")
    with pytest.raises(InvalidPeriod):
        read_period("2026-01-01..2025-01-01", "--period")
    assert read_day(datetime(2025, 1, 1, 9), "x") == date(2025, 1, 1)  # noqa: DTZ001


def test_a_document_holds_no_nan() -> None:
    result = run(HEDGE, EXAMPLE.frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of, tables=EXAMPLE.tables)
    document = run_document(HEDGE, result, EXAMPLE.frame, EXAMPLE.tables, assumed={"as_of": "x"})
    text = json.dumps(document, allow_nan=False)
    again = json.loads(text)
    assert again == document and math.fsum(row["net_t"] for row in again["rows"]) == again["net_t"]
    assert again["units"]["growth_kg_per_m"] == "kg/m" and again["units"]["points"] == ""
    assert {b["parameter"] for b in again["blocking"]} == {"biomass_kg_per_m3", "ef_diesel_kg_per_l"}
    assert again["prepared"]["heights"]["lines"][0]["row"] == "丙"
    assert set(again["digests"]) == {"input", "parameter", "code", "tables"}


_CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from(["", "NaN", "12", "1,000", "甲", "亩", "m", "-", "是", "2025-01-01", "\x00", "="]),
    st.lists(st.integers(), max_size=1),
)
_NAMES = ["row", "hedge_m", "height_m", "diesel_l", "编号", "Hedge M", "note", "point", "point_height_m", "x"]
_ROWS = st.lists(st.dictionaries(st.sampled_from(_NAMES), _CELLS, max_size=4), max_size=3)
_DOCUMENTS = st.one_of(
    _ROWS,
    st.builds(lambda rows, lines: {"rows": rows, "tables": {"heights": lines}}, _ROWS, _ROWS),
    st.dictionaries(st.sampled_from(["rows", "tables", "period", "as_of", "input", "parameters"]), _CELLS),
)
_LINES = st.lists(
    st.lists(st.sampled_from([*_NAMES, "1", "2.5", "NaN", "", "m", "甲"]), max_size=5), max_size=4
)


@given(document=_DOCUMENTS)
@settings(max_examples=60, deadline=None)
def test_any_document_is_computed_or_refused_by_name(document: Any) -> None:
    _computed_or_refused(json.dumps(document).encode(), "in.json")


@given(lines=_LINES, encoding=st.sampled_from(["utf-8", "gb18030", "utf-16"]), noise=st.binary(max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_text_is_computed_or_refused_by_name(lines: list[list[str]], encoding: str, noise: bytes) -> None:
    text = "\n".join(",".join(line) for line in [_NAMES[:3], *lines])
    _computed_or_refused(text.encode(encoding) + noise, "in.csv")


def _computed_or_refused(content: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), content, name)
        try:
            found = read_input(HEDGE, path)
            result = run(
                HEDGE, found.frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of, tables=found.tables or None
            )
        except MethodologyError as refused:
            assert refused.message("zh") and refused.message("en")
            return
        json.dumps(run_document(HEDGE, result, found.frame, found.tables), allow_nan=False)
