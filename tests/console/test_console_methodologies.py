"""Pages of methodologies: complete for whoever looks, in both languages, with the template to fill in."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from openpyxl import load_workbook

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console.prose import prose
from carbon_platform.db import Base, Database
from carbon_platform.web import platform
from methodologies import registry
from methodologies.documents.documentation import document

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def prepare(url: str) -> None:
    db = Database(url)
    Base.metadata.create_all(db.engine)
    db.dispose()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("methods")
    url = f"sqlite:///{folder}/m.sqlite3"
    prepare(url)
    app = create_app(Settings(mode="test", database_url=url, var=folder), clock=lambda: NOW)
    yield app
    platform(app).db.dispose()


@pytest.fixture
def read(app: Flask) -> Callable[..., str]:
    def get(path: str, language: str = "zh") -> str:
        client = app.test_client()
        client.set_cookie("lang", language)
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        return answer.text

    return get


def words(html: str) -> str:
    return re.sub(
        r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", "", html, flags=re.S)))
    )


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_list_has_every_methodology(read: Callable[..., str], language: str) -> None:
    text = read("/methodologies", language)
    for key, one in registry().items():
        assert f'href="/methodologies/{key}"' in text
        assert (one.title_zh if language == "zh" else one.title_en) in unescape(text)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("key", sorted(registry()))
def test_a_page_says_everything(read: Callable[..., str], key: str, language: str) -> None:
    methodology = registry()[key]
    html = read(f"/methodologies/{key}", language)
    text = words(html)
    assert "None" not in text, "a missing value leaked"
    for column in methodology.columns:
        assert column.name in text
    for step in methodology.steps:
        assert f'id="eq-{step.name}"' in html
    for parameter in methodology.parameters:
        assert parameter.source.split("  ")[0][:40] in text, parameter.name
        assert (parameter.meaning_zh if language == "zh" else parameter.meaning_en)[:30] in text
    blocks = re.findall(r'<math display="block">.*?</math>', html)
    assert len(blocks) == len(methodology.steps)
    for block in blocks:
        ElementTree.fromstring(block)  # noqa: S314 - our own
    assert methodology.code_digest in html
    waiting = document(methodology, "zh").open_parameters
    says = {"zh": "现在算出来的都是试算。", "en": "Everything computed now is an estimate."}[language]
    assert (says in text) is bool(waiting)


def test_without_a_version_the_newest_is_shown(app: Flask) -> None:
    answer = app.test_client().get("/methodologies/camellia_oil")
    newest = max(one.version for one in registry().values() if one.id == "camellia_oil")
    assert (answer.status_code, answer.location) == (302, f"/methodologies/camellia_oil_v{newest}")
    assert app.test_client().get("/methodologies/camellia_oil_v99").status_code == 404
    assert app.test_client().get("/methodologies/nothing_v1/template.xlsx").status_code == 404


def test_the_template_is_a_workbook_with_every_column(app: Flask) -> None:
    methodology = registry()["ratoon_rice_v1"]
    answer = app.test_client().get("/methodologies/ratoon_rice_v1/template.xlsx")
    assert "ratoon_rice_v1.xlsx" in answer.headers["Content-Disposition"]
    book = load_workbook(io.BytesIO(answer.data))
    cells = {str(cell.value) for sheet in book.worksheets for row in sheet.iter_rows() for cell in row}
    assert {column.name for column in methodology.columns} <= cells


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("一行\n接着 **粗** 和 `a_b`", "<p>一行接着 <strong>粗</strong> 和 <code>a_b</code></p>"),
        ("one\ntwo *slanted* 2 * 3", "<p>one two <em>slanted</em> 2 * 3</p>"),
        ("- a\n  more\n- b", "<ul><li>a more</li><li>b</li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("<script>x</script> `<b>`", "<p>&lt;script&gt;x&lt;/script&gt; <code>&lt;b&gt;</code></p>"),
        ("a\n\nb", "<p>a</p><p>b</p>"),
    ],
)
def test_plain_markdown(text: str, html: str) -> None:
    assert prose(text) == html


def test_a_table_in_a_guide() -> None:
    html = prose("| 数据 | 多久 |\n| --- | --- |\n| **水位** | 每天 |")
    assert '<th scope="col">数据</th><th scope="col">多久</th>' in html
    assert '<th scope=row data-label="数据"><strong>水位</strong></th><td data-label="多久">每天</td>' in html
