"""The checks of an import, from a layer to a report per row. Pure: no database, no clock.

Three steps, because only the second needs the register: :func:`prepare` cleans, repairs, measures and numbers
the rows; the caller loads what is registered near them; :func:`stage` compares and gives the verdicts.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from carbon_platform.parcels import numbering, rules
from carbon_platform.parcels.comparison import compare, overlap_finding, refuse_incomplete
from carbon_platform.parcels.declared_land import NONE_DECLARED, Declared, note_declared
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.reference import PLAIN, Family, Limits, families, null_words
from carbon_platform.parcels.staged_rows import OUTCOMES, Registered, Row
from gis.counties import Counties, assign_county, load_counties
from gis.crs import to_lonlat, to_plane
from gis.geometry import check_geometries
from gis.overlap import OverlapTolerance, self_overlaps
from gis.vector_files import VectorLayer

# Columns in which a row may name the registered parcels it takes the place of (their codes in the register).
REPLACES: Final = ("REPLACES", "原编号")
COUNTY_DIGITS: Final = 6  # of a region code; fewer are a city or a province
# Columns in which the city names the paper that says why land belongs to another county than it lies in.
EXCLAVE: Final = ("EXCLAVE", "飞地依据")


@dataclass(frozen=True)
class Prepared:
    """A layer with everything known about its rows but how they lie to the register and to each other.

    ``geoms``: valid shapes in degrees, None where refused; ``source_geoms``: as in the file.
    """

    layer: VectorLayer
    family: Family
    rows: list[Row]
    geoms: Any
    source_geoms: Any
    kind_hint: str | None
    places: Counties | None = None  # county borders it was checked against; None: the built-in ones

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Bounds (west, south, east, north) of the shapes there are."""
        present = self.geoms[~shapely.is_missing(self.geoms)]
        return [tuple(box) for box in shapely.bounds(present).tolist()]

    @property
    def codes(self) -> list[str]:
        return [row.identity.code for row in self.rows if row.identity]

    @property
    def townships(self) -> set[str]:
        return {row.identity.township_code for row in self.rows if row.identity}


@dataclass(frozen=True)
class Staged:
    """The report: rows with verdicts, and rows and area per outcome."""

    prepared: Prepared
    counts: dict[str, dict[str, Any]]
    kind: str


def prepare(
    layer: VectorLayer, *, kind_hint: str | None, limits: Limits, places: Counties | None = None
) -> Prepared:
    """Recognise the table, repair and measure the shapes, read kind, identity and stated area of each row.

    ``places``: county borders in force; the ones that come with the house by default.

    Errors: ``AreaUnitUnclear`` when the area attribute cannot be read in one unit.
    """
    frame = layer.frame
    source = np.asarray(frame.geometry.array, dtype=object)
    check = check_geometries(to_lonlat(source, layer.epsg))
    family = rules.recognise(frame.columns, families())
    attributes = canonical_attributes(frame, family)
    county = assign_county(check.geoms, places)["code"].tolist()
    areas = check.rows["area_m2"].tolist()
    rows = [
        Row(number, values, code, area)
        for number, (values, code, area) in enumerate(zip(attributes, county, areas, strict=True), start=1)
    ]
    prepared = Prepared(layer, family, rows, check.geoms, source, kind_hint, places)
    _note_own_columns(rows, frame)
    _note_geometry(rows, check.rows)
    _note_kind_and_identity(prepared)
    _note_areas(prepared, limits)
    return prepared


def canonical_attributes(frame: Any, family: Family) -> list[dict[str, Any]]:
    """Cells under the register's names, cleaned; absent and empty ones are left out. One dict a row."""
    columns: dict[str, Any] = {}
    for column in frame.columns:
        columns.setdefault(rules.fold(str(column)), frame[column])
    cells: list[dict[str, Any]] = [{} for _ in range(len(frame))]
    words = null_words()
    for name, candidates in family.fields.items():
        # Best candidate last, so that it overwrites the others where it has a value.
        for column in reversed([c for c in candidates if c in columns]):
            codes, uniques = pd.factorize(columns[column])
            texts = [rules.clean(value, words) for value in uniques]
            for cell, code in zip(cells, codes.tolist(), strict=True):
                if code >= 0 and texts[code] is not None:
                    cell[name] = texts[code]
    return cells


def _note_own_columns(rows: list[Row], frame: Any) -> None:
    """Codes of registered parcels a row names as its forerunners, and the papers of an exclave."""
    for column in frame.columns:
        name = rules.fold(str(column))
        if name not in (*REPLACES, *EXCLAVE):
            continue
        for row, value in zip(rows, frame[column].tolist(), strict=True):
            text = rules.clean(value, null_words()) or ""
            if name in EXCLAVE and text:
                row.attributes["exclave_papers"] = text
            elif name in REPLACES and text:
                row.replaces = tuple(re.split(r"[\s,，、;；]+", text))


