"""A database with PostGIS for a measurement: the machine's own server, or one whose address is given."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


def _psql(statement: str, database: str = "postgres") -> str:
    """SQL as the superuser of the machine's own server (Debian: postgresql-15-postgis-3)."""
    return subprocess.run(
        ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database],
        input=statement,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout


@contextmanager
def postgis_database() -> Iterator[str | None]:
    """Address of an empty database with the extension, dropped afterwards; None where there is no server.

    ``BENCH_POSTGIS_URL`` names an empty database with the extension to be used instead (and kept).
    """
    if given := os.environ.get("BENCH_POSTGIS_URL"):
        yield given
        return
    if not (shutil.which("runuser") and shutil.which("psql")):
        yield None
        return
    name, word = f"carbon_bench_{secrets.token_hex(4)}", secrets.token_hex(12)
    try:
        port = _psql("SHOW port;").strip()
        _psql(f"CREATE ROLE {name} LOGIN PASSWORD '{word}';\nCREATE DATABASE {name} OWNER {name};")
    except subprocess.CalledProcessError:
        yield None
        return
    try:
        _psql("CREATE EXTENSION postgis;", name)
        yield f"postgresql+psycopg://{name}:{word}@127.0.0.1:{port}/{name}"
    finally:
        _psql(f"DROP DATABASE {name} WITH (FORCE);\nDROP ROLE {name};")
