"""Retiring (注销) carbon tickets: final, public, with a certificate that leads to the very parcels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.allocation import Share, serial, trace
from carbon_platform.credits.glyphs import check_glyphs
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.tables import BatchShare, CreditBatch, Retirement
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import (
    HOLDING,
    RETIRED,
    AccountKey,
    Asset,
    Entry,
    Move,
    balances,
    movement_ranges,
    post,
    ranges,
)
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.rules import PeriodReversed, local_date
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import county_name
from carbon_platform.units import tonnes_text
from methodologies import registry

# 自身运营, 产品, 会议活动, 生态损害赔偿, 公益 (carbon-inclusion practice, e.g. Chongqing 碳惠通)
PURPOSES = {
    "operations": "自身运营",
    "product": "产品",
    "event": "会议活动",
    "restoration": "生态损害赔偿",
    "public_benefit": "公益",
}


class NoHolder(PlatformError):
    code, status = "credits.no_holder", 422
    zh = "您的账户没有所属机构，不能持有碳票。请管理员把账户挂到机构下。"
    en = "Your account belongs to no organisation, so it holds no tickets. Ask the administrator."


@dataclass(frozen=True)
class Holding:
    """What one organisation holds of one batch. ``ranges`` cover held kilograms too."""

    batch: CreditBatch
    posted_kg: int
    held_kg: int
    ranges: list[tuple[int, int]]


def holdings(session: Session, actor: Actor) -> list[Holding]:
    """Batches of which the caller's organisation holds kilograms, in order of code."""
    if not actor.holder:
        raise NoHolder
    found = []
    for account in balances(session, actor.holder, role=HOLDING):
        if account.balance.posted == 0:
            continue
        spans = [(r.first, r.last) for r in ranges(session, account.key)]
        batch = get_batch(session, account.key.lot)
        found.append(Holding(batch, account.balance.posted, account.balance.held, spans))
    return sorted(found, key=lambda holding: holding.batch.code)


def retire(
    session: Session,
    actor: Actor,
    *,
    batch: str,
    quantity_kg: int,
    purpose: str,
    beneficiary_name: str,
    beneficiary_credit_code: str,
    consumption_from: date,
    consumption_to: date,
    consumption_place: str,
    now: datetime,
) -> Retirement:
    """Take kilograms out of use for ever and write the certificate.

    Errors: ``NotFound``; ``PeriodReversed``; ``InsufficientBalance`` (what is listed or pledged counts as
    held and cannot be retired); ``GlyphMissing`` when the certificate could not print every character.
    """
    if not actor.holder or actor.organisation_id is None:
        raise NoHolder
    if consumption_to < consumption_from:
        raise PeriodReversed(start=consumption_from.isoformat(), end=consumption_to.isoformat())
    found = get_batch(session, batch)
    serialise(session, "certificate-number")
    number = _next_number(session, now)
    spans = _take_out(session, actor, found, quantity_kg, number=number, purpose=purpose, now=now)
    retirement = Retirement(
        certificate_number=number,
        batch_id=found.id,
        organisation_id=actor.organisation_id,
        quantity_kg=quantity_kg,
        ranges=spans,
        purpose=purpose,
        beneficiary_name=beneficiary_name,
        beneficiary_credit_code=beneficiary_credit_code,
        consumption_from=consumption_from,
        consumption_to=consumption_to,
        consumption_place=consumption_place,
        is_demo=found.is_demo,
        digest="",
        retired_by=actor.name,
        retired_at=now,
    )
    check_glyphs(content(session, retirement, found))
    retirement.digest = digest(session, retirement, found)
    session.add(retirement)
    session.flush()
    audit(
        session,
        actor,
        "credit.retire",
        object_kind="retirement",
        object_id=number,
        now=now,
        detail={"batch": found.code, "quantity_kg": quantity_kg, "ranges": spans},
    )
    return retirement


