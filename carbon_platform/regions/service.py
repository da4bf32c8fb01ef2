"""Load and look up regions and development batches."""

from __future__ import annotations

import csv
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.regions.tables import DevelopmentBatch, Region
from gis import counties

DATA = Path(__file__).with_name("data")
LEVELS = {2: "province", 4: "city", 6: "county", 9: "township", 12: "village"}


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
    rows = [(code, zh, en, code[: _parent_length(code)]) for code, (zh, en) in plan()["names"].items()]
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
            "batch_number": batch_of.get(code),
        }
        for code, zh, en, parent in rows
        if code not in known
    ]
    if new:
        session.execute(sa.insert(Region), new)
    return len(rows)


def _parent_length(code: str) -> int:
    return {2: 0, 4: 2, 6: 4, 9: 6, 12: 9}[len(code)]


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


def region_names(session: Session, codes: set[str]) -> dict[str, str]:
    """Chinese names by code."""
    rows = session.execute(sa.select(Region.code, Region.name_zh).where(Region.code.in_(codes)))
    return dict(rows.all())


def list_counties(session: Session) -> list[Region]:
    """The ten counties of the plan, in code order."""
    statement = sa.select(Region).where(Region.level == "county").order_by(Region.code)
    return list(session.scalars(statement))


def list_batches(session: Session) -> list[DevelopmentBatch]:
    return list(session.scalars(sa.select(DevelopmentBatch).order_by(DevelopmentBatch.number)))


def county_name(code: str) -> str:
    """Name of a county from the plan, without a database."""
    return plan()["names"][code[:6]][0]


@cache
def outline_geojson() -> str:
    """Simplified county outlines with names and batch numbers, as GeoJSON text."""
    batch_of = {code: row["number"] for row in plan()["batch"] for code in row["counties"]}
    outlines = json.loads((counties.DATA / "xinyang_counties_outline.geojson").read_text(encoding="utf-8"))
    for feature in outlines["features"]:
        feature["properties"]["batch_number"] = batch_of[feature["properties"]["code"]]
    return json.dumps(outlines, ensure_ascii=False, separators=(",", ":"))
