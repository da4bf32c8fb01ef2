"""The made parcels: deterministic, clean where they should be, faulty where they say so."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from demo.parcels import CAMELLIA_CODE, PLANTING_YEARS, make_camellia_zip, make_rice_zip
from demo.tessellate import Tessellation, tessellate
from gis.counties import assign_county
from gis.crs import to_lonlat, to_plane
from gis.geometry import check_geometries
from gis.overlap import overlaps_between, self_overlaps
from gis.vector_files import VectorLayer, read_vector

REGIONS = Path(__file__).resolve().parents[2] / "carbon_platform" / "regions" / "data"
COUNTY = "411523"


def codes_of(name: str) -> set[str]:
    lines = (REGIONS / name).read_text(encoding="utf-8").splitlines()[1:]
    return {line.split(",")[0] for line in lines}


def degrees(layer: VectorLayer) -> Any:
    return to_lonlat(layer.frame.geometry.values, layer.epsg)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> VectorLayer:
    path = tmp_path_factory.mktemp("demo") / "a.zip"
    make_camellia_zip(path, COUNTY, 300, 11)
    return read_vector(path)


def test_reads_as_a_gbk_layer_of_the_county(clean: VectorLayer) -> None:
    assert (clean.layer, clean.encoding, clean.epsg, clean.crs_origin) == (
        "新县油茶小班",
        "gbk",
        4526,
        "prj",
    )
    assert clean.notes == ()
    assert len(clean.frame) == 300
    eastings = shapely.get_coordinates(clean.frame.geometry.values)[:, 0]
    assert (np.floor(eastings / 1e6) == 38).all()


def test_sizes_shapes_and_county_are_right(clean: VectorLayer) -> None:
    checked = check_geometries(degrees(clean))
    assert (checked.rows["status"] == "ok").all()
    hectares = checked.rows["area_m2"] / 10_000
    assert hectares.between(0.05, 30).all()
    assert 0.5 < hectares.median() < 3
    assert np.abs(hectares - clean.frame["MIAN_JI"]).max() <= 0.0051
    assert (assign_county(checked.geoms)["code"] == COUNTY).all()


def test_neighbours_share_borders_and_do_not_overlap(clean: VectorLayer) -> None:
    plane = to_plane(degrees(clean))
    assert set(self_overlaps(plane)["kind"]) <= {"noise"}
    left, _ = shapely.STRtree(plane).query(plane, predicate="touches")
    assert len(set(left)) > 200


def test_codes_are_real_and_identities_unique(clean: VectorLayer) -> None:
    frame = clean.frame
    assert set(frame["XIAN"]) == {COUNTY}
    assert set(frame["XIAN"] + frame["XIANG"]) <= codes_of("townships.csv")
    assert set(frame["XIAN"] + frame["XIANG"] + frame["CUN"]) <= codes_of("villages.csv")
    identity = frame[["XIAN", "XIANG", "CUN", "LIN_BAN", "XIAO_BAN"]]
    assert not identity.duplicated().any()
    assert set(frame["YOU_SHI_SZ"]) == {CAMELLIA_CODE}
    assert set(frame["LIN_ZHONG"]) == {"252"}
    years = frame["BEIZHU"].str.extract(r"(\d{4})年栽植")[0].astype(int)
    assert years.between(*PLANTING_YEARS).all()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for make in (make_camellia_zip, make_rice_zip):
        a, b, c = (tmp_path / f"{make.__name__}{name}.zip" for name in "abc")
        make(a, "411527", 60, 5)
        make(b, "411527", 60, 5)
        make(c, "411527", 60, 6)
        assert a.read_bytes() == b.read_bytes()
        assert a.read_bytes() != c.read_bytes()


def test_the_archive_is_as_a_chinese_desktop_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    make_rice_zip(path, "411502", 40, 1)
    with zipfile.ZipFile(path) as archive:
        names = [info.orig_filename.encode("cp437").decode("gbk") for info in archive.infolist()]
        assert all(info.flag_bits & 0x800 == 0 for info in archive.infolist())
        dbf = archive.read(archive.infolist()[2])
    assert sorted(name.rpartition(".")[2] for name in names) == ["dbf", "prj", "shp", "shx"]
    assert all("浉河区" in name for name in names)
    assert dbf[29] == 0


def test_faults_are_the_ones_announced(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    made = make_camellia_zip(path, COUNTY, 200, 3, faults=True)
    row = {kind: number - 1 for number, kind in made.faults.items()}
    assert set(row) == {
        *("overlap", "self_intersection", "other_county", "too_small", "area_in_mu", "unknown_species"),
    }
    layer = read_vector(path)
    checked = check_geometries(degrees(layer))
    repaired = checked.rows.index[checked.rows["status"] != "ok"].tolist()
    assert repaired == [row["self_intersection"]]
    assert checked.rows.loc[repaired[0], "needs_signature"]
    counties = assign_county(checked.geoms)["code"]
    assert counties.index[counties != COUNTY].tolist() == [row["other_county"]]
    assert checked.rows.index[checked.rows["area_m2"] < 400].tolist() == [row["too_small"]]
    found = self_overlaps(to_plane(checked.geoms))
    real = found[found["kind"] == "overlap"]
    assert len(real) == 1
    assert row["overlap"] in real[["left", "right"]].iloc[0].tolist()
    ratio = layer.frame["MIAN_JI"] / (checked.rows["area_m2"] / 10_000)
    assert ratio.index[ratio > 10].tolist() == [row["area_in_mu"]]
    assert layer.frame.index[layer.frame["YOU_SHI_SZ"] != CAMELLIA_CODE].tolist() == [row["unknown_species"]]


@pytest.mark.parametrize("county", ["411502", "411525"])
def test_rice_layer(tmp_path: Path, county: str) -> None:
    path = tmp_path / "a.zip"
    make_rice_zip(path, county, 300, 11)
    layer = read_vector(path)
    frame, checked = layer.frame, check_geometries(degrees(layer))
    assert (checked.rows["status"] == "ok").all()
    assert (checked.rows["area_m2"] / 10_000).between(0.03, 1.5).all()
    assert np.abs(frame["SCMJ"] - checked.rows["area_m2"]).max() <= 0.02
    assert np.abs(frame["SCMJM"] - frame["SCMJ"] * 0.0015).max() <= 0.0051
    assert frame["DKBM"].str.fullmatch(county + r"\d{13}").all()
    assert frame["DKBM"].is_unique
    assert set(frame["DKBM"].str[:12]) <= codes_of("villages.csv")
    assert set(frame["TDLYLX"]) == {"011"}
    assert set(self_overlaps(to_plane(checked.geoms))["kind"]) <= {"noise"}


def test_camellia_and_rice_of_one_county_do_not_meet(clean: VectorLayer, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    make_rice_zip(path, COUNTY, 300, 11)
    rice = to_plane(degrees(read_vector(path)))
    assert overlaps_between(rice, to_plane(degrees(clean))).empty


def test_every_county_has_room_for_several_hundred(tmp_path: Path) -> None:
    for county in ("411502", "411527", "411528"):
        assert make_camellia_zip(tmp_path / "a.zip", county, 600, 1, faults=True).rows == 600


def test_too_many_is_refused_in_words(tmp_path: Path) -> None:
    small = Tessellation(0.05, 30.0, cluster_median_ha=2.0, cluster_sigma=0.5, wiggle=0.03, colour=0)
    with pytest.raises(ValueError, match="ask for fewer"):
        tessellate(shapely.box(0, 0, 1500, 1500), 300, np.random.default_rng(1), small)
    with pytest.raises(ValueError, match="at least 30"):
        make_camellia_zip(tmp_path / "a.zip", "411527", 10, 1, faults=True)
