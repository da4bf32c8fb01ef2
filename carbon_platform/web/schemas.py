"""Base schema and the fields that have rules of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import marshmallow as ma

# No person types these; PostgreSQL stores no NUL, and half of a surrogate pair is no character at all.
_NEVER_TYPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
NEVER_TYPED = "Control characters are not allowed."


def has_control_characters(value: Any) -> bool:
    """Whether a text, or any text inside lists and objects, holds a control character or broken Unicode."""
    waiting = [value]  # a list instead of recursion: JSON may be nested deeper than Python calls
    while waiting:
        found = waiting.pop()
        if isinstance(found, str) and _NEVER_TYPED.search(found):
            return True
        if isinstance(found, Mapping):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            waiting += found
    return False


class Schema(ma.Schema):
    """Unknown fields and control characters are refused; keys keep their order."""

    class Meta:
        unknown = ma.RAISE

    @ma.pre_load
    def refuse_control_characters(self, data: Any, **_: Any) -> Any:
        if isinstance(data, Mapping):
            if any(has_control_characters(key) for key in data):
                raise ma.ValidationError(NEVER_TYPED)
            wrong = {key: [NEVER_TYPED] for key in data if has_control_characters(data[key])}
            if wrong:
                raise ma.ValidationError(wrong)
        return data


# All that shows as nothing: blanks of any width (U+3000 too), and characters without any width.
_BLANKS = re.compile("[\\s\u200b\u2060\ufeff]+")


class PlainText(ma.fields.String):
    """A text of one line: outer blanks go, inner ones become one space, and then its length counts."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return _BLANKS.sub(" ", super()._deserialize(value, attr, data, **kwargs)).strip()


class WholeNumber(ma.fields.Integer):
    """An integer amount. ``12.0``, ``"12"`` and ``true`` are refused: an amount is counted, not measured."""

    default_error_messages = {  # noqa: RUF012 — the way marshmallow declares it
        "whole": "金额和数量必须是整数（分、千克、克、分值），不接受小数或文字。"
        " Amounts are whole numbers (fen, kg, g, points), never decimals or text.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("whole")
        return int(super()._deserialize(value, attr, data, **kwargs) or 0)


def integer(low: int = 1, high: int = 10**15, **kwargs: Any) -> WholeNumber:
    """A required whole number within a range. ``metadata`` should name the unit."""
    kwargs.setdefault("required", True)
    return WholeNumber(validate=ma.validate.Range(low, high), **kwargs)
