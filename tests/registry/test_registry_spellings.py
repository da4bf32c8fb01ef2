"""One block of numbers in many spellings is one block: in a file, across files, against the books."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_files import ALPHA, HEADER, csv_file, issue
from registry_house import Desk

from carbon_platform.registry.mapping import canonical, sources

DASHES = ["-", " – ", "—", " 至 ", "～", "−", "－", "\u2011"]
PROJECTS = ["CCER-14-001", "CCER\u201114\u2011001", "CCER14001", " ccer 14－001 ", "ＣＣＥＲ—14_001",
            "CCER-\u200b14-001"]  # fmt: skip
TICKETS = ["", "TP-", "TP", "豫碳票-", "豫碳票", "tp\u2011", "ＴＰ－", "TP ", "Tp – ", "豫碳票 —"]
# Of a CCER block: none, one that repeats the project code, one that does not.
CERTIFIED = ["", "CCER-14-001-", "ccer\u201114\u2011001\u2011", "XY-", "xy\u2011", "ＸＹ－"]
PREFIXES = {"ticket_ledger": TICKETS, "ccer": CERTIFIED}
TICKET_HEADER = ["事项", "项目编号", "计量方法", "监测年度", "票号", "数量（千克）", "持票人", "日期"]
KNOWN_AGAIN = {
    "duplicate_row",
    "contradicts_row",
    "overlap_file",
    "overlap_registered",
    "conflict_registered",
}
_turns = count()


def spelled(draw: Callable[..., Any], source: str, first: int, last: int) -> list[Any]:
    """The row that issues the block, in one of its spellings."""
    prefix, dash = draw(st.sampled_from(PREFIXES[source])), draw(st.sampled_from(DASHES))
    width, again = draw(st.sampled_from([1, 7])), draw(st.booleans())
    text = f"{prefix}{first:0{width}d}{dash}{prefix if again else ''}{last:0{width}d}"
    project, quantity = draw(st.sampled_from(PROJECTS)), last - first + 1
    if source == "ccer":
        return issue(text, quantity, project=project)
    return ["制发", project, "SMCER", "2024", text, quantity, ALPHA, "2025-03-01"]


@pytest.mark.parametrize("source", ["ticket_ledger", "ccer"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), first=st.integers(1, 500), length=st.integers(2, 300))
def test_one_block_in_any_spelling_is_registered_once(
    new_desk: Callable[[str], Desk],
    tmp_path: Path,
    data: st.DataObject,
    source: str,
    first: int,
    length: int,
) -> None:
    desk = new_desk("sqlite")
    header = HEADER if source == "ccer" else TICKET_HEADER
    last = first + length - 1
    for turn in range(2):
        rows = [spelled(data.draw, source, first, last) for _ in range(data.draw(st.integers(1, 4)))]
        staged = desk.stage(csv_file(tmp_path / f"{next(_turns)}", rows, header=header), source)
        new = [row for row in desk.rows(staged) if row.status == "new"]
        assert len(new) == (1 if turn == 0 else 0), rows
        codes = {f["code"] for row in desk.rows(staged) for f in row.findings}
        assert codes <= KNOWN_AGAIN, (rows, codes)
        if turn == 0:
            desk.accept(staged, leave_out_errors=True)
    kg = length * sources()[source].serials.kg_per_serial
    assert desk.holdings() == {(ALPHA, "external"): kg}
    desk.assert_sound()


def test_overlaps_are_found_through_spellings(lone_desk: Desk, tmp_path: Path) -> None:
    rows = [
        issue("CCER-14-001-1 至 100", 100, project="CCER-14-001"),
        issue("50-149", 100, project="CCER14001"),
        issue("201-210；xy-205-214", 20, project="CCER\u201114\u2011001"),
        issue("1-100", 100, project="CCER-14-002"),
    ]
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", rows))
    assert lone_desk.codes(staged) == [["new"], ["overlap_file"], ["block_repeats"], ["new"]]
    lone_desk.accept(staged, leave_out_errors=True)
    more = [issue("XY-91-190", 100, project="ccer 14 001"), issue("XY-101-190", 90, project="CCER14001")]
    staged = lone_desk.stage(csv_file(tmp_path / "b.csv", more))
    assert lone_desk.codes(staged) == [["overlap_registered"], ["new"]]


def test_a_block_in_another_spelling_is_unchanged_not_new(lone_desk: Desk, tmp_path: Path) -> None:
    def ticket(serials: str, project: str) -> list[Any]:
        return ["制发", project, "SMCER", "2024", serials, 100, ALPHA, "2025-03-01"]

    first = [ticket("TP-0000001–TP-0000100", "CCER-14-001")]
    lone_desk.accept(
        lone_desk.stage(csv_file(tmp_path / "a.csv", first, header=TICKET_HEADER), "ticket_ledger")
    )
    for prefix, project in zip(TICKETS, PROJECTS * 2, strict=False):
        again = csv_file(tmp_path / "b.csv", [ticket(f"{prefix}1-100", project)], header=TICKET_HEADER)
        assert lone_desk.codes(lone_desk.stage(again, "ticket_ledger")) == [["unchanged"]], (prefix, project)


def test_a_code_of_separators_alone_is_none(lone_desk: Desk, tmp_path: Path) -> None:
    assert {canonical(text) for text in PROJECTS} == {"ccer14001"}
    staged = lone_desk.stage(csv_file(tmp_path / "a.csv", [issue("1-100", 100, project="—")]))
    assert lone_desk.codes(staged) == [["missing"]]