def _note_geometry(rows: list[Row], report: Any) -> None:
    touched = report[report["status"] != "ok"]
    for i, entry in zip(touched.index.tolist(), touched.to_dict("records"), strict=True):
        row = rows[i]
        if entry["status"] == "repaired":
            row.findings.append(
                rules.repair_finding(
                    row.number,
                    reason_zh=entry["zh"],
                    reason_en=entry["en"],
                    change_m2=entry["change_m2"],
                    needs_signature=bool(entry["needs_signature"]),
                )
            )
        elif entry["reason"] in ("null", "empty"):
            row.findings.append(finding("geometry_missing", row=row.number, field="geometry"))
        else:
            words = {"value": entry["zh"].rstrip("。"), "value_en": entry["en"].rstrip(".")}
            row.findings.append(finding("geometry_unusable", row=row.number, field="geometry", **words))


def _note_kind_and_identity(prepared: Prepared) -> None:
    key, hint = prepared.family.key, prepared.kind_hint
    verdicts: dict[tuple[str | None, str | None], rules.KindVerdict] = {}
    geometry_keys = _geometry_keys(prepared) if key == PLAIN.key else [""] * len(prepared.rows)
    columns = {rules.fold(str(column)) for column in prepared.layer.frame.columns}
    has_class, has_species = (
        any(name in columns for field in fields for name in prepared.family.fields.get(field, ()))
        for fields in (("land_class", "survey_class"), ("species",))
    )
    for row, geometry_key in zip(prepared.rows, geometry_keys, strict=True):
        species = row.attributes.get("species")
        land_class = row.attributes.get("land_class") or row.attributes.get("survey_class")
        verdict = verdicts.get((species, land_class))
        if verdict is None:
            # A table without these columns says nothing wrong about its rows: the sender is asked instead.
            family = key if has_class else PLAIN.key
            verdict = rules.kind_of(
                family, species, land_class, hint=hint, row=row.number, has_species=has_species
            )
            if not verdict.findings:
                verdicts[species, land_class] = verdict
        row.kind = verdict.kind
        row.findings.extend(verdict.findings)
        row.attributes |= {
            "species_code": verdict.species_code,
            "species_zh": verdict.species_zh,
            "land_class_code": verdict.land_class_code,
        }
        row.identity, problem = numbering.identity_of(
            key, row.attributes, county=row.county or None, geometry_key=geometry_key, row=row.number
        )
        if problem:
            row.findings.append(problem)


def _geometry_keys(prepared: Prepared) -> list[str]:
    """A short name for each shape: equal for equal shapes, whatever their ring starts with (to 1e-7°)."""
    shapes = shapely.normalize(shapely.set_precision(prepared.geoms, 1e-7))
    return [hashlib.sha256(wkb or b"").hexdigest()[:10].upper() for wkb in shapely.to_wkb(shapes).tolist()]


def _note_areas(prepared: Prepared, limits: Limits) -> None:
    rows = prepared.rows
    numbers = [rules.number(row.attributes.get("area")) for row in rows]
    stated = np.array([np.nan if value is None else value for value in numbers])
    measured = np.array([row.area_m2 for row in rows])
    column = next(iter(prepared.family.fields.get("area", ("area",))))
    unit = rules.infer_area_unit(stated, measured, limits, field=column)
    stated_m2 = unit.stated_m2.tolist() if unit else [math.nan] * len(rows)
    for i, row in enumerate(rows):
        if unit and math.isfinite(stated_m2[i]):
            row.stated_m2 = round(stated_m2[i], 2)
            row.attributes["area_unit"] = unit.row_units[i]
            if unit.row_units[i] != unit.unit:
                typed = unit.row_units[i]
                row.findings.append(
                    rules.unit_finding(row.number, stated=float(stated[i]), typed=typed, unit=unit.unit)
                )
        if row.area_m2 > 0:
            row.findings += rules.area_findings(
                row.number, kind=row.kind, measured_m2=row.area_m2, stated_m2=row.stated_m2, limits=limits
            )


def stage(
    prepared: Prepared,
    registered: Registered,
    *,
    scope: str,
    limits: Limits,
    known_townships: Collection[str] = (),
    outside: bool = False,
    update: bool = False,
    declared: Declared = NONE_DECLARED,
) -> Staged:
    """Compare the rows with the sender's scope, the register and each other.

    ``scope`` is the region code of the sender; ``outside=True`` (trying out) only notes that a row is outside
    the city. Rows already refused are compared with nothing and refuse nobody. ``update``: rows may take the
    place of registered parcels they cover. ``declared``: land other schemes claim.
    """
    places = prepared.places or load_counties()
    for row in prepared.rows:
        _note_place(row, prepared.family.key, scope, known_townships, outside, places)
    tolerance = overlap_tolerance(limits)
    rows, geoms = prepared.rows, prepared.geoms
    _note_duplicates(rows)
    compare(rows, geoms, registered, tolerance, limits=limits, update=update, scope=scope)
    _note_overlaps_in_file(rows, geoms, tolerance)
    note_declared(rows, geoms, declared, tolerance)
    refuse_incomplete(rows)
    return Staged(
        prepared, count_outcomes((row.outcome, row.area_m2) for row in prepared.rows), _kind_of(prepared)
    )


