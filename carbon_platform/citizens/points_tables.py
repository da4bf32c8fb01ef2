"""Tables of the rules of points: versions of the rule, and campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base

DRAFT, PUBLISHED, DECLINED = "draft", "published", "declined"
_STATES = "state IN ('draft', 'published', 'declined')"


class PointsRuleVersion(Base):
    """One version of the rule. What was proposed never changes; a change is a new version.

    ``content``: see :func:`points_rules.read_content`. ``simulation``: what it would have meant for the
    acts of a past month; nothing is published without. Rules of the data file are published by ``system``.
    """

    __tablename__ = "points_rule"

    version: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[str]
    content: Mapped[dict[str, Any]]
    source: Mapped[str]
    status: Mapped[str]
    state: Mapped[str]
    proposed_by: Mapped[str]
    proposed_by_id: Mapped[int]
    proposed_at: Mapped[datetime]
    simulation: Mapped[dict[str, Any] | None] = mapped_column(sa.JSON(none_as_null=True))
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(_STATES, name="state"),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name="two_people"),
        # one rule per first day
        sa.Index(
            "uq_points_rule_first_day",
            "valid_from",
            unique=True,
            sqlite_where=sa.text("state = 'published'"),
            postgresql_where=sa.text("state = 'published'"),
        ),
    )


class PointsCampaign(Base):
    """More points for a while, up to a budget. ``starts_on`` and ``ends_on``: local days, both included.

    ``spent_points`` moves only by guarded updates of intake and withdrawal; it never passes the budget.
    """

    __tablename__ = "points_campaign"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    starts_on: Mapped[str]
    ends_on: Mapped[str]
    percent: Mapped[int]
    behaviours: Mapped[list[Any]]
    sources: Mapped[list[Any]]
    budget_points: Mapped[int]
    spent_points: Mapped[int] = mapped_column(server_default="0")
    source: Mapped[str]
    status: Mapped[str]
    state: Mapped[str]
    proposed_by: Mapped[str]
    proposed_by_id: Mapped[int]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint(_STATES, name="state"),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name="two_people"),
        sa.CheckConstraint("percent > 100", name="gives_more"),
        sa.CheckConstraint("starts_on <= ends_on", name="ends_after_start"),
        sa.CheckConstraint("spent_points >= 0 AND spent_points <= budget_points", name="within_budget"),
    )
