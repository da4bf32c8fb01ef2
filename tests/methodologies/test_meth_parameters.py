"""Parameter files: strict when read, dated, and honest about what they know."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from methodologies import registry
from methodologies.errors import InvalidDeclaration, ParameterNotInForce, UnknownParameter
from methodologies.parameters import ParameterSet

GOOD = """
[factor]
symbol = "F"
unit = "kg/t"
low = 0.0
high = 2.0
distribution = "normal"
source = "a book"
page = "p. 1"
status = "secondary"
meaning_zh = "系数"
meaning_en = "factor"
values = [{ from = 2020-01-01, value = 1.0 }, { from = 2025-01-01, value = 1.5 }]

[other]
symbol = "G"
unit = "1"
low = 0
high = 1
distribution = "fixed"
source = "a rule"
page = ""
status = "local-decision"
meaning_zh = "其他"
meaning_en = "other"
values = [{ from = 2020-01-01, value = 1 }]
"""


def load(tmp_path: Path, text: str) -> ParameterSet:
    path = tmp_path / "parameters.toml"
    path.write_text(text, encoding="utf-8")
    return ParameterSet.load(path)


def test_the_value_in_force_changes_on_its_day(tmp_path: Path) -> None:
    parameters = load(tmp_path, GOOD)
    assert parameters.at(date(2024, 12, 31)).factor == 1.0
    assert parameters.at(date(2025, 1, 1)).factor == 1.5
    assert parameters.at(date(2025, 1, 1)).describe("factor").valid_from == date(2025, 1, 1)
    with pytest.raises(ParameterNotInForce):
        parameters.at(date(2019, 12, 31))


def test_use_is_recorded_and_looking_is_not_use(tmp_path: Path) -> None:
    p = load(tmp_path, GOOD).at(date(2025, 1, 1))
    p.describe("other")
    assert p.used == set()
    assert p["factor"] == p.factor == 1.5
    assert [used.name for used in p.used_table()] == ["factor"]
    with pytest.raises(UnknownParameter):
        _ = p.missing


def test_choosing_records_only_what_a_row_selects(tmp_path: Path) -> None:
    p = load(tmp_path, GOOD).at(date(2025, 1, 1))
    assert list(p.choose(np.array([0, 0]), ("factor", "other"))) == [1.5, 1.5]
    assert p.used == {"factor"}
    assert list(p.choose(np.array([], dtype=np.int64), ("factor", "other"))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('status = "secondary"', 'status = "certain"'),
        ('distribution = "normal"', 'distribution = "bell"'),
        ('source = "a book"', 'source = ""'),
        ('source = "a book"\n', ""),
        ('unit = "kg/t"', 'unit = " "'),
        ('unit = "kg/t"', "unit = 1"),
        ("value = 1.5", "value = 2.5"),
        ("value = 1.5", 'value = "1.5"'),
        ("value = 1.5", "value = true"),
        ("value = 1.5", "value = nan"),
        ("from = 2025-01-01", "from = 2019-01-01"),
        ("from = 2025-01-01", "from = 2020-01-01"),
        ("from = 2025-01-01", "from = 2025-01-01T00:00:00"),
        ("low = 0.0", 'low = "0"'),
        ('symbol = "F"', 'symbol = "F"\nsurprise = 1'),
        (
            "values = [{ from = 2020-01-01, value = 1.0 }, { from = 2025-01-01, value = 1.5 }]",
            "values = []",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_by_name(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidDeclaration, match="factor"):
        load(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value = 1.5", "value = 1.6"),
        ("a book", "another book"),
        ("secondary", "verified"),
        ("high = 2.0", "high = 3.0"),
    ],
)
def test_the_digest_is_what_the_authority_signs(tmp_path: Path, old: str, new: str) -> None:
    day = date(2026, 1, 1)
    signed = load(tmp_path, GOOD).digest(day)
    assert load(tmp_path, GOOD).digest(day) == signed
    assert load(tmp_path, GOOD.replace(old, new, 1)).digest(day) != signed


def test_the_digest_is_that_of_the_day(tmp_path: Path) -> None:
    parameters = load(tmp_path, GOOD)
    assert parameters.digest(date(2024, 1, 1)) == parameters.digest(date(2024, 6, 1))
    assert parameters.digest(date(2024, 1, 1)) != parameters.digest(date(2025, 1, 1))


@pytest.mark.parametrize("key", sorted(registry()))
def test_shipped_parameters_are_complete_and_used(key: str) -> None:
    methodology = registry()[key]
    used = {name for step in methodology.steps for name in step.uses}
    folders = (methodology.folder, *methodology.libraries)
    files = {path for folder in folders for path in (folder.rglob("*") if folder.is_dir() else [folder])}
    reading = {p for p in files if p.suffix in {".py", ".toml"}} - {methodology.folder / "parameters.toml"}
    code = "\n".join(path.read_text(encoding="utf-8") for path in reading)
    # What a shared table brings (coefficients of every species) need not all be used.
    own = tomllib.loads((methodology.folder / "parameters.toml").read_text(encoding="utf-8"))
    for parameter in methodology.parameters:
        assert parameter.status in {"secondary", "unverified", "local-decision"}, parameter.name
        assert parameter.low <= parameter.high and len(parameter.source) > 8
        # Limits that refuse rows, and figures of preparations, enter no equation but are read by the code;
        # those of a species or a band by a name put together from its beginning.
        words = parameter.name.split("_")
        read = any("_".join(words[:count]) in code for count in range(len(words), 1, -1))
        assert parameter.name in used or read or parameter.name not in own, parameter.name


def test_the_ceiling_names_its_proxy_species() -> None:
    ceiling = registry()["camellia_oil_v1"].parameters.get("stock_ceiling_tc_per_ha")
    assert ceiling.status == "local-decision"
    assert "gauchowensis" in ceiling.source and "proxy_species" in ceiling.note