def overlap_tolerance(limits: Limits) -> OverlapTolerance:
    return OverlapTolerance(
        noise_area_m2=limits.overlap_noise_m2,
        noise_width_m=limits.overlap_noise_width_m,
        sliver_width_m=limits.overlap_sliver_width_m,
        sliver_share=limits.overlap_share,
    )


def count_outcomes(rows: Any) -> dict[str, dict[str, Any]]:
    """Rows and measured m² per outcome, out of (outcome, area) pairs."""
    counts = {name: {"rows": 0, "area_m2": 0.0} for name in OUTCOMES}
    for outcome, area_m2 in rows:
        counts[outcome]["rows"] += 1
        counts[outcome]["area_m2"] += area_m2 or 0.0
    for entry in counts.values():
        entry["area_m2"] = round(entry["area_m2"], 2)
    return counts


def _kind_of(prepared: Prepared) -> str:
    """What the import holds: the kind of most rows that can be registered."""
    kinds = [row.kind for row in prepared.rows if row.open and row.kind] or [
        row.kind for row in prepared.rows if row.kind
    ]
    return max(sorted(set(kinds)), key=kinds.count) if kinds else (prepared.kind_hint or "")


def _county_words(code: str, places: Counties) -> tuple[str, str]:
    """Names of a county in both languages; the code itself for a whole city or one without a border."""
    for known, zh, en in zip(places.codes, places.names_zh, places.names_en, strict=True):
        if known == code:
            return zh, en
    return code, code


def _note_place(
    row: Row, family_key: str, scope: str, townships: Collection[str], outside: bool, places: Counties
) -> None:
    if row.area_m2 <= 0:
        return
    named = numbering.county_of(family_key, row.attributes)
    if not (row.county and scope and row.county.startswith(scope)) or (named and named != row.county):
        _note_other_place(row, named, scope, outside, places)
    township = row.identity.township_code if row.identity else ""
    if townships and township and not township.endswith("000") and township not in townships:
        row.findings.append(finding("township_unknown", row=row.number, field="township", value=township))


def _note_other_place(row: Row, named: str | None, scope: str, outside: bool, places: Counties) -> None:
    """The row lies outside the city, outside the sender's scope, or in another county than it names."""
    where = dict(zip(("value", "value_en"), _county_words(row.county, places), strict=True))
    if not row.county:
        code = "outside_city_measured" if outside else "outside_city"
        row.findings.append(finding(code, row=row.number, field="geometry"))
    elif not (scope and row.county.startswith(scope)):
        limit = dict(zip(("limit", "limit_en"), _county_words(scope, places), strict=True))
        row.findings.append(finding("outside_scope", row=row.number, field="geometry", **where, **limit))
    elif named and named != row.county:
        limit = dict(zip(("limit", "limit_en"), _county_words(named, places), strict=True))
        papers = row.attributes.get("exclave_papers") if len(scope) < COUNTY_DIGITS else None
        name = "county_exclave" if papers else "county_mismatch"
        row.findings.append(
            finding(name, row=row.number, field="county", papers=papers or "", **where, **limit)
        )
        if papers:
            row.county = named


def _note_duplicates(rows: list[Row]) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        if not row.open or row.identity is None:
            continue
        other = first.setdefault(row.identity.code, row)
        if other is not row:
            text = row.identity.text
            row.findings.append(
                finding(
                    "duplicate_identity", row=row.number, field="identity", value=text, other_row=other.number
                )
            )


def _note_overlaps_in_file(rows: list[Row], geoms: Any, tolerance: OverlapTolerance) -> None:
    at = [i for i, row in enumerate(rows) if row.open and not shapely.is_missing(geoms[i])]
    if len(at) < 2:
        return
    pairs = self_overlaps(to_plane(geoms[at]), tolerance)
    # By the later row, in file order: a row refused for its overlap refuses nobody after it.
    for pair in pairs.sort_values(["right", "left"]).to_dict("records"):
        earlier, later = rows[at[pair["left"]]], rows[at[pair["right"]]]
        if earlier.open and later.open and pair["kind"] != "noise":
            name = "overlap_file_sliver" if pair["kind"] == "sliver" else "overlap_file"
            values = {"value": earlier.number, "other_row": earlier.number}
            later.findings.append(overlap_finding(name, later, pair, tolerance, **values))
