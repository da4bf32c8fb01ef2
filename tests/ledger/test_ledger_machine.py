"""R2: any story leaves the ledger and a dictionary model in the same state.

``make test`` tells 500 stories of 50 steps on each engine, ``CARBON_NIGHTLY=1`` 10,000. Each step
compares the answers and the accounts it touched; each story ends by comparing every account, hold
and number range and by the sum ``issued = available + held + pledged + retired + cancelled +
invalidated`` per lot; each run ends with ``ledger.verify`` over all stories.

Durability is no part of this (``test_ledger_kill`` and ``test_ledger_restart`` have it), so SQLite
does not wait for the disk here, and PostgreSQL runs with ``fsync`` off as in all tests.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from books import prepare_ledger, quick
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import LedgerMachine, Source
from torture import LONG, figure

from carbon_platform import ledger
from carbon_platform.db import Database

STEPS = 50
EXAMPLES = figure(500, 10_000)


def tell(url: str, examples: int) -> Source:
    source = Source(lambda: quick(Database(url)))
    run_state_machine_as_test(
        lambda: LedgerMachine(source),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    return source


@LONG
@pytest.mark.parametrize(
    "engine_name",
    [
        pytest.param("sqlite", marks=pytest.mark.xdist_group("machine-sqlite")),
        pytest.param(
            "postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("machine-postgresql")]
        ),
    ],
)
def test_the_ledger_does_what_the_model_does(engine_name: str, fresh_database: Callable[..., str]) -> None:
    source = tell(fresh_database(engine_name, prepare_ledger), EXAMPLES)
    assert source.restarts > EXAMPLES // 100
    assert len(source.entries) > 5 * EXAMPLES
    report = source.database.read(ledger.verify)
    source.database.dispose()
    assert report.ok, report.findings
    assert report.counts["entries"] == len(source.entries), "nothing is in the journal but what was accepted"
