"""The WeChat client: every answer becomes a person or a clear reason; the app secret never leaks."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask

from carbon_platform.citizens import sms, wechat
from carbon_platform.citizens.breaker import Breaker
from carbon_platform.citizens.outside import Caller, CallFailed
from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.identity.tables import Person

SECRET = "the-app-secret"
AT = datetime(2026, 11, 22, tzinfo=UTC)


def live(handler: Any) -> wechat.LiveWeChat:
    return wechat.LiveWeChat("wx-app", SECRET, transport=httpx.MockTransport(handler))


def answering(body: Any, status: int = 200) -> wechat.LiveWeChat:
    return live(lambda request: httpx.Response(status, json=body))


def test_a_code_becomes_an_openid_and_the_question_is_right(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"openid": "o-1", "session_key": "never kept"})

    with caplog.at_level(logging.INFO):
        identity = live(handler).code_to_openid("code-1")
    assert identity == wechat.WeChatIdentity("o-1")
    assert asked[0].url.host == "api.weixin.qq.com"
    assert dict(asked[0].url.params) == {
        "appid": "wx-app",
        "secret": SECRET,
        "js_code": "code-1",
        "grant_type": "authorization_code",
    }
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("errcode", "reason"),
    [
        (40029, wechat.WeChatCodeInvalid),
        (40163, wechat.WeChatCodeUsed),
        (45011, wechat.WeChatBusy),
        (40226, wechat.WeChatBlocked),
        (-1, wechat.WeChatUnavailable),
        (40013, wechat.WeChatUnavailable),
    ],
)
def test_each_refusal_has_its_own_words(errcode: int, reason: type[PlatformError]) -> None:
    with pytest.raises(reason) as caught:
        answering({"errcode": errcode, "errmsg": "…"}).code_to_openid("c")
    assert type(caught.value) is reason
    assert caught.value.message("zh") != caught.value.message("en")


def timing_out(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("slow", request=request)


def cut_off(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError(f"no route to {request.url}", request=request)


@pytest.mark.parametrize(
    "handler",
    [
        timing_out,
        cut_off,
        lambda request: httpx.Response(502, text="bad gateway"),
        lambda request: httpx.Response(200, text="<html>"),
        lambda request: httpx.Response(200, json=["not", "an", "object"]),
        lambda request: httpx.Response(200, json={}),
        lambda request: httpx.Response(200, json={"openid": ""}),
        lambda request: httpx.Response(200, json={"openid": 7}),
    ],
)
def test_trouble_is_unavailable_and_tells_no_secret(handler: Any) -> None:
    with pytest.raises(wechat.WeChatUnavailable) as caught:
        live(handler).code_to_openid("c")
    assert SECRET not in caught.value.message()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_mock_maps_a_code_to_one_person() -> None:
    mock = wechat.port_for(Settings(mode="test"))
    assert mock.code_to_openid("a") == mock.code_to_openid("a")
    assert mock.code_to_openid("a") != mock.code_to_openid("b")


def test_settings_choose_the_port() -> None:
    settings = Settings(mode="test", wechat_mode="live", wechat_app_id="a", wechat_app_secret="b")
    assert isinstance(wechat.port_for(settings), wechat.LiveWeChat)


def test_http_429_is_told_as_too_many_and_a_session_key_is_never_printed() -> None:
    with pytest.raises(wechat.WeChatOverloaded) as caught:
        answering({}, status=429).code_to_openid("c")
    assert caught.value.status == 429
    identity = answering({"openid": "o-1", "session_key": "c2VjcmV0"}).code_to_openid("c")
    assert identity.session_key == "c2VjcmV0" and "c2VjcmV0" not in repr(identity)


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b"\xff\xfe\x00", b"{" + b" " * 70_000 + b"}", b'{"openid": "o", "errcode": "x"}',
     b'{"openid": "o", "session_key": 7}', b'{"errcode": [40029]}'],
)  # fmt: skip
def test_garbage_of_any_shape_is_unavailable(body: bytes) -> None:
    with pytest.raises(wechat.WeChatUnavailable):
        live(lambda request: httpx.Response(200, content=body)).code_to_openid("c")


@pytest.fixture
def dripping(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A server that sends one byte of its answer every 20 ms: no read ever times out."""
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()
    asked: list[float] = []

    def serve() -> None:
        while not stopped.is_set():
            try:
                client, _ = server.accept()
            except OSError:
                return
            asked.append(time.monotonic())
            threading.Thread(target=drip, args=(client,), daemon=True).start()

    def drip(client: socket.socket) -> None:
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stopped.wait(0.02):
                try:
                    client.sendall(b"{")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    monkeypatch.setattr(wechat, "ADDRESS", f"http://127.0.0.1:{server.getsockname()[1]}/sns")
    yield asked
    stopped.set()
    server.close()
    thread.join(2)


