"""Rules of the parcel import: values in, values out.

What a row of an attribute table says (cleaning, codes, identity, kind), in which unit its areas are, and
which findings follow. Geometry is compared in :mod:`carbon_platform.parcels.staging`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from carbon_platform.errors import PlatformError
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.reference import PLAIN, Code, Family, Limits, code_list
from carbon_platform.units import m2_to_mu
from gis.geometry import SIGNATURE_AREA_M2, SIGNATURE_SHARE

Finding = dict[str, Any]

KINDS: Final = {
    "camellia": ("油茶", "camellia"),
    "rice": ("水稻", "rice"),
    "tea": ("茶", "tea"),
    "forest": ("林地", "forest"),
}
# What an area attribute holds per m² of land. 1 ha = 15 亩 exactly.
AREA_UNITS: Final = {"m2": 1.0, "ha": 1e-4, "mu": 0.0015}
UNIT_NAMES: Final = {"m2": ("平方米", "m²"), "ha": ("公顷", "ha"), "mu": ("亩", "mu")}
_FOREST_FAMILIES: Final = frozenset({"A", "B", "C"})


class FileRefused(PlatformError):
    """The file cannot be read as one layer of parcels; ``errors`` carries the reader's own code."""

    code, status = "parcels.file_refused", 422
    zh = "文件不能导入：{reason}"
    en = "The file cannot be imported: {reason_en}"


class SecondPersonNeeded(PlatformError):
    code, status = "parcels.second_person_needed", 403
    zh = "这些变更由 {who} 提出，须由另一人核准。"
    en = "These changes were proposed by {who}; another person has to approve them."


class ImportDeclined(PlatformError):
    code, status = "parcels.import_declined", 409
    zh = "导入 {id} 已被退回，不能再入库。请改好后重新上传。"
    en = "Import {id} was declined and cannot enter the register. Put it right and upload it again."


class ChangeRefused(PlatformError):
    code, status = "parcels.change_refused", 422
    zh = "这个变更不能提出：{reason}。"
    en = "This change cannot be proposed: {reason_en}."


class KindsDiffer(PlatformError):
    code, status = "parcels.kinds_differ", 422
    zh = "{codes} 不是同一种资源，不能合并。"
    en = "{codes} are of different kinds and cannot be joined."


class TooManyParcels(PlatformError):
    code, status = "parcels.too_many", 422
    zh = "超过 {limit} 块。请按县或资源分开导出。"
    en = "There are more than {limit} parcels. Export them by county or kind."


class EffectiveInFuture(PlatformError):
    code, status = "parcels.effective_in_future", 422
    zh = "生效日 {value} 晚于今天 {limit}。请填今天或以前的日期。"
    en = "The effective date {value} is after today, {limit}. Use today or an earlier day."


class UploadTooLarge(PlatformError):
    code, status = "parcels.upload_too_large", 413
    zh = "文件太大，上限 {limit_mb} MB。请按乡镇拆分后分次上传。"
    en = "The file is too large; the limit is {limit_mb} MB. Split it by township and upload the parts."


class AreaUnitUnclear(PlatformError):
    code, status = "parcels.area_unit_unclear", 422
    zh = (
        "面积字段 {field} 的单位看不出来：按最接近的单位（{unit_zh}）只能解释 {share:.0%} 的行，"
        "要求 {limit:.0%}。"
        "请统一成一种单位（公顷、亩或平方米）后再上传。"
    )
    en = (
        "The unit of the area column {field} is unclear: the nearest one ({unit_en}) explains {share:.0%} of "
        "the rows, {limit:.0%} are needed. Use one unit (ha, mu or m²) throughout."
    )


# --- attribute tables -----------------------------------------------------------------------------


def fold(name: str) -> str:
    """A column name as it is compared: NFKC, no blanks, upper case."""
    return unicodedata.normalize("NFKC", name).strip().upper()


def recognise(columns: Iterable[str], families: Iterable[Family]) -> Family:
    """The family of an attribute table by its marks; :data:`PLAIN` when none fits."""
    names = {fold(name) for name in columns}
    for family in families:
        if names.issuperset(family.all) and len(names.intersection(family.some)) >= family.some_at_least:
            return family
    return PLAIN


