"""Try a file: read, measure and check it wherever its land lies, and say what was found. Nothing is kept.

The figures and their exact meanings stand in :data:`DEFINITIONS`, which every report carries. The register is
only looked at, and only when there is one.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import shapely
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from carbon_platform.parcels import reference, rules, staging
from carbon_platform.parcels.dry_run_words import DEFINITIONS
from carbon_platform.parcels.numbering import county_of
from carbon_platform.parcels.reference import PLAIN
from carbon_platform.parcels.register import registered_near
from carbon_platform.parcels.rules import UNIT_NAMES, AreaUnitUnclear
from carbon_platform.parcels.staged_rows import Registered, Row
from carbon_platform.parcels.staging import Prepared, overlap_tolerance
from gis.census import Census, count_classes, shared_land, take_census
from gis.crs import LONLAT, to_lonlat, to_plane
from gis.errors import VectorFileError
from gis.limits import AT_THE_MACHINE, Limits
from gis.measure import ellipsoidal_area_m2
from gis.overlap import overlaps_between
from gis.vector_files import Note, VectorLayer, read_vector

CITY: Final = "4115"
FORMAT: Final = "parcels-dry-run/1"
# What hangs on the sender's word or on the place, not on the file: told, but no reason to refuse a trial.
_OPEN_QUESTIONS: Final = frozenset({"kind_unknown"})
_LAYERS: Final = 20
_ENCODING_NAMES: Final = {
    "utf-8": "UTF-8", "gbk": "GBK", "gb18030": "GB18030", "cp950": "Big5", "utf-16": "UTF-16"
}  # fmt: skip

Read = Callable[[Callable[[Session], Any]], Any]


def dry_run(
    path: Path,
    *,
    read: Read | None = None,
    kind: str | None = None,
    layer: str | None = None,
    limits: Limits = AT_THE_MACHINE,
) -> dict[str, Any]:
    """The report on one file, ready for JSON; a file that cannot be read gives a report that says why.

    Args:
        read: runs work on the register in a reading transaction; None where there is no database.
        kind: what the file holds, where its codes leave that open.
        layer: the layer to take of a file with several.
    """
    head: dict[str, Any] = {"format": FORMAT, "file": path.name, "definitions": DEFINITIONS}
    try:
        found = _read_layer(path, layer, limits)
    except VectorFileError as error:
        words = {"code": error.code, "zh": error.message("zh"), "en": error.message("en")}
        whole = {"row": None, "id": "", "outcome": "refused", "reasons": [words]}
        return {**head, "read": False, "error": words, "refusals": [whole]}
    with path.open("rb") as file:
        head["file_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    return {**head, "read": True, **Trial(found, kind).report(read)}


def _read_layer(path: Path, layer: str | None, limits: Limits) -> VectorLayer:
    """The layer named, or the only one; of several nobody chose from, the only one with a table we know."""
    try:
        return read_vector(path, layer=layer, limits=limits, anywhere=True)
    except VectorFileError as several:
        if several.code != "gis.layer.several" or layer is not None:
            raise
        names = str(several.values["layers"])
        found = []
        for name in names.split("、")[:_LAYERS]:
            try:
                candidate = read_vector(path, layer=name, limits=limits, anywhere=True)
            except VectorFileError:
                continue
            if rules.recognise(candidate.frame.columns, reference.families()) is not PLAIN:
                found.append(candidate)
        if len(found) != 1:
            raise
        note = Note("gis.note.layer_chosen", {"layer": found[0].layer, "layers": names})
        return dataclasses.replace(found[0], notes=(*found[0].notes, note))


class Trial:
    """The checks of one layer, once through."""

    def __init__(self, layer: VectorLayer, kind: str | None) -> None:
        self.layer = layer
        self.limits = reference.limits()
        self.census = take_census(layer)
        key = layer.epsg or layer.frame.crs.to_wkt()
        self.pairs = shared_land(self.census, key, overlap_tolerance(self.limits))
        self.unit_problem: dict[str, str] | None = None
        self.prepared = self._prepare(kind)
        self.rows = self.prepared.rows
        _tell_closed(self.rows, layer.closed)
        self.questions = _take_out_questions(self.rows)
        staging.stage(self.prepared, Registered(), scope=CITY, limits=self.limits, outside=True)
        self.areas = self.census.geodesic_m2

    def _prepare(self, kind: str | None) -> Prepared:
        """The rows as the import would see them; without their areas where no unit explains these."""
        layer = _in_degrees(self.layer, self.census)
        try:
            return staging.prepare(layer, kind_hint=kind, limits=self.limits)
        except AreaUnitUnclear as problem:
            self.unit_problem = {
                "code": problem.code,
                "zh": problem.message("zh"),
                "en": problem.message("en"),
            }
            family = rules.recognise(layer.frame.columns, reference.families())
            names = set(family.fields.get("area", ()))
            left = [column for column in layer.frame.columns if rules.fold(str(column)) not in names]
            layer = dataclasses.replace(layer, frame=layer.frame[left])
            return staging.prepare(layer, kind_hint=kind, limits=self.limits)

    def report(self, read: Read | None) -> dict[str, Any]:
        refused = np.array([row.outcome == "refused" for row in self.rows], dtype=bool)
        return {
            **self._source(),
            "features": len(self.rows),
            "accepted": int((~refused).sum()),
            "repaired": int(self.census.repaired.sum()),
            "refused": int(refused.sum()),
            "outcomes": dict(Counter(row.outcome for row in self.rows)),
            "missing_geometries": int(self.census.missing.sum()),
            "invalid_geometries": int(self.census.invalid.sum()),
            "invalid_rows": _numbers(self.census.invalid),
            **self._overlaps(),
            **self._with_register(read),
            "area_m2_total": round(float(self.areas.sum()), 4),
            "area_m2_accepted": round(float(self.areas[~refused].sum()), 4),
            "area_m2_by_rule": round(float(ellipsoidal_area_m2(self.census.lonlat).sum()), 2),
            **self._unit(),
            **self._places(),
            "questions": self.questions,
            "refusals": [self._entry(i) for i in np.flatnonzero(refused).tolist()],
            "remarks": [self._entry(i) for i in range(len(self.rows)) if self._remarkable(i, refused)],
        }

    def _source(self) -> dict[str, Any]:
        layer = self.layer
        return {
            "layer": layer.layer,
            "crs_detected": layer.crs_name,
            "crs_origin": "file" if layer.crs_origin == "prj" else "coordinates",
            "encoding_detected": _ENCODING_NAMES.get(layer.encoding, layer.encoding),
            "family_detected": self.prepared.family.key,
            "notes": [{"code": n.code, "zh": n.message("zh"), "en": n.message("en")} for n in layer.notes],
        }

    def _overlaps(self) -> dict[str, Any]:
        pairs = self.pairs
        listed = [
            {
                "rows": [pair["left"] + 1, pair["right"] + 1],
                "area_m2": round(pair["area_m2"], 6),
                "share_of_smaller": round(pair["share_of_smaller"], 6),
                "class": pair["kind"],
            }
            for pair in pairs.to_dict("records")
        ]
        return {
            "overlapping_pairs": len(pairs),
            "overlapping_pairs_by_class": count_classes(pairs),
            "duplicate_pairs": int(pairs["equal"].sum()),
            "contained_pairs": int(pairs["contained"].sum()),
            "overlaps": listed,
        }

    def _with_register(self, read: Read | None) -> dict[str, Any]:
        """Pairs with registered land; none where there is no register to look at."""
        geoms = self.census.lonlat
        at = np.array(
            [i for i, row in enumerate(self.rows) if row.county and geoms[i] is not None], dtype=int
        )
        near = _near(read, geoms[at])
        if near is None:
            return {"overlaps_with_registered": 0, "register_compared": False}
        tolerance = overlap_tolerance(self.limits)
        count = 0
        if len(at) and near.ids:
            pairs = overlaps_between(to_plane(geoms[at]), to_plane(near.geoms), tolerance)
            count = int((pairs["kind"] != "noise").sum())
        return {"overlaps_with_registered": count, "register_compared": True}

    def _unit(self) -> dict[str, Any]:
        """The unit most rows' areas are in; null where there is no area, or no unit explains the column."""
        units = Counter(row.attributes["area_unit"] for row in self.rows if row.attributes.get("area_unit"))
        unit = units.most_common(1)[0][0] if units else None
        odd = [row.number for row in self.rows if row.attributes.get("area_unit") not in (None, unit)]
        name = dict(zip(("zh", "en"), UNIT_NAMES[unit], strict=True)) if unit else None
        found = {"area_unit_detected": unit, "area_unit_name": name, "area_unit_other_rows": odd}
        return {**found, "area_unit_problem": self.unit_problem}

    def _places(self) -> dict[str, Any]:
        key = self.prepared.family.key
        wrong = np.zeros(len(self.rows), dtype=bool)
        for i, row in enumerate(self.rows):
            named = county_of(key, row.attributes)
            wrong[i] = bool(named and row.county and named != row.county)
        # A shape of less than 0.01 m² was given no county, which does not put it outside the city.
        usable = ~shapely.is_missing(self.census.geoms) & ~shapely.is_missing(self.prepared.geoms)
        counties = Counter(row.county for row, shape in zip(self.rows, usable, strict=True) if shape)
        return {
            "county_mismatches": int(wrong.sum()),
            "county_mismatch_rows": _numbers(wrong),
            "outside_city": counties.pop("", 0),
            "counties": dict(sorted(counties.items())),
        }

    def _remarkable(self, i: int, refused: Any) -> bool:
        findings = [entry for entry in self.rows[i].findings if entry["code"] != "outside_city_measured"]
        return not refused[i] and bool(findings)

    def _entry(self, i: int) -> dict[str, Any]:
        row = self.rows[i]
        shown = ("code", "outcome", "field", "zh", "en", "advice_zh", "advice_en")
        return {
            "row": row.number,
            "id": self._name(i),
            "outcome": row.outcome,
            "county": row.county,
            "area_m2": round(float(self.areas[i]), 2),
            "reasons": [{name: entry[name] for name in shown} for entry in row.findings],
        }

    def _name(self, i: int) -> str:
        """How the sender knows the row: its number, or what a column of names says."""
        identity = self.rows[i].identity
        if identity and self.prepared.family.key != PLAIN.key:
            return identity.text
        columns = {rules.fold(str(column)): column for column in self.layer.frame.columns}
        for name in reference.trial_columns("name"):
            if name in columns:
                text = rules.clean(self.layer.frame[columns[name]].iat[i], reference.null_words())
                if text:
                    return text
        return ""


