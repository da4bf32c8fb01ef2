"""Which split and which charges apply: the data files' defaults, and the counties' own schemes."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.regions.service import get_region
from carbon_platform.revenue import rules
from carbon_platform.revenue.rules import Charges, Scheme
from carbon_platform.revenue.tables import DistributionScheme

DATA = Path(__file__).with_name("data")
ZONE = ZoneInfo("Asia/Shanghai")


@cache
def _file(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tomllib.loads((DATA / f"{name}s.toml").read_text(encoding="utf-8"))[name]
    return sorted(rows, key=lambda row: row["valid_from"])


def local_day(at: datetime) -> date:
    """The day in Xinyang."""
    return at.astimezone(ZONE).date()


def charges_at(at: datetime) -> Charges:
    """Fee and VAT in force on the day of a sale. Errors: ``NotFound`` before the first row."""
    return Charges(**_last_until(_file("charge"), local_day(at), "收费标准"))


def default_scheme(at: datetime) -> Scheme:
    """The split of counties without a scheme of their own; version 0."""
    return Scheme(county_code="", version=0, **_last_until(_file("scheme"), local_day(at), "分配方案"))


def scheme_at(session: Session, county_code: str, at: datetime) -> Scheme:
    """The split that was in force and on record when a sale happened, so a preview keeps its word."""
    row = session.scalar(
        sa.select(DistributionScheme)
        .where(
            DistributionScheme.county_code == county_code,
            DistributionScheme.valid_from <= local_day(at),
            DistributionScheme.created_at <= at,
        )
        .order_by(DistributionScheme.version.desc())
        .limit(1)
    )
    return default_scheme(at) if row is None else as_scheme(row)


def as_scheme(row: DistributionScheme) -> Scheme:
    return Scheme(
        county_code=row.county_code,
        version=row.version,
        valid_from=row.valid_from,
        shares=row.shares,
        source=row.source,
        status=row.status,
        exception_reason=row.exception_reason,
        exception_approver=row.exception_approver,
    )


def list_schemes(session: Session, county_code: str = "") -> list[DistributionScheme]:
    """Every version on record, newest first per county."""
    statement = sa.select(DistributionScheme).order_by(
        DistributionScheme.county_code, DistributionScheme.version.desc()
    )
    if county_code:
        statement = statement.where(DistributionScheme.county_code == county_code)
    return list(session.scalars(statement))


def adopt(
    session: Session,
    actor: Actor,
    *,
    county_code: str,
    valid_from: date,
    shares: dict[str, int],
    source: str,
    now: datetime,
    exception_reason: str = "",
    exception_approver: str = "",
) -> DistributionScheme:
    """Record a county's next scheme. It applies to sales after this moment and from ``valid_from`` on.

    The same content as the latest version answers that version.
    Errors: ``NotFound`` (county), ``SchemeInvalid``, ``BelowFloor``, ``SelfApproved``, ``BackDated``.
    """
    county = get_region(session, county_code)
    if county.level != "county" or not actor.sees_region(county_code):
        raise NotFound(what="县区", key=county_code)
    rules.check_scheme(
        shares,
        exception_reason=exception_reason,
        exception_approver=exception_approver,
        actor_name=actor.name,
    )
    serialise(session, f"distribution-scheme:{county_code}")
    latest = next(iter(list_schemes(session, county_code)), None)
    content = {
        "valid_from": valid_from,
        "shares": shares,
        "source": source,
        "exception_reason": exception_reason.strip(),
        "exception_approver": exception_approver.strip(),
    }
    if latest and all(getattr(latest, name) == value for name, value in content.items()):
        audit(session, actor, "scheme.repeat", object_kind="scheme", object_id=latest.id, now=now)
        return latest
    if valid_from < local_day(now):
        raise rules.BackDated(valid_from=valid_from.isoformat(), today=local_day(now).isoformat())
    scheme = DistributionScheme(
        county_code=county_code,
        version=latest.version + 1 if latest else 1,
        status="local-decision",
        created_by=actor.name,
        created_at=now,
        **content,
    )
    session.add(scheme)
    session.flush()
    audit(
        session,
        actor,
        "scheme.adopt",
        object_kind="scheme",
        object_id=scheme.id,
        now=now,
        detail={"county": county_code, "version": scheme.version, "exception": bool(exception_reason)},
    )
    return scheme


def _last_until(rows: list[dict[str, Any]], day: date, what: str) -> dict[str, Any]:
    current = [row for row in rows if row["valid_from"] <= day]
    if not current:
        raise NotFound(what=what, key=day.isoformat())
    return current[-1]
