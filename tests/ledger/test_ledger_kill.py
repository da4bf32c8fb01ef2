"""R6: ``kill -9`` in the middle of a delivery, 200 times: nothing acknowledged is lost, nothing is torn.

100 kills on each engine (``CARBON_NIGHTLY=1``: 1,000). Half of the writers die before a statement or a
commit, or after a commit nobody has heard of; the others at any moment. What comes out in the end is
equal, line for line, to what comes out when nobody is killed. SQLite waits for the disk as in
production; PostgreSQL's server lives on (for its own death see ``test_ledger_restart``).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apart import apart
from books import prepare_ledger
from torture import LONG, figure

KILLS = figure(100, 1_000)
SEED = 411500


@LONG
@pytest.mark.xdist_group("kill")
def test_what_was_acknowledged_survives_and_the_rest_is_done_again(
    engine_name: str, fresh_database: Callable[..., str]
) -> None:
    deliveries = 4 * KILLS
    calm = apart(
        "kill:undisturbed",
        url=fresh_database(engine_name, prepare_ledger),
        seed=SEED,
        deliveries=deliveries,
    )
    found = apart(
        "kill:tortured",
        url=fresh_database(engine_name, prepare_ledger),
        seed=SEED,
        deliveries=deliveries,
        kills=KILLS,
    )
    assert (found["lost"], found["torn"]) == (0, 0)
    assert found["killed"] == KILLS
    assert found["lines"] == calm
    assert len(calm) > 40 * KILLS
