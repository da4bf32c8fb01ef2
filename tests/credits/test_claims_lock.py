"""What else stands against issuing: other schemes, other projects' land, land that left or was redrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
import shapely
import sqlalchemy as sa
from claim_desk import attach, declare, land, new_project, put
from project_world import World, prepare_world
from sqlalchemy.orm import Session
from ticket_desk import add_parcel, add_run, box, issue

from carbon_platform.credits import claims, double_claims
from carbon_platform.credits.tables import AssessmentRun, LandClaim
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.parcels import outside_claims
from carbon_platform.parcels.history_tables import SNAPSHOT, ParcelEvent
from carbon_platform.parcels.outside_claims_rules import POOLS
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.rules import LAND_USES
from carbon_platform.projects.tables import Project


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def run_on(world: World, *shapes: shapely.Geometry, owner: str = "operator", **more: object) -> str:
    """An approved run over new parcels of these shapes, in a project of its own."""

    def work(session: Session) -> str:
        rows = [(add_parcel(session, shape), 10.5) for shape in shapes]
        return add_run(session, owner, rows, **more).code  # type: ignore[arg-type]

    return world.db.transact(work)


def project_of(world: World, run: str) -> str:
    statement = sa.select(Project.code).join(AssessmentRun, AssessmentRun.project_id == Project.id)
    return str(world.db.read(lambda s: s.scalar(statement.where(AssessmentRun.code == run))))


def parcels_of(world: World, run: str) -> list[str]:
    statement = sa.select(Parcel.code).join(claims.RunRow).join(AssessmentRun)
    return list(world.db.read(lambda s: s.scalars(statement.where(AssessmentRun.code == run)).all()))


def refusal(world: World, run: str, who: str = "operator") -> PlatformError:
    with pytest.raises((claims.LandAlreadyClaimed, claims.LandNoLongerAsAssessed)) as refused:
        issue(world, run, who)
    assert (
        world.db.read(lambda s: s.scalar(sa.select(AssessmentRun.status).filter_by(code=run))) == "approved"
    )
    return refused.value


def report(world: World, actor: Actor = SYSTEM) -> double_claims.Report:
    return world.db.read(lambda s: double_claims.report(s, actor))


def test_every_pool_of_a_methodology_is_one_the_lock_knows() -> None:
    assert {use.pool for use in LAND_USES.values()} <= set(POOLS) - {"all"}
    bits = [bit for name, (_, _, bit) in POOLS.items() if name != "all"]
    assert len({*bits}) == len(bits)
    assert all(bit.bit_count() == 1 and bit & POOLS["all"][2] for bit in bits)


def test_land_under_another_scheme_is_not_issued(world: World) -> None:
    """Declared after the assessment, shifted, under another owner: refused until somebody else lets it go."""
    run = run_on(world, box(0, 0), box(500, 0))
    declare(world, box(400, 400), period_start=date(2019, 1, 1), period_end=date(2020, 1, 1))
    number = declare(world, box(98.9, 0), scheme="court", reference="（2023）豫 15 刑初 1 号")
    found = refusal(world, run)
    [finding] = found.errors
    assert number in finding["zh"]
    assert "司法碳汇修复" in finding["zh"]
    assert "1.10%" in finding["zh"]
    forestry = world.actor("forestry")
    world.db.transact(lambda s: outside_claims.release(s, forestry, number, reason="已撤回", now=world.now))
    assert issue(world, run)


def test_a_declaration_after_issuing_is_kept_and_reported(world: World) -> None:
    run = run_on(world, box(0, 0))
    issue(world, run)
    assert world.db.read(double_claims.report_words)[0]
    number = declare(world, box(50, 0), scheme="ccer")
    [item] = report(world).items
    assert (item.severity, item.kind, item.pools) == ("issued", "overlap", ("biomass",))
    assert {item.a.project, item.b.project} == {project_of(world, run), ""}
    assert {item.a.number, item.b.number} == {number, ""}
    assert (item.first, item.end) == (date(2021, 1, 1), date(2026, 1, 1))
    assert item.area_m2 == pytest.approx(5_000, rel=1e-3)
    assert item.share == pytest.approx(0.5, rel=1e-6)
    sound, words = world.db.read(double_claims.report_words)
    assert not sound, "the nightly job calls the operator"
    assert number in words


def test_land_another_project_reserves_is_not_issued(world: World) -> None:
    """The register let both in before there was a lock: nobody issues until one gives way."""
    mine, theirs = box(0, 0), box(30, 0)
    run = run_on(world, mine)
    other = new_project(world, "rival")
    put(world, other, land(world, theirs))
    found = refusal(world, run)
    assert other in found.errors[0]["en"]
    rival_land = world.db.read(lambda s: s.scalar(sa.select(Parcel.code).order_by(Parcel.id.desc()).limit(1)))
    world.post("rival", f"/projects/{other}/parcels/removal", {"codes": [rival_land], "reason": "边界争议"})
    assert issue(world, run)
    assert attach(world, other, [rival_land], "rival")["attached"] == 1, "issued days are checked at issuance"
    [item] = report(world).items
    assert item.severity == "issued"


def test_what_left_the_project_is_not_issued_from_an_old_run(world: World) -> None:
    run = run_on(world, box(0, 0), box(500, 0))
    project, codes = project_of(world, run), parcels_of(world, run)
    put(world, project, codes)
    world.post("operator", f"/projects/{project}/parcels/removal", {"codes": codes[:1], "reason": "权属争议"})
    found = refusal(world, run)
    assert isinstance(found, claims.LandNoLongerAsAssessed)
    assert [error["row"] for error in found.errors] == codes[:1]
    assert attach(world, project, codes[:1])["attached"] == 1
    assert issue(world, run)


def redraw(world: World, code: str, shape: shapely.Geometry | None, *, hours: int) -> None:
    """A correction of a parcel's border (None: of something else) so long after the run."""

    def work(session: Session) -> None:
        parcel = session.scalars(sa.select(Parcel).filter_by(code=code)).one()
        for version, kind in ((1, "registered"), (2, "corrected")):
            if kind == "corrected" and shape is not None:
                drawn = add_parcel(session, shape)
                parcel.geometry = drawn.geometry
                drawn.min_lon = drawn.max_lon = drawn.min_lat = drawn.max_lat = 0.0
            at = world.now + timedelta(hours=hours if kind == "corrected" else -1)
            session.add(
                ParcelEvent(
                    parcel_id=parcel.id, version=version, kind=kind, effective_on=date(2025, 1, 1),
                    import_id=None, reason="", recorded_by="t", recorded_by_id=None, approved_by=None,
                    approved_by_id=None, recorded_at=at, parcel_kind=parcel.kind,
                    **{name: getattr(parcel, name) for name in SNAPSHOT},
                )
            )  # fmt: skip
        session.flush()

    world.db.transact(work)


