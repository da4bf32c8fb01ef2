"""How the rows of an import lie to the register: new, the same, changed, or in the place of others. Pure.

A row under a registered number is the same parcel when the shapes agree, and a change of it when they share
enough land. In an update, a row may also take the place of parcels with other numbers: one parcel becomes
several (split), several become one (merged). What a row replaces is judged by its new shape only, so that
neighbours whose common border moved are no overlap; it then needs the row that moves the border.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import shapely

from carbon_platform.parcels.field_changes import changed_fields, field_names
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.reference import Limits
from carbon_platform.parcels.rules import Finding
from carbon_platform.parcels.staged_rows import Registered, Row
from carbon_platform.units import m2_to_mu
from gis.crs import to_plane
from gis.geometry import SIGNATURE_AREA_M2, SIGNATURE_SHARE
from gis.overlap import OverlapTolerance, overlaps_between

# Two shapes with this share of both areas in common are the same parcel, drawn again.
SAME_SHARE: Final = 0.999


@dataclass
class _Ground:
    """Open rows and registered parcels in the plane, and where they share land.

    ``at``: indices of the rows; ``shared``: (index of the row, position of the parcel) → the measured pair.
    ``targets``: index of a row → positions of the parcels it takes the place of.
    """

    rows: list[Row]
    registered: Registered
    at: list[int]
    new: dict[int, Any]
    old: Any
    shared: dict[tuple[int, int], dict[str, Any]]
    targets: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    changed: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def own(self, i: int) -> int | None:
        """Position of the registered parcel with the row's number."""
        identity = self.rows[i].identity
        return self.position.get(identity.code) if identity else None

    def __post_init__(self) -> None:
        self.position = {code: number for number, code in enumerate(self.registered.codes)}
        self.new_m2 = {i: float(shapely.area(shape)) for i, shape in self.new.items()}
        self.old_m2 = shapely.area(self.old)

    def land(self, i: int, position: int) -> float:
        """m² a row and a registered parcel have in common."""
        pair = self.shared.get((i, position))
        return float(pair["area_m2"]) if pair else 0.0


def _ground(
    rows: list[Row], geoms: Any, registered: Registered, tolerance: OverlapTolerance
) -> _Ground | None:
    at = [i for i, row in enumerate(rows) if row.open and not shapely.is_missing(geoms[i])]
    if not at or not registered.ids:
        return None
    new, old = to_plane(geoms[at]), to_plane(registered.geoms)
    pairs = overlaps_between(new, old, tolerance).to_dict("records")
    shared = {(at[pair["left"]], int(pair["right"])): pair for pair in pairs}
    return _Ground(rows, registered, at, dict(zip(at, new, strict=True)), old, shared)


def compare(
    rows: list[Row],
    geoms: Any,
    registered: Registered,
    tolerance: OverlapTolerance,
    *,
    limits: Limits,
    update: bool = False,
    scope: str = "",
) -> None:
    """Note on every open row what it is against the register; changes go to ``row.change`` and ``row.diff``.

    ``update``: rows may take the place of parcels they cover. ``scope``: the sender's region; parcels outside
    it are never replaced.
    """
    ground = _ground(rows, geoms, registered, tolerance)
    if ground is None:
        _note_unknown_replaced(rows, {})
        return
    for i in ground.at:
        _note_same_number(ground, i, limits, scope)
    _find_replaced(ground, limits, update, scope)
    _note_unknown_replaced(rows, {i: {registered.codes[p] for p in ground.targets[i]} for i in ground.at})
    _note_overlaps(ground, tolerance, limits)
    _note_changes(ground)


def compare_again(
    rows: list[Row], geoms: Any, registered: Registered, tolerance: OverlapTolerance, *, limits: Limits
) -> None:
    """At acceptance: with parcels that came or changed since the report: nothing may be in the way."""
    ground = _ground(rows, geoms, registered, tolerance)
    if ground is None:
        return
    for i in ground.at:
        row, own = rows[i], ground.own(i)
        if own is None or row.identity is None:
            continue
        same = ground.land(i, own) >= SAME_SHARE * max(ground.new_m2[i], ground.old_m2[own])
        name = "registered_meanwhile" if same else "identity_taken"
        value = row.identity.code if same else row.identity.text or row.identity.code
        row.findings.append(finding(name, row=row.number, field="identity", value=value))
    _note_overlaps(ground, tolerance, limits)


