"""Work in a process of its own: clean, without threads, so that it may fork and be killed.

``apart("module:function", …)`` starts Python anew, calls the function with the arguments (JSON), and
returns its answer (JSON). ``Child`` is a fork of such a process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def apart(function: str, /, timeout_s: float = 600, **arguments: Any) -> Any:
    """The answer of ``function`` (``module:name``, in this directory); its failure is raised here."""
    path = [str(_HERE), str(_HERE.parent), str(_HERE.parents[1])]
    done = subprocess.run(
        [sys.executable, str(_HERE / "apart.py"), function],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        cwd=_HERE.parents[1],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]
    return json.loads(done.stdout.splitlines()[-1])


class Child:
    """A forked process that does ``work`` and ends; it shares nothing but open files with us."""

    def __init__(self, work: Callable[[], object]) -> None:
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)

    def kill(self) -> None:
        """``kill -9``; no effect if it has ended."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """0 if it ended well, −9 if it was killed."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    module, name = sys.argv[1].split(":")
    answer = getattr(import_module(module), name)(**json.loads(sys.stdin.read()))
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
