"""Load and look up regions and development batches."""

from __future__ import annotations

import csv
import json
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.regions.rules import LEVELS, PARENT_LENGTH
from carbon_platform.regions.tables import DevelopmentBatch, Region, RegionBoundary, RegionChange
from gis import counties

DATA = Path(__file__).with_name("data")


@cache
def plan() -> dict[str, Any]:
    """The plan's batches and names, as committed in ``data/plan.toml``."""
    return tomllib.loads((DATA / "plan.toml").read_text(encoding="utf-8"))


def load_reference(session: Session) -> int:
    """Insert missing regions and refresh the batches from the data files. Returns the region count."""
    batch_of = {}
    for row in plan()["batch"]:
        counties = row["counties"]
        batch_of |= dict.fromkeys(counties, row["number"])
        values = {key: row[key] for key in ("number", "name_zh", "starts_on", "years", "revenue_target_fen")}
        session.merge(DevelopmentBatch(**values, source=plan()["source"]))
    session.flush()
    known = set(session.scalars(sa.select(Region.code)))
    rows = [(code, zh, en, code[: PARENT_LENGTH[len(code)]]) for code, (zh, en) in plan()["names"].items()]
    for name in ("townships.csv", "villages.csv"):
        rows += [(row["code"], row["name_zh"], "", row["parent_code"]) for row in _read(DATA / name)]
    new = [
        {
            "code": code,
            "name_zh": zh,
            "name_en": en,
            "level": LEVELS[len(code)],
            "parent_code": parent,
            "valid_from": plan()["valid_from"],
            "source": plan()["source"],
            "batch_number": batch_of.get(code),
        }
        for code, zh, en, parent in rows
        if code not in known
    ]
    if new:
        session.execute(sa.insert(Region), new)
    return len(rows)


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def get_region(session: Session, code: str) -> Region:
    region = session.get(Region, code)
    if region is None:
        raise NotFound(what="行政区", key=code)
    return region


def changes_of(session: Session, code: str) -> list[RegionChange]:
    """What imported lists did to a region, newest first."""
    statement = sa.select(RegionChange).filter_by(code=code)
    return list(session.scalars(statement.order_by(RegionChange.effective_on.desc(), RegionChange.id.desc())))


def borders_of(session: Session, code: str) -> list[RegionBoundary]:
    """Imported borders of a region, newest first."""
    statement = sa.select(RegionBoundary).filter_by(code=code)
    return list(session.scalars(statement.order_by(RegionBoundary.valid_from.desc())))


def region_names(session: Session, codes: set[str]) -> dict[str, str]:
    """Chinese names by code."""
    rows = session.execute(sa.select(Region.code, Region.name_zh).where(Region.code.in_(codes)))
    return dict(rows.all())


def list_counties(session: Session, within: str | None = None) -> list[Region]:
    """Counties in code order: those of the plan, or every one on record whose code begins with ``within``."""
    statement = sa.select(Region).where(Region.level == "county").order_by(Region.code)
    if within is None:
        return list(session.scalars(statement.where(Region.batch_number.is_not(None))))
    return list(session.scalars(statement.where(Region.code.startswith(within, autoescape=True))))


def regions_statement(
    *, level: str | None = None, within: str = "", on: date | None = None
) -> sa.Select[Any]:
    """Regions by code: of one level, in one region, valid on a day."""
    statement = sa.select(Region).order_by(Region.code)
    if level:
        statement = statement.where(Region.level == level)
    if within:
        statement = statement.where(Region.code.startswith(within, autoescape=True))
    if on is not None:
        began, ended = Region.valid_from <= on, Region.valid_to <= on
        statement = statement.where(began, sa.or_(Region.valid_to.is_(None), sa.not_(ended)))
    return statement


def list_batches(session: Session) -> list[DevelopmentBatch]:
    return list(session.scalars(sa.select(DevelopmentBatch).order_by(DevelopmentBatch.number)))


def county_name(code: str) -> str:
    """Name of a county of the plan without a database; a code of another city comes back as it is, for which
    :func:`region_names` has the name."""
    names = plan()["names"].get(code[:6])
    return code[:6] if names is None else names[0]


@cache
def outline_geojson() -> str:
    """Simplified county outlines with names and batch numbers, as GeoJSON text."""
    batch_of = {code: row["number"] for row in plan()["batch"] for code in row["counties"]}
    outlines = json.loads((counties.DATA / "xinyang_counties_outline.geojson").read_text(encoding="utf-8"))
    for feature in outlines["features"]:
        feature["properties"]["batch_number"] = batch_of[feature["properties"]["code"]]
    return json.dumps(outlines, ensure_ascii=False, separators=(",", ":"))
