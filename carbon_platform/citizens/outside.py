"""Calls to services outside (WeChat, the SMS gateway): an answer or a clear failure within the deadline.

httpx's own time-outs are per read and do not cover the look-up of the name, so a server that sends one
byte a second, or a resolver that hangs, would hold a worker for minutes. The call therefore runs in a
thread of its own that is left behind at the deadline; only so many may be left behind at once.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import httpx

ANSWER_LIMIT_BYTES = 64 * 1024


class CallFailed(Exception):
    """No usable answer; ``reason`` is a word or two without any secret. ``status``: of HTTP, if there was."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        self.reason = reason
        self.status = status
        super().__init__(reason)


@dataclass
class _Result:
    body: bytes = b""
    failed: CallFailed | None = None
    crashed: BaseException | None = None


class Caller:
    """One per service. ``deadline_s`` is from the question to the whole answer."""

    def __init__(
        self, *, deadline_s: float, waiting_max: int = 8, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._deadline_s = deadline_s
        self._slots = threading.BoundedSemaphore(waiting_max)
        self._transport = transport

    def ask(self, method: str, address: str, **question: Any) -> bytes:
        """The body of a 2xx answer. Errors: ``CallFailed``, after ``deadline_s`` at the latest."""
        if not self._slots.acquire(blocking=False):
            raise CallFailed("too many waiting")
        result = _Result()
        done = threading.Event()

        def work() -> None:
            try:
                result.body = self._exchange(method, address, question)
            except CallFailed as error:
                result.failed = error
            except BaseException as error:  # handed to the caller below
                result.crashed = error
            finally:
                done.set()
                self._slots.release()

        threading.Thread(target=work, name="outside-call", daemon=True).start()
        if not done.wait(self._deadline_s):
            raise CallFailed("timeout")
        if result.failed is not None:
            raise result.failed from None
        if result.crashed is not None:
            raise result.crashed
        return result.body

    def _exchange(self, method: str, address: str, question: dict[str, Any]) -> bytes:
        try:
            with (
                httpx.Client(timeout=self._deadline_s, transport=self._transport) as client,
                client.stream(method, address, **question) as response,
            ):
                if not response.is_success:
                    raise CallFailed(f"HTTP {response.status_code}", response.status_code)
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > ANSWER_LIMIT_BYTES:
                        raise CallFailed("unreadable answer")
                return body
        # "from None": the causes hold the address, and the address may hold a secret.
        except httpx.TimeoutException:
            raise CallFailed("timeout") from None
        except httpx.DecodingError:
            raise CallFailed("unreadable answer") from None
        except httpx.HTTPError:
            raise CallFailed("network") from None
