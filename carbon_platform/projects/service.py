"""Open projects, say which parcels belong to them, and keep what was monitored on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from operator import attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import Conflict, NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects import claims, rules
from carbon_platform.projects.frames import Mark, ParcelInput
from carbon_platform.projects.tables import MonitoringRecord, Project, ProjectParcel
from carbon_platform.regions.tables import Region
from methodologies import registry
from methodologies.contract import Methodology

# SQLite refuses a statement with more than 32,766 values, PostgreSQL one with more than 65,535.
CHUNK = 5_000


def create_project(session: Session, actor: Actor, payload: dict[str, Any], *, now: datetime) -> Project:
    """Open a project of the actor's organisation.

    ``payload``: ``name_zh``, ``methodology_key``, ``crediting_from``, ``crediting_to`` (first day after),
    ``scheme``, optional ``region_code`` (else the actor's scope). Errors: those of
    :func:`rules.check_methodology`, ``PeriodReversed``, ``RegionOutsideScope``, ``NoOrganisation``,
    ``Conflict`` when the owner has a project of that name.
    """
    use = rules.check_methodology(payload["methodology_key"], registry())
    scheme = payload.get("scheme") or use.scheme
    if scheme != use.scheme:
        raise rules.SchemeMismatch(key=payload["methodology_key"], scheme=scheme, expected=use.scheme)
    rules.check_period(payload["crediting_from"], payload["crediting_to"])
    if actor.organisation_id is None:
        raise rules.NoOrganisation
    region_code = payload.get("region_code") or actor.region_code
    region = session.get(Region, region_code)
    if region is None or region.level not in {"city", "county"} or not actor.sees_region(region_code):
        raise rules.RegionOutsideScope(region=region_code, scope=actor.region_code)
    # One at a time: the next number is counted, and the name is checked, among committed projects.
    serialise(session, "project-code")
    same_name = sa.select(Project.code).where(
        Project.name_zh == payload["name_zh"], Project.owner_organisation_id == actor.organisation_id
    )
    if taken := session.scalar(same_name):
        raise Conflict(
            reason=f"项目名称「{payload['name_zh']}」已用于 {taken}",
            reason_en=f"the name is already used by {taken}",
        )
    count = session.scalar(sa.select(sa.func.count()).select_from(Project)) or 0
    project = Project(
        code=f"XY-P{count + 1:04d}",
        name_zh=payload["name_zh"],
        scheme=scheme,
        methodology_key=payload["methodology_key"],
        region_code=region_code,
        owner_organisation_id=actor.organisation_id,
        crediting_from=payload["crediting_from"],
        crediting_to=payload["crediting_to"],
        status="registered",
        created_by=actor.name,
        created_at=now,
    )
    session.add(project)
    session.flush()
    audit(session, actor, "project.create", object_kind="project", object_id=project.code, now=now)
    return project


def visible_projects(actor: Actor) -> sa.Select[Any]:
    """Projects inside the actor's region, newest first."""
    statement = sa.select(Project).order_by(Project.id.desc())
    if not actor.region_code:
        return statement.where(sa.false())
    return statement.where(Project.region_code.startswith(actor.region_code, autoescape=True))


def list_projects(actor: Actor, *, status: str = "", methodology_key: str = "") -> sa.Select[Any]:
    """(Project, parcel count, area in m²) inside the actor's region, newest first, as a statement to page."""
    size = (
        sa.select(
            ProjectParcel.project_id,
            sa.func.count().label("parcels"),
            sa.func.sum(Parcel.area_m2).label("area_m2"),
        )
        .join(Parcel, Parcel.id == ProjectParcel.parcel_id)
        .group_by(ProjectParcel.project_id)
        .subquery()
    )
    statement = (
        visible_projects(actor)
        .outerjoin(size, size.c.project_id == Project.id)
        .add_columns(sa.func.coalesce(size.c.parcels, 0), sa.func.coalesce(size.c.area_m2, 0.0))
    )
    if status:
        statement = statement.where(Project.status == status)
    if methodology_key:
        statement = statement.where(Project.methodology_key == methodology_key)
    return statement


def get_project(session: Session, actor: Actor, code: str) -> Project:
    """``NotFound`` also for a project outside the actor's region."""
    project: Project | None = session.scalar(visible_projects(actor).where(Project.code == code))
    if project is None:
        raise NotFound(what="项目", key=code)
    return project


def get_own_project(session: Session, actor: Actor, code: str) -> Project:
    """As :func:`get_project`; ``NotTheOwner`` for another organisation's."""
    project = get_project(session, actor, code)
    if actor.organisation_id is None or project.owner_organisation_id != actor.organisation_id:
        raise rules.NotTheOwner(project=code)
    return project


def methodology_of(project: Project) -> Methodology:
    return registry()[project.methodology_key]


def county_counts(session: Session, project: Project) -> list[dict[str, Any]]:
    """Parcels and area (m²) of a project per county, in code order."""
    rows = session.execute(
        sa.select(Parcel.county_code, sa.func.count(), sa.func.sum(Parcel.area_m2))
        .join(ProjectParcel, ProjectParcel.parcel_id == Parcel.id)
        .where(ProjectParcel.project_id == project.id)
        .group_by(Parcel.county_code)
        .order_by(Parcel.county_code)
    )
    return [{"county_code": county, "parcels": count, "area_m2": area} for county, count, area in rows]


def monitored_periods(session: Session, project: Project) -> list[dict[str, Any]]:
    """Per monitoring period: how many parcels have readings in force, and when the last ones came."""
    record = MonitoringRecord
    rows = session.execute(
        sa.select(
            record.period_start,
            record.period_end,
            sa.func.count(),
            sa.func.max(record.recorded_at),
        )
        .where(record.project_id == project.id, record.superseded_by.is_(None))
        .group_by(record.period_start, record.period_end)
        .order_by(record.period_start, record.period_end)
    )
    names = ("period_start", "period_end", "parcels", "recorded_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def attach_parcels(
    session: Session,
    actor: Actor,
    code: str,
    *,
    now: datetime,
    codes: Sequence[str] = (),
    county_codes: Sequence[str] = (),
    kind: str = "",
) -> dict[str, Any]:
    """Add parcels to a project: those named, or all registered ones of ``kind`` in ``county_codes``.

    All or none. Returns how many were ``attached``, how many were ``already`` in it, and any ``warnings``
    about slivers. Errors: ``ParcelsRefused`` lists each parcel that is unknown or out of scope, no longer
    registered, of another kind, outside the project's region, or whose land another active project or a
    declaration claims for the same pool and days of the crediting period, however it is drawn there.
    """
    project = get_own_project(session, actor, code)
    use = rules.check_methodology(project.methodology_key, registry())
    # Membership is decided one project at a time, or two could take the same parcel at once.
    serialise(session, "project-parcels")
    wanted = list(dict.fromkeys(codes))
    if wanted:
        found = _in_chunks(session, wanted, lambda part: sa.select(Parcel).where(Parcel.code.in_(part)))
        parcels = [parcel for parcel in found if actor.sees_region(parcel.county_code)]
    else:
        parcels = _select_parcels(session, actor, project, kind or use.kind, county_codes)
    # Nobody else adds a claim on land between the look and the commit.
    land_claims.lock(session)
    ids = [parcel.id for parcel in parcels]
    inside = _inside(session, project, ids)
    members = _members(session, project, ids, use.pool)
    problems = _unknown(wanted, parcels)
    new: list[Parcel] = []
    for parcel in parcels:
        if parcel.id in inside:
            continue
        finding = rules.judge_parcel(
            code=parcel.code,
            kind=parcel.kind,
            county_code=parcel.county_code,
            status=parcel.status,
            use=use,
            region_code=project.region_code,
            other=members.get(parcel.id),
        )
        if finding:
            problems.append(finding)
        else:
            new.append(parcel)
    claimed, warnings = claims.check_reservable(session, project, new)
    problems += claimed
    if problems:
        shown = problems[: rules.PARCELS_NAMED_MAX]
        raise rules.ParcelsRefused(errors=shown, count=len(problems), project=project.code)
    if new:
        rows = [{"project_id": project.id, "parcel_id": parcel.id, "attached_at": now} for parcel in new]
        session.execute(sa.insert(ProjectParcel), rows)
    detail = {"attached": len(new), "already": len(inside)}
    audit(
        session,
        actor,
        "project.attach",
        object_kind="project",
        object_id=project.code,
        now=now,
        detail=detail,
    )
    return detail | ({"warnings": warnings[: rules.PARCELS_NAMED_MAX]} if warnings else {})


def _select_parcels(
    session: Session, actor: Actor, project: Project, kind: str, county_codes: Sequence[str]
) -> list[Parcel]:
    statement = sa.select(Parcel).where(
        Parcel.kind == kind,
        Parcel.status == "registered",
        Parcel.county_code.startswith(project.region_code, autoescape=True),
        Parcel.county_code.startswith(actor.region_code, autoescape=True),
    )
    if county_codes:
        statement = statement.where(Parcel.county_code.in_(county_codes))
    parcels = list(session.scalars(statement.order_by(Parcel.code)))
    if not parcels:
        where = "、".join(county_codes) or project.region_code
        raise rules.NoParcels(what=f"{kind}, {where}")
    return parcels


def _unknown(wanted: Sequence[str], parcels: Sequence[Parcel]) -> list[dict[str, Any]]:
    known = {parcel.code for parcel in parcels}
    return [
        rules.refusal(
            "projects.parcel_unknown",
            code,
            f"没有地块 {code}，或它不在您的管辖范围内。请核对编号。",
            f"There is no parcel {code} within your scope. Check the number.",
        )
        for code in wanted
        if code not in known
    ]


def _inside(session: Session, project: Project, parcel_ids: Sequence[int]) -> set[int]:
    """Which of the parcels are in the project already."""
    own = ProjectParcel.project_id == project.id
    return set(
        _in_chunks(
            session,
            parcel_ids,
            lambda part: sa.select(ProjectParcel.parcel_id).where(own, ProjectParcel.parcel_id.in_(part)),
        )
    )


def _members(session: Session, project: Project, parcel_ids: Sequence[int], pool: str) -> dict[int, str]:
    """Parcel id → code of another active project that claims this pool of it on days of this one."""
    others = sa.and_(
        Project.id != project.id,
        Project.status != "ended",
        Project.crediting_from < project.crediting_to,
        Project.crediting_to > project.crediting_from,
    )
    rows = _in_chunks(
        session,
        parcel_ids,
        lambda part: (
            sa.select(ProjectParcel.parcel_id, Project.code, Project.methodology_key)
            .join(Project, Project.id == ProjectParcel.project_id)
            .where(ProjectParcel.parcel_id.in_(part), others)
        ),
    )
    holders: dict[int, str] = {}
    for parcel_id, code, key in rows:
        use = rules.land_use(key)
        if use and use.pool == pool:
            holders[parcel_id] = code
    return holders


def _in_chunks(session: Session, values: Sequence[Any], select: Callable[[Sequence[Any]], Any]) -> list[Any]:
    """Rows (or entities, for a one-column select) of ``select(part)`` for each part of ``values``."""
    found: list[Any] = []
    for start in range(0, len(values), CHUNK):
        rows = session.execute(select(values[start : start + CHUNK])).all()
        found += [row[0] if len(row) == 1 else row for row in rows]
    return found


def read_inputs(session: Session, project: Project, start: date, end: date) -> list[ParcelInput]:
    """Every parcel of the project, in code order, with its readings in force for exactly this period."""
    readings = session.execute(_records(project, start, end, MonitoringRecord.id, MonitoringRecord.values))
    # Joined here: the index leads to all readings of a period, so a join would scan them once per parcel.
    found = {parcel_id: (values, record_id) for parcel_id, record_id, values in readings}
    nothing: tuple[None, None] = (None, None)
    parcels = session.execute(_parcels_of(project))
    # Sorted here: databases collate text each in their own way.
    inputs = []
    for parcel_id, code, county_code, area_m2 in parcels:
        values, record_id = found.get(parcel_id, nothing)
        inputs.append(ParcelInput(parcel_id, code, county_code, area_m2, values, record_id))
    inputs.sort(key=attrgetter("code"))
    return inputs


def read_marks(session: Session, project: Project, start: date, end: date) -> list[Mark]:
    """What :func:`read_inputs` would read, told apart without reading the readings themselves."""
    found: dict[int, int] = dict(
        tuple(row) for row in session.execute(_records(project, start, end, MonitoringRecord.id))
    )
    marks = [
        (parcel_id, code, area_m2, found.get(parcel_id))
        for parcel_id, code, _, area_m2 in session.execute(_parcels_of(project))
    ]
    marks.sort(key=itemgetter(1))
    return marks


def _records(project: Project, start: date, end: date, *columns: Any) -> sa.Select[Any]:
    return sa.select(MonitoringRecord.parcel_id, *columns).where(
        MonitoringRecord.project_id == project.id,
        MonitoringRecord.period_start == start,
        MonitoringRecord.period_end == end,
        MonitoringRecord.superseded_by.is_(None),
    )


def _parcels_of(project: Project) -> sa.Select[int, str, str, float]:
    return (
        sa.select(Parcel.id, Parcel.code, Parcel.county_code, Parcel.area_m2)
        .join(ProjectParcel, ProjectParcel.parcel_id == Parcel.id)
        .where(ProjectParcel.project_id == project.id)
    )


def monitored_since(session: Session, project_id: int, start: date, end: date, moment: datetime) -> bool:
    """Whether readings of exactly this period were recorded after ``moment``."""
    return bool(
        session.scalar(
            sa.select(
                sa.exists().where(
                    MonitoringRecord.project_id == project_id,
                    MonitoringRecord.period_start == start,
                    MonitoringRecord.period_end == end,
                    MonitoringRecord.recorded_at > moment,
                )
            )
        )
    )
