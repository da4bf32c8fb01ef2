"""How far the city is: per development batch and county, from what is on record and nothing else.

Every figure is a sum over rows (one GROUP BY each). Bases, said in :data:`BASES_ZH`:
received = gross value of first sales whose money is in the seller's proceeds, by the day of sale,
within the batch's target window; the target counts forestry (camellia, tea, forest), not rice.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from carbon_platform.credits.tables import (
    AssessmentRun,
    BatchShare,
    CreditBatch,
    Retirement,
    RetirementLine,
    RunRow,
)
from carbon_platform.market.tables import Trade
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import ProjectParcel
from carbon_platform.regions.service import list_batches, list_counties
from carbon_platform.regions.tables import DevelopmentBatch
from carbon_platform.revenue import rules
from carbon_platform.revenue.schemes import ZONE, local_day
from carbon_platform.revenue.tables import Distribution
from carbon_platform.units import KG_PER_T

BASES_ZH = (
    "到账 = 目标期内首次出售的成交总额（手续费和税前），按成交日；转售不计。"
    "目标只计林业（油茶、茶园、乔木林），再生稻另列。"
    "到县及以下比例 = 县级及以下所得 ÷ 可分配额（成交额 − 手续费 − 增值税），只含已分配的成交。"
    "已核算、已核为地块未取整结果之和（负值保留），已签发为取整后的碳票。预测按至今平均速度直线外推。"
)
BASES_EN = (
    "Received = gross value of first sales within the target window, by day of sale, before fee and tax; "
    "resales are not counted. The target counts forestry (camellia, tea, forest); ratoon rice is beside it. "
    "Share to county and below = their part ÷ base (value − exchange fee − VAT) of distributed sales. "
    "Assessed and verified are unrounded sums over parcels (negative ones kept); issued is in whole tickets. "
    "The forecast is a straight line at the pace so far."
)
_VERIFIED = ("verified", "approved", "issued")


@dataclass(frozen=True)
class Figures:
    """What one county, or several together, have done. ``None`` never stands for zero here: 0 is 0."""

    surveyed_parcels: int = 0
    surveyed_area_m2: float = 0.0
    project_parcels: int = 0
    project_area_m2: float = 0.0
    assessed_kg: int = 0
    verified_kg: int = 0
    issued_kg: int = 0
    retired_kg: int = 0
    sold_kg: int = 0
    received_fen: int = 0
    received_forestry_fen: int = 0
    distributed_gross_fen: int = 0
    distributed_base_fen: int = 0
    below_fen: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def below_bp(self) -> int | None:
        """Share to county level and below in basis points; None before the first distribution."""
        return rules.share_bp(self.below_fen, self.distributed_base_fen)

    @property
    def meets_floor(self) -> bool | None:
        """The cumulative 70 % test, in fen."""
        if not self.distributed_base_fen:
            return None
        return rules.meets_floor(self.distributed_base_fen, self.below_fen)

    @property
    def undistributed_fen(self) -> int:
        """Receipts that wait to be shared out."""
        return self.received_fen - self.distributed_gross_fen


@dataclass(frozen=True)
class CountyFigures:
    code: str
    name_zh: str
    name_en: str
    figures: Figures


@dataclass(frozen=True)
class GapTonnes:
    price_fen_per_t: int
    tonnes: int


@dataclass(frozen=True)
class BatchFigures:
    """A batch of counties against its target. ``forecast_fen`` is None on the window's first day."""

    number: int
    name_zh: str
    starts_on: date
    ends_on: date
    elapsed_bp: int
    target_fen: int
    gap_fen: int
    gap_tonnes: list[GapTonnes]
    expected_by_now_fen: int
    forecast_fen: int | None
    source: str
    figures: Figures
    counties: list[CountyFigures]


