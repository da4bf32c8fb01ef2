"""A load over HTTP that costs little itself: keep-alive connections, bytes made beforehand."""

from __future__ import annotations

import os
import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
WORKERS = 2
THREADS = 4


@contextmanager
def gunicorn(database_url: str, place: Path) -> Iterator[int]:
    """The platform under gunicorn, two workers; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [
            sys.executable, "-m", "gunicorn", "benchmarks.http_app:app", "--bind", f"127.0.0.1:{port}",
            "--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS),
            "--keep-alive", "60", "--log-level", "error",
        ],
        env={
            **os.environ,
            "CARBON_MODE": "demo",
            "CARBON_DATABASE_URL": database_url,
            "CARBON_VAR": str(place / "var"),
        },
    )  # fmt: skip
    try:
        _wait(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"gunicorn ended with {process.returncode}")
        try:
            load(port, iter([request("GET", "/bench/trivial")]), 0.1, connections=1)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("gunicorn did not answer within a minute")


def request(method: str, path: str, body: bytes = b"", token: str = "", *headers: str) -> bytes:
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def load(
    port: int, requests: Iterator[bytes], seconds: float, *, connections: int, expect: bytes = b"20"
) -> tuple[float, bytes]:
    """Keep every connection busy for so long; answers per second, and the last body.

    ``expect`` is how the status of every answer must begin.
    """
    done, start, last = 0, time.perf_counter(), b""
    with selectors.DefaultSelector() as ready:
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", port))
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(one, selectors.EVENT_READ)
            _send(one, requests)
        while ready.get_map():
            for key, _ in ready.select():
                asked = key.fileobj
                assert isinstance(asked, socket.socket)
                last = _receive(asked, expect)
                done += 1
                if time.perf_counter() - start > seconds or not _send(asked, requests):
                    ready.unregister(asked)
                    asked.close()
    return done / (time.perf_counter() - start), last


def _send(one: socket.socket, requests: Iterator[bytes]) -> bool:
    made = next(requests, None)
    if made is not None:
        one.sendall(made)
    return made is not None


def _receive(one: socket.socket, expect: bytes) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(one)
    head, body = answer.split(b"\r\n\r\n", 1)
    found = _LENGTH.search(head)
    assert found is not None, head
    while len(body) < int(found.group(1)):
        body += _more(one)
    if not head.split(b" ", 2)[1].startswith(expect):
        raise RuntimeError(f"{head.splitlines()[0]!r}: {body[:400].decode()}")
    return body


def _more(one: socket.socket) -> bytes:
    part = one.recv(65_536)
    if not part:
        raise ConnectionError("the server closed the connection in the middle of an answer")
    return part
