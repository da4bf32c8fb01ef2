"""Sums over acts, so that a board costs the same over ten acts and over ten million.

A run adds what came since the last one, in two statements per table. Numbers of acts are given out before
their transactions end, so a run sums only up to the newest number that the run before has seen, minutes
ago; withdrawals likewise up to some minutes ago. Each act is added once and, if it is withdrawn, its
withdrawal once. :func:`check` adds everything up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from carbon_platform.citizens.rules import NOT_COUNTED
from carbon_platform.citizens.tables import Act
from carbon_platform.db import serialise
from carbon_platform.inclusion.tables import ActDay, ActRollup, RollupMark

# No transaction that takes acts in or withdraws them lives longer.
LAG = timedelta(minutes=4)
_ONLY = 1
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_KEYS = ("month", "source", "behaviour", "region_code")
_GROSS = ("acts", "not_counted", "reduction_g", "creditable_g", "points")
_WITHDRAWN = tuple(f"withdrawn_{name}" for name in _GROSS)
_DAY = ("acts", "reduction_g", "creditable_g", "points")


@dataclass(frozen=True)
class Rolled:
    """What one run added."""

    acts: int
    withdrawn: int
    as_of: datetime


def _mark(session: Session) -> RollupMark:
    mark = session.get(RollupMark, _ONLY, populate_existing=True)
    if mark is None:
        mark = RollupMark(id=_ONLY, act_id=0, next_act_id=0, withdrawn_before=_BEGINNING, as_of=_BEGINNING)
        session.add(mark)
        session.flush()
    return mark


def as_of(session: Session) -> datetime | None:
    """Until when acts are in the sums; None before the first run."""
    mark = session.get(RollupMark, _ONLY)
    return None if mark is None or mark.as_of == _BEGINNING else mark.as_of


def roll_up(session: Session, now: datetime) -> Rolled:
    """Add what is new; nothing when the last run was less than :data:`LAG` ago. The first run adds all."""
    serialise(session, "act-rollup")
    mark = _mark(session)
    if mark.as_of == _BEGINNING:
        return rebuild(session, now)
    if mark.as_of > now - LAG:
        return Rolled(0, 0, mark.as_of)
    fresh = [Act.id > mark.act_id, Act.id <= mark.next_act_id]
    before = now - LAG
    gone = [Act.withdrawn_at >= mark.withdrawn_before, Act.withdrawn_at < before]
    done = Rolled(_add(session, fresh, withdrawn=False), _add(session, gone, withdrawn=True), mark.as_of)
    mark.act_id = mark.next_act_id
    mark.next_act_id = session.scalar(sa.select(sa.func.max(Act.id))) or 0
    mark.withdrawn_before, mark.as_of = before, now
    session.flush()
    return done


def rebuild(session: Session, now: datetime) -> Rolled:
    """Forget all sums and add up every act there is. Errors of a wrong clock or a lost run end here."""
    serialise(session, "act-rollup")
    session.execute(sa.delete(ActRollup))
    session.execute(sa.delete(ActDay))
    mark = _mark(session)
    newest = session.scalar(sa.select(sa.func.max(Act.id))) or 0
    before = now - LAG
    acts = _add(session, [Act.id <= newest], withdrawn=False)
    gone = _add(session, [Act.withdrawn_at < before], withdrawn=True)
    mark.act_id = mark.next_act_id = newest
    mark.withdrawn_before, mark.as_of = before, now
    session.flush()
    return Rolled(acts, gone, now)


def _sums(prefix: str = "") -> list[Any]:
    def total(value: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(value), 0)

    return [
        sa.func.count().label(f"{prefix}acts"),
        total(sa.case((Act.status == NOT_COUNTED, 1), else_=0)).label(f"{prefix}not_counted"),
        total(Act.reduction_g).label(f"{prefix}reduction_g"),
        total(Act.creditable_g).label(f"{prefix}creditable_g"),
        total(Act.points).label(f"{prefix}points"),
    ]


def _grouped(where: list[Any], prefix: str = "") -> Any:
    keys = [sa.func.substr(Act.day, 1, 7).label("month"), Act.source, Act.behaviour, Act.region_code]
    return sa.select(*keys, *_sums(prefix)).where(*where).group_by(*keys)


def _by_day(where: list[Any]) -> Any:
    count, _, reduction, creditable, points = _sums()
    return sa.select(Act.day, count, reduction, creditable, points).where(*where).group_by(Act.day)


def _add(session: Session, where: list[Any], *, withdrawn: bool) -> int:
    """Add grouped sums to the tables; returns how many acts they hold."""
    rows = [
        dict(row) for row in session.execute(_grouped(where, "withdrawn_" if withdrawn else "")).mappings()
    ]
    days = [dict(row) for row in session.execute(_by_day(where)).mappings()]
    _upsert(session, ActRollup, _KEYS, _WITHDRAWN if withdrawn else _GROSS, _whole(rows, _KEYS), 1)
    _upsert(session, ActDay, ("day",), _DAY, _whole(days, ("day",)), -1 if withdrawn else 1)
    return sum(int(row["acts"]) for row in days)


def _whole(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    # PostgreSQL sums integers as decimals.
    return [{name: value if name in keys else int(value) for name, value in row.items()} for row in rows]


def _upsert(
    session: Session,
    table: Any,
    keys: tuple[str, ...],
    sums: tuple[str, ...],
    rows: list[dict[str, Any]],
    sign: int,
) -> None:
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement: Any = dialect.insert(table)  # type: ignore[attr-defined]
    changed = {name: getattr(table, name) + getattr(statement.excluded, name) for name in sums}
    statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    given = [{name: value if name in keys else sign * value for name, value in row.items()} for row in rows]
    session.connection().execute(statement, given)


@dataclass(frozen=True)
class Sums:
    """Sums over acts that stand: what was withdrawn is taken off. The two grades are never added."""

    acts: int = 0
    not_counted: int = 0
    withdrawn: int = 0
    reduction_g: int = 0
    creditable_g: int = 0
    points: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def sums_by(session: Session, *columns: str, since: str = "", until: str = "") -> dict[tuple[str, ...], Sums]:
    """Sums per value of some of month, source, behaviour, region_code; of months ``since`` … ``until``."""
    keys = [getattr(ActRollup, name) for name in columns]
    totals = [sa.func.coalesce(sa.func.sum(getattr(ActRollup, name)), 0) for name in (*_GROSS, *_WITHDRAWN)]
    statement = sa.select(*keys, *totals)
    if since:
        statement = statement.where(ActRollup.month >= since)
    if until:
        statement = statement.where(ActRollup.month <= until)
    if keys:
        statement = statement.group_by(*keys).order_by(*keys)
    found = {}
    for row in session.execute(statement):
        gross = [int(one) for one in row[len(keys) : len(keys) + 5]]
        gone = [int(one) for one in row[len(keys) + 5 :]]
        acts, not_counted, reduction_g, creditable_g, points = (
            one - off for one, off in zip(gross, gone, strict=True)
        )
        found[tuple(row[: len(keys)])] = Sums(acts, not_counted, gone[0], reduction_g, creditable_g, points)
    return found


def total(session: Session, *, since: str = "", until: str = "") -> Sums:
    """Sums over everything, or over some months."""
    return sums_by(session, since=since, until=until)[()]


def last_days(session: Session, first: str) -> list[ActDay]:
    """Days with acts from ``first`` (ISO) on, oldest first."""
    return list(session.scalars(sa.select(ActDay).where(ActDay.day >= first).order_by(ActDay.day)))


def check(session: Session) -> list[str]:
    """What the sums say that the acts they should hold do not; empty when every digit is the same."""
    mark = session.get(RollupMark, _ONLY)
    if mark is None:
        return []
    gross, gone = [Act.id <= mark.act_id], [Act.withdrawn_at < mark.withdrawn_before]
    wrong = []
    for names, where in ((_GROSS, gross), (_WITHDRAWN, gone)):
        acts = [int(one) for one in session.execute(sa.select(*_sums()).where(*where)).one()]
        kept = [
            int(one)
            for one in session.execute(
                sa.select(*[sa.func.coalesce(sa.func.sum(getattr(ActRollup, name)), 0) for name in names])
            ).one()
        ]
        wrong += [
            f"{name}: {held:,} in the sums, {there:,} in the acts"
            for name, held, there in zip(names, kept, acts, strict=True)
            if held != there
        ]
    return wrong
