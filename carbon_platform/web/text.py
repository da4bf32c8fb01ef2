"""What no column can hold is refused at the door: NUL bytes, lone surrogates, numbers past 64 bits."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, request

from carbon_platform.errors import PlatformError

LARGEST_NUMBER = 2**63 - 1


class UnusableText(PlatformError):
    code, status = "web.unusable_text", 422
    zh = "文字里有不能保存的字符（空字符或残缺的字符），请删掉后再试。"
    en = "The text holds characters that cannot be stored (NUL or broken ones). Remove them and try again."


def init_text(app: Flask) -> None:
    @app.before_request
    def refuse_unusable_text() -> None:
        numbers = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
        if _is_unusable(request.path) or any(number > LARGEST_NUMBER for number in numbers):
            abort(404)
        if any(_is_unusable(value) for values in request.args.listvalues() for value in values):
            raise UnusableText
        if request.is_json and _holds_unusable(request.get_json(silent=True)):
            raise UnusableText
        # Only forms of pages: asking for the form of an upload would read the whole body before anyone is
        # asked who they are, or how large a file may be.
        pages_form = request.mimetype == "application/x-www-form-urlencoded"
        if pages_form and any(_is_unusable(value) for value in request.form.values()):
            raise UnusableText


def _is_unusable(text: str) -> bool:
    return "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)


def _holds_unusable(value: Any) -> bool:
    waiting = [value]  # a list instead of recursion: JSON may be nested deeper than Python calls
    while waiting:
        found = waiting.pop()
        if isinstance(found, str) and _is_unusable(found):
            return True
        if isinstance(found, dict):
            waiting += [*found.keys(), *found.values()]
        elif isinstance(found, list):
            waiting += found
    return False
