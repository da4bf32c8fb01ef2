"""One methodology, many spellings: the table ``methodologies.toml`` behind a folding comparison."""

from __future__ import annotations

import difflib
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).parent / "methodologies.toml"
_DASHES: Final = "‐‑‒–—―−－﹣_"
# Brackets, quotes, blanks and dashes tell no methodologies apart.
_DROPPED = re.compile(r"[\s()\[\]{}《》〈〉「」『』【】\"'“”‘’:：,，.·-]+")


@dataclass(frozen=True)
class MethodologyName:
    key: str
    title_zh: str
    title_en: str
    status: str
    spellings: tuple[str, ...]


def fold(text: str) -> str:
    """``ＣＣＥＲ－１４－００１（V01）`` → ``ccer14001v01``."""
    plain = unicodedata.normalize("NFKC", text).translate(dict.fromkeys(map(ord, _DASHES), "-"))
    return _DROPPED.sub("", plain).casefold()


@cache
def known() -> dict[str, MethodologyName]:
    """Every methodology of the table by key."""
    entries = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["methodology"]
    return {
        entry["key"]: MethodologyName(
            entry["key"], entry["title_zh"], entry["title_en"], entry["status"], tuple(entry["spellings"])
        )
        for entry in entries
    }


@cache
def _by_spelling() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in known().values():
        for spelling in name.spellings:
            if found.setdefault(fold(spelling), name.key) != name.key:
                raise ValueError(f"methodologies.toml: {spelling!r} names {found[fold(spelling)]} too")
    return found


def find(text: str) -> str | None:
    """Key of the methodology, or None when the spelling is not in the table."""
    return _by_spelling().get(fold(text))


def nearest(text: str) -> tuple[str, str] | None:
    """(spelling, key) of the table most like ``text``; None when nothing is anywhere near."""
    spellings = {fold(s): s for name in known().values() for s in reversed(name.spellings)}
    close = difflib.get_close_matches(fold(text), spellings, n=1, cutoff=0.4)
    return (spellings[close[0]], _by_spelling()[close[0]]) if close else None