def clean(value: object, null_words: Collection[str]) -> str | None:
    """A cell as text: NFKC, stripped, whole numbers without ``.0``; words for "no value" become None."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFKC", str(value)).strip().strip("\x00")
    # A DBF field that overflowed is filled with asterisks.
    if text.upper() in null_words or (text and not text.strip("*")):
        return None
    return text


@lru_cache(maxsize=8192)
def number(text: str | None) -> float | None:
    """A cell as a finite number, or None. Thousands separators are taken off."""
    if text is None:
        return None
    try:
        value = float(text.replace(",", "").replace("，", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def find_code(text: str, table: Mapping[str, Code]) -> Code | None:
    """Look a code up, restoring leading zeros that a number column lost."""
    if text in table:
        return table[text]
    if text.isdigit():
        for width in sorted({len(code) for code in table if len(code) > len(text)}):
            if text.zfill(width) in table:
                return table[text.zfill(width)]
    return None


def find_species(text: str) -> Code | None:
    """Look a species up: by three-digit code, by its six-digit form padded with zeros, or by Chinese name."""
    table = code_list("YOU_SHI_SZ")
    if text in table:
        return table[text]
    if len(text) == 6 and text.isdigit():
        short = text[:3] if text.endswith("000") else text[3:] if text.startswith("000") else ""
        return table.get(short)
    return None


_LAND_CLASS_TABLES: Final = {
    "A": ("DI_LEI_4", "DI_LEI_6"),
    "B": ("DI_LEI_4", "DI_LEI_6"),
    "C": ("DI_LEI_6", "DLBM", "DI_LEI_4"),
    "DK": ("TDLYLX", "DLBM"),
    "DLTB": ("DLBM",),
}


def find_land_class(text: str, family_key: str) -> Code | None:
    """Look a land class up in the code systems the family may use; ``0201K`` is looked up as ``0201``."""
    bare = re.sub(r"(?<=\d)[A-Z]$", "", text.upper())
    for name in _LAND_CLASS_TABLES.get(family_key, ()):
        found = find_code(bare, code_list(name))
        if found:
            return found
    return None


# --- kind -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KindVerdict:
    """What a row is (None when that cannot be told), the codes it was read from, and what was found."""

    kind: str | None
    species_code: str = ""
    species_zh: str = ""
    land_class_code: str = ""
    findings: tuple[Finding, ...] = ()


def kind_of(
    family_key: str,
    species: str | None,
    land_class: str | None,
    *,
    hint: str | None,
    row: int,
    has_species: bool = True,
) -> KindVerdict:
    """Which kind of land a row is, by the code tables. An unknown code is refused, never "other".

    ``hint`` is what the sender says the file holds; it decides only where the codes leave it open.
    ``has_species``: whether the table has a column of species at all.
    """
    if family_key == PLAIN.key:
        return _declared_kind(hint, row)
    found = find_land_class(land_class, family_key) if land_class else None
    code = found.code if found else (land_class or "")

    def refused(reason: str, field: str, value: str, **values: Any) -> KindVerdict:
        return KindVerdict(
            None,
            land_class_code=code,
            findings=(finding(reason, row=row, field=field, value=value, **values),),
        )

    if not land_class:
        return refused("land_class_missing", "land_class", "")
    if not found:
        return refused("land_class_unknown", "land_class", land_class)
    if not found.kinds:
        name = f"{found.code} {found.name_zh}"
        return refused(
            "land_class_not_eligible", "land_class", name, value_en=f"{found.code} {found.name_en}"
        )
    if found.kinds == ("forest",) and family_key in _FOREST_FAMILIES and not (found.treeless and not species):
        if species or has_species:
            verdict = _kind_by_species(species, code, hint, row)
        else:
            verdict = replace(_declared_kind(hint, row), land_class_code=code)
    else:
        verdict = KindVerdict(found.kinds[0], land_class_code=code)
    if verdict.kind and hint and verdict.kind != hint:
        zh, en = KINDS[verdict.kind]
        limit_zh, limit_en = KINDS[hint]
        return refused("kind_mismatch", "kind", zh, value_en=en, limit=limit_zh, limit_en=limit_en)
    return verdict


def _declared_kind(hint: str | None, row: int) -> KindVerdict:
    if hint is None:
        return KindVerdict(None, findings=(finding("kind_unknown", row=row, field="kind"),))
    zh, en = KINDS[hint]
    return KindVerdict(
        hint, findings=(finding("kind_declared", row=row, field="kind", limit=zh, limit_en=en),)
    )


def _kind_by_species(species: str | None, land_class: str, hint: str | None, row: int) -> KindVerdict:
    def verdict(kind: str | None, found: Code | None, *findings: Finding) -> KindVerdict:
        names = (found.code, found.name_zh) if found else ("", "")
        return KindVerdict(kind, *names, land_class_code=land_class, findings=findings)

    if not species:
        return verdict(None, None, finding("species_missing", row=row, field="species"))
    found = find_species(species)
    if found is None:
        return verdict(None, None, finding("species_unknown", row=row, field="species", value=species))
    if len(found.kinds) == 1:
        return verdict(found.kinds[0], found)
    if hint in found.kinds:
        zh, en = KINDS[hint]
        declared = finding("species_declared", row=row, field="species", value=species, limit=zh, limit_en=en)
        return verdict(hint, found, declared)
    unclear = finding(
        "species_ambiguous",
        row=row,
        field="species",
        value=species,
        limit=found.name_zh,
        limit_en=found.name_en,
    )
    return verdict(None, found, unclear)


# --- areas ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AreaUnit:
    """Unit of a layer's area attribute, and per row the unit it was typed in (the same, but for slips).

    ``stated_m2``: the attribute in m², NaN where there is none.
    """

    unit: str
    row_units: list[str]
    stated_m2: NDArray[np.float64]


def infer_area_unit(
    stated: NDArray[np.float64], measured_m2: NDArray[np.float64], limits: Limits, *, field: str
) -> AreaUnit | None:
    """The unit of an area attribute, from the median of attribute ÷ measured m² (1, 1e-4 or 0.0015).

    A row is explained by the layer's unit when it is within a factor of two of it. A row that is not,
    but fits another unit within 20 %, was typed in that one. None when no row has an area.

    Errors: :class:`AreaUnitUnclear` when fewer than 95 % are explained (any layer may have two odd rows).
    """
    usable = np.isfinite(stated) & (stated > 0) & (measured_m2 > 0)
    if not usable.any():
        return None
    ratio = np.where(usable, stated, 1.0) / np.where(usable, measured_m2, 1.0)
    median = float(np.median(ratio[usable]))
    unit = min(AREA_UNITS, key=lambda name: abs(math.log(median / AREA_UNITS[name])))
    off = np.abs(np.log(ratio / AREA_UNITS[unit]))
    odd = usable & (off > math.log(2))
    count = int(usable.sum())
    if odd.sum() > max(limits.unit_odd_rows, (1 - limits.unit_explained_share) * count):
        zh, en = UNIT_NAMES[unit]
        share = 1 - float(odd.sum()) / count
        raise AreaUnitUnclear(
            field=field, unit_zh=zh, unit_en=en, share=share, limit=limits.unit_explained_share
        )
    row_units = [unit] * len(stated)
    for i in np.flatnonzero(odd):
        for other, factor in AREA_UNITS.items():
            if abs(math.log(ratio[i] / factor)) <= math.log(1.2):
                row_units[i] = other
    factors = np.array([AREA_UNITS[name] for name in row_units])
    return AreaUnit(unit, row_units, np.where(usable, stated / factors, np.nan))


def area_findings(
    row: int, *, kind: str | None, measured_m2: float, stated_m2: float | None, limits: Limits
) -> list[Finding]:
    """Findings on one row's size, and on the measured area against the stated one."""
    found = []
    minimum = limits.min_area_m2.get(kind or "", 0.0)
    if measured_m2 < minimum:
        found.append(finding("area_small", row=row, field="area", value=measured_m2, limit=minimum))
    if stated_m2 is None or measured_m2 <= 0:
        return found
    difference = abs(stated_m2 - measured_m2)
    share = difference / measured_m2
    values = {"stated_mu": m2_to_mu(stated_m2), "measured_mu": m2_to_mu(measured_m2), "share": share}
    if share > limits.area_refuse_share:
        limit = f"{limits.area_refuse_share:.0%}"
        found.append(
            finding("area_disagrees", row=row, field="area", value=round(stated_m2, 2), limit=limit, **values)
        )
    elif share > limits.area_note_share and difference > limits.area_note_m2:
        limit = f"{limits.area_note_share:.0%}"
        found.append(
            finding("area_differs", row=row, field="area", value=round(stated_m2, 2), limit=limit, **values)
        )
    return found


