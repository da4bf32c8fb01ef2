"""R8: a full disk stops writing with a named error, tears nothing, and is forgiven when it has room again.

On SQLite under ``RLIMIT_FSIZE`` (as a full disk: the log cannot grow) and under a page limit (the
database itself is full); through the ledger and over HTTP, where it is 503 or 507. All figures in
``make test``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from apart import apart
from books import BANK, NOW, cash, entry, prepare_ledger
from flask import Flask
from market_world import World, prepare_world
from sqlalchemy.exc import DBAPIError, OperationalError

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Move
from carbon_platform.web.problems import init_problems

pytestmark = pytest.mark.xdist_group("restart")


def test_nothing_is_torn_and_it_goes_on_when_there_is_room(fresh_database: Callable[..., str]) -> None:
    found = apart("full:fill", url=fresh_database("sqlite", prepare_ledger))
    assert found["posted"] >= 5, "the disk was full too early to show anything"
    assert len(found["errors"]) == 2
    assert found["before"] == found["posted"]
    assert not found["torn"]
    assert found["sound_when_full"]
    assert found["after"] == found["posted"] + 20
    assert found["findings"] == []


def test_over_http_it_has_a_name_and_the_same_request_succeeds_later(
    fresh_database: Callable[..., str],
) -> None:
    found = apart("full:fill_over_http", url=fresh_database("sqlite", prepare_world))
    assert found["first"] == 201
    assert (found["status"], found["body"]["code"]) in (
        (503, "platform.database_away"),
        (507, "platform.storage_full"),
    )
    assert "原样重试" in found["body"]["detail"]
    assert found["retry_after"] == "5"
    assert found["again"] == 201
    assert found["balance"] == 100 * found["accepted"]
    assert found["sound"]


def test_a_database_that_may_not_grow_is_507(fresh_database: Callable[..., str]) -> None:
    world = World(fresh_database("sqlite", prepare_world))
    organisation = world.actor("alpha").organisation_id
    world.db.dispose()

    def limit(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 8}")
        cursor.close()

    sa.event.listen(world.db.engine, "connect", limit)
    accepted = 0
    while True:
        slip = f"{accepted:x>100}"
        body = {"organisation_id": organisation, "amount_fen": 100, "bank_reference": slip}
        answer = world.call("bank", "POST", "/cash-deposits", body)
        if answer.status_code != 201:
            break
        accepted += 1
    assert (answer.status_code, answer.get_json()["code"]) == (507, "platform.storage_full")
    assert world.balance(ledger.CASH, "alpha") == (100 * accepted, 0)
    world.assert_sound()
    sa.event.remove(world.db.engine, "connect", limit)
    world.db.dispose()
    world.deposit("alpha", 100)
    assert world.balance(ledger.CASH, "alpha") == (100 * (accepted + 1), 0)
    world.close()


def test_a_database_out_of_reach_is_503() -> None:
    world = World("postgresql+psycopg://nobody@/nowhere?host=/nonexistent-socket-directory")
    answer = world.call("", "GET", "/listings")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "platform.database_away")
    assert answer.headers["Retry-After"] == "5"
    english = world.app.test_client().get("/api/v1/listings", headers={"Accept-Language": "en"})
    assert "same request again" in english.get_json()["detail"]
    world.close()


@pytest.mark.parametrize(
    ("state", "status"),
    [("53100", 507), ("57P01", 503), ("57P03", 503), ("08006", 503), ("40P01", 503), ("42P01", 500)],
)
def test_what_postgresql_says_in_the_words_of_the_platform(state: str, status: int) -> None:
    class Said(Exception):
        sqlstate = state

    app = Flask("said")
    app.testing = False
    init_problems(app)

    @app.get("/api/say")
    def say() -> str:
        raise OperationalError("SELECT 1", {}, Said("words of the server"))

    answer = app.test_client().get("/api/say")
    assert answer.status_code == status
    assert "words of the server" not in answer.get_data(as_text=True)


def test_a_page_limit_tears_nothing_in_the_ledger(fresh_database: Callable[..., str]) -> None:
    database = Database(fresh_database("sqlite", prepare_ledger))
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 12}")
    posted = 0
    with pytest.raises(DBAPIError, match="disk is full"):
        while True:
            moves = [Move(BANK, cash(f"{posted}-{n}"), 1) for n in range(40)]
            database.transact(lambda s, m=moves, p=posted: ledger.post(s, entry(f"{p}", *m), NOW))
            posted += 1
    report = database.read(ledger.verify)
    assert report.ok, report.findings
    assert (report.counts["entries"], report.counts["transfers"]) == (posted, 40 * posted)
    assert posted > 0
    database.dispose()
