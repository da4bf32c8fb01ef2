"""A disk that is full: ran in a process of its own, where files may not grow beyond a limit.

``RLIMIT_FSIZE`` is as near to a full disk as one gets without mounting one: SQLite's log cannot grow.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from books import BANK, NOW, cash, entry, holding, issuance
from journal import dump
from sqlalchemy.exc import DBAPIError

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Move

ROOM = 1024 * 1024


@contextmanager
def full_disk(room: int = ROOM) -> Iterator[None]:
    """No file may grow beyond ``room`` bytes in here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(url: str) -> dict[str, Any]:
    """Post until the disk is full, and once more; then free the disk and go on in the same process."""
    database = Database(url)

    def post(number: int) -> None:
        moves = [Move(BANK, cash(f"h{number}"), 5), Move(issuance(), holding(f"h{number}"), 7)]
        database.transact(lambda s: ledger.post_batch(s, [entry(f"e{number}", *moves)], NOW))

    done, errors = 0, []
    with full_disk():
        while not errors:
            try:
                post(done)
                done += 1
            except DBAPIError as error:
                errors.append(str(error.orig))
        before = _entries(database)
        try:
            post(done)
        except DBAPIError as error:
            errors.append(str(error.orig))
    torn = _entries(database) != before
    sound_when_full = database.read(ledger.verify).ok
    for number in range(done, done + 20):
        post(number)
    report = database.read(ledger.verify)
    answer = {
        "posted": done,
        "before": before,
        "after": _entries(database),
        "errors": errors,
        "torn": torn,
        "sound_when_full": sound_when_full,
        "findings": [finding.en for finding in report.findings],
    }
    database.dispose()
    return answer


def _entries(database: Database) -> int:
    return sum(line.startswith("[") for line in dump(database))


def fill_over_http(url: str) -> dict[str, Any]:
    """Deposits through the platform until its disk is full, the last one again when there is room."""
    from market_world import World

    world = World(url)
    organisation = world.actor("alpha").organisation_id

    def deposit(number: int) -> Any:
        body = {"organisation_id": organisation, "amount_fen": 100, "bank_reference": f"slip-{number}"}
        return world.call("bank", "POST", "/cash-deposits", body, key=f"key-{number}")

    done = 0
    first = deposit(done)
    with full_disk():
        while (answer := deposit(done + 1)).status_code == 201:
            done += 1
    again = deposit(done + 1)
    answers = {
        "first": first.status_code,
        "status": answer.status_code,
        "body": answer.get_json(),
        "retry_after": answer.headers.get("Retry-After"),
        "again": again.status_code,
        "accepted": done + 2,
        "balance": world.balance(ledger.CASH, "alpha")[0],
        "sound": world.db.read(ledger.verify).ok,
    }
    world.close()
    return answers
