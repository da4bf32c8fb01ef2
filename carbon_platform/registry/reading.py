"""Rows of a file → records with their findings, one by one. Knows the mapping, not the books."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from carbon_platform.registry import cells, methodology_names, rules
from carbon_platform.registry.cells import Block, CellWrong
from carbon_platform.registry.directory import Directory
from carbon_platform.registry.files import Opened, Row, check_size, is_workbook, open_rows, too_many
from carbon_platform.registry.findings import Finding, finding, shown
from carbon_platform.registry.mapping import NEEDED, Source, canonical, fold
from carbon_platform.registry.timeline import Batch, Books

_LABELS: Final = {"holder_name": "持有人", "counterparty_name": "受让方"}


@dataclass(slots=True)
class Record:
    """One row: what it says, and what is wrong with it. Quantities in kg, organisations by id."""

    row: int
    kind: str = ""
    project_code: str = ""
    project_name: str = ""
    methodology_key: str = ""
    methodology_raw: str = ""
    vintage: int | None = None
    serials: str = ""
    blocks: tuple[Block, ...] = ()
    quantity_kg: int | None = None
    holder: int | None = None
    holder_name: str = ""
    counterparty: int | None = None
    counterparty_name: str = ""
    at: datetime | None = None
    reference: str = ""
    certificate: str = ""
    beneficiary: str = ""
    purpose: str = ""
    status: str = "new"
    ordinal: int | None = None
    findings: list[Finding] = field(default_factory=list)

    def space(self, source: Source, block: Block) -> str:
        return source.space(block.prefix, self.project_code, self.vintage)

    def content(self) -> dict[str, Any]:
        """What the record means, free of spelling: equal for two exports of the same event."""
        said: dict[str, Any] = {
            "kind": self.kind,
            "blocks": sorted([b.first, b.last] for b in self.blocks),
            "quantity_kg": self.quantity_kg,
            "holder": self.holder,
            "at": self.at.astimezone(UTC).isoformat() if self.at else None,
            "reference": fold(self.reference),
        }
        if self.kind == "issuance":
            said |= {
                "project": canonical(self.project_code),
                "methodology": self.methodology_key,
                "vintage": self.vintage,
            }
        elif self.kind == "transfer":
            said["counterparty"] = self.counterparty
        else:
            for name in ("certificate", "beneficiary", "purpose"):
                said[name] = fold(getattr(self, name))
        return said

    def key(self, source: Source) -> str:
        """Which event it is. Numbers are issued and retired once; a transfer is told by its reference."""
        numbers = sorted([self.space(source, b), b.first, b.last] for b in self.blocks)
        said: list[Any] = [self.kind, numbers]
        if self.kind == "transfer":
            said.append(fold(self.reference) or [self.content()["at"], self.holder, self.counterparty])
        return digest(said)


def digest(said: Any) -> str:
    text = json.dumps(said, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Table:
    """A file as read: how, and its records."""

    file_format: str
    encoding: str
    sheet: str
    header_row: int
    ignored: tuple[str, ...]
    records: list[Record]


def read_table(path: Path, source: Source, directory: Directory, now: datetime) -> Table:
    """Read a whole file. Errors: everything in ``rules`` that refuses a file."""
    check_size(path)
    if is_workbook(path):
        with open_rows(path, source) as opened:
            return _read(opened, source, directory, now)
    best: rules.HeaderNotFound | None = None
    for delimiter in source.delimiters:
        try:
            with open_rows(path, source, delimiter) as opened:
                return _read(opened, source, directory, now)
        except rules.HeaderNotFound as error:
            # The delimiter with which most of the header was found is the one to speak of.
            if best is None or len(error.values["missing"]) < len(best.values["missing"]):
                best = error
        except UnicodeDecodeError as error:
            raise rules.EncodingUnknown(tried=str(error), tried_en=str(error)) from error
    assert best is not None, "a source declares at least one delimiter"
    raise best


def _read(opened: Opened, source: Source, directory: Directory, now: datetime) -> Table:
    header, rows = find_header(opened.rows, source)
    reader = RecordReader(source, header, directory, now)
    records = []
    for number, row in rows:
        if not any(value not in (None, "") for value in row):
            continue
        if len(records) == rules.ROW_LIMIT:
            raise too_many()
        records.append(reader.read(number, row))
    if not records:
        raise rules.NoRows
    return Table(opened.file_format, opened.encoding, opened.sheet, header.row, header.ignored, records)


@dataclass(frozen=True)
class Header:
    """Where each column is: key → (position, how people find it)."""

    row: int
    places: dict[str, tuple[int, str]]
    unit: str
    ignored: tuple[str, ...]


def find_header(rows: Iterator[Row], source: Source) -> tuple[Header, Iterator[Row]]:
    """The first row that names every needed column, and the rows after it.

    Errors: ``HeaderNotFound`` with what the best row lacks, ``HeaderTwice``.
    """
    first = list(islice(rows, source.header_within_rows))
    needed = set(NEEDED) | (set() if source.default_kind else {"kind"})
    nearest: tuple[int, set[str]] | None = None
    for place, (number, row) in enumerate(first):
        found = {source.aliases.get(fold(str(v))) for v in row if v not in (None, "")} - {None}
        missing = needed - found
        if not found & {"holder_name", "holder_code"}:
            missing.add("holder_name")
        if not missing:
            return _header(number, row, source), chain(first[place + 1 :], rows)
        if nearest is None or len(missing) < len(nearest[1]):
            nearest = (number, missing)
    number, missing = nearest or (0, needed)
    names = [source.column_names[key] for key in source.column_names if key in missing]
    whole = len(missing) > len(needed) // 2
    raise rules.HeaderNotFound(
        rows=source.header_within_rows,
        where="" if whole else f"第 {number} 行",
        where_en="the file" if whole else f"row {number}",
        missing="、".join(names),
    )


def _header(number: int, row: Sequence[Any], source: Source) -> Header:
    places: dict[str, tuple[int, str]] = {}
    ignored, unit = [], source.unit
    for place, value in enumerate(row):
        if value in (None, ""):
            continue
        name = shown(value)
        key = source.aliases.get(fold(str(value)))
        if key is None:
            ignored.append(name)
            continue
        label = f"{name}（{letter(place)}）"
        if key in places:
            first = places[key][1]
            column = source.column_names[key]
            raise rules.HeaderTwice(row=number, column=column, first=first, second=label)
        places[key] = (place, label)
        if key == "quantity":
            unit = source.header_units.get(fold(str(value)), unit)
    return Header(number, places, unit, tuple(ignored))


def letter(place: int) -> str:
    """Column 0 is A, 26 is AA, as spreadsheets name them."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


