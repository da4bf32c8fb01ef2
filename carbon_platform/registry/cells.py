"""One cell → one value, exactly, or why not. Functions of values; nothing is guessed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from carbon_platform.registry.files import ErrorCell, Formula
from carbon_platform.registry.mapping import UNITS_KG, Serials, canonical
from carbon_platform.registry.rules import CELL_LIMIT

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
QUANTITY_MAX_KG: Final = 10**15
SERIAL_DIGITS: Final = 18
EXACT_DIGITS: Final = 15  # what a spreadsheet keeps of a number
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_UNIT_WORDS: Final = {
    "吨": "t", "t": "t", "tco2e": "t", "tco2": "t", "吨二氧化碳当量": "t",
    "千克": "kg", "公斤": "kg", "kg": "kg", "kgco2e": "kg",
}  # fmt: skip
_NUMBER = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*([a-z0-9\u4e00-\u9fff]*)")
_LOOSE = re.compile(r"(?<=\D)\s+|\s+(?=\D)")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d+)?e[+-]?\d+")


class CellWrong(Exception):
    """``code`` of the finding and the values its words need."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


@dataclass(frozen=True, order=True, slots=True)
class Block:
    """Serials ``first`` … ``last`` with a prefix, as one registry numbers them; ``width`` of the digits."""

    prefix: str
    first: int
    last: int
    width: int = 0

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        first, last = (f"{self.prefix}{n:0{self.width}d}" for n in (self.first, self.last))
        return first if first == last else f"{first}–{last}"


def text_of(value: Any) -> str:
    """A cell as clean text, empty when there is nothing. Raises ``CellWrong``."""
    if value is None:
        return ""
    if isinstance(value, Formula):
        raise CellWrong("formula")
    if isinstance(value, ErrorCell):
        raise CellWrong("error_cell")
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**EXACT_DIGITS:
        value = int(value)
    text = str(value)
    if len(text) > CELL_LIMIT or _NEVER.search(text):
        raise CellWrong("unreadable_text", limit=CELL_LIMIT)
    text = text.strip().strip("\ufeff\u3000\u00a0").strip()
    if text.startswith(("=", "@")):
        raise CellWrong("formula")  # a CSV carries the formula as its text
    return text


def normal(text: str) -> str:
    """Text kept without surplus blanks; compare it folded."""
    return " ".join(text.split())


def quantity_kg(value: Any, unit: str) -> int:
    """Kilograms > 0, exact. Raises ``CellWrong``: text, sign, fractions of a kilogram, other units, size."""
    words = "吨 t" if unit == "t" else "千克 kg"
    if isinstance(value, bool | datetime | date | time):
        raise CellWrong("quantity_text", unit=words)
    if isinstance(value, float):
        # repr of a float is the shortest text that means it: what the spreadsheet showed.
        text = format(Decimal(repr(value)), "f") if abs(value) < 1e15 else repr(value)
    else:
        text = unicodedata.normalize("NFKC", text_of(value)).replace("−", "-").casefold().strip()
    if not text:
        raise CellWrong("missing")
    if _SCIENTIFIC.fullmatch(text):
        raise CellWrong("quantity_scientific")
    match = _NUMBER.fullmatch(text)
    if match is None or (match[2] and match[2] not in _UNIT_WORDS):
        raise CellWrong("quantity_text", unit=words)
    if match[2] and _UNIT_WORDS[match[2]] != unit:
        raise CellWrong("quantity_unit", unit=words)
    try:
        kilograms = Decimal(match[1].replace(",", "")) * UNITS_KG[unit]
    except InvalidOperation:
        raise CellWrong("quantity_text", unit=words) from None
    if kilograms <= 0:
        raise CellWrong("quantity_not_positive", unit=words)
    if kilograms > QUANTITY_MAX_KG:
        raise CellWrong("quantity_huge", limit=f"{QUANTITY_MAX_KG:,}")
    if kilograms != int(kilograms):
        raise CellWrong("quantity_fraction", unit=words)
    return int(kilograms)


