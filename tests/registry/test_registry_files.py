"""Files as they come: encodings, workbooks, damage, bombs. Each refusal has a name and says what to do."""

from __future__ import annotations

import time
import tracemalloc
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_files import ALPHA, BETA, HEADER, METHOD, P1, csv_file, issue, transfer, workbook
from registry_house import NOW

from carbon_platform.errors import PlatformError
from carbon_platform.registry import methodology_names, rules
from carbon_platform.registry.directory import Directory
from carbon_platform.registry.mapping import FOLDER, read_source, sources
from carbon_platform.registry.reading import Table, read_table
from carbon_platform.registry.report import safe_cell

DIRECTORY = Directory([(1, ALPHA, "91411502TEST00001X"), (2, BETA, "91411525TEST00002X")])
ROWS = [issue("000001–000100", 100), transfer("11–20", 10, ALPHA, BETA)]


def read(path: Path, source: str = "ccer") -> Table:
    return read_table(path, sources()[source], DIRECTORY, NOW)


def codes(table: Table) -> list[list[str]]:
    return [[f["code"] for f in record.findings] for record in table.records]


@pytest.mark.parametrize(
    ("encoding", "taken"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("gbk", "gb18030")],
)
def test_the_encoding_is_found_and_said(tmp_path: Path, encoding: str, taken: str) -> None:
    table = read(csv_file(tmp_path / "a.csv", ROWS, encoding=encoding))
    assert (table.encoding, codes(table)) == (taken, [[], []])
    assert table.records[0].holder_name == ALPHA


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\ufeff".join(HEADER).encode("utf-16"), rules.EncodingUnknown),
        ("业务类型,数量\n".encode() + "登记,某".encode("gbk")[:-1] + b"\xff\n", rules.EncodingUnknown),
        (b"", rules.FormatUnknown),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, rules.FormatUnknown),
        (b"%PDF-1.7 ...", rules.FormatUnknown),
        (b"PK\x03\x04 not a workbook at all", rules.WorkbookRefused),
        ("\n".join(["说明", "另一行"]).encode(), rules.HeaderNotFound),
        ((",".join(HEADER) + "\n").encode(), rules.NoRows),
        ((",".join(HEADER) + '\n登记,"没有收口的引号\n').encode(), rules.FileDamaged),
        ((",".join([*HEADER, "持有账户"]) + "\n登记\n").encode(), rules.HeaderTwice),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path: Path, content: bytes, reason: type[PlatformError]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(reason) as refused:
        read(path)
    for language in ("zh", "en"):
        assert "{" not in refused.value.message(language)


def test_header_below_titles_with_other_names_and_a_tab(tmp_path: Path) -> None:
    names = dict(zip(HEADER, HEADER, strict=True)) | {
        "编号区间": "*序列号 区间", "方法学": "METHODOLOGY", "数量（吨）": "减排量(tCO2e)",
        "日期": "登记日期：",
    }  # fmt: skip
    path = csv_file(
        tmp_path / "a.txt",
        ROWS,
        header=[*names.values(), "备注"],
        above=[["账户持有明细"], []],
        delimiter="\t",
    )
    table = read(path)
    assert (table.header_row, table.ignored, codes(table)) == (3, ("备注",), [[], []])
    assert [record.row for record in table.records] == [4, 5]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    header = ["x" if name in ("编号区间", "日期") else name for name in HEADER]
    with pytest.raises(rules.HeaderNotFound) as refused:
        read(csv_file(tmp_path / "a.csv", ROWS, header=header))
    assert "编号区间、日期" in refused.value.message("zh")
    assert "第 1 行" in refused.value.message("zh")


def test_workbook_with_formulas_dates_and_errors(tmp_path: Path) -> None:
    good = issue("1-100", 100.0, day=date(2025, 3, 1))
    formula = issue("101-200", "=50*2", day="=TODAY()")
    error = issue("201-300", "#REF!")
    table = read(workbook(tmp_path / "a.xlsx", [good, formula, error]))
    assert (table.file_format, table.sheet) == ("xlsx", "减排量明细")
    assert codes(table) == [[], ["formula", "formula"], ["error_cell"]]
    said = table.records[1].findings[0]
    assert (said["row"], said["column"], said["value"]) == (3, "数量（吨）（G）", "=50*2")
    assert "粘贴" in said["advice_zh"]


def test_the_wrong_sheet_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(rules.SheetNotFound) as refused:
        read(workbook(tmp_path / "a.xlsx", ROWS, sheet="汇总"))
    assert "说明、汇总" in refused.value.message("zh")


def test_several_declared_sheets_are_named_and_none_is_read(tmp_path: Path) -> None:
    with pytest.raises(rules.SeveralSheets) as refused:
        read(workbook(tmp_path / "a.xlsx", ROWS, others=("说明", "持有明细")))
    assert "持有明细、减排量明细" in refused.value.message("zh")
    assert "持有明细、减排量明细" in refused.value.message("en")