def test_a_border_corrected_after_the_run_needs_a_new_run(world: World) -> None:
    redrawn, renamed = run_on(world, box(0, 0)), run_on(world, box(500, 0))
    redraw(world, parcels_of(world, redrawn)[0], box(0, 0, 90, 100), hours=1)
    redraw(world, parcels_of(world, renamed)[0], None, hours=1)
    assert isinstance(refusal(world, redrawn), claims.LandNoLongerAsAssessed)
    assert issue(world, renamed)


def test_many_parcels_of_one_run_wear_one_away(world: World) -> None:
    """The first of the run has 0.6 % on each side under later ones: it is named itself."""
    run = run_on(world, box(0, 0), box(-99.4, 0), box(99.4, 0))
    with pytest.raises(claims.ParcelsOverlap) as refused:
        issue(world, run)
    assert [error["row"] for error in refused.value.errors] == parcels_of(world, run)[:1]


def test_the_lock_is_broken_in_the_tables_and_the_report_says_so(world: World) -> None:
    first = run_on(world, box(0, 0))
    issue(world, first)
    parcel = parcels_of(world, first)[0]

    def forge(session: Session) -> None:
        claim = session.scalars(sa.select(LandClaim)).one()
        copied = {c.name: getattr(claim, c.name) for c in LandClaim.__table__.columns if c.name != "id"}
        session.add(
            LandClaim(**copied | {"period_start": date(2025, 12, 31), "period_end": date(2027, 1, 1)})
        )

    world.db.transact(forge)
    [item] = report(world).items
    assert item.severity == "issued_twice"
    assert {item.a.parcel, item.b.parcel} == {parcel}
    assert (item.first, item.end) == (date(2025, 12, 31), date(2026, 1, 1))
