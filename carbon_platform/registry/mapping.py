"""Sources: which registry's export looks how, declared in ``sources/<key>.toml`` and read once.

A wrong declaration stops the start with ``ValueError`` naming file and entry; it is never half used.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "sources"
KINDS: Final = ("issuance", "transfer", "retirement")
SCOPES: Final = ("source", "project", "project-vintage")
UNITS_KG: Final = {"t": 1000, "kg": 1}
COLUMNS: Final = (
    "kind", "project_code", "project_name", "methodology", "vintage", "serials", "quantity", "holder_name",
    "holder_code", "counterparty_name", "counterparty_code", "date", "reference", "certificate",
    "beneficiary", "purpose",
)  # fmt: skip
# Without these an export says nothing; who holds may be told by name or by code.
NEEDED: Final = ("project_code", "methodology", "vintage", "serials", "quantity", "date")

_DROPPED = re.compile(r"[\s*＊:：]+")


def fold(text: str) -> str:
    """Headers and words compared without width, case, blanks, or the star of a required column."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", text)).casefold()


@lru_cache(maxsize=20_000)
def canonical(code: str) -> str:
    """A project code or a prefix of serials free of spelling: letters and digits only, folded.

    Width, case, blanks, dashes of every kind, other separators and invisible characters do not count, so
    that one code has one form. Two codes that differ only in these are taken for one: a number refused by
    mistake can be explained, a number registered twice cannot be taken back.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", code).casefold())
    # U+30FC lengthens a vowel; between Latin letters and digits it is typed for a dash.
    return "".join(c for c in plain if c.isalnum() and c != "\u30fc")


@dataclass(frozen=True)
class Serials:
    """How a block of numbers is written; ``number`` matches one serial with groups prefix and digits."""

    kg_per_serial: int
    scope: str
    number: re.Pattern[str]
    dashes: frozenset[str]
    separators: re.Pattern[str]


@dataclass(frozen=True)
class Source:
    """One declared layout. ``digest`` changes with the file, so that a staged import knows its mapping."""

    key: str
    code: str
    title_zh: str
    title_en: str
    may_sell: bool
    may_retire: bool
    here_zh: str
    here_en: str
    encodings: tuple[str, ...]
    delimiters: tuple[str, ...]
    sheets: tuple[str, ...]
    header_within_rows: int
    serials: Serials
    unit: str
    header_units: dict[str, str]
    earliest: date
    date_formats: tuple[str, ...]
    kind_words: dict[str, str]
    default_kind: str
    aliases: dict[str, str]
    column_names: dict[str, str]
    facts: tuple[dict[str, str], ...]
    digest: str

    def space(self, prefix: str, project_code: str, vintage: int | None) -> str:
        """Name of the range of numbers a serial belongs to: within it no number exists twice.

        Two parts joined by ``|``: what the numbers are counted within, and the prefix where it may tell
        them apart. A source that counts as a whole has one range: its prefixes are spellings, no numbers.
        A prefix that repeats the project code says nothing new.
        """
        if self.serials.scope == "source":
            return "|"
        project = canonical(project_code)
        within = f"{project}/{vintage}" if self.serials.scope == "project-vintage" else project
        return f"{within}|{canonical(prefix).removeprefix(project)}"


def read_source(path: Path) -> Source:
    """Read one declaration. Errors: ``ValueError`` naming the file and the wrong entry."""
    raw = path.read_bytes()
    try:
        found = tomllib.loads(raw.decode("utf-8"))
        return _source(found, hashlib.sha256(raw).hexdigest())
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise ValueError(f"{path.name}: {error!r}") from error


def _source(found: dict[str, Any], digest: str) -> Source:
    here, file, serials, quantity = found["here"], found["file"], found["serials"], found["quantity"]
    if here["sell"] or here["retire"]:
        # Units another ledger keeps moving would be used twice; there is no account here to do it from.
        raise ValueError("here: sell and retire must be false; external units are recorded and shown only")
    for name, value, allowed in (
        ("serials.scope", serials["scope"], SCOPES),
        ("quantity.unit", quantity["unit"], tuple(UNITS_KG)),
    ):
        if value not in allowed:
            raise ValueError(f"{name}: {value!r} is none of {allowed}")
    if type(serials["kg_per_serial"]) is not int or not 1 <= serials["kg_per_serial"] <= 10**9:
        raise ValueError("serials.kg_per_serial: an integer from 1 to 1,000,000,000")
    aliases = _aliases(found["columns"])
    return Source(
        key=found["key"],
        code=found["code"],
        title_zh=found["title_zh"],
        title_en=found["title_en"],
        may_sell=here["sell"],
        may_retire=here["retire"],
        here_zh=here["zh"],
        here_en=here["en"],
        encodings=tuple(file["encodings"]),
        delimiters=tuple(file["delimiters"]),
        sheets=tuple(file["sheets"]),
        header_within_rows=int(file["header_within_rows"]),
        serials=Serials(
            kg_per_serial=serials["kg_per_serial"],
            scope=serials["scope"],
            number=re.compile(rf"(?P<prefix>{serials['prefix']})(?P<digits>[0-9]+)", re.IGNORECASE),
            dashes=frozenset(serials["dashes"]),
            separators=re.compile("|".join(re.escape(mark) for mark in serials["separators"])),
        ),
        unit=quantity["unit"],
        header_units={fold(name): unit for name, unit in quantity.get("header_units", {}).items()},
        earliest=found["dates"]["earliest"],
        date_formats=tuple(found["dates"]["formats"]),
        kind_words=_kind_words(found["kinds"]),
        default_kind=found["kinds"].get("default", ""),
        aliases=aliases,
        column_names={key: names[0] for key, names in found["columns"].items()},
        facts=tuple(found.get("facts", ())),
        digest=digest,
    )


def _aliases(columns: dict[str, list[str]]) -> dict[str, str]:
    """Folded header → column; the same header for two columns is a mistake of the declaration."""
    aliases: dict[str, str] = {}
    for key, names in columns.items():
        if key not in COLUMNS:
            raise ValueError(f"columns.{key}: unknown column")
        for name in names:
            if aliases.setdefault(fold(name), key) != key:
                raise ValueError(f"columns.{key}: {name!r} already means {aliases[fold(name)]}")
    missing = [key for key in NEEDED if key not in columns]
    if missing:
        raise ValueError(f"columns: {missing} must be declared")
    return aliases


def _kind_words(kinds: dict[str, Any]) -> dict[str, str]:
    words: dict[str, str] = {}
    for kind in KINDS:
        for word in kinds.get(kind, ()):
            if words.setdefault(fold(word), kind) != kind:
                raise ValueError(f"kinds.{kind}: {word!r} already means {words[fold(word)]}")
    if kinds.get("default", "") not in ("", *KINDS):
        raise ValueError(f"kinds.default: {kinds['default']!r}")
    return words


@cache
def sources() -> dict[str, Source]:
    """Every declared source by its key."""
    found = [read_source(path) for path in sorted(FOLDER.glob("*.toml"))]
    by_key = {source.key: source for source in found}
    if len(by_key) != len(found) or len({source.code for source in found}) != len(found):
        raise ValueError("two sources share a key or a code")
    return by_key
