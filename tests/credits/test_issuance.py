"""One-claim lock and issuing: land × period × pool becomes kilograms once, whoever asks and draws."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date

import pytest
import shapely
import sqlalchemy as sa
from project_world import World, prepare_world
from sqlalchemy.orm import Session
from ticket_desk import FIVE_YEARS, add_parcel, add_run, box, issue

from carbon_platform.credits import claims, issuance
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, LandClaim
from carbon_platform.errors import NotFound
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.ledger import HOLDING, AccountKey, Asset, balance, verify
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.rules import NotTheOwner
from carbon_platform.projects.tables import Project

AFTER = (date(2026, 1, 1), date(2027, 1, 1))
WEAK = [
    {"name": "bef", "status": "unverified", "meaning_zh": "生物量扩展系数"},
    {"name": "ef_diesel", "status": "verified", "meaning_zh": "柴油排放因子"},
]


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def run_on(world: World, shapes: Sequence[shapely.Geometry], owner: str = "operator", **more: object) -> str:
    """An approved run over new parcels of these shapes, 10.5 t each."""
    kind = "rice" if str(more.get("methodology", "")).startswith("ratoon") else "camellia"

    def work(session: Session) -> str:
        rows = [(add_parcel(session, shape, kind=kind), 10.5) for shape in shapes]
        return add_run(session, owner, rows, **more).code

    return world.db.transact(work)


def project_of(world: World, run: str) -> str:
    statement = sa.select(Project.code).join(AssessmentRun, AssessmentRun.project_id == Project.id)
    return str(world.db.read(lambda s: s.scalar(statement.where(AssessmentRun.code == run))))


def counted(world: World, table: type) -> int:
    return int(world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(table))) or 0)


def assert_refused(world: World, run: str, other: str, who: str = "rival") -> None:
    """Refused in words that name the other project, and nothing is left behind."""
    actor = world.actor(who)
    before = [counted(world, table) for table in (LandClaim, CreditBatch, BatchShare, AuditRecord)]
    with pytest.raises(claims.LandAlreadyClaimed) as refused:
        issue(world, run, actor)
    [finding] = refused.value.errors
    for words in (finding["zh"], finding["en"]):
        assert other in words
        assert "411522-desk-" in words
    assert [counted(world, table) for table in (LandClaim, CreditBatch, BatchShare, AuditRecord)] == before
    assert (
        world.db.read(lambda s: s.scalar(sa.select(AssessmentRun.status).filter_by(code=run))) == "approved"
    )


def test_the_same_parcel_in_another_project_of_another_owner(world: World) -> None:
    first = run_on(world, [box(0, 0)])
    issue(world, first)

    def same_parcel(session: Session, period: tuple[date, date]) -> str:
        parcel = session.scalars(sa.select(Parcel).where(Parcel.code.contains("desk"))).one()
        return add_run(session, "rival", [(parcel, 10.5)], period=period).code

    inside = (date(2024, 3, 1), date(2024, 9, 1))
    last_day = (date(2025, 12, 31), date(2026, 12, 31))
    for period in (FIVE_YEARS, inside, last_day, (date(2020, 1, 1), date(2027, 1, 1))):
        run = world.db.transact(lambda s, period=period: same_parcel(s, period))
        assert_refused(world, run, project_of(world, first))
    adjoining = world.db.transact(lambda s: same_parcel(s, AFTER))
    assert [batch.vintage for batch in issue(world, adjoining, "rival")] == [2026]


@pytest.mark.parametrize("who", ["operator", "rival"])
def test_a_shifted_polygon_registered_as_another_parcel(world: World, who: str) -> None:
    first = run_on(world, [box(0, 0)])
    issue(world, first)
    for metres in (0.0, 1.0, 3.0, 10.0, 30.0):
        assert_refused(world, run_on(world, [box(metres, -metres)], who), project_of(world, first), who)
    # turned, simplified, inside, and around it
    octagon = shapely.buffer(shapely.centroid(box(0, 0)), 55, quad_segs=2)
    for shape in (octagon, box(40, 40, 10, 10), box(-500, -500, 2000, 2000)):
        assert_refused(world, run_on(world, [shape], who), project_of(world, first), who)


def test_neighbours_other_pools_and_slivers_are_free(world: World) -> None:
    issue(world, run_on(world, [box(0, 0)]))
    touching = [box(100, 0), box(0, 100), box(-100, -100)]
    sliver = box(-99.5, 0)  # half a metre over the border: 0.5 %
    other_pool = {"methodology": "ratoon_rice_v1", "roles": ("verifier", "ecology_bureau")}
    assert issue(world, run_on(world, touching, "rival"), "rival")
    assert issue(world, run_on(world, [box(0, 0)], "rival", **other_pool), "rival")
    assert issue(world, run_on(world, [sliver], "rival"), "rival")
    assert counted(world, LandClaim) == 6


def test_slivers_are_added_up(world: World) -> None:
    """Three half-metre strips are 0.5 % each and 1.5 % together: the limit is 1 %."""
    first = run_on(world, [box(-99.5, 0), box(99.5, 0), box(0, 99.5)])
    issue(world, first)
    assert_refused(world, run_on(world, [box(0, 0)], "rival"), project_of(world, first))


def test_the_same_land_twice_within_one_run(world: World) -> None:
    run = run_on(world, [box(0, 0), box(500, 0), box(5, 5)])
    with pytest.raises(claims.ParcelsOverlap) as refused:
        issue(world, run)
    [finding] = refused.value.errors
    assert finding["zh"].count("411522-desk-") == 2
    assert counted(world, LandClaim) == counted(world, CreditBatch) == 0
    assert issue(world, run_on(world, [box(0, 0), box(100, 0), box(199.5, 0)]))


def test_a_second_run_of_the_same_project_and_period(world: World) -> None:
    first = run_on(world, [box(0, 0)])

    def again(session: Session) -> str:
        project = session.scalars(
            sa.select(Project).join(AssessmentRun).where(AssessmentRun.code == first)
        ).one()
        parcel = session.scalars(sa.select(Parcel).where(Parcel.code.contains("desk"))).one()
        return add_run(session, "operator", [(parcel, 99.0)], project=project).code

    second = world.db.transact(again)
    issue(world, first)
    assert_refused(world, second, project_of(world, first), "operator")


def test_all_of_a_run_or_nothing(world: World) -> None:
    first = run_on(world, [box(0, 0)])
    issue(world, first)
    assert_refused(
        world, run_on(world, [box(500, 0), box(3, 0), box(900, 0)], "rival"), project_of(world, first)
    )
    assert issue(world, run_on(world, [box(500, 0), box(900, 0)], "rival"), "rival")


def test_issuing_twice_gives_the_same_batches(world: World) -> None:
    run = run_on(world, [box(0, 0), box(200, 0)])
    first = [(b.id, b.code, b.quantity_kg) for b in issue(world, run)]
    world.later(hours=1)
    assert [(b.id, b.code, b.quantity_kg) for b in issue(world, run)] == first
    assert sum(kg for _, _, kg in first) == 21_000
    assert [code[-4:] for _, code, _ in first] == ["2021", "2022", "2023", "2024", "2025"]
    holder = world.actor("operator").holder
    for _, code, kg in first:
        account = AccountKey(HOLDING, holder, Asset.CREDIT, code)
        assert world.db.read(lambda s, a=account: balance(s, a)).posted == kg
    assert counted(world, LandClaim) == 2
    actions = world.db.read(lambda s: s.scalars(sa.select(AuditRecord.action).filter_by(object_id=run)).all())
    assert actions == ["run.issue", "run.issue_again"]
    assert world.db.read(verify).ok


def test_a_blocked_issue_names_each_blocker_and_who_removes_it(world: World) -> None:
    run = run_on(world, [box(0, 0)], status="estimate", roles=["ecology_bureau"], parameters=WEAK)
    with pytest.raises(issuance.IssueBlocked) as refused:
        issue(world, run)
    assert [(error["code"], error["who"]) for error in refused.value.errors] == [
        ("credits.parameters_not_adopted", "authority"),
        ("credits.waits_for_verifier", "verifier"),
        ("credits.waits_for_forestry_bureau", "forestry_bureau"),
    ]
    said = refused.value.message("zh")
    assert run in said
    for words in ("试算", "生物量扩展系数", "核证员", "林业局"):
        assert words in said
    assert "柴油" not in said  # verified: needs no signature
    assert counted(world, LandClaim) == 0


def test_only_the_owner_issues_and_others_hear_why(world: World) -> None:
    run = run_on(world, [box(0, 0)])
    with pytest.raises(NotTheOwner):
        issue(world, run, "rival")
    with pytest.raises(NotFound):
        issue(world, "XY-R999999")


def outcomes(world: World, runs: dict[str, str]) -> list[str]:
    """Issue each run (run → who) in a thread of its own, all at once."""
    actors = {run: world.actor(who) for run, who in runs.items()}
    start = threading.Barrier(len(runs))
    results: list[str] = []

    def work(run: str) -> None:
        start.wait()
        try:
            issue(world, run, actors[run])
            results.append("issued")
        except claims.LandAlreadyClaimed:
            results.append("refused")

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


def test_two_issuers_race_for_overlapping_land(world: World) -> None:
    for turn in range(6):
        y = 1000.0 * turn
        runs = {run_on(world, [box(0, y)]): "operator", run_on(world, [box(7, y)], "rival"): "rival"}
        assert outcomes(world, runs) == ["issued", "refused"]
    assert counted(world, LandClaim) == 6
    assert world.db.read(verify).ok


def test_one_run_issued_by_four_at_once_is_issued_once(world: World) -> None:
    run = run_on(world, [box(0, 0)])
    actor = world.actor("operator")
    start = threading.Barrier(4)
    answers: list[list[int]] = []

    def work() -> None:
        start.wait()
        answers.append([batch.id for batch in issue(world, run, actor)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    assert (counted(world, LandClaim), counted(world, CreditBatch)) == (1, 5)


@pytest.mark.postgresql
def test_the_race_would_be_lost_without_the_lock(
    fresh_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with the lock taken out, both issue the same land, and this harness sees it."""
    world = World(fresh_database("postgresql", prepare_world))
    both_checked = threading.Barrier(2)
    claim = claims.claim

    def claim_later(*args: object, **kwargs: object) -> None:
        both_checked.wait(timeout=30)
        claim(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(issuance, "serialise", lambda session, name: None)
    monkeypatch.setattr(land_claims, "lock", lambda session: None)
    monkeypatch.setattr(claims, "claim", claim_later)
    runs = {run_on(world, [box(0, 0)]): "operator", run_on(world, [box(7, 0)], "rival"): "rival"}
    assert outcomes(world, runs) == ["issued", "issued"]
    world.close()
