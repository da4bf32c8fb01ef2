"""Reference data of the import checks: families of attribute tables, code lists, limits.

All three are files under ``data/`` with version, source and evidence status, so that the bureaus' own
tables can take their place without a change of code.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data")


@dataclass(frozen=True)
class Family:
    """One kind of attribute table: how to recognise it and what its columns mean.

    ``fields`` maps the register's name of an attribute to the column names it may have, best first.
    """

    key: str
    title_zh: str
    title_en: str
    status: str
    all: tuple[str, ...]
    some: tuple[str, ...]
    some_at_least: int
    fields: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Code:
    """One entry of a code list.

    ``kinds``: what of the register it can be; more than one = ambiguous. ``treeless``: land of this class has
    no dominant species.
    """

    code: str
    name_zh: str
    name_en: str
    kinds: tuple[str, ...]
    treeless: bool
    status: str


@dataclass(frozen=True)
class Limits:
    """Limits of the checks; unit, source and status of each stand in ``data/limits.toml``."""

    min_area_m2: dict[str, float]
    area_note_share: float
    area_note_m2: float
    area_refuse_share: float
    unit_explained_share: float
    unit_odd_rows: float
    overlap_share: float
    overlap_noise_m2: float
    overlap_noise_width_m: float
    overlap_sliver_width_m: float
    changed_share: float = 0.5
    other_layers: frozenset[frozenset[str]] = frozenset()


@cache
def _columns(table: str, name: str) -> tuple[str, ...]:
    return tuple(tomllib.loads((DATA / "aliases.toml").read_text(encoding="utf-8"))[table][name])


# A layer of no known family: the sender says what it holds, and every row says so.
PLAIN = Family(
    key="plain",
    title_zh="未识别的属性表",
    title_en="unrecognised attribute table",
    status="local-decision",
    all=(),
    some=(),
    some_at_least=0,
    fields={name: _columns("plain", name) for name in ("county", "area")},
)


def trial_columns(name: str) -> tuple[str, ...]:
    """Columns of ``area`` or ``name`` in tables from elsewhere, best first; only for trying files out."""
    return _columns("trial", name)


@cache
def families() -> tuple[Family, ...]:
    """The families, in the order in which they are tried."""
    return tuple(
        Family(
            key=row["key"],
            title_zh=row["title_zh"],
            title_en=row["title_en"],
            status=row["status"],
            all=tuple(row["all"]),
            some=tuple(row["some"]),
            some_at_least=row["some_at_least"],
            fields={name: tuple(columns) for name, columns in row["fields"].items()},
        )
        for row in tomllib.loads((DATA / "aliases.toml").read_text(encoding="utf-8"))["family"]
    )


@cache
def null_words() -> frozenset[str]:
    """Texts that mean "no value", upper case."""
    return frozenset(tomllib.loads((DATA / "aliases.toml").read_text(encoding="utf-8"))["null_words"])


@cache
def code_list(name: str) -> dict[str, Code]:
    """One code list (``DI_LEI_4``, ``YOU_SHI_SZ``, …) by code."""
    return _code_lists()[name]


@cache
def _code_lists() -> dict[str, dict[str, Code]]:
    lists: dict[str, dict[str, Code]] = {}
    with (DATA / "codes.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            kinds = tuple(kind for kind in row["kind"].split("|") if kind)
            lists.setdefault(row["list"], {})[row["code"]] = Code(
                row["code"], row["name_zh"], row["name_en"], kinds, row["treeless"] == "yes", row["status"]
            )
    return lists


@cache
def limits() -> Limits:
    data = tomllib.loads((DATA / "limits.toml").read_text(encoding="utf-8"))
    minima = {kind: float(entry["value"]) for kind, entry in data.pop("min_area_m2").items()}
    values = {name: float(entry["value"]) for name, entry in data.items() if isinstance(entry, dict)}
    layers = frozenset(frozenset(pair) for pair in data["other_layers"])
    return Limits(min_area_m2=minima, other_layers=layers, **values)
