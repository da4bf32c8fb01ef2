"""Rows that cannot be true: each is named with row, column, value and what to do; the good ones go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from registry_files import ALPHA, BETA, CODES, GAMMA, csv_file, issue, retire, row, transfer
from registry_house import Desk

GOOD = issue("1-100", 100)


@pytest.mark.parametrize(
    ("wrong", "code", "column", "words"),
    [
        (issue("201-300", -100), "quantity_not_positive", "数量（吨）（G）", "-100"),
        (issue("201-300", 0), "quantity_not_positive", "数量（吨）（G）", "0"),
        (issue("201-300", "100.0005"), "quantity_fraction", "数量（吨）（G）", "100.0005"),
        (issue("201-300", 99.5), "length_mismatch", "数量（吨）（G）", "100,000"),
        (issue("201-300", 10**30), "quantity_huge", "数量（吨）（G）", "1,000,000,000,000,000"),
        (issue("201-300", "一百"), "quantity_text", "数量（吨）（G）", "一百"),
        (issue("201-300", "NaN"), "quantity_text", "数量（吨）（G）", "NaN"),
        (issue("201-300", "1.2E+07"), "quantity_scientific", "数量（吨）（G）", "1.2E+07"),
        (issue("201-300", "100 kg"), "quantity_unit", "数量（吨）（G）", "100 kg"),
        (issue("201-300", ""), "missing", "数量（吨）（G）", "缺少"),
        (issue("201-300\x00", 100), "unreadable_text", "编号区间（F）", "控制字符"),
        (issue("300-201", 100), "block_reversed", "编号区间（F）", "300-201"),
        (issue("201..300", 100), "block_format", "编号区间（F）", "201..300"),
        (issue("201-250;240-289", 100), "block_repeats", "编号区间（F）", "240–289"),
        (issue("1" * 30, 1), "block_format", "编号区间（F）", "18"),
        (issue("50-149", 100), "overlap_file", "编号区间", "1–100"),
        (issue("201-300", 100, "无名公司"), "holder_unknown", "持有人（H）", "无名公司"),
        (issue("201-300", 100, BETA, code="91411502TEST00009X"), "holder_code_differs", "持有人（H）",
         "91411525TEST00002X"),
        (issue("201-300", 100, BETA, code=CODES[ALPHA]), "holder_code_differs", "持有人（H）", ALPHA),
        (issue("201-300", 100, GAMMA, code=CODES[ALPHA]), "holder_code_differs", "持有人（H）", GAMMA),
        (issue("201-300", 100, day="2025311"), "date_format", "日期（L）", "2025311"),
        (issue("201-300", 100, day="2027-01-01"), "date_future", "日期（L）", "2026-11-22"),
        (issue("201-300", 100, day="1999-01-01"), "date_early", "日期（L）", "2012-11-08"),
        (issue("201-300", 100, day="45231"), "date_format", "日期（L）", "45231"),
        (issue("201-300", 100, day="2025-02-30"), "date_format", "日期（L）", "2025-02-30"),
        (issue("201-300", 100, vintage="2031"), "vintage_invalid", "年份（E）", "2000–2026"),
        (issue("201-300", 100, vintage="2026"), "vintage_invalid", "年份（E）", "≤ 2025"),
        (issue("201-300", 100, method="CCER-14-O01-V01"), "methodology_unknown", "方法学（D）",
         "CCER-14-001-V01"),
        (issue("201-300", 100, project=""), "missing", "项目编号（B）", "缺少"),
        (row("赠送", "1-5", 5, ALPHA, "2025-05-01"), "kind_unknown", "业务类型（A）", "划转"),
        (transfer("1-5", 5, ALPHA, ALPHA), "same_holder", "受让方（J）", ALPHA),
        (transfer("1-5", 5, ALPHA, ""), "missing", "受让方（J）", "缺少"),
        (transfer("1-5", 5, BETA, GAMMA), "not_held", "编号区间", ALPHA),
        (transfer("96-105", 10, ALPHA, BETA), "numbers_unknown", "编号区间", "101–105"),
        (transfer("1-5", 5, ALPHA, BETA, vintage="2023"), "differs_from_issue", "年份", "2024"),
        (retire("1-5", 5, BETA), "not_held", "编号区间", BETA),
        (retire("1-5", 5, ALPHA, "2025-02-28"), "before_issuance", "日期", "2025-03-01"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(
    lone_desk: Desk, tmp_path: Path, wrong: list[Any], code: str, column: str, words: str
) -> None:
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", [GOOD, wrong]))
    first, second = lone_desk.rows(staged)
    assert (first.status, second.status) == ("new", "error")
    assert [f["code"] for f in second.findings] == [code]
    [found] = second.findings
    assert found["zh"].startswith("第 3 行：")
    assert found["en"].startswith("Row 3: ")
    assert found["column"] == column
    assert words in found["zh"]
    assert found["advice_zh"]
    assert found["advice_en"]
    assert "{" not in found["zh"] + found["en"]


def test_many_faults_of_one_row_are_all_told(lone_desk: Desk, tmp_path: Path) -> None:
    wrong = issue("x", "y", "无名公司", "z", method="w", vintage="v", project="")
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", [wrong]))
    assert sorted(lone_desk.codes(staged)[0]) == [
        "block_format", "date_format", "holder_unknown", "methodology_unknown", "missing", "quantity_text",
        "vintage_invalid",
    ]  # fmt: skip


def test_duplicates_and_contradictions_name_the_other_row(lone_desk: Desk, tmp_path: Path) -> None:
    rows = [GOOD, issue("0001 — 0100", "100"), issue("1-100", 100, BETA)]
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", rows))
    assert lone_desk.codes(staged) == [["new"], ["duplicate_row"], ["contradicts_row"]]
    said = [r.findings[0]["zh"] for r in lone_desk.rows(staged)[1:]]
    assert "第 2 行重复" in said[0]
    assert "持有人不同" in said[1]


def test_retired_numbers_never_move_again(lone_desk: Desk, tmp_path: Path) -> None:
    rows = [GOOD, retire("1-10", 10, ALPHA, "2025-05-01"), transfer("5-6", 2, ALPHA, BETA, "2025-06-01"),
            retire("10-11", 2, ALPHA, "2025-06-01")]  # fmt: skip
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", rows))
    assert lone_desk.codes(staged)[2:] == [["already_retired"], ["already_retired"]]


def test_a_record_older_than_what_is_booked_is_refused(lone_desk: Desk, tmp_path: Path) -> None:
    story = [GOOD, transfer("1-10", 10, ALPHA, BETA, "2025-06-01"),
             transfer("1-10", 10, BETA, ALPHA, "2025-07-01")]  # fmt: skip
    lone_desk.accept(lone_desk.stage(csv_file(tmp_path / "a.csv", story)))
    late = [transfer("1-4", 4, ALPHA, GAMMA, "2025-05-01"), transfer("1-4", 4, ALPHA, GAMMA, "2025-08-01")]
    staged = lone_desk.stage(csv_file(tmp_path / "b.csv", late))
    assert lone_desk.codes(staged) == [["later_movement"], ["new"]]


def test_ranges_overlapping_what_is_registered_name_the_batch(lone_desk: Desk, tmp_path: Path) -> None:
    lone_desk.accept(lone_desk.stage(csv_file(tmp_path / "a.csv", [GOOD])))
    staged = lone_desk.stage(
        csv_file(tmp_path / "b.csv", [issue("91-190", 100), issue("1-100", 100, project="P2")])
    )
    assert lone_desk.codes(staged) == [["overlap_registered"], ["new"]], "another project numbers anew"
    assert "XY-EXT-CCER-" in lone_desk.rows(staged)[0].findings[0]["zh"]


def test_the_order_within_a_day_and_of_the_file_do_not_matter(lone_desk: Desk, tmp_path: Path) -> None:
    day = "2025-03-01"
    chain = [
        retire("1-5", 5, GAMMA, day),
        transfer("1-10", 10, BETA, GAMMA, day),
        transfer("1-20", 20, ALPHA, BETA, day),
        issue("1-100", 100, ALPHA, day),
    ]
    for number, rows in enumerate((chain, chain[::-1], [chain[2], chain[0], chain[3], chain[1]])):
        staged = lone_desk.stage(csv_file(tmp_path / f"{number}.csv", rows))
        assert staged.counts["new"] == 4
    lone_desk.accept(staged)
    assert lone_desk.holdings() == {
        (ALPHA, "external"): 80_000,
        (BETA, "external"): 10_000,
        (GAMMA, "external"): 5_000,
        (GAMMA, "retired"): 5_000,
    }
    lone_desk.assert_sound()


def test_organisations_are_found_by_code_first_and_by_folded_name(lone_desk: Desk, tmp_path: Path) -> None:
    rows = [
        issue("1-10", 10, "旧名称", code="91411502test00001X"),
        issue("11-20", 10, "某建材有限公司(测试)"),
        issue("21-30", 10, " 某林业有限公司（测试） ", code="91411500MA0000000X"),
    ]
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", rows))
    assert [r.holder_name for r in lone_desk.rows(staged)] == [ALPHA, BETA, GAMMA]
