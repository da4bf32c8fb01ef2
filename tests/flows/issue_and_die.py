"""A server that dies: ``python issue_and_die.py <database url> <token>``.

Reads lines ``<run> <idempotency key> <point>`` and for each lets a child of its own issue the run through
HTTP and kill itself (SIGKILL) at the point: after the n-th INSERT or UPDATE (``3``), before the commit
(``commit``) or after it (``committed``). Answers each line with ``killed`` or the status of the response.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(app: Flask, point: str) -> None:
    """Set the charge in this process."""
    engine = platform(app).db.engine
    writes = 0

    def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal writes
        writes += statement.lstrip().upper().startswith(("INSERT", "UPDATE"))
        if str(writes) == point:
            die()

    event.listen(engine, "after_cursor_execute", count)
    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        if writes and point == "commit":
            die()
        commit(connection)
        if writes and point == "committed":
            die()

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign]


def main(url: str, token: str) -> None:
    app = create_app(Settings(mode="test", database_url=url, var=Path("unused")))
    for line in sys.stdin:
        run, key, point = line.split()
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        child = os.fork()
        if child == 0:
            arm(app, point)
            answer = app.test_client().post(f"/api/v1/runs/{run}/issue", headers=headers)
            os._exit(answer.status_code - 200)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print("killed" if killed else 200 + os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
