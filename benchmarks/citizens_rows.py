"""L1: an act of one's own over HTTP ÷ an address that does nothing. L4: pushes over HTTP until they are in
the books ÷ direct batch posting. L8: eight clients at one issuance account ÷ one each. Page: a book of 20,000
lines ÷ one of 20."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from itertools import repeat as repeat_forever
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.citizens_city import BUS, City, rides
from benchmarks.exact import Inexact, check_sums
from benchmarks.http_load import gunicorn, load, request
from benchmarks.http_rows import acts_of, citizen
from benchmarks.measure import Row, Work, compare, repeat
from benchmarks.sizes import Sizes
from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.citizens import inbox_sql, intake_posting, purse, scenes
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.citizens.service import ActReport, report_act
from carbon_platform.citizens.tables import Act
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.sealing import keyring_of
from carbon_platform.identity.tables import LoginSession, Person
from carbon_platform.partners import keys
from carbon_platform.partners.signed import signature_headers
from carbon_platform.web import platform

PUSH, CONNECTIONS, WORKERS = 500, 2, 2
# Connections of people who report themselves.
_PEOPLE = 4
_spawn = multiprocessing.get_context("spawn")
_numbers = count()


def own_acts(city: City, sizes: Sizes, place: Path) -> Iterator[Row]:
    """L1: reports that are written down and ruled on by the workers, until all are in their books; and
    reports that are answered with their result."""
    trivially = "÷ trivial JSON, 4 connections"
    later = Row("L1", f"act over HTTP, 202, until it is in its book {trivially}", 0.10, 0.20)
    at_once = Row("L1 201", f"act over HTTP, answered with its result {trivially}", None, None)
    tokens = city.database.transact(lambda s: [citizen(s, 20_000_000 + n) for n in range(sizes.citizens)])
    acts = acts_of(tokens)
    # Workers look once a second, as in production: a round lasts long enough for several batches.
    with gunicorn(city.database.url, place) as port, _workers(city.database.url, place, 1.0):

        def reports(expect: bytes, headers: tuple[str, ...], seconds: float) -> float:
            sent = count()

            def made() -> Iterator[bytes]:
                for body, token in acts:
                    next(sent)
                    yield request("POST", "/api/v1/acts", body, token, *headers)

            start = time.perf_counter()
            load(port, made(), seconds, connections=_PEOPLE, expect=expect)
            while city.database.read(lambda session: inbox_sql.anything_waits(session.connection())):
                time.sleep(0.01)
            return next(sent) / (time.perf_counter() - start)

        def trivial(seconds: float) -> float:
            forever = repeat_forever(request("GET", "/bench/trivial"))
            return load(port, forever, seconds, connections=_PEOPLE)[0]

        ways = ((later, b"202", ("Prefer: respond-async",)), (at_once, b"201", ()))
        for row, expect, headers in ways:
            report = partial(reports, expect, headers)
            compare(row, report, trivial, rounds=sizes.rounds, seconds=6 * sizes.seconds)
            _all_counted(city.database)
            row.note = check_sums(city.database)
            yield row


def _all_counted(database: Database) -> None:
    with database.engine.connect() as connection:
        lost = connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM act_inbox WHERE state <> 'done'), "
            "(SELECT count(*) FROM act WHERE status <> 'counted')"
        ).one()
    if tuple(lost) != (0, 0):
        raise Inexact(f"{lost[0]} rows of the inbox are not in a book, {lost[1]} acts do not count")


def batches(city: City, sizes: Sizes, place: Path) -> Row:
    """L4. One round: pushes of 500 rides, measured until the last of them is in its book. Everybody has
    accounts already, so that neither side opens any."""
    pushes = 6 if sizes.quick else 40
    what = f"HTTP pushes of {PUSH} acts, {WORKERS} inbox workers, until all are in the books ÷ post_batch"
    row = Row("L4", what, 0.4, 0.75)
    direct = _direct(city)
    direct(len(city.people))
    with gunicorn(city.database.url, place) as port, _workers(city.database.url, place):
        key = _key(city.database, place)

        def product(_: float) -> float:
            bodies = [_push(city, key) for _ in range(pushes)]
            start = time.perf_counter()
            load(port, iter(bodies), 3_600, connections=CONNECTIONS)
            while city.database.read(lambda session: inbox_sql.anything_waits(session.connection())):
                time.sleep(0.01)
            return pushes * PUSH / (time.perf_counter() - start)

        def peer(_: float) -> float:
            return direct(pushes * PUSH)

        compare(row, product, peer, rounds=sizes.rounds, seconds=sizes.seconds)
    row.note = check_sums(city.database)
    return row


def _key(database: Database, place: Path) -> tuple[str, str]:
    """A key of the bus company, sealed as the server under load will open it."""
    keyring = keyring_of(Settings(mode="demo", database_url=database.url, var=place / "var"))
    now = datetime.now(UTC)

    def make(session: Session) -> tuple[str, str]:
        scene = session.get_one(Scene, BUS)
        made = keys.make_key(session, SYSTEM, scene, keyring, now=now)
        return made.key.key_id, made.secret

    return database.transact(make)


def _push(city: City, key: tuple[str, str]) -> bytes:
    now = datetime.now(UTC)
    first = next(_numbers) * PUSH
    body = "\n".join(json.dumps(row) for row in rides(city, first, PUSH, now)).encode()
    path = "/api/v1/partner/acts"
    signed = signature_headers(
        key_id=key[0], secret=key[1], method="POST", path=path, body=body, at=now, nonce=f"bench-{first:020d}"
    )
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    head += ["Content-Type: application/x-ndjson", *(f"{name}: {value}" for name, value in signed.items())]
    return "\r\n".join([*head, "", ""]).encode() + body


def _direct(city: City) -> Callable[[int], float]:
    """Post the entries of as many rides, 1,000 at a time: no rule, no act, no inbox."""
    lot, made = f"{datetime.now(UTC).year + 1}-12-31", count()

    def entry(number: int) -> ledger.Entry:
        holder = city.people[number % len(city.people)][1]
        moves = [
            ledger.Move(intake_posting.SOURCE, book_account(holder), 80),
            ledger.Move(purse.issued_account(lot), purse.pending_account(holder, lot), 10),
        ]
        return ledger.Entry(
            reason="act", reference=f"direct:{number}", moves=moves, effective_at=None, actor_name=holder,
            detail={"methodology": "low_carbon_acts_v1", "parameters": "0" * 64, "rule": "points-2026-1"},
        )  # fmt: skip

    def post(many: int) -> float:
        spent = 0.0
        for _ in range(0, many, 1_000):
            start = time.perf_counter()
            entries = [entry(next(made)) for _ in range(1_000)]
            city.database.transact(lambda s, e=entries: ledger.post_batch(s, e, datetime.now(UTC)))
            spent += time.perf_counter() - start
        return -(-many // 1_000) * 1_000 / spent

    return post


@contextmanager
def _workers(url: str, place: Path, pause: float = 0.02) -> Iterator[None]:
    """Inbox workers as in production, but that they rest ``pause`` seconds instead of one."""
    environment = {
        **os.environ, "CARBON_MODE": "demo", "CARBON_DATABASE_URL": url, "CARBON_VAR": str(place / "var"),
    }  # fmt: skip
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "inbox", "work", "--pause", str(pause)]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) for _ in range(WORKERS)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
            process.wait(30)


def hot_account(city: City, sizes: Sizes) -> Row:
    """L8. Every act's grams and points come out of one account of the platform; the peer has one a client."""
    what = f"acts of {sizes.clients} clients out of one issuance account ÷ out of one each"
    row = Row("L8", what, 0.85, 0.95)
    pipes, running = [], []
    for number in range(sizes.clients):
        ours, theirs = _spawn.Pipe()
        process = _spawn.Process(
            target=_client, args=(city.database.url, number, sizes.clients, theirs), daemon=True
        )
        process.start()
        pipes.append(ours)
        running.append(process)

    def run(own: bool, seconds: float) -> float:
        for pipe in pipes:
            pipe.send((own, seconds))
        return float(sum(pipe.recv() for pipe in pipes))

    compare(
        row, lambda s: run(False, s), lambda s: run(True, s), rounds=sizes.rounds, seconds=2 * sizes.seconds
    )
    for pipe, process in zip(pipes, running, strict=True):
        pipe.send(None)
        process.join(10)
    row.note = check_sums(city.database)
    return row


