"""Cleaning, codes, kinds, identities, units of area, planting years."""

from __future__ import annotations

import csv
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.parcels import findings, numbering, reference, rules
from carbon_platform.parcels.reference import DATA, families, limits, null_words

EVIDENCE = {"verified", "secondary", "unverified", "illustrative", "local-decision"}


@pytest.mark.parametrize(
    ("columns", "family"),
    [
        (["XIAN", "LIN_BAN", "XIAO_BAN", "DI_LEI", "MIAN_JI", "LMSYQ"], "A"),
        (["xian", "xiao_ban", "TDQS", "LMSYQS", "LMQS", "MIAN_JI"], "B"),
        (["XIAN", "XIAO_BAN", "XBMJ", "DLBM", "TBMJ", "DI_LEI", "LMSYQS", "TDQS"], "C"),
        (["BSM", "DKBM", "DKMC", "TDLYLX", "SCMJ"], "DK"),
        (["BSM", "DLBM", "DLMC", "TBMJ", "TBDLMJ"], "DLTB"),
        (["ｘｉａｎ ", "XIAO_BAN", "LIN_BAN", "DI_LEI"], "A"),  # full-width letters, a trailing blank
        (["id", "name"], "plain"),
        (["XIAN", "XIAO_BAN"], "plain"),  # the identity alone does not say which table it is
    ],
)
def test_a_table_is_recognised_by_its_marks(columns, family):
    assert rules.recognise(columns, families()).key == family


def test_tree_ownership_is_another_column_in_each_family():
    fields = {family.key: family.fields for family in families()}
    assert fields["A"]["tree_ownership"] == ("LMSYQ",)
    assert fields["B"]["tree_ownership"] == fields["C"]["tree_ownership"] == ("LMQS",)
    assert fields["B"]["tree_use_right"] == fields["C"]["tree_use_right"] == ("LMSYQS",)


def test_no_column_of_a_witness_or_an_identity_number_is_taken_over():
    taken = {column for family in families() for columns in family.fields.values() for column in columns}
    assert not taken & {"ZJRXM", "SFZH", "ZJHM", "CBFZJHM", "LXDH"}


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, None), (float("nan"), None), ("", None), ("  ", None), ("－", None), ("null", None),
        ("无", None), ("*****", None),
        ("０１３１", "0131"), (" 751 ", "751"), (751.0, "751"), (411522, "411522"),
        (0.85, "0.85"), ("0", "0"), ("油茶\x00", "油茶"),
    ],
)  # fmt: skip
def test_cells_are_cleaned(cell, text):
    assert rules.clean(cell, null_words()) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,234.5", 1234.5), ("12", 12.0), ("abc", None), ("inf", None), ("nan", None), (None, None)],
)
def test_numbers(text, value):
    assert rules.number(text) == value


@pytest.mark.parametrize(
    ("text", "family", "code"),
    [
        ("0131", "A", "0131"), ("131", "A", "0131"), ("1631", "A", "1631"), ("030301", "C", "030301"),
        ("30301", "C", "030301"), ("0202", "C", "0202"), ("0201K", "DLTB", "0201"), ("11", "DK", "011"),
        ("0101", "DK", "0101"), ("9999", "A", None), ("011", "DLTB", None),
    ],
)  # fmt: skip
def test_land_classes_get_their_leading_zeros_back(text, family, code):
    found = rules.find_land_class(text, family)
    assert (found.code if found else None) == code


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("751", "油茶"),
        ("751000", "油茶"),
        ("000751", "油茶"),
        ("油茶", "油茶"),
        ("茶叶", "茶"),
        ("999", None),
        ("751123", None),
    ],
)
def test_species_by_code_padded_code_or_name(text, name):
    found = rules.find_species(text)
    assert (found.name_zh if found else None) == name


@pytest.mark.parametrize(
    ("family", "species", "land_class", "hint", "kind", "finding"),
    [
        ("A", "751", "0131", None, "camellia", None),
        ("A", "油茶", "0111", "camellia", "camellia", None),
        ("A", "220", "0111", None, "forest", None),
        ("C", "茶", "030301", None, "tea", None),
        ("C", None, "0202", None, "tea", None),
        ("A", "999", "0131", None, None, "species_unknown"),
        ("A", None, "0131", None, None, "species_missing"),
        ("A", None, "0171", None, "forest", None),
        ("A", "752", "0131", None, None, "species_ambiguous"),
        ("A", "752", "0131", "forest", None, "species_ambiguous"),
        ("A", "752", "0131", "tea", "tea", "species_declared"),
        ("A", "751", "0210", None, None, "land_class_not_eligible"),
        ("A", "751", "7777", None, None, "land_class_unknown"),
        ("A", "751", None, None, None, "land_class_missing"),
        ("A", "751", "0131", "rice", None, "kind_mismatch"),
        ("DK", None, "011", None, "rice", None),
        ("DK", None, "022", None, "tea", None),
        ("DK", None, "013", "rice", None, "land_class_not_eligible"),
        ("DLTB", None, "0101", "rice", "rice", None),
        ("plain", None, None, "camellia", "camellia", "kind_declared"),
        ("plain", None, None, None, None, "kind_unknown"),
    ],
)
def test_kind_by_code_tables(family, species, land_class, hint, kind, finding):
    verdict = rules.kind_of(family, species, land_class, hint=hint, row=7)
    assert verdict.kind == kind
    assert [entry["code"] for entry in verdict.findings] == ([finding] if finding else [])
    if finding:
        assert "7" in verdict.findings[0]["zh"] and "7" in verdict.findings[0]["en"]


