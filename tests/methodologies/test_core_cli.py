"""``flask --app wsgi methodology …`` without a database, and what it says of input it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from click.testing import Result
from flask import Flask

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from methodologies import registry
from methodologies.contract import Methodology, run
from methodologies.parameters import ISSUABLE_STATUSES

KEYS = sorted(registry())
NOW = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)  # the first of April in Xinyang


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The platform with a database address that leads nowhere: whatever asks it fails."""
    var = tmp_path_factory.mktemp("var")
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    app = create_app(Settings(mode="test", database_url=url, var=var), clock=lambda: NOW)
    yield app
    platform(app).db.dispose()


def go(app: Flask, *words: str | Path) -> Result:
    return app.test_cli_runner().invoke(args=["methodology", *(str(word) for word in words)])


def csv_of(methodology: Methodology, folder: Path) -> tuple[Path, list[str]]:
    """The example as files: the rows, and ``--table`` words for its tables."""
    example = methodology.example()
    path = folder / "rows.csv"
    example.frame.to_csv(path, index_label="row", encoding="utf-8-sig")
    words = []
    for name, table in (example.tables or {}).items():
        table.to_csv(folder / f"{name}.csv", index=False)
        words += ["--table", f"{name}={folder / f'{name}.csv'}"]
    return path, words


@pytest.mark.parametrize("key", KEYS)
def test_a_run_on_a_file_gives_the_same_figures(app: Flask, tmp_path: Path, key: str) -> None:
    methodology = registry()[key]
    example = methodology.example()
    wanted = run(
        methodology, example.frame, period=example.period, as_of=example.as_of, tables=example.tables
    )
    path, tables = csv_of(methodology, tmp_path)
    start, end = example.period
    out = tmp_path / "out.json"
    period = ("--period", f"{start}..{end}", "--as-of", str(example.as_of))
    done = go(app, "run", key, path, "-o", out, *period, *tables)
    assert done.exit_code == 0, done.output
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["net_t"] == wanted.net_t and document["totals"] == dict(wanted.totals)
    assert document["digests"] == {
        "input": wanted.input_digest,
        "parameter": wanted.parameter_digest,
        "code": wanted.code_digest,
        "tables": dict(wanted.table_digests),
    }
    assert [row["row"] for row in document["rows"]] == [str(label) for label in example.frame.index]
    steps = [step.name for step in methodology.steps]
    for row, (_, stored) in zip(document["rows"], wanted.frame.iterrows(), strict=True):
        assert row["outputs"] == {name: stored[name] for name in steps}
    given = document["input"]["rows"][0]
    assert given["row"] == str(example.frame.index[0])
    assert set(given) - {"row"} <= {column.name for column in methodology.columns}
    used = {p["name"]: p for p in document["parameters"]}
    assert all(p["source"] and p["status"] and p["unit"] for p in used.values())
    blocking = {name for name, p in used.items() if p["status"] not in ISSUABLE_STATUSES}
    assert {b["parameter"] for b in document["blocking"]} == blocking
    assert document["issuable"] is (not blocking)
    # The output is an input again.
    second = tmp_path / "second.json"
    assert go(app, "run", key, out, "-o", second).exit_code == 0
    assert json.loads(second.read_text(encoding="utf-8")) == document


