"""Calculation sheets over HTTP and on paper: who may read them, and that what stands in them is true."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from project_world import World, prepare_world
from workbook_engine import Spreadsheet

from carbon_platform.credits.glyphs import GlyphMissing
from carbon_platform.credits.sheets import sheet_of
from carbon_platform.credits.sheets_pdf import MATHEMATICS, printed, sheet_pdf
from carbon_platform.credits.tables import RunRow
from methodologies import registry
from methodologies.contract import run

MADE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
PARCEL = "411522-2"


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def get(world: World, who: str, code: str, kind: str, parcel: str = PARCEL) -> tuple[int, bytes, str]:
    answer = world.call(who, "GET", f"/sheets/{code}:{parcel}.{kind}")
    return answer.status_code, answer.data, answer.headers.get("Content-Disposition", "")


def words(pdf: bytes, folder: Path) -> str:
    (folder / "sheet.pdf").write_bytes(pdf)
    told = subprocess.run(
        ["pdftotext", "-layout", "sheet.pdf", "-"], cwd=folder, capture_output=True, check=True
    )
    return told.stdout.decode()


def test_the_workbook_of_a_stored_run_computes_the_stored_figure(world: World) -> None:
    code = world.run(world.camellia_project())["code"]
    rows = {row["parcel_code"]: row for row in world.get("verifier", f"/runs/{code}/rows")["items"]}
    status, content, name = get(world, "verifier", code, "xlsx")
    assert (status, name) == (200, f'attachment; filename="{code}-{PARCEL}.xlsx"')
    book = Spreadsheet(content)
    head = {
        str(book.page[f"A{row}"].value).split()[0]: row for row in range(1, 20) if book.page[f"A{row}"].value
    }
    assert book[f"C{head['净额']}"] == pytest.approx(rows[PARCEL]["net_t"], rel=1e-9)
    assert book[f"C{head['核对']}"].startswith("一致")
    assert content == get(world, "operator", code, "xlsx")[1]


def test_who_may_read_a_sheet(world: World) -> None:
    code = world.run(world.camellia_project())["code"]
    for kind in ("xlsx", "pdf"):
        assert get(world, "", code, kind)[0] == 401
        assert get(world, "xinxian", code, kind)[0] == 404, "a run of another county"
        assert get(world, "alpha", code, kind)[0] == 404, "nothing issued: nothing bought"
        assert get(world, "verifier", code, kind, "411528-1")[0] == 404
        assert get(world, "verifier", "XY-R999999", kind)[0] == 404


def test_a_figure_that_does_not_come_out_again_is_not_printed(world: World) -> None:
    code = world.run(world.camellia_project())["code"]
    world.db.transact(lambda s: s.execute(sa.update(RunRow).values(net_t=RunRow.net_t + 1e-6)))
    for kind in ("xlsx", "pdf"):
        status, body, _ = get(world, "verifier", code, kind)
        assert status == 409 and b"credits.replay_differs" in body


def test_paper_says_what_the_run_says(world: World, tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext")
    run = world.run(world.camellia_project())
    status, pdf, name = get(world, "verifier", run["code"], "pdf")
    assert (status, name) == (200, f'inline; filename="{run["code"]}-{PARCEL}.pdf"')
    assert pdf.startswith(b"%PDF-") and pdf == get(world, "verifier", run["code"], "pdf")[1]
    told = words(pdf, tmp_path)
    [row] = [
        r for r in world.get("verifier", f"/runs/{run['code']}/rows")["items"] if r["parcel_code"] == PARCEL
    ]
    assert repr(row["net_t"]) in told, "the unrounded figure, to the last digit"
    for part in (run["code"], PARCEL, "试算", "光山县", run["parameter_digest"][:12], run["input_digest"]):
        assert part in told, part
    assert "演示 DEMO" not in told
    for parameter in run["parameters"]:
        assert parameter["symbol"] in told, parameter["name"]
    world.sign_parameters()
    assert "演示" in words(get(world, "verifier", run["code"], "pdf")[1], tmp_path)


@pytest.mark.parametrize("key", sorted(registry()))
def test_every_methodology_prints(key: str) -> None:
    """Every symbol, source and note of every method has a glyph; a missing one would stop the rendering."""
    methodology = registry()[key]
    example = methodology.example()
    tables = {"tables": example.tables} if example.tables else {}
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of, **tables)
    sheet = sheet_of(methodology, result, example.frame.index[0], title=("计算书", "Sheet"), state="issued")
    assert sheet_pdf(sheet, made_at=MADE).startswith(b"%PDF-")
    data = printed(sheet, MADE)
    assert data["estimate"] is False
    assert [step["symbol"] for part in data["sections"] for step in part["steps"]] == [
        step.symbol for step in methodology.steps
    ]


def test_a_character_without_a_glyph_is_named_not_dropped() -> None:
    methodology = registry()["camellia_oil_v1"]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    label = example.frame.index[0]
    title = (f"计算书 {MATHEMATICS}", "Sheet")
    assert sheet_pdf(sheet_of(methodology, result, label, title=title), made_at=MADE)
    with pytest.raises(GlyphMissing, match="U\\+1F33E"):
        sheet_pdf(sheet_of(methodology, result, label, title=("计算书 🌾", "Sheet")), made_at=MADE)
