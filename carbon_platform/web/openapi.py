"""The OpenAPI 3.1 document, its offline page, and the health checks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask, jsonify, render_template
from flask_smorest import Api, Blueprint

from carbon_platform.web.calls import platform

VERSION = "0.5.0"
_EXAMPLES = Path(__file__).with_name("examples.json")
PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem; `code` is stable for programs, `detail` is for people",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail", "code"],
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "schema": {"type": "string", "maxLength": 200},
    "description": "A new random value per operation; the same one when a request is sent again.",
}


class _Api(Api):  # type: ignore[misc]
    def _register_error_handlers(self) -> None:
        """None here: ``web.problems`` answers every error, the same way everywhere."""


def init_openapi(app: Flask, apis: Iterable[Blueprint]) -> Api:
    """Register the blueprints and serve ``/api/openapi.json``, ``/api/docs``, ``/healthz``, ``/readyz``."""
    app.config.update(API_TITLE="信阳碳 Xinyang Carbon", API_VERSION=VERSION, OPENAPI_VERSION="3.1.0")
    api = _Api(app)
    for blueprint in apis:
        api.register_blueprint(blueprint)

    @app.get("/api/openapi.json")
    def openapi_document() -> Any:
        return jsonify(document(app, api))

    @app.get("/api/docs")
    def openapi_page() -> str:
        return render_template("api_docs.html")

    @app.get("/healthz")
    def healthz() -> Any:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> Any:
        platform().db.read(lambda session: session.execute(sa.text("SELECT 1")))
        return jsonify(status="ready")

    app.extensions["carbon_api"] = api
    return api


def document(app: Flask, api: Api | None = None) -> dict[str, Any]:
    """The document as a dict: what the views declared, plus permissions, keys and problems."""
    spec: dict[str, Any] = (api or app.extensions["carbon_api"]).spec.to_dict()
    components = spec.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = {"session": {"type": "http", "scheme": "bearer"}}
    problem = {
        "description": "Problem",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    declared = _declared_views(app)
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            responses = operation.setdefault("responses", {})
            for status in [s for s in responses if str(s)[0] in "45" or s == "default"]:
                del responses[status]
            responses["4XX"] = problem
            view = declared.get((path, method))
            if view is None:
                continue
            if view.idempotent:
                operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
            if view.permission:
                operation["security"] = [{"session": []}]
                operation["x-permission"] = view.permission
    _put_examples(spec["paths"])
    return spec


@cache
def examples() -> dict[str, dict[str, Any]]:
    """What was asked and answered once, by operation (``POST /api/v1/acts``); by tools/record_examples.py."""
    found: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return found


def _put_examples(paths: dict[str, Any]) -> None:
    """Put the examples into the document; one that a view wrote itself stays."""
    for name, example in examples().items():
        method, path = name.split(" ")
        operation = paths.get(path, {}).get(method.lower(), {})
        asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if asked is not None and "asked" in example:
            asked.setdefault("example", example["asked"])
        for status, answer in example.get("answered", {}).items():
            content = operation.get("responses", {}).get(status, {}).get("content", {})
            if "application/json" in content:
                content["application/json"].setdefault("example", answer)


def _declared_views(app: Flask) -> dict[tuple[str, str], Any]:
    """(OpenAPI path, method) → what the view declared about permission and idempotency."""
    found = {}
    for rule in app.url_map.iter_rules():
        view = getattr(app.view_functions[rule.endpoint], "declared", None)
        if view is None:
            continue
        parts = [f"{{{text}}}" if is_dynamic else text for is_dynamic, text in rule._trace]
        path = "".join(parts).removeprefix("|")
        for method in rule.methods or ():
            found[path, method.lower()] = view
    return found