def _in_degrees(layer: VectorLayer, census: Census) -> VectorLayer:
    """The layer in degrees, faults as drawn: what is valid in the file must not become faulty on the way."""
    drawn = np.asarray(layer.frame.geometry.array, dtype=object)
    shapes = to_lonlat(drawn, layer.epsg or layer.frame.crs.to_wkt())
    bent = ~census.repaired & ~shapely.is_missing(census.geoms) & ~shapely.is_valid(shapes)
    shapes = np.array(shapes, dtype=object, copy=True)
    shapes[bent] = shapely.make_valid(shapes[bent], method="structure", keep_collapsed=False)
    attributes = layer.frame.drop(columns=layer.frame.geometry.name)
    names = {rules.fold(str(column)) for column in attributes.columns}
    if rules.recognise(names, reference.families()) is PLAIN and not names & set(PLAIN.fields["area"]):
        known = reference.trial_columns("area")
        area = next((column for column in attributes.columns if rules.fold(str(column)) in known), None)
        attributes = attributes.rename(columns={area: PLAIN.fields["area"][0]})
    frame = geopandas.GeoDataFrame(attributes, geometry=shapes, crs=LONLAT)
    return dataclasses.replace(layer, frame=frame, epsg=LONLAT)


def _tell_closed(rows: list[Row], closed: Collection[int]) -> None:
    """Rows whose open rings the reader closed say so, unless a further repair already speaks of the shape."""
    for row in (rows[i] for i in closed):
        if not any(entry["field"] == "geometry" for entry in row.findings):
            zh, en = "环未闭合，已闭合", "an open ring, now closed"
            row.findings.append(
                rules.repair_finding(
                    row.number, reason_zh=zh, reason_en=en, change_m2=0.0, needs_signature=False
                )
            )


def _take_out_questions(rows: list[Row]) -> list[dict[str, Any]]:
    """Findings a trial does not decide: each code once, with its rows counted; they refuse nothing here."""
    asked: dict[str, dict[str, Any]] = {}
    for row in rows:
        for entry in row.findings:
            if entry["code"] in _OPEN_QUESTIONS:
                shown = {name: entry[name] for name in ("code", "zh", "en", "advice_zh", "advice_en")}
                asked.setdefault(entry["code"], {**shown, "rows": 0})["rows"] += 1
        row.findings = [entry for entry in row.findings if entry["code"] not in _OPEN_QUESTIONS]
    return list(asked.values())


def _near(read: Read | None, geoms: Any) -> Registered | None:
    """Registered parcels near the shapes; None where no database, or none with a register, answers."""
    if read is None:
        return None
    boxes = [(box[0], box[1], box[2], box[3]) for box in shapely.bounds(geoms).tolist()]
    try:
        found: Registered = read(lambda session: registered_near(session, boxes, ()))
    except SQLAlchemyError:
        return None
    return found


def _numbers(mask: Any) -> list[int]:
    """Row numbers, first record = 1."""
    return [int(i) + 1 for i in np.flatnonzero(mask)]