def test_without_dates_the_last_whole_year_and_today_are_taken_and_said(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"  # without the measured stand, whose growth is that of five years
    registry()["camellia_oil_v1"].example().frame.drop("示例-3").to_csv(path, index_label="编号")
    done = go(app, "run", "camellia_oil", path)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["input"]["as_of"] == "2026-04-01"
    assert document["input"]["period"] == ["2025-01-01", "2026-01-01"]
    assert set(document["assumed"]) == {"period", "as_of"}
    assert "2025" in done.stderr and "试算" in done.stderr
    done = go(app, "run", "camellia_oil", path, "--period", "2025-01-01..2025-12-31")
    assert "is not part of the period" in json.loads(done.stdout)["assumed"]["period_end"]
    assert "is not part of the period" in done.stderr


def rows(**changes: Any) -> str:
    frame = registry()["camellia_oil_v1"].example().frame.assign(**changes)
    return frame.to_csv(index_label="row")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rows(area_ha=1e7), ("示例-1", "area_ha", "10000000", "ha", "divide by 15")),
        (rows(area_mu=1.0), ("area_mu", "ha = mu / 15")),
        (rows(diesel_l="NaN "), ("示例-1", "diesel_l", "NaN", "is not a number")),
        (rows(activity="felling"), ("示例-1", "activity", "felling", "new_planting")),
        (rows(planting_year=2018.5), ("planting_year", "2018.5", "whole number")),
        (rows() + rows().splitlines()[1] + "\n", ("示例-1", "twice")),
    ],
)
def test_refused_input_ends_with_one_and_two_sentences(
    app: Flask, tmp_path: Path, text: str, said: tuple[str, ...]
) -> None:
    path, out = tmp_path / "in.csv", tmp_path / "out.json"
    path.write_text(text, encoding="utf-8")
    done = go(app, "run", "camellia_oil_v1", path, "-o", out)
    assert done.exit_code == 1 and not out.exists() and done.stdout == ""
    assert all(word in done.stderr for word in said), done.stderr
    assert "nothing was computed" in done.stderr and "未进行计算" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "bamboo", "x.csv"), "There is no methodology bamboo"),
        (("show", "bamboo"), "没有方法学 bamboo"),
        (("run", "camellia_oil", "gone.csv"), "there is no such file"),
        (("run", "camellia_oil", "gone.csv", "--table", "plots"), "there is no such file"),
        (("template", "camellia_oil", "-o", "x.csv"), "must end in .xlsx"),
        (("show", "camellia_oil", "--as-of", "soon"), "is no date"),
        (("prepare", "low_carbon_acts", "--table", "plots"), "NAME=FILE"),
    ],
)
def test_wrong_words_are_answered_in_both_languages(app: Flask, words: tuple[str, ...], said: str) -> None:
    done = go(app, *words)
    assert done.exit_code == 1 and said in done.stderr and done.stderr.startswith("✗")


def test_tables_are_named_and_given_once(app: Flask, tmp_path: Path) -> None:
    path, _ = csv_of(registry()["low_carbon_acts_v1"], tmp_path)
    for tables, said in (
        ([f"plots={path}"], "no table plots"),
        ([f"a={path}", f"a={path}"], "given twice"),
        (["plots"], "NAME=FILE"),
    ):
        words = [word for table in tables for word in ("--table", table)]
        done = go(app, "run", "low_carbon_acts_v1", path, *words)
        assert done.exit_code == 1 and said in done.stderr, done.stderr


def test_a_published_example_with_its_own_factor(app: Flask, tmp_path: Path) -> None:
    """Net of the default route is proportional to the ceiling before emissions; such a run cannot issue."""
    path, out = tmp_path / "rows.csv", tmp_path / "out.json"
    frame = registry()["camellia_oil_v1"].example().frame.loc[["示例-1"]]
    frame.assign(diesel_l=0.0, n_synthetic_kg_per_ha_per_year=0.0, n_organic_kg_per_ha_per_year=0.0).to_csv(
        path, index_label="row"
    )
    nets = []
    for value in ("10", "20"):
        words = ("--period", "2022-01-01..2024-01-01")
        done = go(
            app, "run", "camellia_oil", path, "-o", out, *words, "--set", f"stock_ceiling_tc_per_ha={value}"
        )
        assert done.exit_code == 0, done.stderr
        document = json.loads(out.read_text(encoding="utf-8"))
        used = {p["name"]: p for p in document["parameters"]}["stock_ceiling_tc_per_ha"]
        assert used["value"] == float(value) and used["status"] == "illustrative"
        assert "what-if" in used["source"] and not document["issuable"]
        assert document["input"]["parameters"] == {"stock_ceiling_tc_per_ha": float(value)}
        nets.append(document["net_t"])
    assert nets[1] == pytest.approx(2 * nets[0], rel=1e-12) and nets[0] > 0
    again = tmp_path / "again.json"
    assert go(app, "run", "camellia_oil", out, "-o", again).exit_code == 0
    assert json.loads(again.read_text(encoding="utf-8"))["net_t"] == nets[1]
    for word, said in (("stock_ceiling=1", "near: stock_ceiling_tc_per_ha"), ("k_risk=high", "NAME=NUMBER")):
        done = go(app, "run", "camellia_oil", path, "--set", word)
        assert done.exit_code == 1 and said in done.stderr
    done = go(app, "run", "camellia_oil", path, "--set", "k_risk=nan")
    assert done.exit_code == 1 and "not a finite number" in done.stderr


