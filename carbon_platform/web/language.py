"""zh-CN first; English by ``?lang=en`` (kept in a cookie) or by the client's Accept-Language."""

from __future__ import annotations

from flask import has_request_context, request

COOKIE = "lang"


def language() -> str:
    """``zh`` or ``en`` for this request. Browsers are answered in Chinese unless someone asks otherwise."""
    if not has_request_context():
        return "zh"
    chosen = request.args.get("lang") or request.cookies.get(COOKIE)
    if chosen in {"zh", "en"}:
        return str(chosen)
    if request.path.startswith("/api/"):
        best = request.accept_languages.best_match(["zh", "zh-CN", "en"], default="zh")
        return "en" if best == "en" else "zh"
    return "zh"


def locale() -> str:
    """The locale Flask-Babel translates into."""
    return "en" if language() == "en" else "zh_Hans_CN"