def test_a_table_without_species_asks_for_the_kind_and_one_with_an_empty_cell_refuses() -> None:
    asked = rules.kind_of("A", None, "0131", hint=None, row=3, has_species=False)
    assert [one["code"] for one in asked.findings] == ["kind_unknown"] and asked.land_class_code == "0131"
    told = rules.kind_of("A", None, "0131", hint="camellia", row=3, has_species=False)
    assert (told.kind, [one["code"] for one in told.findings]) == ("camellia", ["kind_declared"])
    empty = rules.kind_of("A", None, "0131", hint="camellia", row=3)
    assert [one["code"] for one in empty.findings] == ["species_missing"]


def test_unknown_codes_are_named_in_the_words_of_the_report():
    (entry,) = rules.kind_of("A", "999", "0131", hint=None, row=3).findings
    assert "未知树种代码 999" in entry["zh"]
    assert entry["outcome"] == "refused" and entry["value"] == "999" and entry["advice_zh"]


# --- identity -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("township", "village"),
    [("207", "014"), ("411522207", "411522207014"), ("7", "14"), ("207.0", "014")],
)
def test_townships_and_villages_short_or_full(township, village):
    attributes = {
        "county": "411522", "township": rules.clean(township.removesuffix(".0"), ()), "village": village,
        "compartment": "3", "sub_compartment": "31",
    }  # fmt: skip
    identity, problem = numbering.identity_of("A", attributes, county=None, geometry_key="", row=1)
    assert problem is None
    middle = "007" if township == "7" else "207"
    assert identity.code == f"411522-{middle}-014-0003-00031"
    assert identity.township_code == f"411522{middle}" and identity.village_code == f"411522{middle}014"


def test_sub_sub_compartments_tell_parcels_apart():
    base = {
        "county": "411522",
        "township": "207",
        "village": "014",
        "compartment": "3",
        "sub_compartment": "31",
    }
    plain, _ = numbering.identity_of("A", base, county=None, geometry_key="", row=1)
    zero, _ = numbering.identity_of(
        "A", base | {"sub_sub_compartment": "0"}, county=None, geometry_key="", row=1
    )
    one, _ = numbering.identity_of(
        "A", base | {"sub_sub_compartment": "1"}, county=None, geometry_key="", row=1
    )
    assert plain.code == zero.code != one.code


@pytest.mark.parametrize(
    ("family", "attributes", "finding"),
    [
        ("A", {"county": "411522", "compartment": "3"}, "identity_missing"),
        ("A", {"county": "411522", "sub_compartment": "3"}, "identity_missing"),
        ("DK", {}, "identity_missing"),
        ("DK", {"parcel_code": "4115222070140100031"[:-1]}, "identity_invalid"),
        ("DLTB", {"location_code": "4115222070140000000"}, "identity_missing"),
    ],
)
def test_identities_that_are_missing_or_broken(family, attributes, finding):
    identity, problem = numbering.identity_of(family, attributes, county="411522", geometry_key="", row=1)
    assert identity is None and problem["code"] == finding and problem["outcome"] == "refused"


def test_numbers_of_dk_and_dltb():
    dk, _ = numbering.identity_of(
        "DK", {"parcel_code": "4115222070140100031"}, county=None, geometry_key="", row=1
    )
    assert dk.code == "411522-207-014-01-00031" and dk.text == "4115222070140100031"
    patch = {"feature_code": "411522211000012345", "location_code": "4115222070140000000"}
    dltb, _ = numbering.identity_of("DLTB", patch, county=None, geometry_key="", row=1)
    assert dltb.code == "411522-207-014-T411522211000012345"


# --- areas ----------------------------------------------------------------------------------------


@given(
    unit=st.sampled_from(sorted(rules.AREA_UNITS)),
    areas=st.lists(st.floats(500, 300_000), min_size=1, max_size=60),
    noise=st.floats(0.9, 1.1),
)
def test_the_unit_of_an_area_is_found_from_its_size(unit, areas, noise):
    measured = np.array(areas)
    stated = measured * noise * rules.AREA_UNITS[unit]
    found = rules.infer_area_unit(stated, measured, limits(), field="MIAN_JI")
    assert found.unit == unit and set(found.row_units) == {unit}
    np.testing.assert_allclose(found.stated_m2, measured * noise, rtol=1e-12)


