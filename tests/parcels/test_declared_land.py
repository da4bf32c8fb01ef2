"""An upload on land that a scheme elsewhere has claimed says so (both engines)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import shapely
from change_desk import accept, codes_of, parcels, rows_of, stage
from parcel_house import NOW, actor
from parcel_layers import PLANE, record, square

from carbon_platform.db import Database
from carbon_platform.parcels import outside_claims
from gis.counties import load_counties
from gis.crs import to_lonlat

BUREAU = replace(actor("4115", "ecology_bureau"), user_id=1)
CLAIM: dict[str, Any] = {
    "scheme": "vcs", "reference": "VCS 1234", "title": "大别山造林", "claimant": "某公司",
    "document": "登记页", "pools": ["biomass"],
    "period_start": date(2021, 1, 1), "period_end": date(2041, 1, 1),
}  # fmt: skip


def declare(db: Database, *shapes: Any) -> str:
    drawn = outside_claims.lands_of(
        to_lonlat(list(shapes), PLANE), BUREAU, load_counties(), file_name="vcs.zip", file_sha256="1" * 64
    )
    return db.transact(lambda s: outside_claims.declare(s, BUREAU, CLAIM, drawn, now=NOW).number)


def test_only_rows_on_declared_land_are_warned_and_may_be_confirmed(db: Database) -> None:
    number = declare(db, shapely.box(*square(0).bounds).buffer(5), square(3, side_m=4))
    staged = stage(db, [record(1), record(2), record(3)], [square(0), square(1), square(2)])
    # The second shares a strip of 5 m with it, the third lies 100 m off.
    assert codes_of(db, staged) == [["overlap_declared"], ["overlap_declared"], []]
    (found,), (strip,), _ = (row.findings for row in rows_of(db, staged))
    assert number in found["zh"] and number in found["en"] and "VCS 1234" in found["zh"]
    assert "15.00 亩（100.0%）" in found["zh"]
    assert found["outcome"] == strip["outcome"] == "warned"
    assert "15.00 mu (100.0%)" in found["en"] and "申报" not in found["en"]
    accept(db, staged, warned=True)
    assert len(parcels(db)) == 3


def test_a_released_declaration_warns_nobody(db: Database) -> None:
    number = declare(db, square(0))
    other = replace(actor("4115", "forestry_bureau"), user_id=2)
    db.transact(lambda s: outside_claims.release(s, other, number, reason="项目已注销", now=NOW))
    assert codes_of(db, stage(db, [record(1)], [square(0)])) == [[]]


@pytest.mark.parametrize("side_m", [0.02, 0.4])
def test_the_noise_of_digitising_is_no_claim(db: Database, side_m: float) -> None:
    x, y = square(0).bounds[:2]
    declare(db, shapely.box(x - 90, y, x + side_m, y + 100))
    found = codes_of(db, stage(db, [record(1)], [square(0)]))
    assert found == [[] if side_m < 0.1 else ["overlap_declared"]]
