"""Land promised to projects: memberships as claims, the check before a parcel joins, and leaving again.

A parcel of an active project is claimed for the project's crediting period and the pool of its methodology,
by whatever shape the register has for it now. Land that was issued is locked once more, for good, by
``credits.claims``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.land_claims import Described, Key, Met, Source, Standing, in_chunks, meets_box
from carbon_platform.parcels.outside_claims import OUTSIDE
from carbon_platform.parcels.outside_claims_rules import claim_limits, pool_bits
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects import rules
from carbon_platform.projects.tables import PastProjectParcel, Project, ProjectParcel

SCHEMES = {rules.INCLUSION: ("碳普惠", "inclusion"), rules.CCER: ("CCER", "CCER")}


def claimant_of(project_code: str) -> str:
    """Name of a project as a claimant; what it holds and what it issued never contradict each other."""
    return f"project:{project_code}"


def pools_of(methodology_key: str) -> int:
    """Bits of what a methodology claims of land; 0 for one that claims none."""
    use = rules.land_use(methodology_key)
    return pool_bits([use.pool]) if use else 0


class ReservedSource:
    """Parcels of active projects, for the lock. ``but``: code of a project to leave out."""

    name = "reserved"

    def __init__(self, but: str = "") -> None:
        self.but = but

    def standing(self, session: Session, box: Box, first: date, end: date, pools: int) -> list[Standing]:
        # Of the projects there are few: which of them matter is told before their parcels are looked at.
        projects = {
            project.id: (claimant_of(project.code), bits, project.crediting_from, project.crediting_to)
            for project in session.scalars(
                sa.select(Project).where(
                    Project.status != "ended",
                    Project.code != self.but,
                    Project.crediting_from < end,
                    Project.crediting_to > first,
                )
            )
            if (bits := pools_of(project.methodology_key)) & pools
        }
        found: list[Standing] = []
        for part in in_chunks(sorted(projects)):
            rows = session.execute(
                sa.select(ProjectParcel.project_id, Parcel.id)
                .add_columns(Parcel.min_lon, Parcel.min_lat, Parcel.max_lon, Parcel.max_lat)
                .join(Parcel, Parcel.id == ProjectParcel.parcel_id)
                .where(ProjectParcel.project_id.in_(part), meets_box(Parcel, box))
                .order_by(ProjectParcel.project_id, Parcel.id)
            )
            found += [
                Standing(self.name, (project_id, parcel_id), *projects[project_id], (w, s, e, n))
                for project_id, parcel_id, w, s, e, n in rows
            ]
        return found

    def shapes(self, session: Session, keys: Sequence[Key]) -> dict[Key, bytes]:
        kept: dict[int, bytes] = {}
        for part in in_chunks(sorted({parcel_id for _, parcel_id in keys})):
            statement = sa.select(Parcel.id, Parcel.geometry).where(Parcel.id.in_(part))
            kept |= {row.id: row.geometry for row in session.execute(statement)}
        return {key: kept[key[1]] for key in keys}

    def describe(self, session: Session, keys: Sequence[Key]) -> dict[Key, Described]:
        projects = _by_id(session, Project, {project_id for project_id, _ in keys})
        parcels: dict[int, Any] = {}
        for part in in_chunks(sorted({parcel_id for _, parcel_id in keys})):
            statement = sa.select(Parcel.id, Parcel.code, Parcel.county_code).where(Parcel.id.in_(part))
            parcels |= {row.id: row for row in session.execute(statement)}
        return {key: _described(projects[key[0]], parcels[key[1]]) for key in keys}


RESERVED = ReservedSource()


def _by_id(session: Session, table: Any, ids: set[int]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for part in in_chunks(sorted(ids)):
        found |= {one.id: one for one in session.scalars(sa.select(table).where(table.id.in_(part)))}
    return found


def _described(project: Project, parcel: Any) -> Described:
    scheme_zh, scheme_en = SCHEMES[project.scheme]
    first, end = project.crediting_from, project.crediting_to
    return Described(
        source=RESERVED.name,
        scheme=project.scheme,
        project=project.code,
        parcel=parcel.code,
        number="",
        county_code=parcel.county_code,
        zh=f"{scheme_zh}项目 {project.code} 的地块 {parcel.code}（计入期 {first} 至 {end}）",
        en=f"parcel {parcel.code} of {scheme_en} project {project.code} (crediting {first} – {end})",
    )


# --- joining --------------------------------------------------------------------------------------


def check_reservable(
    session: Session, project: Project, parcels: Sequence[Parcel]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What keeps parcels out of a project, and what only has to be looked at: two lists of findings.

    Claimed by others (projects of any scheme and owner, declarations): refused beyond the tolerance, slivers
    to be looked at. On land of the same project: to be looked at. Call after ``land_claims.lock``.
    """
    period = {"first": project.crediting_from, "end": project.crediting_to}
    pools = pools_of(project.methodology_key)
    sources: list[Source] = [ReservedSource(but=project.code), OUTSIDE]
    met = land_claims.contradictions(
        session, sources, parcels, claimant=claimant_of(project.code), pools=pools, **period
    )
    problems = [_claimed(parcels[one.clash.new], one) for one in met if one.clash.refused]
    warnings = [_sliver(parcels[one.clash.new], one) for one in met if not one.clash.refused]
    own = land_claims.contradictions(
        session, [_OwnSource(project)], parcels, claimant="", pools=pools, **period
    )
    warnings += [_within(parcels[one.clash.new], one) for one in own if one.clash.refused]
    return problems, warnings


