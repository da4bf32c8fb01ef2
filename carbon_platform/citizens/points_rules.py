"""Versions of the rule from grams to points, and campaigns: proposed by one person, published by another.

What is in force on a day that has begun never changes: a version is published for tomorrow at the
earliest, and no two have the same first day. Acts keep the version by which they were ruled.

How intake uses this, for the acts of a batch: ``rule = rules_in_force(session, day)`` for an act's own day;
:func:`points_scheme.cap_grams`, then :func:`points_scheme.award` against one :class:`Spending` per holder
(rows from ``earliest(day)`` to ``latest(day)``, each counted act added as it goes); campaigns by
:func:`campaigns_between` with ``lock=True`` after the persons' locks, their ``left`` lowered as bonus is
given, and :func:`spend` before posting. An act keeps ``points_rule``, ``bonus_points``, ``campaign`` and
:func:`points.dates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.points_scheme import Campaign, PointsRule, read_rule
from carbon_platform.citizens.points_tables import PUBLISHED, PointsCampaign, PointsRuleVersion
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.identity.rules import Actor

_KEPT = "citizens.points_rules"
_COLUMNS = ("version", "valid_from", "source", "status")


def rules_in_force(session: Session, day: str) -> PointsRule:
    """The rule of a local day (ISO): the published one with the latest first day; before all, the first."""
    rules = published_rules(session)
    current = [rule for rule in rules if rule.valid_from <= day]
    return current[-1] if current else rules[0]


def published_rules(session: Session) -> tuple[PointsRule, ...]:
    """Every published version by first day, read once per transaction; the data file before the set-up."""
    kept: tuple[PointsRule, ...] | None = session.info.get(_KEPT)
    if kept is None:
        rows = session.scalars(
            sa.select(PointsRuleVersion)
            .where(PointsRuleVersion.state == PUBLISHED)
            .order_by(PointsRuleVersion.valid_from)
        )
        kept = tuple(to_rule(row) for row in rows) or catalogue.points_rules()
        session.info[_KEPT] = kept
    return kept


def keep(session: Session, rules: tuple[PointsRule, ...]) -> None:
    """Published versions by first day that were read elsewhere in this transaction."""
    session.info[_KEPT] = rules or catalogue.points_rules()


def get_rule(session: Session, version: str) -> PointsRule:
    """A published rule by its version, as noted on an act; the file's where the database has none."""
    for rule in (*published_rules(session), *catalogue.points_rules()):
        if rule.version == version:
            return rule
    raise KeyError(version)


def campaigns_between(session: Session, first: str, last: str, *, lock: bool = False) -> list[Campaign]:
    """Published campaigns that run on some day from ``first`` to ``last`` (local, ISO) and have budget.

    Intake passes ``lock=True`` when it is about to give points, so that what is ``left`` stays true until
    it has called :func:`spend`: ask late in the transaction, before posting.
    """
    found = (
        sa.select(PointsCampaign)
        .where(
            PointsCampaign.state == PUBLISHED,
            PointsCampaign.starts_on <= last,
            PointsCampaign.ends_on >= first,
            PointsCampaign.spent_points < PointsCampaign.budget_points,
        )
        .order_by(PointsCampaign.code)
        .execution_options(populate_existing=True)
    )
    return [_to_campaign(row) for row in session.scalars(found.with_for_update() if lock else found)]


def spend(session: Session, bonus: Mapping[str, int]) -> None:
    """Take points given by campaigns out of their budgets (negative: put them back), per code.

    The database refuses more than a budget has (``within_budget``).
    """
    for code in sorted(bonus):
        if bonus[code]:
            session.execute(
                sa.update(PointsCampaign)
                .where(PointsCampaign.code == code)
                .values(spent_points=PointsCampaign.spent_points + bonus[code])
                .execution_options(synchronize_session=False)
            )


def load_rules(session: Session) -> int:
    """Publish the data file's rules that the database does not have; repeatable. Returns how many it has."""
    known = set(session.scalars(sa.select(PointsRuleVersion.version)))
    for row in catalogue.points_rule_rows():
        if row["version"] not in known:
            content = {key: row[key] for key in row if key not in _COLUMNS}
            session.add(
                PointsRuleVersion(
                    **{key: row[key] for key in _COLUMNS},
                    content=content,
                    state=PUBLISHED,
                    proposed_by=Actor.SYSTEM_NAME,
                    proposed_by_id=0,
                    proposed_at=datetime.combine(date.fromisoformat(row["valid_from"]), time(0), LOCAL),
                )
            )
            known.add(row["version"])
    session.flush()
    forget_cached(session)
    return len(known)


def forget_cached(session: Session) -> None:
    """After a change: the next look reads the database."""
    session.info.pop(_KEPT, None)


def to_rule(row: PointsRuleVersion) -> PointsRule:
    return read_rule({**{column: getattr(row, column) for column in _COLUMNS}, **row.content})


def _to_campaign(row: PointsCampaign) -> Campaign:
    return Campaign(
        code=row.code,
        name_zh=row.name_zh,
        name_en=row.name_en,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        percent=row.percent,
        left=row.budget_points - row.spent_points,
        behaviours=tuple(row.behaviours),
        sources=tuple(row.sources),
    )
