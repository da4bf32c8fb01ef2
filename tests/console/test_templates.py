"""Every template renders with its documented context, and keeps the rules every page must keep."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sample_pages
from flask import Flask, render_template
from jinja2 import StrictUndefined

from carbon_platform.console.formats import FILTERS
from carbon_platform.console.outline import county_shapes

CONSOLE = Path(__file__).parents[2] / "carbon_platform" / "console"
PAGES = {name: (template, context) for name, template, context in sample_pages.pages()}


class Undefined(StrictUndefined):
    """A name nobody gave fails; what a template tests for with ``if`` may be missing."""

    def __bool__(self) -> bool:
        return False


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("pages", static_folder=str(CONSOLE / "static"), template_folder=str(CONSOLE / "templates"))
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.undefined = Undefined
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    return app


def render(app: Flask, name: str, **settings: Any) -> str:
    template, context = PAGES[name]
    with app.test_request_context("/"):
        return render_template(
            template, **{"trail": [], **context}, site=sample_pages.site(f"/{name}", **settings)
        )


class Outline(HTMLParser):
    """Start tags with attributes, ids, and which ids labels point to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def outline(html: str) -> Outline:
    parser = Outline()
    parser.feed(html)
    return parser


@pytest.mark.parametrize("name", PAGES)
def test_page_keeps_the_rules(app: Flask, name: str) -> None:
    html = render(app, name)
    page = outline(html)
    assert "None" not in re.sub(r"<script.*?</script>", "", html, flags=re.S), "a missing value leaked"
    assert not re.search(r"(src|href|action)=[\"']?(https?:)?//", html), "something from another origin"
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on")], f"inline handler on {tag}"
    for script in page.of("script"):
        assert script.get("src") or script.get("type") == "application/json", "inline script"
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert [i for i, n in Counter(ids).items() if n > 1] == [], "ids must be unique"
    if name == "api-docs":
        return
    assert len(page.of("h1")) == 1
    assert page.of("html")[0]["lang"] == "zh-CN"
    assert len(page.of("main")) == 1
    for _, attributes in page.tags:
        for reference in ("aria-labelledby", "aria-describedby", "data-dialog", "data-form"):
            for target in (attributes.get(reference) or "").split():
                assert target in ids, f"{reference}={target} points nowhere"


@pytest.mark.parametrize("name", PAGES)
def test_controls_have_names(app: Flask, name: str) -> None:
    html = render(app, name)
    page = outline(html)
    labelled = {attributes.get("for") for attributes in page.of("label")}
    for tag in ("input", "select", "textarea"):
        for control in page.of(tag):
            if control.get("type") in {"hidden", "radio", "checkbox"}:
                continue
            assert control.get("id") in labelled, f"{tag} {control} has no label"
    for table in re.findall(r"<table.*?</table>", html, re.S):
        assert "<caption" in table
    for button in re.findall(r"<button[^>]*>(.*?)</button>", html, re.S):
        assert re.sub(r"<[^>]+>", "", button).strip(), "a button without words"


@pytest.mark.parametrize("name", PAGES)
def test_json_in_pages_is_json(app: Flask, name: str) -> None:
    html = render(app, name)
    for data in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S):
        json.loads(data)
    for figure in re.findall(r"<figure[^>]*data-chart.*?</figure>", html, re.S):
        assert "<table" in figure, "a chart without its table twin"


@pytest.mark.parametrize(("theme", "lang", "elder"), [("dark", "en", False), ("hc", "zh", True)])
def test_settings_are_written_by_the_server(app: Flask, theme: str, lang: str, elder: bool) -> None:
    attributes = outline(render(app, "h5-today", theme=theme, lang=lang, elder=elder)).of("html")[0]
    assert attributes["data-theme"] == theme
    assert attributes["lang"] == ("en" if lang == "en" else "zh-CN")
    assert ("data-elder" in attributes) is elder


def test_hostile_text_is_escaped(app: Flask) -> None:
    hostile = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>"
    template, context = PAGES["parcel"]
    changed = {**context, "parcel": context["parcel"] | {"code": hostile, "right_holder": hostile}}
    with app.test_request_context("/"):
        html = render_template(template, **changed, site=sample_pages.site("/parcels"))
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_estimates_are_drawn_and_issued_figures_are_not(app: Flask) -> None:
    assert 'class="num est"' in render(app, "run")
    assert 'class="status est"' in render(app, "run")
    issued = re.search(r"<main.*?<aside", render(app, "run-issued"), re.S)
    assert issued
    assert 'class="num est"' not in issued[0]


def test_blocked_run_offers_no_issue_form(app: Flask) -> None:
    assert "/runs/XY-R000037/issue" not in render(app, "run")
    assert "还不能签发" in render(app, "run")
    assert "/runs/XY-R000037/reviews" in render(app, "run-review")


@pytest.mark.parametrize("name", ["league", "groups"])
def test_grams_are_said_in_the_readers_language(app: Flask, name: str) -> None:
    words = re.findall(r"[\d.,]+ (?:k?g|千?克)\b", render(app, name, lang="en"))
    assert words
    assert not [text for text in words if "克" in text]


def test_every_template_is_sampled() -> None:
    parts = {
        "base.html",
        "parts.html",
        "evidence_parts.html",
        "h5_base.html",
        "h5_parts.html",
        "map_sheet.html",
        "points_links.html",
        "shop_parts.html",
        "village_parts.html",
    }
    assert {p.name for p in (CONSOLE / "templates").glob("*.html")} - parts == {t for t, _ in PAGES.values()}


def test_county_outline_fits_its_box() -> None:
    shapes, height = county_shapes()
    assert len(shapes) == 10
    assert sorted(s.batch for s in shapes) == [1] * 5 + [2] * 5
    for s in shapes:
        numbers = [float(n) for n in re.findall(r"[\d.]+", s.path)]
        assert 0 <= min(numbers[0::2]) <= s.x <= max(numbers[0::2]) <= 1000, s.name_zh
        assert 0 <= min(numbers[1::2]) <= s.y <= max(numbers[1::2]) <= height, s.name_zh
    by_name = {s.name_zh: s for s in shapes}
    assert by_name["固始县"].x > by_name["浉河区"].x, "east is right"
    assert by_name["新县"].y > by_name["息县"].y, "south is down"