def test_a_dripping_server_is_left_at_the_deadline_and_then_not_asked(dripping: list[float]) -> None:
    seconds = {"now": 0.0}
    breaker = Breaker(failures=3, rest_s=30, clock=lambda: seconds["now"])
    port = wechat.LiveWeChat("wx-app", SECRET, breaker=breaker, timeout_s=0.2)
    for _ in range(3):
        start = time.monotonic()
        with pytest.raises(wechat.WeChatUnavailable, match="timeout"):
            port.code_to_openid("c")
        assert time.monotonic() - start < 1
    assert len(dripping) == 3
    start = time.monotonic()
    for _ in range(50):
        with pytest.raises(wechat.WeChatUnavailable, match="resting"):
            port.code_to_openid("c")
    assert time.monotonic() - start < 0.5 and len(dripping) == 3, "an open circuit asks nobody"
    seconds["now"] = 30
    with pytest.raises(wechat.WeChatUnavailable, match="timeout"):
        port.code_to_openid("c")
    with pytest.raises(wechat.WeChatUnavailable, match="resting"):
        port.code_to_openid("c")
    assert len(dripping) == 4, "after the rest one is let through"


def test_only_so_many_calls_may_hang_at_once() -> None:
    hold = threading.Event()

    def handler(request: httpx.Request) -> httpx.Response:
        hold.wait(5)
        return httpx.Response(200, json={"openid": "o"})

    caller = Caller(deadline_s=0.05, waiting_max=2, transport=httpx.MockTransport(handler))
    reasons = []
    for _ in range(4):
        with pytest.raises(CallFailed) as caught:
            caller.ask("GET", "http://wechat.test")
        reasons.append(caught.value.reason)
    assert reasons == ["timeout", "timeout", "too many waiting", "too many waiting"]
    hold.set()
    for _ in range(100):
        try:
            assert caller.ask("GET", "http://wechat.test") == b'{"openid":"o"}'
            break
        except CallFailed:
            time.sleep(0.01)
    else:
        raise AssertionError("the slots never came back")


def test_refusals_are_answers_and_do_not_open_the_circuit() -> None:
    breaker = Breaker(failures=2)
    port = wechat.LiveWeChat(
        "wx-app", SECRET, breaker=breaker,
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"errcode": 40029})),
    )  # fmt: skip
    for _ in range(5):
        with pytest.raises(wechat.WeChatCodeInvalid):
            port.code_to_openid("c")


def test_the_whole_sign_in_stays_below_three_seconds() -> None:
    assert wechat.TIMEOUT_S <= 2.5 and sms.TIMEOUT_S <= 2.5


def test_an_sms_is_signed_and_its_failure_tells_neither_number_nor_secret() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200 if len(asked) == 1 else 500)

    port = sms.LiveSms("https://sms.test/send", SECRET, transport=httpx.MockTransport(handler))
    assert port.send("13800000001", "123456", now=AT) == ""
    said = json.loads(asked[0].content)
    assert (said["phone"], said["code"], said["minutes"]) == ("13800000001", "123456", 5)
    expected = hmac.new(SECRET.encode(), asked[0].content, hashlib.sha256).hexdigest()
    assert asked[0].headers["X-Signature"] == expected
    with pytest.raises(sms.SmsUnavailable) as caught:
        port.send("13800000001", "123456", now=AT)
    assert not {"13800000001", "123456", SECRET} & set(str(caught.value).split())
    with pytest.raises(sms.SmsOff):
        sms.port_for(Settings(mode="test", sms_mode="off")).send("13800000001", "1", now=AT)


def test_signing_in_while_wechat_is_down_is_a_clear_problem_and_opens_nothing(
    app: Flask, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = live(timing_out)
    monkeypatch.setattr("carbon_platform.citizens.api.port_for", lambda settings: port)
    for _ in range(7):
        answer = app.test_client().post("/api/v1/citizen/sessions", json={"code": "c"})
        assert (answer.status_code, answer.json["code"]) == (503, "wechat.unavailable")
        assert answer.mimetype == "application/problem+json" and SECRET not in str(answer.json)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Person))) == 0


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_slow_wechat_is_answered_within_three_seconds(
    app: Flask, dripping: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers byte by byte, with the time that is waited in production."""
    port = wechat.LiveWeChat("wx-app", SECRET)
    monkeypatch.setattr("carbon_platform.citizens.api.port_for", lambda settings: port)
    start = time.monotonic()
    answer = app.test_client().post("/api/v1/citizen/sessions", json={"code": "c"})
    assert time.monotonic() - start <= 3
    assert (answer.status_code, answer.json["code"], len(dripping)) == (503, "wechat.unavailable", 1)
    assert "微信" in answer.json["detail"] and "稍后" in answer.json["detail"]
