"""The way through HTTP: upload, look, download what is wrong, accept; who may and who may not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import Babel
from registry_files import ALPHA, BETA, csv_file, issue, retire, transfer, workbook
from registry_house import NOW, prepare_registry
from sqlalchemy.orm import Session

from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation, add_user, authenticate, csrf_token, sign_in
from carbon_platform.registry import rules
from carbon_platform.registry.api import blp as registry_api
from carbon_platform.registry.commands import group
from carbon_platform.web.calls import Hooks, Platform
from carbon_platform.web.language import locale
from carbon_platform.web.openapi import init_openapi
from carbon_platform.web.problems import init_problems

ROWS = [
    issue("000001–000100", 100, ALPHA),
    transfer("11–40", 30, ALPHA, BETA, reference="T-1"),
    retire("21–30", 10, BETA, certificate="ZX-2025-7", beneficiary="某会议"),
    issue("200-299", -100, "=cmd|' /C calc'!A0"),
]
PEOPLE = {"operator": "operator", "auditor": "auditor", "buyer": "enterprise", "verifier": "verifier"}


class House:
    def __init__(self, url: str, var: Path) -> None:
        self.db = Database(url)
        self.app = Flask("registry_house")
        self.app.testing = True
        hooks = Hooks(
            authenticate=lambda s, token, now: authenticate(s, token, now=now), csrf_token=csrf_token
        )
        settings = Settings(mode="test", database_url=url, var=var)
        self.app.extensions["carbon"] = Platform(settings, self.db, lambda: NOW, hooks)
        Babel(self.app, default_locale="zh_Hans_CN", locale_selector=locale)
        init_problems(self.app)
        init_openapi(self.app, (identity_api, registry_api))
        self.tokens = {name: self.db.transact(lambda s, n=name: self._sign_up(s, n)) for name in PEOPLE}

    def _sign_up(self, session: Session, name: str) -> str:
        beta = add_organisation(session, SYSTEM, name_zh=BETA, kind="", region_code="4115", now=NOW)
        add_user(
            session,
            SYSTEM,
            username=name,
            password="a long enough password",
            display_name=name,
            role=PEOPLE[name],
            region_code="4115",
            organisation_id=beta.id if name == "buyer" else None,
            now=NOW,
        )
        session.flush()
        signed_in = sign_in(session, name, matches=True, now=NOW)
        assert signed_in
        return signed_in[0]

    def client(self, name: str) -> FlaskClient:
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.tokens[name]}"
        return client

    def upload(self, path: Path, who: str = "operator", source: str = "ccer") -> Any:
        data = {"file": (io.BytesIO(path.read_bytes()), path.name), "source": source}
        return self.client(who).post("/api/v1/registry-imports", data=data)

    def accept(self, report: dict[str, Any], who: str = "operator", **body: Any) -> Any:
        body = {"digest": report["digest"], "leave_out_errors": True} | body
        headers = {"Idempotency-Key": uuid4().hex}
        path = f"/api/v1/registry-imports/{report['id']}/accept"
        return self.client(who).post(path, json=body, headers=headers)


@pytest.fixture
def house(engine_name: str, fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[House]:
    house = House(fresh_database(engine_name, prepare_registry), tmp_path / "var")
    yield house
    house.db.dispose()


def test_the_whole_way(house: House, tmp_path: Path) -> None:
    answer = house.upload(csv_file(tmp_path / "账户.csv", ROWS, encoding="gb18030"))
    assert answer.status_code == 201, answer.json
    report = answer.json
    assert (report["encoding"], report["status"]) == ("gb18030", "staged")
    assert report["counts"] == {"new": 3, "unchanged": 0, "conflict": 0, "error": 1}
    client = house.client("operator")
    base = f"/api/v1/registry-imports/{report['id']}"
    changes = client.get(f"{base}/diff").json["changes"]
    assert {
        c["holder"]: (c["issued_kg"], c["sent_kg"], c["received_kg"], c["retired_kg"]) for c in changes
    } == {
        ALPHA: (100_000, 30_000, 0, 0),
        BETA: (0, 0, 30_000, 10_000),
    }
    wrong = client.get(f"{base}/rows?status=error").json["items"]
    assert [(r["row_number"], sorted(f["code"] for f in r["findings"])) for r in wrong] == [
        (5, ["formula", "quantity_not_positive"])
    ]
    assert client.get("/api/v1/external-batches").json["total"] == 0
    assert house.accept(report, leave_out_errors=False).json["code"] == "registry.rows_in_error"
    first, second = house.accept(report), house.accept(report)
    assert (first.status_code, second.status_code) == (200, 200), first.json
    assert first.json["result"] == second.json["result"]
    [batch] = client.get("/api/v1/external-batches").json["items"]
    assert (batch["serials"], batch["quantity_kg"]) == ("000001–000100", 100_000)
    detail = house.client("auditor").get(f"/api/v1/external-batches/{batch['lot']}").json
    assert [(s["serials"], s["state"], s["holder"]) for s in detail["segments"]] == [
        ("000001–000010", "held", ALPHA),
        ("000011–000020", "held", BETA),
        ("000021–000030", "retired", ""),
        ("000031–000040", "held", BETA),
        ("000041–000100", "held", ALPHA),
    ]
    assert [e["certificate"] for e in detail["history"]] == ["", "", "ZX-2025-7"]
    [held] = house.client("buyer").get("/api/v1/external-holdings").json
    assert held["held_kg"] == 20_000
    assert held["held_serials"] == ["000011–000020", "000031–000040"]
    assert "全国" in held["here_zh"]


def test_the_list_of_errors_for_a_spreadsheet_is_defused(house: House, tmp_path: Path) -> None:
    report = house.upload(workbook(tmp_path / "a.xlsx", [issue("1-9", -9), issue("-1", 1, "@x")])).json
    client = house.client("operator")
    text = client.get(f"/api/v1/registry-imports/{report['id']}/errors.csv").data
    assert text.startswith("\ufeff".encode())
    lines = list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))
    assert lines[0][:4] == ["行号", "状态", "列", "原值"]
    assert ["2", "错误", "数量（吨）（G）", "'-9"] in [line[:4] for line in lines]
    assert not [cell for line in lines for cell in line if cell.startswith(("=", "+", "-", "@"))]
    book = openpyxl.load_workbook(
        io.BytesIO(client.get(f"/api/v1/registry-imports/{report['id']}/errors.xlsx").data)
    )
    cells = [cell for line in book.active.iter_rows(values_only=True) for cell in line]
    assert "'-9" in cells
    assert len(cells) == len(lines) * len(lines[0])


def test_who_may(house: House, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", ROWS)
    assert [house.upload(path, who).status_code for who in ("auditor", "buyer", "verifier")] == [403] * 3
    report = house.upload(path).json
    assert house.accept(report, "auditor").status_code == 403
    for place in (
        "registry-imports",
        f"registry-imports/{report['id']}",
        "external-batches",
        "registry-sources",
    ):
        answers = [house.client(who).get(f"/api/v1/{place}").status_code for who in PEOPLE]
        assert answers == [200, 200, 403, 403], place


@pytest.mark.parametrize(
    ("name", "content", "source", "status", "code"),
    [
        ("a.csv", b"a,b\n1,2\n", "ccer", 422, "registry.header_not_found"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(99), "ccer", 415, "registry.format_unknown"),
        ("a.xlsx", b"PK\x03\x04" + bytes(99), "ccer", 422, "registry.workbook_refused"),
        ("../../etc/passwd", b"", "ccer", 415, "registry.format_unknown"),
        ("a.csv", b"a", "nobody", 422, "registry.source_unknown"),
    ],
)
def test_bad_files_are_problems_with_words(
    house: House, tmp_path: Path, name: str, content: bytes, source: str, status: int, code: str
) -> None:
    data = {"file": (io.BytesIO(content), name), "source": source}
    answer = house.client("operator").post("/api/v1/registry-imports", data=data)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.json["detail"]
    assert house.client("operator").get("/api/v1/registry-imports").json["total"] == 0


def test_what_a_browser_would_not_wait_for_is_left_to_the_command(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PAGE_COMMIT_LIMIT", 2)
    path = csv_file(tmp_path / "a.csv", ROWS)
    report = house.upload(path).json
    answer = house.accept(report)
    assert answer.json["code"] == "registry.too_many_for_the_page"
    assert f"registry accept {report['id']} {report['digest']}" in answer.json["detail"]
    house.app.cli.add_command(group)
    run = house.app.test_cli_runner().invoke
    listed = run(args=["registry", "import", str(path), "--source", "ccer"])
    assert "第 5 行" in listed.output
    assert "'new': 3" in listed.output
    digest = listed.output.split()[-1]
    assert run(args=["registry", "accept", "2", digest]).exit_code == 1, "rows in error"
    done = run(args=["registry", "accept", "2", digest, "--leave-out-errors"])
    assert "'records': 3" in done.output, done.output
    assert "not-found" in run(args=["registry", "sources"]).output
    assert run(args=["registry", "import", str(path), "--source", "x"]).exit_code == 1


def test_another_digest_is_refused(house: House, tmp_path: Path) -> None:
    report = house.upload(csv_file(tmp_path / "a.csv", ROWS)).json
    assert house.accept(report, digest="0" * 64).json["code"] == "registry.digest_mismatch"
    assert house.accept(report, digest="short").status_code == 422
    assert house.client("operator").get("/api/v1/external-batches").json["total"] == 0
