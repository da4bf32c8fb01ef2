"""Borders of counties: the ones that come with the house, and those an operator loads in their place.

    flask --app wsgi regions boundaries XZQ.zip --source "2024 年度国土变更调查 XZQ" --valid-from 2025-01-01

The bureau's 行政区 (XZQ) layer replaces the built-in outlines of its city; a partner city brings its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.regions.rules import fault, normal_code, refused
from carbon_platform.regions.tables import Region, RegionBoundary
from gis.counties import Counties, load_counties
from gis.crs import to_lonlat
from gis.geometry import check_geometries
from gis.measure import ellipsoidal_area_m2
from gis.vector_files import VectorLayer

CODE_FIELDS: Final = ("XZQDM", "XZQHDM", "XZDM", "PAC", "ADCODE", "CODE", "XIAN")
# Borders digitised one by one leave slivers; more than this share of the smaller county is a wrong border.
OVERLAP_SHARE_MAX: Final = 0.001


def boundaries_of(layer: VectorLayer, code_field: str | None = None) -> dict[str, Any]:
    """Code → polygon (CGCS2000 degrees) of the layer; several rows of one code are joined.

    Errors: ``RegionsRefused`` for a missing code column, a code that is none, an unusable shape, counties
    that lie on each other.
    """
    frame = layer.frame
    column = _code_column([str(name) for name in frame.columns], code_field)
    check = check_geometries(to_lonlat(np.asarray(frame.geometry.array, dtype=object), layer.epsg))
    faults: list[dict[str, Any]] = []
    parts: dict[str, list[Any]] = {}
    for row, (text, shape, zh, en) in enumerate(
        zip(frame[column], check.geoms, check.rows["zh"], check.rows["en"], strict=True), start=1
    ):
        code = normal_code(_digits(text))
        if not code:
            words = (
                f"第 {row} 行的 {column}「{text}」不是区划代码。",
                f"Row {row}: {column} “{text}” is no code.",
            )
            faults.append(fault(row, column, text, *words))
        elif shape is None:
            faults.append(fault(row, "geometry", code, f"第 {row} 行：{zh}", f"Row {row}: {en}"))
        else:
            parts.setdefault(code, []).append(shape)
    if faults:
        raise refused(faults)
    found = {code: shapely.union_all(shapes) for code, shapes in sorted(parts.items())}
    _check_apart(found)
    return found


def _digits(value: Any) -> str:
    """DBF readers give codes as numbers: 341502.0."""
    if isinstance(value, float):
        return "" if pd.isna(value) else str(int(value))
    return str(value)


def _code_column(names: list[str], wanted: str | None) -> str:
    by_upper = {name.upper(): name for name in names}
    for name in (wanted,) if wanted else CODE_FIELDS:
        if name.upper() in by_upper:
            return by_upper[name.upper()]
    shown = wanted or "、".join(CODE_FIELDS)
    zh = f"图层没有区划代码字段（{shown}）。请用 --code-field 指明。现有字段：{'、'.join(names)[:200]}"
    en = f"The layer has no code field ({shown}). Name it with --code-field. Fields: {', '.join(names)[:200]}"
    raise refused([fault(0, "code", shown, zh, en)])


def _check_apart(found: Mapping[str, Any]) -> None:
    codes = [code for code in found if len(code) == 6]
    shapes = np.array([found[code] for code in codes], dtype=object)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    faults = []
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        if a >= b:
            continue
        shared = float(ellipsoidal_area_m2([shapely.intersection(shapes[a], shapes[b])])[0])
        share = shared / min(ellipsoidal_area_m2(shapes[[a, b]]))
        if share > OVERLAP_SHARE_MAX:
            zh = f"{codes[a]} 与 {codes[b]} 重叠 {shared / 1e6:.2f} 平方公里（{share:.2%}，上限 0.1%）。"
            en = f"{codes[a]} and {codes[b]} overlap by {shared / 1e6:.2f} km² ({share:.2%}; limit 0.1%)."
            faults.append(fault(0, "geometry", codes[a], zh, en))
    if faults:
        raise refused(faults)


def import_boundaries(
    session: Session,
    found: Mapping[str, Any],
    *,
    valid_from: date,
    source: str,
    map_approval: str,
    file_sha256: str,
    by: str,
    now: datetime,
) -> int:
    """Store borders from a day on; the same file for the same day again changes nothing. Returns their count.

    A city's counties come together: the list of regions says which are due.

    Errors: ``RegionsRefused`` for codes not on record, counties missing, another file for the same day.
    """
    serialise(session, "regions")
    faults = [
        *(
            []
            if source.strip()
            else [fault(0, "source", "", "请写明来源。", "Say where the layer comes from.")]
        ),
        *_unknown(session, found),
        *_incomplete(session, found, valid_from),
    ]
    if faults:
        raise refused(faults)
    on_file = sa.select(RegionBoundary.code, RegionBoundary.file_sha256).where(
        RegionBoundary.code.in_(list(found)), RegionBoundary.valid_from == valid_from
    )
    present = dict(session.execute(on_file).all())
    other = sorted(code for code, digest in present.items() if digest != file_sha256)
    if other:
        zh = f"{other[0]} 在 {valid_from} 已有另一份界线。界线不能覆盖，请换一个生效日。"
        en = f"{other[0]} has another border from {valid_from} on. Borders stay: choose another day."
        raise refused([fault(0, "valid_from", valid_from, zh, en)])
    new = [
        {
            "code": code,
            "geometry": shapely.to_wkb(shape),
            "valid_from": valid_from,
            "source": source.strip(),
            "map_approval": map_approval.strip(),
            "file_sha256": file_sha256,
            "recorded_by": by,
            "recorded_at": now,
        }
        for code, shape in found.items()
        if code not in present
    ]
    if new:
        session.execute(sa.insert(RegionBoundary), new)
    return len(new)


def _unknown(session: Session, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = set(session.scalars(sa.select(Region.code).where(Region.code.in_(list(found)))))
    return [
        fault(
            0,
            "code",
            code,
            f"{code} 不在区划表里。请先导入区划表（regions import）。",
            f"{code} is not on record. Import the list of regions first (regions import).",
        )
        for code in found
        if code not in known
    ]


def _incomplete(session: Session, found: Mapping[str, Any], day: date) -> list[dict[str, Any]]:
    cities = sorted({code[:4] for code in found if len(code) == 6})
    due = sa.select(Region.code).where(
        Region.level == "county",
        Region.parent_code.in_(cities),
        Region.valid_from <= day,
        sa.or_(Region.valid_to.is_(None), Region.valid_to > day),
    )
    missing = sorted(set(session.scalars(due)) - set(found))
    if not missing:
        return []
    names = "、".join(missing)
    zh = f"缺少 {len(missing)} 个县区的界线：{names}。一个市的县界要一起导入，否则边上的地块会算到邻县。"
    en = f"Borders of {len(missing)} counties are missing: {', '.join(missing)}. A city's come together."
    return [fault(0, "code", names, zh, en)]


def coverage(session: Session, *, on: date) -> Counties:
    """Counties with a border in force on a day: imported ones, and built-in ones of cities without any."""
    began = (
        sa.select(RegionBoundary.code, sa.func.max(RegionBoundary.valid_from).label("day"))
        .where(RegionBoundary.valid_from <= on, sa.func.length(RegionBoundary.code) == 6)
        .group_by(RegionBoundary.code)
        .subquery()
    )
    rows = session.execute(
        sa.select(RegionBoundary.code, RegionBoundary.geometry, Region.name_zh, Region.name_en)
        .join(
            began,
            sa.and_(RegionBoundary.code == began.c.code, RegionBoundary.valid_from == began.c.day),
        )
        .join(Region, Region.code == RegionBoundary.code)
        .where(sa.or_(Region.valid_to.is_(None), Region.valid_to > on))
        .order_by(RegionBoundary.code)
    ).all()
    built_in = load_counties()
    if not rows:
        return built_in
    cities = {row.code[:4] for row in rows}
    kept = [place for place, code in enumerate(built_in.codes) if code[:4] not in cities]
    merged = [
        *((built_in.codes[i], built_in.names_zh[i], built_in.names_en[i], built_in.geoms[i]) for i in kept),
        *(
            (row.code, row.name_zh, row.name_en or row.name_zh, shapely.from_wkb(row.geometry))
            for row in rows
        ),
    ]
    codes, zh, en, shapes = zip(*sorted(merged, key=lambda one: one[0]), strict=True)
    geoms = np.array(shapes, dtype=object)
    shapely.prepare(geoms)
    return Counties(codes, zh, en, geoms)
