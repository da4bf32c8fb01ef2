"""The traps of the field that concern attribute tables and counties, one test each, by number.

Files, coordinates and shapes: ``tests/gis/test_gis_traps.py``. Two uploads at once (20):
``tests/parcels/test_parcel_races.py`` and ``tests/projects/test_claims_races.py``.
"""

from __future__ import annotations

from typing import Any

import geopandas
import pytest
from dry_run_files import zipped_shapefile
from fork_reader import warm  # noqa: F401 — used by name below
from parcel_layers import COUNTY, NEIGHBOUR, layer, paddy, record, square

from carbon_platform.parcels import staging
from carbon_platform.parcels.reference import families, limits
from carbon_platform.parcels.rules import AreaUnitUnclear
from carbon_platform.parcels.staged_rows import Registered, Row
from gis.vector_files import read_vector

pytestmark = pytest.mark.usefixtures("warm")


def check(rows: list[dict[str, Any]], shapes: list[Any] | None = None, **options: Any) -> list[Row]:
    prepared = staging.prepare(layer(rows, shapes), kind_hint=options.pop("kind", None), limits=limits())
    options.setdefault("scope", COUNTY)
    registered = options.pop("registered", Registered())
    return staging.stage(prepared, registered, limits=limits(), **options).prepared.rows


def codes(row: Row) -> list[str]:
    return [entry["code"] for entry in row.findings]


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "m2"), (0.0015, "mu")])
def test_trap_01_scmj_is_in_square_metres_or_in_mu(factor, unit):
    rows = check([paddy(n, SCMJ=10_000 * factor, SCMJM=15.0) for n in range(1, 5)])
    assert {row.attributes["area_unit"] for row in rows} == {unit}
    assert all(row.stated_m2 == pytest.approx(10_000) and row.outcome == "accepted" for row in rows)


@pytest.mark.parametrize(("factor", "unit"), [(1e-4, "ha"), (0.0015, "mu")])
def test_trap_01_mian_ji_is_in_hectares_or_in_mu(factor, unit):
    rows = check([record(n, MIAN_JI=10_000 * factor) for n in range(1, 5)])
    assert {row.attributes["area_unit"] for row in rows} == {unit}
    assert all(row.stated_m2 == pytest.approx(10_000) for row in rows)


def test_trap_01_a_table_of_both_units_is_refused_whole():
    with pytest.raises(AreaUnitUnclear, match="MIAN_JI"):
        check([record(n, MIAN_JI=1.0 if n % 2 else 15.0) for n in range(1, 11)])


def test_trap_02_lmsyq_owns_the_trees_and_lmsyqs_uses_them():
    older = check([record(1, LMSYQ="20", LMJYQ="30")])[0].attributes
    assert (older["tree_ownership"], older["tree_use_right"]) == ("20", "30")
    newer = check([record(1, LMQS="20", LMSYQS="30", TDQS="20")])[0].attributes
    assert (newer["tree_ownership"], newer["tree_use_right"]) == ("20", "30")


def test_trap_03_dkbz_is_the_neighbour_in_the_north():
    row = check([paddy(1, DKBZ="李家的田", DKBZXX="旱改水")])[0]
    assert row.attributes["remark"] == "旱改水"
    assert "李家的田" not in str(row.attributes)


def test_trap_12_codes_that_lost_their_leading_zeros():
    """0111 becomes 111 as soon as a spreadsheet has touched the table."""
    numbers = {
        "XIAN": 411522,
        "XIANG": 7,
        "CUN": 14,
        "LIN_BAN": 3,
        "XIAO_BAN": 1,
        "DI_LEI": 131,
        "YOU_SHI_SZ": 751,
    }
    (row,) = check([record(1, **numbers)])
    assert row.identity.code == "411522-007-014-0003-00001"
    assert (row.attributes["land_class_code"], row.kind, row.outcome) == ("0131", "camellia", "accepted")


