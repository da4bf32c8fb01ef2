"""Examples of the citizen API for the OpenAPI document, taken from what the tests really send and get.

Run a few test modules with it as a pytest plugin; of each operation the fullest request and answers stay::

    PYTHONPATH=tools python -m pytest -q -p record_examples -k sqlite tests/citizens tests/groups …

Writes ``carbon_platform/web/examples.json``: what is in it already stays unless something fuller comes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

TARGET = Path(__file__).resolve().parent.parent / "carbon_platform" / "web" / "examples.json"
# Whom the examples are for: a citizen's phone, a shop's till, a partner's server.
DOORS = re.compile(r"/api/v1/(citizen|acts|shop|partner)(/|$)")
ROWS, LETTERS, LARGEST = 2, 400, 4_000
# What an example never carries, whatever a test made up.
HIDDEN = {
    "token": "…",
    "id_number": "411502********001X",
    "phone": "13800000000",
    "secret": "…",
    "card_number": "…",
}

_found: dict[str, dict[str, Any]] = {}


def _short(value: Any, name: str = "") -> Any:
    """The value with two rows of each list and without what is nobody's business."""
    if name in HIDDEN and isinstance(value, str) and value:
        return HIDDEN[name]
    if isinstance(value, dict):
        return {key: _short(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value[:ROWS]]
    if isinstance(value, str) and len(value) > LETTERS:
        return value[:LETTERS] + "…"
    return value


def _worth(asked: Any, answer: Any) -> tuple[bool, bool, int]:
    """Of two calls the better example: short enough, nothing in it refused, and with more to say."""
    size = len(json.dumps([asked, answer], ensure_ascii=False))

    def leaves(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        return sum(map(leaves, inner)) if inner is not None else int(one not in (None, "", 0, False))

    return size <= LARGEST, not _refused(answer), leaves(answer) + leaves(asked)


def _refused(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value.get("reason_code") or value.get("refused")) or any(map(_refused, value.values()))
    return isinstance(value, list) and any(map(_refused, value))


def _record(response: Response) -> Response:
    rule = request.url_rule
    if rule is None or not DOORS.match(rule.rule) or not 200 <= response.status_code < 300:
        return response
    if not response.is_json or response.status_code == 204:
        return response
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
    entry = _found.setdefault(f"{request.method} {path}", {"answered": {}})
    asked = _short(request.get_json(silent=True)) if request.is_json else None
    answer, status = _short(response.get_json()), str(response.status_code)
    before = entry["answered"].get(status)
    if before is None or _worth(asked, answer) > _worth(entry.get("asked"), before):
        entry["answered"][status] = answer
        # what was asked goes with the answer to something new
        if asked is not None and status == max(entry["answered"], key=["202", "200", "201"].index):
            entry["asked"] = asked
    return response


def pytest_configure() -> None:
    if TARGET.exists():
        _found.update(json.loads(TARGET.read_text(encoding="utf-8")))
    usual = Flask.__init__

    def listening(self: Flask, *args: Any, **kwargs: Any) -> None:
        usual(self, *args, **kwargs)
        self.after_request(_record)

    Flask.__init__ = listening  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    text = json.dumps(dict(sorted(_found.items())), ensure_ascii=False, indent=1)
    TARGET.write_text(f"{text}\n", encoding="utf-8")
