"""L1: an act over HTTP against an address that does nothing. L4: a batch over HTTP against a direct one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from itertools import repeat as repeat_forever
from pathlib import Path

from sqlalchemy.orm import Session

from benchmarks.exact import check_sums
from benchmarks.http_load import gunicorn, load, request
from benchmarks.measure import Row, Work, compare, repeat
from benchmarks.sizes import Sizes
from carbon_platform.app import create_app
from carbon_platform.citizens import catalogue, consents
from carbon_platform.citizens.service import load_reference
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

SOURCE, BEHAVIOUR = "clean-plate", "SH03"
CONNECTIONS = 4
# Acts are spread over so many days back, within the month that is still accepted.
DAYS = 25


def over_http(database: Database, sizes: Sizes, place: Path) -> list[Row]:
    """Each act by another citizen, or on another day, so that no cap is reached."""
    database.transact(load_regions)
    database.transact(load_reference)
    tokens = database.transact(lambda session: [citizen(session, n) for n in range(sizes.citizens)])
    acts = acts_of(tokens)
    row = Row("L1", f"act over HTTP ÷ trivial JSON, {CONNECTIONS} connections", 0.12, 0.20)
    with gunicorn(database.url, place) as port:

        def act(seconds: float) -> float:
            made = (request("POST", "/api/v1/acts", body, token) for body, token in acts)
            rate, last = load(port, made, seconds, connections=CONNECTIONS, expect=b"201")
            assert json.loads(last)["status"] == "counted", last
            return rate

        def trivial(seconds: float) -> float:
            forever = repeat_forever(request("GET", "/bench/trivial"))
            return load(port, forever, seconds, connections=CONNECTIONS)[0]

        in_process = _in_process(database.url, place, acts)
        compare(row, act, trivial, rounds=sizes.rounds, seconds=sizes.seconds, profile=in_process)
    row.note = check_sums(database)
    missing = "with the whole pipeline of acts: see citizens.md (make bench-citizens)"
    return [row, Row("L4", "HTTP batch of 500 acts ÷ direct batch post", 0.5, 0.75, note=missing)]


def _in_process(url: str, place: Path, acts: Iterator[tuple[bytes, str]]) -> Work:
    """The same acts without a server between, for the profile."""

    def work(seconds: float) -> float:
        app = create_app(Settings(mode="demo", database_url=url, var=place / "var"))
        client = app.test_client()

        def step() -> int:
            body, token = next(acts)
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.post("/api/v1/acts", data=body, content_type="application/json", headers=headers)
            assert answer.status_code == 201, answer.json
            return 1

        rate = repeat(step)(seconds)
        platform(app).db.dispose()
        return rate

    return work


def citizen(session: Session, number: int) -> str:
    """Sign in and agree; the session's token."""
    now = datetime.now(UTC)
    token, actor = consents.open_account(
        session, f"bench-{number}", nickname="市民", region_code="", under_14=False, guardian_agrees=False,
        now=now,
    )  # fmt: skip
    version = catalogue.consent_texts()[SOURCE, catalogue.ACTS_PURPOSE].version
    consents.agree(session, actor, partner=SOURCE, purpose=catalogue.ACTS_PURPOSE, version=version, now=now)
    return token


def acts_of(tokens: list[str]) -> Iterator[tuple[bytes, str]]:
    """Bodies and who sends them."""
    noon = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0)
    for number in count():
        body = {
            "behaviour": BEHAVIOUR,
            "source": SOURCE,
            "external_id": f"bench-{number}",
            "occurred_at": (noon - timedelta(days=1 + number // len(tokens) % DAYS)).isoformat(),
        }
        yield json.dumps(body).encode(), tokens[number % len(tokens)]
