"""A browser without a screen: opens pages and posts their ``form[data-api]`` the way forms.js does.

The reading of typed values repeats ``READERS`` of values.js on purpose: what a page sends is checked
against the API's schemas without a browser.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def _scaled(places: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = Decimal(text.replace(",", "")).scaleb(places)
        assert value == int(value), f"{text} is finer than {places} decimals"
        return int(value)

    return read


READERS: dict[str | None, Callable[[str], Any]] = {
    "integer": _scaled(0),
    "kg": _scaled(3),
    "fen": _scaled(2),
    "boolean": lambda text: text == "true",
    "list": lambda text: re.split(r"[\s,，、;；]+", text.strip()),
    "rows": json.loads,
}


def _text(value: Any) -> str:
    """A value inside an address, as JavaScript writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _row(name: str) -> str | None:
    """``lines.0`` of ``lines.0.quantity_kg``."""
    found = re.match(r"(\w+\.\d+)\.", name)
    return found[1] if found else None


CHINESE = re.compile(r"[\u4e00-\u9fff]+")


def visible(html: str) -> str:
    return re.sub(r"<[^>]+>", "", re.sub(r"<script.*?</script>", "", html, flags=re.S))


def controls_of(html: str) -> list[str]:
    """What a person reads on what can be pressed, and the headings."""
    found = re.findall(
        r"<(?:button|h1|h2|label|summary)[^>]*>(.*?)</(?:button|h1|h2|label|summary)>", html, re.S
    )
    found += re.findall(r"<nav.*?</nav>", html, re.S)
    found += re.findall(r'aria-label="([^"]*)"', html)
    return [visible(text).strip() for text in found]


class Forms(HTMLParser):
    """Every ``form[data-api]`` of a page; controls are (name, type, value).

    A select sends its first option, a tick or radio nothing (its values are in ``choices``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.csrf = ""
        self.forms: dict[str, dict[str, Any]] = {}
        self.form: dict[str, Any] | None = None
        self.select: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("name") == "csrf":
            self.csrf = given["content"] or ""
        if tag == "form" and "data-api" in given:
            self.form = {"attributes": given, "controls": [], "choices": {}}
            self.forms[str(given["id"])] = self.form
        if self.form is None:
            return
        if tag in ("input", "textarea") and given.get("name"):
            chosen = given.get("type") in ("checkbox", "radio")
            if chosen:
                self.form["choices"].setdefault(given["name"], []).append(given.get("value") or "true")
            value = "" if chosen and "checked" not in given else given.get("value") or ""
            self.form["controls"].append((given["name"], given.get("data-type"), value))
        elif tag == "select":
            self.select = given
        elif tag == "option" and self.select is not None:
            self.form["controls"].append(
                (self.select["name"], self.select.get("data-type"), given["value"] or "")
            )
            self.select = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None


class Browser:
    """What forms.js does, for one person: the cookie, the CSRF token, one key per form."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.page = ""

    def open(self, path: str) -> str:
        response = self.client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        self.page = response.get_data(as_text=True)
        return self.page

    @property
    def forms(self) -> dict[str, dict[str, Any]]:
        parser = Forms()
        parser.feed(self.page)
        return parser.forms

    def submit(
        self,
        form_id: str,
        values: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        **typed: str,
    ) -> tuple[TestResponse, str]:
        """Post a form of the page; returns the answer and where the browser goes next.

        ``values`` are what is typed into controls whose names are no identifiers. A name the form does not
        have, or a choice it does not offer, fails.
        """
        parser = Forms()
        parser.feed(self.page)
        form = parser.forms[form_id]
        typed = {**typed, **(values or {})}
        names = {name for name, _, _ in form["controls"]}
        assert set(typed) | set(files or {}) <= names, f"{form_id} has only {sorted(names)}"
        for name, offered in form["choices"].items():
            assert typed.get(name, offered[0]) in offered, f"{name} offers {offered}"
        body: dict[str, Any] = {}
        # A row of which something is empty is left out, see buildBody.
        bare = {_row(name) for name, _, value in form["controls"] if not typed.get(name, value)} - {None}
        for name, kind, value in dict.fromkeys(form["controls"]):
            if (text := typed.get(name, value)) and _row(name) not in bare:
                self._put(body, name, READERS.get(kind, str)(text))
        for table in {row.rpartition(".")[0] for name, *_ in form["controls"] if (row := _row(name))}:
            body[table] = list(body.get(table, {}).values())
        attributes = form["attributes"]
        method, url = attributes["data-api"].split()
        headers = {"X-CSRF-Token": parser.csrf}
        if "data-idempotent" in attributes:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        sent: dict[str, Any] = {"data": {**body, **files}} if files else {"json": body or None}
        answer = self.client.open(url, method=method, headers=headers, **sent)
        given = answer.get_json() if answer.data else {}
        follow = ""
        if answer.status_code < 300:
            follow = re.sub(
                r"\{(\w+)\}", lambda found: _text(given[found[1]]), attributes.get("data-next") or ""
            )
        return answer, follow

    @staticmethod
    def _put(body: dict[str, Any], name: str, value: Any) -> None:
        *homes, last = name.removesuffix("[]").split(".")
        for home in homes:
            body = body.setdefault(home, {})
        if name.endswith("[]"):
            body.setdefault(last, []).append(value)
        else:
            body[last] = value

    def sign_in(self, who: str = "demo-xiaoman") -> Browser:
        self.open("/h5/login")
        answer, follow = self.submit(f"sign-in-{who}")
        assert answer.status_code == 201, answer.get_json()
        assert answer.get_json()["token"] == ""
        self.open(follow)
        return self

    def agree(self) -> Browser:
        self.open("/h5/earn")
        for form_id in [name for name in self.forms if name.startswith("consent-form-")]:
            answer, _ = self.submit(form_id)
            assert answer.status_code == 201, answer.get_json()
        self.open("/h5/earn")
        return self