def instant(value: Any, formats: tuple[str, ...], earliest: date, now: datetime) -> datetime:
    """When something happened: a day counts from 00:00 in China. Raises ``CellWrong``."""
    found = value if isinstance(value, datetime) else None
    if found is None and isinstance(value, date):
        found = datetime.combine(value, time.min)
    if found is None:
        text = unicodedata.normalize("NFKC", text_of(value))
        if not text:
            raise CellWrong("missing")
        found = _parsed(text, formats)
    at = found.replace(tzinfo=CHINA, microsecond=0)
    if at.date() < earliest:
        raise CellWrong("date_early", limit=earliest.isoformat())
    if at > now:
        raise CellWrong("date_future", limit=now.astimezone(CHINA).date().isoformat())
    return at


def _parsed(text: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        # Without separators fewer digits could be cut in several ways: 2025111 is no day.
        if form == "%Y%m%d" and not re.fullmatch("[0-9]{8}", text):
            continue
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 — the zone is China's, set by the caller
        except ValueError:
            continue
    raise CellWrong("date_format", limit="、".join(formats[:4]))


def vintage(value: Any, now: datetime) -> int:
    """The year of the reductions. Raises ``CellWrong``."""
    text = unicodedata.normalize("NFKC", text_of(value)).removesuffix("年度").removesuffix("年").strip()
    last = now.astimezone(CHINA).year
    if not text:
        raise CellWrong("missing")
    if not re.fullmatch(r"\d{4}", text, re.ASCII) or not 2000 <= int(text) <= last:
        raise CellWrong("vintage_invalid", limit=f"2000–{last}")
    return int(text)


def blocks(value: Any, serials: Serials) -> tuple[Block, ...]:
    """Every block of a cell, ascending. Raises ``CellWrong``. Whether they overlap, the project tells."""
    if isinstance(value, int | float) and abs(value) >= 10**EXACT_DIGITS:
        raise CellWrong("block_digits")
    if isinstance(value, bool | datetime | date | time):
        raise CellWrong("block_format", limit="000001–000100")
    text = unicodedata.normalize("NFKC", text_of(value)).replace("\r", "\n")
    parts = [part.strip() for part in serials.separators.split(text) if part.strip()]
    if not parts:
        raise CellWrong("missing")
    return tuple(sorted(_block(part, serials) for part in parts))


def _number(text: str, serials: Serials) -> re.Match[str] | None:
    """One serial, its prefix in any case, with any dash, blanks anywhere but between two digits."""
    plain = "".join(_plain(c) for c in text)
    return serials.number.fullmatch(_LOOSE.sub("", plain.strip()))


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Cf":
        return ""
    return "-" if kind == "Pd" or character == "−" else character


def _block(text: str, serials: Serials) -> Block:
    """One block. Of several ways to cut it, the one in which both ends carry the same prefix."""
    single = _number(text, serials)
    cuts = []
    for place, mark in enumerate(text):
        if mark in serials.dashes:
            left, right = _number(text[:place], serials), _number(text[place + 1 :], serials)
            if left and right:
                before, after = canonical(left["prefix"]), canonical(right["prefix"])
                if after in (before, ""):
                    cuts.append((after != before, left, right))
    if cuts:
        best = min(cut[0] for cut in cuts)
        cuts = [cut for cut in cuts if cut[0] == best]
    if len(cuts) == 1:
        _, left, right = cuts[0]
    elif single and not cuts:
        left = right = single
    else:
        raise CellWrong("block_format", value=text, limit="000001–000100")
    if max(len(left["digits"]), len(right["digits"])) > SERIAL_DIGITS:
        raise CellWrong("block_format", value=text, limit="000001–000100（≤ 18 位）")
    first, last = int(left["digits"]), int(right["digits"])
    if last < first or first < 1:
        raise CellWrong("block_reversed" if last < first else "block_format", value=text, limit="≥ 1")
    return Block(left["prefix"], first, last, len(left["digits"]))
