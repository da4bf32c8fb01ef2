"""What another rule would have meant for the acts of a past month: who gains, who loses, what it costs.

Both rules are applied to the same acts in the order in which they happened, without campaigns, so that the
difference is the rule's alone. Grams are those of the book: a rule that would let more grams count shows
no more here, one that lets fewer count does. Acts without grams by declaration (local extras) earn what
either rule fixes for them. Above :data:`PERSONS` people a sample is drawn by a hash of
the opaque holder: the same month gives the same sample, and sums are scaled up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, points_rules
from carbon_platform.citizens.inbox_tables import BookMonth
from carbon_platform.citizens.points_scheme import PointsRule, Spending, award, cap_grams
from carbon_platform.citizens.tables import Act, Reward

PERSONS = 5_000
CHUNK = 500
MOVES = ("gain", "same", "lose")


@dataclass
class _Sums:
    """Running sums of a simulation; ``persons``: how many gain, stay, lose; ``by_behaviour``: both rules."""

    acts: int = 0
    before: int = 0
    after: int = 0
    persons: dict[str, int] = field(default_factory=lambda: dict.fromkeys(MOVES, 0))
    by_behaviour: dict[str, list[int]] = field(default_factory=dict)
    most_gained: int = 0
    most_lost: int = 0

    def add_person(self, before: int, after: int) -> None:
        self.before, self.after = self.before + before, self.after + after
        change = after - before
        self.persons["gain" if change > 0 else "lose" if change < 0 else "same"] += 1
        self.most_gained, self.most_lost = max(self.most_gained, change), max(self.most_lost, -change)


def simulate(session: Session, rule: PointsRule, *, month: str, persons: int = PERSONS) -> dict[str, Any]:
    """The month (``2026-10``) under the rules it had and under ``rule``; whole points, fen, counts.

    No person can be read out of the result.
    """
    first, last = f"{month}-01", f"{month}-31"
    holders = list(
        session.scalars(
            # Grams alone do not find them: whoever has local extras only has none.
            sa.select(BookMonth.holder).where(BookMonth.month == month, BookMonth.acts > 0)
        )
    )
    chosen = sample(holders, persons, month)
    sums = _Sums()
    known = catalogue.behaviours()
    for start in range(0, len(chosen), CHUNK):
        for acts in _by_holder(session, chosen[start : start + CHUNK], first, last):
            _one_person(session, rule, acts, known, sums)
    scale = len(holders) / len(chosen) if chosen else 1.0
    found = sum(sums.persons.values())
    point = point_value(session)
    before, after = round(sums.before * scale), round(sums.after * scale)
    return {
        "month": month,
        "persons": round(found * scale),
        "sampled": found,
        "acts": round(sums.acts * scale),
        "points_before": before,
        "points_after": after,
        "gain": round(sums.persons["gain"] * scale),
        "same": round(sums.persons["same"] * scale),
        "lose": round(sums.persons["lose"] * scale),
        "most_gained": sums.most_gained,
        "most_lost": sums.most_lost,
        "fen_before": before * point["value_fen"] // point["price_points"] if point else None,
        "fen_after": after * point["value_fen"] // point["price_points"] if point else None,
        "point_value": point,
        "behaviours": [
            {"code": code, "before": round(both[0] * scale), "after": round(both[1] * scale)}
            for code, both in sorted(sums.by_behaviour.items())
        ],
    }


def sample(holders: Sequence[str], most: int, seed: str) -> list[str]:
    """At most ``most`` holders, those with the smallest hash: fixed by the seed, blind to who they are."""
    if len(holders) <= most:
        return sorted(holders)

    def rank(holder: str) -> bytes:
        return hashlib.sha256(f"{seed}:{holder}".encode()).digest()

    return sorted(sorted(holders, key=rank)[:most])


def point_value(session: Session) -> dict[str, int] | None:
    """What a point costs its sponsor: fen and points of one of each reward on offer; None without any."""
    value, price = session.execute(
        sa.select(sa.func.sum(Reward.value_fen), sa.func.sum(Reward.price_points)).where(
            Reward.active.is_(True), Reward.value_fen > 0
        )
    ).one()
    return {"value_fen": int(value), "price_points": int(price)} if price else None


def _figureless() -> list[str]:
    """Behaviours that have no grams by declaration."""
    return [code for code, behaviour in catalogue.behaviours().items() if behaviour.pending]


def last_month(day: str) -> str:
    """The calendar month before the one a local day (ISO) lies in."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year}-{month - 1:02d}" if month > 1 else f"{year - 1}-12"


def _by_holder(session: Session, holders: Sequence[str], first: str, last: str) -> Iterator[list[Any]]:
    """The acts of each holder that counted, in the order in which they happened."""
    rows = session.execute(
        sa.select(Act.holder, Act.day, Act.behaviour, Act.source, Act.reduction_g)
        .where(
            Act.holder.in_(holders),
            Act.day >= first,
            Act.day <= last,
            sa.or_(Act.reduction_g > 0, Act.behaviour.in_(_figureless())),
            Act.counted_milli > 0,
            Act.withdrawn_at.is_(None),
        )
        .order_by(Act.holder, Act.occurred_at, Act.id)
    )
    mine: list[Any] = []
    for row in rows:
        if mine and mine[-1].holder != row.holder:
            yield mine
            mine = []
        mine.append(row)
    if mine:
        yield mine


def _one_person(
    session: Session, rule: PointsRule, acts: Sequence[Any], known: dict[str, Any], sums: _Sums
) -> None:
    spent = (Spending(), Spending())
    totals = [0, 0]
    for act in acts:
        behaviour = known.get(act.behaviour)
        category = behaviour.category_zh if behaviour else ""
        bare = behaviour is not None and behaviour.pending
        both = sums.by_behaviour.setdefault(act.behaviour, [0, 0])
        for side, ruling in enumerate((points_rules.rules_in_force(session, act.day), rule)):
            points = _points(ruling, act, category, spent[side], bare=bare)
            totals[side] += points
            both[side] += points
    sums.acts += len(acts)
    sums.add_person(totals[0], totals[1])


def _points(rule: PointsRule, act: Any, category: str, spent: Spending, *, bare: bool) -> int:
    """``bare``: the act has no grams by declaration."""
    key = {"behaviour": act.behaviour, "category": category, "day": act.day}
    grams, _ = cap_grams(rule, **key, grams=act.reduction_g, spent=spent)
    points = award(rule, (), **key, source=act.source, grams=grams, spent=spent, figureless=bare).points
    spent.add(act.day, act.behaviour, category, grams, points)
    return points