# --- the same number --------------------------------------------------------------------------------


def _note_same_number(ground: _Ground, i: int, limits: Limits, scope: str) -> None:
    row, own = ground.rows[i], ground.own(i)
    if own is None or row.identity is None:
        return
    land, new_m2, old_m2 = ground.land(i, own), ground.new_m2[i], ground.old_m2[own]
    taken = shapely.is_missing(ground.registered.geoms[own]) or not _mine(ground, own, scope)
    if taken or land < limits.changed_share * min(new_m2, old_m2):
        value = row.identity.text or row.identity.code
        row.findings.append(finding("identity_taken", row=row.number, field="identity", value=value))
        return
    fields = changed_fields(row.said, ground.registered.fields.get(row.identity.code, {}))
    if land >= SAME_SHARE * max(new_m2, old_m2):
        if not fields:
            row.change = "same"
            code = row.identity.code
            row.findings.append(finding("same_registered", row=row.number, field="identity", value=code))
            return
    else:
        fields = [{"field": "geometry", "before": round(old_m2, 2), "after": round(new_m2, 2)}, *fields]
    ground.targets[i].add(own)
    ground.changed[i] = fields


def _mine(ground: _Ground, position: int, scope: str) -> bool:
    county = ground.registered.county(position)
    return not scope or not county or county.startswith(scope)


# --- other numbers ----------------------------------------------------------------------------------


def _find_replaced(ground: _Ground, limits: Limits, update: bool, scope: str) -> None:
    """Parcels with other numbers that rows take the place of."""
    living = {position for positions in ground.targets.values() for position in positions}
    for (i, position), pair in ground.shared.items():
        row = ground.rows[i]
        if not row.open or position == ground.own(i) or pair["kind"] != "overlap":
            continue
        if not _mine(ground, position, scope) or _other_layer(ground, i, position, limits):
            continue
        land, new_m2 = ground.land(i, position), ground.new_m2[i]
        if row.replaces:
            replaced = ground.registered.codes[position] in row.replaces
        else:
            # A part of a parcel that keeps its number, or anything covered in an update.
            part = position in living and i not in ground.changed and land >= limits.changed_share * new_m2
            covered = land >= limits.changed_share * min(new_m2, ground.old_m2[position])
            replaced = part or (update and covered)
        if replaced:
            ground.targets[i].add(position)


def _note_unknown_replaced(rows: list[Row], found: dict[int, set[str]]) -> None:
    for i, row in enumerate(rows):
        missing = set(row.replaces) - found.get(i, set()) if row.open else set()
        for code in sorted(missing):
            row.findings.append(finding("replaces_unknown", row=row.number, field="replaces", value=code))


def _other_layer(ground: _Ground, i: int, position: int, limits: Limits) -> bool:
    kinds = {ground.rows[i].kind or "", ground.registered.kind(position)}
    return frozenset(kinds) in limits.other_layers


def _note_overlaps(ground: _Ground, tolerance: OverlapTolerance, limits: Limits) -> None:
    """Land a row shares with parcels that nothing moves out of its way."""
    freed: dict[int, set[int]] = defaultdict(set)
    for i, positions in ground.targets.items():
        for position in positions:
            freed[position].add(i)
    for (i, position), pair in ground.shared.items():
        row = ground.rows[i]
        # The same parcel again stays so; what is under its number was noted there.
        if row.outcome == "same" or position == ground.own(i) or pair["kind"] == "noise":
            continue
        if position in freed:
            others = {ground.rows[j].number for j in freed[position] if j != i}
            row.diff["needs"] = sorted({*row.diff.get("needs", []), *others})
            continue
        if _other_layer(ground, i, position, limits):
            name = "overlap_other_layer"
        else:
            name = "overlap_register_sliver" if pair["kind"] == "sliver" else "overlap_register"
        code = ground.registered.codes[position]
        row.findings.append(overlap_finding(name, row, pair, tolerance, value=code))