def _client(url: str, number: int, clients: int, orders: Pipe) -> None:
    """Report plates of every ``clients``-th person, each day once."""
    database = Database(url)
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, holder FROM person ORDER BY id").all()
    people = [Actor("市民", "citizen", frozenset(), "411502", None, r[0], None, r[1]) for r in rows]
    people = people[number::clients]
    one, each, made = intake_posting.SOURCE, purse.issued_account, count()
    own = ledger.AccountKey(one.role, f"source-{number}", one.asset)

    def issued(lot: str = "") -> ledger.AccountKey:
        return ledger.AccountKey(ledger.POINTS_ISSUED, f"source-{number}", ledger.Asset.POINT, lot)

    while (order := orders.recv()) is not None:
        intake_posting.SOURCE = own if order[0] else one
        intake_posting.issued_account = issued if order[0] else each  # type: ignore[attr-defined]

        def step() -> int:
            place = next(made)
            now = datetime.now(UTC)
            at = now - timedelta(minutes=1 + place // len(people) * 7)
            report = ActReport("SJ38", "bank-pay", f"hot-{number}-{place}", at)
            actor = people[place % len(people)]
            database.transact(lambda session: report_act(session, actor, report, now=now))
            return 1

        orders.send(repeat(step)(order[1]))
    database.dispose()


def pages(city: City, sizes: Sizes, place: Path) -> Row:
    """The first page of a book with totals and week, in this process: no network, nothing cached."""
    row = Row("page", "book page of a person with 20,000 acts ÷ with 20", 0.8, 0.95)
    app = create_app(Settings(mode="demo", database_url=city.database.url, var=place / "var"))
    client = app.test_client()
    tokens = [city.database.transact(lambda s, n=n: citizen(s, 10_000_000 + n)) for n in range(2)]
    for token, acts in zip(tokens, (20_000, 20), strict=True):
        _fill_book(city.database, token, acts)

    def read(token: str) -> Work:
        def step() -> int:
            answer = client.get("/api/v1/citizen/book", headers={"Authorization": f"Bearer {token}"})
            assert len(answer.json["items"]) == 20, answer.json
            return 1

        return repeat(step)

    compare(row, read(tokens[0]), read(tokens[1]), rounds=sizes.rounds, seconds=sizes.seconds)
    platform(app).db.dispose()
    return row


def _fill_book(database: Database, token: str, acts: int) -> None:
    """One act through the pipeline, copied over the days before: 20,000 are three years of 18 a day."""
    now = datetime.now(UTC)

    def first(session: Session) -> int:
        scenes.forget_cached(session)
        digest = hashlib.sha256(token.encode()).hexdigest()
        person = session.scalar(
            sa.select(Person).join(LoginSession, LoginSession.person_id == Person.id)
            .where(LoginSession.token_hash == digest)
        )  # fmt: skip
        actor = Actor("市民", "citizen", frozenset(), "411502", None, person.id, None, person.holder)
        report = ActReport("SH03", "clean-plate", f"book-{person.id}", now - timedelta(minutes=5))
        return int(report_act(session, actor, report, now=now).act.id)

    act_id = database.transact(first)
    columns = [column.name for column in Act.__table__.columns if column.name not in _CHANGED]
    names = ", ".join(columns)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO act (record_key, external_id, occurred_at, ended_at, day, entry_id, points_state, "
            f"active_from, activation_entry_id, {names}) "
            f"SELECT record_key || '-' || i, external_id || '-' || i, t, t, "
            f"to_char(t AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD'), NULL, 'active', t, NULL, {names} "
            "FROM act, generate_series(1, %s) AS i, LATERAL (SELECT occurred_at - i * interval '80 minutes' "
            "AS t) AS moved WHERE id = %s",
            (acts - 1, act_id),
        )
        connection.exec_driver_sql(
            "INSERT INTO book_month (holder, month, acts, reduction_g, creditable_g, points) "
            "SELECT holder, substr(day, 1, 7), count(*), sum(reduction_g), sum(creditable_g), sum(points) "
            "FROM act WHERE holder = (SELECT holder FROM act WHERE id = %s) GROUP BY 1, 2 "
            "ON CONFLICT (holder, month) DO UPDATE SET acts = excluded.acts, "
            "reduction_g = excluded.reduction_g, creditable_g = excluded.creditable_g, "
            "points = excluded.points",
            (act_id,),
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE act")


_CHANGED = {
    "id", "record_key", "external_id", "occurred_at", "ended_at", "day", "entry_id", "points_state",
    "active_from", "activation_entry_id",
}  # fmt: skip
