"""Bad input, impatience and sudden death, through HTTP on both engines: a clear answer, nothing lost.

Files that cannot be read are in ``tests/parcels/test_parcel_bad_files.py``; a buy without money is on the
road and in the market's own tests.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flow_house import House
from ticket_desk import add_parcel, add_run, box
from werkzeug.test import EnvironBuilder, run_wsgi_app

from carbon_platform.credits.tables import AssessmentRun, CreditBatch, LandClaim, Retirement
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.ledger import tables as ledger_tables
from carbon_platform.ledger import verify
from carbon_platform.web.idempotency import IdempotencyKey
from demo.client import Person, Refused, http_for, sign_in
from demo.parcels import make_camellia_zip
from demo.story import PRICE_FEN_PER_T, Told

pytestmark = pytest.mark.xdist_group("flows")

T = TypeVar("T")


def counted(house: House, table: Any, **where: Any) -> int:
    statement = sa.select(sa.func.count()).select_from(table)
    if where:
        statement = statement.filter_by(**where)
    return int(house.db.read(lambda s: s.scalar(statement)) or 0)


def refused(act: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as found:
        act()
    return found.value


def at_once(*jobs: Callable[[], T]) -> list[T | Refused]:
    """Run all jobs at the same moment; a refusal is a result like any other, in the order of the jobs."""
    start = threading.Barrier(len(jobs))
    results: dict[int, T | Refused] = {}

    def run(number: int) -> None:
        start.wait()
        try:
            results[number] = jobs[number]()
        except Refused as no:
            results[number] = no

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(jobs))]


def browser(house: House, username: str) -> Person:
    """A sign-in of its own over a connection of its own."""
    return sign_in(http_for(house.app), username)


@pytest.fixture
def tea(house: House, told: Told) -> Person:
    return browser(house, "tea")


def bought(house: House, tea: Person, tonnes: int = 1) -> str:
    """The tea company buys whole tonnes of some open listing; returns the batch."""
    needed = tonnes * 1000
    offers = tea.get("/api/v1/listings", size=100)["items"]
    offer = next(item for item in offers if item["remaining_kg"] >= needed)
    deposit = {
        "organisation_id": tea.get("/api/v1/me")["organisation_id"],
        "amount_fen": tonnes * offer["price_fen_per_t"],
        "bank_reference": uuid4().hex,
    }
    sign_in(house.http, "bank").post("/api/v1/cash-deposits", deposit)
    tea.post(f"/api/v1/listings/{offer['id']}/orders", {"quantity_kg": needed})
    return str(offer["goods"]["batch"])


def retirement(batch: str, quantity_kg: Any, **changes: Any) -> dict[str, Any]:
    return {
        "lines": [{"batch": batch, "quantity_kg": quantity_kg}],
        "purpose": "event",
        "beneficiary_name": "茶话会（演示）",
        "consumption_from": "2026-11-01",
        "consumption_to": "2026-11-02",
        "consumption_place": "信阳市浉河区",
    } | changes


def available(person: Person, batch: str) -> int:
    held = {h["batch"]["code"]: h["available_kg"] for h in person.get("/api/v1/holdings")}
    return int(held.get(batch, 0))


@contextmanager
def nothing_moves(house: House) -> Iterator[None]:
    tables = (ledger_tables.entry, Retirement, CreditBatch, LandClaim, IdempotencyKey)
    before = [counted(house, table) for table in tables]
    yield
    assert [counted(house, table) for table in tables] == before


# ---- amounts and fields ----

NO_AMOUNT = [1000.0, 1000.5, 1e3, "1000", True, None, 0, -1000, 10**30, float("nan"), float("inf"), [], {}]


def test_an_amount_is_a_whole_number_everywhere(house: House, told: Told) -> None:
    people = {name: sign_in(house.http, name) for name in ("operator", "tea", "bank")}
    batch, listing = told.batches[0]["code"], told.listings[0]["id"]
    deposit = {"organisation_id": 1, "amount_fen": 100, "bank_reference": "x"}
    offer = {"batch": batch, "quantity_kg": 1000, "price_fen_per_t": PRICE_FEN_PER_T}
    doors = [
        ("tea", "/api/v1/retirements", "lines.0.quantity_kg", retirement(batch, 1)),
        ("tea", f"/api/v1/listings/{listing}/orders", "quantity_kg", {"quantity_kg": 1000}),
        ("operator", "/api/v1/listings", "quantity_kg", offer),
        ("operator", "/api/v1/listings", "price_fen_per_t", offer),
        ("bank", "/api/v1/cash-deposits", "amount_fen", deposit),
    ]
    with nothing_moves(house):
        for who, path, field, body in doors:
            for amount in NO_AMOUNT:
                # NaN is no JSON, but Python's parser and many clients take it for a number.
                answer = house.app.test_client().post(
                    path,
                    json=body | (retirement(batch, amount) if "lines" in body else {field: amount}),
                    headers=people[who].headers | {"Idempotency-Key": "n"},
                )
                assert answer.status_code == 422, (path, amount, answer.text)
                [error] = answer.json["errors"]
                assert error["field"] == field
                assert error["zh"]
                assert error["en"]


def test_unknown_fields_are_named_and_nothing_is_done(house: House, told: Told, tea: Person) -> None:
    batch = told.batches[0]["code"]
    operator = sign_in(house.http, "operator")
    project = {"name_zh": "名称", "methodology_key": "camellia_oil_v1", "crediting_from": "2021-01-01",
               "crediting_to": "2041-01-01"}  # fmt: skip
    with nothing_moves(house):
        for person, path, body in (
            (tea, "/api/v1/retirements", retirement(batch, 1)),
            (operator, "/api/v1/listings", {"batch": batch, "quantity_kg": 1000, "price_fen_per_t": 1}),
            (operator, "/api/v1/projects", project),
        ):
            no = refused(lambda p=person, u=path, b=body: p.post(u, b | {"is_demo": False, "id": 1}))
            assert (no.status, no.code) == (422, "platform.invalid_input")
            assert {error["field"] for error in no.problem["errors"]} == {"is_demo", "id"}


def test_control_characters_and_broken_unicode_are_refused_alike_on_both_engines(
    house: House, told: Told, tea: Person
) -> None:
    batch = bought(house, tea)
    with nothing_moves(house):
        for text in ("茶\x00话会", "\x1b[31m红", "\ud800半个字"):
            answer = house.app.test_client().post(
                "/api/v1/retirements",
                data=json.dumps(retirement(batch, 1, beneficiary_name=text)),  # \\u0000, \\ud800 in ASCII
                content_type="application/json",
                headers=tea.headers | {"Idempotency-Key": "control"},
            )
            assert answer.status_code == 422, answer.text
            assert answer.json["code"] == "platform.invalid_input"
        assert refused(lambda: sign_in(house.http, "a\x00b")).status == 422
        no = refused(lambda: tea.post("/api/v1/retirements", retirement(batch, 1, beneficiary_name="𠮷野会")))
        assert (no.status, no.code) == (422, "credits.glyph_missing")
        assert "𠮷" in no.problem["detail"]


def test_readings_that_are_no_numbers(house: House, told: Told) -> None:
    operator = sign_in(house.http, "operator")
    project = told.projects["camellia"]["code"]
    run = told.runs["camellia"]["code"]
    parcel = operator.get(f"/api/v1/runs/{run}/rows")["items"][0]["parcel_code"]
    with nothing_moves(house):
        for value in ("NaN", "Infinity", "-Infinity", "1e999", '"viel"', "null", "[1]", "true"):
            row = f'{{"parcel_code": "{parcel}", "diesel_l": {value}}}'
            body = f'{{"period_start": "2024-01-01", "period_end": "2026-01-01", "rows": [{row}]}}'
            answer = house.app.test_client().post(
                f"/api/v1/projects/{project}/monitoring",
                data=body,
                content_type="application/json",
                headers=operator.headers,
            )
            assert answer.status_code == 422, (value, answer.text)
            assert "diesel_l" in answer.text or value == "null"


def test_a_body_of_two_hundred_megabytes_is_refused_without_being_read(house: House) -> None:
    """By the whole application, not only by the room: nothing on the way to it may read the body."""

    class Untouched(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _buffer: Any) -> int:
            raise AssertionError("the body was read")

    officer = sign_in(house.http, "forestry.luoshan")
    kind = "multipart/form-data; boundary=x"
    for headers, status in ((officer.headers, "413"), ({}, "4")):
        builder = EnvironBuilder("/api/v1/parcel-imports", method="POST", headers=headers, content_type=kind)
        with io.BufferedReader(Untouched()) as body:
            environ = {**builder.get_environ(), "CONTENT_LENGTH": str(200 << 20), "wsgi.input": body}
            chunks, answered, _ = run_wsgi_app(house.app, environ)
            answer = json.loads(b"".join(chunks))
        assert answered.startswith(status), answer
        assert answer["code"] in {"parcels.upload_too_large", "identity.not_signed_in"}
        assert answer["detail"]


# ---- the same thing from two sides ----


def test_two_browsers_retire_everything_at_once(house: House, tea: Person) -> None:
    """Two sessions of one company, each with a key of its own, each for all that is there."""
    browsers = [browser(house, "tea"), browser(house, "tea")]
    assert browsers[0].headers != browsers[1].headers
    for _ in range(3):
        batch = bought(house, tea, 1)
        everything = available(tea, batch)
        body = retirement(batch, everything)
        before = counted(house, Retirement)
        results = at_once(*(lambda p=p, b=body: p.post("/api/v1/retirements", b) for p in browsers))
        [no] = [result for result in results if isinstance(result, Refused)]
        [paper] = [result for result in results if not isinstance(result, Refused)]
        assert (no.status, no.code) == (409, "ledger.insufficient")
        assert paper["quantity_kg"] == everything
        assert counted(house, Retirement) == before + 1
        assert available(tea, batch) == 0
        public = Person(house.http).get(f"/api/v1/public/certificates/{paper['certificate_number']}")
        assert public["genuine"] is True
    assert house.db.read(verify).ok


def test_many_browsers_for_the_last_kilograms(house: House, tea: Person) -> None:
    """Six sessions want 300 kg of 1,000: three get them, and no number is on two certificates."""
    batch = bought(house, tea, 1)
    have = available(tea, batch)
    if have > 900:
        tea.post("/api/v1/retirements", retirement(batch, have - 900))
    people = [browser(house, "tea") for _ in range(6)]
    body = retirement(batch, 300)
    results = at_once(*(lambda p=p: p.post("/api/v1/retirements", body) for p in people))
    papers = [result for result in results if not isinstance(result, Refused)]
    assert [r.code for r in results if isinstance(r, Refused)] == ["ledger.insufficient"] * 3
    assert len({paper["certificate_number"] for paper in papers}) == 3
    spans = [span for paper in papers for line in paper["lines"] for span in line["ranges"]]
    numbers = [n for span in spans for n in range(span["first"], span["last"] + 1)]
    assert len(numbers) == len(set(numbers)) == 900
    assert available(tea, batch) == 0


def test_one_key_is_one_certificate(house: House, tea: Person) -> None:
    batch = bought(house, tea, 1)
    have, papers, key = available(tea, batch), counted(house, Retirement), uuid4().hex
    body = retirement(batch, 100)
    first = tea.post("/api/v1/retirements", body, key=key)
    assert tea.post("/api/v1/retirements", body, key=key) == first
    again = browser(house, "tea")  # the same person, signed in again
    assert again.post("/api/v1/retirements", body, key=key) == first
    no = refused(lambda: tea.post("/api/v1/retirements", retirement(batch, 101), key=key))
    assert (no.status, no.code) == (422, "web.idempotency_key_reused")
    together = uuid4().hex
    clients = [Person(http_for(house.app), tea.headers["Authorization"].split()[1]) for _ in range(4)]
    answers = at_once(*(lambda p=p: p.post("/api/v1/retirements", body, key=together) for p in clients))
    assert all(answer == answers[0] for answer in answers)
    assert not isinstance(answers[0], Refused)
    assert answers[0] != first
    assert counted(house, Retirement) == papers + 2
    assert available(tea, batch) == have - 200
    bare = house.app.test_client().post("/api/v1/retirements", json=body, headers=tea.headers)
    assert (bare.status_code, bare.json["code"]) == (400, "web.idempotency_key_missing")


def test_what_is_on_sale_cannot_be_retired(house: House, tea: Person) -> None:
    batch = bought(house, tea, 1)
    rest = available(tea, batch)
    offer = {"batch": batch, "quantity_kg": rest // 1000 * 1000, "price_fen_per_t": PRICE_FEN_PER_T * 9}
    listing = tea.post("/api/v1/listings", offer)["id"]
    free = available(tea, batch)
    assert free == rest % 1000
    no = refused(lambda: tea.post("/api/v1/retirements", retirement(batch, free + 1)))
    assert no.code == "ledger.insufficient"
    tea._answer(tea.http.delete(f"/api/v1/listings/{listing}", headers=tea.headers))
    assert available(tea, batch) == rest


def test_a_parcel_in_two_uploads_at_once(house: House, told: Told, tmp_path: Path) -> None:
    """Both files are checked before either is accepted; each parcel is registered once."""
    path = tmp_path / "同一批地.zip"
    make_camellia_zip(path, "411521", 8, 7, faults=False)
    officers = [browser(house, "forestry.luoshan") for _ in range(2)]
    before = officers[0].get("/api/v1/parcels")["total"]

    def upload(officer: Person) -> int:
        report = officer.upload("/api/v1/parcel-imports", path.name, path.read_bytes(), kind="camellia")
        return int(report["id"])

    first, second = at_once(*(lambda p=p: upload(p) for p in officers))
    assert not isinstance(first, Refused)
    assert not isinstance(second, Refused)
    assert first != second
    done = at_once(
        *(
            lambda p=p, n=n: p.post(f"/api/v1/parcel-imports/{n}/accept", {})
            for p, n in zip(officers, (first, second), strict=True)
        )
    )
    registered = [answer["registered_rows"] for answer in done if not isinstance(answer, Refused)]
    assert len(registered) == 2
    assert min(registered) == 0
    assert max(registered) > 0
    assert officers[0].get("/api/v1/parcels")["total"] == before + max(registered)


# ---- a process killed in mid-issue ----


@contextmanager
def dying_server(house: House, token: str) -> Iterator[Callable[[str, str, str], str]]:
    """``ask(run, key, point)``: issue the run in another process, which is killed at that point."""
    script = Path(__file__).with_name("issue_and_die.py")
    url = house.db.engine.url.render_as_string(hide_password=False)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, script, url, token],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": str(root)},
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout

        def ask(run: str, key: str, point: str) -> str:
            print(run, key, point, file=process.stdin, flush=True)
            return process.stdout.readline().strip()  # type: ignore[union-attr]

        yield ask
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_a_process_killed_in_mid_issue_leaves_nothing_and_a_rerun_issues_once(
    house: House, told: Told, engine_name: str
) -> None:
    """Killed after the 1st, 2nd, 4th, 7th … write, before the commit, and after it (quality R6)."""
    x = 20_000.0 if engine_name == "sqlite" else 30_000.0
    runs = house.db.transact(
        lambda s: [
            add_run(
                s, "operator", [(add_parcel(s, box(x + 200 * k, y), county="411521"), 10.5) for k in (0, 1)]
            )
            for y in (0.0, 500.0)
        ]
    )
    operator, key = sign_in(house.http, "operator"), uuid4().hex
    token = operator.headers["Authorization"].split()[1]
    tables = (ledger_tables.entry, CreditBatch, LandClaim, IdempotencyKey, AuditRecord)
    before = [counted(house, table) for table in tables]

    def status(run: AssessmentRun) -> str:
        return str(house.db.read(lambda s: s.get_one(AssessmentRun, run.id)).status)

    with dying_server(house, token) as ask:
        first = runs[0].code
        assert ask(first, key, "commit") == "killed"
        deaths, point = 0, 1
        while (answer := ask(first, key, str(point))) == "killed":
            assert [counted(house, table) for table in tables] == before, point
            assert status(runs[0]) == "approved"
            deaths, point = deaths + 1, point + deaths + 1
        # That point lay beyond the last write: nobody was killed, and what was begun is finished.
        assert answer == "201"
        assert deaths > 5
        batches = operator.post(f"/api/v1/runs/{first}/issue", key=key)
        assert house.db.read(verify).ok
        assert sum(batch["quantity_kg"] for batch in batches) == 21_000
        again = operator.post(f"/api/v1/runs/{first}/issue")
        assert {batch["code"] for batch in again} == {batch["code"] for batch in batches}
        assert counted(house, LandClaim, run_id=runs[0].id) == 2
        assert counted(house, CreditBatch, run_id=runs[0].id) == len(batches) == 5

        # Killed between the commit and the answer: the caller heard nothing, sends it again, gets the same.
        second, key = runs[1].code, uuid4().hex
        assert ask(second, key, "committed") == "killed"
        assert status(runs[1]) == "issued"
        issued = counted(house, ledger_tables.entry)
        assert ask(second, key, "never") == "201"
    assert len(operator.post(f"/api/v1/runs/{second}/issue", key=key)) == 5
    assert counted(house, ledger_tables.entry) == issued
    assert house.db.read(verify).ok
