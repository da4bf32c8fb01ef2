"""Every error leaves as RFC 9457 problem+json (or as a page, for a browser asking for a page)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from flask import Flask, Response, abort, current_app, jsonify, render_template, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from carbon_platform.errors import PlatformError
from carbon_platform.web.language import language

log = logging.getLogger("carbon.web")

_WORDS = {  # what libraries say, in the words of the platform
    "Missing data for required field.": "缺少这一项。",
    "Unknown field.": "不认识这个字段，请检查拼写。",
    "Field may not be null.": "不能为空。",
    "Not a valid string.": "应为文字。",
    "Not a valid integer.": "应为整数。",
    "Not a valid date.": "应为日期，形如 2026-11-22。",
    "Not a valid datetime.": "应为带时区的时间，形如 2026-11-22T08:30:00+08:00。",
    "Invalid input type.": "格式不对。",
    "Control characters are not allowed.": "不能含有控制字符。",
    "Not a valid number.": "应为数字。",
    "Not a valid boolean.": "应为 true 或 false。",
    "Not a valid list.": "应为列表。",
    "Not a valid mapping type.": "应为 JSON 对象。",
    "String does not match expected pattern.": "格式不对，请对照接口说明。",
}
_PATTERNS = (  # the same with figures in it; the longer one first
    (r"Must be greater than or equal to (\S+) and less than or equal to (\S+)\.", "应在 {} 到 {} 之间。"),
    (r"Must be greater than or equal to (\S+)\.", "不能小于 {}。"),
    (r"Must be less than or equal to (\S+)\.", "不能大于 {}。"),
    (r"Must be one of: (.+)\.", "应为其中之一：{}。"),
    (r"Length must be between (\d+) and (\d+)\.", "长度应为 {} 到 {}。"),
    (r"Shorter than minimum length (\d+)\.", "太短或太少：至少 {}。"),
    (r"Longer than maximum length (\d+)\.", "太长或太多：最多 {}。"),
)
_TITLES = {
    400: ("请求有误", "Bad request"),
    401: ("需要登录", "Sign-in needed"),
    403: ("没有权限", "Not allowed"),
    404: ("没有找到", "Not found"),
    405: ("方法不允许", "Method not allowed"),
    409: ("与现有记录冲突", "Conflict"),
    413: ("文件太大", "Too large"),
    415: ("格式不支持", "Unsupported media type"),
    422: ("输入有误", "Input is wrong"),
    500: ("平台出错", "Internal error"),
    503: ("暂时无法服务", "Not available now"),
    507: ("存储空间已满", "Storage is full"),
}
# Seconds after which asking again makes sense.
_RETRY_AFTER_S = 5


class StorageFull(PlatformError):
    code, status = "platform.storage_full", 507
    zh = "数据库的存储空间已满，本次没有写入任何内容。请通知管理员清理磁盘；之后可原样重试。"
    en = "The database's storage is full; nothing was written. Ask for space to be made, then send it again."


class DatabaseAway(PlatformError):
    """Stopped, starting, out of reach, or too busy: the same request may succeed in a moment."""

    code, status = "platform.database_away", 503
    zh = "数据库暂时不可用，本次请求可能没有完成。请稍后原样重试；重复提交不会重复生效。"
    en = "The database is not available now; send the same request again in a moment, it takes effect once."


# PostgreSQL: lost or refused connections, shutdown, too many clients, races lost too often.
_AWAY_STATES = {"53300", "57P01", "57P02", "57P03", "40001", "40P01", "55P03"}
_AWAY_WORDS = ("disk I/O error", "locked", "unable to open", "readonly database")


def problem_body(status: int, code: str, detail: str, errors: list[dict[str, Any]]) -> dict[str, Any]:
    zh, en = _TITLES.get(status, _TITLES[500 if status >= 500 else 400])
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": en if language() == "en" else zh,
        "status": status,
        "detail": detail,
        "code": code,
        "instance": request.path,
        "trace_id": uuid4().hex,
    }
    if errors:
        body["errors"] = errors
    return body


def _answer(status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None) -> Response:
    body = problem_body(status, code, detail, errors or [])
    if not request.path.startswith("/api/") and request.accept_mimetypes.accept_html:
        response = Response(render_template("problem.html", problem=body), mimetype="text/html")
    else:
        response = jsonify(body)
        response.mimetype = "application/problem+json"
    response.status_code = status
    return response


def _localised(errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lang = "en" if language() == "en" else "zh"
    return [{**error, "message": error.get(lang) or error.get("zh", "")} for error in errors]


def _on_platform_error(error: PlatformError) -> Response:
    return _answer(error.status, error.code, error.message(language()), _localised(error.errors))


def _on_http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    data = getattr(error, "data", None) or {}
    messages = data.get("messages") or (data.get("errors") if isinstance(data.get("errors"), dict) else None)
    found = [_field_error(field, text) for field, text in _flatten(messages or {})]
    if found:
        detail = (
            "The input is wrong; see each field."
            if language() == "en"
            else "输入有误，请逐项查看：" + "；".join(f"{e['field']}：{e['zh']}" for e in found[:3])
        )
        response = _answer(422, "platform.invalid_input", detail, _localised(found))
    else:
        zh, en = _TITLES.get(status, _TITLES[400])
        response = _answer(status, f"http.{status}", (error.description or en) if language() == "en" else zh)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _field_error(field: str, text: str) -> dict[str, Any]:
    return {"field": field, "zh": _chinese(text), "en": text}


def _chinese(text: str) -> str:
    """What a library says, in Chinese; what the platform says itself holds both languages already."""
    for pattern, words in _PATTERNS:
        if found := re.fullmatch(pattern, text):
            return words.format(*found.groups())
    return _WORDS.get(text, text)


def _flatten(messages: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            # the first level names the place ("json", "query"), which people need not see
            place = str(key) in {"json", "query", "form", "files", "json_or_form"} and not prefix
            name = "" if place else f"{prefix}.{key}".strip(".")
            yield from _flatten(value, name)
    elif isinstance(messages, list):
        for value in messages:
            yield from _flatten(value, prefix)
    else:
        yield prefix, str(messages)


def _on_crash(error: Exception) -> Response:
    response = _answer(
        500,
        "platform.crash",
        "Something broke on our side; nothing was changed. Tell us the trace number."
        if language() == "en"
        else "平台出了错，什么都没有改变。请把追踪号告诉我们。",
    )
    log.error("unhandled error on %s %s", request.method, request.path, exc_info=error)
    return response


def _database_problem(error: DBAPIError) -> PlatformError | None:
    """What a failure of the database means to the caller; None for a defect of ours."""
    state, words = getattr(error.orig, "sqlstate", None), str(error.orig)
    if state == "53100" or "database or disk is full" in words:
        return StorageFull()
    lost = error.connection_invalidated or (state is None and type(error.orig).__module__ == "psycopg")
    if lost or state in _AWAY_STATES or str(state).startswith("08"):
        return DatabaseAway()
    if state is None and any(word in words for word in _AWAY_WORDS):
        return DatabaseAway()
    return None


def _on_database_error(error: DBAPIError) -> Response:
    problem = _database_problem(error)
    if problem is None:
        if current_app.testing:
            raise error
        return _on_crash(error)
    log.error("%s on %s %s: %s", problem.code, request.method, request.path, error.orig)
    response = _on_platform_error(problem)
    response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response


def _on_recursion(error: RecursionError) -> Response:
    """JSON of a thousand brackets within each other is bad input; any other recursion is a defect of ours."""
    deepest = error.__traceback__
    while deepest is not None and deepest.tb_next is not None:
        deepest = deepest.tb_next
    if deepest is None or not str(deepest.tb_frame.f_globals.get("__name__")).startswith("json."):
        return _on_crash(error)
    zh, en = "JSON 的括号嵌套太深。", "The JSON is nested too deeply."
    return _answer(422, "platform.invalid_input", en if language() == "en" else zh)


def init_problems(app: Flask) -> None:
    app.register_error_handler(PlatformError, _on_platform_error)
    app.register_error_handler(DBAPIError, _on_database_error)
    app.register_error_handler(RecursionError, _on_recursion)
    app.register_error_handler(HTTPException, _on_http_exception)
    if not app.testing:
        app.register_error_handler(Exception, _on_crash)
    app.add_url_rule("/problems/<code>", "problem", _explain_problem)


def _all_reasons(of: type[PlatformError] = PlatformError) -> Iterator[type[PlatformError]]:
    yield of
    for reason in of.__subclasses__():
        yield from _all_reasons(reason)


def _explain_problem(code: str) -> str:
    """The page behind a problem's ``type``: what it means and what to do."""
    reason = next((r for r in _all_reasons() if r.code == code), None)
    if reason is None:
        abort(404)
    words = {"zh": reason.zh, "en": reason.en}
    return render_template("problem_type.html", code=code, status=reason.status, words=words)
