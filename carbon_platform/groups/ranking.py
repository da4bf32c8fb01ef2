"""Boards: people who want to be on them, by nickname; counties, adjusted for how many live there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.errors import NotFound
from carbon_platform.groups import catalogue, clubs, rules
from carbon_platform.groups.catalogue import Residents
from carbon_platform.groups.statistics import RANKING, county_scope
from carbon_platform.groups.tables import GroupMember, GroupWeek, RankingWeek
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Consent, Person

SHOWN = 50


@dataclass(frozen=True)
class Place:
    """One line of a board; ``own``: the reader's."""

    place: int
    nickname: str
    reduction_g: int
    own: bool


@dataclass(frozen=True)
class Board:
    """The newest published week. ``joined``: whether the reader is to be seen from the next week on."""

    week: str | None
    places: list[Place]
    own: Place | None
    joined: bool
    consent_version: str


def board(session: Session, actor: Actor, *, group_id: int | None = None) -> Board:
    """The board of the reader's county, or of a group the reader is in.

    On it is who had agreed before the week was published and still does; whoever withdraws is gone at
    once, from past weeks too. Errors: ``NotFound`` for a group the reader is not in.
    """
    text = consent_texts()[RANKING]
    joined = bool(
        session.scalar(
            sa.select(sa.func.count())
            .select_from(Consent)
            .where(Consent.person_id == (actor.person_id or 0), *_agrees())
        )
    )
    week = session.scalar(sa.select(sa.func.max(GroupWeek.week)))
    if week is None:
        return Board(None, [], None, joined, text.version)
    shown = (
        sa.select(RankingWeek.holder, Person.nickname, RankingWeek.reduction_g)
        .join(Person, Person.holder == RankingWeek.holder)
        .join(Consent, Consent.person_id == Person.id)
        .where(RankingWeek.week == week, Consent.given_at <= RankingWeek.released_at, *_agrees())
    )
    if group_id is None:
        shown = shown.where(RankingWeek.county_code == actor.region_code[:6])
    else:
        _demand_member(session, actor, group_id)
        inside = sa.select(GroupMember.holder).where(
            GroupMember.group_id == group_id, GroupMember.left_at.is_(None)
        )
        shown = shown.where(RankingWeek.holder.in_(inside))
    places, own = _places(session, actor, shown)
    return Board(week, places, own, joined, text.version)


def _agrees() -> tuple[Any, ...]:
    text = consent_texts()[RANKING]
    return (
        Consent.partner == text.partner,
        Consent.purpose == text.purpose,
        Consent.text_version == text.version,
        Consent.withdrawn_at.is_(None),
    )


def _demand_member(session: Session, actor: Actor, group_id: int) -> None:
    if group_id not in {club.group.id for club in clubs.mine(session, actor)}:
        raise NotFound(what="团体", key=group_id)


def _places(session: Session, actor: Actor, shown: Any) -> tuple[list[Place], Place | None]:
    """The first of the board and the reader's own line; equal figures share a place."""
    rows = shown.subquery()
    place = sa.func.rank().over(order_by=rows.c.reduction_g.desc()).label("place")
    ranked = sa.select(rows, place).subquery()
    first = session.execute(
        sa.select(ranked).order_by(ranked.c.place, ranked.c.nickname, ranked.c.holder).limit(SHOWN)
    ).all()
    mine = session.execute(sa.select(ranked).where(ranked.c.holder == actor.holder)).one_or_none()

    def line(row: Any) -> Place:
        return Place(int(row.place), row.nickname, int(row.reduction_g), row.holder == actor.holder)

    return [line(row) for row in first], line(mine) if mine else None


@dataclass(frozen=True)
class LeagueLine:
    """One county of the league. ``per_10k_g``: grams per 10,000 residents; None where not published."""

    code: str
    people: int | None
    reduction_g: int | None
    withheld: str
    residents: Residents
    per_10k_g: int | None
    place: int | None


@dataclass(frozen=True)
class League:
    week: str | None
    lines: list[LeagueLine]


def league(session: Session) -> League:
    """The counties of the newest published week, by grams per 10,000 residents; withheld ones last."""
    week = session.scalar(sa.select(sa.func.max(GroupWeek.week)))
    known = catalogue.residents()
    codes = sorted(known)
    found = {
        row.scope: row
        for row in session.scalars(
            sa.select(GroupWeek).where(
                GroupWeek.week == (week or ""), GroupWeek.scope.in_([county_scope(code) for code in codes])
            )
        )
    }
    figures: list[int | None] = []
    for code in codes:
        row = found.get(county_scope(code))
        grams = row.reduction_g if row else None
        figures.append(None if grams is None else rules.per_residents(grams, known[code].count))
    lines = []
    for code, figure, place in zip(codes, figures, rules.places(figures), strict=True):
        row = found.get(county_scope(code))
        lines.append(
            LeagueLine(
                code=code,
                people=row.people if row else None,
                reduction_g=row.reduction_g if row else None,
                withheld=row.withheld if row else "few",
                residents=known[code],
                per_10k_g=figure,
                place=place,
            )
        )
    lines.sort(key=lambda line: (line.place is None, line.place or 0, line.code))
    return League(week, lines)
