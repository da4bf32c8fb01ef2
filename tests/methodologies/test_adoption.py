"""Adopting a parameter set takes two people; until then runs that use it are estimates. Both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from project_world import NOW, PASSWORD, World, prepare_world

from carbon_platform.credits import adoption
from carbon_platform.credits.adoption_tables import ImpactPreview, ParameterProposal
from carbon_platform.credits.append_only import KEPT, drop_results_ddl, results_ddl
from carbon_platform.credits.tables import AssessmentRun, ParameterSignOff
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.migrate import alembic_config

KEY = "camellia_oil_v1"
PROPOSE = "/parameter-signoffs"


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def body(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "methodology_key": KEY,
        "parameter_digest": world.get("", f"/methodologies/{KEY}")["parameter_digest"],
        "document_number": "信碳签〔2026〕1号",
        "document_title": "关于采纳油茶参数的函",
        "signed_on": "2026-11-20",
    } | changes


def decide(world: World, who: str, number: int, decision: str = "approve", note: str = "") -> Any:
    return world.call(
        who, "POST", f"/parameter-proposals/{number}/decision", {"decision": decision, "note": note}
    )


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["code"]


def blockers(world: World, run: str) -> set[str]:
    return {blocker["code"] for blocker in world.get("verifier", f"/runs/{run}")["blockers"]}


def test_a_filed_set_waits_for_the_second_person(world: World) -> None:
    run = world.run(world.camellia_project())["code"]
    filed = world.post("authority", PROPOSE, body(world))
    assert (filed["status"], filed["proposed_by"], filed["signer"]) == (
        "pending",
        "authority 经办",
        "authority 经办",
    )
    assert world.get("operator", PROPOSE) == []
    method = world.get("", f"/methodologies/{KEY}")
    assert method["sign_off"] is None and method["proposal"]["id"] == filed["id"]
    assert "credits.parameters_not_adopted" in blockers(world, run), "proposed is not adopted"

    answer = decide(world, "ecology", filed["id"], note="参数逐条核过")
    assert answer.status_code == 201
    decided = answer.get_json()
    assert (decided["status"], decided["decided_by"]) == ("adopted", "ecology 经办")
    [signed] = world.get("operator", PROPOSE)
    assert signed["parameter_digest"] == filed["parameter_digest"]
    assert (signed["signer"], signed["proposed_by"]) == ("authority 经办", "authority 经办")
    assert (signed["second_approver"], signed["second_role"]) == ("ecology 经办", "ecology_bureau")
    assert "credits.parameters_not_adopted" not in blockers(world, run)
    method = world.get("", f"/methodologies/{KEY}")
    assert method["proposal"] is None and method["sign_off"]["second_approver"] == "ecology 经办"
    told = world.get("verifier", f"/explain/run/{run}")["approvals"]
    assert [one["who"] for one in told if one["decision"] in ("adopt", "countersign")] == [
        "authority 经办",
        "ecology 经办",
    ]


def test_the_second_person_is_another_person(world: World) -> None:
    """Not who filed it, not who signed it, not the same name in another account or with other spaces."""
    filed = world.post("authority", PROPOSE, body(world))["id"]
    assert code_of(decide(world, "authority", filed)) == (403, "credits.second_person_needed")
    assert code_of(decide(world, "operator", filed)) == (403, "identity.not_allowed")
    assert code_of(decide(world, "", filed)) == (401, "identity.not_signed_in")
    world.db.transact(
        lambda s: add_user(
            s, SYSTEM, username="twin", password="a long enough password", display_name=" authority经办",
            role="authority", region_code="4115", now=NOW, organisation_id=None,
        )
    )  # fmt: skip
    assert code_of(decide(world, "twin", filed)) == (403, "credits.second_person_needed")
    assert decide(world, "ecology", filed).status_code == 201


def test_who_signed_on_paper_cannot_approve_either(world: World) -> None:
    filed = world.post("authority", PROPOSE, body(world, signer="ecology 经办"))["id"]
    assert code_of(decide(world, "ecology", filed)) == (403, "credits.second_person_needed")
    assert world.get("operator", PROPOSE) == []


def test_an_account_of_one_county_does_not_decide_for_the_city(world: World) -> None:
    def county_desks(session: Any) -> None:
        for role in ("authority", "ecology_bureau"):
            add_user(
                session, SYSTEM, username=f"guangshan.{role}", password=PASSWORD,
                display_name=f"光山 {role}", role=role, region_code="411522", now=NOW, organisation_id=None,
            )  # fmt: skip

    world.db.transact(county_desks)
    filing = ("guangshan.authority", "POST", PROPOSE, body(world))
    assert world.refused(*filing) == (403, "credits.whole_city_only")
    filed = world.post("authority", PROPOSE, body(world))["id"]
    for decision in ("approve", "decline"):
        answer = decide(world, "guangshan.ecology_bureau", filed, decision, "看过")
        assert code_of(answer) == (403, "credits.whole_city_only")
    assert [one["status"] for one in world.get("operator", "/parameter-proposals")] == ["pending"]


def test_two_approvers_at_once_decide_once(world: World) -> None:
    """One word counts, whichever comes first; the other hears that it was decided."""
    actors = [world.actor("ecology"), replace(world.actor("ecology"), user_id=999_999, name="另一位")]
    for word in ("decline", "decline", "decline", "approve"):
        filed = world.post("authority", PROPOSE, body(world))["id"]
        start, outcomes = threading.Barrier(2), []

        say = partial(adoption.decide, number=filed, decision=word, note="核过", now=NOW)

        def work(actor: Any, start: Any = start, say: Any = say, outcomes: list[str] = outcomes) -> None:
            start.wait()
            try:
                world.db.transact(lambda s: say(s, actor))
                outcomes.append("decided")
            except adoption.AlreadyDecided:
                outcomes.append("late")

        threads = [threading.Thread(target=work, args=(actor,)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["decided", "late"]
    assert len(world.get("operator", PROPOSE)) == 1
    states = [one["status"] for one in world.get("operator", "/parameter-proposals")]
    assert states == ["adopted", "declined", "declined", "declined"]


def test_a_declined_set_may_be_filed_again(world: World) -> None:
    filed = world.post("authority", PROPOSE, body(world))["id"]
    assert world.refused("authority", "POST", PROPOSE, body(world)) == (409, "platform.conflict")
    assert code_of(decide(world, "ecology", filed, "decline")) == (422, "credits.reason_needed")
    assert decide(world, "ecology", filed, "decline", "第 3 条来源不清").status_code == 201
    assert code_of(decide(world, "ecology", filed)) == (409, "credits.proposal_decided")
    assert code_of(decide(world, "ecology", 999)) == (404, "platform.not_found")
    again = world.post("authority", PROPOSE, body(world))["id"]
    assert decide(world, "ecology", again).status_code == 201
    assert world.refused("authority", "POST", PROPOSE, body(world)) == (409, "platform.conflict")
    states = [one["status"] for one in world.get("operator", "/parameter-proposals")]
    assert states == ["adopted", "declined"]
    assert world.get("operator", "/parameter-proposals", status="pending") == []


def test_a_document_is_not_signed_tomorrow(world: World) -> None:
    late = body(world, signed_on="2026-11-23")
    assert world.refused("authority", "POST", PROPOSE, late) == (422, "credits.signed_in_future")
    world.post("authority", PROPOSE, body(world, signed_on="2026-11-22"))


def test_values_that_changed_while_it_waited_are_not_adopted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from carbon_platform.credits import approval

    filed = world.post("authority", PROPOSE, body(world))["id"]
    monkeypatch.setattr(approval, "present_digest", lambda key, *, now: "f" * 64)
    assert code_of(decide(world, "ecology", filed)) == (409, "credits.digest_not_present")
    assert decide(world, "ecology", filed, "decline", "参数已更新").status_code == 201


def test_every_step_is_on_record(world: World) -> None:
    filed = world.post("authority", PROPOSE, body(world))
    decide(world, "ecology", filed["id"], note="同意")
    records = world.db.read(
        lambda s: list(
            s.scalars(
                sa.select(AuditRecord).where(AuditRecord.action.like("parameters.%")).order_by(AuditRecord.id)
            )
        )
    )
    assert [(one.action, one.actor_name) for one in records] == [
        ("parameters.sign", "authority 经办"),
        ("parameters.adopt", "ecology 经办"),
    ]
    assert records[1].detail["document"] == "信碳签〔2026〕1号" and records[1].detail["note"] == "同意"


def test_the_database_itself_knows_two_people_and_one_pending(world: World) -> None:
    world.post("authority", PROPOSE, body(world))

    def same_person(session: Any) -> None:
        session.execute(sa.update(ParameterProposal).values(decided_by_id=ParameterProposal.proposed_by_id))

    def twice(session: Any) -> None:
        found = session.scalars(sa.select(ParameterProposal)).one()
        plain = {
            c.name: getattr(found, c.name) for c in ParameterProposal.__table__.columns if c.name != "id"
        }
        session.execute(sa.insert(ParameterProposal).values(**plain))

    for work in (same_person, twice):
        with pytest.raises(sa.exc.IntegrityError):
            world.db.transact(work)


def test_stored_results_and_sign_offs_cannot_be_changed_by_anybody(world: World, engine_name: str) -> None:
    """Whatever program asks: the database refuses. Only the status of a run moves."""
    code = world.run(world.camellia_project())["code"]
    world.sign_parameters()

    def install(session: Any) -> None:
        for statement in results_ddl(engine_name):
            session.connection().exec_driver_sql(statement)

    world.db.transact(install)
    columns = {column.name for column in AssessmentRun.__table__.columns}
    assert columns - set(KEPT["assessment_run"]) == {"status"}
    attempts = [
        "UPDATE assessment_run SET net_t = net_t + 1",
        "UPDATE assessment_run SET parameters = '[]'",
        "DELETE FROM run_row",
        "UPDATE run_row SET net_t = 0",
        "UPDATE parameter_sign_off SET second_approver = ''",
        "DELETE FROM parameter_sign_off",
    ]
    for attempt in attempts:
        with pytest.raises(sa.exc.DBAPIError, match="keeps what was stored"):
            world.db.transact(lambda s, attempt=attempt: s.execute(sa.text(attempt)))
    # The road of a run is not barred.
    world.review("verifier", code)
    assert world.get("verifier", f"/runs/{code}")["status"] == "verified"
    world.now += timedelta(minutes=1)

    def remove(session: Any) -> None:
        for statement in drop_results_ddl(engine_name):
            session.connection().exec_driver_sql(statement)
        session.execute(sa.update(ParameterSignOff).values(second_role=""))

    world.db.transact(remove)


def test_the_migration_guards_results_and_refuses_to_forget(database_url: str) -> None:
    config = alembic_config(database_url)
    command.upgrade(config, "0007")
    db = Database(database_url)
    made = {
        "id": 1, "methodology_key": KEY, "fragment": "[x]", "in_force_from": NOW.date(),
        "proposed_digest": "a",
        "results_digest": "b", "result": {}, "region_code": "4115", "created_by": "t", "created_at": NOW,
    }  # fmt: skip
    try:
        db.transact(lambda s: s.execute(sa.insert(ImpactPreview).values(made)))
        for statement in ("UPDATE impact_preview SET fragment = ''", "DELETE FROM impact_preview"):
            with pytest.raises(sa.exc.DBAPIError, match="keeps what was stored"):
                db.transact(lambda s, statement=statement: s.execute(sa.text(statement)))
        with pytest.raises(RuntimeError, match="1 previews are on file"):
            command.downgrade(config, "0006")
        assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ImpactPreview))) == 1
    finally:
        db.dispose()
