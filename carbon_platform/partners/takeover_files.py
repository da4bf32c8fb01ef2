"""Exports of another platform: CSV (UTF-8 or GBK) and XLSX, with Chinese or English headers, row by row."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from carbon_platform.citizens.bindings import names_somebody
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.identity.person_rules import PhoneInvalid, phone_number
from carbon_platform.partners.errors import TakeoverFileInvalid

# Column → the headers it may stand under.
ACCOUNT = {
    "external_id": ("external_id", "account_id", "账号", "用户编号", "用户ID", "会员号"),
    "nickname": ("nickname", "昵称"),
    "phone": ("phone", "mobile", "手机号", "手机"),
    "region": ("region", "region_code", "区县", "区县代码", "县区"),
    "opened_at": ("opened_at", "registered_at", "开户时间", "注册时间", "开户日期"),
    "points": ("points", "积分", "积分余额", "剩余积分"),
    "grams": ("grams", "reduction_g", "减排量(克)", "减排量（克）", "累计减排量(克)", "累计减排克数"),
    "points_expire_on": ("points_expire_on", "积分到期日", "有效期至"),
}
RECORD = {
    "record_id": ("record_id", "记录号", "流水号"),
    "external_id": ACCOUNT["external_id"],
    "behaviour": ("behaviour", "行为", "行为名称", "低碳行为"),
    "day": ("day", "date", "日期", "发生日期"),
    "grams": ACCOUNT["grams"],
    "points": ("points", "积分", "获得积分"),
}
ACCOUNT_NEEDS = ("external_id", "points")
RECORD_NEEDS = ("record_id", "external_id", "behaviour", "day", "grams", "points")
NAMELESS = "市民"
_ID = re.compile(r"\S{1,80}")


@dataclass(frozen=True)
class AccountRow:
    """One account as exported. ``opened_at`` aware; ``expires_on`` ISO day or empty."""

    row: int
    external_id: str
    nickname: str
    phone: str
    region: str
    opened_at: datetime | None
    points: int
    grams: int
    expires_on: str


@dataclass(frozen=True)
class RecordRow:
    """One line of an account's history. ``points`` may be negative: spent."""

    row: int
    record_id: str
    external_id: str
    behaviour: str
    day: str
    grams: int
    points: int


@dataclass(frozen=True)
class Fault:
    """A row that cannot be taken over. ``value`` never holds a phone number."""

    row: int
    field: str
    zh: str
    en: str


def read_accounts(path: Path) -> Iterator[AccountRow | Fault]:
    """Accounts, row by row. Errors: ``TakeoverFileInvalid`` for a file that cannot be read at all."""
    for number, cells in _rows(path, ACCOUNT, ACCOUNT_NEEDS):
        try:
            yield AccountRow(
                row=number,
                external_id=_identifier(cells, "external_id"),
                nickname=_nickname(cells),
                phone=_phone(cells),
                region=_text(cells, "region", 20),
                opened_at=_moment(cells, "opened_at"),
                points=_whole(cells, "points", low=0),
                grams=_whole(cells, "grams", low=0, missing=0),
                expires_on=_day(cells, "points_expire_on", missing=""),
            )
        except _Wrong as wrong:
            yield Fault(number, wrong.field, wrong.zh, wrong.en)


def read_records(path: Path) -> Iterator[RecordRow | Fault]:
    """History, row by row."""
    for number, cells in _rows(path, RECORD, RECORD_NEEDS):
        try:
            yield RecordRow(
                row=number,
                record_id=_record(cells),
                external_id=_identifier(cells, "external_id"),
                behaviour=_text(cells, "behaviour", 60),
                day=_day(cells, "day"),
                grams=_whole(cells, "grams", low=0),
                points=_whole(cells, "points", low=-(10**9)),
            )
        except _Wrong as wrong:
            yield Fault(number, wrong.field, wrong.zh, wrong.en)


class _Wrong(ValueError):
    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.field, self.zh, self.en = field, zh, en


def _rows(
    path: Path, columns: Mapping[str, tuple[str, ...]], needs: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, Any]]]:
    raw = _sheet(path) if path.suffix.lower() == ".xlsx" else _csv(path)
    header = next(raw, None)
    if header is None:
        raise TakeoverFileInvalid(file=path.name, reason="文件是空的", reason_en="it is empty")
    names = [str(cell or "").strip().lower() for cell in header]
    places = {
        column: names.index(known.lower())
        for column, headers in columns.items()
        for known in headers
        if known.lower() in names
    }
    missing = [column for column in needs if column not in places]
    if missing:
        wanted = "；".join(f"{column}（{'、'.join(columns[column])}）" for column in missing)
        raise TakeoverFileInvalid(
            file=path.name, reason=f"缺少列 {wanted}", reason_en=f"missing columns: {', '.join(missing)}"
        )
    for number, cells in enumerate(raw, start=2):
        if any(cell not in (None, "") for cell in cells):
            yield (
                number,
                {column: cells[place] if place < len(cells) else None for column, place in places.items()},
            )


