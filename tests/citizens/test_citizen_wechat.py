"""The WeChat client: every answer becomes a person or a clear reason; the app secret never leaks."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from carbon_platform.citizens import wechat
from carbon_platform.config import Settings
from carbon_platform.errors import PlatformError

SECRET = "the-app-secret"


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
