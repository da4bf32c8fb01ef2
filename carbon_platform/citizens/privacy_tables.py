"""Tables of accountability: what was shared with whom, and the counts of accounts day by day."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class ShareLog(Base):
    """One transfer of personal data from or to a partner; kept for three years at least (PIPL 55, 56).

    ``fields`` names what kinds of data it held, never the data. ``reference``: the batch or file.
    """

    __tablename__ = "share_log"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    direction: Mapped[str]
    partner: Mapped[str]
    purpose: Mapped[str]
    fields: Mapped[list[Any]]
    row_count: Mapped[int]
    people_count: Mapped[int]
    reference: Mapped[str]

    __table_args__ = (
        sa.CheckConstraint("direction IN ('received', 'sent')", name="direction"),
        sa.CheckConstraint("row_count >= 0 AND people_count >= 0", name="counts"),
        sa.UniqueConstraint("partner", "direction", "reference"),
    )


class Minimised(Base):
    """How far the chore that empties raw rows has come in a table: every row up to here is empty."""

    __tablename__ = "minimised"

    table_name: Mapped[str] = mapped_column(primary_key=True)
    upto_id: Mapped[int]
    at: Mapped[datetime]


class HolderActivity(Base):
    """When an act of a holder last came in, so that active accounts are counted without reading all acts."""

    __tablename__ = "holder_activity"

    holder: Mapped[str] = mapped_column(primary_key=True)
    last_at: Mapped[datetime] = mapped_column(index=True)


class AccountDay(Base):
    """The counts of a county at the end of a day, or up to now for today; the city is their sum.

    ``opened``: accounts that are open; ``phone``: of them with a confirmed phone; ``real_name``: of them
    with name and identity number; ``active``: of them with an act in the last 30 days. Never added up.
    ``opened_30d``: opened in the last 30 days, what the run-rate is made of.
    """

    __tablename__ = "account_day"

    day: Mapped[str] = mapped_column(primary_key=True)
    region_code: Mapped[str] = mapped_column(primary_key=True)
    opened: Mapped[int]
    active: Mapped[int]
    phone: Mapped[int]
    real_name: Mapped[int]
    opened_30d: Mapped[int]
    counted_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint(
            "active BETWEEN 0 AND opened AND phone BETWEEN 0 AND opened AND real_name BETWEEN 0 AND opened",
            name="within_opened",
        ),
    )
