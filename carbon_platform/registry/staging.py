"""An export compared with the books: what is new, known, contradictory or wrong, and what would change.

Values in, values out. New records are tried on a copy of the state, exactly as the commit will write
them: every issuance first (so that an earlier movement can be told what is wrong), then movements day by
day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from carbon_platform.registry.cells import CHINA, Block
from carbon_platform.registry.findings import Finding, finding
from carbon_platform.registry.mapping import Source, canonical, fold
from carbon_platform.registry.reading import Record, digest
from carbon_platform.registry.timeline import Batch, Blocked, Books, Part, blocked, move

STATUSES: Final = ("new", "unchanged", "conflict", "error")
# Rounds over one day's movements: each lets a chain of transfers take one more step in either direction.
_ROUNDS: Final = 200
_WORDS: Final = {
    "blocks": ("号段", "blocks"),
    "quantity_kg": ("数量", "quantity"),
    "holder": ("持有人", "holder"),
    "counterparty": ("受让方", "receiver"),
    "at": ("日期", "date"),
    "reference": ("业务编号", "reference"),
    "project": ("项目编号", "project"),
    "methodology": ("方法学", "methodology"),
    "vintage": ("年份", "vintage"),
    "certificate": ("注销证明", "certificate"),
    "beneficiary": ("受益方", "beneficiary"),
    "purpose": ("用途", "purpose"),
}


@dataclass(frozen=True)
class Known:
    """A record of the books under the same key: what it said."""

    content_digest: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Staged:
    """The comparison: rows with status, changes per project, vintage and holder (kg), and its digest."""

    records: list[Record]
    counts: dict[str, int]
    changes: list[dict[str, Any]]
    digest: str


class Comparison:
    """Compares the records of one file; ``names`` are organisations by id."""

    def __init__(self, source: Source, books: Books, known: Mapping[str, Known], names: Mapping[int, str]):
        self.source, self.books, self.known, self.names = source, books, known, names
        self._changes: dict[tuple[str, str, int, int], Counter[str]] = {}
        self._next = 1

    def run(self, records: list[Record], books_record_id: int) -> Staged:
        """Give every record its status; ``books_record_id`` says which state of the books was compared."""
        keys = {id(r): r.key(self.source) for r in records if not r.findings}
        contents = {id(r): digest(r.content()) for r in records if not r.findings}
        self._sort_out(records, keys, contents)
        waiting = sorted((r for r in records if r.status == "new"), key=lambda r: (r.at, r.row))
        for record in waiting:
            if record.kind == "issuance":
                self._try_issuance(record)
        waiting = [r for r in waiting if r.kind != "issuance"]
        for _, day in groupby(waiting, key=lambda r: r.at.astimezone(CHINA).date()):  # type: ignore[union-attr]
            self._try_day(list(day))
        counts = Counter(record.status for record in records)
        new = sorted((r for r in records if r.status == "new"), key=lambda r: r.ordinal or 0)
        said = [[keys[id(r)], contents[id(r)]] for r in new]
        return Staged(
            records,
            {status: counts[status] for status in STATUSES},
            self._changes_list(),
            digest([self.source.key, self.source.digest, books_record_id, said]),
        )

    # --- the same record again --------------------------------------------------------------------

    def _sort_out(self, records: Iterable[Record], keys: dict[int, str], contents: dict[int, str]) -> None:
        first: dict[str, Record] = {}
        for record in records:
            if record.findings:
                continue
            key, content = keys[id(record)], contents[id(record)]
            other = first.setdefault(key, record)
            if other is not record:
                self._note_twice(record, other, same=content == contents[id(other)])
            elif (known := self.known.get(key)) is not None:
                if known.content_digest == content:
                    record.status = "unchanged"
                else:
                    zh, en, was, was_en = self._difference(known.content, record.content())
                    words = {"value": zh, "value_en": en, "limit": was, "limit_en": was_en}
                    record.findings.append(finding("conflict_registered", row=record.row, **words))
                    record.status = "conflict"

    def _note_twice(self, record: Record, other: Record, *, same: bool) -> None:
        if same:
            note = finding("duplicate_row", row=record.row, other_row=other.row)
        else:
            zh, en, _, _ = self._difference(other.content(), record.content())
            more = {"other_row": other.row, "value_en": en}
            note = finding("contradicts_row", row=record.row, value=zh, **more)
        self._refuse(record, note)

    def _difference(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str, str, str]:
        fields = [name for name in now if was.get(name) != now[name]]
        values = [self._shown(name, was.get(name)) for name in fields]
        return (
            "、".join(_WORDS[name][0] for name in fields),
            ", ".join(_WORDS[name][1] for name in fields),
            "、".join(values),
            ", ".join(values),
        )

    def _shown(self, name: str, value: Any) -> str:
        if name in ("holder", "counterparty"):
            return self.names.get(value, "—")
        if name == "quantity_kg":
            return f"{value:,} kg"
        if name == "at":
            return datetime.fromisoformat(value).astimezone(CHINA).date().isoformat()
        return str(value or "—")

    # --- new records, by day ----------------------------------------------------------------------

    def _try_day(self, day: list[Record]) -> None:
        """Movements of one day, again and again until nobody can move any more.

        Exports are sorted either way and give days, seldom hours: within a day the order that works is taken.
        """
        waiting = day
        reasons: dict[int, Finding] = {}
        for round_number in range(_ROUNDS):
            left = []
            for record in waiting if round_number % 2 == 0 else reversed(waiting):
                reason = self._try_movement(record)
                if reason is not None:
                    reasons[id(record)] = reason
                    left.append(record)
            moved = len(left) < len(waiting)
            waiting = sorted(left, key=lambda r: r.row)
            if not moved or not waiting:
                break
        for record in waiting:
            self._refuse(record, reasons[id(record)])

    def _try_issuance(self, record: Record) -> None:
        assert record.at is not None and record.holder is not None and record.vintage is not None
        for block in record.blocks:
            for other in self.books.taken(record.space(self.source, block), block.first, block.last):
                theirs = Block(block.prefix, other.first, other.last, block.width)
                words = {"column": self._column("serials"), "value": block, "limit": theirs}
                if other.lot:
                    note = finding("overlap_registered", row=record.row, lot=other.lot, **words)
                else:
                    note = finding("overlap_file", row=record.row, other_row=other.row, **words)
                self._refuse(record, note)
                return
        for block in record.blocks:
            batch = Batch(
                block.first,
                block.last,
                record.at,
                record.project_code,
                record.project_name,
                record.methodology_key,
                record.vintage,
                row=record.row,
            )
            self.books.issue(record.space(self.source, block), batch, record.holder)
            self._count(batch, record.holder, "issued_kg", block.length)
        self._accept(record)

    def _try_movement(self, record: Record) -> Finding | None:
        """Move the serials if that is possible now; else why not."""
        assert record.at is not None and record.holder is not None
        parts: list[Part] = []
        for block in record.blocks:
            space = self.books.space(record.space(self.source, block))
            found, gap = space.parts(block.first, block.last)
            if gap is not None:
                unknown = Block(block.prefix, *gap, block.width)
                return finding(
                    "numbers_unknown", row=record.row, column=self._column("serials"), value=unknown
                )
            reason = self._differs(record, found)
            if reason is None and (stop := blocked(found, record.holder, record.at)):
                reason = self._blocked(record, block, stop)
            if reason is not None:
                return reason
            parts += found
        move(parts, record.counterparty if record.kind == "transfer" else None, record.at)
        for part in parts:
            length = part.last - part.first + 1
            if record.kind == "retirement":
                self._count(part.batch, record.holder, "retired_kg", length)
            else:
                assert record.counterparty is not None
                self._count(part.batch, record.holder, "sent_kg", length)
                self._count(part.batch, record.counterparty, "received_kg", length)
        self._accept(record)
        return None

    def _differs(self, record: Record, parts: Sequence[Part]) -> Finding | None:
        for part in parts:
            batch = part.batch
            for name, mine, theirs in (
                ("project_code", record.project_code, batch.project_code),
                ("methodology", record.methodology_key, batch.methodology_key),
                ("vintage", record.vintage, batch.vintage),
            ):
                plain = canonical if name == "project_code" else fold
                if mine and plain(str(mine)) != plain(str(theirs)):
                    column = self._column(name)
                    return finding(
                        "differs_from_issue", row=record.row, column=column, value=mine, limit=theirs
                    )
        return None

    def _blocked(self, record: Record, block: Block, stop: Blocked) -> Finding:
        assert record.at is not None
        numbers = Block(block.prefix, stop.first, stop.last, block.width)
        day = record.at.astimezone(CHINA).date().isoformat()
        since = stop.segment.since.astimezone(CHINA).date().isoformat()
        column = self._column("date" if stop.code == "before_issuance" else "serials")
        common: dict[str, Any] = {"row": record.row, "column": column}
        if stop.code == "before_issuance":
            return finding(stop.code, value=day, limit=since, numbers=numbers, **common)
        if stop.code == "not_held":
            theirs = self.names.get(stop.segment.holder or 0, "—")
            return finding(
                stop.code, value=numbers, limit=theirs, at=day, holder=record.holder_name, **common
            )
        return finding(stop.code, value=numbers, limit=since, at=day, **common)

    def _accept(self, record: Record) -> None:
        record.ordinal = self._next
        self._next += 1

    def _refuse(self, record: Record, note: Finding) -> None:
        record.findings.append(note)
        record.status = "error"

    def _column(self, key: str) -> str:
        return self.source.column_names[key]

    # --- sums -------------------------------------------------------------------------------------

    def _count(self, batch: Batch, holder: int, what: str, serials: int) -> None:
        key = (batch.project_code, batch.project_name, batch.vintage, holder)
        self._changes.setdefault(key, Counter())[what] += serials * self.source.serials.kg_per_serial

    def _changes_list(self) -> list[dict[str, Any]]:
        return [
            {
                "project_code": project_code,
                "project_name": project_name,
                "vintage": vintage,
                "holder": self.names.get(holder, "—"),
                **{what: sums[what] for what in ("issued_kg", "received_kg", "sent_kg", "retired_kg")},
            }
            for (project_code, project_name, vintage, holder), sums in sorted(self._changes.items())
        ]