def overlap_finding(
    code: str, row: Row, pair: dict[str, Any], tolerance: OverlapTolerance, **values: Any
) -> Finding:
    """A finding about a measured pair: land in common in m², 亩 and share of the smaller."""
    return finding(
        code,
        row=row.number,
        field="geometry",
        limit=f"{tolerance.sliver_share:.0%}",
        overlap_m2=pair["area_m2"],
        overlap_mu=m2_to_mu(pair["area_m2"]),
        share=pair["share_of_smaller"],
        **values,
    )


# --- what changes -----------------------------------------------------------------------------------


def _note_changes(ground: _Ground) -> None:
    takers: dict[int, list[int]] = defaultdict(list)
    for i, positions in sorted(ground.targets.items()):
        for position in positions:
            takers[position].append(i)
    for i, positions in sorted(ground.targets.items()):
        if positions and ground.rows[i].open:
            _note_change(ground, i, sorted(positions), takers)
    for position, rows in sorted(takers.items()):
        _note_dropped(ground, position, rows)


def _note_change(ground: _Ground, i: int, positions: list[int], takers: dict[int, list[int]]) -> None:
    row, own = ground.rows[i], ground.own(i)
    keeps = own in positions
    divided = any(len(takers[position]) > 1 for position in positions)
    if len(positions) > 1:
        row.change = "merged"
    elif divided:
        row.change = "split"
    else:
        row.change = "changed" if keeps else "replaced"
    registered = ground.registered
    codes = [registered.codes[position] for position in positions]
    siblings = sorted({ground.rows[j].number for p in positions for j in takers[p]} - {row.number})
    row.diff |= {
        "targets": [
            {
                "id": registered.ids[position],
                "code": registered.codes[position],
                "version": registered.versions[position] if registered.versions else 1,
                "own": position == own,
            }
            for position in positions
        ],
        "needs": sorted({*row.diff.get("needs", []), *siblings}),
        "fields": ground.changed.get(i, []),
        "before_m2": round(float(sum(ground.old_m2[position] for position in positions)), 2),
    }
    zh, en = field_names(entry["field"] for entry in row.diff["fields"])
    row.findings.append(
        finding(
            f"{row.change}_registered",
            row=row.number,
            field="identity",
            value="、".join(codes),
            value_en=", ".join(codes),
            limit=zh,
            limit_en=en,
            before_mu=m2_to_mu(row.diff["before_m2"]),
            after_mu=m2_to_mu(ground.new_m2[i]),
        )
    )


def _note_dropped(ground: _Ground, position: int, rows: list[int]) -> None:
    """Land of a replaced parcel that no row takes over leaves the register: say how much."""
    if rows == [i for i in rows if ground.own(i) == position]:
        return  # one parcel with another border: the change itself says how much
    rest = shapely.difference(ground.old[position], shapely.union_all([ground.new[i] for i in rows]))
    dropped, whole = float(shapely.area(rest)), float(ground.old_m2[position])
    first = ground.rows[rows[0]]
    if first.open and dropped > max(SIGNATURE_AREA_M2, SIGNATURE_SHARE * whole):
        first.findings.append(
            finding(
                "land_dropped",
                row=first.number,
                field="geometry",
                value=ground.registered.codes[position],
                limit=f"{SIGNATURE_SHARE:.1%}",
                dropped_mu=m2_to_mu(dropped),
                share=dropped / whole,
            )
        )


def refuse_incomplete(rows: Iterable[Row]) -> None:
    """Refuse rows that need a refused row: the land they stand on would not be free."""
    listed = list(rows)
    by_number = {row.number: row for row in listed}
    waiting = [row for row in listed if row.open and row.diff.get("needs")]
    changed = True
    while changed:
        changed = False
        for row in waiting:
            missing = [number for number in row.diff["needs"] if not by_number[number].open]
            if row.open and missing:
                row.findings.append(
                    finding("needs_row", row=row.number, field="geometry", other_row=missing[0])
                )
                changed = True
