"""The citizen API is documented with examples: one of each body and answer, in the shapes of the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carbon_platform.web.openapi import examples

DOCUMENT = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "openapi.json").read_text(encoding="utf-8")
)
DOORS = re.compile(r"/api/v1/(citizen|acts|shop|partner)(/|$)")
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, media type) of every JSON body and answer of the citizen API."""
    for path, operations in DOCUMENT["paths"].items():
        if not DOORS.match(path):
            continue
        for method, operation in operations.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            parts = {"asked": operation.get("requestBody", {})}
            parts |= {s: r for s, r in operation["responses"].items() if s.startswith("2")}
            for part, holder in parts.items():
                media = holder.get("content", {}).get("application/json")
                if media is not None:
                    yield f"{method.upper()} {path} {part}", media


BODIES = dict(bodies())


def test_every_body_and_answer_has_an_example() -> None:
    assert len(BODIES) > 80
    assert sorted(place for place, media in BODIES.items() if "example" not in media) == []


@pytest.mark.parametrize("place", sorted(BODIES))
def test_an_example_has_the_documented_shape(place: str) -> None:
    faults = list(wrong(BODIES[place].get("example"), BODIES[place]["schema"], place))
    assert faults == []


def wrong(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    """Names without a place in the schema, missing ones that are required, values of another type."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    for part in schema.get("allOf", ()):
        yield from wrong(value, part, where)
    choices = schema.get("anyOf")
    if choices is not None:
        if all(list(wrong(value, one, where)) for one in choices):
            yield f"{where}: {value!r} fits none"
        return
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds:
        fits = any(value is None if kind == "null" else is_a(value, kind) for kind in kinds)
        if not fits:
            yield f"{where}: {value!r} is no {kinds}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    if isinstance(value, dict):
        known = schema.get("properties")
        if known is not None and not schema.get("additionalProperties"):
            yield from (f"{where}.{name} is not documented" for name in value if name not in known)
        yield from (f"{where}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, one in value.items():
            if known and name in known:
                yield from wrong(one, known[name], f"{where}.{name}")
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from wrong(one, schema.get("items", {}), f"{where}[{place}]")


def is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def test_no_example_names_a_person_or_opens_anything() -> None:
    text = json.dumps(examples(), ensure_ascii=False)
    assert set(re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text)) <= {"13800000000"}
    assert re.findall(r"(?<!\d)\d{17}[\dX](?!\d)", text) == []
    assert set(re.findall(r'"(?:token|secret)": "([^"]*)"', text)) <= {"", "…"}


def test_examples_belong_to_operations_that_are_there() -> None:
    gone = [
        name
        for name in examples()
        if name.split(" ")[0].lower() not in DOCUMENT["paths"].get(name.split(" ")[1], {})
    ]
    assert gone == []