@dataclass(frozen=True)
class Dashboard:
    as_of: datetime
    batches: list[BatchFigures]
    total: Figures
    bases_zh: str = field(default=BASES_ZH)
    bases_en: str = field(default=BASES_EN)


@dataclass(frozen=True)
class Summary:
    """Totals anyone may see, over all counties and all time."""

    issued_kg: int
    sold_kg: int
    retired_kg: int
    received_fen: int
    distributed_fen: int
    counties: list[str]  # codes of counties that have issued


def summary(session: Session) -> Summary:
    """Public totals for the landing page."""

    def total(column: InstrumentedAttribute[int], *where: sa.ColumnElement[bool]) -> int:
        return int(session.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(*where)) or 0)

    codes = session.scalars(sa.select(CreditBatch.county_code).distinct().order_by(CreditBatch.county_code))
    return Summary(
        issued_kg=total(CreditBatch.quantity_kg),
        sold_kg=total(Trade.quantity_kg, Trade.is_first_sale.is_(True)),
        retired_kg=total(Retirement.quantity_kg),
        received_fen=total(Trade.amount_fen, Trade.is_first_sale.is_(True)),
        distributed_fen=total(Distribution.base_fen),
        counties=list(codes),
    )


def dashboard(session: Session, *, now: datetime) -> Dashboard:
    """Everything Dingxin and the bureaus see of targets, funnel and shares."""
    stock = _stock(session)
    counties = list_counties(session)
    batches = []
    for batch in list_batches(session):
        flow = _flow(session, *_window(batch))
        rows = [
            CountyFigures(
                code=county.code,
                name_zh=county.name_zh,
                name_en=county.name_en,
                figures=_figures(stock.get(county.code, {}) | flow.get(county.code, {})),
            )
            for county in counties
            if county.batch_number == batch.number
        ]
        batches.append(_against_target(batch, rows, now))
    return Dashboard(as_of=now, batches=batches, total=_sum(batch.figures for batch in batches))


def _figures(values: dict[str, Any]) -> Figures:
    return Figures(**values)


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, start=Figures())


def _window(batch: DevelopmentBatch) -> tuple[datetime, datetime]:
    """First instant of the batch's target window and of the day after it, in Xinyang's days."""
    start = datetime.combine(batch.starts_on, time(), ZONE)
    return start, start.replace(year=start.year + batch.years)


def _against_target(batch: DevelopmentBatch, rows: list[CountyFigures], now: datetime) -> BatchFigures:
    start, end = (moment.date() for moment in _window(batch))
    whole_days = (end - start).days
    past_days = min(max((local_day(now) - start).days, 0), whole_days)
    figures = _sum(row.figures for row in rows)
    received, target = figures.received_forestry_fen, batch.revenue_target_fen
    missing = rules.gap_fen(target, received)
    return BatchFigures(
        number=batch.number,
        name_zh=batch.name_zh,
        starts_on=start,
        ends_on=date.fromordinal(end.toordinal() - 1),
        elapsed_bp=past_days * rules.WHOLE_BP // whole_days,
        target_fen=target,
        gap_fen=missing,
        gap_tonnes=[GapTonnes(p, rules.gap_t(missing, p)) for p in rules.GAP_PRICES_FEN_PER_T],
        expected_by_now_fen=target * past_days // whole_days,
        forecast_fen=received * whole_days // past_days if past_days else None,
        source=batch.source,
        figures=figures,
        counties=rows,
    )


