"""From file to books and back: staged, accepted once, recognised again, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from registry_files import ALPHA, BETA, GAMMA, csv_file, issue, retire, transfer, workbook
from registry_house import Desk

from carbon_platform import ledger
from carbon_platform.registry import rules
from carbon_platform.registry.tables import ExternalBatch

STORY = [
    issue("1–100", 100, ALPHA),
    issue("000201-000300；000401 — 000450", "150", BETA),
    transfer("11–40", 30, ALPHA, BETA, reference="T-1"),
    retire("21–30", 10, BETA, certificate="ZX-2025-7", beneficiary="某会议", purpose="大型活动"),
]


def lots(desk: Desk) -> list[ExternalBatch]:
    return desk.db.read(lambda s: list(s.scalars(sa.select(ExternalBatch).order_by(ExternalBatch.id))))


def test_a_history_enters_the_books_with_its_very_numbers(desk: Desk, tmp_path: Path) -> None:
    staged = desk.stage(csv_file(tmp_path / "a.csv", STORY))
    assert staged.counts == {"new": 4, "unchanged": 0, "conflict": 0, "error": 0}
    assert desk.holdings() == {}, "staging writes nothing to the ledger"
    done = desk.accept(staged)
    assert done.result == {
        "records": 4, "batches": 3, "issued_kg": 250_000, "moved_kg": 30_000, "retired_kg": 10_000,
    }  # fmt: skip
    assert desk.holdings() == {
        (ALPHA, "external"): 70_000,
        (BETA, "external"): 170_000,
        (BETA, "retired"): 10_000,
    }
    first = lots(desk)[0]
    assert first.lot.startswith("XY-EXT-CCER-")
    assert desk.numbers(ALPHA, "external", first.lot) == [(1, 10_000), (40_001, 100_000)]
    assert desk.numbers(BETA, "external", first.lot) == [(10_001, 20_000), (30_001, 40_000)]
    assert desk.numbers(BETA, "retired", first.lot) == [(20_001, 30_000)]
    desk.assert_sound()


def test_the_nightly_reconciliation_finds_external_lots_in_order(desk: Desk, tmp_path: Path) -> None:
    desk.accept(desk.stage(csv_file(tmp_path / "a.csv", STORY)))
    done = ledger.reconcile(desk.db, lambda: desk.now)
    assert done.ok, done.checks


def test_a_second_click_answers_the_first_result(desk: Desk, tmp_path: Path) -> None:
    staged = desk.stage(csv_file(tmp_path / "a.csv", STORY))
    first, second = desk.accept(staged), desk.accept(staged)
    assert (first.result, first.accepted_at) == (second.result, second.accepted_at)
    assert sum(desk.holdings().values()) == 250_000


def test_a_newer_export_brings_only_its_news(desk: Desk, tmp_path: Path) -> None:
    desk.accept(desk.stage(csv_file(tmp_path / "a.csv", STORY)))
    newer = [
        retire("000201–000210", "10.000 吨", BETA, "2025/10/01", certificate="ZX-9"),
        retire("21 至 30", 10.0, BETA, "2025年09月01日", certificate="ZX-2025-7", beneficiary="某会议",
               purpose="大型活动"),
        transfer("11—40", "30", ALPHA, BETA, reference="T-1", code="91411502test00001x"),
        issue("201–300\n401–450", 150, BETA, method="造林碳汇"),
        issue("１－１００", "100", ALPHA, method="ＣＣＥＲ—14—001（V01）"),
    ]  # fmt: skip
    staged = desk.stage(workbook(tmp_path / "b.xlsx", newer))
    assert [row.status for row in desk.rows(staged)] == [
        "new",
        "unchanged",
        "unchanged",
        "unchanged",
        "unchanged",
    ]
    assert [(c["holder"], c["retired_kg"]) for c in staged.changes] == [(BETA, 10_000)]
    desk.accept(staged)
    assert desk.holdings()[BETA, "retired"] == 20_000
    desk.assert_sound()


def test_a_changed_record_is_a_conflict_with_what_it_was(desk: Desk, tmp_path: Path) -> None:
    desk.accept(desk.stage(csv_file(tmp_path / "a.csv", STORY)))
    changed = [issue("1–100", 100, GAMMA), transfer("11–40", 30, ALPHA, GAMMA, reference="T-1")]
    staged = desk.stage(csv_file(tmp_path / "b.csv", changed))
    assert desk.codes(staged) == [["conflict_registered"], ["conflict_registered"]]
    assert staged.counts["conflict"] == 2
    said = desk.rows(staged)[0].findings[0]
    assert "持有人" in said["zh"]
    assert ALPHA in said["zh"]
    with pytest.raises(rules.NothingNew):
        desk.accept(staged)


def test_what_the_operator_saw_is_what_is_committed(desk: Desk, tmp_path: Path) -> None:
    one = desk.stage(csv_file(tmp_path / "a.csv", STORY))
    other = desk.stage(csv_file(tmp_path / "b.csv", [issue("500–600", 101, GAMMA)]))
    with pytest.raises(rules.DigestMismatch):
        desk.accept(one, digest=other.digest)
    desk.accept(other)
    with pytest.raises(rules.DiffStale):
        desk.accept(one)
    assert desk.holdings() == {(GAMMA, "external"): 101_000}


def test_rows_in_error_stay_out_only_when_that_is_said(desk: Desk, tmp_path: Path) -> None:
    rows = [*STORY, issue("900–999", 99, GAMMA), retire("1–5", 5, GAMMA)]
    staged = desk.stage(csv_file(tmp_path / "a.csv", rows))
    assert desk.codes(staged)[4:] == [["length_mismatch"], ["not_held"]]
    with pytest.raises(rules.RowsInError):
        desk.accept(staged)
    assert desk.holdings() == {}
    desk.accept(staged, leave_out_errors=True)
    assert sum(desk.holdings().values()) == 250_000


def test_external_units_are_out_of_reach_of_market_and_retirement(desk: Desk, tmp_path: Path) -> None:
    """Whoever sells or retires takes from a ``holding``; nothing of an external lot is ever in one."""
    desk.accept(desk.stage(csv_file(tmp_path / "a.csv", STORY)))
    lot = lots(desk)[0].lot
    assert {role for _, role in desk.holdings()} == {"external", "retired"}
    held = ledger.AccountKey(ledger.HOLDING, "org-1", ledger.Asset.CREDIT, lot)
    gone = ledger.AccountKey(ledger.RETIRED, "org-1", ledger.Asset.CREDIT, lot)
    entry = ledger.Entry("retire", "try", (ledger.Move(held, gone, 1),), None, "t")
    with pytest.raises(ledger.InsufficientBalance):
        desk.db.transact(lambda s: ledger.post(s, entry, desk.now))
