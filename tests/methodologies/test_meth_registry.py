"""Which methodologies there are, plug-ins included."""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

import methodologies
from methodologies import ALL, registry
from methodologies.errors import DuplicateMethodology, InvalidDeclaration, PlugInFailed
from methodologies.low_carbon_acts_v1 import behaviours
from methodologies.low_carbon_acts_v1.behaviours import load_behaviours
from methodologies.parameters import ParameterSet


class Entry:
    value = "somewhere:METHODOLOGY"

    def __init__(self, name: str, result: Any) -> None:
        self.name, self.result = name, result

    def load(self) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def fresh(monkeypatch: pytest.MonkeyPatch, *entries: Entry) -> Any:
    monkeypatch.setattr(methodologies, "entry_points", lambda group: list(entries))
    return registry.__wrapped__()


def test_the_built_in_ones() -> None:
    keys = "camellia_oil_v1 ratoon_rice_v1 low_carbon_acts_v1 tea_garden_v1 ccer_afforestation_v1"
    assert list(registry()) == keys.split()
    assert [methodology.subject for methodology in ALL] == ["parcel", "parcel", "act", "parcel", "parcel"]
    assert all(methodology.narrative and methodology.title_zh for methodology in ALL)


def test_an_installed_plug_in_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = dataclasses.replace(ALL[0], version=2)
    found = fresh(monkeypatch, Entry("camellia", newer))
    assert found["camellia_oil_v2"] is newer and found["camellia_oil_v1"] is ALL[0]


def test_a_failing_plug_in_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlugInFailed) as caught:
        fresh(monkeypatch, Entry("tea", ImportError("no module named tea")))
    assert "tea" in caught.value.message("zh") and "no module named tea" in caught.value.message("en")
    with pytest.raises(PlugInFailed, match="not a Methodology"):
        fresh(monkeypatch, Entry("tea", object()))


def test_a_key_used_twice_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DuplicateMethodology, match="camellia_oil_v1"):
        fresh(monkeypatch, Entry("copy", ALL[0]))


def test_the_catalogue_of_acts() -> None:
    catalogue = {behaviour.code: behaviour for behaviour in behaviours()}
    assert {"XI14", "XI14b", "SH03", "XI16", "XI17", "SJ37", "SJ36", "ZH08"} <= set(catalogue)
    assert registry()["low_carbon_acts_v1"].behaviours == behaviours()
    assert not catalogue["SH03"].creditable and catalogue["SH03"].cap_quantity_per_day == 3
    assert catalogue["XI16"].cap_g_per_day == 296 and catalogue["XI14"].cap_acts_per_day == 6
    assert catalogue["ZH08"].cap_quantity_per_month == 150 and not catalogue["ZH08"].whole
    for behaviour in catalogue.values():
        assert behaviour.cap_note_zh and behaviour.cap_status in {"secondary", "local-decision"}
        assert behaviour.name_zh and behaviour.name_en and behaviour.category_zh and behaviour.source


@pytest.mark.parametrize("change", ["twice", "parameter", "key"])
def test_a_faulty_catalogue_is_refused(tmp_path: Path, change: str) -> None:
    folder = registry()["low_carbon_acts_v1"].folder
    text = (folder / "behaviours.toml").read_text(encoding="utf-8")
    if change == "twice":
        text = text.replace('code = "XI14b"', 'code = "XI14"')
    elif change == "parameter":
        text = text.replace("{p_sh03_g}", "{p_sh99_g}")
    else:
        text = text.replace("whole = ", "entire = ", 1)
    path = tmp_path / "behaviours.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidDeclaration):
        load_behaviours(path, ParameterSet.load(folder / "parameters.toml"))


def test_the_room_is_pure() -> None:
    """Only numpy, pandas, the standard library and itself; openpyxl where workbooks are read or written."""
    plain = {"numpy", "pandas", "methodologies", *sys.stdlib_module_names}
    for path in Path(methodologies.__file__).parent.rglob("*.py"):
        allowed = plain | ({"openpyxl"} if path.name in {"grids.py", "template.py"} else set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert all(name.split(".")[0] in allowed for name in names), f"{path.name} imports {names}"
