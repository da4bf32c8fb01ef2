"""Aggregation through HTTP on both engines: consent, closed window, one bundle per act, review, issue."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from inclusion_world import NOW, SEPTEMBER, World
from sqlalchemy.orm import Session

from carbon_platform.citizens.tables import Act
from carbon_platform.inclusion import bundle_parts, bundles, chores, rules
from carbon_platform.inclusion.errors import WindowInvalid, WindowOpen
from carbon_platform.inclusion.rules import Window
from carbon_platform.inclusion.tables import BundleAct, BundleHolder

WINDOW = {"starts_on": "2026-09-01", "ends_on": "2026-10-01"}


def month_of_rides(world: World, people: int = 20, days: int = 20) -> list[int]:
    """``people`` × ``days`` rides in September of people who agreed on the first: more than one tonne."""
    world.at(SEPTEMBER)
    travellers = world.citizens([f"乘客{number}" for number in range(people)])
    world.at(SEPTEMBER + timedelta(days=20, hours=4))
    return world.rides(travellers, days=days)


def sums(world: World, *where: Any) -> tuple[int, int]:
    """(acts, creditable grams) added up independently."""

    def work(session: Session) -> tuple[int, int]:
        rows = session.execute(sa.select(Act.id, Act.creditable_g).where(*where)).all()
        return len(rows), sum(grams for _, grams in rows)

    return world.db.read(work)


def test_from_consent_to_a_pooled_batch_that_every_citizen_can_find(world: World) -> None:
    month_of_rides(world)
    outsiders = world.citizens(["不同意"], bundle=False)
    world.rides(outsiders, days=3)
    operator = world.as_("operator")
    refused = operator.post("/bundles", WINDOW)
    assert refused.status_code == 409 and refused.json["code"] == "inclusion.window_open", refused.json
    # 1 October + 31 days for late records + 30 for the power company's reversals, and the day they end in
    assert "2026-12-02" in refused.json["detail"]

    world.at(NOW)
    operator = world.as_("operator")
    made = operator.post("/bundles", WINDOW)
    assert made.status_code == 201, made.json
    bundle = made.json
    theirs = sa.not_(Act.holder.in_([actor.holder for actor in outsiders]))
    acts, grams = sums(world, theirs, Act.creditable_g > 0)
    assert (bundle["acts"], bundle["creditable_g"], bundle["holders"]) == (acts, grams, 20)
    assert bundle["whole_tonnes"] == grams // 1_000_000 >= 1
    assert bundle["creditable_g"] < bundle["reduction_g"]
    assert operator.post("/bundles", WINDOW).json["code"] == "inclusion.nothing_to_bundle"

    code = bundle["code"]
    early = operator.post(f"/bundles/{code}/issuance")
    assert early.json["code"] == "inclusion.bundle_state"
    applied = operator.post(f"/bundles/{code}/application").json
    run = applied["run_code"]
    assert applied["state"] == "applied" and applied["run_status"] == "estimate"
    assert {row["code"] for row in applied["blockers"]} == {
        "credits.parameters_not_adopted", "credits.waits_for_verifier", "credits.waits_for_ecology_bureau",
    }  # fmt: skip
    world.review(run)
    blocked = operator.post(f"/bundles/{code}/issuance")
    assert blocked.status_code == 409 and blocked.json["code"] == "credits.issue_blocked"
    assert [row["code"] for row in blocked.json["errors"]] == ["credits.parameters_not_adopted"]
    world.adopt()
    assert operator.post(f"/runs/{run}/issue").json["code"] == "credits.pooled_run"
    issued = operator.post(f"/bundles/{code}/issuance")
    assert issued.status_code == 200 and issued.json["state"] == "issued", issued.json
    again = operator.post(f"/bundles/{code}/issuance")
    assert again.json["batch_code"] == issued.json["batch_code"]

    batch = operator.get(f"/batches/{issued.json['batch_code']}").json
    assert batch["quantity_kg"] == bundle["whole_tonnes"] * 1000 and batch["is_demo"]
    assert (batch["county_code"], batch["county_name"], batch["vintage"]) == ("4115", "信阳市", 2026)
    assert batch["position"]["available"] == batch["quantity_kg"]
    for path in (f"/explain/run/{run}", f"/explain/batch/{batch['code']}", f"/runs/{run}"):
        assert operator.get(path).status_code == 200, path

    mine = world.as_("乘客3").get("/citizen/bundles").json
    (part,) = mine["items"]
    holder = world.actors["乘客3"].holder
    assert (part["acts"], part["creditable_g"]) == sums(world, Act.holder == holder)
    assert part["batch_code"] == batch["code"] and part["batch_kg"] == batch["quantity_kg"]
    assert mine["agreed"] and mine["creditable_g"] == part["creditable_g"]
    assert world.as_("不同意").get("/citizen/bundles").json["items"] == []
    act = world.db.read(lambda s: s.scalar(sa.select(Act.id).where(Act.holder == holder).limit(1)))
    assert world.as_("乘客3").get(f"/citizen/bundles?act={act}").json["act_bundle"] == code
    assert world.as_("乘客4").get(f"/citizen/bundles?act={act}").status_code == 404


def test_creditable_never_exceeds_points_grade_for_any_person_and_the_parts_make_the_whole(
    world: World,
) -> None:
    month_of_rides(world, people=8, days=6)
    world.at(NOW)
    bundle = world.as_("operator").post("/bundles", WINDOW).json

    def work(session: Session) -> None:
        people = session.scalars(sa.select(BundleHolder)).all()
        by_person: dict[str, list[int]] = {}
        for act in session.scalars(sa.select(Act).join(BundleAct, BundleAct.act_id == Act.id)):
            mine = by_person.setdefault(act.holder, [0, 0])
            mine[0] += act.creditable_g
            mine[1] += act.reduction_g
            assert act.creditable_g <= act.reduction_g
        assert {row.holder: [row.creditable_g, row.reduction_g] for row in people} == by_person
        assert all(row.creditable_g <= row.reduction_g for row in people)
        assert sum(row.creditable_g for row in people) == bundle["creditable_g"]
        assert bundle_parts.check(session, bundles.get_bundle(session, bundle["code"])) == []

    world.db.read(work)


def test_nothing_before_the_consent_after_its_withdrawal_or_taken_back_is_bundled(world: World) -> None:
    world.at(SEPTEMBER)
    early = world.citizens(["先走后同意"], bundle=False)
    stays, leaves, fraud = world.citizens(["一直同意", "撤回同意", "被撤回的"])
    world.at(SEPTEMBER + timedelta(days=5))
    world.rides([early[0], stays, leaves, fraud], days=3)
    world.citizens(["先走后同意"])  # agrees only now
    world.at(SEPTEMBER + timedelta(days=8, hours=4))
    world.rides([early[0]], days=1)
    desk = world.as_("撤回同意")
    texts = desk.get("/citizen/consents").json
    consent = next(row for row in texts if row["purpose"] == "bundle")
    assert desk.delete(f"/citizen/consents/{consent['consent_id']}").status_code == 204
    world.db.transact(
        lambda s: s.execute(sa.update(Act).where(Act.holder == fraud.holder).values(withdrawn_at=world.now))
    )
    world.at(NOW)
    bundle = world.as_("operator").post("/bundles", WINDOW).json
    assert (bundle["acts"], bundle["holders"]) == (4, 2)  # three of the one who stayed, one of the late one


def test_a_bundle_that_changed_is_not_issued_and_its_acts_can_be_bundled_again(world: World) -> None:
    acts = month_of_rides(world, people=20, days=20)
    world.at(NOW)
    world.adopt()
    operator = world.as_("operator")
    code = operator.post("/bundles", WINDOW).json["code"]
    run = operator.post(f"/bundles/{code}/application").json["run_code"]
    world.review(run)
    world.db.transact(
        lambda s: s.execute(sa.update(Act).where(Act.id == acts[0]).values(withdrawn_at=world.now))
    )
    refused = operator.post(f"/bundles/{code}/issuance")
    assert refused.json["code"] == "inclusion.bundle_changed", refused.json
    assert operator.get(f"/bundles/{code}").json["changes"]["acts"] == 1
    gone = operator.post(f"/bundles/{code}/dissolution", {"note": "一笔记录被撤回"})
    assert gone.status_code == 200 and gone.json["state"] == "dissolved", gone.json
    second = operator.post("/bundles", WINDOW).json
    assert second["acts"] == len(acts) - 1 and second["code"] != code
    assert operator.post(f"/bundles/{code}/issuance").json["code"] == "inclusion.bundle_state"


def test_two_operators_at_once_and_a_second_click_bundle_every_act_once(world: World) -> None:
    acts = month_of_rides(world, people=5, days=4)
    world.at(NOW)
    first, second = world.as_("operator"), world.as_("colleague")
    made = first.post("/bundles", WINDOW, key="same-click")
    assert first.post("/bundles", WINDOW, key="same-click").json == made.json
    assert second.post("/bundles", WINDOW).json["code"] == "inclusion.nothing_to_bundle"
    held = world.db.read(lambda s: list(s.scalars(sa.select(BundleAct.act_id))))
    assert sorted(held) == sorted(acts)
    with pytest.raises(sa.exc.IntegrityError):
        world.db.transact(
            lambda s: s.execute(sa.insert(BundleAct).values(act_id=acts[0], bundle_id=1, creditable_g=1))
        )


def test_four_operators_at_the_same_moment_make_one_bundle(world: World) -> None:
    acts = month_of_rides(world, people=6, days=5)
    world.at(NOW)
    desks = [world.as_(who) for who in ("operator", "colleague", "operator", "colleague")]
    with ThreadPoolExecutor(4) as pool:
        codes = [answer.status_code for answer in pool.map(lambda d: d.post("/bundles", WINDOW), desks)]
    assert sorted(codes) == [201, 409, 409, 409]
    assert len(acts) == world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(BundleAct)))


def test_the_night_says_when_issued_grams_were_taken_back_or_a_bundle_was_altered(world: World) -> None:
    bundle = world.issued()
    assert chores.check(world.db, now=world.now)[0] == "ok"
    act, grams = world.db.read(lambda s: s.execute(sa.select(Act.id, Act.creditable_g).limit(1)).one())
    world.db.transact(lambda s: s.execute(sa.update(Act).where(Act.id == act).values(withdrawn_at=world.now)))
    outcome, words = chores.check(world.db, now=world.now)
    assert outcome == "alarm" and f"{bundle['code']}: {grams:,} g issued were withdrawn" in words
    world.db.transact(
        lambda s: s.execute(sa.update(BundleAct).where(BundleAct.act_id != act).values(creditable_g=1))
    )
    assert f"{bundle['code']}: input digest" in chores.check(world.db, now=world.now)[1]


def test_who_applies_does_not_approve_and_others_may_not(world: World) -> None:
    month_of_rides(world, people=2, days=2)
    world.at(NOW)
    code = world.as_("operator").post("/bundles", WINDOW).json["code"]
    for who in ("ecology", "auditor", "dingxin", "乘客0"):
        assert world.as_(who).post(f"/bundles/{code}/application").status_code == 403, who
    run = world.as_("operator").post(f"/bundles/{code}/application").json["run_code"]
    assert world.as_("operator").post(f"/runs/{run}/reviews", {"decision": "confirm"}).status_code == 403
    assert world.as_("ecology").post(f"/runs/{run}/reviews", {"decision": "confirm"}).json["code"] == (
        "credits.verifier_first"
    )
    assert world.as_("operator").get(f"/bundles/{code}").json["blockers"][0]["code"] == (
        "credits.nothing_to_issue"  # four rides are less than a tonne
    )


@pytest.mark.parametrize(
    ("starts", "ends"),
    [("2026-09-01", "2026-09-01"), ("2026-10-01", "2026-09-01"), ("2025-12-01", "2026-02-01")],
)
def test_a_window_lies_within_one_year(starts: str, ends: str) -> None:
    window = Window(date.fromisoformat(starts), date.fromisoformat(ends))
    with pytest.raises(WindowInvalid):
        rules.check_window(window, date(2027, 1, 1), age_days=31, observation_days=7)


def test_a_window_closes_when_nothing_can_arrive_or_be_taken_back_any_more() -> None:
    window = Window(date(2026, 9, 1), date(2026, 10, 1))
    last_ride = datetime(2026, 9, 30, 15, 59, tzinfo=UTC)  # a minute before midnight in Xinyang
    last_receipt = last_ride + timedelta(days=31)
    last_reversal = last_receipt + timedelta(days=7)
    closes = date(2026, 10, 1) + timedelta(days=39)
    assert datetime(closes.year, closes.month, closes.day, tzinfo=UTC) - timedelta(hours=8) > last_reversal
    rules.check_window(window, closes, age_days=31, observation_days=7)
    with pytest.raises(WindowOpen):
        rules.check_window(window, closes - timedelta(days=1), age_days=31, observation_days=7)


def test_the_whole_of_a_bundle_is_told_only_where_ten_others_are_in_it(world: World) -> None:
    month_of_rides(world, people=11, days=2)
    world.at(NOW)
    code = world.as_("operator").post("/bundles", WINDOW).json["code"]
    (part,) = world.as_("乘客3").get("/citizen/bundles").json["items"]
    assert (part["bundle"], part["bundle_g"]) == (code, 11 * part["creditable_g"])


def test_who_takes_their_own_grams_off_a_small_bundle_learns_nothing_of_the_others(world: World) -> None:
    month_of_rides(world, people=10, days=2)
    world.at(NOW)
    world.as_("operator").post("/bundles", WINDOW)
    (part,) = world.as_("乘客3").get("/citizen/bundles").json["items"]
    assert part["bundle_g"] is None and part["creditable_g"] > 0
