"""Which characters a certificate can print: asked before retiring, so that every certificate prints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from carbon_platform.errors import PlatformError

CHARACTERS = Path(__file__).with_name("certificate") / "characters.txt"


class GlyphMissing(PlatformError):
    code, status = "credits.glyph_missing", 422
    zh = "证书字体里没有这些字：{characters}。请改用常用写法，或联系平台补字。"
    en = "The certificate's font lacks these characters: {characters}. Use a common form or ask for them."


def check_glyphs(data: Mapping[str, Any], *, also: str = "") -> None:
    """Raise :class:`GlyphMissing` with every character of the values that the font cannot print.

    ``also``: characters a second font of the paper has.

    Invisible characters (control, zero width, change of direction) count as missing: paper that reads
    otherwise than the record is worse than none.
    """
    missing = _characters(data) - _covered() - set(also)
    if missing:
        raise GlyphMissing(characters=" ".join(_name(character) for character in sorted(missing)))


def _characters(value: Any) -> set[str]:
    """Every character of the texts and numbers inside lists and objects; names of fields are not printed."""
    if isinstance(value, Mapping):
        return set().union(*(_characters(part) for part in value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*(_characters(part) for part in value))
    return set(str(value))


def _name(character: str) -> str:
    point = f"U+{ord(character):04X}"
    return f"{character}({point})" if character.isprintable() else point


@cache
def _covered() -> frozenset[str]:
    """Characters the font can print, listed beside it when it was made."""
    listed = CHARACTERS.read_text(encoding="utf-8")
    return frozenset(c for c in listed if c.isprintable()) | {" ", "\u00a0", "\u3000"}
