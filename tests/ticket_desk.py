"""Land, projects and reviewed runs put straight into the tables, so that issuing starts from any picture.

Positions are metres of the plane (EPSG:4526), so that a parcel can be shifted by exactly 3 m.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import count

import numpy as np
import shapely
import sqlalchemy as sa
from project_world import NOW, World, prepare_world
from sqlalchemy.orm import Session

from carbon_platform.credits import issuance, retirement
from carbon_platform.credits.tables import AssessmentRun, CreditBatch, Retirement, RunReview, RunRow
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import authenticate, sign_in
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import HOLDING, AccountKey, Asset, Entry, Move, post
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.projects.tables import Project
from gis.crs import PLANE, to_lonlat

FIVE_YEARS = (date(2021, 1, 1), date(2026, 1, 1))
X0, Y0 = 38_490_000.0, 3_540_000.0
NUMBERS = count(1)


def box(x: float, y: float, width: float = 100.0, height: float = 100.0) -> shapely.Geometry:
    """A rectangle in metres from the corner of the test field."""
    return shapely.box(X0 + x, Y0 + y, X0 + x + width, Y0 + y + height)


def add_parcel(
    session: Session, shape: shapely.Geometry, *, kind: str = "camellia", county: str = "411522"
) -> Parcel:
    """Into the register without the upload's checks: what somebody with the database in hand could do."""
    [land] = to_lonlat(np.array([shape]), PLANE)
    min_lon, min_lat, max_lon, max_lat = land.bounds
    parcel = Parcel(
        code=f"{county}-desk-{next(NUMBERS):04d}", kind=kind, county_code=county,
        township_code=f"{county}100", village_code=f"{county}100001", area_m2=shape.area,
        stated_area_m2=None, species_code="", land_class_code="", planting_year=2018, right_holder="王某",
        attributes={}, geometry=shapely.to_wkb(land), source_geometry=shapely.to_wkb(shape),
        source_epsg=PLANE, min_lon=min_lon, min_lat=min_lat, max_lon=max_lon, max_lat=max_lat,
        status="registered", valid_from=date(2025, 1, 1), valid_to=None,
        import_id=session.scalars(sa.select(ParcelImport.id)).first(),
    )  # fmt: skip
    session.add(parcel)
    session.flush()
    return parcel


def add_run(
    session: Session,
    owner: str,
    rows: Sequence[tuple[Parcel, float]],
    *,
    period: tuple[date, date] = FIVE_YEARS,
    methodology: str = "camellia_oil_v1",
    status: str = "approved",
    roles: Sequence[str] = ("verifier", "ecology_bureau", "forestry_bureau"),
    parameters: Sequence[dict[str, str]] = (),
    project: Project | None = None,
) -> AssessmentRun:
    """A run over these parcels with their net tonnes, reviewed by ``roles``, in a project of its own."""
    number = next(NUMBERS)
    if project is None:
        owner_id = session.scalars(sa.select(Organisation.id).filter_by(kind=owner)).one()
        project = Project(
            code=f"XY-P9{number:03d}", name_zh=f"项目 {number}（测试）", scheme="inclusion",
            methodology_key=methodology, region_code="4115", owner_organisation_id=owner_id,
            crediting_from=date(2021, 1, 1), crediting_to=date(2041, 1, 1), status="registered",
            created_by="t", created_at=NOW,
        )  # fmt: skip
        session.add(project)
        session.flush()
    net_t = float(sum(net for _, net in rows))
    run = AssessmentRun(
        code=f"XY-R9{number:05d}", project_id=project.id, period_start=period[0], period_end=period[1],
        methodology_key=project.methodology_key, parameter_digest="p", input_digest=f"i{number}",
        code_digest="c", gwp_set="AR5", as_of=date(2026, 11, 22), parameters=list(parameters), totals={},
        net_t=net_t, issuable_t=max(0, int(net_t)), deficit_t=max(0.0, -net_t), parcel_count=len(rows),
        area_m2=sum(parcel.area_m2 for parcel, _ in rows), warnings=[], status=status, created_by="t",
        created_at=NOW,
    )  # fmt: skip
    session.add(run)
    session.flush()
    for parcel, net in rows:
        session.add(RunRow(run_id=run.id, parcel_id=parcel.id, inputs={}, outputs={}, net_t=net))
    for place, role in enumerate(roles):
        review = {"run_id": run.id, "role": role, "decision": "confirm", "note": "", "reviewer": role}
        session.add(RunReview(**review, user_id=place, at=NOW))
    session.flush()
    return run


