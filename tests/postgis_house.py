"""Databases with PostGIS on the machine's own server (Debian: postgresql-15-postgis-3), made and dropped."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def psql(statement: str, database: str = "postgres") -> str:
    """Run SQL as the server's superuser."""
    return subprocess.run(
        ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database],
        input=statement,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout


@contextmanager
def postgis_database(*, extension: bool = True) -> Iterator[str]:
    """Address of an empty database of its own, with an ordinary owner; skips where there is no server."""
    if not (shutil.which("runuser") and shutil.which("psql")):
        pytest.skip("no PostgreSQL of the machine's own: apt-get install postgresql-15-postgis-3")
    name, word = f"carbon_{secrets.token_hex(6)}", secrets.token_hex(12)
    try:
        port = psql("SHOW port;").strip()
        psql(f"CREATE ROLE {name} LOGIN PASSWORD '{word}';\nCREATE DATABASE {name} OWNER {name};")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"PostgreSQL is not running: {error.stderr.strip()[:200]}")
    try:
        if extension:
            psql("CREATE EXTENSION postgis;", name)
        yield f"postgresql+psycopg://{name}:{word}@127.0.0.1:{port}/{name}"
    finally:
        psql(f"DROP DATABASE {name} WITH (FORCE);\nDROP ROLE {name};")