@pytest.mark.parametrize(
    "text", ["=1", "＝1", "＋1", "－1", "＠a", " =1", "\u3000＝1", "\u200b=1", "\n@a", "\t1", "\r1", "﹦1"]
)
def test_cells_of_the_error_list_are_no_formulas(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(f"x{text}") == f"x{text}"


def test_csv_formulas_are_never_values(tmp_path: Path) -> None:
    table = read(csv_file(tmp_path / "a.csv", [issue('="000001-000100"', 100), issue("1-9", "@SUM(A1)")]))
    assert codes(table) == [["formula"], ["formula"]]


def bomb(path: Path, name: str, size: int, pattern: bytes = b"<row/>") -> Path:
    """A workbook of which one member grows to ``size`` bytes."""
    workbook(path.with_suffix(".tmp"), ROWS)
    with (
        zipfile.ZipFile(path.with_suffix(".tmp")) as old,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        with new.open(name, "w", force_zip64=True) as member:
            block = pattern * (1_000_000 // len(pattern))
            for _ in range(size // len(block)):
                member.write(block)
    return path


@pytest.mark.parametrize(
    ("name", "size_mb", "reason"),
    [
        ("xl/worksheets/sheet2.xml", 600, rules.WorkbookRefused),
        ("xl/sharedStrings.xml", 110, rules.WorkbookRefused),
        ("xl/worksheets/sheet2.xml", 20, rules.TooManyRows),
    ],
)
def test_zip_bombs_are_refused_without_unpacking_them(
    tmp_path: Path, name: str, size_mb: int, reason: type[PlatformError]
) -> None:
    path = bomb(tmp_path / "bomb.xlsx", name, size_mb * 1024 * 1024)
    assert path.stat().st_size < 8 * 1024 * 1024
    tracemalloc.start()
    try:
        with pytest.raises(reason):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_entity_bombs_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.tmp.xlsx", ROWS)
    target = tmp_path / "b.xlsx"
    lol = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "xl/worksheets/sheet2.xml":
                content = lol + content.split(b"?>", 1)[-1]
            new.writestr(entry, content)
    with pytest.raises((rules.WorkbookRefused, rules.FileDamaged)):
        read(target)


def test_a_million_rows_are_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    # A narrow file: what counts are the rows.
    line = "登记,,,,,,,,,,,2025-03-01,,,,\n".encode()
    path.write_bytes((",".join(HEADER) + "\n").encode() + line * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(rules.TooManyRows) as refused:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 24 * 1024 * 1024
    finally:
        tracemalloc.stop()
    assert f"{rules.ROW_LIMIT:,}" in refused.value.message("zh")


def test_files_beyond_the_limit_are_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(rules.FILE_LIMIT_MB * 1024 * 1024 + 1)
    with pytest.raises(rules.FileTooLarge):
        read(path)


def test_fifty_thousand_rows_are_read_in_seconds(tmp_path: Path) -> None:
    rows: list[list[Any]] = [issue(f"{n * 10 + 1}-{n * 10 + 10}", 10) for n in range(50_000)]
    path = csv_file(tmp_path / "a.csv", rows, encoding="gb18030")
    begun = time.process_time()
    table = read(path)
    assert time.process_time() - begun < 20, "seconds of one core"
    assert len(table.records) == 50_000
    assert sum(len(record.findings) for record in table.records) == 0


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    made = (csv_file(folder / "a.csv", ROWS, encoding="gb18030"), workbook(folder / "a.xlsx", ROWS))
    return {path.suffix: path.read_bytes() for path in made}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_are_a_named_refusal_or_rows(
    sound: dict[str, bytes], tmp_path: Path, data: st.DataObject, suffix: str
) -> None:
    content = bytearray(sound[suffix])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
        if not content:
            break
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content))
    try:
        table = read(path)
    except PlatformError as refused:
        assert refused.code.startswith("registry.")
        assert "{" not in refused.message("zh")
    else:
        for record in table.records:
            for found in record.findings:
                assert found["zh"].startswith(f"第 {record.row} 行：")


# --- sources and methodology names ----------------------------------------------------------------


def test_thirty_spellings_are_one_methodology_and_others_stay_others() -> None:
    spellings = methodology_names.known()[METHOD].spellings
    assert len(spellings) >= 22
    assert {methodology_names.find(text) for text in spellings} == {METHOD}
    assert len({s.casefold().replace(" ", "") for s in spellings}) >= 22
    assert methodology_names.find("碳汇造林") == "AR-CM-001-V01", "not 造林碳汇"
    assert methodology_names.find("CCER-14-002-V01") == "CCER-14-002-V01"
    assert methodology_names.find("CCER-14-001-V02") is None, "another version is another methodology"
    assert methodology_names.nearest("CCER-14-01-V01") == (METHOD, METHOD)


def test_what_is_not_known_of_a_source_is_said() -> None:
    for source in sources().values():
        assert {fact["status"] for fact in source.facts} & {"not-found", "unverified"}
        assert not source.may_sell
    serial = next(fact for fact in sources()["ccer"].facts if "format of serial numbers" in fact["what"])
    assert serial["status"] == "not-found"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sell = false", "sell = true"),
        ("retire = false", "retire = true"),
        ('scope = "project" ', 'scope = "planet" '),
        ("kg_per_serial = 1000", "kg_per_serial = 0"),
        ('unit = "t"', 'unit = "lb"'),
        ('reference = ["业务编号"', 'reference = ["日期"'),
        ("serials = [", "nonsense = ["),
        ('retirement = ["注销"', 'retirement = ["签发"'),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = (FOLDER / "ccer.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        read_source(path)


def test_a_ledger_in_kilograms_with_its_own_words(tmp_path: Path) -> None:
    header = ["事项", "项目编号", "计量方法", "监测年度", "票号", "数量（千克）", "持票人", "日期"]
    rows = [["制发", P1, "《三明林业碳票碳减排量计量方法》", "2024年度", "TP-0000001 至 TP-0012723", "12,723",
             ALPHA, "2025年3月1日"]]  # fmt: skip
    path = csv_file(tmp_path / "a.csv", rows, header=header, encoding="gb18030")
    record = read(path, "ticket_ledger").records[0]
    assert record.findings == []
    assert (record.quantity_kg, record.methodology_key, record.vintage) == (12_723, "SMCER", 2024)
    assert str(record.blocks[0]) == "TP-0000001–TP-0012723"