class RecordReader:
    """Reads rows under one header."""

    def __init__(self, source: Source, header: Header, directory: Directory, now: datetime) -> None:
        self.source, self.header, self.directory, self.now = source, header, directory, now
        # Few days and few methodologies fill many rows.
        self._methodologies: dict[str, str | None] = {}
        self._instants: dict[str, datetime] = {}
        self._kind_words = "、".join(source.kind_words)

    def read(self, number: int, row: Sequence[Any]) -> Record:
        """One row; never raises for what stands in it."""
        record = Record(number)
        get = _Getter(record, row, self)
        record.kind = get("kind", self._kind) or ""
        for name in ("project_code", "project_name", "reference", "certificate", "beneficiary", "purpose"):
            setattr(record, name, get(name, lambda value: cells.normal(cells.text_of(value))) or "")
        record.methodology_raw = get("methodology", cells.text_of) or ""
        record.methodology_key = get("methodology", self._methodology) or "" if record.methodology_raw else ""
        record.vintage = get("vintage", self._vintage)
        record.serials = shown(get.raw("serials") or "")
        record.blocks = get("serials", lambda value: cells.blocks(value, self.source.serials)) or ()
        unit = self.header.unit
        record.quantity_kg = get("quantity", lambda value: cells.quantity_kg(value, unit))
        record.at = get("date", self._instant)
        record.holder_name, record.holder = self._party(get, "holder")
        if record.kind == "transfer":
            record.counterparty_name, record.counterparty = self._party(get, "counterparty")
        self._check_whole(record, get)
        if record.findings:
            record.status = "error"
        return record

    def _kind(self, value: Any) -> str:
        text = cells.text_of(value)
        if not text and self.source.default_kind:
            return self.source.default_kind
        if not text:
            raise CellWrong("missing")
        if fold(text) not in self.source.kind_words:
            raise CellWrong("kind_unknown", limit=self._kind_words)
        return self.source.kind_words[fold(text)]

    def _instant(self, value: Any) -> datetime:
        known = self._instants.get(value) if isinstance(value, str) else None
        if known is None:
            known = cells.instant(value, self.source.date_formats, self.source.earliest, self.now)
            self._instants[str(value)] = known
        return known

    def _vintage(self, value: Any) -> int | None:
        return cells.vintage(value, self.now) if cells.text_of(value) else None

    def _methodology(self, value: Any) -> str:
        raw = cells.text_of(value)
        if raw not in self._methodologies:
            self._methodologies[raw] = methodology_names.find(raw)
        key = self._methodologies[raw]
        if key is None:
            near = methodology_names.nearest(raw)
            raise CellWrong(
                "methodology_unknown",
                near=f"，最接近的是“{near[0]}”（{near[1]}）" if near else "",
                near_en=f"; nearest: “{near[0]}” ({near[1]})" if near else "",
                limit=near[0] if near else "",
            )
        return key

    def _party(self, get: _Getter, who: str) -> tuple[str, int | None]:
        name = get(f"{who}_name", lambda value: cells.normal(cells.text_of(value))) or ""
        code = get(f"{who}_code", lambda value: cells.normal(cells.text_of(value))) or ""
        has_name = name or f"{who}_name" in self.header.places
        key = f"{who}_name" if has_name else f"{who}_code"
        if not name and not code:
            get.note(key, CellWrong("missing"))
            return "", None
        try:
            number = self.directory.find(name, code)
        except CellWrong as wrong:
            get.note(key, wrong)
            return name or code, None
        return self.directory.names[number], number

    def _check_whole(self, record: Record, get: _Getter) -> None:
        """What only several cells together can show."""
        scope = self.source.serials.scope
        always = record.kind == "issuance"
        if not canonical(record.project_code) and (always or scope != "source"):
            get.note("project_code", CellWrong("missing"))
        if not record.methodology_raw and always:
            get.note("methodology", CellWrong("missing"))
        if record.vintage is None and (always or scope == "project-vintage") and not get.noted("vintage"):
            get.note("vintage", CellWrong("missing"))
        if (again := self._repeated(record)) is not None:
            get.note("serials", CellWrong("block_repeats", value=str(again)))
        if record.blocks and record.quantity_kg is not None:
            count, per = sum(block.length for block in record.blocks), self.source.serials.kg_per_serial
            if count * per != record.quantity_kg:
                expected, given = f"{count * per:,}", f"{record.quantity_kg:,}"
                wrong = CellWrong("length_mismatch", serials=count, per=per, limit=expected, value=given)
                get.note("quantity", wrong)
        if record.kind == "transfer" and record.holder is not None and record.holder == record.counterparty:
            get.note("counterparty_name", CellWrong("same_holder", value=record.holder_name))
        if record.kind == "issuance" and record.vintage and record.at and record.vintage > record.at.year:
            latest = f"≤ {record.at.year}"
            get.note("vintage", CellWrong("vintage_invalid", value=record.vintage, limit=latest))

    def _repeated(self, record: Record) -> Block | None:
        """A block with numbers of another block of its cell, in whatever spelling."""
        if len(record.blocks) < 2:
            return None
        seen = Books()
        for block in record.blocks:
            space = record.space(self.source, block)
            if seen.taken(space, block.first, block.last):
                return block
            seen.space(space).add(Batch(block.first, block.last, self.now, "", "", "", 0))
        return None


class _Getter:
    """Reads cells of one row and notes what is wrong with them."""

    def __init__(self, record: Record, row: Sequence[Any], reader: RecordReader) -> None:
        self.record, self.row, self.reader = record, row, reader
        self._noted: set[str] = set()

    def raw(self, key: str) -> Any:
        place = self.reader.header.places.get(key)
        return self.row[place[0]] if place is not None and place[0] < len(self.row) else None

    def __call__(self, key: str, parse: Any) -> Any:
        try:
            return parse(self.raw(key))
        except CellWrong as wrong:
            self.note(key, wrong)
            return None

    def noted(self, key: str) -> bool:
        return key in self._noted

    def note(self, key: str, wrong: CellWrong) -> None:
        if key in self._noted and wrong.code in ("missing", "formula", "error_cell", "unreadable_text"):
            return
        self._noted.add(key)
        place = self.reader.header.places.get(key)
        column = place[1] if place else self.reader.source.column_names.get(key, _LABELS.get(key, key))
        values = {"value": self.raw(key), **wrong.values}
        self.record.findings.append(finding(wrong.code, row=self.record.row, column=column, **values))
