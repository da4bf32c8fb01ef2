"""Uncertainty analyses on file, beside the runs they describe."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class RunUncertainty(Base):
    """One uncertainty analysis (不确定性分析) of one run: reproducible from run, number of trials and seed.

    ``result`` is what :meth:`methodologies.uncertainty.Uncertainty.record` gives: distribution, percentile to
    issue, contributions, error propagation. It never changes; another number of trials is another row.
    """

    __tablename__ = "run_uncertainty"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assessment_run.id"))
    trials: Mapped[int]
    seed: Mapped[int] = mapped_column(sa.BigInteger)
    mean_t: Mapped[float] = mapped_column(sa.Double)
    low_t: Mapped[float] = mapped_column(sa.Double)  # 2.5th percentile
    high_t: Mapped[float] = mapped_column(sa.Double)  # 97.5th percentile
    issue_t: Mapped[float] = mapped_column(
        sa.Double
    )  # 33.3rd percentile before the flat deduction, unrounded
    negative: Mapped[float] = mapped_column(sa.Double)  # P(net < 0)
    result: Mapped[dict[str, Any]]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("run_id", "trials", "seed"),
        sa.CheckConstraint("trials >= 10000", name="trials"),
        sa.CheckConstraint("low_t <= high_t AND negative >= 0 AND negative <= 1", name="distribution"),
    )
