"""Preparations (附表整理): a measured table of many lines becomes one line per key of the frame.

Plots, trees, daily water levels, chamber readings and season records are measured as they occur; a frame has
one row per subject. A preparation declares both sides: the columns of the table, checked exactly as a frame
is, and the columns that come out. Outputs named as a column of the methodology fill that column where the
frame leaves it empty; the others are intermediates kept with the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings, Mask
from methodologies.digest import table_digest
from methodologies.errors import InvalidDeclaration, InvalidOutput, InvalidRows, MethodologyError, Problem
from methodologies.validation import canonical, canonical_cells

if TYPE_CHECKING:
    from methodologies.declaration import Period
    from methodologies.parameters import ParametersInForce

ROW = "row"  # the name under which tables and files speak of the row label of a frame
_KEY_KINDS = ("text", "choice", "int")


class Compute(Protocol):
    """The calculation: a canonical table in, one line per key out (index: key values; columns: the outputs).

    The table comes sorted by key, then by ``unique``, then by its other columns, so that no figure depends on
    the order of lines; its index keeps the labels of the lines, for findings. Cells that cannot be computed
    are NaN (None, NaT): not given for this key. Bad lines go to ``findings``.
    """

    def __call__(
        self, table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
    ) -> pd.DataFrame: ...


@dataclass(frozen=True, eq=False)
class Preparation:
    """One measured table (附表) and how it turns into columns of the frame.

    ``key``: the column of the methodology's frame it is joined on, "" for the row label; the table holds it
    in a column of the same name (``row`` for the label), which ``columns`` declares too, as text, choice or
    whole number. ``unique``: columns whose combination may occur only once. ``source``: where the
    calculation is published.
    """

    name: str
    title_zh: str
    title_en: str
    key: str
    columns: tuple[Column, ...]
    outputs: tuple[Column, ...]
    compute: Compute
    unique: tuple[str, ...] = ()
    source: str = ""
    meaning_zh: str = ""
    meaning_en: str = ""

    def __post_init__(self) -> None:
        where = f"preparation {self.name}"
        names = [column.name for column in self.columns]
        if not self.name.isidentifier() or not (self.title_zh and self.title_en):
            raise InvalidDeclaration(where, "it needs a plain name and a title in Chinese and English")
        if len(set(names)) < len(names):
            raise InvalidDeclaration(where, "a column is declared twice")
        if self.key_column not in names:
            raise InvalidDeclaration(where, f"its columns lack the key, {self.key_column}")
        key = self.columns[names.index(self.key_column)]
        if key.kind not in _KEY_KINDS or not key.required:
            raise InvalidDeclaration(where, f"the key must be required and one of {_KEY_KINDS}")
        if set(self.unique) - set(names):
            raise InvalidDeclaration(where, f"unique names unknown columns: {set(self.unique) - set(names)}")
        outputs = [column.name for column in self.outputs]
        if not outputs or len(set(outputs)) < len(outputs) or self.key_column in outputs:
            raise InvalidDeclaration(where, "outputs must be there, each once, and not the key")

    @property
    def key_column(self) -> str:
        """The column of the table that holds the key."""
        return self.key or ROW

    def column(self, name: str) -> Column:
        """The declared column of the table; KeyError for another name."""
        return {column.name: column for column in self.columns}[name]


class Filled(NamedTuple):
    """A frame with the outputs of all tables in it, the prepared tables, and the digest of each table."""

    frame: pd.DataFrame
    prepared: dict[str, pd.DataFrame]
    digests: dict[str, str]


def fill_frame(
    preparations: Iterable[Preparation],
    columns: tuple[Column, ...],
    frame: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    period: Period,
    p: ParametersInForce,
    findings: Findings,
) -> Filled:
    """Prepare every table given and put its outputs where the frame is empty; the frame stays untouched.

    Unknown tables, bad lines, keys the frame does not know, and values given both ways go to ``findings``.
    """
    known = {preparation.name: preparation for preparation in preparations}
    for name in sorted(set(tables) - set(known)):
        allowed = ", ".join(known) or "—"
        zh = f"此方法学没有附表 {name}。可用的附表：{allowed}。请更正名称或去掉它。"
        en = f"This methodology has no table {name}. Known: {allowed}. Correct the name or leave it out."
        findings.add(Problem(None, name, "", "", allowed, zh, en))
    prepared: dict[str, pd.DataFrame] = {}
    digests: dict[str, str] = {}
    fills = {column.name for column in columns}
    for name, preparation in known.items():
        if name not in tables or not len(tables[name]):  # a table without lines says nothing
            continue
        found = Findings(tables[name].index, name)
        lines = _lines(preparation, tables[name], found)
        if not found.errors:
            digests[name] = table_digest(preparation.columns, lines)
            _check_keys(preparation, lines, frame, found)
        if not found.errors:
            prepared[name] = _compute(preparation, lines, period=period, p=p, findings=found)
            frame = _join(preparation, prepared[name], frame, fills, findings)
        findings.absorb(found)
    return Filled(frame, prepared, digests)


def prepare(
    preparation: Preparation, table: pd.DataFrame, *, period: Period, p: ParametersInForce
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """One table on its own, without a frame: the prepared lines (index: key as text), and what to review.

    Raises :class:`InvalidRows` for lines that cannot be used.
    """
    found = Findings(table.index, preparation.name)
    lines = _lines(preparation, table, found)
    prepared = pd.DataFrame()
    if not found.errors:
        prepared = _compute(preparation, lines, period=period, p=p, findings=found)
    if found.errors:
        raise InvalidRows(found.of("error"), found.errors)
    return prepared, found.of("review")


def _lines(preparation: Preparation, table: pd.DataFrame, found: Findings) -> pd.DataFrame:
    """The table in canonical form and order; duplicates of ``unique`` are reported."""
    values = canonical(preparation.columns, table, found)
    lines = pd.DataFrame(values, index=table.index, copy=False)
    if found.errors:
        return lines
    if preparation.unique:
        twice = lines.duplicated(list(preparation.unique), keep="first").to_numpy()
        names = ", ".join(preparation.unique)
        given = lines[list(preparation.unique)].astype(str).agg(", ".join, axis=1) if twice.any() else lines
        found.where(
            twice,
            column=names,
            values=given.to_numpy(dtype=object),
            unit="",
            allowed="unique",
            zh="第 {row} 行与前面的一行重复（{column} 为 {value}）。每个组合只能出现一次，请删除或更正。",
            en="Line {row} repeats an earlier one ({column}: {value}). Each combination may occur once; "
            "remove or correct it.",
        )
    first = [preparation.key_column, *preparation.unique]
    rest = [column.name for column in preparation.columns if column.name not in first]
    order = list(dict.fromkeys([*first, *rest]))
    ordered = lines.sort_values(order, kind="stable")
    found.index = ordered.index  # from here on, findings speak of the lines in this order
    return ordered


def _check_keys(preparation: Preparation, lines: pd.DataFrame, frame: pd.DataFrame, found: Findings) -> None:
    """Every key of the table must be in the frame: a misspelt one would silently lose measurements."""
    if preparation.key and preparation.key not in frame.columns:
        zh = f"主表没有列 {preparation.key}，附表无法与它连接。请在主表中补上这一列。"
        en = f"The frame has no column {preparation.key} to join the table on. Add it to the frame."
        found.add(Problem(None, preparation.key, "", "", preparation.key, zh, en))
        return
    named = _keys_of_frame(preparation, frame)
    known = pd.Index(named).unique()
    keys = key_texts(lines[preparation.key_column])
    unknown = np.asarray(known.get_indexer(pd.Index(keys)) < 0)
    allowed = ", ".join([text for text in known if text][:10])
    found.where(
        unknown,
        column=preparation.key_column,
        values=keys,
        unit="",
        allowed=allowed or "—",
        zh="第 {row} 行的 {column} 为 {value}，主表中没有这一项。主表中有：{allowed}。请更正。",
        en="Line {row}: {column} is {value}, which no row of the frame has. The frame has: {allowed}. "
        "Correct it.",
    )


def _compute(
    preparation: Preparation,
    lines: pd.DataFrame,
    *,
    period: Period,
    p: ParametersInForce,
    findings: Findings,
) -> pd.DataFrame:
    """The prepared lines in canonical form, index: key texts; outputs out of range go to ``findings``."""
    # A deep copy: a preparation that writes into its table must not change what is kept of it.
    try:
        outputs = preparation.compute(lines.copy(), period=period, p=p, findings=findings)
    except MethodologyError:
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        raise InvalidOutput(key=preparation.name, reason=words, reason_zh=words) from error
    declared = [column.name for column in preparation.outputs]
    if list(outputs.columns) != declared:
        wrong = sorted(set(outputs.columns) ^ set(declared)) or "the order of columns"
        raise InvalidOutput(
            key=preparation.name, reason=f"columns differ: {wrong}", reason_zh=f"列不符：{wrong}"
        )
    keys = pd.Index(key_texts(pd.Series(outputs.index)), dtype=object, name=preparation.key_column)
    if not keys.is_unique or set(keys) - set(key_texts(lines[preparation.key_column])):
        reason = "its lines are not one per key of the table"
        raise InvalidOutput(key=preparation.name, reason=reason, reason_zh="结果不是每个键一行")
    named = outputs.set_axis(keys, axis=0)
    found = Findings(keys, preparation.name)
    values, _ = canonical_cells(preparation.outputs, named, found)
    findings.absorb(found)
    return pd.DataFrame(values, index=keys, copy=False)


def _join(
    preparation: Preparation,
    prepared: pd.DataFrame,
    frame: pd.DataFrame,
    fills: set[str],
    findings: Findings,
) -> pd.DataFrame:
    """The frame with the outputs that are its columns filled in; what is given twice is reported."""
    places = prepared.index.get_indexer(pd.Index(_keys_of_frame(preparation, frame)))
    filled: dict[str, Any] = {}
    for column in preparation.outputs:
        if column.name not in fills:
            continue
        cells = prepared[column.name].to_numpy(dtype=object)
        offered = np.full(len(frame), None, dtype=object)
        offered[places >= 0] = cells[places[places >= 0]]
        there: Mask = ~np.asarray(pd.isna(offered), dtype=np.bool_)
        given = np.full(len(frame), None, dtype=object)
        if column.name in frame.columns:
            given = frame[column.name].to_numpy(dtype=object)
        both = there & ~np.asarray(pd.isna(given), dtype=np.bool_)
        findings.where(
            both,
            column=column.name,
            values=given,
            unit=column.unit,
            allowed="—",
            zh=f"第 {{row}} 行的 {{column}} 已填 {{value}}，附表 {preparation.name} 也给出了它。"
            "两者只能选一，请清空该格或去掉附表。",
            en=f"Row {{row}}: {{column}} is {{value}}, and table {preparation.name} gives it too. "
            "Use one of the two: empty the cell or leave the table out.",
        )
        filled[column.name] = np.where(there, offered, given)
    return frame.assign(**filled)


def _keys_of_frame(preparation: Preparation, frame: pd.DataFrame) -> npt.NDArray[np.object_]:
    return key_texts(frame[preparation.key] if preparation.key else pd.Series(frame.index))


def key_texts(values: pd.Series) -> npt.NDArray[np.object_]:
    """Keys as text, so that 3, 3.0 and "3" are one key; "" where there is none."""
    texts = [
        ""
        if pd.isna(value)
        else str(int(value))
        if isinstance(value, float | np.floating) and float(value).is_integer()
        else str(value)
        for value in values.tolist()
    ]
    return np.array(texts, dtype=object)