def _stock(session: Session) -> dict[str, dict[str, Any]]:
    """Figures without a date of sale, per county: land, assessed, verified, issued, retired."""
    found: dict[str, dict[str, Any]] = {}
    land = sa.select(Parcel.county_code, sa.func.count(), sa.func.sum(Parcel.area_m2)).group_by(
        Parcel.county_code
    )
    registered = land.where(Parcel.status == "registered")
    attached = registered.where(Parcel.id.in_(sa.select(ProjectParcel.parcel_id)))
    for prefix, statement in (("surveyed", registered), ("project", attached)):
        for county, parcels, area_m2 in session.execute(statement):
            found.setdefault(county, {}).update(
                {f"{prefix}_parcels": int(parcels), f"{prefix}_area_m2": float(area_m2)}
            )
    every = ("estimate", *_VERIFIED)
    for name, statuses in (("assessed_kg", every), ("verified_kg", _VERIFIED)):
        for county, kg in _run_kg(session, statuses).items():
            found.setdefault(county, {})[name] = kg
    issued = sa.select(CreditBatch.county_code, sa.func.sum(CreditBatch.quantity_kg)).group_by(
        CreditBatch.county_code
    )
    retired = (
        sa.select(CreditBatch.county_code, sa.func.sum(RetirementLine.quantity_kg))
        .join(CreditBatch, CreditBatch.id == RetirementLine.batch_id)
        .group_by(CreditBatch.county_code)
    )
    for name, tickets in (("issued_kg", issued), ("retired_kg", retired)):
        for county, kg in session.execute(tickets):
            found.setdefault(county, {})[name] = int(kg)
    return found


def _run_kg(session: Session, statuses: tuple[str, ...]) -> dict[str, int]:
    """Kilograms per county of the latest run per project and period among ``statuses``."""
    latest = (
        sa.select(sa.func.max(AssessmentRun.id))
        .where(AssessmentRun.status.in_(statuses))
        .group_by(AssessmentRun.project_id, AssessmentRun.period_start, AssessmentRun.period_end)
    )
    rows = session.execute(
        sa.select(Parcel.county_code, sa.func.sum(RunRow.net_t))
        .join(Parcel, Parcel.id == RunRow.parcel_id)
        .where(RunRow.run_id.in_(latest))
        .group_by(Parcel.county_code)
    )
    return {county: math.floor(net_t * KG_PER_T) for county, net_t in rows}


def _flow(session: Session, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
    """Figures of the window's first sales, per county."""
    # All parcels of a batch belong to one project and are of one kind; one of them tells it.
    sample = (
        sa.select(BatchShare.batch_id, sa.func.min(BatchShare.parcel_id).label("parcel_id"))
        .group_by(BatchShare.batch_id)
        .subquery()
    )
    first_sale = (Trade.is_first_sale.is_(True), Trade.at >= start, Trade.at < end)
    sales = (
        sa.select(
            CreditBatch.county_code,
            Parcel.kind,
            sa.func.sum(Trade.quantity_kg),
            sa.func.sum(Trade.amount_fen),
        )
        .join(CreditBatch, CreditBatch.id == Trade.batch_id)
        .outerjoin(sample, sample.c.batch_id == CreditBatch.id)
        .outerjoin(Parcel, Parcel.id == sample.c.parcel_id)
        .where(*first_sale)
        .group_by(CreditBatch.county_code, Parcel.kind)
    )
    found: dict[str, Counter[str]] = {}
    for county, kind, kg, fen in session.execute(sales):
        figures = found.setdefault(county, Counter())
        figures["sold_kg"] += int(kg)
        figures["received_fen"] += int(fen)
        figures["received_forestry_fen"] += int(fen) if kind in rules.FORESTRY_KINDS else 0
    shared = (
        sa.select(
            Distribution.county_code,
            sa.func.sum(Distribution.gross_fen),
            sa.func.sum(Distribution.base_fen),
            sa.func.sum(Distribution.below_fen),
        )
        .join(Trade, Trade.id == Distribution.trade_id)
        .where(*first_sale)
        .group_by(Distribution.county_code)
    )
    for county, gross_fen, base_fen, below_fen in session.execute(shared):
        found.setdefault(county, Counter()).update(
            distributed_gross_fen=int(gross_fen), distributed_base_fen=int(base_fen), below_fen=int(below_fen)
        )
    return {county: dict(figures) for county, figures in found.items()}
