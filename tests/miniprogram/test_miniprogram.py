"""The mini-program: its Node tests, its addresses, its files, and its pages on a running platform."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import segno
from werkzeug.serving import make_server

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.citizens.service import load_reference
from carbon_platform.config import Settings
from carbon_platform.db import Base, Database
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.units import carbon_text
from carbon_platform.web import platform

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PROGRAM = ROOT / "miniprogram"
OURS = sorted(path for path in PROGRAM.rglob("*") if path.is_file() and "vendor" not in path.parts)
CSS = (ROOT / "carbon_platform/console/static/console.css").read_text(encoding="utf-8")


def node(*arguments: str, **environment: str) -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is not installed")
    if not (ROOT / "node_modules" / "miniprogram-simulate").exists():
        pytest.skip("npm ci has not been run")
    run = subprocess.run(
        [found, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-3000:]
    return run.stdout


def evaluate(script: str) -> Any:
    """The JSON a line of CommonJS prints; ``lib(name)`` is a module of the mini-program."""
    lib = f"const lib = (name) => require({json.dumps(str(PROGRAM / 'lib'))} + '/' + name);"
    return json.loads(node("-e", f"{lib} console.log(JSON.stringify({script}))"))


def endpoints() -> dict[str, list[str]]:
    text = (PROGRAM / "lib" / "endpoints.js").read_text(encoding="utf-8")
    found = re.findall(r"(\w+): \[('[^\]]+')\]", text)
    return {name: re.findall(r"'([^']*)'", row) for name, row in found}


@pytest.mark.node
def test_pages_under_node() -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    assert "# skipped 0" in node("--test", *files)


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_address_is_in_the_openapi_document() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    paths = {_shape(path): operations for path, operations in document["paths"].items()}
    assert len(endpoints()) > 40
    for name, (method, path, *is_open) in endpoints().items():
        operation = paths.get(_shape(path), {}).get(method.lower())
        assert operation, f"{name}: {method} {path} is not in docs/openapi.json"
        assert not (is_open and "security" in operation), f"{name} has to carry a session"


def test_calls_send_a_key_exactly_where_the_document_demands_one() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    paths = {_shape(path): operations for path, operations in document["paths"].items()}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in OURS if path.suffix == ".js")
    calls = re.findall(r"call\('(\w+)'((?:[^()]|\([^()]*\))*)\)", sources)
    assert {name for name, _ in calls} | {"signIn"} == set(endpoints()), (
        "each address is used, none is missing"
    )
    for name, given in calls:
        method, path, *_ = endpoints()[name]
        parameters = paths[_shape(path)][method.lower()].get("parameters", [])
        wanted = any(p.get("name") == "Idempotency-Key" and p.get("required") for p in parameters)
        assert bool(re.search(r"\bkey\b(?!:)", given.split("body")[-1])) >= wanted, f"{name} needs a key"
        assert wanted or "}, key" not in given, f"{name} sends a key nobody reads"


def test_one_module_speaks_to_the_network_and_no_other_address_is_named() -> None:
    for path in OURS:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(PROGRAM).as_posix()
        if name != "lib/api.js":
            assert "wx.request" not in text, name
        if name not in ("config.js", "README.md"):
            assert not re.search(r"\b(https?|wss?)://|[\"'(]//", text), name
        assert "/api/v1" not in text or name in ("lib/endpoints.js", "README.md"), name
        hidden = re.search(r"secret\s*[:=]|[A-Fa-f0-9]{32,}|[A-Za-z0-9+]{40,}", text)
        assert not hidden, f"{name} looks like it holds a secret"


def test_every_page_and_part_is_whole() -> None:
    app = json.loads((PROGRAM / "app.json").read_text(encoding="utf-8"))
    folders = {path.parent.relative_to(PROGRAM).as_posix() for path in PROGRAM.glob("pages/*/index.js")}
    assert {page.removesuffix("/index") for page in app["pages"]} == folders
    assert {tab["pagePath"] for tab in app["tabBar"]["list"]} <= set(app["pages"])
    for folder in [*folders, *(f"components/{name}" for name in ("problem", "bars", "entry"))]:
        files = {ending: PROGRAM / folder / f"index.{ending}" for ending in ("js", "json", "wxml", "wxss")}
        assert all(file.exists() for file in files.values()), folder
        for used in json.loads(files["json"].read_text(encoding="utf-8")).get("usingComponents", {}).values():
            assert (PROGRAM / f"{used.lstrip('/')}.js").exists(), used
    used = set(re.findall(r'@([a-zA-Z]+)"', (PROGRAM / "app.json").read_text(encoding="utf-8")))
    theme = json.loads((PROGRAM / "theme.json").read_text(encoding="utf-8"))
    assert used == set(theme["light"]) == set(theme["dark"])
    assert sum(path.stat().st_size for path in PROGRAM.rglob("*") if path.is_file()) < 2_000_000


def test_every_handler_a_page_binds_exists() -> None:
    for wxml in PROGRAM.rglob("*.wxml"):
        script = wxml.with_suffix(".js").read_text(encoding="utf-8")
        shared = (PROGRAM / "lib" / "page.js").read_text(encoding="utf-8")
        for handler in re.findall(r'\bbind:?\w+="(\w+)"', wxml.read_text(encoding="utf-8")):
            assert re.search(rf"\b{handler}\(", script + shared), f"{wxml.parent.name}: {handler}"


def test_colours_are_those_of_the_web_pages() -> None:
    wxss = (PROGRAM / "app.wxss").read_text(encoding="utf-8")
    dark_at = wxss.index("prefers-color-scheme")
    for part, selector in ((wxss[:dark_at], ":root"), (wxss[dark_at:], "[data-theme=dark]")):
        block = re.search(rf"^{re.escape(selector)} \{{(.*?)^\}}", CSS, re.S | re.M)
        assert block
        web = dict(re.findall(r"--([\w-]+): (#[0-9A-F]{6})\b", block[1]))
        ours = dict(re.findall(r"--([\w-]+): (#[0-9A-F]{6})\b", part))
        assert len(ours) >= 18
        assert {name: web[name] for name in ours} == ours
    assert "--tap: 60px" in wxss, "large type has large targets"
    assert re.search(r"\.elder \{ --size: 20px", wxss)


@pytest.mark.node
def test_grams_read_the_same_as_on_the_web_pages() -> None:
    grams = [*range(3000), *range(0, 60_000, 125), *range(1_125, 9_000_000, 104_729), 10**6, 1_125_000,
             1_005_000, 999_999, 999_995, 10**9 + 125_000, -326, -6_840]  # fmt: skip
    assert evaluate(f"{json.dumps(grams)}.map(lib('show').carbon)") == [carbon_text(g) for g in grams]


@pytest.mark.node
@pytest.mark.parametrize(("length", "version"), [(26, 2), (84, 5), (152, 8), (213, 10)])
def test_the_drawn_code_is_the_standards(length: int, version: int) -> None:
    """Texts that fill a version: text, version and level then decide every module, but for the mask."""
    text = ("XY-ABCD-efgh_0123456789." * 9)[:length]
    drawn = evaluate(f"lib('qr').modules({json.dumps(text)})")
    assert len(drawn) == 17 + 4 * version
    masks = [
        segno.make(text, version=version, error="m", mask=mask, mode="byte", boost_error=False, micro=False)
        for mask in range(8)
    ]
    assert drawn in [[list(row) for row in code.matrix] for code in masks]


def prepare(url: str) -> None:
    db = Database(url)
    Base.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.dispose()


PERSON = "a-person-with-a-phone"


def six_rides(app: Any) -> None:
    """What the bus company would have sent three days ago."""
    client = app.test_client()
    opened = client.post("/api/v1/citizen/sessions", json={"code": PERSON, "nickname": "小满"})
    head = {"Authorization": f"Bearer {opened.get_json()['token']}"}
    texts = client.get("/api/v1/citizen/consents", headers=head).get_json()
    bus = next(row for row in texts if row["partner"] == "xinyang-bus")
    agreed = {name: bus[name] for name in ("partner", "purpose", "version")}
    assert client.post("/api/v1/citizen/consents", json=agreed, headers=head).status_code == 201
    noon = (datetime.now(UTC) - timedelta(days=3)).replace(hour=4, minute=0, second=0, microsecond=0)
    for ride in range(6):
        answer = client.post(
            "/api/v1/acts",
            json={"behaviour": "XI14b", "source": "xinyang-bus", "external_id": f"r-{ride}",
                  "occurred_at": (noon + timedelta(hours=ride)).isoformat()},
            headers=head,
        )  # fmt: skip
        assert answer.status_code == 201, answer.get_json()


@pytest.mark.node
def test_the_pages_on_a_running_platform(fresh_database: Callable[..., str], tmp_path: Path) -> None:
    settings = Settings(mode="test", database_url=fresh_database("sqlite", prepare), var=tmp_path)
    app = create_app(settings)
    six_rides(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        read = json.loads(node(str(HERE / "journey.mjs"), CARBON_BASE=base, CARBON_CODE=PERSON))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        platform(app).db.dispose()
    assert "记下了" in read["done"]
    assert "27 克" in read["home"], "2 km × 27 g × 50 %"
    assert "公交一趟" in read["book"]
    assert "步行" in read["act"] or "27" in read["act"]
    assert re.search(r"可用积分 60 分", read["redeem"])
    assert re.fullmatch(r"[A-Z0-9-]{10,}", read["code"])
    assert "邀请码" in read["invitation"]
    assert "估算" in read["footprint"]
    assert "小满满" in read["account"]
    assert read["copy"] > 500
