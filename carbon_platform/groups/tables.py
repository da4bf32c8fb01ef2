"""Tables of groups. A member is an opaque holder; names are asked of identity when a page is shown."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

_IN_FORCE = sa.text("left_at IS NULL")


class CitizenGroup(Base):
    """A family, a community, a school or a company. Closed, never deleted.

    Of the invitation only a hash is kept; the code is shown once, to whoever asked for it. A family is
    opened by a citizen (``opened_by`` is the holder), the others by staff (the user's name).
    """

    __tablename__ = "citizen_group"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    region_code: Mapped[str] = mapped_column(index=True)
    opened_by: Mapped[str]
    opened_by_user: Mapped[int | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    invite_hash: Mapped[str | None] = mapped_column(unique=True)
    invite_until: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("kind IN ('family', 'community', 'school', 'company')", name="kind"),
        sa.CheckConstraint("(invite_hash IS NULL) = (invite_until IS NULL)", name="invitation"),
    )


class GroupMember(Base):
    """A person in a group, from ``joined_at`` until ``left_at``. One group of a kind at a time."""

    __tablename__ = "group_member"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    group_id: Mapped[int] = mapped_column(sa.ForeignKey("citizen_group.id"), index=True)
    kind: Mapped[str]
    holder: Mapped[str]
    role: Mapped[str]
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("role IN ('owner', 'member')", name="role"),
        sa.CheckConstraint("left_at IS NULL OR left_at >= joined_at", name="leaves_after_joining"),
        # Two requests at once cannot bring a person into two families.
        sa.Index(
            "uq_group_member_in_force",
            "holder",
            "kind",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )


class FamilyGift(Base):
    """Points one member of a family gave another: whole points, the local day, the entry that moved them."""

    __tablename__ = "family_gift"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    group_id: Mapped[int] = mapped_column(sa.ForeignKey("citizen_group.id"), index=True)
    giver: Mapped[str]
    receiver: Mapped[str]
    points: Mapped[int]
    day: Mapped[str]
    rule: Mapped[str]
    entry_id: Mapped[int]
    given_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("points > 0", name="points_positive"),
        sa.CheckConstraint("giver <> receiver", name="two_people"),
        sa.Index("ix_family_gift_giver_day", "giver", "day"),
        sa.Index("ix_family_gift_receiver_day", "receiver", "day"),
    )


class GroupWeek(Base):
    """What was published of one group or county for one week, once and for ever, or that it was withheld.

    ``scope``: ``county:411502`` or ``group:17``; ``week``: its Monday, ISO. A figure that was corrected
    later would tell by its difference what one person's act was: so it is never computed again.
    """

    __tablename__ = "group_week"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    week: Mapped[str]
    scope: Mapped[str]
    people: Mapped[int | None]
    reduction_g: Mapped[int | None]
    withheld: Mapped[str]
    released_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("week", "scope"),
        sa.CheckConstraint(
            "(withheld = '') = (people IS NOT NULL AND reduction_g IS NOT NULL)", name="figures_or_withheld"
        ),
        sa.Index("ix_group_week_scope_week", "scope", "week"),
    )


class RankingWeek(Base):
    """The week of somebody who wants to be ranked: grams of the points grade, as of the release."""

    __tablename__ = "ranking_week"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    week: Mapped[str]
    holder: Mapped[str]
    county_code: Mapped[str]
    reduction_g: Mapped[int]
    released_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("week", "holder"),
        sa.CheckConstraint("reduction_g >= 0", name="grams_not_negative"),
        sa.Index("ix_ranking_week_county", "week", "county_code", "reduction_g"),
    )
