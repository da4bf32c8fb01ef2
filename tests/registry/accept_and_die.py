"""A server that dies: ``python accept_and_die.py <database url> <import> <digest> <point>``.

Kills itself (SIGKILL) after the n-th INSERT or UPDATE (``12``) or before the commit (``commit``).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import sqlalchemy as sa
from registry_house import NOW, OPERATOR

import carbon_platform.all_tables  # noqa: F401 — foreign keys need their tables
from carbon_platform.db import Database
from carbon_platform.registry.commit import accept_import


def main(url: str, import_id: str, digest: str, point: str) -> None:
    database = Database(url)
    writes = 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal writes
        writes += statement.lstrip().upper().startswith(("INSERT", "UPDATE", "SELECT LEDGER"))
        if str(writes) == point:
            die()

    sa.event.listen(database.engine, "after_cursor_execute", count)
    if point == "commit":
        sa.event.listen(database.engine, "commit", lambda _connection: die())
    database.transact(lambda s: accept_import(s, OPERATOR, int(import_id), digest=digest, now=NOW))
    print(writes)


if __name__ == "__main__":
    main(*sys.argv[1:])
