"""R3 over HTTP: eight clients retire one hundred kilograms under gunicorn with four workers.

``make test``: one run of 100 kilograms on each engine (``CARBON_NIGHTLY=1``: 100). Every third request is
sent twice with the same key, as a client does that has heard no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from gunicorns import call, served
from market_world import GS, World, prepare_world
from torture import LONG, figure

import carbon_platform.all_tables  # noqa: F401 — the whole platform is served, so all its tables are made
from carbon_platform import ledger
from carbon_platform.ledger import AccountKey, Asset, Entry, Move

CLIENTS, UNITS = 8, 100
RUNS = figure(1, 100)

pytestmark = pytest.mark.xdist_group("double-spend")


def account(role: str, holder: str) -> AccountKey:
    return AccountKey(role, holder, Asset.CREDIT, GS)


@LONG
def test_eight_clients_retire_one_hundred_kilograms_once(
    engine_name: str, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    world = World(fresh_database(engine_name, prepare_world), now=datetime.now(UTC))
    token, holder = world._token("alpha"), world.actor("alpha").holder
    owner = world.actor("operator").holder
    body = {
        "lines": [{"batch": GS, "quantity_kg": 1}],
        "purpose": "event",
        "beneficiary_name": "某茶业有限公司（测试）",
        "consumption_from": "2025-01-01",
        "consumption_to": "2025-12-31",
        "consumption_place": "信阳市",
    }

    def client(run: int, number: int) -> list[str]:
        """Certificates this client was given until it was told that there is nothing left."""
        given: list[str] = []
        while True:
            key = f"{run}-{number}-{len(given)}"
            status, answer = call(port, token, "POST", "/retirements", body, key)
            if len(given) % 3 == 0:
                assert (status, answer) == call(
                    port, token, "POST", "/retirements", body, key
                ) or status == 409
            if status != 201:
                assert (status, answer["code"]) == (409, "ledger.insufficient"), answer
                return given
            given.append(answer["certificate_number"])

    with served(world.url, tmp_path / "gunicorn.log") as port, ThreadPoolExecutor(CLIENTS) as pool:
        for run in range(RUNS):
            move = Move(account(ledger.HOLDING, owner), account(ledger.HOLDING, holder), UNITS)
            gift = Entry("test", f"gift:{run}", (move,), None, "t")
            world.db.transact(lambda s, e=gift: ledger.post(s, e, world.now))
            given = [c for part in pool.map(client, [run] * CLIENTS, range(CLIENTS)) for c in part]
            assert len(given) == len(set(given)) == UNITS
            assert world.balance(ledger.HOLDING, "alpha", GS) == (0, 0)
            assert world.balance(ledger.RETIRED, "alpha", GS) == (UNITS * (run + 1), 0)
    world.assert_sound()
    world.close()
