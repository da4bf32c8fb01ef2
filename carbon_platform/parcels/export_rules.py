"""Rules of exports: what a file may hold, when a second person is due, what a cell may be. Values only."""

from __future__ import annotations

import hashlib
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from carbon_platform.errors import PlatformError
from carbon_platform.parcels.reference import DATA

FORMATS: Final = {
    "gpkg": ("GeoPackage", "application/geopackage+sqlite3", "gpkg"),
    "shp": ("Shapefile (zip, GBK)", "application/zip", "zip"),
    "geojson": ("GeoJSON", "application/geo+json", "geojson"),
    "csv": ("CSV", "text/csv", "csv"),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
}
ORIGINAL: Final = 0  # instead of an EPSG code: coordinates as they came in
SYSTEMS: Final = (4490, 4526, 4527, 4547, 4548, ORIGINAL)
# What begins a formula in some spreadsheet.
_FORMULA: Final = ("=", "+", "-", "@")


class ExportEmpty(PlatformError):
    code, status = "parcels.export_empty", 422
    zh = "没有一块地符合条件，没有可导出的。请改条件。"
    en = "No parcel fits the conditions, so there is nothing to export. Change them."


class ExportTooLarge(PlatformError):
    code, status = "parcels.export_too_large", 422
    zh = "符合条件的有 {rows} 块地，一个文件最多 {limit} 块。请按县区分开导出。"
    en = "{rows} parcels fit; one file holds at most {limit}. Export county by county."


class ExportMixedSystems(PlatformError):
    code, status = "parcels.export_mixed_systems", 422
    zh = "这些地块的原件用了不同的坐标系（{systems}），不能放进一个文件。请选定一个坐标系。"
    en = "These parcels came in different coordinate systems ({systems}); choose one for the file."


class ExportNotReady(PlatformError):
    code, status = "parcels.export_not_ready", 409
    zh = "导出 {number} 还要第二个人批准，现在不能下载。"
    en = "Export {number} awaits a second person's approval and cannot be fetched yet."


class ExportRefused(PlatformError):
    code, status = "parcels.export_refused", 409
    zh = "导出 {number} 没有获批：{note}"
    en = "Export {number} was refused: {note}"


class ExportExpired(PlatformError):
    code, status = "parcels.export_expired", 410
    zh = "导出 {number} 只到 {until} 有效。请重新申请。"
    en = "Export {number} was good until {until}. Ask anew."


class ExportChanged(PlatformError):
    code, status = "parcels.export_changed", 409
    zh = "导出 {number} 申请之后，其中的地块有变化，和批准的不再一样。请重新申请。"
    en = "Parcels of export {number} have changed since it was asked for. Ask anew."


class SamePerson(PlatformError):
    code, status = "parcels.export_same_person", 403
    zh = "导出 {number} 是您自己申请的，要由另一个人批准。"
    en = "You asked for export {number} yourself; another person must decide."


class AlreadyDecided(PlatformError):
    code, status = "parcels.export_decided", 409
    zh = "导出 {number} 不用再批：{state}。"
    en = "Export {number} needs no decision any more: {state_en}."


@dataclass(frozen=True)
class ExportLimits:
    """Limits of ``data/exports.toml``; unit, source and status of each stand there."""

    approval_area_km2: float
    approval_rows: float
    window_days: float
    ready_days: float
    most_rows: float


@dataclass(frozen=True)
class Field:
    """One column: ``name`` in GeoJSON, ``bureau`` (at most 10 letters) in GPKG and shapefiles."""

    name: str
    bureau: str
    zh: str
    kind: str = "text"


