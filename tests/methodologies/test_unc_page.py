"""The page of an analysis, the command line, and the geometry of the picture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import desk_world
import pytest
from flask import Flask

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console.uncertainty_view import HEIGHT, WIDTH, finding, histogram, shown, view
from carbon_platform.jobs import JOBS, run_once
from carbon_platform.web import platform
from demo.world import PASSWORD
from methodologies import registry

PATH = f"/runs/{desk_world.RUN}/uncertainty"


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        Settings(mode="test", database_url=fresh_database("sqlite", desk_world.told), var=tmp_path)
    )
    yield app
    platform(app).db.dispose()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Flask]:
    """The platform with a database address that leads nowhere."""
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    app = create_app(Settings(mode="test", database_url=url, var=tmp_path))
    yield app
    platform(app).db.dispose()


def net(**changes: Any) -> dict[str, Any]:
    plain = {"edges_t": [-10.0, 0.0, 10.0, 20.0], "counts": [1, 4, 2], "p2_5_t": -5.0, "p97_5_t": 18.0,
             "p50_t": 6.0, "p33_3_t": 4.0, "p5_t": -3.0, "p25_t": 2.0, "p75_t": 9.0, "p95_t": 15.0,
             "sd_t": 6.0, "p_negative": 0.1, "half_width_pct": 50.0}  # fmt: skip
    return plain | changes


def test_bars_stand_on_the_axis_and_inside_the_picture() -> None:
    picture = histogram(net(), [("零", 0.0, "zero"), ("核算值", 60.0, "net")])
    assert [bar["kind"] for bar in picture["bars"]] == ["below", "main", "main"]
    for bar in picture["bars"]:
        assert bar["x"] >= 0 and bar["x"] + bar["w"] <= WIDTH
        assert bar["y"] + bar["h"] == pytest.approx(picture["floor"], abs=0.02)
    heights = [bar["h"] for bar in picture["bars"]]
    assert heights[0] / heights[1] == pytest.approx(0.25, abs=0.001)
    zero, far = picture["marks"]
    assert (zero["anchor"], far["anchor"]) == ("start", "end") and far["x"] <= WIDTH
    assert all(0 < mark["y"] < HEIGHT for mark in picture["marks"])
    [ticks] = [[tick["label"] for tick in picture["ticks"]]]
    assert ticks == ["0", "20", "40", "60"]


@pytest.mark.parametrize(("low", "high"), [(0.001, 0.0015), (1e6, 1.4e6), (-3.0, 2.0)])
def test_ticks_are_round_and_few(low: float, high: float) -> None:
    picture = histogram(net(edges_t=[low, high], counts=[5]), [])
    labels = [float(tick["label"].replace(",", "").replace("−", "-")) for tick in picture["ticks"]]
    steps = {round((b - a) / (high - low), 6) for a, b in pairwise(labels)}
    assert 2 <= len(labels) <= 7 and len(steps) == 1


def test_the_page_tells_a_flat_deduction_from_a_percentile(house: Flask) -> None:
    record = {
        "net": net(), "flat_deduction": 0.15, "contributions": [],
        "propagation": {"first_order_t": 1.0, "first_order_pct": None, "mechanical_t": 2.0,
                        "mechanical_pct": 3.0, "warning_zh": "警", "warning_en": "care"},
    }  # fmt: skip
    with house.test_request_context("/"):
        kinds = [mark["kind"] for mark in view(record, net_t=7.0)["picture"]["marks"]]
        assert kinds == ["zero", "middle", "net"]
        kinds = [
            mark["kind"] for mark in view(record | {"flat_deduction": 0.0}, net_t=7.0)["picture"]["marks"]
        ]
        assert kinds == ["zero", "issue", "net"]
        far = net(edges_t=[500.0, 510.0, 520.0, 530.0], p2_5_t=505.0)
        assert view(record | {"net": far}, net_t=515.0)["picture"]["marks"][0]["kind"] == "middle"
        assert "净排放" in finding(net(p_negative=0.6)) and "10.0%" in finding(net())
        assert finding(net(p_negative=0.0)) == "95% 的可能在 −5.0 到 18.0 吨之间"


def test_small_contributions_are_left_out_but_never_all() -> None:
    ones = [{"share": 0.9}, {"share": 0.004}]
    assert shown(ones) == ones[:1]
    assert shown([{"share": 0.0}]) == [{"share": 0.0}]


def test_the_run_page_leads_to_the_analysis_which_the_schedule_makes(app: Flask) -> None:
    client = app.test_client()
    body = {"username": "operator", "password": PASSWORD, "transport": "cookie"}
    assert client.post("/api/v1/sessions", json=body).status_code == 201

    def page(path: str) -> str:
        answer = client.get(path)
        assert answer.status_code == 200, path
        return answer.get_data(as_text=True)

    assert f'href="{PATH}"' in page(f"/runs/{desk_world.RUN}")
    before = page(PATH)
    assert "还没有不确定性分析" in before and f'data-api="POST /api/v1{PATH}"' in before
    job = next(job for job in JOBS if job.name == "credits.uncertainty")
    assert run_once(job, platform(app)) == "ok"
    after = page(PATH)
    assert 'class="hist"' in after and "共用抽样" in after
    assert len(re.findall(r'<rect class="(?:main|tail|below)"', after)) == 40
    client.set_cookie("lang", "en")
    assert "Beside IPCC error propagation" in page(PATH)


def test_the_command_line_needs_no_database(house: Flask, tmp_path: Path) -> None:
    source, out = tmp_path / "in.json", tmp_path / "out.json"
    example = registry()["camellia_oil_v1"].example()
    rows = json.loads(example.frame.reset_index(names="row").to_json(orient="records"))
    given = {"period": [day.isoformat() for day in example.period], "as_of": example.as_of.isoformat()}
    source.write_text(json.dumps(given | {"rows": rows}), encoding="utf-8")
    words = ["methodology", "uncertainty", "camellia_oil_v1", str(source), "-o", str(out)]
    done = house.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    document = json.loads(out.read_text(encoding="utf-8"))
    told = document["uncertainty"]
    assert told["trials"] == 10_000 and told["seed"] == int(document["run"]["input_digest"][:8], 16)
    assert "33.3 %" in done.stderr and told["contributions"][0]["name"] in done.stderr
    again = house.test_cli_runner().invoke(args=[*words, "--seed", "7"])
    assert again.exit_code == 0
    assert json.loads(out.read_text(encoding="utf-8"))["uncertainty"]["seed"] == 7
    few = house.test_cli_runner().invoke(args=[*words, "--trials", "100"])
    assert few.exit_code == 1 and "10000" in few.stderr