def _take_out(
    session: Session,
    actor: Actor,
    batch: CreditBatch,
    quantity_kg: int,
    *,
    number: str,
    purpose: str,
    now: datetime,
) -> list[list[int]]:
    """Move the kilograms from holding to retired; returns the numbers that went, ``[[first, last], …]``."""
    move = Move(
        AccountKey(HOLDING, actor.holder, Asset.CREDIT, batch.code),
        AccountKey(RETIRED, actor.holder, Asset.CREDIT, batch.code),
        quantity_kg,
    )
    entry = Entry(
        reason="retire",
        reference=f"retirement:{number}",
        moves=(move,),
        effective_at=None,
        actor_name=actor.name,
        detail={"purpose": purpose, "certificate": number},
    )
    posted = post(session, entry, now=now)
    return [[moved.numbers.first, moved.numbers.last] for moved in movement_ranges(session, posted.entry_id)]


def _next_number(session: Session, now: datetime) -> str:
    """``XY-C2026-000001``: counted within the year of the retirement in Xinyang, never reused."""
    prefix = f"XY-C{local_date(now).year}-"
    taken = session.scalar(
        sa.select(sa.func.count())
        .select_from(Retirement)
        .where(Retirement.certificate_number.startswith(prefix, autoescape=True))
    )
    return f"{prefix}{(taken or 0) + 1:06d}"


def get_retirement(session: Session, number: str) -> Retirement:
    """A retirement by certificate number. Public: a certificate is there to be checked."""
    found = session.scalar(sa.select(Retirement).where(Retirement.certificate_number == number))
    if found is None:
        raise NotFound(what="注销证书", key=number)
    return found


def content(session: Session, retirement: Retirement, batch: CreditBatch | None = None) -> dict[str, Any]:
    """What the certificate says, in canonical form: the same on paper, on the page and in the digest."""
    batch = batch or session.get_one(CreditBatch, retirement.batch_id)
    project = session.get_one(Project, batch.project_id)
    organisation = session.get_one(Organisation, retirement.organisation_id)
    methodology = registry()[project.methodology_key]
    return {
        "certificate_number": retirement.certificate_number,
        "quantity_kg": retirement.quantity_kg,
        "quantity_t": tonnes_text(retirement.quantity_kg),
        "serials": [serial(batch.code, first, last) for first, last in retirement.ranges],
        "batch": batch.code,
        "project_code": project.code,
        "project_name": project.name_zh,
        "methodology_key": project.methodology_key,
        "methodology_name": methodology.title_zh,
        "county_code": batch.county_code,
        "county_name": county_name(batch.county_code),
        "vintage": batch.vintage,
        "retired_by_organisation": organisation.name_zh,
        "beneficiary_name": retirement.beneficiary_name,
        "beneficiary_credit_code": retirement.beneficiary_credit_code,
        "purpose": retirement.purpose,
        "purpose_zh": PURPOSES[retirement.purpose],
        "consumption_from": retirement.consumption_from.isoformat(),
        "consumption_to": retirement.consumption_to.isoformat(),
        "consumption_place": retirement.consumption_place,
        "retired_at": retirement.retired_at.astimezone(UTC).isoformat(timespec="seconds"),
        "is_demo": retirement.is_demo,
    }


def digest(session: Session, retirement: Retirement, batch: CreditBatch | None = None) -> str:
    """SHA-256 of the canonical content; printed on the paper, recomputed by the verification page."""
    text = json.dumps(content(session, retirement, batch), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_genuine(session: Session, retirement: Retirement) -> bool:
    """Whether what is on file still has the digest that was printed."""
    return digest(session, retirement) == retirement.digest


@dataclass(frozen=True)
class TracedParcel:
    """A parcel and the kilograms of a certificate (or batch) that come from it."""

    parcel: Parcel
    quantity_kg: int


def traced_parcels(
    session: Session, batch_id: int, spans: list[tuple[int, int]] | None = None
) -> list[TracedParcel]:
    """The very parcels behind number ranges of a batch (all of it by default), most kilograms first."""
    rows = session.execute(
        sa.select(Parcel, BatchShare.first, BatchShare.last)
        .join(BatchShare, BatchShare.parcel_id == Parcel.id)
        .where(BatchShare.batch_id == batch_id)
    ).all()
    shares = [Share(parcel.id, first, last) for parcel, first, last in rows]
    kilograms = trace(spans if spans is not None else [(s.first, s.last) for s in shares], shares)
    found = [TracedParcel(parcel, kilograms[parcel.id]) for parcel, _, _ in rows if parcel.id in kilograms]
    return sorted(found, key=lambda traced: (-traced.quantity_kg, traced.parcel.code))
