"""A browser without a screen: opens pages and posts their ``form[data-api]`` the way forms.js does."""

from __future__ import annotations

import json
import re
import uuid
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class Forms(HTMLParser):
    """Every ``form[data-api]`` of a page; controls are (name, type, value), a select sends its first."""

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
            self.form = {"attributes": given, "controls": []}
            self.forms[str(given["id"])] = self.form
        if self.form is None:
            return
        if tag == "input":
            self.form["controls"].append((given["name"], given.get("data-type"), given.get("value") or ""))
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

    def submit(self, form_id: str, **typed: str) -> tuple[TestResponse, str]:
        """Post a form of the page; returns the answer and where the browser goes next."""
        parser = Forms()
        parser.feed(self.page)
        form = parser.forms[form_id]
        body: dict[str, Any] = {}
        for name, kind, value in form["controls"]:
            text = typed.get(name, value)
            if text:
                body[name] = int(text) if kind == "integer" else text
        attributes = form["attributes"]
        method, url = attributes["data-api"].split()
        headers = {"X-CSRF-Token": parser.csrf}
        if "data-idempotent" in attributes:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        answer = self.client.open(url, method=method, json=body or None, headers=headers)
        given = answer.get_json() if answer.data else {}
        follow = re.sub(
            r"\{(\w+)\}",
            lambda found: (
                given[found[1]] if isinstance(given[found[1]], str) else json.dumps(given[found[1]])
            ),
            attributes.get("data-next") or "",
        )
        return answer, follow

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