# Names beginning with XY_ are the register's own; the others are those of the bureaus' tables and hold what
# those said, so that a file that comes back is recognised, row by row, as what it was.
# Without right holders, witnesses, certificates and free remarks: those are personal data or may hold some.
FIELDS: Final = (
    Field("code", "XY_BH", "地块编号"),
    Field("kind", "XY_ZY", "资源"),
    Field("county_code", "XIAN", "县区代码"),
    Field("county", "XIAN_MC", "县区"),
    Field("township", "XIANG", "乡镇（原件）"),
    Field("village", "CUN", "村（原件）"),
    Field("township_code", "XY_XIANG", "乡镇代码"),
    Field("village_code", "XY_CUN", "村代码"),
    Field("compartment", "LIN_BAN", "林班号"),
    Field("sub_compartment", "XIAO_BAN", "小班号"),
    Field("sub_sub_compartment", "XI_BAN", "细班号"),
    Field("parcel_code", "DKBM", "承包地块编码"),
    Field("parcel_name", "DKMC", "承包地块名称"),
    Field("feature_code", "BSM", "标识码"),
    Field("land_class_code", "DI_LEI", "地类代码"),
    Field("contract_land_class", "TDLYLX", "土地利用类型"),
    Field("species_code", "YOU_SHI_SZ", "优势树种代码"),
    Field("species_zh", "SZ_MC", "优势树种"),
    Field("origin", "QI_YUAN", "起源"),
    Field("forest_use", "LIN_ZHONG", "林种"),
    Field("stated_area_ha", "MIAN_JI", "登记面积（公顷，小班）", "real"),
    Field("contract_area_m2", "SCMJ", "登记面积（平方米，承包地块）", "real"),
    Field("stated_area_m2", "XY_DJ_M2", "登记面积（平方米）", "real"),
    Field("area_m2", "XY_MJ_M2", "面积（平方米）", "real"),
    Field("area_ha", "XY_MJ_HA", "面积（公顷）", "real"),
    Field("area_mu", "XY_MJ_MU", "面积（亩）", "real"),
    Field("planting_year", "XY_ZLNF", "栽植年份", "integer"),
    Field("status", "XY_ZT", "状态"),
    Field("valid_from", "XY_QI", "登记日期"),
    Field("valid_to", "XY_ZHI", "终止日期"),
    Field("source_epsg", "XY_EPSG", "原件坐标系", "integer"),
    Field("lon", "LON", "点经度", "real"),
    Field("lat", "LAT", "点纬度", "real"),
)
# Only in tables, which have no shapes of their own.
TABLE_ONLY: Final = frozenset({"lon", "lat"})
# Left out of a file in which no row has one.
_OPTIONAL: Final = frozenset(
    {
        "compartment", "sub_compartment", "sub_sub_compartment", "parcel_code", "parcel_name", "feature_code",
        "land_class_code", "contract_land_class", "species_code", "species_zh", "origin", "forest_use",
        "stated_area_ha", "contract_area_m2",
    }
)  # fmt: skip


@cache
def limits() -> ExportLimits:
    data = tomllib.loads((DATA / "exports.toml").read_text(encoding="utf-8"))
    return ExportLimits(**{name: float(row["value"]) for name, row in data.items() if isinstance(row, dict)})


def approval_reasons(
    rows: int, area_m2: float, recent_area_m2: float, given: ExportLimits
) -> list[dict[str, Any]]:
    """Why a second person is due: ``[]`` when nobody is.

    ``recent_area_m2``: what the same person asked for within the window before; large areas do not become
    small ones by being fetched in pieces.
    """
    found = []
    limit_m2 = given.approval_area_km2 * 1e6
    if area_m2 > limit_m2:
        found.append(_reason("area", area_m2 / 1e6, given.approval_area_km2, "km2"))
    elif area_m2 + recent_area_m2 > limit_m2:
        found.append(_reason("recent", (area_m2 + recent_area_m2) / 1e6, given.approval_area_km2, "km2"))
    if rows > given.approval_rows:
        found.append(_reason("rows", rows, given.approval_rows, "parcels"))
    return found


def _reason(code: str, value: float, limit: float, unit: str) -> dict[str, Any]:
    return {"code": code, "value": round(value, 4), "limit": limit, "unit": unit}


def content_digest(parcels: Iterable[Sequence[Any]]) -> str:
    """SHA-256 over (code, geometry bytes, every other value as text) of each parcel, in the order given."""
    whole = hashlib.sha256()
    for parcel in parcels:
        for value in parcel:
            data = value if isinstance(value, bytes) else repr(value).encode()
            whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


def used_fields(rows: Sequence[Mapping[str, Any]], *, table: bool) -> list[Field]:
    """The columns of a file: all but optional ones without a single value, points only in tables."""
    return [
        field
        for field in FIELDS
        if (table or field.name not in TABLE_ONLY)
        and (field.name not in _OPTIONAL or any(row[field.name] for row in rows))
    ]


def safe_text(value: Any) -> Any:
    """A CSV cell no spreadsheet takes for a formula: a leading ' defuses it. Numbers stay numbers.

    Judged in normal width and behind leading blanks, invisible ones too: some programs take ＝ for =.
    """
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFKC", value)
    start = next((c for c in plain if not c.isspace() and unicodedata.category(c) != "Cf"), "")
    return f"'{value}" if start in _FORMULA or plain.startswith(("\t", "\r")) else value
