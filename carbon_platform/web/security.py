"""What the address of every request must be, and the headers of every response."""

from __future__ import annotations

import re

from flask import Flask, Response, request

from carbon_platform.errors import InvalidInput, NotFound
from carbon_platform.web.schemas import has_control_characters

# More digits than any number of ours has: neither database could compare with it.
_TOO_LONG = re.compile(r"[+-]?\d{19,}")

# MapLibre starts its worker from a blob; ECharts and MapLibre set inline styles on their own elements.
POLICY = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def _unusable(value: object) -> bool:
    text = str(value)
    return has_control_characters(text) or _TOO_LONG.fullmatch(text.strip()) is not None


def check_address() -> None:
    """Refuse what no database can look up: control characters, and numbers beyond 18 digits.

    Errors: ``NotFound`` for the path (nothing has such a name), ``InvalidInput`` naming the query field.
    """
    for value in (request.view_args or {}).values():
        if _unusable(value):
            shown = ascii(str(value)[:40])
            raise NotFound(what="编号", key=shown)
    for name, values in request.args.lists():
        if any(map(_unusable, values)) or _unusable(name):
            zh, en = "含有控制字符，或数字超过 18 位。", "Has control characters or more than 18 digits."
            finding = {"field": ascii(name)[1:41], "zh": zh, "en": en}
            raise InvalidInput(reason=f"{finding['field']}：{zh}", reason_en=en, errors=[finding])


def init_security(app: Flask) -> None:
    app.before_request(check_address)

    @app.after_request
    def set_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(), microphone=()")
        if app.extensions["carbon"].settings.mode == "production":
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not request.path.startswith("/static/") and "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"
        return response
