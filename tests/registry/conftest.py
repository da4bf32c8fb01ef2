"""The importing desk, on both engines or on SQLite alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from registry_house import Desk, prepare_registry

from carbon_platform.db import Database


@pytest.fixture
def new_desk(fresh_database: Callable[..., str]) -> Iterator[Callable[[str], Desk]]:
    made: list[Desk] = []

    def make(engine_name: str) -> Desk:
        made.append(Desk(Database(fresh_database(engine_name, prepare_registry))))
        return made[-1]

    yield make
    for desk in made:
        desk.db.dispose()


@pytest.fixture
def desk(engine_name: str, new_desk: Callable[[str], Desk]) -> Desk:
    """Once per engine."""
    return new_desk(engine_name)


@pytest.fixture
def lone_desk(new_desk: Callable[[str], Desk]) -> Desk:
    """On SQLite: for what the database has no part in."""
    return new_desk("sqlite")
