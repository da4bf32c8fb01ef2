"""R1: two hundred towns of one thousand steps, each out of one seed, with the process dying on the way.

``make test`` lives through 200 seeds × 1,000 steps (4 × 50, so that two workers share them),
``CARBON_NIGHTLY=1`` through 20,000. Three quarters of the steps are events that reach the ledger with
the partner's next delivery; about 230 of 1,000 steps are a request of their own. On SQLite, not waiting
for the disk: here it is the order of things that is tested, the disk's part is in ``test_ledger_kill``.

A failing seed is printed; ``CARBON_SEED=17 pytest tests/ledger/test_ledger_simulator.py`` plays it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from books import prepare_ledger, quick
from simulator import Machine, Simulation
from torture import LONG, figure

from carbon_platform import ledger
from carbon_platform.db import Database

STEPS = 1_000
PARTS = 4
SEEDS = figure(200, 20_000) // PARTS
# A new database after so many seeds: verification has to read everything once.
SEEDS_IN_ONE = 50


def live(seed: int, machine: Machine, steps: int = STEPS) -> Simulation:
    simulation = Simulation(seed, machine)
    try:
        simulation.run(steps)
    except Exception as error:
        raise AssertionError(
            f"seed {seed}, step {simulation.step}: CARBON_SEED={seed} plays it again"
        ) from error
    return simulation


@pytest.fixture
def new_machine(fresh_database: Callable[..., str]) -> Callable[[], Machine]:
    return lambda: Machine(quick(Database(fresh_database("sqlite", prepare_ledger))))


@LONG
@pytest.mark.parametrize(
    "part",
    [pytest.param(n, marks=pytest.mark.xdist_group(f"simulator-{n}")) for n in range(PARTS)],
)
def test_whatever_breaks_down_the_books_are_the_model_s(
    part: int, new_machine: Callable[[], Machine]
) -> None:
    given = os.environ.get("CARBON_SEED")
    seeds = [int(given)] if given else range(part * SEEDS, (part + 1) * SEEDS)
    for start in range(0, len(seeds), SEEDS_IN_ONE):
        machine = new_machine()
        lived = [live(seed, machine) for seed in seeds[start : start + SEEDS_IN_ONE]]
        assert machine.crashes >= 10 * len(lived)
        assert sum(simulation.requests for simulation in lived) >= 200 * len(lived)
        report = machine.database.read(ledger.verify)
        assert report.ok, report.findings
        assert report.counts["entries"] == sum(len(simulation.model.facts) for simulation in lived)
        machine.database.dispose()


def test_the_same_seed_is_the_same_story(new_machine: Callable[[], Machine]) -> None:
    first, again, other = (Simulation(seed, new_machine()).run(200) for seed in (7, 7, 8))
    assert first == again != other


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_balance SET posted = posted + 1 WHERE account_id ="
        " (SELECT id FROM ledger_account WHERE role = 'cash' LIMIT 1)",
        "UPDATE ledger_hold SET remaining = remaining - 1 WHERE status = 'open' AND remaining > 1",
        'UPDATE ledger_holding SET account_id = account_id + 1 WHERE "first" = 1',
    ],
)
def test_the_simulator_notices_a_wrong_ledger(change: str, new_machine: Callable[[], Machine]) -> None:
    """Negative control: a row changed behind the ledger's back does not go unnoticed."""
    machine = new_machine()
    simulation = Simulation(11, machine)
    tampered: list[int] = []
    redeem = simulation.redeem

    def tamper() -> None:
        redeem()
        if simulation.step > 300 and not tampered:
            with machine.database.engine.begin() as connection:
                tampered.append(connection.exec_driver_sql(change).rowcount)

    simulation.choices = tuple(tamper if choice == redeem else choice for choice in simulation.choices)
    with pytest.raises(AssertionError):
        simulation.run(STEPS)
    assert tampered and tampered[0] > 0
