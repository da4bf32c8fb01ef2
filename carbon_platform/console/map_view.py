"""What the map console shows: which parcels, in which groups, and what hangs on one of them.

The tiles say of a parcel its kind, its status, the project that claims it and the newest vintage issued on it
(:mod:`carbon_platform.credits.land_labels`). Lists and counts here go by the very same labels, so that the
map and its list twin never differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.assessment import visible_runs
from carbon_platform.credits.land_labels import land_labels
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, RunRow
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.register import REGISTERED, in_scope
from carbon_platform.parcels.tables import Parcel

KINDS: Final = ("camellia", "rice", "tea", "forest")
# How far a parcel has come; an ended one is on the map only when asked for.
STAGES: Final = ("registered", "project", "issued", "ended")
GROUPINGS: Final = ("kind", "stage", "project", "vintage")


@dataclass(frozen=True)
class Filters:
    """What the reader wants to see; empty texts mean everything that is registered."""

    kind: str = ""
    county: str = ""
    stage: str = ""
    project: str = ""
    vintage: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filters:
        """From the address; what is no filter of ours counts as not asked."""
        county, vintage = asked.get("county", ""), asked.get("vintage", "")
        return cls(
            kind=_one_of(asked.get("kind", ""), KINDS),
            county=county if _is_number(county, 6) else "",
            stage=_one_of(asked.get("stage", ""), STAGES),
            project=asked.get("project", "")[:40],
            vintage=vintage if _is_number(vintage, 4) else "",
        )

    @property
    def beyond_tiles(self) -> bool:
        """Whether the numbers per place in the tiles do not know this filter."""
        return bool(self.project or self.vintage or self.stage in ("registered", "project", "issued"))


def grouping_of(asked: str | None) -> str:
    """By what the map is coloured; by crop unless something else is asked for."""
    return _one_of(asked or "", GROUPINGS) or "kind"


def _one_of(text: str, names: Iterable[str]) -> str:
    return text if text in names else ""


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) == digits


def _label(actor: Actor, name: str) -> sa.ColumnElement[Any]:
    """A label of the tiles as a column beside the parcel; null where there is none or it may not be read."""
    for label in land_labels(actor):
        if label.name == name:
            values = label.values.subquery()
            parcel_id, value = values.c
            found = sa.select(sa.func.max(value)).where(parcel_id == Parcel.id)
            return found.correlate(Parcel).scalar_subquery()
    return sa.null()


def _key(actor: Actor, by: str) -> sa.ColumnElement[Any]:
    """The column a map coloured by ``by`` groups by."""
    if by == "kind":
        return Parcel.kind.expression
    if by == "stage":
        return sa.case(
            (Parcel.status != REGISTERED, "ended"),
            (_label(actor, "vintage").is_not(None), "issued"),
            (_label(actor, "project").is_not(None), "project"),
            else_="registered",
        )
    return _label(actor, by)


def parcels(actor: Actor, filters: Filters) -> sa.Select[Any]:
    """Parcels of the caller's region that the filters leave, by code."""
    wanted = sa.select(Parcel).where(in_scope(Parcel.county_code, actor))
    ended = filters.stage == "ended"
    wanted = wanted.where(Parcel.status != REGISTERED if ended else Parcel.status == REGISTERED)
    if filters.kind:
        wanted = wanted.where(Parcel.kind == filters.kind)
    if filters.county:
        wanted = wanted.where(Parcel.county_code == filters.county)
    if filters.stage and not ended:
        wanted = wanted.where(_key(actor, "stage") == filters.stage)
    if filters.project:
        wanted = wanted.where(_label(actor, "project") == filters.project)
    if filters.vintage:
        wanted = wanted.where(_label(actor, "vintage") == int(filters.vintage))
    return wanted.order_by(Parcel.code)


def group_counts(session: Session, actor: Actor, filters: Filters, by: str) -> dict[str, int]:
    """Number of filtered parcels by the key of their group (kind, stage, project code or vintage).

    Without a project or a vintage the key is empty. The numbers sum to all filtered parcels.
    """
    keyed = parcels(actor, filters).order_by(None).with_only_columns(_key(actor, by).label("key")).subquery()
    rows = session.execute(sa.select(keyed.c.key, sa.func.count()).group_by(keyed.c.key))
    return {"" if key is None else str(key): count for key, count in rows}


def values_shown(session: Session, actor: Actor, name: str) -> list[Any]:
    """What the label ``name`` (project, vintage) says of registered parcels the caller sees, sorted."""
    here = in_scope(Parcel.county_code, actor), Parcel.status == REGISTERED
    shown = sa.select(_label(actor, name).label("value")).where(*here).subquery()
    values = sa.select(shown.c.value).where(shown.c.value.is_not(None)).distinct()
    return list(session.scalars(values.order_by(shown.c.value)))


def labels_of(session: Session, actor: Actor, found: list[Parcel]) -> dict[int, tuple[str | None, str]]:
    """(project code, stage) of each of these parcels by id."""
    columns = (Parcel.id, _key(actor, "project"), _key(actor, "stage"))
    rows = session.execute(sa.select(*columns).where(Parcel.id.in_([one.id for one in found])))
    return {parcel_id: (project, stage) for parcel_id, project, stage in rows}


def tickets_of(session: Session, parcel_id: int) -> list[Any]:
    """(batch, first, last): the numbered kilograms that come from a parcel, newest vintage first."""
    statement = (
        sa.select(CreditBatch, BatchShare.first, BatchShare.last)
        .join(BatchShare, BatchShare.batch_id == CreditBatch.id)
        .where(BatchShare.parcel_id == parcel_id)
        .order_by(CreditBatch.vintage.desc(), CreditBatch.id)
    )
    return list(session.execute(statement))


def runs_of(session: Session, actor: Actor, parcel_id: int) -> list[Any]:
    """(run, net_t) of a parcel in the runs the caller may see, newest first."""
    statement = (
        visible_runs(actor)
        .add_columns(RunRow.net_t)
        .join(RunRow, RunRow.run_id == AssessmentRun.id)
        .where(RunRow.parcel_id == parcel_id)
    )
    return list(session.execute(statement))


def summary(session: Session, actor: Actor, filters: Filters) -> list[Any]:
    """Of each county and township: code, number of parcels, m², and the middle of its parcels' boxes.

    For filters the tiles' own numbers do not know. Counties have codes of 6 digits, townships of 9.
    """
    wanted = parcels(actor, filters).order_by(None).subquery()
    lon = sa.func.avg((wanted.c.min_lon + wanted.c.max_lon) / 2)
    lat = sa.func.avg((wanted.c.min_lat + wanted.c.max_lat) / 2)
    figures = (sa.func.count(), sa.func.sum(wanted.c.area_m2), lon, lat)
    rows: list[Any] = []
    for code in (wanted.c.county_code, wanted.c.township_code):
        rows += session.execute(sa.select(code, *figures).group_by(code).order_by(code)).all()
    return rows
