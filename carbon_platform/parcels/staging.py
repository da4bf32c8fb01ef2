"""The checks of an import, from a layer to a report per row. Pure: no database, no clock.

Three steps, because only the second needs the register: :func:`prepare` cleans, repairs, measures and numbers
the rows; the caller loads what is registered near them; :func:`stage` compares and gives the verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from carbon_platform.parcels import numbering, rules
from carbon_platform.parcels.findings import finding, outcome_of
from carbon_platform.parcels.reference import PLAIN, Family, Limits, families, null_words
from carbon_platform.parcels.rules import Finding
from carbon_platform.units import m2_to_mu
from gis import counties
from gis.crs import to_lonlat, to_plane
from gis.geometry import check_geometries
from gis.overlap import OverlapTolerance, overlaps_between, self_overlaps
from gis.vector_files import VectorLayer

# Two shapes with this share of both areas in common are the same parcel, drawn again.
SAME_SHARE: Final = 0.999
OUTCOMES: Final = ("accepted", "repaired", "warned", "refused", "same")


@dataclass(frozen=True)
class Registered:
    """Parcels of the register near a layer: ids, codes, shapes in degrees; equal lengths."""

    ids: list[int] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    geoms: Any = field(default_factory=lambda: np.empty(0, dtype=object))


@dataclass
class Row:
    """One row on its way through the checks. ``number`` as in the file, first record = 1."""

    number: int
    attributes: dict[str, Any]
    county: str
    area_m2: float
    kind: str | None = None
    identity: numbering.Identity | None = None
    stated_m2: float | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        return outcome_of(self.findings)

    @property
    def open(self) -> bool:
        """Whether the row may still get into the register."""
        return self.outcome not in ("refused", "same")


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


def prepare(layer: VectorLayer, *, kind_hint: str | None, limits: Limits) -> Prepared:
    """Recognise the table, repair and measure the shapes, read kind, identity and stated area of each row.

    Errors: ``AreaUnitUnclear`` when the area attribute cannot be read in one unit.
    """
    frame = layer.frame
    source = np.asarray(frame.geometry.array, dtype=object)
    check = check_geometries(to_lonlat(source, layer.epsg))
    family = rules.recognise(frame.columns, families())
    attributes = canonical_attributes(frame, family)
    county = counties.assign_county(check.geoms)["code"].tolist()
    areas = check.rows["area_m2"].tolist()
    rows = [
        Row(number, values, code, area)
        for number, (values, code, area) in enumerate(zip(attributes, county, areas, strict=True), start=1)
    ]
    prepared = Prepared(layer, family, rows, check.geoms, source, kind_hint)
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
    for row, geometry_key in zip(prepared.rows, geometry_keys, strict=True):
        species = row.attributes.get("species")
        land_class = row.attributes.get("land_class") or row.attributes.get("survey_class")
        verdict = verdicts.get((species, land_class))
        if verdict is None:
            verdict = rules.kind_of(key, species, land_class, hint=hint, row=row.number)
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
    for i, row in enumerate(rows):
        if unit and np.isfinite(unit.stated_m2[i]):
            row.stated_m2 = round(float(unit.stated_m2[i]), 2)
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
) -> Staged:
    """Compare the rows with the sender's scope, the register and each other.

    ``scope`` is the region code of the sender; ``outside=True`` (trying out) only notes that a row is outside
    the city. Rows already refused are compared with nothing and refuse nobody.
    """
    for row in prepared.rows:
        _note_place(row, prepared.family.key, scope, known_townships, outside)
    tolerance = overlap_tolerance(limits)
    note_register(prepared.rows, prepared.geoms, registered, tolerance)
    _note_duplicates(prepared.rows)
    _note_overlaps_in_file(prepared.rows, prepared.geoms, tolerance)
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


def _county_name(code: str, language: str) -> str:
    return counties.county_name(code, language) if code in counties.county_codes() else code


def _note_place(row: Row, family_key: str, scope: str, townships: Collection[str], outside: bool) -> None:
    if row.area_m2 <= 0:
        return
    named = numbering.county_of(family_key, row.attributes)
    where = {"value": _county_name(row.county, "zh"), "value_en": _county_name(row.county, "en")}
    if not row.county:
        code = "outside_city_measured" if outside else "outside_city"
        row.findings.append(finding(code, row=row.number, field="geometry"))
    elif not (scope and row.county.startswith(scope)):
        limit = {"limit": _county_name(scope, "zh"), "limit_en": _county_name(scope, "en")}
        row.findings.append(finding("outside_scope", row=row.number, field="geometry", **where, **limit))
    elif named and named != row.county:
        limit = {"limit": _county_name(named, "zh"), "limit_en": _county_name(named, "en")}
        row.findings.append(finding("county_mismatch", row=row.number, field="county", **where, **limit))
    township = row.identity.township_code if row.identity else ""
    if townships and township and not township.endswith("000") and township not in townships:
        row.findings.append(finding("township_unknown", row=row.number, field="township", value=township))


def note_register(
    rows: list[Row],
    geoms: Any,
    registered: Registered,
    tolerance: OverlapTolerance,
    *,
    accepting: bool = False,
) -> None:
    """Compare open rows with registered parcels: the same, the same number elsewhere, or the same land.

    ``accepting``: between upload and acceptance another upload came first, so "the same" is refused too.
    """
    at = [i for i, row in enumerate(rows) if row.open and not shapely.is_missing(geoms[i])]
    if not at or not registered.ids:
        return
    new, old = to_plane(geoms[at]), to_plane(registered.geoms)
    pairs = overlaps_between(new, old, tolerance)
    new_m2, old_m2 = shapely.area(new), shapely.area(old)
    position = {code: number for number, code in enumerate(registered.codes)}
    seen_same = set()
    for pair in pairs.to_dict("records"):
        row, other = rows[at[pair["left"]]], pair["right"]
        shared, code = pair["area_m2"], registered.codes[other]
        same_number = row.identity is not None and row.identity.code == code
        if same_number and shared >= SAME_SHARE * max(new_m2[pair["left"]], old_m2[other]):
            seen_same.add(row.number)
            name = "registered_meanwhile" if accepting else "same_registered"
            row.findings.append(finding(name, row=row.number, field="identity", value=code))
    for pair in pairs.to_dict("records"):
        row, code = rows[at[pair["left"]]], registered.codes[pair["right"]]
        same_number = row.identity is not None and row.identity.code == code
        if row.number in seen_same or same_number or pair["kind"] == "noise":
            continue
        row.findings.append(_overlap_finding("overlap_register", row, pair, tolerance, value=code))
    for i in at:
        row = rows[i]
        if row.identity and row.number not in seen_same and row.identity.code in position:
            name = "identity_taken"
            row.findings.append(
                finding(name, row=row.number, field="identity", value=row.identity.text or row.identity.code)
            )


def _overlap_finding(
    code: str, row: Row, pair: dict[str, Any], tolerance: OverlapTolerance, **values: Any
) -> Finding:
    return finding(
        f"{code}_sliver" if pair["kind"] == "sliver" else code,
        row=row.number,
        field="geometry",
        limit=f"{tolerance.sliver_share:.0%}",
        overlap_m2=pair["area_m2"],
        overlap_mu=m2_to_mu(pair["area_m2"]),
        share=pair["share_of_smaller"],
        **values,
    )


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
            later.findings.append(
                _overlap_finding(
                    "overlap_file", later, pair, tolerance, value=earlier.number, other_row=earlier.number
                )
            )
