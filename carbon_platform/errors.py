"""What can go wrong, in words people can act on.

One class per reason. A reason has a stable ``code`` for programs, one Chinese and one English
sentence for people, and the values it speaks of; ``web`` turns it into RFC 9457 problem+json.
Features define their own reasons beside their rules, as subclasses of :class:`PlatformError`.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PlatformError(Exception):
    """A request that cannot be fulfilled, and why.

    ``zh`` and ``en`` are ``str.format`` templates over the keyword values. ``errors`` lists single
    findings, each a dict with at least ``zh`` and ``en`` (and, where known, row, field, value, unit,
    range), when more than one thing is wrong at once.
    """

    code: ClassVar[str] = "platform.error"
    status: ClassVar[int] = 400
    zh: ClassVar[str] = "请求无法处理。"
    en: ClassVar[str] = "The request cannot be processed."

    def __init__(self, *, errors: list[dict[str, Any]] | None = None, **values: Any) -> None:
        self.values = values
        self.errors = errors or []
        super().__init__(f"{self.code}: {self.message('en')}")

    def message(self, language: str = "zh") -> str:
        template = self.en if language.startswith("en") else self.zh
        return template.format(**self.values)


class NotFound(PlatformError):
    """Also the answer for what exists but lies outside the caller's region or organisation."""

    code, status = "platform.not_found", 404
    zh = "没有找到{what} {key}，或者它不在您的管辖范围内。请核对编号。"
    en = "No {what} {key} was found within your scope. Check the number."


class NotAllowed(PlatformError):
    code, status = "identity.not_allowed", 403
    zh = "您的角色（{role}）不能做这件事（{permission}）。请找有此权限的同事。"
    en = "Your role ({role}) may not do this ({permission}). Ask a colleague who may."


class NotSignedIn(PlatformError):
    code, status = "identity.not_signed_in", 401
    zh = "请先登录。"
    en = "Please sign in first."


class InvalidInput(PlatformError):
    """Input that is well-formed but wrong; ``errors`` names each field."""

    code, status = "platform.invalid_input", 422
    zh = "输入有误：{reason}"
    en = "The input is wrong: {reason_en}"


class Conflict(PlatformError):
    code, status = "platform.conflict", 409
    zh = "与现有记录冲突：{reason}"
    en = "This conflicts with what is on record: {reason_en}"
