"""The world of projects on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from project_world import World, prepare_world


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()