def prepare_tickets(url: str) -> None:
    """The world with 91 t issued to the operator: 光山 and 新县, one parcel of them a source (−9 t)."""
    prepare_world(url)
    db = Database(url)

    def work(session: Session) -> None:
        nets = {"411522": (30.25, 20.5, -9.0), "411523": (40.125, 9.625)}
        rows = [
            (add_parcel(session, box(200.0 * place, 1000.0), county=county), net)
            for county, parcels in nets.items()
            for place, net in enumerate(parcels, start=0 if county == "411522" else 3)
        ]
        run = add_run(session, "operator", rows, period=(date(2025, 1, 1), date(2026, 1, 1)))
        token, _ = sign_in(session, "operator", matches=True, now=NOW) or ("", None)
        operator = authenticate(session, token, now=NOW)
        assert operator
        issuance.issue(session, operator, run.code, is_demo=True, now=NOW)

    db.transact(work)
    db.dispose()


def issue(world: World, run: str, who: str | Actor = "operator") -> list[CreditBatch]:
    actor = world.actor(who) if isinstance(who, str) else who
    return world.db.transact(lambda s: issuance.issue(s, actor, run, is_demo=True, now=world.now))


def seven_batches(world: World) -> list[tuple[str, int]]:
    """The two batches of the world and five more of another project, with kilograms of each to retire."""

    def work(session: Session) -> str:
        parcel = add_parcel(session, box(3000.0, 3000.0), county="411502")
        return add_run(session, "operator", [(parcel, 60.5)]).code

    issue(world, world.db.transact(work))
    return [(code, 1_000 * place + 1) for place, code in enumerate(batch_codes(world), start=1)]


def scatter(world: World, batch: str, *, pieces: int) -> None:
    """Give every second of the operator's first kilograms of a batch to another company."""
    ours, theirs = (
        AccountKey(HOLDING, world.actor(who).holder, Asset.CREDIT, batch) for who in ("operator", "alpha")
    )
    spare = AccountKey(HOLDING, world.actor("rival").holder, Asset.CREDIT, batch)

    def work(session: Session) -> None:
        # Odd numbers go to one company, even ones to the other, one by one; then the odd ones come back.
        for number in range(1, 2 * pieces + 1):
            give(session, ours, theirs if number % 2 else spare, 1, f"scatter:{number}", world.now)
        give(session, theirs, ours, pieces, "scatter:back", world.now)

    world.db.transact(work)


def give(
    session: Session, source: AccountKey, destination: AccountKey, quantity_kg: int, reference: str,
    now: datetime,
) -> None:  # fmt: skip
    """Kilograms change hands without a market."""
    moves = (Move(source, destination, quantity_kg),)
    post(session, Entry("trade", reference, moves, effective_at=None, actor_name="t"), now=now)


def batch_codes(world: World) -> list[str]:
    return list(
        world.db.read(lambda s: s.scalars(sa.select(CreditBatch.code).order_by(CreditBatch.id)).all())
    )


def retire(
    world: World, batch: str, quantity_kg: int, who: str | Actor = "operator", **changes: str
) -> Retirement:
    return retire_lines(world, [(batch, quantity_kg)], who, **changes)


def retire_lines(
    world: World, lines: Sequence[tuple[str, int]], who: str | Actor = "operator", **changes: str
) -> Retirement:
    actor = world.actor(who) if isinstance(who, str) else who
    words = {"purpose": "event", "beneficiary_name": "某会议（测试）", "beneficiary_credit_code": ""}
    words |= {"consumption_place": "信阳市浉河区"} | changes
    return world.db.transact(
        lambda s: retirement.retire(
            s,
            actor,
            lines=lines,
            consumption_from=date(2026, 11, 1),
            consumption_to=date(2026, 11, 3),
            now=world.now,
            **words,
        )
    )