def test_the_list_and_what_a_methodology_declares(app: Flask) -> None:
    done = go(app, "list")
    assert done.exit_code == 0 and all(key in done.stdout for key in KEYS)
    listed = json.loads(go(app, "list", "--json").stdout)
    assert [entry["key"] for entry in listed] == list(registry())
    for key in KEYS:
        methodology = registry()[key]
        told = json.loads(go(app, "show", key, "--json", "--as-of", "2026-01-01").stdout)
        assert [c["name"] for c in told["columns"]] == [c.name for c in methodology.columns]
        assert [p["name"] for p in told["preparations"]] == [p.name for p in methodology.preparations]
        assert told["digests"]["code"] == methodology.code_digest
        assert all(p["status"] and p["source"] for p in told["parameters"])
        printed = go(app, "show", key).stdout
        for column in methodology.columns:
            assert column.name in printed and column.allowed in printed
        for parameter in methodology.parameters:
            assert parameter.name in printed and parameter.source in printed


def test_a_template_is_written(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    done = go(app, "template", "ratoon_rice", "-o", path)
    assert done.exit_code == 0 and "再生稻" in done.stdout
    assert (
        openpyxl.load_workbook(path).worksheets[0]["B1"].value == registry()["ratoon_rice_v1"].columns[0].name
    )
    assert go(app, "template", "ratoon_rice", "-o", tmp_path / "gone" / "t.xlsx").exit_code == 1


def test_a_water_log_is_prepared_on_its_own(app: Flask, tmp_path: Path) -> None:
    """Whatever tables a methodology has: an unusable one is refused by name, its columns are listed."""
    tables = [(key, p) for key in KEYS for p in registry()[key].preparations]
    assert tables
    for key, preparation in tables:
        path = tmp_path / "t.csv"
        path.write_text(",".join(c.name for c in preparation.columns) + ",depth_km\n", encoding="utf-8")
        done = go(app, "prepare", key, "--table", f"{preparation.name}={path}")
        assert done.exit_code == 1 and "Unknown column depth_km" in done.stderr
        assert preparation.columns[0].name in done.stderr


def test_a_replay_needs_to_know_what(app: Flask) -> None:
    for words in ((), ("--all", "XY-R000001")):
        done = go(app, "replay", *words)
        assert done.exit_code == 2 and "--all" in done.stderr


def test_a_table_of_a_frame_is_the_frame(app: Flask, tmp_path: Path) -> None:
    """CSV, JSON and XLSX of the same rows have one digest."""
    methodology = registry()["low_carbon_acts_v1"]
    frame = methodology.example().frame
    frame.to_csv(tmp_path / "a.csv", index_label="row", encoding="gb18030")
    frame.assign(row=frame.index.astype(str)).to_json(tmp_path / "a.json", orient="records")
    with pd.ExcelWriter(tmp_path / "a.xlsx", engine="openpyxl") as book:
        frame.to_excel(book, sheet_name="rows", index_label="row")
    digests = set()
    for suffix in ("csv", "json", "xlsx"):
        done = go(app, "run", methodology.key, tmp_path / f"a.{suffix}", "--period", "2026")
        assert done.exit_code == 0, done.stderr
        digests.add(json.loads(done.stdout)["digests"]["input"])
    assert len(digests) == 1
