"""What a project may be: kinds of land, pools, periods, and the words when something does not fit.

Values in, values out. A period is half-open like everywhere in the methodologies: ``start`` is its first
day, ``end`` the first day after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from carbon_platform.errors import PlatformError

PARCELS_NAMED_MAX = 20
INCLUSION, CCER = "inclusion", "ccer"
CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
KINDS_ZH = {"camellia": "油茶", "rice": "水田", "tea": "茶园", "forest": "林地"}
KINDS_EN = {"camellia": "camellia", "rice": "paddy", "tea": "tea", "forest": "forest"}


@dataclass(frozen=True)
class LandUse:
    """Which parcels a methodology takes, and what of the land it claims (``pool``).

    Two projects may share a parcel only when they claim different pools; nothing is claimed twice.
    ``scheme`` is whose units they become: the city issues those of the inclusion scheme, never CCER.
    """

    kind: str
    pool: str
    scheme: str = INCLUSION


# By methodology id, whatever its version: a new version claims the same carbon.
LAND_USES: dict[str, LandUse] = {
    "camellia_oil": LandUse(kind="camellia", pool="biomass"),
    "ratoon_rice": LandUse(kind="rice", pool="soil_ch4"),
    "tea_garden": LandUse(kind="tea", pool="biomass"),
    "ccer_afforestation": LandUse(kind="forest", pool="biomass", scheme=CCER),
}


class UnknownMethodology(PlatformError):
    code, status = "projects.unknown_methodology", 422
    zh = "没有方法学 {key}。可选：{known}。"
    en = "There is no methodology {key}. Choose one of: {known}."


class SchemeMismatch(PlatformError):
    code, status = "projects.scheme_mismatch", 422
    zh = "方法学 {key} 属于 {expected} 机制，不能按 {scheme} 立项。请去掉 scheme 或改为 {expected}。"
    en = "Methodology {key} belongs to scheme {expected}, not {scheme}. Leave scheme out or give {expected}."


class MethodologyWithoutLand(PlatformError):
    """Also a methodology of acts or facilities: those do not make a parcel project."""

    code, status = "projects.methodology_without_land", 422
    zh = "方法学 {key} 不是按地块核算的，不能建地块项目。可选：{known}。"
    en = "Methodology {key} does not assess parcels. Choose one of: {known}."


class PeriodReversed(PlatformError):
    code, status = "projects.period_reversed", 422
    zh = "结束日期 {end} 不晚于开始日期 {start}。结束日期是期间之后的第一天，请改正。"
    en = (
        "The end {end} is not after the start {start}. The end is the first day after the period; correct it."
    )


class PeriodOutsideCrediting(PlatformError):
    code, status = "projects.period_outside_crediting", 422
    zh = "监测期 {start} 至 {end} 不在项目计入期 {first} 至 {last} 之内。请改监测期。"
    en = "The period {start} – {end} is not inside the crediting period {first} – {last}. Change the period."


class RegionOutsideScope(PlatformError):
    code, status = "projects.region_outside_scope", 422
    zh = "行政区 {region} 不在您的管辖范围（{scope}）内，或不是市、县。请改项目的行政区。"
    en = "Region {region} is outside your scope ({scope}) or is no city or county. Choose another."


class NoOrganisation(PlatformError):
    code, status = "projects.no_organisation", 422
    zh = "您的账户没有所属机构，项目必须有业主。请管理员把账户挂到机构下。"
    en = "Your account belongs to no organisation, and a project needs an owner. Ask the administrator."


class NotTheOwner(PlatformError):
    code, status = "projects.not_the_owner", 403
    zh = "项目 {project} 属于另一家机构，只有业主能改。"
    en = "Project {project} belongs to another organisation; only its owner may change it."


class ParcelsRefused(PlatformError):
    code, status = "projects.parcels_refused", 409
    zh = "有 {count} 块地不能加入项目 {project}，一块也没有加。请先处理下列地块。"
    en = "{count} parcels cannot join project {project}; none was added. Settle these first."


class NotMembers(PlatformError):
    code, status = "projects.not_members", 409
    zh = "有 {count} 块地不在项目 {project} 中，一块也没有移出。请核对编号。"
    en = "{count} parcels are not in project {project}; none was taken out. Check the numbers."


class NoParcels(PlatformError):
    code, status = "projects.no_parcels", 422
    zh = "没有符合条件的地块（{what}）。请先导入地块，或改选择条件。"
    en = "No parcel matches ({what}). Import parcels first or change the selection."


class MonitoringRefused(PlatformError):
    """``errors`` lists each finding with parcel (``row``), field, value, unit and range."""

    code, status = "projects.monitoring_refused", 422
    zh = "监测数据有 {count} 处问题，什么都没有存。请按行改正后重新上传。"
    en = (
        "The monitoring data have {count} problems; nothing was stored. Correct the rows and send them again."
    )


class MonitoringMissing(PlatformError):
    code, status = "projects.monitoring_missing", 409
    zh = "监测期 {start} 至 {end} 还有 {count} 块地没有监测数据：{parcels}。请先上传。"
    en = "{count} parcels have no monitoring data for {start} – {end}: {parcels}. Upload them first."


class MethodologyRefused(PlatformError):
    """What a methodology says when it cannot run on this input, in its own words."""

    code, status = "projects.methodology_refused", 422
    zh = "{zh}"
    en = "{en}"


def local_date(moment: datetime) -> date:
    """The day in Xinyang (UTC+8, no summer time) at an aware moment."""
    return moment.astimezone(CHINA).date()


def land_use(methodology_key: str) -> LandUse | None:
    """Land use of ``camellia_oil_v1`` or of any other version; None for what is not about parcels."""
    return LAND_USES.get(methodology_key.rpartition("_v")[0])


def check_methodology(key: str, known: Iterable[str]) -> LandUse:
    """The land use of a methodology on which a project may stand.

    Errors: :class:`UnknownMethodology`, :class:`MethodologyWithoutLand`.
    """
    known = sorted(known)
    if key not in known:
        raise UnknownMethodology(key=key, known="、".join(known))
    use = land_use(key)
    if use is None:
        raise MethodologyWithoutLand(key=key, known="、".join(k for k in known if land_use(k)))
    return use


def check_period(start: date, end: date) -> None:
    if end <= start:
        raise PeriodReversed(start=start.isoformat(), end=end.isoformat())


def check_inside_crediting(start: date, end: date, first: date, last: date) -> None:
    """Refuse a period that is reversed or not wholly inside ``[first, last)``."""
    check_period(start, end)
    if start < first or end > last:
        raise PeriodOutsideCrediting(
            start=start.isoformat(), end=end.isoformat(), first=first.isoformat(), last=last.isoformat()
        )


def is_inside(region_code: str, county_code: str) -> bool:
    """Whether a parcel's county lies in the project's region (``4115`` holds ``411522``)."""
    return county_code.startswith(region_code)


def name_some(codes: Sequence[str]) -> str:
    """The first twenty, and how many more."""
    named = "、".join(codes[:PARCELS_NAMED_MAX])
    more = len(codes) - PARCELS_NAMED_MAX
    return f"{named} …（另 {more}）" if more > 0 else named


def refusal(code: str, parcel: str, zh: str, en: str) -> dict[str, Any]:
    """One finding about one parcel, in the shape problem+json lists."""
    return {"code": code, "row": parcel, "field": "parcel_code", "value": parcel, "zh": zh, "en": en}


def judge_parcel(
    *, code: str, kind: str, county_code: str, status: str, use: LandUse, region_code: str, other: str | None
) -> dict[str, Any] | None:
    """Why a parcel may not join, or None. ``other``: code of an active project claiming the same pool."""
    if status != "registered":
        return refusal(
            "projects.parcel_not_registered",
            code,
            f"地块 {code} 已不在册（{status}），不能加入项目。",
            f"Parcel {code} is no longer registered ({status}).",
        )
    if kind != use.kind:
        needed, found = KINDS_ZH.get(use.kind, use.kind), KINDS_ZH.get(kind, kind)
        needed_en, found_en = KINDS_EN.get(use.kind, use.kind), KINDS_EN.get(kind, kind)
        return refusal(
            "projects.parcel_of_other_kind",
            code,
            f"地块 {code} 是{found}，这个项目的方法学只收{needed}。",
            f"Parcel {code} is {found_en}; the methodology of this project takes {needed_en}.",
        )
    if not is_inside(region_code, county_code):
        return refusal(
            "projects.parcel_outside_project",
            code,
            f"地块 {code} 在 {county_code}，不在项目的行政区 {region_code} 内。",
            f"Parcel {code} lies in {county_code}, outside the project's region {region_code}.",
        )
    if other is not None:
        return refusal(
            "projects.parcel_in_other_project",
            code,
            f"地块 {code} 已在项目 {other} 中核算同一碳库（{use.pool}），同一块地不能算两次。"
            f"请去掉它，或问 {other} 的业主。",
            f"Parcel {code} is in project {other}, which claims the same pool ({use.pool}); land is never "
            f"counted twice. Leave it out, or ask the owner of {other}.",
        )
    return None


def readings_of(columns: Iterable[Any], cells: dict[str, str]) -> dict[str, Any]:
    """One CSV line as typed values, by the methodology's declared column kinds; empty cells are left out.

    What cannot be read stays text, so that the methodology's own check names it.
    """
    kinds = {column.name: column.kind for column in columns}
    values: dict[str, Any] = {}
    for name, text in cells.items():
        text = text.strip()
        if text:
            values[name] = _reading(kinds.get(name, "text"), text)
    return values


def _reading(kind: str, text: str) -> Any:
    if kind in {"float", "int"}:
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if kind == "int" and number.is_integer() else number
    if kind == "bool":
        return {"true": True, "1": True, "是": True, "false": False, "0": False, "否": False}.get(
            text.lower(), text
        )
    return text


def clean(values: dict[str, Any]) -> dict[str, Any]:
    """Values without empty ones (null, NaN): absent and empty are the same thing, and JSON has no NaN."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and not (isinstance(value, float) and value != value)
    }
