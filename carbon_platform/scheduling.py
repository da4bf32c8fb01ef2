"""Claimed slots: of any number of schedulers, exactly one runs a job for one slot."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId, Database


class JobRun(Base):
    """One run of one job for one slot. The unique key is the claim."""

    __tablename__ = "job_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    job: Mapped[str]
    slot: Mapped[datetime]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(default="running")  # running, ok, alarm, failed
    detail: Mapped[str] = mapped_column(default="")

    __table_args__ = (sa.UniqueConstraint("job", "slot"),)


def claim(db: Database, job: str, slot: datetime, *, now: datetime) -> bool:
    """Take the slot; False when someone else has it.

    Committed at once: a slot whose process was killed stays visible as ``running`` for a person to
    see, and is not run a second time by itself.
    """
    try:
        with db.engine.begin() as connection:
            connection.execute(sa.insert(JobRun).values(job=job, slot=slot, started_at=now))
    except IntegrityError:
        return False
    return True


def conclude(db: Database, job: str, slot: datetime, *, outcome: str, detail: str, now: datetime) -> None:
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(JobRun)
            .where(JobRun.job == job, JobRun.slot == slot)
            .values(ended_at=now, outcome=outcome, detail=detail)
        )
