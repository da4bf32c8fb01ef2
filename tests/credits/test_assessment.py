"""Runs, reviews and sign-offs through HTTP and below it, on both engines, with the real methodologies."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from project_world import (
    CAMELLIA,
    LAND,
    PERIOD,
    RICE,
    RICE_PERIOD,
    World,
    camellia_row,
    prepare_world,
    rice_row,
)
from sqlalchemy.orm import Session

from carbon_platform.credits import adoption, approval, assessment, rules
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.projects import monitoring

T = TypeVar("T")
SPAN = (date(2021, 1, 1), date(2026, 1, 1))
HUNGRY = {"n_synthetic_kg_per_ha_per_year": 420.0}


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def net_by_hand(area_ha: float, n_synthetic: float, n_organic: float, diesel_l: float, ef: float) -> float:
    """t CO2e of five years, planted 2018, from the figures of the domain page (forest §2.4)."""
    stock = 12.857 * 44 / 12 / 20 * 5 * area_ha
    n2o = (n_synthetic * 0.016 + n_organic * 0.006) * 44 / 28 * 265 / 1000 * 5 * area_ha
    gross = stock - n2o - diesel_l * ef
    return gross * 0.9 if gross > 0 else gross


def rows_of(world: World, run: str) -> dict[str, Any]:
    items = world.get("verifier", f"/runs/{run}/rows", size=100)["items"]
    return {row["parcel_code"]: row for row in items}


def stored(world: World, code: str) -> AssessmentRun:
    return world.db.read(lambda s: s.scalars(sa.select(AssessmentRun).filter_by(code=code)).one())


def test_the_project_total_is_the_sum_of_its_parcels_rounded_once(world: World) -> None:
    run = world.run(world.camellia_project())
    rows = rows_of(world, run["code"])
    assert sorted(rows) == sorted(CAMELLIA)
    [ef] = [p["value"] for p in run["parameters"] if p["name"] == "ef_diesel"]
    for code, row in rows.items():
        expected = net_by_hand(LAND[code][1], 60.0, 20.0, 100.0, ef)
        assert row["net_t"] == pytest.approx(expected, rel=1e-9), code
        assert row["inputs"]["area_ha"] == LAND[code][1]
    assert run["net_t"] == math.fsum(row["net_t"] for row in rows.values())
    assert run["issuable_t"] == math.floor(run["net_t"]) > 0
    assert run["deficit_t"] == 0
    for name, total in run["totals"].items():
        source = "inputs" if name in rows[CAMELLIA[0]]["inputs"] else "outputs"
        assert total == math.fsum(row[source][name] for row in rows.values()), name
    assert (run["parcel_count"], run["area_m2"]) == (5, 470_000.0)
    assert run["status"] == "estimate"


def test_a_negative_parcel_lowers_the_total(world: World) -> None:
    project = world.camellia_project()
    before = world.run(project)
    world.later(minutes=1)
    world.monitor(project, [camellia_row("411522-3", **HUNGRY)])
    after = world.run(project)
    rows = rows_of(world, after["code"])
    assert rows["411522-3"]["net_t"] < 0
    positive = math.fsum(row["net_t"] for row in rows.values() if row["net_t"] > 0)
    assert after["net_t"] < positive
    assert after["net_t"] < before["net_t"]
    below = world.get("verifier", f"/runs/{after['code']}/rows", negative="true")["items"]
    assert [row["parcel_code"] for row in below] == ["411522-3"]


def test_a_negative_project_issues_nothing_and_keeps_its_deficit(world: World) -> None:
    project = world.camellia_project(["411522-3"], p411522_3=HUNGRY)
    run = world.run(project)
    assert run["net_t"] < 0
    assert (run["issuable_t"], run["deficit_t"]) == (0, -run["net_t"])
    assert "credits.nothing_to_issue" in {blocker["code"] for blocker in run["blockers"]}


def test_without_readings_nothing_is_assessed_and_the_parcels_are_named(world: World) -> None:
    project = world.project()
    assert world.refused("operator", "POST", f"/projects/{project}/runs", PERIOD) == (
        409,
        "credits.nothing_to_assess",
    )
    world.post("operator", f"/projects/{project}/parcels", {"codes": CAMELLIA})
    world.monitor(project, [camellia_row(code) for code in CAMELLIA[:3]])
    response = world.call("operator", "POST", f"/projects/{project}/runs", PERIOD)
    assert (response.status_code, response.get_json()["code"]) == (409, "projects.monitoring_missing")
    detail = response.get_json()["detail"]
    assert all((code in detail) == (code in CAMELLIA[3:]) for code in CAMELLIA)
    outside = {"period_start": "2020-01-01", "period_end": "2026-01-01"}
    assert world.refused("operator", "POST", f"/projects/{project}/runs", outside)[0] == 422


def test_the_same_input_again_is_a_new_run_and_says_so(world: World) -> None:
    project = world.camellia_project()
    first, second = world.run(project), world.run(project)
    assert (first["code"], second["code"]) == ("XY-R000001", "XY-R000002")
    assert first["same_input_as"] == []
    assert second["same_input_as"] == ["XY-R000001"]
    assert first["input_digest"] == second["input_digest"]


def test_the_road_to_issuing(world: World) -> None:
    project = world.camellia_project()
    code = world.run(project)["code"]

    def blocked() -> set[str]:
        found = world.get("operator", f"/runs/{code}")["blockers"]
        return {blocker["code"].removeprefix("credits.") for blocker in found}

    def stands() -> tuple[str, str]:
        found = world.get("operator", f"/projects/{project}")
        now = [stage["key"] for stage in found["timeline"] if stage["state"] == "now"]
        return now[0], found["next_step"]["who"]

    assert blocked() == {
        "parameters_not_adopted",
        "waits_for_verifier",
        "waits_for_ecology_bureau",
        "waits_for_forestry_bureau",
    }
    assert stands() == ("verifier", "authority")
    signed = world.sign_parameters()
    assert signed["is_demo"] is True
    assert "parameters_not_adopted" not in blocked()
    assert stands() == ("verifier", "verifier")
    url = f"/runs/{code}/reviews"
    confirm = {"decision": "confirm"}
    assert world.refused("ecology", "POST", url, confirm) == (409, "credits.verifier_first")
    assert world.refused("insider", "POST", url, confirm) == (403, "credits.own_project")
    assert world.refused("operator", "POST", url, confirm) == (403, "identity.not_allowed")
    assert world.review("verifier", code)["status"] == "verified"
    assert world.refused("verifier", "POST", url, confirm) == (409, "credits.already_reviewed")
    # A county's bureau does not see a project of the whole city.
    assert world.refused("xinxian", "POST", url, confirm) == (404, "platform.not_found")
    assert world.review("forestry", code)["status"] == "verified"
    assert stands() == ("ecology_bureau", "ecology_bureau")
    approved = world.review("ecology", code)
    assert (approved["status"], approved["blockers"]) == ("approved", [])
    assert stands() == ("issued", "operator")
    actions = world.db.read(
        lambda s: s.scalars(sa.select(AuditRecord.action).where(AuditRecord.object_id == code)).all()
    )
    assert actions == ["run.create", "run.review", "run.review", "run.review"]


def test_rice_needs_the_ecology_bureau_alone(world: World) -> None:
    project = world.project(methodology="ratoon_rice_v1")
    world.post("operator", f"/projects/{project}/parcels", {"codes": RICE})
    world.monitor(project, [rice_row(code) for code in RICE], RICE_PERIOD)
    run = world.run(project, RICE_PERIOD)
    assert run["issuable_t"] > 0
    world.sign_parameters("ratoon_rice_v1")
    world.review("verifier", run["code"])
    assert world.refused("forestry", "POST", f"/runs/{run['code']}/reviews", {"decision": "confirm"}) == (
        409,
        "credits.review_not_needed",
    )
    assert world.review("ecology", run["code"])["blockers"] == []


def test_a_returned_run_is_closed_and_a_new_one_is_open(world: World) -> None:
    project = world.camellia_project()
    code = world.run(project)["code"]
    no_reason = {"decision": "return"}
    assert world.refused("verifier", "POST", f"/runs/{code}/reviews", no_reason) == (
        422,
        "credits.reason_needed",
    )
    returned = world.review("verifier", code, "return", "样地 3 的油耗没有凭证")
    assert returned["status"] == "returned"
    assert "credits.returned" in {blocker["code"] for blocker in returned["blockers"]}
    assert world.refused("ecology", "POST", f"/runs/{code}/reviews", {"decision": "confirm"}) == (
        409,
        "credits.run_closed",
    )
    again = world.run(project)["code"]
    assert world.review("verifier", again)["status"] == "verified"


def test_new_readings_block_the_older_run(world: World) -> None:
    project = world.camellia_project()
    code = world.run(project)["code"]
    world.later(minutes=5)
    other_year = {"period_start": "2026-01-01", "period_end": "2027-01-01"}
    world.monitor(project, [camellia_row("411522-1")], other_year)
    replaced = "credits.readings_replaced"
    assert replaced not in {b["code"] for b in world.get("operator", f"/runs/{code}")["blockers"]}
    world.monitor(project, [camellia_row("411522-1", diesel_l=0.0)])
    assert replaced in {b["code"] for b in world.get("operator", f"/runs/{code}")["blockers"]}


def change_readings(world: World, project: str, diesel_l: float) -> None:
    world.db.transact(
        lambda s: monitoring.record_monitoring(
            s,
            world.actor("operator"),
            project,
            period_start=SPAN[0],
            period_end=SPAN[1],
            rows=[camellia_row("411522-1", diesel_l=diesel_l)],
            now=world.now,
        )
    )


@pytest.mark.parametrize("disturbances", [1, 99])
def test_input_that_changes_while_it_is_computed(world: World, disturbances: int) -> None:
    project = world.camellia_project()
    actor = world.actor("operator")
    seen: list[int] = []

    def disturbed(work: Callable[[Session], T], /) -> T:
        """Somebody uploads between the computation and the write."""
        if len(seen) < disturbances:
            change_readings(world, project, diesel_l=200.0 + len(seen))
        seen.append(1)
        return world.db.transact(work)

    def assess() -> AssessmentRun:
        return assessment.assess(world.db.read, disturbed, actor, project, SPAN, now=world.now)

    if disturbances > assessment.ATTEMPTS:
        with pytest.raises(rules.InputChanged):
            assess()
        assert world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(RunRow))) == 0
        return
    run = assess()
    assert len(seen) == 2
    assert rows_of(world, run.code)["411522-1"]["inputs"]["diesel_l"] == 200.0
    assert run.code == "XY-R000001"


def test_replay_gives_every_digit_again_and_finds_a_changed_one(world: World) -> None:
    project = world.camellia_project(p411522_3=HUNGRY)
    code = world.run(project)["code"]
    assert world.db.read(lambda s: assessment.replay_run(s, stored(world, code))) == []

    def tamper(session: Session) -> list[str]:
        run = session.scalars(sa.select(AssessmentRun).filter_by(code=code)).one()
        row = session.scalars(sa.select(RunRow).where(RunRow.net_t < 0)).one()
        row.outputs = row.outputs | {"e_fert_t": math.nextafter(row.outputs["e_fert_t"], math.inf)}
        run.net_t = math.nextafter(run.net_t, math.inf)
        session.flush()
        return assessment.replay_run(session, run)

    differences = world.db.transact(tamper)
    assert [text.split(":")[0] for text in differences] == ["net_t", "411522-3"]
    assert "e_fert_t" in differences[1]


def test_two_officers_deciding_at_once_leave_both_decisions(world: World) -> None:
    import threading

    code = world.run(world.camellia_project())["code"]
    world.review("verifier", code)
    for who in ("ecology", "forestry"):
        world.actor(who)
    barrier = threading.Barrier(2)
    answers: list[int] = []

    def decide(who: str) -> None:
        barrier.wait()
        answers.append(world.call(who, "POST", f"/runs/{code}/reviews", {"decision": "confirm"}).status_code)

    threads = [threading.Thread(target=decide, args=(who,)) for who in ("ecology", "forestry")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201, 201]
    assert world.get("operator", f"/runs/{code}")["status"] == "approved"


def test_scope_and_roles(world: World) -> None:
    project = world.camellia_project()
    code = world.run(project)["code"]
    for path in (f"/runs/{code}", f"/runs/{code}/rows"):
        assert world.refused("xinxian", "GET", path) == (404, "platform.not_found")
        assert world.refused("alpha", "GET", path) == (403, "identity.not_allowed")
        assert world.refused("", "GET", path) == (401, "identity.not_signed_in")
    assert world.refused("rival", "POST", f"/projects/{project}/runs", PERIOD) == (
        403,
        "projects.not_the_owner",
    )
    assert world.refused("verifier", "POST", f"/projects/{project}/runs", PERIOD)[0] == 403


def test_methodologies_are_public_with_every_source(world: World) -> None:
    listed = {item["key"]: item for item in world.get("", "/methodologies")}
    assert {"camellia_oil_v1", "ratoon_rice_v1", "low_carbon_acts_v1"} <= set(listed)
    for item in listed.values():
        assert sum(item["statuses"].values()) == len(item["parameters"])
        assert all(p["source"] and p["status_zh"] and p["unit"] for p in item["parameters"])
        assert item["sign_off"] is None
    one = world.get("", "/methodologies/camellia_oil_v1")
    assert one["steps"][-1]["name"] == "net_t"
    assert world.refused("", "GET", "/methodologies/none_v1") == (404, "platform.not_found")
    world.sign_parameters()
    assert world.get("", "/methodologies/camellia_oil_v1")["sign_off"]["document_number"] == "演示〔2026〕1号"


def test_sign_offs_adopt_what_is_in_force_once(world: World) -> None:
    body = {
        "methodology_key": "camellia_oil_v1",
        "parameter_digest": "0" * 64,
        "document_number": "1",
        "document_title": "t",
        "signed_on": "2026-11-20",
    }
    url = "/parameter-signoffs"
    assert world.refused("authority", "POST", url, body) == (409, "credits.digest_not_present")
    assert world.refused("ecology", "POST", url, body) == (403, "identity.not_allowed")
    unknown = body | {"methodology_key": "none_v1"}
    assert world.refused("authority", "POST", url, unknown) == (422, "projects.unknown_methodology")
    signed = world.sign_parameters()
    again = body | {"parameter_digest": signed["parameter_digest"]}
    assert world.refused("authority", "POST", url, again) == (409, "platform.conflict")
    listed = world.get("operator", url)
    assert [(item["parameter_digest"], item["second_approver"]) for item in listed] == [
        (signed["parameter_digest"], "ecology 经办")
    ]
    assert world.get("operator", url, methodology_key="ratoon_rice_v1") == []


def test_outside_a_demonstration_a_sign_off_is_real(world: World) -> None:
    actor, second = world.actor("authority"), world.actor("ecology")
    digest = approval.present_digest("ratoon_rice_v1", now=world.now)

    def sign(session: Session) -> bool:
        filed = adoption.propose(
            session,
            actor,
            methodology_key="ratoon_rice_v1",
            parameter_digest=digest,
            document_number="1",
            document_title="t",
            signed_on=date(2026, 11, 20),
            is_demo=False,
            now=world.now,
        )
        adoption.decide(session, second, filed.id, decision="approve", note="", now=world.now)
        signed = approval.signoff_of(session, "ratoon_rice_v1", digest)
        assert signed is not None
        return signed.is_demo

    assert world.db.transact(sign) is False
