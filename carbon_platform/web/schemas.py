"""Base schema and the fields that have rules of their own."""

from __future__ import annotations

from typing import Any

import marshmallow as ma


class Schema(ma.Schema):
    """Unknown fields are refused; keys keep their order."""

    class Meta:
        unknown = ma.RAISE


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