class _OwnSource(ReservedSource):
    """The parcels one project has already."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project

    def standing(self, session: Session, box: Box, first: date, end: date, pools: int) -> list[Standing]:
        mine = claimant_of(self.project.code)
        found = super().standing(session, box, first, end, pools)
        return [claim for claim in found if claim.claimant == mine]


def _claimed(parcel: Parcel, met: Met) -> dict[str, Any]:
    share, limit = met.clash.share, claim_limits().share_max
    if met.clash.side == "standing":
        zh = (
            f"加入地块 {parcel.code} 会使{met.claim.zh}被别的申报合计占去 {share:.2%}（上限 {limit:.0%}）。"
            "请改正边界，或去掉它。"
        )
        en = (
            f"With parcel {parcel.code}, {share:.2%} of {met.claim.en} would lie under other claims "
            f"(limit {limit:.0%}). Correct the border or leave the parcel out."
        )
    else:
        zh = (
            f"地块 {parcel.code} 有 {share:.2%} 的面积已由{met.claim.zh}申报同一碳库（上限 {limit:.0%}），"
            "同一块地不能算两次。请去掉它，或与对方核实边界。"
        )
        en = (
            f"{share:.2%} of parcel {parcel.code} is claimed for the same pool by {met.claim.en} (limit "
            f"{limit:.0%}); land is never counted twice. Leave it out, or settle the border."
        )
    return rules.refusal("projects.land_claimed", parcel.code, zh, en) | {
        "unit": "%",
        "range": f"≤ {limit:.0%}",
    }


def _sliver(parcel: Parcel, met: Met) -> dict[str, Any]:
    area, share = met.clash.area_m2, met.clash.share
    zh = f"地块 {parcel.code} 与{met.claim.zh}有 {area:.1f} 平方米（{share:.2%}）的细长重叠。请核对边界。"
    en = f"Parcel {parcel.code} shares a sliver of {area:.1f} m² ({share:.2%}) with {met.claim.en}. Check it."
    return rules.refusal("projects.land_sliver", parcel.code, zh, en)


def _within(parcel: Parcel, met: Met) -> dict[str, Any]:
    area, other = met.clash.area_m2, met.claim.parcel
    zh = f"地块 {parcel.code} 与本项目的地块 {other} 重叠 {area:.1f} 平方米，签发前须去掉一块。"
    en = f"Parcel {parcel.code} overlaps parcel {other} of this project by {area:.1f} m²; one must leave."
    return rules.refusal("projects.land_twice_in_project", parcel.code, zh, en)


# --- leaving --------------------------------------------------------------------------------------


def detach_parcels(
    session: Session, actor: Actor, project: Project, codes: Sequence[str], *, reason: str, now: datetime
) -> int:
    """Let parcels leave a project: its claim on them ends now; what was issued from them stays spent.

    All or none. The membership is kept as a past one. Errors: ``ParcelsRefused`` naming parcels that are not
    in the project.
    """
    serialise(session, "project-parcels")
    land_claims.lock(session)
    wanted = list(dict.fromkeys(codes))
    members: dict[str, ProjectParcel] = {}
    for part in in_chunks(wanted):
        statement = (
            sa.select(Parcel.code, ProjectParcel)
            .join(Parcel, Parcel.id == ProjectParcel.parcel_id)
            .where(ProjectParcel.project_id == project.id, Parcel.code.in_(part))
        )
        members |= {row.code: row.ProjectParcel for row in session.execute(statement)}
    missing = [code for code in wanted if code not in members]
    if missing:
        errors = [_not_in_project(code, project.code) for code in missing[: rules.PARCELS_NAMED_MAX]]
        raise rules.NotMembers(errors=errors, count=len(missing), project=project.code)
    for member in members.values():
        session.add(
            PastProjectParcel(
                project_id=member.project_id,
                parcel_id=member.parcel_id,
                attached_at=member.attached_at,
                detached_at=now,
                detached_by=actor.name,
                reason=reason,
            )
        )
        session.delete(member)
    session.flush()
    detail = {"detached": len(members), "parcels": wanted[: rules.PARCELS_NAMED_MAX], "reason": reason}
    audit(
        session,
        actor,
        "project.detach",
        object_kind="project",
        object_id=project.code,
        now=now,
        detail=detail,
    )
    return len(members)


def _not_in_project(code: str, project: str) -> dict[str, Any]:
    return rules.refusal(
        "projects.parcel_not_in_project",
        code,
        f"地块 {code} 不在项目 {project} 中。请核对编号。",
        f"Parcel {code} is not in project {project}. Check the number.",
    )