def _csv(path: Path) -> Iterator[list[Any]]:
    encoding = _encoding(path)
    with path.open(encoding=encoding, newline="") as file:
        try:
            yield from csv.reader(file)
        except csv.Error as error:
            raise TakeoverFileInvalid(file=path.name, reason="不是 CSV", reason_en=str(error)) from None


def _encoding(path: Path) -> str:
    """UTF-8 where all of it is UTF-8, else GB18030, which holds GBK and GB2312."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding) as file:
                while file.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        except OSError as error:
            raise TakeoverFileInvalid(
                file=path.name, reason="读不到", reason_en=error.strerror or "unreadable"
            ) from error
        return encoding
    raise TakeoverFileInvalid(
        file=path.name, reason="文字编码既不是 UTF-8 也不是 GBK", reason_en="neither UTF-8 nor GBK"
    )


def _sheet(path: Path) -> Iterator[tuple[Any, ...]]:
    try:
        book = load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
    except (OSError, InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise TakeoverFileInvalid(file=path.name, reason="不是 XLSX", reason_en="no XLSX") from error
    try:
        yield from book.worksheets[0].iter_rows(values_only=True)
    finally:
        book.close()


def _identifier(cells: Mapping[str, Any], name: str) -> str:
    text = _plain(cells.get(name))
    if not _ID.fullmatch(text):
        raise _Wrong(name, "编号须为 1 到 80 个字符，不含空白", "a number has 1 to 80 characters, no blanks")
    return text


def _record(cells: Mapping[str, Any]) -> str:
    """A record's number, kept in clear: so it may not hold somebody's phone."""
    text = _identifier(cells, "record_id")
    if names_somebody(text):
        raise _Wrong(
            "record_id",
            "里面有手机号或身份证号，请让对方换一种编号再导出",
            "it holds a phone or identity number; have it exported with other numbers",
        )
    return text


def _nickname(cells: Mapping[str, Any]) -> str:
    """What others may see of somebody; other platforms like to put the phone there."""
    text = _text(cells, "nickname", 20)
    return text if text and not names_somebody(text) else NAMELESS


def _text(cells: Mapping[str, Any], name: str, most: int) -> str:
    text = " ".join(_plain(cells.get(name)).split())
    if any(ord(letter) < 32 for letter in text):
        raise _Wrong(name, "含有控制字符", "it holds control characters")
    return text[:most]


def _phone(cells: Mapping[str, Any]) -> str:
    text = _plain(cells.get("phone"))
    if not text:
        return ""
    try:
        return phone_number(text)
    except PhoneInvalid as error:
        # the number itself stays out of the report
        raise _Wrong("phone", error.message("zh"), error.message("en")) from None


def _whole(cells: Mapping[str, Any], name: str, *, low: int, missing: int | None = None) -> int:
    text = _plain(cells.get(name)).replace(",", "")
    if not text and missing is not None:
        return missing
    try:
        exact = Decimal(text)
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact != exact.to_integral_value() or not low <= exact < 10**12:
        raise _Wrong(
            name,
            f"{text[:20]!r} 应为不小于 {low} 的整数",
            f"{text[:20]!r} is no whole number of {low} or more",
        )
    return int(exact)


def _day(cells: Mapping[str, Any], name: str, *, missing: str | None = None) -> str:
    value = cells.get(name)
    if isinstance(value, datetime):
        return value.date().isoformat()
    text = _plain(value).replace("/", "-")
    if not text and missing is not None:
        return missing
    try:
        parts = [int(part) for part in text[:10].strip().split(" ")[0].split("-")]
        return date(*parts).isoformat()
    except (ValueError, TypeError):
        raise _Wrong(name, f"{text[:20]!r} 不是日期", f"{text[:20]!r} is no date") from None


def _moment(cells: Mapping[str, Any], name: str) -> datetime | None:
    if not _plain(cells.get(name)):
        return None
    start = date.fromisoformat(_day(cells, name))
    return datetime.combine(start, time(0), LOCAL).astimezone(UTC)


def _plain(value: Any) -> str:
    """A cell as text; a number that a spreadsheet made out of digits stays those digits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if value is not None else ""
