"""A person at a keyboard: an HTTP client that signs in and speaks to the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
from flask import Flask

from demo.world import PASSWORD


class Refused(Exception):
    """The platform said no. ``problem`` is the problem+json body."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        super().__init__(
            f"{status} {problem.get('code')}: {problem.get('detail')} {problem.get('errors', '')}"
        )

    @property
    def code(self) -> str:
        return str(self.problem.get("code"))


class Person:
    """One signed-in user of the API; every call returns the JSON body or raises :class:`Refused`."""

    def __init__(self, http: httpx.Client, token: str = "") -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: Any) -> Any:
        return self._answer(self.http.get(path, params=query, headers=self.headers))

    def get_bytes(self, path: str) -> bytes:
        response = self.http.get(path, headers=self.headers)
        if response.is_error:
            self._answer(response)
        return response.content

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """POST JSON. A fresh Idempotency-Key is sent each time; pass ``key`` to send the same order again."""
        headers = {**self.headers, "Idempotency-Key": key or uuid4().hex}
        return self._answer(self.http.post(path, json=body, headers=headers))

    def upload(self, path: str, file_name: str, content: bytes, **fields: str) -> Any:
        files = {"file": (file_name, content, "application/zip")}
        return self._answer(self.http.post(path, files=files, data=fields, headers=self.headers))

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_error:
            raise Refused(response.status_code, response.json())
        return response.json() if response.content else None


def http_for(app: Flask) -> httpx.Client:
    """Real HTTP requests and responses, handed to the application in this process."""
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://127.0.0.1:8080", timeout=120)


def sign_in(http: httpx.Client, username: str, password: str = PASSWORD) -> Person:
    answer = Person(http).post("/api/v1/sessions", {"username": username, "password": password})
    return Person(http, answer["token"])


def sign_in_citizen(http: httpx.Client, code: str, nickname: str) -> Person:
    """A mini-program user: ``code`` is what wx.login would give; the mock maps it to one person."""
    answer = Person(http).post(
        "/api/v1/citizen/sessions", {"code": code, "nickname": nickname, "region_code": "411502"}
    )
    return Person(http, answer["token"])
