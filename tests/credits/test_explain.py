"""Every carbon figure of credits opens down to parcel, input, equation, parameter, digest and approver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import CAMELLIA, World, prepare_world

from carbon_platform.credits import issuance, retirement
from carbon_platform.credits.tables import RunRow

HUNGRY = {"n_synthetic_kg_per_ha_per_year": 420.0}


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def approved_run(world: World) -> str:
    """A project of five parcels, one of them negative, confirmed by everybody."""
    run = str(world.run(world.camellia_project(p411522_3=HUNGRY))["code"])
    world.sign_parameters()
    for who in ("verifier", "ecology", "forestry"):
        world.review(who, run, note="同意")
    return run


def issue(world: World, run: str) -> list[str]:
    actor = world.actor("operator")
    batches = world.db.transact(lambda s: issuance.issue(s, actor, run, is_demo=True, now=world.now))
    return [batch.code for batch in batches]


def retire(world: World, batch: str, quantity_kg: int) -> str:
    actor = world.actor("operator")
    done = world.db.transact(
        lambda s: retirement.retire(
            s,
            actor,
            lines=[(batch, quantity_kg)],
            purpose="event",
            beneficiary_name="某会议（测试）",
            beneficiary_credit_code="",
            consumption_from=date(2026, 11, 1),
            consumption_to=date(2026, 11, 3),
            consumption_place="信阳",
            now=world.now,
        )
    )
    return str(done.certificate_number)


def test_a_run_opens_into_sums_and_the_one_rounding(world: World) -> None:
    code = world.run(world.camellia_project(p411522_3=HUNGRY))["code"]
    run = world.get("verifier", f"/runs/{code}")
    told = world.get("verifier", f"/explain/run/{code}")
    assert told["figure"] == {"value": run["issuable_t"], "unit": "tCO2e", "status": "estimate"}
    assert "这是试算" in told["sentence_zh"]
    assert "其中 1 块是负的" in told["sentence_zh"]
    rounding, summing, *sums = told["equations"]
    assert rounding["value"] == run["issuable_t"] == math.floor(summing["value"])
    assert rounding["numeric"] == f"max(0, ⌊{run['net_t']!r}⌋) = {run['issuable_t']}"
    assert summing["value"] == run["net_t"]
    assert {e["value"] for e in sums} == {
        value for name, value in run["totals"].items() if name.endswith(("_t", "_kg")) and name != "net_t"
    }
    gross = next(e for e in sums if e["symbol"] == "ΣG")
    assert gross["symbolic"] == "ΣG = ΣΔC − ΣBSL − ΣE_SOC − ΣLK − ΣE_fert − ΣE_fuel − ΣE_el"
    assert f"{run['totals']['delta_c_t']:.6g}"[:5] in gross["numeric"]
    used = {term["symbol"]: term for term in summing["terms"]}
    assert len(used) == len(run["parameters"])
    assert all(term["source"] and term["status"] and term["valid_from"] for term in used.values())
    assert told["digests"]["input"] == run["input_digest"]
    assert told["digests"]["as_of"] == "2026-11-22"
    assert [approval["decision"] for approval in told["approvals"]] == ["assess"]
    assert {blocker["who"] for blocker in told["blockers"]} == {
        "authority", "verifier", "ecology_bureau", "forestry_bureau",
    }  # fmt: skip
    children = {link["ref"]: link["value"] for link in told["children"]}
    assert set(children) == {f"{code}:{parcel}" for parcel in CAMELLIA}
    assert math.fsum(children.values()) == run["net_t"]


def test_a_parcel_opens_into_every_equation_with_its_numbers(world: World) -> None:
    code = world.run(world.camellia_project(p411522_3=HUNGRY))["code"]
    told = world.get("verifier", f"/explain/run-row/{code}:411522-3")
    rows = world.get("verifier", f"/runs/{code}/rows", negative="true")["items"]
    assert told["figure"]["value"] == rows[0]["net_t"] < 0
    assert "照样计入" in told["sentence_zh"]
    net, *rest = told["equations"]
    assert (net["symbol"], net["value"]) == ("CDR", rows[0]["net_t"])
    for equation in [net, *rest]:
        assert equation["symbolic"].startswith(f"{equation['symbol']} = ")
        assert "=" in equation["numeric"]
    values = {equation["symbol"]: equation["value"] for equation in told["equations"]}
    assert values["E_fert"] == rows[0]["outputs"]["e_fert_t"]
    inputs = {term["symbol"]: term for term in told["inputs"]}
    assert inputs["A"]["value"] == 5.0
    assert "land register" in inputs["A"]["source"]
    assert "operator 经办" in inputs["V_diesel"]["source"]
    assert "default" in inputs["LK"]["source"]
    terms = {term["name_en"]: term for term in told["terms"]}
    ef1 = next(term for term in terms.values() if term["value"] == 0.016)
    assert ef1["source"]
    assert ef1["status"] in {"verified", "secondary", "unverified", "illustrative", "local-decision"}
    assert world.refused("verifier", "GET", f"/explain/run-row/{code}:411522-404")[0] == 404


def test_a_figure_that_cannot_be_repeated_is_not_explained(world: World) -> None:
    code = world.run(world.camellia_project(["411522-1"]))["code"]
    world.db.transact(lambda s: s.execute(sa.update(RunRow).values(net_t=RunRow.net_t + 1)))
    path = f"/explain/run-row/{code}:411522-1"
    assert world.refused("verifier", "GET", path) == (409, "credits.replay_differs")


def test_who_may_look_behind_a_run(world: World) -> None:
    code = approved_run(world)
    path = f"/explain/run/{code}"
    assert world.refused("", "GET", path) == (401, "identity.not_signed_in")
    assert world.refused("xinxian", "GET", path) == (404, "platform.not_found")
    assert world.refused("alpha", "GET", path) == (404, "platform.not_found")
    assert world.refused("verifier", "GET", "/explain/weather/today")[0] == 404
    issue(world, code)
    # What is issued can be bought, and a buyer may look behind it.
    told = world.get("alpha", path)
    assert told["figure"]["status"] == "issued"
    assert told["is_demo"] is True
    # The set was adopted by two people: the second one stands behind the authority.
    assert [a["role"] for a in told["approvals"]] == [
        "operator", "authority", "ecology_bureau", "verifier", "ecology_bureau", "forestry_bureau",
    ]  # fmt: skip


def kilograms(told: dict[str, Any]) -> dict[str, int]:
    return {link["ref"]: link["value"] for link in told["children"] if link["kind"] == "run-row"}


def test_batches_and_retirements_open_down_to_parcels_by_kilogram(world: World) -> None:
    run = approved_run(world)
    issuable_t = world.get("verifier", f"/runs/{run}")["issuable_t"]
    batches = issue(world, run)
    told = {code: world.get("alpha", f"/explain/batch/{code}") for code in batches}
    assert sum(batch["figure"]["value"] for batch in told.values()) == issuable_t * 1000
    for batch in told.values():
        assert sum(kilograms(batch).values()) == batch["figure"]["value"] == batch["equations"][0]["value"]
        assert f"{run}:411522-3" not in kilograms(batch)  # a parcel that emits gave nothing
        assert ("run", run) in {(link["kind"], link["ref"]) for link in batch["children"]}
        assert "issue" in {approval["decision"] for approval in batch["approvals"]}
    first = batches[0]
    assert world.refused("", "GET", f"/explain/batch/{first}") == (401, "identity.not_signed_in")

    # More than the first parcel's numbers: the certificate reaches into the second.
    quantity_kg = next(iter(kilograms(told[first]).values())) + 1
    certificate = retire(world, first, quantity_kg)
    public = world.get("", f"/explain/retirement/{certificate}")
    assert public["figure"] == {"value": quantity_kg, "unit": "kgCO2e", "status": "retired"}
    assert list(kilograms(public).values()) == [quantity_kg - 1, 1]
    assert public["children"][0]["ref"] == first
    assert f"= {quantity_kg:,}" in public["equations"][0]["numeric"]
    assert "王某" not in str(public)
    assert world.get("", f"/explain/batch/{first}")["ref"] == first
    assert world.refused("", "GET", f"/explain/batch/{batches[1]}")[0] == 401
    assert world.refused("", "GET", "/explain/retirement/none") == (404, "platform.not_found")
