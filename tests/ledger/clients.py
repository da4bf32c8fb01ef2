"""Clients that note what they ask and what they are told, and are killed: the harness of the history check.

``live`` runs in a process of its own and forks the clients. Each writes a line when it asks and one
when it is answered; whoever dies or gets no answer leaves a request of which nothing is known. Clocks
are ``time.monotonic``, one for all processes of a machine.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apart import Child
from books import BANK, NOW, cash, entry, holding, issuance, retired
from history import Read, Transfer, Write, check
from sqlalchemy.exc import DBAPIError

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Move

HOLDERS = "abcd"
LOTS = ("L1", "L2")
UNGUARDED = ("issuance", "bank")
# A client that was not answered waits, or it would use up its share while the server is away.
_AWAY_S = 0.3
_ACCOUNTS = "SELECT id, role, holder, asset, lot FROM ledger_account"
_JOURNAL = (
    "SELECT e.reference, t.source_id, t.destination_id, t.amount"
    " FROM ledger_transfer t JOIN ledger_entry e ON e.id = t.entry_id ORDER BY t.id"
)


def name_of(key: AccountKey) -> str:
    return "/".join((key.role, key.holder, key.lot))


def live(url: str, folder: str, seed: int, operations: int, clients: int, kills: int, faults: str) -> int:
    """Let clients work until all have done their share, killing some; the number killed.

    ``faults``: a file that appears when somebody else (who restarts the server) is ready to begin.
    """
    chance = random.Random(seed)
    database = Database(url)
    _open_accounts(database, Path(folder) / "opening")
    database.dispose()
    Path(faults).touch()
    share = operations // clients
    running = {n: Child(lambda n=n: _client(url, folder, seed, n, share)) for n in range(clients)}
    killed = 0
    while running:
        time.sleep(0.05)
        if killed < kills and chance.random() < 0.2:
            running[chance.choice(sorted(running))].kill()
            killed += 1
        for number, child in list(running.items()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            code = os.waitstatus_to_exitcode(status)
            assert code in (0, -9), code
            if code:
                running[number] = Child(lambda n=number: _client(url, folder, seed, n, share))
            else:
                del running[number]
    return killed


def _open_accounts(database: Database, log: Path) -> None:
    moves = [Move(BANK, cash(h), 200) for h in HOLDERS]
    moves += [Move(issuance(lot), holding(h, lot), 150) for h in HOLDERS for lot in LOTS]
    start = time.monotonic()
    database.transact(lambda s: ledger.post(s, entry("opening", *moves), NOW))
    asked = {"id": "opening", "start": start, "moves": [_words(move) for move in moves]}
    told = {"id": "opening", "end": time.monotonic(), "answer": "ok"}
    log.write_text(f"{json.dumps(asked)}\n{json.dumps(told)}\n")


def _words(move: Move) -> list[Any]:
    return [name_of(move.source), name_of(move.destination), move.amount]


def _client(url: str, folder: str, seed: int, number: int, share: int) -> None:
    log = os.open(Path(folder) / f"client{number}", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    with os.fdopen(os.dup(log)) as before:
        done = sum('"start"' in line for line in before)
    database = Database(url)
    chance = random.Random(f"{seed}:{number}:{done}")
    for turn in range(done, share):
        _ask(database, log, chance, f"{number}:{turn}")


def _ask(database: Database, log: int, chance: random.Random, reference: str) -> None:
    def note(**what: Any) -> None:
        os.write(log, f"{json.dumps({'id': reference, **what})}\n".encode())

    if chance.random() < 0.45:
        key = chance.choice([cash(chance.choice(HOLDERS)), _ticket(chance)])
        note(start=time.monotonic(), account=name_of(key))
        try:
            found = database.read(lambda s: ledger.balance(s, key))
            note(end=time.monotonic(), value=found.posted)
        except DBAPIError:
            time.sleep(_AWAY_S)
        return
    move = _some_move(chance)
    note(start=time.monotonic(), moves=[_words(move)])
    try:
        database.transact(lambda s: ledger.post(s, entry(reference, move), NOW))
        note(end=time.monotonic(), answer="ok")
    except ledger.InsufficientBalance as short:
        note(end=time.monotonic(), answer="refused", needed=short.values["needed"])
    except DBAPIError:
        time.sleep(_AWAY_S)


def _ticket(chance: random.Random) -> AccountKey:
    return holding(chance.choice(HOLDERS), chance.choice(LOTS))


def _some_move(chance: random.Random) -> Move:
    a, b = chance.sample(HOLDERS, 2)
    lot, amount = chance.choice(LOTS), chance.randint(1, 60)
    return chance.choices(
        (
            Move(holding(a, lot), holding(b, lot), amount),
            Move(cash(a), cash(b), amount),
            Move(holding(a, lot), retired(a, lot), amount // 20 + 1),
            Move(issuance(lot), holding(a, lot), amount // 20 + 1),
        ),
        (5, 4, 1, 1),
    )[0]


def judge(url: str, folder: str) -> dict[str, Any]:
    """What the notes and the journal together say: counts, and every anomaly."""
    writes, reads = _read_notes(sorted(Path(folder).iterdir()))
    database = Database(url)
    with database.engine.connect() as connection:
        names = {
            row.id: "/".join((row.role, row.holder, row.lot)) for row in connection.exec_driver_sql(_ACCOUNTS)
        }
        journal = [
            Transfer(row.reference, names[row.source_id], names[row.destination_id], row.amount)
            for row in connection.exec_driver_sql(_JOURNAL)
        ]
    report = database.read(ledger.verify)
    database.dispose()
    unguarded = [name for name in names.values() if name.startswith(UNGUARDED)]
    anomalies = check(writes, reads, journal, unguarded)
    return {
        "anomalies": [f"{a.kind}: {a.what}" for a in anomalies] + [f.en for f in report.findings],
        "reads": len(reads),
        **{kind: sum(w.answer == kind for w in writes) for kind in ("ok", "refused", "unknown")},
    }


def _read_notes(logs: Sequence[Path]) -> tuple[list[Write], list[Read]]:
    asked: dict[str, dict[str, Any]] = {}
    for log in logs:
        for line in log.read_text().splitlines():
            note = json.loads(line)
            asked.setdefault(note["id"], {}).update(note)
    writes, reads = [], []
    for reference, note in asked.items():
        if "account" in note:
            # A read nobody heard of says nothing.
            if "value" in note:
                reads.append(Read(note["account"], note["value"], note["start"], note["end"]))
            continue
        moves = tuple((str(s), str(d), int(n)) for s, d, n in note["moves"])
        answer = note.get("answer", "unknown")
        short = (moves[0][0], note["needed"]) if answer == "refused" else ("", 0)
        writes.append(Write(reference, moves, note["start"], note.get("end"), answer, *short))
    return writes, reads