def unit_finding(row: int, *, stated: float, typed: str, unit: str) -> Finding:
    """The row's area was typed in another unit than the layer's."""
    return finding(
        "area_unit_typed",
        row=row,
        field="area",
        value=stated,
        typed_zh=UNIT_NAMES[typed][0],
        typed_en=UNIT_NAMES[typed][1],
        unit_zh=UNIT_NAMES[unit][0],
        unit_en=UNIT_NAMES[unit][1],
    )


def repair_finding(
    row: int, *, reason_zh: str, reason_en: str, change_m2: float, needs_signature: bool
) -> Finding:
    """What a repair changed; a large change needs a signature: the row is then to be confirmed."""
    share, area = f"{SIGNATURE_SHARE:.1%}", f"{SIGNATURE_AREA_M2:.0f}"
    return finding(
        "geometry_repair_large" if needs_signature else "geometry_repaired",
        row=row,
        field="geometry",
        value=reason_zh.rstrip("。"),
        value_en=reason_en.rstrip("."),
        limit=f"{share} 或 {area} 平方米",
        limit_en=f"{share} or {area} m²",
        change_m2=change_m2,
    )


def planting_year(attributes: Mapping[str, Any], survey_year: int) -> tuple[int | None, str]:
    """Year of planting and where it came from; (None, "") when the table says nothing usable.

    ``stated``: a column says so. ``change_year``: the year in which the land got another class (BHND beside
    a previous class). ``mean_age``: the survey year less the mean age of the stand; an age of 0 is unknown.
    """
    stated = number(attributes.get("planting_year"))
    if stated is not None and 1900 <= stated <= survey_year:
        return int(stated), "stated"
    if attributes.get("previous_land_class") not in (None, attributes.get("land_class")):
        year = number(attributes.get("change_year"))
        if year is not None and 1900 <= year <= survey_year:
            return int(year), "change_year"
    age = number(attributes.get("mean_age_years"))
    if age is not None and 0 < age < 500:
        return survey_year - round(age), "mean_age"
    return None, ""
