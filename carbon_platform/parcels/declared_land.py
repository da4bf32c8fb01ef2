"""Rows of an upload on land a scheme elsewhere has claimed: said at the upload, not first at issuance."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
import shapely
from sqlalchemy.orm import Session

from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.comparison import overlap_finding
from carbon_platform.parcels.outside_claims import OUTSIDE
from carbon_platform.parcels.outside_claims_rules import POOLS
from carbon_platform.parcels.staged_rows import Row
from gis.crs import to_plane
from gis.overlap import OverlapTolerance, overlaps_between


@dataclass(frozen=True)
class Declared:
    """Standing declarations near a layer: shapes in degrees, and (zh, en) of each."""

    geoms: Any = field(default_factory=lambda: np.empty(0, dtype=object))
    words: tuple[tuple[str, str], ...] = ()


NONE_DECLARED: Final = Declared()


def declared_near(session: Session, boxes: list[Box]) -> Declared:
    """Declarations of any pool and period whose box meets the hull of ``boxes``."""
    if not boxes:
        return NONE_DECLARED
    edges = np.array(boxes)
    hull = (*edges[:, :2].min(axis=0).tolist(), *edges[:, 2:].max(axis=0).tolist())
    found = OUTSIDE.standing(session, hull, date.min, date.max, POOLS["all"][2])
    if not found:
        return NONE_DECLARED
    keys = [claim.key for claim in found]
    shapes, said = OUTSIDE.shapes(session, keys), OUTSIDE.describe(session, keys)
    geoms = np.asarray(shapely.from_wkb([shapes[key] for key in keys]), dtype=object)
    return Declared(geoms, tuple((said[key].zh, said[key].en) for key in keys))


def note_declared(rows: list[Row], geoms: Any, declared: Declared, tolerance: OverlapTolerance) -> None:
    """Warn about every open row that shares more than digitising noise with declared land."""
    at = [i for i, row in enumerate(rows) if row.open and not shapely.is_missing(geoms[i])]
    if not at or not len(declared.geoms):
        return
    pairs = overlaps_between(to_plane(geoms[at]), to_plane(declared.geoms), tolerance)
    for pair in pairs.to_dict("records"):
        if pair["kind"] == "noise":
            continue
        row, (zh, en) = rows[at[pair["left"]]], declared.words[pair["right"]]
        said = {"value": zh, "claim": zh, "claim_en": en}
        row.findings.append(overlap_finding("overlap_declared", row, pair, tolerance, **said))