def test_trap_13_tea_in_both_layers_is_seen_and_not_refused(tmp_path):
    tea = {"BSM": "410000000000000001", "DLBM": "0202", "TBMJ": 10_000.0, "ZLDWDM": "4115222070140000000"}
    there = check([record(1, YOU_SHI_SZ="220", DI_LEI="0111")])[0]
    assert there.kind == "forest"
    registered = Registered(
        ids=[1], codes=["411522-207-014-0003-00001"], geoms=staging.to_lonlat([square(0)], 4526),
        kinds=["forest"], counties=[COUNTY], versions=[1],
    )  # fmt: skip
    (row,) = check([tea], registered=registered)
    assert row.kind == "tea" and row.outcome == "warned"
    assert codes(row) == ["overlap_other_layer"]


def test_trap_14_several_rows_for_one_number_keep_the_first():
    rows = check([record(1), record(1), record(1, XI_BAN="2")])
    assert [row.outcome for row in rows] == ["accepted", "refused", "accepted"]
    assert codes(rows[1]) == ["duplicate_identity"] and "细班" in rows[1].findings[0]["advice_zh"]


@pytest.mark.parametrize(
    ("township", "village"), [("207", "014"), ("411522207", "411522207014"), ("7", "14"), (207, 14)]
)
def test_trap_15_townships_of_three_digits_or_nine(township, village):
    (row,) = check([record(1, XIANG=township, CUN=village)])
    short = str(township)[-3:].zfill(3)
    assert row.identity.township_code == COUNTY + short
    assert row.identity.village_code == f"{COUNTY}{short}014"


def test_trap_16_hectares_of_two_decimals_are_seven_per_cent_off_a_mu():
    side = 25.82  # 666.67 m², one 亩, which 0.07 ha overstates by 5 %
    shapes = [square(n, side_m=side) for n in range(40)]
    rows = check([record(n + 1, MIAN_JI=0.07) for n in range(40)], shapes)
    assert {row.attributes["area_unit"] for row in rows} == {"ha"}
    # More than 3 % apart, but far less than one 亩: nothing to explain.
    assert {row.outcome for row in rows} == {"accepted"}


def test_trap_17_asterisks_in_a_dbf_are_no_area(tmp_path):
    rows = [record(n) for n in range(1, 5)]
    path = zipped_shapefile(
        geopandas.GeoDataFrame(rows, geometry=[square(n) for n in range(4)], crs=4526), tmp_path
    )
    dbf = tmp_path / "layer.dbf"
    assert path.is_file() and dbf.is_file()
    data = bytearray(dbf.read_bytes())
    at, offset = 32, 1
    while data[at : at + 7] != b"MIAN_JI":
        offset += data[at + 16]
        at += 32
    start = int.from_bytes(data[8:10], "little") + offset
    data[start : start + data[at + 16]] = b"*" * data[at + 16]
    dbf.write_bytes(data)
    found = read_vector(tmp_path / "layer.shp")
    prepared = staging.prepare(found, kind_hint=None, limits=limits())
    assert [row.stated_m2 for row in prepared.rows][:2] == [None, 10_000.0]
    assert staging.rules.clean("*******", frozenset()) is None


def test_trap_18_an_exclave_is_a_mismatch_that_the_city_settles():
    elsewhere = square(county=NEIGHBOUR)
    (row,) = check([record(1)], [elsewhere], scope="4115")
    assert codes(row) == ["county_mismatch"] and row.outcome == "refused"
    assert "飞地" in row.findings[0]["advice_zh"] and "exclave" in row.findings[0]["advice_en"]


def test_every_family_reads_the_columns_the_traps_are_about():
    fields = {family.key: family.fields for family in families()}
    assert set(fields) == {"A", "B", "C", "DK", "DLTB"}
    assert all("DKBZ" not in columns for columns in fields["DK"].values())
    assert fields["DLTB"]["net_area_m2"] == ("TBDLMJ",)
