"""Tables of regions: reference data, loaded from files with their source (``flask setup``)."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base


class Region(Base):
    """An administrative unit. Codes change, so they carry the day from which they are valid."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    level: Mapped[str]  # province, city, county, township, village
    parent_code: Mapped[str] = mapped_column(index=True)
    valid_from: Mapped[date] = mapped_column(sa.Date)
    batch_number: Mapped[int | None] = mapped_column(sa.ForeignKey("development_batch.number"))


class DevelopmentBatch(Base):
    """A batch (批次) of counties in the city's plan with its own revenue target and window."""

    __tablename__ = "development_batch"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name_zh: Mapped[str]
    starts_on: Mapped[date] = mapped_column(sa.Date)
    years: Mapped[int]
    revenue_target_fen: Mapped[int]
    source: Mapped[str]
