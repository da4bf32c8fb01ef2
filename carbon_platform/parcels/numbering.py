"""How the bureaus number a parcel, and the code the register makes of it. Values in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.reference import PLAIN

Finding = dict[str, Any]


@dataclass(frozen=True)
class Identity:
    """How the bureau knows the parcel: text for people, code in the register, administrative codes."""

    text: str
    code: str
    county_code: str | None
    township_code: str
    village_code: str


# Which attribute names the county, where it is not the county's own column.
_COUNTY_SOURCE: Final = {"DK": "parcel_code", "DLTB": "location_code"}


def _digits(text: str | None) -> str:
    """The digits of a number, whatever stands between them."""
    if not text or text.isdecimal():
        return text or ""
    return re.sub(r"\D", "", text)


@lru_cache(maxsize=4096)
def short_code(text: str | None, width: int = 3) -> str:
    """The last ``width`` digits of a township or village code given short (3) or full (9, 12)."""
    digits = _digits(text)
    return digits[-width:].zfill(width) if digits else "0" * width


def county_of(family_key: str, attributes: Mapping[str, str | None]) -> str | None:
    """The county an attribute table names: XIAN, or the start of DKBM or ZLDWDM."""
    digits = _digits(attributes.get(_COUNTY_SOURCE.get(family_key, "county")))
    # 411500 is the whole city: it names no county.
    return digits[:6] if len(digits) >= 6 and not digits[:6].endswith("00") else None


def identity_of(
    family_key: str, attributes: Mapping[str, str | None], *, county: str | None, geometry_key: str, row: int
) -> tuple[Identity | None, Finding | None]:
    """The identity of a row, or what is wrong with it.

    ``county`` is where the shape lies, used where the table names none; ``geometry_key`` stands in for a
    number in tables that have none, so that the same shape keeps its code.
    """
    named = county_of(family_key, attributes) or county or "000000"
    if family_key == "DK":
        return _identity_of_dk(attributes.get("parcel_code"), row)
    if family_key == "DLTB":
        return _identity_of_dltb(attributes, named, row)
    if family_key == PLAIN.key:
        return Identity(
            geometry_key, f"{named}-000-000-G{geometry_key}", None, named + "000", named + "000000"
        ), None
    return _identity_of_sub_compartment(attributes, named, row)


def _made(named: str, township: str, village: str, parts: list[str], text: str) -> Identity:
    code = "-".join([named, township, village, *parts])
    return Identity(text, code, named, named + township, named + township + village)


def _identity_of_dk(number_text: str | None, row: int) -> tuple[Identity | None, Finding | None]:
    if not number_text:
        return None, finding("identity_missing", row=row, field="DKBM")
    if not re.fullmatch(r"\d{19}", number_text):
        limit = {"limit": "19 位数字", "limit_en": "19 digits"}
        return None, finding("identity_invalid", row=row, field="DKBM", value=number_text, **limit)
    county, township, village = number_text[:6], number_text[6:9], number_text[9:12]
    return _made(county, township, village, [number_text[12:14], number_text[14:]], number_text), None


def _identity_of_dltb(
    attributes: Mapping[str, str | None], named: str, row: int
) -> tuple[Identity | None, Finding | None]:
    serial = attributes.get("feature_code") or attributes.get("patch_number")
    if not serial:
        return None, finding("identity_missing", row=row, field="BSM")
    location = _digits(attributes.get("location_code"))
    township = location[6:9].ljust(3, "0")
    village = location[9:12].ljust(3, "0")
    return _made(named, township, village, ["T" + _tame(serial)], serial), None


def _identity_of_sub_compartment(
    attributes: Mapping[str, str | None], named: str, row: int
) -> tuple[Identity | None, Finding | None]:
    parts, shown = [], []
    for name, column, width in (
        ("compartment", "LIN_BAN", 4),
        ("sub_compartment", "XIAO_BAN", 5),
        ("sub_sub_compartment", "XI_BAN", 0),
    ):
        text = attributes.get(name)
        if not text and width:
            return None, finding("identity_missing", row=row, field=column)
        if text and text.strip("0"):
            parts.append(_part(text, width))
            shown.append(text)
        elif width:
            parts.append("0" * width)
            shown.append(text or "")
    township, village = short_code(attributes.get("township")), short_code(attributes.get("village"))
    text = " ".join([named + township + village, *shown])
    return _made(named, township, village, parts, text), None


@lru_cache(maxsize=16_384)
def _part(text: str, width: int) -> str:
    """A compartment's number as a part of the code; the same few occur all over a layer."""
    return _tame(text).zfill(width)


def _tame(text: str) -> str:
    """A number as part of a code: letters and digits only, so that it can stand in an address."""
    return text if text.isascii() and text.isalnum() else re.sub(r"[^0-9A-Za-z]", "_", text)