@pytest.mark.parametrize(("factor", "typed"), [(15.0, "mu"), (10_000.0, "m2")])
def test_a_row_typed_in_another_unit_is_named(factor, typed):
    measured = np.full(40, 20_000.0)
    stated = measured * 1e-4
    stated[7] *= factor
    found = rules.infer_area_unit(stated, measured, limits(), field="MIAN_JI")
    assert found.unit == "ha"
    assert [i for i, unit in enumerate(found.row_units) if unit != "ha"] == [7]
    assert found.row_units[7] == typed
    assert found.stated_m2[7] == pytest.approx(20_000.0)


def test_a_layer_no_unit_explains_is_refused():
    measured = np.full(40, 20_000.0)
    stated = measured * 1e-4
    stated[:3] *= 100  # three of forty: 92.5 % explained
    with pytest.raises(rules.AreaUnitUnclear) as caught:
        rules.infer_area_unit(stated, measured, limits(), field="MIAN_JI")
    assert "MIAN_JI" in caught.value.message("zh") and "92%" in caught.value.message("en")
    stated[0] = 2.0  # two of forty: exactly 95 %
    assert rules.infer_area_unit(stated, measured, limits(), field="MIAN_JI").unit == "ha"


def test_rows_without_an_area_do_not_count():
    stated = np.array([np.nan, 0.0, -1.0])
    assert rules.infer_area_unit(stated, np.full(3, 1000.0), limits(), field="x") is None


@pytest.mark.parametrize(
    ("measured", "stated", "codes"),
    [
        (30_000.0, 30_000.0, []),
        (30_000.0, 30_899.0, []),  # 3.0 %: within
        (30_000.0, 30_901.0, ["area_differs"]),
        (10_000.0, 10_600.0, []),  # 6 %, but under one 亩
        (30_000.0, 35_999.0, ["area_differs"]),
        (30_000.0, 36_001.0, ["area_disagrees"]),
        (30_000.0, 23_999.0, ["area_disagrees"]),
        (399.9, None, ["area_small"]),
        (400.0, None, []),
    ],
)
def test_area_against_attribute_and_minimum(measured, stated, codes):
    found = rules.area_findings(1, kind="camellia", measured_m2=measured, stated_m2=stated, limits=limits())
    assert [entry["code"] for entry in found] == codes


def test_paddies_have_no_minimum():
    assert not rules.area_findings(1, kind="rice", measured_m2=30.0, stated_m2=None, limits=limits())


@pytest.mark.parametrize(
    ("attributes", "year", "origin"),
    [
        ({"planting_year": "2016"}, 2016, "stated"),
        ({"planting_year": "3016", "mean_age_years": "6"}, 2020, "mean_age"),
        ({"mean_age_years": "0"}, None, ""),
        ({"change_year": "2018", "previous_land_class": "0173", "land_class": "0131"}, 2018, "change_year"),
        ({"change_year": "2018", "previous_land_class": "0131", "land_class": "0131"}, None, ""),
        ({}, None, ""),
    ],
)
def test_planting_year(attributes, year, origin):
    assert rules.planting_year(attributes, 2026) == (year, origin)


# --- the data files themselves --------------------------------------------------------------------


def test_every_code_and_limit_has_source_and_status():
    with (DATA / "codes.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert {row["list"] for row in rows} == {
        "DI_LEI_4", "DI_LEI_6", "LIN_ZHONG", "QI_YUAN", "YOU_SHI_SZ", "TDLYLX", "DLBM",
    }  # fmt: skip
    for row in rows:
        assert row["status"] in EVIDENCE and row["source"] and row["edition"] and row["name_zh"], row
        assert set(filter(None, row["kind"].split("|"))) <= set(rules.KINDS), row
    assert len({(row["list"], row["code"]) for row in rows}) == len(rows)
    data = tomllib.loads((DATA / "limits.toml").read_text(encoding="utf-8"))
    minima = data.pop("min_area_m2")
    for entry in [*minima.values(), *(entry for entry in data.values() if isinstance(entry, dict))]:
        assert entry["status"] in EVIDENCE and entry["source"] and entry["unit"]
    assert set(minima) == set(rules.KINDS)
    assert all(family.status in EVIDENCE for family in reference.families())


def test_every_finding_has_words_in_both_languages_and_a_known_outcome():
    for code, (outcome, *words) in findings.CATALOGUE.items():
        assert outcome in findings.RANK, code
        assert len(words) == 4 and all(words), code
        assert "{row}" in words[0] and "{row}" in words[1], code
