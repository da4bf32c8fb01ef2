"""The ledger's tables on both engines, and a few words to write tests with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from books import prepare_ledger

from carbon_platform.db import Database


@pytest.fixture
def new_ledger(fresh_database: Callable[..., str]) -> Iterator[Callable[[str], Database]]:
    """``new_ledger(engine_name)``: an empty ledger, as often as called."""
    made: list[Database] = []

    def make(engine_name: str) -> Database:
        made.append(Database(fresh_database(engine_name, prepare_ledger)))
        return made[-1]

    yield make
    for database in made:
        database.dispose()


@pytest.fixture
def database(engine_name: str, new_ledger: Callable[[str], Database]) -> Database:
    """An empty ledger, once per engine."""
    return new_ledger(engine_name)
