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


class ReadyList(ma.fields.List):
    """Rows, by the thousand, that the service made as the schema says: documented, not serialised again."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class WholeNumber(ma.fields.Integer):
    """An integer amount. ``12.0``, ``"12"`` and ``true`` are refused: an amount is counted, not measured."""

    default_error_messages = {  # noqa: RUF012 — the way marshmallow declares it
        "whole": "金额和数量必须是整数（分、千克、克、分值），不接受小数或文字。"
        " Amounts are whole numbers (fen, kg, g, points), never decimals or text.",
        "whole_in": "{value} 不行：应为整数，单位 {unit}，不接受小数或文字。"
        " {value} is no whole number of {unit}; no decimals, no text.",
    }

    def __init__(self, *, unit: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            if self.unit:
                raise self.make_error("whole_in", value=shown(value), unit=self.unit)
            raise self.make_error("whole")
        return int(super()._deserialize(value, attr, data, **kwargs) or 0)


class Decision(ma.fields.String):
    """``decision``: one of two words, the first of which means yes. The view gets whether it was said.

    ``publish = Decision("publish")`` takes ``{"decision": "publish"}`` or ``"decline"``.
    """

    def __init__(self, yes: str, no: str = "decline") -> None:
        super().__init__(required=True, data_key="decision", validate=ma.validate.OneOf([yes, no]))
        self.yes = yes

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        return super().deserialize(value, *args, **kwargs) == self.yes


class _Within(ma.validate.Range):
    """A range that says in both languages what came, what may come, and in which unit."""

    def __init__(self, low: int, high: int, unit: str) -> None:
        super().__init__(low, high)
        self.unit = unit

    def __call__(self, value: Any) -> Any:
        if self.min <= value <= self.max:
            return value
        unit_zh, unit_en = (f"，单位 {self.unit}", f" ({self.unit})") if self.unit else ("", "")
        raise ma.ValidationError(
            f"{shown(value)} 超出范围：应为 {self.min:,} 到 {self.max:,} 的整数{unit_zh}。"
            f" {shown(value)} is out of range: whole, {self.min:,} … {self.max:,}{unit_en}."
        )


def shown(value: Any) -> str:
    """A value as it may stand in a message: never long enough to carry a document away."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def described(text: str, **more: Any) -> dict[str, Any]:
    """Arguments of a field that say what it holds: ``Integer(**described("g CO2e"))``."""
    return {"metadata": {"description": text, **more}}


def integer(low: int = 1, high: int = 10**15, *, unit: str = "", **kwargs: Any) -> WholeNumber:
    """A required whole number within a range; ``unit`` stands in the words of a refusal."""
    kwargs.setdefault("required", True)
    return WholeNumber(validate=_Within(low, high, unit), unit=unit, **kwargs)
